"""Assets to publish: drafts, their content and documents, and what the contracts take of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from registry.assets.catalogue import Catalogue
from registry.did import DID
from registry.documents.ddo import DDO, AssetType, Content, ContentFile
from registry.documents.licence import Licence
from registry.documents.spdx import warn_of_unknown
from registry.errors import AssetNotFound, InputError, NotDeployed, TransactionReverted
from registry.ipfs.cid import CID
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import NullSink, keep, writing
from registry.money import Token
from registry.results import Asset, AssetRef, Done, Published
from registry.session import Session, whole
from registry.types import ZERO_ADDRESS, Address, Digest, to_address, to_digest

if TYPE_CHECKING:
    from registry.chain.logs import TxReceipt
    from registry.gated.policy import Gated
    from registry.ipfs.unixfs import Added, FileEntry

BATCH: Final = 100
"""Publications in one transaction at most: about 8 million gas with a licence each."""

BATCH_GAS: Final = 13_500_000
"""Gas of the publications in one transaction at most: what a transaction may use (EIP-7825) without a margin of a
fifth."""

_ASSET_GAS, _LICENCE_GAS, _PARENT_GAS = 56_000, 29_000, 60_000

MAX_LISTED_FILES: Final = 1_000
"""Files that a document lists one by one; more are found through the folder's own blocks."""

