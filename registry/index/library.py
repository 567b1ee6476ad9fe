"""An index that is asked: its tables, its documents and its search, kept in step with each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from registry.index.document_queue import DocumentQueue
from registry.index.entries import AssetEntry, Money, entries_of, twins
from registry.index.item_queue import ItemQueue
from registry.index.search.finder import Answered, Engine, Finder
from registry.index.search.query import SearchQuery
from registry.index.tables_store import Store

__all__ = ["Library"]

AT_ONCE: Final = 1_000


class Library:
    """What readers ask of one index.

    `money` says what payment tokens are worth, and is asked when it is needed. With `keeps` what is to be looked for is
    noted in the tables; who only reads them leaves that to who keeps them.
    """

    keeps: bool = True

    def __init__(
        self,
        store: Store,
        engine: Engine,
        documents: DocumentQueue,
        items: ItemQueue,
        money: Callable[[], Money],
    ) -> None:
        self.store = store
        self.items = items
        self.engine = engine
        self.documents = documents
        self.finder = Finder(engine)
        self._money = money
        self._one = threading.Lock()

    @property
    def now(self) -> int:
        """The time of the last block that was taken, in seconds since 1970; ranks are of that moment."""
        found = self.store.rows("SELECT max(time) FROM block")[0][0]
        return int(found or 0)

    def look(self, *, seconds: float) -> None:
        """Look for documents, READMEs and items of collections, for so many seconds each at most."""
        self.documents.look(seconds=seconds)
        self.refresh()  # an asset whose document came has its README read, a collection its items
        self.documents.look(seconds=seconds)
        self.items.look(seconds=seconds)
        self.items.show_again()

    def is_behind(self) -> bool:
        """Whether something is to be looked for now, since the time was up before all had its turn."""
        due = [when for when in (self.documents.next(), self.items.next()) if when is not None]
        return bool(due) and min(due) <= time.time()

    def refresh(self) -> int:
        """Bring the search up to what the tables say; returns how many assets it looked at."""
        with self._one:
            done = 0
            while (part := self._refresh_some()) > 0:
                done += part
            return done

    def _refresh_some(self) -> int:
        cursor, last = self.engine.cursor(), int(self.store.facts().get("seq", 0))
        if cursor > last:
            # The tables were made anew.
            self.engine.clear()
            cursor = 0
        rows = self.store.rows("SELECT asset, seq FROM dirty WHERE seq > ? ORDER BY seq LIMIT ?", cursor, AT_ONCE)
        if not rows:
            return 0
        ids = [asset for asset, _ in rows]
        entries = entries_of(self.store, ids, self._money(), self.now)
        wanted = [(bytes.fromhex(one.digest), one.owner) for one in entries if one.status == "wanted" and not one.tries]
        gone = set(ids) - {one.id for one in entries}
        collections = [one for one in entries if one.items]
        if self.keeps:
            with self.store.writing():
                self.documents.want(wanted)
                self.documents.want_readmes(ids, entries)
                self.items.want(collections)
                # Also of a number that was a collection's on a fork, and is an ordinary asset's now.
                self.items.forget(set(ids) - {one.id for one in collections})
        twins(entries, self.engine.shelf.oldest)
        self.engine.put(entries, sorted(gone), rows[-1][1], self.now)
        return len(rows)

    def value_again(self) -> int:
        """Put every asset where its worth is now: fees fade, and what was new is new no more; returns how many."""
        with self._one:
            done, last = 0, -1
            while ids := [
                id for (id,) in self.store.rows("SELECT id FROM asset WHERE id > ? ORDER BY id LIMIT ?", last, AT_ONCE)
            ]:
                entries = entries_of(self.store, ids, self._money(), self.now)
                twins(entries, self.engine.shelf.oldest)
                self.engine.put(entries, [], self.engine.cursor(), self.now)
                done, last = done + len(ids), ids[-1]
            return done

    def search(self, question: SearchQuery, *, facets: bool = True) -> Answered:
        """Answer a question. Raises `InputError`, `IndexFault` and `SearchTimeout`."""
        return self.finder.answer(question, self.now, facets=facets)

    def entry(self, id: int) -> AssetEntry | None:
        """What is known of an asset, None for a number that none has."""
        found = self.engine.shelf.entries([id]).get(id)
        if found is None:
            made = self.made_now([id])
            found = made[0] if made else None
        return found

    def made_now(self, ids: Sequence[int]) -> list[AssetEntry]:
        """What the tables say of some assets, whatever the search has of them."""
        return entries_of(self.store, ids, self._money(), self.now)

    def entries(self, ids: Sequence[int]) -> list[AssetEntry]:
        """What is known of some assets, in their order; numbers that none has are left out."""
        found = self.engine.shelf.entries(ids)
        return [found[id] for id in ids if id in found]
