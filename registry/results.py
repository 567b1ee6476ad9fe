"""What the verbs return: small frozen objects that read as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from registry.did import DID
from registry.documents.comparing import DocumentChanges
from registry.documents.ddo import DDO
from registry.documents.licence import Kind, Licence
from registry.ipfs.cid import CID
from registry.money import Amount
from registry.text.html import Shown
from registry.types import Address, Digest

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.chain.logs import TxReceipt


@dataclass(frozen=True, slots=True)
class Done(Shown):
    """What a transaction did, or would do.

    `cost` is the estimate for a dry run and what was paid otherwise; `tx` is None for a dry run, and where nothing was
    left to be sent. `before` says that it was done before, so that nothing is sent and it costs nothing. `left_out` is
    as of `Published`, for an update with new content.
    """

    what: str
    cost: Cost
    tx: TxReceipt | None
    before: bool = False
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.before:
            return f"{self.what}: that was done before, nothing was sent"
        return f"{self.what} ({self.cost}{', nothing was sent' if self.tx is None else ''})"


class State(IntEnum):
    """What the owner says of an asset; the numbers are those of the contracts."""

    ACTIVE = 0
    SUSPENDED = 1
    RETIRED = 2


class CurationStatus(IntEnum):
    """What the community says of an asset, the gravest of what holds; the numbers are those of the contracts."""

    UNLISTED = 0
    ENDORSED = 1
    FLAGGED = 2
    DELISTED = 3


@dataclass(frozen=True, slots=True)
class Listing(Shown):
    """What curation holds of an asset.

    `reason` is the document about the endorsement or the delisting, whichever holds; `delisted_until` is in seconds
    since 1970, 0 for a delisting that does not end by itself.
    """

    status: CurationStatus
    reason: CID | None
    delisted_until: int
    open_flags: int

    def in_words(self) -> str:
        """What holds, as a clause without its subject."""
        words = self.status.name.lower()
        if self.status is CurationStatus.DELISTED and self.delisted_until:
            end = datetime.fromtimestamp(min(self.delisted_until, 253402300799), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            words += f" until {end}"
        if self.open_flags:
            words += f", {self.open_flags} open flag{'s' * (self.open_flags != 1)}"
        return words


@dataclass(frozen=True, slots=True)
class Offer(Shown):
    """A licence as the chain has it.

    ============ ======================================================================
    number       its place in the asset, from 0
    quantity     seconds for a period and a stream, uses for uses, 0 for hold
    price        of one unit, for a stream of so many seconds; None is free
    issued       units given out so far; None where there is no cap, since nobody counts then
    digest       of the document that it was seen with, which an order names
    minimum      seconds of the smallest stay, which are not refunded, for a stream
    runs         whether the seconds are those of runs in escrow, and give no access
    ============ ======================================================================
    """

    did: DID
    number: int
    name: str
    kind: Kind
    quantity: int
    price: Amount | None
    cap: int | None
    issued: int | None
    limit: int | None
    open: bool
    digest: Digest
    minimum: int = 0
    runs: bool = False
    description: str = ""
    terms: str = ""

    def in_row(self) -> dict[str, Any]:
        """What a table of offers tells of it: the asset is the same in all of them."""
        return {"number": self.number, "licence": self.name, "offers": self.in_words(), "description": self.description}

    def in_words(self) -> str:
        """The offer as a sentence without its name."""
        words = Licence(
            name=self.name,
            kind=self.kind,
            quantity=self.quantity,
            price=self.price.decimal if self.price else Decimal(0),
            token=self.price.token if self.price else None,
            cap=self.cap,
            limit=self.limit,
            minimum=self.minimum,
            runs=self.runs,
        ).in_words()
        return words if self.open else f"{words} (closed)"


@dataclass(frozen=True, slots=True)
class Asset(Shown):
    """An asset as it is now: what the chain says, and its verified document.

    `version` counts the documents, `transfers` the changes of hands; `payout` receives the revenue. `listing` is what
    curation says, None where there is no DAO. Of an item that is not `minted` all but its document is the collection's.
    """

    did: DID
    owner: Address
    payout: Address
    state: State
    delisted: bool
    version: int
    transfers: int
    digest: Digest
    ddo: DDO
    licences: tuple[Offer, ...]
    listing: Listing | None = None
    minted: bool = True

    @property
    def cid(self) -> CID:
        """CID of the document."""
        return CID.from_digest(self.digest)

    @property
    def name(self) -> str:
        """Name in the document."""
        return self.ddo.name

    @property
    def for_sale(self) -> bool:
        """Whether licences can be ordered now."""
        return self.state is State.ACTIVE and not self.delisted

    def __str__(self) -> str:
        return f"{self.ddo.type} {self.name!r} {self.did}"


@dataclass(frozen=True, slots=True)
class AssetVersion(Shown):
    """One of the documents that an asset had.

    `publisher` is who sent it, `time` in seconds since 1970, `tx` the hash of the transaction; they are None for an
    item that nobody minted. `size` is of its content in bytes, `changes` what differs from the version before; both are
    None where the documents cannot be had.
    """

    number: int
    cid: CID
    publisher: Address | None = None
    time: int | None = None
    tx: str | None = None
    size: int | None = None
    changes: DocumentChanges | None = None

    def __str__(self) -> str:
        when = "" if self.time is None else datetime.fromtimestamp(self.time, UTC).strftime(", %Y-%m-%d %H:%M UTC")
        return f"version {self.number}{when}: ipfs://{self.cid}"


AssetRef = Asset | DID | str | int
"""How a verb is told of an asset: one in hand, its DID, that as text or ``owner/name``, or its number.

