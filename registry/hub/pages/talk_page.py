"""What people say of an asset, and who asked for it: the page of comments, and the inbox among what is mine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from registry.documents.signed_statements import TalkStatement
from registry.hub.pages.desk import Desk
from registry.index.conversation import AskedAccess, Remark, Talk, talk_of
from registry.index.hearing import heard, heard_in
from registry.ipfs.cid import CID
from registry.talk.base import Voice

__all__ = ["cid_of", "part_of", "talk_about", "waiting_for"]

MOST: Final = 50
"""Comments on one page."""

READ: Final = 10
"""Pages of statements that are read for one page: the newest 2,000 at most."""

LETTERS: Final = 24_000
"""Of comments on one page, and of one comment more."""


def talk_about(desk: Desk, id: int, owner: str) -> Talk:
    """What is said of an asset that `owner` owns; made anew when something was said or a block came."""
    return desk.conversation(
        f"{id} {owner}", lambda: _talk(desk, owner, heard(desk.catalogue, desk.client.chain, id, pages=READ))
    )


def waiting_for(desk: Desk, owner: str) -> list[AskedAccess]:
    """Requests for the assets of an account that it has not answered, by time."""
    return desk.conversation(f"for {owner}", lambda: _waiting(desk, owner))


def part_of(remarks: Sequence[Remark], first: int) -> tuple[list[Remark], int]:
    """The comments from one on that one page has room for, and the number of the next, 0 for none."""
    found, left = list[Remark](), LETTERS
    for one in remarks[first : first + MOST]:
        if left < 0:
            break
        found.append(one)
        left -= len(one.said.text)
    after = first + len(found)
    return found, after if after < len(remarks) else 0


def cid_of(id: str) -> str:
    """The name of a statement."""
    return str(CID.from_digest(bytes.fromhex(id[2:])))


def _waiting(desk: Desk, owner: str) -> list[AskedAccess]:
    about: dict[int, list[TalkStatement]] = {}
    for one in heard_in(desk.catalogue, desk.client.chain, owner, pages=READ):
        did = one.did
        if (did.chain_id, did.registry) == (desk.chain_id, desk.registry):
            about.setdefault(did.asset_id, []).append(one)
    # A hub elsewhere may tell of any asset. Strangers choose how many there are, so all are looked up at once.
    owned = [id for id, hit in desk.some(about).items() if hit.owner == owner]
    found = [one for id in owned for one in talk_of(about[id], owner=owner).requests if one.answer is None]
    return sorted(found, key=lambda one: (one.said.time, one.id))


def _talk(desk: Desk, owner: str, said: Sequence[TalkStatement]) -> Talk:
    council = desk.remembered("council", lambda: Voice(desk.client).council)
    return talk_of(said, owner=owner, council=council)
