"""What is waited for now: whoever may have to wait says for what, and whoever looks on is told once it takes long."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

__all__ = ["LONG", "Wait", "tell_waits", "told_waits", "waiting_for"]

LONG: Final = 2.0
"""Seconds of waiting before it is told."""

OFTEN: Final = 10.0
"""Seconds until the same wait is told again."""

_LOOK: Final = 0.5


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that is waited for since `began`, in seconds of the monotonic clock, at `most` so many; 0 if nobody
    knows."""

    what: str
    began: float
    most: float


_now: Final[dict[int, Wait]] = {}
"""All waits of this process, the outermost of a thread before those within it."""


class ShowsProgress(Protocol):
    """A client: its `progress` is called as of `registry.text.progress`."""

    progress: Callable[[str, int, int], None]


_clients: Final[list[weakref.ref[ShowsProgress]]] = []
"""Who is told for as long as it is there."""

_looking: Final[list[threading.Thread]] = []
"""What tells them, once there is one."""

_alone: Final[list[object]] = []
"""Whoever is told by `told_waits`, and so instead of all clients."""


@contextmanager
def waiting_for(what: str, most: float = 0.0, *, since: float | None = None) -> Iterator[None]:
    """Note that what follows waits for something, at most so many seconds; `since` where it is one look of many."""
    one = Wait(what, time.monotonic() if since is None else since, most)
    _now[id(one)] = one
    try:
        yield
    finally:
        del _now[id(one)]


@contextmanager
def told_waits(tell: Callable[[str, int, int], None]) -> Iterator[None]:
    """Meanwhile, ``tell("waiting for ..., seconds", 3, 30)`` of what takes longer than `LONG`; 0 where no end is set.

    Of waits within others the longest is told.
    """
    over, looking = threading.Event(), threading.Thread(target=lambda: _look(over, tell), name="waits", daemon=True)
    _alone.append(over)
    looking.start()
    try:
        yield
    finally:
        over.set()
        _alone.remove(over)


def tell_waits(client: ShowsProgress) -> None:
    """As `told_waits`, by the progress of a client, or by what that has for waits (`wait`), from now on for as long as
    the client is there; clients that share one are told once, and none within `told_waits`."""
    _clients.append(weakref.ref(client, _clients.remove))
    if not _looking:
        _looking.append(threading.Thread(target=_look_always, name="waits", daemon=True))
        _looking[0].start()


def _look_always() -> None:
    _look(threading.Event(), _tell_clients)


def _tell_clients(what: str, done: int, total: int) -> None:
    there = [client for client in (reference() for reference in tuple(_clients)) if client is not None]
    for tell in {id(client.progress): client.progress for client in there}.values() if not _alone else ():
        with suppress(Exception):  # what goes wrong with one is nothing to the others
            getattr(tell, "wait", tell)(what, done, total)


def _look(over: threading.Event, tell: Callable[[str, int, int], None]) -> None:
    before: dict[str, float] = {}
    while not over.wait(_LOOK):
        now = time.monotonic()
        longest = min(list(_now.values()), key=lambda one: one.began, default=None)
        if longest is None or now - longest.began <= LONG or now - before.get(longest.what, float("-inf")) < OFTEN:
            continue
        before[longest.what] = now
        tell(f"waiting for {longest.what}, seconds", int(now - longest.began), int(longest.most))
