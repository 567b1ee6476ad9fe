"""What a gateway keeps, in one SQLite file: shares (sealed), invitations, used nonces, uses, and the audit log.

All that belongs together is written in one transaction. A killed process loses nothing that was answered; what must
also outlive a power cut (`durable`) is on the disk before the answer.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from registry.errors import JournalError
from registry.home import make_private

__all__ = ["Database", "StoredInvitation", "StoredShare"]

FILE: Final = "gateway.sqlite"
_FORMAT: Final = 2
_SHARES: Final = """
CREATE TABLE shares (
    id INTEGER PRIMARY KEY, asset TEXT NOT NULL, version INTEGER NOT NULL, number INTEGER NOT NULL,
    threshold INTEGER NOT NULL, sealed TEXT NOT NULL, depositor TEXT NOT NULL, stored INTEGER NOT NULL
);
CREATE INDEX of_version ON shares (asset, version);
"""
_SCHEMA: Final = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
{_SHARES}CREATE TABLE invitations (
    id TEXT PRIMARY KEY, asset TEXT NOT NULL, account TEXT NOT NULL, starts INTEGER NOT NULL, ends INTEGER NOT NULL,
    owner TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX invited ON invitations (asset, account);
CREATE TABLE nonces (nonce TEXT PRIMARY KEY, used_by TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX expiring ON nonces (expires);
CREATE TABLE uses (
    account TEXT NOT NULL, nonce TEXT NOT NULL, asset TEXT NOT NULL, licence INTEGER NOT NULL, version INTEGER NOT NULL,
    recipient TEXT NOT NULL, ref TEXT NOT NULL, state TEXT NOT NULL, block INTEGER, asked INTEGER NOT NULL,
    changed INTEGER NOT NULL, gas INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, nonce)
) WITHOUT ROWID;
CREATE INDEX spending ON uses (sent);
CREATE TABLE audit (number INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL);
"""
_FROM_1: Final = f"""
ALTER TABLE shares RENAME TO shares_of_1;
{_SHARES}INSERT INTO shares (asset, version, number, threshold, sealed, depositor, stored) SELECT * FROM shares_of_1;
DROP TABLE shares_of_1;
ALTER TABLE uses ADD COLUMN gas INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uses ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uses ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX spending ON uses (sent);
"""
"""From a file of format 1, which kept one share of each version."""


_SHARE: Final = "asset, version, number, threshold, sealed, depositor, stored"


@dataclass(frozen=True, slots=True)
class StoredShare:
    """A share as it is kept: `sealed` is for the gateway's own identity; `id` is its name here, 0 before it has one."""

    asset: str
    version: int
    index: int
    threshold: int
    sealed: str
    depositor: str
    stored: int
    id: int = 0


@dataclass(frozen=True, slots=True)
class StoredInvitation:
    """An invitation by the one who was owner then; times in seconds since 1970."""

    id: str
    asset: str
    account: str
    start: int
    end: int
    owner: str
    revoked: bool


