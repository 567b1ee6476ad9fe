"""The engine that needs nothing: FTS5 of SQLite, for up to some hundred thousand assets.

Ranking all matches of a common word takes seconds; so an entry's place in the file is its worth, the best first, and
only the first matches are looked at. An entry whose worth changed by a step moves.
"""

from __future__ import annotations

import difflib
import hashlib
import threading
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from registry.index.entries import AssetEntry
from registry.index.search.query import CANDIDATES, COMMON, SearchQuery
from registry.index.search.shelf import FIELDS, Candidates, Shelf, code_of, packed

__all__ = ["FtsEngine"]

FORMAT: Final = 5
_WEIGHTS: Final = "10.0, 5.0, 3.0, 1.0, 0.5, 0.0"
_SCHEMA: Final = """
CREATE VIRTUAL TABLE found USING fts5(
    name, tags, by, description, readme, facets, content = '', prefix = '2 3 4',
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc'"
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(found, 'row');
"""


KNOWN: Final = 10_000
"""Words of which it is remembered how many entries have them."""


class FtsEngine:
    """Entries in a file of SQLite, or in memory for ``:memory:``; one process writes. Raises `IndexFault`."""

    def __init__(self, path: str | Path = ":memory:") -> None:
        self.shelf = Shelf(path, FORMAT, _SCHEMA, by_worth=True)
        self._counts = _Counts(self.cursor())

    # --- Taking ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything."""
        self.shelf.clear()
        self._counts = _Counts(0)

    def cursor(self) -> int:
        """Up to where it has followed the index."""
        return self.shelf.fact("cursor")

    def put(self, entries: Sequence[AssetEntry], gone: Sequence[int], cursor: int, now: int) -> None:
        """Take entries in place of those of the same assets, and forget some, in one transaction."""
        changed: set[str] = set()
        with self.shelf.writing():
            for id in gone:
                changed |= self._forget(id)[1]
            for entry in entries:
                before, gone_words = self._forget(entry.id)
                place, texts, facets = self.shelf.add(entry, before, now)
                if entry.shown:
                    fields = [texts[name] for name in FIELDS]
                    self._write("INSERT INTO found (rowid, {})", place, [*fields, " ".join(map(_token, facets))])
                    gone_words ^= _words_of(fields)
                changed |= gone_words
            self.shelf.note("cursor", cursor)
        self._counts.follow(cursor, changed)

    def _forget(self, id: int) -> tuple[int | None, set[str]]:
        """Take an entry out; returns the place that it had, and the words by which it was found."""
        gone = self.shelf.forget(id)
        if gone is None:
            return None, set()
        place, told = gone
        if told is None:
            return place, set()
        # Without the text, FTS5 must be told what it has to forget.
        words, facets = told
        self._write("INSERT INTO found (found, rowid, {})", place, [*words, " ".join(map(_token, facets))], "delete")
        return place, _words_of(words)

    def _write(self, statement: str, place: int, words: Sequence[str], *first: str) -> None:
        columns = ", ".join((*FIELDS, "facets"))
        values = (*first, place, *words)
        self.shelf.db.execute(f"{statement.format(columns)} VALUES ({', '.join('?' * len(values))})", values)

    # --- Finding ---------------------------------------------------------------------------------

    def candidates(self, asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> Candidates:
        """What matches, the best assets first, `CANDIDATES` at most."""
        match = _match(asked, begun, question, every=every)
        where, values = _bounds(question)
        order = _ORDERS.get(question.sort, "e.place")
        limit = CANDIDATES + 1
        if match is None:
            clause = " AND ".join(["e.shown = 1", *where])
            rows = self.shelf.rows(
                f"SELECT e.numbers, e.facets, 0.0 FROM entry e WHERE {clause} ORDER BY {order} LIMIT {limit}", *values
            )
        elif asked or begun:
            clause = " AND ".join(["found MATCH ?", *where])
            joined = " JOIN entry e ON e.place = found.rowid" if where else ""
            inner = (
                f"SELECT found.rowid AS place, bm25(found, {_WEIGHTS}) AS worth FROM found{joined} "
                f"WHERE {clause} ORDER BY found.rowid LIMIT {limit}"
            )
            rows = self.shelf.rows(
                f"SELECT e.numbers, e.facets, -c.worth FROM ({inner}) c JOIN entry e USING (place)", match, *values
            )
        else:
            clause = " AND ".join(["found MATCH ?", *where])
            rows = self.shelf.rows(
                f"SELECT e.numbers, e.facets, 0.0 FROM found JOIN entry e ON e.place = found.rowid "
                f"WHERE {clause} ORDER BY {order} LIMIT {limit}",
                match,
                *values,
            )
        return Candidates(rows[:CANDIDATES], len(rows) > CANDIDATES)

    def matches(self, word: str, *, begun: bool) -> int:
        """How many entries have a word, or one that begins like it, up to a bound."""
        with self.shelf.reading():
            cursor = self.cursor()
            found = self._counts.of(word, begun, cursor)
            if found is None:
                found = self._count(word, begun)
                self._counts.keep(word, begun, found, cursor)
        return found

    def _count(self, word: str, begun: bool) -> int:
        match = f'{{{" ".join(FIELDS)}}} : "{word}"{" *" if begun else ""}'
        most = CANDIDATES if begun else COMMON
        inner = f"SELECT rowid FROM found WHERE found MATCH ? ORDER BY rowid LIMIT {most}"
        return int(self.shelf.rows(f"SELECT count(*) FROM ({inner})", match)[0][0])

    def completions(self, begun: str, limit: int) -> list[tuple[str, int]]:
        """Names of the best entries that have a word beginning so in name or tags."""
        match = f'{{name tags}} : "{begun}" *'
        return self.shelf.rows(
            "SELECT e.name, e.id FROM found JOIN entry e ON e.place = found.rowid "
            "WHERE found MATCH ? ORDER BY found.rowid LIMIT ?",
            match,
            limit,
        )

    def near(self, word: str) -> list[str]:
        """Words spelled nearly like one that nothing has, of those that begin the same."""
        known = [
            term
            for (term,) in self.shelf.rows(
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
        self.shelf.close()


class _Counts:
    """How many entries have a word, or one that begins like it, as long as that stays true: what is put in or taken out
    ends what is known of its words and of no others. `cursor` is where the entries are that were counted."""

    def __init__(self, cursor: int) -> None:
        self._cursor = cursor
        self._known: dict[tuple[str, bool], int] = {}
        self._guard = threading.Lock()

    def of(self, word: str, begun: bool, cursor: int) -> int | None:
        """What was counted; None if nothing was, or the entries are elsewhere by now."""
        return self._known.get((word, begun)) if cursor == self._cursor else None

    def keep(self, word: str, begun: bool, count: int, cursor: int) -> None:
        """Remember what was counted at a cursor, unless that moment is over."""
        with self._guard:
            if cursor < self._cursor:
                return
            if cursor > self._cursor:  # another process put entries in, and of which words nobody said
                self._known.clear()
                self._cursor = cursor
            elif len(self._known) >= KNOWN:
                del self._known[next(iter(self._known))]
            self._known[word, begun] = count

    def follow(self, cursor: int, changed: set[str]) -> None:
        """Go on to where the entries are now; some words are in others than before."""
        with self._guard:
            self._cursor = cursor
            listed = sorted(changed) if self._known else []
            for word, begun in list(self._known):
                place = bisect_left(listed, word)
                found = listed[place] if place < len(listed) else ""
                if found.startswith(word) if begun else found == word:
                    del self._known[word, begun]


_ORDERS: Final = {
    "new": "e.published DESC, e.id",
    "price": "(e.price < 0), e.price, e.place",
    "fees": "e.fees DESC, e.place",
    "size": "e.size DESC, e.place",
    "name": "e.name, e.place",
}


def _words_of(fields: Sequence[str]) -> set[str]:
    return {word for text in fields for word in text.split()}


def _token(facet: str) -> str:
    """A facet as one word that no text has."""
    return "f" + hashlib.blake2s(facet.encode(), digest_size=8).hexdigest() + "x"


def _match(asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> str | None:
    """The question in the words of FTS5. Each word is quoted: no operator reaches the engine."""
    parts = []
    terms = [f'"{word}"' for word in asked] + ([f'"{begun}" *'] if begun else [])
    if terms:
        joined = (" AND " if every else " OR ").join(terms)
        parts.append(f"({{{' '.join(FIELDS)}}} : ({joined}))")
    wanted = [f'"{_token(facet)}"' for facet, must in question.facets() if must]
    if wanted:
        parts.append(f"(facets : ({' AND '.join(wanted)}))")
    if not parts:
        return None
    text = " AND ".join(parts)
    unwanted = [f'"{_token(facet)}"' for facet, must in question.facets() if not must]
    return f"({text}) NOT (facets : ({' OR '.join(unwanted)}))" if unwanted else text


def _bounds(question: SearchQuery) -> tuple[list[str], list[object]]:
    """What a match alone cannot say, as conditions."""
    where: list[str] = []
    values: list[object] = []
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
        # Nothing to match: what must not be is looked for among the codes of facets.
        for facet, _ in question.facets():
            where.append("instr(e.facets, ?) = 0")
            values.append(packed([code_of(facet)]))
    return where, values
