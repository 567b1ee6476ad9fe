"""An index in PostgreSQL, for hubs with several readers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from registry.errors import IndexFault, SearchTimeout
from registry.index import deadline
from registry.index.tables import Column, Key, Table
from registry.index.tables_store import Store
from registry.system.turns import end_turn

__all__ = ["PostgresStore"]

_LOCK: Final = 0x61737365
"""Key of the advisory lock that one writer at a time holds."""


class PostgresStore(Store):
    """Tables in the database at `url`, in the first schema of its search path. Raises `IndexFault`."""

    kinds: Mapping[Column, str] = {"int": "BIGINT", "big": "BYTEA", "text": 'TEXT COLLATE "C"', "blob": "BYTEA"}

    def __init__(self, url: str) -> None:
        super().__init__()
        try:
            import psycopg
        except ImportError as error:
            raise IndexFault(
                "psycopg, which speaks to PostgreSQL, is not installed.", hint="Run: pip install 'asset-registry[hub]'"
            ) from error
        self._psycopg = psycopg
        self._url = url
        self._writing = threading.RLock()
        self._local = threading.local()
        self._all: list[Any] = []
        self._writer = self._connect()

    def _connect(self) -> Any:
        with self._typed(self._psycopg.Error):
            made = self._psycopg.connect(self._url, autocommit=True, connect_timeout=10)
            self._all.append(made)
            return made

    def _connection(self) -> Any:
        if getattr(self._local, "writing", False):
            return self._writer
        found = getattr(self._local, "reader", None)
        if found is None or found.closed:
            found = self._local.reader = self._connect()
            self._local.most = 0
            found.execute("SET default_transaction_read_only = on")
        return found

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read; see `Store.rows`."""
        deadline.check()
        try:
            # In binary, so that bytes come as they are.
            with self._typed(self._psycopg.Error):
                cursor = self._bounded().cursor(binary=True)
                found: list[tuple[Any, ...]] = cursor.execute(_marks(statement), values or None).fetchall()
                return found
        except IndexFault as error:
            if isinstance(error.__cause__, self._psycopg.errors.QueryCanceled):
                raise SearchTimeout(deadline.limit() or 0.0) from error
            raise

    def _bounded(self) -> Any:
        """The connection to read with; what a question may take of a processor, the server may take by the clock."""
        found = self._connection()
        most = round(1_000 * (deadline.limit() or 0))
        if found is not self._writer and most != getattr(self._local, "most", 0):
            found.execute(f"SET statement_timeout = {most}")
            self._local.most = most
        return found

    def run(self, statement: str, *values: object) -> None:
        """Write; see `Store.run`."""
        with self._typed(self._psycopg.Error):
            self._writer.execute(_marks(statement), values or None)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; see `Store.writing`."""
        end_turn()  # to wait for whoever writes now
        with self._writing:
            if getattr(self._local, "writing", False):
                yield
                return
            if self._writer.closed:
                self._writer = self._connect()
            with self._typed(self._psycopg.Error):
                self._writer.execute("BEGIN")
                self._writer.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._local.writing = True
            try:
                yield
                with self._typed(self._psycopg.Error):
                    self._writer.execute("COMMIT")
            except BaseException:
                with suppress(self._psycopg.Error):
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                self._local.writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One moment; see `Store.reading`."""
        connection = self._bounded()  # before the transaction: a timeout would undo it with the rest
        if connection is self._writer or connection.info.transaction_status:
            yield
            return
        with self._typed(self._psycopg.Error):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            yield
        finally:
            with suppress(self._psycopg.Error):
                connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the database."""
        for connection in self._all:
            connection.close()

    def _has(self, name: str) -> bool:
        return bool(self.rows("SELECT to_regclass(?) IS NOT NULL", name)[0][0])

    def _select(self, table: Table, keys: Sequence[Key]) -> Iterable[tuple[Any, ...]]:
        if not keys:
            return []
        wanted = ", ".join(f"t.{name}" for name in table.names)
        arrays, values = self._arrays(table.columns[: table.keys], keys)
        return self.rows(
            f"SELECT {wanted} FROM {table.name} t JOIN unnest({arrays}) AS k({', '.join(table.key)}) "
            f"USING ({', '.join(table.key)})",
            *values,
        )

    def _upsert(self, table: Table, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        arrays, values = self._arrays(table.columns, rows)
        rest = table.names[table.keys :]
        do = f"DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in rest)}" if rest else "DO NOTHING"
        self.run(
            f"INSERT INTO {name} SELECT * FROM unnest({arrays}) ON CONFLICT ({', '.join(table.key)}) {do}", *values
        )

    def _append(self, name: str, columns: Sequence[tuple[str, Column]], rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        into = f"COPY {name} FROM STDIN (FORMAT BINARY)"
        with self._typed(self._psycopg.Error), self._writer.cursor() as cursor, cursor.copy(into) as copy:
            copy.set_types([_TYPES[kind] for _, kind in columns])
            for row in rows:
                copy.write_row(row)

    def _erase(self, table: Table, keys: Sequence[Key]) -> None:
        if keys:
            arrays, values = self._arrays(table.columns[: table.keys], keys)
            key = ", ".join(table.key)
            self.run(f"DELETE FROM {table.name} WHERE ({key}) IN (SELECT * FROM unnest({arrays}))", *values)

    def _arrays(self, columns: Sequence[tuple[str, Column]], rows: Sequence[tuple[Any, ...]]) -> tuple[str, list[str]]:
        """Columns as arrays: one statement for any number of rows, and one plan for the server."""
        values = [_array(kind, column) for (_, kind), column in zip(columns, zip(*rows, strict=True), strict=True)]
        return ", ".join(f"?::{_TYPES[kind]}[]" for _, kind in columns), values


def _array(kind: Column, values: Sequence[Any]) -> str:
    """Values as the text of an array (PostgreSQL, section 8.15), a tenth of the work of passing them one by one."""
    if kind == "int":
        return f"{{{','.join(map(str, values))}}}"
    if kind == "text":
        quoted = '","'.join([value.replace("\\", "\\\\").replace('"', '\\"') for value in values])
        return f'{{"{quoted}"}}'
    listed = '","\\\\x'.join(map(bytes.hex, values))
    return f'{{"\\\\x{listed}"}}'


_TYPES: Final[dict[Column, str]] = {"int": "bigint", "big": "bytea", "text": "text", "blob": "bytea"}


def _marks(statement: str) -> str:
    return statement.replace("?", "%s")
