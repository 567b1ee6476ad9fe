"""Asking for several things at once that each take a round trip, and having them in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

_A = TypeVar("_A")
_B = TypeVar("_B")


def ahead(get: Callable[[_A], _B], wanted: Iterable[_A], window: int) -> Iterator[_B]:
    """`get` of each, in order, while up to `window` of them are under way; with a window of 1, as ``map``.

    An error comes at its place in the order. Whoever stops early leaves at most a window of calls to their deadline.
    """
    if window <= 1:
        yield from map(get, wanted)
        return
    pool = ThreadPoolExecutor(window, thread_name_prefix="ahead")
    waiting: deque[Future[_B]] = deque()
    try:
        for one in wanted:
            waiting.append(pool.submit(get, one))
            if len(waiting) >= window:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
