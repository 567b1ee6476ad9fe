"""Bringing a whole tree from one place to another, going on where an earlier run was stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

from registry.errors import ContentError, LimitExceeded
from registry.ipfs.blocks import BlockSource, BlockStore, cache_of, fetch, parallel_of, writing
from registry.ipfs.car import Archive
from registry.ipfs.cid import CID, LEAVES
from registry.ipfs.dag import links
from registry.ipfs.fallback import Fallback
from registry.ipfs.limits import LIMITS, ReadLimits

__all__ = ["copy", "stream", "stream_path"]


def copy(
    root: CID,
    source: BlockSource,
    store: BlockStore,
    *,
    progress: Callable[[int], None] | None = None,
    limits: ReadLimits = LIMITS,
) -> Archive:
    """Bring a root with all below it into a store; returns what came.

    Blocks that the store has are not asked for again, so a run that was stopped goes on. A source that streams archives
    is asked for one if nothing is here yet; what that leaves out, or a source without, is asked for block by block,
    several at once where that saves waiting. Of an archive only blocks are kept that are reached from the root, each
    hashed. `progress` is called with the bytes that came.

    Raises `BlockNotFound`, `Unavailable`, `Unverified` and `LimitExceeded`; what came stays and is not asked for again.
    """
    run = _Copy(root, source, store, progress, limits)
    with writing(store):
        if not store.has(root):
            run.stream("car")
        run.blocks()
    return Archive((root,), run.count, run.size)


def stream(root: CID, source: BlockSource, store: BlockStore, *, limits: ReadLimits = LIMITS) -> None:
    """Bring what a source streams of a root into a store that is a cache, in one request; whatever is wrong with it or
    missing is for the reader to ask for, block by block. Raises `LimitExceeded`."""
    _Copy(root, source, store, None, limits, cache_of(store)).stream("car")


def stream_path(root: CID, path: str, last: int, source: Fallback, *, limits: ReadLimits = LIMITS) -> None:
    """Bring into the cache of a source the blocks from a root along a path, and what holds the `last` bytes of the file
    that it leads to, in one request of a source that can be asked so. As `stream` else."""
    if source.cache is not None:
        _Copy(root, source, source.cache, None, limits, cache_of(source.cache)).stream("along", path, last)


class _Copy:
    def __init__(
        self,
        root: CID,
        source: BlockSource,
        store: BlockStore,
        progress: Callable[[int], None] | None,
        limits: ReadLimits,
        put: Callable[[CID, bytes], None] | None = None,
    ) -> None:
        self.root: Final = root
        self._put: Final = put or store.put
        self.source, self.store, self.progress, self.limits = source, store, progress, limits
        self.count = self.size = 0

    def _keep(self, cid: CID, block: bytes) -> None:
        self.count += 1
        self.size += len(block)
        if self.size > self.limits.total:
            raise LimitExceeded(f"The size of the blocks of {self.root} in bytes", self.size, self.limits.total)
        self._put(cid, block)
        if self.progress is not None:
            self.progress(self.size)

    def stream(self, how: str, *what: str | int) -> None:
        """Take what a source streams, asked by its method `how`, as long as it is what was asked for."""
        sources = self.source.sources if isinstance(self.source, Fallback) else (self.source,)
        for source in sources:
            archive = getattr(source, how, None)
            if archive is None:
                continue
            wanted = {self.root.v1()}
            known = set(wanted)
            repeated = 0
            try:
                for cid, block in archive(self.root, *what):
                    if cid.v1() not in wanted:
                        repeated += 1
                        if cid.v1() in known and repeated <= len(known):
                            continue  # a second copy; not one after another for ever
                        break  # nobody asked for it; whoever sends it may send endless more
                    wanted.remove(cid.v1())
                    below = {one.v1() for one in links(cid, block, self.limits)} - known
                    wanted |= below
                    known |= below
                    self._keep(cid, block)
            except ContentError:
                continue  # block by block it will be seen what is wrong, and with which
            if not wanted or what:  # a part of it leaves much that is linked to out
                return

    def blocks(self) -> None:
        """Ask for what is not here, several blocks at once; nodes before what they link to."""
        window = parallel_of(self.source)
        seen: set[CID] = set()
        waiting = deque([self.root])
        flying: dict[Future[bytes], CID] = {}
        with ThreadPoolExecutor(window, thread_name_prefix="copy") as pool:
            try:
                while waiting or flying:
                    while waiting and len(flying) < window:
                        cid = waiting.pop()
                        if cid.v1() in seen:
                            continue
                        seen.add(cid.v1())
                        if len(seen) > self.limits.entries:
                            raise LimitExceeded(f"The number of blocks of {self.root}", len(seen), self.limits.entries)
                        block = self._here(cid)
                        if block is None:
                            flying[pool.submit(fetch, cid, self.source, self.limits)] = cid
                        else:
                            waiting.extend(reversed(links(cid, block, self.limits)))
                    for future in wait(flying, return_when=FIRST_COMPLETED).done if flying else ():
                        cid = flying.pop(future)
                        block = future.result()
                        self._keep(cid, block)
                        waiting.extend(reversed(links(cid, block, self.limits)))
            finally:
                for future in flying:
                    future.cancel()

    def _here(self, cid: CID) -> bytes | None:
        """A block that need not be brought, empty if its bytes do not matter; None if it is missing or damaged."""
        if cid.inline is not None:
            return cid.inline
        if not self.store.has(cid):
            return None
        if cid.codec in LEAVES:
            return b""
        try:
            return fetch(cid, self.store, self.limits)
        except ContentError:
            return None
