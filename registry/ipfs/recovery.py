"""Archives as backups, and the drill that shows that one can be restored from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.errors import ContentError, InputError, Unverified, WouldOverwrite
from registry.ipfs.blocks import BlockSource
from registry.ipfs.car import Archive, read_car, write_car
from registry.ipfs.cid import CID, DAG_PB, RAW
from registry.ipfs.reader import cat, walk
from registry.ipfs.store import LocalStore
from registry.text.html import Shown

__all__ = ["Rehearsal", "back_up", "rehearse", "restore"]

Progress = Callable[[str, int], None]
"""Called with what is done and its bytes so far."""


@dataclass(frozen=True, slots=True)
class Rehearsal(Shown):
    """A drill that went well: from the archive alone, all `files` of the root were read again, `size` bytes of them."""

    cid: CID
    archive: Archive
    files: int
    size: int

    def __str__(self) -> str:
        return f"{self.cid} was restored from {self.archive.blocks:,} blocks: {self.files:,} files, {self.size:,} bytes"


def back_up(
    cid: CID, source: BlockSource, target: str | os.PathLike[str], *, progress: Progress | None = None
) -> Archive:
    """Write a root with all below it to an archive (CAR) at `target`, whole or not at all.

    Raises `WouldOverwrite` if there is something already, `ContentError` if it cannot be written, and what reading
    raises.
    """
    place = Path(target)
    if os.path.lexists(place):
        raise WouldOverwrite(place, "")
    part = place.with_name(f".{place.name[:64]}-{os.urandom(8).hex()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            written = write_car(cid, source, file, progress=_ticker(progress, f"packing {cid}"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    except OSError as error:
        if isinstance(error, ContentError):
            raise
        raise ContentError(
            f"The archive {str(place)!r} could not be written: {error.strerror}.",
            hint="Check the free space and the permissions; nothing was left behind.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return written


def restore(
    path: str | os.PathLike[str], store: LocalStore, *, name: str = "", progress: Progress | None = None
) -> Archive:
    """Put an archive's blocks into a store and pin its roots, which checks that each is whole.

    Raises `InputError` for a file that cannot be read, `Unverified` for one that is damaged or no archive, and
    `BlockNotFound` if something below a root is missing; then nothing is pinned.
    """
    try:
        with open(path, "rb") as file, store.writing():
            found = read_car(file, store, name=str(path), progress=_ticker(progress, f"unpacking {path}"))
            for root in found.roots:
                store.pin(root, name=name or os.path.basename(path))
    except OSError as error:
        if isinstance(error, ContentError):
            raise
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Check the path.") from error
    return found


def rehearse(
    cid: CID, source: BlockSource, target: str | os.PathLike[str], *, progress: Progress | None = None
) -> Rehearsal:
    """The drill: back a root up to `target`, restore it into an empty store, and read every byte of it from there.

    The archive stays. Raises what `back_up` and `restore` raise, and `Unverified` for an archive of another root.
    """
    back_up(cid, source, target, progress=progress)
    with tempfile.TemporaryDirectory(prefix="registry-drill-", dir=Path(target).parent) as folder:
        empty = LocalStore(folder, durable=False)
        archive = restore(target, empty, progress=progress)
        if archive.roots != (cid,):
            raise Unverified(cid, str(target), "the archive is of another root")
        files = size = 0
        if cid.codec in (RAW, DAG_PB):
            tick = _ticker(progress, f"reading {cid}")
            for entry in walk(cid, empty):
                if entry.kind != "file":
                    continue
                files += 1
                for piece in cat(entry.cid, empty):
                    size += len(piece)
                    if tick is not None:
                        tick(size)
        return Rehearsal(cid, archive, files, size)


def _ticker(progress: Progress | None, what: str) -> Callable[[int], None] | None:
    return None if progress is None else lambda done: progress(what, done)
