"""Who has a block: routers that are asked over HTTP, and whoever they name asked for it, checked as all else.

https://specs.ipfs.tech/routing/http-routing-v1/. What a router says is a stranger's word: its addresses are followed
to the Internet alone (see `registry.ipfs.hosts`), and what comes from there is hashed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from threading import Lock
from typing import Any, Final

from registry.errors import BlockNotFound, ContentError, Unavailable
from registry.errors.redaction import shown
from registry.ipfs.cid import CID
from registry.ipfs.hosts import NetworkReach
from registry.ipfs.http import Http
from registry.ipfs.ipns import LONGEST_RECORD, RECORD_TYPE, IpnsName
from registry.ipfs.nesting import load_json
from registry.ipfs.trustless import TrustlessGateway

__all__ = ["DelegatedRouter", "gateways_of"]

_GATEWAY: Final = "transport-ipfs-gateway-http"
_LARGEST: Final = 1 << 20
_MOST: Final = 20
"""Providers of one block that are tried."""
_REMEMBERED: Final = 64


class DelegatedRouter:
    """A source of blocks that asks a router who has them, by its address without ``/routing``.

    Who gave a block is asked for the next first, since what has a root mostly has what is below it. `reach` says how
    far the addresses of providers may lead; `deadline` is in seconds for each answer. Raises `InputError` for what is
    no address.
    """

    verifies: Final = True
    parallel: Final = 8

    def __init__(self, url: str, *, reach: NetworkReach | None = None, deadline: float = 15.0) -> None:
        self.name: Final = f"the router {shown(url)}"
        self._http: Final = Http(url, name=self.name, deadline=deadline)
        self._reach: Final = NetworkReach.of_user() if reach is None else reach
        self._deadline: Final = deadline
        self._providers: Final = lru_cache(_REMEMBERED)(self._asked)
        self._gateways: dict[str, TrustlessGateway] = {}  # who gave something last stands last
        self._lock: Final = Lock()

    def get(self, cid: CID) -> bytes:
        """The block. Raises `BlockNotFound` if nobody is said to have it, and `Unavailable` with what each of them did
        instead."""
        causes: list[str] = []
        tried: set[str] = set()
        for url in self._candidates(cid):
            if url in tried:
                continue
            tried.add(url)
            try:
                data = self._gateway(url).get(cid)
            except BlockNotFound:
                causes.append(f"{shown(url)} does not have it")
            except ContentError as error:
                causes.append(error.message)
            else:
                self._gave(url)
                return data
        if not causes:
            raise BlockNotFound(cid, self.name)
        raise Unavailable(f"Block {cid}", causes)

    def providers(self, cid: CID) -> tuple[str, ...]:
        """The addresses of gateways that the router says have a block, its own order kept. Raises `Unavailable`."""
        return self._providers(cid.v1())

    def record(self, name: IpnsName) -> bytes:
        """The record that it has of a name of IPNS, unchecked. Raises `BlockNotFound` and `Unavailable`."""
        what = f"The record of {name}"
        with self._http.ask("GET", f"/routing/v1/ipns/{name}", what, headers={"Accept": RECORD_TYPE}) as answer:
            if answer.status == 404:
                raise BlockNotFound(name, self.name)
            if answer.status != 200:
                raise answer.unavailable(what)
            return answer.body(LONGEST_RECORD)

    def _candidates(self, cid: CID) -> Iterator[str]:
        with self._lock:
            last = [*self._gateways][-1:]
        yield from last
        yield from self.providers(cid)

    def _gateway(self, url: str) -> TrustlessGateway:
        return self._gateways.get(url) or TrustlessGateway(url, deadline=self._deadline, reach=self._reach)

    def _gave(self, url: str) -> None:
        """Remember who gave something, the last of them last."""
        gateway = self._gateway(url)
        with self._lock:
            self._gateways.pop(url, None)
            self._gateways[url] = gateway
            if len(self._gateways) > _REMEMBERED:
                del self._gateways[next(iter(self._gateways))]

    def _asked(self, cid: CID) -> tuple[str, ...]:
        what = f"The list of who has {cid}"
        path, accept = f"/routing/v1/providers/{cid}", {"Accept": "application/json"}
        params = {"filter-protocols": _GATEWAY}
        with self._http.ask("GET", path, what, params=params, headers=accept) as answer:
            if answer.status == 404:
                return ()
            if answer.status != 200:
                raise answer.unavailable(what)
            body = answer.body(_LARGEST)
        try:
            listed = load_json(body)["Providers"] or []
            records = [record for record in listed if isinstance(record, dict)]
        except (ValueError, KeyError, TypeError):
            raise Unavailable(what, [f"{self.name} answered with something else"]) from None
        return tuple(dict.fromkeys(url for record in records[:_MOST] for url in gateways_of(record)))


def gateways_of(record: dict[str, Any]) -> list[str]:
    """The addresses at which a provider serves a gateway: of its multiaddrs those that are HTTP."""
    protocols = record.get("Protocols") or []
    addresses = record.get("Addrs") or []
    if not isinstance(protocols, list) or not isinstance(addresses, list):
        return []
    if protocols and _GATEWAY not in protocols:
        return []
    found = (_url(address) for address in addresses if isinstance(address, str) and len(address) < 300)
    return [url for url in found if url]


def _url(multiaddr: str) -> str:
    """``https://host:port`` for ``/dns4/host/tcp/port/tls/http`` and its kin; "" for other transports."""
    parts = multiaddr.strip("/").split("/")
    if len(parts) < 4 or parts[0] not in ("dns", "dns4", "dns6", "ip4", "ip6") or parts[2] != "tcp":
        return ""
    host, port, rest = parts[1], parts[3], parts[4:]
    if not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        return ""
    if rest[:1] == ["https"] or rest[:2] == ["tls", "http"] or (rest[:2] == ["tls", "sni"] and rest[3:4] == ["http"]):
        scheme = "https"
    elif rest[:1] == ["http"]:
        scheme = "http"
    else:
        return ""
    host = f"[{host}]" if parts[0] == "ip6" else host
    if any(letter in host for letter in "@?#% \\"):
        return ""
    return f"{scheme}://{host}:{port}"
