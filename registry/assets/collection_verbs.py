"""The verbs of collections: publish a million assets at once, prove, mint and check their items."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import length_hint
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, overload

from registry.assets.catalogue import Catalogue
from registry.assets.drafting import BATCH, Draft, Packed, Planner, PublishingOptions, drafted, published_in
from registry.assets.items import CollectionState
from registry.chain.fees import NOTHING, Cost
from registry.chain.sender import GAS_HEADROOM, GAS_MARGIN
from registry.collections.layout import PROFILE
from registry.collections.manifest import Listed
from registry.collections.packing import Packing, source_of
from registry.did import DID
from registry.documents.ddo import AssetType, Content, ContentFile
from registry.documents.licence import Licence
from registry.errors import InputError
from registry.home import make_home
from registry.ipfs.cid import CID
from registry.ipfs.store import NullSink, keep, writing
from registry.ipfs.unixfs import add_tree
from registry.results import AssetRef, Done
from registry.text.html import Shown
from registry.types import Address, item_id, to_address

if TYPE_CHECKING:
    from registry.chain.acting import Outbox
    from registry.chain.logs import TxReceipt
    from registry.session import Session

ITEM_SALE_GAS: Final = 4_700
"""What a sale of an item takes more than one of an ordinary asset, in units of gas (bench/results/gas.json)."""

_SHOWN: Final = 1_000


@dataclass(frozen=True, slots=True)
class PublishedCollection(Shown):
    """A collection that was published; `tx` is None if an earlier run had done it already. `root` (32 bytes) is that of
    its `size` items, `content` the CID of its manifest, which is the content of its document `cid`."""

    did: DID
    cid: CID
    content: CID
    owner: Address
    root: bytes
    size: int
    tx: TxReceipt | None

    def item(self, index: int) -> DID:
        """The DID of the item at this place, from 0; raises `InputError` past the last."""
        if not 0 <= index < self.size:
            raise InputError(f"There is no item {index:,}.", hint=f"They are numbered from 0 to {self.size - 1:,}.")
        return DID(self.did.chain_id, self.did.registry, item_id(self.did.asset_id, index))

    def __str__(self) -> str:
        return str(self.did)


@dataclass(frozen=True, slots=True)
class CollectionPreview(Shown):
    """What publishing a collection would do; nothing was stored or sent.

    ========= ==========================================================================================
    size      items
    root      of them
    manifest  bytes of the manifest
    cost      of the one transaction, nothing if this very collection was published before
    each      what `publish_many` would cost for as many assets with the same licences, reckoned from a few
    sales     of so many items, nobody minting them, the gas that is saved is used up, since each sale takes
              4,700 gas more; 0 if nothing is saved
    before    whether it was published before, so that nothing is left to be sent
    ========= ==========================================================================================
    """

    size: int
    root: bytes
    manifest: int
    cost: Cost
    each: Cost
    sales: int
    before: bool = False

    @property
    def cheaper(self) -> bool:
        """Whether the collection costs its publisher less than one publication an asset."""
        return self.cost.gas < self.each.gas

    def __str__(self) -> str:
        if self.before:
            return f"publish a collection of {self.size:,} items: that was done before, nothing is left to be sent"
        words = f"publish a collection of {self.size:,} items: {self.cost}; one by one: {self.each.gas:,} gas"
        if not self.cheaper:
            return f"{words}, which is cheaper from the first sale on"
        return f"{words}, which is cheaper in all only from {self.sales:,} sales on"


@dataclass(frozen=True, slots=True)
class ProvenItem(Shown):
    """That a collection lists a document for an item, as `mintItem` and anybody else takes it."""

    did: DID
    collection: DID
    root: bytes
    listed: Listed

    @property
    def cid(self) -> CID:
        """CID of the document."""
        return CID.from_digest(self.listed.digest)


@dataclass(frozen=True, slots=True)
class CollectionVerification(Shown):
    """A manifest of `size` items that was read as a whole, and is what the root (32 bytes) on chain stands for."""

    did: DID
    root: bytes
    size: int

    def __str__(self) -> str:
        return f"all {self.size:,} documents of {self.did} are what its root 0x{self.root.hex()} stands for"


class CollectionOptions(PublishingOptions, total=False):
    """What `Collections.publish` takes beside the name, for type checkers."""

    type: AssetType | None
    license: str | None


class Collections:
    """The verbs of collections; reached as ``registry.collections``."""

    def __init__(self, registry: Session) -> None:
        self._registry = registry

    # --- Publishing ------------------------------------------------------------------------------

    @overload
    def publish(
        self,
        drafts: Iterable[Draft],
        *,
        name: str,
        dry_run: Literal[False] = ...,
        **options: Unpack[CollectionOptions],
    ) -> PublishedCollection: ...

    @overload
    def publish(
        self, drafts: Iterable[Draft], *, name: str, dry_run: Literal[True], **options: Unpack[CollectionOptions]
    ) -> CollectionPreview: ...

    def publish(
        self,
        drafts: Iterable[Draft],
        *,
        name: str,
        licences: Sequence[Licence] = (),
        type: AssetType | None = None,
        license: str | None = None,
        owner: str | None = None,
        payout: str | None = None,
        royalty_bps: int | None = None,
        parents: Sequence[AssetRef] = (),
        max_royalty_bps: int | None = None,
        again: bool = False,
        dry_run: bool = False,
        **fields: Any,
    ) -> PublishedCollection | CollectionPreview:
        """Publish any number of assets in one transaction, as the items of a collection; see docs/collections.md.

        The drafts may come from a generator, and are never all in memory. They have a document and content each, while
        licences, payout, royalty and parents are the collection's. `type` and `license` of its own document are
        those of the items, and are to be named if these differ. Killed and run again with the same drafts, it goes
        on where it stopped and publishes once; `again` publishes another one. With `dry_run` nothing is stored or sent,
        and the result compares with `publish_many`.

        Raises `InputError` for a draft that cannot be an item, and what `publish` raises.
        """
        registry = self._registry
        outbox = registry.actor.outbox("publish a collection", dry_run=dry_run)
        holder = to_address(owner) if owner else registry.address
        Planner(registry).check_payout(holder, payout)
        common = _Common(type, license)
        with self._packing(holder, name, dry_run) as packing:
            root = self._pack(packing, drafts, common, dry_run)
            draft = Draft(
                name=name,
                type=common.type,
                license=common.license,
                licences=licences,
                payout=payout,
                royalty_bps=royalty_bps,
                parents=parents,
                max_royalty_bps=max_royalty_bps,
                fields=fields,
            )
            content = self._stored(packing, name, dry_run)
            plan = Planner(registry).planned(draft, packed=Packed(content, ()), dry_run=dry_run)
            call = registry.assets.functions.publishCollection(holder, plan.publication, root, packing.count)
            intent = f"collection:{registry.deployment.registry}:{holder}:{plan.digest.hex()}"
            begun = () if again else outbox.settle(intent)
            number, tx = None if again else self._published(holder, plan, root), None
            if dry_run:
                there = number is not None or bool(begun)
                return self._preview(outbox, holder, call, plan.publication, packing, root, content.size, there)
            Catalogue(registry).keep(plan.ddo)
            if number is None:
                tx = outbox.send(call, intent=intent, once=not again).done
                number = published_in(tx, registry.deployment.registry)
            packing.discard()
            return PublishedCollection(registry.did(number), plan.cid, content.cid, holder, root, packing.count, tx)

    def _published(self, holder: Address, plan: Any, root: bytes) -> int | None:
        """The number of this very collection, if an earlier run has published it."""
        number = Planner(self._registry).published_as(holder, plan)
        if number is None:
            return None
        there, _ = self._registry.chain.call(self._registry.assets.functions.collectionOf(number))
        return number if bytes(there) == root else None

    @contextmanager
    def _packing(self, holder: Address, name: str, dry_run: bool) -> Iterator[Packing]:
        """Where this collection is packed: at home, so that a run that was killed goes on."""
        registry = self._registry
        key = f"{registry.chain.chain_id}:{registry.deployment.registry}:{holder}:{name}"
        with tempfile.TemporaryDirectory(prefix="collection-") as scratch:
            base = Path(scratch) if dry_run or registry.home is None else registry.home / "collections"
            make_home(base)
            with Packing(base / hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]) as packing:
                yield packing

    def _pack(self, packing: Packing, drafts: Iterable[Draft], common: _Common, dry_run: bool) -> bytes:
        """Write the items down, and return the root of their list."""
        expected = length_hint(drafts)
        for draft in drafts:
            _refuse_terms(draft, packing.count)
            common.take(draft, packing.count)
            content, _ = Planner(self._registry).content_of(draft, preview=dry_run)
            source = source_of(
                [draft.name, draft.type, draft.license, dict(draft.fields), content.to_dict() if content else None]
            )
            if not packing.resume(source):
                packing.add(drafted(draft, content).to_bytes(), source)
            if not packing.count % _SHOWN:
                self._registry.progress("packing documents", packing.count, max(expected, packing.count))
        self._registry.progress("packing documents", packing.count, packing.count)
        root = packing.finish(lambda done: self._registry.progress("listing the items", done, packing.count))
        self._registry.progress("listing the items", packing.count, packing.count)
        return root

    def _stored(self, packing: Packing, name: str, dry_run: bool) -> Content:
        """The manifest, added to the store, as the collection's document describes it."""
        store = NullSink() if dry_run else self._registry.store
        total = sum(file.stat().st_size for file in packing.manifest.iterdir())
        with writing(store):
            added = add_tree(
                packing.manifest,
                store,
                PROFILE,
                progress=lambda done: self._registry.progress("storing the manifest", done, total),
            )
            keep(store, {added.cid: f"manifest of {name}"})
        files = tuple(ContentFile(path=file.path, size=file.size, cid=file.cid) for file in added.files)
        return Content(cid=added.cid, size=added.size, profile=PROFILE.name, files=files)

    def _preview(
        self,
        outbox: Outbox,
        holder: Address,
        call: Any,
        publication: tuple[Any, ...],
        packing: Packing,
        root: bytes,
        manifest: int,
        before: bool,
    ) -> CollectionPreview:
        cost = NOTHING if before else outbox.preview(call)
        some = packing.digests(BATCH // 10)
        many = self._registry.assets.functions.publishMany(holder, [(one, *publication[1:]) for one in some])
        sample, size = outbox.preview(many), packing.count
        parts = (sample.gas, sample.max_fee_wei, sample.expected_fee_wei, sample.total_value)
        gas, most, likely, held = (part * size // len(some) for part in parts)
        each = Cost(gas, most, likely, held)
        saved = _estimate(sample.gas) * size // len(some) - _estimate(cost.gas)
        sales = max(saved, 0) // ITEM_SALE_GAS
        return CollectionPreview(size, root, manifest, cost, each, sales, before)

    # --- Items -----------------------------------------------------------------------------------

    def state(self, collection: AssetRef) -> CollectionState:
        """Root and size of a collection, or of the one that an item is of. Raises `AssetNotFound`, and `InputError` for
        an asset that is neither."""
        did = self._registry.did(collection)
        return CollectionState(self._registry, did.collection or did)

    def prove(self, item: AssetRef) -> ProvenItem:
        """The proof that an item's document is listed, which was checked. Raises `InputError` for an asset that is no
        item, and the content errors."""
        did = self._item(item)
        state = self.state(did)
        return ProvenItem(did, state.did, state.root, state.read(lambda manifest: manifest.listed(did.index)))

    def mint(self, item: AssetRef, *, dry_run: bool = False) -> Done:
        """Mint an item to the owner of its collection: from then on it is an asset of its own. For anybody.

        Its document is kept as a block of its own, as other assets' are. Raises what `prove` and `get` raise.
        """
        registry, did = self._registry, self._item(item)
        found = Catalogue(registry).get(did)
        what = f"mint item {did.index:,} of {did.collection}"
        if found.minted:
            return Done(what, NOTHING, None, before=True)
        proven = self.prove(did)
        if not dry_run:
            Catalogue(registry).keep(found.ddo)
        call = registry.assets.functions.mintItem(did.asset_id, proven.listed.digest, list(proven.listed.proof))
        return registry.act(what, call, dry_run=dry_run)

    def verify(self, collection: AssetRef) -> CollectionVerification:
        """Read a collection's whole manifest: each document against the list, the list against the root on chain.

        The contents of the items are checked item by item, by `Registry.verify`. Raises `Unverified`, `BlockNotFound`,
        and `LimitExceeded` for more than 20 million items.
        """
        state = self.state(collection)

        def check(manifest: Any) -> None:
            for done in manifest.verify():
                self._registry.progress("verifying documents", done, state.size)

        state.read(check)
        return CollectionVerification(state.did, state.root, state.size)

    def _item(self, item: AssetRef) -> DID:
        did = self._registry.did(item)
        if did.collection is None:
            raise InputError(f"{did} is not an item of a collection.", hint="An item's number is 2**62 or more.")
        return did


def _estimate(limit: int) -> int:
    """What a call is reckoned to take whose limit is this, in units of gas."""
    above, below = GAS_MARGIN
    return min(limit * below // above, limit - GAS_HEADROOM)


class _Common:
    """Type and licence of the collection's document: those that were named, or that all items have."""

    def __init__(self, type: str | None, license: str | None) -> None:
        self._named: Final = (type, license)
        self._found: tuple[str | None, str | None] = (type, license)

    def take(self, draft: Draft, index: int) -> None:
        """Hold an item against those before it. Raises `InputError` if they differ and nothing was named."""
        of_item = draft.type, draft.license
        for place, word in enumerate(("type", "license")):
            if self._named[place] is None and self._found[place] not in (None, of_item[place]):
                raise InputError(
                    f"The {word} of draft {index:,} is {of_item[place]!r}, of those before {self._found[place]!r}.",
                    hint=f"Name the collection's own {word}.",
                )
        self._found = self._named[0] or of_item[0], self._named[1] or of_item[1]

    @property
    def type(self) -> Any:
        """The type of the collection."""
        return self._found[0]

    @property
    def license(self) -> str:
        """The licence of its content."""
        return self._found[1] or ""


def _refuse_terms(draft: Draft, index: int) -> None:
    """Refuse what an item cannot have of its own. Raises `InputError`."""
    given = {
        "licences": draft.licences,
        "payout": draft.payout,
        "royalty_bps": draft.royalty_bps is not None,
        "parents": draft.parents,
        "max_royalty_bps": draft.max_royalty_bps is not None,
    }
    if wrong := [name for name, value in given.items() if value]:
        raise InputError(
            f"Draft {index:,} ({draft.name!r}) has {wrong[0]} of its own.",
            hint="They are the same for all items: name them for the collection.",
        )
    if draft.gated is not None or draft.kept:
        raise InputError(
            f"Draft {index:,} ({draft.name!r}) is gated or kept, which items of collections are not.",
            hint="Publish it as an asset of its own (publish_many).",
        )
