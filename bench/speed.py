"""How fast the Python side is: importing the package, publishing from it on an anvil, trying a proposal.

Rates depend on the machine, so each comes with what it is compared to in the same run: publishing one by one and in
batches, beside bare web3.py sending equal transactions without journal, checks or documents.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from rich.console import Console
from rich.table import Table
from web3 import Web3

from bench.anvil import anvil
from registry.assets.drafting import Draft
from registry.chain.connection import Chain
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.client import Registry
from registry.documents.licence import Licence
from registry.types import ZERO_ADDRESS

RESULTS: Final = Path(__file__).resolve().parent / "results" / "speed.json"
IMPORT_BAR: Final = 0.150
SIMULATION_BAR: Final = 5.0
WARM, SINGLE, FLYING, BATCHED = 5, 20, 40, 300
TURNS: Final = 5

_ROWS: Final = {
    "publish_over_web3": "publish one by one, of web3.py's estimate, send, wait",
    "pipelined_over_web3": "publications in flight, of web3.py's",
    "batch_cpu_ms": "batches of 100, ms of CPU an asset",
    "buy_round_trips": "a purchase with a permit, requests",
    "settle_requests": "what earlier runs left, requests",
}

_IMPORT = "import time; t = time.perf_counter(); import registry; print(time.perf_counter() - t)"
_CLEAN = "import registry, sys; print([m for m in ('web3', 'ape', 'pandas', 'eth_tester') if m in sys.modules])"


def measure() -> dict[str, Any]:
    """Import time (median of seven fresh processes, seconds); publishing and buying on an anvil beside bare web3.py in
    the same run, in CPU of the client; requests."""
    times = [float(_python(_IMPORT)) for _ in range(7)]
    with anvil() as w3, tempfile.TemporaryDirectory() as home:
        url = str(w3.provider.endpoint_uri)
        author = Registry.connect(url, signer=dev_signer(0), deployment=deploy_local(Chain.connect(url)), home=home)
        web3 = _Bare(url, author)
        drafts = iter([_draft(number) for number in range(WARM + TURNS * (SINGLE + FLYING) + BATCHED)])
        _published(author, drafts, WARM)
        web3.one_by_one(WARM)
        single = _over(
            lambda: [author.publish_many([next(drafts)]) for _ in range(SINGLE)], lambda: web3.one_by_one(SINGLE)
        )
        flying = _over(lambda: _published(author, drafts, FLYING, batch=1), lambda: web3.pipelined(FLYING))
        batched = _timed(lambda: _published(author, drafts, BATCHED))
        with _counted(author.chain) as settling:
            author.actor.outbox("settle").settle(f"publish:{author.deployment.registry}:{author.address}")
        trips = _buying(url, author, home)
    rows: dict[str, Any] = {
        "import_seconds": {"ours": round(statistics.median(times), 3), "bar": IMPORT_BAR, "loaded": _python(_CLEAN)},
        "publish_over_web3": {**single, "bar_cpu": 1.6, "bar_wall": 2.5},
        "pipelined_over_web3": {**flying, "bar_cpu": 2.0},
        "batch_cpu_ms": {"ours": round(batched[0] / BATCHED * 1000, 2), "bar": 4.0},
        "buy_round_trips": {"ours": trips, "bar": 10},
        "settle_requests": {"ours": len(settling), "bar": 3},
        "simulate_ten_calls": simulation(),
    }
    return {**rows, "missed": missed(rows)}


_MEASURED: Final = {"bar": ("ours", "anvil", "in_process"), "bar_cpu": ("cpu",), "bar_wall": ("wall",)}
"""What is held against each kind of bar."""


def missed(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The rows of which something is over its bar."""
    return [
        name
        for name, row in rows.items()
        if any(row[what] > row[bar] for bar in _MEASURED.keys() & row for what in _MEASURED[bar] if what in row)
    ]


def simulation() -> dict[str, float]:
    """Seconds that a proposal of ten calls takes to be drafted and tried, on an anvil and in this process."""
    with anvil() as w3, tempfile.TemporaryDirectory() as home:
        there = Chain.connect(str(w3.provider.endpoint_uri))
        seconds = [_simulated(chain, Path(home)) for chain in (there, Chain.in_process())]
    return {"anvil": round(seconds[0], 3), "in_process": round(seconds[1], 3), "bar": SIMULATION_BAR}