class Database:
    """The file, for all threads of the one process that serves it."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if missing; raises `JournalError` if it cannot be used."""
        self.path: Final = path
        self._guard = threading.RLock()
        self._depth = 0
        with self._typed():
            make_private(path)  # before anything is in it; what SQLite makes beside it has the same rights
            self._db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found in (0, 1):
                with self.writing(durable=True):
                    for statement in (_FROM_1 if found else _SCHEMA).split(";\n"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version = {_FORMAT}")
            elif found != _FORMAT:
                raise JournalError(
                    f"The gateway's file {path} has format {found}; this version reads {_FORMAT}.",
                    hint="Use the version of the package that wrote it.",
                )

    def close(self) -> None:
        """Close the file; it cannot be used after that."""
        with self._guard:
            self._db.close()

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[None]:
        """All that is written within is written together, or nothing is."""
        with self._guard, self._typed():
            if self._depth:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            if durable:
                self._db.execute("PRAGMA synchronous = FULL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._depth = 1
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        self._db.execute("ROLLBACK")
                    raise
                finally:
                    self._depth = 0
            finally:
                if durable:
                    self._db.execute("PRAGMA synchronous = NORMAL")

    def run(self, statement: str, *values: object) -> int:
        """Write; returns how many rows were changed."""
        with self.writing():
            return self._db.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read."""
        with self._guard, self._typed():
            return self._db.execute(statement, values).fetchall()

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file."""
        return [str(row[0]) for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]

    # --- Facts about the gateway -----------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        """What was noted under a name."""
        found = self.rows("SELECT value FROM meta WHERE name = ?", name)
        return str(found[0][0]) if found else None

    def note(self, name: str, value: str) -> None:
        """Note something under a name."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)

    # --- Shares ----------------------------------------------------------------------------------

    def put_share(self, share: StoredShare) -> None:
        """Keep a share, beside others of the same version: what was sold must stay open to whoever bought it."""
        values = (
            share.asset,
            share.version,
            share.index,
            share.threshold,
            share.sealed,
            share.depositor,
            share.stored,
        )
        self.run(f"INSERT INTO shares ({_SHARE}) VALUES (?, ?, ?, ?, ?, ?, ?)", *values)

    def reseal(self, id: int, sealed: str) -> None:
        """Keep a share sealed in another way."""
        self.run("UPDATE shares SET sealed = ? WHERE id = ?", sealed, id)

    def shares_of(self, asset: str, version: int) -> list[StoredShare]:
        """The shares of a version of an asset, the newest first."""
        query = f"SELECT {_SHARE}, id FROM shares WHERE asset = ? AND version = ? ORDER BY id DESC"  # nosec B608 # words
        return [StoredShare(*row) for row in self.rows(query, asset, version)]

    def shares(self) -> list[StoredShare]:
        """All shares, by asset and version."""
        query = f"SELECT {_SHARE}, id FROM shares ORDER BY asset, version, id"  # nosec B608 # words of this module
        return [StoredShare(*row) for row in self.rows(query)]

    # --- Invitations -----------------------------------------------------------------------------

    def put_invitation(self, invitation: StoredInvitation) -> None:
        """Keep an invitation; one that was revoked stays so."""
        one = invitation
        self.run(
            "INSERT OR IGNORE INTO invitations VALUES (?, ?, ?, ?, ?, ?, ?)",
            one.id,
            one.asset,
            one.account,
            one.start,
            one.end,
            one.owner,
            int(one.revoked),
        )

    def invited(self, asset: str, now: int) -> int:
        """How many invitations to an asset there are; those that are over are forgotten."""
        with self.writing():
            self.run("DELETE FROM invitations WHERE asset = ? AND ends <= ?", asset, now)
            return int(self.rows("SELECT COUNT(*) FROM invitations WHERE asset = ?", asset)[0][0])

    def invitation(self, id: str) -> StoredInvitation | None:
        """The invitation of a name; None if there is none."""
        found = self.rows("SELECT * FROM invitations WHERE id = ?", id)
        return _invitation(found[0]) if found else None

    def invitations(self, asset: str, account: str, now: int) -> list[StoredInvitation]:
        """Those that hold for an account now."""
        found = self.rows(
            "SELECT * FROM invitations WHERE asset = ? AND account = ? AND NOT revoked AND starts <= ? AND ends > ?",
            asset,
            account,
            now,
            now,
        )
        return [_invitation(row) for row in found]

    def revoke(self, id: str) -> None:
        """End an invitation before it starts."""
        self.run("UPDATE invitations SET revoked = 1 WHERE id = ?", id)

    # --- Nonces ----------------------------------------------------------------------------------

    def nonce_used_by(self, nonce: str) -> str | None:
        """The digest of the message that used a nonce; None if none has."""
        found = self.rows("SELECT used_by FROM nonces WHERE nonce = ?", nonce)
        return str(found[0][0]) if found else None

    def use_nonce(self, nonce: str, used_by: str, expires: int, *, now: int) -> str:
        """Note that a message used a nonce, unless one has before; returns which has. Forgets those that expired."""
        with self.writing():
            self.run("DELETE FROM nonces WHERE expires <= ?", now)
            self.run("INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)", nonce, used_by, expires)
            return self.nonce_used_by(nonce) or ""

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"The gateway's file {self.path} cannot be used: {error}.",
                hint="See 'registry gateway status', and restore a backup if it is damaged.",
            ) from error


def _invitation(row: tuple[Any, ...]) -> StoredInvitation:
    id, asset, account, start, end, owner, revoked = row
    return StoredInvitation(id, asset, account, start, end, owner, bool(revoked))
