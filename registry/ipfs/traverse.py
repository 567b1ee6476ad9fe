"""All blocks below a root, depth first, each once: what is copied, packed, pinned and kept."""

from __future__ import annotations

from collections.abc import Iterator

from registry.errors import LimitExceeded
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID, LEAVES
from registry.ipfs.dag import links
from registry.ipfs.limits import LIMITS, ReadLimits

__all__ = ["traverse"]


def traverse(
    root: CID,
    source: BlockSource,
    *,
    leaves: bool = True,
    seen: set[CID] | None = None,
    limits: ReadLimits = LIMITS,
) -> Iterator[tuple[CID, bytes | None]]:
    """Each block from a root down, verified, a node before what it links to and links in their order.

    Without `leaves`, blocks that cannot have links are named and not fetched: their bytes come as None. What is in
    `seen` (CIDv1) is passed over with all below it, and what comes is added to it. Identity CIDs carry themselves and
    do not come, but what they link to does. Raises the errors of `fetch` and `links`, and `LimitExceeded`.
    """
    seen = set() if seen is None else seen
    counted = size = 0
    stack = [root]
    while stack:
        cid = stack.pop()
        if cid.v1() in seen:
            continue
        seen.add(cid.v1())
        counted += 1
        if counted > limits.entries:
            raise LimitExceeded(f"The number of blocks of {root}", counted, limits.entries)
        if not leaves and cid.codec in LEAVES:
            if cid.inline is None:
                yield cid, None
            continue
        block = fetch(cid, source, limits)
        size += len(block)
        if size > limits.total:
            raise LimitExceeded(f"The size of the blocks of {root} in bytes", size, limits.total)
        if cid.inline is None:
            yield cid, block
        stack.extend(reversed(links(cid, block, limits)))
