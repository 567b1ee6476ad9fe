"""What an index answers, in this process or from a hub: the same models, checked the same way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.did import DID
from registry.ipfs.cid import CID
from registry.text.html import Shown
from registry.types import Digest

__all__ = [
    "Activity",
    "ActivityPage",
    "BlockShown",
    "DelegateShown",
    "Earned",
    "Earnings",
    "Hit",
    "Hits",
    "Holder",
    "Holders",
    "HubFacts",
    "HubProblem",
    "OfferShown",
    "Owned",
    "OwnedList",
    "Power",
    "Refused",
    "Root",
    "RunsShown",
    "SaleLine",
    "Sales",
    "StatementNames",
    "Statements",
    "Suggestion",
    "Suggestions",
    "TableRows",
    "TeamShown",
    "TeamsShown",
    "TreeNode",
]

KINDS: Final = ("hold", "period", "use", "stream")

TIMED: Final = (1, 3)
"""Kinds whose access ends at a time."""

Text = Annotated[str, Field(max_length=20_000)]
Short = Annotated[str, Field(max_length=2_048)]
Account = Annotated[str, Field(pattern="^0x[0-9a-f]{40}$")]
Hash = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]
Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=0, le=2**63 - 1)]
Units = Annotated[str, Field(pattern="^[0-9]{1,78}$")]
Place = Annotated[str, Field(pattern="^[0-9]{0,18}$")]
"""Where a page of numbered rows ended; "" for the start or the end."""

M = TypeVar("M", bound="Model")


class Model(Shown, BaseModel):
    """Frozen; fields that it does not know are refused, so that nothing is shown that was not checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls: type[M], data: bytes | str) -> M:
        """Read JSON; raises `ValueError` in one line."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ValueError(f"{'/'.join(map(str, first['loc']))[:200]}: {first['msg'][:200]}") from None


class BlockShown(Model):
    """A block: its number and hash."""

    number: Number
    hash: Hash


class OfferShown(Model):
    """A licence on offer: `price` in the smallest unit of the token at `token` (zero for the coin), `kind` as on
    chain. Of what is sold by the second `minimum` are the seconds of the smallest stay, and `seller` is the contract
    that sells it for good: the streams of the registry access, its escrow runs; "" for all else."""

    number: Number
    name: Short
    kind: Number
    amount: Number
    price: Units
    token: Account
    symbol: Short = ""
    decimals: Annotated[int, Field(ge=0, le=255)] = 0
    open: bool = True
    minimum: Number = 0
    seller: Annotated[str, Field(pattern="^(0x[0-9a-f]{40})?$")] = ""

    @property
    def price_text(self) -> str:
        """The price in words, ``"12.5 USD"``."""
        units = int(self.price)
        if not units:
            return "free"
        whole = Decimal(units).scaleb(-self.decimals) if self.symbol else Decimal(units)
        return f"{whole.normalize():f} {self.symbol or self.token}"


class RunsShown(Model):
    """What an asset offers to run, by its terms: on `data` (a DID), in the sandbox's `tier` or a higher one, a run of
    `seconds` at most, within `memory` bytes."""

    data: Short
    tier: Number
    seconds: Number
    memory: Number

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> RunsShown | None:
        """What a document, as JSON, says of that; None for one that offers no runs."""
        terms = document.get("compute")
        if terms is None:
            return None
        return cls(data=terms["data"], tier=terms["tier"], seconds=terms["seconds"], memory=terms["memory"])


class Worth(Model):
    """The parts of what an asset is worth, each a level from 0 to 1 (see `registry.index.rank`)."""

    fees: float = Field(ge=0, le=1)
    derived: float = Field(ge=0, le=1)
    endorsed: float = Field(ge=0, le=1)
    standards: float = Field(ge=0, le=1)
    audited: float = Field(ge=0, le=1)
    new: float = Field(ge=0, le=1)


class Hit(Model):
    """An asset that was found, with what is needed to check it: `digest` and `version` on chain, the `document` itself
    where it is short, the offers, and the parts of the score.

    `block` is the number of the block of its last document; `published` and `changed` are in seconds since 1970, `size`
    in bytes. Of an item that was not minted, `proof` are the hashes from its leaf to the root of its `collection`; a
    collection says how many `items` it lists. `hub` is who told of it, "" for the index of this process; `proven`
    whether the chain was asked.
    """

    did: Short
    owner: Account
    digest: Hex
    version: Number
    state: Annotated[int, Field(ge=0, le=2)]
    delisted: bool
    status: Literal["have", "wanted", "invalid", "gone"]
    block: Number
    published: Number
    changed: Number
    name: Short = ""
    type: Short = ""
    license: Short = ""
    author: Short = ""
    description: Text = ""
    tags: Annotated[tuple[Short, ...], Field(max_length=64)] = ()
    formats: Annotated[tuple[Short, ...], Field(max_length=64)] = ()
    size: Number = 0
    gated: bool = False
    computable: bool = False
    runs: RunsShown | None = None
    endorsed: bool = False
    standards: Annotated[tuple[Short, ...], Field(max_length=256)] = ()
    parents: Annotated[tuple[Number, ...], Field(max_length=64)] = ()
    sales: Number = 0
    offers: Annotated[tuple[OfferShown, ...], Field(max_length=256)] = ()
    faults: Annotated[tuple[Short, ...], Field(max_length=32)] = ()
    tries: Number = 0
    collection: Number = 0
    minted: bool = True
    proof: Annotated[tuple[Hex, ...], Field(max_length=64)] = ()
    items: Number = 0
    looks_like: Short = ""
    score: float = Field(default=0.0, ge=0)
    text: Annotated[dict[Short, float], Field(max_length=16)] = {}
    quality: Worth | None = None
    document: Annotated[str, Field(max_length=2**20)] = ""
    hub: Short = ""
    proven: bool = False

    @property
    def asset_id(self) -> int:
        """Its number."""
        return DID.parse(self.did).asset_id

    @property
    def cid(self) -> CID:
        """CID of its document."""
        return CID.from_digest(Digest(bytes.fromhex(self.digest)))

    @property
    def price_text(self) -> str:
        """The cheapest open offer in words, "" if nothing is on offer."""
        open_ = [one for one in self.offers if one.open]
        cheapest = min(open_, key=lambda one: (int(one.price) > 0, one.symbol, int(one.price)), default=None)
        return cheapest.price_text if cheapest else ""

    def in_row(self) -> dict[str, Any]:
        """What a table tells of it: of all its fields one would see the first three."""
        what = {"name": self.name, "type": self.type, "licence": self.license}
        return what | {"price": self.price_text, "owner": self.owner, "did": self.did}

    def __str__(self) -> str:
        return f"{self.type} {self.name!r} {self.did}" if self.name else f"{self.did} (document {self.status})"


class Hits(Model):
    """A page of hits, as of `block`; `total` is exact unless there are `more`, `after` where the next page begins."""

    block: BlockShown
    total: Number
    more: bool = False
    hits: Annotated[tuple[Hit, ...], Field(max_length=100)] = ()
    facets: Annotated[dict[Short, dict[Short, Number]], Field(max_length=32)] = {}
    after: Short = ""
    near: Annotated[tuple[Short, ...], Field(max_length=32)] = ()
    ranking: Number = 0


class Owned(Model):
    """What an account holds of one licence: `expires` in seconds since 1970 (0: never), `tokens` in units of 1e-18."""

    did: Short
    name: Short = ""
    licence: Number
    licence_name: Short = ""
    kind: Number
    active: bool
    held: bool
    expires: Number
    uses: Units
    tokens: Units

    def ends_in(self, now: int) -> int | None:
        """How many seconds are left of a period at a time in seconds since 1970; None for what has no end."""
        return self.expires - now if self.kind in TIMED and self.expires else None

    def words_at(self, now: int) -> str:
        """What that gives at a time in seconds since 1970."""
        kind = KINDS[self.kind] if self.kind < len(KINDS) else "?"
        tokens = f"{Decimal(self.tokens).scaleb(-18).normalize():f} datatokens" if self.tokens != "0" else ""
        if self.kind in TIMED and self.expires:
            until = datetime.fromtimestamp(min(self.expires, 253402300799), UTC).strftime("%Y-%m-%d %H:%M UTC")
            words = f"{'until' if self.expires > now else 'ended'} {until}"
        elif kind == "use":
            words = f"{self.uses} uses left"
        else:
            words = "held" if self.held else ""
        return ", ".join(part for part in (words, tokens) if part) or "nothing"


class OwnedList(Model):
    """What an account holds, as of `block`, whose `time` is in seconds since 1970."""

    block: BlockShown
    time: Number
    owned: tuple[Owned, ...] = ()
    after: Short = ""


class TeamShown(Model):
    """A team: its Safe, who owns it, how many of them decide, and where its revenue is shared."""

    safe: Account
    owners: tuple[Account, ...]
    threshold: Number
    splitter: Account


class TeamsShown(Model):
    """Teams of an account, as of `block`."""

    block: BlockShown
    teams: tuple[TeamShown, ...] = ()


class SaleLine(Model):
    """A sale: amounts in the smallest unit of the token; `time` in seconds since 1970."""

    did: Short
    licence: Number
    buyer: Account
    token: Account
    total: Units
    fee: Units
    royalty: Units
    time: Number
    block: Number
    log: Number


class Sales(Model):
    """Sales, the last first, as of `block`."""

    block: BlockShown
    sales: tuple[SaleLine, ...] = ()
    after: Short = ""


class Earned(Model):
    """What the sales of an asset took in one token, in its smallest unit, and what of that was fee and royalties."""

    token: Account
    total: Units
    fee: Units
    royalty: Units


class Earnings(Model):
    """What an asset's sales took, by token; of 20,000 sales at most."""

    block: BlockShown
    earned: Annotated[tuple[Earned, ...], Field(max_length=256)] = ()


