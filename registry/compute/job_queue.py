"""Several jobs at once, in an order in which no account waits for all jobs of another."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest

from registry.compute.job_book import JobEntry
from registry.compute.job_desk import JobDesk
from registry.errors import ConnectionFailed, RegistryError
from registry.session import whole

__all__ = ["fair", "work_all"]

GOING = ("queued", "running", "ran", "cleared", "sealed")
"""States in which the host has something to do."""


def fair(entries: Iterable[JobEntry]) -> Sequence[JobEntry]:
    """The first job of each account, then the second of each, and so on; within an account in their own order."""
    of_account: dict[str, list[JobEntry]] = {}
    for entry in entries:
        of_account.setdefault(entry.job.consumer, []).append(entry)
    return [entry for entry in chain.from_iterable(zip_longest(*of_account.values())) if entry is not None]


def work_all(desk: JobDesk, ids: Sequence[str] = (), *, workers: int = 1) -> tuple[JobEntry, ...]:
    """Take the jobs of these names, or all that go on, as far as they go now, `workers` of them at once.

    One that fails on the host's side says why in the journal, goes back to the queue, and keeps no other from its
    turn. Ctrl-C stops what runs and leaves it for later. Raises `InputError` for a number that is none, and
    `ConnectionFailed` at the end if the node was not there.
    """
    entries = fair([desk.book.get(id) for id in ids] if ids else desk.book.all(*GOING))
    stop, lost = threading.Event(), list[ConnectionFailed]()

    def work(entry: JobEntry) -> None:
        try:
            desk.work(entry.id, stop=stop)
        except ConnectionFailed as error:
            lost.append(error)
        except (RegistryError, OSError) as error:
            desk.book.note(entry.id, str(error))

    with ThreadPoolExecutor(whole(workers, "workers", high=64), thread_name_prefix="job") as pool:
        try:
            list(pool.map(work, entries))
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    if lost:
        raise lost[0]
    return tuple(desk.book.get(entry.id) for entry in entries)
