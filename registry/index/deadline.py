"""How long one question may take: said once where it is asked, and kept by every database that works on it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from registry.errors import SearchTimeout

__all__ = ["check", "is_over", "limit", "within"]

WAIT: Final = 20.0
"""Seconds by the clock for one question: a busy machine is slow for everybody, and nobody is kept for ever."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """When a question is over: by the work of this thread, and by the clock."""

    seconds: float
    worked: float
    passed: float


class _Collecting(threading.local):
    """How long this thread has collected garbage, in seconds of its work, and when it began to."""

    spent = 0.0
    began = 0.0


_COLLECTING: Final = _Collecting()
_BOUND: ContextVar[_Bound | None] = ContextVar("bound", default=None)


@contextmanager
def within(seconds: float, *, wait: float = WAIT) -> Iterator[None]:
    """What this thread asks of an index within takes at most so many seconds of work and `wait` by the clock.

    A bound that is there already holds on. What takes longer raises `SearchTimeout`. Work is what counts, so that a
    question has the same answer on a busy machine. Collecting garbage is no work of a question: it falls to whichever
    thread comes by, and takes the longer the more everybody else has made.
    """
    now, clock = _worked(), time.monotonic()
    before = _BOUND.get()
    made = _Bound(seconds, now + seconds, clock + wait)
    if before is not None:
        nearer = min(before, made, key=lambda one: one.worked)
        made = _Bound(nearer.seconds, nearer.worked, min(before.passed, made.passed))
    token = _BOUND.set(made)
    try:
        yield
    finally:
        _BOUND.reset(token)


def is_over() -> bool:
    """Whether the question that this thread works on has had its time."""
    bound = _BOUND.get()
    return bound is not None and (_worked() > bound.worked or time.monotonic() > bound.passed)


def check() -> None:
    """Raise `SearchTimeout` if it has."""
    if is_over():
        raise SearchTimeout(limit() or 0.0)


def limit() -> float | None:
    """The seconds of work that the question may take, None where nothing bounds it."""
    bound = _BOUND.get()
    return None if bound is None else bound.seconds


def _worked() -> float:
    """Seconds that this thread has worked, without those of collecting garbage."""
    return time.thread_time() - _COLLECTING.spent


def _collects(phase: str, _: dict[str, Any]) -> None:
    if phase == "start":
        _COLLECTING.began = time.thread_time()
    else:
        _COLLECTING.spent += time.thread_time() - _COLLECTING.began


gc.callbacks.append(_collects)
