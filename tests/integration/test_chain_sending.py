"""Sending on a real node: exactly once, whatever breaks on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from registry.chain import reverts
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.plan import creation
from registry.chain.pricing import current_fees
from registry.chain.sender import Sender, TxOutcome
from registry.chain.signers import KeySigner, dev_signer
from registry.errors import (
    ChainError,
    ConnectionFailed,
    InputError,
    InsufficientBalance,
    JournalError,
    NonceStuck,
    NotDeployed,
    Reorganised,
    TransactionReverted,
    TransactionTimeout,
    Underpriced,
    WrongChain,
)

PAYEE = "0x" + "ee" * 20
GIFT = Call(PAYEE, b"", 1)  # type: ignore[arg-type]


@pytest.fixture
def author() -> KeySigner:
    return dev_signer(0)


@pytest.fixture
def chain(anvil: Any) -> Chain:
    return Chain.connect(anvil.url, chain_id=1337)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.at(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def sender(chain: Chain, author: KeySigner, journal: Journal) -> Sender:
    return Sender(chain, author, journal, timeout=20)


def gifts(chain: Chain) -> int:
    return chain.balance(PAYEE)


_timers: list[threading.Timer] = []


@pytest.fixture(autouse=True)
def _all_timers_end(start_anvil: Callable[..., Any]) -> Iterator[None]:
    """Nothing that was to happen later happens after its node is gone."""
    yield
    while _timers:
        _timers.pop().join(timeout=30)


def _later(seconds: float, act: Callable[[], Any]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    _timers.append(timer)
    return timer


class SleptTime:
    """The time of a sender that only passes while it sleeps, which takes none; what is due then happens then."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, Callable[[], Any]]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for one in [one for one in self._due if one[0] <= self.now]:
            self._due.remove(one)
            one[1]()

    def later(self, seconds: float, act: Callable[[], Any]) -> None:
        self._due.append((self.now + seconds, act))


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> SleptTime:
    made = SleptTime()
    monkeypatch.setattr("registry.chain.sender.time", made)
    return made


# --- The node ------------------------------------------------------------------------------------


def test_a_node_that_is_down_is_a_failed_connection(anvil: Any) -> None:
    chain = Chain.connect(anvil.url)
    anvil.stop()
    with pytest.raises(ConnectionFailed):
        chain.block()
    with pytest.raises(ConnectionFailed):
        Chain.connect(anvil.url)


def test_another_chain_than_the_one_meant_is_refused(anvil: Any) -> None:
    with pytest.raises(WrongChain) as caught:
        Chain.connect(anvil.url, chain_id=1)
    assert (caught.value.expected, caught.value.actual) == (1, 1337)


def test_a_web_server_is_no_node() -> None:
    with _Proxy("http://127.0.0.1:1", answer=b"<html>hello</html>") as url, pytest.raises(ConnectionFailed):
        Chain.connect(url)
    with _Proxy("http://127.0.0.1:1", answer=b'{"a": 1}') as url, pytest.raises(ConnectionFailed):
        Chain.connect(url)


def test_a_node_that_never_answers_is_left_after_the_timeout() -> None:
    # Who waits for the answer gets one in the end, and would say another thing of it.
    with _Proxy("http://127.0.0.1:1", lag=60.0, answer=b"{}") as url, pytest.raises(ConnectionFailed, match="too long"):
        Chain.connect(url, timeout=0.3)


def test_fees_are_of_the_next_block_and_not_of_one_before(start_anvil: Callable[..., Any]) -> None:
    """Without transactions the base fee falls by an eighth with each block; with full ones it would rise as fast."""
    chain = Chain.connect(start_anvil("--base-fee", "1000000000").url)
    for _ in range(12):
        fees = current_fees(chain)
        assert fees.tip is not None
        chain.advance(1)
        assert fees.expected - fees.tip == chain.block().base_fee
    first, last = chain.block(1).base_fee, chain.block().base_fee
    assert first and last and first > 2 * last


