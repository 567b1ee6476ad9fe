"""An index copied into another database: every row of every table, and the same root, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from registry.errors import IndexFault, InputError
from registry.index.roots import Roots
from registry.index.tables import FOLDED, LOGS, Column
from registry.index.tables_store import FORMAT, LASTING, OWN, Store

__all__ = ["copy_index"]

AT_ONCE: Final = 4_000
"""Rows in memory at a time."""

OF_BYTES: Final = 500
"""The same of tables with bytes, which a transaction may have many of."""

DOCUMENTS: Final = 16
"""The same of documents, each up to a mebibyte."""

Columns = Sequence[tuple[str, Column]]


def copy_index(
    source: Store, target: Store, *, progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
) -> tuple[int, bytes]:
    """Copy an index as it is at one moment into an empty database; returns how many assets there are, and their root.

    The copy goes on where the index was, as if it had been there from the start: what can be undone, what is waited for
    and what a search has seen come along. Raises `InputError` if there is no index, or one where it is to go, and
    `IndexFault` for one of another format, or if rows or roots differ; then nothing was written.
    """
    with source.reading(), target.writing():
        _check(source, target)
        target.prepare({})
        counts = {name: _count(source, name) for name, _, _ in _tables()}
        done = 0
        for name, columns, key in _tables():
            for rows in _rows(source, name, columns, key):
                target._append(name, columns, rows)
                done += len(rows)
                progress("copying rows", done, sum(counts.values()))
        target.note(**source.facts())
        copied = {name: _count(target, name) for name in counts}
        here, there = Roots(source).at_final(), Roots(target).at_final()
        if copied != counts or (*here[:3], here.tree.root) != (*there[:3], there.tree.root):
            raise IndexFault(
                f"The copy has {sum(copied.values()):,} rows and the root {there.tree.root.hex()}, and not the "
                f"{sum(counts.values()):,} rows and the root {here.tree.root.hex()} of the index.",
                hint="Copy it into another database.",
            )
        return here.tree.size, here.tree.root


def _check(source: Store, target: Store) -> None:
    """Refuse what cannot be copied, or not to there."""
    if not source.is_there():
        raise InputError("There is no index to copy.", hint="Make one with 'registry hub index'.")
    found = source.facts().get("format")
    if found != FORMAT:
        raise IndexFault(
            f"The index has format {found}; this version copies {FORMAT}.",
            hint="Bring it up to this version with 'registry hub index'.",
        )
    if target.is_there():
        raise InputError("An index is there already, which nothing is written over.", hint="Name an empty database.")


def _count(store: Store, name: str) -> int:
    return int(store.rows(f"SELECT count(*) FROM {name}")[0][0])


def _tables() -> Iterator[tuple[str, Columns, tuple[str, ...]]]:
    """Every table with rows, by its name, with its columns and those of its primary key; facts are noted apart."""
    for table in (*FOLDED, *LOGS, *(one for one in OWN if one.name != "meta"), *LASTING):
        yield table.name, table.columns, table.key
        if table in FOLDED:
            yield f"{table.name}_was", (("at", "int"), ("existed", "int"), *table.columns), ("at", *table.key)


def _rows(source: Store, name: str, columns: Columns, key: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a table as a database has them, some at a time."""
    names = [column for column, _ in columns]
    places = [names.index(one) for one in key]
    order, marks = ", ".join(key), ", ".join("?" * len(key))
    has_bytes = any(kind == "blob" for _, kind in columns)
    most = min(AT_ONCE, DOCUMENTS if name == "document" else OF_BYTES if has_bytes else AT_ONCE)
    where = ""
    after: tuple[Any, ...] = ()
    while rows := source.rows(f"SELECT {', '.join(names)} FROM {name} {where}ORDER BY {order} LIMIT {most}", *after):
        yield rows
        where, after = f"WHERE ({order}) > ({marks}) ", tuple(rows[-1][place] for place in places)
