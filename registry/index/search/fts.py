"""The engine that needs nothing: FTS5 of SQLite, for up to some hundred thousand assets.

Ranking all matches of a common word takes seconds; so an entry's place in the file is its worth, the best first, and
only the first matches are looked at. An entry whose worth changed by a step moves.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from registry.errors import IndexFault
from registry.index.entries import AssetEntry
from registry.index.search.query import CANDIDATES, Candidates, Columns, SearchQuery
from registry.index.text import skeleton

__all__ = ["FtsEngine"]

FORMAT: Final = 1
STEPS: Final = 1 << 10
_ROOM: Final = 1 << 40
_FIELDS: Final = ("name", "tags", "by", "description", "readme")
_WEIGHTS: Final = "10.0, 5.0, 3.0, 1.0, 0.5, 0.0"
_SCHEMA: Final = """
CREATE TABLE entry (
    place INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, shown INTEGER NOT NULL, owner TEXT NOT NULL,
    name TEXT NOT NULL, looks TEXT NOT NULL, price INTEGER NOT NULL, size INTEGER NOT NULL, published INTEGER NOT NULL,
    fees INTEGER NOT NULL, tags INTEGER NOT NULL, facets TEXT NOT NULL, words TEXT NOT NULL, whole TEXT NOT NULL
);
CREATE INDEX looking ON entry (looks, id);
CREATE INDEX calling ON entry (name);
CREATE VIRTUAL TABLE found USING fts5(
    name, tags, by, description, readme, facets, content = '', prefix = '2 3 4',
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc'"
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(found, 'row');
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO meta VALUES ('cursor', 0), ('next', 1);
"""


class FtsEngine:
    """Entries in a file of SQLite, or in memory for ``:memory:``; one process writes. Raises `IndexFault`."""

    def __init__(self, path: str | Path = ":memory:", *, milliseconds: int = 0) -> None:
        """`milliseconds` bound a question, 0 for no bound."""
        self.path: Final = str(path)
        self._guard = threading.RLock()
        self._milliseconds = milliseconds
        with self._typed():
            if self.path != ":memory:":
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")  # all of it can be made again
            self._db.execute("PRAGMA secure_delete = OFF")
            self._db.execute("PRAGMA cache_size = -64000")
            if self._db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                self.clear()

    # --- Taking ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything."""
        with self._guard, self._typed():
            for name in ("vocabulary", "found", "entry", "meta"):
                self._db.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def cursor(self) -> int:
        """Up to where it has followed the index."""
        return int(self._rows("SELECT value FROM meta WHERE name = 'cursor'")[0][0])

    def put(self, entries: Sequence[AssetEntry], gone: Sequence[int], cursor: int, now: int) -> None:
        """Take entries in place of those of the same assets, and forget some, in one transaction."""
        with self._guard, self._typed():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                number = self._db.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()[0]
                for id in gone:
                    self._forget(id)
                for entry in entries:
                    kept = self._forget(entry.id)
                    if kept is None:
                        kept, number = number, number + 1
                    self._add(entry, kept, now)
                self._db.execute("UPDATE meta SET value = ? WHERE name = 'next'", (number,))
                self._db.execute("UPDATE meta SET value = ? WHERE name = 'cursor'", (cursor,))
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _forget(self, id: int) -> int | None:
        """Take an entry out; returns the number that it keeps."""
        row = self._db.execute("SELECT place, shown, words FROM entry WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        place, shown, words = row
        if shown:
            # Without the text, FTS5 must be told what it has to forget.
            self._db.execute(
                "INSERT INTO found (found, rowid, name, tags, by, description, readme, facets) "
                "VALUES ('delete', ?, ?, ?, ?, ?, ?, ?)",
                (place, *json.loads(words)),
            )
        self._db.execute("DELETE FROM entry WHERE place = ?", (place,))
        return int(place) % _ROOM

    def _add(self, entry: AssetEntry, number: int, now: int) -> None:
        step = min(STEPS - 1, int(entry.quality(now).total * STEPS))
        place = (STEPS - 1 - step) * _ROOM + number
        texts, facets = entry.texts(), entry.facets()
        words = [*(texts[name] for name in _FIELDS), " ".join(map(_token, facets))]
        self._db.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                place,
                entry.id,
                entry.shown,
                entry.owner,
                entry.name,
                skeleton(entry.name),
                entry.price,
                entry.size,
                entry.published,
                entry.fees,
                len(entry.tags),
                "\n".join(facets),
                json.dumps(words, ensure_ascii=False),
                entry.to_json(),
            ),
        )
        if entry.shown:
            self._db.execute(
                "INSERT INTO found (rowid, name, tags, by, description, readme, facets) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (place, *words),
            )

    # --- Finding ---------------------------------------------------------------------------------

    def candidates(self, asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> Candidates:
        """What matches, the best assets first, `CANDIDATES` at most."""
        match = _match(asked, begun, question, every=every)
        where, values = _bounds(question)
        limit = CANDIDATES + 1
        if match is None:
            clause = " AND ".join(["shown = 1", *where])
            order = _ORDERS.get(question.sort, "place")
            rows = self._rows(f"SELECT id, 0.0 FROM entry e WHERE {clause} ORDER BY {order} LIMIT {limit}", *values)
        elif asked or begun:
            clause = " AND ".join(["found MATCH ?", *where])
            joined = " JOIN entry e ON e.place = found.rowid" if where else ""
            inner = (
                f"SELECT found.rowid AS place, bm25(found, {_WEIGHTS}) AS worth FROM found{joined} "
                f"WHERE {clause} ORDER BY found.rowid LIMIT {limit}"
            )
            rows = self._rows(f"SELECT e.id, -c.worth FROM ({inner}) c JOIN entry e USING (place)", match, *values)
        else:
            clause = " AND ".join(["found MATCH ?", *where])
            order = _ORDERS.get(question.sort, "found.rowid")
            rows = self._rows(
                f"SELECT e.id, 0.0 FROM found JOIN entry e ON e.place = found.rowid "
                f"WHERE {clause} ORDER BY {order} LIMIT {limit}",
                match,
                *values,
            )
        return Candidates(dict(rows[:CANDIDATES]), len(rows) > CANDIDATES)

    def entries(self, ids: Sequence[int]) -> dict[int, AssetEntry]:
        """The entries of some assets."""
        return {id: AssetEntry.from_json(whole) for id, whole in self._of(ids, "whole")}

    def texts(self, ids: Sequence[int]) -> dict[int, tuple[dict[str, str], int]]:
        """The words of some assets by field, and how many tags each has."""
        return {
            id: (dict(zip(_FIELDS, json.loads(words), strict=False)), tags)
            for id, words, tags in self._of(ids, "words, tags")
        }

    def columns(self, ids: Sequence[int]) -> list[Columns]:
        """What some assets are sorted and counted by."""
        return [Columns(*row) for row in self._of(ids, "price, size, published, fees, name, facets")]

    def matches(self, word: str, *, begun: bool) -> int:
        """How many entries have a word, or one that begins like it."""
        if begun:
            # One more letter than any that is written: all words that begin so.
            found = self._rows(
                "SELECT coalesce(sum(doc), 0) FROM vocabulary WHERE term >= ? AND term < ?", word, word + "\U0010ffff"
            )
        else:
            found = self._rows("SELECT coalesce(sum(doc), 0) FROM vocabulary WHERE term = ?", word)
        return int(found[0][0])

    def count(self) -> int:
        """How many entries can be found."""
        return int(self._rows("SELECT count(*) FROM entry WHERE shown = 1")[0][0])

    def oldest(self, looks: str) -> tuple[int, str] | None:
        """The oldest asset whose name looks so, and its owner."""
        found = self._rows("SELECT id, owner FROM entry WHERE looks = ? ORDER BY id LIMIT 1", looks)
        return (int(found[0][0]), str(found[0][1])) if found else None

    def named(self, name: str) -> list[tuple[int, str]]:
        """Numbers and owners of assets that are called exactly so."""
        return self._rows("SELECT id, owner FROM entry WHERE name = ? ORDER BY id LIMIT 100", name)

    def completions(self, begun: str, limit: int) -> list[tuple[str, int]]:
        """Names of the best entries that have a word beginning so in name or tags."""
        match = f'{{name tags}} : "{begun}" *'
        return self._rows(
            "SELECT e.name, e.id FROM found JOIN entry e ON e.place = found.rowid "
            "WHERE found MATCH ? ORDER BY found.rowid LIMIT ?",
            match,
            limit,
        )

    def near(self, word: str) -> list[str]:
        """Words spelled nearly like one that nothing has, of those that begin the same."""
        known = [
            term
            for (term,) in self._rows(
                "SELECT term FROM vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ? LIMIT 5000",
                word[:1],
                word[:1] + "\U0010ffff",
                len(word) - 2,
                len(word) + 2,
            )
        ]
        return difflib.get_close_matches(word, known, n=3, cutoff=0.75)

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            self._db.close()

    # --- Internal --------------------------------------------------------------------------------

    def _of(self, ids: Sequence[int], columns: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            found += self._rows(f"SELECT id, {columns} FROM entry WHERE id IN ({', '.join('?' * len(part))})", *part)
        return found

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._guard, self._typed(), self._bounded():
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """No question may take longer than it may."""
        if not self._milliseconds:
            yield
            return
        import time

        until = time.monotonic() + self._milliseconds / 1000
        self._db.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        try:
            yield
        finally:
            self._db.set_progress_handler(None, 0)

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise IndexFault(f"The search cannot answer: {error}.", hint="Ask for less, or build it again.") from error


_ORDERS: Final = {
    "new": "e.published DESC, e.id",
    "price": "(e.price < 0), e.price, e.place",
    "fees": "e.fees DESC, e.place",
    "size": "e.size DESC, e.place",
    "name": "e.name, e.place",
}


def _token(facet: str) -> str:
    """A facet as one word that no text has."""
    return "f" + hashlib.blake2s(facet.encode(), digest_size=8).hexdigest() + "x"


def _match(asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> str | None:
    """The question in the words of FTS5. Each word is quoted: no operator reaches the engine."""
    parts = []
    terms = [f'"{word}"' for word in asked] + ([f'"{begun}" *'] if begun else [])
    if terms:
        joined = (" AND " if every else " OR ").join(terms)
        parts.append(f"({{{' '.join(_FIELDS)}}} : ({joined}))")
    wanted = [f'"{_token(facet)}"' for facet, must in question.facets() if must]
    if wanted:
        parts.append(f"(facets : ({' AND '.join(wanted)}))")
    if not parts:
        return None
    text = " AND ".join(parts)
    unwanted = [f'"{_token(facet)}"' for facet, must in question.facets() if not must]
    return f"({text}) NOT (facets : ({' OR '.join(unwanted)}))" if unwanted else text


def _bounds(question: SearchQuery) -> tuple[list[str], list[int]]:
    """What a match alone cannot say, as conditions."""
    where: list[str] = []
    values: list[int] = []
    for column, name, sign in (
        ("price", "min_price", ">="),
        ("price", "max_price", "<="),
        ("size", "min_size", ">="),
        ("size", "max_size", "<="),
    ):
        value = getattr(question, name)
        if value is not None:
            where.append(f"e.{column} {sign} ?")
            values.append(value)
    if question.min_price is not None or question.max_price is not None:
        where.append("e.price >= 0")
    if not question.text and not [1 for _, must in question.facets() if must]:
        # Nothing to match: what must not be is looked for in the lines of facets.
        for facet, _ in question.facets():
            where.append("instr(char(10) || e.facets || char(10), ?) = 0")
            values.append(f"\n{facet}\n")  # type: ignore[arg-type]
    return where, values