def test_web_sockets_and_ipc_serve_as_well(start_anvil: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "node.ipc"
    node = start_anvil("--ipc", str(path))
    for url in (node.url.replace("http", "ws"), str(path)):
        assert Chain.connect(url).chain_id == 1337


def test_a_restarted_chain_is_another_chain(start_anvil: Callable[..., Any]) -> None:
    first = Chain.connect(start_anvil("--timestamp", "1700000000").url)
    second = Chain.connect(start_anvil("--timestamp", "1700000001").url)
    assert first.chain_id == second.chain_id
    assert first.identity != second.identity
    assert first.identity == Chain.connect(first.url).identity


# --- One transaction -----------------------------------------------------------------------------


def test_a_transaction_costs_no_more_than_its_preview(sender: Sender, chain: Chain) -> None:
    before = chain.balance(sender.address)
    cost = sender.preview(GIFT)
    assert gifts(chain) == 0 and cost.total_value == cost.max_fee_wei + GIFT.value
    receipt = sender.send(GIFT)
    assert gifts(chain) == 1
    assert receipt.fee_wei <= cost.max_fee_wei
    assert before - chain.balance(sender.address) == receipt.cost.total_value
    assert "25,200 gas" in str(cost)


def test_a_chain_without_eip_1559_is_paid_in_gas_price(start_anvil: Callable[..., Any], author: KeySigner) -> None:
    chain = Chain.connect(start_anvil("--hardfork", "berlin").url)
    assert chain.block().base_fee is None
    receipt = Sender(chain, author, timeout=20).send(GIFT)
    assert chain.w3.eth.get_transaction(receipt.tx_hash)["type"] == 0  # type: ignore[arg-type]
    assert receipt.fee_wei > 0
    assert gifts(chain) == receipt.value_wei == 1


def test_what_would_be_refused_is_not_sent(sender: Sender, chain: Chain) -> None:
    deployment = deploy_local(chain)
    assets = chain.contract("AssetRegistry", deployment.registry)
    before = chain.block().number
    with pytest.raises(reverts.AccessManagedUnauthorized):
        sender.send(assets.functions.setFee(5))
    with pytest.raises(InsufficientBalance):
        sender.send(Call(PAYEE, b"", 10**30))  # type: ignore[arg-type]
    with pytest.raises(NotDeployed):
        sender.send(Call(PAYEE, b"\x01"))  # type: ignore[arg-type]
    with pytest.raises(InsufficientBalance):
        Sender(chain, KeySigner("0x" + "77" * 32)).send(Call(PAYEE, b"", 0))  # type: ignore[arg-type]
    assert chain.block().number == before


def test_what_fails_on_chain_says_why(anvil: Any, chain: Chain) -> None:
    deployment = deploy_local(chain)
    assets = chain.contract("AssetRegistry", deployment.registry)
    dao = Sender(chain, dev_signer(9), timeout=20)
    manager = chain.contract("RegistryAuthority", deployment.authority)
    guardian = dev_signer(3)
    dao.send(manager.functions.grantRole(1, guardian.address, 0))
    # Between the dry run and the block of what the guardian sends, the role is taken away.
    anvil.rpc("evm_setAutomine", False)
    pause = threading.Thread(target=lambda: dao.send(manager.functions.revokeRole(1, guardian.address)))
    pause.start()
    time.sleep(0.5)
    _later(1.0, lambda: anvil.rpc("evm_mine"))
    with pytest.raises(reverts.AccessManagedUnauthorized) as caught:
        Sender(chain, guardian, timeout=20).send(assets.functions.pauseSales(2**47))
    pause.join()
    assert any("Transaction 0x" in note for note in caught.value.__notes__)


# --- Nonces --------------------------------------------------------------------------------------


def test_threads_of_one_account_never_clash(chain: Chain, author: KeySigner, journal: Journal) -> None:
    sender = Sender(chain, author, journal)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: sender.send(GIFT), range(40)))
    assert len({receipt.tx_hash for receipt in receipts}) == 40
    assert gifts(chain) == 40


