"""The page on which an owner invites who asked for access to encrypted content: what the owner signs there goes to key
gateways of the document that the owner chose."""

from __future__ import annotations

import json
from typing import Any, Final

from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.page_policy import named_origin, reaching
from registry.hub.pages.subject import chosen_gateways, openable
from registry.hub.pages.talk_page import cid_of, waiting_for
from registry.hub.unanswered import Unanswered

__all__ = ["invite", "invite_at"]

MOST_DAYS: Final = 3_650


def invite(desk: Desk, asked: Asked) -> PageAnswer:
    """The page before gateways are named: it reaches nobody. Raises `Unanswered`."""
    return desk.page("invite.html", **_invitation(desk, asked, asked.get("request")), days="14", seen={})


def invite_at(desk: Desk, asked: Asked) -> PageAnswer:
    """The page that reaches the key gateways that its reader chose of the document's, and nobody else. Raises
    `Unanswered`."""
    values = _invitation(desk, asked, asked.given("request"))
    keys = chosen_gateways(asked, values["encryption"])
    days = asked.given("days")
    if not (days.isascii() and days.isdigit() and len(days) < 6 and 0 < int(days) <= MOST_DAYS):
        raise Unanswered(422, "invalid", f"Days are a whole number from 1 to {MOST_DAYS:,}, not {days[:20]!r}.")
    it, one = values["it"], values["one"]
    seen = {
        **desk.facts(it.hit),
        "licence": one.said.licence,
        "to": one.said.account,
        "request": one.id,
        "days": days,
        "gateways": json.dumps(keys),
    }
    headers = reaching(*map(named_origin, keys))
    return desk.page("invite.html", headers=headers, settled=False, **values, days=days, seen=seen)


def _invitation(desk: Desk, asked: Asked, request: str) -> dict[str, Any]:
    """What the page says of a request that waits for the owner of the asset."""
    it, encryption = openable(desk, asked)
    waiting = waiting_for(desk, it.hit.owner)
    one = next((one for one in waiting if one.id == request and one.said.did.asset_id == it.id), None)
    if one is None:
        hint = f"Those that wait are among what is mine: /mine, of {it.hit.owner}."
        raise Unanswered(404, "not_found", "No such request waits for the owner of this asset.", hint=hint)
    origin = named_origin(desk.hub.settings.url)
    return {"it": it, "tab": "talk", "encryption": encryption, "one": one, "cid": cid_of(one.id), "origin": origin}
