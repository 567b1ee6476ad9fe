"""Turning a folder into age files on IPFS, one key for all of them.

Two shapes. *Open names*: the folder as it is, each file as ``<name>.age``. *Hidden names*: two files, ``content.age``
with all files one after another, and ``manifest.age`` that says which are where; only the sum of the sizes shows.

Files go from one stream to another, and from there to blocks. So memory stays within a few chunks whatever their size,
and nothing is written to disk but blocks.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from registry.documents.canonical import canonical_bytes
from registry.errors import ContentError, InvalidContent
from registry.gated.age import AgeFile, encrypt
from registry.gated.identity import Identity
from registry.ipfs.blocks import BlockSink, BlockSource, NullSink, writing
from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link
from registry.ipfs.importer import FileEntry, add_file
from registry.ipfs.pieces import Pieces
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.reader import Reader
from registry.ipfs.scan import File, Folder, Symlink, empty_folders, open_readable, to_add

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["CONTENT", "MANIFEST", "SUFFIX", "SealedTree", "seal_tree"]

SUFFIX: Final = ".age"
CONTENT: Final = "content.age"
MANIFEST: Final = "manifest.age"

_PAD: Final = 4096
"""A manifest is filled up to a multiple of this, so that its length says little of the names."""

_PIECE: Final = 1 << 20
"""Bytes read at once."""


@dataclass(frozen=True, slots=True)
class SealedTree:
    """What was added: `cid` of the root, `size` in bytes of all age files, and the `files` by their plain paths and
    sizes, each with the CID of its age file (none if the names are hidden); `left_out` as of `add_tree`."""

    cid: CID
    size: int
    files: tuple[FileEntry, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sealed:
    """One age file: sizes of the plain text, of the file, and of its blocks."""

    cid: CID
    plain: int
    size: int
    dag_size: int


Done = MutableMapping[str, Any]
"""What an interrupted run has sealed already, by path; it stays on the publisher's machine."""


def seal_tree(
    path: str | os.PathLike[str],
    sink: BlockSink,
    identity: Identity,
    *,
    hide: bool = False,
    hidden: bool = False,
    profile: Profile = UNIXFS_V1_2025,
    progress: Callable[[int], None] | None = None,
    done: Done | None = None,
) -> SealedTree:
    """Encrypt a folder or file to an identity and add it; with `hide` the names too.

    Names that begin with a dot are left out unless `hidden`, as by `add_tree`. `progress` is called with the plain
    bytes done. With `done`, files that an earlier call with the same identity and mapping has sealed are opened, and if
    they are the same byte for byte, not sealed again. Raises `InvalidContent` as `add_tree` does.
    """
    item = to_add(path, hidden=hidden)
    with writing(sink):
        sealing = _Sealing(sink, identity, profile, progress, {} if done is None else done)
        return sealing.hidden(item) if hide else sealing.open_names(item)


