"""Questions: candidates from an engine, ranked, narrowed to a page, and counted by facets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, Protocol

from registry.index import deadline, rank
from registry.index.entries import AssetEntry
from registry.index.search.query import MOST_LETTERS, SearchQuery
from registry.index.search.shelf import COUNTED, Candidates, Shelf

__all__ = ["Answered", "Engine", "Finder", "Found"]

RANKED: Final = 100
"""Candidates whose words are looked at one by one; those behind them keep the engine's order."""

FEW: Final = 10
"""With fewer hits that have every word, those that have some follow."""

OF_ONE_OWNER: Final = 2
"""Hits of one owner on a page, a collection counting as one, unless the question names either."""

WORK: Final = 5.0
"""Seconds of a processor for one question, where whoever asks has no nearer bound."""

_MOST_COUNTED: Final = 12


class Engine(Protocol):
    """Finds assets by words. Two of them, FTS5 and tantivy, answer alike; what they find is on their `shelf`."""

    shelf: Shelf

    def cursor(self) -> int:
        """Up to where it has followed the index."""

    def put(self, entries: Sequence[AssetEntry], gone: Sequence[int], cursor: int, now: int) -> None:
        """Take entries in place of those of the same assets, forget those that are `gone`, and note where it is."""

    def clear(self) -> None:
        """Forget everything."""

    def candidates(self, asked: Sequence[str], begun: str, question: SearchQuery, *, every: bool) -> Candidates:
        """What has every (or any) word and all that the question is narrowed down by, `CANDIDATES` at most."""

    def matches(self, word: str, *, begun: bool) -> int:
        """How many entries have a word, up to `COMMON`; or one that begins like it, up to `CANDIDATES`."""

    def completions(self, begun: str, limit: int) -> list[tuple[str, int]]:
        """Names of the best entries that have a word beginning so, and their numbers."""

    def near(self, word: str) -> list[str]:
        """Words that are spelled nearly like one that nothing has."""

    def close(self) -> None:
        """Let go of the files."""


@dataclass(frozen=True, slots=True)
class Found:
    """One hit: the entry, its score, and the parts of it by name."""

    entry: AssetEntry
    score: float
    text: Mapping[str, float]
    quality: rank.Quality


@dataclass(frozen=True, slots=True)
class Answered:
    """A page of hits; `total` is exact unless there are `more`, `facets` counts values among them, `after` is where the
    next page begins ("" for none), `near` words that may have been meant."""

    hits: tuple[Found, ...]
    total: int
    more: bool
    facets: Mapping[str, Mapping[str, int]]
    after: str = ""
    near: tuple[str, ...] = field(default=())


Said = dict[int, tuple[float, dict[str, float]]]
"""By the numbers of assets: what their words say times their worth, and the parts of the former."""

_UNSAID: Final[tuple[float, dict[str, float]]] = (0.0, {})

_NOBODY: Final = 0
"""No asset: fills a page that others of the same owners would be on."""


