"""The record that makes sending exactly-once.

A transaction is written down, signed, before a node sees it. Who was killed at any point finds it
again by its intent and either waits for it, or sends the very same bytes again, or learns that its
nonce went to another transaction, so that it can never take effect and a new one may be made.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from registry.errors import JournalError
from registry.home import home, is_unwritable, make_private, private_lock
from registry.text.waits import waiting_for

_FILE: Final = "journal.sqlite"

_VERSION: Final = 1

# Seconds to wait for other processes that open or write the file.
_PATIENCE: Final = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS transactions (
    id       INTEGER PRIMARY KEY,
    chain    TEXT    NOT NULL,
    sender   TEXT    NOT NULL,
    nonce    INTEGER NOT NULL,
    hash     TEXT    NOT NULL,
    raw      BLOB    NOT NULL,
    intent   TEXT,
    accepted INTEGER NOT NULL DEFAULT 0,
    settled  INTEGER NOT NULL DEFAULT 0,
    written  REAL    NOT NULL,
    UNIQUE (chain, hash)
);
CREATE TABLE IF NOT EXISTS spending (
    id    INTEGER PRIMARY KEY,
    chain TEXT    NOT NULL,
    purse TEXT    NOT NULL,
    units TEXT    NOT NULL,
    what  TEXT    NOT NULL,
    time  REAL    NOT NULL
);
CREATE INDEX IF NOT EXISTS by_purse ON spending (chain, purse, time);
CREATE INDEX IF NOT EXISTS by_intent ON transactions (chain, sender, intent);
CREATE INDEX IF NOT EXISTS by_nonce ON transactions (chain, sender, nonce);
"""

_COLUMNS = "id, chain, sender, nonce, hash, raw, intent, accepted, settled"

