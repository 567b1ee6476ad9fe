"""Jobs in escrow: paid for when the result is there, as their consumer, their host and their judges act on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from registry.assets.catalogue import Catalogue
from registry.compute.host_offer import HostOffer
from registry.compute.job_document import ComputeJob
from registry.did import DID
from registry.documents.licence import duration, seconds_of
from registry.errors import InputError, JobNotFound
from registry.ipfs.cid import CID, RAW
from registry.ipfs.store import keep, writing
from registry.market.buying import agreed, payable_call, paying_at_most, require_payable, short_of
from registry.money import Amount, Token
from registry.results import AssetRef, Done, Offer
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.chain.logs import Event, TxReceipt
    from registry.session import Session

__all__ = ["EscrowedJob", "JobEscrow", "JobStatus", "OpenedJob"]

DECISION: Final = 90 * 86_400
"""Seconds after which a dispute lapses."""

MOST_REASON: Final = 64 * 1024
"""Bytes of the reason of a dispute, or of its decision."""


class JobStatus(IntEnum):
    """How far a job is; the numbers are those of the contract."""

    NONE = 0
    OPEN = 1
    RUNNING = 2
    DELIVERED = 3
    DISPUTED = 4
    CLOSED = 5


@dataclass(frozen=True, slots=True)
class EscrowedJob(Shown):
    """A job in escrow, as it is now; times are seconds since 1970.

    ============ ==========================================================================
    id           its name on the chain; `job` is the name of what is to be run
    total        what the consumer paid in: the most that it costs
    bond         what the host puts up when it begins, and who disputes
    since        when it came to be at its `status`
    used         seconds that are paid for, and `result`: digest of the result, once it is delivered
    ============ ==========================================================================
    """

    id: str
    did: DID
    licence: int
    job: str
    host: Address
    consumer: Address
    status: JobStatus
    since: int
    used: int
    result: str
    total: Amount
    bond: Amount
    run_time: int
    grace_time: int
    review_time: int
    accept_by: int
    price: int = field(repr=False)
    per: int = field(repr=False)
    minimum: int = field(repr=False)
    values: tuple[Any, ...] = field(repr=False)

    @property
    def ends(self) -> int:
        """Until when its status lasts, if nobody acts; 0 for one that is closed."""
        return {
            JobStatus.OPEN: self.accept_by,
            JobStatus.RUNNING: self.since + self.run_time + self.grace_time,
            JobStatus.DELIVERED: self.since + self.review_time,
            JobStatus.DISPUTED: self.since + DECISION,
        }.get(self.status, 0)

    def worth(self, seconds: int) -> Amount:
        """What so many seconds of it cost, rounded up as the contract does."""
        return Amount(-(-self.price * max(seconds, self.minimum) // self.per), self.total.token)

    def in_words(self) -> str:
        """Where it stands, and what comes next, as a sentence without its subject."""
        if self.status is JobStatus.OPEN:
            return f"holds {self.total} and waits for its host"
        if self.status is JobStatus.RUNNING:
            return f"runs, for {duration(self.run_time)} at most, against a bond of {self.bond}"
        if self.status is JobStatus.DELIVERED:
            return f"was delivered: {self.worth(self.used)} for {duration(self.used)} are paid after the review"
        if self.status is JobStatus.DISPUTED:
            return "is disputed, and waits for the council"
        return "is closed, and holds nothing"


@dataclass(frozen=True, slots=True)
class OpenedJob(Shown):
    """A job that was opened, or would be: `tx` is None and `id` empty for a dry run."""

    id: str
    did: DID
    host: Address
    total: Amount
    bond: Amount
    run_time: int
    cost: Cost
    tx: TxReceipt | None
    approval: TxReceipt | None = None

    def __str__(self) -> str:
        verb = "would pay" if self.tx is None else "paid"
        told = f"{verb} {self.total} into escrow for {duration(self.run_time)} of a run on {self.did} at {self.host}"
        return told if self.cost.short is None else f"{told}; {self.cost.short.message}"


class JobEscrow:
    """The verbs of all who have to do with jobs in escrow; reached as ``registry.jobs.escrow``."""

    def __init__(self, registry: Session) -> None:
        self._registry = registry
        self._chain = registry.chain

    # --- The host --------------------------------------------------------------------------------

    def offer(
        self,
        job: ComputeJob,
        *,
        bond: str | Amount,
        run: str | int,
        grace: str | int = "10 minutes",
        review: str | int = "1 day",
        accept: str | int = "1 hour",
        licence: str | int | Offer | None = None,
    ) -> HostOffer:
        """As its host, sign an offer for a job: that it runs for `run` at most, is delivered within `grace` after that,
        may be looked at for `review`, and is begun if it is opened within `accept`, against a `bond`.

        Raises `InputError` for a job of another host, and for a licence that is not for runs.
        """
        if job.host != self._registry.address:
            raise InputError(f"Job {job.id} is for the host {job.host}.", hint="Use the account of that host.")
        chosen = self.licence(job.offering, licence)
        seconds = {name: seconds_of(name, text) for name, text in (("run", run), ("grace", grace), ("review", review))}
        made = HostOffer.made(
            {
                "assetId": chosen.did.asset_id,
                "licence": chosen.number,
                "host": job.host,
                "consumer": job.consumer,
                "job": job.id,
                "bond": str(self._registry.amount(bond, token=self.token(chosen)).units),
                "runTime": seconds["run"],
                "graceTime": seconds["grace"],
                "reviewTime": seconds["review"],
                "acceptBy": self._chain.block().timestamp + seconds_of("accept", accept),
            }
        )
        signer = self._registry.actor.signing("offer a job")
        return made.signed(signer.sign_typed_data(made.message(self._chain.chain_id, self._contract.address)))

    def accept(self, id: str, *, dry_run: bool = False) -> Done:
        """As its host, begin a job and put up the bond; its time starts. Raises `JobIs`, `TooLate`, `NotParty`."""
        found = self.find(id)
        return self._paid("begin", found, self._contract.functions.accept(found.values), dry_run)

    def deliver(self, id: str, result: bytes, seconds: int, *, dry_run: bool = False) -> Done:
        """As its host, deliver a job: the digest of the sealed `result`, and the `seconds` that it ran."""
        return self._act("deliver", id, lambda f, job: f.deliver(job, result, seconds), dry_run)

    def give_up(self, id: str, *, dry_run: bool = False) -> Done:
        """As its host, give a job up that could not be run: its consumer gets all back, and the host its bond."""
        return self._act("give up", id, lambda f, job: f.giveUp(job), dry_run)

    # --- The consumer ----------------------------------------------------------------------------

    def open(
        self, offer: HostOffer, *, max_total: str | Amount | None = None, approve: bool = True, dry_run: bool = False
    ) -> OpenedJob:
        """Pay in what a job costs at most, as its host offered it, under the document that is there now.

        Without `max_total` that is what it costs now. Raises `PriceChanged`, `InsufficientBalance`,
        `InsufficientAllowance` (without `approve`), and what the contracts answer.
        """
        registry, functions = self._registry, self._contract.functions
        asset = Catalogue(registry).get(DID(self._chain.chain_id, registry.deployment.registry, offer.asset_id))
        chosen = self.licence(asset.did, offer.licence)
        total = self.quote(chosen, offer.run_time)
        most = agreed(registry, max_total, total, total.token)
        bond = Amount(int(offer.bond), total.token)
        if short := require_payable(registry, chosen, total, most, preview=dry_run):
            return OpenedJob("", asset.did, to_address(offer.host), total, bond, offer.run_time, short, None)
        order = (offer.values(), bytes.fromhex(offer.signature), chosen.digest, most.units)
        intent = f"escrow:open:{self._contract.address}:{offer.cid}"
        with paying_at_most(chosen, most), ExitStack() as paid:
            call, value, approval = payable_call(
                registry,
                functions.open(order),
                lambda permit: functions.openWithPermit(order, permit),
                total,
                registry.deployment.escrow,
                approve=approve,
                preview=dry_run,
                paid=paid,
            )
            done = registry.act(f"open a job on {asset.did}", call, value=value, intent=intent, dry_run=dry_run)
        opened = done.tx.named("JobOpened") if done.tx else ()
        return OpenedJob(
            id=bytes(opened[-1].args["id"]).hex() if opened else "",
            did=asset.did,
            host=to_address(offer.host),
            total=total,
            bond=bond,
            run_time=offer.run_time,
            cost=done.cost,
            tx=done.tx,
            approval=approval,
        )

    def cancel(self, id: str, *, dry_run: bool = False) -> Done:
        """As its consumer, end a job: all comes back before it is begun; then the time that passed is paid."""
        return self._act("cancel", id, lambda f, job: f.cancel(job), dry_run)

    def dispute(self, id: str, reason: str, *, dry_run: bool = False) -> Done:
        """As its consumer, dispute what was delivered, with a `reason` whose document goes to the store. It costs as
        much as the host's bond."""
        found = self.find(id)
        call = self._contract.functions.dispute(found.values, self._written(reason))
        return self._paid("dispute", found, call, dry_run)

    # --- Anybody, and the council ----------------------------------------------------------------

    def settle(self, id: str, *, dry_run: bool = False) -> Done:
        """Have paid what was delivered: by its consumer at once, by anybody after the review."""
        return self._act("settle", id, lambda f, job: f.settle(job), dry_run)

    def expire(self, id: str, *, dry_run: bool = False) -> Done:
        """Close a job that was not begun, or not delivered, in time."""
        return self._act("close", id, lambda f, job: f.expire(job), dry_run)

    def lapse(self, id: str, *, dry_run: bool = False) -> Done:
        """Close a dispute that nobody decided within 90 days."""
        return self._act("close the dispute of", id, lambda f, job: f.lapse(job), dry_run)

    def decide(self, id: str, share: int, reason: str, *, dry_run: bool = False) -> Done:
        """As the council or the DAO, decide a dispute: `share` is the host's side of it, 0 to 10,000 basis points."""
        word = self._written(reason)
        return self._act("decide", id, lambda f, job: f.decide(job, share, word), dry_run)

    def claim(self, token: str, *, account: str | None = None, to: str | None = None, dry_run: bool = False) -> Done:
        """Have what waits for `account` (default: the signer) sent to it; only the account itself says where `to`."""
        payee = to_address(account) if account else self._registry.address
        receiver = to_address(to) if to else payee
        found = self._registry.amount(f"0 {token}").token
        call = self._contract.functions.claim(found.address or ZERO_ADDRESS, payee, receiver)
        return self._registry.act(f"send the {found.symbol} of {payee} to {receiver}", call, dry_run=dry_run)

    # --- Asking ----------------------------------------------------------------------------------

    def licence(self, asset: AssetRef, licence: str | int | Offer | None = None) -> Offer:
        """The licence for runs that is meant: if none is named, the only one that is open. Raises `InputError` for one
        that sells none, and `LicenceNotFound`."""
        catalogue = Catalogue(self._registry)
        if licence is None:
            offers = [one for one in catalogue.get(asset).licences if one.open and one.runs]
            licence = offers[0] if len(offers) == 1 else None
        chosen = catalogue.offer(asset, licence)
        if not chosen.runs:
            raise InputError(
                f"{chosen.name!r} of {chosen.did} does not sell runs in escrow.",
                hint="Make one with Licence.run, or order with a use: registry.jobs.order.",
            )
        return chosen

    def token(self, offer: Offer) -> Token:
        """What bonds are in: the token of the price, or the native coin where a run is free."""
        return offer.price.token if offer.price else self._registry.token_of(ZERO_ADDRESS)

    def quote(self, offer: Offer, seconds: int) -> Amount:
        """What so many seconds of a run cost now."""
        token, total = self._chain.call(self._contract.functions.quote(offer.did.asset_id, offer.number, seconds))
        return Amount(total, self._registry.token_of(token))

    def find(self, id: str) -> EscrowedJob:
        """The job of this name on the chain; of the account's own also by how that begins, or the name of what is to
        be run. Raises `JobNotFound`."""
        if not 4 <= len(id) <= 64 or set(id) - set("0123456789abcdef"):
            raise JobNotFound(id)
        if len(id) == 64:
            for event in self._opened(id=bytes.fromhex(id)):
                return self._read(event)
        found = [one for one in self.jobs() if one.id.startswith(id) or one.job.startswith(id)]
        if len(found) > 1:  # the same job may have been ended, and opened again
            found = [one for one in found if one.status is not JobStatus.CLOSED]
        if len(found) != 1:
            raise JobNotFound(id, "is the beginning of several" if found else "is not in escrow")
        return found[0]

    def of(self, job: ComputeJob) -> tuple[EscrowedJob, ...]:
        """The jobs in escrow that pay for a job at its host, the oldest first."""
        asset = DID.parse(job.offering).asset_id
        found = map(self._read, self._opened(assetId=asset, consumer=job.consumer))
        return tuple(one for one in found if (one.job, one.host) == (job.id, job.host))

    def jobs(self, account: str | None = None, *, on: DID | None = None) -> tuple[EscrowedJob, ...]:
        """The jobs that an account (default: the signer) pays for or runs, the oldest first; those on one offering, if
        one is named."""
        who = to_address(account) if account else self._registry.address
        filters = {} if on is None else {"assetId": on.asset_id}
        found = (event for event in self._opened(**filters) if who in _parties(event))  # before each is asked for
        return tuple(map(self._read, found))

    def waiting(self, token: str, *, account: str | None = None) -> Amount:
        """What could not be paid to an account (default: the signer) and waits for it."""
        holder = to_address(account) if account else self._registry.address
        found = self._registry.amount(f"0 {token}").token
        owed = self._contract.functions.owedTo(found.address or ZERO_ADDRESS, holder)
        return Amount(int(self._chain.call(owed)), found)

    # --- Below the verbs -------------------------------------------------------------------------

    @property
    def _contract(self) -> Any:
        return self._registry.escrow_contract

    def _opened(self, **filters: Any) -> Iterator[Event]:
        block = self._registry.deployment.block
        return iter(self._chain.events(self._contract.events.JobOpened, filters=filters, from_block=block))

    def _read(self, event: Event) -> EscrowedJob:
        args, values = event.args, _plain(event.args["job"])
        (asset, licence, host, consumer, job, bond, run, grace, review, accept_by), token, price, per, minimum = values[
            :5
        ]
        status, since, used, result = self._chain.call(self._contract.functions.recordOf(args["id"]))
        paid_in = self._registry.token_of(token)
        return EscrowedJob(
            id=bytes(args["id"]).hex(),
            did=DID(self._chain.chain_id, self._registry.deployment.registry, asset),
            licence=licence,
            job=bytes(job).hex(),
            host=to_address(host),
            consumer=to_address(consumer),
            status=JobStatus(status),
            since=since,
            used=used,
            result=bytes(result).hex() if any(result) else "",
            total=Amount(args["total"], paid_in),
            bond=Amount(bond, paid_in),
            run_time=run,
            grace_time=grace,
            review_time=review,
            accept_by=accept_by,
            price=price,
            per=per,
            minimum=minimum,
            values=values,
        )

    def _act(self, verb: str, id: str, call: Callable[[Any, tuple[Any, ...]], Any], dry_run: bool) -> Done:
        found = self.find(id)
        intent = f"escrow:{verb}:{found.id}"
        return self._registry.act(
            f"{verb} job {id[:16]}", call(self._contract.functions, found.values), intent=intent, dry_run=dry_run
        )

    def _paid(self, verb: str, job: EscrowedJob, call: Any, dry_run: bool) -> Done:
        """An act that puts up a bond."""
        what, intent = f"{verb} job {job.id[:16]}", f"escrow:{verb}:{job.id}"
        if dry_run and (short := short_of(self._registry, job.bond, preview=True)):
            return Done(what, short, None)
        with ExitStack() as paid:
            call, value, _approval = payable_call(
                self._registry,
                call,
                None,
                job.bond,
                self._registry.deployment.escrow,
                approve=True,
                preview=dry_run,
                paid=paid,
            )
            return self._registry.act(what, call, value=value, intent=intent, dry_run=dry_run)

    def _written(self, reason: str) -> bytes:
        """Keep a reason, and give the digest of its block."""
        data = reason.strip().encode()
        if not 0 < len(data) <= MOST_REASON:
            raise InputError(f"A reason has 1 to {MOST_REASON:,} bytes.", hint="Write down what is wrong.")
        cid, store = CID.of(data, codec=RAW), self._registry.store
        with writing(store):
            store.put(cid, data)
            keep(store, {cid: "reason of a dispute"})
        return bytes(cid.digest)


def _parties(event: Event) -> tuple[Address, Address]:
    return to_address(event.args["consumer"]), to_address(event.args["host"])


def _plain(value: Any) -> tuple[Any, ...]:
    """A struct of an event as the contract takes it."""
    parts = value.values() if isinstance(value, Mapping) else value
    return tuple(_plain(one) if isinstance(one, Mapping | list | tuple) else one for one in parts)
