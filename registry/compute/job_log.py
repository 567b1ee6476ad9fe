"""What the program of a job wrote: kept for the owner of the data, and let out to its consumer where the owner says so.

No rule looks at a log, so by default nobody else gets it. Terms may let out so many bytes of the logs of programs that
they name; those count in the budget of the data, as results do. Any other log is let out by the owner, who reads it
before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from registry.compute.job_document import ComputeJob
from registry.compute.sealed_result import sealed_for, unsealed
from registry.documents.compute_terms import Terms
from registry.errors import ForgedReceipt, LimitExceeded
from registry.gated.identity import Identity
from registry.ipfs.cid import CID
from registry.text.html import Shown

__all__ = ["MOST_LOG", "SALT", "JobLog", "goes_out", "kept_bytes", "opened_log"]

SALT: Final = 32

MOST_LOG: Final = 2**17
"""Bytes of a sealed log."""

_NOTICE: Final = 64
"""Bytes for the line that says how much of a log is left out."""


@dataclass(frozen=True, slots=True)
class JobLog(Shown):
    """A log, and 32 random bytes before it: without them, who holds its root tries what a program may have written
    until one fits, and has a log that was kept."""

    salt: bytes
    text: bytes

    @property
    def root(self) -> CID:
        """What its host signs of it."""
        return CID.raw(self.salt + self.text)

    def sealed(self, recipient: str) -> bytes:
        """The file that only the consumer opens."""
        return sealed_for(self.salt + self.text, recipient)


def opened_log(data: bytes, identity: Identity, root: CID | None) -> JobLog:
    """The log in a sealed file; with a `root`, the one that the host signed for.

    Raises `WrongKey`, `LimitExceeded`, and `ForgedReceipt` for another log.
    """
    if len(data) > MOST_LOG:
        raise LimitExceeded("The size of a sealed log in bytes", len(data), MOST_LOG)
    paper = unsealed(data, identity, "the log")
    log = JobLog(paper[:SALT], paper[SALT:])
    if root is not None and log.root != root:
        raise ForgedReceipt(f"the log is {log.root}, and the host signed for {root}")
    return log


def kept_bytes(terms: Terms, otherwise: int) -> int:
    """How many bytes are kept of what a program writes: no more than may go out, where any may; else `otherwise`."""
    return terms.log - _NOTICE if terms.log else otherwise


def goes_out(terms: Terms, job: ComputeJob) -> bool:
    """Whether the log of a job goes out by its terms. That of a job which the owner has to read before it runs, or
    whose result the owner looks at, does not."""
    return bool(terms.log) and terms.release == "policy" and not terms.outside(job.code, job.params)
