"""What the chaos runs found in sending, one by one: a branch that wins late, bytes that come twice, a sick node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.chain.call import Call, as_call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.pricing import current_fees
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import ConnectionFailed

PAYEE = "0x" + "ee" * 20
GIFT = Call(PAYEE, b"", 1)  # type: ignore[arg-type]


@pytest.fixture
def chain(anvil: Any) -> Chain:
    return Chain.connect(anvil.url)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.at(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def sender(chain: Chain, journal: Journal) -> Sender:
    return Sender(chain, dev_signer(0), journal, timeout=20)


def between(chain: Chain, answer: Callable[[str, Any, Callable[[], Any]], Any]) -> None:
    """Let `answer` stand between a chain and its node: it has the method, the parameters, and what asks the node."""
    provider: Any = chain.w3.provider
    ask = provider.make_request
    provider.make_request = lambda method, params: answer(method, params, lambda: ask(method, params))
    provider._request_func_cache = (None, None)  # which has the node's own


def error(code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}


# --- Another branch ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["send", "settle"])
def test_what_a_reorganisation_took_back_after_it_was_settled_is_finished_and_not_done_twice(
    anvil: Any, chain: Chain, sender: Sender, way: str
) -> None:
    first = sender.send(GIFT, intent="gift")
    anvil.rpc("anvil_rollback", 1)
    anvil.rpc("anvil_mine", hex(3))
    assert chain.balance(PAYEE) == 0
    again = sender.send(GIFT, intent="gift") if way == "send" else sender.settle("gift")[0]
    assert (again.tx_hash, chain.balance(PAYEE)) == (first.tx_hash, 1)
    # It is settled again: whoever asks for the same now wants it a second time.
    assert sender.settle("gift") == ()
    sender.send(GIFT, intent="gift")
    assert chain.balance(PAYEE) == 2


def test_what_no_reorganisation_reaches_is_not_asked_about_again(anvil: Any, chain: Chain, sender: Sender) -> None:
    for _ in range(20):
        sender.send(GIFT, intent="gift")
    anvil.rpc("anvil_mine", hex(70))
    asked: list[str] = []
    between(chain, lambda method, _params, ask: (asked.append(method), ask())[1])
    assert sender.settle("gift") == ()
    assert asked.count("eth_getTransactionReceipt") == 0


def test_a_node_behind_the_block_of_a_settled_transaction_is_waited_for(
    anvil: Any, chain: Chain, sender: Sender
) -> None:
    sender.send(GIFT, intent="gift")
    # For a while the answers are of a node that has not come to the block with the gift.
    late = [12]

    def behind(method: str, _params: Any, ask: Callable[[], Any]) -> Any:
        answer = ask()
        if late[0] and method in ("eth_getTransactionReceipt", "eth_getBlockByNumber"):
            late[0] -= 1
            if method == "eth_getTransactionReceipt":
                return {**answer, "result": None}
            return {**answer, "result": {**answer["result"], "number": "0x0"}}
        return answer

    between(chain, behind)
    assert sender.settle("gift") == ()
    assert late == [0]


def test_on_a_chain_for_tests_that_was_turned_back_the_same_can_be_done_again(
    anvil: Any, chain: Chain, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.chain.sender._TURNED_BACK_SECONDS", 0.1)
    before = anvil.rpc("evm_snapshot")
    sender.send(GIFT, intent="gift")
    anvil.rpc("evm_revert", before)
    assert chain.balance(PAYEE) == 0
    # No block comes by itself, so nobody should wait for the one that there was.
    sender.send(GIFT, intent="gift")
    assert chain.balance(PAYEE) == 1


def test_a_transaction_that_reverted_may_come_back_until_it_is_as_deep_as_confirmed(
    anvil: Any, journal: Journal
) -> None:
    chain = Chain.connect(anvil.url, confirmations=4)
    sender = Sender(chain, dev_signer(0), journal, timeout=5)
    anvil.rpc("evm_setAutomine", False)
    anvil.rpc("anvil_setCode", PAYEE, "0x60006000fd")  # which reverts
    gift = as_call(GIFT, 0)
    entry = sender._write(gift, sender._priced(gift, 60_000, current_fees(chain)), 0, "gift")
    sender._broadcast(entry)
    anvil.rpc("anvil_mine", hex(1))
    assert chain.w3.eth.get_transaction_receipt(entry.hash)["status"] == 0  # type: ignore[arg-type]
    short = Sender(chain, dev_signer(0), journal, timeout=0.3)
    assert not short._superseded(entry, 0.0)
    anvil.rpc("anvil_mine", hex(3))
    assert short._superseded(entry, 0.0)


# --- Bytes that come twice -----------------------------------------------------------------------


def test_bytes_that_arrive_twice_are_not_taken_for_another_transaction_at_their_nonce(
    anvil: Any, chain: Chain, sender: Sender, journal: Journal
) -> None:
    forgetful = [True]

    def twice(method: str, _params: Any, ask: Callable[[], Any]) -> Any:
        if method == "eth_sendRawTransaction":
            ask()
            return ask()  # which says that the nonce is too low, since the first was mined at once
        if method == "eth_getTransactionByHash" and forgetful.pop():
            forgetful.append(False)
            return {"jsonrpc": "2.0", "id": 1, "result": None}  # by a node that is not as far
        return ask()

    between(chain, twice)
    sender.send(GIFT, intent="gift")
    assert chain.balance(PAYEE) == 1
    assert len(journal.find(chain.identity, sender.address, "gift")) == 1


# --- A sick node ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [error(-32603, "internal error"), error(-32005, "daily request count exceeded"), error(-32002, "busy")]
)
def test_a_node_that_takes_a_transaction_and_says_that_it_is_sick_has_taken_it(
    chain: Chain, sender: Sender, said: dict[str, Any]
) -> None:
    def sick(method: str, _params: Any, ask: Callable[[], Any]) -> Any:
        answer = ask()
        # And another node behind the same address has not heard of it yet.
        if method == "eth_getTransactionByHash":
            return {"jsonrpc": "2.0", "id": 1, "result": None}
        return said if method == "eth_sendRawTransaction" else answer

    between(chain, sick)
    sender.send(GIFT, intent="gift")
    assert chain.balance(PAYEE) == 1


QUESTIONS: dict[str, tuple[str, Callable[[Chain], Any]]] = {
    "the balance": ("eth_getBalance", lambda chain: chain.balance(PAYEE)),
    "the last block": ("eth_getBlockByNumber", lambda chain: chain.block()),
    "the first block": ("eth_getBlockByNumber", lambda chain: chain.identity),
    "the code": ("eth_getCode", lambda chain: chain.code_hash(PAYEE)),
    "a word": ("eth_getStorageAt", lambda chain: chain.storage(PAYEE, 0)),
}


@pytest.mark.parametrize("asked_for", QUESTIONS)
@pytest.mark.parametrize("said", ["nothing", "an error"])
def test_nothing_and_errors_of_a_node_are_errors_of_ours(chain: Chain, asked_for: str, said: str) -> None:
    method, ask_for = QUESTIONS[asked_for]

    def sick(asked: str, _params: Any, ask: Callable[[], Any]) -> Any:
        if asked != method:
            return ask()
        return error(-32603, "internal error") if said == "an error" else {"jsonrpc": "2.0", "id": 1, "result": None}

    between(chain, sick)
    with pytest.raises(ConnectionFailed):
        ask_for(chain)
