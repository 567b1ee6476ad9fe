"""Publishing, finding, changing and handing over assets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, overload

from registry.assets.reading import Reading
from registry.did import DID
from registry.documents.ddo import DDO, AssetType, Content, ContentFile
from registry.documents.licence import Licence
from registry.errors import AssetNotFound, InputError, NotDeployed, TransactionReverted
from registry.ipfs.cid import CID
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import NullSink, keep, writing
from registry.ipfs.unixfs import Added, FileEntry, add_tree, content_size
from registry.money import Token
from registry.results import Asset, Done, Preview, Published
from registry.session import whole
from registry.types import ZERO_ADDRESS, Address, Digest, to_address, to_digest

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.logs import TxReceipt
    from registry.gated.policy import Gated
    from registry.sandbox.runs.record import RunRecord

BATCH: Final = 100
"""Publications in one transaction: about 8 million gas, half of what a transaction may use (EIP-7825)."""

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
    default what it is when the asset is published. `gated` encrypts the content (see `registry.Gated`).
    """

    name: str
    type: AssetType
    license: str
    path: str | PathLike[str] | None = None
    licences: Sequence[Licence] = ()
    payout: str | None = None
    royalty_bps: int | None = None
    parents: Sequence[DID | str] = ()
    max_royalty_bps: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    gated: Gated | None = None
    hidden: bool = False
    content: Content | None = None


class Packed(NamedTuple):
    """Content that was added, as its document describes it, and the paths that were left out of it."""

    content: Content
    left_out: tuple[str, ...]


