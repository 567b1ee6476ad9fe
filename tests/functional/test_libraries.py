"""SlotLib and CidLib against Solidity's own reading and the standard library."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .support import cid

RELAXED = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


def bits(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**size - 1) | st.just(2**size - 1)


addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
assets = st.tuples(addresses, bits(24), bits(24), bits(8), bits(8), bits(16), bits(16))
licences = st.tuples(
    bits(96), bits(32), bits(32), bits(32), bits(16), bits(8), st.integers(0, 3), st.booleans(), bits(24)
)
streams = st.tuples(bits(48), bits(48), bits(48), bits(96), bits(16))
grants = st.tuples(bits(48), bits(64), bits(32), st.booleans())
books = st.tuples(bits(120), bits(120), bits(16))
rows = st.tuples(addresses, bits(64), bits(16), bits(16))
turnouts = st.tuples(bits(96), bits(96), bits(48), bits(8))


@pytest.fixture(scope="session")
def slots(project: Any, dao: Any, system: None) -> Any:
    return dao.deploy(project.SlotLibHarness)


@pytest.fixture(scope="session")
def texts(project: Any, dao: Any, system: None) -> Any:
    return dao.deploy(project.CidLibHarness)


@RELAXED
@given(asset=assets, licence=licences, held=grants, book=books, row=rows, turnout=turnouts, stream=streams)
def test_what_is_written_at_once_is_read_member_by_member(
    slots: Any,
    dao: Any,
    asset: tuple[Any, ...],
    licence: tuple[Any, ...],
    held: tuple[Any, ...],
    book: tuple[Any, ...],
    row: tuple[Any, ...],
    turnout: tuple[Any, ...],
    stream: tuple[Any, ...],
) -> None:
    slots.writeAsset(asset, sender=dao)
    slots.writeLicence(licence, sender=dao)
    slots.writeGrant(held, sender=dao)
    slots.writeBook(book, sender=dao)
    slots.writeRow(row, sender=dao)
    slots.writeTurnout(turnout, sender=dao)
    slots.writeStream(stream, sender=dao)
    read_asset, read_licence, read_grant, read_book, read_row, read_turnout, read_stream = map(tuple, slots.read())
    assert (read_asset[0].lower(), *read_asset[1:]) == asset
    assert (read_licence, read_grant) == (licence, held)
    assert (read_book, read_turnout, read_stream) == (book, turnout, stream)
    assert (read_row[0].lower(), *read_row[1:]) == row


@pytest.mark.parametrize("position", range(7))
def test_each_member_of_an_asset_stands_alone(slots: Any, dao: Any, position: int) -> None:
    most = ("0x" + "ff" * 20, 2**24 - 1, 2**24 - 1, 255, 255, 2**16 - 1, 2**16 - 1)
    none = ("0x" + "00" * 20, 0, 0, 0, 0, 0, 0)
    asset = tuple(most[i] if i == position else none[i] for i in range(7))
    slots.writeAsset(asset, sender=dao)
    read = tuple(slots.read()[0])
    assert (read[0].lower(), *read[1:]) == asset


@settings(RELAXED, max_examples=25)
@given(digest=st.binary(min_size=32, max_size=32) | st.sampled_from([bytes(32), b"\xff" * 32, b"\x01" + bytes(31)]))
def test_the_cid_of_each_digest_is_what_the_standard_library_says(texts: Any, digest: bytes) -> None:
    assert texts.toText(digest) == cid(digest)
    assert texts.uri(digest) == "ipfs://" + cid(digest)


@pytest.mark.parametrize("bit", range(0, 256, 5))
def test_each_group_of_bits_has_its_place(texts: Any, bit: int) -> None:
    digest = (1 << bit).to_bytes(32, "big")
    assert texts.toText(digest) == cid(digest)
