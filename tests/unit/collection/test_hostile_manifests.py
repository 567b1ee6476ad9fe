"""Manifests that were made to deceive or to hurt: either what is read is what the root stands for, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.collections import Manifest, Packing
from registry.collections.layout import DOCUMENTS, ITEMS, PROFILE, RECORD, TREE
from registry.errors import ContentError, FileNotInAsset, InputError, LimitExceeded, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_tree

SIZE = 200
DOCUMENT = [f"document {index}".encode() for index in range(SIZE)]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], bytes]:
    """The files of a manifest, and its root."""
    folder = tmp_path_factory.mktemp("honest") / "packing"
    with Packing(folder) as packing:
        for document in DOCUMENT:
            packing.add(document)
        root = packing.finish()
    return {file.name: file.read_bytes() for file in packing.manifest.iterdir()}, root


@pytest.fixture
def forged(honest: tuple[dict[str, bytes], bytes], tmp_path: Path) -> Callable[..., Manifest]:
    """``forged(items=..., ...)``: the manifest with other files, None for one that is not there."""
    folder = tmp_path / "forged"

    def make(*, size: int = SIZE, **changed: bytes | None) -> Manifest:
        folder.mkdir(exist_ok=True)
        for name, data in {**honest[0], **changed}.items():
            (folder / name).unlink(missing_ok=True)
            if data is not None:
                (folder / name).write_bytes(data)
        store = MemoryStore()
        return Manifest(add_tree(folder, store, PROFILE).cid, honest[1], size, store)

    return make


def record(files: dict[str, bytes], index: int, **changed: int | bytes) -> bytes:
    """The list with one record changed."""
    items = files[ITEMS]
    at = index * RECORD
    offset, length, rank, digest = (
        items[at : at + 8],
        items[at + 8 : at + 12],
        items[at + 12 : at + 16],
        items[at + 16 : at + 48],
    )
    values = {"offset": offset, "length": length, "rank": rank, "digest": digest}
    for name, value in changed.items():
        values[name] = value if isinstance(value, bytes) else pack(">Q" if name == "offset" else ">I", value)
    return items[:at] + b"".join(values.values()) + items[at + RECORD :]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_changed_anywhere_never_pass(
    data: st.DataObject, honest: tuple[dict[str, bytes], bytes], forged: Callable[..., Manifest]
) -> None:
    name = data.draw(st.sampled_from([DOCUMENTS, ITEMS, TREE]))
    changed = bytearray(honest[0][name])
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=40)):
        changed[at] ^= data.draw(st.integers(1, 255))
    manifest = forged(**{name: bytes(changed)})
    for index in (0, 1, 77, SIZE - 1):
        with suppress(ContentError):
            assert manifest.document(index) == DOCUMENT[index]
    if changed != honest[0][name]:
        with pytest.raises(ContentError):
            list(manifest.verify())


def test_the_document_of_another_item_is_not_taken_for_an_items_own(
    honest: tuple[dict[str, bytes], bytes], forged: Callable[..., Manifest]
) -> None:
    items = honest[0][ITEMS]
    of_3, of_4 = items[3 * RECORD : 4 * RECORD], items[4 * RECORD : 5 * RECORD]
    swapped = items[: 3 * RECORD] + of_4 + of_3 + items[5 * RECORD :]
    manifest = forged(items=swapped)
    for index in (3, 4):
        with pytest.raises(Unverified, match="does not lead to the root"):
            manifest.document(index)
    # The right leaf, and the bytes of another.
    offset, length = of_4[:8], of_4[8:12]
    manifest = forged(items=record(honest[0], 3, offset=offset, length=length))
    assert manifest.listed(3).digest == sha256(DOCUMENT[3]).digest()
    with pytest.raises(Unverified, match="is another than the list says"):
        manifest.document(3)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"rank": SIZE}, "no place in its tree"),
        ({"rank": 2**32 - 1}, "no place in its tree"),
        ({"length": 2**20 + 1}, "lies outside"),
        ({"length": 2**32 - 1}, "lies outside"),
        ({"offset": 2**64 - 1}, "lies outside"),
        ({"offset": 10**6}, "lies outside"),
        ({"rank": 5}, "does not lead to the root"),
    ],
)
def test_numbers_of_a_record_that_lead_elsewhere_are_refused_before_anything_is_read_by_them(
    changed: dict[str, int], match: str, honest: tuple[dict[str, bytes], bytes], forged: Callable[..., Manifest]
) -> None:
    with pytest.raises(Unverified, match=match):
        forged(items=record(honest[0], 9, **changed)).document(9)


def test_files_of_other_sizes_than_the_collection_has_are_refused(
    honest: tuple[dict[str, bytes], bytes], forged: Callable[..., Manifest]
) -> None:
    for name in (ITEMS, TREE):
        for data in (honest[0][name][:-1], honest[0][name] + b"\0", b""):
            with pytest.raises(Unverified, match=f"its '{name}' has"):
                forged(**{name: data}).listed(0)
    with pytest.raises(Unverified, match="its 'items' has"):
        forged(size=SIZE + 1).listed(0)


def test_content_that_is_no_manifest_is_refused(forged: Callable[..., Manifest]) -> None:
    for name in (ITEMS, TREE, DOCUMENTS):
        with pytest.raises(FileNotInAsset):
            forged(**{name: None}).document(0)
    store = MemoryStore()
    file = CID.raw(b"a file")
    store.put(file, b"a file")
    with pytest.raises(FileNotInAsset):
        Manifest(file, bytes(32), 5, store).listed(0)


def test_there_is_no_item_past_the_last_nor_before_the_first(forged: Callable[..., Manifest]) -> None:
    for index in (SIZE, -1, 2**32):
        with pytest.raises(InputError, match="There is no item"):
            forged().listed(index)


def test_a_list_of_billions_made_of_one_block_takes_no_memory(honest: tuple[dict[str, bytes], bytes]) -> None:
    """206 GB of zeros take a few blocks; the one record is refused, and all of them are not read."""
    size, store = 2**32 - 1, MemoryStore()

    def endless(total: int) -> Link:
        chunk = bytes(16_384)
        part, below = CID.raw(chunk), len(chunk)
        store.put(part, chunk)
        while below < total:
            links = min(1024, -(-total // below))
            node = encode_node(
                [Link(part, b"", below)] * links,
                encode_message(Message(Type.FILE, filesize=below * links, blocksizes=[below] * links)),
            )
            part, below = CID.of(node, codec=0x70), below * links
            store.put(part, node)
        return Link(part, b"", below)

    names = {DOCUMENTS: 2**20, ITEMS: size * RECORD, TREE: 1}
    links = [Link(endless(total).cid, name.encode(), total) for name, total in names.items()]
    folder = encode_node(links, encode_message(Message(Type.DIRECTORY)))
    cid = CID.of(folder, codec=0x70)
    store.put(cid, folder)
    manifest = Manifest(cid, honest[1], size, store)
    with pytest.raises(ContentError):
        manifest.listed(7)
    with pytest.raises(LimitExceeded):
        list(manifest.verify())


class Counting:
    """A cold store that counts the bytes which leave it."""

    def __init__(self, blocks: MemoryStore) -> None:
        self._blocks, self.read = blocks, 0

    def get(self, cid: CID) -> bytes:
        data = self._blocks.get(cid)
        self.read += len(data)
        return data


def test_a_proof_and_its_document_take_few_bytes_of_a_cold_store(tmp_path: Path) -> None:
    """`bench/collections.py` says of how many a proof of a million is made; this is that of 20,000."""
    with Packing(tmp_path / "packing") as packing:
        for index in range(20_000):
            packing.add(f"document {index} ".encode().ljust(1_000, b"x"))
        root = packing.finish()
    store = MemoryStore()
    cid = add_tree(packing.manifest, store, PROFILE).cid
    for index in (0, 1, 9_999, 19_999):
        cold = Counting(store)
        Manifest(cid, root, packing.count, cold).listed(index)
        assert cold.read <= 128 * 1024
        cold = Counting(store)
        Manifest(cid, root, packing.count, cold).document(index)
        assert cold.read <= 192 * 1024
