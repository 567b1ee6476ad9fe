"""From blocks back to files and folders, believing nothing that was not hashed or counted.

Every block is hashed before it is looked at, each node's stated sizes are held against what is below it, and names,
depths and totals are bounded. What does not hold raises `Unverified`; what is too much raises `LimitExceeded`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Final, TypeVar

from registry.errors import FileNotInAsset, InputError, LimitExceeded, UnsupportedCodec, Unverified
from registry.ipfs import hamt
from registry.ipfs.blocks import BlockSource, fetch, parallel_of
from registry.ipfs.cid import CID, DAG_PB, DOCUMENTS
from registry.ipfs.dagpb import Link, Type
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.names import reading_fault
from registry.ipfs.node import Entry, Node, understand
from registry.ipfs.prefetch import ahead
from registry.ipfs.streaming import streamed

__all__ = ["Entry", "Reader", "cat", "ls", "resolve", "stat", "walk"]

_A = TypeVar("_A")
_B = TypeVar("_B")


class Reader:
    """Reads one source within limits; the functions of this module are its methods with the defaults.

    Where the source says that blocks take a round trip (`parallel`), those that will be needed are asked for ahead, as
    many at once as it likes. The last `remember` dag-pb nodes need not be fetched and decoded again.
    """

    def __init__(self, source: BlockSource, limits: ReadLimits = LIMITS, *, remember: int = 0) -> None:
        self.source: Final = source
        self.limits: Final = limits
        self._window: Final = parallel_of(source)
        self._decoded: Final = lru_cache(remember)(self._decode)

    def refuse(self, cid: CID, reason: str) -> Unverified:
        """The error for a block at `cid` that is not what it should be: its hash is right, so it was made so."""
        return Unverified(cid, Unverified.PUBLISHER, reason)

    def node(self, cid: CID) -> Node:
        """Fetch and decode a block; what is no dag-pb is a file of its bytes. Raises `UnsupportedCodec` before fetching
        what cannot be read."""
        if cid.codec == DAG_PB:
            return self._decoded(cid)
        if cid.codec not in DOCUMENTS:
            raise UnsupportedCodec(cid, cid.codec)
        block = fetch(cid, self.source, self.limits)
        return Node(cid, Type.FILE, block, len(block))

    def _decode(self, cid: CID, source: BlockSource | None = None) -> Node:
        block = fetch(cid, source or self.source, self.limits)
        try:
            node = understand(cid, block)
        except ValueError as error:
            raise self.refuse(cid, f"it is malformed: {getattr(error, 'message', error)}") from None
        if len(node.links) > self.limits.fanout:
            raise LimitExceeded(f"The number of links of {cid}", len(node.links), self.limits.fanout)
        return node

    def _ahead(self, get: Callable[[_A], _B], wanted: Sequence[_A], fetched: int) -> Iterator[_B]:
        """`get` of each in order, ahead of their use if more than one of them is `fetched`."""
        return ahead(get, wanted, min(self._window, fetched))

    # --- Files -----------------------------------------------------------------------------------

    def file(self, cid: CID) -> Node:
        """The root of a file. Raises `InputError` for what is none."""
        node = self.node(cid)
        if node.kind == "folder":
            raise InputError(f"{cid} is a folder, not a file.", hint="Name a file in it; ls lists them.")
        if node.kind == "symlink":
            raise InputError(f"{cid} is a symbolic link to {node.entry('').target!r}.", hint="Read what it points to.")
        return node

    def content(self, node: Node, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end` below a node; blocks outside are not fetched. Raises `LimitExceeded` and
        `Unverified`."""
        return (piece for _, piece in self._spans(node, [(start, end)], 0, 0))

    def _spans(
        self, node: Node, spans: Sequence[tuple[int, int]], place: int, depth: int
    ) -> Iterator[tuple[int, bytes]]:
        """What lies in spans of a file, which are in order and apart, below its node at `place`: each piece with where
        it begins."""
        if depth > self.limits.depth:
            raise LimitExceeded(f"The depth of the file at {node.cid}", depth, self.limits.depth)
        for start, end in spans if node.data else ():
            piece = node.data[max(start - place, 0) : max(end - place, 0)]
            if piece:
                yield max(start, place), piece
        parts: list[tuple[int, int, CID, Sequence[tuple[int, int]]]] = []
        at = place + len(node.data)
        for link, size in zip(node.links, node.blocksizes, strict=True):
            first = bisect_right(spans, at, key=itemgetter(1))
            behind = bisect_left(spans, at + size, key=itemgetter(0))
            if first < behind:
                parts.append((at, size, link.cid, spans[first:behind]))
            at += size
        children = self._ahead(self.node, [cid for _, _, cid, _ in parts], len(parts))
        for (at, size, cid, inside), child in zip(parts, children, strict=True):
            if child.kind != "file":
                raise self.refuse(node.cid, f"its part {cid} is a {child.kind}")
            if child.size != size:
                raise self.refuse(node.cid, f"its part {cid} has {child.size} bytes, not the stated {size}")
            yield from self._spans(child, inside, at, depth + 1)

    def cat(self, node: Node, start: int, end: int | None) -> Iterator[bytes]:
        """The bytes of a file as ``content[start:end]`` would be, checked as they come. Raises `LimitExceeded`."""
        first, last, _ = slice(start, end).indices(node.size)
        self._check_total(node, last - first)
        return self.content(node, first, last)

    def cat_ranges(self, node: Node, ranges: Sequence[tuple[int, int | None]]) -> list[bytes]:
        """The bytes of each of several ranges, as `cat`. Blocks are fetched once, whoever needs them, and ahead."""
        bounds = [slice(start, end).indices(node.size)[:2] for start, end in ranges]
        spans: list[tuple[int, int]] = []
        for start, end in sorted(bound for bound in bounds if bound[0] < bound[1]):
            if spans and start <= spans[-1][1]:
                start, end = spans[-1][0], max(end, spans.pop()[1])
            spans.append((start, end))
        self._check_total(node, sum(max(end - start, 0) for start, end in bounds))
        pieces = list(self._spans(node, spans, 0, 0))
        found = []
        for start, end in bounds:
            first = max(bisect_right(pieces, start, key=itemgetter(0)) - 1, 0)
            behind = bisect_left(pieces, end, key=itemgetter(0))
            inside = pieces[first:behind]
            found.append(b"".join(piece[max(start - at, 0) : max(end - at, 0)] for at, piece in inside))
        return found

    def _check_total(self, node: Node, wanted: int) -> None:
        if wanted > self.limits.total:
            raise LimitExceeded(f"The size of {node.cid} in bytes", wanted, self.limits.total)

    # --- Folders ---------------------------------------------------------------------------------

    def folder(self, cid: CID) -> Node:
        """The root of a folder. Raises `InputError` for what is none."""
        node = self.node(cid)
        if node.kind != "folder":
            raise InputError(f"{cid} is a {node.kind}, not a folder.", hint="Read it with cat.")
        return node

    def links(self, node: Node, *, few: bool = False) -> Iterator[tuple[str, Link]]:
        """Each entry of a folder by name, in the order that its blocks have them; no name comes twice. Its shards come
        in one archive where a source streams those, unless only a `few` will be looked at. Raises `LimitExceeded` and
        `Unverified`."""
        seen: set[str] = set()
        for raw, link in self._raw_links(node, few):
            name = raw.decode("utf-8", "surrogateescape")
            fault = reading_fault(name)
            if fault:
                raise self.refuse(node.cid, fault)
            if name in seen:
                raise self.refuse(node.cid, f"the name {name!r} occurs twice")
            seen.add(name)
            if len(seen) > self.limits.entries:
                raise LimitExceeded(f"The number of entries of {node.cid}", len(seen), self.limits.entries)
            yield name, link

    def _raw_links(self, node: Node, few: bool) -> Iterator[tuple[bytes, Link]]:
        if node.type is Type.DIRECTORY:
            yield from ((link.name, link) for link in node.links)
            return
        shards = [link.cid for _, name, link in self._slots(node, 0) if not name]
        archive = streamed(node.cid, shards[0], self.source) if len(shards) > 1 and not few else None
        yield from self._shard(node, 0, 0, archive)
        if archive is not None:
            archive.flush()

    def _shard(
        self, node: Node, level: int, place: int, archive: BlockSource | None = None
    ) -> Iterator[tuple[bytes, Link]]:
        """The entries below a shard, each held against the place that its hash gives it. So a shard cannot stand in
        two places, and since none is empty, a few blocks cannot pretend to be an endless folder."""
        bits = node.fanout.bit_length() - 1
        slots = list(self._slots(node, level))
        shards = [link for _, name, link in slots if not name]
        if archive is None:
            below = self._ahead(lambda link: self._subshard(node, link, level), shards, len(shards))
        else:
            below = (self._subshard(node, link, level, archive) for link in shards)
        for index, name, link in slots:
            here = place << bits | index
            if name:
                if hamt.murmur3(name) >> (64 - bits * (level + 1)) != here:
                    raise self.refuse(node.cid, f"the name {name!r} is in the wrong slot")
                yield name, link
            else:
                yield from self._shard(next(below), level + 1, here, archive)

    def _subshard(self, node: Node, link: Link, level: int, archive: BlockSource | None = None) -> Node:
        child = self.node(link.cid) if archive is None or link.cid.codec != DAG_PB else self._decode(link.cid, archive)
        if child.type is not Type.HAMT or child.fanout != node.fanout or not child.links:
            raise self.refuse(node.cid, f"its part {link.cid} is not a shard of the same fanout with entries")
        if level + 1 >= hamt.levels(node.fanout):
            raise self.refuse(node.cid, "it has more levels than a hash has bits for")
        return child

    def _slots(self, node: Node, level: int) -> Iterator[tuple[int, bytes, Link]]:
        """Each link of one shard: its slot, its name without the prefix ("" for a shard below), itself."""
        digits = hamt.prefix_length(node.fanout)
        used = hamt.slots(node.data, node.fanout)
        if len(used) != len(node.links):
            raise self.refuse(node.cid, f"its bitfield has {len(used)} slots for {len(node.links)} links")
        for index, link in zip(used, node.links, strict=True):
            if link.name[:digits] != f"{index:0{digits}X}".encode("ascii"):
                raise self.refuse(node.cid, f"the link {link.name!r} does not begin with its slot {index:0{digits}X}")
            yield index, link.name[digits:], link

    def child(self, node: Node, name: str) -> Link | None:
        """The entry of a name; of a sharded folder only the branch that can hold it is fetched."""
        if node.type is Type.DIRECTORY:
            return dict(self.links(node)).get(name)
        try:
            wanted = name.encode("utf-8")
        except UnicodeEncodeError:
            return None
        hashed = hamt.murmur3(wanted)
        level = 0
        while True:
            slot = hamt.slot(hashed, level, node.fanout)
            found = next(((tail, link) for index, tail, link in self._slots(node, level) if index == slot), None)
            if found is None:
                return None
            tail, link = found
            if tail:
                return link if tail == wanted else None
            node, level = self._subshard(node, link, level), level + 1

    # --- Trees -----------------------------------------------------------------------------------

    def entry(self, link: Link, path: str) -> tuple[Entry, Node | None]:
        """A link's entry, and its node if that had to be fetched to say what it is."""
        if link.cid.codec in DOCUMENTS:
            return Entry(path, link.cid, "file", link.tsize), None
        node = self.node(link.cid)
        return node.entry(path), node

    def entries(self, node: Node, above: str = "") -> Iterator[tuple[Entry, Node | None]]:
        """Each entry of a folder, as `entry` gives it, its path below `above`."""
        links = list(self.links(node))
        fetched = sum(link.cid.codec == DAG_PB for _, link in links)
        return self._ahead(lambda pair: self.entry(pair[1], above + pair[0]), links, fetched)

    def resolve(self, cid: CID, path: str) -> CID:
        """The CID at a path below a folder. Raises `FileNotInAsset`."""
        done = ""
        for name in path.strip("/").split("/") if path.strip("/") else ():
            node = self.node(cid)
            link = self.child(node, name) if node.kind == "folder" and not reading_fault(name) else None
            if link is None:
                some = islice(self.links(node, few=True), 9) if node.kind == "folder" else ()
                raise FileNotInAsset(path, [done + known for known, _ in some])
            cid, done = link.cid, f"{done}{name}/"
        return cid

    def walk(self, cid: CID) -> Iterator[Entry]:
        """What a CID is and all below it, folders before what they hold. Raises `LimitExceeded`."""
        node = self.node(cid)
        yield node.entry("")
        counted = 0
        stack = [self.entries(node)] if node.kind == "folder" else []
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                continue
            entry, child = following
            counted += 1
            if counted > self.limits.entries:
                raise LimitExceeded(f"The number of entries of {cid}", counted, self.limits.entries)
            yield entry
            if child is not None and child.kind == "folder":
                if len(stack) > self.limits.depth:
                    raise LimitExceeded(f"The depth of the folders of {cid}", len(stack), self.limits.depth)
                stack.append(self.entries(child, entry.path + "/"))


