"""An index in a file of SQLite, or in memory: the default, which needs no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

from registry.index.sqlite_file import SqliteFile
from registry.index.tables import Column, Key, Table
from registry.index.tables_store import Store

__all__ = ["SqliteStore"]

_AT_ONCE: Final = 400
"""Keys in one statement: well below what SQLite takes."""


class SqliteStore(Store):
    """Tables in the file at `path`, made if it is missing, or in memory for ``:memory:``. Raises `IndexFault`."""

    kinds: Mapping[Column, str] = {"int": "INTEGER", "big": "BLOB", "text": "TEXT", "blob": "BLOB"}
    suffix = " WITHOUT ROWID"

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path: Final = str(path)
        with self._typed(sqlite3.Error, OSError):
            # A transaction of some thousand events is larger than the log that is copied by default.
            settings = ("synchronous = NORMAL", "cache_size = -32000", "wal_autocheckpoint = 8000")
            self._file = SqliteFile(path, *settings)
        self._writer = self._file.writer

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read; see `Store.rows`."""
        with self._typed(sqlite3.Error):
            return self._file.rows(statement, *values)

    def run(self, statement: str, *values: object) -> None:
        """Write; see `Store.run`."""
        with self._typed(sqlite3.Error):
            self._writer.execute(statement, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; see `Store.writing`."""
        with self._typed(sqlite3.Error), self._file.writing():
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One moment; see `Store.reading`."""
        with self._typed(sqlite3.Error), self._file.reading():
            yield

    def close(self) -> None:
        """Let go of the database."""
        self._file.close()

    def _select(self, table: Table, keys: Sequence[Key]) -> Iterable[tuple[Any, ...]]:
        names = ", ".join(f"t.{name}" for name in table.names)
        # Joined to the keys in this order, each row is looked up; "(a, b) IN (VALUES ...)" would read the whole table.
        same = " AND ".join(f"t.{name} = k.column{number}" for number, name in enumerate(table.key, 1))
        one = f"({', '.join('?' * table.keys)})"
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            yield from self.rows(
                f"SELECT {names} FROM (VALUES {', '.join([one] * len(part))}) k CROSS JOIN {table.name} t ON {same}",
                *chain.from_iterable(part),
            )

    def _upsert(self, table: Table, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(table.columns))
        with self._typed(sqlite3.Error):
            self._writer.executemany(f"INSERT OR REPLACE INTO {name} VALUES ({marks})", rows)

    def _append(self, name: str, columns: Sequence[tuple[str, Column]], rows: Sequence[tuple[Any, ...]]) -> None:
        with self._typed(sqlite3.Error):
            self._writer.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)

    def _erase(self, table: Table, keys: Sequence[Key]) -> None:
        where = " AND ".join(f"{key} = ?" for key in table.key)
        with self._typed(sqlite3.Error):
            self._writer.executemany(f"DELETE FROM {table.name} WHERE {where}", keys)