# Not the table of the machine, which differs from one to the next: the same folder gives the same document everywhere.
MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "gif": "image/gif",
    "gz": "application/gzip",
    "html": "text/html",
    "ipynb": "application/x-ipynb+json",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "md": "text/markdown",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "npy": "application/x-npy",
    "npz": "application/x-npz",
    "onnx": "application/x-onnx",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "py": "text/x-python",
    "safetensors": "application/x-safetensors",
    "svg": "image/svg+xml",
    "tar": "application/x-tar",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "wav": "audio/wav",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An asset to publish: what `Registry.publish` takes, as a value, for `Registry.publish_many`.

    `path` is the folder or file with the content, None for an asset without; `hidden` takes of a folder the names that
    begin with a dot too. `content` is instead of a path what is in the store already (see `described`). `fields` are
    further fields of the document (``description``, ``tags``, ``author``, ``additional``, ... see `DDO`). `royalty_bps`
    says that others may publish derivatives and which share of their sales (basis points, at most 3,000) this asset
    asks for. `parents` may be of another registry of the chain; what they ask for together may be `max_royalty_bps`, by
    default what it is when the asset is published. `gated` encrypts the content (see `registry.Gated`); `kept` stores
    none of it, and its owner keeps it.
    """

    name: str
    type: AssetType
    license: str
    path: str | PathLike[str] | None = None
    licences: Sequence[Licence] = ()
    payout: str | None = None
    royalty_bps: int | None = None
    parents: Sequence[AssetRef] = ()
    max_royalty_bps: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    gated: Gated | None = None
    hidden: bool = False
    kept: bool = False
    content: Content | None = None


class DocumentFields(TypedDict, total=False):
    """The fields of a `DDO` that whoever publishes may name beside those that have a parameter of their own."""

    description: str
    image: str | None
    external_url: str | None
    author: str | None
    created: str | None
    tags: Sequence[str]
    conforms_to: Sequence[CID | str]
    additional: Mapping[str, Any]


class PublishingOptions(DocumentFields, total=False):
    """What `Registry.publish` and `Collections.publish` both take, for type checkers: said once for all overloads."""

    licences: Sequence[Licence]
    owner: str | None
    payout: str | None
    royalty_bps: int | None
    parents: Sequence[AssetRef]
    max_royalty_bps: int | None
    again: bool


class Packed(NamedTuple):
    """Content that was added, as its document describes it, and the paths that were left out of it."""

    content: Content
    left_out: tuple[str, ...]


Stored = tuple[Content | None, tuple[str, ...]]
"""The content of a draft, None for one without, and the names that were left out of it."""


class Planner:
    """Drafts as a session would publish them, and those that it has published already."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def planned(self, draft: Draft, *, packed: Packed | None = None, dry_run: bool = False) -> PlannedAsset:
        """A draft as another account would publish it: its document, and what the contract takes. Its content is
        stored, unless it is `packed` and stored already. Raises `InputError` for a draft that is gated."""
        if draft.gated is not None:
            raise InputError(
                f"{draft.name!r} is gated and would belong to a team from the start.",
                hint="Publish it as yourself, and transfer it to the team once the gateways have its key.",
            )
        if draft.kept:
            raise InputError(
                f"{draft.name!r} is kept by its owner, and a team keeps nothing.",
                hint="Publish it as yourself, and transfer it to the team.",
            )
        tokens = self._session.tokens
        return self.plan(draft, tokens, lambda one: packed or self.content_of(one, preview=dry_run))

    def published_as(self, owner: Address, plan: PlannedAsset) -> int | None:
        """The asset that this account has published for `owner` as planned; raises `InputError` for other terms."""
        return self.published(owner, [plan]).get(plan.digest)

    def plan(self, draft: Draft, tokens: Sequence[Token], pack: Callable[[Draft], Stored]) -> PlannedAsset:
        """A draft as it will be published, whose content is what `pack` stores; all else is checked before."""
        catalogue = Catalogue(self._session)
        parents = [catalogue.parent(parent) for parent in draft.parents]
        terms = [catalogue.terms(licence, tokens) for licence in draft.licences]
        content, left_out = pack(draft)
        texts = [licence.text for licence in draft.licences]
        ddo = drafted(draft, content, licences=texts, parents=parents)
        royalty = whole(draft.royalty_bps or 0, "basis points", low=0, high=2**16 - 1)
        derivatives = (draft.royalty_bps is not None, royalty)
        payout = to_address(draft.payout) if draft.payout else ZERO_ADDRESS
        owed = self._owed_to(parents) if draft.max_royalty_bps is None else draft.max_royalty_bps
        most = whole(owed, "basis points", low=0, high=2**16 - 1)
        listed = [(parent.registry, parent.asset_id) for parent in parents]
        publication = (ddo.digest, payout, derivatives, listed, most, terms)
        return PlannedAsset(ddo, publication, left_out)

    def content_of(self, draft: Draft, *, preview: bool) -> Stored:
        """The content of a draft, None for one without, and the names that were left out of it. What lies at its `path`
        is added to the store as it is, unless this is a `preview`."""
        return (draft.content, ()) if draft.path is None else packed(self._session, draft.path, draft.hidden, preview)

    def check_payout(self, holder: Address, *payouts: str | None) -> None:
        """Refuse a payout that is named for another owner. Raises `InputError`."""
        if holder != self._session.address and any(payouts):
            raise InputError(
                f"Only the owner says where the revenue goes, and {holder} is somebody else.",
                hint="Leave payout out; the owner can set it (set_payout).",
            )

    def published(self, owner: Address, plans: Sequence[PlannedAsset]) -> dict[Digest, int]:
        """Those of the documents that this account has published for `owner`, with the number of the asset.

        Who published it counts: a stranger may publish the same document for the same owner with a payout
        of his own. Raises `InputError` for one that was published with other terms only: its words are the same, but
        not what was asked for.
        """
        digests = [plan.digest for plan in plans]
        wanted = {plan.digest: plan.publication for plan in plans}
        found: dict[Digest, int] = {}
        others: dict[Digest, int] = {}
        receipts: dict[str, TxReceipt] = {}
        for start in range(0, len(digests), BATCH):
            events = self._session.chain.events(
                self._session.assets.events.MetadataPublished,
                filters={"digest": list(digests[start : start + BATCH])},
                from_block=self._session.deployment.block,
            )
            for event in events:
                if event.args["version"] != 1 or self._session.did(event.args["assetId"]).collection is not None:
                    continue  # an item is another asset than one of its own with the same document
                if event.tx_hash not in receipts:
                    receipts[event.tx_hash] = self._session.chain.receipt(event.tx_hash)
                receipt = receipts[event.tx_hash]
                minted = {e.args["tokenId"]: e.args["to"] for e in receipt.named("Transfer") if "tokenId" in e.args}
                number, digest = event.args["assetId"], to_digest(bytes(event.args["digest"]))
                if event.args["publisher"] in (self._session.address, owner) and minted.get(number) == owner:
                    same = _published_with(receipt, number) == (*wanted[digest][1:3], wanted[digest][5])
                    (found if same else others)[digest] = number
        for plan in plans:
            if plan.digest in others and plan.digest not in found:
                there = self._session.did(others[plan.digest])
                raise InputError(
                    f"{plan.ddo.name!r} was published as {there} with other prices, limits, payout or royalty.",
                    hint="Change those of that asset (reprice, ...), or publish a second one: again=True (--again).",
                )
        return found

    def _owed_to(self, parents: Sequence[DID]) -> int:
        """What an asset that is derived from these owes them and their ancestors together now, in basis points.

        A way to an ancestor counts once, and the dearer one, as the contract has it. Raises `AssetNotFound`.
        """
        owed: dict[tuple[Address, int], int] = {}
        lineage = self._session.chain.contract("Lineage", self._session.deployment.lineage)
        for did in parents:
            contract = self._session.chain.contract("AssetRegistry", did.registry)
            try:
                info = self._session.read(did, contract.functions.assetInfo(did.asset_id))
            except (NotDeployed, TransactionReverted) as error:
                raise AssetNotFound(str(did), "there is no registry at its address") from error
            rows = [(did.registry, did.asset_id, info[10][1])]
            rows += self._session.chain.call(lineage.functions.ancestorsOf(did.registry, did.asset_id))
            for registry, asset_id, bps in rows:
                key = to_address(registry), int(asset_id)
                owed[key] = max(owed.get(key, 0), int(bps))
        return sum(owed.values())