# Threads of this process; other processes are kept out by a lock file.
_thread_locks: dict[str, threading.Lock] = {}
_thread_locks_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One signed transaction: `accepted` once a node has taken it; `settled` is the block that it was in when its
    outcome was told, 0 before that."""

    id: int
    chain: str
    sender: str
    nonce: int
    hash: str
    raw: bytes
    intent: str | None
    accepted: bool = False
    settled: int = 0


class Journal:
    """The journal in a file, for all threads and processes that share it."""

    def __init__(self, path: str | Path | None = None) -> None:
        """The journal at `path` (by default in `home`), which the first who uses it opens, or makes if it is missing:
        those who only read need none. `open` says at once whether it can be used."""
        self._memory = path == ":memory:"
        self.path: Path = Path(":memory:") if self._memory else Path(path) if path else home() / _FILE
        self._guard = threading.RLock()
        # Kept apart from all other journals in memory.
        self._space = f"memory-{id(self)}" if self._memory else str(self.path.absolute())
        self._opened: sqlite3.Connection | OSError | None = None

    def open(self) -> Self:
        """Open it now. Raises `JournalError`, but not where nothing may be written: that is told by who writes."""
        with self._guard, self._typed():
            if self._opened is None:
                self._opened = self._connection()
        return self

    @property
    def is_closed_to_us(self) -> bool:
        """Whether nothing may be written there, so that nobody of here sends or has sent with it."""
        return isinstance(self.open()._opened, OSError)

    @property
    def _db(self) -> sqlite3.Connection:
        opened = self.open()._opened
        if isinstance(opened, sqlite3.Connection):
            return opened
        raise opened or AssertionError

    def _connection(self) -> sqlite3.Connection | OSError:
        if self._memory:
            return self._connect()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite waits for nobody when two processes turn on the write-ahead log at once: one would fail.
            with self._opening():
                return self._connect()
        except OSError as error:
            if not is_unwritable(error):
                raise
            return error

    @contextmanager
    def _opening(self) -> Iterator[None]:
        from filelock import Timeout

        try:
            lock = private_lock(self.path.with_name(f"{self.path.name}.lock"), timeout=_PATIENCE)
            with waiting_for(f"another run that opens the journal {self.path}", _PATIENCE):
                held = lock.acquire(poll_interval=0.01)
            with held:
                yield
        except Timeout:
            raise JournalError(
                f"Another run has been opening the journal {self.path} for {_PATIENCE:g} s.",
                hint="Wait for it, or end it.",
            ) from None

    def _connect(self) -> sqlite3.Connection:
        if not self._memory:
            # Files that SQLite makes beside it have its rights; those of an open journal are there already.
            for file in (self.path, *self.path.parent.glob(f"{self.path.name}-*")):
                make_private(file)
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, check_same_thread=False, isolation_level=None)
        if not self._memory:
            connection.execute("PRAGMA journal_mode = WAL")
            # A transaction must be on the disk before it is on the net.
            connection.execute("PRAGMA synchronous = FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise JournalError(
                f"The journal {self.path} has format {version}; this version reads {_VERSION}.",
                hint="Use the newer version of the package that wrote it.",
            )
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        return connection

    @classmethod
    def at(cls, folder: str | Path) -> Journal:
        """The journal of a home folder."""
        return cls(Path(folder) / _FILE)

    @classmethod
    def in_memory(cls) -> Journal:
        """Return a journal that lives as long as this object."""
        return cls(":memory:")

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r})"

    def close(self) -> None:
        """Close the file; the journal cannot be used after that."""
        with self._guard:
            if isinstance(self._opened, sqlite3.Connection):
                self._opened.close()

    # --- Writing ---------------------------------------------------------------------------------

    def write(self, *, chain: str, sender: str, nonce: int, hash: str, raw: bytes, intent: str | None) -> JournalEntry:
        """Record a signed transaction that no node has seen yet."""
        values = (chain, sender, nonce, hash, raw, intent, time.time())
        with self._guard, self._typed():
            cursor = self._db.execute(
                "INSERT INTO transactions (chain, sender, nonce, hash, raw, intent, written)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            return JournalEntry(int(cursor.lastrowid or 0), chain, sender, nonce, hash, raw, intent)

    def accept(self, entry: JournalEntry) -> None:
        """Record that a node has taken the transaction."""
        with self._guard, self._typed():
            self._db.execute("UPDATE transactions SET accepted = 1 WHERE id = ?", (entry.id,))

    def settle(self, entry: JournalEntry, block: int) -> None:
        """Record that the caller has the outcome, in a block: the intent is finished while the chain keeps that."""
        with self._guard, self._typed():
            # Block 0 has no transactions.
            self._db.execute("UPDATE transactions SET settled = ? WHERE id = ?", (max(1, block), entry.id))

    def discard(self, entry: JournalEntry) -> None:
        """Forget a transaction that every node refused, so that it cannot take effect."""
        with self._guard, self._typed():
            self._db.execute("DELETE FROM transactions WHERE id = ?", (entry.id,))

    # --- Budgets ---------------------------------------------------------------------------------

    def spent(self, chain: str, purse: str, *, since: float) -> int:
        """Return how many units were taken from a purse, or are set aside, from `since` (seconds since 1970) on."""
        with self._guard, self._typed():
            rows = self._db.execute(
                "SELECT units FROM spending WHERE chain = ? AND purse = ? AND time >= ?", (chain, purse, since)
            ).fetchall()
        # As text, and added up here: SQLite's whole numbers end at 2**63.
        return sum(int(units) for (units,) in rows)

    def set_aside(self, chain: str, purse: str, units: int, limit: int, what: str, *, since: float) -> int | None:
        """Set units aside before anything is signed, and return a number for `take`; None if that and what was spent
        `since` are more than the limit. All threads and processes of the journal's home draw on the same purse."""
        with self._guard, self._typed():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if self.spent(chain, purse, since=since) + units > limit:
                    return None
                cursor = self._db.execute(
                    "INSERT INTO spending (chain, purse, units, what, time) VALUES (?, ?, ?, ?, ?)",
                    (chain, purse, str(units), what, time.time()),
                )
                return int(cursor.lastrowid or 0)
            finally:
                self._db.execute("COMMIT")

    def take(self, aside: int, units: int) -> None:
        """Record what was spent in the end of what was set aside."""
        with self._guard, self._typed():
            self._db.execute("UPDATE spending SET units = ? WHERE id = ?", (str(units), aside))

    # --- Reading ---------------------------------------------------------------------------------

    def find(self, chain: str, sender: str, intent: str) -> list[JournalEntry]:
        """Return the transactions made for an intent, the newest first."""
        return self._select("chain = ? AND sender = ? AND intent = ? ORDER BY id DESC", (chain, sender, intent))

    def unfinished(self, chain: str, sender: str, intent: str, block: int) -> list[JournalEntry]:
        """Return what was begun for `intent` and those below it (``intent:...``), in order: what is not settled, and
        what was in a block after `block`."""
        below = f"{intent}:"
        return self._select(
            "chain = ? AND sender = ? AND (NOT settled OR settled > ?) AND (intent = ? OR substr(intent, 1, ?) = ?)"
            " ORDER BY nonce, id",
            (chain, sender, block, intent, len(below), below),
        )

    def at_nonce(self, chain: str, sender: str, nonce: int) -> list[JournalEntry]:
        """Return the transactions made with a nonce, the newest first."""
        return self._select("chain = ? AND sender = ? AND nonce = ? ORDER BY id DESC", (chain, sender, nonce))

    def last_nonce(self, chain: str, sender: str) -> int:
        """Return the highest nonce that a node has taken from the account, or -1."""
        with self._guard, self._typed():
            found = self._db.execute(
                "SELECT MAX(nonce) FROM transactions WHERE chain = ? AND sender = ? AND accepted", (chain, sender)
            ).fetchone()[0]
        return -1 if found is None else int(found)

    @contextmanager
    def lock(self, chain: str, sender: str, *, timeout: float) -> Iterator[None]:
        """Keep all other threads and processes from choosing a nonce for the account meanwhile.

        Raises `JournalError` after `timeout` seconds.
        """
        from filelock import Timeout

        name = sha256(f"{chain} {sender}".encode()).hexdigest()[:32]
        with _thread_locks_guard:
            threads = _thread_locks.setdefault(f"{self._space} {name}", threading.Lock())
        busy = JournalError(
            f"Another run is sending for {sender} and did not finish in {timeout:g} s ({self.path}).",
            hint="Wait for it, or end it.",
        )
        with waiting_for(f"another thread that sends for {sender}", timeout):
            if not threads.acquire(timeout=max(0.0, timeout)):
                raise busy
        try:
            if self._memory:
                yield
                return
            folder = self.path.parent / "locks"
            with self._typed():
                _ = self._db
            try:
                folder.mkdir(exist_ok=True, mode=0o700)
                lock = private_lock(folder / f"{name}.lock", timeout=max(0.0, timeout), thread_local=False)
                with waiting_for(f"another run that sends for {sender}", timeout):
                    lock.acquire(poll_interval=0.02)
            except Timeout:
                raise busy from None
            except OSError as error:
                raise JournalError(f"The journal {self.path} cannot be locked: {error}.") from error
            try:
                yield
            finally:
                lock.release()
        finally:
            threads.release()

    # --- Internal --------------------------------------------------------------------------------

    def _select(self, where: str, values: tuple[object, ...]) -> list[JournalEntry]:
        with self._guard, self._typed():
            rows: list[tuple[Any, ...]] = self._db.execute(
                f"SELECT {_COLUMNS} FROM transactions WHERE {where}",  # nosec B608 # words of this module; values are bound
                values,
            ).fetchall()
        return [_entry(row) for row in rows]

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise JournalError(
                f"The journal {self.path} cannot be used: {error}.",
                hint="If it is damaged, check on chain what was done, then move the file away.",
            ) from error
        except OSError as error:
            raise JournalError(
                f"The journal {self.path} cannot be used: {error.strerror or error}.",
                hint="Nothing was sent: what is sent is written down there first. Name a home that you may write to "
                "(REGISTRY_HOME, --home).",
            ) from error


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    number, chain, sender, nonce, tx_hash, raw, intent, accepted, settled = row
    return JournalEntry(number, chain, sender, nonce, tx_hash, raw, intent, bool(accepted), int(settled))
