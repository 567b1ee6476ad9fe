"""Several sources as one: all that comes through is verified, and those that answer well are asked first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Final

from registry.errors import BlockNotFound, ContentError, InputError, Unavailable, Unverified
from registry.ipfs.blocks import BlockSource, BlockStore, cache_of, fetch, keep, name_of, parallel_of, writing
from registry.ipfs.cid import CID
from registry.ipfs.flights import Flights
from registry.ipfs.traverse import traverse

__all__ = ["Fallback", "ReadThrough"]


class _Standing:
    """How a source has answered lately, and until when it is better not to be asked."""

    _FIRST: Final = 0.5
    _LONGEST: Final = 60.0

    def __init__(self) -> None:
        self.failures = 0
        self.until = 0.0
        self.told = False  # it named the time itself, so asking earlier is rude as well as useless

    def well(self) -> None:
        self.failures, self.until, self.told = 0, 0.0, False

    def badly(self, error: ContentError) -> None:
        self.failures += 1
        wait = min(self._FIRST * 2 ** (self.failures - 1), self._LONGEST)
        asked = getattr(error, "retry_after", None)
        self.told = asked is not None
        if asked is not None:
            wait = max(wait, asked)
        elif isinstance(error, Unverified):
            wait = self._LONGEST
        self.until = time.monotonic() + wait


class Fallback:
    """Several sources as one: each is asked in turn, and the first block that hashes to its CID is taken.

    A source that was unavailable or wrong is asked after the others for a while, twice as long each time up to a
    minute; one that said when to come back (Retry-After) is not asked before. With `cache`, a block that another
    source gave is written to it, which also mends a damaged copy there. Raises `InputError` without a source, else what
    the sources raise.
    """

    verifies: Final = True

    def __init__(self, sources: Sequence[BlockSource], *, cache: BlockStore | None = None) -> None:
        if not sources:
            raise InputError("A chain needs a source.", hint="Pass at least one store.")
        self.sources: Final = tuple(sources)
        self.cache: Final = cache
        self.name: Final = " or ".join(name_of(source) for source in self.sources)
        self.parallel: Final = max(parallel_of(source) for source in self.sources)
        self._standings: Final = [_Standing() for _ in self.sources]
        self._flights: Final = Flights()

    def get(self, cid: CID) -> bytes:
        """The block; threads that want the same one at the same time share an answer. Raises `BlockNotFound` if every
        source lacks it; else, if the only copies were wrong, `Unverified`; else `Unavailable` with the cause of
        each."""
        return self._flights.get(cid, self._fetch)

    def _fetch(self, cid: CID) -> bytes:
        failures: list[ContentError] = []
        now = time.monotonic()
        for source, standing in sorted(zip(self.sources, self._standings, strict=True), key=lambda pair: pair[1].until):
            if standing.told and standing.until > now:
                left = standing.until - now
                failures.append(Unavailable(f"{name_of(source)} for {left:.0f} s, as it asked,", retry_after=left))
                continue
            try:
                data = fetch(cid, source)
            except BlockNotFound:
                standing.well()
                continue
            except ContentError as error:
                failures.append(error)
                if source is not self.cache:  # a damaged file there says nothing about the others
                    standing.badly(error)
                continue
            standing.well()
            if self.cache is not None and source is not self.cache:
                with suppress(ContentError):  # the bytes are good; a full disk must not keep them from the reader
                    cache_of(self.cache)(cid, data)
            return data
        if not failures:
            raise BlockNotFound(cid, self.name)
        if len(failures) == 1 or all(isinstance(error, Unverified) for error in failures):
            raise failures[0]
        raise Unavailable(f"Block {cid}", [error.message for error in failures])


class ReadThrough(Fallback):
    """A store whose missing blocks come, verified and kept, from other sources."""

    def __init__(self, store: BlockStore, sources: Sequence[BlockSource]) -> None:
        super().__init__([store, *sources], cache=store)
        self.store: Final = store
        self.put: Final = store.put
        self.has: Final = store.has

    def writing(self) -> AbstractContextManager[None]:
        """See `LocalStore.writing`."""
        return writing(self.store)

    def pin(self, cid: CID, *, name: str = "") -> None:
        """Keep a root with all below it, of which what is missing is fetched first."""
        with self.writing():
            for _ in traverse(cid, self):
                pass
            keep(self.store, {cid: name})
