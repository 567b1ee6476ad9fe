"""The statements about the assets of one registry, kept beside its index: which are taken, and how they are read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from registry.chain.connection import Chain
from registry.documents.signed_statements import (
    AccessAnswer,
    AccessRequest,
    Comment,
    Fold,
    SignedStatement,
    TalkStatement,
    Withdrawal,
    read_statement,
)
from registry.errors import InputError
from registry.index.conversation import DAY, Speaker, may_say, unsigned
from registry.index.entries import AssetEntry
from registry.index.events import Contracts
from registry.index.library import Library
from registry.index.models import BlockShown, StatementNames, Statements
from registry.index.tables import NOTHING, Row, gives_access
from registry.ipfs.cid import CID
from registry.types import terms_of

__all__ = ["TalkBook"]

MONTH: Final = 30 * DAY

LARGEST: Final = 2**63 - 1

INLINE: Final = 512 * 1024
"""Bytes of statements on a page, and one more statement."""

ROOM: Final = 1_000_000
"""Statements that a book takes at all: a disk that is full would stop the index as well. Requests of accounts that hold
nothing get half of it."""

_OF_REQUESTS: Final = ("request", "answer", "withdrawal")


class TalkBook:
    """What is said of the assets of the registry that `library` is the index of.

    Accounts and assets are judged by the index, signatures of contracts at its last block by the node behind `chain`;
    `clock` gives seconds since 1970, and `room` is for so many statements. Raises `IndexFault`.
    """

    def __init__(
        self,
        library: Library,
        contracts: Contracts,
        chain: Chain,
        *,
        clock: Callable[[], float] = time.time,
        room: int = ROOM,
    ) -> None:
        self._library = library
        self._store = library.store
        self._contracts = contracts
        self._chain = chain
        self._clock = clock
        self._room = room
        self._registry = f"{chain.chain_id}:{contracts.registry}"

    # --- Taking ----------------------------------------------------------------------------------

    def take(self, data: bytes, *, fresh: bool = True) -> bool:
        """Take a signed statement; says whether it is new. With `fresh` it may be a day old, without, as when another
        hub tells of it, as old as its asset.

        Raises `InputError` for what is none, of another registry, not signed by its account, or more than the account
        may say; `ConnectionFailed` if a contract's signature cannot be looked at.
        """
        signed = read_statement(data)
        said = signed.said
        entry = self._subject(said)
        if self.has(said.cid):
            return False
        now = max(int(self._clock()), self._library.now)
        since = max(entry.published, now - DAY if fresh else 0)
        # What costs little comes first: a node is asked about nothing that is refused anyway.
        speaker = self._speaker(said, entry)
        may_say(said, speaker, now=now, since=since)
        self._require_room(said, speaker)
        self._require_reference(said)
        if unsigned([signed], self._chain, max(0, (self._store.head() or (0, ""))[0])):
            raise InputError(f"{said.account} did not sign that.", hint="Sign it with the account that it names.")
        with self._store.writing():
            if self.has(said.cid):
                return False
            may_say(said, self._speaker(said, entry, known=speaker), now=now, since=since)
            self._store.put("statement", [self._row(signed, speaker)])
        return True

    def has(self, cid: CID) -> bool:
        """Whether it is here."""
        return bool(self._store.rows("SELECT 1 FROM statement WHERE id = ?", bytes(cid.digest)))

    def _row(self, signed: SignedStatement, speaker: Speaker) -> Row:
        said = signed.said
        return {
            "id": bytes(said.cid.digest),
            "registry": self._registry,
            "asset": said.did.asset_id,
            "kind": said.kind,
            "account": said.account,
            "time": said.time,
            "stranger": int(speaker.is_stranger),
            "seq": self.last + 1,
            "bytes": signed.to_bytes(),
        }

    def _require_room(self, said: TalkStatement, speaker: Speaker) -> None:
        """Raise `InputError` if no more is taken; what was said can be withdrawn at any time."""
        room = self._room // 2 if said.kind == "request" and speaker.is_stranger else self._room
        if said.kind != "withdrawal" and self.last >= room:
            raise InputError("This hub has no room for more statements.", hint="Hand it in at another one.")

    def _subject(self, said: TalkStatement) -> AssetEntry:
        """The asset that is spoken of. Raises `InputError` for one that is not of this registry."""
        did = said.did
        here = (did.chain_id, did.registry.lower()) == (self._chain.chain_id, self._contracts.registry)
        found = self._library.made_now([did.asset_id]) if here and did.asset_id <= LARGEST else []
        if not found:
            raise InputError(f"There is no asset {said.asset} here.", hint="Name an asset of this hub's registry.")
        if said.kind == "request" and not found[0].minted:
            raise InputError(f"{said.asset} is an item that nobody owns.", hint="Ask for access to its collection.")
        return found[0]

    def _speaker(self, said: TalkStatement, entry: AssetEntry, *, known: Speaker | None = None) -> Speaker:
        """What the account is to the asset; `known` is what was found before, of which only counts are taken anew."""
        account, asset = said.account, said.did.asset_id
        owner, holder, paid, council, seen = (
            (
                entry.owner == account,
                self._holds(account, asset),
                bool(self._store.rows(_PAID, asset, account, NOTHING)),
                said.kind == "fold" and self.council == account,
                said.kind == "request" and self._is_seen(account),
            )
            if known is None
            else (known.owner, known.holder, known.paid, known.council, known.seen)
        )
        # Whole days: of a day before the time that a statement has, more would fit in if they came in falling order.
        day = said.time // DAY * DAY
        of_account, of_asset = (self._registry, account), (self._registry, asset)
        return Speaker(
            owner=owner,
            holder=holder,
            paid=paid,
            council=council,
            seen=owner or holder or paid or seen,
            today=self._count("account = ? AND time >= ? AND time < ?", *of_account, day, day + DAY),
            said=self._count("asset = ? AND account = ?", *of_asset, account),
            withdrawn=self._count("asset = ? AND kind = 'withdrawal' AND account = ?", *of_asset, account)
            if said.kind == "withdrawal"
            else 0,
            others=self._count("asset = ? AND account <> ?", *of_asset, account) if owner or council else 0,
            asked=self._count(
                "asset = ? AND kind = 'request' AND account = ? AND time > ? AND time < ?",
                *of_asset,
                account,
                said.time - MONTH,
                said.time + MONTH,
            ),
            crowd=self._count(
                "asset = ? AND kind = 'request' AND stranger = 1 AND time >= ? AND time < ?", *of_asset, day, day + DAY
            ),
        )

    def _count(self, where: str, *values: object) -> int:
        return int(self._store.rows(f"SELECT count(*) FROM statement WHERE registry = ? AND {where}", *values)[0][0])

    def _holds(self, account: str, asset: int) -> bool:
        rows = list(self._store.each("holding", "WHERE account = ? AND asset = ?", account, asset))
        terms, now = terms_of(asset), self._library.now
        licences = self._store.load("licence", [(terms, row["licence"]) for row in rows])
        return any(gives_access(row, licences[terms, row["licence"]]["kind"], now) for row in rows)

    def _is_seen(self, account: str) -> bool:
        """Whether an account cost somebody something: a million keys without a coin are made in a minute."""
        return self._chain.balance(account) > 0 or self._chain.has_code(account)

    def _require_reference(self, said: TalkStatement) -> None:
        """Raise `InputError` for what speaks of a statement that is not here, or that it cannot speak of."""
        kind: type[TalkStatement]
        match said:
            case Withdrawal():
                wanted, kind = said.statement, TalkStatement
            case Fold():
                wanted, kind = said.statement, Comment
            case AccessAnswer():
                wanted, kind = said.request, AccessRequest
            case _:
                return
        data = self.read(bytes.fromhex(wanted[2:]))
        found = read_statement(data).said if data is not None else None
        fits = isinstance(found, kind) and found.asset == said.asset
        if found is None or not fits or (said.kind == "withdrawal" and found.account != said.account):
            raise InputError(
                f"There is no statement {wanted} of which {said.account} could say that.",
                hint="Name one about the same asset that this hub has.",
            )

    # --- Reading ---------------------------------------------------------------------------------

    @property
    def council(self) -> str:
        """The council of curation now, "" for none."""
        row = list(
            self._store.each("event", "WHERE name = ? ORDER BY block DESC, log DESC LIMIT 1", "Curation.CouncilNamed")
        )
        for event in self._store.events(row, self._contracts):
            if event.arguments["until"] >= self._library.now:
                return str(event.arguments["council"])
        return ""

    @property
    def last(self) -> int:
        """The number of the last that was taken, 0 before the first."""
        return int(self._store.rows("SELECT max(seq) FROM statement")[0][0] or 0)

    def count(self) -> int:
        """How many there are of this registry."""
        return int(self._store.rows("SELECT count(*) FROM statement WHERE registry = ?", self._registry)[0][0])

    def read(self, digest: bytes) -> bytes | None:
        """A signed statement by the digest in its name."""
        rows = self._store.rows("SELECT bytes FROM statement WHERE id = ? AND registry = ?", digest, self._registry)
        return bytes(rows[0][0]) if rows else None

    def names(self, *, after: str = "", limit: int = 200) -> StatementNames:
        """The names of all, in the order in which they were taken; where a page ends, others will go on one day."""
        rows = self._store.rows(
            "SELECT seq, id FROM statement WHERE registry = ? AND seq > ? ORDER BY seq LIMIT ?",
            self._registry,
            _place(after, 0),
            limit,
        )
        told = tuple(str(CID.from_digest(bytes(id))) for _, id in rows)
        return StatementNames(names=told, after=str(rows[-1][0]) if rows else after)

    def of_asset(self, asset: int, *, after: str = "", limit: int = 200) -> Statements:
        """What is said of an asset."""
        return self._statements("AND asset = ?", (asset,), after, limit)

    def of_account(self, account: str, *, after: str = "", limit: int = 200) -> Statements:
        """What an account says."""
        return self._statements("AND account = ?", (account,), after, limit, by="+seq")

    def of_inbox(self, owner: str, *, after: str = "", limit: int = 200) -> Statements:
        """Requests for the assets of an owner, with what was answered and withdrawn there."""
        kinds = ", ".join(f"'{one}'" for one in _OF_REQUESTS)
        where = f"AND kind IN ({kinds}) AND asset IN (SELECT id FROM asset WHERE owner = ?)"
        return self._statements(where, (owner,), after, limit, by="+seq")

    def _statements(self, where: str, values: Sequence[Any], after: str, limit: int, *, by: str = "seq") -> Statements:
        """The newest first: whoever reads some pages only is not kept from what is new by a heap of what is old. `by`
        is how they are sorted: ``+seq`` keeps a database from reading all statements in their order to find a few."""
        number, hash_ = self._store.head() or (0, "")
        rows = self._store.rows(
            f"SELECT seq, bytes FROM statement WHERE registry = ? {where} AND seq < ? ORDER BY {by} DESC LIMIT ?",
            self._registry,
            *values,
            _place(after, LARGEST),
            limit + 1,
        )
        told, left = list[str](), INLINE
        for _, data in rows[:limit]:
            if left < 0:
                break
            told.append(bytes(data).decode())
            left -= len(data)
        return Statements(
            block=BlockShown(number=max(0, number), hash=hash_ or "0x" + "00" * 32),
            statements=tuple(told),
            after="" if len(rows) == len(told) else str(rows[len(told) - 1][0]),
        )

    # --- Of other hubs ---------------------------------------------------------------------------

    def pulled_from(self, hub: str) -> str:
        """Up to where a hub was read; "" once a day, since what was refused may be right by now."""
        row = self._store.load("pulled", [(hub,)]).get((hub,))
        return "" if row is None or row["begun"] < self._clock() - DAY else str(row["after"])

    def note_pulled(self, hub: str, after: str) -> None:
        """Note up to where it was read."""
        begun = int(self._clock())
        if self.pulled_from(hub):
            begun = self._store.load("pulled", [(hub,)])[hub,]["begun"]
        with self._store.writing():
            self._store.put("pulled", [{"hub": hub, "after": int(after), "begun": begun}])


_PAID: Final = "SELECT 1 FROM sale WHERE asset = ? AND buyer = ? AND total > ? LIMIT 1"


def _place(after: str, start: int) -> int:
    """Where a page goes on. Raises `InputError`."""
    if not after:
        return start
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise InputError(f"{after[:60]!r} is not where a page ended.", hint="Pass on what the page before said.")
    return int(after)
