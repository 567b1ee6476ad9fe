"""A job in one go: looked at, paid for once, ordered, and handed in at the host that the terms name."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict

from registry.assets.catalogue import Catalogue
from registry.assets.rights import Rights
from registry.compute.host_client import HostClient
from registry.compute.host_protocol import HostAbout
from registry.compute.job_document import JobOrder
from registry.compute.job_escrow import JobEscrow, JobStatus
from registry.compute.job_minutes import most_minutes
from registry.compute.order_checks import terms_of
from registry.compute.order_folder import KeptOrder, OrderFolder
from registry.compute.ordered_job import OrderedJob
from registry.content.unlocking import wallet_of
from registry.did import DID
from registry.documents.compute_terms import ResultFile
from registry.documents.licence import Kind
from registry.errors import AccessDenied, HostError, InputError, InsufficientBalance, JobRefused
from registry.ipfs.cid import CID
from registry.market.buying import agreed, require_payable
from registry.money import Amount
from registry.results import Asset, AssetRef, Offer, Purchase
from registry.text.html import Shown
from registry.text.waits import waiting_for
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.market.buying import Buying
    from registry.session import Session

__all__ = ["Commission", "JobOptions", "JobPlan"]

_MOMENT: Final = 60
"""Seconds that an offer of a host must be good for to be paid for."""

_PAUSES: Final = (1.0, 2.0)

_SOON: Final = 3_600
"""Seconds that an order must be good for to be handed in again."""


class Orders(Protocol):
    """Who makes orders, and keeps them: see `Computing`."""

    @property
    def ordered(self) -> OrderFolder:
        """What was ordered."""

    def code(self, code: AssetRef | CID | PathLike[str]) -> CID:
        """The CID of code."""

    def order(
        self,
        code: AssetRef | CID | PathLike[str],
        on: AssetRef,
        *,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        licence: str | int | Offer | None = None,
        host: str | None = None,
        days: int = 7,
        escrow: bool = False,
    ) -> JobOrder:
        """Sign an order."""

    def at(self, order: JobOrder | bytes | str, url: str | None = None) -> OrderedJob:
        """The job of an order at its host."""


class JobOptions(TypedDict, total=False):
    """Options of a job, all of which may be left out.

    ========= ==========================================================================================
    params    what the program is given, and `seed` for one that reads ``REGISTRY_SEED``
    max_total the most that is paid for a licence of runs, where the account holds none; without it nothing is
    licence   which one; by default one that is held, or else the cheapest
    host, url who is to run it, and where; by default the first of the terms, and their address
    days      how long the order may be begun
    escrow    whether the price waits in escrow until the result is there; `max_total` is then the most that is paid in
    ========= ==========================================================================================
    """

    params: Mapping[str, Any] | None
    seed: int
    max_total: str | Amount | None
    licence: str | int | Offer | None
    host: str | None
    url: str | None
    days: int
    escrow: bool


@dataclass(frozen=True, slots=True)
class JobPlan(Shown):
    """What a job would be. `purchase` is what would be bought for it, and `escrow` what would be paid in, for the
    longest run, both None for what is paid for already; `review` is what of it the owner would read first, `log` the
    bytes of its log that would go out, `minutes` the uses of the longest run where one pays for a minute (0: for
    all of it); the limits are the terms', and a program may ask for less."""

    offering: DID
    data: DID
    code: CID
    host: Address
    url: str
    tier: int
    seconds: int
    memory: int
    processes: int
    outputs: tuple[ResultFile, ...]
    release: str
    review: tuple[str, ...]
    purchase: Purchase | None
    escrow: Amount | None = None
    log: int = 0
    minutes: int = 0
    short: InsufficientBalance | None = None

    def __str__(self) -> str:
        price = self.purchase.price.total if self.purchase is not None else None
        paid = "it is paid for" if price is None else f"{price if price.units else 'nothing'} to be paid"
        if self.escrow is not None:
            paid = f"{self.escrow} to be paid into escrow, of which what it does not use comes back"
        out = ", ".join(f"{one.path} of at most {one.bytes:,} bytes" for one in self.outputs)
        out += f", of its log at most {self.log:,} bytes" if self.log else ""
        limits = f"tier {self.tier}, at most {self.seconds:,} s and {self.memory // 2**20:,} MiB"
        paid += f", a use for each of at most {self.minutes} minutes" if self.minutes else ""
        first = "; the owner reads it first: " + "; ".join(self.review) if self.review else ""
        held = "; the owner looks at the result" if self.release == "owner" else ""
        short = f"; {self.short.message}" if self.short is not None else ""
        what = f"would run {self.code} on {self.data} at {self.url} ({limits}), {paid}"
        return f"{what}; comes out: {out}{first}{held}{short}"


