"""A file of SQLite that one thread writes while others read: what the tables of an index and its search have alike."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from registry.index import deadline
from registry.system.turns import end_turn

__all__ = ["SqliteFile"]


class SqliteFile:
    """The file at `path`, made if it is missing, or ``:memory:``; one writer at a time, and readers do not wait for it.

    `pragmas` are settings of the connection that writes, `mapped` the bytes of the file that each one maps. Raises
    `sqlite3.Error`, also for a question that has had its time (see `deadline`), and `OSError`.
    """

    def __init__(self, path: str | Path, *pragmas: str, mapped: int = 0) -> None:
        self.path: Final = str(path)
        self.lock: Final = threading.RLock()
        self._mapped = mapped
        self._in_memory = self.path == ":memory:"
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        if not self._in_memory:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self.writer: Final = self._connect()
        # What is removed here was public on a chain: nothing need be overwritten with zeros.
        for pragma in ("journal_mode = WAL", "secure_delete = OFF", *pragmas):
            self.writer.execute(f"PRAGMA {pragma}")

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read; raises `SearchTimeout` for a question that has had its time already."""
        deadline.check()
        if self._in_memory:
            with self.lock:
                return self.writer.execute(statement, values).fetchall()
        return self._reader().execute(statement, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that this thread writes and reads within is one transaction; within another it is part of that."""
        end_turn()  # to wait for whoever writes now
        with self.lock:
            if self._is_writing():
                yield
                return
            self.writer.execute("BEGIN IMMEDIATE")
            self._local.writing = True
            try:
                yield
                self.writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.writer.execute("ROLLBACK")
                raise
            finally:
                self._local.writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that this thread reads within is of one moment."""
        if self._in_memory:
            with self.lock:
                yield
            return
        reader = self._reader()
        if reader.in_transaction:
            yield
            return
        reader.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                reader.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            for connection in (*self._readers, self.writer):
                connection.close()

    def _is_writing(self) -> bool:
        return getattr(self._local, "writing", False)

    def _connect(self) -> sqlite3.Connection:
        made = sqlite3.connect(self.path, timeout=10, check_same_thread=False, isolation_level=None)
        if self._mapped:
            made.execute(f"PRAGMA mmap_size = {self._mapped}")
        made.set_progress_handler(deadline.is_over, 10_000)
        return made

    def _reader(self) -> sqlite3.Connection:
        """A connection of this thread's own, so that nobody waits for the writer or for another's question."""
        if self._in_memory or self._is_writing():
            return self.writer
        found: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if found is None:
            found = self._local.reader = self._connect()
            found.execute("PRAGMA query_only = ON")
            self._readers.append(found)
        return found
