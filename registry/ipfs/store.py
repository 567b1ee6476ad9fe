"""Where blocks come from and go to: the names that most of the package needs from here."""

from __future__ import annotations

from registry.ipfs.blocks import BlockSink, BlockSource, BlockStore, NullSink, fetch, keep, name_of, writing
from registry.ipfs.fallback import Fallback, ReadThrough
from registry.ipfs.local_store import LocalStore, Pin
from registry.ipfs.memory import MemoryStore

__all__ = [
    "BlockSink",
    "BlockSource",
    "BlockStore",
    "Fallback",
    "LocalStore",
    "MemoryStore",
    "NullSink",
    "Pin",
    "ReadThrough",
    "fetch",
    "keep",
    "name_of",
    "writing",
]
