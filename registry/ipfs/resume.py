"""How much of a file that was written before is the file indeed: its bytes are held against the blocks of its tree, and
of these only the inner ones are fetched."""

from __future__ import annotations

from typing import BinaryIO

from registry.ipfs.builder import leaf
from registry.ipfs.cid import CID, DAG_PB, RAW
from registry.ipfs.node import Node
from registry.ipfs.reader import Reader

__all__ = ["verified_prefix"]


def verified_prefix(reader: Reader, root: CID, file: BinaryIO) -> int:
    """The bytes at the start of `file` that are proven to be those of the file at `root`, up to some block's end."""
    size = file.seek(0, 2)
    if not size:
        return 0
    if root.codec != DAG_PB:
        return size if size <= reader.limits.block and root.verify(_read(file, 0, size)) else 0
    return _prefix(reader, reader.node(root), file, 0, size)


def _prefix(reader: Reader, node: Node, file: BinaryIO, at: int, size: int) -> int:
    if node.data:  # a file of one block, or one whose inner blocks carry bytes, which hardly any writer makes
        return at
    for link, length in zip(node.links, node.blocksizes, strict=True):
        if length <= reader.limits.block and at + length <= size and _is(link.cid, file, at, length):
            at += length
            continue
        if link.cid.codec == RAW:
            return at
        child = reader.node(link.cid)
        end = _prefix(reader, child, file, at, size) if child.links and child.size == length else at
        if end < at + length:
            return end
        at = end
    return at


def _is(cid: CID, file: BinaryIO, at: int, length: int) -> bool:
    """Whether these bytes of the file are a leaf of this CID."""
    data = _read(file, at, length)
    return len(data) == length and leaf(data, raw=cid.codec == RAW, version=1)[0] == cid.v1()


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)