class TableRows(Model):
    """Rows of a table of the index: numbers that may be large as text, bytes as hexadecimal digits."""

    block: BlockShown
    columns: Annotated[tuple[Short, ...], Field(max_length=64)]
    rows: Annotated[tuple[tuple[int | Text, ...], ...], Field(max_length=1_000)] = ()


class DelegateShown(Model):
    """Who can cast how many votes, in units of 1e-18."""

    account: Account
    votes: Units


class Power(Model):
    """Who can cast the votes of the DAO: how many delegates there are, what they can cast together, how unequal that is
    (see `registry.index.power`), and the ten with the most; of the 20,000 with the most."""

    block: BlockShown
    delegates: Number
    delegated: Units
    gini: float = Field(ge=0, le=1)
    nakamoto: Number
    ranked: Annotated[tuple[DelegateShown, ...], Field(max_length=10)] = ()


class Holder(Model):
    """Who holds what of one licence; as `Owned`."""

    account: Account
    licence: Number
    kind: Number
    active: bool
    held: bool
    expires: Number
    uses: Units
    tokens: Units


class Holders(Model):
    """Holders of an asset, as of `block`."""

    block: BlockShown
    holders: tuple[Holder, ...] = ()
    after: Short = ""


class Activity(Model):
    """Something that happened: an event by its name and arguments, all as text; `final` once nothing can undo it, and
    `dropped` if the chain took another way, so that it did not happen or happened again elsewhere."""

    block: Number
    log: Number
    time: Number
    tx: Hash
    contract: Account
    event: Short
    did: Short = ""
    arguments: dict[Short, Any] = {}
    final: bool = False
    dropped: bool = False


