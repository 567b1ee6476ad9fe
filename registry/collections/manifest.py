"""Reading a collection's manifest, which may be anybody's: in ranges, each item by itself, checked against the root."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from registry.collections.layout import (
    DOCUMENTS,
    ITEMS,
    LEVELS,
    RECORD,
    TREE,
    Record,
    depth_of,
    leaf_of_item,
    page_of,
    pages,
    tree_size,
)
from registry.documents.ddo import MAX_BYTES
from registry.documents.merkle import HASH, MerkleTree, root_from
from registry.errors import InputError, LimitExceeded, Unverified
from registry.ipfs.blocks import BlockSource
from registry.ipfs.cid import CID
from registry.ipfs.node import Node
from registry.ipfs.reader import Reader

_REMEMBERED: Final = 64
_AT_ONCE: Final = 4096

MAX_VERIFIED: Final = 20_000_000
"""Items of a collection that is verified as a whole, since its tree is made anew in memory: 3.5 GB."""


@dataclass(frozen=True, slots=True)
class Listed:
    """That a collection lists a document: `digest` is its sha2-256, `proof` are the hashes beside the way from the
    item's leaf up to the root. It was checked."""

    index: int
    digest: bytes
    leaf: bytes
    proof: tuple[bytes, ...]


class Manifest:
    """The list of `size` items that the root stands for, below the folder `cid` of a source of blocks.

    Reading raises `Unverified` for whatever does not lead to the root, `FileNotInAsset` and `InputError` for content
    that is no manifest, and what the source raises.
    """

    def __init__(self, cid: CID, root: bytes, size: int, source: BlockSource) -> None:
        self.cid, self.root, self.size = cid, root, size
        self._reader = Reader(source, remember=_REMEMBERED)

    def __len__(self) -> int:
        return self.size

    # --- One item --------------------------------------------------------------------------------

    def listed(self, index: int) -> Listed:
        """The digest of an item's document, and the proof of it. Raises `InputError` for an index past the last."""
        return self._listed(index)[0]

    def document(self, index: int) -> bytes:
        """The bytes of an item's document, which are those that the collection lists; it may still be no DDO."""
        return self.item(index)[1]

    def item(self, index: int) -> tuple[Listed, bytes]:
        """Both of these."""
        listed, record = self._listed(index)
        data = self._between(self._documents, record.offset, record.offset + record.length)
        if hashlib.sha256(data).digest() != listed.digest:
            raise self._wrong(f"the document of item {index:,} is another than the list says")
        return listed, data

    def _listed(self, index: int) -> tuple[Listed, Record]:
        if not 0 <= index < self.size:
            raise InputError(
                f"There is no item {index:,} in a collection of {self.size:,}.",
                hint=f"They are numbered from 0 to {self.size - 1:,}.",
            )
        at = index * RECORD
        record = Record.unpack(self._between(self._items, at, at + RECORD))
        self._check(index, record)
        leaf = leaf_of_item(index, record.digest)
        proof = self._proof(2 * self.size - 1 - record.rank)
        if root_from(leaf, proof) != self.root:
            raise self._wrong(f"the proof of item {index:,} does not lead to the root")
        return Listed(index, record.digest, leaf, proof), record

    def _check(self, index: int, record: Record) -> None:
        """Hold the numbers of a record against what they may be, before anything is read by them."""
        if record.rank >= self.size:
            raise self._wrong(f"the leaf of item {index:,} has no place in its tree")
        if record.length > MAX_BYTES or record.offset + record.length > self._documents.size:
            raise self._wrong(f"the document of item {index:,} lies outside of its documents, or is too large")

    def _proof(self, leaf: int) -> tuple[bytes, ...]:
        """The hashes beside the way from a leaf, by its number in the tree, to the root."""
        depth, level = depth_of(self.size), leaf.bit_length() - 1
        beside: list[bytes] = []
        for top in range(0, level, LEVELS):
            page = page_of(leaf >> (level - top), depth)
            data = self._between(self._tree, page.start, page.start + page.size)
            for below in range(1, min(page.levels, level - top) + 1):
                node = leaf >> (level - top - below)
                place = (node - (page.node << below) + (1 << below)) ^ 1
                beside.append(data[HASH * place : HASH * (place + 1)])
        return tuple(reversed(beside))

    # --- All of it -------------------------------------------------------------------------------

    def verify(self) -> Iterator[int]:
        """Check everything: each document against the list, the list against the root, and that each item's proof can
        be read. Gives the number of items done, now and then; a million take 250 MB. Raises `LimitExceeded` for more
        than 20 million."""
        if self.size > MAX_VERIFIED:
            raise LimitExceeded("The number of items of a collection that is verified", self.size, MAX_VERIFIED)
        tree = MerkleTree(self._leaves())
        if tree.root != self.root:
            raise self._wrong("its items do not lead to the root")
        for index, record in self._records():
            if record.rank != tree.rank(leaf_of_item(index, record.digest)):
                raise self._wrong(f"it names the wrong place in its tree for item {index:,}")
        at = 0
        for page in pages(tree):
            if self._between(self._tree, at, at + len(page)) != page:
                raise self._wrong("its tree is not that of its items")
            at += len(page)
        yield 0
        for index, record in self._records():
            data = self._between(self._documents, record.offset, record.offset + record.length)
            if hashlib.sha256(data).digest() != record.digest:
                raise self._wrong(f"the document of item {index:,} is another than the list says")
            if not (index + 1) % _AT_ONCE or index + 1 == self.size:
                yield index + 1

    def _leaves(self) -> Iterator[bytes]:
        return (leaf_of_item(index, record.digest) for index, record in self._records())

    def _records(self) -> Iterator[tuple[int, Record]]:
        for first in range(0, self.size, _AT_ONCE):
            last = min(first + _AT_ONCE, self.size)
            data = self._between(self._items, first * RECORD, last * RECORD)
            for index in range(first, last):
                at = (index - first) * RECORD
                record = Record.unpack(data[at : at + RECORD])
                self._check(index, record)
                yield index, record

    # --- Files -----------------------------------------------------------------------------------

    @cached_property
    def _documents(self) -> Node:
        return self._file(DOCUMENTS)

    @cached_property
    def _items(self) -> Node:
        return self._file(ITEMS, self.size * RECORD)

    @cached_property
    def _tree(self) -> Node:
        return self._file(TREE, tree_size(self.size))

    def _file(self, name: str, size: int | None = None) -> Node:
        node = self._reader.file(self._reader.resolve(self.cid, name))
        if size is not None and node.size != size:
            raise self._wrong(f"its {name!r} has {node.size:,} bytes, not {size:,}")
        return node

    def _between(self, file: Node, start: int, end: int) -> bytes:
        data = b"".join(self._reader.cat(file, start, end))
        if len(data) != end - start:
            raise self._wrong(f"{end - start:,} bytes of it were asked for, and {len(data):,} came")
        return data

    def _wrong(self, why: str) -> Unverified:
        return Unverified(self.cid, "the manifest of the collection", why)
