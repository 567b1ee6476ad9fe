"""Documents are found, refused or looked for again, each as it deserves, in either database."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from registry.documents.ddo import DDO, Content, ContentFile, Encryption
from registry.errors import BlockNotFound, Unavailable
from registry.index import readmes
from registry.index.document_queue import AGAIN, AT_ONCE, OF_ONE_OWNER, DocumentQueue
from registry.index.entries import AssetEntry, Money, entries_of
from registry.index.item_queue import ItemQueue
from registry.index.library import Library
from registry.index.search.finder import Engine
from registry.index.search.fts import FtsEngine
from registry.index.search.query import SearchQuery
from registry.index.search.tantivy import TantivyEngine
from registry.index.stores import open_store
from registry.index.tables import BY_NAME
from registry.index.tables_store import Store
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Message, Type, encode_message, encode_node
from registry.ipfs.importer import add_file
from registry.ipfs.memory import MemoryStore
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.types import item_id

DEAD = 100_000 if os.environ.get("DEEP") else 2_000


@pytest.fixture
def store(database: str) -> Store:
    made = open_store(database)
    made.prepare({"registry": "0x" + "11" * 20})
    return made


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """Somewhere that blocks may be; `lacks` and `lies` say which are not, or are others."""

    name = "the place"

    def __init__(self) -> None:
        self.blocks: dict[bytes, bytes] = {}
        self.asked: list[bytes] = []
        self.comes_at: dict[bytes, int] = {}
        self.seconds = 0.0
        self.running: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.owner_of: dict[bytes, str] = {}
        self._guard = threading.Lock()

    def get(self, cid: CID) -> bytes:
        digest = bytes(cid.digest)
        owner = self.owner_of.get(digest, "")
        with self._guard:
            self.asked.append(digest)
            self.running[owner] = self.running.get(owner, 0) + 1
            self.most[owner] = max(self.most.get(owner, 0), self.running[owner])
            self.most["all"] = max(self.most.get("all", 0), sum(self.running.values()))
        try:
            time.sleep(self.seconds)
            if self.comes_at.get(digest, 0) > self.asked.count(digest):
                raise Unavailable(f"Block {cid}", ["not yet"])
            if digest not in self.blocks:
                raise BlockNotFound(cid, self.name)
            return self.blocks[digest]
        finally:
            with self._guard:
                self.running[owner] -= 1


def document(number: int) -> bytes:
    return DDO(type="dataset", name=f"Data {number}", license="MIT").to_bytes()


def want(store: Store, documents: DocumentQueue, digests: dict[bytes, str]) -> None:
    with store.writing():
        rows = []
        for number, (digest, owner) in enumerate(digests.items(), 1):
            rows.append({**BY_NAME["asset"].fresh((number,)), "owner": owner, "digest": digest, "version": 1})
        store.put("asset", rows)
        documents.want(digests.items())


def statuses(store: Store) -> dict[bytes, str]:
    return {row["digest"]: row["status"] for row in store.each("document")}


def test_a_thousand_documents_of_which_some_come_late_never_wrong_or_spoilt(store: Store) -> None:
    place, clock = Place(), Clock()
    digests: dict[bytes, str] = {}
    expected: dict[bytes, str] = {}
    for number in range(1_000):
        data = document(number)
        digest = hashlib.sha256(data).digest()
        kind = number % 100
        if kind == 0:  # never
            expected[digest] = "wanted"
        elif kind == 1:  # wrong bytes
            place.blocks[digest] = data + b" "
            expected[digest] = "wanted"
        elif kind == 2:  # bytes that hash right and are no document
            data = json.dumps({"name": number}).encode()
            digest = hashlib.sha256(data).digest()
            place.blocks[digest] = data
            expected[digest] = "invalid"
        else:
            if kind < 8:
                place.comes_at[digest] = 4
            place.blocks[digest] = data
            expected[digest] = "have"
        digests[digest] = f"0x{number % 20:040x}"
    documents = DocumentQueue(store, place, clock=clock)
    want(store, documents, digests)
    assert documents.look() == 920 + 10, "invalid ones are found too"
    assert sum(status == "wanted" for status in statuses(store).values()) == 70
    for seconds in AGAIN[:3]:
        clock.now += seconds * 1.2
        documents.look()
    assert statuses(store) == expected
    entries = entries_of(store, list(range(1, 1_001)), Money(), 0)
    invalid = next(one for one in entries if one.status == "invalid")
    assert invalid.faults and invalid.owner and not invalid.shown, "it is listed with its faults, and not searched"
    assert next(one for one in entries if one.status == "wanted").tries == 4


def test_what_is_not_found_is_asked_for_at_ever_longer_intervals(store: Store) -> None:
    place, clock = Place(), Clock()
    documents = DocumentQueue(store, place, clock=clock)
    digest = hashlib.sha256(b"nobody has it").digest()
    want(store, documents, {digest: "0x" + "1" * 40})
    waits = []
    for _ in range(9):
        documents.look()
        due = documents.next()
        assert due is not None
        waits.append(due - int(clock.now))
        clock.now = due - 1
        documents.look()
        clock.now = due
    assert len(place.asked) == 9
    expected = [*AGAIN, AGAIN[-1], AGAIN[-1], AGAIN[-1]]
    assert all(least <= found <= 1.1 * least for least, found in zip(expected, waits, strict=True))


def test_a_dead_crowd_of_one_owner_delays_nobody_else(store: Store) -> None:
    place, clock = Place(), Clock()
    spam = {hashlib.sha256(b"dead %d" % number).digest(): "0x" + "5" * 40 for number in range(DEAD)}
    documents = DocumentQueue(store, place, clock=clock)
    want(store, documents, spam)
    data = document(1)
    digest = hashlib.sha256(data).digest()
    place.blocks[digest] = data
    with store.writing():
        documents.want([(digest, "0x" + "6" * 40)])
    place.owner_of = {**spam, digest: "0x" + "6" * 40}
    place.seconds = 0.002
    documents.look(most=40)
    assert statuses(store)[digest] == "have"
    assert place.asked.index(digest) < 10
    assert place.most["0x" + "5" * 40] <= OF_ONE_OWNER and place.most["all"] <= AT_ONCE


def test_bytes_that_somebody_brings_are_taken_if_they_are_wanted(store: Store) -> None:
    place = Place()
    documents = DocumentQueue(store, place)
    data = document(7)
    assert not documents.take(data)
    want(store, documents, {hashlib.sha256(data).digest(): "0x" + "1" * 40})
    assert documents.take(data) and not documents.take(data)
    assert statuses(store) == {hashlib.sha256(data).digest(): "have"} and documents.next() is None


def test_no_address_in_a_document_is_ever_visited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image at an address inside of a network would be asked for by the hub's own machine."""
    import socket

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was made")

    place = Place()
    ddo = DDO(
        type="dataset", name="x", license="MIT", image="https://169.254.169.254/latest", external_url="http://10.0.0.1/"
    )
    data = ddo.to_bytes()
    place.blocks[hashlib.sha256(data).digest()] = data
    documents = DocumentQueue(store, place)
    want(store, documents, {hashlib.sha256(data).digest(): "0x" + "1" * 40})
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    documents.look()
    entries_of(store, [1], Money(), 0)
    assert list(statuses(store).values()) == ["have"]


