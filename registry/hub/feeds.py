"""What happens, as Atom feeds (RFC 4287): new versions, sales, votes, and access that is about to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from xml.etree import ElementTree as ET  # nosec B405 # only written, never read

from registry.hub.operations import Parameter
from registry.index.index_reader import IndexReader
from registry.index.models import TIMED, Activity

__all__ = ["FEEDS", "KINDS", "kind_of"]

_ATOM: Final = "http://www.w3.org/2005/Atom"
_DAY: Final = 86_400

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "version": frozenset({"MetadataPublished"}),
    "sale": frozenset({"Sale"}),
    "vote": frozenset({"ProposalCreated", "VoteCast", "ProposalQueued", "ProposalExecuted", "ProposalCanceled"}),
}
"""The events of each feed, and of each kind of hook."""


def kind_of(event: str) -> str:
    """The feed that an event is in, "" for none."""
    return next((kind for kind, events in KINDS.items() if event in events), "")


def _events(kind: str) -> Callable[..., bytes]:
    def make(catalogue: IndexReader, base: str, url: str, *, asset: int = 0, account: str = "") -> bytes:
        shown = [one for one in catalogue.activity(id=asset, account=account, limit=200, names=KINDS[kind]).activity]
        titles = {one.did: _title(catalogue, one.did) for one in shown if one.did}
        entries = [
            (
                f"{one.tx}-{one.log}",
                f"{_WORDS[one.event]} {titles.get(one.did, '')}".strip(),
                one.time,
                _link(base, one),
                _summary(one),
            )
            for one in shown
            if one.event in _WORDS  # of a hub elsewhere it may be any
        ]
        return _feed(url, _TITLES[kind], entries)

    return make


def _ending(catalogue: IndexReader, base: str, url: str, *, account: str = "", days: int = 7) -> bytes:
    """Access of an account that ends within some days."""
    entries = []
    page = catalogue.owned(account) if account else None
    for one in page.owned if page is not None else ():
        left = one.expires - page.time if page is not None and one.kind in TIMED else 0
        if 0 < left <= days * _DAY:
            until = datetime.fromtimestamp(one.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
            title = f"Access to {one.name or one.did} ends {until}"
            entries.append((f"{one.did}-{one.licence}-{one.expires}", title, one.expires - days * _DAY, base, title))
    return _feed(url, "Access that is about to end", entries)


_ASSET = Parameter("asset", {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, "Number of the asset.")
_ACCOUNT = Parameter("account", {"type": "string", "maxLength": 42, "pattern": "^0x[0-9a-f]{40}$"}, "Account.")
_DAYS = Parameter("days", {"type": "integer", "minimum": 1, "maximum": 365}, "How many days ahead.")

FEEDS: Final[Mapping[str, tuple[Callable[..., bytes], tuple[Parameter, ...]]]] = {
    "/feeds/versions.atom": (_events("version"), (_ASSET, _ACCOUNT)),
    "/feeds/sales.atom": (_events("sale"), (_ASSET, _ACCOUNT)),
    "/feeds/votes.atom": (_events("vote"), (_ACCOUNT,)),
    "/feeds/ending.atom": (_ending, (_ACCOUNT, _DAYS)),
}
"""By path: what makes the feed, and its parameters."""

_TITLES: Final = {"version": "New assets and versions", "sale": "Sales", "vote": "Proposals and votes"}
_WORDS: Final = {
    "MetadataPublished": "New version of",
    "Sale": "Sold:",
    "ProposalCreated": "New proposal",
    "VoteCast": "A vote was cast",
    "ProposalQueued": "A proposal was queued",
    "ProposalExecuted": "A proposal was executed",
    "ProposalCanceled": "A proposal was cancelled",
}


def _title(catalogue: IndexReader, did: str) -> str:
    hit = catalogue.asset(int(did.rpartition("_")[2]))
    return hit.name if hit is not None and hit.name else did


def _link(base: str, one: Activity) -> str:
    return f"{base}/v1/assets/{one.did.rpartition('_')[2]}" if one.did else f"{base}/v1/activity"


def _summary(one: Activity) -> str:
    words = ", ".join(f"{name} {str(value)[:200]}" for name, value in one.arguments.items())
    return f"{one.event} in block {one.block}{'' if one.final else ' (not final yet)'}: {words}"


def _feed(url: str, title: str, entries: Iterable[tuple[str, str, int, str, str]]) -> bytes:
    """A feed; its text is text, whatever anybody wrote in it."""
    listed = list(entries)
    feed = ET.Element("feed", xmlns=_ATOM)
    _add(feed, "id", url)
    _add(feed, "title", title)
    _add(feed, "updated", _time(max((one[2] for one in listed), default=0)))
    ET.SubElement(feed, "link", rel="self", href=url)
    author = ET.SubElement(feed, "author")
    _add(author, "name", "the registry")
    for name, heading, moment, link, summary in listed:
        entry = ET.SubElement(feed, "entry")
        _add(entry, "id", f"urn:registry:{name}")
        _add(entry, "title", heading)
        _add(entry, "updated", _time(moment))
        ET.SubElement(entry, "link", href=link)
        _add(entry, "summary", summary)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + bytes(ET.tostring(feed, encoding="utf-8"))


def _add(parent: Any, name: str, text: str) -> None:
    # XML has no way to write control characters.
    ET.SubElement(parent, name).text = "".join(
        c if c in "\n\t" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text
    )


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(min(max(0, seconds), 253402300799), UTC).isoformat().replace("+00:00", "Z")
