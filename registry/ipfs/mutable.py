"""Names whose content changes: keys (IPNS) by records that their holders signed, and domains (DNSLink) by a resolver.

Who hands out a record is believed in nothing: it is checked, and the last one that was seen is kept, so that an older
one is told apart and the name is known without a network until its record ends. A domain is as good as the resolver.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from registry.errors import ContentError, InputError, Unavailable, Unverified
from registry.ipfs.blocks import name_of
from registry.ipfs.http import Http
from registry.ipfs.ipns import IpnsName, IpnsRecord, is_content_path, read_record
from registry.ipfs.nesting import load_json
from registry.system.disk import write_whole

__all__ = ["MutableNames", "RecordSource"]

_HOPS: Final = 8
_LARGEST: Final = 64 * 1024
_TXT: Final = 16
_DOMAIN: Final = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9_](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


@runtime_checkable
class RecordSource(Protocol):
    """Hands out records: a gateway, or a router."""

    def record(self, name: IpnsName) -> bytes:
        """The record that it has of a name, unchecked. Raises `BlockNotFound` and `Unavailable`."""


class MutableNames:
    """Follows names to content.

    `sources` are asked for records, and the best of what they have is taken; `folder` keeps the last of each name;
    `dns` is the address of a resolver over HTTP that answers in JSON, as ``https://resolver.example/dns-query``,
    without which domains are not resolved.
    """

    def __init__(self, sources: Sequence[RecordSource], folder: Path, *, dns: str | None = None) -> None:
        self._sources: Final = tuple(sources)
        self._folder: Final = folder
        self._dns: Final = None if dns is None else Http(dns, name="the resolver", deadline=15.0)

    def resolve(self, text: str, *, recursive: bool = True) -> str:
        """The path ``/ipfs/CID/...`` that a name leads to, with what stands behind the name behind it; unless it is
        `recursive`, the first path on the way there, which may be ``/ipns/...``.

        Raises `Unverified` for records that are forged, over or older than one that was seen, `Unavailable` if there is
        none, and `InputError` for what is no name.
        """
        path = text.removeprefix("ipns://").removeprefix("/ipns/")
        for _ in range(_HOPS):
            name, _, rest = path.strip("/").partition("/")
            found = self._of_domain(name.lower()) if _DOMAIN.fullmatch(name.lower()) else self.record(name).value
            path = f"{found.rstrip('/')}/{rest}".rstrip("/")
            if not recursive or not path.startswith("/ipns/"):
                return path
            path = path.removeprefix("/ipns/")
        raise InputError(f"{text!r} leads from name to name, {_HOPS} times.", hint="Name where it should lead to.")

    # --- Keys ------------------------------------------------------------------------------------

    def record(self, text: str) -> IpnsRecord:
        """The newest record of a key that is not over. Raises `Unverified` and `Unavailable` as `resolve` does."""
        return self._newest(IpnsName.parse(text))[0]

    def signed(self, text: str) -> bytes:
        """The bytes of that record, for whoever checks it again. Raises as `record`."""
        return self._newest(IpnsName.parse(text))[1]

    def _newest(self, name: IpnsName) -> tuple[IpnsRecord, bytes]:
        kept = self._kept(name)
        faults: list[ContentError] = []
        found: list[tuple[IpnsRecord, bytes, str]] = [] if kept is None else [kept]
        for source in self._sources:
            try:
                data = source.record(name)
                found.append((read_record(name, data), data, name_of(source)))
            except ContentError as error:
                faults.append(error)
            except ValueError as error:
                faults.append(Unverified(name, name_of(source), str(error)))
        if not found:
            refused = [fault for fault in faults if isinstance(fault, Unverified)]
            raise refused[0] if refused else Unavailable(f"The record of {name}", [fault.message for fault in faults])
        best, data, source_name = max(found, key=lambda one: (one[0].sequence, one[0].until))
        if best.is_over:
            raise Unverified(
                name, source_name, f"the newest record, {best.sequence}, was good until {best.until:%c} UTC"
            )
        if kept is None or best != kept[0]:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._folder / str(name), data)
        return best, data

    def _kept(self, name: IpnsName) -> tuple[IpnsRecord, bytes, str] | None:
        place = self._folder / str(name)
        try:
            data = place.read_bytes()
            return read_record(name, data), data, "the last that was seen"
        except (OSError, ValueError):  # none yet, or damaged: it is only a memory
            return None

    # --- Domains ---------------------------------------------------------------------------------

    def _of_domain(self, domain: str) -> str:
        """What the DNSLink of a domain says: of several the first by letters, as all who follow them take it."""
        if self._dns is None:
            raise InputError(
                f"Nobody was named who resolves {domain}.",
                hint="Name a resolver over HTTPS that answers in JSON: dns=, --dns or REGISTRY_DNS.",
            )
        for name in (f"_dnslink.{domain}", domain):
            links = sorted(
                text.removeprefix("dnslink=") for text in self._texts(name) if text.startswith("dnslink=/ip")
            )
            if links:
                if not is_content_path(links[0]):
                    raise Unverified(
                        domain, "its DNSLink", f"it leads to {links[0][:80]!r}, which is no path of content"
                    )
                return links[0]
        raise Unavailable(f"The DNSLink of {domain}", ["it has none"])

    def _texts(self, name: str) -> list[str]:
        """The texts (TXT) of a name."""
        assert self._dns is not None
        what = f"The DNSLink of {name}"
        params, accept = {"name": name, "type": "TXT"}, {"Accept": "application/dns-json"}
        with self._dns.ask("GET", "", what, params=params, headers=accept) as answer:
            if answer.status != 200:
                raise answer.unavailable(what)
            body = answer.body(_LARGEST)
        try:
            told = load_json(body).get("Answer") or []
            return [_unquoted(one["data"]) for one in told if one["type"] == _TXT]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable(what, ["the resolver answered with something else"]) from None


def _unquoted(data: str) -> str:
    """A text as it is: of several strings in quotes, one after another."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', data)
    return "".join(re.sub(r"\\(.)", r"\1", part) for part in parts) if parts else data
