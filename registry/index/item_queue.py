"""Items of collections, minted or not, read out of their collection's manifest and checked against its root.

An item needs no event: its collection says that it is there. A collection is read some items at a time, owners in turn,
so that nobody's million keeps others waiting; and where it changes hands or price, its items are shown anew no faster
than that costs little.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.collections.manifest import Manifest
from registry.documents.ddo import DDO
from registry.errors import ContentError, InputError, NotFoundError
from registry.index.document_queue import AGAIN, checked
from registry.index.tables import Row
from registry.index.tables_store import Store
from registry.ipfs.blocks import BlockSource, fetch
from registry.ipfs.cid import CID
from registry.types import item_id

if TYPE_CHECKING:
    from registry.index.entries import AssetEntry

__all__ = ["MOST_ITEMS", "ItemQueue"]

MOST_ITEMS: Final = 100_000
"""Items of one collection that a search knows before they are minted, the first ones."""

PART: Final = 200
"""Items that are read, or shown anew, in one turn."""

AT_ONCE: Final = 4
SLOWLY: Final = 100
"""Items of a changed collection that are shown anew for each second that it then waits."""

NEVER: Final = 2**62
"""When nothing is to be done, in seconds since 1970."""

_REFUSED: Final = (ContentError, NotFoundError, InputError)
"""What reading raises of a manifest that cannot be fetched, or is none."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Items that were read in one turn with their documents, and whether that is all that was to be read."""

    items: list[Row]
    documents: list[Row]
    whole: bool


