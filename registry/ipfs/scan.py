"""A look at a path before any of it is read: what is there, how much, what is left out, what cannot be published.

One rule for every way of adding: what is named is taken, whatever its name; of what lies below a folder, names that
begin with a dot are left out unless `hidden`, since keys and histories have them (``.env``, ``.git``), and what is
published cannot be taken back. What is left out is always said, and an array's own description never is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, Literal

from registry.errors import InvalidContent
from registry.ipfs.limits import LIMITS
from registry.ipfs.names import link_fault, writing_fault
from registry.text.warned import warn_caller

__all__ = [
    "File",
    "Folder",
    "LeftOutWarning",
    "Symlink",
    "SymlinkPolicy",
    "content_size",
    "empty_folders",
    "open_readable",
    "say_left_out",
    "scan",
    "to_add",
]

SymlinkPolicy = Literal["refuse", "keep"]

ARRAYS: Final = frozenset({".zarray", ".zattrs", ".zgroup", ".zmetadata"})
"""Files of Zarr, version 2: without them the chunks beside them are bytes that nobody can read."""

_TAKE: Final = "Take such names with hidden=True, on the command line with --hidden."

_NAMED: Final = 8
"""How many of the names that were left out a sentence has."""

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
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link and the path that it holds; it counts no bytes and no files."""

    path: str
    target: bytes
    size: int = 0
    files: int = 0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: `children` in the order of their names' bytes, `size` and `files` of all below it.

    `left_out` are the paths of what is there and not among them, folders with a slash at their end.
    """

    path: str
    children: tuple[tuple[str, File | Folder | Symlink], ...]
    size: int
    files: int
    left_out: tuple[str, ...] = ()


class LeftOutWarning(UserWarning):
    """Files of a folder were left out, because their names begin with a dot."""


def open_readable(path: str) -> BinaryIO:
    """Open a file for reading without a buffer, but no link that took its place. Raises `InvalidContent`."""
    try:
        return open(path, "rb", buffering=0, opener=_opener)
    except OSError as error:
        raise _unreadable(path, error) from error


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def scan(path: str | os.PathLike[str], *, hidden: bool = False, symlinks: SymlinkPolicy = "refuse") -> File | Folder:
    """Everything below a path. Raises `InvalidContent` for the first thing that cannot be published, with all others.

    The path itself may be a symbolic link or begin with a dot, since whoever typed it meant it.
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
    faults: list[InvalidContent] = []
    item = _look(root, "", 0, hidden, symlinks, faults)
    if faults:
        raise _all_of(faults)
    if isinstance(item, Symlink):
        raise InvalidContent(path, "it became a symbolic link while it was looked at", hint="Try again.")
    return replace(item, left_out=tuple(os.path.join(os.fsdecode(path), name) for name in item.left_out))


def to_add(
    path: str | os.PathLike[str],
    *,
    hidden: bool = False,
    symlinks: SymlinkPolicy = "refuse",
    allow_empty: bool = False,
) -> File | Folder:
    """`scan` for what is going to be added: warns (`LeftOutWarning`) of what is left out.

    Raises `InvalidContent` also for a folder without files, unless `allow_empty`, and for an array that would lose its
    description.
    """
    item = scan(path, hidden=hidden, symlinks=symlinks)
    if isinstance(item, Folder) and not allow_empty and not item.files:
        hint = "Put the files to publish into it."
        beside = f" but {_named(item.left_out)}, whose names begin with a dot" if item.left_out else ""
        raise InvalidContent(path, f"there is no file in it{beside}", hint=_TAKE if item.left_out else hint)
    say_left_out(path, item.left_out)
    return item


def say_left_out(path: str | os.PathLike[str], left_out: Sequence[str]) -> None:
    """Warn of what is left out of a folder; raises `InvalidContent` for an array that would lose its description."""
    lost = [name for name in left_out if os.path.basename(name) in ARRAYS]
    if lost:
        others = [name for name in left_out if name not in lost]
        raise InvalidContent(
            lost[0],
            "its name begins with a dot, so it would be left out, and the array that it describes could not be read",
            hint=f"{_TAKE[:-1]}; {_named(others)} would be taken too." if others else _TAKE,
        )
    if left_out:
        one = len(left_out) == 1
        many = "1 name that begins with a dot was" if one else f"{len(left_out):,} names that begin with a dot were"
        inside = [name.removeprefix(os.path.join(os.fsdecode(path), "")) for name in left_out]
        warn_caller(f"{many} left out of {os.fsdecode(path)!r}: {_named(inside)}. {_TAKE}", LeftOutWarning)


def _named(paths: Sequence[str]) -> str:
    """The first of some paths, and how many more there are."""
    more = len(paths) - _NAMED
    return ", ".join(map(repr, paths[:_NAMED])) + (f" and {more:,} more" if more > 0 else "")


def empty_folders(item: File | Folder | Symlink, path: str = "") -> Iterator[str]:
    """The paths, with slashes, of the folders of a tree in which nothing is."""
    for name, child in item.children if isinstance(item, Folder) else ():
        below = f"{path}/{name}" if path else name
        if isinstance(child, Folder) and not child.children:
            yield below
        yield from empty_folders(child, below)


def content_size(path: str | os.PathLike[str], *, hidden: bool = False, symlinks: SymlinkPolicy = "refuse") -> int:
    """The bytes that adding this path will report as progress. Raises `InvalidContent`."""
    return scan(path, hidden=hidden, symlinks=symlinks).size


def _look(
    root: str, relative: str, depth: int, hidden: bool, symlinks: SymlinkPolicy, faults: list[InvalidContent]
) -> File | Folder | Symlink:
    """What is at a path; what is wrong with anything below it goes to `faults`, so that all is told at once."""
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
    taken, left_out = _names(path, relative, hidden, faults)
    children: list[tuple[str, File | Folder | Symlink]] = []
    for name in taken:
        below = f"{relative}/{name}" if relative else name
        try:
            children.append((name, _look(root, below, depth + 1, hidden, symlinks, faults)))
        except InvalidContent as fault:
            faults.append(fault)
    return Folder(
        path,
        tuple(children),
        sum(child.size for _, child in children),
        sum(child.files for _, child in children),
        (*left_out, *(name for _, child in children for name in child.left_out)),
    )


def _all_of(faults: Sequence[InvalidContent]) -> InvalidContent:
    """One error for all that keeps a folder from being published."""
    first, *others = faults
    if not others:
        return first
    more = "1 more fault" if len(others) == 1 else f"{len(others):,} more faults"
    told = "; ".join(other.message.rstrip(".") for other in others[:_NAMED])
    return InvalidContent(first.path, f"{first.reason}; and {more}: {told}", hint="Mend them all, then publish again.")


def _names(path: str, relative: str, hidden: bool, faults: list[InvalidContent]) -> tuple[list[str], list[str]]:
    """The names in a folder that are taken, and the paths of what is left out."""
    try:
        names = sorted(os.listdir(path), key=os.fsencode)
    except OSError as error:
        raise _unreadable(path, error) from error
    taken, left_out = [], []
    for name in names:
        here = os.path.join(path, name)
        if name.startswith(".") and not hidden:
            is_folder = os.path.isdir(here) and not os.path.islink(here)
            left_out.append(os.path.join(relative, name, "") if is_folder else os.path.join(relative, name))
        elif fault := writing_fault(name):
            faults.append(InvalidContent(here, fault, hint="Rename it."))
        else:
            taken.append(name)
    return taken, left_out


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
