"""An index in a file of SQLite, or in memory: the default, which needs no server."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final

from registry.index import deadline
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
        self._in_memory = self.path == ":memory:"
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        with self._typed(sqlite3.Error, OSError):
            if not self._in_memory:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = NORMAL")
            # What is removed here was public on a chain: nothing need be overwritten with zeros.
            self._writer.execute("PRAGMA secure_delete = OFF")
            self._writer.execute("PRAGMA cache_size = -32000")
            # A transaction of some thousand events is larger than the log that is copied by default.
            self._writer.execute("PRAGMA wal_autocheckpoint = 8000")

    def _connect(self) -> sqlite3.Connection:
        made = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
        made.set_progress_handler(deadline.is_over, 10_000)
        return made

    def _reader(self) -> sqlite3.Connection:
        """A connection of this thread's own, so that readers do not wait for the writer."""
        if self._in_memory or getattr(self._local, "writing", False):
            return self._writer
        found: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if found is None:
            found = self._local.reader = self._connect()
            found.execute("PRAGMA query_only = ON")
            self._readers.append(found)
        return found

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read; see `Store.rows`."""
        deadline.check()
        with self._typed(sqlite3.Error):
            if self._in_memory:
                with self._writing:
                    return self._writer.execute(statement, values).fetchall()
            return self._reader().execute(statement, values).fetchall()

    def run(self, statement: str, *values: object) -> None:
        """Write; see `Store.run`."""
        with self._typed(sqlite3.Error):
            self._writer.execute(statement, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; see `Store.writing`."""
        with self._writing:
            if getattr(self._local, "writing", False):
                yield
                return
            with self._typed(sqlite3.Error):
                self._writer.execute("BEGIN IMMEDIATE")
            self._local.writing = True
            try:
                yield
                with self._typed(sqlite3.Error):
                    self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._local.writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One moment; see `Store.reading`."""
        if self._in_memory:
            with self._writing:
                yield
            return
        if getattr(self._local, "writing", False) or self._reader().in_transaction:
            yield
            return
        with self._typed(sqlite3.Error):
            self._reader().execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._reader().execute("COMMIT")

    def close(self) -> None:
        """Let go of the database."""
        with self._writing:
            for connection in (*self._readers, self._writer):
                connection.close()

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
