"""What differs between two versions of a table: its columns and how many rows it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.content.columns import columns_of, is_table, rows_of
from registry.content.kinds import shelf_for
from registry.text.html import Shown

if TYPE_CHECKING:
    from registry.results import Asset
    from registry.session import Session

__all__ = ["TableChanges", "changes_of_tables"]


@dataclass(frozen=True, slots=True)
class TableChanges(Shown):
    """A CSV, TSV or Parquet file that is another in a later version: columns that were added, removed or `retyped`, and
    its rows before and after, None where they were not counted. `notes` say why nothing is said of a side."""

    path: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[str, ...]
    rows_before: int | None
    rows_after: int | None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        before, after = ("?" if rows is None else f"{rows:,}" for rows in (self.rows_before, self.rows_after))
        parts = [f"{before} rows -> {after}" if before != after or before == "?" else f"{after} rows"]
        for names, verb in ((self.added, "added"), (self.removed, "removed"), (self.retyped, "of another type")):
            if names:
                parts.append(f"{verb}: {', '.join(names)}")
        return f"{self.path}: {'; '.join([*parts, *self.notes])}"


def changes_of_tables(
    session: Session, before: Asset, after: Asset, paths: tuple[str, ...]
) -> tuple[TableChanges, ...]:
    """The changes of those of `paths` that are tables. Raises what opening a file raises."""
    return tuple(_change(session, before, after, path) for path in paths if is_table(path))


def _change(session: Session, before: Asset, after: Asset, path: str) -> TableChanges:
    tables, rows, notes = [], [], []
    for found in (before, after):
        shelf = shelf_for(session, found)
        size = next(file.size for file in shelf.files(found) if file.path == path)
        with shelf.open(found, path) as stream:
            columns, fault = columns_of(path, size, stream)
        with shelf.open(found, path) as stream:
            rows.append(rows_of(path, size, stream))
        tables.append({column.name: (column.type, column.repeated) for column in columns})
        if fault:
            notes.append(f"nothing is said of version {found.version}: {fault}")
    old, new = tables
    if notes:  # of one side alone nothing can be compared
        old = new = {}
    return TableChanges(
        path,
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name in old and old[name] != new[name]),
        rows[0],
        rows[1],
        tuple(notes),
    )
