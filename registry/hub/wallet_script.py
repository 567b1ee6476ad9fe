"""The script with which pages build what a wallet signs: its digest in this package, in what a hub serves, and in the
standard in which a DAO names the scripts that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from registry.errors import HubUnavailable, Unverified
from registry.hub.pages.wallet_digest import DIGEST, digest_of
from registry.hub.served_pages import read_served
from registry.ipfs.http import Http

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.results import Done

__all__ = ["DIGEST", "STANDARD", "ServedScript", "adopted", "check", "propose", "served"]

STANDARD: Final = "wallet-script"
"""The name of the standard. Its document has the digest on a line of its own."""

_LINE: Final = re.compile(r"^sha256-[A-Za-z0-9+/]{43}=$", re.MULTILINE)
_NAMED: Final = re.compile(r'src="(/static/[0-9a-z]+/wallet\.js)" integrity="([^"]*)"')


@dataclass(frozen=True, slots=True)
class ServedScript:
    """What a hub serves: the digest that its pages name, and that of the bytes it sends."""

    named: str
    sent: str


def served(url: str, *, deadline: float = 15.0) -> ServedScript:
    """What the hub at `url` serves to this question, within `deadline` seconds. Raises `HubUnavailable`, also for a hub
    without pages."""
    http = Http(url, name=f"the hub {url}", deadline=deadline)
    try:
        page = read_served(http, "/mine", "text/html").decode("utf-8", "replace")
        found = _NAMED.search(page)
        if found is None:
            raise HubUnavailable(f"/mine of {url}", ["it names no wallet script"])
        path, named = found.groups()
        return ServedScript(named, digest_of(read_served(http, path, "text/html")))
    finally:
        http.close()


def adopted(registry: Registry) -> frozenset[str]:
    """The digests that the DAO of a registry adopted, in any version of the standard; none if it has no DAO."""
    from registry.governance.standards import StandardStatus

    if registry.deployment.dao is None:
        return frozenset()
    governance = registry.governance
    listed = [one for one in governance.standards() if one.name == STANDARD and one.status is StandardStatus.ADOPTED]
    return frozenset(digest for one in listed for digest in _LINE.findall(governance.document(one.cid)))


def check(url: str, known: frozenset[str]) -> ServedScript:
    """What a hub serves, if it is this package's script or of a digest that is known. Raises `Unverified`, and
    `HubUnavailable`."""
    found = served(url)
    if found.sent != found.named or found.sent not in known | {DIGEST}:
        reason = f"it is {found.sent}, which is neither this package's nor one that the DAO adopted"
        if found.sent != found.named:
            reason = f"it is {found.sent}, and its pages name {found.named}"
        raise Unverified("the wallet script", f"the hub {url}", reason)
    return found


def propose(registry: Registry, *, dry_run: bool = False) -> Done:
    """Propose this package's script as the next version of the standard; the DAO adopts it."""
    text = (
        f"# Wallet script of release {version('asset-registry')}\n\n"
        "Pages of this registry build what a wallet signs with the script of this digest, and with none that this "
        f"standard does not name:\n\n{DIGEST}\n"
    )
    done, _ = registry.governance.propose_standard(STANDARD, text, kind="conduct", dry_run=dry_run)
    return done
