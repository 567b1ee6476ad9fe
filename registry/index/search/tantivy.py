"""The engine for many assets: tantivy, which ranks all matches of a common word within a millisecond or two."""

from __future__ import annotations

import difflib
import hashlib
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tantivy

from registry.errors import IndexFault, SearchTimeout
from registry.index import deadline, rank
from registry.index.entries import AssetEntry
from registry.index.search.query import CANDIDATES, COMMON, SearchQuery
from registry.index.search.shelf import FIELDS, Candidates, Shelf

__all__ = ["TantivyEngine"]

FORMAT: Final = 5
_EVERY: Final = "every"
"""The field that has the words of all others: how many have a word, and what begins like it, is looked up there."""

_STEPS: Final = 1 << 10
_MEMORY: Final = 64 * 2**20


class TantivyEngine:
    """Entries in a folder; one process writes. Raises `IndexFault`."""

    def __init__(self, folder: str | Path) -> None:
        self._folder: Final = Path(folder)
        self._guard = threading.RLock()
        self._schema = _schema()
        self._writer: Any = None
        with self._typed():
            (self._folder / "words").mkdir(parents=True, exist_ok=True)
        self.shelf = Shelf(self._folder / "shelf.sqlite", FORMAT)
        with self._typed():
            self._open()
        # What a killed process had noted and not committed, or the other way round, is taken anew.
        if self.shelf.fact("shown") != self._index.searcher().num_docs:
            self.clear()

    # --- Taking ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything."""
        with self._guard, self._typed():
            self._writer = None
            shutil.rmtree(self._folder / "words", ignore_errors=True)
            (self._folder / "words").mkdir(parents=True)
            self._open()
        self.shelf.clear()

    def cursor(self) -> int:
        """Up to where it has followed the index."""
        return self.shelf.fact("cursor")

    def put(self, entries: Sequence[AssetEntry], gone: Sequence[int], cursor: int, now: int) -> None:
        """Take entries in place of those of the same assets, forget some, and note where it is."""
        with self._guard, self._typed(), self.shelf.writing():
            if self._writer is None:
                self._writer = self._index.writer(_MEMORY, 1)
            for id in gone:
                if self.shelf.forget(id) is not None:
                    self._unlearn(id)
            for entry in entries:
                before = self.shelf.forget(entry.id)
                if before is not None:
                    self._unlearn(entry.id)
                _, texts, facets = self.shelf.add(entry, before[0] if before else None, now)
                if entry.shown:
                    self._writer.add_document(_document(entry, texts, facets, now))
            self.shelf.note("cursor", cursor)
            self._writer.commit()
            self._index.reload()

    def _unlearn(self, id: int) -> None:
        self._writer.delete_documents_by_query(tantivy.Query.term_query(self._schema, "id", id))

    # --- Finding ---------------------------------------------------------------------------------

    def candidates(self, asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> Candidates:
        """What matches, the best first, `CANDIDATES` at most."""
        wanted: list[tuple[Any, Any]] = []
        words = self._words(asked, begun, every=every)
        wanted.append((tantivy.Occur.Must, words or tantivy.Query.all_query()))
        for facet, must in question.facets():
            sign = tantivy.Occur.Must if must else tantivy.Occur.MustNot
            wanted.append((sign, tantivy.Query.const_score_query(self._term("facets", _token(facet)), 0.0)))
        for name, low, high in _ranges(question):
            inside = tantivy.Query.range_query(self._schema, name, tantivy.FieldType.Integer, low, high)
            wanted.append((tantivy.Occur.Must, tantivy.Query.const_score_query(inside, 0.0)))
        query = tantivy.Query.boolean_query(wanted) if len(wanted) > 1 else wanted[0][1]
        ordered: dict[str, Any] = {}
        if words is None or question.sort in _ORDERS:
            field, order = _ORDERS.get(question.sort, ("quality", tantivy.Order.Desc))
            ordered = {"order_by_field": field, "order": order}
        with self._typed():
            searcher = self._index.searcher()
            found = searcher.search(query, limit=CANDIDATES + 1, count=False, **ordered).hits
            ids = [int(id or 0) for id in searcher.fast_field_values("id", [one for _, one in found[:CANDIDATES]])]
        worth = {id: 0.0 if ordered else float(score) for id, (score, _) in zip(ids, found, strict=False)}
        return Candidates(self.shelf.lines(worth), len(found) > CANDIDATES)

    def matches(self, word: str, *, begun: bool) -> int:
        """How many entries have a word, or one that begins like it, up to a bound."""
        with self._typed():
            searcher = self._index.searcher()
            if not begun:
                return min(COMMON, int(searcher.doc_freq(_EVERY, word)))
            query = tantivy.Query.const_score_query(self._in_field(_EVERY, word, begun=True), 0.0)
            found = searcher.search(query, limit=1, count=True)
            return min(CANDIDATES, int(found.count or 0))  # type: ignore[attr-defined]

    def completions(self, begun: str, limit: int) -> list[tuple[str, int]]:
        """Names of the best entries that have a word beginning so in name or tags."""
        either = [(tantivy.Occur.Should, self._in_field(field, begun, begun=True)) for field in ("name", "tags")]
        with self._typed():
            searcher = self._index.searcher()
            query = tantivy.Query.boolean_query(either)
            found = searcher.search(query, limit=limit, count=False, order_by_field="quality").hits
            ids = [int(id or 0) for id in searcher.fast_field_values("id", [one for _, one in found])]
        names = self.shelf.names(ids)
        return [(names[id], id) for id in ids if id in names]

    def near(self, word: str) -> list[str]:
        """Words spelled nearly like one that nothing has, of those that begin the same."""
        with self._typed():
            searcher = self._index.searcher()
            known = [term for term, _ in searcher.terms_with_prefix(_EVERY, word[:1], limit=5_000)]
        return difflib.get_close_matches(word, [term for term in known if abs(len(term) - len(word)) <= 2], 3, 0.75)

    def close(self) -> None:
        """Let go of the files."""
        with self._guard:
            self._writer = None
        self.shelf.close()

    # --- Internal --------------------------------------------------------------------------------

    def _open(self) -> None:
        self._index = tantivy.Index(self._schema, path=str(self._folder / "words"))
        whole = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("words", whole)

    def _term(self, field: str, value: object) -> Any:
        return tantivy.Query.term_query(self._schema, field, value)

    def _in_field(self, field: str, word: str, *, begun: bool) -> Any:
        if begun:
            return tantivy.Query.fuzzy_term_query(self._schema, field, word, distance=0, prefix=True)
        return self._term(field, word)

    def _words(self, asked: Sequence[str], begun: str, *, every: bool) -> Any:
        """What has every or any of the words; None for no words."""
        if not begun and (len(asked) == 1 or not every):
            # As one flat list, of which tantivy leaves out most that cannot be among the best.
            flat = [part for word in asked for part in self._weighed(word)]
            return tantivy.Query.boolean_query(flat) if flat else None
        terms = [tantivy.Query.boolean_query(self._weighed(word)) for word in asked]
        terms += [self._begun(begun)] if begun else []
        occur = tantivy.Occur.Must if every else tantivy.Occur.Should
        return tantivy.Query.boolean_query([(occur, term) for term in terms]) if terms else None

    def _weighed(self, word: str) -> list[tuple[Any, Any]]:
        """A word in any field, with what it counts there."""
        return [
            (tantivy.Occur.Should, tantivy.Query.boost_query(self._term(field, word), float(weight)))
            for field, weight in rank.FIELDS.items()
        ]

    def _begun(self, word: str) -> Any:
        """What begins so in any field; it counts in the name, and where the word is whole. The rest is left to the
        ranking of the first hits."""
        must = tantivy.Query.const_score_query(self._in_field(_EVERY, word, begun=True), 0.0)
        name = (tantivy.Occur.Should, self._in_field("name", word, begun=True))
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, must), *self._weighed(word), name])

    @contextmanager
    def _typed(self) -> Iterator[None]:
        deadline.check()  # it cannot be interrupted: a question is over between its steps
        try:
            yield
        except SearchTimeout:
            raise
        except (ValueError, OSError) as error:
            raise IndexFault(f"The search cannot answer: {error}.", hint="Ask for less, or build it again.") from error


