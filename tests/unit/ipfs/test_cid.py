"""Content identifiers: every spelling of one CID is one CID, and nothing else is a CID."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidCID, UnsupportedHash
from registry.ipfs import varint
from registry.ipfs.blocks import fetch
from registry.ipfs.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, IDENTITY_LIMIT, JSON, RAW
from registry.ipfs.memory import MemoryStore

HELLO = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"
OLD = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"

blocks = st.binary(max_size=200)
codecs = st.sampled_from([RAW, DAG_PB, DAG_CBOR, DAG_JSON, JSON])


def identity(data: bytes) -> bytes:
    return b"\x00" + varint.encode(len(data)) + data


def sha512(data: bytes) -> bytes:
    return b"\x13\x40" + hashlib.sha512(data).digest()


cids = st.one_of(
    st.builds(lambda data, codec: CID.of(data, codec=codec), blocks, codecs),
    st.builds(lambda data: CID.of(data, codec=DAG_PB, version=0), blocks),
    st.builds(lambda data, codec: CID(1, codec, sha512(data)), blocks, codecs),
    st.builds(lambda data: CID(1, RAW, identity(data)), st.binary(max_size=IDENTITY_LIMIT)),
)


def base(digits: str, data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(digits))
        text = digits[digit] + text
    return digits[0] * (len(data) - len(data.lstrip(b"\0"))) + text


@given(cids)
def test_text_and_bytes_lead_back_to_the_cid(cid: CID) -> None:
    assert CID.parse(str(cid)) == cid
    assert CID.parse(bytes(cid)) == cid
    assert CID.parse(cid) is cid
    assert hash(CID.parse(str(cid))) == hash(cid)


@given(cids)
def test_every_base_is_read(cid: CID) -> None:
    data = bytes(cid.v1())
    spelled = [
        str(cid.v1()),
        str(cid.v1()).upper(),
        "f" + data.hex(),
        "F" + data.hex().upper(),
        "k" + base("0123456789abcdefghijklmnopqrstuvwxyz", data),
        "K" + base("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", data),
        "z" + base("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", data),
        "m" + b64encode(data).decode().rstrip("="),
        "u" + urlsafe_b64encode(data).decode().rstrip("="),
        str(cid.v1())[0] + str(cid.v1())[1:].upper(),  # hosts' names have no case
        "B" + str(cid.v1())[1:],
        "F" + data.hex(),
    ]
    assert {CID.parse(text) for text in spelled} == {cid.v1()}


FILECOIN = "f0155a0e40220f9421160218b2e9614e4f323fb16085e556c577be8f65ca3385e13e4162dbaec"


def test_a_link_by_any_hash_is_a_value_that_is_refused_when_it_is_fetched() -> None:
    link = CID.link(FILECOIN)
    assert CID.link(str(link)) == CID.link(bytes(link)) == link and link.hash_code == 0xB220
    with pytest.raises(InvalidCID, match="hash 0xb220"):
        CID.parse(FILECOIN)
    for ask in (link.verify, lambda _: fetch(link, MemoryStore())):
        with pytest.raises(UnsupportedHash, match="0xb220") as caught:
            ask(b"")
        assert caught.value.cid == link


@given(st.text(max_size=80))
def test_any_text_is_a_cid_or_refused(text: str) -> None:
    try:
        assert CID.parse(text) == CID.parse(str(CID.parse(text)))
    except InvalidCID as error:
        assert error.hint


@given(st.binary(max_size=200))
def test_any_bytes_are_a_cid_or_refused(data: bytes) -> None:
    try:
        assert bytes(CID.parse(data)) == data
    except InvalidCID as error:
        assert error.hint


@given(blocks, st.data())
def test_a_changed_byte_is_refused(block: bytes, data: st.DataObject) -> None:
    for cid in (CID.raw(block), CID(1, RAW, sha512(block)), CID(1, RAW, identity(block[:100]))):
        whole = block[:100] if cid.inline is not None else block
        assert cid.verify(whole)
        assert not cid.verify(whole + b"\0")
        if whole:
            at = data.draw(st.integers(0, len(whole) - 1))
            assert not cid.verify(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])


def test_the_digest_is_what_a_contract_stores() -> None:
    cid = CID.raw(b"hello world\n")
    assert str(cid) == HELLO
    assert cid.digest == hashlib.sha256(b"hello world\n").digest()
    assert CID.from_digest(cid.digest) == cid
    assert cid.codec == RAW
    assert repr(cid) == f"CID('{HELLO}')"


def test_version_0_prints_as_it_was_and_becomes_version_1() -> None:
    cid = CID.parse(OLD)
    assert (cid.version, cid.codec, str(cid), len(bytes(cid))) == (0, DAG_PB, OLD, 34)
    assert cid != cid.v1()
    assert cid.v1().digest == cid.digest
    assert str(cid.v1()).startswith("bafybei")


V0_IN_Z = "z" + base("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", bytes(CID.parse(OLD)))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("hello", "no base"),
        (HELLO[:-1], "not"),
        (HELLO[:-1] + "5", "bits beyond"),
        (HELLO + "a", "not"),
        (OLD.lower(), "small letters"),
        ("k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8", "a name of IPNS"),
        ("m" + b64encode(bytes(CID.parse(HELLO))).decode()[:-1] + "=", "base64|bits beyond"),
        ("uA", "base64"),
        (HELLO.replace("b", "0", 2), "no base"),
        ("ipfs://" + HELLO, "no base"),
        (" " + HELLO, "no base"),
        (HELLO + "\n", "base32"),
        (OLD.replace("T", "0", 1), "base58"),
        (OLD[:-1], "no base"),
        (V0_IN_Z, "without the letter"),
        ("k" + "1_0", "base36"),
        ("k\u0661", "base36"),
        ("fab1", "base16"),
        ("f" + (b"\x02\x55" + CID.raw(b"").multihash).hex(), "version is 2"),
        ("f" + (b"\x01\x55\x11\x14" + bytes(20)).hex(), "hash 0x11"),
        ("f" + (b"\x01\x55\x1b\x20" + bytes(32)).hex(), "hash 0x1b"),
        ("f" + (b"\x01\x55\x12\x10" + bytes(16)).hex(), "not a whole one"),
        ("f" + (b"\x01\x55\x12\x20" + bytes(31)).hex(), "31 bytes"),
        ("f" + (b"\x01\xd5\x00\x12\x20" + bytes(32)).hex(), "padded"),
        ("f" + (b"\x01\x55" + identity(bytes(IDENTITY_LIMIT + 1))).hex(), "more than 128"),
        ("f" + (b"\x01\x55" + identity(bytes(10240))).hex(), "characters"),
        (b"", "cut short"),
        (b"\x01", "cut short"),
        (b"\x01\x55", "cut short"),
        (b"\x12\x20" + bytes(31), "version is 18"),
        (b"\xff" * 12, "64 bits"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_cid_is_refused_with_the_reason(value: object, reason: str) -> None:
    with pytest.raises(InvalidCID, match=reason) as caught:
        CID.parse(value)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_digest_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidCID, match=f"not {length}"):
        CID.from_digest(bytes(length))


def test_version_0_is_never_raw_and_never_sha2_512() -> None:
    with pytest.raises(InvalidCID, match="dag-pb"):
        CID(0, RAW, CID.raw(b"").multihash)
    with pytest.raises(InvalidCID, match="sha2-256 only"):
        CID(0, DAG_PB, sha512(b""))
    with pytest.raises(InvalidCID, match="version is 2"):
        CID(2, RAW, CID.raw(b"").multihash)


@given(st.integers(0, 2**64 - 1))
def test_varints_have_one_spelling(number: int) -> None:
    assert varint.decode(b"x" + varint.encode(number) + b"rest", 1) == (number, 1 + len(varint.encode(number)))
