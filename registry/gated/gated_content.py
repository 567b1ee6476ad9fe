"""Reading gated content with its key: what files there are, and any part of each, checked twice over.

Every block is hashed against its CID, and every chunk opened with its tag (see `registry.gated.age`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final

from registry.documents.ddo import Content
from registry.documents.fields import is_path
from registry.errors import FileNotInAsset, LimitExceeded, Unverified
from registry.gated.age import AgeFile, plain_size
from registry.gated.identity import Identity
from registry.gated.sealing import CONTENT, MANIFEST, SUFFIX
from registry.ipfs.blocks import BlockSource, parallel_of
from registry.ipfs.cid import CID
from registry.ipfs.file import RangedFile
from registry.ipfs.importer import FileEntry
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.nesting import load_json
from registry.ipfs.prefetch import ahead
from registry.ipfs.reader import Reader

__all__ = ["GatedContent", "OpenedFile", "public_files"]

_MANIFEST_LIMIT: Final = 64 * 2**20
_REMEMBERED: Final = 64
"""Age files whose header need not be read again."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A plain file within an age file, from its byte `start` on."""

    path: str
    size: int
    cid: CID
    start: int
    age: AgeFile
    blocksizes: tuple[int, ...] = ()

    def read(self, start: int, end: int | None) -> Iterator[bytes]:
        """Its bytes as ``content[start:end]`` would be."""
        first, last, _ = slice(start, end).indices(self.size)
        return self.age.read(self.start + first, self.start + max(first, last))

    def open(self, *, buffer_size: int = 1 << 20, closed: Callable[[], None] | None = None) -> io.BufferedReader:
        """It as Python's `open` would give it; `closed` is called when it is closed."""
        return io.BufferedReader(RangedFile(self.path, self.size, self.read, closed), buffer_size)


class GatedContent:
    """The content of an asset, opened by `identity`; blocks come from `source`."""

    def __init__(self, content: Content, identity: Identity, source: BlockSource, limits: ReadLimits = LIMITS) -> None:
        self._content, self._identity = content, identity
        self._reader = Reader(source, limits, remember=_REMEMBERED)
        self._age = lru_cache(_REMEMBERED)(self._open_age)
        self._hidden = content.encryption is not None and content.encryption.hidden
        self._folders: tuple[str, ...] = ()
        self._places: dict[str, tuple[CID, int, int]] = self._manifest() if self._hidden else {}
        self._listed = {file.path: file for file in content.files}

    def files(self) -> tuple[FileEntry, ...]:
        """The files by their plain paths and sizes, each with the CID of the age file that it is in."""
        if self._hidden:
            return tuple(FileEntry(path, size, cid) for path, (cid, _, size) in self._places.items())
        return public_files(self._content, self._reader)

    def folders(self) -> tuple[str, ...]:
        """The paths of its folders, those in which nothing is too; of content with hidden names, only the latter."""
        if self._hidden:
            return self._folders
        return tuple(entry.path for entry in self._reader.walk(self._content.cid) if entry.kind == "folder")

    def cat(self, node: OpenedFile, start: int, end: int | None) -> Iterator[bytes]:
        """The bytes of a file, as the reader of blocks gives those of others."""
        return node.read(start, end)

    def cat_ranges(self, node: OpenedFile, ranges: Sequence[tuple[int, int | None]]) -> list[bytes]:
        """The bytes of each of several ranges, opened at the same time."""
        return list(ahead(lambda span: b"".join(node.read(*span)), ranges, parallel_of(self._reader.source)))

    def file(self, path: str) -> OpenedFile:
        """One file, by its plain path; "" if there is one only. Raises `FileNotInAsset`, `WrongKey`, `Unverified`."""
        wanted = path.strip("/")
        if self._hidden:
            if not wanted and len(self._places) == 1:
                wanted = next(iter(self._places))
            if wanted not in self._places:
                raise FileNotInAsset(path, list(self._places))
            cid, start, size = self._places[wanted]
            return OpenedFile(wanted, size, cid, start, self._age(cid, wanted))
        if not wanted and len(self._listed) == 1:
            wanted = next(iter(self._listed))
        cid = self._cid(wanted, path)
        age = self._age(cid, wanted)
        listed = self._listed.get(wanted)
        if listed is not None and age.size != listed.size:
            said = f"it says that {wanted!r} has {listed.size:,} bytes and it has {age.size:,}"
            raise Unverified(cid, "the document", said)
        return OpenedFile(wanted, age.size, cid, 0, age)

    def _cid(self, wanted: str, path: str) -> CID:
        if self._listed:
            if wanted not in self._listed:
                raise FileNotInAsset(path, list(self._listed))
            return self._listed[wanted].cid
        try:
            return self._reader.resolve(self._content.cid, wanted + SUFFIX)
        except FileNotInAsset as error:
            raise FileNotInAsset(path, [name.removesuffix(SUFFIX) for name in error.known]) from None

    def _open_age(self, cid: CID, name: str) -> AgeFile:
        node = self._reader.file(cid)
        return AgeFile(partial(self._reader.cat, node), node.size, self._identity, name)

    # --- The manifest ----------------------------------------------------------------------------

    def _manifest(self) -> dict[str, tuple[CID, int, int]]:
        """Where each file begins in the content, and its size. Nothing in a manifest is believed."""
        reader, root = self._reader, self._content.cid
        manifest = self._age(reader.resolve(root, MANIFEST), MANIFEST)
        if manifest.size > _MANIFEST_LIMIT:
            raise LimitExceeded("The size of the manifest in bytes", manifest.size, _MANIFEST_LIMIT)
        text = b"".join(manifest.read(0, manifest.size))
        try:
            listed, self._folders = _listed(text)
        except ValueError as error:
            raise Unverified(root, Unverified.PUBLISHER, f"its manifest {error}") from None
        cid = reader.resolve(root, CONTENT)
        content = self._age(cid, CONTENT)
        places: dict[str, tuple[CID, int, int]] = {}
        at = 0
        for path, size in listed:
            places[path] = cid, at, size
            at += size
        if at != content.size:
            raise Unverified(
                root, Unverified.PUBLISHER, f"its manifest has {at:,} bytes and its content {content.size:,}"
            )
        return places