# --- READMEs -------------------------------------------------------------------------------------


class Shop:
    """Assets whose blocks are here, and whoever looks for them; `asked` are the blocks that were."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self.store, self.clock = store, Clock()
        self.blocks = MemoryStore()
        self.asked: list[CID] = []
        documents = DocumentQueue(store, self, clock=self.clock)
        self.library = Library(store, engine, documents, ItemQueue(store, self, clock=self.clock), Money)

    name = "the shop"

    def get(self, cid: CID) -> bytes:
        self.asked.append(cid)
        return self.blocks.get(cid)

    def add(self, data: bytes, chunk: int = 1 << 20) -> CID:
        return add_file(io.BytesIO(data), self.blocks, replace(UNIXFS_V1_2025, chunk=chunk)).cid

    def publish(self, number: int, readme: CID, *, name: str = "README.md", sealed: bool = False) -> None:
        """An asset whose document lists a README."""
        encryption = Encryption(recipient="age1" + "q" * 58, key_version=1) if sealed else None
        listed = [ContentFile(path=name, size=10, cid=readme)]
        content = Content(cid=readme, size=10, profile="unixfs-v1-2025", files=listed, encryption=encryption)
        data = DDO(type="dataset", name=f"Data {number}", license="MIT", content=content).to_bytes()
        self.blocks.put(CID.raw(data), data)
        self.own(number, CID.raw(data).digest)

    def own(self, number: int, digest: bytes) -> None:
        row = {**BY_NAME["asset"].fresh((number,)), "owner": f"0x{number:040x}", "digest": digest, "version": 1}
        with self.store.writing():
            self.store.put("asset", [row])
            self.store.stain([number])

    def find(self, text: str) -> list[int]:
        self.library.refresh()
        self.library.look(seconds=30)
        self.library.refresh()
        return [hit.entry.id for hit in self.library.search(SearchQuery(text=text)).hits]

    def entry(self, number: int) -> AssetEntry:
        (found,) = self.library.made_now([number])
        return found


@pytest.fixture(params=["fts", "tantivy"])
def shop(request: pytest.FixtureRequest, store: Store, tmp_path: Any) -> Iterator[Shop]:
    engine: Engine = FtsEngine() if request.param == "fts" else TantivyEngine(tmp_path / "words")
    yield Shop(store, engine)
    engine.close()


def test_an_asset_is_found_by_the_words_of_its_readme(shop: Shop) -> None:
    shop.publish(1, shop.add(b"# Penguins\n\nMeasured at Palmer Station by K. Gorman."))
    shop.publish(2, shop.add(b"Seals of the same station"), name="readme.md")
    shop.publish(3, shop.add("Grüße aus Köln".encode()), name="notes.md")
    assert shop.find("gorman") == [1] and set(shop.find("station")) == {1, 2} and shop.find("köln") == []
    (hit,) = shop.library.search(SearchQuery(text="gorman")).hits
    assert hit.text["readme"] > 0 == hit.text["name"]
    assert hit.entry.readme == "", "words are kept once"
    shop.publish(1, shop.add(b"Moved elsewhere."))
    assert shop.find("gorman") == [] and shop.find("elsewhere") == [1]


def test_a_readme_of_sealed_content_is_never_asked_for(shop: Shop) -> None:
    readme = shop.add(b"secret ciphertext of penguins")
    shop.publish(1, readme, sealed=True)
    assert shop.find("ciphertext") == [] and readme not in shop.asked and shop.entry(1).readme_cid == ""
    shop.publish(2, readme)
    assert shop.find("ciphertext") == [2], "where somebody published it in the open it is"
    shop.publish(2, readme, sealed=True)
    assert shop.find("ciphertext") == [] and not list(shop.store.each("readme")), "and no longer once it is sealed"


def test_of_a_readme_the_beginning_is_read_and_no_more(shop: Shop) -> None:
    """However long it is, and however small the pieces are that it is cut into."""
    long = shop.add(b"walrus " * 400_000, chunk=1 << 18)
    crumbs = shop.add(b"penguin " * 100, chunk=8)
    shop.publish(1, long)
    shop.publish(2, crumbs)
    assert shop.find("walrus") == [1] and shop.find("penguin") == []
    assert len(shop.entry(1).readme) == 8_000
    kept = {bytes(row["digest"]): row for row in shop.store.each("document", "WHERE kind = ?", readmes.KIND)}
    assert len(kept[bytes(long)]["bytes"]) == readmes.MOST
    assert kept[bytes(crumbs)]["status"] == "invalid" and "blocks of the beginning" in kept[bytes(crumbs)]["faults"]
    assert len(shop.asked) <= 2 + 2 + readmes.BLOCKS, "documents, root and first part, and so many crumbs"


def test_bytes_that_are_not_the_readmes_are_not_taken_and_it_is_looked_for_again(shop: Shop) -> None:
    readme = shop.add(b"penguins of Palmer")
    shop.publish(1, readme)
    true = shop.blocks._blocks.pop(readme)
    shop.blocks._blocks[readme] = b"walruses of nowhere"
    assert shop.find("walrus") == shop.find("palmer") == []
    shop.blocks._blocks[readme] = true
    assert shop.find("palmer") == [], "not before its time"
    shop.clock.now += 1.2 * AGAIN[0]
    assert shop.find("palmer") == [1]


def test_a_readme_that_comes_in_drops_is_left_until_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block has its time, and all of them together: else a few owners would have every place in the queue."""
    shop.publish(1, shop.add(b"penguin " * 9_000, chunk=1 << 14))
    monkeypatch.setattr(readmes, "SECONDS", -1.0)
    assert shop.find("penguin") == [] and shop.find("data") == [1]
    monkeypatch.undo()
    shop.clock.now += 1.2 * AGAIN[0]
    assert shop.find("penguin") == [1]


