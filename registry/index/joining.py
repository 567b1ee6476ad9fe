"""What several hubs found, in one order: nothing that one of them has is lost between pages, and nothing comes twice.

Each hub is a stream of hits. The next hit is the best of those that the streams begin with; where others have it too,
they pass it over when they come to it. So a cursor is how far each stream was read, and what others told of that a
stream has yet to come to: of hubs that agree, nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from registry.did import DID
from registry.errors import HubLied, HubUnavailable, InputError, InvalidDID
from registry.index.models import Hit, Hits, Model, Number, Short
from registry.index.search.query import SearchQuery, Sort
from registry.money import DOLLARS

__all__ = ["HubStream", "join"]

MOST_PAGES: Final = 50
"""Pages that one hub is asked for at a time: then the page ends, and the cursor goes on."""

Told = tuple[Hits, list[Hit], list[HubLied]]
"""A page as it came, those of its hits that hold, and what is untrue of the others."""


class StreamPlace(Model):
    """How far the stream of a hub was read: where its page begins (`after`), how many hits of that were `taken`,
    whether it is `over`, how many hits there are in all, and the numbers of assets that others told of first
    (`awaited`)."""

    hub: Short
    after: Short = ""
    taken: Annotated[int, Field(ge=0, le=100)] = 0
    over: bool = False
    total: Number = 0
    awaited: tuple[Number, ...] = ()


class JoinedCursor(Model):
    """Where a page of several hubs ended: of which search, and of which hubs."""

    search: Short
    hubs: tuple[StreamPlace, ...]


class HubStream:
    """The hits of one hub, page after page; `ask` answers a question, and raises `HubUnavailable`.

    `pages` and `lies` are what came while this object was asked, `silent` why it does not answer; `total` how many hits
    it has, as it said the last time.
    """

    def __init__(self, name: str, ask: Callable[[SearchQuery], Told]) -> None:
        self.name = name
        self.pages: list[Hits] = []
        self.lies: list[HubLied] = []
        self.silent: HubUnavailable | None = None
        self.over = False
        self.total = 0
        self.passed = 0
        self._ask = ask
        self._after, self._next, self._taken = "", "", 0
        self._awaited: set[int] = set()
        self._hits: list[tuple[int, Hit]] | None = None

    @property
    def key(self) -> str:
        """What a cursor calls the hub."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:12]

    @property
    def place(self) -> StreamPlace:
        """How far it was read."""
        awaited = () if self.over else tuple(sorted(self._awaited))
        return StreamPlace(
            hub=self.key,
            after=self._after,
            taken=self._taken,
            over=self.over,
            total=self.total,
            awaited=awaited,
        )

    def go_to(self, place: StreamPlace) -> None:
        """Go on where an earlier page ended."""
        self._after, self._taken, self.over, self.total = place.after, place.taken, place.over, place.total
        self._awaited = set(place.awaited)

    def head(self, question: SearchQuery) -> Hit | None:
        """The next hit that no other told of; None at the end, or if it does not answer."""
        while not self.over and (self._hits is not None or self._load(question)):
            self.settle()
            if self._hits:
                return self._hits[0][1]
        return None

    def take(self) -> Hit:
        """The hit at its head, which is passed."""
        assert self._hits is not None
        place, hit = self._hits.pop(0)
        self._taken = place + 1
        self.passed += 1
        return hit

    def hear(self, hit: Hit) -> None:
        """Another told of a hit."""
        number = _number(hit.did)
        if number is not None and not self.over:
            self._awaited.add(number)

    def settle(self) -> None:
        """Pass what others told of already, and turn a page that is read."""
        while self._hits and (number := _number(self._hits[0][1].did)) in self._awaited:
            self._awaited.remove(number)
            self.take()
        if self._hits == []:
            self._hits = None
            self._taken = 0
            self._after, self.over = self._next, not self._next

    def _load(self, question: SearchQuery) -> bool:
        """Ask for its page; says whether it is there."""
        if len(self.pages) == MOST_PAGES or self.silent is not None:
            return False
        try:
            page, kept, lies = self._ask(question.with_(after=self._after))
        except HubUnavailable as error:
            self.silent = error
            return False
        places = {_name(hit.did): place for place, hit in reversed(list(enumerate(page.hits)))}
        holds = {places[_name(hit.did)]: hit for hit in reversed(kept)}
        self._hits = [(place, holds[place]) for place in sorted(holds) if place >= self._taken]
        self.lies += [lie for lie in lies if places.get(_name(lie.did), self._taken) >= self._taken]
        # What it told and what did not hold will not be told again.
        gone = [name for name, place in places.items() if place >= self._taken and place not in holds]
        self._awaited -= set(map(_number, gone))
        # A page without hits has no next one, whatever it says: an endless row of them would never be read.
        self._next = page.after if page.hits and page.after != self._after else ""
        self.pages.append(page)
        self.total = page.total
        return True


