"""Files: written whole or not at all, and those that people hand to each other read within bounds and their folder."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from registry.errors import InputError, WouldOverwrite

__all__ = ["beside", "drop_parts", "listed", "load", "place", "put", "read", "refuse_taken", "save", "write_whole"]

_STALE: Final = 3600.0
"""Seconds after which a part of a file can only be left from a run that was killed."""


def write_whole(target: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file in a folder that exists, so that whoever looks sees all of it or what was there before, also after
    the power failed.

    Raises OSError.
    """
    with _part(target, data, mode) as part:
        part.replace(target)


def drop_parts(folder: Path) -> None:
    """Remove what killed runs have left of files in a folder that nobody else writes to."""
    oldest = time.time() - _STALE
    for left in folder.glob(f".*.{'[0-9a-f]' * 16}"):
        with suppress(OSError):
            if left.stat().st_mtime < oldest:
                left.unlink()


@contextmanager
def _part(target: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file with the data beside its target, which goes if it is not moved there."""
    part = target.with_name(f".{target.name[:64]}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def place(path: str | os.PathLike[str], name: str) -> Path:
    """Where a file goes: to `path`, or under `name` into a folder. What ends like a folder is one, and is made.

    Raises `InputError` if it cannot be made.
    """
    target = Path(path)
    if str(os.fspath(path)).endswith(("/", os.sep)):
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{target} cannot be a folder: {error.strerror}.", hint="Choose another place.") from error
    return target / name if target.is_dir() else target


def refuse_taken(target: Path) -> None:
    """Raise `WouldOverwrite` if there is anything at `target` but an empty folder."""
    if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
        raise WouldOverwrite(target, "")


def put(path: str | os.PathLike[str], name: str, data: bytes, *, overwrite: bool = False, mode: int = 0o666) -> Path:
    """Write a file at its `place`, whole or not at all, and return where. The same content again is fine.

    Raises `WouldOverwrite` for a file with other content, unless told to `overwrite`, and `InputError`.
    """
    target = place(path, name)
    try:
        if overwrite:
            write_whole(target, data, mode=mode)
        elif not _is_new(target, data, mode) and read(target, len(data)) != data:
            raise WouldOverwrite(target)
    except WouldOverwrite:
        raise
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    return target


def _is_new(target: Path, data: bytes, mode: int) -> bool:
    """Write a file that is not there yet; False if there is one, also if it came this very moment. Raises OSError."""
    if os.path.lexists(target):
        return False
    with _part(target, data, mode) as part:
        try:
            os.link(part, target)
        except FileExistsError:
            return False
        except OSError:
            # Some file systems have no links.
            with target.open("xb") as file:
                file.write(data)
    return True


def save(path: str | os.PathLike[str], name: str, data: bytes, *, overwrite: bool = False) -> Path:
    """`put` a line of text, for its owner to read. Raises what that raises."""
    return put(path, name, data + b"\n", overwrite=overwrite, mode=0o600)


def read(path: str | Path, most: int) -> bytes:
    """Read a regular file up to one byte more than `most`, by which its reader knows that it is too long.

    What waits for somebody who never comes (a pipe), or never ends (a device), is refused. Raises OSError.
    """
    # Without waiting for whoever would write into a pipe.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(handle, "rb") as file:
        kind = os.fstat(handle).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(kind):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return file.read(most + 1)


def beside(paper: Path, name: str) -> Path:
    """The file `name` that a paper names, which is in the folder of the paper or below, also behind all links.

    A paper comes from somebody else, and what it names may be made public. Raises OSError.
    """
    folder = Path(os.path.realpath(paper.parent))
    if Path(name).is_absolute() or "\0" in name:
        raise PermissionError(errno.EPERM, f"it is no path within the folder of {paper.name}", name)
    found = Path(os.path.realpath(folder / name, strict=True))
    if not found.is_relative_to(folder):
        raise PermissionError(errno.EPERM, f"it is not in the folder of {paper.name} or below", name)
    return found


def listed(folder: Path) -> list[Path]:
    """The JSON files of a folder, by name; raises `InputError` for one that leads out of it."""
    found = sorted(folder.glob("*.json"))
    for path in found:
        try:
            beside(path, path.name)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Take it out of the folder.") from error
    return found


def load(path: str | Path, most: int) -> bytes:
    """Read a file that `save` wrote, up to one byte more than `most`, by which its reader knows that it is too long.

    What mail and editors on Windows put around a text is taken off: a mark of its encoding, another end of the line.
    Raises `InputError` if there is none.
    """
    try:
        data = read(path, most + len(BOM_UTF8) + 2)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the name of the file.") from error
    return data.removeprefix(BOM_UTF8).removesuffix(b"\n").removesuffix(b"\r")
