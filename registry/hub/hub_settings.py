"""What an operator decides about a hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from registry.errors import InputError
from registry.sandbox.ingress.ingress_rules import AppOrigin


@dataclass(frozen=True, slots=True)
class HubSettings:
    """`public_url` is the address that people use. Rates are requests a second of one network, bursts what may come at
    once; `seconds` an answer may take by the clock and `work` of a processor for one question, `connections` and
    `concurrency` how many there may be at the same time, `turns` how many of those are worked on while the others wait
    for another machine or for their turn, `of_one` how many connections of one network, `of_one_begun` those of them
    that owe the rest of a request. `lag` is how many blocks behind its node a hub may be and still call itself well; it
    looks at the chain every so many seconds (`every`), and listens to other hubs (`listens`). `apps` has the origin at
    which an app runs by the number of its asset: its page shows it, and nothing else is shown of another origin."""

    public_url: str
    rate: float = 50.0
    burst: int = 200
    concurrency: int = 32
    turns: int = field(default_factory=lambda: min(8, max(2, os.cpu_count() or 2)))
    connections: int = 2_000
    of_one: int = 128
    of_one_begun: int = 64
    seconds: float = 10.0
    work: float = 0.25
    lag: int = 50
    every: float = 2.0
    listens: float = 30.0
    apps: Mapping[int, AppOrigin] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `InputError` for an address that nobody could use, and for an app under the hub's own host."""
        try:
            parts = urlsplit(self.public_url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
            usable = usable and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise InputError(
                f"{self.public_url!r} is not the address of a hub.", hint="It looks like https://hub.example.org."
            )
        for asset, origin in self.apps.items():
            # Cookies are kept by host, whatever the port, and an app of the hub's own origin would be the hub.
            if origin.host == urlsplit(self.public_url).hostname:
                raise InputError(
                    f"The app {asset} is at {origin}, under the host of the hub itself.",
                    hint="Give it a host of its own, as 'registry app run' does.",
                )

    @property
    def url(self) -> str:
        """The base URL, with no slash at its end."""
        return self.public_url.rstrip("/")
