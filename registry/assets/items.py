"""Collections as the chain knows them, and the documents of items, minted or not, out of their manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from registry.collections.manifest import Manifest
from registry.did import DID
from registry.documents.ddo import DDO
from registry.errors import ContentError, InputError, NotFoundError, Unverified
from registry.ipfs.blocks import fetch
from registry.ipfs.cid import CID
from registry.types import Digest, to_digest

if TYPE_CHECKING:
    from registry.session import Session

_T = TypeVar("_T")

_REFUSED: Final = (ContentError, NotFoundError, InputError)
"""What reading raises of a manifest that cannot be fetched, or is none."""


class AssetDocument(NamedTuple):
    """A document and its digest; `terms` is the one with the words of the licences: of an item, its collection's."""

    ddo: DDO
    digest: Digest
    terms: DDO
    minted: bool = True


def document_of(session: Session, did: DID, named: Digest, version: int) -> AssetDocument:
    """The document of an asset, whose digest or, for an item that nobody minted, whose collection's root is `named` on
    chain. Raises `InvalidDDO` and the content errors."""
    if did.collection is None:
        ddo = _read(session, named)
        return AssetDocument(ddo, named, ddo)
    collection = CollectionState(session, did.collection)
    minted, cid = named != collection.root, CID.from_digest(named)
    if minted and (version > 1 or session.store.has(cid)):
        return AssetDocument(_read(session, named), named, collection.document)
    try:
        data = collection.read(lambda manifest: manifest.document(did.index))
    except _REFUSED:
        if not minted:
            raise
        data = fetch(cid, session.store)  # as whoever minted it may have stored it
    digest = to_digest(hashlib.sha256(data).digest())
    return AssetDocument(DDO.from_bytes(data), digest, collection.document, minted)


class CollectionState:
    """A collection now: its root, its `size` in items, and its own document.

    Raises `AssetNotFound`, and `InputError` for an asset that is no collection.
    """

    def __init__(self, session: Session, did: DID) -> None:
        self._session, self.did = session, did
        functions = session.assets.functions
        self._digest = to_digest(bytes(session.read(did, functions.assetInfo(did.asset_id))[1]))
        root, self.size = session.read(did, functions.collectionOf(did.asset_id))
        self.root = to_digest(bytes(root))
        if not self.size:
            raise InputError(f"{did} is not a collection.", hint="Name a collection, or an item of one.")
        self._document: DDO | None = None

    @property
    def document(self) -> DDO:
        """Its document. Raises `InvalidDDO` and the content errors."""
        if self._document is None:
            self._document = _read(self._session, self._digest)
        return self._document

    def read(self, read: Callable[[Manifest], _T]) -> _T:
        """What `read` gets out of the manifest: the content of the document or, since the owner may change that, of the
        first one. So what was listed is listed for good.

        Raises what is wrong with the present one if the first is no better.
        """
        try:
            return read(self._manifest(self.document))
        except _REFUSED as error:
            first = self._first()
            if first == self._digest:
                raise
            try:
                return read(self._manifest(_read(self._session, first)))
            except _REFUSED:
                raise error from None

    def _manifest(self, document: DDO) -> Manifest:
        if document.content is None:
            raise Unverified(self.did, "the collection's owner", "its document names no manifest of the items")
        return Manifest(document.content.cid, self.root, self.size, self._session.store)

    def _first(self) -> Digest:
        """The digest of the document that the collection was published with, from its event."""
        events = self._session.chain.events(
            self._session.assets.events.MetadataPublished,
            filters={"assetId": self.did.asset_id},
            from_block=self._session.deployment.block,
        )
        return to_digest(bytes(next(iter(events)).args["digest"]))


def _read(session: Session, digest: Digest) -> DDO:
    return DDO.from_bytes(fetch(CID.from_digest(digest), session.store))
