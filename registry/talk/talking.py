"""Comments and likes: what those who use an asset say of it."""

from __future__ import annotations

from registry.documents.signed_statements import NONE, Comment, Fold, Like, TalkStatement, Withdrawal
from registry.index.conversation import Talk
from registry.index.hearing import heard_by
from registry.index.hubs import Hubs
from registry.ipfs.cid import CID
from registry.results import AssetRef
from registry.session import Session
from registry.talk.base import Said, Voice, name_of
from registry.types import to_address

__all__ = ["Talking"]


class Talking:
    """The verbs of whoever speaks of an asset. What is said is signed, public, and named by its CID; it costs nothing.

    Each takes `hub`: the URL of one or several, by default those of ``$REGISTRY_HUB``; without any, what is said stays
    on this machine. Raises `InputError` for what is refused, `NoSigner`, `HubUnavailable` and `ConnectionFailed`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._voice = Voice(session)

    def of(self, asset: AssetRef, *, hub: Hubs = None) -> Talk:
        """What is said of an asset: comments in the order in which one reads them, who likes it, requests for it."""
        return self._voice.about(self._session.did(asset), hub)

    def by(self, account: str | None = None, *, hub: Hubs = None) -> tuple[TalkStatement, ...]:
        """All that an account (default: the signer) said, by time; also what it withdrew."""
        who = (to_address(account) if account else self._session.address).lower()
        found = self._voice.hear(lambda reader, chain: heard_by(reader, chain, who), hub)
        return tuple(sorted((one for one in found if one.account == who), key=lambda one: (one.time, one.id)))

    def comment(self, asset: AssetRef, text: str, *, answers: str | CID | None = None, hub: Hubs = None) -> Said:
        """Comment on an asset as it is now, or answer a comment, which is named by its CID.

        For its owner and those who have access. `text` has 10,000 bytes at most, and is shown as it is.
        """
        did = self._session.did(asset)
        version = self._session.read(did, self._session.assets.functions.assetInfo(did.asset_id))[2]
        parent = name_of(answers) if answers is not None else NONE
        return self._voice.say(Comment, did, version=int(version), parent=parent, text=text, hub=hub)

    def like(self, asset: AssetRef, *, liked: bool = True, hub: Hubs = None) -> Said:
        """Like an asset, or no longer. For those who paid its owner for a licence."""
        return self._voice.say(Like, asset, liked=liked, hub=hub)

    def withdraw(self, asset: AssetRef, statement: str | CID, *, hub: Hubs = None) -> Said:
        """No longer say what one said. Its text is not shown any more; who has its CID may still have it."""
        return self._voice.say(Withdrawal, asset, statement=name_of(statement), hub=hub)

    def fold(self, asset: AssetRef, comment: str | CID, *, folded: bool = True, hub: Hubs = None) -> Said:
        """Have a comment shown folded, or no longer so. For the owner of the asset, and for the council of the DAO,
        which has the last word."""
        return self._voice.say(Fold, asset, statement=name_of(comment), folded=folded, hub=hub)