def cat(
    cid: CID, source: BlockSource, start: int = 0, end: int | None = None, *, limits: ReadLimits = LIMITS
) -> Iterator[bytes]:
    """The bytes of a file, or those that ``content[start:end]`` would be, in pieces of at most a block.

    Only blocks of the range are fetched. The root is checked at the call, the rest as it is read; every piece that
    comes out has been verified. Raises `InputError` for what is not a file, and the content errors.
    """
    reader = Reader(source, limits)
    return reader.cat(reader.file(cid), start, end)


def stat(cid: CID, source: BlockSource, *, limits: ReadLimits = LIMITS) -> Entry:
    """What a CID is, from its root block alone, and for a file its size. `path` is ""."""
    return Reader(source, limits).node(cid).entry("")


def ls(cid: CID, source: BlockSource, *, limits: ReadLimits = LIMITS) -> tuple[Entry, ...]:
    """The entries of a folder, sorted by the bytes of their names. Raises `InputError` for what is not a folder."""
    reader = Reader(source, limits)
    found = (entry for entry, _ in reader.entries(reader.folder(cid)))
    return tuple(sorted(found, key=lambda entry: entry.path.encode("utf-8")))


def resolve(cid: CID, path: str, source: BlockSource, *, limits: ReadLimits = LIMITS) -> CID:
    """The CID at a path of names with slashes below a folder; "" is the folder. Links are not followed.

    Raises `FileNotInAsset` with names that are there.
    """
    return Reader(source, limits).resolve(cid, path)


def walk(cid: CID, source: BlockSource, *, limits: ReadLimits = LIMITS) -> Iterator[Entry]:
    """What a CID is and all that is below it, folders before what they hold."""
    return Reader(source, limits).walk(cid)
