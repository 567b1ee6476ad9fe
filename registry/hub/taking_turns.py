"""Turns to compute, for a server that answers in threads.

A process of Python computes in one thread at a time. Each thread more that wants to has the others hand the interpreter
around at every step of a database, and what a question takes doubles just when too many are asked: who has fallen
behind once stays behind. So few are worked on at once, and the others wait in the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from registry.system.turns import have_turn

__all__ = ["Turns"]

T = TypeVar("T")


class Turns:
    """So many functions compute at once in the threads of `workers`; one that waits for something else than a processor
    has ended its turn (`end_turn`). Whoever gives up waiting leaves the queue."""

    def __init__(self, most: int, workers: Executor) -> None:
        self._workers = workers
        self._free = asyncio.Semaphore(most)

    async def run(self, function: Callable[[], T]) -> T:
        """What a function returns that was started once it had its turn."""
        await self._free.acquire()
        loop, first = asyncio.get_running_loop(), Lock()

        def end() -> None:
            if first.acquire(blocking=False):
                with suppress(RuntimeError):  # the server has stopped, and nobody waits for a turn
                    loop.call_soon_threadsafe(self._free.release)

        def work() -> T:
            have_turn(end)
            return function()

        future = self._workers.submit(work)
        # Also of what was given up before a thread took it.
        future.add_done_callback(lambda _: end())
        return await asyncio.wrap_future(future)
