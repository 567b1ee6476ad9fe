"""The acts that are compared, the recorder, the table and `results/gas.json`.

Bars and aims are absolute figures for our half, from the table of the design; the conditions under which both halves
are measured are those of `bench.stage`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from hexbytes import HexBytes
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from web3 import Web3

from bench.stage import succeeded
from registry.errors import RegistryError

RESULTS: Final = Path(__file__).resolve().parent / "results" / "gas.json"

Figures: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One row: what is done, what our half must not exceed (`bar`) and what it aims at, in gas; `within` is a bar too,
    as a ratio to the incumbent of the same run.

    `quoted` is the incumbent's figure where it is taken from an earlier measurement and not from this run: 0xSplits v2
    (push) for splits, Safe 1.4.1 alone for teams, each with a token of its own choice (solady's ERC-20).
    """

    title: str
    bar: int | None = None
    aim: int | None = None
    quoted: int | None = None
    within: float | None = None


_GOVERNOR: Final = 1.03

ACTS: Final[Mapping[str, Act]] = MappingProxyType(
    {
        "publish_first": Act("publish with one priced licence and pointer, first by the owner", 131_000, 125_000),
        "publish_next": Act("the same, next by the same owner", 114_000, 108_000),
        "publish_derived": Act("the same, made from another asset", 185_000, 165_000),
        "publish_batch_100_each": Act("publish 100 in one transaction, each", 90_000, 80_000),
        "buy_first": Act("buy access in one transaction, first", 103_500, 92_000),
        "buy_renew": Act("the same, by the same buyer again", 86_500, 75_000),
        "buy_free": Act("take a free licence, first"),
        "redeem": Act("redeem a datatoken, first"),
        "consume": Act("one more use of access already paid"),
        "datatoken_first_mint": Act("first mint of a datatoken, deployment included", 140_000, 120_000),
        "transfer_0": Act("transfer the asset, no licences", 75_000, 60_000),
        "transfer_20": Act("transfer the asset, 20 priced licences", 60_500, 60_000),
        "update_metadata": Act("replace the pointer"),
        "collection_publish_1m": Act("publish a collection of 1,000,000 items, in all", 170_000, 160_000),
        "buy_item_first": Act("buy an item that nobody minted, first", 109_500, 98_000),
        "mint_item_20": Act("mint an item by a proof of 20 hashes", 100_000, 95_000),
        "stream_open_next": Act("subscribe by the second, next of a licence", 100_000, 90_000),
        "stream_top_up": Act("extend a subscription", 72_000, 65_000),
        "stream_cancel": Act("cancel it, the rest refunded", 62_000, 55_000),
        "stream_settle_100": Act("settle 100 subscriptions, fee and royalty included", 1_100_000, 1_000_000),
        "compute_job": Act(
            "a job in escrow: open, accept, deliver, settle, fee and royalty included", 330_000, 300_000
        ),
        "compute_cancel_open": Act("cancel it before it is begun", 75_000, 60_000),
        "compute_cancel_running": Act("cancel it while it runs, the time that passed paid", 90_000, 80_000),
        "splitter_create_5": Act("make a splitter for 5", 125_000, 110_000, quoted=154_273),
        "distribute_2_first": Act("distribute a token to 2, first", quoted=101_148),
        "distribute_2_steady": Act("the same, steady", 57_500, quoted=66_948),
        "distribute_2_even_steady": Act("a token to 2, nothing is left, steady"),
        "distribute_2_even_lean_steady": Act("the same of a token that does the least", 52_000),
        "distribute_10_first": Act("distribute a token to 10, first", quoted=313_827),
        "distribute_10_steady": Act("the same, steady", quoted=142_827),
        "distribute_50_first": Act("distribute a token to 50, first", quoted=1_376_533),
        "distribute_50_steady": Act("the same, steady", quoted=521_533),
        "distribute_100_first": Act("distribute a token to 100, first", quoted=2_705_199),
        "distribute_100_steady": Act("the same, steady", quoted=995_199),
        "distribute_per_payee_steady": Act("each payee beyond 50 of 100, steady", 9_400, 8_300, quoted=9_473),
        "distribute_native_2_first": Act("distribute native coin to 2, first"),
        "distribute_native_2_steady": Act("the same, steady", quoted=61_784),
        "distribute_native_10_first": Act("distribute native coin to 10, first"),
        "distribute_native_10_steady": Act("the same, steady", quoted=149_671),
        "distribute_native_50_first": Act("distribute native coin to 50, first"),
        "distribute_native_50_steady": Act("the same, steady", quoted=588_416),
        "distribute_native_100_first": Act("distribute native coin to 100, first"),
        "distribute_native_100_steady": Act("the same, steady", quoted=1_137_132),
        "lineage_sale_overhead": Act("a sale that pays an ancestor, over one that does not", 14_000),
        "team_create_3": Act("found a 2-of-3 team with its splitter", quoted=305_931),
        "safe_exec_2of3": Act("a team's token transfer, two signatures"),
        "gov_propose": Act("propose one call to the DAO", within=_GOVERNOR),
        "gov_vote": Act("vote for it, before the quorum is reached", within=_GOVERNOR),
        "gov_vote_first": Act("the same, first: looks the quorum up for all"),
        "gov_vote_sig": Act("a vote by signature, first of the voter", within=_GOVERNOR),
        "gov_queue": Act("queue it", within=_GOVERNOR),
        "gov_execute": Act("execute it", within=_GOVERNOR),
        "gov_relay_50_each": Act("relay 50 signed votes, each", 75_000),
    }
)


