"""Whether those who said they keep something still do: random blocks are fetched back from each and hashed.

An audit of k of n blocks misses that m of them are lost with the probability C(n - m, k) / C(n, k), the chance to draw
k without any of the m (hypergeometric). It shows that the blocks come from where they were asked for, not on whose
disk they lie: a gateway may fetch from others.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from registry.errors import ContentError, InputError
from registry.ipfs.blocks import BlockSource, fetch, parallel_of
from registry.ipfs.cid import CID
from registry.ipfs.prefetch import ahead
from registry.ipfs.traverse import traverse
from registry.text.html import Shown

__all__ = ["Audit", "AuditFinding", "ReplicaAudit", "audit", "chance_to_miss"]


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """A block that a replica did not give: the `error` by its name and what it says."""

    cid: CID
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class ReplicaAudit:
    """What one replica gave of what was asked: `checked` blocks, `size` in bytes of those that hashed, `findings`."""

    name: str
    checked: int
    size: int
    findings: tuple[AuditFinding, ...]

    @property
    def sound(self) -> bool:
        """Whether all that was asked for came and hashed."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Audit(Shown):
    """An audit of `sample` of the `blocks` below the roots, at each replica; `unchecked` could not be asked."""

    roots: tuple[CID, ...]
    blocks: int
    sample: int
    replicas: tuple[ReplicaAudit, ...]
    unchecked: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether every replica gave all that was asked of it."""
        return all(replica.sound for replica in self.replicas)

    def misses(self, lost: float) -> float:
        """The probability that a replica with this share of its blocks lost (0 to 1) passes such an audit."""
        return chance_to_miss(self.blocks, math.ceil(self.blocks * lost), self.sample)

    def __str__(self) -> str:
        bad = [replica.name for replica in self.replicas if not replica.sound]
        verdict = f"not sound: {', '.join(bad)}" if bad else "all sound"
        left_out = f"; not asked: {', '.join(self.unchecked)}" if self.unchecked else ""
        places = f"{len(self.replicas)} replica{'s' * (len(self.replicas) != 1)}"
        return (
            f"{self.sample:,} of {self.blocks:,} blocks from {places}, {verdict}; if one had lost 1 % of its blocks, "
            f"this would miss it with probability {self.misses(0.01):.2g}{left_out}"
        )


def chance_to_miss(blocks: int, lost: int, sample: int) -> float:
    """The probability that a sample without replacement of `blocks` has none of the `lost` ones: hypergeometric.

    Raises `InputError` for numbers that no store could have.
    """
    if not 0 <= lost <= blocks or not 0 <= sample <= blocks:
        raise InputError(
            f"{lost} lost and {sample} checked do not fit {blocks} blocks.", hint="Neither can be more than there are."
        )
    if sample > blocks - lost:
        return 0.0
    return math.exp(sum(math.log1p(-lost / (blocks - drawn)) for drawn in range(sample)))


def audit(
    roots: Sequence[CID],
    source: BlockSource,
    replicas: Mapping[str, BlockSource],
    *,
    share: float = 0.01,
    at_least: int = 16,
    seed: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Audit:
    """Fetch a random `share` of the blocks below `roots`, but `at_least` so many, back from each replica.

    `source` gives the trees (their leaves are not asked for); the replicas are asked directly. The draw cannot be
    foreseen unless `seed` fixes it. `progress` is called with the replica, the blocks done and all blocks.

    Raises what `source` raises, and `InputError`; what is wrong with a replica is in the result.
    """
    if not replicas or not 0 < share <= 1 or at_least < 1:
        raise InputError(
            f"{len(replicas)} replicas, a share of {share} and at least {at_least} blocks make no audit.",
            hint="Name a replica, a share above 0 and up to 1, and at least one block.",
        )
    seen: set[CID] = set()
    blocks = [cid for root in roots for cid, _ in traverse(root, source, leaves=False, seen=seen)]
    count = min(len(blocks), max(at_least, math.ceil(share * len(blocks))))
    chance = random.SystemRandom() if seed is None else random.Random(seed)  # nosec B311 # a seed is for repeating
    drawn = chance.sample(blocks, count)
    found = tuple(_look(name, replica, drawn, progress) for name, replica in replicas.items())
    return Audit(tuple(roots), len(blocks), count, found)


def _look(
    name: str, replica: BlockSource, drawn: Sequence[CID], progress: Callable[[str, int, int], None] | None
) -> ReplicaAudit:
    def one(cid: CID) -> int | AuditFinding:
        try:
            return len(fetch(cid, replica))
        except ContentError as error:
            return AuditFinding(cid, type(error).__name__, error.message)

    size = 0
    findings: list[AuditFinding] = []
    for number, got in enumerate(ahead(one, drawn, parallel_of(replica)), 1):
        if isinstance(got, AuditFinding):
            findings.append(got)
        else:
            size += got
        if progress is not None:
            progress(f"auditing {name}", number, len(drawn))
    return ReplicaAudit(name, len(drawn), size, tuple(findings))
