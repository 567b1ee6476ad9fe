"""Jobs in escrow in plain Python, with the purse of each.

The contract keeps one word of a job and works all else out from what it is handed. Here each job has a purse: what was
put into it and what was taken out is written down, and a purse that is closed is empty.

As in `model`, each act changes the model or raises `Refused` with the error that the chain must give; the order of the
lines is part of the specification. Amounts are the smallest unit of their token, times seconds since 1970.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .ledger_model import LedgerModel
from .model import ACTIVE, BPS, COIN, Refused
from .stream_model import NO_DIGEST, Offer, Parts, divided, worth

NONE, OPEN, RUNNING, DELIVERED, DISPUTED, CLOSED = range(6)
MOST = 30 * 86_400
DECISION = 90 * 86_400


@dataclass(frozen=True)
class Asked:
    """What a host signed, in the order of the contract."""

    asset_id: int
    licence: int
    host: str
    consumer: str
    job: bytes
    bond: int
    run: int
    grace: int
    review: int
    accept_by: int

    def values(self) -> tuple[Any, ...]:
        return tuple(vars(self).values())


@dataclass
class EscrowedJob:
    """A job, what was frozen of it, and its purse."""

    asked: Asked
    token: str
    price: int
    amount: int
    minimum: int
    fee_bps: int
    royalty_bps: int
    treasury: str
    royalty_to: str
    payout: str
    id: bytes = b""
    status: int = OPEN
    since: int = 0
    used: int = 0
    purse: int = 0

    def values(self) -> tuple[Any, ...]:
        """As the contract is handed it."""
        frozen = (self.token, self.price, self.amount, self.minimum, self.fee_bps, self.royalty_bps)
        return self.asked.values(), *frozen, self.treasury, self.royalty_to, self.payout

    def worth(self, seconds: int) -> int:
        """What so many seconds of it cost."""
        return worth(self.price, self.amount, max(seconds, self.minimum))

    @property
    def deliver_by(self) -> int:
        return self.since + self.asked.run + self.asked.grace


@dataclass
class EscrowModel(LedgerModel):
    """The jobs of one asset. `takes_coins` says which accounts take native coin."""

    asset_id: int
    digest: bytes
    owner: str
    admin: str
    offers: list[Offer]
    royalty_bps: int
    royalty_to: str
    fee_bps: int
    treasury: str
    contract: str
    now: int
    payments: list[str]
    money: dict[str, dict[str, int]]
    takes_coins: Callable[[str], bool]
    payout: str | None = None
    state: int = ACTIVE
    selling: bool = True
    council: tuple[str, int] = ("", 0)
    jobs: list[EscrowedJob] = field(default_factory=list)
    parked: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    blocked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    # The consumer

    def open(
        self, caller: str, asked: Asked, signed: bool, digest: bytes, most: int, value: int, id: Callable[..., bytes]
    ) -> EscrowedJob:
        self._is(caller, asked.consumer)
        if asked.asset_id != self.asset_id:
            raise Refused("AssetNotFound", asked.asset_id)
        if asked.licence >= len(self.offers):
            raise Refused("LicenceNotFound", self.asset_id, asked.licence)
        offer = self.offers[asked.licence]
        if offer.minimum is None:
            raise Refused("NotARun", self.asset_id, asked.licence)
        for window, least in ((asked.run, offer.minimum or 1), (asked.grace, 0), (asked.review, 3_600)):
            if not least <= window <= MOST:
                raise Refused("WindowOutOfRange", window, least, MOST)
        self._not_over(asked.accept_by)
        if asked.accept_by - self.now > MOST:
            raise Refused("WindowOutOfRange", asked.accept_by - self.now, 0, MOST)
        if asked.bond == 0:
            raise Refused("NoBond")
        if not signed:
            raise Refused("InvalidOfferSignature", asked.host)
        if not self.selling:
            raise Refused("NotSeller", self.contract)
        if self.state != ACTIVE:
            raise Refused("NotForSale", self.asset_id)
        if not offer.open:
            raise Refused("LicenceClosed", self.asset_id, asked.licence)
        if digest not in (NO_DIGEST, self.digest):
            raise Refused("OtherDocument", self.asset_id, digest, self.digest)
        job = self._as_sold(asked, offer)
        job.id = id(job.values())
        for other in self.jobs:
            if other.values() == job.values():
                raise Refused("JobIs", job.id, other.status)
        total = job.worth(asked.run)
        if total > most:
            raise Refused("TotalAboveMaximum", total, most)
        if job.payout == self.contract:
            raise Refused("PaymentRefused", job.payout, total)
        self._put_in(job, caller, total, value)
        job.since = self.now
        self.jobs.append(job)
        return job

    def _as_sold(self, asked: Asked, offer: Offer) -> EscrowedJob:
        """What is free names nobody who is paid."""
        assert offer.minimum is not None
        if offer.price == 0:
            return EscrowedJob(asked, COIN, 0, offer.amount, offer.minimum, 0, 0, COIN, COIN, COIN)
        return EscrowedJob(
            asked,
            self.payments[offer.payment],
            offer.price,
            offer.amount,
            offer.minimum,
            self.fee_bps,
            self.royalty_bps,
            self.treasury,
            self.royalty_to if self.royalty_bps else COIN,
            self.payout or self.owner,
        )

    def cancel(self, caller: str, job: EscrowedJob) -> None:
        self._is(caller, job.asked.consumer)
        if job.status == OPEN:
            self._close(job, 0, 0)
            return
        self._at(job, RUNNING)
        self._not_over(job.deliver_by)
        self._close(job, job.worth(min(self.now - job.since, job.asked.run)), job.asked.bond)

    def dispute(self, caller: str, job: EscrowedJob, reason: bytes, value: int) -> None:
        self._is(caller, job.asked.consumer)
        self._at(job, DELIVERED)
        self._not_over(job.since + job.asked.review)
        if reason == NO_DIGEST:
            raise Refused("EmptyReason")
        self._put_in(job, caller, job.asked.bond, value)
        job.status, job.since = DISPUTED, self.now

    # The host

    def accept(self, caller: str, job: EscrowedJob, value: int) -> None:
        self._is(caller, job.asked.host)
        self._at(job, OPEN)
        self._not_over(job.asked.accept_by)
        self._put_in(job, caller, job.asked.bond, value)
        job.status, job.since = RUNNING, self.now

    def deliver(self, caller: str, job: EscrowedJob, used: int) -> None:
        self._is(caller, job.asked.host)
        self._at(job, RUNNING)
        self._not_over(job.deliver_by)
        job.used = min(used, self.now - job.since, job.asked.run)
        job.status, job.since = DELIVERED, self.now

    def give_up(self, caller: str, job: EscrowedJob) -> None:
        self._is(caller, job.asked.host)
        if job.status == OPEN:
            self._close(job, 0, 0)
            return
        self._at(job, RUNNING)
        self._not_over(job.deliver_by)
        self._close(job, 0, job.asked.bond)

    # Anybody, and the council

    def settle(self, caller: str, job: EscrowedJob) -> None:
        self._at(job, DELIVERED)
        if caller != job.asked.consumer:
            self._over(job.since + job.asked.review)
        self._close(job, job.worth(job.used), job.asked.bond)

    def expire(self, job: EscrowedJob) -> None:
        if job.status == OPEN:
            self._over(job.asked.accept_by)
            self._close(job, 0, 0)
            return
        self._at(job, RUNNING)
        self._over(job.deliver_by)
        self._close(job, 0, 0)

    def lapse(self, job: EscrowedJob) -> None:
        self._at(job, DISPUTED)
        self._over(job.since + DECISION)
        self._close(job, job.worth(job.used), job.asked.bond)

    def decide(self, caller: str, job: EscrowedJob, share: int, reason: bytes) -> None:
        council, until = self.council
        if caller not in (self.admin, council if self.now <= until else self.admin):
            raise Refused("AccessManagedUnauthorized", caller)
        if caller in (job.asked.host, job.asked.consumer):
            raise Refused("JudgeIsParty", caller)
        self._at(job, DISPUTED)
        if share > BPS:
            raise Refused("InvalidShare", share)
        if reason == NO_DIGEST:
            raise Refused("EmptyReason")
        self._close(job, job.worth(job.used) * share // BPS, 2 * job.asked.bond * share // BPS)

    # Below

    def _is(self, caller: str, party: str) -> None:
        if caller != party:
            raise Refused("NotParty", party, caller)

    def _at(self, job: EscrowedJob, status: int) -> None:
        if job.status != status:
            raise Refused("JobIs", job.id, job.status)

    def _not_over(self, end: int) -> None:
        if self.now > end:
            raise Refused("TooLate", end)

    def _over(self, end: int) -> None:
        if self.now <= end:
            raise Refused("TooEarly", end)

    def _put_in(self, job: EscrowedJob, payer: str, total: int, value: int) -> None:
        if job.token == COIN and value < total:
            raise Refused("ValueTooLow", value, total)
        if job.token != COIN and value:
            raise Refused("UnexpectedValue", value)
        if job.token != COIN and total:
            for account in (payer, self.contract):
                if account in self.blocked[job.token]:
                    raise Refused("Blocked", account)
            if (held := self.money[job.token][payer]) < total:
                raise Refused("ERC20InsufficientBalance", payer, held, total)
        self._move(job.token, payer, self.contract, total)
        job.purse += total

    def _close(self, job: EscrowedJob, earned: int, to_host: int) -> None:
        """Out of the purse: the parts of what was earned, the host's of the bonds, and the rest to the consumer."""
        parts: Parts = divided(earned, job.fee_bps, job.royalty_bps)
        shares: Sequence[tuple[str, int]] = (
            *zip((job.treasury, job.royalty_to, job.payout), parts, strict=True),
            (job.asked.host, to_host),
            (job.asked.consumer, job.purse - earned - to_host),
        )
        for payee, share in shares:
            assert share >= 0, "a purse does not have what is taken out of it"
            job.purse -= share
            if share:
                self._pay(job.token, payee, share)
        job.status, job.since = CLOSED, self.now
        assert job.purse == 0, "a purse that is closed is empty"

    def balance(self, token: str) -> int:
        """What must be in the contract: all purses, and what waits."""
        return sum(job.purse for job in self.jobs if job.token == token) + sum(self.parked[token].values())
