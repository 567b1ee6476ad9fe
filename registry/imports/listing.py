"""What a source says that it has, before a byte of it is fetched: files with their hashes, at one fixed revision."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from registry.documents.ddo import AssetType
from registry.errors import InvalidContent
from registry.imports.card import Card
from registry.ipfs.limits import LIMITS
from registry.ipfs.names import writing_fault

__all__ = ["COMMIT", "Algorithm", "Origin", "SourceFile", "SourceListing", "Tree", "arranged", "ordered"]

Algorithm = Literal["sha256", "git-sha1", "md5", ""]

COMMIT: Final = re.compile(r"[0-9a-f]{40}")
"""A commit of git, as both kinds of source name it."""

_LONGEST: Final = 1024
"""Bytes of a path, as documents have them."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file: `path` below the root, `size` in bytes (-1 if nobody says), and the hash that it must have as hexadecimal
    text. Without an `algorithm` nothing was promised. `most` bounds a `size` that is not known to the byte, 0 if
    nobody says."""

    path: str
    size: int
    algorithm: Algorithm = ""
    digest: str = ""
    most: int = 0

    @property
    def key(self) -> str:
        """A name for its bytes, wherever they lie; "" if nobody promised any."""
        return f"{self.algorithm}:{self.digest}:{self.size}" if self.algorithm else ""

    def hasher(self) -> Any:
        """A fresh hash of its kind, None if nothing was promised."""
        if self.algorithm == "git-sha1":
            return hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
        return hashlib.new(self.algorithm, usedforsecurity=False) if self.algorithm else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where something came from, as its document says it: `kind` (``hf``), `repository` (``datasets/acme/penguins``),
    and `revision`, the commit. `url` is its page, "" if only this machine reaches it."""

    kind: str
    repository: str
    revision: str = ""
    url: str = ""

    @property
    def name(self) -> str:
        """One line for it, at whatever revision: ``hf:datasets/acme/penguins``."""
        return f"{self.kind}:{self.repository}"

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceListing:
    """All of a source: its `origin`, its `files`, and which `type` of asset it is. `left_out` has the paths that are
    not taken. The `card` is None where a file of it is one; `notes` say what its user should know, in words."""

    origin: Origin
    type: AssetType
    files: tuple[SourceFile, ...]
    left_out: tuple[str, ...] = ()
    card: Card | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files together, as far as they are known."""
        return sum(max(file.size, 0) for file in self.files)

    def only(self, include: Sequence[str] = (), *, hidden: bool = False) -> SourceListing:
        """The files whose path fits one of some patterns (``*.parquet``, ``data/``), without those of which a part of
        the path begins with a dot, unless `hidden`: as when a folder is added. Raises `InvalidContent` if none is left.
        """
        patterns = [pattern + "*" if pattern.endswith("/") else pattern for pattern in include]

        def is_taken(path: str) -> bool:
            if not hidden and any(part.startswith(".") for part in path.split("/")):
                return False
            return not patterns or any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)

        taken = tuple(file for file in self.files if is_taken(file.path))
        if not taken:
            raise InvalidContent(self.origin, "none of its files is taken", hint="Check --include, or add --hidden.")
        left = tuple(file.path for file in self.files if not is_taken(file.path))
        return replace(self, files=taken, left_out=(*self.left_out, *left))


Tree = Mapping[str, "SourceFile | Tree"]
"""A folder: files and folders by name, in the order of the names' bytes."""


def arranged(files: Iterable[SourceFile], origin: object) -> Tree:
    """The folder that some files make.

    Raises `InvalidContent` for a path that leaves it or that some system cannot hold: odd names, a file that is a
    folder too, two names that are one where case or the form of accents does not count, too deep or too long."""
    root: dict[str, Any] = {}
    folded: dict[tuple[str, ...], str] = {}
    for file in files:
        parts = file.path.split("/")
        if len(file.path.encode("utf-8", "surrogatepass")) > _LONGEST or len(parts) > LIMITS.depth:
            raise InvalidContent(file.path[:200], f"its path in {origin} is too long or too deep")
        at = root
        for depth, name in enumerate(parts):
            if fault := writing_fault(name):
                raise InvalidContent(file.path, f"in {origin} {fault}", hint="Leave it out with --include.")
            alike = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts[: depth + 1])
            if folded.setdefault(alike, name) != name:
                raise InvalidContent(
                    file.path,
                    f"{folded[alike]!r} is beside it in {origin}, and many systems take the two for one",
                    hint="Leave one of them out with --include.",
                )
            last = depth == len(parts) - 1
            if (last and name in at) or (not last and isinstance(at.get(name), SourceFile)):
                raise InvalidContent(file.path, f"{origin} has it twice, or as a file and as a folder")
            at = at.setdefault(name, file if last else {})
    return _sorted(root)


def _sorted(folder: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: entry if isinstance(entry, SourceFile) else _sorted(entry)
        for name, entry in sorted(folder.items(), key=lambda item: item[0].encode())
    }


def ordered(tree: Tree) -> Iterator[SourceFile]:
    """The files of a folder in the order in which they are added."""
    for entry in tree.values():
        if isinstance(entry, SourceFile):
            yield entry
        else:
            yield from ordered(entry)
