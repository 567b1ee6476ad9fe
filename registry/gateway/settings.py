"""What an operator decides about a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from registry.errors import InputError
from registry.gated.protocol import domain_of
from registry.ipfs.hosts import normal_url

DEPTH: Final = 5
"""Blocks below the head at which access must be there too; a minute on Ethereum."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Rates are requests a second, bursts what may come at once; times are in seconds.

    `public_url` is the address that clients use: its host and port are what sign-in messages name. `head_age` is how
    old the last block may be (None for chains whose clock may stand); `lookback` how many blocks are searched for a use
    that another gateway consumed; `patience` how long a request waits for its use to be deep enough. `depositors` are
    the accounts whose shares and invitations it keeps, none for those of every owner. `receipt_gas` is the most gas for
    handing a receipt in, `account_gas` and `day_gas` what those of one account, and all together, may take in 24 hours;
    0 for none at all. `pages` are the origins of web pages that may ask for releases
    and hand in invitations, as in ``https://hub.example.org``.
    """

    public_url: str
    depth: int = DEPTH
    address_rate: float = 20.0
    address_burst: int = 100
    account_rate: float = 5.0
    account_burst: int = 30
    concurrency: int = 256
    connections: int = 1000
    address_connections: int = 64
    address_heads: int = 32
    head_age: int | None = 600
    lookback: int = 200_000
    patience: float = 12.0
    body_seconds: float = 10.0
    handler_seconds: float = 40.0
    nonce_seconds: int = 600
    receipt_gas: int = 150_000
    account_gas: int = 1_000_000
    day_gas: int = 10_000_000
    depositors: frozenset[str] = frozenset()
    pages: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raise `InputError` for an address that no client could use, or a depth below 0."""
        try:
            parts = urlsplit(self.public_url)
            port = parts.port
        except ValueError as error:
            raise InputError(f"{self.public_url!r} is not a URL: {error}.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or port == 0:
            raise InputError(
                f"{self.public_url!r} is not the address of a gateway.", hint="It looks like https://keys.example.org."
            )
        if parts.username is not None or "@" in parts.netloc:
            raise InputError("The address of a gateway has no name and password.", hint="Leave out what is before @.")
        if self.depth < 0:
            raise InputError(f"A depth of {self.depth} blocks is not possible.", hint="Name 0 or more.")
        for page in self.pages:
            if normal_url(page) != page or urlsplit(page).path:
                raise InputError(
                    f"{page!r} is not the origin of a page.",
                    hint="It looks like https://hub.example.org, with no path.",
                )

    @property
    def url(self) -> str:
        """The base URL, with no slash at its end."""
        return self.public_url.rstrip("/")

    @property
    def domain(self) -> str:
        """The host and port that sign-in messages name."""
        return domain_of(self.url)
