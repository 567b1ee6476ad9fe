"""Having what a path leads to come in one request, where each block on it would take a round trip of its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from registry.errors import ContentError
from registry.ipfs.cid import CID
from registry.ipfs.copy import stream_path
from registry.ipfs.fallback import Fallback
from registry.ipfs.flights import Flights
from registry.ipfs.limits import LIMITS
from registry.ipfs.reader import Reader

__all__ = ["Approach"]

_INDEX_AT_THE_END: Final = (".parquet", ".parq", ".pq", ".orc", ".arrow", ".feather", ".zip", ".npz")
"""Files of which whoever looks one up reads the end next, since it says where all else is."""

_END: Final = 1_000_000
"""Bytes of that end: as many as `fsspec.parquet` begins with."""


class Approach:
    """What is missing here on the way to a path, fetched in one archive. Threads may share it."""

    def __init__(self, source: Fallback, reader: Reader) -> None:
        self._source, self._reader = source, reader
        self._under_way: Final = Flights()

    def bring(self, root: CID, path: str) -> None:
        """Have the blocks from a root along a path in the store that the source keeps what comes in, with the end of
        a file that has its index there. Whatever cannot be had so is for the reader to ask for, block by block."""
        cache = self._source.cache
        names, last = [name for name in path.split("/") if name], _END if path.endswith(_INDEX_AT_THE_END) else 0
        cid = root
        with suppress(ContentError):
            while cache is not None and (names or last):
                if not cache.has(cid):
                    self._under_way.get(cid, lambda cid: self._ask(cid, names, last))
                if not names or not cache.has(cid):
                    return
                node = self._reader.node(cid)
                link = self._reader.child(node, names.pop(0)) if node.kind == "folder" else None
                if link is None:
                    return
                cid = link.cid

    def _ask(self, cid: CID, names: list[str], last: int) -> bytes:
        # What weighs more than these blocks can is not what was asked for.
        limits = replace(LIMITS, total=(len(names) + 2) * LIMITS.block + last)
        stream_path(cid, "/".join(names), last, self._source, limits=limits)
        return b""
