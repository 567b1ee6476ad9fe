"""How many connections one address may have, and how long one that asks nothing is kept, for servers of strangers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from registry.system.throttle import network_of

__all__ = ["counted"]

_IDLE_SECONDS: Final = 15.0
"""A connection that asks nothing for so long is closed, also one that sends the head of a request drop by drop."""


def counted(connections: int, heads: int, proxies: tuple[str, ...], refusal: bytes) -> type[H11Protocol]:
    """The HTTP of a server that keeps so many connections of an address, and so many that owe the rest of a head.

    Those of `proxies` are not counted: all who come through one have its address. `refusal` is the JSON that one
    connection too many is answered with.
    """
    head = (
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
        f"connection: close\r\nretry-after: 15\r\ncontent-length: {len(refusal)}\r\n\r\n"
    )
    crowd = _Crowd(connections, heads, frozenset(proxies))
    return type("_Counted", (_Patient,), {"crowd": crowd, "refusal": head.encode() + refusal})


class _Crowd:
    """How many connections each address (each /64 of IPv6) has, and how many of them owe the rest of a head.

    Both have a limit of their own: a connection that owes nothing answers to the rate limit, one that does to nobody.
    """

    def __init__(self, connections: int, heads: int, proxies: frozenset[str]) -> None:
        self._connections, self._heads, self._proxies = connections, heads, proxies
        self._open: Counter[str] = Counter()
        self._owing: Counter[str] = Counter()

    def of(self, host: str) -> str | None:
        """Under what name an address is counted; None if it is not."""
        return None if host in self._proxies else network_of(host)

    def come(self, who: str) -> bool:
        """Count a connection; returns whether there may be one more."""
        self._open[who] += 1
        return self._open[who] <= self._connections

    def owe(self, who: str) -> bool:
        """Count a head that is not whole; returns whether there may be one more."""
        self._owing[who] += 1
        return self._owing[who] <= self._heads

    def paid(self, who: str) -> None:
        """A head came, or its connection went."""
        _take(self._owing, who)

    def go(self, who: str) -> None:
        """A connection went."""
        _take(self._open, who)


def _take(counted: Counter[str], who: str) -> None:
    counted[who] -= 1
    if counted[who] <= 0:
        del counted[who]


class _Patient(H11Protocol):
    """Closes connections that ask nothing, since uvicorn waits for ever for a first request and for the rest of its
    head, and those of addresses that have too many."""

    crowd: _Crowd
    refusal: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._idle_since = time.monotonic()
        self._watch: asyncio.TimerHandle | None = self.loop.call_later(_IDLE_SECONDS, self._look)
        self._owes = False
        self._who = self.crowd.of(self.client[0] if self.client else "")
        if self._who is not None and not self.crowd.come(self._who):
            self._refuse()
        self._reckon()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._reckon()

    def on_response_complete(self) -> None:
        self._idle_since = time.monotonic()
        super().on_response_complete()
        self._reckon()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._who is not None:
            self._reckon(lost=True)
            self.crowd.go(self._who)
        super().connection_lost(exc)

    def _reckon(self, *, lost: bool = False) -> None:
        """Count the head that this connection owes: the first one from the start, a later one from its first byte."""
        cycle: Any = self.cycle
        owes = cycle is None or (cycle.response_complete and bool(self.conn.trailing_data[0]))
        owes = owes and not lost
        if self._who is None or owes == self._owes:
            return
        self._owes = owes
        if not owes:
            self.crowd.paid(self._who)
        elif not self.crowd.owe(self._who):
            self._refuse()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.refusal)
            self.transport.close()

    def _look(self) -> None:
        cycle: Any = self.cycle
        busy = cycle is not None and not cycle.response_complete
        left = _IDLE_SECONDS if busy else self._idle_since + _IDLE_SECONDS - time.monotonic()
        if left <= 0:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(left + 0.01, self._look)
