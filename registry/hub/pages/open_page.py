"""The page that opens gated content in the browser: ciphertext from a gateway of IPFS that its reader names, its key
from the key gateways that its reader lets it ask."""

from __future__ import annotations

import json
from typing import Final

from registry.documents.ddo import Encryption
from registry.errors import InputError
from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.page_policy import named_origin, reaching
from registry.hub.pages.subject import Subject, subject
from registry.hub.pages.wallet_digest import SEALED
from registry.hub.unanswered import Unanswered
from registry.ipfs.hosts import normal_url

__all__ = ["open_at", "open_gated"]

_FEW: Final = "Fewer key gateways are chosen than make the key."


def open_gated(desk: Desk, asked: Asked) -> PageAnswer:
    """The page before gateways are named: it reaches nobody. Raises `Unanswered`."""
    it, encryption = _openable(desk, asked)
    return desk.page("open.html", it=it, tab="files", encryption=encryption, gateway="", keys=[], origin=_origin(desk))


def open_at(desk: Desk, asked: Asked) -> PageAnswer:
    """The page that reaches the gateways that its reader named, and nobody else; of key gateways those of the document
    alone. Raises `Unanswered`."""
    (it, encryption), gateway = _openable(desk, asked), named_origin(asked.given("gateway"))
    chosen = {value for name, value in asked.form if name == "key"}
    keys = [one.url for one in encryption.gateways if one.url in chosen]
    if len(keys) < encryption.threshold:
        raise Unanswered(422, "invalid", _FEW, hint=f"{encryption.threshold} of those that the document names make it.")
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


def _openable(desk: Desk, asked: Asked) -> tuple[Subject, Encryption]:
    it = subject(desk, asked)
    encryption = it.content.encryption if it.content is not None else None
    if encryption is None:
        raise Unanswered(404, "not_here", "Its content is not encrypted.", hint=f"Its files: {it.base}/files")
    if not encryption.gateways:
        hint = f"Its owner opens it with the command: registry download {it.id}"
        raise Unanswered(404, "not_here", "No key gateway serves it, so a page cannot open it.", hint=hint)
    try:
        for one in encryption.gateways:
            normal_url(one.url)
    except InputError as error:
        raise Unanswered(404, "not_here", error.message, hint=error.hint) from error
    return it, encryption


def _origin(desk: Desk) -> str:
    """What the gateways must let in."""
    return named_origin(desk.hub.settings.url)
