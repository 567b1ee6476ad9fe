"""Where an address leads: to this machine alone, into a private network, or out to the Internet; and how far those that
strangers wrote may lead. Whatever connects on a stranger's word does it by `NetworkReach`, see `registry.ipfs.http`."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from registry.errors import InputError, PrivateAddress

__all__ = ["REACH_VARIABLE", "NetworkReach", "host_of", "is_loopback", "normal_url"]

REACH_VARIABLE: Final = "REGISTRY_REACH"
"""Environment variable with networks inside that documents of others may lead to, as in ``127.0.0.0/8,10.1.2.3``."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_UNICAST: Final = ipaddress.ip_network("2000::/3")

_LONGEST: Final = 2048
_FIRST_PORT: Final = 1024
"""Ports below are those of other services, but for the scheme's own."""

_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: 127.1 and 0x7f000001 are numbers to those who connect.
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?![0-9]){_LABEL}")
_PATH: Final = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~-]+)*")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host that a URL names, in small letters; "" if it names none."""
    return urlsplit(url).hostname or ""


def normal_url(text: str) -> str:
    """The one way to write the address of a service: https (http on this machine alone), host, port, plain path.

    Raises `InputError` for what can be read in more than one way, and for ports of other services.
    """
    try:
        if len(text) > _LONGEST or not re.fullmatch(r"[!-~]+", text) or re.search(r"[\\?#@%]", text):
            raise ValueError("it has characters that have no place there")
        parts = urlsplit(text)
        host, port = _host(parts.hostname or ""), parts.port
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            raise ValueError("it is neither https nor http on this machine")
        if port == _DEFAULT_PORTS[parts.scheme]:
            port = None
        if port is not None and port < _FIRST_PORT:
            raise ValueError(f"port {port} is one of other services")
        path = parts.path.rstrip("/")
        if not _PATH.fullmatch(path):
            raise ValueError(f"its path {path!r} is not plain")
    except ValueError as error:
        raise InputError(
            f"{text[:200]!r} is not the plain address of a service: {error}.",
            hint="It looks like https://keys.example.org or https://keys.example.org:8443/path.",
        ) from None
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{path}"


def _host(text: str) -> str:
    """A host in its usual form. Raises ValueError."""
    if ":" in text:
        address = ipaddress.IPv6Address(text)
        if address.ipv4_mapped is not None or address.scope_id is not None:
            raise ValueError(f"{text} is another address in disguise")
        return address.compressed
    if text[-1:].isdigit() and not _NAME.fullmatch(text):
        return str(ipaddress.IPv4Address(text))
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a host")
    return text


@dataclass(frozen=True, slots=True)
class NetworkReach:
    """How far addresses that strangers wrote may lead this machine: to the Internet, and into these `networks`."""

    networks: tuple[_Network, ...] = ()

    @classmethod
    def of_user(cls, *, loopback: bool = False) -> NetworkReach:
        """With the networks that ``REGISTRY_REACH`` names, and `loopback` if so. Raises `InputError`."""
        named = os.environ.get(REACH_VARIABLE, "")
        try:
            networks = tuple(ipaddress.ip_network(one.strip()) for one in named.split(",") if one.strip())
        except ValueError as error:
            raise InputError(
                f"{REACH_VARIABLE} is {named!r}: {error}.", hint="Write networks, as in 127.0.0.0/8,10.1.2.3."
            ) from None
        return cls((*networks, *(_LOOPBACK if loopback else ())))

    def allows(self, address: str) -> bool:
        """Whether an address, as numbers, is within."""
        found = _plain(ipaddress.ip_address(address.partition("%")[0]))
        return _is_public(found) or any(found in network for network in self.networks)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that are within, by one lookup: whoever goes there connects to these and does not
        look the name up again. Raises `PrivateAddress` if there are none, and OSError for a name that nobody knows."""
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        within = list(dict.fromkeys(filter(self.allows, found)))
        if not within:
            raise PrivateAddress(host, found[0] if found else host)
        return within


def _plain(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.sixtofour is not None:
            return address.sixtofour
    return address


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not address.is_multicast
