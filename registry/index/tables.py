"""The tables of an index, the same in every database: what each row is about, and what it is before anything happened.

Two kinds. What is *folded* from events has a shadow that keeps what a row was before a block that may yet be dropped. A
*log* is only added to, under the block that it came with. Numbers that may be larger than 2**63 are kept as 32 bytes,
which sort like the numbers; addresses as text in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

from registry.index.models import TIMED

Column = Literal["int", "big", "text", "blob"]
Row = dict[str, Any]
Key = tuple[Any, ...]

ZERO: Final = "0x" + "0" * 40
NOTHING: Final = bytes(32)
WHOLE_TOKEN: Final = 10**18

_DEFAULTS: Final[dict[Column, Any]] = {"int": 0, "big": 0, "text": "", "blob": b""}

LARGEST: Final = 2**63 - 1
"""What a column of numbers holds at most, in every database."""

LARGEST_BIG: Final = 2**256 - 1
"""What one of 32 bytes does."""


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, the first `keys` of which are its primary key, and what it is searched by."""

    name: str
    columns: tuple[tuple[str, Column], ...]
    keys: int
    indexes: tuple[str, ...] = ()
    log: bool = False

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the columns of the primary key."""
        return tuple(name for name, _ in self.columns[: self.keys])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(name for name, _ in self.columns)

    def fresh(self, key: Key) -> Row:
        """The row of a key of which nothing was ever said; such a row is not kept."""
        return dict(zip(self.names, (*key, *self.blank), strict=True))

    @cached_property
    def blank(self) -> tuple[Any, ...]:
        """What stands behind the key of such a row."""
        return tuple(_DEFAULTS[kind] for _, kind in self.columns[self.keys :])


def _table(name: str, key: str, rest: str, *indexes: str, log: bool = False) -> Table:
    columns = tuple(_column(text) for text in f"{key} {rest}".split())
    return Table(name, columns, len(key.split()), indexes, log)


def _column(text: str) -> tuple[str, Column]:
    name, _, kind = text.partition(":")
    return name, kind or "int"  # type: ignore[return-value]


FOLDED: Final[tuple[Table, ...]] = (
    _table(
        "asset",
        "id",
        "owner:text publisher:text digest:blob version state delisted payout:text epoch licences derivable asked_bps "
        "owed_bps sales buyers first_block first_time changed_block changed_time collection size root:blob",
        "owner",
        "digest",
        "collection",
    ),
    _table("version", "asset number", "digest:blob block time", "digest"),
    _table("licence", "asset number", "price:big token kind amount cap limit_ issued open added minimum seller:text"),
    _table("holding", "account:text asset licence", "held expires uses:big taken tokens:big", "asset, licence"),
    _table("role", "asset account:text", "epoch roles", "account"),
    _table("ancestor", "child registry:text parent", "direct bps", "parent"),
    _table("buyer", "asset account:text", "sales", "account"),
    _table("fee", "asset token:text period", "units:big"),
    _table("payment", "place", "token:text allowed"),
    _table("setting", "name:text", "value:text"),
    _table("contract", "address:text", "kind:text asset licence", "kind"),
    _table("splitter", "address:text", "asset"),
    _table("payee", "splitter:text account:text", "share", "account"),
    _table("parked", "splitter:text token:text account:text", "units:big", "account"),
    _table("team", "safe:text", "splitter:text threshold"),
    _table("member", "safe:text account:text", "since", "account"),
    _table("listing", "asset", "endorsed version epoch reason:blob delisted_until delisting:blob"),
    _table(
        "curation_case", "id", "asset claimant:text appeal reason:blob token:text bond:big answer:blob state", "asset"
    ),
    _table("standard", "name:blob number", "kind digest:blob proposer:text status"),
    _table("conformance", "asset name:blob", "number version declarer:text", "name"),
    _table(
        "proposal",
        "id:big",
        "proposer:text description:text starts ends eta cancelled executed queued block agreed:big against:big "
        "abstained:big",
    ),
    _table("vote", "proposal:big account:text", "support weight:big reason:text", "account"),
    _table("delegate", "account:text", "to_account:text votes:big balance:big", "to_account"),
)
"""What follows from events."""

LOGS: Final[tuple[Table, ...]] = (
    _table(
        "event",
        "block log",
        "time tx:blob address:text name:text asset words:blob",
        "asset, block",
        "name, block",
        log=True,
    ),
    _table("party", "account:text block log", "", log=True),
    _table(
        "sale",
        "block log",
        "time asset licence buyer:text token:text total:big fee:big royalty:big",
        "asset",
        "buyer",
        log=True,
    ),
)
"""What happened, by block and place."""

BY_NAME: Final = {table.name: table for table in (*FOLDED, *LOGS)}


def gives_access(holding: Row, kind: int, now: int) -> bool:
    """Whether a holding of a licence of this kind gives access at a time, as the registry says it."""
    if kind == 0:
        return bool(holding["held"]) or bool(holding["tokens"] >= WHOLE_TOKEN)
    return bool(holding["expires"] > now if kind in TIMED else holding["uses"] > 0)
