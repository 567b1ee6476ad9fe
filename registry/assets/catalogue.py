"""What an asset is and offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from registry.assets.items import document_of
from registry.chain.logs import Event
from registry.did import DID, split_version
from registry.documents.comparing import DocumentChanges, compare_documents
from registry.documents.ddo import DDO, LicenceText
from registry.documents.licence import Kind, Licence, LimitWarning
from registry.errors import ContentError, InputError, LicenceNotFound, NotFoundError
from registry.ipfs.blocks import fetch
from registry.ipfs.cid import CID
from registry.ipfs.store import keep, writing
from registry.money import Amount, Token
from registry.results import Asset, AssetRef, AssetVersion, CurationStatus, Listing, Offer, State
from registry.session import Session
from registry.text.warned import warn_caller
from registry.types import ZERO_ADDRESS, Address, Digest, to_address, to_digest

COMPARED: Final = 20
"""Versions of a history of which it is said what changed."""

ROLES: Final = {"editor": 1, "seller": 2, "minter": 4}
"""Who may do what beside the owner: update the document; add, reprice, close licences; give licences away."""


class Catalogue:
    """What assets are and offers, as a session reads it from the chain and from their documents."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, asset: AssetRef) -> Asset:
        """An asset by DID or number: its state on chain and its document, checked against its digest. One that is in
        hand (an `Asset`) is given back as it is.

        Raises `InvalidDID`, `WrongChain`, `AssetNotFound`, `BlockNotFound` and `Unverified` for the document, and
        `InvalidDDO` if what was published is none.
        """
        did = self._session.did(asset)
        if isinstance(asset, Asset):
            return asset
        functions = self._session.assets.functions
        with self._session.chain.ahead(functions.assetInfo(did.asset_id), functions.licencesOf(did.asset_id)):
            return self._get(did)

    def _get(self, did: DID) -> Asset:
        info = self._session.read(did, self._session.assets.functions.assetInfo(did.asset_id))
        named = to_digest(bytes(info[1]))
        document = document_of(self._session, did, named, info[2])
        return Asset(
            did=did,
            owner=to_address(info[0]),
            digest=document.digest,
            version=info[2],
            state=State(info[3]),
            delisted=info[4],
            payout=to_address(info[6]),
            transfers=info[7],
            ddo=document.ddo,
            licences=self._offers(did, document.terms, named),
            listing=self.listing(did),
            minted=document.minted,
        )

    def listing(self, did: DID) -> Listing | None:
        """What curation says of an asset; None for a registry that was given to no DAO."""
        if self._session.deployment.dao is None:
            return None
        curation = self._session.chain.contract("Curation", self._session.deployment.dao.curation)
        status, reason, until, flags = self._session.chain.call(curation.functions.listingOf(did.asset_id))
        document = CID.from_digest(bytes(reason)) if any(reason) else None
        return Listing(CurationStatus(status), document, until, flags)

    def offer(self, asset: AssetRef, licence: str | int | Offer | None) -> Offer:
        """One licence of an asset, by its name, its number or as it was seen; None if there is only one open.

        Raises `LicenceNotFound` with the names that there are, and `InputError` for what was seen at another asset.
        """
        did = self._session.did(asset)
        if isinstance(licence, Offer):
            if licence.did != did:
                raise InputError(f"{licence.name!r} is a licence of {licence.did}, not of {did}.")
            return licence
        offers = self.get(asset).licences
        if licence is None:
            found = [offer for offer in offers if offer.open]
            if len(found) != 1:
                raise LicenceNotFound(str(did), "without a name", [offer.name for offer in found])
            return found[0]
        for offer in offers:
            if licence in (offer.number, offer.name):
                return offer
        raise LicenceNotFound(str(did), licence, [offer.name for offer in offers])

    def at(self, asset: AssetRef, version: int | None = None) -> Asset:
        """An asset as `get` has it, with the document of a version where one is named, also in its text (``7@3``).

        What the chain says of it, its licences among that, is of now. An order or an update that is made of it names
        its document, and so is refused if that is not the one of now. Raises what `get` raises, and `InputError` for a
        version that there is not.
        """
        if isinstance(asset, str):
            name, named = split_version(asset)
            if named is not None:
                if version not in (None, named):
                    raise InputError(f"{asset!r} is not version {version}.", hint="Name one of them.")
                asset, version = int(name) if name.isdecimal() else name, named
        found = self.get(asset)
        if version is None or version == found.version:
            return found
        digests = {
            event.args["version"]: to_digest(bytes(event.args["digest"])) for event in self._publications(found.did)
        }
        if version not in digests:
            raise InputError(
                f"{found.did} has no version {version}; it has {found.version}.",
                hint=f"List them: registry history {found.did.asset_id}.",
            )
        digest = digests[version]
        return replace(
            found,
            version=version,
            digest=digest,
            ddo=DDO.from_bytes(fetch(CID.from_digest(digest), self._session.store)),
            licences=tuple(replace(offer, digest=digest) for offer in found.licences),
        )

    def history(self, asset: AssetRef) -> tuple[AssetVersion, ...]:
        """All versions of an asset, the first one first, and of the last ones, `COMPARED` at most, what changed.

        After the first document that cannot be had no older one is asked for. Raises `AssetNotFound`.
        """
        found = list(self._published(asset))
        newer: DDO | None = None
        for place in range(len(found) - 1, max(-1, len(found) - 2 - COMPARED), -1):
            try:
                ddo = DDO.from_bytes(fetch(found[place].cid, self._session.store))
            except (ContentError, NotFoundError, InputError):
                break
            found[place] = replace(found[place], size=ddo.content.size if ddo.content else 0)
            if newer is not None:
                found[place + 1] = replace(found[place + 1], changes=compare_documents(ddo, newer))
            newer = ddo
        return tuple(found)

    def _published(self, asset: AssetRef) -> Iterator[AssetVersion]:
        """The versions of an asset as the chain has them."""
        did = self._session.did(asset)
        if did.collection is not None and not (found := self.get(asset)).minted:
            yield AssetVersion(found.version, found.cid)
            return
        self._session.read(did, self._session.assets.functions.ownerOf(did.asset_id))
        for event in self._publications(did):
            yield AssetVersion(
                number=event.args["version"],
                cid=CID.from_digest(bytes(event.args["digest"])),
                publisher=to_address(event.args["publisher"]),
                time=self._session.chain.block(event.block).timestamp,
                tx=event.tx_hash,
            )

    def _publications(self, did: DID) -> Iterator[Event]:
        return self._session.chain.events(
            self._session.assets.events.MetadataPublished,
            filters={"assetId": did.asset_id},
            from_block=self._session.deployment.block,
        )

    def parent(self, asset: AssetRef) -> DID:
        """The DID of an asset to derive from, which may be of another registry of this chain.

        Raises what `did` raises, but for other registries.
        """
        if isinstance(asset, Asset):
            asset = asset.did
        if isinstance(asset, str) and asset.startswith("did:"):
            asset = DID.parse(asset)
        if isinstance(asset, DID) and asset.chain_id == self._session.chain.chain_id:
            return asset
        return self._session.did(asset)

    def keep(self, *documents: DDO) -> None:
        """Put documents into the store, and pin them where the store has pins."""
        with writing(self._session.store):
            for ddo in documents:
                self._session.store.put(ddo.cid, ddo.to_bytes())
            keep(self._session.store, {ddo.cid: f"document of {ddo.name}" for ddo in documents})

    def terms(self, licence: Licence, tokens: Sequence[Token]) -> tuple[Any, ...]:
        """Licence terms as the contract takes them; warns (`LimitWarning`) of limits that are none."""
        for loophole in licence.loopholes:
            warn_caller(f"Licence {licence.name!r} {loophole}.", LimitWarning)
        price = licence.price_in(tokens)
        return (
            price.units if price else 0,
            price.token.index if price else 0,
            int(licence.kind),
            licence.quantity,
            licence.cap or 0,
            licence.limit or 0,
            licence.minimum,
            self._seller_of_time(licence),
        )

    def _seller_of_time(self, licence: Licence) -> Address:
        deployment = self._session.deployment
        if licence.kind is not Kind.STREAM:
            return ZERO_ADDRESS
        return deployment.escrow if licence.runs else deployment.streams

    def _for_runs(self, did: DID, numbers: Sequence[int]) -> frozenset[int]:
        """Those of some licences by the second that sell runs; asked for in one request."""
        chain, escrow = self._session.chain, self._session.deployment.escrow
        calls = [self._session.assets.functions.streamsOf(did.asset_id, number) for number in numbers]
        with chain.ahead(*calls):
            sellers = [to_address(chain.call(call)) for call in calls]
        return frozenset(number for number, seller in zip(numbers, sellers, strict=True) if seller == escrow)

    def _offers(self, did: DID, ddo: DDO, digest: Digest) -> tuple[Offer, ...]:
        licences = self._session.read(did, self._session.assets.functions.licencesOf(did.asset_id))
        streams = [number for number, terms in enumerate(licences) if Kind(terms[6]) is Kind.STREAM]
        runs, offers = self._for_runs(did, streams), []
        for number, (price, quantity, cap, issued, limit, index, kind, is_open, minimum) in enumerate(licences):
            text = ddo.licences[number] if number < len(ddo.licences) else LicenceText(name=f"licence {number}")
            offers.append(
                Offer(
                    did=did,
                    number=number,
                    name=text.name,
                    kind=Kind(kind),
                    quantity=quantity,
                    price=Amount(price, self._session.token_at(index)) if price else None,
                    cap=cap or None,
                    issued=issued if cap else None,
                    limit=limit or None,
                    open=is_open,
                    digest=digest,
                    minimum=minimum,
                    runs=number in runs,
                    description=text.description,
                    terms=text.terms,
                )
            )
        return tuple(offers)


