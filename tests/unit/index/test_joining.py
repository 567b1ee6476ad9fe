"""Several hubs make one list: nothing that one of them has is lost between pages, and nothing comes twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import pytest

from registry.errors import HubLied, HubUnavailable, InputError
from registry.index.joining import MOST_PAGES, HubStream, join
from registry.index.models import BlockShown, Hit, Hits, OfferShown
from registry.index.search.query import SearchQuery

from .support import asking

REGISTRY = "0x06012c8cf97bead5deae237070f9587f8e7a266d"
HERE = BlockShown(number=1, hash="0x" + "00" * 32)
ZERO = "0x" + "00" * 20


@lru_cache(maxsize=1_000)
def hit(number: int, score: float = 1.0, **fields: Any) -> Hit:
    return Hit(
        did=f"did:nft:eip155:1_erc721:{REGISTRY}_{number}",
        owner=ZERO,
        digest="00" * 32,
        version=1,
        state=0,
        delisted=False,
        status="have",
        block=1,
        published=number,
        changed=number,
        score=score,
        **fields,
    )


class Hub:
    """A hub that finds these, some on a page; what is among `lies` does not hold, and some questions it does not
    answer."""

    def __init__(self, name: str, found: Sequence[Hit], page: int = 0, lies: Sequence[int] = ()) -> None:
        self.name, self.found, self.page, self.lies = name, list(found), page, set(lies)
        self.asked = 0
        self.answers: Callable[[int], bool] = lambda number: True

    def ask(self, question: SearchQuery) -> tuple[Hits, list[Hit], list[HubLied]]:
        self.asked += 1
        if not self.answers(self.asked):
            raise HubUnavailable(self.name)
        start, size = int(question.after or 0), self.page or question.limit
        part = self.found[start : start + size]
        after = str(start + size) if start + size < len(self.found) else ""
        wrong = [one for one in part if self.lies and one.asset_id in self.lies]
        kept = [one for one in part if one not in wrong]
        told = [HubLied(self.name, one.did, "name", "a", "b") for one in wrong]
        return Hits(block=HERE, total=len(self.found), hits=tuple(part), after=after), kept, told


def pages(hubs: Sequence[Hub], question: SearchQuery, most: int = 1_000) -> list[list[int]]:
    """The numbers on every page, to the last."""
    found = []
    for _ in range(most):
        streams = [HubStream(hub.name, hub.ask) for hub in hubs]
        hits, after = join(streams, question)
        found.append([one.asset_id for one in hits])
        if not after:
            return found
        question = question.with_(after=after)
    raise AssertionError("it never ends")


def flat(listed: Sequence[Sequence[int]]) -> list[int]:
    return [one for part in listed for one in part]


@pytest.mark.parametrize("sort", ["score", "new", "name"])
def test_whatever_hubs_have_comes_once_on_all_pages_together(sort: Any) -> None:
    chance = random.Random(1)
    everything = [hit(number, score=float(number * 7_919 % 997), name=f"{number * 31 % 97:02}") for number in range(60)]
    orders: dict[str, Any] = {
        "score": lambda one: (-one.score, one.asset_id),
        "new": lambda one: -one.published,
        "name": lambda one: (one.name, one.asset_id),
    }
    for _ in range(150):
        listed = sorted(chance.sample(everything, chance.randrange(1, 60)), key=orders[sort])
        hubs = [
            Hub(f"https://{name}", [one for one in listed if chance.random() < share], chance.choice([0, 1, 3]))
            for name, share in zip("abc", chance.choice([(1, 1, 1), (0.9, 0.9, 0), (0.5, 0.7, 1)]), strict=True)
        ]
        union = {one.asset_id for hub in hubs for one in hub.found}
        limit = chance.randrange(1, 9)
        found = pages(hubs, asking(sort=sort, limit=limit))
        told = flat(found)
        assert len(told) == len(set(told)) and set(told) == union
        assert all(len(part) == limit for part in found[:-1])
        assert told == [one.asset_id for one in listed if one.asset_id in union], "in the order that each has"


def test_hubs_that_agree_are_one_hub_and_their_cursor_stays_short() -> None:
    listed = [hit(number, score=100.0 - number) for number in range(50)]
    hubs = [Hub(f"https://{name}", listed) for name in "ab"]
    question = asking(limit=10)
    assert pages(hubs, question) == [[one.asset_id for one in listed[at : at + 10]] for at in range(0, 50, 10)]
    assert [hub.asked for hub in hubs] == [5, 5]
    streams = [HubStream(hub.name, hub.ask) for hub in hubs]
    _, after = join(streams, question)
    assert len(after) < 250 and [stream.place.awaited for stream in streams] == [(), ()]


def test_a_hub_that_is_silent_for_a_while_loses_nothing() -> None:
    first = Hub("https://a", [hit(number, score=100.0 - number) for number in range(0, 40, 2)])
    second = Hub("https://b", [hit(number, score=100.0 - number) for number in range(1, 40, 2)])
    second.answers = lambda number: number in (1, 4) or number > 5
    told = flat(pages([first, second], asking(limit=4)))
    assert sorted(told) == list(range(40))
    third = Hub("https://c", second.found)
    third.answers = lambda number: False
    assert sorted(flat(pages([first, third], asking(limit=4)))) == list(range(0, 40, 2)), "the others end without it"
    (silent,) = [one for one in _joined([third], asking()) if one.silent]
    assert isinstance(silent.silent, HubUnavailable)


def _joined(hubs: Sequence[Hub], question: SearchQuery) -> list[HubStream]:
    streams = [HubStream(hub.name, hub.ask) for hub in hubs]
    join(streams, question)
    return streams


def test_what_one_lies_about_comes_from_another_that_does_not() -> None:
    listed = [hit(number, score=100.0 - number) for number in range(12)]
    liar, honest = Hub("https://a", listed, lies=[0, 3, 7]), Hub("https://b", listed)
    assert sorted(flat(pages([liar, honest], asking(limit=5)))) == list(range(12))
    assert set(flat(pages([liar], asking(limit=5)))) == set(range(12)) - {0, 3, 7}
    lies = [lie for stream in _joined([liar, honest], asking(limit=5)) for lie in stream.lies]
    assert [lie.hub for lie in lies] == ["https://a", "https://a"]


def test_a_hub_that_says_the_same_for_ever_keeps_nobody_for_ever() -> None:
    """With cursors that go on and on, with hits, without hits, or back to themselves."""

    class Endless(Hub):
        def __init__(self, listed: Sequence[Hit], after: str = "") -> None:
            super().__init__("https://z", listed)
            self.always = after

        def ask(self, question: SearchQuery) -> tuple[Hits, list[Hit], list[HubLied]]:
            self.asked += 1
            after = self.always or str(self.asked)
            return Hits(block=HERE, total=1, hits=tuple(self.found), after=after), self.found, []

    honest = [hit(number, score=100.0 - number) for number in range(10)]
    for hub in (Endless([]), Endless(honest[:1]), Endless(honest[:1], "here"), Endless([honest[0]] * 3)):
        hits, _ = join([HubStream(one.name, one.ask) for one in (hub, Hub("https://a", honest))], asking(limit=100))
        assert sorted(one.asset_id for one in hits) == list(range(10)) and hub.asked <= MOST_PAGES


def test_a_did_that_is_none_is_a_hit_like_any_where_nobody_checks_it() -> None:
    unreached = f"did:nft:eip155:1_erc721:{REGISTRY}_{2**64 - 1}"
    odd = [hit(1).model_copy(update={"did": did}) for did in ("", "did:x", unreached)]
    found, after = join([HubStream("https://a", Hub("https://a", odd).ask)], asking(limit=10))
    assert [one.did for one in found] == [one.did for one in odd] and not after


@pytest.mark.parametrize("sort", ["price", "fees", "size"])
def test_hits_of_other_orders_are_joined_by_what_they_say(sort: Any) -> None:
    def offer(price: str, symbol: str = "USD") -> OfferShown:
        return OfferShown(number=0, name="", kind=0, amount=0, price=price, token=ZERO, symbol=symbol, decimals=6)

    worth = {"fees": 0.0, "derived": 0.0, "endorsed": 0.0, "standards": 0.0, "audited": 0.0, "new": 0.0}
    made: list[dict[str, Any]] = [
        {"offers": (offer("0"),), "size": 9, "quality": {**worth, "fees": 0.9}},
        {"offers": (offer("5"), offer("1", "GOLD")), "size": 8, "quality": {**worth, "fees": 0.5}},
        {"offers": (offer("70000"),), "size": 7, "quality": {**worth, "fees": 0.1}},
        {"offers": (offer("1", "GOLD"),), "size": 6},
    ]
    listed = [Hit.model_validate(hit(number).model_dump() | one) for number, one in enumerate(made)]
    hubs = [Hub("https://a", [listed[1], listed[3]]), Hub("https://b", [listed[0], listed[2]])]
    assert flat(pages(hubs, asking(sort=sort, limit=3))) == [0, 1, 2, 3]


@pytest.mark.parametrize("after", ["x", "é", "e30", "=", "bnVsbA", "W10" * 500])
def test_a_cursor_that_is_none_or_of_something_else_is_refused(after: str) -> None:
    hubs = [Hub(f"https://{name}", [hit(number) for number in range(9)]) for name in "ab"]
    with pytest.raises(InputError, match="another search, or of other hubs"):
        pages(hubs, asking(limit=2, after=after))


def test_a_cursor_is_of_its_search_and_of_its_hubs() -> None:
    hubs = [Hub(f"https://{name}", [hit(number) for number in range(9)]) for name in "abc"]
    _, after = join([HubStream(hub.name, hub.ask) for hub in hubs[:2]], asking("penguins", limit=2))
    for others, question in ((hubs[:2], asking("seals", limit=2)), (hubs[1:], asking("penguins", limit=2))):
        with pytest.raises(InputError, match="other hubs"):
            pages(others, question.with_(after=after))
    assert pages([hubs[1], hubs[0]], asking("penguins", limit=2, after=after))
