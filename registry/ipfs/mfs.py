"""Changing a folder that has a CID: each change is a function from one root to the next, and the old root stays.

What a change does not touch keeps its blocks, so a root of a million files is changed by a few blocks.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, Final, cast

from registry.errors import FileNotInAsset, InputError, NotAFile, NotAFolder, WouldOverwrite
from registry.ipfs.blocks import BlockStore, fetch, writing
from registry.ipfs.builder import Builder, TreePart
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link
from registry.ipfs.limits import LIMITS
from registry.ipfs.names import writing_fault
from registry.ipfs.node import Entry, Node
from registry.ipfs.pieces import Pieces
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.reader import Reader

__all__ = ["FolderEdit"]

_PIECE: Final = 1 << 20
_ZEROS: Final = bytes(_PIECE)


class FolderEdit:
    """The folder at `root`, changed step by step:

        edit = FolderEdit(root, store)
        edit.write("data/train.csv", b"...", parents=True)
        edit.move("old.csv", "archive.csv")
        store.pin(edit.root)

    Without a root it begins with an empty folder. `root` is the CID of what it is now. A step that fails changes
    nothing. Paths are names with slashes. Raises `FileNotInAsset`, `NotAFolder`, `NotAFile`, `WouldOverwrite` and
    `InputError`, and the errors of the store.
    """

    def __init__(self, root: CID | None, store: BlockStore, profile: Profile = UNIXFS_V1_2025) -> None:
        self._store: Final = store
        self._profile: Final = profile
        self._reader: Final = Reader(store, LIMITS)
        self.root: CID = self._folder([], "").cid if root is None else root

    # --- Looking ---------------------------------------------------------------------------------

    def stat(self, path: str) -> Entry:
        """What is at a path. Raises `FileNotInAsset`."""
        return self._reader.node(self._at(path)).entry(path)

    def entries(self, path: str = "") -> tuple[Entry, ...]:
        """What is in the folder at a path, sorted by name."""
        node = self._reader.node(self._at(path))
        if node.kind != "folder":
            raise NotAFolder(path, node.kind)
        return tuple(sorted((entry for entry, _ in self._reader.entries(node)), key=lambda entry: entry.path.encode()))

    def read(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of a file as ``content[start:end]`` would be, in pieces."""
        return self._reader.cat(self._file(self._at(path), path), start, end)

    def _file(self, cid: CID, path: str) -> Node:
        node = self._reader.node(cid)
        if node.kind != "file":
            raise NotAFile(path, node.kind)
        return node

    def _at(self, path: str) -> CID:
        return self._reader.resolve(self.root, path)

    # --- Changing --------------------------------------------------------------------------------

    def write(
        self,
        path: str,
        data: bytes | BinaryIO,
        *,
        offset: int = 0,
        create: bool = True,
        parents: bool = False,
        truncate: bool = True,
    ) -> CID:
        """Write a file, or with `truncate` off over the bytes of one from `offset` on; what lies between its end and
        the offset becomes zeros. Unless told to `create` it must be there, and the folder unless told to make
        `parents`."""
        stream = io.BytesIO(data) if isinstance(data, bytes) else data

        def written(old: Link | None) -> Link:
            if old is None and not create:
                self._at(path)  # which raises, with what is there
            node = None if old is None else self._file(old.cid, path)
            content = self._over(None if truncate else node, stream, offset)
            return self._build(lambda builder: builder.file(cast(BinaryIO, io.BufferedReader(Pieces(content))), path))

        return self._change(path, written, parents=parents)

    def _over(self, node: Node | None, stream: BinaryIO, offset: int) -> Iterator[bytes]:
        """The bytes of a file, those from `offset` on replaced by the bytes of a stream as far as they go."""
        size = 0 if node is None else node.size
        if node is not None:
            yield from self._reader.cat(node, 0, min(offset, size))
        for at in range(size, offset, len(_ZEROS)):
            yield _ZEROS[: offset - at]
        at = offset
        while piece := stream.read(_PIECE):
            at += len(piece)
            yield piece
        if node is not None:
            yield from self._reader.cat(node, at, None)

    def mkdir(self, path: str, *, parents: bool = False) -> CID:
        """Make a folder; with `parents` those above it too, and one that is there is well."""

        def made(old: Link | None) -> Link:
            if old is None:
                return self._folder([], path)
            if not parents or self._reader.node(old.cid).kind != "folder":
                raise WouldOverwrite(path, "")
            return old

        return self._change(path, made, parents=parents)

    def copy(self, cid: CID, path: str, *, parents: bool = False) -> CID:
        """Put what has a CID at a path where nothing is. Its root block is fetched, for its size."""

        def put(old: Link | None) -> Link:
            if old is not None:
                raise WouldOverwrite(path, "")
            return self._link(cid)

        return self._change(path, put, parents=parents)

    def move(self, path: str, to: str) -> CID:
        """Move a file or folder to a path where nothing is, or into a folder that is there."""
        names, goal = _names(path), _names(to)
        found = self._at(path)
        if goal[: len(names)] == names:
            raise InputError(f"{path!r} cannot be moved into itself, to {to!r}.", hint="Name another place.")
        before = self.root
        try:
            with suppress(FileNotInAsset):
                if self.stat(to).kind == "folder":
                    to = f"{to}/{names[-1]}"
            self.copy(found, to)
            self.remove(path, recursive=True)
        except BaseException:
            self.root = before
            raise
        return self.root

    def remove(self, path: str, *, recursive: bool = False) -> CID:
        """Remove a file, or if `recursive` a folder with all in it. Its blocks stay where they are until `gc`."""

        def gone(old: Link | None) -> None:
            if old is None:
                self._at(path)  # which raises, with what is there
            elif not recursive and self._reader.node(old.cid).kind == "folder":
                raise NotAFile(path, "folder")

        return self._change(path, gone)

    # --- Blocks ----------------------------------------------------------------------------------

    def _change(self, path: str, change: Callable[[Link | None], Link | None], *, parents: bool = False) -> CID:
        names = _names(path)
        if not names:
            raise InputError("The root itself was named.", hint="Name a file or folder in it.")
        with writing(self._store):
            self.root = self._changed(self.root, names, 0, change, parents).cid
        return self.root

    def _changed(
        self, folder: CID, names: list[str], depth: int, change: Callable[[Link | None], Link | None], parents: bool
    ) -> Link:
        """The folder with the entry that the names lead to put, replaced or taken out."""
        here = "/".join(names[:depth])
        node = self._reader.node(folder)
        if node.kind != "folder":
            raise NotAFolder(here, node.kind)
        links = dict(self._reader.links(node))
        name = names[depth]
        old = links.pop(name, None)
        if depth + 1 == len(names):
            new = change(old)
        else:
            if old is None and not parents:
                self._at("/".join(names[: depth + 1]))  # which raises, with what is there
            below = self._folder([], here).cid if old is None else old.cid
            new = self._changed(below, names, depth + 1, change, parents)
        if new is not None:
            fault = writing_fault(name) if old is None else None
            if fault:
                raise InputError(f"{'/'.join(names)!r} cannot be written: {fault}.", hint="Choose another name.")
            links[name] = new
        entries = [link._replace(name=name.encode()) for name, link in links.items()]
        return self._folder(sorted(entries, key=lambda link: link.name), here)

    def _folder(self, links: list[Link], path: str) -> Link:
        return self._build(lambda builder: TreePart(*builder.folder(links, path), 0))

    def _build(self, build: Callable[[Builder], TreePart]) -> Link:
        with Builder(self._store, self._profile, None) as builder:
            part = build(builder)
        return Link(part.cid, b"", part.tsize)

    def _link(self, cid: CID) -> Link:
        """A link to what has a CID; how much is below it its root block says."""
        block = fetch(cid, self._store, LIMITS)
        return Link(cid, b"", len(block) + sum(link.tsize for link in self._reader.node(cid).links))


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]
