"""The journal of jobs at a host, in one SQLite file: what became of each, and what was taken from each data set.

What is about to be done is written down before it is done, and a state moves forward only, by one process: whoever is
killed at any step goes on from the last state, and nothing is counted or paid twice.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from registry.compute.job_document import ComputeJob, JobOrder
from registry.content.uses import SignedReceipt
from registry.documents.compute_terms import Terms
from registry.errors import JobNotFound, JobRefused, JournalError, RegistryError, WrongJobState
from registry.home import make_private
from registry.text.html import Shown

__all__ = ["JobBook", "JobEntry"]

_FORMAT: Final = 1

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, paper BLOB NOT NULL, data TEXT NOT NULL, version INTEGER NOT NULL, consumer TEXT NOT NULL,
    state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '', taken INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL, changed INTEGER NOT NULL, facts TEXT NOT NULL DEFAULT '{}', receipt BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS of_data ON jobs (data, version);
CREATE TABLE IF NOT EXISTS minutes (
    id TEXT NOT NULL, uses INTEGER NOT NULL, paper TEXT NOT NULL, PRIMARY KEY (id, uses)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS remembered (
    id TEXT PRIMARY KEY, data TEXT NOT NULL, version INTEGER NOT NULL, taken INTEGER NOT NULL
) WITHOUT ROWID;
"""

STEPS: Final[dict[str, tuple[str, ...]]] = {
    "in review": ("queued", "declined", "cancelled"),
    "queued": ("running", "cancelled"),
    "running": ("queued", "ran", "failed", "withheld", "cancelled", "broken"),
    "ran": ("held", "cleared", "withheld"),
    "held": ("cleared", "declined"),
    "cleared": ("sealed",),
    "sealed": ("delivered", "unpaid"),
}
"""From which state a job goes on to which; the others are final.

``in review`` and ``held`` wait for the owner, before and after the run. ``failed`` is the program's doing, ``broken``
the host's, ``withheld`` is a result that breaks the rules, ``unpaid`` one whose use could not be taken.
"""

_FREE: Final = ("declined", "cancelled", "broken", "unpaid")
"""States in which nothing was taken from the data by whoever asked."""

_MOST_OPEN: Final = 8
"""Jobs of one account that are not at their end."""


