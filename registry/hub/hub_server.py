"""A hub on a port."""

from __future__ import annotations

import socket
from typing import Final

from registry.hub.elsewhere import HubElsewhere
from registry.hub.follower import Hub
from registry.hub.hub_api import make_app
from registry.hub.pages.site import Site
from registry.index.models import HubProblem, Refused
from registry.system.connections import counted
from registry.system.serving import Serving

__all__ = ["HubServer"]

_GRACE: Final = 15
"""Seconds for answers under way when it stops."""


_TOO_MANY: Final = (
    HubProblem(
        error=Refused(
            code="too_many",
            message="This address has too many connections.",
            hint="Close some, and finish what was begun.",
        )
    )
    .model_dump_json()
    .encode()
)


class HubServer(Serving):
    """One hub on one socket.

    `site` are its pages, if it has some. `proxies` are the addresses of reverse proxies whose X-Forwarded-For is
    believed, and whose connections are not counted by address.
    """

    def __init__(
        self, hub: Hub | HubElsewhere, sock: socket.socket, *, site: Site | None = None, proxies: tuple[str, ...] = ()
    ) -> None:
        super().__init__(
            make_app(hub, site),
            sock,
            name="The hub",
            grace=_GRACE,
            lifespan="on",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=hub.settings.connections,
            http=counted(hub.settings.of_one, hub.settings.of_one_begun, proxies, _TOO_MANY),
        )
        self.url: Final = hub.settings.url
