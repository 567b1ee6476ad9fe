"""How a collection's manifest is laid out: three files, of which the proof of one item is a few kilobytes.

=========== =====================================================================================================
documents   the documents of all items, one after the other in the order of the items, nothing between them
items       a record of 48 bytes for each: where its document begins (8 bytes) and how long it is (4), how many leaves
            of the tree are less than its leaf (4), and sha2-256 of the document (32); numbers are big-endian
tree        the Merkle tree in pages of 7 levels
=========== =====================================================================================================

The tree is that of `registry.documents.merkle`, its nodes numbered from the root, which is 1; the children of node n
are 2n and 2n + 1. A page belongs to a node of level 0, 7, 14, ... and is a heap of its own: at place 1 that node, at
places 2j and 2j + 1 the children of what is at place j, at place 0 nothing. All pages of a level follow each other,
those of lesser levels come first, and the last ones have as many levels as the tree has left. Each size is a power of
two that fits the chunks of the files (`PROFILE`), so that a proof in a tree of a million leaves is three chunks.

Nobody is trusted: a proof leads to the root on chain, or it is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from eth_hash.auto import keccak

from registry.documents.merkle import HASH, MerkleTree
from registry.ipfs.profiles import COLLECTION_V1

PROFILE: Final = COLLECTION_V1

DOCUMENTS: Final = "documents"
ITEMS: Final = "items"
TREE: Final = "tree"

MAX_ITEMS: Final = 2**32 - 1
"""As the contract counts them."""

LEVELS: Final = 7
"""Of a page."""

_RECORD: Final = Struct(">QII32s")

RECORD: Final = _RECORD.size
"""Bytes of a record."""


class Record(NamedTuple):
    """What is listed of an item; `offset` and `length` in bytes, `rank` is the number of leaves less than its own."""

    offset: int
    length: int
    rank: int
    digest: bytes

    @classmethod
    def unpack(cls, data: bytes) -> Record:
        """Read 48 bytes."""
        return cls(*_RECORD.unpack(data))

    def pack(self) -> bytes:
        """Write 48 bytes."""
        return _RECORD.pack(*self)


def leaf_of_item(index: int, digest: bytes) -> bytes:
    """The leaf of an item: ``(uint256 index, bytes32 digest)`` as StandardMerkleTree has it."""
    return keccak(keccak(index.to_bytes(32) + digest))


class TreePage(NamedTuple):
    """The page of a node: `start` and `size` in bytes in the file, and how many levels lie below the node."""

    node: int
    levels: int
    start: int
    size: int


def depth_of(count: int) -> int:
    """The levels below the root of a tree of so many leaves."""
    return (2 * count - 1).bit_length() - 1


def page_of(node: int, depth: int) -> TreePage:
    """The page of a node whose level is a multiple of 7, in a tree of this depth."""
    level = node.bit_length() - 1
    levels = min(LEVELS, depth - level)
    size = HASH << (levels + 1)
    before = sum(HASH << (LEVELS + 1) << above for above in range(0, level, LEVELS))
    return TreePage(node, levels, before + (node - (1 << level)) * size, size)


def tree_size(count: int) -> int:
    """Bytes of the file of a tree of so many leaves."""
    depth = depth_of(count)
    if not depth:
        return 0
    last = page_of((1 << (depth - 1) // LEVELS * LEVELS + 1) - 1, depth)
    return last.start + last.size


def pages(tree: MerkleTree) -> Iterator[bytes]:
    """The file of a tree, page by page."""
    depth = depth_of(tree.count)
    for level in range(0, depth, LEVELS):
        for node in range(1 << level, 2 << level):
            page = page_of(node, depth)
            rows = [bytes(HASH)]
            for below in range(page.levels + 1):
                start = HASH * ((node << below) - 1)
                size = HASH << below
                rows.append(bytes(tree.nodes[start : start + size]).ljust(size, b"\0"))
            yield b"".join(rows)
