"""Archives of blocks (CAR): version 1 written and read, version 2 read; every block is hashed as it passes.

What is written is deterministic: one root, then its blocks depth first, each once. What is read may have any order;
whoever wants all of a root checks that all of it came. https://ipld.io/specs/transport/car/
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from registry.errors import InvalidCID, LimitExceeded, Unverified
from registry.ipfs import dag, varint
from registry.ipfs.blocks import BlockSink, BlockSource
from registry.ipfs.cid import CID
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.traverse import traverse

__all__ = ["Archive", "CarReader", "car_pieces", "read_car", "write_car"]

_PRAGMA: Final = bytes.fromhex("0aa16776657273696f6e02")  # what every version 2 begins with
_HEADER_V2: Final = 40
_LONGEST_HEADER: Final = 64 * 1024
_LONGEST_CID: Final = 256
_LONGEST_GAP: Final = 1 << 20
"""Bytes between the header of version 2 and what it points to: padding, which writers keep to a page."""

_BUFFER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """What was packed or unpacked: the `roots` it names, its `blocks`, and their `size` in bytes."""

    roots: tuple[CID, ...]
    blocks: int
    size: int


# --- Writing -------------------------------------------------------------------------------------


def car_pieces(root: CID, blocks: Iterable[tuple[CID, bytes]]) -> Iterator[bytes]:
    """The bytes of a version 1 archive of verified blocks, in pieces of a block."""
    header = dag.encode({"roots": [root], "version": 1})
    yield varint.encode(len(header)) + header
    for cid, block in blocks:
        name = bytes(cid)
        yield varint.encode(len(name) + len(block)) + name + block


def write_car(
    root: CID,
    source: BlockSource,
    out: BinaryIO,
    *,
    progress: Callable[[int], None] | None = None,
    limits: ReadLimits = LIMITS,
) -> Archive:
    """Write a root with all below it to a binary stream. `progress` is called with the bytes of blocks done.

    Raises the reader's errors; what was written before is then a beginning that no reader takes for the whole.
    """
    count = size = 0

    def counted() -> Iterator[tuple[CID, bytes]]:
        nonlocal count, size
        for cid, block in traverse(root, source, limits=limits):
            assert block is not None
            yield cid, block
            count += 1
            size += len(block)
            if progress is not None:
                progress(size)

    for piece in car_pieces(root, counted()):
        out.write(piece)
    return Archive((root,), count, size)


# --- Reading -------------------------------------------------------------------------------------


class CarReader:
    """An archive as it is read from a binary stream: `roots`, `version`, and by iterating each block once, verified.

    `name` is what errors call the stream. Raises `Unverified` for what is malformed, cut short or not its hash, and
    `LimitExceeded` for a block, a number of blocks or a total beyond the limits; when it is made for the header.
    """

    def __init__(self, stream: BinaryIO, *, name: str = "an archive", limits: ReadLimits = LIMITS) -> None:
        self._stream: Final = (
            stream if isinstance(stream, io.BufferedIOBase) else io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER)
        )
        self._name: Final = name
        self._limits: Final = limits
        self._left: int | None = None  # bytes of the archive proper, if it says
        self.roots: tuple[CID, ...] = ()
        self.version: Final = self._open()

    def _refuse(self, reason: str, cid: object = "") -> Unverified:
        return Unverified(cid or (self.roots[0] if self.roots else "its archive"), self._name, reason)

    def _open(self) -> int:
        version, header = 1, self._header()
        if header.get("version") == 2:
            version = 2
            fields = self._exactly(_HEADER_V2)
            start, size = int.from_bytes(fields[16:24], "little"), int.from_bytes(fields[24:32], "little")
            gap = start - len(_PRAGMA) - _HEADER_V2
            if not 0 <= gap <= _LONGEST_GAP or not size:
                raise self._refuse("its header points outside of it")
            self._exactly(gap)
            self._left = size
            header = self._header()
        roots = header.get("roots")
        if header.get("version") != 1 or not isinstance(roots, list) or not all(isinstance(r, CID) for r in roots):
            raise self._refuse("its header is not that of a version 1 or 2")
        self.roots = tuple(roots)
        return version

    def _header(self) -> dict[str, object]:
        length = self._length(_LONGEST_HEADER, "header")
        if not length:
            raise self._refuse("it is empty")
        try:
            header = dag.decode(self._exactly(length))
        except ValueError as error:
            raise self._refuse(f"its header is malformed: {error}") from None
        if not isinstance(header, dict):
            raise self._refuse("its header is not a map")
        return header

    def _exactly(self, count: int) -> bytes:
        if self._left is not None:
            if count > self._left:
                raise self._refuse("a part of it runs past its end")
            self._left -= count
        data = self._stream.read(count)
        if len(data) < count:
            pieces = [data]
            missing = count - len(data)
            while missing:
                piece = self._stream.read(missing)
                if not piece:
                    raise self._refuse("it is cut short")
                pieces.append(piece)
                missing -= len(piece)
            data = b"".join(pieces)
        return data

    def _length(self, most: int, what: str) -> int | None:
        """The number before the next part; None at the end."""
        if self._left == 0:
            return None
        raw = b""
        while True:
            byte = self._stream.read(1)
            if not byte:
                if raw or self._left:
                    raise self._refuse("it is cut short")
                return None
            raw += byte
            if self._left is not None:
                self._left -= 1
            if byte[0] < 0x80 or len(raw) > 10:
                break
        try:
            length, _ = varint.decode(raw)
        except ValueError as error:
            raise self._refuse(str(error)) from None
        if length > most:
            raise LimitExceeded(f"The size of a {what} of {self._name} in bytes", length, most)
        return length

    def __iter__(self) -> Iterator[tuple[CID, bytes]]:
        """Each block with its CID."""
        count = size = 0
        while (length := self._length(self._limits.block + _LONGEST_CID, "block")) is not None:
            part = self._exactly(length)
            try:
                cid, start = CID.take(part[:_LONGEST_CID])
            except InvalidCID as error:
                raise self._refuse(error.message) from None
            block = part[start:]
            if len(block) > self._limits.block:
                raise LimitExceeded(f"The size of block {cid} in bytes", len(block), self._limits.block)
            count += 1
            size += len(block)
            if count > self._limits.entries:
                raise LimitExceeded(f"The number of blocks of {self._name}", count, self._limits.entries)
            if size > self._limits.total:
                raise LimitExceeded(f"The size of {self._name} in bytes", size, self._limits.total)
            if not cid.verify(block):
                raise self._refuse("the bytes do not hash to it", cid)
            yield cid, block


def read_car(
    stream: BinaryIO,
    sink: BlockSink,
    *,
    name: str = "an archive",
    progress: Callable[[int], None] | None = None,
    limits: ReadLimits = LIMITS,
) -> Archive:
    """Put every block of an archive into a store, verified. `progress` is called with the bytes of blocks done.

    That the roots are whole is not promised by an archive: pin them, which checks it. Raises as `CarReader` does.
    """
    reader = CarReader(stream, name=name, limits=limits)
    count = size = 0
    for cid, block in reader:
        sink.put(cid, block)
        count += 1
        size += len(block)
        if progress is not None:
            progress(size)
    return Archive(reader.roots, count, size)
