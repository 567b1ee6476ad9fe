"""Rows of figures beside what they must be: the table, the file of results, and a part of the benchmark alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Bars = Mapping[str, tuple[str, float]]


def table(title: str, rows: Mapping[str, Any], words: Mapping[str, str], bars: Bars) -> Table:
    """The figures in words, and what they must be."""
    made = Table("", "measured", "must be", title=title)
    for name, told in words.items():
        sign, bar = bars.get(name, ("", 0))
        made.add_row(told, f"{rows[name]:,}", f"{sign} {bar:,}" if sign else "")
    return made


def write(rows: Mapping[str, Any], path: Path) -> None:
    """Write the results as JSON with sorted keys."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, indent=2, sort_keys=True) + "\n")


def alone(
    what: str,
    measure: Callable[[], dict[str, Any]],
    show: Callable[[Console, dict[str, Any]], None],
    write: Callable[[dict[str, Any]], None],
) -> int:
    """Measure, show and write one part; 1 if a row is not what it must be."""
    console = Console()
    with console.status(f"measuring {what}"):
        rows = measure()
    show(console, rows)
    write(rows)
    if rows["missed"]:
        console.print(f"[red]Missed: {', '.join(rows['missed'])}[/red]")
    return bool(rows["missed"])
