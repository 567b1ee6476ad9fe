"""The layout of files and folders as blocks: balanced trees of chunks, folders plain or sharded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO, Final, NamedTuple, Self

from registry.errors import ContentError, InvalidContent
from registry.ipfs import hamt
from registry.ipfs.blocks import BlockSink
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.profiles import Profile
from registry.ipfs.scan import File, Folder, Symlink, open_readable
from registry.text.html import Shown

__all__ = ["Builder", "FileEntry", "Progress", "TreePart", "leaf"]

Progress = Callable[[int], None]

_THREADS: Final = 2
_IN_FLIGHT: Final = 2 * _THREADS


@dataclass(frozen=True, slots=True)
class FileEntry(Shown):
    """A file of a tree: `path` from the root with slashes, `size` in bytes, `cid`."""

    path: str
    size: int
    cid: CID


class TreePart(NamedTuple):
    """A subtree: `tsize` counts its blocks' bytes, `size` the content's."""

    cid: CID
    tsize: int
    size: int


def leaf(chunk: bytes, *, raw: bool, version: int) -> tuple[CID, bytes]:
    """The block of a chunk, as it is or in a UnixFS node, and its CID."""
    if raw:
        return CID.raw(chunk), chunk
    block = encode_node((), encode_message(Message(Type.FILE, data=chunk or None, filesize=len(chunk))))
    return CID.of(block, codec=DAG_PB, version=version), block


class Builder:
    """Turns content into blocks of one profile and hands them to one sink."""

    def __init__(self, sink: BlockSink, profile: Profile, progress: Progress | None) -> None:
        self.sink, self.profile, self.progress = sink, profile, progress
        self.blocks = self.done = 0
        self.files: list[FileEntry] = []
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _put(self, cid: CID, block: bytes) -> None:
        self.sink.put(cid, block)
        self.blocks += 1

    def _put_node(self, links: list[Link], message: Message) -> tuple[CID, int]:
        """Store a dag-pb node; its CID and the bytes of all blocks from it down."""
        block = encode_node(links, encode_message(message))
        cid = CID.of(block, codec=DAG_PB, version=self.profile.cid_version)
        self._put(cid, block)
        return cid, len(block) + sum(link.tsize for link in links)

    # --- Files -----------------------------------------------------------------------------------

    def file(self, stream: BinaryIO, path: str) -> TreePart:
        """A file's tree: leaves gathered in nodes of `width`, level upon level, until one node is left."""
        pending: list[list[TreePart]] = [[]]  # by level; each is shorter than width, so memory stays flat
        for leaf in self._leaves(stream, path):
            pending[0].append(leaf)
            level = 0
            while len(pending[level]) == self.profile.width:
                if level + 1 == len(pending):
                    pending.append([])
                pending[level + 1].append(self._file_node(pending[level]))
                pending[level] = []
                level += 1
        for level, parts in enumerate(pending[:-1]):
            if parts:
                pending[level + 1].append(self._file_node(parts))
        top = pending[-1]
        root = top[0] if len(top) == 1 else self._file_node(top)
        self.files.append(FileEntry(path, root.size, root.cid))
        return root

    def _file_node(self, parts: list[TreePart]) -> TreePart:
        sizes = [part.size for part in parts]
        message = Message(Type.FILE, filesize=sum(sizes), blocksizes=sizes)
        cid, tsize = self._put_node([Link(part.cid, b"", part.tsize) for part in parts], message)
        return TreePart(cid, tsize, sum(sizes))

    def _leaf(self, chunk: bytes) -> tuple[CID, bytes]:
        return leaf(chunk, raw=self.profile.raw_leaves, version=self.profile.cid_version)

    def _leaves(self, stream: BinaryIO, path: str) -> Iterator[TreePart]:
        """Leaves in order. Hashing lets go of the interpreter lock, so two threads hash while this one reads on; the
        sink is only ever called from this thread."""
        first = self._read(stream, path)
        if len(first) < self.profile.chunk:
            yield self._keep(len(first), *self._leaf(first))
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="cid")
        waiting: deque[tuple[int, Future[tuple[CID, bytes]]]] = deque()
        chunk = first
        while chunk:
            waiting.append((len(chunk), self._pool.submit(self._leaf, chunk)))
            if len(waiting) >= _IN_FLIGHT:
                size, future = waiting.popleft()
                yield self._keep(size, *future.result())
            chunk = self._read(stream, path)
        for size, future in waiting:
            yield self._keep(size, *future.result())

    def _keep(self, size: int, cid: CID, block: bytes) -> TreePart:
        self._put(cid, block)
        self.done += size
        if self.progress is not None:
            self.progress(self.done)
        return TreePart(cid, len(block), size)

    def _read(self, stream: BinaryIO, path: str) -> bytes:
        """The next chunk, whole unless the stream ends: reads of pipes and raw files may come back short."""
        wanted = self.profile.chunk
        try:
            pieces: list[bytes] = []
            while wanted:
                piece = stream.read(wanted)
                if not isinstance(piece, bytes):  # text, or None from a pipe that has nothing yet
                    raise InvalidContent(path, "it is not a stream of bytes that waits for them")
                if not piece:
                    break
                pieces.append(piece)
                wanted -= len(piece)
        except ContentError:  # of a stream that fetches, in its own words
            raise
        except OSError as error:
            raise InvalidContent(path, f"it cannot be read ({error.strerror})") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # --- Folders ---------------------------------------------------------------------------------

    def item(self, item: File | Folder | Symlink, path: str) -> TreePart:
        """Whatever the scan found, with all below it."""
        if isinstance(item, File):
            with open_readable(item.path) as stream:
                return self.file(stream, path)
        if isinstance(item, Symlink):
            cid, tsize = self._put_node([], Message(Type.SYMLINK, data=item.target))
            return TreePart(cid, tsize, 0)
        links: list[Link] = []
        size = 0
        for name, child in item.children:
            part = self.item(child, f"{path}/{name}" if path else name)
            links.append(Link(part.cid, name.encode("utf-8"), part.tsize))
            size += part.size
        cid, tsize = self.folder(links, item.path)
        return TreePart(cid, tsize, size)

    def folder(self, links: list[Link], path: str) -> tuple[CID, int]:
        """A folder of these entries, sorted by the bytes of their names: its CID, and the bytes of all blocks below."""
        message = Message(Type.DIRECTORY)
        if self.profile.hamt_by == "links":
            weight = sum(len(link.name) + len(bytes(link.cid)) for link in links)
        else:
            weight = len(encode_node(links, encode_message(message)))
        if weight <= self.profile.hamt_threshold:
            return self._put_node(links, message)
        hashed = sorted(((hamt.murmur3(link.name), link) for link in links), key=lambda pair: pair[0])
        return self._shard(hashed, 0, path)

    def _shard(self, hashed: list[tuple[int, Link]], level: int, path: str) -> tuple[CID, int]:
        """One node of a sharded folder; `hashed` is sorted by hash, so the slots of every level come in order."""
        fanout = self.profile.fanout
        if level == hamt.levels(fanout):
            names = ", ".join(repr(link.name.decode("utf-8")) for _, link in hashed[:2])
            raise InvalidContent(path, f"the hashes of {names} are equal", hint="Rename one of them.")
        digits = hamt.prefix_length(fanout)
        links: list[Link] = []
        used: list[int] = []
        for index, group in groupby(hashed, key=lambda pair: hamt.slot(pair[0], level, fanout)):
            members = list(group)
            prefix = f"{index:0{digits}X}".encode("ascii")
            used.append(index)
            if len(members) == 1:
                link = members[0][1]
                links.append(Link(link.cid, prefix + link.name, link.tsize))
            else:
                cid, tsize = self._shard(members, level + 1, path)
                links.append(Link(cid, prefix, tsize))
        field = hamt.bitfield(used)
        return self._put_node(links, Message(Type.HAMT, field, hash_type=hamt.MURMUR3_X64_64, fanout=fanout))