_WORKER = """
import sys
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.call import Call; from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
url, home, payee, count = sys.argv[1:]
sender = Sender(Chain.connect(url), dev_signer(0), Journal.at(home))
for i in range(int(count)):
    sender.send(Call(payee, b"", 1))
"""


def _run(script: str, *arguments: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], env=environment)


def test_processes_of_one_home_never_clash(anvil: Any, chain: Chain, tmp_path: Path) -> None:
    workers = [_run(_WORKER, anvil.url, tmp_path, PAYEE, 15) for _ in range(2)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    assert gifts(chain) == 30


def test_a_nonce_that_somebody_else_took_is_chosen_anew(
    chain: Chain, author: KeySigner, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, stale = sender._next_nonce, [0]

    def lagging(**options: bool) -> int:
        return stale.pop() if stale else honest(**options)

    Sender(chain, author).send(GIFT)
    monkeypatch.setattr(sender, "_next_nonce", lagging)
    sender.send(GIFT, intent="gift")
    assert gifts(chain) == 2
    assert len(sender._journal.find(chain.identity, author.address, "gift")) == 1


def test_a_stuck_nonce_is_reported_and_can_be_freed(
    anvil: Any, chain: Chain, author: KeySigner, journal: Journal, slept: SleptTime
) -> None:
    anvil.rpc("evm_setAutomine", False)
    hasty = Sender(chain, author, journal, timeout=20)
    with pytest.raises(TransactionTimeout):
        hasty.send(GIFT)
    with pytest.raises(NonceStuck) as caught:
        hasty.send(GIFT)
    assert (caught.value.nonce, caught.value.next_nonce) == (1, 0)
    chain.fee_market.max_fee = 10**9
    with pytest.raises(Underpriced, match="over the max_fee"):
        Sender(chain, author, journal, timeout=20).unstick()
    chain.fee_market.max_fee = None
    slept.later(0.5, lambda: anvil.rpc("evm_mine"))
    freed = Sender(chain, author, journal, timeout=20).unstick()
    assert freed is not None
    assert freed.value_wei == 0
    anvil.rpc("evm_mine")
    # The first gift was replaced, the second went on.
    assert gifts(chain) == 1
    assert Sender(chain, author, journal).unstick() is None
    with pytest.raises(InputError):
        hasty.replace(0)


def test_the_one_that_was_replaced_says_so(
    anvil: Any, chain: Chain, author: KeySigner, journal: Journal, slept: SleptTime
) -> None:
    anvil.rpc("evm_setAutomine", False)

    def free() -> None:
        slept.later(0.3, lambda: anvil.rpc("evm_mine"))
        Sender(chain, author, journal, timeout=20).replace(0)

    slept.later(0.3, free)
    with pytest.raises(ChainError, match="replaced"):
        Sender(chain, author, journal, timeout=20).send(GIFT, intent="gift")
    anvil.rpc("evm_setAutomine", True)
    # It can never be mined, so the same intent may act now.
    Sender(chain, author, journal).send(GIFT, intent="gift")
    assert gifts(chain) == 1


def test_a_fee_that_the_node_refuses_is_underpriced(
    chain: Chain, author: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.chain.fees import Fees

    monkeypatch.setattr("registry.chain.sender.current_fees", lambda *_: Fees(1, 1, 1))
    journal = Journal.in_memory()
    with pytest.raises(Underpriced):
        Sender(chain, author, journal, timeout=5).send(GIFT, intent="gift")
    # Refused everywhere, so it left no trace that would block the next try.
    assert journal.find(chain.identity, author.address, "gift") == []


# --- Exactly once --------------------------------------------------------------------------------

_VICTIM = """
import os, signal, sys
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.call import Call; from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
url, home, payee, point = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Doomed(Journal):
    def write(self, **fields):
        if point == "before write": die()
        entry = super().write(**fields)
        if point == "after write": die()
        return entry
    def accept(self, entry):
        if point == "after broadcast": die()
        super().accept(entry)
    def settle(self, entry, block):
        if point == "before settling": die()
        super().settle(entry, block)

Sender(Chain.connect(url), dev_signer(0), Doomed.at(home)).send(Call(payee, b"", 1), intent="gift")
if point == "at the end": die()
"""


@pytest.mark.parametrize(
    ("point", "mining"),
    [
        ("before write", True),
        ("after write", True),
        ("after broadcast", True),
        ("before settling", True),
        ("before write", False),
        ("after write", False),
        ("after broadcast", False),
    ],
)
def test_killed_anywhere_and_run_again_it_acts_once(
    anvil: Any, chain: Chain, author: KeySigner, tmp_path: Path, point: str, mining: bool
) -> None:
    anvil.rpc("evm_setAutomine", mining)
    assert _run(_VICTIM, anvil.url, tmp_path, PAYEE, point).wait(timeout=60) == -signal.SIGKILL
    anvil.rpc("evm_setAutomine", True)
    sender = Sender(chain, author, Journal.at(tmp_path), timeout=20)
    if not mining:
        _later(0.3, lambda: anvil.rpc("evm_mine"))
    receipt = sender.send(GIFT, intent="gift")
    assert gifts(chain) == 1
    assert chain.receipt(receipt.tx_hash).sender == author.address
    # Told once, the intent is free again; unless it is for ever.
    assert sender.settle("gift") == ()
    assert sender.send(GIFT, intent="gift", once=True) == receipt
    assert gifts(chain) == 1


def test_killed_before_the_broadcast_the_same_bytes_are_sent(
    anvil: Any, chain: Chain, author: KeySigner, tmp_path: Path
) -> None:
    assert _run(_VICTIM, anvil.url, tmp_path, PAYEE, "after write").wait(timeout=60) == -signal.SIGKILL
    journal = Journal.at(tmp_path)
    (entry,) = journal.find(chain.identity, author.address, "gift")
    assert Sender(chain, author, journal).send(GIFT, intent="gift").tx_hash == entry.hash


def test_a_nonce_that_went_elsewhere_makes_a_new_transaction(
    anvil: Any, chain: Chain, author: KeySigner, tmp_path: Path
) -> None:
    assert _run(_VICTIM, anvil.url, tmp_path, PAYEE, "after write").wait(timeout=60) == -signal.SIGKILL
    journal = Journal.at(tmp_path)
    (entry,) = journal.find(chain.identity, author.address, "gift")
    Sender(chain, author).send(Call("0x" + "dd" * 20, b"", 1))  # type: ignore[arg-type]
    receipt = Sender(chain, author, journal).send(GIFT, intent="gift")
    assert receipt.tx_hash != entry.hash
    assert gifts(chain) == 1


def test_what_a_run_left_is_settled_with_all_below_it(
    anvil: Any, chain: Chain, author: KeySigner, tmp_path: Path
) -> None:
    anvil.rpc("evm_setAutomine", False)
    journal = Journal.at(tmp_path)
    hasty = Sender(chain, author, journal, timeout=0.5)
    for intent in ("gift:1", "gift:2", "gifts"):
        with pytest.raises((TransactionTimeout, NonceStuck)):
            hasty.send(GIFT, intent=intent)
    anvil.rpc("evm_mine")
    receipts = Sender(chain, author, journal).settle("gift")
    assert len(receipts) == 2
    assert gifts(chain) == 3
    assert Sender(chain, author, journal).settle("gift") == ()


def test_what_is_held_is_found_again_until_it_is_concluded(sender: Sender) -> None:
    held = sender.send(GIFT, intent="held", hold=True)
    assert sender.settle("held", hold=True) == (held,)
    sender.conclude("held", replace(held, tx_hash="0x" + "00" * 32))  # type: ignore[arg-type]
    assert sender.settle("held", hold=True) == (held,), "another transaction settles nothing"
    sender.conclude("held", held)
    assert sender.settle("held") == ()


def test_what_became_of_an_intent_is_told_once_it_is_in_a_block(sender: Sender) -> None:
    assert sender.outcome("gift") is None and not sender.is_begun("gift")
    sent = sender.send(GIFT, intent="gift")
    assert sender.outcome("gift") == TxOutcome(sent.gas_used, succeeded=True) and sender.is_begun("gift")


def test_two_that_send_one_intent_at_once_get_one_receipt(chain: Chain, author: KeySigner, journal: Journal) -> None:
    sender = Sender(chain, author, journal)
    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(lambda _: sender.send(GIFT, intent="gift", once=True), range(6)))
    assert len(set(receipt.tx_hash for receipt in receipts)) == 1
    assert gifts(chain) == 1


def test_what_was_begun_is_finished_once_by_two_machines_with_one_journal(
    anvil: Any, chain: Chain, author: KeySigner, tmp_path: Path
) -> None:
    """A home that was copied, or came out of a backup: the same bytes are sent, whoever sends them."""
    anvil.rpc("evm_setAutomine", False)
    assert _run(_VICTIM, anvil.url, tmp_path / "one", PAYEE, "after broadcast").wait(timeout=60) == -signal.SIGKILL
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    anvil.rpc("evm_setAutomine", True)
    anvil.rpc("evm_mine")
    machines = [Sender(chain, author, Journal.at(tmp_path / name), timeout=20) for name in ("one", "two")]
    with ThreadPoolExecutor(2) as pool:
        receipts = list(pool.map(lambda machine: machine.send(GIFT, intent="gift"), machines))
    assert receipts[0] == receipts[1] and gifts(chain) == 1


def test_two_machines_of_one_account_take_no_nonce_from_each_other(
    anvil: Any, chain: Chain, author: KeySigner, tmp_path: Path
) -> None:
    """Each with a journal that knows nothing of the other's: what each sends arrives, once."""
    machines = [Sender(chain, author, Journal.at(tmp_path / str(number)), timeout=60) for number in range(2)]
    gifts_of = [(machine, f"gift {number}") for number in range(8) for machine in machines]

    def sent(machine: Sender, intent: str) -> Any:
        while True:
            try:
                return machine.send(GIFT, intent=intent)
            except ChainError as error:  # the other offered more for the same place: nothing was done, as is said
                assert "was replaced" in str(error)

    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda one: sent(*one), gifts_of))
    assert len({receipt.tx_hash for receipt in receipts}) == 16 and gifts(chain) == 16


