"""The workers of a host: each account has its turn, and what fails at the host is tried again later."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Final

from registry.compute.job_book import JobEntry
from registry.compute.job_desk import JobDesk
from registry.compute.job_queue import GOING, fair
from registry.errors import RegistryError

__all__ = ["HostWorkers"]

_LATER: Final = 30.0
"""Seconds until what failed at the host is tried again."""

_log = logging.getLogger(__name__)


class HostWorkers:
    """`count` threads that take the jobs of a desk to their ends, while the `with` lasts."""

    def __init__(self, desk: JobDesk, count: int) -> None:
        self._desk = desk
        self._guard, self._wake, self._stop = threading.Lock(), threading.Event(), threading.Event()
        self._busy: dict[str, str] = {}
        self._later: dict[str, float] = {}
        self._threads = [threading.Thread(target=self._loop, name=f"job-worker-{n}", daemon=True) for n in range(count)]

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    def __enter__(self) -> HostWorkers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: what runs is left for later."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()

    def _loop(self) -> None:
        while not self._stop.is_set():
            entry = self._next()
            if entry is None:
                self._wake.wait(1.0)
                self._wake.clear()
                continue
            try:
                self._desk.work(entry.id, stop=self._stop)
            except Exception as error:  # a worker that ends would leave all other jobs waiting
                if not isinstance(error, RegistryError | OSError):
                    _log.exception("a job of this host failed in a way that nobody foresaw")
                self._later[entry.id] = time.monotonic() + _LATER
                with suppress(RegistryError):
                    self._desk.book.note(entry.id, str(error))
            finally:
                with self._guard:
                    self._busy.pop(entry.id, None)

    def _next(self) -> JobEntry | None:
        """The next job: of the accounts that have the fewest in work the one that waits longest."""
        with self._guard:
            now = time.monotonic()
            self._later = {id: when for id, when in self._later.items() if when > now}
            waiting = [
                entry
                for entry in fair(self._desk.book.all(*GOING))
                if entry.id not in self._busy and entry.id not in self._later
            ]
            if not waiting:
                return None
            running = Counter(self._busy.values())
            found = min(waiting, key=lambda entry: running[entry.job.consumer])
            self._busy[found.id] = found.job.consumer
            return found
