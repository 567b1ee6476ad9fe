"""Searching assets, and what one holds: verbs that need no server, and believe none."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from registry.did import DID
from registry.errors import AmbiguousAsset, AssetNotFound, HubLied, InvalidAmount
from registry.index.hubs import Hubs, asked, index_of, named, opened_hub, pass_over
from registry.money import DOLLARS, Amount, split_price
from registry.results import AssetRef
from registry.session import Session, whole
from registry.text.html import Shown
from registry.text.warned import warn_caller
from registry.types import to_address

# Every client has these verbs and few programs use one: the index, hubs and proofs are loaded by the verb in need.
if TYPE_CHECKING:
    from registry.index.index_reader import IndexReader
    from registry.index.models import Activity, Hit, Hits, Holder, Owned, SaleLine, Suggestion, TeamShown
    from registry.index.search.query import SearchQuery, Sort

__all__ = ["Held", "Page", "Searching", "by_name"]

Verify = Literal["chain", "hash", "none"]

T = TypeVar("T")

_LARGEST_PRICE: Final = 2**62


@dataclass(frozen=True, slots=True)
class Page(Shown):
    """Hits, and what else there is: `total` of them (at least, if there are `more`), how many have each facet, what was
    meant perhaps (`near`), where the next page begins (`after`), and what hubs said that was untrue."""

    hits: tuple[Hit, ...]
    total: int
    more: bool
    facets: dict[str, dict[str, int]]
    near: tuple[str, ...] = ()
    after: str = ""
    lies: tuple[HubLied, ...] = ()

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, place: int) -> Hit:
        return self.hits[place]

    def to_pandas(self) -> Any:
        """The hits as a table of pandas, a row each."""
        import pandas as pd

        columns = ("did", "name", "type", "license", "price", "owner", "version", "size", "published", "score", "hub")
        rows = [[hit.price_text if one == "price" else getattr(hit, one) for one in columns] for hit in self.hits]
        return pd.DataFrame(rows, columns=list(columns))


@dataclass(frozen=True, slots=True)
class Held(Shown):
    """What an account holds of one licence; `ends_in` is how many seconds are left of a period, None for what has no
    end."""

    did: str
    name: str
    licence: str
    active: bool
    ends_in: int | None
    words: str
    what: Owned


class Searching(Session):
    """The verbs of whoever looks for something.

    Each takes `hub`: the URL of one or several, by default those of ``$REGISTRY_HUB``, and without any the index of
    this process, which reads the chain itself.
    """

    # --- Assets ----------------------------------------------------------------------------------

    def search(
        self,
        text: str = "",
        *,
        type: str = "",
        license: str = "",
        tags: Sequence[str] = (),
        format: str | Sequence[str] = (),
        standard: str | Sequence[str] = (),
        owner: str = "",
        collection: AssetRef = 0,
        derived_from: AssetRef = 0,
        min_price: str | None = None,
        max_price: str | None = None,
        min_size: int | None = None,
        max_size: int | None = None,
        free: bool | None = None,
        paid: bool | None = None,
        gated: bool | None = None,
        computable: bool | None = None,
        sort: Sort = "score",
        limit: int = 20,
        after: str = "",
        hub: Hubs = None,
        verify: Verify = "chain",
    ) -> Page:
        """Find assets by words and by what they are: the best first, at most two of one owner on a page.

        Prices are of the cheapest open offer, in dollars (``"20 USD"``), sizes in bytes. What a hub says is held
        against documents and the chain, in one request for a page; with ``verify="hash"`` against documents only. What
        is untrue is dropped and named in ``Page.lies``. Several hubs make one list, in which nothing is lost or comes
        twice: with ``after=page.after`` it goes on in each of them. Raises `InputError`, `InvalidAmount`,
        `HubUnavailable` and `ConnectionFailed`.
        """
        from registry.index.search.query import SearchQuery

        question = SearchQuery(
            text=text,
            type=type,
            license=license,
            tags=tuple(tags),
            formats=_several(format),
            standards=_several(standard),
            owner=to_address(owner).lower() if owner else "",
            collection=self._number(collection),
            derived_from=self._number(derived_from),
            min_price=self._dollars(min_price),
            max_price=self._dollars(max_price),
            min_size=min_size,
            max_size=max_size,
            free=free,
            paid=paid,
            gated=gated,
            computable=computable,
            sort=sort,
            limit=limit,
            after=after,
        )
        if len(named(hub)) > 1:
            return self._joined(hub, question, verify)
        ((page, hits, lies),) = asked(self, hub, lambda answers: self._told(answers, question, verify))
        first = {hit.did: hit for hit in reversed(hits)}
        return _page([page], [hit for hit in hits if first[hit.did] is hit][:limit], lies, page.after, page.total)

    def browse(self, *, sort: Sort = "new", **wanted: Any) -> Page:
        """All assets, the newest first, narrowed down by what `search` takes."""
        return self.search("", sort=sort, **wanted)

    def assets_of(self, account: str | None = None, *, hub: Hubs = None, verify: Verify = "chain") -> tuple[Hit, ...]:
        """All assets that an account (default: the signer) owns, by number, also those that no search shows."""
        owner = self._account(account)

        def ask(answers: IndexReader) -> list[Hit]:
            hits: list[Hit] = []
            after = 0
            while True:
                page = answers.assets(after=after, owner=owner)
                kept, lies = self._proven(page, answers, verify)
                _warn(lies)
                hits += kept
                if not page.after or not page.after.isdigit() or int(page.after) <= after:
                    return hits
                after = int(page.after)

        told = chain.from_iterable(asked(self, hub, ask))
        found = _once((hit for hit in told if hit.owner == owner), lambda hit: hit.did)
        return tuple(sorted(found, key=lambda hit: hit.asset_id))

    def find(self, name: str) -> DID:
        """The asset that is called ``owner/name``, or just ``name`` where no other is called so; `owner` is an account.

        Raises `AssetNotFound`, and `AmbiguousAsset` with the choices.
        """
        return by_name(self, name)

    def similar(self, asset: AssetRef, *, limit: int = 10, hub: Hubs = None) -> tuple[Hit, ...]:
        """Assets like one, the most alike first."""
        did = self.did(asset)

        def ask(answers: IndexReader) -> list[Hit]:
            kept, lies = self._proven(answers.similar(did.asset_id, limit=limit), answers, "chain")
            _warn(lies)
            return kept

        ranked = [(-hit.score, place, hit) for hits in asked(self, hub, ask) for place, hit in enumerate(hits)]
        ranked.sort(key=lambda one: one[:2])
        return tuple(_once((hit for *_, hit in ranked), lambda hit: hit.did))[:limit]

    def suggest(self, text: str, *, limit: int = 10, hub: Hubs = None) -> tuple[Suggestion, ...]:
        """Names of assets with a word that begins as the last of the text does."""
        told = asked(self, hub, lambda answers: answers.suggest(text, limit=limit).suggestions)
        in_turn = [one for row in zip_longest(*told) for one in row if one is not None]
        return tuple(_once(in_turn, lambda one: one.did))[:limit]

    # --- Accounts --------------------------------------------------------------------------------

    def owned(
        self, account: str | None = None, *, ends_within: int | None = None, hub: Hubs = None
    ) -> tuple[Held, ...]:
        """What an account (default: the signer) holds, until when; with `ends_within` what ends within so many days."""
        from registry.index.proof import check_owned

        holder = self._account(account)
        if ends_within is not None:
            whole(ends_within, "days", low=0, high=36_500)
        found: dict[tuple[str, int], Held] = {}

        def ask(answers: IndexReader) -> None:
            after = ""
            while True:
                page = answers.owned(holder, after=after)
                owned = list(page.owned)
                if answers.name:
                    owned, lies = check_owned(
                        owned, page.block, holder, self.chain, self.deployment.registry, answers.name
                    )
                    _warn(lies)
                for one in _held(owned, page.time, ends_within):
                    found.setdefault((one.did, one.what.licence), one)
                if not page.after or page.after == after:
                    return
                after = page.after

        asked(self, hub, ask)
        return tuple(found.values())

    def teams_of(self, account: str | None = None, *, hub: Hubs = None) -> tuple[TeamShown, ...]:
        """The teams that an account (default: the signer) is an owner of, as they are now."""
        who = self._account(account)
        told = asked(self, hub, lambda answers: answers.teams(who).teams)
        return tuple(_once(chain.from_iterable(told), lambda one: one.safe))

    def holders(self, asset: AssetRef, *, hub: Hubs = None) -> tuple[Holder, ...]:
        """Who holds licences of an asset, or held them."""
        id = self.did(asset).asset_id

        def ask(answers: IndexReader) -> list[Holder]:
            found: list[Holder] = []
            after = ""
            while True:
                page = answers.holders(id, after=after)
                found += page.holders
                if not page.after or page.after == after:
                    return found
                after = page.after

        told = chain.from_iterable(asked(self, hub, ask))
        return tuple(_once(told, lambda one: (one.licence, one.account)))

    # --- What happened ---------------------------------------------------------------------------

    def sales(
        self, asset: AssetRef | None = None, *, account: str | None = None, limit: int = 100, hub: Hubs = None
    ) -> tuple[SaleLine, ...]:
        """Sales of an asset, to an account, or all, the last first."""
        id = self.did(asset).asset_id if asset is not None else 0
        buyer = to_address(account).lower() if account else ""
        most = whole(limit, "sales", high=200)
        told = asked(self, hub, lambda answers: answers.sales(id=id, account=buyer, limit=most).sales)
        return tuple(_latest(told, lambda one: (one.block, one.log)))[:most]

    def activity(
        self, asset: AssetRef | None = None, *, account: str | None = None, limit: int = 100, hub: Hubs = None
    ) -> tuple[Activity, ...]:
        """What happened to an asset, to an account, or at all, the last first."""
        id = self.did(asset).asset_id if asset is not None else 0
        party = to_address(account).lower() if account else ""
        most = whole(limit, "events", high=200)
        told = asked(self, hub, lambda answers: answers.activity(id=id, account=party, limit=most).activity)
        return tuple(_latest(told, lambda one: (one.block, one.log)))[:most]

    def dropped(self, asset: AssetRef | None = None, *, limit: int = 100, hub: Hubs = None) -> tuple[Activity, ...]:
        """What happened to an asset, or at all, in blocks that the chain dropped within a day, the last first: it did
        not happen, or happened again in another block."""
        id = self.did(asset).asset_id if asset is not None else 0
        most = whole(limit, "events", high=200)
        told = asked(self, hub, lambda answers: answers.dropped(id=id, limit=most).activity)
        return tuple(_latest(told, lambda one: (one.block, one.log, one.tx)))[:most]

    def watch(
        self,
        asset: AssetRef | None = None,
        *,
        account: str | None = None,
        every: float = 2.0,
        seconds: float | None = None,
        hub: Hubs = None,
    ) -> Iterator[Activity]:
        """What happens from now on, as it happens, in order; the chain, or the hubs, are looked at every so many
        seconds.

        Ends after `seconds`, by default never. An event that a fork drops may have been told, and comes again if the
        other side of the fork has it: its ``tx`` is the same. Raises what `Chain` does, and `HubUnavailable`.
        """
        from registry.index.news import news

        did = self.did(asset) if asset is not None else None
        party = to_address(account).lower() if account else ""
        told = news(self, hub, did, party)
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            yield from told.look()
            if until is not None and time.monotonic() >= until:
                return
            time.sleep(every if until is None else min(every, max(0.0, until - time.monotonic())))

    # --- Internal --------------------------------------------------------------------------------

    def _joined(self, hub: Hubs, question: SearchQuery, verify: Verify) -> Page:
        """One page of what several hubs found."""
        from registry.index.joining import HubStream, join

        with ExitStack() as there:
            opened: dict[str, IndexReader] = {}

            def stream(url: str) -> HubStream:
                def ask(asked: SearchQuery) -> tuple[Hits, list[Hit], list[HubLied]]:
                    if url not in opened:
                        opened[url] = there.enter_context(opened_hub(self, url))
                    return self._told(opened[url], asked, verify)

                return HubStream(url, ask)

            streams = [stream(url) for url in named(hub)]
            hits, after = join(streams, question)
        pass_over([one.silent for one in streams if one.silent is not None], len(streams))
        pages = [one.pages[0] for one in streams if one.pages]
        total = max(one.total for one in streams)
        return _page(pages, hits, [lie for one in streams for lie in one.lies], after, total)

    def _told(
        self, answers: IndexReader, question: SearchQuery, verify: Verify
    ) -> tuple[Hits, list[Hit], list[HubLied]]:
        page = answers.search(question)
        return page, *self._proven(page, answers, verify)

    def _proven(self, page: Hits, answers: IndexReader, verify: Verify) -> tuple[list[Hit], list[HubLied]]:
        """What of a page holds. The index of this process has read the chain itself."""
        if not answers.name:
            return [hit.model_copy(update={"proven": True}) for hit in page.hits], []
        hits = [hit.model_copy(update={"hub": answers.name, "proven": False}) for hit in page.hits]
        if verify == "none":
            return hits, []
        from registry.index.proof import check_documents, check_hits, token_addresses

        if verify == "hash":
            return check_documents(hits, answers.document)
        return check_hits(
            hits, page.block, self.chain, self.deployment.registry, token_addresses(self), answers.document
        )

    def _number(self, asset: AssetRef) -> int:
        return int(asset) if isinstance(asset, int) else int(self.did(asset).asset_id)

    def _account(self, account: str | None) -> str:
        return (to_address(account) if account else self.address).lower()

    def _dollars(self, price: str | Amount | None) -> int | None:
        """A price in millionths of a dollar."""
        if price is None:
            return None
        value, symbol = split_price(str(price))
        if value and symbol not in DOLLARS:
            raise InvalidAmount(price, "prices are searched in dollars")
        return min(int(value * 1_000_000), _LARGEST_PRICE)


def by_name(session: Session, name: str) -> DID:
    """See `Searching.find`; handed to a `Session`, it lets every verb take such a name.

    Raises `AssetNotFound` and `AmbiguousAsset`.
    """
    owner, slash, called = name.partition("/")
    if not slash or not owner.startswith("0x"):
        owner, called = "", name
    found = index_of(session).catalogue.named(to_address(owner).lower() if owner else "", called)
    if not found:
        raise AssetNotFound(name, "no asset is called so")
    dids = [DID(session.chain.chain_id, session.deployment.registry, id) for id in found]
    if len(dids) > 1:
        raise AmbiguousAsset(name, [str(did) for did in dids])
    return dids[0]


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _warn(lies: Sequence[HubLied]) -> None:
    for lie in lies:
        warn_caller(lie.message)


def _page(pages: Sequence[Hits], hits: Sequence[Hit], lies: Sequence[HubLied], after: str, total: int) -> Page:
    """A page of hits out of those that hubs told, of which the first counts."""
    _warn(lies)
    return Page(
        hits=tuple(hits),
        total=total,
        more=any(page.more for page in pages),
        facets={name: dict(counted) for page in pages[:1] for name, counted in page.facets.items()},
        near=tuple(word for page in pages[:1] for word in page.near),
        after=after,
        lies=tuple(lies),
    )


def _once(told: Iterable[T], key: Callable[[T], Hashable]) -> Iterator[T]:
    """What several hubs told, each thing as the first of them has it."""
    seen: set[Hashable] = set()
    for one in told:
        if (name := key(one)) not in seen:
            seen.add(name)
            yield one


def _latest(told: Sequence[Sequence[T]], place: Callable[[T], Any]) -> Iterator[T]:
    """The same in the order of the chain, the last first."""
    return iter(sorted(_once(chain.from_iterable(told), place), key=place, reverse=True))


def _held(owned: Iterable[Owned], now: int, ends_within: int | None) -> Iterator[Held]:
    """Holdings in words at a time in seconds since 1970, all or those that end within so many days."""
    for one in owned:
        ends = one.ends_in(now)
        soon = ends is not None and ends_within is not None and 0 < ends <= ends_within * 86_400
        if ends_within is None or soon:
            named = one.licence_name or str(one.licence)
            yield Held(one.did, one.name, named, one.active, ends, one.words_at(now), one)
