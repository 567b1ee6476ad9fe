"""Blocks out of an archive as they are wanted: in its order, which is that of a reader who goes depth first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from registry.errors import ContentError
from registry.ipfs.blocks import BlockStore, fetch, writing
from registry.ipfs.cid import CID
from registry.ipfs.fallback import Fallback

__all__ = ["Streamed", "streamed"]

_BATCH: Final = 256


class Streamed:
    """A source that takes each block from an archive as long as the archive has what is asked for, and then from
    `source`. What comes is kept in the store, many blocks at a time."""

    verifies: Final = True  # whoever streams archives hashes every block

    def __init__(self, archive: Iterator[tuple[CID, bytes]], source: Fallback, store: BlockStore) -> None:
        self._archive: Iterator[tuple[CID, bytes]] | None = archive
        self._source, self._store = source, store
        self._unkept: list[tuple[CID, bytes]] = []

    def get(self, cid: CID) -> bytes:
        """The block. Raises as the source does."""
        if self._archive is not None:
            with suppress(ContentError):  # block by block it will be seen what is wrong
                found, block = next(self._archive, (None, b""))
                if found is not None and found.v1() == cid.v1():
                    self._keep(found, block)
                    return block
            self._archive = None
        return fetch(cid, self._source)

    def _keep(self, cid: CID, block: bytes) -> None:
        self._unkept.append((cid, block))
        if len(self._unkept) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Keep what is not yet; a full disk must not keep it from the reader."""
        with suppress(ContentError), writing(self._store):
            for cid, block in self._unkept:
                self._store.put(cid, block)
        self._unkept.clear()


def streamed(root: CID, below: CID, source: object) -> Streamed | None:
    """The blocks below a folder's root that say what is in it, if there is one among the sources that streams them and
    a store that keeps them, which lacks the one `below`."""
    if isinstance(source, Fallback) and source.cache is not None and not source.cache.has(below):
        for one in source.sources:
            if (entity := getattr(one, "entity", None)) is not None:
                made = Streamed(entity(root), source, source.cache)
                made.get(root)
                return made
    return None
