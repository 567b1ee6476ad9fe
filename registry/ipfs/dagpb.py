"""dag-pb nodes and the UnixFS message inside them, as bytes.

The two protobuf schemas are small and their byte order is part of every CID, so they are written out here:
https://ipld.io/specs/codecs/dag-pb/spec/ and https://specs.ipfs.tech/unixfs/. Decoding raises ValueError with the
reason; the reader turns that into `Unverified` with the CID at fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from registry.ipfs import varint
from registry.ipfs.cid import CID

__all__ = [
    "Link",
    "Message",
    "PBNode",
    "Type",
    "decode_message",
    "decode_node",
    "encode_message",
    "encode_node",
    "fields",
]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Type(IntEnum):
    """The kinds of UnixFS node."""

    RAW = 0
    DIRECTORY = 1
    FILE = 2
    METADATA = 3
    SYMLINK = 4
    HAMT = 5


class Link(NamedTuple):
    """A named edge; `tsize` is what its writer says all blocks below it weigh, in bytes."""

    cid: CID
    name: bytes
    tsize: int


class PBNode(NamedTuple):
    """A dag-pb node; `data` is None when the field is absent."""

    links: tuple[Link, ...]
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Message:
    """A UnixFS node; fields that were absent are None."""

    type: Type
    data: bytes | None = None
    filesize: int | None = None
    blocksizes: Sequence[int] = ()
    hash_type: int | None = None
    fanout: int | None = None


# --- Writing -------------------------------------------------------------------------------------


def encode_node(links: Iterable[Link], data: bytes) -> bytes:
    """A dag-pb block. Links come before data although their field number is higher: that order is canonical."""
    parts: list[bytes] = []
    for link in links:
        cid = bytes(link.cid)
        body = b"".join(
            (
                b"\x0a" + varint.encode(len(cid)) + cid,
                b"\x12" + varint.encode(len(link.name)) + link.name,
                b"\x18" + varint.encode(link.tsize),
            )
        )
        parts += (b"\x12", varint.encode(len(body)), body)
    parts += (b"\x0a", varint.encode(len(data)), data)
    return b"".join(parts)


def encode_message(message: Message) -> bytes:
    """The UnixFS message in field order, `blocksizes` not packed, as every writer of it does."""
    parts = [b"\x08", varint.encode(message.type)]
    if message.data is not None:
        parts += (b"\x12", varint.encode(len(message.data)), message.data)
    if message.filesize is not None:
        parts += (b"\x18", varint.encode(message.filesize))
    for size in message.blocksizes:
        parts += (b"\x20", varint.encode(size))
    if message.hash_type is not None:
        parts += (b"\x28", varint.encode(message.hash_type))
    if message.fanout is not None:
        parts += (b"\x30", varint.encode(message.fanout))
    return b"".join(parts)


# --- Reading -------------------------------------------------------------------------------------


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Each field of a protobuf message: its number, its wire type, its value."""
    at = 0
    while at < len(data):
        key, at = varint.decode(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = varint.decode(data, at)
            yield number, wire, value
            continue
        if wire == _BYTES:
            length, at = varint.decode(data, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"a field has the unknown wire type {wire}")
        if length > len(data) - at:
            raise ValueError("a field runs past the end of its message")
        yield number, wire, data[at : at + length]
        at += length


def _decode_link(data: bytes) -> Link:
    cid: CID | None = None
    name, tsize, last = b"", 0, 0
    for number, wire, value in fields(data):
        if number <= last:
            raise ValueError("the fields of a link are repeated or out of order")
        last = number
        if number == 1 and isinstance(value, bytes) and wire == _BYTES:
            cid = CID.link(value)
        elif number == 2 and isinstance(value, bytes) and wire == _BYTES:
            name = value
        elif number == 3 and isinstance(value, int):
            tsize = value
        else:
            raise ValueError(f"a link has the unknown field {number}")
    if cid is None:
        raise ValueError("a link has no CID")
    return Link(cid, name, tsize)


def decode_node(block: bytes) -> PBNode:
    """Read a dag-pb block as strictly as its specification allows. Raises ValueError."""
    links: list[Link] = []
    data: bytes | None = None
    closed = False
    for number, wire, value in fields(block):
        if wire != _BYTES or not isinstance(value, bytes):
            raise ValueError(f"the node has field {number} in wire type {wire}")
        if number == 1 and data is None:
            data = value
            closed = bool(links)  # links may stand before or after the data, but not on both sides
        elif number == 2 and not closed:
            links.append(_decode_link(value))
        else:
            raise ValueError(f"the node has an unknown, repeated or misplaced field {number}")
    return PBNode(tuple(links), data)


def decode_message(data: bytes) -> Message:
    """Read a UnixFS message; modes, times and fields to come are passed over. Raises ValueError."""
    kind: Type | None = None
    content: bytes | None = None
    numbers: dict[int, int] = {}
    blocksizes: list[int] = []
    for number, wire, value in fields(data):
        if number > 6 or number == 0:
            continue
        if number == 4 and isinstance(value, bytes) and wire == _BYTES:  # the packed form
            at = 0
            while at < len(value):
                size, at = varint.decode(value, at)
                blocksizes.append(size)
        elif number == 2 and isinstance(value, bytes) and wire == _BYTES and content is None:
            content = value
        elif number == 4 and isinstance(value, int):
            blocksizes.append(value)
        elif isinstance(value, int) and number in (1, 3, 5, 6) and number not in numbers:
            numbers[number] = value
            if number == 1:
                kind = Type(value)
        else:
            raise ValueError(f"the UnixFS message has field {number} twice or in the wrong form")
    if kind is None:
        raise ValueError("the UnixFS message has no type")
    return Message(kind, content, numbers.get(3), tuple(blocksizes), numbers.get(5), numbers.get(6))
