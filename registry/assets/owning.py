"""What an owner changes of an asset: its licences, state, roles, payout, and owner."""

from __future__ import annotations

from collections.abc import Iterable

from registry.assets.catalogue import ROLES, Catalogue
from registry.chain.fees import NOTHING
from registry.documents.ddo import LicenceText
from registry.documents.licence import Licence
from registry.errors import InputError
from registry.money import Amount
from registry.results import Asset, AssetRef, Done, Offer, State
from registry.session import Session
from registry.text.warned import warn_caller
from registry.types import ZERO_ADDRESS, to_address


class DataOfferedWarning(UserWarning):
    """A licence is put on data that sold nothing until now."""


def _gives_data_away(found: Asset, licence: Licence) -> str | None:
    """What a licence of data that sold nothing would do, None for one of other assets, and for runs, which give no
    access."""
    content = found.ddo.content
    if content is None or found.licences or licence.runs:
        return None
    if content.kept:
        return f"{found.did} is kept by its owner, who gives nobody a block of it: {licence.name!r} sells nothing."
    if content.encryption is None:
        return None
    return (
        f"{found.did} sold nothing until now. Whoever holds {licence.name!r} gets the key of the data themselves, also "
        "where only runs on them were offered; close_licence ends it."
    )


class Owning(Session):
    """What an owner changes of an asset beside its document."""

    def add_licence(self, asset: AssetRef, licence: Licence, *, dry_run: bool = False) -> Done:
        """Offer a further licence: its terms go on chain and its words into the document, in one transaction.

        For the owner, or an account that is seller and editor. Warns (`DataOfferedWarning`) of the first licence of
        data that sold nothing: where only runs on them are offered, it would give away the data themselves.
        """
        found = Catalogue(self).get(asset)
        if (told := _gives_data_away(found, licence)) is not None:
            warn_caller(told, DataOfferedWarning)
        texts = [*found.ddo.licences[: len(found.licences)]]
        texts += [LicenceText(name=offer.name) for offer in found.licences[len(texts) :]]
        ddo = found.ddo.with_changes(licences=(*texts, licence.text))
        if not dry_run:
            Catalogue(self).keep(ddo)
        number = found.did.asset_id
        call = self.assets.functions.multicall(
            [
                self.assets.encode_abi("addLicence", [number, Catalogue(self).terms(licence, self.tokens)]),
                self.assets.encode_abi("updateMetadata", [number, ddo.digest, found.version]),
            ]
        )
        return self.act(f"add licence {licence.name!r} to {found.did}", call, dry_run=dry_run)

    def reprice(
        self, asset: AssetRef, licence: str | int | Offer, price: str | Amount, *, dry_run: bool = False
    ) -> Done:
        """Change the price of a licence for those who buy from now on, in the same payment token.

        Nothing is sent where it is that already. For the owner and sellers. Raises `LicenceNotFound` and
        `InvalidAmount`.
        """
        offer = Catalogue(self).offer(asset, licence)
        now = self.read(offer.did, self.assets.functions.licenceOf(offer.did.asset_id, offer.number))
        amount = self.amount(price, token=self.token_at(now[5])).as_price()
        call = self.assets.functions.setPrice(offer.did.asset_id, offer.number, amount.units)
        what = f"set the price of {offer.name!r} to {amount}"
        if now[0] == amount.units:
            return Done(what, NOTHING, None, before=True)
        return self.act(what, call, dry_run=dry_run)

    def close_licence(self, asset: AssetRef, licence: str | int | Offer, *, dry_run: bool = False) -> Done:
        """Stop selling a licence; what was sold stays valid. For the owner and sellers."""
        return self._set_open(asset, licence, False, dry_run)

    def open_licence(self, asset: AssetRef, licence: str | int | Offer, *, dry_run: bool = False) -> Done:
        """Sell a closed licence again. For the owner and sellers."""
        return self._set_open(asset, licence, True, dry_run)

    def suspend(self, asset: AssetRef, *, dry_run: bool = False) -> Done:
        """Take no orders for a while; access already bought goes on. For the owner."""
        return self._set_state(asset, State.SUSPENDED, dry_run)

    def resume(self, asset: AssetRef, *, dry_run: bool = False) -> Done:
        """Take orders again. For the owner."""
        return self._set_state(asset, State.ACTIVE, dry_run)

    def retire(self, asset: AssetRef, *, dry_run: bool = False) -> Done:
        """Take no orders and no changes any more, for good; access already bought goes on. For the owner."""
        return self._set_state(asset, State.RETIRED, dry_run)

    def transfer(self, asset: AssetRef, to: str, *, dry_run: bool = False) -> Done:
        """Hand the asset over: roles end, and its revenue goes to the new owner. For the owner."""
        did = self.did(asset)
        receiver = to_address(to)
        send = self.assets.get_function_by_signature("safeTransferFrom(address,address,uint256)")
        return self.act(f"transfer {did} to {receiver}", send(self.address, receiver, did.asset_id), dry_run=dry_run)

    def set_roles(self, asset: AssetRef, account: str, roles: Iterable[str], *, dry_run: bool = False) -> Done:
        """Give an account exactly these roles (of `ROLES`) on the asset until it changes hands. For the owner.

        Raises `InputError` for a role that there is not.
        """
        did, names = self.did(asset), tuple(roles)
        if unknown := [name for name in names if name not in ROLES]:
            raise InputError(f"{unknown[0]!r} is not a role.", hint=f"There are: {', '.join(ROLES)}.")
        mask = sum(ROLES[name] for name in set(names))
        call = self.assets.functions.setRoles(did.asset_id, to_address(account), mask)
        return self.act(f"make {account} {' and '.join(names) or 'nobody'} of {did}", call, dry_run=dry_run)

    def set_payout(self, asset: AssetRef, payout: str | None, *, dry_run: bool = False) -> Done:
        """Send the revenue to another account until the asset changes hands; None for the owner. For the owner."""
        did = self.did(asset)
        call = self.assets.functions.setPayout(did.asset_id, to_address(payout) if payout else ZERO_ADDRESS)
        return self.act(f"pay the revenue of {did} to {payout or 'its owner'}", call, dry_run=dry_run)

    def _set_open(self, asset: AssetRef, licence: str | int | Offer, value: bool, dry_run: bool) -> Done:
        offer = Catalogue(self).offer(asset, licence)
        call = self.assets.functions.setOpen(offer.did.asset_id, offer.number, value)
        return self.act(f"{'open' if value else 'close'} {offer.name!r} of {offer.did}", call, dry_run=dry_run)

    def _set_state(self, asset: AssetRef, state: State, dry_run: bool) -> Done:
        did = self.did(asset)
        call = self.assets.functions.setState(did.asset_id, state)
        return self.act(f"set {did} to {state.name.lower()}", call, dry_run=dry_run)
