"""Sharing gated assets without a sale: invitations that their owner signs and their gateways keep."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from registry.assets.catalogue import Catalogue
from registry.content.entrusting import Shares
from registry.content.unlocking import wallet_of
from registry.did import DID
from registry.documents.ddo import Encryption
from registry.errors import InputError
from registry.results import Asset, AssetRef
from registry.session import Session
from registry.text.html import Shown
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.gated.protocol import Invitation

__all__ = ["Invited", "Inviting"]


@dataclass(frozen=True, slots=True)
class Invited(Shown):
    """An invitation that gateways keep: `account` may open the asset from `start` to `end` (seconds since 1970).

    `gateways` are those that took it. `nonce` is what tells it from others; keep it all to revoke it.
    """

    did: DID
    account: Address
    start: int
    end: int
    nonce: int
    gateways: tuple[str, ...]

    def invitation(self) -> Invitation:
        """What the owner signs."""
        from registry.gated.protocol import Invitation

        return Invitation.model_validate(
            {"did": str(self.did), "account": self.account, "from": self.start, "until": self.end, "nonce": self.nonce}
        )

    @property
    def id(self) -> str:
        """Its name at the gateways."""
        return self.invitation().id

    def __str__(self) -> str:
        when = " to ".join(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) for at in (self.start, self.end))
        return f"{self.account} may open {self.did} from {when} UTC"


class Inviting(Session):
    """The verbs of owners who let others in."""

    def invite(self, asset: AssetRef, account: str, *, days: float = 7.0, start: int | None = None) -> Invited:
        """Let an account open a gated asset for some `days`, from `start` (seconds since 1970; default: now).

        The owner signs an invitation that the asset's gateways keep; nothing goes on chain, and nothing is paid. To
        give a licence for good there is `grant`. For the owner. Raises `TooFewShares` if too few gateways took it, and
        `InputError` for no time.
        """
        from registry.gated.protocol import SignedInvitation
        from registry.gated.share_client import GatewayClient

        found, encryption = _shared(self, asset)
        if not days > 0:
            raise InputError(f"days must be greater than 0, not {days}.", hint="Name how long access lasts.")
        # One of the two clocks may be wrong: by neither may it begin late, or end early.
        clocks = sorted((int(time.time()), self.chain.block().timestamp)) if start is None else (start, start)
        begin, end = clocks[0], clocks[1] + int(days * 86_400)
        invited = Invited(found.did, to_address(account), begin, end, secrets.randbits(52), ())
        invitation = invited.invitation()
        signature = self.actor.signing("invite").sign_typed_data(invitation.message())
        signed = SignedInvitation(invitation=invitation, signature="0x" + signature.hex())

        def hand_in(index: int) -> None:
            client = GatewayClient(encryption.gateways[index].url, self.reach)
            try:
                client.invite(signed)
            finally:
                client.close()

        took = Shares(self).at_each(
            found.did, encryption.gateways, hand_in, encryption.threshold, "take the invitation"
        )
        return replace(invited, gateways=took)

    def revoke(self, invited: Invited) -> tuple[str, ...]:
        """End an invitation that has not started, at every gateway that took it; returns those that did.

        One that has started cannot be ended: its key may have been handed out. `update` with new content makes a new
        key, which it does not open. Raises `TooFewShares` if a gateway refuses or does not answer.
        """
        from registry.gated.share_client import GatewayClient

        found, encryption = _shared(self, invited.did)
        gateways = [gateway for gateway in encryption.gateways if gateway.url in invited.gateways]
        wallet = wallet_of(self, "revoke an invitation")
        invitation = invited.invitation()

        def end(index: int) -> None:
            client = GatewayClient(gateways[index].url, self.reach)
            try:
                client.revoke(invitation, wallet)
            finally:
                client.close()

        return Shares(self).at_each(found.did, gateways, end, len(gateways), "revoke the invitation")


def _shared(session: Session, asset: AssetRef) -> tuple[Asset, Encryption]:
    found = Catalogue(session).get(asset)
    encryption = found.ddo.content.encryption if found.ddo.content else None
    if encryption is None or not encryption.gateways:
        raise InputError(
            f"{found.did} has no key gateway.", hint="Name some with reissue, or give a licence with grant."
        )
    return found, encryption
