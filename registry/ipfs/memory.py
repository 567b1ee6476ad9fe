"""Blocks in memory."""

from __future__ import annotations

from typing import Final

from registry.errors import BlockNotFound
from registry.ipfs.blocks import refuse_wrong
from registry.ipfs.cid import CID

__all__ = ["MemoryStore"]


class MemoryStore:
    """Blocks in memory, for tests and for content that is passed on at once."""

    name: Final = "the memory store"
    verifies: Final = True  # put hashes, and nothing reaches the dictionary since

    def __init__(self) -> None:
        self._blocks: dict[CID, bytes] = {}

    def __len__(self) -> int:
        return len(self._blocks)

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block. Raises `Unverified` if it is not the CID's."""
        refuse_wrong(cid, data, self.name)
        self._blocks[cid.v1()] = bytes(data)

    def has(self, cid: CID) -> bool:
        """Whether the block is here; an identity CID's always is."""
        return cid.inline is not None or cid.v1() in self._blocks

    def get(self, cid: CID) -> bytes:
        """The block. Raises `BlockNotFound`."""
        inline = cid.inline
        if inline is not None:
            return inline
        try:
            return self._blocks[cid.v1()]
        except KeyError:
            raise BlockNotFound(cid, self.name) from None
