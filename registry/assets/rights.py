"""What an account holds of an asset."""

from __future__ import annotations

from registry.assets.catalogue import Catalogue
from registry.errors import AccessDenied
from registry.results import Asset, AssetRef, Holding, Offer
from registry.session import Session
from registry.types import to_address


class Rights:
    """What accounts hold of assets, as a session reads it from the chain."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def has_access(self, asset: AssetRef, *, account: str | None = None) -> bool:
        """Whether an account (default: the signer) may open the asset now, as its owner or under any licence.

        Raises `AssetNotFound`.
        """
        did, holder = self._session.did(asset), to_address(account) if account else self._session.address
        if self._session.read(did, self._session.assets.functions.hasAccess(did.asset_id, holder)):
            return True
        return bool(self._session.read(did, self._session.assets.functions.assetInfo(did.asset_id))[0] == holder)

    def holding(
        self, asset: AssetRef, licence: str | int | Offer | None = None, *, account: str | None = None
    ) -> Holding:
        """What an account (default: the signer) holds of one licence. Raises `LicenceNotFound`."""
        offer = Catalogue(self._session).offer(asset, licence)
        holder = to_address(account) if account else self._session.address
        call = self._session.assets.functions.accessOf(offer.did.asset_id, offer.number, holder)
        active, expires_at, uses, held, taken, tokens = self._session.read(offer.did, call)
        return Holding(
            did=offer.did,
            licence=offer.name,
            account=holder,
            kind=offer.kind,
            active=active,
            held=held,
            expires_at=expires_at,
            uses=uses,
            taken=taken,
            tokens=tokens,
        )

    def holdings(self, asset: AssetRef, *, account: str | None = None) -> tuple[Holding, ...]:
        """What an account (default: the signer) holds of each licence of the asset."""
        found = Catalogue(self._session).get(asset)
        return tuple(self.holding(found, offer, account=account) for offer in found.licences)

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now."""
        if self.has_access(found):
            return
        lapsed = [held for held in self.holdings(found) if held.taken or held.tokens]
        account = self._session.address
        if lapsed:
            raise AccessDenied(str(found.did), account, f"under {lapsed[0].licence!r} it has {lapsed[0].in_words()}")
        offers = [f"{offer.name!r} ({offer.in_words()})" for offer in found.licences if offer.open]
        raise AccessDenied(
            str(found.did),
            account,
            hint=f"Buy one of: {'; '.join(offers)}." if offers else "Nothing is on offer; ask its owner.",
        )


class Entitled(Session):
    """The verbs that ask what an account holds."""

    def has_access(self, asset: AssetRef, *, account: str | None = None) -> bool:
        """Whether an account (default: the signer) may open the asset now, as its owner or under any licence.

        Raises `AssetNotFound`.
        """
        return Rights(self).has_access(asset, account=account)

    def holding(
        self, asset: AssetRef, licence: str | int | Offer | None = None, *, account: str | None = None
    ) -> Holding:
        """What an account (default: the signer) holds of one licence. Raises `LicenceNotFound`."""
        return Rights(self).holding(asset, licence, account=account)

    def holdings(self, asset: AssetRef, *, account: str | None = None) -> tuple[Holding, ...]:
        """What an account (default: the signer) holds of each licence of the asset."""
        return Rights(self).holdings(asset, account=account)
