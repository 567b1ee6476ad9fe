"""One request for each block, whoever wants it: who asks for what is on its way already waits for that."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from registry.ipfs.cid import CID

__all__ = ["Flights"]


class Flights:
    """The blocks that are being fetched now. Threads may share it; what a process was doing when it was forked is not
    waited for in the other."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[int, CID], Future[bytes]] = {}

    def get(self, cid: CID, fetch: Callable[[CID], bytes]) -> bytes:
        """What `fetch` gives for a block, or raises; of several threads that ask at the same time one calls it."""
        key = os.getpid(), cid.v1()
        while True:
            mine: Future[bytes] = Future()
            flight = self._under_way.setdefault(key, mine)  # one step, so that no lock is held in a fork
            if flight is mine:
                return self._fly(key, mine, lambda: fetch(cid))
            try:
                return flight.result()
            except CancelledError:  # who fetched it was interrupted
                continue

    def _fly(self, key: tuple[int, CID], flight: Future[bytes], fetch: Callable[[], bytes]) -> bytes:
        try:
            data = fetch()
        except Exception as error:
            flight.set_exception(error)
            raise
        except BaseException:
            flight.cancel()
            raise
        else:
            flight.set_result(data)
            return data
        finally:
            del self._under_way[key]