An `Asset` in hand is not read again: document, offers and version are those that were seen. What it costs now, and
what an account holds, is asked of the chain all the same.
"""


@dataclass(frozen=True, slots=True)
class Published(Shown):
    """An asset that was published; `tx` is None if an earlier run had done it already. `left_out` are the paths below
    the folder that are not part of it, since their names begin with a dot; folders have a slash at their end. `note`
    says what follows if it has no licence, and is empty for others."""

    did: DID
    cid: CID
    content: CID | None
    owner: Address
    tx: TxReceipt | None
    left_out: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return str(self.did)


@dataclass(frozen=True, slots=True)
class Preview(Shown):
    """What publishing would do; nothing was stored or sent. `left_out` is as of `Published`, of all documents, and
    `notes` are theirs, each once."""

    documents: tuple[DDO, ...]
    cost: Cost
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        many = f"{len(self.documents)} assets" if len(self.documents) != 1 else repr(self.documents[0].name)
        told = f"publish {many}: {self.cost}"
        return " ".join((f"{told}.", *self.notes)) if self.notes else told


@dataclass(frozen=True, slots=True)
class Quote(Shown):
    """What units of a licence cost now, and who gets the money."""

    total: Amount
    fee: Amount
    royalty: Amount
    payout: Address

    @property
    def revenue(self) -> Amount:
        """What is left for the payout."""
        return self.total - self.fee - self.royalty


@dataclass(frozen=True, slots=True)
class Holding(Shown):
    """What an account holds of one licence.

    `tokens` counts datatokens in units of 1e-18; `uses` and `expires_at` (seconds since 1970, 0 for never
    begun) are those of its kind.
    """

    did: DID
    licence: str
    account: Address
    kind: Kind
    active: bool
    held: bool
    expires_at: int
    uses: int
    taken: int
    tokens: int

    def in_words(self) -> str:
        """The state of the access as a sentence without its subject."""
        tokens = Decimal(self.tokens).scaleb(-18).normalize()
        has_tokens = f"{tokens:f} datatoken{'s' * (tokens != 1)}" if self.tokens else ""
        if self.kind is Kind.HOLD:
            words = "holds it" if self.held else has_tokens and f"holds {has_tokens}"
            return words or "has no access"
        if self.kind in (Kind.PERIOD, Kind.STREAM):
            end = datetime.fromtimestamp(min(self.expires_at, 253402300799), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            words = f"access {'until' if self.active else 'ended at'} {end}" if self.expires_at else "has no access"
        else:
            words = f"{self.uses:,} use{'s' * (self.uses != 1)} left"
        return f"{words}, {has_tokens} to redeem" if has_tokens else words


@dataclass(frozen=True, slots=True)
class Purchase(Shown):
    """A licence that was bought, or would be: `tx` is None for a dry run.

    `cost` is the fee of the network; `approval` the transaction that let the market take the price, if one was needed.
    `before` says that `tx` is of an earlier run: nothing was sent by this one, and it cost nothing.
    """

    did: DID
    licence: str
    account: Address
    units: int
    as_tokens: bool
    price: Quote
    cost: Cost
    holding: Holding
    tx: TxReceipt | None
    approval: TxReceipt | None = None
    before: bool = False

    def __str__(self) -> str:
        verb = "would buy" if self.tx is None else "bought before" if self.before else "bought"
        what = f"{self.units} x " * (self.units != 1) + repr(self.licence)
        return f"{verb} {what} of {self.did} for {self.price.total}: {self.holding.in_words()}"


@dataclass(frozen=True, slots=True)
class Verification(Shown):
    """Bytes that were hashed again and found to be those that the chain promises. `left_out` are the paths of a copy
    that the asset does not have, and whose names begin with a dot."""

    did: DID
    document: CID
    content: CID | None
    files: int
    size: int
    left_out: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = f"{self.files:,} files, {self.size:,} bytes are what {self.did} promises"
        more = f" and {len(self.left_out) - 8:,} more" * (len(self.left_out) > 8)
        return words + (f"; beside them lie {', '.join(map(repr, self.left_out[:8]))}{more}" if self.left_out else "")
