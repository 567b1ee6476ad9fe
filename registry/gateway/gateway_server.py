"""A gateway on a port."""

from __future__ import annotations

import socket
from typing import Final

from registry.gated.protocol import ErrorAnswer, Problem
from registry.gateway.gateway_api import make_app
from registry.gateway.service import GatewayService
from registry.system.connections import counted
from registry.system.serving import Serving

__all__ = ["GatewayServer"]

_GRACE: Final = 45
"""Seconds for answers under way when it stops."""


_TOO_MANY: Final = (
    ErrorAnswer(
        error=Problem(
            code="too_many",
            message="This address has too many connections.",
            hint="Close some, and finish what was begun.",
        )
    )
    .model_dump_json()
    .encode()
)


class GatewayServer(Serving):
    """One gateway on one socket.

    `proxies` are the addresses of reverse proxies whose X-Forwarded-For is believed. Their connections are not counted
    by address: all who come through one have the same.
    """

    def __init__(self, gateway: GatewayService, sock: socket.socket, *, proxies: tuple[str, ...] = ()) -> None:
        settings = gateway.settings
        super().__init__(
            make_app(gateway),
            sock,
            name="The gateway",
            grace=_GRACE,
            http=counted(settings.address_connections, settings.address_heads, proxies, _TOO_MANY),
            lifespan="on",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=settings.connections,
        )
        self.url: Final = settings.url
