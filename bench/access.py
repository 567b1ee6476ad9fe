"""Gated content in numbers: encrypting and reading it, and the gateways that hand its keys out.

``python -m bench.access`` measures this part alone; ends with 1 if a row is not what it must be.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import gated, keygateway
from bench.rows import alone, table
from bench.rows import write as write_rows

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
    console.print(table("Gated content", rows, WORDS, BARS))


def write(rows: dict[str, Any]) -> None:
    """Write `results/access.json`."""
    write_rows(rows, RESULTS)


if __name__ == "__main__":
    sys.exit(alone("gated content", measure, show, write))
