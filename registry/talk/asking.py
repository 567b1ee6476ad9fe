"""Requests for access: signed by who wants a licence and says what for, answered by the owner of the asset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from registry.assets.catalogue import Catalogue
from registry.assets.rights import Rights
from registry.documents.signed_statements import AccessAnswer, AccessRequest, TalkStatement
from registry.errors import InputError
from registry.index.conversation import AskedAccess, talk_of
from registry.index.hearing import heard_by, heard_in
from registry.index.hubs import Hubs
from registry.ipfs.cid import CID
from registry.results import AssetRef, Done, Offer
from registry.session import Session
from registry.talk.base import Said, Voice, name_of
from registry.text.html import Shown
from registry.types import to_address

__all__ = ["AnsweredRequest", "Requests"]


class Giver(Protocol):
    """Who gives access to what it owns."""

    def grant(
        self,
        asset: AssetRef,
        licence: str | int | Offer | None = None,
        *,
        to: str,
        units: int = 1,
        dry_run: bool = False,
    ) -> Done:
        """Give units of a licence for nothing."""

    def invite(self, asset: AssetRef, account: str, *, days: float = 7.0) -> object:
        """Let an account open a gated asset for some days."""


@dataclass(frozen=True, slots=True)
class AnsweredRequest(Shown):
    """A request that was answered: what was `done` about it, None for nothing, and what was `said`, None for a dry
    run."""

    request: AskedAccess
    done: object | None
    said: Said | None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        told = self.said.to_dict() if self.said is not None else None
        return {"request": self.request.id, "done": str(self.done) if self.done is not None else None, "said": told}

    def __str__(self) -> str:
        return "; ".join(str(one) for one in (self.done, self.said) if one is not None)


class Requests:
    """The verbs of those who ask for access, and of owners who answer; `giver` gives what `session` owns.

    Each takes `hub`: the URL of one or several, by default those of ``$REGISTRY_HUB``; without any, what is said stays
    on this machine. Raises `InputError` for what is refused, `NoSigner`, `HubUnavailable` and `ConnectionFailed`.
    """

    def __init__(self, session: Session, giver: Giver) -> None:
        self._session = session
        self._giver = giver
        self._voice = Voice(session)

    def ask(self, asset: AssetRef, licence: str | int | Offer | None = None, *, use: str, hub: Hubs = None) -> Said:
        """Ask the owner of an asset for a licence, and say for what `use`; what is said is public.

        Raises `LicenceNotFound`.
        """
        offer = Catalogue(self._session).offer(asset, licence)
        return self._voice.say(AccessRequest, offer.did, licence=offer.number, use=use, hub=hub)

    def inbox(self, account: str | None = None, *, answered: bool = False, hub: Hubs = None) -> tuple[AskedAccess, ...]:
        """Requests for the assets of an account (default: the signer), by time; with `answered` all of them."""
        owner = (to_address(account) if account else self._session.address).lower()
        about: dict[str, list[TalkStatement]] = {}
        for one in self._voice.hear(lambda reader, chain: heard_in(reader, chain, owner), hub):
            about.setdefault(one.asset, []).append(one)
        found: list[AskedAccess] = []
        for asset, said in about.items():
            # Strangers choose how many assets there are: of each, the node is asked for the owner alone.
            if self._voice.owner_of(self._session.did(asset)) == owner:
                found += talk_of(said, owner=owner).requests
        return _by_time([one for one in found if answered or one.answer is None])

    def sent(self, account: str | None = None, *, hub: Hubs = None) -> tuple[AskedAccess, ...]:
        """What an account (default: the signer) asked for, by time, and what it was answered."""
        who = (to_address(account) if account else self._session.address).lower()
        said = self._voice.hear(lambda reader, chain: heard_by(reader, chain, who), hub)
        found: list[AskedAccess] = []
        for asset in sorted({one.asset for one in said if isinstance(one, AccessRequest)}):
            found += self._voice.about(self._session.did(asset), hub).requests
        return _by_time([one for one in found if one.said.account == who])

    def grant(
        self, request: str | CID, *, units: int = 1, text: str = "", dry_run: bool = False, hub: Hubs = None
    ) -> AnsweredRequest:
        """Give who asked `units` of the licence that the request names, for nothing, and say so.

        If the account has access under it by now, it is only said: whoever runs this again after it was interrupted
        gives nothing twice. Raises what `grant` of a registry raises.
        """
        asked = self._asked(request, hub)
        did, licence, account = asked.said.did, asked.said.licence, to_address(asked.said.account)
        has = Rights(self._session).holding(did, licence, account=account).active
        done = None if has else self._giver.grant(did, licence, to=account, units=units, dry_run=dry_run)
        return self._answered(asked, "granted", text, done, hub, dry_run=dry_run)

    def invite(self, request: str | CID, *, days: float = 7.0, text: str = "", hub: Hubs = None) -> AnsweredRequest:
        """Let who asked open a gated asset for some days, and say so. Raises what `invite` of a registry raises."""
        asked = self._asked(request, hub)
        done = self._giver.invite(asked.said.did, to_address(asked.said.account), days=days)
        return self._answered(asked, "invited", text, done, hub)

    def decline(self, request: str | CID, *, text: str = "", hub: Hubs = None) -> AnsweredRequest:
        """Say that there will be no access, and why if `text` says it."""
        return self._answered(self._asked(request, hub), "declined", text, None, hub)

    def _asked(self, request: str | CID, hub: Hubs) -> AskedAccess:
        wanted = name_of(request)
        for one in self.inbox(answered=True, hub=hub):
            if one.id == wanted:
                return one
        raise InputError(
            f"There is no request {request} for an asset of {self._session.address}.",
            hint="'registry requests inbox' lists them.",
        )

    def _answered(
        self,
        asked: AskedAccess,
        outcome: Literal["granted", "invited", "declined"],
        text: str,
        done: object | None,
        hub: Hubs,
        *,
        dry_run: bool = False,
    ) -> AnsweredRequest:
        if dry_run:
            return AnsweredRequest(asked, done, None)
        did = asked.said.did
        said = self._voice.say(AccessAnswer, did, request=asked.id, outcome=outcome, text=text, hub=hub)
        return AnsweredRequest(asked, done, said)


def _by_time(requests: Sequence[AskedAccess]) -> tuple[AskedAccess, ...]:
    return tuple(sorted(requests, key=lambda one: (one.said.time, one.id)))
