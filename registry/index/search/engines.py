"""Which engine searches: FTS5 needs nothing, tantivy is quick with a million documents."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from registry.errors import InputError
from registry.index.search.finder import Engine
from registry.index.search.fts import FtsEngine

MANY: Final = 100_000
"""Assets from which on tantivy searches, where it is installed."""


def open_engine(folder: Path, kind: Literal["auto", "fts5", "tantivy"], assets: int) -> Engine:
    """The engine in a folder; `assets` is how many there are. Raises `InputError` for one that is not installed."""
    there = find_spec("tantivy") is not None
    if kind == "tantivy" and not there:
        raise InputError("tantivy is not installed.", hint="Run: pip install 'asset-registry[hub]'")
    if kind == "tantivy" or (kind == "auto" and there and assets > MANY):
        from registry.index.search.tantivy import TantivyEngine

        return TantivyEngine(folder / "tantivy")
    return FtsEngine(folder / "search.sqlite")
