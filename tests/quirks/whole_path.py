"""The whole path of an asset through one node: published, bought, read, its money shared, a vote, its key released.

What came out stands in whole_path.json, written by ``DEEP=1 pytest tests/integration/test_whole_path.py``, and as the
last table of docs/nodes.md, which the same run writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

from integration.gateway.support import Town
from integration.support import ticking

from quirks import proxy as quirks
from quirks.proxy import Ask, Question, Quirk
from registry import Gated, Licence, Registry
from registry.chain.connection import Chain
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.errors import RegistryError
from registry.ipfs.store import LocalStore

STEPS: Final = ("publish", "buy", "get", "history", "distribute", "vote", "release")
MONTH: Final = Licence.period("month", days=30, price="12.5 USD")
AUTHOR, BUYER, GUARDIAN, VOTER, PAYEE = 0, 1, 3, 4, 5
DAY: Final = 86_400
RESULTS: Final = Path(__file__).with_name("whole_path.json")
PAGE: Final = Path(__file__).parents[2] / "docs" / "nodes.md"
MARK: Final = "<!-- What follows is written by tests/integration/test_whole_path.py with DEEP=1. -->\n"
_numbers = count(1)


# --- Nodes by name -------------------------------------------------------------------------------


def each(nth: int, quirk: Quirk) -> Quirk:
    """Played at every so many questions only."""
    asked = count(1)

    def now(question: Question, ask: Ask) -> Any:
        return None if next(asked) % nth else quirk(question, ask)

    return now


def is_busy(question: Question, ask: Ask) -> Any:
    raise quirks.Refused(429, retry_after="1")


def is_out_of_order(question: Question, ask: Ask) -> Any:
    raise quirks.Refused(503)


def limits_in_json(question: Question, ask: Ask) -> Any:
    return {"error": {"code": -32005, "message": "rate limit exceeded"}}


def receipts_at_the_third_question() -> Quirk:
    """Null at first, then without a block, then as it is, for each transaction."""
    asked: dict[str, int] = {}

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] != "eth_getTransactionReceipt":
            return None
        [tx] = question["params"]
        asked[tx] = asked.get(tx, 0) + 1
        if asked[tx] == 1:
            return {"result": None}
        receipt = ask(question["method"], [tx]).get("result")
        return {"result": {**receipt, "blockNumber": None}} if asked[tx] == 2 and receipt else None

    return quirk


def _receipts(**changed: Any) -> Quirk:
    """Receipts with these fields, or without those that are told so."""
    return quirks.changes(
        "eth_getTransactionReceipt",
        lambda one: {name: part for name, part in {**one, **changed}.items() if part != "left out"},
    )


def _pending(**said: Any) -> Quirk:
    return quirks.says("eth_getTransactionCount", when="pending", **said)


def _fees(**changed: Any) -> Quirk:
    return quirks.changes("eth_feeHistory", lambda one: {**one, **changed})


def _told(code: int, data: Callable[[str], Any]) -> Quirk:
    return quirks.reverts_with(lambda given: {"code": code, "message": "execution reverted", "data": data(given)})


NODES: Final[dict[str, Callable[[], Quirk | None]]] = {
    "anvil as it is": lambda: None,
    "state of one block before": lambda: quirks.has_old_state(1, 6),
    "one of two nodes behind a balancer is a block late": lambda: quirks.flaps(1),
    "429 at every 15th question": lambda: each(15, is_busy),
    "a limit on questions in JSON at every 15th": lambda: each(15, limits_in_json),
    "503 at every 15th": lambda: each(15, is_out_of_order),
    "half an answer at every 15th": lambda: each(15, quirks.cuts_short),
    "three questions at once": lambda: None,
    "one question at once": lambda: None,
    "logs of 50 blocks, named": lambda: quirks.refuses_long_ranges(50),
    "logs of 50 blocks, as HTTP 400": lambda: quirks.refuses_long_ranges(50, status=400),
    "logs of 50 blocks, not named": lambda: quirks.refuses_long_ranges(50, named=False),
    "logs of 50 blocks, as HTTP 413": lambda: quirks.refuses_long_ranges(50, status=413),
    "receipts late, and then without a block": receipts_at_the_third_question,
    "receipts with a price of null": lambda: _receipts(effectiveGasPrice=None),
    "receipts without a price": lambda: _receipts(effectiveGasPrice="left out"),
    "receipts without a status": lambda: _receipts(status="left out"),
    "no pending (-32000)": lambda: _pending(error={"code": -32000, "message": "no pending state"}),
    "no pending (-32602)": lambda: _pending(error={"code": -32602, "message": "invalid block tag"}),
    "pending below what is mined": lambda: _pending(result="0x0"),
    "no fee history": lambda: quirks.refuses("eth_feeHistory"),
    "fee history of null": lambda: quirks.says("eth_feeHistory", None),
    "fee history without base fees": lambda: _fees(baseFeePerGas=None),
    "fee history without tips": lambda: _fees(reward=None),
    "neither fee history nor tip": lambda: quirks.all_of(
        quirks.refuses("eth_feeHistory"), quirks.refuses("eth_maxPriorityFeePerGas")
    ),
    "type 2 refused beside a base fee": lambda: quirks.takes_plain_prices_only,
    "a tip of 25 gwei": lambda: quirks.wants_a_tip_of(25 * 10**9),
    "a tip of 200 gwei": lambda: quirks.wants_a_tip_of(200 * 10**9),
    "gas capped at 2**24": lambda: quirks.caps_gas_at(2**24),
    "reverts nested three deep": lambda: _told(-32603, lambda data: {"data": {"data": data}}),
    "reverts as a wallet tells them": lambda: _told(-32603, lambda data: {"originalError": {"data": data}}),
    "reverts as parity did": lambda: _told(-32015, lambda data: f"Reverted {data}"),
    "reverts as ganache did": lambda: _told(-32000, lambda data: {"0x" + "11" * 32: {"return": data}}),
    "reverts without 0x": lambda: _told(3, lambda data: data[2:]),
    "reverts in a list": lambda: _told(3, lambda data: [data]),
    "reverts without a reason": lambda: _told(-32015, lambda data: "Reverted 0x"),
    "no eth_simulateV1": lambda: quirks.refuses("eth_simulateV1"),
    "no eth_getBlockReceipts": lambda: quirks.refuses("eth_getBlockReceipts"),
    "a chain number in decimals": lambda: quirks.says("eth_chainId", "1337"),
}
OLDER: Final = (
    *("frontier", "homestead", "dao", "tangerine", "spuriousdragon", "byzantium", "constantinople", "petersburg"),
    *("istanbul", "muirglacier", "berlin", "london", "arrowglacier", "grayglacier", "paris", "shanghai"),
)
NEWER: Final = ("cancun", "prague", "osaka", "bpo1", "bpo2")
"""All hardforks that the anvil of package.json starts with, before and from Cancun on."""

DELEGATED: Final = "anvil, prague, for accounts that code acts for (EIP-7702)"
HARDHAT: Final = "hardhat 2.29.1 as it comes"
REFUSED: Final = ("a chain number in decimals",)
"""Those through which not all can be done, nothing of which is told wrongly; through all others each step succeeds."""

AT_ONCE: Final = {"three questions at once": 3, "one question at once": 1}


# --- The path ------------------------------------------------------------------------------------


class Stage:
    """A node with the registry and its DAO on it, a voter with votes and a buyer with money; `mine` makes a block."""

    def __init__(self, node: Any, folder: Path, mine: Callable[[], object] | None = None) -> None:
        chain = Chain.connect(node.url)
        votes = {dev_signer(VOTER).address: 1_000}
        made = found_local(chain, deploy_local(chain), votes, guardian=dev_signer(GUARDIAN).address)
        self.town = Town(node, made, folder)
        self.mine = mine or (lambda: node.rpc("anvil_mine", "0x1"))
        self.town.person(VOTER).governance.delegate()
        self.town.person(BUYER).fund("1_000_000 USD")
        chain.advance(60)
        self.folder = folder

    def person(self, number: int, url: str, home: str) -> Registry:
        """A client of an account through the node in question, with a home of its own."""
        homes = self.folder / "homes" / home
        return Registry.connect(
            url,
            signer=dev_signer(number),
            home=homes / str(number),
            deployment=self.town.deployment,
            sources=[LocalStore(homes / str(AUTHOR) / "blocks")],
            progress=None,
        )


def walk(stage: Stage, url: str) -> dict[str, str]:
    """Go the whole path through the node at `url`; what each step came to: "yes", or the error of ours.

    What a step says that it did is held against an honest node. Where one fails, the honest node does it, so that
    those after it are tried too. Any other exception, as of web3, requests, json or asyncio, leaves this function.
    """
    told: dict[str, str] = {}
    name = f"walk{next(_numbers)}"
    honest = {number: stage.person(number, stage.town.anvil.url, name) for number in (AUTHOR, BUYER, VOTER)}

    def step(what: str, act: Callable[[Registry], Any], number: int) -> Any:
        try:
            done = act(stage.person(number, url, name))
            told[what] = "yes"
            return done
        except RegistryError as error:
            told[what] = type(error).__name__
        return act(honest[number])

    data = stage.folder / f"{name}-data"
    data.mkdir()
    (data / "data.csv").write_text("a,b\n1,2\n")
    payee = dev_signer(PAYEE).address
    split = honest[AUTHOR].revenue.create({dev_signer(AUTHOR).address: 1, payee: 1}).address
    governance = honest[VOTER].governance
    draft = governance.draft(honest[VOTER].assets.functions.setFee(next(_numbers)), title=f"A fee for {name}")
    proposal = governance.propose(draft, force=True).id  # Hardhat cannot try it
    honest[VOTER].chain.advance(DAY + 60)

    def publish(author: Registry) -> Any:
        node = author.chain.url
        voice = stage.town.gateway(f"{name}-{'asked' if node == url else 'honest'}", node=node)
        with ticking(stage.mine):
            gated = Gated(gateways=[voice.url], threshold=1)
            return author.publish(
                data, name=name, type="dataset", license="MIT", licences=[MONTH], payout=split, gated=gated
            )

    def release(buyer: Registry) -> bytes:
        with ticking(stage.mine), buyer.open(made.did, "data.csv") as file:
            return file.read()

    made = step("publish", publish, AUTHOR)
    assert honest[AUTHOR].get(made.did).owner == honest[AUTHOR].address
    bought = step("buy", lambda buyer: buyer.buy(made.did, "month", max_total="12.5 USD"), BUYER)
    assert honest[BUYER].holding(made.did, "month").taken == bought.holding.taken == 1
    assert step("get", lambda reader: reader.get(made.did), BUYER).ddo.name == name
    assert [one.number for one in step("history", lambda reader: reader.history(made.did), BUYER)] == [1]
    before = honest[BUYER].balance("USD", account=payee).units
    step("distribute", lambda anybody: anybody.revenue.distribute(split), BUYER)
    assert honest[BUYER].balance("USD", account=payee).units - before == 6_187_500, "half of 12.5 less the fee of 1 %"
    step("vote", lambda voter: voter.governance.vote(proposal, "for"), VOTER)
    assert governance.proposal(proposal).for_votes == 1_000 * 10**18
    assert step("release", release, BUYER) == b"a,b\n1,2\n"
    return told


def everything() -> list[str]:
    """The names of all rows, in their order."""
    return [*NODES, HARDHAT, DELEGATED, *(f"anvil, {fork}" for fork in (*NEWER, *reversed(OLDER)))]


# --- What came out -------------------------------------------------------------------------------


def table(rows: dict[str, dict[str, str]]) -> str:
    """The rows as a table of Markdown."""
    lines = [f"| through | {' | '.join(STEPS)} |", f"|---|{'---|' * len(STEPS)}"]
    for name, row in rows.items():
        cells = [row.get("all", "")] + [""] * (len(STEPS) - 1) if "all" in row else [row[step] for step in STEPS]
        lines.append(f"| {name} | {' | '.join(f'`{cell}`' if cell not in ('', 'yes') else cell for cell in cells)} |")
    return "\n".join(lines) + "\n"


def keep(rows: dict[str, dict[str, str]]) -> None:
    """Write rows beside those that are there, and the page."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known |= rows
    known = {name: known[name] for name in everything() if name in known}
    RESULTS.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{PAGE} has no mark"
    PAGE.write_text(before + mark + "\n" + table(known), encoding="utf-8")
