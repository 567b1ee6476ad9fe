"""What a gateway decided, as JSON in a chain of hashes: nothing can be changed, left out or put in between unnoticed.

The hash of an entry is sha256 of the hash before it (64 zeros for the first), a line feed, and the entry in canonical
JSON. Whoever has noted one hash can later prove that all up to there is as it was. No entry holds a key, a share, a
signature or the address of a computer.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from registry.documents.canonical import canonical_bytes
from registry.errors import JournalError
from registry.gateway.database import Database

FIRST: Final = "0" * 64
"""What stands in for the hash before the first entry."""

_PAGE: Final = 1000


class AuditLog:
    """The log of one gateway."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._guard = threading.Lock()
        found = database.rows("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        self._number, self._hash = (int(found[0][0]), str(found[0][1])) if found else (0, FIRST)

    @property
    def head(self) -> tuple[int, str]:
        """How many entries there are, and the hash of the last."""
        return self._number, self._hash

    def write(self, event: str, **details: Any) -> None:
        """Add an entry; within `Database.writing` it is kept only if all the rest is."""
        entry = {"at": int(self._clock()), "event": event, **details}
        text = canonical_bytes({name: value for name, value in entry.items() if value is not None}).decode()
        with self._guard, self._database.writing():
            # Read anew: what was written within a transaction that failed is gone.
            found = self._database.rows("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
            number, before = (int(found[0][0]), str(found[0][1])) if found else (0, FIRST)
            self._number, self._hash = number + 1, link(before, text)
            self._database.run("INSERT INTO audit VALUES (?, ?, ?)", self._number, text, self._hash)

    def entries(self, *, last: int | None = None) -> Iterator[dict[str, Any]]:
        """The entries in order, each with its `number` and `hash`; with `last`, that many from the end."""
        newest = self._database.rows("SELECT COALESCE(MAX(number), 0) FROM audit")[0][0]
        at = 0 if last is None else max(0, newest - last)
        while rows := self._database.rows(
            "SELECT number, entry, hash FROM audit WHERE number > ? ORDER BY number LIMIT ?", at, _PAGE
        ):
            for number, text, hash in rows:
                yield {"number": number, **json.loads(text), "hash": hash}
            at = int(rows[-1][0])

    def verify(self, *, known: str | None = None) -> tuple[int, str]:
        """Hash all entries again; returns how many there are and the last hash.

        With `known`, a hash that was noted earlier must be among them. Raises `JournalError` at the first fault.
        """
        at, before, seen = 0, FIRST, known is None or known == FIRST
        while rows := self._database.rows(
            "SELECT number, entry, hash FROM audit WHERE number > ? ORDER BY number LIMIT ?", at, _PAGE
        ):
            for number, text, hash in rows:
                if number != at + 1 or hash != link(before, text):
                    raise JournalError(
                        f"Entry {at + 1} of the audit log is not what it was.",
                        hint="Somebody changed the file. Compare it with a backup.",
                    )
                at, before = int(number), str(hash)
                seen = seen or before == known
        if not seen:
            raise JournalError(
                f"No entry of the audit log has the hash {known}.",
                hint="Entries are missing, or the hash is of another.",
            )
        return at, before


def link(before: str, text: str) -> str:
    """The hash of an entry that follows the hash `before`."""
    return hashlib.sha256(f"{before}\n{text}".encode()).hexdigest()