@dataclass(frozen=True, slots=True)
class Gas:
    """What one half used: gas for each act of `ACTS`, or the reason why there is none.

    ``gas.record("buy_first", tx_hash)`` for one transaction, ``gas.record("publish_first", one, two)`` for an act of
    two, ``gas.record("publish_batch_100_each", tx_hash, share=100)`` for a hundredth, rounded up.
    """

    w3: Web3
    used: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def record(self, name: str, *tx_hashes: HexBytes, share: int = 1, note: str = "") -> int:
        """Read what the transactions used, whole, and keep their sum over `share`.

        Raises TransactionReverted if one failed, RegistryError for a name that is unknown or taken.
        """
        self._claim(name)
        if not tx_hashes or share < 1 or len(set(tx_hashes)) < len(tx_hashes):
            raise RegistryError(
                f"{name}: transactions {[tx_hash.to_0x_hex() for tx_hash in tx_hashes]}, over {share}.",
                hint="Give at least one, each once, and a share of at least 1.",
            )
        return self.note(name, -(-self.total(*tx_hashes) // share), note)

    def derive(self, name: str, value: int, note: str) -> int:
        """Keep a figure that follows from others."""
        self._claim(name)
        return self.note(name, value, note)

    def note(self, name: str, value: int, note: str) -> int:
        """Keep a figure and what is to be said of it."""
        self.used[name] = value
        if note:
            self.notes[name] = note
        return value

    def total(self, *tx_hashes: HexBytes) -> int:
        """What the transactions used together. Raises TransactionReverted if one failed."""
        return sum(succeeded(self.w3, tx_hash)["gasUsed"] for tx_hash in tx_hashes)

    def absent(self, name: str, reason: str) -> None:
        """Say why this half has no figure for the act; it is null in the results."""
        self._claim(name)
        self.notes[name] = reason

    def _claim(self, name: str) -> None:
        if name not in ACTS:
            raise RegistryError(f"{name!r} is not an act of the benchmark.", hint=f"Use one of {', '.join(ACTS)}.")
        if name in self.used or name in self.notes:
            raise RegistryError(f"{name!r} was recorded before.", hint="Record each act once.")


def figures(*, ours: Gas | None, incumbent: Gas | None, incumbent_version: str) -> Figures:
    """The results as they are written: by act ``{"ours", "incumbent", "ratio"}``, null where a half has none.

    `ratio` is ours over the incumbent's, to four places; `incumbent_version` the npm package's version.
    """
    result: Figures = {"incumbent_version": incumbent_version}
    for name in ACTS:
        us = ours.used.get(name) if ours else None
        them = incumbent.used.get(name, ACTS[name].quoted) if incumbent else None
        ratio = round(us / them, 4) if us is not None and them is not None else None
        result[name] = {"ours": us, "incumbent": them, "ratio": ratio}
        if ACTS[name].quoted is not None:
            result[name]["quoted"] = True
    return result


def write(results: Figures, path: Path = RESULTS) -> None:
    """Write the results as JSON with sorted keys, so that two equal runs give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)


def missed(ours: Gas | None, incumbent: Gas | None) -> list[str]:
    """The acts in which our half is over its bar."""
    return [name for name, bar in _bars(incumbent).items() if ours and ours.used.get(name, 0) > bar]


def _bars(incumbent: Gas | None) -> dict[str, int]:
    """The bars in gas; those that are ratios, where the incumbent was measured."""
    measured = incumbent.used if incumbent else {}
    return {name: act.bar for name, act in ACTS.items() if act.bar is not None} | {
        name: int(measured[name] * act.within) for name, act in ACTS.items() if act.within and name in measured
    }


def show(console: Console, *, ours: Gas | None, incumbent: Gas | None, incumbent_version: str) -> None:
    """Print the table, and under it the notes of both halves."""
    table = Table(box=SIMPLE, title=f"Gas, whole transactions; incumbent: @oceanprotocol/contracts {incumbent_version}")
    # A narrow terminal gets the short names only.
    wide = console.width >= 150
    table.add_column("act", no_wrap=True)
    bars = _bars(incumbent)
    for heading in ("incumbent", "bar", "aim", "ours", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, act in ACTS.items():
        us = ours.used.get(name) if ours else None
        them = incumbent.used.get(name, act.quoted) if incumbent else None
        ratio = f"{us / them:.1%}" if us is not None and them is not None else "-"
        shown = _gas(them) + ("*" if act.quoted is not None and them is not None else "")
        table.add_row(
            act.title if wide else name,
            shown,
            _gas(bars.get(name)),
            _gas(act.aim),
            _judged(us, bars.get(name), act.aim),
            ratio,
        )
    console.print(table)
    console.print("* quoted from an earlier measurement of 0xSplits v2 or Safe 1.4.1, not of this run", style="dim")
    for half, gas in (("incumbent", incumbent), ("ours", ours)):
        for line in _notes(half, gas):
            console.print(line, style="dim", highlight=False)


def _notes(half: str, gas: Gas | None) -> Iterable[str]:
    return (f"{half}, {name}: {note}" for name, note in gas.notes.items()) if gas else ()


def _gas(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _judged(value: int | None, bar: int | None, aim: int | None) -> str:
    if value is None or bar is None:
        return _gas(value)
    colour = "red" if value > bar else "green" if aim is None or value <= aim else "yellow"
    return f"[{colour}]{value:,}[/{colour}]"
