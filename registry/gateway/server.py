"""A gateway on a port."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any, Final, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from registry.errors import InputError, Unavailable
from registry.gateway.app import make_app
from registry.gateway.service import KeyGateway

__all__ = ["GatewayServer", "listen"]

_IDLE_SECONDS: Final = 15.0
"""A connection that asks nothing for so long is closed, also one that sends the head of a request drop by drop."""

_GRACE: Final = 45
"""Seconds for answers under way when it stops."""


def listen(host: str, port: int) -> socket.socket:
    """Take a port, 0 for a free one; raises `InputError` if it is taken."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be listened on: {error.strerror}.", hint="Name another port, or 0 for a free one."
        ) from error


class GatewayServer:
    """One gateway on one socket. As a context manager it runs in a thread of its own.

    `proxies` are the addresses of reverse proxies whose X-Forwarded-For is believed.
    """

    def __init__(self, gateway: KeyGateway, sock: socket.socket, *, proxies: tuple[str, ...] = ()) -> None:
        self._gateway = gateway
        self._socket = sock
        self.port: Final = int(sock.getsockname()[1])
        self.url: Final = gateway.settings.url
        config = uvicorn.Config(
            make_app(gateway),
            http=_Patient,
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            server_header=False,
            ws="none",
            limit_concurrency=gateway.settings.connections,
            timeout_graceful_shutdown=_GRACE,
        )
        self._server: Final = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until the process is told to end (SIGTERM, SIGINT): what is under way is finished."""

        def ended(_number: int, _frame: FrameType | None) -> None:
            """The server raises the signal again when it has stopped: that shall not kill who closes the files."""

        if threading.current_thread() is threading.main_thread():
            before = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGINT)}
            try:
                self._server.run(sockets=[self._socket])
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
        else:
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Finish the answers that are under way, and stop."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_GRACE + 5)
            self._thread = None
        self._socket.close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.run, name="key-gateway", daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                self.stop()
                raise Unavailable("The gateway", ["it did not start"])
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


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
