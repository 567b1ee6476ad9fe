"""How the commands speak: to people in colour, tables and progress bars, to machines in JSON."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

import click
import rich.console
from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from registry.errors import ContractError, RegistryError
from registry.text.letters import in_json, visible
from registry.text.progress import counts_bytes

if TYPE_CHECKING:
    from registry.money import Amount
    from registry.revenue.lineage import Family

UNBROKEN: Final = 1_000_000
"""Letters of a line that goes into a file or a pipe: nothing there says how wide it may be, so none is broken."""

AS_TEXT: Final = frozenset(
    {
        *("fee_wei", "value_wei", "max_fee_wei", "expected_fee_wei", "total_value", "tokens", "nonce", "units_wei"),
        *("supply", "delegated", "delegates", "against", "in_favour", "abstain", "quorum", "held", "power"),
        *("amount", "released", "releasable", "locked", "weight", "proposal"),
    }
)
"""Whole numbers that are larger than what many JSON readers keep exactly (2**53), so they are text."""


class Console:
    """Writes for people to the terminal, or, with `as_json`, one JSON value to standard output and nothing else.

    With `silent` it writes errors only.
    """

    def __init__(self, *, as_json: bool = False, silent: bool = False) -> None:
        self.as_json = as_json
        self._silent = silent
        self._waits_for = ""
        self._piped = not sys.stdout.isatty()
        width = UNBROKEN if self._piped else None
        self._out = rich.console.Console(quiet=as_json or silent, highlight=False, soft_wrap=True, width=width)
        self._err = rich.console.Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Write a line."""
        self._out.print(_markup(text))

    def note(self, text: str) -> None:
        """Write a line for people beside the result, to standard error; nothing in JSON."""
        if not self.as_json and not self._silent:
            self._err.print(_markup(text))

    def raw(self, data: bytes) -> None:
        """Write bytes as they are."""
        sys.stdout.buffer.write(data)

    def table(self, table: Table) -> None:
        """Write a table; in a file or a pipe each row is one line, whole and without rules."""
        table.box = None if self._piped else box.SIMPLE_HEAD
        table.title_justify, table.title_style, table.header_style = "left", "bold", "dim"
        table.pad_edge = False
        title = _text(table.title) if isinstance(table.title, str) else table.title
        table.title = None if self._piped else title
        for column in table.columns:
            if column.overflow == "ellipsis":
                column.overflow = "fold"
            # A name is a name: it is neither markup nor anything that a terminal obeys.
            column._cells = [_text(cell) if isinstance(cell, str) else cell for cell in column.cells]
        if not self._piped:
            self._out.print(table, soft_wrap=False)
            return
        # A row is a line, for programs that take lines, and no line ends in blanks.
        if title:
            self._out.print(title)
        with self._out.capture() as written:
            self._out.print(table, soft_wrap=False)
        self._out.print("\n".join(line.rstrip() for line in written.get().splitlines()), markup=False)

    def family(self, family: Family) -> None:
        """Write the family tree of an asset."""
        self._out.print(family.tree(), soft_wrap=False)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Write names and values, one a line."""
        width = max((len(name) for name in facts), default=0)
        for name, value in facts.items():
            self._out.print(f"  [dim]{_markup(name):{width}}[/dim]  {_markup(value)}")

    def result(self, value: object, *, table: Table | None = None, facts: Mapping[str, str] | None = None) -> None:
        """Write the result of a command: as JSON, or as the facts and the table, or as its sentence."""
        if self.as_json:
            self.document(value)
            return
        if facts is not None:
            self.facts(facts)
        if table is not None:
            self.table(table)
        if facts is None and table is None:
            self.say(str(value))

    def answer(self, sentence: str, value: object) -> None:
        """Write the result of a command: as JSON, or as a sentence."""
        if self.as_json:
            self.document(value)
        else:
            self.say(sentence)

    def line(self, sentence: str, value: object) -> None:
        """Write one of many results as it comes: as JSON on a line of its own, or as a sentence."""
        if self.as_json:
            click.echo(json.dumps(plain(value)))
        else:
            self.say(sentence)

    def document(self, value: object) -> None:
        """Write what is JSON by nature, for people and machines alike."""
        sys.stdout.write(in_json(json.dumps(plain(value), indent=2, ensure_ascii=not _writes_unicode())) + "\n")

    def error(self, error: RegistryError) -> None:
        """Write what went wrong and the way out, to standard error."""
        if self.as_json:
            body: dict[str, Any] = {
                "error": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
            }
            if isinstance(error, ContractError):
                body["values"] = plain(error.values)
            click.echo(json.dumps(body), err=True)
            return
        self._err.print(f"[bold red]{type(error).__name__}[/bold red] {_markup(error.message)}")
        if error.hint:
            self._err.print(f"  {_markup(error.hint)}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step of a story."""
        self._out.print(f"\n[bold cyan]>[/bold cyan] [bold]{_markup(title)}[/bold]")
        yield

    @contextmanager
    def refusal(self, title: str, expected: type[RegistryError], kept: dict[str, str]) -> Iterator[None]:
        """Run what must be refused with `expected`, show its message, and keep it under the title."""
        self._out.print(f"\n[bold yellow]>[/bold yellow] [bold]{_markup(title)}[/bold]")
        try:
            yield
        except expected as error:
            self._out.print(f"  [yellow]{type(error).__name__}[/yellow] {_markup(str(error))}")
            kept[title] = str(error)
            return
        raise AssertionError(f"{title}: nothing was refused")

    def waiting(self, what: str, done: int, total: int) -> None:
        """Say what is waited for and how far that is, where no bar shows it; other stages move by themselves."""
        line = f"{what}: {done:,} of {total:,}" if total else f"{what} ..."
        if what.startswith("waiting ") and line != self._waits_for:
            self._waits_for = line
            self.note(line)

    @contextmanager
    def progress(self, *, unit: Literal["items", "bytes"] = "items") -> Iterator[Any]:
        """A progress callback for `Registry(progress=...)`; a bar for each stage on terminals, else lines for waits.

        Stages that count bytes are shown as such, with their rate.
        """
        from rich import progress

        items, size, rate = progress.MofNCompleteColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn()

        class AmountColumn(progress.ProgressColumn):
            def render(self, task: progress.Task) -> Text:
                if unit == "items" and not counts_bytes(task.description):
                    return items.render(task)
                return Text.assemble(size.render(task), " ", rate.render(task))

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            AmountColumn(),
            progress.TimeRemainingColumn(),
        )
        shown = self._err.is_terminal and not self.as_json
        with progress.Progress(*columns, console=self._err, transient=True, disable=not shown) as bars:
            stages: dict[str, Any] = {}

            def update(what: str, done: int, total: int) -> None:
                if not shown:
                    self.waiting(what, done, total)
                    return
                if what not in stages:
                    stages[what] = bars.add_task(_markup(what), total=total)
                bars.update(stages[what], completed=done, total=total)

            yield update


