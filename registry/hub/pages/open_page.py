"""The page that opens gated content in the browser: ciphertext from a gateway of IPFS that its reader names, its key
from the key gateways that its reader lets it ask."""

from __future__ import annotations

import json

from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.page_policy import named_origin, reaching
from registry.hub.pages.subject import chosen_gateways, openable
from registry.hub.pages.wallet_digest import SEALED

__all__ = ["open_at", "open_gated"]


def open_gated(desk: Desk, asked: Asked) -> PageAnswer:
    """The page before gateways are named: it reaches nobody. Raises `Unanswered`."""
    it, encryption = openable(desk, asked)
    return desk.page("open.html", it=it, tab="files", encryption=encryption, gateway="", keys=[], origin=_origin(desk))


def open_at(desk: Desk, asked: Asked) -> PageAnswer:
    """The page that reaches the gateways that its reader named, and nobody else; of key gateways those of the document
    alone. Raises `Unanswered`."""
    (it, encryption), gateway = openable(desk, asked), named_origin(asked.given("gateway"))
    keys = chosen_gateways(asked, encryption)
    return desk.page(
        "open.html",
        headers=reaching(gateway, *map(named_origin, keys)),
        settled=False,
        it=it,
        tab="files",
        encryption=encryption,
        gateway=gateway,
        keys=json.dumps(keys),
        sealed=SEALED,
        origin=_origin(desk),
    )


def _origin(desk: Desk) -> str:
    """What the gateways must let in."""
    return named_origin(desk.hub.settings.url)
