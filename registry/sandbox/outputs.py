"""What a program left, taken out of the folder where it left it: counted, plain files only, whole or not at all.

The folder is read when no process of the run is alive any more, so nothing changes under the reader; what it holds is
believed in nothing else.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.ipfs.names import writing_fault
from registry.sandbox.spec import Ended, Limits, OutputFile
from registry.system.disk import refuse_taken

__all__ = ["Collected", "collect", "read_small"]

_DEPTH: Final = 32
_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Collected:
    """What was taken: the `files`; or nothing, and what the run ended by for it, with what cannot be taken in words."""

    files: tuple[OutputFile, ...]
    ended: Ended = "finished"
    refused: str = ""


class _Stop(Exception):
    """Nothing is taken: `ended` says why, and the text what."""

    def __init__(self, ended: Ended, refused: str = "") -> None:
        self.ended: Ended = ended
        super().__init__(refused)


def collect(folder: int, target: Path | None, limits: Limits) -> Collected:
    """Copy all files below the open `folder` to `target`, which is missing or empty; without one count them only.

    Whatever is no plain file, has a name that some system cannot hold, or is over a limit, and nothing is taken:
    `target` is as it was. Raises `InputError` if it is taken."""
    if target is not None:
        refuse_taken(target)
    try:
        found = _counted(folder, limits) if target is None else _copied(folder, target, limits)
    except _Stop as stop:
        return Collected((), stop.ended, str(stop))
    return Collected(tuple(sorted(found, key=lambda file: file.path)))


def _counted(folder: int, limits: Limits) -> list[OutputFile]:
    return [OutputFile(path, size) for path, _, size in _walk(folder, "", limits, _Count())]


def _copied(folder: int, target: Path, limits: Limits) -> list[OutputFile]:
    files = []
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name[:64]}-", dir=target.parent))
    try:
        for path, handle, size in _walk(folder, "", limits, _Count()):
            place = staging.joinpath(*path.split("/"))
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(handle, "rb", buffering=0, closefd=False) as source, place.open("xb") as copy:
                shutil.copyfileobj(source, copy, _PIECE)
            files.append(OutputFile(path, size))
        staging.chmod(0o755)
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return files


def read_small(folder: int, name: str, most: int) -> bytes:
    """A file of our own in an open folder, ``b""`` if there is none or if it is not one of at most `most` bytes."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        return file.read(most) if stat.S_ISREG(found.st_mode) and found.st_size <= most else b""


class _Count:
    def __init__(self) -> None:
        self.entries = self.size = 0


def _walk(folder: int, above: str, limits: Limits, count: _Count) -> Iterator[tuple[str, int, int]]:
    """Each file below an open folder: its path, an open descriptor for as long as the caller looks at it, its size."""
    with os.scandir(folder) as entries:
        for entry in entries:
            count.entries += 1
            if count.entries > limits.files:
                raise _Stop("files")
            fault = writing_fault(entry.name)
            if fault:
                raise _Stop("refused", fault)
            path = above + entry.name
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                if path.count("/") >= _DEPTH:
                    raise _Stop("refused", f"{path[:80]!r}... is nested deeper than {_DEPTH} folders")
                handle = _open(entry.name, os.O_DIRECTORY, 0o700, folder)
                try:
                    yield from _walk(handle, path + "/", limits, count)
                finally:
                    os.close(handle)
                continue
            if not stat.S_ISREG(found.st_mode):
                raise _Stop("refused", f"{path!r} is {_kind(found.st_mode)}, and only files and folders are taken")
            count.size += found.st_size
            if count.size > limits.output:
                raise _Stop("output")
            handle = _open(entry.name, os.O_NONBLOCK, 0o600, folder)
            try:
                yield path, handle, found.st_size
            finally:
                os.close(handle)


def _open(name: str, flags: int, mode: int, folder: int) -> int:
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=folder)
    except PermissionError:  # a program may take its own rights away; who runs it as oneself gives them back
        os.chmod(name, mode, dir_fd=folder)
        return os.open(name, flags, dir_fd=folder)


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"
