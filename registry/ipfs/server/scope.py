"""Which blocks an archive has that was asked for by path and scope: those that a reader of it would fetch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry.errors import FileNotInAsset, LimitExceeded
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID, DAG_PB, RAW
from registry.ipfs.dag import links
from registry.ipfs.ipld import reach_path
from registry.ipfs.limits import LIMITS
from registry.ipfs.reader import Reader
from registry.ipfs.traverse import traverse

__all__ = ["BlockRecorder", "byte_range", "resolved", "scoped"]


class BlockRecorder:
    """A source that remembers what was fetched from it until it is taken: each block once, or with `dups` as often as
    it was fetched."""

    verifies: Final = True

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        self.dups = False
        self._new: list[tuple[CID, bytes]] = []
        self.seen: set[CID] = set()

    def get(self, cid: CID) -> bytes:
        """The block, verified and noted."""
        block = fetch(cid, self._source)
        if self.dups or cid.v1() not in self.seen:
            self.seen.add(cid.v1())
            self._new.append((cid, block))
        return block

    def take(self) -> Iterator[tuple[CID, bytes]]:
        """What came since it was last asked."""
        new, self._new = self._new, []
        yield from new


def scoped(
    cid: CID, recorder: BlockRecorder, scope: str, wanted: tuple[int, int | None] | None, *, dups: bool = False
) -> Iterator[tuple[CID, bytes]]:
    """The blocks of the path that the recorder has, then those of what it leads to (dag-scope of the specification of
    trustless gateways); `wanted` are the first and last byte of a file, as `entity_bytes`. With `dups` a block below
    comes as often as it is linked to."""
    yield from recorder.take()
    if scope == "all":
        if dups:
            yield from _with_dups(cid, recorder)
            return
        for _ in traverse(cid, recorder):
            yield from recorder.take()
        return
    if cid.codec not in (RAW, DAG_PB) or scope == "block":
        if cid.inline is None:
            recorder.get(cid)
        yield from recorder.take()
        return
    reader = Reader(recorder, LIMITS)
    node = reader.node(cid)
    yield from recorder.take()
    recorder.dups = dups
    if node.kind == "file":
        start, end = byte_range(*wanted, node.size) if wanted else (0, node.size)
        for _ in reader.content(node, start, end):
            yield from recorder.take()
    elif node.kind == "folder":
        for _ in reader.links(node):
            yield from recorder.take()


def byte_range(first: int, last: int | None, size: int) -> tuple[int, int]:
    """Where a range of the specification begins and ends in a file of `size` bytes, as a slice; negative numbers count
    from the end."""
    start = max(size + first, 0) if first < 0 else first
    end = size if last is None else (size + last if last < 0 else last) + 1
    return min(start, size), max(min(end, size), min(start, size))


def _with_dups(root: CID, recorder: BlockRecorder) -> Iterator[tuple[CID, bytes]]:
    """All below a root, depth first; how often a few blocks can lead to one another is bounded."""
    fetch(root, recorder)
    yield from recorder.take()
    recorder.dups = True
    stack, count = [root], 0
    while stack:
        cid = stack.pop()
        count += 1
        if count > LIMITS.entries:
            raise LimitExceeded(f"The number of blocks of {root}", count, LIMITS.entries)
        block = fetch(cid, recorder)
        new = list(recorder.take())
        yield from new if count > 1 else ()
        stack.extend(reversed(links(cid, block)))


def resolved(root: CID, path: str, source: BlockSource) -> CID:
    """The block at the end of a path through folders and documents. Raises `FileNotInAsset` for what lies in the midst
    of one, and the reader's errors."""
    reached = reach_path(root, path, source, fields=False)
    if reached.rest:
        raise FileNotInAsset(path, [])
    return reached.cid
