"""Networks by name: which registry on which chain, through which node, and where its content is found.

A user keeps them at home, a folder for each, and hands them on as a file: whoever gets one connects by one command.
What a file of somebody else leads to is public and served by https; what the user writes down goes anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from registry.chain.addresses import Deployment
from registry.errors import DeploymentError, InputError
from registry.ipfs.hosts import NetworkReach, host_of, is_loopback, normal_url
from registry.ipfs.nesting import load_json
from registry.system import disk
from registry.text.html import Shown
from registry.types import CHAIN_ID_MAX, Address, to_address

__all__ = ["Network", "Networks", "is_name", "sources_with"]

MOST_BYTES: Final = 2**16
"""Of the file of a network; it has some hundred."""

MOST_SOURCES: Final = 16

_FORMAT: Final = "registry.network.v1"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_DIGEST: Final = re.compile(r"[0-9a-f]{16}|unknown")


def is_name(text: str) -> bool:
    """Whether a network may be called so: small letters, digits and hyphens, 63 at most."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Network(Shown):
    """A registry and how it is reached.

    `version` names the code of its contracts, as of `Deployment`. `rpc` is the node, "" where nobody said; it may hold
    a key, so nothing shows it. `sources` are gateways that have its content.
    """

    name: str
    chain_id: int
    registry: Address
    version: str
    rpc: str = field(default="", repr=False)
    sources: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Network:
        """A network that somebody wrote into a file. Raises `InputError`."""
        try:
            found = cls._parse(disk.read(path, MOST_BYTES))
            reach = NetworkReach.of_user()
            for url in filter(None, (found.rpc, *found.sources)):
                _require_public(url, reach)
        except (OSError, ValueError, TypeError, InputError) as error:
            told = str(getattr(error, "message", error)).rstrip(".")
            raise InputError(
                f"{path} does not describe a network: {told}.",
                hint="Ask for a file that 'registry networks NAME --file' wrote, or connect to the registry's address.",
            ) from error
        return found

    @classmethod
    def _parse(cls, data: bytes) -> Network:
        """Raises `ValueError`, `TypeError` and `InputError`."""
        if len(data) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        told = load_json(data)
        if not isinstance(told, dict) or told.pop("format", None) != _FORMAT:
            raise ValueError(f"its format is not {_FORMAT}")
        if not set(told) <= {one.name for one in fields(cls)}:
            raise ValueError("it has fields that no network has")
        made = cls(**told)
        texts = (made.name, made.version, made.rpc, *made.sources)
        if type(made.chain_id) is not int or not 0 < made.chain_id <= CHAIN_ID_MAX:
            raise ValueError("its chain is no number of a chain")
        if not all(isinstance(one, str) for one in texts) or not isinstance(made.sources, (list, tuple)):
            raise ValueError("it has something else where text belongs")
        if not is_name(made.name) or not _DIGEST.fullmatch(made.version):
            raise ValueError("its name or the version of its contracts is none")
        if len(made.sources) > MOST_SOURCES:
            raise ValueError(f"it names more than {MOST_SOURCES} sources")
        return replace(made, registry=to_address(made.registry), sources=tuple(made.sources))

    def node(self) -> str:
        """The address of its node. Raises `InputError` if nobody said."""
        if not self.rpc:
            raise InputError(
                f"The network {self.name!r} names no node.",
                hint=f"Connect with one: registry connect {self.name} --rpc URL.",
            )
        return self.rpc

    def to_json(self) -> str:
        """As it is kept and handed on; with `rpc`, whatever is in it."""
        said = {name: value for name, value in asdict(self).items() if value not in ("", ())}
        return json.dumps({"format": _FORMAT, **said}, indent=2) + "\n"

    def __str__(self) -> str:
        return f"{self.name}: registry {self.registry} on chain {self.chain_id}"


class Networks:
    """The networks that a user keeps below `home`, and which of them is in use."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "networks"

    @property
    def names(self) -> tuple[str, ...]:
        """Of all, in order."""
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(one.name for one in self._folder.iterdir() if (one / "network.json").is_file()))

    @property
    def in_use(self) -> str:
        """The name of the one that is used where none is named, "" for none."""
        try:
            name = (self._folder / "in-use").read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""
        return name if name in self.names else ""

    def get(self, name: str) -> Network:
        """Raises `InputError` for a name that is not kept, with those that are, and for a file that is damaged."""
        if name not in self.names:
            kept = ", ".join(self.names)
            raise InputError(
                f"No network is called {name[:80]!r} here.",
                hint=f"There are: {kept}." if kept else "Connect to one: registry connect ADDRESS --rpc URL.",
            )
        try:
            return Network._parse(disk.read(self._folder / name / "network.json", MOST_BYTES))
        except (OSError, ValueError, TypeError, InputError) as error:
            raise InputError(f"The network {name!r} cannot be read: {error}.", hint="Connect to it again.") from error

    def meant(self, url: str | None) -> Network | None:
        """The network that is named in the place of a node's address, by default the one in use; None for an address,
        and where none is in use. Raises what `get` raises."""
        if url is not None and not is_name(url):
            return None
        name = url or self.in_use
        return self.get(name) if name else None

    def deployment(self, name: str) -> Deployment:
        """Its contracts, as they were when one connected last. Raises `DeploymentError`."""
        return Deployment.load(self._folder / name / "deployment.json")

    def keep(self, network: Network, deployment: Deployment, *, use: bool = True) -> None:
        """Keep a network with its contracts, and `use` it from now on.

        One that is kept under the name is written over if it is of the same registry. Raises `InputError` if it is of
        another, and `DeploymentError`.
        """
        if network.name in self.names:
            known = self.get(network.name)
            if (known.chain_id, known.registry) != (network.chain_id, network.registry):
                raise InputError(
                    f"{network.name!r} is the registry {known.registry} on chain {known.chain_id} here.",
                    hint="Give this one another name: --name NAME.",
                )
        place = self._folder / network.name
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            record = place / "deployment.json"
            record.unlink(missing_ok=True)  # what was read of the chain last counts
            deployment.write(record)
            disk.write_whole(place / "network.json", network.to_json().encode())
            if use:
                disk.write_whole(self._folder / "in-use", network.name.encode())
        except OSError as error:
            raise DeploymentError(f"The network cannot be kept in {place}: {error}.") from error


def _require_public(url: str, reach: NetworkReach) -> None:
    """Hold an address of a stranger to https and to the Internet. Raises `InputError` and `PrivateAddress`."""
    if normal_url(url) != url:
        raise InputError(f"{url[:200]!r} is not written as {normal_url(url)!r}.")
    if is_loopback(host_of(url)) and not reach.allows("127.0.0.1"):
        raise InputError(f"{url[:200]!r} leads to this machine.")
    parts = urlsplit(url)
    reach.addresses(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def sources_with(network: Network | None, gateway: str | None) -> Sequence[str]:
    """Where blocks are read from: the gateway that the user has set up, if any, and those of a network."""
    return [*([gateway] if gateway else []), *(network.sources if network is not None else ())]
