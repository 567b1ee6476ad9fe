"""Files of a data set of penguins."""

from __future__ import annotations

import os
from pathlib import Path

PENGUINS = Path(__file__).parents[3] / "examples" / "penguins" / "penguins.csv"

CARD = b"""---
license: cc0-1.0
pretty_name: Palmer penguins
language: [en]
tags: [birds, antarctica]
task_categories: [tabular-classification]
size_categories: [n<1K]
---
# Penguins

[![badge](https://example.org/x.svg)](https://example.org)

Measurements of 344 adult penguins
of three species.
"""

LARGE = bytes(range(256)) * 20_000
"""Five chunks, the last of them short."""


def written(files: dict[str, bytes], folder: Path) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def disk(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(os.path.getsize(path) for path in folder.rglob("*") if path.is_file())