class Finder:
    """Asks one engine; `now` in what it is asked is the time of the index's last block, in seconds since 1970."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def answer(self, question: SearchQuery, now: int, *, facets: bool = True) -> Answered:
        """The page of hits for a question. Raises `InputError`, `IndexFault` and `SearchTimeout`."""
        with deadline.within(WORK), self.engine.shelf.reading():
            return self._answer(question, now, facets=facets)

    def _answer(self, question: SearchQuery, now: int, *, facets: bool) -> Answered:
        place = question.place
        asked, begun = question.asked
        if question.text and not (asked or begun):
            return Answered((), 0, False, {})
        found = self.engine.candidates(asked, begun, question, every=True)
        ordered, said = self._ordered(found, asked, begun, question, now)
        if asked and len(ordered) < FEW:
            some = self.engine.candidates(asked, begun, question, every=False)
            rest, said_of_rest = self._ordered(some, asked, begun, question, now)
            ordered = list(dict.fromkeys([*ordered, *rest]))
            said = said_of_rest | said
            found = found.with_more(some)
        near: tuple[str, ...] = ()
        if not ordered and (asked or begun):
            near = tuple(dict.fromkeys(one for word in (*asked, begun) if word for one in self.engine.near(word)))
        if question.sort == "name":
            names = self.engine.shelf.names(ordered)
            ordered.sort(key=lambda id: (names[id], id))
        elif question.sort != "score":
            ordered = _sorted(found, question.sort)
        capped = not (question.owner or question.collection)
        end = place + question.limit
        shown, further = _arranged(ordered, found, question, end) if capped else (ordered, end < len(ordered))
        hits = self._hits(shown[place:end], found, said, now)
        after = question.from_place(end) if further and hits else ""
        counted = self._counted(found.facets()) if facets else {}
        return Answered(tuple(hits), len(found), found.more, counted, after, near)

    def similar(self, entry: AssetEntry, now: int, limit: int) -> list[Found]:
        """Other assets with the words that tell most of this one, the nearest first; as `answer`."""
        with deadline.within(WORK), self.engine.shelf.reading():
            return self._similar(entry, now, limit)

    def _similar(self, entry: AssetEntry, now: int, limit: int) -> list[Found]:
        texts = entry.texts()
        known = (*texts["name"].split(), *texts["tags"].split(), *texts["description"].split()[:60])
        total = self.engine.shelf.fact("shown")
        worth = {word: rank.rarity(self.engine.matches(word, begun=False), total) for word in dict.fromkeys(known)}
        telling = sorted(worth, key=lambda word: (-worth[word] * (1 + (f" {word} " in texts["name"])), word))[:8]
        if not telling:
            return []
        # Eight long words have more letters than a person may ask with.
        question = SearchQuery(text=" ".join(telling)[:MOST_LETTERS], begun=False, limit=limit)
        found = self.engine.candidates(telling, "", question, every=False)
        ordered, said = self._ordered(found, telling, "", question, now)
        return self._hits([id for id in ordered if id != entry.id][:limit], found, said, now)

    # --- Internal --------------------------------------------------------------------------------

    def _ordered(
        self, found: Candidates, asked: Sequence[str], begun: str, question: SearchQuery, now: int
    ) -> tuple[list[int], Said]:
        """The numbers of candidates, the best first, and what the words of the first say."""
        if question.sort != "score" or not (asked or begun):
            return list(found.ids), {}
        first = sorted(sorted(found.ids), key=found.worth().__getitem__, reverse=True)
        ranked, rest = first[:RANKED], first[RANKED:]
        total = self.engine.shelf.fact("shown")
        rarities = {word: rank.rarity(min(total, self.engine.matches(word, begun=False)), total) for word in asked}
        if begun:
            rarities[begun] = rank.rarity(min(total, self.engine.matches(begun, begun=True)), total)
        texts = self.engine.shelf.texts(ranked)
        said: Said = {}
        for id in ranked:
            one = found.columns(id)
            parts = rank.text_score(asked, begun, texts.get(id, {}), rarities, tags=one.tags)
            score = sum(parts.values()) * (1 + one.quality(now).total)
            if one.looks_like:
                score *= rank.LOOKS_LIKE_ANOTHER
            said[id] = score, parts
        ranked.sort(key=lambda id: (-said[id][0], id))
        return ranked + rest, said

    def _hits(self, part: Sequence[int], found: Candidates, said: Said, now: int) -> list[Found]:
        entries = self.engine.shelf.entries([id for id in part if id != _NOBODY])
        return [
            Found(entries[id], *said.get(id, _UNSAID), found.columns(id).quality(now)) for id in part if id in entries
        ]

    def _counted(self, counts: Counter[int]) -> dict[str, dict[str, int]]:
        """How many candidates have each value, the most frequent first."""
        kinds: list[list[int]] = [[] for _ in COUNTED]
        for code in counts:
            kinds[code & 15].append(code)
        most = {kind: _most(listed, counts) for kind, listed in zip(COUNTED, kinds, strict=True) if listed}
        values = self.engine.shelf.values([code for listed in most.values() for code in listed])
        return {
            kind: {
                values[code]: counts[code]
                for code in sorted(listed, key=lambda code: (-counts[code], values[code]))
                if values[code]
            }
            for kind, listed in most.items()
        }


def _most(codes: list[int], counts: Mapping[int, int]) -> list[int]:
    """The codes that most have; of many owners and tags most are there once, and not worth sorting."""
    repeated = [code for code in codes if counts[code] > 1]
    return nsmallest(
        _MOST_COUNTED,
        repeated if len(repeated) >= _MOST_COUNTED else codes,
        key=lambda code: (-counts[code], code),
    )


def _sorted(found: Candidates, sort: str) -> list[int]:
    """The numbers of candidates by one of their columns, then by number; what has no price comes last."""
    if sort == "price":
        prices = {id: price if price >= 0 else 2**63 for id, price in found.by_id("price").items()}
        return sorted(sorted(found.ids), key=prices.__getitem__)
    column = found.by_id("published" if sort == "new" else sort)
    return sorted(sorted(found.ids), key=column.__getitem__, reverse=True)


def _arranged(ordered: Sequence[int], found: Candidates, question: SearchQuery, needed: int) -> tuple[list[int], bool]:
    """The hits page by page, at most some of one owner on each, and whether further ones wait; what a page has no room
    for comes on the next.

    Copies of the same content are folded under the one that was first.
    """
    owner, collection, content = (found.by_id(name) for name in ("owner", "collection", "content"))
    first: dict[int, int] = {}
    for id, code in content.items():
        if code:
            first[code] = min(id, first.get(code, id))
    waiting = [id for id in ordered if first.get(content[id], id) == id]
    shown: list[int] = []
    while waiting and len(shown) < needed:
        owners: Counter[int] = Counter()
        together: set[int] = set()
        page: list[int] = []
        later: list[int] = []
        for place, id in enumerate(waiting):
            if len(page) == question.limit:
                later += waiting[place:]
                break
            whole = collection[id] or id
            if owners[owner[id]] < OF_ONE_OWNER and whole not in together:
                owners[owner[id]] += 1
                together.add(whole)
                page.append(id)
            else:
                later.append(id)
        shown += page
        # A page that could not be filled ends there, and the next begins where the next page does.
        if later:
            shown += [_NOBODY] * (question.limit - len(page))
        waiting = later
    return shown, bool(waiting) or len(shown) > needed
