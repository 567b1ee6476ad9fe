"""What is new since somebody looked last: in the index of this process, or at hubs."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import HubUnavailable
from registry.index.hubs import Hubs, asked, index_of, named

if TYPE_CHECKING:
    from registry.did import DID
    from registry.index.index_reader import IndexReader
    from registry.index.models import Activity
    from registry.session import Session

__all__ = ["News", "news"]

MOST: Final = 10_000
"""Events of one hub between two looks, and those that are remembered as told."""

AT_ONCE: Final = 200
"""Events that a hub is asked for at once."""

_END: Final = 2**31
"""Behind every event of a block."""

Place = tuple[int, int]


class News(Protocol):
    """Gives what happened after it was made, each thing once."""

    def look(self) -> list[Activity]:
        """What came since the last look, in order. Raises what `Chain` does, and `HubUnavailable`."""


def news(session: Session, hub: Hubs, did: DID | None, party: str) -> News:
    """The news of an asset or all, of an account in lower case or all, from whoever verbs ask."""
    return _HubNews(session, hub, did, party) if named(hub) else _OwnNews(session, did, party)


class _OwnNews:
    def __init__(self, session: Session, did: DID | None, party: str) -> None:
        self._index = index_of(session)
        self._did, self._party = str(did or ""), party
        self._place: Place = self._index.catalogue.block.number, _END

    def look(self) -> list[Activity]:
        self._index.catch_up(seconds=0)
        catalogue = self._index.catalogue
        self._place = min(self._place, (catalogue.block.number, _END))
        found = []
        for one in catalogue.since(*self._place):
            self._place = one.block, one.log
            of_party = not self._party or self._party in str(one.arguments.values())
            if of_party and (not self._did or one.did == self._did):
                found.append(one)
        return found


class _HubNews:
    """Each hub has a place of its own, so that one that is behind another loses nothing; what several tell comes
    once."""

    def __init__(self, session: Session, hub: Hubs, did: DID | None, party: str) -> None:
        self._session, self._hub = session, hub
        self._id, self._party = did.asset_id if did is not None else 0, party
        self._places: dict[str, Place] = {}
        self._told: OrderedDict[tuple[int, int, str], None] = OrderedDict()
        self.look()

    def look(self) -> list[Activity]:
        found = {}
        for told in asked(self._session, self._hub, self._since):
            found.update({(one.block, one.log, one.tx): one for one in told})
        new = [key for key in sorted(found) if key not in self._told]
        self._told.update(dict.fromkeys(new))
        while len(self._told) > MOST:
            self._told.popitem(last=False)
        return [found[key] for key in new]

    def _since(self, answers: IndexReader) -> list[Activity]:
        """What a hub has after its place, which is its head where it is asked for the first time."""
        page = answers.activity(id=self._id, account=self._party, limit=AT_ONCE)
        head = page.block.number, _END
        place = min(self._places.get(answers.name, head), head)
        found: list[Activity] = []
        while new := [one for one in page.activity if (one.block, one.log) > place]:
            found += new
            if len(new) < len(page.activity) or not page.after:
                break
            if len(found) >= MOST:
                raise HubUnavailable(f"what happened at {answers.name}", [f"it tells of more than {MOST:,} events"])
            page = answers.activity(id=self._id, account=self._party, after=page.after, limit=AT_ONCE)
        self._places[answers.name] = max([head, *((one.block, one.log) for one in found)])
        return found
