"""The page that publishes a folder from the browser, to the node that its reader names."""

from __future__ import annotations

import json
from typing import Final

from registry.assets.drafting import MEDIA_TYPES
from registry.documents.ddo import ASSET_TYPES
from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.page_policy import named_origin, reaching
from registry.hub.unanswered import Unanswered
from registry.types import ZERO_ADDRESS

__all__ = ["publish", "publish_at"]

KINDS: Final = {"serve": "registry ipfs serve", "kubo": "Kubo"}
"""Nodes that take an archive from a page."""


def publish(desk: Desk, _: Asked) -> PageAnswer:
    """The page before a node is named: it says what is needed, and reaches nobody."""
    return desk.page("publish.html", to="", kind="serve", kinds=KINDS, origin=named_origin(desk.hub.settings.url))


def publish_at(desk: Desk, asked: Asked) -> PageAnswer:
    """The page that makes blocks of a folder and hands them to the node that its reader named, and to nobody else.
    Raises `Unanswered`."""
    to, kind = named_origin(asked.given("to")), asked.given("kind")
    if kind not in KINDS:
        raise Unanswered(422, "invalid", f"{kind[:40]!r} is no kind of node.", hint=f"Known: {', '.join(KINDS)}.")
    tokens = desk.remembered("tokens", lambda: desk.client.tokens)
    told = {one.symbol: {"address": one.address or ZERO_ADDRESS, "decimals": one.decimals} for one in tokens}
    return desk.page(
        "publish.html",
        headers=reaching(to),
        settled=False,
        to=to,
        kind=kind,
        kinds=KINDS,
        origin=named_origin(desk.hub.settings.url),
        types=ASSET_TYPES,
        tokens=json.dumps(told),
        symbols=list(told),
        media=json.dumps(MEDIA_TYPES),
    )