class ItemQueue:
    """The items of the collections of one index, read from `source`; `clock` gives seconds since 1970."""

    def __init__(self, store: Store, source: BlockSource, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._source = source
        self._clock = clock

    def want(self, collections: Iterable[AssetEntry]) -> None:
        """Have the items of collections whose documents are here read, or shown anew where what they share has changed;
        within `Store.writing`."""
        listed = {one.id: one for one in collections if one.items and one.status == "have" and one.content}
        kept = self._store.load("manifest", [(id,) for id in listed])
        now = int(self._clock())
        rows = []
        for id, entry in listed.items():
            row, facts = kept.get((id,)), _facts(entry)
            if row is None or row["root"].hex() != entry.root:
                # Of another fork there may be items of another collection with this number.
                self._forget(id)
                row = {
                    "collection": id,
                    "root": bytes.fromhex(entry.root),
                    "owner": entry.owner,
                    "content": entry.content,
                    "size": min(entry.items, MOST_ITEMS),
                    "done": 0,
                    "tries": 0,
                    "next_try": now,
                    "facts": facts,
                    "shown": 0,
                    "next_show": NEVER,
                }
            elif row["facts"] != facts or row["content"] != entry.content:
                if row["content"] != entry.content and row["done"] < row["size"]:
                    row.update(tries=0, next_try=now)
                if row["facts"] != facts and row["next_show"] == NEVER:
                    row.update(shown=0, next_show=now + row["done"] // SLOWLY)
                row.update(facts=facts, content=entry.content, owner=entry.owner)
            else:
                continue
            rows.append(row)
        if rows:
            self._store.put("manifest", rows)

    def forget(self, ids: Iterable[int]) -> None:
        """Forget the items of those of these assets that were collections, and are none; within `Store.writing`."""
        for key in self._store.load("manifest", [(id,) for id in ids]):
            self._forget(key[0])
            self._store.run("DELETE FROM manifest WHERE collection = ?", key[0])

    def look(self, *, seconds: float | None = None) -> int:
        """Read what is due, until nothing is, for so many seconds at most; returns how many items were read."""
        until = None if seconds is None else time.monotonic() + seconds
        found = 0
        busy: dict[Future[_Part], Row] = {}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="items") as pool:
            while True:
                if until is None or time.monotonic() < until:
                    for row in self._due(AT_ONCE - len(busy), {row["owner"] for row in busy.values()}):
                        busy[pool.submit(self._read, row)] = row
                if not busy:
                    return found
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
                for one in done:
                    found += self._keep(busy.pop(one), one.result())

    def next(self) -> int | None:
        """When something is due next, in seconds since 1970; None if nothing is to be read."""
        found = self._store.rows("SELECT min(next_try) FROM manifest WHERE next_try < ?", NEVER)
        return None if found[0][0] is None else int(found[0][0])

    def show_again(self) -> int:
        """Have items of collections that changed shown anew, some of each; returns how many."""
        now, count = int(self._clock()), 0
        for row in list(self._store.each("manifest", "WHERE next_show <= ? ORDER BY next_show LIMIT 8", now)):
            first, last = row["shown"], min(row["shown"] + PART, row["done"])
            row.update(shown=last, next_show=now + 1 if last < row["done"] else NEVER)
            with self._store.writing():
                self._store.stain(item_id(row["collection"], index) for index in range(first, last))
                self._store.put("manifest", [row])
            count += last - first
        return count

    # --- Internal --------------------------------------------------------------------------------

    def _forget(self, collection: int) -> None:
        first = item_id(collection, 0)
        gone = self._store.rows("SELECT id FROM item WHERE id >= ? AND id < ?", first, item_id(collection + 1, 0))
        self._store.run("DELETE FROM item WHERE id >= ? AND id < ?", first, item_id(collection + 1, 0))
        self._store.stain(id for (id,) in gone)

    def _due(self, room: int, busy: set[str]) -> Iterator[Row]:
        """Collections to read some items of now, who waited longest first, one of an owner at a time."""
        if room <= 0:
            return
        now = int(self._clock())
        # Each owner's own first one: whoever has a thousand that are due has one turn, as others do.
        rows = self._store.each(
            "manifest",
            "m WHERE next_try <= ? AND NOT EXISTS (SELECT 1 FROM manifest o WHERE o.owner = m.owner AND "
            "(o.next_try, o.collection) < (m.next_try, m.collection)) ORDER BY next_try, collection LIMIT ?",
            now,
            2 * AT_ONCE,
        )
        for row in [one for one in rows if one["owner"] not in busy][:room]:
            # Not before the next round, whatever becomes of this process meanwhile.
            row.update(tries=row["tries"] + 1, next_try=now + AGAIN[min(row["tries"], len(AGAIN) - 1)])
            with self._store.writing():
                self._store.put("manifest", [row])
            yield row

    def _read(self, row: Row) -> _Part:
        """The next items of a collection, by the present document's content or else by the first one's: what was
        listed is listed for good, whatever its owner names later."""
        items: list[Row] = []
        documents: list[Row] = []
        last = min(row["done"] + PART, row["size"])
        for content in self._contents(row):
            try:
                manifest = Manifest(CID.parse(content), row["root"], row["size"], self._source)
                for index in range(row["done"] + len(items), last):
                    listed, data = manifest.item(index)
                    id = item_id(row["collection"], index)
                    items.append({"id": id, "digest": listed.digest, "proof": b"".join(listed.proof)})
                    documents.append(_document(listed.digest, row["owner"], data))
            except _REFUSED:
                continue
            return _Part(items, documents, whole=True)
        return _Part(items, documents, whole=False)

    def _contents(self, row: Row) -> Iterator[str]:
        yield row["content"]
        first = self._store.load("version", [(row["collection"], 1)])
        for version in first.values():
            try:
                content = DDO.from_bytes(fetch(CID.from_digest(version["digest"]), self._source)).content
            except _REFUSED:
                return
            if content is not None and str(content.cid) != row["content"]:
                yield str(content.cid)

    def _keep(self, row: Row, part: _Part) -> int:
        """Write what was read, unless the collection is another one by now."""
        now = int(self._clock())
        with self._store.writing():
            kept = self._store.load("manifest", [(row["collection"],)]).get((row["collection"],))
            if kept is None or kept["root"] != row["root"] or kept["done"] != row["done"]:
                return 0
            kept["done"] += len(part.items)
            if part.whole:
                kept.update(tries=0, next_try=now if kept["done"] < kept["size"] else NEVER)
            if part.items:
                self._store.put("item", part.items)
                there = self._store.load("document", [(one["digest"],) for one in part.documents])
                new = {one["digest"]: one for one in part.documents}
                self._store.put(
                    "document",
                    [one for key, one in new.items() if (key,) not in there or there[key,]["status"] == "wanted"],
                )
                self._store.stain(one["id"] for one in part.items)
            self._store.put("manifest", [kept])
        return len(part.items)


def _document(digest: bytes, owner: str, data: bytes) -> Row:
    row = {
        "digest": digest,
        "status": "wanted",
        "kind": "item",
        "owner": owner,
        "tries": 1,
        "next_try": 0,
        "faults": "",
        "bytes": b"",
    }
    return checked(row, data)


def _facts(entry: AssetEntry) -> str:
    """The same as long as what items take from their collection is."""
    shared: Sequence[object] = (entry.owner, entry.state, entry.delisted, entry.offers)
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()
