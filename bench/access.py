"""Gated content in numbers: encrypting and reading it, and the gateways that hand its keys out.

``python -m bench.access`` measures this part alone; ends with 1 if a row is not what it must be.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import gated, keygateway

RESULTS: Final = Path(__file__).resolve().parent / "results" / "access.json"

BARS: Final = {**gated.BARS, **keygateway.BARS}
WORDS: Final = {**gated.WORDS, **keygateway.WORDS}


def measure() -> dict[str, Any]:
    """Every row of `WORDS`, and `missed`: those that are not what they must be."""
    rows: dict[str, Any] = {**gated.measure(), **keygateway.measure()}
    fits = {">=": lambda value, bar: value >= bar, "<=": lambda value, bar: value <= bar}
    return {**rows, "missed": [name for name, (sign, bar) in BARS.items() if not fits[sign](rows[name], bar)]}


def show(console: Console, rows: dict[str, Any]) -> None:
    """Print the figures and what they must be."""
    table = Table("", "measured", "must be", title="Gated content")
    for name, words in WORDS.items():
        sign, bar = BARS.get(name, ("", ""))
        table.add_row(words, f"{rows[name]:,}", f"{sign} {bar:,}" if sign else "")
    console.print(table)


def write(rows: dict[str, Any]) -> None:
    """Write `results/access.json`."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2, sort_keys=True) + "\n")


def main() -> int:
    """This part alone."""
    console = Console()
    with console.status("measuring gated content"):
        rows = measure()
    show(console, rows)
    write(rows)
    if rows["missed"]:
        console.print(f"[red]Missed: {', '.join(rows['missed'])}[/red]")
    return bool(rows["missed"])


if __name__ == "__main__":
    sys.exit(main())