def test_another_chain_of_the_same_number_does_not_remember(
    start_anvil: Callable[..., Any], author: KeySigner, journal: Journal
) -> None:
    for timestamp in ("1700000000", "1700000001"):
        chain = Chain.connect(start_anvil("--timestamp", timestamp).url)
        Sender(chain, author, journal).send(GIFT, intent="gift", once=True)
        assert gifts(chain) == 1


# --- Reorganisation ------------------------------------------------------------------------------


def _mined(node: Any) -> None:
    """Wait until the first block is there, and its sender has seen it."""
    until = time.monotonic() + 60
    while int(node.rpc("eth_blockNumber"), 16) == 0 and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.7)


def test_a_receipt_is_given_with_its_last_confirmation_and_no_earlier(
    start_anvil: Callable[..., Any], author: KeySigner, journal: Journal
) -> None:
    node = start_anvil()
    node.rpc("anvil_mine", hex(5))  # in the first blocks, heights and confirmations are alike
    chain = Chain.connect(node.url, confirmations=3)

    def confirm() -> None:
        while not gifts(chain):
            time.sleep(0.02)
        for seconds in (0.5, 1.0):
            time.sleep(seconds)
            node.rpc("anvil_mine", hex(1))

    timer = _later(0.0, confirm)
    receipt = Sender(chain, author, journal, timeout=10).send(GIFT, intent="gift")
    assert (receipt.block, chain.block().number) == (6, 8)
    timer.join()


