"""Entries of the titles that searches are judged by, and engines that hold them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from registry.index.entries import AssetEntry, twins
from registry.index.search.finder import Engine
from registry.index.search.query import SearchQuery
from registry.index.search_text import skeleton

DATA = Path(__file__).parents[2] / "data" / "search"
NOW = 1_800_000_000
YEAR = 365 * 86_400


@lru_cache(maxsize=1)
def titles() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((DATA / "titles.json").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def judged() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((DATA / "judged.json").read_text(encoding="utf-8")))


def entry(id: int = 1, name: str = "Penguins", **fields: Any) -> AssetEntry:
    """An entry that can be found."""
    given = {
        "owner": f"0x{id:040x}",
        "digest": f"{id:064x}",
        "version": 1,
        "state": 0,
        "delisted": False,
        "block": id,
        "published": NOW - YEAR,
        "changed": NOW - YEAR,
        "sales": 0,
        "buyers": 0,
        "status": "have",
        "type": "dataset",
        "license": "CC0-1.0",
    }
    return AssetEntry(id=id, name=name, **{**given, **fields})


def library() -> list[AssetEntry]:
    """The titles, each published by somebody else."""
    return [
        entry(number, one["name"], description=one["description"], tags=one["tags"])
        for number, one in enumerate(titles(), 1)
    ]


def fill(engine: Engine, entries: Sequence[AssetEntry], cursor: int = 1) -> None:
    # Those whose names look alike are told apart by what was there before.
    looks = [skeleton(one.name) for one in entries]
    alone = {look for look in looks if looks.count(look) == 1}
    engine.put([one for one, look in zip(entries, looks, strict=True) if look in alone], [], cursor, NOW)
    for one, look in zip(entries, looks, strict=True):
        if look not in alone:
            twins([one], engine.shelf.oldest)
            engine.put([one], [], cursor, NOW)


def gain(grades: Mapping[str, int], found: Sequence[str], size: int = 10) -> float:
    """nDCG: how much of what could have been gained by the first hits was."""

    def summed(values: Sequence[int]) -> float:
        return sum((2**value - 1) / math.log2(place + 2) for place, value in enumerate(values[:size]))

    return summed([grades.get(key, 0) for key in found]) / summed(sorted(grades.values(), reverse=True))


def asking(text: str = "", **fields: Any) -> SearchQuery:
    return SearchQuery(text=text, **fields)
