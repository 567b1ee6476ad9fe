"""The engine for many assets: tantivy, which ranks all matches of a common word within a millisecond or two."""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tantivy

from registry.errors import IndexFault
from registry.index import rank
from registry.index.entries import AssetEntry
from registry.index.search.query import CANDIDATES, Candidates, Columns, SearchQuery
from registry.index.text import skeleton

__all__ = ["TantivyEngine"]

FORMAT: Final = "1"
_EVERY: Final = "every"
"""The field that has the words of all others: what matches is looked up in it alone."""

_FIELDS: Final = ("name", "tags", "by", "description", "readme")
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
            if self._facts().get("format") != FORMAT:
                self._make()
            else:
                self._open()

    # --- Taking ----------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget everything."""
        with self._guard, self._typed():
            self._writer = None
            self._make()

    def cursor(self) -> int:
        """Up to where it has followed the index."""
        return int(self._facts().get("cursor", 0))

    def put(self, entries: Sequence[AssetEntry], gone: Sequence[int], cursor: int, now: int) -> None:
        """Take entries in place of those of the same assets, forget some, and note where it is."""
        with self._guard, self._typed():
            if self._writer is None:
                self._writer = self._index.writer(_MEMORY, 1)
            for id in (*gone, *(entry.id for entry in entries)):
                self._writer.delete_documents_by_query(tantivy.Query.term_query(self._schema, "id", id))
            for entry in entries:
                self._writer.add_document(_document(entry, now))
            self._writer.commit()
            self._index.reload()
            # After the commit: what is taken twice is the same, what is left out would be lost.
            self._note(cursor)

    # --- Finding ---------------------------------------------------------------------------------

    def candidates(self, asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> Candidates:
        """What matches, the best first, `CANDIDATES` at most."""
        wanted: list[tuple[Any, Any]] = [(tantivy.Occur.Must, self._term("shown", 1))]
        terms = [self._anywhere(word, begun=False) for word in asked]
        if begun:
            terms.append(self._anywhere(begun, begun=True))
        occur = tantivy.Occur.Must if every else tantivy.Occur.Should
        if terms:
            wanted.append((tantivy.Occur.Must, tantivy.Query.boolean_query([(occur, term) for term in terms])))
        for facet, must in question.facets():
            sign = tantivy.Occur.Must if must else tantivy.Occur.MustNot
            wanted.append((sign, tantivy.Query.const_score_query(self._term("facets", _token(facet)), 0.0)))
        for name, low, high in _ranges(question):
            inside = tantivy.Query.range_query(self._schema, name, tantivy.FieldType.Integer, low, high)
            wanted.append((tantivy.Occur.Must, tantivy.Query.const_score_query(inside, 0.0)))
        query = tantivy.Query.boolean_query(wanted)
        ordered: dict[str, Any] = {}
        if not terms or question.sort in _ORDERS:
            field, order = _ORDERS.get(question.sort, ("quality", tantivy.Order.Desc))
            ordered = {"order_by_field": field, "order": order}
        with self._guard, self._typed():
            searcher = self._index.searcher()
            found = searcher.search(query, limit=CANDIDATES + 1, count=False, **ordered)
            addresses = [address for _, address in found.hits]
            ids = [int(id or 0) for id in searcher.fast_field_values("id", addresses[:CANDIDATES])]
        scores = [0.0 if ordered else float(score) for score, _ in found.hits]
        return Candidates(dict(zip(ids, scores, strict=False)), len(addresses) > CANDIDATES)

    def entries(self, ids: Sequence[int]) -> dict[int, AssetEntry]:
        """The entries of some assets."""
        return {id: AssetEntry.from_json(_kept(found, "whole")) for id, found in self._of(ids)}

    def texts(self, ids: Sequence[int]) -> dict[int, tuple[dict[str, str], int]]:
        """The words of some assets by field, and how many tags each has."""
        found = {}
        for id, kept in self._of(ids):
            words, tags = json.loads(_kept(kept, "words"))
            found[id] = dict(zip(_FIELDS, words, strict=True)), tags
        return found

    def columns(self, ids: Sequence[int]) -> list[Columns]:
        """What some assets are sorted and counted by."""
        return [Columns(id, *json.loads(_kept(kept, "columns"))) for id, kept in self._of(ids)]

    def matches(self, word: str, *, begun: bool) -> int:
        """How many entries have a word; of those that begin like it, each counted as often as it has one."""
        with self._guard, self._typed():
            searcher = self._index.searcher()
            if begun:
                return sum(count for _, count in searcher.terms_with_prefix(_EVERY, word))
            return int(searcher.doc_freq(_EVERY, word))

    def count(self) -> int:
        """How many entries can be found."""
        with self._guard, self._typed():
            return int(self._index.searcher().search(self._term("shown", 1), limit=1, count=True).count or 0)  # type: ignore[attr-defined]

    def oldest(self, looks: str) -> tuple[int, str] | None:
        """The oldest asset whose name looks so, and its owner."""
        if not looks:
            return None
        found = self._all(self._term("looks", looks), 100)
        return min(((one.id, one.owner) for one in found), default=None)

    def named(self, name: str) -> list[tuple[int, str]]:
        """Numbers and owners of assets that are called exactly so."""
        found = self._all(self._term("called", name), 100)
        return sorted((one.id, one.owner) for one in found if one.name == name)

    def completions(self, begun: str, limit: int) -> list[tuple[str, int]]:
        """Names of the best entries that have a word beginning so in name or tags."""
        either = [(tantivy.Occur.Should, self._in_field(field, begun, begun=True)) for field in ("name", "tags")]
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, self._term("shown", 1)),
                (tantivy.Occur.Must, tantivy.Query.boolean_query(either)),
            ]
        )
        with self._guard, self._typed():
            searcher = self._index.searcher()
            found = searcher.search(query, limit=limit, count=False, order_by_field="quality")
            kept = [searcher.doc(address) for _, address in found.hits]
        return [(one.name, one.id) for one in (AssetEntry.from_json(_kept(doc, "whole")) for doc in kept)]

    def near(self, word: str) -> list[str]:
        """Words spelled nearly like one that nothing has, of those that begin the same."""
        with self._guard, self._typed():
            searcher = self._index.searcher()
            known = [term for term, _ in searcher.terms_with_prefix(_EVERY, word[:1], limit=5_000)]
        return difflib.get_close_matches(word, [term for term in known if abs(len(term) - len(word)) <= 2], 3, 0.75)

    def close(self) -> None:
        """Let go of the files."""
        with self._guard:
            self._writer = None

    # --- Internal --------------------------------------------------------------------------------

    def _make(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._open()
        self._note(0)

    def _open(self) -> None:
        self._index = tantivy.Index(self._schema, path=str(self._folder))
        whole = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer("words", whole)

    def _note(self, cursor: int) -> None:
        path = self._folder / "facts.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"format": FORMAT, "cursor": cursor}))
        temporary.replace(path)

    def _facts(self) -> dict[str, Any]:
        path = self._folder / "facts.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
            return found
        except ValueError:
            return {}

    def _term(self, field: str, value: object) -> Any:
        return tantivy.Query.term_query(self._schema, field, value)

    def _in_field(self, field: str, word: str, *, begun: bool) -> Any:
        if begun:
            return tantivy.Query.fuzzy_term_query(self._schema, field, word, distance=0, prefix=True)
        return self._term(field, word)

    def _anywhere(self, word: str, *, begun: bool) -> Any:
        """A word in any field, which counts by each field that it is in."""
        must = tantivy.Query.const_score_query(self._in_field(_EVERY, word, begun=begun), 0.0)
        parts = [(tantivy.Occur.Must, must)]
        for field, weight in rank.FIELDS.items():
            parts.append((tantivy.Occur.Should, tantivy.Query.boost_query(self._term(field, word), float(weight))))
        if begun:
            # What only begins so counts in the name; the rest is left to the ranking of the first hits.
            parts.append((tantivy.Occur.Should, self._in_field("name", word, begun=True)))
        return tantivy.Query.boolean_query(parts)

    def _of(self, ids: Sequence[int]) -> list[tuple[int, Any]]:
        """The kept fields of some assets."""
        found: list[tuple[int, Any]] = []
        with self._guard, self._typed():
            searcher = self._index.searcher()
            for start in range(0, len(ids), 1_000):
                part = list(ids[start : start + 1_000])
                query = tantivy.Query.term_set_query(self._schema, "id", part)
                hits = searcher.search(query, limit=len(part) + 1, count=False).hits
                found += [
                    (int(doc.get_first("id") or 0), doc) for doc in (searcher.doc(address) for _, address in hits)
                ]
        return found

    def _all(self, query: Any, limit: int) -> list[AssetEntry]:
        with self._guard, self._typed():
            searcher = self._index.searcher()
            hits = searcher.search(query, limit=limit, count=False).hits
            return [AssetEntry.from_json(_kept(searcher.doc(address), "whole")) for _, address in hits]

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
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
    for name in _FIELDS:
        builder.add_text_field(name, stored=False, tokenizer_name="words", index_option="freq")
    for name in ("facets", _EVERY, "looks", "called"):
        tokens = "words" if name in ("facets", _EVERY) else "raw"
        builder.add_text_field(name, stored=False, tokenizer_name=tokens, index_option="basic")
    builder.add_integer_field("id", stored=True, indexed=True, fast=True)
    builder.add_integer_field("shown", stored=False, indexed=True)
    for name in ("price", "size", "published", "fees", "price_order", "quality"):
        builder.add_integer_field(name, stored=False, indexed=True, fast=True)
    for name in ("whole", "words", "columns"):
        builder.add_bytes_field(name, stored=True, indexed=False)
    return builder.build()


def _document(entry: AssetEntry, now: int) -> Any:
    texts, facets = entry.texts(), entry.facets()
    document = tantivy.Document()
    for name in _FIELDS:
        document.add_text(name, texts[name])
    document.add_text(_EVERY, " ".join(texts.values()))
    document.add_text("facets", " ".join(map(_token, facets)))
    document.add_text("looks", skeleton(entry.name))
    document.add_text("called", entry.name)
    document.add_integer("id", entry.id)
    document.add_integer("shown", int(entry.shown))
    document.add_integer("price", entry.price)
    # What has no price comes after everything that has one.
    document.add_integer("price_order", entry.price if entry.price >= 0 else 2**62 + 1)
    document.add_integer("size", entry.size)
    document.add_integer("published", entry.published)
    document.add_integer("fees", entry.fees)
    document.add_integer("quality", int(entry.quality(now).total * _STEPS))
    lines = [entry.price, entry.size, entry.published, entry.fees, entry.name, "\n".join(facets)]
    for name, text in (
        ("whole", entry.to_json()),
        ("words", json.dumps([[texts[one] for one in _FIELDS], len(entry.tags)], ensure_ascii=False)),
        ("columns", json.dumps(lines, ensure_ascii=False)),
    ):
        document.add_bytes(name, text.encode())
    return document


def _kept(document: Any, name: str) -> str:
    """The text of a field that is kept as bytes."""
    return bytes(document.get_first(name)).decode()


def _token(facet: str) -> str:
    return "f" + hashlib.blake2s(facet.encode(), digest_size=8).hexdigest() + "x"


def _ranges(question: SearchQuery) -> Iterator[tuple[str, int, int]]:
    if question.min_price is not None or question.max_price is not None:
        yield "price", question.min_price or 0, 2**62 if question.max_price is None else question.max_price
    if question.min_size is not None or question.max_size is not None:
        yield "size", question.min_size or 0, 2**63 - 1 if question.max_size is None else question.max_size
