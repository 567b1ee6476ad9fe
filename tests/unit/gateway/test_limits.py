"""Each limit of a gateway on its last unit, and one further: gas, pauses, nonces, times, the age of a head; and whose
gateway it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from registry.chain.addresses import CONTRACTS, Deployment
from registry.chain.connection import Chain
from registry.chain.signers import dev_signer
from registry.errors import JournalError, WrongChain
from registry.gated.identity import Identity
from registry.gated.protocol import SIGN_IN_SECONDS, Auth, Deposit, Receipt, ReleaseRequest, Revocation, sign_in_text
from registry.gateway.chainview import Answers, ChainView, Question
from registry.gateway.consuming import ReceiptConsumer
from registry.gateway.database import FILE, Database
from registry.gateway.gas_budget import DAY, PAUSE, Budget, gas_of_day
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.nonces import Nonces
from registry.gateway.refusal import Refusal
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.gateway.signin import Doorkeeper
from registry.types import ChainId, to_address

URL = "https://keys.example.org"
NOON = 1_800_000_000
RECEIPT = 100
SKEW = 60
"""Seconds that a clock may be wrong."""


@dataclass
class Clock:
    """Says what time it is, in seconds since 1970."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / FILE)
    yield made
    made.close()


def refused(code: str, words: str, refusal: pytest.ExceptionInfo[Refusal], status: int) -> None:
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert words in refusal.value.message


# --- Gas of a day ---------------------------------------------------------------------------------


