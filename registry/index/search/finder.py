"""Questions: candidates from an engine, ranked, narrowed to a page, and counted by facets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, Final

from registry.index import deadline, rank
from registry.index.entries import AssetEntry
from registry.index.search.query import MOST_LETTERS, Candidates, Engine, SearchQuery
from registry.index.search.shelf import COUNTED, Columns, count_codes

__all__ = ["Answered", "Finder", "Found"]

RANKED: Final = 100
"""Candidates whose words are looked at one by one; those behind them keep the engine's order."""

FEW: Final = 10
"""With fewer hits that have every word, those that have some follow."""

OF_ONE_OWNER: Final = 2
"""Hits of one owner on a page, a collection counting as one, unless the question names either."""

WORK: Final = 5.0
"""Seconds of a processor for one question, where whoever asks has no nearer bound."""

_MOST_COUNTED: Final = 12


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


Ranked = tuple[Columns, float, dict[str, float]]
"""An asset, what its words say times its worth, and the parts of the former."""

_NOBODY: Final[Ranked] = (Columns(*(0,) * 14, b""), 0.0, {})


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
        ordered = self._ordered(found, asked, begun, question, now)
        if asked and len(ordered) < FEW:
            some = self.engine.candidates(asked, begun, question, every=False)
            rest = self._ordered(some, asked, begun, question, now)
            here = {one.id for one, _, _ in ordered}
            ordered += [one for one in rest if one[0].id not in here]
            found = Candidates([one for one, _, _ in ordered], some.more)
        near: tuple[str, ...] = ()
        if not ordered and (asked or begun):
            near = tuple(dict.fromkeys(one for word in (*asked, begun) if word for one in self.engine.near(word)))
        if question.sort == "name":
            names = self.engine.shelf.names([one.id for one, _, _ in ordered])
            ordered.sort(key=lambda one: (names[one[0].id], one[0].id))
        elif question.sort != "score":
            ordered.sort(key=lambda one: _KEYS[question.sort](one[0]))
        capped = not (question.owner or question.collection)
        shown = _arranged(ordered, question, place + question.limit) if capped else ordered
        hits = self._hits(shown[place : place + question.limit], now)
        end = place + question.limit
        after = question.from_place(end) if end < len(ordered) and hits else ""
        counted = self._counted(found.columns) if facets else {}
        return Answered(tuple(hits), len(found.columns), found.more, counted, after, near)

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
        ordered = [one for one in self._ordered(found, telling, "", question, now) if one[0].id != entry.id]
        return self._hits(ordered[:limit], now)

    # --- Internal --------------------------------------------------------------------------------

    def _ordered(
        self, found: Candidates, asked: Sequence[str], begun: str, question: SearchQuery, now: int
    ) -> list[Ranked]:
        """Numbers of candidates, what their words say, and the parts of that, the best first."""
        if question.sort != "score" or not (asked or begun):
            return [(one, 0.0, {}) for one in found.columns]
        first = sorted(found.columns, key=lambda one: (-one.worth, one.id))
        ranked, rest = first[:RANKED], first[RANKED:]
        total = self.engine.shelf.fact("shown")
        rarities = {word: rank.rarity(min(total, self.engine.matches(word, begun=False)), total) for word in asked}
        if begun:
            rarities[begun] = rank.rarity(min(total, self.engine.matches(begun, begun=True)), total)
        texts = self.engine.shelf.texts([one.id for one in ranked])
        scored = []
        for one in ranked:
            parts = rank.text_score(asked, begun, texts.get(one.id, {}), rarities, tags=one.tags)
            score = sum(parts.values()) * (1 + one.quality(now).total)
            if one.looks_like:
                score *= rank.LOOKS_LIKE_ANOTHER
            scored.append((one, score, parts))
        scored.sort(key=lambda one: (-one[1], one[0].id))
        return scored + [(one, 0.0, {}) for one in rest]

    def _hits(self, part: Sequence[Ranked], now: int) -> list[Found]:
        entries = self.engine.shelf.entries([one.id for one, _, _ in part if one is not _NOBODY[0]])
        return [
            Found(entries[one.id], score, parts, one.quality(now)) for one, score, parts in part if one.id in entries
        ]

    def _counted(self, columns: Sequence[Columns]) -> dict[str, dict[str, int]]:
        """How many candidates have each value, the most frequent first."""
        kinds: list[list[tuple[int, int]]] = [[] for _ in COUNTED]
        for code, number in count_codes(columns).items():
            kinds[code & 15].append((-number, code))
        most = {kind: nsmallest(_MOST_COUNTED, listed) for kind, listed in zip(COUNTED, kinds, strict=True) if listed}
        values = self.engine.shelf.values([code for listed in most.values() for _, code in listed])
        return {
            kind: {
                values[code]: -number
                for number, code in sorted(listed, key=lambda one: (one[0], values[one[1]]))
                if values[code]
            }
            for kind, listed in most.items()
        }


_KEYS: Final[Mapping[str, Callable[[Columns], tuple[Any, ...]]]] = {
    "new": lambda one: (-one.published, one.id),
    "price": lambda one: (one.price < 0, one.price, one.id),
    "fees": lambda one: (-one.fees, one.id),
    "size": lambda one: (-one.size, one.id),
}


def _arranged(ordered: Sequence[Ranked], question: SearchQuery, needed: int) -> list[Ranked]:
    """The hits page by page, at most some of one owner on each; what a page has no room for comes on the next.

    Copies of the same content are folded under the one that was first.
    """
    first: dict[int, int] = {}
    for one, _, _ in ordered:
        if one.content:
            first[one.content] = min(one.id, first.get(one.content, one.id))
    waiting = [one for one in ordered if first.get(one[0].content, one[0].id) == one[0].id]
    shown: list[Ranked] = []
    while waiting and len(shown) < needed:
        owners: Counter[int] = Counter()
        together: set[int] = set()
        page: list[Ranked] = []
        later: list[Ranked] = []
        for place, hit in enumerate(waiting):
            if len(page) == question.limit:
                later += waiting[place:]
                break
            one = hit[0]
            whole = one.collection or one.id
            if owners[one.owner] < OF_ONE_OWNER and whole not in together:
                owners[one.owner] += 1
                together.add(whole)
                page.append(hit)
            else:
                later.append(hit)
        shown += page
        # A page that could not be filled ends there, and the next begins where the next page does.
        if later:
            shown += [_NOBODY] * (question.limit - len(page))
        waiting = later
    return shown
