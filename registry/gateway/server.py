"""A gateway on a port."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from registry.gateway.app import make_app
from registry.gateway.service import KeyGateway
from registry.serving import Serving

__all__ = ["GatewayServer"]

_IDLE_SECONDS: Final = 15.0
"""A connection that asks nothing for so long is closed, also one that sends the head of a request drop by drop."""

_GRACE: Final = 45
"""Seconds for answers under way when it stops."""


class GatewayServer(Serving):
    """One gateway on one socket.

    `proxies` are the addresses of reverse proxies whose X-Forwarded-For is believed.
    """

    def __init__(self, gateway: KeyGateway, sock: socket.socket, *, proxies: tuple[str, ...] = ()) -> None:
        super().__init__(
            make_app(gateway),
            sock,
            name="The gateway",
            grace=_GRACE,
            http=_Patient,
            lifespan="on",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=gateway.settings.connections,
        )
        self.url: Final = gateway.settings.url


class _Patient(H11Protocol):
    """Closes connections that ask nothing: uvicorn waits for ever for a first request, and for the rest of its head."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._idle_since = time.monotonic()
        self._watch: asyncio.TimerHandle | None = self.loop.call_later(_IDLE_SECONDS, self._look)

    def on_response_complete(self) -> None:
        self._idle_since = time.monotonic()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def _look(self) -> None:
        cycle: Any = self.cycle
        busy = cycle is not None and not cycle.response_complete
        left = _IDLE_SECONDS if busy else self._idle_since + _IDLE_SECONDS - time.monotonic()
        if left <= 0:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(left + 0.01, self._look)