def _text(text: str) -> Text:
    return Text(visible(text))


def _markup(text: str) -> str:
    return escape(visible(text))


def _writes_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")


def plain(value: Any) -> Any:
    """Return a value of the package as plain JSON: objects by their fields, bytes in hexadecimal, the rest as text.

    Amounts of wei and of datatokens are text too, being larger than many JSON readers keep exactly. Beside the words of
    an amount stands ``<name>_exact``, and beside a DID ``asset_number``.
    """
    if isinstance(value, Enum):
        return value.name.lower()
    if value is None or isinstance(value, (bool, int, str, float)):
        return value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {name: told for key, item in value.items() for name, told in _named(str(key), item)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and type(value).__name__ not in ("DID", "CID", "Amount"):
        return {
            name: told
            for field in dataclasses.fields(value)
            # What the contracts logged is the chain's to tell; the hash leads there.
            if not (type(value).__name__ == "Receipt" and field.name == "events")
            for name, told in _named(field.name, getattr(value, field.name), as_text=field.name in AS_TEXT)
        }
    return str(value)


def _named(name: str, value: Any, *, as_text: bool = False) -> Iterator[tuple[str, Any]]:
    """A value under its name, and what machines need beside words."""
    yield name, _in_text(value) if as_text else plain(value)
    kinds = {type(one).__name__ for one in (value if isinstance(value, (list, tuple)) else [value])}
    if kinds == {"Amount"}:
        exact = [_exact(one) for one in value] if isinstance(value, (list, tuple)) else _exact(value)
        yield f"{name}_exact", exact
    elif name == "did" and kinds == {"DID"}:
        yield "asset_number", str(value.asset_id)


def _in_text(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_in_text(item) for item in value]
    return str(value) if type(value) is int else plain(value)


def _exact(amount: Amount) -> dict[str, Any]:
    token = amount.token
    return {"units": str(amount.units), "decimals": token.decimals, "symbol": token.symbol, "token": token.address}


def table_of(title: str, *columns: str) -> Table:
    """Start a table."""
    return Table(*columns, title=title or None)


def when(seconds: int) -> str:
    """Return a moment in seconds since 1970 as text."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
