"""A store on HTTP, for development and for networks without a way out: a trustless gateway and a part of Kubo's RPC.

Whoever reaches the RPC may write to the store, so it listens to this machine alone unless it has a token, and answers
no web page: a page in the user's browser could reach it too.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from registry.errors import InputError
from registry.ipfs.hosts import is_loopback
from registry.system.serving import Serving, listen

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore
    from registry.ipfs.mutable import MutableNames

__all__ = ["Server", "serve"]

_SHORTEST_TOKEN: Final = 16
_GRACE: Final = 5  # seconds for answers under way when it stops
_CONNECTIONS: Final = 1000
_OF_ONE: Final = 256
"""Connections of one address: a client that fetches ahead opens dozens."""

_HEADS_OF_ONE: Final = 64
_TOO_MANY: Final = b'{"Message": "this address has too many connections", "Code": 0, "Type": "error"}'


class Server(Serving):
    """One store on one port:

        with Server(store) as server:
            TrustlessGateway(server.url).get(cid)

    `port` 0 takes a free one. `token` must come with every request as ``Authorization: Bearer <token>``. Pages of the
    origin `pair` may hand content in with the token `pairing`, which is made for it, and may read from the gateway.
    With `names` it follows names whose content changes, below ``/ipns/``.
    Raises `InputError` for a host that others reach and no token, for a token that can be guessed, for what is no
    origin, and if the port is taken or the extra ``server`` is not installed.
    """

    def __init__(
        self,
        store: LocalStore,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        pair: str | None = None,
        names: MutableNames | None = None,
    ) -> None:
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
            import uvicorn  # noqa: F401 - before the port is taken

            from registry.ipfs.server.app import make_app
            from registry.ipfs.server.door import Paired
            from registry.system.connections import counted
        except ModuleNotFoundError as error:
            raise InputError(
                f"The server needs {error.name}, which is not installed.",
                hint="Install it with: pip install 'asset-registry[server]'",
            ) from error
        paired = Paired(pair) if pair is not None else None
        self.pairing: Final = paired.token if paired is not None else ""
        sock = listen(host, port)
        app = make_app(store, token, paired, names=names, near=is_loopback(host))
        super().__init__(
            app,
            sock,
            name="The server",
            grace=_GRACE,
            http=counted(_OF_ONE, _HEADS_OF_ONE, (), _TOO_MANY),
            limit_concurrency=_CONNECTIONS,
            lifespan="off",
            proxy_headers=False,
        )
        self.url: Final = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def serve(store: LocalStore, host: str = "127.0.0.1", port: int = 8080, token: str | None = None) -> None:
    """Serve a store until the process is interrupted; what is under way is finished first. Raises as `Server`."""
    Server(store, host=host, port=port, token=token).run()
