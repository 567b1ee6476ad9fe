"""Which columns a table has, and of what type: what a Croissant document says of a CSV, TSV or Parquet file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from registry.documents.croissant_export import Column
from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.documents.croissant_export import ColumnType

__all__ = ["columns_of", "is_table", "rows_of"]

_LARGEST: Final = 64 * 2**20
"""Bytes of a text whose values are all looked at: a type that only the first rows have would be a lie."""

_MOST: Final = 4_096
"""Columns of a table that are told."""


class _NoTable(ValueError):
    pass


def is_table(path: str) -> bool:
    """Whether a file is one that `columns_of` reads, by its name."""
    return path.lower().endswith((".csv", ".tsv", ".parquet"))


def columns_of(path: str, size: int, stream: BinaryIO) -> tuple[tuple[Column, ...], str]:
    """The columns of a table of `size` bytes, typed as pandas reads them, or why nothing is said of them, in words.
    Raises what reading raises."""
    try:
        columns = _columns(path.lower(), size, stream)
        if len(columns) > _MOST:
            return (), f"it has more than {_MOST:,} columns"
        if len({column.name for column in columns}) < len(columns):
            return (), "two of its columns have one name"
    except _NoTable as fault:
        return (), str(fault)
    return columns, ""


def rows_of(path: str, size: int, stream: BinaryIO) -> int | None:
    """How many rows a table of `size` bytes has below the names of its columns; None for one that is not read, or too
    large to be read through. Raises what reading raises."""
    try:
        if path.lower().endswith(".parquet"):
            return int(_parquet(stream).metadata.num_rows)
        if size > _LARGEST:
            return None
        text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        counted = sum(bool(row) for row in csv.reader(text, delimiter="\t" if path.lower().endswith(".tsv") else ","))
    except (_NoTable, csv.Error, UnicodeDecodeError):
        return None
    return max(0, counted - 1)


def _columns(name: str, size: int, stream: BinaryIO) -> tuple[Column, ...]:
    if name.endswith(".parquet"):
        return _of_parquet(stream)
    if size > _LARGEST:
        raise _NoTable(f"it has more than {_LARGEST:,} bytes")
    return _of_text(io.TextIOWrapper(stream, "utf-8-sig", newline=""), "\t" if name.endswith(".tsv") else ",")


# --- Texts ---------------------------------------------------------------------------------------

_MISSING: Final = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
        *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""What pandas takes for no value."""

_BOOLEANS: Final = frozenset(("True", "TRUE", "true", "False", "FALSE", "false"))
_INTEGER: Final = re.compile(r" *[+-]?[0-9]{1,18} *")
_FLOAT: Final = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})? *")


def _of_text(text: Iterable[str], separator: str) -> tuple[Column, ...]:
    """Raises `_NoTable` where rows do not fit the first one, which has the names."""
    try:
        rows = csv.reader(text, delimiter=separator)
        names = next(rows, [])[: _MOST + 1]
        left: list[list[ColumnType]] = [[] for _ in names]
        for row in rows:
            if len(row) > len(names):
                raise _NoTable(f"line {rows.line_num:,} has more values than there are names")
            for place, value in enumerate(row):
                if value in _MISSING:
                    continue
                kinds = left[place]
                if not kinds or not _FITS[kinds[0]](value):
                    left[place] = [kind for kind in kinds or _FITS if _FITS[kind](value)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise _NoTable(f"it is not read as text in columns ({error})") from None
    # A column without any value may be of every type.
    return tuple(
        Column(name or f"Unnamed: {place}", left[place][0] if left[place] else "Text")
        for place, name in enumerate(names)
    )


_FITS: Final[dict[ColumnType, Callable[[str], Any]]] = {
    "Boolean": _BOOLEANS.__contains__,
    "Integer": _INTEGER.fullmatch,
    "Float": _FLOAT.fullmatch,
    "Text": lambda _: True,
}
"""From the narrowest on."""


# --- Parquet -------------------------------------------------------------------------------------


def _of_parquet(stream: BinaryIO) -> tuple[Column, ...]:
    return tuple(_typed(_parquet(stream).schema_arrow))


def _parquet(stream: BinaryIO) -> Any:
    try:
        import pyarrow  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        raise _NoTable("pyarrow is not installed, which reads Parquet") from None
    try:
        return pyarrow.parquet.ParquetFile(stream)
    except RegistryError:  # a block that is missing or false
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _NoTable(f"it is not read as Parquet ({str(error)[:200]})") from None


def _typed(schema: Any) -> Iterator[Column]:
    """The columns whose types Croissant has: numbers, texts, moments, and lists of these."""
    from pyarrow import types

    kinds: tuple[tuple[ColumnType, tuple[Callable[[Any], bool], ...]], ...] = (
        ("Boolean", (types.is_boolean,)),
        ("Integer", (types.is_integer,)),
        ("Float", (types.is_floating,)),
        ("Text", (types.is_string, types.is_large_string)),
        ("Date", (types.is_date,)),
        ("DateTime", (types.is_timestamp,)),
    )
    for field in schema:
        of = field.type.value_type if types.is_dictionary(field.type) else field.type
        repeated = types.is_list(of) or types.is_large_list(of)
        of = of.value_type if repeated else of
        kind = next((name for name, tests in kinds if any(test(of) for test in tests)), None)
        if kind and not re.fullmatch(r"__index_level_\d+__", field.name):
            yield Column(field.name, kind, repeated)
