"""What pages ask of the tables: each question by its name, with a bound on its rows.

A hub answers the same questions over HTTP, so pages can be made from the index of this process or from a hub elsewhere,
and no database language travels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.errors import InputError
from registry.index.models import BlockShown, TableRows
from registry.index.tables import BY_NAME, Column, Row

__all__ = ["MOST_VALUES", "QUESTIONS", "TableQuestion", "read_rows", "read_values", "written_rows", "written_values"]

MOST_VALUES: Final = 64
"""Numbers in a list that a question takes."""

_WIDTH: Final = 32
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """A table, the end of the statement over it, and the kinds of the values that it takes; with `several` the only
    one is a list of numbers, for which ``{}`` stands."""

    table: str
    where: str
    takes: tuple[Column, ...] = ()
    several: bool = False

    def statement(self, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """The end of the statement, and its values as databases have them."""
        if self.several:
            (listed,) = values
            return self.where.format(", ".join("?" * len(listed))), tuple(listed)
        given = zip(self.takes, values, strict=True)
        return self.where, tuple(one.to_bytes(32, "big") if kind == "big" else one for kind, one in given)


_OWN: Final = "WHERE registry = '' AND direct = 1"

QUESTIONS: Final[Mapping[str, TableQuestion]] = {
    "asset": TableQuestion("asset", "WHERE id = ?", ("int",)),
    "paid_to": TableQuestion(
        "asset", "WHERE payout = ? OR (payout = '' AND owner = ?) ORDER BY id LIMIT 200", ("text", "text")
    ),
    "licences": TableQuestion("licence", "WHERE asset = ? ORDER BY number LIMIT 256", ("int",)),
    "versions": TableQuestion("version", "WHERE asset = ? ORDER BY number DESC LIMIT 100", ("int",)),
    "version": TableQuestion("version", "WHERE asset = ? AND number = ?", ("int", "int")),
    "conformances": TableQuestion("conformance", "WHERE asset = ? ORDER BY name LIMIT 64", ("int",)),
    "cases": TableQuestion("curation_case", "WHERE asset = ? ORDER BY id DESC LIMIT 8", ("int",)),
    "case_of": TableQuestion("curation_case", "WHERE reason = ? ORDER BY id LIMIT 1", ("blob",)),
    "parents": TableQuestion(
        "ancestor", f"{_OWN} AND child IN ({{}}) ORDER BY parent, child LIMIT 400", ("int",), True
    ),
    "children": TableQuestion(
        "ancestor", f"{_OWN} AND parent IN ({{}}) ORDER BY child, parent LIMIT 400", ("int",), True
    ),
    "owing": TableQuestion("ancestor", "WHERE registry = '' AND child = ? ORDER BY parent LIMIT 200", ("int",)),
    "owed_by": TableQuestion("ancestor", "WHERE registry = '' AND parent = ? ORDER BY child LIMIT 200", ("int",)),
    "payments": TableQuestion("payment", "ORDER BY place LIMIT 256"),
    "standards": TableQuestion("standard", "ORDER BY name, number LIMIT 100"),
    "standard": TableQuestion("standard", "WHERE name = ? AND number = ?", ("blob", "int")),
    "delegate": TableQuestion("delegate", "WHERE account = ?", ("text",)),
    "proposal": TableQuestion("proposal", "WHERE id = ?", ("big",)),
    "votes": TableQuestion("vote", "WHERE proposal = ? ORDER BY weight DESC LIMIT 100", ("big",)),
    "team": TableQuestion("team", "WHERE safe = ?", ("text",)),
    "members": TableQuestion("member", "WHERE safe = ? ORDER BY account LIMIT 100", ("text",)),
    "payees": TableQuestion("payee", "WHERE splitter = ? ORDER BY share DESC, account LIMIT 100", ("text",)),
    "shares": TableQuestion("payee", "WHERE account = ? ORDER BY splitter LIMIT 200", ("text",)),
    "parked": TableQuestion("parked", "WHERE account = ? LIMIT 1000", ("text",)),
}
"""By name."""


def written_values(values: Sequence[Any]) -> str:
    """Values as a part of an address: lists with commas, and points between them."""
    return ".".join(_written(one) for one in values)


def _written(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def read_values(name: str, text: str) -> tuple[Any, ...]:
    """The values of a question from an address. Raises `InputError`."""
    question = QUESTIONS[name]
    parts = text.split(".") if text else []
    if len(parts) != len(question.takes):
        raise InputError(
            f"The question {name} takes {len(question.takes)} values, not {len(parts)}.", hint="Put points between."
        )
    if question.several:
        listed = [_value("int", one) for one in parts[0].split(",")]
        if len(listed) > MOST_VALUES:
            raise InputError(f"A list has at most {MOST_VALUES} numbers, not {len(listed)}.")
        return (listed,)
    return tuple(_value(kind, one) for kind, one in zip(question.takes, parts, strict=True))


def _value(kind: Column, text: str) -> Any:
    digits = text.isascii() and text.isdigit()
    if kind == "int" and digits and len(text) < 20 and int(text) <= _LARGEST:
        return int(text)
    if kind == "big" and _is_big(text):
        return int(text)
    if kind == "text":
        return text
    if kind == "blob" and text.startswith("0x") and len(text) == 2 + 2 * _WIDTH:
        return _unhexed(text[2:])
    raise InputError(f"{text[:80]!r} is no value of the kind {kind}.", hint="See /openapi.json.")


def _is_big(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 79 and int(text) < 2 ** (8 * _WIDTH)


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InputError(f"{text[:80]!r} is not hexadecimal.") from None


def written_rows(name: str, rows: Sequence[Row], block: BlockShown) -> TableRows:
    """Rows as JSON has them: numbers that may be large as text, bytes as hexadecimal digits."""
    table = BY_NAME[QUESTIONS[name].table]
    return TableRows(
        block=block,
        columns=table.names,
        rows=tuple(tuple(_told(kind, row[one]) for one, kind in table.columns) for row in rows),
    )


def _told(kind: Column, value: Any) -> int | str:
    if kind == "blob":
        return bytes(value).hex()
    told: int | str = str(value) if kind == "big" else value
    return told


def read_rows(name: str, told: TableRows) -> list[Row]:
    """The rows that a hub told. Raises `ValueError` for those that are none of the table."""
    table = BY_NAME[QUESTIONS[name].table]
    if told.columns != table.names:
        raise ValueError(f"its table {table.name} has the columns {', '.join(told.columns)[:200]}")
    return [
        {one: _read(kind, value) for (one, kind), value in zip(table.columns, row, strict=True)} for row in told.rows
    ]


def _read(kind: Column, value: int | str) -> Any:
    if kind == "int" and isinstance(value, int) and abs(value) <= _LARGEST:
        return value
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "big" and isinstance(value, str) and _is_big(value):
        return int(value)
    if kind == "blob" and isinstance(value, str) and len(value) in (0, 2 * _WIDTH):
        return bytes.fromhex(value)
    raise ValueError(f"{str(value)[:80]!r} is no value of the kind {kind}")
