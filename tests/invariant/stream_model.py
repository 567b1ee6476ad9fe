"""Streams in plain Python, with the books that a clerk would keep.

The contract keeps of a stream when it began, ends and was settled, and works all else out. The clerk writes down each
payment, each refund and each pay-out, and holds the two against each other: `balance` says what must be left.

As in `model`, each act changes the model or raises `Refused` with the error that the chain must give; the order of the
lines is part of the specification. Amounts are the smallest unit of their token, times seconds since 1970.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from .ledger_model import LedgerModel
from .model import ACTIVE, BPS, COIN, ZERO, Refused

NO_DIGEST = bytes(32)
LIMIT = 2**120 - 1
Parts = tuple[int, int, int]  # fee, royalty, payout


def worth(price: int, amount: int, seconds: int) -> int:
    """What so much time costs: its share of the price, rounded up to a whole unit."""
    return -((-price * seconds) // amount)


def divided(total: int, fee_bps: int, royalty_bps: int) -> Parts:
    """The fee first; then the ancestors' share of what it leaves, which is their share of the whole."""
    fee = total * fee_bps // BPS
    royalty = (total - fee) * royalty_bps // (BPS - fee_bps)
    return fee, royalty, total - fee - royalty


@dataclass
class Offer:
    """A licence: sold by the second if `minimum` is a number."""

    price: int
    payment: int
    amount: int
    minimum: int | None
    open: bool = True


@dataclass
class Stream:
    """Access of one account, and all that was written down of it."""

    start: int
    end: int
    price: int
    amount: int
    fee_bps: int
    settled: int
    paid: int = 0  # in all, for it
    refunded: int = 0
    given: list[int] = field(default_factory=lambda: [0, 0, 0])  # of it, to the treasury, the ancestors and the payout

    def earned(self, until: int) -> int:
        """What it has earned by then."""
        return worth(self.price, self.amount, min(until, self.end) - self.start)


