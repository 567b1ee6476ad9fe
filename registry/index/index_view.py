"""The questions of readers, answered from one index: for the verbs of the client, and by a hub for everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from registry.did import DID
from registry.errors import InputError
from registry.index import rank
from registry.index.entries import AssetEntry
from registry.index.events import Contracts
from registry.index.fold import KEPT
from registry.index.index_reader import MOST
from registry.index.library import Library
from registry.index.models import (
    Activity,
    ActivityPage,
    BlockShown,
    DelegateShown,
    Earned,
    Earnings,
    Hit,
    Hits,
    Holder,
    Holders,
    OfferShown,
    Owned,
    OwnedList,
    Power,
    Root,
    RunsShown,
    SaleLine,
    Sales,
    StatementNames,
    Statements,
    Suggestion,
    Suggestions,
    TeamShown,
    TeamsShown,
    TreeNode,
    Worth,
)
from registry.index.power import gini, nakamoto
from registry.index.questions import QUESTIONS
from registry.index.roots import Rooted, Roots
from registry.index.search.finder import Found
from registry.index.search.query import SearchQuery
from registry.index.search_text import words
from registry.index.tables import NOTHING, ZERO, Row, gives_access
from registry.index.talk_book import TalkBook
from registry.ipfs.nesting import load_json
from registry.types import terms_of

__all__ = ["IndexView"]

INLINE: Final = 8_192
"""Bytes of a document up to which it comes along with a hit."""


class IndexView:
    """An `IndexReader` of the tables and the search of one `library`, and the `book` of what is said; `did` makes the
    DID of a number."""

    name: str = ""

    def __init__(self, library: Library, contracts: Contracts, did: Callable[[int], DID], book: TalkBook) -> None:
        self.library = library
        self.book = book
        self._store = library.store
        self._contracts = contracts
        self._did = did
        self._roots = Roots(library.store)

    # --- Assets ----------------------------------------------------------------------------------

    @property
    def block(self) -> BlockShown:
        """The last block that was taken."""
        number, hash_ = self._store.head() or (0, "0x" + "00" * 32)
        return BlockShown(number=max(0, number), hash=hash_ or "0x" + "00" * 32)

    def search(self, question: SearchQuery, *, facets: bool = True) -> Hits:
        """A page of hits. Raises `InputError` and `IndexFault`."""
        block = self.block
        answer = self.library.search(question, facets=facets)
        return Hits(
            block=block,
            total=answer.total,
            more=answer.more,
            hits=self._hits([hit.entry for hit in answer.hits], answer.hits),
            facets={name: dict(counted) for name, counted in answer.facets.items()},
            after=answer.after,
            near=answer.near,
            ranking=rank.VERSION,
        )

    def assets(self, *, after: int = 0, owner: str = "", limit: int = 100) -> Hits:
        """All assets by number after one, of an owner or of all."""
        block = self.block
        where, values = ("AND owner = ?", (owner,)) if owner else ("", ())
        rows = self._store.rows(
            f"SELECT id FROM asset WHERE id > ? {where} ORDER BY id LIMIT ?", after, *values, limit + 1
        )
        ids = [id for (id,) in rows[:limit]]
        total = self._store.rows(f"SELECT count(*) FROM asset WHERE id > 0 {where}", *values)[0][0]
        going_on = str(ids[-1]) if len(rows) > limit else ""
        return Hits(block=block, total=total, hits=self._hits(self.library.entries(ids)), after=going_on)

    def asset(self, id: int) -> Hit | None:
        """One asset, None for a number that none has."""
        entry = self.library.entry(id)
        hits = self._hits([entry]) if entry is not None else ()
        return hits[0] if hits else None

    def some(self, ids: Sequence[int]) -> Hits:
        """Some assets, in their order; numbers that none has are left out."""
        block = self.block
        found = self.library.entries(ids)
        return Hits(block=block, total=len(found), hits=self._hits(found))

    def similar(self, id: int, *, limit: int = 10) -> Hits:
        """Assets like one."""
        block, entry = self.block, self.library.entry(id)
        found = self.library.finder.similar(entry, self.library.now, limit) if entry is not None else []
        return Hits(block=block, total=len(found), hits=self._hits([one.entry for one in found], found))

    def suggest(self, begun: str, *, limit: int = 10) -> Suggestions:
        """Names with a word that begins like the last that was typed."""
        typed = words(begun[:256])
        if not typed:
            return Suggestions()
        found = self.library.engine.completions(typed[-1], limit)
        return Suggestions(
            suggestions=tuple(Suggestion(name=name, did=str(self._did(id))) for name, id in found if name)
        )

    def named(self, owner: str, name: str) -> list[int]:
        """Numbers of the assets of an owner (all owners for "") that are called so."""
        found = self.library.engine.shelf.named(name)
        return [id for id, holder in found if not owner or holder == owner]

    def _hits(self, entries: Sequence[AssetEntry], found: Sequence[Found] = ()) -> tuple[Hit, ...]:
        scored = {one.entry.id: one for one in found}
        entries = self._items_now(entries)
        listed = self._store.load("item", [(entry.id,) for entry in entries if not entry.minted])
        digests = [(bytes.fromhex(entry.digest),) for entry in entries if entry.status == "have"]
        documents = self._store.load("document", digests)
        proofs = {key[0]: row["proof"] for key, row in listed.items()}
        now = self.library.now
        return tuple(self._hit(one, scored.get(one.id), documents, proofs.get(one.id, b""), now) for one in entries)

    def _items_now(self, entries: Sequence[AssetEntry]) -> list[AssetEntry]:
        """Entries, those of items made anew: what they share with their collection reaches a search later."""
        now = {one.id: one for one in self.library.made_now([one.id for one in entries if one.collection])}
        for entry in entries:
            if entry.id in now:
                now[entry.id].looks_like = entry.looks_like
        return [now.get(one.id, one) for one in entries if not one.collection or one.id in now]

    def _hit(self, entry: AssetEntry, found: Found | None, documents: Any, proof: bytes, now: int) -> Hit:
        document = documents.get((bytes.fromhex(entry.digest),))
        data = document["bytes"] if document is not None else b""
        quality = found.quality if found is not None else entry.quality(now)
        return Hit(
            did=str(self._did(entry.id)),
            owner=entry.owner,
            digest=entry.digest or "0" * 64,
            version=entry.version,
            state=entry.state,
            delisted=entry.delisted,
            status=entry.status,
            block=entry.block,
            published=entry.published,
            changed=entry.changed,
            name=entry.name,
            type=entry.type,
            license=entry.license,
            author=entry.author,
            description=entry.description,
            tags=tuple(entry.tags),
            formats=tuple(entry.formats),
            size=entry.size,
            gated=entry.gated,
            computable=entry.computable,
            runs=RunsShown.of(load_json(data)) if entry.computable and data else None,
            endorsed=entry.endorsed,
            standards=tuple(entry.standards),
            parents=tuple(entry.parents),
            sales=entry.sales,
            offers=tuple(OfferShown(**one) for one in entry.offers),
            faults=tuple(entry.faults),
            tries=entry.tries,
            collection=entry.collection,
            minted=entry.minted,
            proof=tuple(proof[at : at + 32].hex() for at in range(0, len(proof), 32)),
            items=entry.items,
            looks_like=str(self._did(entry.looks_like)) if entry.looks_like else "",
            score=round(found.score, 9) if found is not None else 0.0,
            text={name: round(part, 9) for name, part in found.text.items()} if found is not None else {},
            quality=Worth(**{name: round(part, 9) for name, part in quality.to_dict().items()}),
            document=data.decode() if len(data) <= INLINE else "",
        )

    # --- Accounts --------------------------------------------------------------------------------

    def owned(self, account: str, *, after: str = "", limit: int = MOST) -> OwnedList:
        """What an account holds, by asset and licence."""
        block, now = self.block, self.library.now
        asset, licence = _cursor(after, 2)
        rows = list(
            self._store.each(
                "holding",
                "WHERE account = ? AND (asset, licence) > (?, ?) ORDER BY asset, licence LIMIT ?",
                account,
                asset,
                licence,
                limit + 1,
            )
        )
        shown = rows[:limit]
        licences = self._store.load("licence", list({(terms_of(row["asset"]), row["licence"]) for row in shown}))
        entries = self.library.engine.shelf.entries(list({row["asset"] for row in shown}))
        owned = []
        for row in shown:
            kind = licences[terms_of(row["asset"]), row["licence"]]["kind"]
            entry = entries.get(row["asset"])
            offers = {one["number"]: one["name"] for one in entry.offers} if entry else {}
            owned.append(
                Owned(
                    did=str(self._did(row["asset"])),
                    name=entry.name if entry else "",
                    licence=row["licence"],
                    licence_name=offers.get(row["licence"], ""),
                    kind=kind,
                    active=gives_access(row, kind, now),
                    held=bool(row["held"]),
                    expires=row["expires"],
                    uses=str(row["uses"]),
                    tokens=str(row["tokens"]),
                )
            )
        going_on = f"{shown[-1]['asset']}.{shown[-1]['licence']}" if len(rows) > limit else ""
        return OwnedList(block=block, time=now, owned=tuple(owned), after=going_on)

    def holders(self, id: int, *, after: str = "", limit: int = MOST) -> Holders:
        """Who holds licences of an asset, by licence and account."""
        block, now = self.block, self.library.now
        licence, account = _named_cursor(after)
        rows = list(
            self._store.each(
                "holding",
                "WHERE asset = ? AND (licence, account) > (?, ?) ORDER BY licence, account LIMIT ?",
                id,
                licence,
                account,
                limit + 1,
            )
        )
        shown = rows[:limit]
        terms = terms_of(id)
        licences = self._store.load("licence", list({(terms, row["licence"]) for row in shown}))
        holders = tuple(
            Holder(
                account=row["account"],
                licence=row["licence"],
                kind=licences[terms, row["licence"]]["kind"],
                active=gives_access(row, licences[terms, row["licence"]]["kind"], now),
                held=bool(row["held"]),
                expires=row["expires"],
                uses=str(row["uses"]),
                tokens=str(row["tokens"]),
            )
            for row in shown
        )
        going_on = f"{shown[-1]['licence']}.{shown[-1]['account']}" if len(rows) > limit else ""
        return Holders(block=block, holders=holders, after=going_on)

    def teams(self, account: str) -> TeamsShown:
        """TeamsShown that an account is an owner of."""
        block = self.block
        safes = [
            row["safe"] for row in self._store.each("member", "WHERE account = ? ORDER BY safe LIMIT ?", account, MOST)
        ]
        teams = self._store.load("team", [(safe,) for safe in safes])
        shown = []
        for safe in safes:
            if (safe,) in teams:
                members = self._store.each("member", "WHERE safe = ? ORDER BY account LIMIT ?", safe, MOST)
                shown.append(
                    TeamShown(
                        safe=safe,
                        owners=tuple(row["account"] for row in members),
                        threshold=teams[(safe,)]["threshold"],
                        splitter=teams[(safe,)]["splitter"],
                    )
                )
        return TeamsShown(block=block, teams=tuple(shown))

    # --- What happened ---------------------------------------------------------------------------

    def sales(self, *, id: int = 0, account: str = "", after: str = "", limit: int = MOST) -> Sales:
        """Sales of an asset, to an account, or all, the last first."""
        block = self.block
        where, values = _narrowed(after)
        if id:
            where, values = [*where, "asset = ?"], [*values, id]
        if account:
            where, values = [*where, "buyer = ?"], [*values, account]
        clause = f"WHERE {' AND '.join(where)} " if where else ""
        rows = list(self._store.each("sale", f"{clause}ORDER BY block DESC, log DESC LIMIT ?", *values, limit + 1))
        lines = tuple(
            SaleLine(
                did=str(self._did(row["asset"])),
                licence=row["licence"],
                buyer=row["buyer"],
                token=row["token"],
                total=str(row["total"]),
                fee=str(row["fee"]),
                royalty=str(row["royalty"]),
                time=row["time"],
                block=row["block"],
                log=row["log"],
            )
            for row in rows[:limit]
        )
        return Sales(block=block, sales=lines, after=_place_after(rows, limit))

    def earnings(self, id: int) -> Earnings:
        """What the sales of an asset took, by token; of 20,000 sales at most."""
        block = self.block
        sums: dict[str, list[int]] = {}
        for token, *amounts in self._store.rows(
            "SELECT token, total, fee, royalty FROM sale WHERE asset = ? LIMIT 20000", id
        ):
            held = sums.setdefault(token, [0, 0, 0])
            for place, amount in enumerate(amounts):
                held[place] += int.from_bytes(amount, "big")
        earned = (
            Earned(token=token, total=str(total), fee=str(fee), royalty=str(royalty))
            for token, (total, fee, royalty) in sums.items()
        )
        return Earnings(block=block, earned=tuple(earned))

    def power(self) -> Power:
        """Who can cast the votes of the DAO; of the 20,000 with the most."""
        block = self.block
        votes = [
            (account, int.from_bytes(amount, "big"))
            for account, amount in self._store.rows(
                "SELECT account, votes FROM delegate WHERE votes > ? AND account <> ? "
                "ORDER BY votes DESC, account LIMIT 20000",
                NOTHING,
                ZERO,
            )
        ]
        amounts = [amount for _, amount in votes]
        return Power(
            block=block,
            delegates=len(votes),
            delegated=str(sum(amounts)),
            gini=float(gini(amounts)),
            nakamoto=nakamoto(amounts),
            ranked=tuple(DelegateShown(account=account, votes=str(amount)) for account, amount in votes[:10]),
        )

    def rows(self, question: str, *values: Any) -> list[Row]:
        """The answer to one of `QUESTIONS`. Raises `IndexFault`."""
        asked = QUESTIONS[question]
        where, given = asked.statement(values)
        return list(self._store.each(asked.table, where, *given))

    def activity(
        self,
        *,
        id: int = 0,
        account: str = "",
        after: str = "",
        limit: int = MOST,
        names: frozenset[str] = frozenset(),
    ) -> ActivityPage:
        """What happened to an asset, to an account, or at all, the last first; with `names` only events called so."""
        block = self.block
        if account:
            where, values = _narrowed(after)
            clause = " AND ".join(["account = ?", *where])
            places = self._store.rows(
                f"SELECT block, log FROM party WHERE {clause} ORDER BY block DESC, log DESC LIMIT ?",
                account,
                *values,
                limit + 1,
            )
            kept = self._store.load("event", [tuple(place) for place in places])
            rows = [kept[tuple(place)] for place in places if tuple(place) in kept]
            rows = [row for row in rows if not id or row["asset"] == id]
            if names:
                rows = [row for row in rows if row["name"].partition(".")[2] in names]
        else:
            where, values = _narrowed(after)
            if id:
                where, values = [*where, "asset = ?"], [*values, id]
            if names:
                keys = sorted(key for key in KEPT if key.partition(".")[2] in names) or [""]
                where, values = [*where, f"name IN ({', '.join('?' * len(keys))})"], [*values, *keys]
            clause = f"WHERE {' AND '.join(where)} " if where else ""
            rows = list(self._store.each("event", f"{clause}ORDER BY block DESC, log DESC LIMIT ?", *values, limit + 1))
        shown = self._told(rows[:limit])
        return ActivityPage(block=block, activity=shown, after=_place_after(rows, limit))

    def dropped(self, *, id: int = 0, after: str = "", limit: int = MOST) -> ActivityPage:
        """What happened in blocks that were dropped within a day, to an asset or at all, the last dropped first."""
        block = self.block
        where, values = (["number < ?"], list(_cursor(after, 1))) if after else ([], [])
        if id:
            where, values = [*where, "asset = ?"], [*values, id]
        clause = f"WHERE {' AND '.join(where)} " if where else ""
        rows = list(self._store.each("dropped", f"{clause}ORDER BY number DESC LIMIT ?", *values, limit + 1))
        going_on = str(rows[limit - 1]["number"]) if len(rows) > limit else ""
        told = tuple(one.model_copy(update={"final": False, "dropped": True}) for one in self._told(rows[:limit]))
        return ActivityPage(block=block, activity=told, after=going_on)

    def since(self, block: int, log: int, *, limit: int = MOST) -> tuple[Activity, ...]:
        """What happened after a place on chain, in order."""
        rows = list(
            self._store.each("event", "WHERE (block, log) > (?, ?) ORDER BY block, log LIMIT ?", block, log, limit)
        )
        return self._told(rows)

    def _told(self, rows: Sequence[Row]) -> tuple[Activity, ...]:
        final = int(self._store.facts().get("final", -1))
        return tuple(
            Activity(
                block=event.block,
                log=event.log,
                time=event.time,
                tx=event.tx,
                contract=event.address,
                event=event.plan.name,
                did=str(self._did(event.subject)) if event.subject else "",
                arguments={name: _plain(value) for name, value in event.arguments.items()},
                final=event.block <= final,
            )
            for event in self._store.events(rows, self._contracts)
        )

    # --- Proof -----------------------------------------------------------------------------------

    def document(self, digest: bytes) -> bytes | None:
        """A document by its digest, None for one that is not here."""
        found = self._store.load("document", [(digest,)])
        for row in found.values():
            if row["status"] == "have":
                return bytes(row["bytes"])
        return None

    def root(self, *, block: int | None = None) -> Root:
        """The root over all assets at the last final block, or at one before it. Raises `InputError`."""
        found = self._rooted(block)
        return Root(
            block=BlockShown(number=found.final, hash=found.hash),
            at=found.at,
            root=found.tree.root.hex(),
            assets=found.tree.size,
            levels=found.tree.levels,
        )

    def _rooted(self, block: int | None) -> Rooted:
        return self._roots.at_final() if block is None else self._roots.at(block, self._contracts)

    def node(self, level: int, place: int, *, block: int | None = None) -> TreeNode | None:
        """A node of the tree below that root, None for one that is not there. Raises `InputError`."""
        try:
            below = self._rooted(block).tree.below(level, place)
        except KeyError:
            return None
        return TreeNode(level=level, place=place, below=tuple(one.hex() for one in below))

    # --- What people say -------------------------------------------------------------------------

    def say(self, statement: bytes) -> bool:
        """Hand in a signed statement; see `TalkBook.take`."""
        return self.book.take(statement)

    def statement(self, digest: bytes) -> bytes | None:
        """A signed statement by the digest in its name."""
        return self.book.read(digest)

    def statement_names(self, *, after: str = "", limit: int = MOST) -> StatementNames:
        """Names of all statements."""
        return self.book.names(after=after, limit=limit)

    def statements(self, id: int, *, after: str = "", limit: int = MOST) -> Statements:
        """What is said of an asset."""
        return self.book.of_asset(id, after=after, limit=limit)

    def statements_by(self, account: str, *, after: str = "", limit: int = MOST) -> Statements:
        """What an account says."""
        return self.book.of_account(account, after=after, limit=limit)

    def inbox(self, account: str, *, after: str = "", limit: int = MOST) -> Statements:
        """Requests for the assets of an account, with what was answered and withdrawn there."""
        return self.book.of_inbox(account, after=after, limit=limit)


def _cursor(after: str, parts: int) -> tuple[int, ...]:
    if not after:
        return (-1,) * parts
    found = after.split(".")
    if len(found) != parts or not all(one.isascii() and one.isdigit() and len(one) < 20 for one in found):
        raise InputError(f"{after[:60]!r} is not where a page ended.", hint="Pass on what the page before said.")
    return tuple(int(one) for one in found)


def _named_cursor(after: str) -> tuple[int, str]:
    if not after:
        return -1, ""
    licence, _, account = after.partition(".")
    return _cursor(licence, 1)[0], account[:42]


def _narrowed(after: str) -> tuple[list[str], list[Any]]:
    if not after:
        return [], []
    return ["(block, log) < (?, ?)"], list(_cursor(after, 2))


def _place_after(rows: Sequence[Row], limit: int) -> str:
    return f"{rows[limit - 1]['block']}.{rows[limit - 1]['log']}" if len(rows) > limit else ""


def _plain(value: Any) -> Any:
    """An argument as JSON that every reader keeps exactly."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, (bool, str)) else str(value)
