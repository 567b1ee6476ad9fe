"""Blocks and who gives and takes them. A source may be anyone's; what it hands over is hashed before it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

from registry.errors import LimitExceeded, UnsupportedHash, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.limits import LIMITS, ReadLimits

__all__ = [
    "BlockSink",
    "BlockSource",
    "BlockStore",
    "NullSink",
    "cache_of",
    "fetch",
    "keep",
    "name_of",
    "parallel_of",
    "refuse_wrong",
    "writing",
]


class BlockSink(Protocol):
    """Takes blocks."""

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block under its CID."""


class BlockSource(Protocol):
    """Gives blocks. It answers within a time of its own: a source on a network has a deadline for each call.

    It may set ``verifies = True`` if its `get` hashes every block itself, which saves the reader a second hash;
    ``name``, by which errors call it; and ``parallel``, how many blocks a reader may ask for at the same time because
    each takes a round trip (1 without it)."""

    def get(self, cid: CID) -> bytes:
        """The bytes of a block. Raises `BlockNotFound` if there is no such block here, `Unavailable` if it cannot be
        said, `Unverified` if the bytes are not its bytes, `LimitExceeded` if they are too many."""


@runtime_checkable
class BlockStore(BlockSource, BlockSink, Protocol):
    """Keeps blocks."""

    def has(self, cid: CID) -> bool:
        """Whether the block is here."""


def name_of(source: object) -> str:
    """What to call a source in an error."""
    return str(getattr(source, "name", type(source).__name__))


def parallel_of(source: BlockSource) -> int:
    """How many blocks may be asked of a source at the same time."""
    return int(getattr(source, "parallel", 1))


def cache_of(store: BlockStore) -> Callable[[CID, bytes], None]:
    """By what a store keeps a block that can be had again: without waiting for its disk, if it has a way."""
    cache: Callable[[CID, bytes], None] = getattr(store, "cache", store.put)
    return cache


def fetch(cid: CID, source: BlockSource, limits: ReadLimits = LIMITS) -> bytes:
    """A block, hashed and of a size that is allowed. Identity CIDs need no source.

    Raises `BlockNotFound`, `Unavailable`, `Unverified`, `LimitExceeded` and `UnsupportedHash`.
    """
    inline = cid.inline
    if inline is not None:
        return inline
    if not cid.is_checkable:
        raise UnsupportedHash(cid, cid.hash_code)
    data = source.get(cid)
    if len(data) > limits.block:
        raise LimitExceeded(f"The size of block {cid} in bytes", len(data), limits.block)
    if getattr(source, "verifies", False) is not True and not cid.verify(data):
        raise Unverified(cid, name_of(source))
    return data


def refuse_wrong(cid: CID, data: bytes, name: str) -> None:
    """Raise `Unverified` if somebody wants to write bytes to the store `name` that are not the CID's."""
    if not cid.verify(data):
        raise Unverified(cid, f"the writer to {name}")


def writing(store: BlockSink) -> AbstractContextManager[None]:
    """While blocks are added to be kept: `LocalStore.writing`, and nothing for stores that need no such care."""
    begin = getattr(store, "writing", None)
    return nullcontext() if begin is None else begin()


def keep(store: BlockSink, names: Mapping[CID, str]) -> None:
    """Pin roots, each with a name, in a store that has pins; the others forget nothing."""
    pin_all, pin = getattr(store, "pin_all", None), getattr(store, "pin", None)
    if pin_all is not None:
        pin_all(names)
    elif pin is not None:
        for cid, name in names.items():
            pin(cid, name=name)


class NullSink:
    """Keeps nothing: for computing a CID by the very path that stores."""

    def put(self, cid: CID, data: bytes) -> None:
        """Let the block go."""
