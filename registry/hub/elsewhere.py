"""The pages of a hub elsewhere, made on this machine: the hub gives facts, and nothing that a browser runs or shows as
markup. What it says of assets and of what one holds is held against one's own node, proposals are read from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from registry.errors import HubUnavailable, InputError
from registry.hub.hub_settings import HubSettings
from registry.index.models import BlockShown, Hit, Hits, HubFacts, OwnedList
from registry.index.proof import check_hits, check_owned, token_addresses
from registry.index.remote import RemoteHub
from registry.index.search.query import SearchQuery

if TYPE_CHECKING:
    from registry.client import Registry

__all__ = ["HubElsewhere", "ProvenHub"]

T = TypeVar("T")

FRESH: Final = 2.0
"""Seconds for which what a hub said of itself is used again."""


class ProvenHub(RemoteHub):
    """A hub of which nothing untrue of assets and holdings is passed on: such an answer raises `HubLied`. What one's
    own node may only not know yet is left out."""

    def __init__(self, url: str, client: Registry) -> None:
        super().__init__(url)
        self._client = client

    def search(self, question: SearchQuery, *, facets: bool = True) -> Hits:
        """A page of hits that hold."""
        return self._proven(super().search(question, facets=facets))

    def assets(self, *, after: int = 0, owner: str = "", limit: int = 100) -> Hits:
        """All assets by number."""
        return self._proven(super().assets(after=after, owner=owner, limit=limit))

    def some(self, ids: Sequence[int]) -> Hits:
        """Some assets, in their order."""
        return self._proven(super().some(ids))

    def similar(self, id: int, *, limit: int = 10) -> Hits:
        """Assets like one."""
        return self._proven(super().similar(id, limit=limit))

    def asset(self, id: int) -> Hit | None:
        """One asset."""
        found = super().asset(id)
        if found is None:
            return None
        kept = self._proven(Hits(block=self.block, total=1, hits=(found,))).hits
        return kept[0] if kept else None

    def owned(self, account: str, *, after: str = "", limit: int = 200) -> OwnedList:
        """What an account holds."""
        told = super().owned(account, after=after, limit=limit)
        client = self._client
        kept, lies = check_owned(told.owned, told.block, account, client.chain, client.deployment.registry, self.name)
        if lies:
            raise lies[0]
        return told.model_copy(update={"owned": tuple(kept)})

    def _proven(self, page: Hits) -> Hits:
        hits = [hit.model_copy(update={"hub": self.name, "proven": False}) for hit in page.hits]
        client = self._client
        tokens = token_addresses(client)
        kept, lies = check_hits(hits, page.block, client.chain, client.deployment.registry, tokens, self.document)
        if lies:
            raise lies[0]
        return page.model_copy(update={"hits": tuple(kept)})


class HubElsewhere:
    """The hub at `url` in the place of a `Hub` of this process, served as `settings` say. Raises `HubUnavailable`, and
    `InputError` for a hub of another registry than that of `client`."""

    def __init__(self, url: str, client: Registry, settings: HubSettings) -> None:
        self.url: Final = url.rstrip("/")
        self.settings = settings
        self.catalogue = ProvenHub(url, client)
        self.on_fault: Callable[[str], None] = lambda _: None
        self._client = client
        self._kept: dict[str, tuple[float, Any]] = {}
        told = self.facts()
        own = (client.chain.chain_id, client.deployment.registry.lower())
        if (told.chain_id, told.registry) != own:
            raise InputError(
                f"The hub {url} is of registry {told.registry} on chain {told.chain_id}, not of {own[1]} on {own[0]}.",
                hint="Name a hub of the registry that you use.",
            )

    def start(self) -> None:
        """Nothing is followed here."""

    def stop(self) -> None:
        """Close the connections."""
        self.catalogue.close()

    def facts(self) -> HubFacts:
        """What it says that it is."""
        return self._remembered("facts", self.catalogue.facts)

    def state(self) -> str:
        """The same as long as every answer is."""
        told = self.facts()
        return f"{told.head.hash} {told.final} {told.documents} {told.statements}"

    def trouble(self) -> str:
        """Why it cannot be asked, "" for nothing."""
        try:
            self.catalogue.facts()
        except HubUnavailable as error:
            return error.message[:300]
        return ""

    @property
    def now(self) -> int:
        """Time of the last block, in seconds since 1970, as one's own node has it."""
        return int(self._remembered("now", lambda: self._client.chain.block().timestamp))

    @property
    def block(self) -> BlockShown:
        """The last block that the hub took."""
        return self.facts().head

    @property
    def lag(self) -> int:
        """Blocks behind the hub's node."""
        return self.facts().lag

    @property
    def final(self) -> int:
        """The last block that is final."""
        return self.facts().final

    def say(self, statement: bytes) -> bool:
        """Hand a signed statement on to the hub."""
        return self.catalogue.say(statement)

    def keep(self, reason: bytes) -> bool:
        """Hand the reason of a flag on to the hub."""
        return self.catalogue.keep(reason)

    def bring(self, document: bytes) -> bool:
        """Hand a document on to the hub."""
        return self.catalogue.bring(document)

    def _remembered(self, name: str, make: Callable[[], T]) -> T:
        kept = self._kept.get(name)
        if kept is None or time.monotonic() > kept[0]:
            kept = self._kept[name] = (time.monotonic() + FRESH, make())
        found: T = kept[1]
        return found
