"""Statements of money: lines, sums, a table, a chart, a CSV file. No chain, no network."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.did import DID
from registry.errors import InputError
from registry.money import Amount, Token
from registry.system import disk
from registry.system.picture import picture
from registry.text.html import Shown
from registry.types import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from rich.table import Table


class Flow(StrEnum):
    """What moved.

    ======= ============================================================================================
    SALE    a licence was sold, or streams were settled; its amount is what the payout received, after fee and royalty
    ROYALTY a splitter of royalties paid the payout of an ancestor
    SHARE   a splitter paid a payee
    PARKED  a splitter could not pay an account; the amount waits for its claim
    FEE     the registry's fee of a sale, for who was the treasury then
    CLAIM   an account had its parked money sent; no new income, but the end of the wait
    ======= ============================================================================================
    """

    SALE = "sale"
    ROYALTY = "royalty"
    SHARE = "share"
    PARKED = "parked"
    FEE = "fee"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One movement of money on chain.

    ============ =====================================================================================
    time         seconds since 1970, of its block
    account      who earned it
    amount       what that is; for a token that takes a fee of each transfer, before that fee
    asset        the asset that was sold, or the ancestor of a royalty
    source       the derived asset whose sales brought the royalty
    split        the splitter that paid, parked or was claimed from
    to           where a claim went
    gross        price of a sale; `fee` and `royalty` were taken from it
    ============ =====================================================================================
    """

    flow: Flow
    time: int
    block: int
    log_index: int
    tx_hash: str
    account: Address
    amount: Amount
    asset: DID | None = None
    source: DID | None = None
    split: Address | None = None
    to: Address | None = None
    gross: Amount | None = None
    fee: Amount | None = None
    royalty: Amount | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """What came together in one token, for one key: all of it, an account, or an asset.

    `sales` is net; `collected` is what came as fees of the registry, `fees` what went as such; `earned` is all income
    whether it could be paid or was parked; `waiting` was parked and not claimed.
    """

    key: str
    sales: Amount
    royalties: Amount
    shares: Amount
    parked: Amount
    claimed: Amount
    collected: Amount
    gross: Amount
    fees: Amount
    owed: Amount

    @property
    def token(self) -> Token:
        """The token of all its amounts."""
        return self.sales.token

    @property
    def earned(self) -> Amount:
        """Sales, royalties, shares and fees, with what was parked of them."""
        return self.sales + self.royalties + self.shares + self.collected + self.parked

    @property
    def received(self) -> Amount:
        """What arrived at the account itself, or where it had its claims sent."""
        return self.sales + self.royalties + self.shares + self.collected + self.claimed


