"""An offer as the wallet script is told of it; what it then does, it reads from the chain."""

from __future__ import annotations

from registry.assets.items import CollectionState
from registry.documents.licence import Kind
from registry.errors import InputError
from registry.results import Asset, Offer
from registry.session import Session
from registry.types import ZERO_ADDRESS, Address

__all__ = ["act_of", "offers_to_take", "require_taken_alone"]


def offers_to_take(found: Asset) -> list[Offer]:
    """What a visitor could take of an asset now. A licence for runs is not among it: it gives access to nothing, and is
    paid job by job."""
    return [offer for offer in found.licences if offer.open and not offer.runs] if found.for_sale else []


def require_taken_alone(offer: Offer) -> Offer:
    """The offer. Raises `InputError` for one of runs, which nobody takes without a job."""
    if offer.runs:
        raise InputError(
            f"{offer.name!r} of {offer.did} sells runs, job by job.",
            hint="Order one: registry.compute(code, on=[asset], escrow=True).",
        )
    return offer


def act_of(session: Session, found: Asset, offer: Offer, account: Address) -> dict[str, str]:
    """The act by which `account` takes the offer, at the price that is shown now."""
    streams = offer.kind is Kind.STREAM
    price = str(offer.price) if offer.price is not None else ""
    verb = "Subscribe to" if streams else "Buy" if price else "Take"
    return _of_item(session, found) | {
        "act": "subscribe" if streams else "buy",
        "label": f"{verb} {offer.name!r}{f': {price}' if price else ''}",
        "chain": str(session.chain.chain_id),
        "registry": session.deployment.registry,
        "asset": str(found.did.asset_id),
        "licence": str(offer.number),
        "digest": "0x" + found.digest.hex(),
        "document": found.ddo.to_bytes().decode("utf-8"),
        "total": str(offer.price.units if offer.price is not None else 0),
        "token": (offer.price.token.address if offer.price is not None else None) or ZERO_ADDRESS,
        "per": str(offer.quantity),
        "account": account,
    }


def _of_item(session: Session, found: Asset) -> dict[str, str]:
    """What the script is told of an item beside: the document that names its licences, and until it is minted the
    proof that its collection lists it."""
    if found.did.collection is None:
        return {}
    collection = CollectionState(session, found.did.collection)
    listed = () if found.minted else collection.read(lambda manifest: manifest.listed(found.did.index)).proof
    return {"terms": collection.document.to_bytes().decode("utf-8"), "proof": ".".join(one.hex() for one in listed)}
