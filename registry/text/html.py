"""How results show themselves in notebooks: a card for one, a table for several; what people wrote is never markup.

There is no script, no link and no image, so that nobody learns who looks. Plain text stays what it was: programs that
show no HTML print `str` and `repr`, and a field that `repr` leaves out is left out here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from registry.text.letters import visible

__all__ = ["Shown", "card", "table"]

ROWS: Final = 20
"""Of a table; how many there are more is said."""

LETTERS: Final = 200
"""Of a value."""

SENTENCES: Final = 20_000
"""Letters of what a result says of itself: a proposal is read as a whole before it is signed."""

_SAY_ALL: Final = frozenset({"DID", "CID", "Amount", "Cost"})
"""Classes whose text is better than their fields."""

_CELL: Final = "text-align:left;vertical-align:top;padding:2px 8px"


class Shown:
    """A result that shows itself in notebooks by its fields: `_repr_html_` is what all of them ask for."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return card(self)


def card(thing: Any) -> str:
    """One result: what it is and says of itself, a line for each field that says something, and tables of its parts."""
    rows, below = [], []
    for name, value in _fields(thing).items():
        if parts := table(value):
            below.append(f"<p>{_text(name)}</p>{parts}")
        elif said := _said(value):
            rows.append(_row(_cell("th", name), _cell("td", said)))
    words = str(thing) if _says(thing, "__str__") else ""
    sentence = f"<p style='white-space:pre-wrap'>{_text(words, SENTENCES, keep=chr(10))}</p>" if words else ""
    fields = f"<table>{''.join(rows)}</table>" if rows else ""
    return f"<div><b>{_text(type(thing).__name__)}</b>{sentence}{fields}{''.join(below)}</div>"


def table(things: object) -> str | None:
    """A row for each of several results in a list or tuple, of their fields or of what their `in_row` tells; None for
    anything else."""
    if not isinstance(things, (tuple, list)) or type(things) not in (tuple, list) or not things:
        return None
    if not _has_fields(things[0]) or any(type(one) is not type(things[0]) for one in things):
        return None
    rows = [one.in_row() if _says(one, "in_row") else _fields(one) for one in things[:ROWS]]
    told = [{name: _said(value) for name, value in row.items()} for row in rows]
    names = [name for name in told[0] if any(row[name] for row in told)]
    lines = [_row(*(_cell("th", name) for name in names))]
    lines += [_row(*(_cell("td", row[name]) for name in names)) for row in told]
    more = f"<p>and {len(things) - ROWS:,} more</p>" if len(things) > ROWS else ""
    return f"<table>{''.join(lines)}</table>{more}"


def _row(*cells: str) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _cell(tag: str, text: str) -> str:
    return f"<{tag} style='{_CELL}'>{_text(text)}</{tag}>"


def _has_fields(value: object) -> bool:
    """Whether a value is a dataclass or a model of ours, and better told by its fields than by its text."""
    kind = type(value)
    if not _is_ours(kind) or kind.__name__ in _SAY_ALL:
        return False
    return dataclasses.is_dataclass(kind) or hasattr(kind, "model_fields")


def _fields(thing: Any) -> dict[str, Any]:
    """The fields of a dataclass or a model in their order, behind what it says of them in words."""
    if dataclasses.is_dataclass(thing):
        names = [field.name for field in dataclasses.fields(thing) if field.repr]
    else:
        names = [name for name, field in type(thing).model_fields.items() if field.repr]
    words = {"in words": thing.in_words()} if _says(thing, "in_words") else {}
    return words | {name: getattr(thing, name) for name in names}


def _says(value: object, method: str) -> bool:
    """Whether a class of ours, and not what it is made of, has the method."""
    return any(method in vars(cls) for cls in type(value).__mro__ if _is_ours(cls))


def _is_ours(kind: type) -> bool:
    return str(kind.__module__).startswith("registry.")  # which others may make anything


def _said(value: Any) -> str:
    """A value in a line; empty for one that says nothing."""
    if _says(value, "__str__"):
        return str(value)
    if _says(value, "in_words"):
        return str(value.in_words())
    if value is None or (isinstance(value, (str, bytes, tuple, list, frozenset, Mapping)) and not value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return "0x" + value[:LETTERS].hex()
    if _has_fields(value):
        return _said(_fields(value))
    if isinstance(value, Mapping):
        told = ((_said(name), _said(one)) for name, one in list(value.items())[:ROWS])
        return ", ".join(f"{name}: {said}" for name, said in told if said)
    if isinstance(value, (tuple, list, frozenset)):
        return ", ".join(_said(one) for one in list(value)[:ROWS])
    return str(value)


def _text(text: str, letters: int = LETTERS, keep: str = "") -> str:
    """Text as HTML, with all spelled out that nobody sees, and no longer than `letters`."""
    shown = visible(text[:letters], keep=keep)
    # Terminals need no tables of entities.
    from html import escape

    return escape(shown[:letters] + "..." if len(text) > letters or len(shown) > letters else shown)
