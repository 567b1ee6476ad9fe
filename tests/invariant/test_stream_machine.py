"""Random walks over streams in step with their model: same verdicts, same money, same access, after every step.

`DEEP_SECONDS` walks further and each time elsewhere (see `profile`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any, ClassVar

import hypothesis.strategies as st
from eth_abi import decode
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from .evm import ZERO, Failure, Log, Outcome
from .model import COIN, RETIRED, UNLIMITED, Refused
from .profile import may_miss, walk
from .stream_model import NO_DIGEST, Offer, StreamModel, divided, worth
from .world import AUTHOR, BUYER, DAO, FRIEND, PEOPLE, START, STRANGER, TREASURY, World, licence_terms, stream_terms

DAY = 86_400
MONTH = 30 * DAY
ROYALTY = 1_250
DIGEST = b"\x11" * 32
MONEY = 10**30
CLOSED_WORLD = World()
REFUSING = CLOSED_WORLD.chain.deploy("RefusingReceiver", sender=DAO).address
BLOCKING = CLOSED_WORLD.chain.deploy("BlockingToken", sender=DAO)
TAXED = CLOSED_WORLD.chain.deploy("FeeToken", sender=DAO)
for token in (BLOCKING, TAXED):
    CLOSED_WORLD.do(CLOSED_WORLD.registry, "setPaymentToken", token.address, True)
    for person in PEOPLE.values():
        CLOSED_WORLD.do(token, "mint", person, MONEY)
        CLOSED_WORLD.do(token, "approve", CLOSED_WORLD.streams.address, UNLIMITED, sender=person)
COINS_, DOLLARS_, BLOCKING_, TAXED_ = range(4)  # indices of payment tokens

people = st.sampled_from(list(PEOPLE.values()))
subscribers = st.sampled_from([BUYER, BUYER, FRIEND, STRANGER])
numbers = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 9])
times = st.sampled_from([1, 59, 3_600, DAY, DAY, DAY + 1, MONTH, MONTH, 90 * DAY, 2**32 - 1, 0])
margins = st.sampled_from([0, 0, 0, 1, 10**18, -1, -1])
receivers = st.sampled_from([ZERO, AUTHOR, REFUSING, "streams", "streams"])


class StreamMachine(RuleBasedStateMachine):
    """Rules and verdicts, and what must hold after each step."""

    tally: ClassVar[Counter[tuple[str, str]]] = Counter()  # (function, error or "done") over all runs

    def __init__(self) -> None:
        super().__init__()
        self.world = world = CLOSED_WORLD
        self.chain, self.registry, self.streams = world.chain, world.registry, world.streams
        self._snapshot = self.chain.snapshot()
        self._snapshot.__enter__()
        self.logs: list[Log] = []
        self.active: set[tuple[int, str]] = set()
        self.gains: set[tuple[int, str]] = set()
        self.loses: set[tuple[int, str]] = set()

    def teardown(self) -> None:
        self._snapshot.__exit__(None, None, None)

    @initialize(
        prices=st.tuples(*[st.sampled_from([12_500_000, 999_999, 12_500_000, 7, 1, 0, 10**18]) for _ in range(4)]),
        amounts=st.tuples(*[st.sampled_from([MONTH, DAY, 7, 1, 2**32 - 1]) for _ in range(4)]),
        minimums=st.tuples(*[st.sampled_from([DAY, 0, MONTH, 2**24 - 1]) for _ in range(4)]),
        derived=st.booleans(),
        fee=st.sampled_from([250, 0, 1, 500]),
        blocked=st.sampled_from([TREASURY, AUTHOR, BUYER, None, None]),
    )
    def start(
        self,
        prices: tuple[int, ...],
        amounts: tuple[int, ...],
        minimums: tuple[int, ...],
        derived: bool,
        fee: int,
        blocked: str | None,
    ) -> None:
        world, registry = self.world, self.registry
        world.do(registry, "publish", DAO, world.publication(b"\x33" * 32, royalty=(True, ROYALTY)), sender=DAO)
        payments = (DOLLARS_, COINS_, BLOCKING_, TAXED_)
        drawn = list(zip(prices, payments, amounts, minimums, strict=True))
        # A longest stay of three quarters of a year is only tried now and then.
        drawn[0] = (*drawn[0][:3], min(drawn[0][3], DAY))
        terms = [stream_terms(*offer, streams=self.streams.address) for offer in drawn]
        plain = licence_terms((0, COINS_, 1, DAY, 0, 0))
        listed = world.publication(DIGEST, parents=[1] if derived else [])
        world.do(registry, "publish", AUTHOR, (*listed[:-1], [*terms, plain]), sender=AUTHOR)
        world.do(registry, "setFee", fee)
        tokens = (COIN, world.dollar.address, BLOCKING.address, TAXED.address)
        self.tokens = tokens
        self.people = [*PEOPLE.values(), TREASURY, REFUSING, self.streams.address, world.lineage_splitter(2)]
        money: dict[str, dict[str, int]] = {token: defaultdict(int) for token in tokens}
        for token in tokens:
            for account in self.people:
                money[token][account] = self.balance(token, account)
        self.model = StreamModel(
            asset_id=2,
            digest=DIGEST,
            owner=AUTHOR,
            offers=[*(Offer(*offer) for offer in drawn), Offer(0, COINS_, DAY, None)],
            royalty_bps=ROYALTY if derived else 0,
            royalty_to=world.lineage_splitter(2),
            fee_bps=fee,
            treasury=TREASURY,
            contract=self.streams.address,
            now=START,
            payments=[(token, True) for token in tokens],
            money=money,
            takes_coins=lambda account: account not in (REFUSING, self.streams.address),
            taxed=frozenset({TAXED.address}),
        )

        # Some streams run already, so that most walks get to their ends.
        for number, account in ((0, BUYER), (1, BUYER), (2, BUYER), (0, FRIEND), (2, FRIEND)):
            self.subscribe(number=number, buyer=account, account=None, time=MONTH, margin=0, seen="any")
        if blocked is not None:
            self.the_issuer_blocks(account=blocked, blocked=True)

    def balance(self, token: str, account: str) -> int:
        if token == COIN:
            return self.chain.balance(account)
        return self.chain.words(self.chain.at("LocalDollar", token), "balanceOf", account)[0]

    def act(self, function: str, *args: Any, sender: str, verdict: Callable[[], Any], **more: Any) -> Outcome | None:
        """Do it on both sides and compare; the outcome if it was done, None if both refused it."""
        expected: Failure | None = None
        try:
            self.answer = verdict()
        except Refused as refused:
            expected = Failure(refused.name, refused.values)
        contract = more.pop("contract", self.streams)
        outcome = self.chain.transact(contract, function, *args, sender=sender, **more)
        assert outcome.failure == expected, f"{function}: the chain says {outcome.failure}, the model {expected}"
        self.tally[function, expected.name if expected else "done"] += 1
        self.logs.extend(outcome.logs)
        return outcome if expected is None else None

    # Buying

    def order(
        self, number: int, account: str, time: int, margin: int, seen: str, running: bool
    ) -> tuple[tuple[Any, ...], int]:
        """An order, and the coins that go with it."""
        model, total = self.model, 0
        stream = model.streams.get((number, account))
        if running and stream is not None:
            before = worth(stream.price, stream.amount, stream.end - stream.start)
            total = worth(stream.price, stream.amount, stream.end + time - stream.start) - before
        elif number < len(model.offers):
            offer = model.offers[number]
            total = worth(offer.price, offer.amount, time) if offer.minimum is not None else 0
        is_coin = number < len(model.offers) and model.offers[number].payment == COINS_
        digest = {"any": NO_DIGEST, "this": model.digest, "older": b"\x99" * 32}[seen]
        asset_id = model.asset_id if number < 9 else 77
        most = max(0, total + margin)
        return (asset_id, number, account, time, most, digest), min(most, 10**18) if is_coin else 0

    @rule(
        number=numbers,
        buyer=subscribers,
        account=st.sampled_from([None, None, None, None, BUYER, FRIEND, ZERO]),
        time=times,
        margin=margins,
        seen=st.sampled_from(["any", "this", "this", "older"]),
    )
    def subscribe(self, number: int, buyer: str, account: str | None, time: int, margin: int, seen: str) -> None:
        order, value = self.order(number, buyer if account is None else account, time, margin, seen, False)
        self.gains.add((number, order[2]))
        self.act(
            "subscribe", order, sender=buyer, value=value, verdict=lambda: self.model.subscribe(buyer, order, value)
        )

    @rule(number=numbers, buyer=people, account=subscribers, time=times, margin=margins)
    def extend(self, number: int, buyer: str, account: str, time: int, margin: int) -> None:
        number, account = self.running(number, account)
        order, value = self.order(number, account, time, margin, "any", True)
        self.act("extend", order, sender=buyer, value=value, verdict=lambda: self.model.extend(buyer, order, value))

    @rule(number=numbers, account=subscribers)
    def stray_coins_come_with_a_price_in_tokens(self, number: int, account: str) -> None:
        order, _ = self.order(number, account, DAY, 0, "any", False)
        if number < len(self.model.offers) and self.model.offers[number].payment == COINS_:
            return
        self.act("subscribe", order, sender=account, value=5, verdict=lambda: self.model.subscribe(account, order, 5))

    def running(self, number: int, account: str) -> tuple[int, str]:
        """Mostly a stream that lasts: one of theirs, whichever licence was drawn."""
        if number in (0, 9) or self.model.active(number, account):
            return number, account
        mine = [key for key in self.model.streams if key[1] == account and self.model.active(*key)]
        return mine[0] if mine else (number, account)

    # Ending and settling

    @rule(number=numbers, account=subscribers)
    def cancel(self, number: int, account: str) -> None:
        number, account = self.running(number, account)
        asset_id = self.model.asset_id if number < 9 else 77
        self.loses = {(number, account)}
        outcome = self.act(
            "cancel",
            asset_id,
            number,
            sender=account,
            verdict=lambda: self.model.cancel(account, asset_id, number),
        )
        if outcome is not None:
            assert int.from_bytes(outcome.data) == self.answer

    @rule(number=st.sampled_from([0, 0, 1, 1, 2, 3]), accounts=st.lists(people, max_size=4), caller=people)
    def settle(self, number: int, accounts: list[str], caller: str) -> None:
        outcome = self.act(
            "settle",
            self.model.asset_id,
            number,
            accounts,
            sender=caller,
            verdict=lambda: self.model.settle(self.model.asset_id, number, accounts),
        )
        if outcome is not None:
            assert decode(("(uint128,uint128,uint128)",), outcome.data)[0] == self.answer

    @rule(which=st.integers(0, 3), payee=receivers, caller=people, to=st.sampled_from(["payee", "payee", "caller"]))
    def claim(self, which: int, payee: str, caller: str, to: str) -> None:
        token = self.tokens[which]
        payee = self.named(payee) if payee != ZERO else TREASURY
        # Mostly one for whom something waits.
        if waiting := [(one, who) for one in self.tokens for who, sum_ in self.model.parked[one].items() if sum_]:
            token, payee = waiting[which % len(waiting)] if payee != STRANGER else (token, payee)
        receiver = payee if to == "payee" else caller
        if receiver == self.streams.address:
            return
        self.act(
            "claim",
            token,
            payee,
            receiver,
            sender=caller,
            verdict=lambda: self.model.claim(caller, token, payee, receiver),
        )

    # What happens around

    def named(self, account: str) -> str:
        return self.streams.address if account == "streams" else account

    @rule(payout=receivers)
    def the_owner_names_another_payout(self, payout: str) -> None:
        payout = self.named(payout)
        self.model.payout = payout if payout != ZERO else None
        self.world.do(self.registry, "setPayout", self.model.asset_id, payout, sender=self.model.owner)

    @rule(receiver=st.sampled_from([AUTHOR, FRIEND]))
    def the_asset_changes_hands(self, receiver: str) -> None:
        owner = self.model.owner
        self.world.do(self.registry, "transferFrom", owner, receiver, self.model.asset_id, sender=owner)
        if owner != receiver:
            self.model.owner, self.model.payout = receiver, None

    @rule(
        number=st.integers(0, 3), price=st.sampled_from([0, 1, 9, 10**6, 2**90]), is_open=st.sampled_from([True, False])
    )
    def the_offer_changes(self, number: int, price: int, is_open: bool) -> None:
        offer, owner = self.model.offers[number], self.model.owner
        offer.price, offer.open = price, is_open
        self.world.do(self.registry, "setPrice", self.model.asset_id, number, price, sender=owner)
        self.world.do(self.registry, "setOpen", self.model.asset_id, number, is_open, sender=owner)

    @rule(
        what=st.sampled_from(
            ["suspend", "resume", "resume", "delist", "list", "end", "name", "name", "pause", "pause", "go on"]
        )
    )
    def what_is_new_is_stopped_or_goes_on(self, what: str) -> None:
        model, world, registry = self.model, self.world, self.registry
        if what in ("suspend", "resume"):
            state = int(what == "suspend")
            if model.state not in (state, RETIRED):
                model.state = state
                world.do(registry, "setState", model.asset_id, state, sender=model.owner)
        elif what in ("delist", "list"):
            model.delisted = what == "delist"
            world.do(registry, "setDelisted", model.asset_id, model.delisted)
        elif what in ("end", "name"):
            if model.treasury == self.streams.address:
                return  # Whoever takes the fees cannot be named.
            model.selling = what == "name"
            world.do(registry, "setSeller", self.streams.address, model.selling)
        else:
            model.paused_until = model.now + DAY if what == "pause" else 0
            world.do(registry, "pauseSales", model.paused_until)

    @rule(which=st.integers(0, 3), allowed=st.sampled_from([True, True, False]))
    def a_token_is_no_longer_taken(self, which: int, allowed: bool) -> None:
        self.model.payments[which] = (self.tokens[which], allowed)
        self.world.do(self.registry, "setPaymentToken", self.tokens[which], allowed)

    @rule(fee=st.sampled_from([0, 1, 250, 500]))
    def the_fee_changes(self, fee: int) -> None:
        self.model.fee_bps = fee
        self.world.do(self.registry, "setFee", fee)

    @rule(receiver=st.sampled_from([TREASURY, TREASURY, FRIEND, "streams"]))
    def fees_go_elsewhere(self, receiver: str) -> None:
        """A seller that was ended can be named, too, by mistake."""
        receiver = self.named(receiver)
        if receiver == self.streams.address and self.model.selling:
            return
        self.model.treasury = receiver
        self.world.do(self.registry, "setTreasury", receiver)

    @rule(account=st.sampled_from([*PEOPLE.values(), TREASURY, "streams"]), blocked=st.booleans())
    def the_issuer_blocks(self, account: str, blocked: bool) -> None:
        account = self.named(account)
        (self.model.blocked[BLOCKING.address].add if blocked else self.model.blocked[BLOCKING.address].discard)(account)
        self.world.do(BLOCKING, "setBlocked", account, blocked)

    @rule(seconds=st.sampled_from([0, 1, 59, 3_600, DAY - 1, DAY, MONTH, 400 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.model.now += seconds
        self.chain.set_time(self.model.now)
        self.loses = set(self.active)

    @precondition(lambda self: any(stream.end > self.model.now for stream in self.model.streams.values()))
    @rule(before=st.sampled_from([0, 0, 1]))
    def time_passes_to_an_end(self, before: int) -> None:
        """To the very second, or the one before."""
        end = min(stream.end for stream in self.model.streams.values() if stream.end > self.model.now)
        self.time_passes_by(max(0, end - before - self.model.now))

    def time_passes_by(self, seconds: int) -> None:
        self.model.now += seconds
        self.chain.set_time(self.model.now)
        self.loses = set(self.active)

    # What must hold

    @invariant()
    def the_chain_is_the_model(self) -> None:
        model, chain = self.model, self.chain
        model.check_the_books()
        for token in self.tokens:
            # To the unit: no more and no less is there than what somebody is owed.
            assert model.balance(token) == model.money[token][self.streams.address]
            for account in self.people:
                assert self.balance(token, account) == model.money[token][account]
                if account != self.streams.address:
                    owed = chain.words(self.streams, "owedTo", token, account)
                    assert owed == (model.parked[token][account],)
        active: set[tuple[int, str]] = set()
        for number in range(4):
            assert chain.call(self.streams, "carriedOver", 2, number) == tuple(model.carried[number])
            for account in (BUYER, FRIEND, STRANGER):
                if self.a_subscription_is_as_the_model_has_it(number, account):
                    active.add((number, account))
        for account in (BUYER, FRIEND, STRANGER):
            some = any(holder == account for _, holder in active)
            assert chain.words(self.registry, "hasAccess", 2, account) == (some,)
        assert active - self.active <= self.gains, "access came from nowhere"
        assert self.active - active <= self.loses, "access was lost"
        self.active, self.gains, self.loses = active, set(), set()

    def a_subscription_is_as_the_model_has_it(self, number: int, account: str) -> bool:
        model, chain = self.model, self.chain
        stream, active = model.streams.get((number, account)), model.active(number, account)
        end = stream.end if stream else 0
        assert chain.words(self.streams, "endOf", 2, number, account) == (end,)
        assert chain.words(self.registry, "accessOf", 2, number, account) == (active, end, 0, 0, 0, 0)
        told = chain.call(self.streams, "subscriptionOf", 2, number, account)
        if stream is None:
            assert told[0] == (0, 0, 0, 0, 0) and told[2:] == (False, 0, 0, 0)
            return False
        minimum = model.offers[number].minimum
        assert minimum is not None
        token = self.tokens[model.offers[number].payment]
        paid = stream.paid - stream.refunded
        stop = max(model.now, stream.start + minimum)
        refund = paid - stream.earned(stop) if stop < stream.end else 0
        assert told == (
            (stream.start, stream.end, stream.settled, stream.price, stream.fee_bps),
            (token, stream.amount, minimum, model.royalty_bps),
            active,
            paid,
            stream.earned(model.now),
            refund,
        )
        return active


SEEN = {
    ("subscribe", "done"), ("subscribe", "StreamRuns"), ("subscribe", "TooLittleTime"), ("subscribe", "NotAStream"),
    ("subscribe", "TotalAboveMaximum"), ("subscribe", "NotForSale"), ("subscribe", "LicenceClosed"),
    ("subscribe", "NotSeller"), ("subscribe", "SalesArePaused"), ("subscribe", "OtherDocument"),
    ("subscribe", "PaymentTokenNotAllowed"), ("subscribe", "PaymentIncomplete"), ("subscribe", "InvalidAccount"),
    ("subscribe", "UnexpectedValue"), ("extend", "done"), ("extend", "StreamIsOver"), ("extend", "TotalAboveMaximum"),
    ("extend", "TooLittleTime"), ("cancel", "done"), ("cancel", "StreamIsOver"), ("cancel", "NothingToRefund"),
    ("settle", "done"), ("claim", "done"), ("claim", "NotPayee"), ("claim", "NothingToClaim"),
}  # fmt: skip


def test_streams_and_model_never_disagree() -> None:
    StreamMachine.tally.clear()
    steps = walk(StreamMachine, examples=250, steps=50)
    missing = SEEN - set(StreamMachine.tally)
    assert len(missing) <= may_miss(steps, 2), f"never seen: {missing}"


@given(
    price=st.integers(1, 2**40),
    amount=st.sampled_from([1, 3, DAY, MONTH]),
    total=st.integers(1, MONTH),
    cuts=st.lists(st.integers(1, MONTH), max_size=12),
    fee=st.integers(0, 500),
    royalty=st.integers(0, 3_000),
)
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
def test_settling_often_changes_nothing(
    price: int, amount: int, total: int, cuts: list[int], fee: int, royalty: int
) -> None:
    """However time is cut, the parts of the pieces come to the parts of the whole, and none of them is negative."""
    moments = sorted({min(cut, total) for cut in cuts} | {0, total})
    pieces = [divided(worth(price, amount, moment), fee, royalty) for moment in moments]
    steps = [[b - a for a, b in zip(one, two, strict=True)] for one, two in pairwise(pieces)]
    assert all(part >= 0 for step in steps for part in step)
    whole = divided(worth(price, amount, total), fee, royalty)
    assert tuple(map(sum, zip(*steps, strict=True))) == whole
    # As in a sale, but for a unit that the ancestors may have more and the payout less.
    sale = worth(price, amount, total)
    assert whole[0] == sale * fee // 10_000
    assert 0 <= whole[1] - sale * royalty // 10_000 <= 1


def test_a_thousand_small_settlements_pay_what_one_pays() -> None:
    """A second at a time of 12.50 dollars a month: each alone would round every fee to nothing."""
    world, chain = CLOSED_WORLD, CLOSED_WORLD.chain
    results = []
    for step in (1, 1_000):
        with chain.snapshot():
            offer = stream_terms(12_500_000, DOLLARS_, MONTH, 0, streams=world.streams.address)
            world.do(world.registry, "publish", DAO, world.publication(b"\x33" * 32, royalty=(True, 10)), sender=DAO)
            listed = world.publication(DIGEST, parents=[1])
            world.do(world.registry, "publish", AUTHOR, (*listed[:-1], [offer]), sender=AUTHOR)
            order = (2, 0, BUYER, MONTH, UNLIMITED, DIGEST)
            world.do(world.streams, "subscribe", order, sender=BUYER)
            receivers = (TREASURY, world.lineage_splitter(2), AUTHOR)
            before = [chain.words(world.dollar, "balanceOf", one)[0] for one in receivers]
            for _ in range(0, 1_000, step):
                chain.set_time(chain.timestamp + step)
                world.do(world.streams, "settle", 2, 0, [BUYER], sender=STRANGER)
            after = [chain.words(world.dollar, "balanceOf", one)[0] for one in receivers]
            results.append([b - a for a, b in zip(before, after, strict=True)])
    assert results[0] == results[1]
    assert sum(results[0]) == worth(12_500_000, MONTH, 1_000)