def test_what_is_no_file_is_no_readme_and_hurts_nobody(shop: Shop) -> None:
    folder = encode_node((), encode_message(Message(Type.DIRECTORY)))
    at = CID.of(folder, codec=0x70)
    shop.blocks.put(at, folder)
    odd = [at, CID.of(b"\xff" * 9, codec=0x70), CID.of(b"x", codec=0x71), CID(1, 0x55, b"\0\x1c" + b"y" * 28)]
    shop.blocks.put(odd[1], b"\xff" * 9)
    for number, cid in enumerate(odd, 1):
        shop.publish(number, cid)
    shop.publish(9, shop.add(b"\xff\xfe\0\0 penguin \x80"))
    assert shop.find("penguin") == [9]
    assert sorted(shop.find("data")) == [1, 2, 3, 4, 9]


def test_a_readme_never_stands_where_a_document_does(shop: Shop) -> None:
    """A stranger names the document of somebody as a README, before it is there; and a README's CID as a document."""
    data = DDO(type="dataset", name="Penguins", license="MIT").to_bytes()
    shop.publish(1, CID.raw(data))
    assert shop.find("penguins") == []
    shop.blocks.put(CID.raw(data), data)
    shop.own(2, CID.raw(data).digest)
    assert 2 in shop.find("penguins") and shop.entry(2).status == "have"
    inline = CID(1, 0x55, b"\0\x1c" + b"z" * 28)
    assert len(bytes(inline)) == 32
    shop.publish(3, inline)
    shop.own(4, bytes(inline))
    shop.find("")
    assert (shop.entry(3).readme_cid, shop.entry(4).status) == ("", "wanted")


def test_items_of_collections_have_no_readme(shop: Shop) -> None:
    """Four thousand million of them cost their owner one transaction."""
    readme = shop.add(b"penguins of Palmer")
    shop.publish(5, readme)
    digest = shop.entry(5).digest
    with shop.store.writing():
        shop.store.run("DELETE FROM asset")
        shop.store.run("DELETE FROM dirty")
    shop.own(5, b"\1" * 32)
    shop.own(item_id(5, 0), bytes.fromhex(digest))
    assert shop.find("palmer") == [] and readme not in shop.asked
