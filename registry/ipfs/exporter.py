"""Writing a tree of blocks to disk, so that nothing lands outside the target and a failure leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from registry.errors import ContentError, InputError, LimitExceeded, RegistryError, Unverified
from registry.ipfs.blocks import BlockSource, name_of
from registry.ipfs.cid import CID
from registry.ipfs.importer import FileEntry
from registry.ipfs.limits import LIMITS, Limits
from registry.ipfs.names import link_fault
from registry.ipfs.reader import Entry, Reader, cat

__all__ = ["export"]


def export(
    cid: CID,
    source: BlockSource,
    target: str | os.PathLike[str],
    *,
    symlinks: Literal["refuse", "keep"] = "refuse",
    progress: Callable[[int], None] | None = None,
    limits: Limits = LIMITS,
) -> tuple[FileEntry, ...]:
    """Write a folder, or a file, to `target`, which must not exist yet or be an empty folder.

    All is written beside the target first and renamed at the end, so an error or an interruption leaves nothing.
    Symbolic links are refused unless `symlinks="keep"`, and then must stay inside. `progress` is called with the bytes
    written so far. Returns the files with their true sizes.

    Raises `InputError` for a target that is taken, `ContentError` if it cannot be written, and the reader's errors.
    """
    place = Path(target)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        taken = os.path.lexists(place) and not (place.is_dir() and not place.is_symlink() and not any(place.iterdir()))
        if taken:
            raise InputError(f"{str(place)!r} exists already.", hint="Name a path that does not exist yet.")
        staging = place.parent / f".{place.name[:64]}-{os.urandom(8).hex()}.part"
        try:
            files = _Writer(cid, source, staging, symlinks, progress, limits).run()
            if place.is_dir() and not staging.is_dir():
                place.rmdir()
            os.replace(staging, place)
        except BaseException:
            _remove(staging)
            raise
    except RegistryError:
        raise
    except OSError as error:
        raise ContentError(
            f"{cid} could not be written to {str(place)!r}: {error.strerror}.",
            hint="Check the free space, the permissions and the names; nothing was left behind.",
        ) from error
    return files


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil  # slow to load, and only a failure needs it

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class _Writer:
    def __init__(
        self,
        cid: CID,
        source: BlockSource,
        staging: Path,
        symlinks: str,
        progress: Callable[[int], None] | None,
        limits: Limits,
    ) -> None:
        self.cid, self.source, self.staging = cid, source, staging
        self.symlinks, self.progress, self.limits = symlinks, progress, limits
        self.done = 0
        self.files: list[FileEntry] = []

    def run(self) -> tuple[FileEntry, ...]:
        links: list[Entry] = []
        for entry in Reader(self.source, self.limits).walk(self.cid):
            if entry.kind == "symlink":
                self._check_link(entry)
                links.append(entry)
            elif entry.kind == "folder":
                self._inside(entry).mkdir()
            else:
                self._file(entry)
        # Links come last, so that no file was written through one, and then none may lead out, even through another.
        for entry in links:
            os.symlink(entry.target, self._inside(entry))
        root = os.path.realpath(self.staging)
        for entry in links:
            if os.path.commonpath((root, os.path.realpath(self._inside(entry)))) != root:
                raise self._refuse(entry, "it is a link that leads out of the folder")
        return tuple(self.files)

    def _refuse(self, entry: Entry, reason: str) -> Unverified:
        return Unverified(entry.cid, name_of(self.source), f"{entry.path!r}: {reason}")

    def _inside(self, entry: Entry) -> Path:
        """Where an entry goes. The reader lets no name pass that is more than one step down; on Windows a colon would
        name a drive or a stream."""
        if os.name == "nt" and ":" in entry.path:
            raise self._refuse(entry, "its name has a colon, which Windows gives another meaning")
        return self.staging.joinpath(*entry.path.split("/")) if entry.path else self.staging

    def _check_link(self, entry: Entry) -> None:
        if self.symlinks != "keep":
            raise InputError(
                f"{entry.path!r} of {self.cid} is a symbolic link to {entry.target!r}.",
                hint='Pass symlinks="keep" to write links that stay inside the folder.',
            )
        fault = link_fault(entry.path, entry.target.encode("utf-8")) if entry.path else "it is a link by itself"
        if fault:
            raise self._refuse(entry, fault)

    def _file(self, entry: Entry) -> None:
        left = self.limits.total - self.done
        size = 0
        try:
            with self._inside(entry).open("xb") as file:
                for piece in cat(entry.cid, self.source, limits=replace(self.limits, total=left)):
                    size += len(piece)
                    file.write(piece)
                    self.done += len(piece)
                    if self.progress is not None:
                        self.progress(self.done)
        except FileExistsError:
            raise self._refuse(entry, "another entry has the same name on this system") from None
        except LimitExceeded as error:
            if error.limit != left or left == self.limits.total:
                raise
            raise LimitExceeded(
                f"The size of {self.cid} in bytes", self.done + error.value, self.limits.total
            ) from None
        self.files.append(FileEntry(entry.path, size, entry.cid))
