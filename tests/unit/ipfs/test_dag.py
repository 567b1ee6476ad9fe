"""DAG-CBOR and DAG-JSON: known answers, one form for each value, and no value that reads as another."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import dag_cbor
import multiformats
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BlockNotFound, InputError, LimitExceeded, UnsupportedCodec, UnsupportedHash, Unverified
from registry.ipfs.cid import CBOR, CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.dag import decode, encode, links
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.limits import ReadLimits
from registry.ipfs.store import MemoryStore
from registry.ipfs.traverse import traverse

from .support import Stranger

HELLO = CID.raw(b"hello world\n")
OLD = CID.of(b"\x0a\x02\x08\x01", codec=DAG_PB, version=0)

numbers = st.integers(-(2**63), 2**63 - 1)
plain = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.binary(max_size=3),
    st.sampled_from([HELLO, OLD]),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(max_size=4).filter(lambda key: key != "/"), inner, max_size=4),
    ),
    max_leaves=12,
)


def test_a_document_has_the_cids_that_others_give_it(vectors: dict[str, Any]) -> None:
    known = vectors["json_documents"]
    document = known["doc"]
    assert str(CID.of(encode(document), codec=DAG_CBOR)) == known["dag-cbor(0x71)"]
    assert str(CID.of(encode(document, "dag-json"), codec=DAG_JSON)) == known["dag-json(0x0129)"]


@pytest.mark.parametrize("codec", ["dag-cbor", "dag-json"])
@given(values)
def test_what_is_encoded_decodes_to_itself(codec: str, value: Any) -> None:
    block = encode(value, codec)
    again = decode(block, codec)
    assert again == value and encode(again, codec) == block


@given(values)
def test_another_library_encodes_dag_cbor_to_the_same_bytes(value: Any) -> None:
    def theirs(value: Any) -> Any:
        if isinstance(value, CID):
            return multiformats.CID.decode(bytes(value))
        if isinstance(value, float):
            return value + 0.0  # libipld writes negative zero, which it refuses to read, as zero
        if isinstance(value, dict):
            return {key: theirs(item) for key, item in value.items()}
        return [theirs(item) for item in value] if isinstance(value, list) else value

    assert dag_cbor.encode(theirs(value)) == encode(value)


def test_dag_json_is_written_as_its_specification_says() -> None:
    value = {"b": b"\x00\x01\xff\xfe", "a": [HELLO, OLD, 1, 1.5, "é", None, True]}
    assert encode(value, "dag-json") == (
        f'{{"a":[{{"/":"{HELLO}"}},{{"/":"{OLD}"}},1,1.5,"é",null,true],"b":{{"/":{{"bytes":"AAH//g"}}}}}}'.encode()
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (8.940696716308594e-8, "8.940696716308594e-8"),
        (1e-6, "0.000001"),
        (9.5e-7, "9.5e-7"),
        (5e-5, "0.00005"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e16, "10000000000000000.0"),
        (1.5e20, "150000000000000000000.0"),
        (1e21, "1e+21"),
        (-2.5e-300, "-2.5e-300"),
    ],
)
def test_a_number_is_written_as_other_writers_write_it(number: float, text: str) -> None:
    assert encode(number, "dag-json") == text.encode()


CAR_LINK = "a2616e0163636172d82a5827000155a0e40220f9421160218b2e9614e4f323fb16085e556c577be8f65ca3385e13e4162dbaec"


def test_a_link_by_a_hash_that_is_not_computed_here_is_a_value() -> None:
    block = bytes.fromhex(CAR_LINK)
    value = decode(block)
    assert value["car"].hash_code == 0xB220 and encode(value) == block
    assert decode(encode(value, "dag-json"), "dag-json") == value
    store = MemoryStore()
    store.put(CID.of(block, codec=DAG_CBOR), block)
    with pytest.raises(UnsupportedHash):
        list(traverse(CID.of(block, codec=DAG_CBOR), store))
    assert links(CID.of(block, codec=CBOR), block) == ()


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (float("nan"), "dag-cbor"),
        (float("inf"), "dag-json"),
        (2**64, "dag-cbor"),
        ({1: 2}, "dag-cbor"),
        ({1: 2}, "dag-json"),
        ({"/": 1}, "dag-json"),
        (object(), "dag-json"),
        (object(), "dag-cbor"),
        ("\ud800", "dag-cbor"),
        ("\ud800", "dag-json"),
        (bytes(HELLO), "dag-cbor"),  # libipld would make a link of it
        (1, "json"),
    ],
)
def test_what_has_no_form_is_refused(value: Any, codec: str) -> None:
    with pytest.raises(InputError):
        encode(value, codec)


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("codec", ["dag-cbor", "dag-json"])
def test_nesting_is_bounded(codec: str) -> None:
    assert decode(encode(deep(100), codec), codec) == deep(100)
    with pytest.raises(InputError, match="nested"):
        encode(deep(200), codec)
    with pytest.raises(ValueError, match=r"nested|recursion"):
        decode(b"\x81" * 100_000 + b"\x01" if codec == "dag-cbor" else b"[" * 100_000 + b"]" * 100_000, codec)


NOT_CANONICAL = [
    "1801",  # a number in more bytes than it needs
    "a2616201616101",  # keys out of order
    "a2616101616102",  # a key twice
    "9f01ff",  # no length
    "fa3f800000",  # a short float
    "f97e00",  # not a number
    "0101",  # two values
    "",
    "d82a4101",  # a link that is none
    "58240155122000" + "00" * 31,  # bytes that are a CID, and no link
    "c101",  # a tag
    "9b0000000100000000",  # a list that claims four thousand million items
    "bb0000000100000000",  # a map that does
]


@pytest.mark.parametrize("block", [bytes.fromhex(text) for text in NOT_CANONICAL])
def test_dag_cbor_in_another_form_is_refused(block: bytes) -> None:
    with pytest.raises(ValueError):
        decode(block)
    with pytest.raises(Unverified, match="malformed"):
        links(CID.of(block, codec=DAG_CBOR), block)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"/": "{HELLO}", "x": 1}}',
        '{"/": 1}',
        '{"/": {"bytes": "AA=="}}',
        '{"/": {"bytes": "A!"}}',
        '{"/": "no cid"}',
        '{"a": 1, "a": 2}',
        "NaN",
        "1e999",
        "[1,]",
        "",
    ],
)
def test_dag_json_that_could_read_as_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text.encode(), "dag-json")


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(block: bytes) -> None:
    for codec in (DAG_PB, DAG_CBOR, DAG_JSON, RAW, JSON):
        with contextlib.suppress(Unverified):
            links(CID.of(block, codec=codec), block)


def test_links_are_found_in_every_codec() -> None:
    value = {"a": [HELLO, {"b": OLD}], "c": "text"}
    for codec, number in (("dag-cbor", DAG_CBOR), ("dag-json", DAG_JSON)):
        block = encode(value, codec)
        assert links(CID.of(block, codec=number), block) == (HELLO, OLD)
    node = encode_node([Link(HELLO, b"a", 1), Link(OLD, b"b", 1)], encode_message(Message(Type.DIRECTORY)))
    assert links(CID.of(node, codec=DAG_PB), node) == (HELLO, OLD)
    assert links(CID.raw(node), node) == links(CID.of(b"{}", codec=JSON), b"{}") == ()
    with pytest.raises(UnsupportedCodec):
        links(CID.of(b"", codec=0x78), b"")


# --- All below a root ----------------------------------------------------------------------------


def test_blocks_come_depth_first_and_once() -> None:
    store = MemoryStore()

    def put(value: Any) -> CID:
        block = encode(value)
        store.put(CID.of(block, codec=DAG_CBOR), block)
        return CID.of(block, codec=DAG_CBOR)

    store.put(HELLO, b"hello world\n")
    low = put([HELLO])
    left, right = put({"l": low}), put({"r": low, "s": HELLO})
    root = put([left, right, left])
    assert [cid for cid, _ in traverse(root, store)] == [root, left, low, HELLO, right]
    named = list(traverse(root, store, leaves=False))
    assert [(cid, block is None) for cid, block in named][3] == (HELLO, True)
    assert [cid for cid, _ in traverse(root, store, seen={low})] == [root, left, right, HELLO]


def test_a_chain_of_any_depth_is_walked_and_a_wide_one_is_bounded(stranger: Stranger) -> None:
    cid = HELLO
    stranger.put(HELLO, b"hello world\n")
    for number in range(3000):
        cid = stranger.block(encode([cid, number]), DAG_CBOR)
    assert sum(1 for _ in traverse(cid, stranger)) == 3001
    with pytest.raises(LimitExceeded, match="number of blocks"):
        list(traverse(cid, stranger, limits=ReadLimits(entries=1000)))
    with pytest.raises(LimitExceeded, match="size of the blocks"):
        list(traverse(cid, stranger, limits=ReadLimits(total=1000)))
    wide = stranger.block(encode([CID.raw(b"%d" % number) for number in range(100)]), DAG_CBOR)
    with pytest.raises(LimitExceeded, match="number of links"):
        list(traverse(wide, stranger, limits=ReadLimits(fanout=99)))
    with pytest.raises(BlockNotFound):
        list(traverse(wide, stranger, limits=ReadLimits(fanout=100)))


def test_an_identity_cid_is_looked_into_and_does_not_come() -> None:
    store = MemoryStore()
    store.put(HELLO, b"hello world\n")
    inner = encode([HELLO])
    root = CID(1, DAG_CBOR, b"\x00" + bytes([len(inner)]) + inner)
    assert [cid for cid, _ in traverse(root, store)] == [HELLO]


def test_a_document_is_plain_json_where_it_has_neither_links_nor_bytes() -> None:
    value = {"z": [1, 2.5, None], "a": {"é": "x"}}
    assert json.loads(encode(value, "dag-json")) == value
