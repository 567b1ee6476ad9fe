"""What the chain remembers of a host whose journal was restored from a backup: the jobs that were paid for since.

A budget that goes back with its journal would be spent twice. Jobs that the journal does not know, and the chain does,
are counted as if each had taken all that one may.
"""

from __future__ import annotations

from collections.abc import Iterator

from registry.compute.job_escrow import JobEscrow
from registry.did import DID
from registry.session import Session

__all__ = ["paid_jobs"]


def paid_jobs(session: Session, offering: DID) -> Iterator[str]:
    """Names of the jobs on an offering that the account of a session was paid for as their host, by a use or in escrow.
    Nothing on the chain tells of jobs under a licence for a time, nor of those that failed.

    Raises `ConnectionFailed`.
    """
    used = session.chain.events(
        session.assets.events.UsesConsumed,
        filters={"assetId": offering.asset_id, "service": session.address},
        from_block=session.deployment.block,
    )
    yield from (bytes(event.args["ref"]).hex() for event in used)
    for one in JobEscrow(session).jobs(on=offering):
        if one.host == session.address and one.result:
            yield one.job
