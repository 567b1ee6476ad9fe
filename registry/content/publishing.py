"""Publishing assets, and new versions of them, with content of either kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, Required, TypedDict, Unpack, overload

from registry.assets.catalogue import Catalogue
from registry.assets.drafting import (
    BATCH,
    BATCH_GAS,
    Draft,
    PlannedAsset,
    Planner,
    PublishingOptions,
    published_in,
    update_document,
)
from registry.chain.connection import LAST_BLOCK
from registry.chain.fees import NOTHING
from registry.chain.node_line import TOO_LARGE
from registry.content.kinds import shelf_for
from registry.content.offering import offering_of, raw_of
from registry.documents.ddo import AssetType
from registry.documents.licence import Licence
from registry.errors import ConnectionFailed, InputError
from registry.results import Asset, AssetRef, Done, Preview, Published
from registry.session import Session, whole
from registry.types import Address, Digest, to_address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.acting import Outbox
    from registry.chain.fees import Cost
    from registry.chain.logs import TxReceipt
    from registry.documents.compute_terms import Terms
    from registry.gated.policy import Gated
    from registry.sandbox.runs.record import RunRecord


FLYING: Final = 16
"""Transactions that wait for a block together: as many as nodes keep of one account without a word."""


class AssetOptions(PublishingOptions, total=False):
    """What `Publishing.publish` takes, for type checkers."""

    name: Required[str]
    type: Required[AssetType]
    license: Required[str]
    gated: Gated | None
    made_by: RunRecord | None
    compute: Terms | None
    hidden: bool


class BatchOptions(TypedDict, total=False):
    """What `Publishing.publish_many` takes, for type checkers."""

    owner: str | None
    batch: int
    again: bool


class Publishing(Session):
    """The verbs of publishers."""

    # --- Publishing ------------------------------------------------------------------------------

    @overload
    def publish(
        self, path: str | PathLike[str] | None, *, dry_run: Literal[False] = ..., **options: Unpack[AssetOptions]
    ) -> Published: ...

    @overload
    def publish(
        self, path: str | PathLike[str] | None, *, dry_run: Literal[True], **options: Unpack[AssetOptions]
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
        parents: Sequence[AssetRef] = (),
        max_royalty_bps: int | None = None,
        gated: Gated | None = None,
        made_by: RunRecord | None = None,
        compute: Terms | None = None,
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

        With `compute` what lies at `path` sells nothing and stays where it is: it becomes an asset of its own, whose
        content no store takes (with `gated`: only encrypted). The result is a second asset without content, its
        offering, which has the `licences` for runs on it (see `registry.Terms` and `registry.compute`). Without a
        `path` the terms name the data, an asset that is there. A dry run shows the first of the two.

        Run again with the same arguments, it finds what it published and publishes nothing, unless `again`; with other
        prices, payout or royalty for the same document it is refused, since those are changed by verbs of their own.
        With `dry_run` nothing is stored or sent.

        Raises `InvalidContent`, `InvalidDDO`, `DDOTooLarge`, `InvalidLicence`, `UnknownToken`, `NoSigner`,
        `InsufficientBalance`, and what the contracts and the chain answer.
        """
        if made_by is not None:
            from registry.sandbox.runs.made_by import made_by as made

            told, parents = made(made_by, path, [Catalogue(self).parent(parent) for parent in parents])
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
        if compute is not None:
            draft = _offering(self, draft, compute, owner, again, dry_run)
        if dry_run:
            shown = self.publish_many([draft], owner=owner, again=again, dry_run=True)
            # Data that stay where they are sell nothing by intent.
            return shown if compute is None or path is None else replace(shown, notes=())
        return self.publish_many([draft], owner=owner, again=again)[0]

    @overload
    def publish_many(
        self, drafts: Iterable[Draft], *, dry_run: Literal[False] = ..., **options: Unpack[BatchOptions]
    ) -> tuple[Published, ...]: ...

    @overload
    def publish_many(
        self, drafts: Iterable[Draft], *, dry_run: Literal[True], **options: Unpack[BatchOptions]
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
        outbox = self.actor.outbox("publish", dry_run=dry_run)
        holder = to_address(owner) if owner else self.address
        wanted = list(drafts)
        planner, catalogue = Planner(self), Catalogue(self)
        intent = f"publish:{self.deployment.registry}:{holder}"
        with self.chain.ahead(self.assets.functions.paymentTokens(), LAST_BLOCK):
            tokens = self.tokens
            for draft in wanted:
                shelf_for(self, draft).admit(draft, holder, again)
            planner.check_payout(holder, *(draft.payout for draft in wanted))
            plans = [
                planner.plan(draft, tokens, lambda one: shelf_for(self, one).pack(one, dry_run)) for draft in wanted
            ]
            _refuse_repeats(plans)
            if not dry_run:
                catalogue.keep(*(plan.ddo for plan in plans))
                if not again:
                    outbox.settle(intent)
        done = {} if again else planner.published(holder, plans)
        missing = [plan for plan in plans if plan.digest not in done]
        chunks = _chunks(missing, batch)
        if dry_run:
            left = [chunk for chunk in chunks if not outbox.found(f"{intent}:{_fingerprint(chunk)}")]
            cost = outbox.preview(*(_publication(self, holder, chunk) for chunk in left))
            return _preview([plan for chunk in left for plan in chunk], cost)
        try:
            receipts = self._sent(outbox, holder, chunks, intent, again, done)
        except ConnectionFailed as error:
            most = max(map(len, chunks))
            if error.status != TOO_LARGE or most == 1 or again:
                raise
            # The node takes no question of that size: what is on its way is found again, the rest goes in halves.
            return self.publish_many(wanted, owner=owner, batch=most // 2)
        made = tuple(plan.published(self.did(done[plan.digest]), holder, receipts.get(plan.digest)) for plan in plans)
        for draft, published_one in zip(wanted, made, strict=True):
            shelf_for(self, draft).deliver(draft, published_one)
        return made

    def _sent(
        self,
        outbox: Outbox,
        holder: Address,
        chunks: Sequence[list[PlannedAsset]],
        intent: str,
        again: bool,
        done: dict[Digest, int],
    ) -> dict[Digest, TxReceipt]:
        """Publish by transaction, some of them in flight at once; the receipts, and in `done` the number of each."""
        receipts: dict[Digest, TxReceipt] = {}
        for start in range(0, len(chunks), FLYING):
            flight = chunks[start : start + FLYING]
            calls = [(_publication(self, holder, chunk), f"{intent}:{_fingerprint(chunk)}") for chunk in flight]
            # `once`: whoever publishes the same at the same moment, in another thread or process, joins in.
            for chunk, outcome in zip(flight, outbox.send_all(calls, once=not again), strict=True):
                # The ids are consecutive.
                for number, plan in enumerate(chunk, start=published_in(outcome.done, self.deployment.registry)):
                    done[plan.digest], receipts[plan.digest] = number, outcome.done
                self.progress("publishing", len(receipts), sum(map(len, chunks)))
        return receipts

    # --- Changing --------------------------------------------------------------------------------

    def update(
        self,
        asset: AssetRef,
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
        `gated` makes it so, or names other gateways. The new key goes to the gateways afterwards;
        interrupted and run again, it finishes what was begun, with the same key.

        If somebody else was faster (`expected_version`, by default the version read now, or that of the `Asset` in
        hand), nothing is lost: the contract refuses with `VersionConflict`. For the owner and editors. Raises
        `InvalidDDO` for fields that do not fit, and `InputError` for `gated` without a `path`.
        """
        if gated is not None and path is None:
            raise InputError(
                "Nothing is there to be encrypted.", hint="Name the new content with path= (--path), or reissue."
            )
        found = Catalogue(self).get(asset)
        if path is None:
            return update_document(self, found, found.ddo.with_changes(**fields), expected_version, dry_run)
        shelf = shelf_for(self, found, gated)
        # One in hand may be as it was before the update that is run again.
        now = Catalogue(self).get(found.did) if isinstance(asset, Asset) else found
        if not dry_run and (before := shelf.resumed(now, path, gated, hidden, fields)) is not None:
            what = f"update {found.did} to version {now.version}"
            return Done(what, NOTHING, None, before=True, left_out=before.left_out)
        content, left_out = shelf.pack_next(found, path, gated, hidden, dry_run)
        ddo = found.ddo.with_changes(**{**fields, "content": content})
        done = update_document(self, found, ddo, expected_version, dry_run)
        if done.tx is not None:
            shelf.deliver_next(found, path)
        return replace(done, left_out=left_out)


def _offering(session: Publishing, draft: Draft, terms: Terms, owner: str | None, again: bool, dry_run: bool) -> Draft:
    """The offering of a draft, whose data are published first; of a dry run the data themselves."""
    if draft.path is not None:
        raw = raw_of(draft, terms)
        if dry_run:
            return raw
        terms = terms.with_changes(data=session.publish_many([raw], owner=owner, again=again)[0].did)
    return offering_of(draft, terms, to_address(owner) if owner else session.address)


def _publication(session: Session, owner: Address, plans: Sequence[PlannedAsset]) -> ContractFunction:
    functions = session.assets.functions
    if len(plans) == 1:
        return functions.publish(owner, plans[0].publication)
    return functions.publishMany(owner, [plan.publication for plan in plans])


def _chunks(plans: Sequence[PlannedAsset], size: int) -> list[list[PlannedAsset]]:
    """Publications by transaction: at most `size`, and no more than the gas of one allows."""
    made: list[list[PlannedAsset]] = []
    gas = 0
    for plan in plans:
        if not made or len(made[-1]) >= size or gas + plan.gas > BATCH_GAS:
            made.append([])
            gas = 0
        made[-1].append(plan)
        gas += plan.gas
    return made


def _fingerprint(plans: Sequence[PlannedAsset]) -> str:
    """A short name for a batch of publications in the journal: documents and terms."""
    # Not what may be owed to the parents, which may be more when it is run again.
    return hashlib.sha256(repr([(*p.publication[:4], p.publication[5]) for p in plans]).encode()).hexdigest()[:16]


def _preview(plans: Sequence[PlannedAsset], cost: Cost) -> Preview:
    left_out = tuple(name for plan in plans for name in plan.left_out)
    notes = tuple(dict.fromkeys(plan.note for plan in plans if plan.note))
    return Preview(tuple(plan.ddo for plan in plans), cost, left_out, notes)


def _refuse_repeats(plans: Sequence[PlannedAsset]) -> None:
    places: dict[Digest, int] = {}
    for place, plan in enumerate(plans, start=1):
        first = places.setdefault(plan.digest, place)
        if first != place:
            raise InputError(
                f"Drafts {first} and {place} have the same document ({plan.ddo.name!r}).",
                hint="Leave one out, or give them different names.",
            )
