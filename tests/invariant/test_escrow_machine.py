"""Random walks over jobs in escrow in step with their model: same verdicts, same money, same records, after every step.

`DEEP_SECONDS` walks further and each time elsewhere (see `profile`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import hypothesis.strategies as st
from eth_utils import keccak
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from .escrow_model import CLOSED, DELIVERED, DISPUTED, OPEN, RUNNING, Asked, EscrowedJob, EscrowModel
from .evm import Failure, Outcome
from .model import COIN, RETIRED, UNLIMITED, Refused
from .profile import may_miss, walk
from .stream_model import NO_DIGEST, Offer
from .world import AUTHOR, BUYER, DAO, FRIEND, PEOPLE, START, STRANGER, TREASURY, World, licence_terms, stream_terms

HOUR, DAY = 3_600, 86_400
ROYALTY = 1_250
DIGEST = b"\x11" * 32
RESULT = b"\x22" * 32
MONEY = 10**30
CLOSED_WORLD = World()
ESCROW = CLOSED_WORLD.chain.deploy(
    "ComputeEscrow", CLOSED_WORLD.authority.address, CLOSED_WORLD.registry.address, sender=DAO
)
REFUSING = CLOSED_WORLD.chain.deploy("RefusingReceiver", sender=DAO).address
BLOCKING = CLOSED_WORLD.chain.deploy("BlockingToken", sender=DAO)
CLOSED_WORLD.do(CLOSED_WORLD.registry, "setSeller", ESCROW.address, True)
CLOSED_WORLD.do(CLOSED_WORLD.registry, "setPaymentToken", BLOCKING.address, True)
for person in PEOPLE.values():
    CLOSED_WORLD.do(BLOCKING, "mint", person, MONEY)
    for token in (BLOCKING, CLOSED_WORLD.dollar):
        CLOSED_WORLD.do(token, "approve", ESCROW.address, UNLIMITED, sender=person)
COINS_, DOLLARS_, BLOCKING_ = range(3)  # indices of payment tokens
HOSTS, CONSUMERS = (FRIEND, STRANGER), (BUYER, STRANGER)

people = st.sampled_from(list(PEOPLE.values()))
callers = st.sampled_from(["party", "party", "party", "party", "party", AUTHOR, DAO, BUYER, FRIEND])
picks = st.integers(0, 11)
seconds = st.sampled_from([0, 1, 49, 61, 600, 601, HOUR, DAY])


class EscrowMachine(RuleBasedStateMachine):
    """Rules and verdicts, and what must hold after each step."""

    tally: ClassVar[Counter[tuple[str, str]]] = Counter()  # (function, error or "done") over all runs

    def __init__(self) -> None:
        super().__init__()
        self.world = world = CLOSED_WORLD
        self.chain, self.registry = world.chain, world.registry
        self._snapshot = self.chain.snapshot()
        self._snapshot.__enter__()

    def teardown(self) -> None:
        self._snapshot.__exit__(None, None, None)

    @initialize(
        price=st.sampled_from([2_000_000, 999_999, 7, 0, 10**10]),
        amount=st.sampled_from([100, 1, 60, 7]),
        minimum=st.sampled_from([50, 0, 600]),
        derived=st.booleans(),
        fee=st.sampled_from([250, 0, 500]),
    )
    def start(self, price: int, amount: int, minimum: int, derived: bool, fee: int) -> None:
        world, registry = self.world, self.registry
        world.do(registry, "publish", DAO, world.publication(b"\x33" * 32, royalty=(True, ROYALTY)), sender=DAO)
        payments = (DOLLARS_, COINS_, BLOCKING_)
        terms = [stream_terms(price, payment, amount, minimum, streams=ESCROW.address) for payment in payments]
        plain = licence_terms((0, COINS_, 1, DAY, 0, 0))
        listed = world.publication(DIGEST, parents=[1] if derived else [])
        world.do(registry, "publish", AUTHOR, (*listed[:-1], [*terms, plain]), sender=AUTHOR)
        world.do(registry, "setFee", fee)
        self.tokens = (COIN, world.dollar.address, BLOCKING.address)
        self.people = [*PEOPLE.values(), TREASURY, REFUSING, ESCROW.address, world.lineage_splitter(2)]
        money: dict[str, dict[str, int]] = {token: defaultdict(int) for token in self.tokens}
        for token in self.tokens:
            for account in self.people:
                money[token][account] = self.balance(token, account)
        self.model = EscrowModel(
            asset_id=2,
            digest=DIGEST,
            owner=AUTHOR,
            admin=DAO,
            offers=[*(Offer(price, payment, amount, minimum) for payment in payments), Offer(0, COINS_, DAY, None)],
            royalty_bps=ROYALTY if derived else 0,
            royalty_to=world.lineage_splitter(2),
            fee_bps=fee,
            treasury=TREASURY,
            contract=ESCROW.address,
            now=START,
            payments=list(self.tokens),
            money=money,
            takes_coins=lambda account: account not in (REFUSING, ESCROW.address),
        )
        for number, host in ((0, FRIEND), (1, FRIEND), (2, STRANGER)):
            self.open(number, host, BUYER, number, "good", 10**9, 600, "sound", "this", 0)

    def balance(self, token: str, account: str) -> int:
        if token == COIN:
            return self.chain.balance(account)
        return self.chain.words(self.chain.at("LocalDollar", token), "balanceOf", account)[0]

    def act(self, function: str, *args: Any, sender: str, verdict: Callable[[], Any], value: int = 0) -> Outcome | None:
        """Do it on both sides and compare; the outcome if it was done, None if both refused it."""
        expected: Failure | None = None
        try:
            verdict()
        except Refused as refused:
            expected = Failure(refused.name, refused.values)
        outcome = self.chain.transact(ESCROW, function, *args, sender=sender, value=value)
        assert outcome.failure == expected, f"{function}: the chain says {outcome.failure}, the model {expected}"
        self.tally[function, expected.name if expected else "done"] += 1
        return outcome if expected is None else None

    # The consumer

    @rule(
        number=st.sampled_from([0, 0, 1, 1, 2, 2, 3, 9]),
        host=st.sampled_from(HOSTS),
        consumer=st.sampled_from(CONSUMERS),
        salt=st.integers(0, 3),
        signature=st.sampled_from(["good"] * 6 + ["another's", "of another offer"]),
        bond=st.sampled_from([10**9, 1, 5_000_000, 10**9, 0]),
        run=st.sampled_from([600, 600, 61, DAY, 0, 31 * DAY]),
        windows=st.sampled_from(["sound"] * 6 + ["short review", "long review", "long grace", "late", "too far"]),
        seen=st.sampled_from(["any", "this", "this", "older"]),
        margin=st.sampled_from([0, 0, 0, 5, -1]),
    )
    def open(
        self,
        number: int,
        host: str,
        consumer: str,
        salt: int,
        signature: str,
        bond: int,
        run: int,
        windows: str,
        seen: str,
        margin: int,
    ) -> None:
        model, now = self.model, self.model.now
        asked = Asked(2, number, host, consumer, keccak(bytes([salt])), bond, run, 300, DAY, now + HOUR)
        asked = {
            "sound": asked,
            "short review": replace(asked, review=HOUR - 1),
            "long review": replace(asked, review=31 * DAY),
            "long grace": replace(asked, grace=31 * DAY),
            "late": replace(asked, accept_by=now - 1),
            "too far": replace(asked, accept_by=now + 31 * DAY),
        }[windows]
        signer = DAO if signature == "another's" else host
        signed = replace(asked, bond=bond + 1) if signature == "of another offer" else asked
        digest = {"any": NO_DIGEST, "this": DIGEST, "older": b"\x99" * 32}[seen]
        total = 0
        if number < len(model.offers) and (minimum := model.offers[number].minimum) is not None:
            offer = model.offers[number]
            total = -((-offer.price * max(run, minimum)) // offer.amount)
        most = max(total + margin, 0)
        is_coin = number < 3 and model.offers[number].payment == COINS_
        value = most if is_coin else 0
        order = (asked.values(), self.world.sign_offer(signer, ESCROW.address, signed.values()), digest, most)
        self.act(
            "open",
            order,
            sender=consumer,
            value=value,
            verdict=lambda: model.open(consumer, asked, signature == "good", digest, most, value, self.id_of),
        )

    @rule(
        number=st.integers(0, 2),
        host=st.sampled_from(HOSTS),
        consumer=st.sampled_from(CONSUMERS),
        salt=st.integers(4, 60),
        far=st.sampled_from([1, 2, 3, 3]),
    )
    def a_job_goes_its_way(self, number: int, host: str, consumer: str, salt: int, far: int) -> None:
        """As jobs mostly do; one act after the other, chosen freely, seldom comes as far as a dispute."""
        before = len(self.model.jobs)
        self.open(number, host, consumer, salt, "good", 10**6, 600, "sound", "this", 0)
        if len(self.model.jobs) == before:
            return
        job = self.model.jobs[-1]
        value = self.bond(job)
        self.act("accept", job.values(), sender=host, value=value, verdict=lambda: self.model.accept(host, job, value))
        if far > 1:
            self.time_passes(61)
            self.act(
                "deliver", job.values(), RESULT, 100, sender=host, verdict=lambda: self.model.deliver(host, job, 100)
            )
        if far > 2:
            self.act(
                "dispute",
                job.values(),
                RESULT,
                sender=consumer,
                value=value,
                verdict=lambda: self.model.dispute(consumer, job, RESULT, value),
            )

    def id_of(self, values: tuple[Any, ...]) -> bytes:
        offer, *frozen = values
        return self.world.name_of_job(ESCROW.address, offer, tuple(frozen))

    def picked(self, pick: int, *wanted: int) -> EscrowedJob:
        """Mostly one that is where the act makes sense."""
        fitting = [job for job in self.model.jobs if job.status in wanted]
        jobs = fitting if fitting and pick < 10 else self.model.jobs
        return jobs[pick % len(jobs)]

    def caller(self, caller: str, party: str) -> str:
        return party if caller == "party" else caller

    def bond(self, job: EscrowedJob, margin: int = 0) -> int:
        return job.asked.bond + margin if job.token == COIN else 0

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=callers)
    def cancel(self, pick: int, caller: str) -> None:
        job = self.picked(pick, OPEN, RUNNING)
        sender = self.caller(caller, job.asked.consumer)
        self.act("cancel", job.values(), sender=sender, verdict=lambda: self.model.cancel(sender, job))

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=callers, reason=st.sampled_from([RESULT, RESULT, RESULT, NO_DIGEST]))
    def dispute(self, pick: int, caller: str, reason: bytes) -> None:
        job = self.picked(pick, DELIVERED)
        sender, value = self.caller(caller, job.asked.consumer), self.bond(job)
        self.act(
            "dispute",
            job.values(),
            reason,
            sender=sender,
            value=value,
            verdict=lambda: self.model.dispute(sender, job, reason, value),
        )

    # The host

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=callers, margin=st.sampled_from([0, 0, 0, 7, -1]))
    def accept(self, pick: int, caller: str, margin: int) -> None:
        job = self.picked(pick, OPEN)
        sender, value = self.caller(caller, job.asked.host), max(self.bond(job, margin), 0)
        self.act(
            "accept", job.values(), sender=sender, value=value, verdict=lambda: self.model.accept(sender, job, value)
        )

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=callers, used=st.sampled_from([0, 1, 100, 600, 2**32 - 1]))
    def deliver(self, pick: int, caller: str, used: int) -> None:
        job = self.picked(pick, RUNNING)
        sender = self.caller(caller, job.asked.host)
        self.act(
            "deliver", job.values(), RESULT, used, sender=sender, verdict=lambda: self.model.deliver(sender, job, used)
        )

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.sampled_from([0, 1, 11]), caller=callers)
    def give_up(self, pick: int, caller: str) -> None:
        job = self.picked(pick, RUNNING)
        sender = self.caller(caller, job.asked.host)
        self.act("giveUp", job.values(), sender=sender, verdict=lambda: self.model.give_up(sender, job))

    # Anybody, and the council

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=callers)
    def settle(self, pick: int, caller: str) -> None:
        job = self.picked(pick, DELIVERED)
        sender = self.caller(caller, job.asked.consumer)
        self.act("settle", job.values(), sender=sender, verdict=lambda: self.model.settle(sender, job))

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=people)
    def expire(self, pick: int, caller: str) -> None:
        job = self.picked(pick, OPEN, RUNNING)
        self.act("expire", job.values(), sender=caller, verdict=lambda: self.model.expire(job))

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks, caller=people)
    def lapse(self, pick: int, caller: str) -> None:
        job = self.picked(pick, DISPUTED)
        self.act("lapse", job.values(), sender=caller, verdict=lambda: self.model.lapse(job))

    @precondition(lambda self: self.model.jobs)
    @rule(
        pick=picks,
        caller=st.sampled_from([DAO, DAO, DAO, AUTHOR, BUYER]),
        share=st.sampled_from([0, 10_000, 5_000, 3_333, 10_001]),
        reason=st.sampled_from([RESULT, RESULT, RESULT, NO_DIGEST]),
    )
    def decide(self, pick: int, caller: str, share: int, reason: bytes) -> None:
        job = self.picked(pick, DISPUTED)
        self.act(
            "decide",
            job.values(),
            share,
            reason,
            sender=caller,
            verdict=lambda: self.model.decide(caller, job, share, reason),
        )

    @rule(which=st.integers(0, 2), payee=people, caller=people, to=st.sampled_from(["payee", "payee", "caller"]))
    def claim(self, which: int, payee: str, caller: str, to: str) -> None:
        token = self.tokens[which]
        if waiting := [(one, who) for one in self.tokens for who, sum_ in self.model.parked[one].items() if sum_]:
            token, payee = waiting[which % len(waiting)]
            if to == "payee" and token == BLOCKING.address:
                self.the_issuer_blocks(payee, False)
        receiver = payee if to == "payee" else caller
        self.act(
            "claim",
            token,
            payee,
            receiver,
            sender=caller,
            verdict=lambda: self.model.claim(caller, token, payee, receiver),
        )

    # What happens around

    @rule(council=st.sampled_from([AUTHOR, AUTHOR, BUYER]), days=st.sampled_from([1, 300]))
    def a_council_is_named(self, council: str, days: int) -> None:
        self.model.council = council, self.model.now + days * DAY
        self.world.do(ESCROW, "nameCouncil", *self.model.council)

    @rule(payout=st.sampled_from([None, REFUSING, ESCROW.address]))
    def the_owner_names_another_payout(self, payout: str | None) -> None:
        self.model.payout = payout
        self.world.do(self.registry, "setPayout", 2, payout or COIN, sender=AUTHOR)

    @rule(
        number=st.integers(0, 2),
        price=st.sampled_from([0, 9, 10**6, 2**40]),
        is_open=st.sampled_from([True, True, False]),
    )
    def the_offer_changes(self, number: int, price: int, is_open: bool) -> None:
        offer = self.model.offers[number]
        offer.price, offer.open = price if number else min(price, 10**6), is_open
        self.world.do(self.registry, "setPrice", 2, number, offer.price, sender=AUTHOR)
        self.world.do(self.registry, "setOpen", 2, number, is_open, sender=AUTHOR)

    @rule(
        what=st.sampled_from(["suspend", "resume", "resume", "end", "name", "name"]), fee=st.sampled_from([0, 1, 500])
    )
    def what_is_new_is_stopped_or_goes_on(self, what: str, fee: int) -> None:
        model, world, registry = self.model, self.world, self.registry
        model.fee_bps = fee
        world.do(registry, "setFee", fee)
        if what in ("suspend", "resume"):
            state = int(what == "suspend")
            if model.state not in (state, RETIRED):
                model.state = state
                world.do(registry, "setState", 2, state, sender=AUTHOR)
        else:
            model.selling = what == "name"
            world.do(registry, "setSeller", ESCROW.address, model.selling)

    @rule(account=st.sampled_from([*PEOPLE.values(), TREASURY, ESCROW.address]), blocked=st.booleans())
    def the_issuer_blocks(self, account: str, blocked: bool) -> None:
        (self.model.blocked[BLOCKING.address].add if blocked else self.model.blocked[BLOCKING.address].discard)(account)
        self.world.do(BLOCKING, "setBlocked", account, blocked)

    @rule(time=seconds)
    def time_passes(self, time: int) -> None:
        self.model.now += time
        self.chain.set_time(self.model.now)

    @precondition(lambda self: any(job.status < CLOSED for job in self.model.jobs))
    @rule(pick=picks, before=st.sampled_from([0, -1, 1]))
    def time_passes_to_an_end(self, pick: int, before: int) -> None:
        """To the very second, the one before, or the one after."""
        job = self.picked(pick, OPEN, RUNNING, DELIVERED, DISPUTED)
        end = {
            OPEN: job.asked.accept_by,
            RUNNING: job.deliver_by,
            DELIVERED: job.since + job.asked.review,
            DISPUTED: job.since + 90 * DAY,
        }.get(job.status, 0)
        self.time_passes(max(0, end - before - self.model.now))

    # What must hold

    @invariant()
    def the_chain_is_the_model(self) -> None:
        model, chain = self.model, self.chain
        for token in self.tokens:
            # To the unit: no more and no less is there than what jobs hold and somebody is owed.
            assert model.balance(token) == model.money[token][ESCROW.address]
            for account in self.people:
                assert self.balance(token, account) == model.money[token][account]
                assert chain.words(ESCROW, "owedTo", token, account) == (model.parked[token][account],)
        for job in model.jobs:
            status, since, used, result = chain.words(ESCROW, "recordOf", job.id)
            assert (status, since, used) == (job.status, job.since, job.used)
            assert result in (0, int.from_bytes(RESULT)) and (status != DELIVERED or result)


SEEN = {
    ("open", "done"), ("open", "JobIs"), ("open", "NotARun"), ("open", "WindowOutOfRange"), ("open", "TooLate"),
    ("open", "NoBond"), ("open", "InvalidOfferSignature"), ("open", "NotSeller"), ("open", "NotForSale"),
    ("open", "LicenceClosed"), ("open", "OtherDocument"), ("open", "PaymentRefused"), ("accept", "done"),
    ("accept", "JobIs"), ("accept", "TooLate"), ("accept", "NotParty"), ("accept", "ValueTooLow"), ("cancel", "done"),
    ("cancel", "TooLate"), ("cancel", "NotParty"), ("deliver", "done"), ("deliver", "TooLate"), ("dispute", "done"),
    ("dispute", "TooLate"), ("dispute", "EmptyReason"), ("giveUp", "done"), ("settle", "done"), ("settle", "TooEarly"),
    ("expire", "done"), ("expire", "TooEarly"), ("lapse", "done"), ("lapse", "TooEarly"), ("decide", "done"),
    ("decide", "JudgeIsParty"), ("decide", "InvalidShare"), ("decide", "AccessManagedUnauthorized"), ("claim", "done"),
}  # fmt: skip


def test_jobs_and_model_never_disagree() -> None:
    EscrowMachine.tally.clear()
    steps = walk(EscrowMachine, examples=200, steps=50)
    missing = SEEN - set(EscrowMachine.tally)
    assert len(missing) <= may_miss(steps, 6), f"never seen: {missing}"
