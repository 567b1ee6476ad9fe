"""What the host of a job does in escrow: begin it, deliver it or give it up, each at most once whatever is killed.

The chain is the journal: where a job stands there is asked before each act, so an act that went through is not done
again, and none is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.compute.host_offer import HostOffer
from registry.compute.job_document import ComputeJob
from registry.compute.job_escrow import EscrowedJob, JobEscrow, JobStatus
from registry.errors import InputError, JobRefused, LicenceNotFound
from registry.money import Amount
from registry.session import Session

__all__ = ["HostBonds", "HostEscrow"]


@dataclass(frozen=True, slots=True)
class HostBonds:
    """What a host offers jobs in escrow against: an amount in each token that it takes, and how long a result may be
    looked at."""

    amounts: tuple[Amount, ...]
    review: str | int = "1 day"


class HostEscrow:
    """The jobs in escrow of a session's account, as their host."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._escrow = JobEscrow(session)

    def paid(self, job: ComputeJob) -> EscrowedJob | None:
        """The one that pays for a job now: open, or begun; None if there is none."""
        wanted = (JobStatus.OPEN, JobStatus.RUNNING)
        now = self._session.chain.block().timestamp
        return next((one for one in self._escrow.of(job) if one.status in wanted and one.ends >= now), None)

    def goes_on(self, job: ComputeJob) -> bool:
        """Whether what was begun for a job is still paid for: what was opened for it since is not begun, and pays for
        no time."""
        found = self.paid(job)
        return found is not None and found.status is JobStatus.RUNNING

    def offer(self, job: ComputeJob, bonds: HostBonds, run: int, licence: int | None) -> HostOffer:
        """Offer to run a job, against the bond that is in what its licence is priced in. Raises `JobRefused`."""
        try:
            chosen = self._escrow.licence(job.offering, licence)
            token = self._escrow.token(chosen)
            bond = next((one for one in bonds.amounts if one.token == token), None)
            if bond is None:
                said = ", ".join(one.token.symbol for one in bonds.amounts) or "nothing"
                raise JobRefused(job.id, [f"its bond would be in {token.symbol}, and this host puts up {said}"])
            return self._escrow.offer(job, bond=bond, run=run, review=bonds.review, licence=chosen)
        except (InputError, LicenceNotFound) as error:
            raise JobRefused(job.id, [error.message.rstrip(".")]) from error

    def begin(self, job: ComputeJob) -> None:
        """Put up the bond, unless that was done. Raises `JobRefused` for a job that nobody pays for any more."""
        found = self.paid(job)
        if found is None:
            raise JobRefused(job.id, ["nothing is in escrow for it, or its time there is over"])
        if found.status is JobStatus.OPEN:
            self._escrow.accept(found.id)

    def deliver(self, job: ComputeJob, result: bytes, seconds: int) -> bool:
        """Deliver it, unless that was done; False for one that its consumer ended, or that came too late."""
        now = self._session.chain.block().timestamp
        for found in self._escrow.of(job):
            if found.status is JobStatus.RUNNING and now <= found.ends:
                self._escrow.deliver(found.id, result, seconds)
                return True
            if found.result == result.hex():
                return True
        return False

    def give_up(self, job: ComputeJob) -> None:
        """Let the consumer have all back, and take the bond back, as long as that is possible."""
        if (found := self.paid(job)) is not None:
            self._escrow.give_up(found.id)