def show(console: Console, results: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table("", "measured", title="Speed from Python")
    took = results["import_seconds"]
    table.add_row(
        "import registry", f"{took['ours'] * 1000:.0f} ms (bar {took['bar'] * 1000:.0f}), heavy: {took['loaded']}"
    )
    for key, what in _ROWS.items():
        found = results[key]
        table.add_row(what, ", ".join(f"{name} {value}" for name, value in found.items()))
    tried = results["simulate_ten_calls"]
    table.add_row(
        "draft and simulate ten calls",
        f"{tried['anvil']} s on an anvil, {tried['in_process']} s in this process (bar {tried['bar']:g})",
    )
    console.print(table)


def write(results: dict[str, Any]) -> None:
    """Write `results/speed.json`."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


def _simulated(chain: Chain, home: Path) -> float:
    proposer = dev_signer(0).address
    founded = found_local(chain, deploy_local(chain), {proposer: 1_000}, guardian=dev_signer(1).address)
    author = Registry.on(chain, signer=dev_signer(0), deployment=founded, home=home)
    author.fund("100 USD", account=author.governance.dao.timelock)
    rules = author.governance.governor.functions
    calls = [author.governance.payment(dev_signer(number).address, f"{number} USD") for number in range(2, 9)]
    started = time.perf_counter()
    changed = [author.assets.functions.setFee(50), rules.setVotingDelay(7200), rules.setProposalThreshold(1)]
    draft = author.governance.draft([*calls, *changed], title="Ten calls")
    author.governance.simulate(draft).require()
    return time.perf_counter() - started


def _draft(number: int) -> Draft:
    return Draft(
        name=f"Series {number}",
        type="dataset",
        license="CC0-1.0",
        licences=[Licence.period("month", days=30, price="12.5 USD")],
    )


class _Bare:
    """What web3.py alone does: the same calls, without journal, checks and documents."""

    def __init__(self, url: str, author: Registry) -> None:
        self._w3 = Web3(Web3.HTTPProvider(url))
        self._signer = dev_signer(1)
        abi = author.assets.abi
        self._assets = self._w3.eth.contract(Web3.to_checksum_address(author.deployment.registry), abi=abi)
        self._number = 0

    def one_by_one(self, count: int) -> None:
        """Estimate, send, wait."""
        for _ in range(count):
            sender = Web3.to_checksum_address(self._signer.address)
            count_now = self._w3.eth.get_transaction_count(sender)
            made = self._call().build_transaction({"from": sender, "nonce": count_now})
            self._received(self._sent(cast(dict[str, Any], made)))

    def pipelined(self, count: int) -> None:
        """With nonces that are counted here, and gas and fees that are known."""
        first = self._w3.eth.get_transaction_count(Web3.to_checksum_address(self._signer.address))
        chain_id = self._w3.eth.chain_id
        fees = {"gas": 300_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "type": 2}
        sent = []
        for nonce in range(first, first + count):
            call = self._call()
            fields = {"to": call.address, "data": call._encode_transaction_data(), "value": 0}
            sent.append(self._sent({**fields, **fees, "nonce": nonce, "chainId": chain_id}))
        for transaction in sent:
            self._received(transaction)

    def _call(self) -> Any:
        self._number += 1
        terms = (10**7, 1, 1, 2592000, 0, 0, 0, ZERO_ADDRESS)
        publication = (Web3.keccak(text=str(self._number)), ZERO_ADDRESS, (False, 0), [], 0, [terms])
        return self._assets.functions.publish(self._signer.address, publication)

    def _sent(self, fields: dict[str, Any]) -> Any:
        fields.pop("from", None)
        return self._w3.eth.send_raw_transaction(self._signer.sign_transaction(fields))

    def _received(self, transaction: Any) -> None:
        self._w3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.005)


def _published(author: Registry, drafts: Iterator[Draft], count: int, **options: Any) -> None:
    author.publish_many([next(drafts) for _ in range(count)], **options)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of this process, and seconds by the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _over(ours: Callable[[], object], bare: Callable[[], object]) -> dict[str, float]:
    """How many times what `bare` takes `ours` does: the median of turns in which one follows the other, since what else
    a machine does moves each of them."""
    turns = [(_timed(ours), _timed(bare)) for _ in range(TURNS)]
    return {
        name: round(statistics.median(mine[place] / theirs[place] for mine, theirs in turns), 2)
        for place, name in enumerate(("cpu", "wall"))
    }


@contextmanager
def _counted(chain: Chain) -> Iterator[list[object]]:
    """The requests that a node gets meanwhile."""
    provider: Any = chain.w3.provider
    manager, requests = provider._request_session_manager, []
    post = manager.make_post_request

    def counted(*args: Any, **kwargs: Any) -> Any:
        requests.append(args)
        return post(*args, **kwargs)

    manager.make_post_request = counted
    try:
        yield requests
    finally:
        del manager.make_post_request


def _buying(url: str, author: Registry, home: str) -> int:
    """The requests of the first purchase of a client that knows the tokens, with a permit."""
    asset = author.publish_many([_draft(10**6)])[0]
    buyer = Registry.connect(url, signer=dev_signer(2), deployment=author.deployment, home=home)
    buyer.fund("100 USD")
    with _counted(buyer.chain) as asked:
        buyer.buy(asset.did, "month", max_total="12.5 USD")
    return len(asked)


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