class Reading(Session):
    """What an asset is and offers, read from the chain and from its document."""

    def get(self, asset: AssetRef, *, version: int | None = None) -> Asset:
        """Look an asset up: its state on chain and its document, checked against its digest. One in hand is read anew.

        With `version`, or ``7@3``, the document is the one of that version; `files`, `open`, `download` and `verify`
        take what comes back, and such a text themselves. Licences and all that the chain says are of now.

        Raises `InvalidDID`, `WrongChain`, `AssetNotFound`, `BlockNotFound` and `Unverified` for the document,
        `InvalidDDO` if what was published is none, and `InputError` for a version that there is not.
        """
        return Catalogue(self).at(asset.did if isinstance(asset, Asset) else asset, version)

    def listing(self, asset: AssetRef) -> Listing | None:
        """What curation says of an asset; None for a registry that was given to no DAO."""
        return Catalogue(self).listing(self.did(asset))

    def licences(self, asset: AssetRef) -> tuple[Offer, ...]:
        """The licences of an asset by their number, as they are now. Raises what `get` raises."""
        return Catalogue(self).get(self.did(asset)).licences

    def history(self, asset: AssetRef) -> tuple[AssetVersion, ...]:
        """All versions of an asset, the first one first: documents, dates, publishers, sizes, and what changed in the
        last `COMPARED` of them, as far as documents can be had. Raises `AssetNotFound`."""
        return Catalogue(self).history(self.did(asset))

    def diff(self, asset: AssetRef, before: int, after: int | None = None) -> DocumentChanges:
        """What differs between two versions of an asset, by default a version and the one of now: fields of the
        document, and files. Raises what `get` raises."""
        catalogue = Catalogue(self)
        found = catalogue.get(self.did(asset))
        return compare_documents(catalogue.at(found, before).ddo, catalogue.at(found, after).ddo)

    def resolve(self, asset: AssetRef) -> dict[str, Any]:
        """The W3C DID document of an asset. Raises what `get` raises."""
        found = Catalogue(self).get(asset)
        return found.ddo.did_document(found.did, found.owner)

    def roles(self, asset: AssetRef, account: str) -> tuple[str, ...]:
        """The roles that an account was given on the asset; an owner needs none."""
        did = self.did(asset)
        mask = self.read(did, self.assets.functions.rolesOf(did.asset_id, to_address(account)))
        return tuple(name for name, bit in ROLES.items() if mask & bit)

    def offer(self, asset: AssetRef, licence: str | int | Offer | None) -> Offer:
        """One licence of an asset, by its name, its number or as it was seen; None if there is only one open.

        Raises `LicenceNotFound` with the names that there are, and `InputError` for what was seen at another asset.
        """
        return Catalogue(self).offer(asset, licence)
