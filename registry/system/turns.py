"""A turn to compute, which a thread has while it works for somebody, and ends when it waits for something else than a
processor: then another thread may compute. Who hands turns out says how each is ended."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

__all__ = ["end_turn", "have_turn"]

_END: Final[ContextVar[Callable[[], None] | None]] = ContextVar("end", default=None)


def have_turn(end: Callable[[], None]) -> None:
    """Give this thread a turn, which it ends by calling `end`: once or several times."""
    _END.set(end)


def end_turn() -> None:
    """Say that this thread is about to wait for another machine, or for another thread; without a turn, do nothing.

    What it does afterwards is not counted: who has begun need not wait again to be done.
    """
    end = _END.get()
    if end is not None:
        end()