class Publishing(Reading):
    """The verbs of publishers, and of everyone who looks an asset up."""

    # --- Publishing ------------------------------------------------------------------------------

    @overload
    def publish(
        self,
        path: str | PathLike[str] | None,
        *,
        name: str,
        type: AssetType,
        license: str,
        licences: Sequence[Licence] = ...,
        owner: str | None = ...,
        payout: str | None = ...,
        royalty_bps: int | None = ...,
        parents: Sequence[DID | str] = ...,
        max_royalty_bps: int | None = ...,
        gated: Gated | None = ...,
        made_by: RunRecord | None = ...,
        hidden: bool = ...,
        again: bool = ...,
        dry_run: Literal[False] = ...,
        **fields: Any,
    ) -> Published: ...

    @overload
    def publish(
        self,
        path: str | PathLike[str] | None,
        *,
        name: str,
        type: AssetType,
        license: str,
        licences: Sequence[Licence] = ...,
        owner: str | None = ...,
        payout: str | None = ...,
        royalty_bps: int | None = ...,
        parents: Sequence[DID | str] = ...,
        max_royalty_bps: int | None = ...,
        gated: Gated | None = ...,
        made_by: RunRecord | None = ...,
        hidden: bool = ...,
        again: bool = ...,
        dry_run: Literal[True],
        **fields: Any,
    ) -> Preview: ...

    def publish(
        self,
        path: str | PathLike[str] | None,
        *,
        name: str,
        type: AssetType,
        license: str,
        licences: Sequence[Licence] = (),
        owner: str | None = None,
        payout: str | None = None,
        royalty_bps: int | None = None,
        parents: Sequence[DID | str] = (),
        max_royalty_bps: int | None = None,
        gated: Gated | None = None,
        made_by: RunRecord | None = None,
        hidden: bool = False,
        again: bool = False,
        dry_run: bool = False,
        **fields: Any,
    ) -> Published | Preview:
        """Store a folder or file, write its document, and publish it as an asset with its licences.

        Names in the folder that begin with a dot are left out unless `hidden`; which they were is in the result
        (`left_out`), and a `registry.ipfs.scan.LeftOutWarning` says it. `fields` are further fields of the document,
        such as ``description``, ``tags`` or ``author``. With `gated` the content is encrypted, and those with access
        get its key. With `made_by`, the record of the run that made it, its document names the record, and code and
        data that are assets become its parents.
        Run again with the same arguments, it finds what it published and publishes nothing, unless `again`; with other
        prices, payout or royalty for the same document it is refused, since those are changed by verbs of their own.
        With `dry_run` nothing is stored or sent.

        Raises `InvalidContent`, `InvalidDDO`, `DDOTooLarge`, `InvalidLicence`, `UnknownToken`, `NoSigner`,
        `InsufficientBalance`, and what the contracts and the chain answer.
        """
        if made_by is not None:
            from registry.sandbox.runs.publishing import made_by as made

            told, parents = made(made_by, path, parents)
            fields |= told
        draft = Draft(
            name=name,
            type=type,
            license=license,
            path=path,
            licences=licences,
            payout=payout,
            royalty_bps=royalty_bps,
            parents=parents,
            max_royalty_bps=max_royalty_bps,
            fields=fields,
            gated=gated,
            hidden=hidden,
        )
        if dry_run:
            return self.publish_many([draft], owner=owner, again=again, dry_run=True)
        return self.publish_many([draft], owner=owner, again=again)[0]

    @overload
    def publish_many(
        self,
        drafts: Iterable[Draft],
        *,
        owner: str | None = ...,
        batch: int = ...,
        again: bool = ...,
        dry_run: Literal[False] = ...,
    ) -> tuple[Published, ...]: ...

    @overload
    def publish_many(
        self,
        drafts: Iterable[Draft],
        *,
        owner: str | None = ...,
        batch: int = ...,
        again: bool = ...,
        dry_run: Literal[True],
    ) -> Preview: ...

    def publish_many(
        self,
        drafts: Iterable[Draft],
        *,
        owner: str | None = None,
        batch: int = BATCH,
        again: bool = False,
        dry_run: bool = False,
    ) -> tuple[Published, ...] | Preview:
        """Publish many assets of one owner, `batch` in a transaction; the result is in the order of the drafts.

        All drafts are checked, and all contents stored, before the first transaction. Interrupted and run again, it
        goes on with those that are not published yet; the keys of those that are gated go to their gateways last.
        Raises what `publish` raises, `InputError` for a payout that somebody else than the owner names, and
        `TooFewShares` if fewer gateways took a share than make the key: the asset is published then, and running it
        again tries anew.
        """
        whole(batch, "publications in a transaction")
        sender = self.sender("publish")
        holder = to_address(owner) if owner else self.address
        tokens = self.tokens
        wanted = list(drafts)
        self._admit(wanted, holder, again)
        self.check_payout(holder, *(draft.payout for draft in wanted))
        plans = [self._plan(draft, tokens, dry_run) for draft in wanted]
        _refuse_repeats(plans)
        intent = f"publish:{self.deployment.registry}:{holder}"
        if not dry_run:
            self.keep(*(plan.ddo for plan in plans))
            if not again:
                sender.settle(intent)
        done = {} if again else self._published(holder, plans)
        missing = [plan for plan in plans if plan.digest not in done]
        chunks = [missing[start : start + batch] for start in range(0, len(missing), batch)]
        if dry_run:
            left = [chunk for chunk in chunks if not sender.found(f"{intent}:{_fingerprint(chunk)}")]
            cost = sender.preview(*(self._publication(holder, chunk) for chunk in left))
            plans = [plan for chunk in left for plan in chunk]
            left_out = tuple(name for plan in plans for name in plan.left_out)
            return Preview(tuple(plan.ddo for plan in plans), cost, left_out)
        receipts: dict[Digest, TxReceipt] = {}
        for count, chunk in enumerate(chunks):
            # `once`: whoever publishes the same at the same moment, in another thread or process, joins in.
            call = self._publication(holder, chunk)
            receipt = sender.send(call, intent=f"{intent}:{_fingerprint(chunk)}", once=not again)
            # The ids are consecutive. Further events may be of what a receiving contract did when it was called.
            published = (e for e in receipt.named("MetadataPublished") if e.address == self.deployment.registry)
            first = next(published).args["assetId"]
            for number, plan in enumerate(chunk, start=first):
                done[plan.digest], receipts[plan.digest] = number, receipt
            self.progress("publishing", count * batch + len(chunk), len(missing))
        made = tuple(
            Published(
                did=self.did(done[plan.digest]),
                cid=plan.cid,
                content=plan.ddo.content.cid if plan.ddo.content else None,
                owner=holder,
                tx=receipts.get(plan.digest),
                left_out=plan.left_out,
            )
            for plan in plans
        )
        self._deliver(wanted, made)
        return made

    def _admit(self, drafts: Sequence[Draft], owner: Address, again: bool) -> None:
        """Refuse drafts before anything is done with them; for the classes above."""

    def _deliver(self, drafts: Sequence[Draft], made: Sequence[Published]) -> None:
        """Do what is left to do for assets that are published; for the classes above."""

    # --- Changing --------------------------------------------------------------------------------

    def update(
        self,
        asset: DID | str | int,
        *,
        path: str | PathLike[str] | None = None,
        gated: Gated | None = None,
        hidden: bool = False,
        expected_version: int | None = None,
        dry_run: bool = False,
        **fields: Any,
    ) -> Done:
        """Publish a new version of the document, with other `fields` or with the content at `path`.

        `hidden` takes names that begin with a dot, as for `publish`. Content that is gated stays so, with a new key;
        `gated` says that it shall be, or with other gateways.

        If somebody else was faster (`expected_version`, by default the version read now), nothing is lost: the
        contract refuses with `VersionConflict`. For the owner and editors. Raises `InvalidDDO` for fields that do
        not fit, and `InputError` for `gated` without a `path`.
        """
        if gated is not None and path is None:
            raise InputError("Nothing is there to be encrypted.", hint="Name the new content with path=, or reissue.")
        found = self.get(asset)
        left_out: tuple[str, ...] = ()
        if path is not None:
            fields["content"], left_out = self._next_content(found, path, gated, hidden, dry_run)
        ddo = found.ddo.with_changes(**fields)
        if not dry_run:
            self.keep(ddo)
        version = found.version if expected_version is None else whole(expected_version, "a version")
        call = self.assets.functions.updateMetadata(found.did.asset_id, ddo.digest, version)
        done = self.act(f"update {found.did} to version {version + 1}", call, dry_run=dry_run)
        return replace(done, left_out=left_out)

    # --- Below the verbs -------------------------------------------------------------------------

    def _owed_to(self, parents: Sequence[DID]) -> int:
        """What an asset that is derived from these owes them and their ancestors together now, in basis points.

        A way to an ancestor counts once, and the dearer one, as the contract has it. Raises `AssetNotFound`.
        """
        owed: dict[tuple[Address, int], int] = {}
        lineage = self.chain.contract("Lineage", self.deployment.lineage)
        for did in parents:
            contract = self.chain.contract("AssetRegistry", did.registry)
            try:
                info = self.read(did, contract.functions.assetInfo(did.asset_id))
            except (NotDeployed, TransactionReverted) as error:
                raise AssetNotFound(str(did), "there is no registry at its address") from error
            rows = [(did.registry, did.asset_id, info[10][1])]
            rows += self.chain.call(lineage.functions.ancestorsOf(did.registry, did.asset_id))
            for registry, asset_id, bps in rows:
                key = to_address(registry), int(asset_id)
                owed[key] = max(owed.get(key, 0), int(bps))
        return sum(owed.values())

    def planned(self, draft: Draft, *, packed: Packed | None = None, dry_run: bool = False) -> _Plan:
        """A draft as it would be published: its document, and what the contract takes. Its content is stored, unless it
        is `packed` and stored already."""
        return self._plan(draft, self.tokens, dry_run, packed)

    def published(self, owner: Address, plan: _Plan) -> int | None:
        """The asset that this account has published for `owner` as planned; raises `InputError` for other terms."""
        return self._published(owner, [plan]).get(plan.digest)

    def _plan(self, draft: Draft, tokens: Sequence[Token], dry_run: bool, packed: Packed | None = None) -> _Plan:
        parents = [self.parent(parent) for parent in draft.parents]
        terms = [self._terms(licence, tokens) for licence in draft.licences]
        content, left_out = packed or self.content_of(draft, preview=dry_run)
        texts = [licence.text for licence in draft.licences]
        ddo = drafted(draft, content, licences=texts, parents=parents)
        royalty = whole(draft.royalty_bps or 0, "basis points", low=0, high=2**16 - 1)
        derivatives = (draft.royalty_bps is not None, royalty)
        payout = to_address(draft.payout) if draft.payout else ZERO_ADDRESS
        owed = self._owed_to(parents) if draft.max_royalty_bps is None else draft.max_royalty_bps
        most = whole(owed, "basis points", low=0, high=2**16 - 1)
        listed = [(parent.registry, parent.asset_id) for parent in parents]
        publication = (ddo.digest, payout, derivatives, listed, most, terms)
        return _Plan(ddo, publication, left_out)

    def check_payout(self, holder: Address, *payouts: str | None) -> None:
        """Refuse a payout that is named for another owner. Raises `InputError`."""
        if holder != self.address and any(payouts):
            raise InputError(
                f"Only the owner says where the revenue goes, and {holder} is somebody else.",
                hint="Leave payout out; the owner can set it (set_payout).",
            )

    def content_of(self, draft: Draft, *, preview: bool) -> tuple[Content | None, tuple[str, ...]]:
        """The content of a draft, None for one without, and the names that were left out of it. What lies at its `path`
        is added to the store, unless this is a `preview`."""
        return (draft.content, ()) if draft.path is None else self._first_content(draft, preview)

    def _first_content(self, draft: Draft, dry_run: bool) -> Packed:
        """The content of a draft, added to the store."""
        assert draft.path is not None
        return self._content(draft.path, draft.hidden, dry_run)

    def _next_content(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, dry_run: bool
    ) -> Packed:
        """The content of an asset's next version, added to the store."""
        return self._content(path, hidden, dry_run)

    def _content(self, path: str | PathLike[str], hidden: bool, dry_run: bool) -> Packed:
        """Add a folder or file to the store and describe it; with `dry_run` only describe it."""
        total = content_size(path, hidden=hidden)
        sink = NullSink() if dry_run else self.store
        with writing(sink):
            added = add_tree(
                path, sink, progress=lambda done: self.progress(f"hashing {path}", done, total), hidden=hidden
            )
            keep(sink, {added.cid: f"content of {path}"})
        return Packed(described(added), added.left_out)

    def _publication(self, owner: Address, plans: Sequence[_Plan]) -> ContractFunction:
        if len(plans) == 1:
            return self.assets.functions.publish(owner, plans[0].publication)
        return self.assets.functions.publishMany(owner, [plan.publication for plan in plans])

    def _published(self, owner: Address, plans: Sequence[_Plan]) -> dict[Digest, int]:
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
            events = self.chain.events(
                self.assets.events.MetadataPublished,
                filters={"digest": list(digests[start : start + BATCH])},
                from_block=self.deployment.block,
            )
            for event in events:
                if event.args["version"] != 1 or self.did(event.args["assetId"]).collection is not None:
                    continue  # an item is another asset than one of its own with the same document
                if event.tx_hash not in receipts:
                    receipts[event.tx_hash] = self.chain.receipt(event.tx_hash)
                receipt = receipts[event.tx_hash]
                minted = {e.args["tokenId"]: e.args["to"] for e in receipt.named("Transfer") if "tokenId" in e.args}
                number, digest = event.args["assetId"], to_digest(bytes(event.args["digest"]))
                if event.args["publisher"] in (self.address, owner) and minted.get(number) == owner:
                    same = _published_with(receipt, number) == (*wanted[digest][1:3], wanted[digest][5])
                    (found if same else others)[digest] = number
        for plan in plans:
            if plan.digest in others and plan.digest not in found:
                there = self.did(others[plan.digest])
                raise InputError(
                    f"{plan.ddo.name!r} was published as {there} with other prices, limits, payout or royalty.",
                    hint="Change those of that asset (reprice, ...), or publish a second one with again=True.",
                )
        return found