@dataclass(frozen=True, slots=True)
class Statement(Shown):
    """What an asset, an account or a splitter earned, from events alone, in the order of the chain.

    `lines` are its income: sales and royalties of an asset; all that an account got; all that a splitter paid. For a
    splitter, `arrived` are the sales and payments that are known to have brought it its money; what else was sent there
    leaves no event that could be read.
    """

    subject: str
    lines: tuple[Line, ...]
    arrived: tuple[Line, ...] = ()

    def total(self) -> tuple[Sum, ...]:
        """One sum for each token."""
        return _sums(self.lines, lambda _line: "all")

    def by_account(self) -> tuple[Sum, ...]:
        """A sum for each account and token."""
        return _sums(self.lines, lambda line: line.account)

    def by_asset(self) -> tuple[Sum, ...]:
        """A sum for each asset and token; what belongs to no asset is left out."""
        return _sums([line for line in self.lines if line.asset], lambda line: str(line.asset))

    def to_csv(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write all lines, `arrived` included, as CSV in UTF-8; amounts as exact decimals and as whole units.

        Raises `WouldOverwrite` for a file with other content, unless told to `overwrite`, and `InputError`.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(CSV_COLUMNS)
        for line in sorted((*self.arrived, *self.lines), key=lambda line: (line.block, line.log_index)):
            writer.writerow(_row(line))
        return disk.put(path, "statement.csv", text.getvalue().encode(), overwrite=overwrite)

    def table(self) -> Table:
        """All lines as a table for terminals."""
        from rich.table import Table
        from rich.text import Text

        table = Table("time", "what", "amount", "for", "from", title=f"Statement of {self.subject}")
        table.columns[2].justify = "right"
        for line in self.lines:
            # Anybody can name a token as they like, and it is no markup.
            told = (Text(str(line.amount)), line.account, Text(_origin(line)))
            table.add_row(_moment(line.time), line.flow, *told)
        for found in self.total():
            table.add_row("", "earned", Text(str(found.earned)), "", Text(_parts(found)), style="bold")
        return table

    def bars(self) -> Table:
        """What each account earned, as bars for terminals; those of one token are to one scale."""
        from rich.bar import Bar
        from rich.table import Table
        from rich.text import Text

        table = Table("account", "earned", "", title=f"Earned: {self.subject}")
        table.columns[1].justify = "right"
        for sums in _per_token(self.by_account()):
            most = max(found.earned.units for found in sums) or 1
            for found in sums:
                bar = Bar(size=most, begin=0, end=found.earned.units, width=BAR_WIDTH)
                table.add_row(found.key, Text(str(found.earned)), bar)
        return table

    def chart(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Draw what each account earned, by kind, a panel for each token; ``.svg`` or ``.png`` by the name.

        Needs matplotlib (``pip install 'asset-registry[charts]'``). Raises `InputError` without it, for other endings,
        for nothing to draw, and if the file cannot be written, and `WouldOverwrite` as `to_csv`.
        """
        groups = list(_per_token(self.by_account()))
        if not groups:
            raise InputError(f"There is nothing to draw: {self.subject} earned nothing yet.", hint="Wait for a sale.")
        return _draw(self.subject, groups, path, overwrite)


CSV_COLUMNS: Final = (
    "time",
    "block",
    "transaction",
    "what",
    "account",
    "amount",
    "token",
    "units",
    "token address",
    "asset",
    "source",
    "split",
    "to",
    "gross",
    "fee",
    "royalty",
)
BAR_WIDTH: Final = 40

_KINDS: Final = (
    ("sales", "#2b6cb0"),
    ("royalties", "#38a169"),
    ("shares", "#805ad5"),
    ("collected", "#718096"),
    ("parked", "#d69e2e"),
)


def merge(found: Iterable[Line], *, since: int | None, until: int | None) -> tuple[Line, ...]:
    """Put lines in the order of the chain, each once, from `since` up to but not including `until` (seconds)."""
    unique = {(line.block, line.log_index, line.account, line.asset, line.flow): line for line in found}
    kept = [
        line
        for line in unique.values()
        if (since is None or line.time >= since) and (until is None or line.time < until)
    ]
    return tuple(sorted(kept, key=lambda line: (line.block, line.log_index)))


def _sums(lines: Iterable[Line], key_of: Callable[[Line], str]) -> tuple[Sum, ...]:
    groups: dict[tuple[str, Token], list[Line]] = {}
    for line in lines:
        groups.setdefault((key_of(line), line.amount.token), []).append(line)
    return tuple(_sum(key, token, group) for (key, token), group in groups.items())


def _sum(key: str, token: Token, lines: list[Line]) -> Sum:
    def total(flow: Flow) -> Amount:
        return Amount(sum(line.amount.units for line in lines if line.flow is flow), token)

    def column(amounts: Iterable[Amount | None]) -> Amount:
        return Amount(sum(amount.units for amount in amounts if amount), token)

    return Sum(
        key=key,
        sales=total(Flow.SALE),
        royalties=total(Flow.ROYALTY),
        shares=total(Flow.SHARE),
        parked=total(Flow.PARKED),
        claimed=total(Flow.CLAIM),
        collected=total(Flow.FEE),
        gross=column(line.gross for line in lines),
        fees=column(line.fee for line in lines),
        owed=column(line.royalty for line in lines),
    )


def _per_token(sums: Iterable[Sum]) -> Iterable[list[Sum]]:
    groups: dict[Token, list[Sum]] = {}
    for found in sums:
        if found.earned:
            groups.setdefault(found.token, []).append(found)
    return (sorted(group, key=lambda found: -found.earned.units) for group in groups.values())


def _row(line: Line) -> list[str]:
    token = line.amount.token
    # A spreadsheet takes a cell that begins like a formula for one, and anybody can name a token.
    symbol = token.symbol if token.symbol[0].isalnum() else f"'{token.symbol}"
    amounts = (line.gross, line.fee, line.royalty)
    return [
        datetime.fromtimestamp(line.time, UTC).isoformat(),
        str(line.block),
        line.tx_hash,
        line.flow,
        line.account,
        f"{line.amount.decimal:f}",
        symbol,
        str(line.amount.units),
        token.address or ZERO_ADDRESS,
        *(str(value or "") for value in (line.asset, line.source, line.split, line.to)),
        *("" if amount is None else f"{amount.decimal:f}" for amount in amounts),
    ]


def _origin(line: Line) -> str:
    if line.flow is Flow.SALE:
        assert line.asset is not None and line.royalty is not None
        royalty = f", {line.royalty} to ancestors" if line.royalty else ""
        return f"asset {line.asset.asset_id}, sold for {line.gross}: {line.fee} fee{royalty}"
    if line.flow is Flow.FEE:
        assert line.asset is not None
        return f"asset {line.asset.asset_id}, the registry's fee"
    if line.flow is Flow.CLAIM:
        return f"splitter {line.split}" + (f", to {line.to}" if line.to != line.account else "")
    if line.asset is not None and line.source is not None:
        return f"asset {line.source.asset_id}, made from asset {line.asset.asset_id}"
    return f"splitter {line.split}"


def _parts(found: Sum) -> str:
    parts = {
        "sales": found.sales,
        "royalties": found.royalties,
        "shares": found.shares,
        "fees": found.collected,
        "parked": found.parked,
        "claimed": found.claimed,
    }
    return ", ".join(f"{name} {amount}" for name, amount in parts.items() if amount)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _draw(subject: str, groups: list[list[Sum]], path: str | PathLike[str], overwrite: bool) -> Path:
    ratios = [0.4 * len(sums) + 1.1 for sums in groups]
    title, size = f"Earned: {_short(subject, 90)}", (10, sum(ratios) + 0.5)
    with picture(path, title, size=size, overwrite=overwrite) as (figure, target):
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios)
        for (panel,), sums in zip(panels, groups, strict=True):
            left = [0.0] * len(sums)
            for kind, colour in _KINDS:
                # A picture has no more digits than a float; the exact numbers stand beside the bars.
                values = [float(getattr(found, kind).decimal) for found in sums]
                if any(values):
                    panel.barh(range(len(sums)), values, left=left, color=colour, label=kind)
                left = [before + value for before, value in zip(left, values, strict=True)]
            for place, found in enumerate(sums):
                panel.annotate(f" {found.earned}", (left[place], place), va="center", fontsize=8, annotation_clip=False)
            panel.set_yticks(range(len(sums)), labels=[_short(found.key) for found in sums])
            panel.invert_yaxis()
            panel.margins(x=0.25)
            panel.set_xlabel(sums[0].token.symbol)
            panel.spines[["top", "right"]].set_visible(False)
            panel.legend(loc="lower right", frameon=False, fontsize=8)
    return target


def _short(key: str, length: int = 16) -> str:
    if len(key) <= length:
        return key
    return f"{key[: length // 2 - 1]}...{key[-(length // 2 - 2) :]}"
