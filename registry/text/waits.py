"""What is waited for now: whoever may have to wait says for what, and whoever looks on is told once it takes long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

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


_told_always: Final[list[Callable[[str, int, int], None]]] = []


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
    looking.start()
    try:
        yield
    finally:
        over.set()


def tell_waits(tell: Callable[[str, int, int], None]) -> None:
    """As `told_waits`, from now until the process ends; who was named first is told."""
    if not _told_always:
        _told_always.append(tell)
        threading.Thread(target=lambda: _look(threading.Event(), tell), name="waits", daemon=True).start()


def _look(over: threading.Event, tell: Callable[[str, int, int], None]) -> None:
    before: dict[str, float] = {}
    while not over.wait(_LOOK):
        now = time.monotonic()
        longest = min(list(_now.values()), key=lambda one: one.began, default=None)
        if longest is None or now - longest.began <= LONG or now - before.get(longest.what, float("-inf")) < OFTEN:
            continue
        before[longest.what] = now
        tell(f"waiting for {longest.what}, seconds", int(now - longest.began), int(longest.most))