def join(streams: Sequence[HubStream], question: SearchQuery) -> tuple[list[Hit], str]:
    """The next page of several hubs, and its cursor, "" where all that answered have no more.

    A stream that is silent keeps its place as long as others go on. Raises `InputError` for a cursor of another search
    or of other hubs.
    """
    if question.after:
        _go_on(streams, question)
    found: dict[str, Hit] = {}
    while len(found) < question.limit:
        heads = [
            (*_worth(hit, question.sort), stream.passed, number)
            for number, stream in enumerate(streams)
            if (hit := stream.head(question)) is not None
        ]
        if not heads:
            break
        best = streams[min(heads)[-1]]
        hit = best.take()
        found.setdefault(hit.did, hit)
        for other in streams:
            if other is not best:
                other.hear(hit)
    for stream in streams:
        stream.settle()
    if all(stream.over for stream in streams if stream.silent is None):
        return list(found.values()), ""
    told = JoinedCursor(search=question.name, hubs=tuple(stream.place for stream in streams))
    text = told.model_dump_json(exclude_defaults=True)
    return list(found.values()), base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _go_on(streams: Sequence[HubStream], question: SearchQuery) -> None:
    try:
        text = base64.urlsafe_b64decode(question.after + "=" * (-len(question.after) % 4))
        cursor = JoinedCursor.read(text)
    except ValueError:
        cursor = JoinedCursor(search="", hubs=())
    places = {place.hub: place for place in cursor.hubs}
    if cursor.search != question.name or places.keys() != {stream.key for stream in streams}:
        raise InputError(
            "This cursor is of another search, or of other hubs.",
            hint="Ask the search and the hubs that it came from, or begin without it.",
        )
    for stream in streams:
        stream.go_to(places[stream.key])


def _worth(hit: Hit, sort: Sort) -> tuple[float, str]:
    """What streams are joined by, the best hit having the least: as far as a hit says by what its hub sorted it."""
    match sort:
        case "new":
            return -hit.published, ""
        case "size":
            return -hit.size, ""
        case "name":
            return 0, hit.name
        case "fees":
            return -(hit.quality.fees if hit.quality is not None else 0.0), ""
        case "price":
            return float(_dollars(hit)), ""
        case _:
            return -hit.score, ""


def _dollars(hit: Hit) -> Decimal:
    """The cheapest open offer in dollars; infinity for what has none."""
    prices = [
        Decimal(one.price).scaleb(-one.decimals)
        for one in hit.offers
        if one.open and (one.price == "0" or one.symbol in DOLLARS)
    ]
    return min(prices, default=Decimal("Infinity"))


def _name(did: str) -> str:
    """A DID as it is written here; what is none stays as it is."""
    try:
        return str(DID.parse(did))
    except InvalidDID:
        return did


def _number(did: str) -> int | None:
    """The number of an asset; None for what is no DID, and for what no registry reaches."""
    try:
        number = int(DID.parse(did).asset_id)
    except InvalidDID:
        return None
    return number if number < 2**63 else None
