"""Files that people hand to each other: written whole or not at all, read within bounds and their folder."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from codecs import BOM_UTF8
from pathlib import Path

from registry.errors import InputError

__all__ = ["beside", "listed", "load", "read", "save", "write_whole"]


def write_whole(target: Path, data: bytes) -> None:
    """Write a file in a folder that exists, so that whoever looks sees all of it or what was there before.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def save(path: str | Path, name: str, data: bytes) -> Path:
    """Write a line to a file, or into a folder under `name`, and return where. Raises `InputError` if it cannot be."""
    target = Path(path)
    if target.is_dir():
        target = target / name
    try:
        write_whole(target, data + b"\n")
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    return target


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
