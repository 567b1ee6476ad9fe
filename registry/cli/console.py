"""How the commands speak: to people in colour, tables and progress bars, to machines in JSON."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import Any

import rich.console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from registry.errors import RegistryError


class Console:
    """Writes for people to the terminal, or, with `as_json`, one JSON value to standard output and nothing else."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = rich.console.Console(quiet=as_json, highlight=False, soft_wrap=True)
        self._err = rich.console.Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Write a line."""
        self._out.print(escape(text))

    def table(self, table: Table) -> None:
        """Write a table."""
        self._out.print(table, soft_wrap=False)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Write names and values, one a line."""
        width = max((len(name) for name in facts), default=0)
        for name, value in facts.items():
            self._out.print(f"  [dim]{escape(name):{width}}[/dim]  {escape(value)}")

    def result(self, value: object, *, table: Table | None = None) -> None:
        """Write the result of a command: as JSON, as the table, or as its sentence."""
        if self.as_json:
            sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")
        elif table is not None:
            self.table(table)
        else:
            self.say(str(value))

    def error(self, error: RegistryError) -> None:
        """Write what went wrong and the way out, to standard error."""
        if self.as_json:
            body = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
            sys.stderr.write(json.dumps(body, ensure_ascii=False) + "\n")
            return
        self._err.print(f"[bold red]{type(error).__name__}[/bold red] {escape(error.message)}")
        if error.hint:
            self._err.print(f"  {escape(error.hint)}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step of a story."""
        self._out.print(f"\n[bold cyan]>[/bold cyan] [bold]{escape(title)}[/bold]")
        yield

    @contextmanager
    def refusal(self, title: str, expected: type[RegistryError], kept: dict[str, str]) -> Iterator[None]:
        """Run what must be refused with `expected`, show its message, and keep it under the title."""
        self._out.print(f"\n[bold yellow]>[/bold yellow] [bold]{escape(title)}[/bold]")
        try:
            yield
        except expected as error:
            self._out.print(f"  [yellow]{type(error).__name__}[/yellow] {escape(str(error))}")
            kept[title] = str(error)
            return
        raise AssertionError(f"{title}: nothing was refused")

    @contextmanager
    def progress(self) -> Iterator[Any]:
        """A progress callback for `Registry(progress=...)`; a bar for each stage, on terminals only."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        shown = self._err.is_terminal and not self.as_json
        with Progress(*columns, console=self._err, transient=True, disable=not shown) as bars:
            stages: dict[str, Any] = {}

            def update(what: str, done: int, total: int) -> None:
                if what not in stages:
                    stages[what] = bars.add_task(escape(what), total=total)
                bars.update(stages[what], completed=done, total=total)

            yield update


def plain(value: Any) -> Any:
    """Return a value of the package as plain JSON: dataclasses as objects, bytes as hexadecimal, the rest as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__str__ is not object.__str__ and type(value).__name__ in ("DID", "CID", "Amount", "Token"):
            return str(value)
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name.lower()
    if value is None or isinstance(value, (bool, int, str, float)):
        return value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return str(value)
