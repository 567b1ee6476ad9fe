"""Values by their paths: from block to block, in any codec, and what is said where there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import (
    BlockNotFound,
    FileNotInAsset,
    InputError,
    LimitExceeded,
    UnsupportedCodec,
    UnsupportedHash,
    Unverified,
)
from registry.ipfs.cid import CBOR, CID, DAG_CBOR, JSON, RAW
from registry.ipfs.dag import encode
from registry.ipfs.ipld import Reached, get_value, put_value, reach_path
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import add_tree

from .support import Stranger


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def model(store: MemoryStore, folder: Callable[..., Path]) -> CID:
    """A description of a model, in two codecs, with its files in a folder."""
    files = add_tree(folder({"weights/a.bin": b"123", "readme": b"hello"}), store).cid
    layers = put_value({"layers": [{"name": "in"}, {"name": "out", "files": files}]}, store, "dag-json")
    return put_value({"version": 2, "layers": layers, "files": files, "b": b"\x00\xff"}, store)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("b", b"\x00\xff"),
        ("layers/layers/1/name", "out"),
        ("/layers/layers/0/", {"name": "in"}),
        ("files/weights/a.bin", b"123"),
        ("layers/layers/1/files/readme", b"hello"),
        ("files/Links/0/Name", "readme"),
    ],
)
def test_a_path_leads_to_its_value(store: MemoryStore, model: CID, path: str, value: Any) -> None:
    assert get_value(model, path, store) == value


def test_a_path_ends_in_a_block_with_its_rest(store: MemoryStore, model: CID) -> None:
    layers = get_value(model, "", store)["layers"]
    assert reach_path(model, "", store) == Reached((model,))
    assert reach_path(model, "layers", store) == Reached((model, layers))
    assert reach_path(model, "layers/layers/1/name", store) == Reached((model, layers), ("layers", "1", "name"))
    assert reach_path(model, "files/readme", store).cid == CID.raw(b"hello")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("nothing", ("b", "files", "layers", "version")),
        ("layers/layers/2", ("layers/layers/0", "layers/layers/1")),
        ("layers/layers/01", ("layers/layers/0", "layers/layers/1")),
        ("layers/layers/-1", ("layers/layers/0", "layers/layers/1")),
        ("version/x", ()),
        ("files/weights/b.bin", ("files/weights/Links", "files/weights/Data")),
    ],
)
def test_where_there_is_nothing_it_is_said_what_there_is(
    store: MemoryStore, model: CID, path: str, known: tuple[str, ...]
) -> None:
    with pytest.raises(FileNotInAsset) as caught:
        get_value(model, path, store)
    assert set(caught.value.known) == set(known)


def test_a_link_is_not_fetched_before_it_is_followed(store: MemoryStore) -> None:
    elsewhere = CID.of(b"elsewhere", codec=DAG_CBOR)
    git = CID.of(b"a commit", codec=0x78)
    root = put_value({"a": elsewhere, "git": git}, store)
    assert reach_path(root, "a", store).cid == elsewhere
    for path, error in (("a", BlockNotFound), ("a/b", BlockNotFound), ("git", BlockNotFound)):
        with pytest.raises(error):
            get_value(root, path, store)
    store.put(git, b"a commit")
    with pytest.raises(UnsupportedCodec):
        get_value(root, "git", store)


def test_a_link_by_another_hash_is_shown_and_refused_when_followed(store: MemoryStore) -> None:
    filecoin = CID.link("f0155a0e40220f9421160218b2e9614e4f323fb16085e556c577be8f65ca3385e13e4162dbaec")
    root = put_value({"piece": filecoin}, store)
    assert get_value(root, "", store) == {"piece": filecoin}
    assert json.loads(encode(get_value(root, "", store), "dag-json")) == {"piece": {"/": str(filecoin)}}
    with pytest.raises(UnsupportedHash):
        get_value(root, "piece", store)


def test_plain_documents_have_values_too(store: MemoryStore) -> None:
    for block, codec in ((b'{"a": [1]}', JSON), (encode({"a": [1]}), CBOR)):
        cid = CID.of(block, codec=codec)
        store.put(cid, block)
        assert get_value(cid, "a/0", store) == 1
    assert get_value(CID.raw(b"x"), "", _with(store, b"x")) == b"x"


def _with(store: MemoryStore, data: bytes) -> MemoryStore:
    store.put(CID.raw(data), data)
    return store


@pytest.mark.parametrize("codec", [DAG_CBOR, JSON, CBOR, 0x70])
def test_a_block_that_is_malformed_is_its_publishers_fault(stranger: Stranger, codec: int) -> None:
    with pytest.raises(Unverified, match="its publisher"):
        get_value(stranger.block(b"\xff\x00", codec), "a", stranger)


def test_a_value_is_one_block_of_a_bounded_size(store: MemoryStore) -> None:
    with pytest.raises(LimitExceeded):
        put_value(bytes(2**21), store)
    with pytest.raises(InputError):
        put_value({1: 2}, store)


def test_what_is_pinned_has_its_links(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, durable=False)
    with pytest.raises(BlockNotFound):
        put_value({"a": CID.raw(b"elsewhere")}, store, pin=True)
    assert [pin.cid for pin in store.pins()] == []
    made = put_value({"a": 1}, store, pin=True)
    assert [pin.cid for pin in store.pins()] == [made]
    assert made.codec != RAW