def test_a_dropped_block_is_noticed_and_the_same_bytes_sent_again(
    start_anvil: Callable[..., Any], author: KeySigner, journal: Journal
) -> None:
    node = start_anvil()
    chain = Chain.connect(node.url, confirmations=3)
    before = node.rpc("evm_snapshot")

    def reorganise() -> None:
        # The block with the transaction goes, another comes in its place; then it is mined anew.
        _mined(node)
        node.rpc("evm_revert", before)
        node.rpc("anvil_mine", hex(1))
        time.sleep(1.5)
        node.rpc("anvil_mine", hex(4))

    timer = _later(0.0, reorganise)
    receipt = Sender(chain, author, journal, timeout=30).send(GIFT, intent="gift")
    timer.join()
    assert gifts(chain) == 1
    assert chain.receipt(receipt.tx_hash).block == receipt.block == 2


def test_a_transaction_that_stays_away_is_reorganised(
    start_anvil: Callable[..., Any], author: KeySigner, journal: Journal
) -> None:
    node = start_anvil()
    chain = Chain.connect(node.url, confirmations=3)
    before = node.rpc("evm_snapshot")

    def reorganise() -> None:
        _mined(node)
        node.rpc("evm_setAutomine", False)
        node.rpc("evm_revert", before)

    _later(0.0, reorganise)
    with pytest.raises(Reorganised):
        Sender(chain, author, journal, timeout=3).send(GIFT, intent="gift")
    node.rpc("evm_setAutomine", True)
    node.rpc("anvil_mine", hex(5))
    Sender(Chain.connect(node.url), author, journal).send(GIFT, intent="gift")
    assert gifts(chain) == 1