@dataclass(frozen=True, slots=True)
class JobEntry(Shown):
    """A job in the journal: its `state`, and `why` where that needs saying, for the owner's eyes; `taken` counts the
    bytes of its result, or those that are reserved for it; `facts` are what its receipt is made of."""

    id: str
    order: JobOrder = field(repr=False)
    state: str
    why: str
    taken: int
    tries: int
    asked: int
    changed: int
    facts: dict[str, Any] = field(repr=False)
    receipt: bytes | None = field(repr=False)

    @property
    def job(self) -> ComputeJob:
        """What was ordered."""
        return self.order.job

    @property
    def is_over(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.state not in STEPS


class JobBook:
    """The journal in a file. `clock` gives seconds since 1970."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open it. Raises `JournalError`."""
        self._path, self._clock, self._guard = path, clock, threading.RLock()
        with self._typed():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            make_private(path)
            self._db = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            with self._writing():
                found = self._db.execute("PRAGMA user_version").fetchone()[0]
                if found not in (0, _FORMAT):
                    raise JournalError(
                        f"The journal {path} has format {found}; this version reads {_FORMAT}.",
                        hint="Use the version of the package that wrote it.",
                    )
                for statement in _SCHEMA.split(";\n"):  # what is new in it does not change what is there
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_FORMAT}")

    def close(self) -> None:
        """Close the file; it cannot be used after that."""
        with self._guard:
            self._db.close()

    # --- Writing ---------------------------------------------------------------------------------

    def accept(self, order: JobOrder, terms: Terms, *, review: bool) -> JobEntry:
        """Write down a job, with as many bytes reserved as it may take; one that is there already stays as it is.

        Raises `JobRefused` where the budget of the data, or what one account may have open, does not hold it.
        """
        job = order.job
        with self._guard, self._typed(), self._writing():
            if not self._rows("WHERE id = ?", job.id):
                self._require_room(job, terms)
                now = int(self._clock())
                self._db.execute(
                    "INSERT INTO jobs (id, paper, data, version, consumer, state, taken, asked, changed)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(job.id, order.to_bytes(), job.data, job.data_version, job.consumer),
                        *("in review" if review else "queued", terms.most_taken, now, now),
                    ),
                )
                if terms.use == "minute" and (use := order.receipt()) is not None:
                    self._sign(job.id, use)
            return self._rows("WHERE id = ?", job.id)[0]

    def sign(self, entry: JobEntry, use: SignedReceipt) -> None:
        """Write down the use of one more minute of a job. Raises `WrongJobState` where another was faster."""
        with self._guard, self._typed(), self._writing():
            if self._minutes(entry.id) + 1 != use.uses:
                raise WrongJobState(entry.id, entry.state, "signed for twice")
            self._sign(entry.id, use)

    def minutes(self, id: str) -> int:
        """How many minutes of a job were signed for; 0 for one that is not paid by the minute."""
        with self._guard, self._typed():
            return self._minutes(id)

    def use(self, entry: JobEntry, minutes: int) -> SignedReceipt | None:
        """The use that pays for a job that began so many minutes, and for no more than were signed for."""
        with self._guard, self._typed():
            found = self._db.execute(
                "SELECT paper FROM minutes WHERE id = ? AND uses <= ? ORDER BY uses DESC LIMIT 1", (entry.id, minutes)
            ).fetchone()
        return entry.order.receipt() if found is None else SignedReceipt.from_json(found[0])

    def require_room(self, job: ComputeJob, terms: Terms) -> None:
        """Raise `JobRefused` for a job that would not be taken now; nothing is reserved for one that would."""
        with self._guard, self._typed():
            self._require_room(job, terms)

    def move(self, entry: JobEntry, state: str, *, why: str = "", **changes: Any) -> JobEntry:
        """Move a job on from the state in which it was seen. `changes` are ``taken``, ``receipt``, or further facts.

        Raises `WrongJobState` if that is no step, or if another process was faster.
        """
        if state not in STEPS.get(entry.state, ()):
            raise WrongJobState(entry.id, entry.state, state)
        taken, receipt = changes.pop("taken", entry.taken), changes.pop("receipt", entry.receipt)
        facts = json.dumps({**entry.facts, **changes}, sort_keys=True)
        with self._guard, self._typed(), self._writing():
            done = self._db.execute(
                "UPDATE jobs SET state = ?, why = ?, taken = ?, receipt = ?, facts = ?, tries = tries + ?, changed = ?"
                " WHERE id = ? AND state = ? AND tries = ?",
                (
                    *(state, why[:2_000], taken, receipt, facts, state == "running", int(self._clock())),
                    *(entry.id, entry.state, entry.tries),
                ),
            )
            found = self._rows("WHERE id = ?", entry.id)
            if done.rowcount != 1:
                raise WrongJobState(entry.id, found[0].state if found else "gone", state)
            return found[0]

    def remember(self, ids: Iterable[str], data: str, version: int, taken: int) -> int:
        """Count jobs that are not in this journal, and were paid for, with as many bytes as each may have taken of a
        version of the data; returns how many were new."""
        with self._guard, self._typed(), self._writing():
            unknown = [id for id in ids if not self._rows("WHERE id = ?", id)]
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO remembered (id, data, version, taken) VALUES (?, ?, ?, ?)",
                [(id, data, version, taken) for id in unknown],
            )
            return self._db.total_changes - before

    def let_log_out(self, entry: JobEntry, size: int) -> JobEntry:
        """Write down that the consumer of a job that is over may read its log, and count that in the budget, once.

        Raises `WrongJobState`.
        """
        facts = json.dumps({**entry.facts, "log_out": True}, sort_keys=True)
        with self._guard, self._typed(), self._writing():
            done = self._db.execute(
                "UPDATE jobs SET facts = ?, taken = taken + ? WHERE id = ? AND state = ? AND facts = ?",
                (facts, size, entry.id, entry.state, json.dumps(entry.facts, sort_keys=True)),
            )
            if done.rowcount != 1:
                raise WrongJobState(entry.id, self._rows("WHERE id = ?", entry.id)[0].state, "asked for its log")
            return self._rows("WHERE id = ?", entry.id)[0]

    def note(self, id: str, why: str) -> None:
        """Say what keeps a job where it is."""
        with self._guard, self._typed(), self._writing():
            self._db.execute("UPDATE jobs SET why = ? WHERE id = ?", (why[:2_000], id))

    # --- Reading ---------------------------------------------------------------------------------

    def get(self, id: str) -> JobEntry:
        """The job of this name, or of a name that begins like this. Raises `JobNotFound`."""
        if not 4 <= len(id) <= 64 or set(id) - set("0123456789abcdef"):
            raise JobNotFound(id)
        with self._guard, self._typed():
            found = self._rows("WHERE id >= ? AND id <= ? LIMIT 2", id, id + "g")
        if len(found) != 1:
            raise JobNotFound(id, "is the beginning of several" if found else "is not here")
        return found[0]

    def all(self, *states: str, most: int = 1_000) -> tuple[JobEntry, ...]:
        """Jobs, the oldest first; those in one of `states` only, if any is named."""
        marks = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        with self._guard, self._typed():
            return tuple(self._rows(f"{marks} ORDER BY asked, id LIMIT ?", *states, most))

    def spent(self, data: str, version: int) -> tuple[int, int]:
        """Runs and bytes that were taken from a version of the data, or are reserved, or remembered."""
        marks = ", ".join("?" * len(_FREE))
        with self._guard, self._typed():
            runs, taken = self._db.execute(
                "SELECT COUNT(*), COALESCE(SUM(taken), 0) FROM jobs WHERE data = ? AND version = ?"
                f" AND state NOT IN ({marks})",  # nosec B608 # question marks; values are bound
                (data, version, *_FREE),
            ).fetchone()
            more, bytes_more = self._db.execute(
                "SELECT COUNT(*), COALESCE(SUM(taken), 0) FROM remembered WHERE data = ? AND version = ?",
                (data, version),
            ).fetchone()
        return int(runs + more), int(taken + bytes_more)

    # --- Below -----------------------------------------------------------------------------------

    def _sign(self, id: str, use: SignedReceipt) -> None:
        self._db.execute("INSERT INTO minutes (id, uses, paper) VALUES (?, ?, ?)", (id, use.uses, use.to_json()))

    def _minutes(self, id: str) -> int:
        return int(self._db.execute("SELECT COALESCE(MAX(uses), 0) FROM minutes WHERE id = ?", (id,)).fetchone()[0])

    def _require_room(self, job: ComputeJob, terms: Terms) -> None:
        runs, taken = self.spent(job.data, job.data_version)
        found = []
        if runs + 1 > terms.budget.runs:
            found.append(f"the budget of {job.data} version {job.data_version} has no run left of {terms.budget.runs}")
        if taken + terms.most_taken > terms.budget.bytes:
            left = terms.budget.bytes - taken
            found.append(f"its budget has {left:,} bytes left, and the job may take {terms.most_taken:,}")
        marks = ", ".join("?" * len(STEPS))
        (count,) = self._db.execute(
            f"SELECT COUNT(*) FROM jobs WHERE consumer = ? AND state IN ({marks})",  # nosec B608 # question marks
            (job.consumer, *STEPS),
        ).fetchone()
        if count >= _MOST_OPEN:
            found.append(f"{job.consumer} has {count} jobs that are not at their end, and {_MOST_OPEN} are the most")
        if found:
            raise JobRefused(job.id, found, hint="Ask the owner; a new version of the data has a new budget.")

    def _rows(self, where: str, *values: object) -> Sequence[JobEntry]:
        columns = "id, paper, state, why, taken, tries, asked, changed, facts, receipt"
        query = f"SELECT {columns} FROM jobs {where}"  # nosec B608 # words of this module; values are bound
        return [
            JobEntry(
                id, JobOrder.from_bytes(paper), state, why, taken, tries, asked, changed, json.loads(facts), receipt
            )
            for id, paper, state, why, taken, tries, asked, changed, facts, receipt in self._db.execute(query, values)
        ]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _typed(self) -> Iterator[None]:
        try:
            yield
        except RegistryError:  # some are errors of the system, too
            raise
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"The journal {self._path} cannot be used: {error}.",
                hint="Let the other process end; a damaged one is moved away and looked at before anything is run.",
            ) from error