class ActivityPage(Model):
    """What happened, the last first; `after` is where the page goes on."""

    block: BlockShown
    activity: tuple[Activity, ...] = ()
    after: Short = ""


class Suggestion(Model):
    """A name that begins like what was typed."""

    name: Short
    did: Short


class Suggestions(Model):
    """Names, the best first."""

    suggestions: Annotated[tuple[Suggestion, ...], Field(max_length=100)] = ()


class Root(Model):
    """The root over all assets at the final block with number `at`: two indexes that agree have the same. `block` is
    the last final block."""

    block: BlockShown
    at: Number
    root: Hex
    assets: Number
    levels: Number


class TreeNode(Model):
    """A node of that tree: the hashes below it, in order; at level 0 these are the leaves of assets."""

    level: Number
    place: Number
    below: Annotated[tuple[Hex, ...], Field(max_length=256)]


class StatementNames(Model):
    """CIDs of statements, in the order in which the hub took them; `after` is where to go on, now or another day."""

    names: tuple[Short, ...]
    after: Place = ""


class Statements(Model):
    """Signed statements, each in its one spelling, the one that was taken last first."""

    block: BlockShown
    statements: tuple[Annotated[str, Field(max_length=40_000)], ...]
    after: Place = ""


class HubFacts(Model):
    """What a hub is, and how far: `head` is the last block that it took, `lag` how many it is behind its node."""

    chain_id: Number
    registry: Account
    version: Short
    ranking: Number
    engine: Short
    head: BlockShown
    final: Annotated[int, Field(ge=-1)]
    lag: Number
    waits: Short = ""
    assets: Number
    documents: dict[Short, Number]
    statements: Number = 0
    verifies: bool
    second_node: bool


class Refused(Model):
    """Why a hub did not answer: `code` for machines."""

    code: Short
    message: Short
    hint: Short = ""


class HubProblem(Model):
    """An answer that is none."""

    error: Refused
