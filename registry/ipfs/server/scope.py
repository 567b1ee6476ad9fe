"""Which blocks an archive has that was asked for by path and scope: those that a reader of it would fetch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from registry.errors import UnsupportedCodec
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID, DAG_PB, RAW
from registry.ipfs.limits import LIMITS
from registry.ipfs.reader import Reader
from registry.ipfs.traverse import traverse

__all__ = ["BlockRecorder", "byte_range", "resolved", "scoped"]


class BlockRecorder:
    """A source that remembers what was fetched from it, each block once, until it is taken."""

    verifies: Final = True

    def __init__(self, source: BlockSource) -> None:
        self._source = source
        self._new: list[tuple[CID, bytes]] = []
        self.seen: set[CID] = set()

    def get(self, cid: CID) -> bytes:
        """The block, verified and noted."""
        block = fetch(cid, self._source)
        if cid.v1() not in self.seen:
            self.seen.add(cid.v1())
            self._new.append((cid, block))
        return block

    def take(self) -> Iterator[tuple[CID, bytes]]:
        """What came since it was last asked."""
        new, self._new = self._new, []
        yield from new


def scoped(
    cid: CID, recorder: BlockRecorder, scope: str, wanted: tuple[int, int | None] | None
) -> Iterator[tuple[CID, bytes]]:
    """The blocks of the path that the recorder has, then those of what it leads to (dag-scope of the specification of
    trustless gateways); `wanted` are the first and last byte of a file, as `entity_bytes`."""
    yield from recorder.take()
    if scope == "all":
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


def resolved(root: CID, path: str, source: BlockSource) -> list[CID]:
    """The CID of the root and of each step of a path. Raises `FileNotInAsset`, `UnsupportedCodec` and the
    reader's errors."""
    reader = Reader(source, LIMITS)
    found = [root]
    for name in (step for step in path.split("/") if step):
        if found[-1].codec not in (RAW, DAG_PB):
            raise UnsupportedCodec(found[-1], found[-1].codec)
        found.append(reader.resolve(found[-1], name))
    return found
