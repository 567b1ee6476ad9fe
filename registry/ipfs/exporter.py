"""Writing a tree of blocks to disk, so that nothing lands outside the target and a failure leaves nothing behind."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO, Literal

from registry.errors import ContentError, InputError, LimitExceeded, RegistryError, Unverified
from registry.ipfs.blocks import BlockSource, fetch, parallel_of
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.importer import FileEntry
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.names import link_fault
from registry.ipfs.prefetch import ahead
from registry.ipfs.reader import Entry, Reader, cat
from registry.ipfs.resume import verified_prefix
from registry.system.disk import refuse_taken

__all__ = ["export"]


def export(
    cid: CID,
    source: BlockSource,
    target: str | os.PathLike[str],
    *,
    symlinks: Literal["refuse", "keep"] = "refuse",
    progress: Callable[[int], None] | None = None,
    resume: bool = False,
    limits: ReadLimits = LIMITS,
) -> tuple[FileEntry, ...]:
    """Write a folder, or a file, to `target`, which must not exist yet or be an empty folder.

    All is written beside the target first and renamed at the end, so an error or an interruption leaves nothing; with
    `resume` it leaves what was written, and the next run with `resume` goes on there: bytes that are proven to be the
    file's are not fetched again. Symbolic links are refused unless `symlinks="keep"`, and then must stay inside.
    `progress` is called with the bytes that are in place so far. Returns the files with their true sizes.

    Raises `InputError` for a target that is taken or being written to, `ContentError` if it cannot be written, and the
    reader's errors.
    """
    place = Path(target)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        refuse_taken(place)
        mark = str(cid.v1())[-16:] if resume else os.urandom(8).hex()
        staging = place.parent / f".{place.name[:64]}-{mark}.part"
        with _alone(staging) if resume else nullcontext():
            try:
                writer = _Writer(cid, source, staging, symlinks, progress, limits)
                files = writer.run()
                if place.is_dir() and not staging.is_dir():
                    place.rmdir()
                os.replace(staging, place)
            except BaseException:
                if not resume:
                    _remove(staging)
                raise
    except RegistryError:
        raise
    except OSError as error:
        left = "run it again to go on" if resume else "nothing was left behind"
        raise ContentError(
            f"{cid} could not be written to {str(place)!r}: {error.strerror}.",
            hint=f"Check the free space, the permissions and the names; {left}.",
        ) from error
    return files


@contextmanager
def _alone(staging: Path) -> Iterator[None]:
    """Keep others from going on with the same export, and see to what was left: only files and folders may stay, since
    a link of either kind could lead what is written elsewhere."""
    from filelock import FileLock, Timeout

    lock = FileLock(staging.with_suffix(".lock"), blocking=False)
    try:
        with lock:
            for here, folders, files in os.walk(staging):
                for name in (*folders, *files):
                    path = os.path.join(here, name)
                    found = os.lstat(path)
                    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
                    if not plain and not stat.S_ISDIR(found.st_mode):
                        os.unlink(path)
            if staging.is_symlink():
                staging.unlink()
            yield
    except Timeout:
        raise InputError(
            f"{str(staging)!r} is being written to by another run.", hint="Wait for it, or name another target."
        ) from None
    finally:
        with suppress(OSError):
            os.unlink(lock.lock_file)


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
        limits: ReadLimits,
    ) -> None:
        self.cid, self.source, self.staging = cid, source, staging
        self.symlinks, self.progress, self.limits = symlinks, progress, limits
        self.reader = Reader(source, limits)
        self.done = 0
        self.files: list[FileEntry] = []
        self.left = {staging, *staging.rglob("*")} if staging.exists() else set()
        self.written: set[tuple[int, int]] = set()

    def run(self) -> tuple[FileEntry, ...]:
        links: list[Entry] = []
        window = parallel_of(self.source)
        for entry, block in ahead(lambda entry: (entry, self._small(entry)), self.reader.walk(self.cid), window):
            if entry.kind == "symlink":
                self._check_link(entry)
                links.append(entry)
            elif entry.kind == "folder":
                self._folder(entry)
            else:
                self._file(entry, block)
        for path in sorted(self.left, reverse=True):  # what an earlier run left and this tree does not have
            _remove(path)
        # Links come last, so that no file was written through one, and then none may lead out, even through another.
        for entry in links:
            os.symlink(entry.target, self._inside(entry))
        root = os.path.realpath(self.staging)
        for entry in links:
            if os.path.commonpath((root, os.path.realpath(self._inside(entry)))) != root:
                raise self._refuse(entry, "it is a link that leads out of the folder")
        return tuple(self.files)

    def _refuse(self, entry: Entry, reason: str) -> Unverified:
        return Unverified(entry.cid, Unverified.PUBLISHER, f"{entry.path!r}: {reason}")

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

    def _small(self, entry: Entry) -> bytes | None:
        """The content of a file of one raw block, which may be fetched ahead; None for others, and for one that is
        there."""
        if entry.kind != "file" or entry.cid.codec == DAG_PB or self._inside(entry) in self.left:
            return None
        return fetch(entry.cid, self.source, self.limits)

    def _folder(self, entry: Entry) -> None:
        path = self._inside(entry)
        path.mkdir(exist_ok=path in self.left)
        self.left.discard(path)

    def _file(self, entry: Entry, block: bytes | None) -> None:
        path = self._inside(entry)
        try:
            with path.open("r+b" if path in self.left else "x+b") as file:
                self.left.discard(path)
                here = os.fstat(file.fileno())
                if (here.st_dev, here.st_ino) in self.written:
                    raise FileExistsError
                self.written.add((here.st_dev, here.st_ino))
                size = self._fill(file, entry, block)
        except FileExistsError:
            raise self._refuse(entry, "another entry has the same name on this system") from None
        self.files.append(FileEntry(entry.path, size, entry.cid))

    def _fill(self, file: BinaryIO, entry: Entry, block: bytes | None) -> int:
        """Write what the file lacks; returns its size."""
        size = verified_prefix(self.reader, entry.cid, file)
        self._count(size)
        stated = (
            entry.size if entry.cid.codec == DAG_PB else len(block or b"")
        )  # which its root states, and reading checks
        self._check_total(max(stated - size, 0))
        file.seek(size)
        file.truncate()
        for piece in (block,) if block is not None else cat(entry.cid, self.source, size, limits=self.limits):
            file.write(piece)
            size += len(piece)
            self._count(len(piece))
        return size

    def _count(self, more: int) -> None:
        self._check_total(more)
        self.done += more
        if self.progress is not None and more:
            self.progress(self.done)

    def _check_total(self, more: int) -> None:
        if self.done + more > self.limits.total:
            raise LimitExceeded(f"The size of {self.cid} in bytes", self.done + more, self.limits.total)
