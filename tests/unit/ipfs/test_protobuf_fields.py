"""Nodes and UnixFS messages field by field: which are taken, in which form and order, and what is refused."""

from __future__ import annotations

import pytest

from registry.ipfs import varint
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link, Message, PBNode, Type, decode_message, decode_node, encode_message, encode_node

VARINT, FIXED64, BYTES, START, END, FIXED32 = range(6)
LEAF = CID.raw(b"leaf")


def field(number: int, value: int | bytes, wire: int | None = None) -> bytes:
    """One field; bytes of fixed width are written without their length."""
    if isinstance(value, int):
        return varint.encode(number << 3 | VARINT) + varint.encode(value)
    wire = BYTES if wire is None else wire
    length = varint.encode(len(value)) if wire == BYTES else b""
    return varint.encode(number << 3 | wire) + length + value


def link(*fields: bytes) -> bytes:
    return field(2, b"".join(fields))


HASH, NAME, TSIZE = field(1, bytes(LEAF)), field(2, b"a"), field(3, 7)
DATA = field(1, b"data")
FILE = field(1, Type.FILE)


def test_a_node_is_its_links_and_its_data() -> None:
    whole = PBNode((Link(LEAF, b"a", 7), Link(LEAF, b"", 0)), b"data")
    assert decode_node(link(HASH, NAME, TSIZE) + link(HASH) + DATA) == whole
    assert decode_node(DATA + link(HASH, NAME, TSIZE) + link(HASH)) == whole
    assert decode_node(b"") == PBNode((), None)
    assert decode_node(field(1, b"")) == PBNode((), b"")
    assert encode_node([Link(LEAF, b"a", 7), Link(LEAF, b"", 0)], b"data") == (
        link(HASH, NAME, TSIZE) + link(HASH, field(2, b""), field(3, 0)) + DATA
    )


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (link(NAME, TSIZE), "no CID"),
        (link(HASH, NAME, NAME), "repeated or out of order"),
        (link(NAME, HASH), "repeated or out of order"),
        (link(HASH, TSIZE, NAME), "repeated or out of order"),
        (link(HASH, HASH), "repeated or out of order"),
        (link(HASH, field(4, 1)), "unknown field 4"),
        (link(field(0, 1), HASH), "repeated or out of order"),
        (link(field(1, 5)), "unknown field 1"),
        (link(HASH, field(2, 5)), "unknown field 2"),
        (link(HASH, field(3, b"7")), "unknown field 3"),
        (link(HASH, field(2, b"8 bytes.", FIXED64)), "unknown field 2"),
        (link(HASH, field(2, b"four", FIXED32)), "unknown field 2"),
        (link(field(1, b"\0" * 8, FIXED64)), "unknown field 1"),
        (link(field(1, b"\0" * 4, FIXED32)), "unknown field 1"),
        (DATA + DATA, "misplaced field 1"),
        (link(HASH) + DATA + link(HASH), "misplaced field 2"),
        (field(3, b"x"), "field 3"),
        (field(0, b"x"), "field 0"),
        (field(1, 5), "field 1 in wire type 0"),
        (field(1, b"8 bytes.", FIXED64), "field 1 in wire type 1"),
        (field(2, b"four", FIXED32), "field 2 in wire type 5"),
        (varint.encode(1 << 3 | START), "wire type 3"),
        (varint.encode(1 << 3 | END), "wire type 4"),
        (varint.encode(1 << 3 | 6) + bytes(8), "wire type 6"),
        (DATA[:-1], "past the end"),
        (varint.encode(1 << 3 | FIXED64) + bytes(7), "past the end"),
        (varint.encode(1 << 3 | FIXED32) + bytes(3), "past the end"),
    ],
)
def test_a_node_in_another_form_is_refused(block: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_node(block)


def test_a_message_is_read_whole() -> None:
    whole = Message(Type.HAMT, b"\1", 9, (3, 300), 0x22, 256)
    assert decode_message(encode_message(whole)) == whole
    fields = [field(1, Type.HAMT), field(2, b"\1"), field(3, 9), field(5, 0x22), field(6, 256)]
    sizes = [field(4, 3), field(4, 300)]
    assert encode_message(whole) == b"".join(fields[:3] + sizes + fields[3:])
    # Other writers may order them otherwise, and pack the sizes.
    assert decode_message(b"".join(reversed(fields)) + b"".join(sizes)) == whole
    assert decode_message(b"".join(fields) + field(4, b"\3" + varint.encode(300))) == whole
    assert decode_message(FILE) == Message(Type.FILE)
    assert decode_message(FILE + field(3, 0) + field(2, b"")) == Message(Type.FILE, b"", 0)


@pytest.mark.parametrize("number", [0, 7, 8, 15])
@pytest.mark.parametrize("value", [1, b"x", b"four", b"8 bytes."])
def test_modes_times_and_fields_to_come_are_passed_over(number: int, value: int | bytes) -> None:
    wire = {b"four": FIXED32, b"8 bytes.": FIXED64}.get(value, BYTES) if isinstance(value, bytes) else None
    extra = field(number, value, wire)
    assert decode_message(extra + FILE + extra + field(2, b"x") + extra) == Message(Type.FILE, b"x")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "no type"),
        (field(2, b"x"), "no type"),
        (FILE + FILE, "field 1 twice"),
        (FILE + field(2, b"x") + field(2, b"y"), "field 2 twice"),
        (FILE + field(3, 1) + field(3, 1), "field 3 twice"),
        (FILE + field(5, 1) + field(5, 1), "field 5 twice"),
        (FILE + field(6, 1) + field(6, 1), "field 6 twice"),
        (field(1, b"\2"), "field 1 twice or in the wrong form"),
        (FILE + field(2, 5), "field 2 twice or in the wrong form"),
        (FILE + field(2, b"four", FIXED32), "field 2 twice or in the wrong form"),
        (FILE + field(2, b"8 bytes.", FIXED64), "field 2 twice or in the wrong form"),
        (FILE + field(4, b"four", FIXED32), "field 4 twice or in the wrong form"),
        (FILE + field(4, b"8 bytes.", FIXED64), "field 4 twice or in the wrong form"),
        (FILE + field(3, b"\1"), "field 3 twice or in the wrong form"),
        (FILE + field(5, b"\1"), "field 5 twice or in the wrong form"),
        (FILE + field(6, b"\1"), "field 6 twice or in the wrong form"),
        (field(1, 6), "6 is not a valid Type"),
        (FILE + field(4, b"\x80"), "cut short or above 64 bits"),
    ],
)
def test_a_message_in_another_form_is_refused(message: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_message(message)


def test_the_numbers_of_the_types_are_those_of_the_specification() -> None:
    assert {kind.name: kind.value for kind in Type} == {
        "RAW": 0, "DIRECTORY": 1, "FILE": 2, "METADATA": 3, "SYMLINK": 4, "HAMT": 5,
    }  # fmt: skip