def packed(session: Session, path: str | PathLike[str], hidden: bool, dry_run: bool) -> Packed:
    """Add a folder or file to the store and describe it; with `dry_run` only describe it."""
    from registry.ipfs.unixfs import add_tree, content_size

    total = content_size(path, hidden=hidden)
    sink = NullSink() if dry_run else session.store
    with writing(sink):
        added = add_tree(
            path, sink, progress=lambda done: session.progress(f"hashing {path}", done, total), hidden=hidden
        )
        keep(sink, {added.cid: f"content of {path}"})
    return Packed(described(added), added.left_out)


@dataclass(frozen=True, slots=True)
class PlannedAsset:
    """A checked draft: its document, the tuple that the contract takes, and what of its folder was left out."""

    ddo: DDO
    publication: tuple[Any, ...]
    left_out: tuple[str, ...]

    @property
    def digest(self) -> Digest:
        """Of the document; kept in the tuple, since each asking of the document writes it out and hashes it anew."""
        return Digest(self.publication[0])

    @property
    def gas(self) -> int:
        """About what its publication takes among others, in units of gas, rather more than less."""
        parents, licences = len(self.publication[3]), len(self.publication[5])
        return _ASSET_GAS + _LICENCE_GAS * licences + _PARENT_GAS * parents

    @property
    def cid(self) -> CID:
        """CID of the document."""
        return CID.from_digest(self.digest)

    @property
    def note(self) -> str:
        """What follows if it has no licence. Of data that stay with their owner that is meant: an offering sells."""
        content = self.ddo.content
        if self.ddo.licences or (content is not None and content.kept):
            return ""
        if content is None:
            told = "there is nothing of it to buy"
        elif content.encryption is None:
            told = "it is free for all, and nobody can buy it"
        else:
            told = "only its owner and who is invited can open it, and nobody can buy it"
        return f"Without a licence {told}; add one: registry add-licence, in Python add_licence."

    def published(self, did: DID, owner: Address, tx: TxReceipt | None) -> Published:
        """What became of it: the asset, whose it is, and the transaction if it was sent now."""
        content = self.ddo.content.cid if self.ddo.content else None
        note = self.note if tx is not None else ""  # one of an earlier run may have licences since
        return Published(did, self.cid, content, owner, tx, self.left_out, note)


def published_in(receipt: TxReceipt, registry: Address) -> int:
    """The number of the first asset that a transaction published at a registry."""
    # Further events may be of what a receiving contract did when it was called.
    ours = (event for event in receipt.named("MetadataPublished") if event.address == registry)
    return int(next(ours).args["assetId"])


def _published_with(receipt: TxReceipt, asset_id: int) -> tuple[Any, ...]:
    """Payout, derivative terms and licence terms that an asset was published with, as the contract took them."""
    payout: Address = ZERO_ADDRESS
    derivatives, terms = (False, 0), []
    for event in receipt.events:
        if event.args.get("assetId") != asset_id:
            continue
        if event.name == "PayoutChanged":
            payout = event.args["payout"]
        elif event.name == "DerivativeTermsChanged":
            derivatives = event.args["allowed"], event.args["royaltyBps"]
        elif event.name == "LicenceAdded":
            terms.append(tuple(event.args["terms"].values()))
    return payout, derivatives, terms


def drafted(draft: Draft, content: Content | None, **more: Any) -> DDO:
    """The document of a draft, with `more` fields. Raises `InvalidDDO`."""
    given = {"name": draft.name, "type": draft.type, "license": draft.license, "content": content}
    made = DDO(**{**draft.fields, **given, **more})
    warn_of_unknown(made.license)
    return made


def listed(files: Sequence[FileEntry]) -> tuple[ContentFile, ...]:
    """Files as a document lists them, none if they are too many."""
    return tuple(
        ContentFile(path=file.path, size=file.size, cid=file.cid, media_type=_media_type(file.path))
        for file in (files if len(files) <= MAX_LISTED_FILES else ())
    )


def described(added: Added) -> Content:
    """What was added, as a document describes it."""
    return Content(cid=added.cid, size=added.size, profile=UNIXFS_V1_2025.name, files=listed(added.files))


def _media_type(path: str) -> str | None:
    """Media type by the ending of the name, None for others."""
    return MEDIA_TYPES.get(path.rpartition(".")[2].lower()) if "." in path else None


def update_document(session: Session, found: Asset, ddo: DDO, expected_version: int | None, dry_run: bool) -> Done:
    """Publish the next version of an asset's document, made from `expected_version` or the one that was found."""
    if ddo.license != found.ddo.license:
        warn_of_unknown(ddo.license)
    if not dry_run:
        Catalogue(session).keep(ddo)
    version = found.version if expected_version is None else whole(expected_version, "a version")
    call = session.assets.functions.updateMetadata(found.did.asset_id, ddo.digest, version)
    return session.act(f"update {found.did} to version {version + 1}", call, dry_run=dry_run)