class Commission:
    """Jobs in one go, by one account."""

    def __init__(self, registry: Buying, jobs: Orders) -> None:
        self._registry, self._jobs = registry, jobs

    def plan(
        self, code: AssetRef | CID | PathLike[str], on: AssetRef | Sequence[AssetRef], options: JobOptions
    ) -> JobPlan:
        """What the job would be; nothing is sent or signed. Raises what `begin` raises before it pays."""
        ask = _Ask.of(self._registry, self._jobs, code, on, options)
        kept = self._begun(ask)
        offer = None if kept is not None or ask.escrow else self._licence(ask)
        purchase = None if offer is None or self._free_uses(offer) else self._bought(ask, offer, dry_run=True)
        terms, data = terms_of(ask.found)
        review = tuple(terms.outside(ask.code, ask.params))
        paid = kept is not None and JobEscrow(self._registry).of(kept.order.job)
        _, escrow, short = self._priced(ask, preview=True) if ask.escrow and not paid else (None, None, None)
        cost = short if purchase is None else purchase.cost
        return JobPlan(
            offering=ask.found.did,
            data=data,
            code=ask.code,
            host=ask.host,
            url=ask.url,
            tier=terms.tier,
            seconds=terms.seconds,
            memory=terms.memory,
            processes=terms.processes,
            outputs=terms.outputs,
            release=terms.release,
            review=review,
            purchase=purchase,
            escrow=escrow,
            log=0 if review else terms.log or 0,
            minutes=0 if ask.escrow else most_minutes(terms),
            short=None if cost is None else cost.short,
        )

    def begin(
        self, code: AssetRef | CID | PathLike[str], on: AssetRef | Sequence[AssetRef], options: JobOptions
    ) -> OrderedJob:
        """Pay for the job, order it, and hand it in. Interrupted anywhere and run again it goes on with what was bought
        and ordered: before the host has taken the order, the same is the same job.

        Raises `JobRefused`, `HostError`, `AccessDenied`, `PriceChanged`, and what `Computing.order` and `buy` raise.
        """
        ask, folder = _Ask.of(self._registry, self._jobs, code, on, options), self._jobs.ordered
        with folder.alone():
            kept = self._begun(ask)
            if kept is None:
                offer = self._priced(ask)[0] if ask.escrow else self._licence(ask)
                if offer is not None and not ask.escrow and not self._free_uses(offer):
                    self._bought(ask, offer)
                order = self._jobs.order(
                    ask.code,
                    ask.found,
                    params=ask.params,
                    seed=ask.seed,
                    licence=offer,
                    host=ask.host,
                    days=options.get("days", 7),
                    escrow=ask.escrow,
                )
                kept = KeptOrder(order=order, url=ask.url)
                folder.put(kept)
            if ask.escrow:
                self._pay_in(ask, kept)
        job = self._jobs.at(kept.order, kept.url)
        self._hand_in(job)
        return job

    # --- Below -----------------------------------------------------------------------------------

    def _begun(self, ask: _Ask) -> KeptOrder | None:
        """The same order, which no host has taken yet."""
        for kept in self._jobs.ordered.all():
            job = kept.order.job
            same = (job.offering, job.terms, job.code, job.host) == (
                str(ask.found.did),
                ask.found.cid,
                ask.code,
                ask.host,
            )
            same = same and (dict(job.params), job.seed, kept.url) == (dict(ask.params), ask.seed, ask.url)
            same = same and bool(kept.order.escrow) is ask.escrow
            if same and not kept.state and job.until > time.time() + _SOON and not self._was_ended(kept):
                return kept
        return None

    # --- In escrow -------------------------------------------------------------------------------

    def _was_ended(self, kept: KeptOrder) -> bool:
        """Whether what was in escrow for an order is gone, so that it cannot be handed in any more."""
        found = JobEscrow(self._registry).of(kept.order.job) if kept.order.escrow else ()
        return bool(found) and all(one.status is JobStatus.CLOSED for one in found)

    def _priced(self, ask: _Ask, *, preview: bool = False) -> tuple[Offer, Amount, Cost | None]:
        """The licence for runs, what its longest run costs, and of a preview what cannot be paid. Raises `AccessDenied`
        if it costs and nothing was said of that, and `PriceChanged` for more than was said."""
        escrow, most = JobEscrow(self._registry), ask.options.get("max_total")
        chosen = escrow.licence(ask.found, ask.options.get("licence"))
        total = escrow.quote(chosen, terms_of(ask.found)[0].seconds)
        if most is None and total.units:
            raise AccessDenied(
                str(chosen.did),
                self._registry.address,
                f"a run of {chosen.name!r} costs {total} at most",
                hint=f'Say what may be paid in: max_total="{total}" (--max-total "{total}").',
            )
        maximum = agreed(self._registry, most, total, total.token)
        return chosen, total, require_payable(self._registry, chosen, total, maximum, preview=preview)

    def _pay_in(self, ask: _Ask, kept: KeptOrder) -> None:
        """Pay for an order in escrow, unless that was done. The host's offer is kept before: whoever is killed while
        the payment is on its way pays by the same offer again, which the contract takes once."""
        escrow, job = JobEscrow(self._registry), kept.order.job
        if escrow.of(job):
            return
        offer = kept.offer
        if offer is None or offer.accept_by < self._registry.chain.block().timestamp + _MOMENT:
            chosen = escrow.licence(ask.found, ask.options.get("licence"))
            client = HostClient(ask.url, self._registry.reach, wallet_of(self._registry, "order a job"))
            try:
                offer = client.offer(kept.order, chosen.number)
            finally:
                client.close()
            said = (offer.asset_id, offer.licence, offer.host, offer.consumer, offer.job, offer.run_time)
            if said != (
                chosen.did.asset_id,
                chosen.number,
                job.host,
                job.consumer,
                job.id,
                terms_of(ask.found)[0].seconds,
            ):
                raise HostError(client.url, "its offer is for another job", code="malformed")
            self._jobs.ordered.put(kept.model_copy(update={"offer": offer}))
        escrow.open(offer, max_total=ask.options.get("max_total"))

    def _hand_in(self, job: OrderedJob) -> None:
        """Hand an order in. What is in escrow for one that the host refuses comes back; a host whose node has not seen
        the payment yet is asked again first."""
        for pause in (*(_PAUSES if job.order.escrow else ()), None):
            try:
                job.submit()
                return
            except JobRefused:
                if pause is None:
                    if job.order.escrow:
                        job.cancel()
                    raise
            with waiting_for("the host to see the payment", sum(_PAUSES)):
                time.sleep(pause)

    def _licence(self, ask: _Ask) -> Offer | None:
        """The licence of which a use is signed: one with uses left, or else the cheapest that is sold; None for whoever
        owns the offering or holds a licence of another kind. Raises `AccessDenied` where nothing is on offer."""
        found, wanted = ask.found, ask.options.get("licence")
        held = Rights(self._registry).holdings(found)
        if found.owner == self._registry.address or any(one.active and one.kind is not Kind.USE for one in held):
            return None
        if wanted is not None:
            return Catalogue(self._registry).offer(found, wanted)
        offers = [offer for offer in found.licences if offer.kind is Kind.USE]
        left = next((offer for offer in offers if self._free_uses(offer)), None)
        if left is not None:
            return left
        most = ask.options.get("max_total")
        token = self._registry.amount(most).token if most is not None else None
        sold = [
            offer
            for offer in offers
            if offer.open and found.for_sale and (offer.price is None or token in (None, offer.price.token))
        ]
        if not sold:
            raise AccessDenied(
                str(found.did),
                self._registry.address,
                "it holds no licence for runs with a use left",
                hint="None is sold for that money; see 'registry show', or ask its owner.",
            )
        return min(sold, key=lambda offer: offer.price.decimal if offer.price else 0)

    def _free_uses(self, offer: Offer) -> int:
        """Uses of the account that no order of it has been signed for which may still be taken."""
        uses = Rights(self._registry).holding(offer.did, offer).uses
        now = self._registry.chain.block().timestamp
        for kept in self._jobs.ordered.all():
            use = kept.order.receipt()
            if use is None or kept.over or (use.did, use.licence) != (offer.did, offer.number) or use.deadline < now:
                continue
            nonces = self._registry.receipt_contract.functions.nonces(use.account, use.nonce >> 64)
            uses -= kept.signed * (int(self._registry.chain.call(nonces)) == use.nonce)
        return max(uses, 0)

    def _bought(self, ask: _Ask, offer: Offer, *, dry_run: bool = False) -> Purchase:
        """A licence of runs, at `max_total` at most. Raises `AccessDenied` for one that costs if nothing was said."""
        most = ask.options.get("max_total")
        if most is None and offer.price is not None:
            raise AccessDenied(
                str(offer.did),
                self._registry.address,
                f"it holds no use of {offer.name!r}, which costs {offer.price}",
                hint=f'Say what may be paid: max_total="{offer.price}" (--max-total "{offer.price}").',
            )
        return self._registry.buy(ask.found, offer, max_total=most, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class _Ask:
    """A job as it was asked for, held against the terms and its host."""

    found: Asset
    code: CID
    params: Mapping[str, Any]
    seed: int
    host: Address
    url: str
    options: JobOptions

    @property
    def escrow(self) -> bool:
        """Whether it is to be paid in escrow."""
        return self.options.get("escrow", False)

    @classmethod
    def of(
        cls,
        registry: Session,
        jobs: Orders,
        code: AssetRef | CID | PathLike[str],
        on: AssetRef | Sequence[AssetRef],
        options: JobOptions,
    ) -> _Ask:
        """Raises `InputError` for an asset that offers no runs, `JobRefused` for what its terms do not allow, and
        `HostError` for a host that is not there or not the one that is named."""
        found = Catalogue(registry).get(_single(on))
        terms, _ = terms_of(found)
        cid, params = jobs.code(code), dict(options.get("params") or {})
        outside = tuple(terms.outside(cid, params))
        if outside and not terms.review:
            raise JobRefused(str(cid), outside)
        url = options.get("url") or terms.url
        if url is None:
            raise InputError(
                f"The terms of {found.did} name no address of a host.",
                hint="Name it (url=, --url), or send an order as a file: 'registry compute order'.",
            )
        host = to_address(options.get("host") or terms.hosts[0])
        about = require_host(registry, url, host)
        if options.get("escrow") and not about.bonds:
            raise HostError(url, "it takes no jobs in escrow", code="another", hint="Order by a licence of uses.")
        return cls(found, cid, params, options.get("seed", 0), host, url, options)


def require_host(registry: Session, url: str, account: Address) -> HostAbout:
    """Who the host at `url` is. Raises `HostError` unless it is there and is that account, on this registry: nothing is
    paid before."""
    client = HostClient(url, registry.reach, wallet_of(registry, "order a job"))
    try:
        about = client.about()
    finally:
        client.close()
    there = (about.chain_id, about.registry, about.signer)
    if there != (registry.chain.chain_id, registry.deployment.registry, account):
        raise HostError(
            client.url,
            f"it runs jobs as {about.signer} for {about.registry} on chain {about.chain_id}, and not as {account}",
            code="another",
            hint="Name the host that is meant, or ask the owner of the offering.",
        )
    return about


def _single(on: AssetRef | Sequence[AssetRef]) -> AssetRef:
    """The one offering that a job computes on."""
    if isinstance(on, str | int | Asset | DID):
        return on
    if len(on) != 1:
        raise InputError(f"A job computes on one offering, and {len(on)} were named.", hint="Order a job on each.")
    return on[0]
