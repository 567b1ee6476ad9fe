"""Runs that are prepaid by the minute: one use for each that is begun.

Every use of a run has the nonce of its first, and one more of them than the last: the contract takes one of all, so a
host hands in that of the minutes that were used, and no other after it. A consumer signs for a minute ahead of its own
clock and no further; whoever signs no more ends the run.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from registry.content.uses import SignedReceipt
from registry.documents.compute_terms import Terms

__all__ = ["MINUTE", "begun", "most_minutes", "next_use"]

MINUTE: Final = 60.0
"""Seconds that a use pays for."""


def begun(seconds: float) -> int:
    """How many minutes are begun by a run of so many seconds."""
    return max(math.ceil(seconds / MINUTE), 1)


def most_minutes(terms: Terms) -> int:
    """How many minutes the longest run begins; 0 where a use pays for a run."""
    return begun(terms.seconds) if terms.use == "minute" else 0


def next_use(first: SignedReceipt, minutes: int) -> SignedReceipt:
    """What is to be signed for so many minutes of a run, in place of the use of its first."""
    return replace(first, uses=minutes, signature=b"")
