"""What a search keeps of each asset beside the words that an engine looks up: the same in both engines.

What ranking and counting read of thousands is apart from what is shown of twenty.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from registry.errors import IndexFault
from registry.index import rank
from registry.index.entries import AssetEntry
from registry.index.text import skeleton

__all__ = ["FIELDS", "Columns", "Shelf"]

FIELDS: Final = tuple(rank.FIELDS)
_ROOM: Final = 1 << 40
_STEPS: Final = 1 << 10

_SCHEMA: Final = """
CREATE TABLE entry (
    place INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, shown INTEGER NOT NULL, owner TEXT NOT NULL,
    collection INTEGER NOT NULL, content TEXT NOT NULL, looks_like INTEGER NOT NULL, name TEXT NOT NULL,
    looks TEXT NOT NULL, price INTEGER NOT NULL, size INTEGER NOT NULL, published INTEGER NOT NULL,
    fees INTEGER NOT NULL, derived INTEGER NOT NULL, endorsed INTEGER NOT NULL, adopted INTEGER NOT NULL,
    standards INTEGER NOT NULL, tags INTEGER NOT NULL, facets TEXT NOT NULL
);
CREATE INDEX looking ON entry (looks, id);
CREATE INDEX calling ON entry (name);
CREATE TABLE kept (id INTEGER PRIMARY KEY, words TEXT NOT NULL, whole TEXT NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO meta VALUES ('cursor', 0), ('next', 1), ('shown', 0);
"""


class Columns(NamedTuple):
    """What an entry is ranked, sorted and counted by; `facets` are lines, `worth` what the engine says of its words.

    Prices and fees are in millionths of a dollar, `size` in bytes, `published` in seconds since 1970.
    """

    id: int
    owner: str
    collection: int
    content: str
    looks_like: int
    name: str
    price: int
    size: int
    published: int
    fees: int
    derived: int
    endorsed: int
    adopted: int
    standards: int
    tags: int
    facets: str
    worth: float = 0.0

    def quality(self, now: int) -> rank.Quality:
        """What it is worth at a time in seconds since 1970."""
        return rank.quality(
            fees=self.fees,
            derived=self.derived,
            endorsed=bool(self.endorsed),
            standards=(self.adopted, self.standards),
            audits=(0, 0),
            published=self.published,
            now=now,
        )


COLUMNS: Final = ", ".join(f"e.{name}" for name in Columns._fields[:-1])


class Shelf:
    """Entries in a file of SQLite, or in memory; one process writes.

    `schema` is what an engine keeps in it besides, and `milliseconds` bound a question, 0 for no bound. Raises
    `IndexFault`.
    """

    def __init__(self, path: str | Path, form: int, schema: str = "", *, milliseconds: int = 0) -> None:
        self.path: Final = str(path)
        self.guard = threading.RLock()
        self._form, self._schema, self._milliseconds = form, schema, milliseconds
        with self._typed():
            if self.path != ":memory:":
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = OFF")  # all of it can be made again
            self.db.execute("PRAGMA secure_delete = OFF")
            self.db.execute("PRAGMA cache_size = -64000")
            if self.db.execute("PRAGMA user_version").fetchone()[0] != form:
                self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self.guard, self._typed():
            for name in ("vocabulary", "found", "entry", "kept", "meta"):
                self.db.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in (_SCHEMA + self._schema).split(";\n"):
                self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {self._form}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written within is written together, or nothing is."""
        with self.guard, self._typed():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.db.execute("ROLLBACK")
                raise

    def fact(self, name: str) -> int:
        """A number that was noted: ``cursor``, ``shown``."""
        return int(self.rows("SELECT value FROM meta WHERE name = ?", name)[0][0])

    def note(self, name: str, value: int) -> None:
        """Note a number, within `writing`."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def forget(self, id: int) -> tuple[int, tuple[list[str], list[str]] | None] | None:
        """Take an entry out, within `writing`; returns its place and, if it could be found, its words and facets."""
        row = self.db.execute("SELECT place, shown FROM entry WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        found = None
        if row[1]:
            words, whole = self.db.execute("SELECT words, whole FROM kept WHERE id = ?", (id,)).fetchone()
            found = words.split("\n"), AssetEntry.from_json(whole).facets()
        self.db.execute("DELETE FROM entry WHERE id = ?", (id,))
        self.db.execute("UPDATE meta SET value = value - ? WHERE name = 'shown'", (row[1],))
        return int(row[0]), found

    def add(self, entry: AssetEntry, before: int | None, now: int) -> tuple[int, dict[str, str], list[str]]:
        """Put an entry where its worth is, the best first, within `writing`; returns its place, its words by field, and
        its facets. `before` is where it was."""
        if before is None:
            number = int(self.db.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()[0])
            self.db.execute("UPDATE meta SET value = value + 1 WHERE name = 'next'")
        else:
            number = before % _ROOM
        step = min(_STEPS - 1, int(entry.quality(now).total * _STEPS))
        place = (_STEPS - 1 - step) * _ROOM + number
        texts, facets = entry.texts(), entry.facets()
        self.db.execute(
            f"INSERT INTO entry VALUES ({', '.join('?' * 19)})",
            (
                place,
                entry.id,
                entry.shown,
                entry.owner,
                entry.collection,
                entry.content,
                entry.looks_like,
                entry.name,
                skeleton(entry.name),
                entry.price,
                entry.size,
                entry.published,
                entry.fees,
                entry.derived,
                entry.endorsed,
                entry.adopted,
                len(entry.standards),
                len(entry.tags),
                "\n".join(entry.counted()),
            ),
        )
        words = "\n".join(texts[name] for name in FIELDS)
        self.db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (entry.id, words, entry.to_json()))
        self.db.execute("UPDATE meta SET value = value + ? WHERE name = 'shown'", (int(entry.shown),))
        return place, texts, facets

    # --- Reading ---------------------------------------------------------------------------------

    def columns(self, ids: Sequence[int]) -> list[Columns]:
        """What some assets are ranked and counted by, in any order."""
        return [Columns(*row) for row in self.facts_of(ids)]

    def facts_of(self, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        """The same as plain rows, without what an engine adds."""
        return self._of("entry e", "e.id", COLUMNS, ids)

    def entries(self, ids: Sequence[int]) -> dict[int, AssetEntry]:
        """The entries of some assets."""
        return {id: AssetEntry.from_json(whole) for id, whole in self._of("kept", "id", "id, whole", ids)}

    def texts(self, ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """The words of some assets by field."""
        found = self._of("kept", "id", "id, words", ids)
        return {id: dict(zip(FIELDS, words.split("\n"), strict=True)) for id, words in found}

    def oldest(self, looks: str) -> tuple[int, str] | None:
        """The oldest asset whose name looks so, and its owner."""
        found = self.rows("SELECT id, owner FROM entry WHERE looks = ? ORDER BY id LIMIT 1", looks)
        return (int(found[0][0]), str(found[0][1])) if found else None

    def named(self, name: str) -> list[tuple[int, str]]:
        """Numbers and owners of assets that are called exactly so."""
        return self.rows("SELECT id, owner FROM entry WHERE name = ? ORDER BY id LIMIT 100", name)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read, within the time that a question has."""
        with self.guard, self._typed(), self._bounded():
            return self.db.execute(statement, values).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        with self.guard:
            self.db.close()

    def _of(self, table: str, key: str, columns: str, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), 2_000):
            part = ids[start : start + 2_000]
            found += self.rows(f"SELECT {columns} FROM {table} WHERE {key} IN ({', '.join('?' * len(part))})", *part)
        return found

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        if not self._milliseconds:
            yield
            return
        until = time.monotonic() + self._milliseconds / 1000
        self.db.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        try:
            yield
        finally:
            self.db.set_progress_handler(None, 0)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise IndexFault(f"The search cannot answer: {error}.", hint="Ask for less, or build it again.") from error
