"""Which roots a store keeps, in SQLite: a pin is there whole or not at all, whatever happens to the process."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.errors import ContentError
from registry.ipfs.cid import CID

__all__ = ["Pin", "Pins"]

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS pins (cid TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class Pin:
    """A root that is kept with all below it; `created` is in seconds since 1970."""

    cid: CID
    name: str
    created: float


class Pins:
    """The pins of one store. Each call opens the file for itself, so threads and processes may share it; `patience`
    is how many seconds one waits for another."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path: Final = path
        self._patience: Final = patience

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=self._patience, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute(_TABLE)
                yield connection
        except sqlite3.Error as error:
            raise ContentError(
                f"The pins at {str(self._path)!r} could not be used: {error}.",
                hint="Check the free space, the permissions and whether the file is whole; no block was touched.",
            ) from error

    def add(self, names: Mapping[CID, str]) -> tuple[Pin, ...]:
        """Add pins with their names, all or none of them; one that is there gets its new name."""
        made = tuple(Pin(cid.v1(), name, time.time()) for cid, name in names.items())
        with self._open() as pins, _transaction(pins):
            pins.executemany(
                "INSERT INTO pins VALUES (?, ?, ?) ON CONFLICT (cid) DO UPDATE SET name = excluded.name",
                [(str(pin.cid), pin.name, pin.created) for pin in made],
            )
        return made

    def remove(self, cid: CID) -> bool:
        """Remove a pin; whether there was one."""
        with self._open() as pins:
            return pins.execute("DELETE FROM pins WHERE cid = ?", (str(cid.v1()),)).rowcount > 0

    def all(self) -> tuple[Pin, ...]:
        """Every pin, the oldest first."""
        if not self._path.exists():
            return ()
        with self._open() as pins:
            rows = pins.execute("SELECT cid, name, created FROM pins ORDER BY created, cid").fetchall()
        return tuple(Pin(CID.parse(cid), name, created) for cid, name, created in rows)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
