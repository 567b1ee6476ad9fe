"""One dag-pb block understood as UnixFS: a file or part of one, a folder, a shard, or a link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from registry.ipfs import hamt
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link, Type, decode_message, decode_node

__all__ = ["Entry", "Kind", "Node", "understand"]

Kind = Literal["file", "folder", "symlink"]

_KINDS: Final[dict[Type, Kind]] = {
    Type.RAW: "file",
    Type.FILE: "file",
    Type.DIRECTORY: "folder",
    Type.HAMT: "folder",
    Type.SYMLINK: "symlink",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a tree. `path` is relative to what was asked for, with slashes ("" for that itself); `size` is the
    bytes of a file (0 for others) as its root states it, which reading holds it to. A file of one raw block has no root
    beside itself: in a list its size is what the folder states, which may be wrong. `target` is where a symbolic link
    points."""

    path: str
    cid: CID
    kind: Kind
    size: int
    target: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A block that was hashed and understood. `size` is the bytes of the file below it."""

    cid: CID
    type: Type
    data: bytes
    size: int = 0
    links: tuple[Link, ...] = ()
    blocksizes: tuple[int, ...] = ()
    fanout: int = 0

    @property
    def kind(self) -> Kind:
        """What it is to somebody who reads: a file, a folder or a symbolic link."""
        return _KINDS[self.type]

    def entry(self, path: str) -> Entry:
        """It as an entry of a tree, at `path`."""
        target = self.data.decode("utf-8", "backslashreplace") if self.type is Type.SYMLINK else ""
        return Entry(path, self.cid, self.kind, self.size if self.kind == "file" else 0, target)


def understand(cid: CID, block: bytes) -> Node:
    """The node in a dag-pb block. Raises ValueError."""
    links, data = decode_node(block)
    if data is None:
        raise ValueError("it has no UnixFS data")
    message = decode_message(data)
    content = message.data or b""
    match message.type:
        case Type.FILE | Type.RAW:
            sizes = tuple(message.blocksizes)
            if len(sizes) != len(links):
                raise ValueError(f"it has {len(links)} parts but sizes for {len(sizes)}")
            if 0 in sizes:
                raise ValueError("a part of it is empty")  # no writer makes one, and endless many would cost nothing
            size = len(content) + sum(sizes)
            if message.filesize not in (None, size):
                raise ValueError(f"its parts have {size} bytes, but it states {message.filesize}")
            return Node(cid, message.type, content, size, links, sizes)
        case Type.DIRECTORY:
            return Node(cid, message.type, b"", links=links)
        case Type.SYMLINK:
            return Node(cid, message.type, content)
        case Type.HAMT:
            if message.hash_type != hamt.MURMUR3_X64_64:
                raise ValueError(f"its names are hashed with {message.hash_type}, not murmur3-x64-64")
            fanout = message.fanout or 0
            hamt.levels(fanout)
            hamt.slots(content, fanout)
            return Node(cid, message.type, content, links=links, fanout=fanout)
        case _:
            raise ValueError(f"it is of the UnixFS type {message.type.name.lower()}")
