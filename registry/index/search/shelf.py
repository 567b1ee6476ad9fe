"""What a search keeps of each asset beside the words that an engine looks up: the same in both engines.

What ranking and counting read of thousands is apart from what is shown of twenty.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

from registry.errors import IndexFault, RegistryError
from registry.index import deadline, rank
from registry.index.entries import AssetEntry
from registry.index.search_text import skeleton
from registry.index.sqlite_file import SqliteFile

__all__ = ["COUNTED", "FIELDS", "Candidates", "Columns", "Shelf", "code_of", "packed"]

FIELDS: Final = tuple(rank.FIELDS)
_ROOM: Final = 1 << 40
_STEPS: Final = 1 << 10

_SCHEMA: Final = """
CREATE TABLE entry (
    place INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, shown INTEGER NOT NULL, owner TEXT NOT NULL,
    name TEXT NOT NULL, looks TEXT NOT NULL, price INTEGER NOT NULL, size INTEGER NOT NULL,
    published INTEGER NOT NULL, fees INTEGER NOT NULL, numbers BLOB NOT NULL, facets BLOB NOT NULL
);
CREATE INDEX looking ON entry (looks, id);
CREATE INDEX calling ON entry (name);
CREATE TABLE kept (id INTEGER PRIMARY KEY, words TEXT NOT NULL, whole TEXT NOT NULL);
CREATE TABLE facet (code INTEGER PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO meta VALUES ('cursor', 0), ('next', 1), ('shown', 0);
"""

COUNTED: Final = (
    *("type", "license", "tag", "format", "standard", "owner", "collection"),
    *("free", "paid", "gated", "computable"),
)
"""Kinds of facets that are counted; at most 16, since a code says which it is in four bits."""

_NUMBERS: Final = Struct("<15q")


class Columns(NamedTuple):
    """What an entry is ranked, sorted and folded by.

    Prices and fees are in millionths of a dollar, `size` in bytes, `published` in seconds since 1970. `owner` and
    `content` are codes (see `code_of`), 0 for no content: thousands are read for one question, and numbers are cheaper
    to read than texts.
    """

    id: int
    owner: int
    collection: int
    content: int
    looks_like: int
    price: int
    size: int
    published: int
    fees: int
    derived: int
    endorsed: int
    adopted: int
    standards: int
    tags: int
    upheld: int

    def quality(self, now: int) -> rank.Quality:
        """What it is worth at a time in seconds since 1970."""
        return rank.quality(
            fees=self.fees,
            derived=self.derived,
            endorsed=bool(self.endorsed),
            standards=(self.adopted, self.standards),
            upheld=self.upheld,
            published=self.published,
            now=now,
        )


Line = tuple[bytes, bytes, float]
"""What the file has of an entry: the numbers of its `Columns`, the codes of its facets, and what the engine says of its
words."""


class Candidates:
    """What matches, in the engine's order, and whether there are `more`.

    They stay bytes and numbers, a column at a time: an object for each of thousands would have the garbage collector go
    through the whole process every few questions, which takes longer than any of them.
    """

    def __init__(self, lines: Sequence[Line], more: bool) -> None:
        self.lines: Final = lines
        self.more: Final = more
        self._numbers: Final = memoryview(b"".join([line[0] for line in lines])).cast("q")
        self.ids: Final = self._column("id")
        self._places: Final = {id: place for place, id in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.lines)

    def with_more(self, others: Candidates) -> Candidates:
        """These, and those of others that are not among them; there are more if there are more of the others."""
        fresh = [line for id, line in zip(others.ids, others.lines, strict=True) if id not in self._places]
        return Candidates([*self.lines, *fresh], others.more)

    def worth(self) -> dict[int, float]:
        """What the engine says of their words, by number."""
        return {id: line[2] for id, line in zip(self.ids, self.lines, strict=True)}

    def by_id(self, column: str) -> dict[int, int]:
        """One of the `Columns` of all, by number."""
        return dict(zip(self.ids, self._column(column), strict=True))

    def columns(self, id: int) -> Columns:
        """The `Columns` of one."""
        return Columns._make(_NUMBERS.unpack(self.lines[self._places[id]][0]))

    def facets(self) -> Counter[int]:
        """How many have each facet, by its code."""
        return Counter(memoryview(b"".join([line[1] for line in self.lines])).cast("q").tolist())

    def _column(self, name: str) -> list[int]:
        return self._numbers[Columns._fields.index(name) :: len(Columns._fields)].tolist()


@lru_cache(maxsize=100_000)
def code_of(facet: str) -> int:
    """A facet ``kind=value`` as a number that is the same everywhere; its lowest four bits say which kind it is."""
    kind = facet.partition("=")[0]
    digest = hashlib.blake2s(facet.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) & ~15 | COUNTED.index(kind)


def packed(codes: Iterable[int]) -> bytes:
    """Codes as a file keeps them."""
    return b"".join(code.to_bytes(8, "little", signed=True) for code in codes)


class Shelf:
    """Entries in a file of SQLite, or in memory; one process writes.

    `schema` is what an engine keeps in it besides, and `by_worth` whether an entry's place is its worth. Raises
    `IndexFault`, and `SearchTimeout` for a question that takes longer than `deadline.within` allows.
    """

    def __init__(self, path: str | Path, form: int, schema: str = "", *, by_worth: bool = False) -> None:
        self._form, self._schema = form, schema
        self._by_worth = by_worth
        with self._typed():
            # All of it can be made again, so nothing waits for the disk.
            self._file = SqliteFile(path, "synchronous = OFF", "cache_size = -64000", mapped=2**28)
            self.db = self._file.writer
            if self.db.execute("PRAGMA user_version").fetchone()[0] != form:
                self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self._file.lock, self._typed():
            for name in ("vocabulary", "found", "entry", "kept", "facet", "meta"):
                self.db.execute(f"DROP TABLE IF EXISTS {name}")
            for statement in (_SCHEMA + self._schema).split(";\n"):
                self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {self._form}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written within is written together, or nothing is."""
        with self._typed(), self._file.writing():
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that this thread reads within is of one moment."""
        with self._typed(), self._file.reading():
            yield

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
        place = self._place(entry, before, now) if self._by_worth else entry.id
        texts, facets = entry.texts(), entry.facets()
        counted = [*entry.counted(), f"owner={entry.owner}"]
        codes = [code_of(one) for one in counted]
        content = int.from_bytes(hashlib.blake2s(entry.content.encode(), digest_size=7).digest(), "little")
        numbers = _NUMBERS.pack(
            entry.id,
            codes[-1],
            entry.collection,
            content if entry.content else 0,
            entry.looks_like,
            entry.price,
            entry.size,
            entry.published,
            entry.fees,
            entry.derived,
            entry.endorsed,
            entry.adopted,
            len(entry.standards),
            len(entry.tags),
            entry.upheld,
        )
        self.db.execute(
            f"INSERT INTO entry VALUES ({', '.join('?' * 12)})",
            (
                *(place, entry.id, entry.shown, entry.owner, entry.name, skeleton(entry.name), entry.price),
                *(entry.size, entry.published, entry.fees, numbers, packed(codes)),
            ),
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO facet VALUES (?, ?)",
            [(code, facet.partition("=")[2]) for code, facet in zip(codes, counted, strict=True)],
        )
        words = "\n".join(texts[name] for name in FIELDS)
        self.db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (entry.id, words, entry.to_json()))
        self.db.execute("UPDATE meta SET value = value + ? WHERE name = 'shown'", (int(entry.shown),))
        return place, texts, facets

    def _place(self, entry: AssetEntry, before: int | None, now: int) -> int:
        if before is None:
            number = int(self.db.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()[0])
            self.db.execute("UPDATE meta SET value = value + 1 WHERE name = 'next'")
        else:
            number = before % _ROOM
        step = min(_STEPS - 1, int(entry.quality(now).total * _STEPS))
        return (_STEPS - 1 - step) * _ROOM + number

    # --- Reading ---------------------------------------------------------------------------------

    def lines(self, worth: Mapping[int, float]) -> list[Line]:
        """What some assets are ranked and counted by, in the order of `worth`, which is what the engine says of each by
        number; those that are not here are left out."""
        key = "id" if self._by_worth else "place"
        rows = self._of("entry", key, "id, numbers, facets", list(worth))
        found = {id: (numbers, facets, worth[id]) for id, numbers, facets in rows}
        return [found[id] for id in worth if id in found]

    def names(self, ids: Sequence[int]) -> dict[int, str]:
        """What some assets are called."""
        return dict(self._of("entry", "id" if self._by_worth else "place", "id, name", ids))

    def values(self, codes: Sequence[int]) -> dict[int, str]:
        """The values of facets by their codes."""
        return dict(self._of("facet", "code", "code, value", codes))

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
        with self._typed():
            return self._file.rows(statement, *values)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _of(self, table: str, key: str, columns: str, ids: Sequence[int]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), 2_000):
            part = ids[start : start + 2_000]
            found += self.rows(f"SELECT {columns} FROM {table} WHERE {key} IN ({', '.join('?' * len(part))})", *part)
        return found

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except RegistryError:  # said already, and SearchTimeout is an OSError
            raise
        except (sqlite3.Error, OSError) as error:
            deadline.check()
            raise IndexFault(f"The search cannot answer: {error}.", hint="Ask for less, or build it again.") from error