class Payer:
    """The budget of a gateway, and receipts in its ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        settings = Settings(URL, receipt_gas=RECEIPT, account_gas=2 * RECEIPT, day_gas=3 * RECEIPT)
        self.budget = Budget(database, settings, clock=clock)
        self._database, self._clock = database, clock

    def ask(self, account: str, nonce: str, *, failed: float = 0) -> str:
        """A receipt that was asked for, and perhaps reverted then; its nonce."""
        values = (account, nonce, "did", 0, 1, "age", "ref", "asked", None, int(self._clock()), 0, 0, 0, int(failed))
        self._database.run(f"INSERT INTO uses VALUES ({', '.join('?' * len(values))})", *values)
        return nonce

    def pay(self, account: str, nonce: str) -> None:
        self.budget.reserve(account, self.ask(account, nonce))

    def refusal(self, account: str, nonce: str) -> str:
        with pytest.raises(Refusal) as refusal:
            self.pay(account, nonce)
        refused("hand_in", "does not hand the receipt in", refusal, 403)
        return refusal.value.message


@pytest.fixture
def payer(database: Database, clock: Clock) -> Payer:
    return Payer(database, clock)


def test_an_account_and_all_together_have_their_gas_to_the_last_unit(payer: Payer, database: Database) -> None:
    payer.pay("ann", "1")
    payer.pay("ann", "2")
    assert payer.budget.spent("ann") == payer.budget.spent() == 2 * RECEIPT, "all that the two may take"
    assert "this account has had its 200 gas" in payer.refusal("ann", "3")
    payer.pay("ben", "1")
    assert "all accounts together have had their 300 gas" in payer.refusal("eve", "1")
    # What a transaction took is known: the rest is free again, and a unit too much is too much.
    payer.budget.settle("ann", "1", 1, True)
    assert (payer.budget.spent("ann"), payer.budget.spent("ben"), payer.budget.spent()) == (101, 100, 201)
    assert gas_of_day(database, "ann", now=NOON) == 101
    payer.refusal("eve", "2")
    payer.budget.settle("ann", "1", 0, True)
    payer.pay("eve", "3")
    assert payer.budget.spent() == 3 * RECEIPT


def test_a_receipt_is_counted_once_and_never_again_after_it_reverted(payer: Payer, clock: Clock) -> None:
    payer.pay("ann", "1")
    payer.budget.reserve("ann", "1")
    assert payer.budget.spent() == RECEIPT
    payer.budget.settle("ann", "1", 40, False)
    assert payer.budget.spent() == 40
    clock.now += 3 * DAY
    with pytest.raises(Refusal, match="its transaction reverted"):
        payer.budget.reserve("ann", "1")


def test_what_was_paid_counts_for_a_day_to_the_second(payer: Payer, clock: Clock) -> None:
    payer.pay("ann", "1")
    clock.now += 10
    payer.pay("ann", "2")
    assert payer.budget.unknown("ann") == ["1", "2"] and payer.budget.unknown("ben") == []
    payer.budget.settle("ann", "2", RECEIPT, True)
    assert payer.budget.unknown("ann") == ["1"], "of the other it is known"
    for later, spent, unknown in ((DAY - 1, 2, ["1"]), (DAY, 1, []), (DAY + 9, 1, []), (DAY + 10, 0, [])):
        clock.now = NOON + later
        assert (payer.budget.spent("ann"), payer.budget.unknown("ann")) == (spent * RECEIPT, unknown), later


@pytest.mark.parametrize("reverts", range(1, 7))
def test_a_pause_doubles_with_each_revert_of_a_day_and_ends_on_its_second(
    payer: Payer, clock: Clock, reverts: int
) -> None:
    """The fifth lasts 16 hours; the sixth would last 32, and is forgotten after a day."""
    for number in range(reverts):
        payer.ask("ann", f"reverted {number}", failed=NOON)
    pause = min(PAUSE * [1, 2, 4, 8, 16, 32][reverts - 1], DAY)
    clock.now = NOON + pause - 1
    left = PAUSE * 32 - pause + 1 if reverts == 6 else 1
    assert f"for {left:,} s none is paid" in payer.refusal("ann", "too early")
    payer.pay("ben", "another account")
    clock.now += 1
    payer.pay("ann", "in time")


# --- Nonces ---------------------------------------------------------------------------------------


def test_a_nonce_is_good_for_its_seconds_once_and_for_its_account(database: Database, clock: Clock) -> None:
    ann, ben = dev_signer(0).address, dev_signer(1).address
    nonces = Nonces(database, 600, clock=clock)
    made, other = nonces.make(ann), nonces.make(ann)
    assert made.expires_at == NOON + 600 and made.nonce != other.nonce

    def spend(nonce: str, words: str, account: str = ann, message: bytes = b"message") -> None:
        with pytest.raises(Refusal) as refusal:
            nonces.spend(nonce, account, message)
        refused("nonce", words, refusal, 401)

    spend(made.nonce, "not of this gateway and account", ben)
    for nonce in (made.nonce[:-1], made.nonce + "0", made.nonce[:-1] + "g", made.nonce.upper(), ""):
        spend(nonce, "is not of this gateway.")
    for place in range(8, len(made.nonce)):
        changed = made.nonce[:place] + ("0" if made.nonce[place] != "0" else "1") + made.nonce[place + 1 :]
        spend(changed, "not of this gateway and account")
    later = f"{NOON + 700:08x}" + made.nonce[8:]
    spend(later, "not of this gateway and account")
    with pytest.raises(Refusal, match="from before a restart"):
        Nonces(database, 600, clock=clock).spend(made.nonce, ann, b"message")
    clock.now = NOON + 599
    nonces.spend(made.nonce, ann, b"message")
    nonces.spend(made.nonce, ann, b"message")
    spend(made.nonce, "was used before", message=b"another")
    clock.now = NOON + 600
    spend(made.nonce, "has expired")
    spend(other.nonce, "has expired")


# --- Times of a sign-in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued", "expires", "not_before", "words"),
    [
        (0, SIGN_IN_SECONDS, None, ""),
        (0, SIGN_IN_SECONDS + 1, None, f"{SIGN_IN_SECONDS} s are the most"),
        (-SIGN_IN_SECONDS + 1, 1, None, ""),
        (-SIGN_IN_SECONDS, 0, None, "it has expired"),
        (SKEW, SKEW + 1, None, ""),
        (SKEW, SKEW, None, "it is good for 0 s"),
        (SKEW + 1, SKEW + 2, None, "it is from the future"),
        (0, 100, SKEW, ""),
        (0, 100, SKEW + 1, "it is from the future"),
        (SKEW + 1, SKEW + 2, 0, "it is from the future"),
    ],
)
def test_a_sign_in_is_good_from_its_first_second_to_its_last(
    clock: Clock, issued: int, expires: int, not_before: int | None, words: str
) -> None:
    signer = dev_signer(0)

    def message(expires: int) -> str:
        return sign_in_text(
            domain="keys.example.org",
            account=signer.address,
            uri=URL,
            chain_id=1,
            nonce="a1b2c3d4e5",
            issued_at=NOON + issued,
            expires_at=NOON + expires,
            resources=("did:nft:a", "urn:registry:b"),
            statement="Open what is yours.",
        )

    text = message(expires)
    if not_before is not None:
        moment = message(not_before).partition("Expiration Time: ")[2].partition("\n")[0]
        text = text.replace("\nResources:", f"\nNot Before: {moment}\nResources:")
    auth = Auth(message=text, signature="0x" + signer.sign_text(text.encode()).hex())
    keeper = Doorkeeper(domain="keys.example.org", url=URL, chain_id=1, clock=clock)
    if not words:
        found = keeper.read(auth, "did:nft:a", "urn:registry:b")
        assert (found.account, found.nonce, found.proven) == (signer.address, "a1b2c3d4e5", True)
        return
    with pytest.raises(Refusal) as refusal:
        keeper.read(auth, "did:nft:a", "urn:registry:b")
    refused("sign_in", "The sign-in was refused", refusal, 401)
    assert words in f"{refusal.value.message} {refusal.value.hint}"


@pytest.mark.parametrize("page", ["", "https://market.example.org"])
def test_whoever_signed_for_somebody_else_is_told_for_whom_to_sign(clock: Clock, page: str) -> None:
    text = sign_in_text(
        domain="elsewhere.example.org",
        account=dev_signer(0).address,
        uri=page or URL,
        chain_id=1,
        nonce="a1b2c3d4e5",
        issued_at=NOON,
        expires_at=NOON + 60,
        resources=("did:nft:a", "urn:registry:b"),
        statement="Open what is yours.",
    )
    auth = Auth(message=text, signature="0x" + dev_signer(0).sign_text(text.encode()).hex())
    keeper = Doorkeeper(domain="keys.example.org", url=URL, chain_id=1, clock=clock)
    with pytest.raises(Refusal) as refusal:
        keeper.read(auth, "did:nft:a", "urn:registry:b", page=page)
    wanted = f"Sign on {page}, in one message for all gateways." if page else "Sign for this gateway."
    assert "'elsewhere.example.org'" in refusal.value.message and refusal.value.hint == wanted


def test_a_sign_in_is_for_one_request_and_no_other() -> None:
    """Else what was signed for one asset, version or key of a recipient would serve for others."""
    account, ann, ben = dev_signer(0).address, Identity.generate().recipient, Identity.generate().recipient
    did = f"did:nft:eip155:1_erc721:{account.lower()}_"
    paid = {"did": f"{did}1", "licence": 0, "account": account, "uses": 1, "service": account, "ref": "ab" * 32}
    receipt = Receipt.model_validate({**paid, "nonce": "1", "deadline": 2, "signature": ""})
    release = ReleaseRequest(did=f"{did}1", version=1, recipient=ann)
    deposit = Deposit.model_construct(did=f"{did}1", version=1, index=0, threshold=1, sealed="a")
    requests = [
        *(release.model_copy(update=one) for one in ({}, {"did": f"{did}2"}, {"version": 2}, {"recipient": ben})),
        *(release.model_copy(update=one) for one in ({"licence": 0}, {"licence": 1}, {"receipt": receipt})),
        release.model_copy(update={"receipt": receipt.model_copy(update={"nonce": "2"})}),
        *(deposit.model_copy(update=one) for one in ({}, {"did": f"{did}2"}, {"version": 2}, {"sealed": "b"})),
        *(Revocation(did=f"{did}1", id=one * 32) for one in ("ab", "cd")),
    ]
    assert len({request.resource() for request in requests}) == len(requests)
    signed = release.model_copy(update={"auth": Auth(message="Open it.", signature="0x")})
    assert signed.resource() == release.resource(), "which is what is signed"


# --- What goes together ---------------------------------------------------------------------------


def test_no_request_to_a_node_has_more_reads_than_a_node_may_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    chain, sizes = Chain.in_process(), []

    def note(view: ChainView, asked: Sequence[Sequence[Question]]) -> list[Answers]:
        sizes.append(2 * sum(map(len, asked)))
        return [Answers(chain.block(), 0, (), ()) for _ in asked]

    async def ask() -> None:
        view = ChainView(chain, 5, head_age=None)
        question = Question(dev_signer(0).address, b"")
        await asyncio.gather(*(view.ask(*[question] * count) for count in (100, 100, 56, 1, 300, 1)))

    monkeypatch.setattr(ChainView, "_read", note)
    asyncio.run(ask())
    assert sizes == [512, 2, 600, 2], "but what one asks at once goes together"


def test_requests_for_one_receipt_wait_for_each_other_and_are_forgotten_then() -> None:
    consumer, inside = object.__new__(ReceiptConsumer), []
    consumer._locks = {}
    receipt = Receipt.model_construct(account=to_address(dev_signer(0).address), nonce="1")

    async def use() -> None:
        async with consumer._alone(receipt):
            inside.append(1)
            await asyncio.sleep(0)
            assert inside == [1]
            inside.clear()

    async def together() -> None:
        await asyncio.gather(*(use() for _ in range(4)))

    asyncio.run(together())
    assert consumer._locks == {}


@pytest.mark.parametrize(("licence", "good"), [(0, True), (255, True), (256, False), (-1, False)])
def test_a_licence_of_a_receipt_has_a_number_of_eight_bits(licence: int, good: bool) -> None:
    account, word = dev_signer(0).address, "ab" * 32
    fields = {"did": f"did:nft:eip155:1_erc721:{account.lower()}_1", "account": account, "uses": 1, "service": account}
    fields |= {"ref": word, "nonce": "1", "deadline": 2, "signature": ""}
    with nullcontext() if good else pytest.raises(ValidationError, match="licence"):
        assert Receipt.model_validate({**fields, "licence": licence}).licence == licence


# --- The age of a head ----------------------------------------------------------------------------


def test_a_node_lags_behind_from_the_second_after_the_one_that_is_allowed(clock: Clock) -> None:
    chain = Chain.in_process()
    head = chain.block()
    view = ChainView(chain, 5, head_age=600, clock=clock)
    for age in (-SKEW, 0, 600):
        clock.now = head.timestamp + age
        answers = asyncio.run(view.ask())
        assert (answers.head, answers.deep) == (head, 0)
    for age in (601, 10**6):
        clock.now = head.timestamp + age
        with pytest.raises(Refusal) as refusal:
            asyncio.run(view.ask())
        refused("chain", "The node's last block is of", refusal, 503)
        assert refusal.value.retry_after == 15 and "clock is ahead" in refusal.value.hint
    for age in (-SKEW - 1, -(10**6)):  # by such a clock what is over would be good still
        clock.now = head.timestamp + age
        with pytest.raises(Refusal) as refusal:
            asyncio.run(view.ask())
        refused("chain", "The node's last block is of", refusal, 503)
        assert "clock is behind" in refusal.value.hint
    clock.now += 10**8
    assert asyncio.run(ChainView(chain, 5, head_age=None, clock=clock).ask()).head == head


# --- Whose gateway it is --------------------------------------------------------------------------


def test_a_folder_serves_one_registry_for_good_and_a_gateway_one_chain(tmp_path: Path) -> None:
    """The same number is another asset elsewhere: its owner there would open what was sealed here."""
    chain = Chain.in_process()
    make_key_file(tmp_path / "key")
    keys = Keys.make(tmp_path / KEYS, KeyLock(key_file=tmp_path / "key"))
    here = deployment_at("0x" + "55" * 20)

    def begin(deployment: Deployment) -> None:
        GatewayService(tmp_path, keys, chain, deployment, Settings(URL)).close()

    begin(here)
    begin(here)
    for other in ("0x" + "11" * 20, "0x" + "77" * 20):
        with pytest.raises(JournalError, match="keeps shares for eip155:1337:0x5555"):
            begin(deployment_at(other))
    for number in (chain.chain_id - 1, chain.chain_id + 1):
        with pytest.raises(WrongChain):
            begin(replace(here, chain_id=ChainId(number)))
    begin(here)


def deployment_at(registry: str) -> Deployment:
    other, address = to_address("0x" + "99" * 20), to_address(registry)
    contracts = dict.fromkeys(
        {*CONTRACTS, "deployer", "treasury"} - {"registry"},
        other,
    )
    return Deployment(
        chain_id=ChainId(1337), registry=address, safe={}, fee_bps=0, tokens={}, block=0, version="", **contracts
    )
