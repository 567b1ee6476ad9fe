"""Nodes as they are: whatever one of them answers, the verbs do what they say or name what is wrong."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from quirks import proxy as quirks
from quirks.proxy import Ask, Proxy, Question

from integration.support import Anvil
from registry import Licence, Registry
from registry.assets.drafting import Draft
from registry.chain import reverts
from registry.chain.addresses import Deployment
from registry.chain.batch import Read, read_many
from registry.chain.call import Call
from registry.chain.connection import LAST_BLOCK, Chain
from registry.chain.fees import FeeMarket, Fees
from registry.chain.fork import Trial, run
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.node_line import KEPT_STATES
from registry.chain.plan import FACTORY, FACTORY_SIGNER, FACTORY_TRANSACTION
from registry.chain.pricing import current_fees, heed
from registry.chain.sender import Sender
from registry.chain.signers import KeySigner, dev_signer
from registry.errors import (
    ChainError,
    ConnectionFailed,
    DeploymentError,
    InsufficientBalance,
    RegistryError,
    TransactionReverted,
    TransactionTimeout,
    Underpriced,
    WrongChain,
)
from registry.types import to_address

NO_STATE = {"error": {"code": -32000, "message": "missing trie node"}}
GIFT = Call("0x" + "ee" * 20, b"", 1)  # type: ignore[arg-type]
MONTH = Licence.period("month", days=30, price="1 USD")


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    """One node for all of these, with the contracts on it."""
    node = Anvil()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def deployment(anvil: Anvil) -> Deployment:
    return deploy_local(Chain.connect(anvil.url))


@pytest.fixture
def node(anvil: Anvil) -> Iterator[Proxy]:
    with Proxy(anvil.url) as proxy:
        yield proxy


@pytest.fixture
def chain(node: Proxy) -> Chain:
    """The chain, through the node in question."""
    return Chain.connect(node.url, timeout=5)


@pytest.fixture
def sender(chain: Chain, tmp_path: Path) -> Iterator[Sender]:
    """Who sends a coin, without the contracts."""
    with closing(Journal.at(tmp_path / "journal")) as journal:
        yield Sender(chain, dev_signer(2), journal, timeout=20)


@pytest.fixture
def ann(chain: Chain, deployment: Deployment, tmp_path: Path) -> Registry:
    """Who publishes, through the node in question."""
    return Registry.on(chain, signer=dev_signer(0), deployment=deployment, home=tmp_path / "ann", progress=None)


@pytest.fixture
def bob(ann: Registry) -> Registry:
    """Who buys, with money."""
    bob = ann.as_account(dev_signer(1))
    bob.fund("100 USD")
    return bob


def publish(ann: Registry, name: str, **options: Any) -> Any:
    return ann.publish(None, name=name, type="dataset", license="MIT", licences=[MONTH], **options)


# --- Behind --------------------------------------------------------------------------------------


def test_a_purchase_is_told_as_it_is_by_nodes_of_which_some_are_behind(
    node: Proxy, ann: Registry, bob: Registry
) -> None:
    did = publish(ann, "Behind").did
    node.play(quirks.has_old_state(1, 6))
    bought = bob.buy(did, "month")
    assert node.played and bought.holding.taken == 1 and bought.holding.active
    assert bob.has_access(did)


def test_what_was_published_is_there_for_who_published_it(node: Proxy, ann: Registry) -> None:
    node.play(quirks.has_old_state(1, 4))
    did = publish(ann, "Seen").did
    assert node.played and ann.get(did).ddo.name == "Seen"
    assert ann.update(did, description="Once more").tx is not None
    assert ann.get(did).version == 2


def test_an_approval_is_waited_for_before_the_purchase_is_tried(node: Proxy, ann: Registry, bob: Registry) -> None:
    did = publish(ann, "Approved").did
    node.play(quirks.has_old_state(1, 5))
    bob.approve("1 USD")
    assert bob.buy(did, "month").holding.active


def test_whether_a_transaction_lost_its_place_is_told_by_nodes_of_which_some_are_behind(
    node: Proxy, chain: Chain, sender: Sender, anvil: Anvil, tmp_path: Path
) -> None:
    fees, deadline = current_fees(chain), time.monotonic() + 60
    gift = replace(GIFT, to=to_address(GIFT.to))
    lost = sender._write(gift, sender._priced(gift, 30_000, fees), sender._next_nonce(in_doubt=False), "lost")
    with closing(Journal.at(tmp_path / "other")) as journal:
        Sender(chain, sender.signer, journal).send(GIFT)
    node.play(_lacks_the_block, times=2)
    assert sender._superseded(lost, deadline) and node.played == 2
    # One that reverted, while whoever says how far the chain is has not seen its block.
    refusing = replace(GIFT, to=to_address("0x" + "ed" * 20))
    anvil.rpc("anvil_setCode", refusing.to, "0x60006000fd")
    reverted = sender._write(refusing, sender._priced(refusing, 60_000, fees), lost.nonce + 1, "reverted")
    sender._broadcast(reverted)
    late = hex(int(anvil.rpc("eth_blockNumber"), 16) - 1)
    node.play(lambda question, ask: _as_of(late, question, ask))
    assert sender._superseded(reverted, deadline) and node.played


def _lacks_the_block(question: Any, _: Any) -> Any:
    counts = question["method"] == "eth_getTransactionCount" and question["params"][1].startswith("0x")
    return {"error": {"code": -32000, "message": "header not found"}} if counts else None


def _as_of(number: str, question: Any, ask: Any) -> Any:
    """What a node says of how far the chain is that is at this block."""
    if question["method"] == "eth_blockNumber":
        return {"result": number}
    if question["method"] == "eth_getBlockByNumber":
        return {"result": ask("eth_getBlockByNumber", [number, False])["result"]}
    return None


# --- Limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["eth_estimateGas", "eth_getBlockByNumber", "eth_call"])
def test_a_node_that_wants_to_be_left_alone_for_a_second_is_asked_again_after_it(
    node: Proxy, sender: Sender, method: str
) -> None:
    node.play(quirks.limits(method, 1))
    sender.send(GIFT)
    assert node.played == 1, "once, and then not before its time"


def test_half_an_answer_is_asked_for_again(node: Proxy, chain: Chain) -> None:
    node.play(quirks.cuts_short, times=2)
    assert chain.balance(GIFT.to) >= 0 and node.played == 2
    node.play(quirks.cuts_short)
    with pytest.raises(ConnectionFailed):
        chain.balance(GIFT.to)


def test_a_node_that_wants_to_be_left_alone_for_longer_than_anybody_waits_is_left_at_once(
    node: Proxy, chain: Chain
) -> None:
    node.play(quirks.limits("eth_getBalance", 3_600))
    with pytest.raises(ConnectionFailed) as caught:
        chain.balance(GIFT.to)
    assert (caught.value.status, caught.value.retry_after, node.played) == (429, 3_600, 1)


def test_a_limit_on_questions_is_no_limit_on_ranges(node: Proxy, chain: Chain, deployment: Deployment) -> None:
    transfer = chain.contract("LocalDollar", deployment.tokens["USD"]).events.Transfer
    node.play(quirks.limits("eth_getLogs", 0.5, as_json=True))
    wanted = len(list(chain.events(transfer)))
    node.play(None)
    node.asked.clear()
    assert len(list(chain.events(transfer))) == wanted
    assert node.asked.count("eth_getLogs") == 1, "the range is as long as it was"


@pytest.mark.parametrize(
    ("quirk", "most"),
    [
        (quirks.refuses_long_ranges(50), 10),
        (quirks.refuses_long_ranges(50, status=400), 10),
        (quirks.refuses_long_ranges(50, named=False), 25),
        (quirks.refuses_long_ranges(50, status=413), 25),
    ],
    ids=["named", "in a refusal of HTTP", "not named", "413"],
)
def test_how_long_a_range_may_be_is_learnt_once(
    anvil: Anvil, node: Proxy, chain: Chain, deployment: Deployment, quirk: quirks.Quirk, most: int
) -> None:
    missing = 400 - int(anvil.rpc("eth_blockNumber"), 16)
    if missing > 0:
        anvil.rpc("anvil_mine", hex(missing))
    transfer = chain.contract("LocalDollar", deployment.tokens["USD"]).events.Transfer
    wanted = list(chain.events(transfer))
    node.play(quirk)
    node.asked.clear()
    again = Chain.connect(node.url, timeout=5)
    assert list(again.events(transfer)) == wanted
    assert node.asked.count("eth_getLogs") <= most, "of 400 blocks by 50"
    played = node.played
    assert list(again.events(transfer)) == wanted
    assert node.played - played <= 1


def test_a_node_that_takes_few_questions_at_once_or_one_is_asked_so(
    node: Proxy, chain: Chain, deployment: Deployment
) -> None:
    dollar = chain.contract("LocalDollar", deployment.tokens["USD"])
    question = bytes.fromhex(dollar.functions.decimals()._encode_transaction_data()[2:])
    reads = [Read(dollar.address, question, chain.block().number)] * 10  # type: ignore[arg-type]
    wanted = read_many(chain, reads)
    for most, requests in ((3, 5 + 2), (1, 10), (1, 10)):
        node.most, node.requests = most, 0
        assert read_many(chain, reads) == wanted
        assert node.requests <= requests + 3
    assert node.requests == 10, "it was learnt"


def test_the_state_of_a_block_that_a_node_lacks_yet_is_asked_for_again(
    node: Proxy, chain: Chain, deployment: Deployment, anvil: Anvil
) -> None:
    anvil.rpc("anvil_mine", hex(KEPT_STATES + 10))
    read = Read(deployment.registry, b"", 0)
    node.play(quirks.has_old_state(1, 6))
    said = read_many(chain, [replace(read, block=chain.block().number)] * 4)
    assert len(said) == 4
    # Of a block of long ago it says at once that the node does not keep it.
    node.play(lambda question, ask: NO_STATE if question["method"] == "eth_call" else None)
    before = node.requests
    with pytest.raises(ConnectionFailed, match="missing trie node"):
        read_many(chain, [replace(read, block=5)] * 2)
    assert node.requests == before + 2, "one for the calls and one for how far the chain is"


def test_an_answer_that_is_none_is_a_failed_connection(node: Proxy, chain: Chain, deployment: Deployment) -> None:
    node.play(lambda question, ask: {"result": "0x0"} if question["method"] == "eth_call" else None)
    with pytest.raises(ConnectionFailed):
        read_many(chain, [Read(deployment.registry, b"", 1)] * 2)


READS: dict[str, Callable[[Chain, Deployment], Any]] = {
    "eth_getBalance": lambda chain, _: chain.balance(GIFT.to),
    "eth_getBlockByNumber": lambda chain, _: chain.block(),
    "eth_getCode": lambda chain, made: chain.code_hash(made.registry),
    "eth_getStorageAt": lambda chain, made: chain.storage(made.registry, 0),
    "eth_call": lambda chain, made: chain.call(chain.contract("AssetRegistry", made.registry).functions.salesRules()),
    "eth_getLogs": lambda chain, made: list(
        chain.events(chain.contract("AssetRegistry", made.registry).events.FeeChanged)
    ),
    "eth_chainId": lambda chain, _: chain.again(timeout=2),
}
SENT = ["estimateGas", "call", "getTransactionCount", "sendRawTransaction", "feeHistory", "getTransactionReceipt"]
NONSENSE: list[Any] = [{}, [None], "0xzz", True, "", 10**80]
NO_ANSWERS: list[Any] = [None, [], {}, [None], 7, "busy", {"jsonrpc": "2.0", "id": 1}]


@pytest.mark.parametrize("method", READS)
def test_nonsense_is_never_an_exception_of_somebody_elses(
    node: Proxy, chain: Chain, deployment: Deployment, method: str
) -> None:
    ask = READS[method]
    for nonsense in NONSENSE:
        node.play(quirks.says(method, nonsense))
        with pytest.raises(RegistryError):
            ask(chain, deployment)


@pytest.mark.parametrize("body", NO_ANSWERS, ids=repr)
def test_what_is_no_answer_is_a_failed_connection_and_sends_nothing_twice(
    node: Proxy, chain: Chain, deployment: Deployment, sender: Sender, body: Any
) -> None:
    before, hasty = chain.balance(GIFT.to), Sender(chain, dev_signer(2), sender._journal, timeout=0.2)
    for method, ask in READS.items():
        node.play(quirks.answers_instead(method, body))
        with pytest.raises(ConnectionFailed):
            ask(chain, deployment)
    for method in SENT:
        node.play(quirks.answers_instead(f"eth_{method}", body))
        with suppress(ConnectionFailed, TransactionTimeout):
            hasty.send(GIFT, intent=method, once=True)
        node.play(None)
        sender.send(GIFT, intent=method, once=True)
    assert chain.balance(GIFT.to) == before + len(SENT)


@pytest.mark.parametrize(
    "nonsense",
    [None, 7, [], [{}], [{"calls": 3}], [{"calls": [{}]}], [{"calls": [{"status": "yes", "gasUsed": "0x1"}]}]],
    ids=str,
)
def test_a_trial_that_is_answered_with_nonsense_is_a_failed_connection(node: Proxy, nonsense: object) -> None:
    chain = Chain.connect(node.url)
    node.play(lambda question, _: {"result": nonsense} if question["method"] == "eth_simulateV1" else None)
    with pytest.raises(ConnectionFailed, match="eth_simulateV1"):
        run(chain, [Trial(dev_signer(0).address, GIFT.to, b"")], time=0, storage={})


def test_a_trial_is_asked_for_again_by_a_node_that_is_busy(node: Proxy) -> None:
    chain = Chain.connect(node.url)

    def busy(question: Question, _: Ask) -> None:
        if question["method"] == "eth_simulateV1":
            raise quirks.Refused(429)

    node.play(busy, times=1)
    _, [tried] = run(chain, [Trial(dev_signer(0).address, GIFT.to, b"")], time=0, storage={})
    assert tried.error is None and node.played == 1


@pytest.mark.parametrize("method", SENT)
def test_nonsense_while_something_is_sent_is_an_error_of_ours_or_does_no_harm(
    node: Proxy, chain: Chain, method: str
) -> None:
    for number, nonsense in enumerate(NONSENSE):
        sender = Sender(chain, dev_signer(3), timeout=0.2)
        node.play(quirks.says(f"eth_{method}", nonsense))
        with suppress(RegistryError):
            sender.send(GIFT, intent=f"{method} {number}")
        node.play(None)


# --- Receipts, nonces, fees ----------------------------------------------------------------------


def test_a_receipt_without_a_block_is_none_yet(node: Proxy, sender: Sender) -> None:
    node.play(quirks.changes("eth_getTransactionReceipt", lambda one: {**one, "blockNumber": None}), times=3)
    assert sender.send(GIFT).block > 0 and node.played == 3


@pytest.mark.parametrize("price", [None, "left out"])
def test_a_receipt_that_names_no_price_costs_what_was_offered(node: Proxy, sender: Sender, price: Any) -> None:
    def change(one: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in one.items() if name != "effectiveGasPrice"}
        return kept if price else {**kept, "effectiveGasPrice": None}

    before = sender.chain.balance(sender.address)
    node.play(quirks.changes("eth_getTransactionReceipt", change))
    assert sender.send(GIFT).fee_wei == before - sender.chain.balance(sender.address) - 1


def _without_status(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "status"}


SILENT = quirks.changes("eth_getTransactionReceipt", _without_status)


def _silent_with_a_log_of_fees(one: dict[str, Any]) -> dict[str, Any]:
    """As chains add one to each transaction, also to one that reverts."""
    log = {"address": "0x" + "00" * 18 + "1010", "topics": ["0x" + "ab" * 32], "data": "0x", "logIndex": "0x0"}
    places = {name: one[name] for name in ("blockHash", "blockNumber", "transactionHash", "transactionIndex")}
    return _without_status({**one, "logs": [*one["logs"], {**places, **log, "removed": False}]})


def test_what_a_receipt_does_not_say_is_told_by_the_logs_of_the_contract(
    node: Proxy, ann: Registry, deployment: Deployment
) -> None:
    node.play(quirks.all_of(SILENT, quirks.refuses("debug_traceTransaction")))
    did = publish(ann, "Silent").did
    assert ann.get(did).owner == ann.address and "debug_traceTransaction" not in node.asked


@pytest.mark.parametrize("change", [_without_status, _silent_with_a_log_of_fees])
def test_what_has_no_logs_of_its_own_is_traced(
    node: Proxy, sender: Sender, deployment: Deployment, change: Callable[..., Any]
) -> None:
    node.play(quirks.changes("eth_getTransactionReceipt", change))
    assert sender.send(GIFT).block > 0 and "debug_traceTransaction" in node.asked
    chain, account = sender.chain, dev_signer(5)
    fields = {"chainId": 1337, "to": deployment.registry, "value": 1, "data": "0x", "gas": 100_000}
    nonce = chain.w3.eth.get_transaction_count(account.address)  # type: ignore[arg-type]
    raw = account.sign_transaction({**fields, "nonce": nonce, "gasPrice": 10**11})  # type: ignore[typeddict-item]
    sent = "0x" + bytes(chain.w3.eth.send_raw_transaction(raw)).hex()
    chain.w3.eth.wait_for_transaction_receipt(sent)  # type: ignore[arg-type]
    assert sender._receipt(sent)["status"] == 0, "the registry takes no coin"


@pytest.mark.parametrize("answer", [None, {}, {"failed": "no"}, {"failed": None}, [], "0x"])
def test_a_receipt_that_does_not_say_how_it_ended_is_an_error_of_ours_where_nothing_else_does(
    node: Proxy, sender: Sender, answer: Any
) -> None:
    node.play(quirks.all_of(SILENT, quirks.says("debug_traceTransaction", answer)))
    with pytest.raises(ChainError, match="does not say whether"):
        sender.send(GIFT, intent="odd")
    node.play(None)
    sent = sender.chain.w3.eth.get_transaction_count(sender.address)  # type: ignore[arg-type]
    sender.send(GIFT, intent="odd")
    assert sender.chain.w3.eth.get_transaction_count(sender.address) == sent  # type: ignore[arg-type]


# --- Numbers of chains ----------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "number"), [("0x539", 1337), ("0x0539", 1337), ("0x" + "0" * 61 + "539", 1337)])
def test_a_number_of_a_chain_may_begin_with_zeros(node: Proxy, told: str, number: int) -> None:
    node.play(quirks.says("eth_chainId", told))
    assert Chain.connect(node.url, chain_id=number).chain_id == number


@pytest.mark.parametrize("number", [2**53 + 1, *((2**63 - 37,) if os.environ.get("DEEP") else ())])
def test_a_chain_with_a_large_number_has_a_registry(
    start_anvil: Callable[..., Anvil], tmp_path: Path, number: int
) -> None:
    node = start_anvil("--chain-id", str(number))
    chain = Chain.connect(node.url, chain_id=number)
    made = deploy_local(chain)
    ann = Registry.on(chain, signer=dev_signer(0), deployment=made, home=tmp_path, progress=None)
    did = publish(ann, "Large").did
    assert did.chain_id == number and ann.get(str(did)).owner == ann.address
    assert Deployment.load(made.save(tmp_path)).chain_id == number


@pytest.mark.parametrize(
    "told", ["0x0", "0x", "", "-0x1", "1337", None, 0, True, "0x" + "f" * 64, "0x" + "f" * 65, {}, hex(2**63)]
)
def test_what_is_no_number_of_a_chain_is_refused_in_a_sentence(node: Proxy, told: Any) -> None:
    node.play(quirks.says("eth_chainId", told))
    with pytest.raises(RegistryError) as caught:
        Chain.connect(node.url, timeout=5)
    assert caught.value.hint and "\n" not in caught.value.message


def test_a_node_that_is_of_another_chain_meanwhile_gets_nothing_that_counts_there(
    start_anvil: Callable[..., Anvil], node: Proxy, sender: Sender
) -> None:
    """What was signed names its chain, whatever answers at the address now."""
    other = start_anvil("--chain-id", "4242")
    sender.send(GIFT)
    node.target = other.url
    before = other.rpc("eth_getTransactionCount", sender.address, "latest")
    with pytest.raises(RegistryError):
        sender.send(GIFT)
    assert other.rpc("eth_getTransactionCount", sender.address, "latest") == before == "0x0"
    with pytest.raises(WrongChain):
        sender.chain.again(timeout=5)


PENDING = {
    "missing": quirks.says(
        "eth_getTransactionCount", error={"code": -32000, "message": "no pending state"}, when="pending"
    ),
    "invalid": quirks.says(
        "eth_getTransactionCount", error={"code": -32602, "message": "invalid block tag"}, when="pending"
    ),
    "less than is mined": quirks.says("eth_getTransactionCount", "0x0", when="pending"),
}


@pytest.mark.parametrize("odd", PENDING)
def test_what_waits_may_be_unknown_or_wrong(node: Proxy, sender: Sender, odd: str) -> None:
    sender.send(GIFT)
    node.play(PENDING[odd])
    node.asked.clear()
    sender.send(GIFT)
    assert node.asked.count("eth_sendRawTransaction") <= 2


FEES = {
    "no history": quirks.refuses("eth_feeHistory"),
    "history of nothing": quirks.says("eth_feeHistory", None),
    "history without fees": quirks.changes("eth_feeHistory", lambda one: {**one, "baseFeePerGas": None}),
    "history without rewards": quirks.changes("eth_feeHistory", lambda one: {**one, "reward": None}),
    "neither history nor tip": quirks.all_of(
        quirks.refuses("eth_feeHistory"), quirks.refuses("eth_maxPriorityFeePerGas")
    ),
    "plain prices": quirks.takes_plain_prices_only,
    "a tip of 25 gwei": quirks.wants_a_tip_of(25 * 10**9),
    "a tip of 200 gwei": quirks.wants_a_tip_of(200 * 10**9),
    "a tip that is only suggested": quirks.wants_a_tip_of(25 * 10**9, named=False),
}


@pytest.mark.parametrize("odd", FEES)
def test_what_is_paid_is_what_the_node_takes(node: Proxy, sender: Sender, odd: str) -> None:
    node.play(FEES[odd])
    assert sender.send(GIFT).block and node.played
    node.asked.clear()
    sender.send(GIFT)
    assert node.asked.count("eth_sendRawTransaction") == 1, "it was learnt"


def test_a_plain_price_is_no_less_than_the_next_block_may_ask_for(node: Proxy) -> None:
    chain = Chain.connect(node.url)
    chain.fee_market.plain = True
    node.play(quirks.says("eth_gasPrice", "0x1"))
    base = int(chain.w3.eth.fee_history(1, "latest")["baseFeePerGas"][-1])
    tip = current_fees(Chain.connect(node.url)).tip
    assert tip and current_fees(chain) == Fees(base * 5 // 4 + tip, None, base * 5 // 4 + tip)


@pytest.mark.parametrize(
    ("wanted", "kind", "price"),
    [({"max_fee": "3", "tip": 4}, 2, (3 * 10**9, 3 * 10**9)), ({"gas_price": 7}, 0, (7 * 10**9, 7 * 10**9))],
)
def test_what_is_paid_is_what_was_set(node: Proxy, tmp_path: Path, wanted: Any, kind: int, price: Any) -> None:
    chain = Chain.connect(node.url, fees=FeeMarket(**wanted))
    with closing(Journal.at(tmp_path)) as journal:
        receipt = Sender(chain, dev_signer(2), journal, timeout=20).send(GIFT)
    sent = chain.w3.eth.get_transaction(receipt.tx_hash)  # type: ignore[arg-type]
    assert int(sent["type"]) == kind
    assert (sent.get("maxFeePerGas", sent["gasPrice"]), sent.get("maxPriorityFeePerGas", sent["gasPrice"])) == price


@pytest.mark.parametrize("times", [1, 2])
def test_a_price_that_was_too_low_is_raised_by_a_quarter_more_each_time(
    node: Proxy, sender: Sender, times: int
) -> None:
    said = {"code": -32000, "message": "transaction underpriced"}
    heed(sender.chain, said["message"])  # what it suggests then
    expected = current_fees(sender.chain).raised(25 * times)
    node.play(quirks.says("eth_sendRawTransaction", error=said), times=times)
    sent = sender.chain.w3.eth.get_transaction(sender.send(GIFT).tx_hash)  # type: ignore[arg-type]
    assert (sent["maxFeePerGas"], sent["maxPriorityFeePerGas"]) == (expected.maximum, expected.tip)


@pytest.mark.parametrize("wanted", [{"max_fee": 20}, {"tip": 1}, {"gas_price": 2}])
def test_more_than_was_set_is_never_offered(node: Proxy, tmp_path: Path, wanted: Any) -> None:
    chain = Chain.connect(node.url, fees=FeeMarket(**wanted))
    said = {"code": -32000, "message": "transaction underpriced: gas tip cap 1, minimum needed 25000000000"}
    node.play(quirks.says("eth_sendRawTransaction", error=said))
    with closing(Journal.at(tmp_path)) as journal, pytest.raises(Underpriced, match="--max-fee"):
        Sender(chain, dev_signer(2), journal, timeout=20).send(GIFT)
    assert node.played <= 4


def test_where_gas_is_free_an_account_without_a_coin_may_send(tmp_path: Path, start_anvil: Any) -> None:
    anvil = start_anvil("--base-fee", "0", "--gas-price", "0")
    poor = KeySigner("0x" + "42" * 32)
    with Proxy(anvil.url) as node, closing(Journal.at(tmp_path)) as journal:
        node.play(quirks.says("eth_maxPriorityFeePerGas", "0x0"))
        receipt = Sender(Chain.connect(node.url), poor, journal, timeout=20).send(Call(GIFT.to, b""))
    assert receipt.fee_wei == 0


def test_a_node_that_gives_no_estimate_below_its_cap_is_sent_the_cap(node: Proxy, sender: Sender) -> None:
    said = {"code": -32000, "message": "transaction gas limit (20839713) is greater than the cap (16777216)"}
    node.play(quirks.says("eth_estimateGas", error=said))
    receipt = sender.send(GIFT)
    assert receipt.gas_used == 21_000 and node.played == 2


@pytest.mark.parametrize(
    "said",
    [
        "insufficient funds for gas * price + value",
        "Sender doesn't have enough funds to send tx. The max upfront cost is: 10 and the sender's balance is: 0.",
        "Upfront cost exceeds account balance",
        "InsufficientFunds, Account balance: 0",
    ],
)
def test_who_has_too_little_is_told_so_in_whatever_words_the_node_has(node: Proxy, sender: Sender, said: str) -> None:
    node.play(quirks.says("eth_sendRawTransaction", error={"code": -32000, "message": said}))
    with pytest.raises(InsufficientBalance):
        sender.send(GIFT)


def test_a_cap_on_gas_is_kept_to(node: Proxy, ann: Registry) -> None:
    node.play(quirks.caps_gas_at(2**24))
    assert publish(ann, "Capped").did and node.played


def test_publications_share_a_transaction_as_far_as_its_gas_goes(node: Proxy, ann: Registry) -> None:
    node.play(quirks.caps_gas_at(2**24))
    licences = [Licence.uses(f"calls-{number}", uses=1, price="1 USD") for number in range(32)]
    drafts = [Draft(name=f"Many {number}", type="model", license="MIT", licences=licences) for number in range(15)]
    made = ann.publish_many(drafts)
    gas = {one.tx.tx_hash: one.tx.gas_used for one in made if one.tx is not None}
    assert len(gas) == 2 and max(gas.values()) < 2**24


def test_what_was_settled_lately_is_asked_about_together(node: Proxy, sender: Sender) -> None:
    for number in range(12):
        sender.send(GIFT, intent=f"gifts:{number}")
    node.requests = 0
    assert sender.settle("gifts") == ()
    assert node.requests <= 3 and node.asked.count("eth_getTransactionReceipt") >= 12


# --- Reverts -------------------------------------------------------------------------------------

REVERTS: dict[str, Any] = {
    "nested": lambda data: {"code": -32603, "message": "Internal error", "data": {"data": {"data": data}}},
    "of a wallet": lambda data: {"code": -32603, "message": "oops", "data": {"originalError": {"data": data}}},
    "parity": lambda data: {"code": -32015, "message": "VM execution error.", "data": f"Reverted {data}"},
    "ganache": lambda data: {"code": -32000, "message": "x", "data": {"0x" + "11" * 32: {"return": data}}},
    "without 0x": lambda data: {"code": 3, "message": "execution reverted", "data": data[2:]},
    "in a list": lambda data: {"code": 3, "message": "execution reverted", "data": [data]},
}


@pytest.mark.parametrize("way", REVERTS)
def test_a_revert_is_read_however_it_is_told(node: Proxy, ann: Registry, way: str) -> None:
    node.play(quirks.reverts_with(REVERTS[way]))
    with pytest.raises(reverts.AccessManagedUnauthorized):
        ann.act("set the fee", ann.assets.functions.setFee(5))


@pytest.mark.parametrize(
    "told",
    [
        {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x"},
        {"code": -32015, "message": "VM execution error.", "data": "Bad instruction fe"},
        {"code": -32000, "message": "REVERT opcode executed"},
        {"code": 3, "message": "execution reverted"},
    ],
    ids=lambda told: str(told.get("data", told["message"])),
)
def test_a_revert_without_a_reason_is_one_of_ours(node: Proxy, ann: Registry, told: dict[str, Any]) -> None:
    node.play(quirks.reverts_with(lambda _: told))
    with pytest.raises(TransactionReverted):
        ann.act("set the fee", ann.assets.functions.setFee(5))


# --- Chains of another kind ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["london", "shanghai"])
def test_a_chain_before_cancun_is_refused_before_anything_is_paid(start_anvil: Any, kind: str) -> None:
    chain = Chain.connect(start_anvil("--hardfork", kind).url)
    with pytest.raises(DeploymentError, match="older kind than Cancun"):
        deploy_local(chain)
    assert chain.block().number == 0


def test_a_node_that_refuses_the_factory_is_not_paid_for_it(start_anvil: Any) -> None:
    anvil = start_anvil()
    anvil.rpc("anvil_setCode", FACTORY, "0x")
    with Proxy(anvil.url) as node:
        only = {"code": -32000, "message": "only replay-protected (EIP-155) transactions allowed over RPC"}
        node.play(quirks.says("eth_sendRawTransaction", error=only, when="0x" + FACTORY_TRANSACTION.hex()))
        chain = Chain.connect(node.url)
        with pytest.raises(DeploymentError, match="EIP-155"):
            deploy_local(chain)
        assert chain.balance(FACTORY_SIGNER) == 0


# --- Several at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["an honest node", "one refused", "an answer cut", "one question at once"])
def test_what_is_sent_at_once_is_each_done_once(node: Proxy, what: str) -> None:
    chain, payee = Chain.connect(node.url), "0x" + secrets.token_hex(20)
    sender = Sender(chain, dev_signer(6), Journal.in_memory(), timeout=60)
    gifts = [(Call(payee, b"", 1), f"gift {number}") for number in range(5)]  # type: ignore[arg-type]
    sends = count(1)

    def fails(question: Question, _: Ask) -> dict[str, object] | None:
        if question["method"] != "eth_sendRawTransaction" or next(sends) != 3:
            return None
        if what == "an answer cut":
            raise quirks.Cut
        return {"error": {"code": -32000, "message": "transaction underpriced"}}

    if what in ("one refused", "an answer cut"):
        node.play(fails, times=1)
    node.most = 1 if what == "one question at once" else None
    receipts = sender.send_all(gifts)
    assert len({receipt.tx_hash for receipt in receipts}) == chain.balance(payee) == 5
    assert sender.send_all(gifts, once=True) == receipts and chain.balance(payee) == 5
    assert sender.settle("gift") == ()


def test_no_more_is_sent_at_once_than_a_block_takes(start_anvil: Callable[..., Anvil]) -> None:
    """A node that mines as transactions come leaves over what its block did not take until another comes."""
    anvil = start_anvil("--gas-limit", "4000000")
    chain, heavy, payee = Chain.connect(anvil.url), b"\1" * 90_000, to_address("0x" + secrets.token_hex(20))
    anvil.rpc("anvil_setCode", payee, "0x00")
    for flight in range(5):
        sender = Sender(chain, dev_signer(6), Journal.in_memory(), timeout=20)
        receipts = sender.send_all([(Call(payee, heavy, 1), f"gift {number}") for number in range(10)])
        assert sum(receipt.gas_used for receipt in receipts) > 3 * 4_000_000, "four blocks at the least"
        assert chain.balance(payee) == 10 * (flight + 1)


def test_what_was_asked_ahead_is_answered_once_and_then_asked_anew(node: Proxy) -> None:
    chain = Chain.connect(node.url)
    before = node.requests
    with chain.ahead(LAST_BLOCK, LAST_BLOCK, ("eth_getBalance", (FACTORY, "latest"))):
        assert chain.block() == chain.block()
        chain.balance(FACTORY)
        assert node.requests == before + 1
        chain.balance(FACTORY)
        assert node.requests == before + 2
    chain.block()
    assert node.requests == before + 3