@dataclass
class StreamModel(LedgerModel):
    """The streams of one asset. `takes_coins` says which accounts take native coin."""

    asset_id: int
    digest: bytes
    owner: str
    offers: list[Offer]
    royalty_bps: int
    royalty_to: str
    fee_bps: int
    treasury: str
    contract: str
    now: int
    payments: list[tuple[str, bool]]
    money: dict[str, dict[str, int]]
    takes_coins: Callable[[str], bool]
    taxed: frozenset[str] = frozenset()  # tokens that keep a part of what is sent
    payout: str | None = None
    state: int = ACTIVE
    delisted: bool = False
    selling: bool = True
    paused_until: int = 0
    streams: dict[tuple[int, str], Stream] = field(default_factory=dict)
    past: list[Stream] = field(default_factory=list)  # those that others replaced
    carried: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    parked: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    blocked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    # Buying

    def subscribe(self, buyer: str, order: tuple[int, int, str, int, int, bytes], value: int) -> int:
        """What was paid."""
        asset_id, number, account, time, most, digest = order
        if account == ZERO:
            raise Refused("InvalidAccount", ZERO)
        last = self.streams.get((number, account))
        if last is not None and last.end > self.now:
            raise Refused("StreamRuns", last.end)
        offer = self._sold_by_the_second(asset_id, number)
        assert offer.minimum is not None
        if time < offer.minimum:
            raise Refused("TooLittleTime", time, offer.minimum)
        self._sold_by_the_registry(offer, digest)
        stream = Stream(self.now, self.now, offer.price, offer.amount, self.fee_bps if offer.price else 0, self.now)
        self._prolong(stream, offer, buyer, time, most, value)
        if last is not None:
            self._count(last, self.carried[number])
            self.past.append(last)
        self.streams[number, account] = stream
        return stream.paid

    def _sold_by_the_second(self, asset_id: int, number: int) -> Offer:
        """What never changes of a licence."""
        if asset_id != self.asset_id:
            raise Refused("AssetNotFound", asset_id)
        if number >= len(self.offers):
            raise Refused("LicenceNotFound", asset_id, number)
        if self.offers[number].minimum is None:
            raise Refused("NotAStream", asset_id, number)
        return self.offers[number]

    def _sold_by_the_registry(self, offer: Offer, digest: bytes) -> None:
        """What is asked of what is new, and of nothing else."""
        if not self.selling:
            raise Refused("NotSeller", self.contract)
        if self.now < self.paused_until:
            raise Refused("SalesArePaused", self.paused_until)
        if self.state != ACTIVE or self.delisted:
            raise Refused("NotForSale", self.asset_id)
        if not offer.open:
            raise Refused("LicenceClosed", self.asset_id, self.offers.index(offer))
        if digest not in (NO_DIGEST, self.digest):
            raise Refused("OtherDocument", self.asset_id, digest, self.digest)
        if not self.payments[offer.payment][1] and offer.price:
            raise Refused("PaymentTokenNotAllowed", offer.payment)

    def extend(self, buyer: str, order: tuple[int, int, str, int, int, bytes], value: int) -> None:
        """At its own price; whatever became of the offer, the asset and the seller."""
        asset_id, number, account, time, most, _ = order
        stream = self._running(asset_id, number, account)
        self._prolong(stream, self.offers[number], buyer, time, most, value)

    def _running(self, asset_id: int, number: int, account: str) -> Stream:
        stream = self.streams.get((number, account)) if asset_id == self.asset_id else None
        if stream is None or stream.end <= self.now:
            raise Refused("StreamIsOver", stream.end if stream else 0)
        return stream

    def _prolong(self, stream: Stream, offer: Offer, buyer: str, time: int, most: int, value: int) -> None:
        if time == 0:
            raise Refused("TooLittleTime", 0, 1)
        end = stream.end + time
        whole = worth(stream.price, stream.amount, end - stream.start)
        if whole > LIMIT:
            raise Refused("TooMuchTime", end, whole)
        total = whole - worth(stream.price, stream.amount, stream.end - stream.start)
        if total > most:
            raise Refused("TotalAboveMaximum", total, most)
        token = self.payments[offer.payment][0]
        if token == COIN and value < total:
            raise Refused("ValueTooLow", value, total)
        if token != COIN and value:
            raise Refused("UnexpectedValue", value)
        if token != COIN and total:
            for account in (buyer, self.contract):
                if account in self.blocked[token]:
                    raise Refused("Blocked", account)
            if self.money[token][buyer] < total:
                raise Refused("ERC20InsufficientBalance", buyer, self.money[token][buyer], total)
            if token in self.taxed and total // 100:
                raise Refused("PaymentIncomplete", token, total - total // 100, total)
        self._move(token, buyer, self.contract, total)
        stream.paid += total
        stream.end = end

    # Ending and settling

    def cancel(self, account: str, asset_id: int, number: int) -> int:
        """The refund. Nothing but the stream itself is asked."""
        stream = self._running(asset_id, number, account)
        minimum = self.offers[number].minimum
        assert minimum is not None
        end = max(self.now, stream.start + minimum)
        if end >= stream.end:
            raise Refused("NothingToRefund", stream.end)
        refund = stream.paid - stream.refunded - worth(stream.price, stream.amount, end - stream.start)
        stream.end = end
        stream.refunded += refund
        self._pay(self.payments[self.offers[number].payment][0], account, refund)
        return refund

    def settle(self, asset_id: int, number: int, accounts: Sequence[str]) -> Parts:
        """What the treasury, the ancestors and the payout are given now."""
        if asset_id != self.asset_id:
            return 0, 0, 0
        due = list(self.carried[number])
        for account in dict.fromkeys(accounts):
            if (number, account) in self.streams:
                self._count(self.streams[number, account], due)
        token = self.payments[self.offers[number].payment][0]
        left = self.carried[number] = [0, 0, 0]
        for i, receiver in enumerate((self.treasury, self.royalty_to, self.payout or self.owner)):
            if receiver == self.contract:
                # It would never come out again; another receiver may be named.
                left[i], due[i] = due[i], 0
            elif due[i]:
                self._pay(token, receiver, due[i])
        fee, royalty, payout = due
        return fee, royalty, payout

    def _count(self, stream: Stream, into: list[int]) -> None:
        """Write down what a stream earned that was not given yet."""
        until = min(stream.end, self.now)
        due = divided(stream.earned(until), stream.fee_bps, self.royalty_bps)
        for i in range(3):
            # However it is cut, each part only grows.
            assert due[i] >= stream.given[i]
            into[i] += due[i] - stream.given[i]
        stream.given, stream.settled = list(due), until

    # What must hold

    def active(self, number: int, account: str) -> bool:
        stream = self.streams.get((number, account))
        return stream is not None and stream.end > self.now

    def balance(self, token: str) -> int:
        """What must be in the contract: what is not earned or not given yet, carried over or waiting."""
        due = sum(self.parked[token].values())
        for (number, _), stream in self.streams.items():
            if self.payments[self.offers[number].payment][0] == token:
                due += stream.paid - stream.refunded - sum(stream.given)
        for number, parts in self.carried.items():
            if self.payments[self.offers[number].payment][0] == token:
                due += sum(parts)
        return due

    def check_the_books(self) -> None:
        """Refunds and earnings come to what was paid; nobody is a unit from what time is worth."""
        for stream in [*self.streams.values(), *self.past]:
            kept = stream.paid - stream.refunded
            assert kept == stream.earned(stream.end), "refund and earnings are not what was paid"
            for until in {min(self.now, stream.end), stream.end}:
                exact = Fraction(stream.price * (until - stream.start), stream.amount)
                assert 0 <= stream.earned(until) - exact < 1
        for stream in self.past:
            assert sum(stream.given) == stream.paid - stream.refunded