class _Sealing:
    def __init__(
        self, sink: BlockSink, identity: Identity, profile: Profile, progress: Callable[[int], None] | None, done: Done
    ) -> None:
        self._sink, self._profile, self._progress, self._done = sink, profile, progress, done
        self._identity = identity
        self._count = 0

    # --- Open names ------------------------------------------------------------------------------

    def open_names(self, item: File | Folder) -> SealedTree:
        files = dict(_files(item))
        sealed = {path: self._seal(path, {path: file})[0] for path, file in files.items()}
        root = self._build(item, "", sealed)
        entries = tuple(FileEntry(path, one.plain, one.cid) for path, one in sealed.items())
        return SealedTree(root[0], sum(one.size for one in sealed.values()), entries, item.left_out)

    def _build(self, item: File | Folder | Symlink, path: str, sealed: dict[str, _Sealed]) -> tuple[CID, int]:
        if isinstance(item, Folder):
            links = []
            for name, child in item.children:
                cid, size = self._build(child, f"{path}/{name}" if path else name, sealed)
                stored = name if isinstance(child, Folder) else name + SUFFIX
                links.append(Link(cid, stored.encode("utf-8"), size))
            return self._folder(links, item.path)
        one = sealed[path or os.path.basename(item.path)]
        return one.cid, one.dag_size

    def _folder(self, links: list[Link], path: str) -> tuple[CID, int]:
        names = [link.name for link in links]
        if len(set(names)) != len(names):
            raise InvalidContent(path, "a file and a folder in it differ by .age only", hint="Rename one of them.")
        with Builder(self._sink, self._profile, None) as builder:
            return builder.folder(sorted(links, key=lambda link: link.name), path)

    # --- Hidden names ----------------------------------------------------------------------------

    def hidden(self, item: File | Folder) -> SealedTree:
        content, sizes = self._seal(CONTENT, dict(_files(item)))
        listed: dict[str, Any] = {
            "files": [{"path": path, "size": size} for path, size in sizes.items()],
            "version": 1,
        }
        if folders := list(empty_folders(item)):
            listed["folders"] = folders
        text = canonical_bytes(listed)
        text += b" " * (-len(text) % _PAD)
        manifest, _ = self._seal(MANIFEST, {MANIFEST: text})
        links = [
            Link(content.cid, CONTENT.encode(), content.dag_size),
            Link(manifest.cid, MANIFEST.encode(), manifest.dag_size),
        ]
        return SealedTree(self._folder(links, CONTENT)[0], content.size + manifest.size, (), item.left_out)

    # --- One age file ----------------------------------------------------------------------------

    def _seal(self, path: str, files: Mapping[str, File | bytes]) -> tuple[_Sealed, dict[str, int]]:
        """The age file of these one after another, or an earlier one if it is of the same bytes; and their sizes."""
        earlier = self._done.get(path)
        if earlier is not None and not isinstance(self._sink, NullSink):
            sealed = _Sealed(CID.parse(earlier[0]), *earlier[1:])
            with _Joined(files, self._tick) as stream:
                if self._is_same(sealed, stream, path):
                    return sealed, stream.sizes
            self._tick(-sum(size for name, size in stream.sizes.items() if isinstance(files[name], File)))
        with _Joined(files, self._tick) as stream:
            pieces = encrypt(cast(BinaryIO, io.BufferedReader(stream, _PIECE)), self._identity)
            made = add_file(cast(BinaryIO, io.BufferedReader(Pieces(pieces), _PIECE)), self._sink, self._profile)
        sealed = _Sealed(made.cid, sum(stream.sizes.values()), made.size, made.dag_size)
        self._done[path] = [str(sealed.cid), sealed.plain, sealed.size, sealed.dag_size]
        return sealed, stream.sizes

    def _is_same(self, sealed: _Sealed, stream: _Joined, name: str) -> bool:
        """Whether an age file is here whole, and opens to just these bytes."""
        reader = Reader(cast(BlockSource, self._sink))
        try:
            node = reader.file(sealed.cid)
            age = AgeFile(partial(reader.cat, node), node.size, self._identity, name)
            copy = io.BufferedReader(stream, _PIECE)
            return all(copy.read(len(piece)) == piece for piece in age.read(0, age.size)) and not copy.read(1)
        except ContentError:
            return False

    def _tick(self, count: int) -> None:
        self._count += count
        if self._progress is not None:
            self._progress(self._count)


class _Joined(io.RawIOBase):
    """Files one after another as one stream; `sizes` are the bytes that each has given."""

    def __init__(self, files: Mapping[str, File | bytes], tick: Callable[[int], None]) -> None:
        self._waiting, self._tick = deque(files.items()), tick
        self._stream: BinaryIO | io.BytesIO | None = None
        self.sizes: dict[str, int] = {}

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            if self._stream is None:
                if not self._waiting:
                    return b""
                self._path, file = self._waiting.popleft()
                self._stream = open_readable(file.path) if isinstance(file, File) else io.BytesIO(file)
                self.sizes[self._path] = 0
            data = self._stream.read(size)
            if data:
                self.sizes[self._path] += len(data)
                if not isinstance(self._stream, io.BytesIO):  # which is no file of anybody
                    self._tick(len(data))
                return data
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        super().close()

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


def _files(item: File | Folder | Symlink, path: str = "") -> Iterator[tuple[str, File]]:
    """The files of a tree by their paths, in its order."""
    if isinstance(item, File):
        yield path or Path(item.path).name, item
    elif isinstance(item, Folder):
        for name, child in item.children:
            yield from _files(child, f"{path}/{name}" if path else name)
