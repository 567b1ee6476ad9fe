"""A look at a path before any of it is read: what is there, how much, and what cannot be published."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from registry.errors import InvalidContent
from registry.ipfs.limits import LIMITS
from registry.ipfs.names import link_fault, writing_fault

__all__ = ["File", "Folder", "Symlink", "SymlinkPolicy", "content_size", "open_readable", "scan"]

SymlinkPolicy = Literal["refuse", "keep"]

_KINDS = (
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@dataclass(frozen=True, slots=True)
class File:
    """A regular file and its size in bytes when it was seen."""

    path: str
    size: int
    files: int = 1


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link and the path that it holds; it counts no bytes and no files."""

    path: str
    target: bytes
    size: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: `children` in the order of their names' bytes, `size` and `files` of all below it."""

    path: str
    children: tuple[tuple[str, File | Folder | Symlink], ...]
    size: int
    files: int


def open_readable(path: str) -> BinaryIO:
    """Open a file for reading without a buffer, but no link that took its place. Raises `InvalidContent`."""
    try:
        return open(path, "rb", buffering=0, opener=_opener)
    except OSError as error:
        raise _unreadable(path, error) from error


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def scan(path: str | os.PathLike[str], *, hidden: bool = False, symlinks: SymlinkPolicy = "refuse") -> File | Folder:
    """Everything below a path, or `InvalidContent` for the first thing that cannot be published.

    The path itself may be a symbolic link, since whoever typed it meant what it leads to.
    """
    if symlinks not in ("refuse", "keep"):
        raise InvalidContent(path, f"symlinks={symlinks!r} is not known", hint='Use symlinks="refuse" or "keep".')
    try:
        root = os.fsdecode(path)
        if os.path.islink(root):
            root = os.path.realpath(root, strict=True)
        os.stat(root)
    except FileNotFoundError as error:
        raise InvalidContent(path, "there is no such file or folder", hint="Check the path.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidContent(path, f"it cannot be read ({reason})") from error
    item = _look(root, "", 0, hidden, symlinks)
    if isinstance(item, Symlink):
        raise InvalidContent(path, "it became a symbolic link while it was looked at", hint="Try again.")
    return item


def content_size(path: str | os.PathLike[str], *, hidden: bool = False, symlinks: SymlinkPolicy = "refuse") -> int:
    """The bytes that adding this path will report as progress. Raises `InvalidContent`."""
    return scan(path, hidden=hidden, symlinks=symlinks).size


def _look(root: str, relative: str, depth: int, hidden: bool, symlinks: SymlinkPolicy) -> File | Folder | Symlink:
    path = os.path.join(root, *relative.split("/")) if relative else root
    try:
        found = os.lstat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if stat.S_ISREG(found.st_mode):
        open_readable(path).close()
        return File(path, found.st_size)
    if stat.S_ISLNK(found.st_mode):
        return _link(path, relative, root, symlinks)
    if not stat.S_ISDIR(found.st_mode):
        kind = next((name for test, name in _KINDS if test(found.st_mode)), "no file")
        raise InvalidContent(path, f"it is {kind}, not a file or folder", hint="Move it out of the folder.")
    if depth > LIMITS.depth:
        raise InvalidContent(path, f"its folders are nested more than {LIMITS.depth} deep", hint="Flatten them.")
    children = tuple(
        (name, _look(root, f"{relative}/{name}" if relative else name, depth + 1, hidden, symlinks))
        for name in _names(path, hidden)
    )
    return Folder(path, children, sum(child.size for _, child in children), sum(child.files for _, child in children))


def _names(path: str, hidden: bool) -> Iterator[str]:
    try:
        names = os.listdir(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    for name in sorted(names, key=os.fsencode):
        if name.startswith(".") and not hidden:
            continue
        fault = writing_fault(name)
        if fault:
            raise InvalidContent(os.path.join(path, name), fault, hint="Rename it.")
        yield name


def _link(path: str, relative: str, root: str, symlinks: SymlinkPolicy) -> Symlink:
    try:
        target = os.readlink(os.fsencode(path)).replace(os.fsencode(os.sep), b"/")
    except OSError as error:
        raise _unreadable(path, error) from error
    shown = target.decode("utf-8", "backslashreplace")
    if symlinks == "refuse":
        raise InvalidContent(
            path,
            f"it is a symbolic link to {shown!r}, which need not exist where it is read",
            hint='Put the file itself there, or pass symlinks="keep" to store the link.',
        )
    fault = link_fault(relative, target)
    real = os.path.realpath(path)
    top = os.path.realpath(root)
    if fault is None and os.path.commonpath((top, real)) != top:
        fault = f"it leads out of the folder, to {real!r}"
    if fault:
        raise InvalidContent(path, fault, hint="Put the file itself there.")
    return Symlink(path, target)


def _unreadable(path: str, error: OSError) -> InvalidContent:
    return InvalidContent(path, f"it cannot be read ({error.strerror})", hint="Check its permissions.")