def public_files(content: Content, reader: Reader) -> tuple[FileEntry, ...]:
    """The files of content whose names are open, by their plain paths and sizes; needs no key."""
    if content.files:
        return tuple(FileEntry(file.path, file.size, file.cid) for file in content.files)
    found = []
    for entry in reader.walk(content.cid):
        if entry.kind != "file" or not entry.path.endswith(SUFFIX):
            continue
        node, path = reader.file(entry.cid), entry.path.removesuffix(SUFFIX)
        found.append(FileEntry(path, plain_size(partial(reader.cat, node), node.size, path), entry.cid))
    return tuple(found)


def _listed(text: bytes) -> tuple[list[tuple[str, int]], tuple[str, ...]]:
    """Paths and sizes of a manifest's files, and its empty folders. Raises ValueError, as words after "its
    manifest"."""
    try:
        value: Any = load_json(text, 4)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(value, dict) or value.get("version") != 1 or not isinstance(value.get("files"), list):
        raise ValueError("is of no version that is known here")
    found: dict[str, int] = {}
    for item in value["files"]:
        path, size = (item.get("path"), item.get("size")) if isinstance(item, dict) else (None, None)
        path = _plain_path(path)
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"has no size for {path!r}")
        if path in found:
            raise ValueError(f"names {path!r} twice")
        found[path] = size
    folders = value.get("folders", [])
    if not isinstance(folders, list):
        raise ValueError("has folders that are no list")
    for path in (*found, *map(_plain_path, folders)):
        above = path
        while "/" in above:
            above = above.rpartition("/")[0]
            if above in found:
                raise ValueError(f"has {path!r} below the file {above!r}")
    if both := next((path for path in folders if path in found), None):
        raise ValueError(f"names {both!r} twice")
    return list(found.items()), tuple(folders)


def _plain_path(path: object) -> str:
    if not isinstance(path, str) or len(path) > 1024 or not is_path(path):
        raise ValueError(f"has the path {str(path)[:200]!r}, which is not a relative path of plain names")
    return path


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """Keys by their recipients, and what is open, while one account uses a client.

    ========= ======================================================================================
    spent     keys that a use was spent for, or an invitation gave: good while the client lives
    uses      of those that have not served yet: what their shares were sealed to
    had       keys that were used otherwise: good while there is access
    contents  what is open, by its CID
    ========= ======================================================================================
    """

    spent: dict[str, Identity] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)
    had: dict[str, Identity] = field(default_factory=dict)
    contents: dict[CID, GatedContent] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget the keys, and close what is open; a use that has not served yet is still to serve."""
        for known in (self.spent, self.had, self.contents):
            known.clear()
