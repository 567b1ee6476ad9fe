"""DocumentQueue are found, refused or looked for again, each as it deserves, in either database."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import Any

import pytest

from registry.documents.ddo import DDO
from registry.errors import BlockNotFound, Unavailable
from registry.index.entries import Money, entries_of
from registry.index.queue import AGAIN, AT_ONCE, OF_ONE_OWNER, DocumentQueue
from registry.index.stores import open_store
from registry.index.tables import BY_NAME
from registry.index.tables_store import Store
from registry.ipfs.cid import CID


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
    spam = {hashlib.sha256(b"dead %d" % number).digest(): "0x" + "5" * 40 for number in range(2_000)}
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
