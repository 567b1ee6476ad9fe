"""Pages of accounts: people, teams, splitters; and of what one owns and holds."""

from __future__ import annotations

import re
from typing import Any, Final

from registry.documents.ddo import DDO
from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.talk_page import cid_of, waiting_for
from registry.hub.unanswered import Unanswered
from registry.index.conversation import AskedAccess
from registry.index.models import Hit

__all__ = ["account", "mine"]

ASKED: Final = 20
"""Requests on one page."""

_ADDRESS: Final = re.compile("0x[0-9a-f]{40}")


def _account(text: str) -> str:
    found = text.strip().lower()
    if not _ADDRESS.fullmatch(found):
        raise Unanswered(422, "invalid", f"{text[:60]!r} is no address.", hint="It has 0x and 40 hexadecimal digits.")
    return found


def account(desk: Desk, asked: Asked) -> PageAnswer:
    """What an account owns, has bought, and belongs to; of a team, who its members are and how money is shared."""
    who = _account(asked.path["account"])
    assets = desk.catalogue.assets(owner=who, after=asked.number("after"), limit=50)
    bought = desk.catalogue.sales(account=who, limit=20)
    team = desk.row("team", who)
    return desk.page(
        "account.html",
        who=who,
        assets=assets,
        bought=_bought(desk, bought.sales),
        teams=desk.catalogue.teams(who).teams,
        team=team,
        members=[row["account"] for row in desk.rows("members", who)],
        shares=_shares(desk, team["splitter"] if team is not None else who),
        votes=desk.row("delegate", who),
        following=f"/u/{who}?after={assets.after}" if assets.after else "",
    )


def _bought(desk: Desk, sales: Any) -> list[tuple[int, int, str, str]]:
    ids = [int(one.did.rpartition("_")[2]) for one in sales]
    names = desk.names(ids)
    return [
        (one.time, id, names[id], desk.amount(one.total, one.token) if int(one.total) else "free")
        for id, one in zip(ids, sales, strict=True)
    ]


def _shares(desk: Desk, splitter: str) -> list[tuple[str, int, int]]:
    """Payees of a splitter with their shares, and the sum of these."""
    if not splitter:
        return []
    rows = desk.rows("payees", splitter)
    whole = sum(row["share"] for row in rows)
    return [(row["account"], row["share"], whole) for row in rows]


def mine(desk: Desk, asked: Asked) -> PageAnswer:
    """What an address owns, holds and until when, and what came in; the address is asked for if none is given."""
    text = asked.get("account")
    if not text:
        return desk.page("mine.html", who="", held=(), assets=None, earned=(), waiting=(), after="", teams=(), asked=())
    who = _account(text)
    held = desk.catalogue.owned(who, after=asked.get("after"), limit=100)
    assets = desk.catalogue.assets(owner=who, limit=50)
    return desk.page(
        "mine.html",
        who=who,
        held=_held(desk, held.owned),
        assets=assets,
        earned=_earned(desk, who),
        waiting=desk.sums((row["token"], row["units"]) for row in desk.rows("parked", who)),
        after=held.after,
        teams=desk.catalogue.teams(who).teams,
        asked=_asked(desk, who),
    )


def _asked(desk: Desk, who: str) -> list[tuple[AskedAccess, int, str, str, str, dict[str, Any], bool]]:
    """Requests that wait for an account, the first ones: the asset, its name, those of licence and request, what the
    wallet script must be told to grant it, and whether key gateways keep invitations."""
    found = waiting_for(desk, who)[:ASKED]
    hits = desk.some(one.said.did.asset_id for one in found)
    names = desk.names(hits)
    listed = []
    for one in found:
        id = one.said.did.asset_id
        if hit := hits.get(id):
            licence = _licence_name(desk, hit, one.said.licence)
            invites = _has_gateways(desk.document(bytes.fromhex(hit.digest)))
            listed.append((one, id, names[id], licence, cid_of(one.id), _granting(desk, hit, one), invites))
    return listed


def _granting(desk: Desk, hit: Hit, one: AskedAccess) -> dict[str, Any]:
    said = one.said
    return desk.facts(hit) | {"licence": said.licence, "to": said.account, "request": one.id}


def _has_gateways(document: DDO | None) -> bool:
    encryption = document.content.encryption if document is not None and document.content is not None else None
    return bool(encryption is not None and encryption.gateways)


def _licence_name(desk: Desk, hit: Hit, number: int) -> str:
    listed = desk.texts(hit)
    return listed[number].name if number < len(listed) else f"Licence {number}"


def _held(desk: Desk, owned: Any) -> list[tuple[Any, int, dict[str, Any] | None]]:
    """What is held, of which asset, and what the wallet script must be told of it; None for one that a hub elsewhere
    does not tell of."""
    ids = [int(one.did.rpartition("_")[2]) for one in owned]
    hits = desk.some(ids)
    found = []
    for id, one in zip(ids, owned, strict=True):
        hit = hits.get(id)
        told = desk.facts(hit) | {"licence": one.licence} if hit else None
        found.append((one, id, told))
    return found


def _earned(desk: Desk, who: str) -> list[tuple[int, str, int, list[str]]]:
    """By asset whose revenue goes to an account today, alone or by its share: its name, the per mille of it, and what
    its sales left after fee and royalties."""
    parts = [(who, 1, 1)]
    for row in desk.rows("shares", who):
        whole = sum(one["share"] for one in desk.rows("payees", row["splitter"]))
        parts.append((row["splitter"], row["share"], whole))
    rows = [
        (row["id"], share, whole) for payout, share, whole in parts for row in desk.rows("paid_to", payout, payout)
    ][:200]
    names = desk.names(id for id, _, _ in rows)
    found = []
    for id, share, whole in rows:
        left = [
            (token, (total - fee - royalty) * share // max(1, whole)) for token, total, fee, royalty in desk.paid(id)
        ]
        if sums := desk.sums(left):
            found.append((id, names[id], 1000 * share // max(1, whole), sums))
    return found