_ORDERS: Final = {
    "new": ("published", tantivy.Order.Desc),
    "price": ("price_order", tantivy.Order.Asc),
    "fees": ("fees", tantivy.Order.Desc),
    "size": ("size", tantivy.Order.Desc),
}


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    for name in FIELDS:
        builder.add_text_field(name, stored=False, tokenizer_name="words", index_option="freq")
    for name in ("facets", _EVERY):
        builder.add_text_field(name, stored=False, tokenizer_name="words", index_option="basic")
    builder.add_integer_field("id", stored=False, indexed=True, fast=True)
    for name in ("price", "size", "published", "fees", "price_order", "quality"):
        builder.add_integer_field(name, stored=False, indexed=True, fast=True)
    return builder.build()


def _document(entry: AssetEntry, texts: dict[str, str], facets: Sequence[str], now: int) -> Any:
    document = tantivy.Document()
    for name in FIELDS:
        document.add_text(name, texts[name])
    document.add_text(_EVERY, " ".join(texts.values()))
    document.add_text("facets", " ".join(map(_token, facets)))
    document.add_integer("id", entry.id)
    document.add_integer("price", entry.price)
    # What has no price comes after everything that has one.
    document.add_integer("price_order", entry.price if entry.price >= 0 else 2**62 + 1)
    document.add_integer("size", entry.size)
    document.add_integer("published", entry.published)
    document.add_integer("fees", entry.fees)
    document.add_integer("quality", int(entry.quality(now).total * _STEPS))
    return document


def _token(facet: str) -> str:
    return "f" + hashlib.blake2s(facet.encode(), digest_size=8).hexdigest() + "x"


def _ranges(question: SearchQuery) -> Iterator[tuple[str, int, int]]:
    if question.min_price is not None or question.max_price is not None:
        yield "price", question.min_price or 0, 2**62 if question.max_price is None else question.max_price
    if question.min_size is not None or question.max_size is not None:
        yield "size", question.min_size or 0, 2**63 - 1 if question.max_size is None else question.max_size
