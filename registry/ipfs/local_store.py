"""The embedded store: block files, pins that say which are kept, and its upkeep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from registry.errors import ContentError, InputError, NotFoundError, RegistryError
from registry.ipfs.block_files import BlockFiles
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID, LEAVES
from registry.ipfs.dag import links
from registry.ipfs.fallback import Fallback
from registry.ipfs.pins import Pin, Pins
from registry.ipfs.traverse import traverse

__all__ = ["Cleared", "Health", "LocalStore", "Pin"]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What `LocalStore.gc` did: how many blocks and bytes went, how many blocks stayed."""

    removed: int
    freed: int
    kept: int


@dataclass(frozen=True, slots=True)
class Health:
    """What `LocalStore.fsck` found: `checked` blocks; those whose file is `damaged` or which a pin needs and are
    `missing`; and of these the ones that were `repaired`."""

    checked: int
    damaged: tuple[CID, ...]
    missing: tuple[CID, ...]
    repaired: tuple[CID, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, or no longer."""
        return set(self.damaged) | set(self.missing) <= set(self.repaired)


class LocalStore(BlockFiles):
    """Blocks in a folder, one file each, and pins: the embedded default. Threads and processes may share it.

    `durable=False` skips the syncs to disk: right for a cache, whose loss costs a download and whose damage is noticed.
    `patience` is how many seconds to wait for another process that holds the store.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True, patience: float = 60.0) -> None:
        super().__init__(path, durable=durable, patience=patience)
        self._pins: Final = Pins(self.path / "pins.db", patience)

    # --- Pins ------------------------------------------------------------------------------------

    def pin(self, cid: CID, *, name: str = "", source: BlockSource | None = None) -> Pin:
        """Keep a root and all below it, whatever `gc` removes. What is missing is fetched from `source` first.

        All blocks are on disk before the pin is. Raises `BlockNotFound` if one is missing, and what `source` raises.
        """
        with self.writing():
            if source is not None:
                for _ in traverse(cid, Fallback([self, source], cache=self)):
                    pass
            return self.pin_all({cid: name})[0]

    def pin_all(self, names: Mapping[CID, str]) -> tuple[Pin, ...]:
        """Keep several roots at once, each with a name, which is much faster than one by one. Raises as `pin`, and then
        none is kept."""
        with self.writing():
            seen: set[CID] = set()
            for cid in names:
                for found, block in traverse(cid, self, leaves=False, seen=seen):
                    if block is None and not self.has(found):
                        self.get(found)  # which raises
                    if found.inline is None:  # what was only cached waits for no disk before
                        self._soon(self.file_of(found))
            self.sync()
            return self._pins.add(names)

    def unpin(self, cid: CID) -> None:
        """Let go of a root; its blocks stay until `gc`. Raises `NotFoundError` if it is not pinned."""
        if not self._pins.remove(cid):
            raise NotFoundError(f"{cid} is not pinned in {self.name}.", hint="Look at its pins.")

    def pins(self) -> tuple[Pin, ...]:
        """Every pin, the oldest first."""
        return self._pins.all()

    # --- Upkeep ----------------------------------------------------------------------------------

    def gc(self, *, grace: float = 3600.0) -> Cleared:
        """Remove the blocks that no pin reaches and that nobody put within the last `grace` seconds.

        Waits until nobody is `writing`. If a block that a pin needs is damaged or missing, what lies below it is not
        known: then nothing is removed, and the reader's `ContentError` says which. `fsck` mends it. Raises `InputError`
        inside of `writing`.
        """
        hold = self._hold
        if hold.depth:
            raise InputError("A store cannot be cleared while it is written to.", hint="Call gc after writing ends.")
        self._lock(shared=False)
        try:
            keep: set[CID] = set()
            for pin in self._pins.all():
                for _ in traverse(pin.cid, self, leaves=False, seen=keep):
                    pass
            self._sweep(0)  # nobody is writing, so what lies there was left
            oldest = time.time() - grace
            removed = freed = kept = 0
            for cid in self:
                path = self.file_of(cid)
                try:
                    found = path.stat()
                    if cid in keep or found.st_mtime > oldest:
                        kept += 1
                        continue
                    path.unlink()
                except OSError as error:
                    raise ContentError(
                        f"Block {cid} could not be removed from {self.name}: {error.strerror}.",
                        hint="Check the permissions and run gc again.",
                    ) from error
                removed += 1
                freed += found.st_size
            return Cleared(removed, freed, kept)
        finally:
            hold.lock.release()  # type: ignore[attr-defined]

    def fsck(self, source: BlockSource | None = None, *, progress: Callable[[int, int], None] | None = None) -> Health:
        """Hash every file, and look whether every pin has all its blocks. With `source`, what is damaged or missing is
        fetched and written anew. `progress` is called with the blocks done and all blocks.

        Raises nothing for what it finds; see `Health`.
        """
        here = list(self)
        damaged: list[CID] = []
        repaired: list[CID] = []

        def mend(cid: CID) -> bool:
            if source is None:
                return False
            with suppress(RegistryError):
                self.put(cid, fetch(cid, source))
                repaired.append(cid)
                return True
            return False

        for number, cid in enumerate(here, 1):
            try:
                self.get(cid)
            except ContentError:
                if self.has(cid):  # else it was cleared since
                    damaged.append(cid)
                    mend(cid)
            if progress is not None:
                progress(number, len(here))
        missing = self._missing(mend)
        return Health(len(here), tuple(damaged), missing, tuple(repaired))

    def _missing(self, mend: Callable[[CID], bool]) -> tuple[CID, ...]:
        """What pins need and is not here; below what could be mended the search goes on."""
        found: list[CID] = []
        seen: set[CID] = set()
        waiting = [pin.cid for pin in self._pins.all()]
        while waiting:
            cid = waiting.pop()
            if cid in seen:
                continue
            seen.add(cid)
            if not self.has(cid):
                found.append(cid)
                if not mend(cid):
                    continue
            if cid.codec in LEAVES:
                continue
            with suppress(ContentError):  # a damaged node was found before, and hides what is below it
                waiting.extend(one.v1() for one in links(cid, fetch(cid, self)))
        return tuple(found)