@dataclass(frozen=True, slots=True)
class _Plan:
    """A checked draft: its document, the tuple that the contract takes, and what of its folder was left out."""

    ddo: DDO
    publication: tuple[Any, ...]
    left_out: tuple[str, ...]

    @property
    def digest(self) -> Digest:
        """Of the document; kept in the tuple, since each asking of the document writes it out and hashes it anew."""
        return Digest(self.publication[0])

    @property
    def cid(self) -> CID:
        """CID of the document."""
        return CID.from_digest(self.digest)


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
    return DDO(**{**draft.fields, **given, **more})


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


def _fingerprint(plans: Sequence[_Plan]) -> str:
    """A short name for a batch of publications in the journal: documents and terms."""
    # Not what may be owed to the parents, which may be more when it is run again.
    return hashlib.sha256(repr([(*p.publication[:4], p.publication[5]) for p in plans]).encode()).hexdigest()[:16]


def _refuse_repeats(plans: Sequence[_Plan]) -> None:
    places: dict[Digest, int] = {}
    for place, plan in enumerate(plans, start=1):
        first = places.setdefault(plan.digest, place)
        if first != place:
            raise InputError(
                f"Drafts {first} and {place} have the same document ({plan.ddo.name!r}).",
                hint="Leave one out, or give them different names.",
            )