# --- Faulty lines --------------------------------------------------------------------------------


class _Proxy:
    """Stands before a node and loses, delays or replaces answers."""

    def __init__(
        self,
        target: str,
        *,
        lag: float = 0.0,
        answer: bytes | None = None,
        lose: Callable[[str, int], bool] | None = None,
    ) -> None:
        seen: dict[str, int] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(lag)
                asked = json.loads(body)
                method = (asked[-1] if isinstance(asked, list) else asked)["method"]
                seen[method] = seen.get(method, 0) + 1
                reply = (
                    answer
                    if answer is not None
                    else requests.post(
                        target, data=body, headers={"Content-Type": "application/json"}, timeout=10
                    ).content
                )
                if lose is not None and lose(method, seen[method]):
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_lost_answers_neither_lose_nor_double_a_transaction(
    anvil: Any, chain: Chain, author: KeySigner, journal: Journal
) -> None:
    # Every broadcast arrives, but its answer is lost, and so is every third answer of all others.
    def lose(method: str, number: int) -> bool:
        return method == "eth_sendRawTransaction" or number % 3 == 0

    with _Proxy(anvil.url, lose=lose) as url:
        faulty = Sender(Chain.connect(url), author, journal, timeout=30)
        for number in range(5):
            faulty.send(GIFT, intent=f"gift {number}")
    assert gifts(chain) == 5


def test_a_line_cut_while_waiting_leaves_what_was_sent_on_record(
    anvil: Any, chain: Chain, author: KeySigner, journal: Journal
) -> None:
    cut = threading.Event()

    def lose(method: str, _: int) -> bool:
        if method == "eth_sendRawTransaction":
            cut.set()
        return cut.is_set()

    with _Proxy(anvil.url, lose=lose) as url, pytest.raises(ConnectionFailed):
        Sender(Chain.connect(url), author, journal, timeout=1).send(GIFT, intent="gift")
    Sender(chain, author, journal).send(GIFT, intent="gift")
    assert gifts(chain) == 1


# --- The journal ---------------------------------------------------------------------------------


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        Journal.at(tmp_path).open()


def test_an_account_in_use_elsewhere_is_named_after_the_deadline(
    chain: Chain, author: KeySigner, tmp_path: Path
) -> None:
    first, second = Journal.at(tmp_path), Journal.at(tmp_path)
    with first.lock(chain.identity, author.address, timeout=1), pytest.raises(JournalError, match="Another run"):
        Sender(chain, author, second, timeout=0.5).send(GIFT)


def test_a_revert_without_reason_is_a_reverted_transaction(chain: Chain, sender: Sender) -> None:
    deployment = deploy_local(chain)
    _, code = creation("LocalDollar", dev_signer(9).address, [])
    from registry.chain.plan import FACTORY

    with pytest.raises(TransactionReverted):
        sender.send(Call(FACTORY, code))
    assert deployment.tokens
