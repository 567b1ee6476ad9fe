"""The family of an asset as a drawing: what it was made from on the left, what was made from it on the right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from registry.hub.pages.desk import Desk

__all__ = ["Drawing", "draw"]

WIDE, HIGH = 196, 52
ACROSS, DOWN = 64, 18
STEPS: Final = 2
"""Generations that are drawn on each side."""

MOST: Final = 6
"""Assets of one generation."""


@dataclass(frozen=True, slots=True)
class Box:
    """An asset of the drawing; `x` and `y` in units of the drawing."""

    id: int
    name: str
    kind: str
    words: str
    x: int
    y: int
    own: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, and the paths of the lines between them."""

    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    width: int
    height: int
    more: int


def draw(desk: Desk, id: int) -> Drawing | None:
    """The drawing of an asset's nearest family; None for one that stands alone."""
    up, more_up = _walk(desk, id, "parents", "parent")
    down, more_down = _walk(desk, id, "children", "child")
    place = {id: 0, **{one: -step for one, step in up.items()}, **{one: step for one, step in down.items()}}
    if len(place) == 1:
        return None
    columns: dict[int, list[int]] = defaultdict(list)
    for one, step in place.items():
        columns[step].append(one)
    tallest = max(map(len, columns.values()))
    first = min(columns)
    at: dict[int, tuple[int, int]] = {}
    for step, ids in columns.items():
        top = (tallest - len(ids)) * (HIGH + DOWN) // 2
        for number, one in enumerate(ids):
            at[one] = (1 + (step - first) * (WIDE + ACROSS), 1 + top + number * (HIGH + DOWN))
    entries = desk.some(place)
    owed = _owed(desk, id)
    boxes = []
    for one, (x, y) in at.items():
        entry = entries.get(one)
        name = entry.name if entry is not None and entry.name else f"Asset {one}"
        royalty = owed.get(one, 0)
        words = f"{royalty / 100:g} % of each sale" if royalty else ("this asset" if one == id else "no royalty")
        boxes.append(Box(one, _fitting(name), entry.type if entry is not None else "other", words, x, y, one == id))
    edges = [(row["parent"], row["child"]) for row in desk.rows("parents", list(place)) if row["parent"] in place]
    lines = tuple(_line(at[parent], at[child]) for parent, child in edges if place[parent] < place[child])
    return Drawing(
        tuple(boxes),
        lines,
        width=len(range(first, max(columns) + 1)) * (WIDE + ACROSS) - ACROSS + 2,
        height=tallest * (HIGH + DOWN) - DOWN + 2,
        more=more_up + more_down,
    )


def _walk(desk: Desk, id: int, question: str, there: str) -> tuple[dict[int, int], int]:
    """Relatives on one side with how far they are, and how many more of the last generations were left out."""
    found: dict[int, int] = {}
    wave, left = [id], 0
    for step in range(1, STEPS + 1):
        met = dict.fromkeys(row[there] for row in desk.rows(question, wave))
        fresh = [one for one in met if one not in found and one != id]
        left += max(0, len(fresh) - MOST)
        wave = fresh[:MOST]
        found |= dict.fromkeys(wave, step)
        if not wave:
            break
    return found, left


def _owed(desk: Desk, id: int) -> dict[int, int]:
    """By relative: what a sale of this asset owes it, or what its sales owe this asset, in basis points."""
    up, down = desk.rows("owing", id), desk.rows("owed_by", id)
    return {row["parent"]: row["bps"] for row in up} | {row["child"]: row["bps"] for row in down}


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + WIDE, start[1] + HIGH // 2
    to_x, to_y = end[0], end[1] + HIGH // 2
    middle = (x + to_x) // 2
    return f"M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}"


def _fitting(name: str, most: int = 23) -> str:
    return name if len(name) <= most else name[: most - 1].rstrip() + "\u2026"
