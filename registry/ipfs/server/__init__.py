"""A store on HTTP, for development and for networks without a way out: a trustless gateway and a part of Kubo's RPC.

Whoever reaches the RPC may write to the store, so it listens to this machine alone unless it has a token, and answers
no web page: a page in the user's browser could reach it too.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from registry.errors import InputError, Unavailable
from registry.ipfs.hosts import is_loopback

if TYPE_CHECKING:
    from registry.ipfs.local import LocalStore

__all__ = ["Server", "serve"]

_SHORTEST_TOKEN: Final = 16
_GRACE: Final = 5  # seconds for answers under way when it stops


class Server:
    """One store on one port. As a context manager it runs in a thread of its own:

        with Server(store) as server:
            TrustlessGateway(server.url).get(cid)

    `port` 0 takes a free one. `token` must come with every request as ``Authorization: Bearer <token>``. Raises
    `InputError` for a host that others reach and no token, for a token that can be guessed, and if the port is taken or
    the extra ``server`` is not installed.
    """

    def __init__(self, store: LocalStore, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> None:
        if token is None and not is_loopback(host):
            raise InputError(
                f"Others can reach {host!r}, and whoever does could write to the store.",
                hint=f"Give it a token, such as {secrets.token_urlsafe(24)!r}, or serve on 127.0.0.1.",
            )
        if token is not None and len(token) < _SHORTEST_TOKEN:
            raise InputError(
                f"A token of {len(token)} characters can be guessed.",
                hint=f"Take at least {_SHORTEST_TOKEN}, such as {secrets.token_urlsafe(24)!r}.",
            )
        try:
            import uvicorn

            from registry.ipfs.server.app import make_app
        except ModuleNotFoundError as error:
            raise InputError(
                f"The server needs {error.name}, which is not installed.",
                hint="Install it with: pip install 'asset-registry[server]'",
            ) from error
        try:
            self._socket: Final = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
        except OSError as error:
            raise InputError(
                f"{host}:{port} cannot be listened on: {error.strerror}.",
                hint="Name another port, or 0 for a free one.",
            ) from error
        self.port: Final = int(self._socket.getsockname()[1])
        self.url: Final = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        config = uvicorn.Config(
            make_app(store, token),
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_GRACE,
        )
        self._server: Final = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until `stop`, or until the process is interrupted."""
        with suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Finish the answers that are under way, for some seconds at most, and stop."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(2 * _GRACE)
            self._thread = None
        self._socket.close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.run, name="ipfs-server", daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                self.stop()
                raise Unavailable("The server", ["it did not start"])
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(store: LocalStore, host: str = "127.0.0.1", port: int = 8080, token: str | None = None) -> None:
    """Serve a store until the process is interrupted; what is under way is finished first. Raises as `Server`."""
    Server(store, host=host, port=port, token=token).run()
