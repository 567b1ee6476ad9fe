"""Archives: what is written is read back, one root has one archive, and nothing malformed passes."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BlockNotFound, ContentError, LimitExceeded, Unverified
from registry.ipfs import varint
from registry.ipfs.car import CarReader, car_pieces, read_car, write_car
from registry.ipfs.cid import CID, DAG_CBOR
from registry.ipfs.dag import encode
from registry.ipfs.limits import ReadLimits
from registry.ipfs.profiles import UNIXFS_V0_2015, UNIXFS_V1_2025
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_file, cat

from .support import pattern

SMALL = replace(UNIXFS_V1_2025, chunk=7, width=3)
CONTENT = pattern(100)


def packed(root: CID, store: MemoryStore) -> bytes:
    out = io.BytesIO()
    archive = write_car(root, store, out)
    assert archive.roots == (root,)
    return out.getvalue()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def root(store: MemoryStore) -> CID:
    return add_file(io.BytesIO(CONTENT), store, SMALL).cid


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([SMALL, replace(UNIXFS_V0_2015, chunk=9, width=2)]))
def test_what_is_packed_is_unpacked(data: bytes, profile: Any) -> None:
    store, other = MemoryStore(), MemoryStore()
    cid = add_file(io.BytesIO(data), store, profile).cid
    archive = read_car(io.BytesIO(packed(cid, store)), other)
    assert archive.roots == (cid,) and archive.blocks == len(other) == len(store)
    assert b"".join(cat(cid, other)) == data


def test_one_root_has_one_archive_in_depth_first_order(store: MemoryStore, root: CID) -> None:
    again = MemoryStore()
    for cid, block in reversed(list(CarReader(io.BytesIO(packed(root, store))))):
        again.put(cid, block)
    assert packed(root, again) == packed(root, store)
    order = [cid for cid, _ in CarReader(io.BytesIO(packed(root, store)))]
    assert order[0] == root and len(set(order)) == len(order)


def test_a_known_archive_has_its_known_bytes() -> None:
    hello = CID.raw(b"hello world\n")
    header = bytes.fromhex("3aa265726f6f747381d82a582500") + bytes(hello) + bytes.fromhex("6776657273696f6e01")
    expected = header + bytes([36 + 12]) + bytes(hello) + b"hello world\n"
    assert b"".join(car_pieces(hello, [(hello, b"hello world\n")])) == expected


def test_progress_counts_the_bytes_of_blocks(store: MemoryStore, root: CID) -> None:
    out, done = io.BytesIO(), list[int]()
    archive = write_car(root, store, out, progress=done.append)
    assert done == sorted(done) and done[-1] == archive.size
    read: list[int] = []
    read_car(io.BytesIO(out.getvalue()), MemoryStore(), progress=read.append)
    assert read == done


def test_a_missing_block_stops_the_writer(store: MemoryStore, root: CID) -> None:
    del store._blocks[CID.raw(CONTENT[:7])]
    with pytest.raises(BlockNotFound):
        packed(root, store)


# --- Version 2 -----------------------------------------------------------------------------------

PRAGMA = bytes.fromhex("0aa16776657273696f6e02")


def second(archive: bytes, gap: int = 0, index: bytes = b"", **changed: int) -> bytes:
    """An archive of version 2 around one of version 1."""
    offset = changed.get("offset", 51 + gap)
    size = changed.get("size", len(archive))
    fields = bytes(16) + b"".join(n.to_bytes(8, "little") for n in (offset, size, 51 + gap + len(archive)))
    return PRAGMA + fields + bytes(gap) + archive + index


@pytest.mark.parametrize("gap", [0, 1, 5000])
def test_version_2_is_read(store: MemoryStore, root: CID, gap: int) -> None:
    data = second(packed(root, store), gap, index=b"an index" * 100)
    other = MemoryStore()
    assert CarReader(io.BytesIO(data)).version == 2
    assert read_car(io.BytesIO(data), other).roots == (root,)
    assert len(other) == len(store)


@pytest.mark.parametrize(
    "changed", [{"offset": 0}, {"offset": 50}, {"offset": 2**63}, {"size": 0}, {"size": 20}, {"size": 2**40}]
)
def test_version_2_that_points_elsewhere_is_refused(store: MemoryStore, root: CID, changed: dict[str, int]) -> None:
    with pytest.raises((Unverified, LimitExceeded)):
        read_car(io.BytesIO(second(packed(root, store), **changed)), MemoryStore())


# --- Malformed -----------------------------------------------------------------------------------


def header(value: Any) -> bytes:
    block = encode(value)
    return varint.encode(len(block)) + block


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x05hello",
        header({"version": 1}),
        header({"version": 1, "roots": 1}),
        header({"version": 1, "roots": ["x"]}),
        header({"version": 3, "roots": []}),
        header({"roots": []}),
        header([]),
        header({"version": 2}),
        PRAGMA + bytes(40),
        b"\xff" * 20,
        varint.encode(10**9),
    ],
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises((Unverified, LimitExceeded)):
        read_car(io.BytesIO(data), MemoryStore())


def test_an_archive_cut_anywhere_is_refused_or_ends_at_a_block(store: MemoryStore, root: CID) -> None:
    data = packed(root, store)
    ends = 0
    for length in range(1, len(data)):
        other = MemoryStore()
        try:
            read_car(io.BytesIO(data[:length]), other)
            ends += 1
        except Unverified as error:
            assert "cut short" in str(error) or "empty" in str(error)
        with pytest.raises(BlockNotFound):  # and even then what is missing shows
            packed(root, other)
    assert ends == len(store)  # after the header and after each block but the last


@settings(deadline=None)
@given(st.data())
def test_a_changed_byte_anywhere_never_gives_wrong_content(data: st.DataObject) -> None:
    store = MemoryStore()
    root = add_file(io.BytesIO(CONTENT[:40]), store, SMALL).cid
    archive = bytearray(packed(root, store))
    at = data.draw(st.integers(0, len(archive) - 1))
    archive[at] ^= data.draw(st.integers(1, 255))
    other = MemoryStore()
    try:
        read_car(io.BytesIO(bytes(archive)), other)
        assert b"".join(cat(root, other)) == CONTENT[:40]
    except ContentError:
        pass


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    for start in (b"", PRAGMA, header({"roots": [CID.raw(b"")], "version": 1})):
        with contextlib.suppress(ContentError):
            read_car(io.BytesIO(start + data), MemoryStore())


def test_limits_hold(store: MemoryStore, root: CID) -> None:
    data = packed(root, store)
    for limits in (ReadLimits(block=6), ReadLimits(entries=3), ReadLimits(total=50)):
        with pytest.raises(LimitExceeded):
            read_car(io.BytesIO(data), MemoryStore(), limits=limits)


class Endless(io.RawIOBase):
    """Begins as it is told and never ends; counts what was read of it."""

    def __init__(self, begins: bytes, repeats: bytes = b"\0") -> None:
        self.begins, self.repeats, self.read_of = begins, repeats * (65536 // len(repeats)), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.begins[: len(buffer)] or self.repeats[: len(buffer)]
        self.begins = self.begins[len(piece) :]
        buffer[: len(piece)] = piece
        self.read_of += len(piece)
        return len(piece)


def v2(start: int, size: int) -> bytes:
    return PRAGMA + bytes(16) + start.to_bytes(8, "little") + size.to_bytes(8, "little") + bytes(8)


HELLO = CID.raw(b"hello")
ONE_BLOCK = varint.encode(len(bytes(HELLO)) + 5) + bytes(HELLO) + b"hello"


@pytest.mark.parametrize(
    ("begins", "repeats"),
    [
        (v2(60 * 1024**3, 1), b"\0"),
        (v2(51, 2**63), b"\0"),
        (varint.encode(60_000) + b"\x81" * 60_000, b"\0"),
        (varint.encode(2**40), b"\0"),
        (b"", b"\x80"),
        (header({"roots": [HELLO], "version": 1}) + varint.encode(2**33), b"\0"),
        (header({"roots": [HELLO], "version": 1}), ONE_BLOCK),
        (header({"roots": [HELLO], "version": 1}), varint.encode(len(bytes(HELLO))) + bytes(HELLO)),
    ],
    ids=["gap", "no end", "nested header", "long header", "length of nothing", "long block", "one block", "no bytes"],
)
def test_an_archive_that_never_ends_is_left_after_a_few_megabytes(begins: bytes, repeats: bytes) -> None:
    """Of a few hundred bytes a server can send for ever: a gap, a nest, one block again and again."""
    endless, kept = Endless(begins, repeats), MemoryStore()
    with pytest.raises((Unverified, LimitExceeded)):
        read_car(endless, kept, limits=ReadLimits(entries=5_000))  # type: ignore[arg-type]
    assert endless.read_of < 4 * 1024**2 and len(kept) <= 1


def test_a_stream_that_gives_a_byte_at_a_time_is_read(store: MemoryStore, root: CID) -> None:
    class Drip(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.left = data

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            piece, self.left = self.left[:1], self.left[1:]
            buffer[: len(piece)] = piece
            return len(piece)

    other = MemoryStore()
    read_car(Drip(packed(root, store)), other)  # type: ignore[arg-type]
    assert len(other) == len(store)


def test_blocks_of_any_codec_travel(store: MemoryStore, root: CID) -> None:
    document = encode({"content": root})
    above = CID.of(document, codec=DAG_CBOR)
    store.put(above, document)
    other = MemoryStore()
    assert read_car(io.BytesIO(packed(above, store)), other).blocks == len(store)
