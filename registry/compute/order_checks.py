"""Whether a host may take an order: held against the chain, the document that it names, and what pays for it."""

from __future__ import annotations

import time
from typing import Final

from registry.assets.catalogue import Catalogue
from registry.assets.rights import Rights
from registry.chain.signatures import recover, typed_digest
from registry.compute.host_escrow import HostEscrow
from registry.compute.job_document import MOST_SECONDS_OPEN, ComputeJob, JobOrder
from registry.content.uses import SignedReceipt
from registry.did import DID
from registry.documents.compute_terms import Terms
from registry.documents.ddo import DDO
from registry.documents.licence import Kind
from registry.errors import ConnectionFailed, ContractError, InputError, JobRefused
from registry.results import Asset, State
from registry.session import Session

__all__ = ["OrderChecks", "terms_of"]

LEFT: Final = 600
"""Seconds that a use must be good for after the longest run: it is taken when the result is there."""


class OrderChecks:
    """Holds orders against the registry of a session, whose account is the host."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def checked(self, order: JobOrder, *, paid: bool = True) -> tuple[DDO, tuple[str, ...]]:
        """The document with the terms that an order keeps to, and what of it is for the owner to review; unless it is
        `paid`, nothing of how it is paid for.

        Raises `JobRefused` with all reasons at once, and what `get` raises.
        """
        job = order.job
        if unsigned := self._signed(order):  # before anything is fetched for whoever made it up
            raise JobRefused(job.id, unsigned)
        offering = Catalogue(self._session).get(job.offering)
        terms = offering.ddo.compute
        if terms is None:
            raise JobRefused(job.id, [f"{offering.did} offers no runs"])
        reasons = self._offered(job, offering, terms)
        outside = tuple(terms.outside(job.code, job.params))
        if outside and not terms.review:
            reasons += outside
        if not reasons and paid:
            reasons += self._paid(order, offering, terms)
        if reasons:
            raise JobRefused(job.id, reasons)
        return offering.ddo, outside

    def _signed(self, order: JobOrder) -> list[str]:
        job, now = order.job, int(time.time())
        found = []
        if recover(typed_digest(job.message()), bytes.fromhex(order.signature)) != job.consumer:
            found.append(f"its consumer {job.consumer} did not sign it with a key")
        if job.host != self._session.address:
            found.append(f"it is for the host {job.host}, and this is {self._session.address}")
        if not now <= job.until <= now + MOST_SECONDS_OPEN:
            found.append(f"it may be begun until {job.until}, and now it is {now}")
        return found

    def _offered(self, job: ComputeJob, offering: Asset, terms: Terms) -> list[str]:
        found = []
        if offering.state is not State.ACTIVE:
            found.append(f"{offering.did} is {offering.state.name.lower()}")
        if job.terms != offering.cid:
            found.append("the terms were changed since it was signed")
        if self._session.address not in terms.hosts:
            found.append(f"{self._session.address} is none of the hosts of the terms")
        if str(terms.data) != job.data or terms.data is None:
            return [*found, f"the terms are of {terms.data}"]
        data = Catalogue(self._session).get(terms.data)
        content = data.ddo.content
        if data.version != job.data_version or content is None or content.cid != job.content:
            found.append(f"the data are version {data.version} now, and it is for version {job.data_version}")
        return found

    def _paid(self, order: JobOrder, offering: Asset, terms: Terms) -> list[str]:
        """Why a job is not paid for: its consumer owns the offering, holds a licence that is no use, or signed one."""
        job, use = order.job, order.receipt()
        if order.escrow:
            return [] if HostEscrow(self._session).paid(job) else ["nothing is in escrow for it"]
        if use is not None:
            return self._use(use, job, terms)
        held = Rights(self._session).holdings(offering, account=job.consumer)
        if offering.owner == job.consumer or any(one.active and one.kind is not Kind.USE for one in held):
            return []
        return [f"{job.consumer} holds no licence of {offering.did} but of uses, and signed no use of it"]

    def _use(self, use: SignedReceipt, job: ComputeJob, terms: Terms) -> list[str]:
        if (str(use.did), use.account, use.service, use.ref, use.uses) != (
            job.offering,
            job.consumer,
            job.host,
            job.digest,
            1,
        ):
            return ["its use is of another job, asset, account or host, or is not one use"]
        if use.deadline < self._session.chain.block().timestamp + terms.seconds + LEFT:
            return [f"its use ends before it could be taken: it must be good for {terms.seconds + LEFT:,} s"]
        return self.untakeable(use)

    def is_of_its_holder(self, use: SignedReceipt) -> bool:
        """Whether the account that a use is of signed it, with a key as it signs orders."""
        return recover(typed_digest(use.message()), use.signature) == use.account

    def untakeable(self, use: SignedReceipt) -> list[str]:
        """Why a use could not be taken now, in words; nothing for one that could."""
        try:
            call = self._session.receipt_contract.functions.consumeWithReceipt(use.values(), use.signature)
            self._session.chain.call(call, sender=self._session.address)
        except ConnectionFailed:
            raise
        except ContractError as error:
            return [f"its use cannot be taken: {error.message.rstrip('.')}"]
        return []


def terms_of(found: Asset) -> tuple[Terms, DID]:
    """The terms on which an offering runs code, and the data that it runs on. Raises `InputError` for an asset that
    offers none."""
    terms = found.ddo.compute
    if terms is None or terms.data is None:
        raise InputError(f"{found.did} offers no runs.", hint="'registry search --computable' finds offerings.")
    return terms, terms.data
