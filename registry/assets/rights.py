"""What an account holds of an asset."""

from __future__ import annotations

from registry.assets.reading import Reading
from registry.did import DID
from registry.results import Holding, Offer
from registry.types import to_address


class Rights(Reading):
    """What an account holds of an asset."""

    def has_access(self, asset: DID | str | int, *, account: str | None = None) -> bool:
        """Whether an account (default: the signer) may open the asset now, as its owner or under any licence.

        Raises `AssetNotFound`.
        """
        did, holder = self.did(asset), to_address(account) if account else self.address
        if self.read(did, self.assets.functions.hasAccess(did.asset_id, holder)):
            return True
        return bool(self.read(did, self.assets.functions.assetInfo(did.asset_id))[0] == holder)

    def holding(
        self, asset: DID | str | int, licence: str | int | Offer | None = None, *, account: str | None = None
    ) -> Holding:
        """What an account (default: the signer) holds of one licence. Raises `LicenceNotFound`."""
        offer = self.offer(asset, licence)
        holder = to_address(account) if account else self.address
        call = self.assets.functions.accessOf(offer.did.asset_id, offer.number, holder)
        active, expires_at, uses, held, taken, tokens = self.read(offer.did, call)
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

    def holdings(self, asset: DID | str | int, *, account: str | None = None) -> tuple[Holding, ...]:
        """What an account (default: the signer) holds of each licence of the asset."""
        did = self.did(asset)
        return tuple(self.holding(did, offer, account=account) for offer in self.licences(did))
