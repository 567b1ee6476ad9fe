"""Imports of a registry's user: fetched and checked, published, and found again as parents of what is built on them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from registry.assets.catalogue import Catalogue
from registry.assets.collection_verbs import CollectionPreview, Collections, PublishedCollection
from registry.assets.drafting import Draft, described
from registry.content.publishing import Publishing
from registry.errors import InputError
from registry.imports.bringing import BringOptions, Imported, bring
from registry.imports.organisation import ALL, ImportChoice, ImportedCollection, Organisation, brief, import_all
from registry.system.disk import write_whole

if TYPE_CHECKING:
    from registry.documents.licence import Licence
    from registry.gated.policy import Gated
    from registry.imports.deep_lake import Form
    from registry.results import AssetRef, Preview, Published

__all__ = ["Imports"]


class Imports:
    """What is imported into a registry by one account; the blocks go to its store."""

    def __init__(self, registry: Publishing) -> None:
        self._registry = registry

    def add(self, source: str, *, form: Form = "bytes", **options: Unpack[BringOptions]) -> Imported:
        """Import a source (``hf:org/name@revision``) into the store, every hash checked on the way; publish nothing.

        Parameters are those of `registry.imports.bringing.bring`, and so is what is raised."""
        return self._bring(source, form=form, **options)

    def publish(
        self,
        source: str,
        *,
        type: str | None = None,
        include: Sequence[str] = (),
        hidden: bool = False,
        license: str | None = None,
        accept_licence: bool = False,
        form: Form = "bytes",
        licences: Sequence[Licence] = (),
        gated: Gated | None = None,
        parents: Sequence[AssetRef] = (),
        owner: str | None = None,
        royalty_bps: int | None = None,
        max_royalty_bps: int | None = None,
        again: bool = False,
        dry_run: bool = False,
        **fields: Any,
    ) -> tuple[Imported, Published | Preview]:
        """Import a source and publish it as an asset; `fields` are those of its document that are to be other than the
        source says, and the rest is as of `Registry.publish`.

        What its card says it was made from becomes its parents where this user imported and published that here, beside
        `parents`. With `gated` it is written to a private folder, encrypted from there, and the folder deleted. With
        `dry_run` only the list of files and the card are fetched, so content and its costs are left out.

        Raises what `bring` and `Registry.publish` raise."""
        with self._private_folder(wanted=gated is not None and not dry_run) as folder:
            options: BringOptions = {"type": type, "include": include, "hidden": hidden, "license": license}
            options |= {"accept_licence": accept_licence, "dry_run": dry_run}
            found = self._bring(source, form=form, folder=folder, **options)
            told = {**found.fields, **{name: value for name, value in fields.items() if value not in (None, ())}}
            draft = Draft(
                name=told.pop("name"),
                type=found.type,
                license=found.license,
                path=folder,
                content=described(found.added) if found.added else None,
                licences=licences,
                royalty_bps=royalty_bps,
                max_royalty_bps=max_royalty_bps,
                parents=self._parents(found.related, parents),
                fields=told,
                gated=gated if folder is not None else None,
                hidden=hidden,
            )
            if dry_run:
                return found, self._registry.publish_many([draft], owner=owner, again=again, dry_run=True)
            made = self._registry.publish_many([draft], owner=owner, again=again)[0]
        self._remember({found.origin.name: str(made.did)})
        return found, made

    # --- A whole account -------------------------------------------------------------------------

    def add_collection(
        self, source: str, *, type: str | None = None, choice: ImportChoice = ALL, dry_run: bool = False
    ) -> ImportedCollection:
        """Import what an account of the Hugging Face Hub (``hf:org``, ``hf:datasets/org``) shows to anybody into the
        store, and publish nothing. `type` takes only what becomes assets of one type.

        All of it is looked through before the first is fetched. Stopped and run again, it goes on with the commits
        that it began with. Raises `SourceIncomplete` for what cannot be imported and is not left out, and what `bring`
        raises."""
        registry = self._registry
        return import_all(
            source,
            store=registry.store,
            home=registry.home,
            type=type,
            choice=choice,
            dry_run=dry_run,
            progress=registry.progress,
        )

    def publish_collection(
        self,
        source: str,
        *,
        type: str | None = None,
        choice: ImportChoice = ALL,
        name: str | None = None,
        parents: Sequence[AssetRef] = (),
        dry_run: bool = False,
        **options: Any,
    ) -> tuple[ImportedCollection, PublishedCollection | CollectionPreview]:
        """Import an account as `add_collection` does, and publish it as one collection: its items are the repositories
        in the order of their names, and `options` are those of `Collections.publish`.

        What the cards say that they were made from becomes parents of the collection, beside `parents`, where this user
        imported and published that here and it is no item. With `dry_run` only lists of files and cards are fetched, so
        the root is another than that of what would be published. Raises what `add_collection` and
        `Collections.publish` raise."""
        registry = self._registry
        organisation = Organisation(
            source, choice, store=registry.store, home=registry.home, type=type, progress=registry.progress
        )
        seen = organisation.look(keep=not dry_run)
        told: dict[str, Any] = {
            "description": f"What {organisation.name} shows at the Hugging Face Hub: {len(seen.items):,} repositories.",
            "external_url": seen.url or None,
            "additional": {"source": {"type": "hf", "repository": source.removeprefix("hf:")}},
        }
        told |= {field: value for field, value in options.items() if value not in (None, ())}
        fetched: list[Imported] = []

        def drafts() -> Iterator[Draft]:
            for one in seen.items if dry_run else organisation.fetched():
                fetched.append(brief(one))
                yield _draft(one)

        told |= {"name": name or organisation.name, "type": seen.type, "license": seen.license}
        inside = {one.origin.name for one in seen.items}
        related = (name for one in seen.items for name in one.related if name not in inside)
        told |= {"parents": self._parents(related, parents)}
        collections = Collections(registry)
        if dry_run:
            return seen, collections.publish(drafts(), dry_run=True, **told)
        made = collections.publish(drafts(), **told)
        organisation.done()
        self._remember({one.origin.name: str(made.item(place)) for place, one in enumerate(fetched)})
        return organisation.imported(fetched), made

    # --- What was published of what --------------------------------------------------------------

    def published(self, name: str) -> str | None:
        """The DID under which this user published a source (``hf:datasets/org/name``), None for none.

        Only one's own word counts: whoever published the same name first would otherwise be paid for what is built on
        it."""
        return self._known().get(name)

    def _bring(
        self, source: str, *, form: Form, folder: Path | None = None, **options: Unpack[BringOptions]
    ) -> Imported:
        registry = self._registry
        places: dict[str, Any] = {"store": registry.store, "home": registry.home, "progress": registry.progress}
        return bring(source, form=form, folder=folder, **places, **options)

    @contextmanager
    def _private_folder(self, *, wanted: bool) -> Iterator[Path | None]:
        """A folder that is gone afterwards, for what nobody else may read before it is encrypted."""
        if not wanted:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="asset-registry-import-", dir=self._registry.home) as spool:
            folder = Path(spool) / "content"
            folder.mkdir()
            yield folder

    def _parents(self, related: Iterable[str], named: Sequence[AssetRef]) -> tuple[AssetRef, ...]:
        known, given = self._known(), {str(Catalogue(self._registry).parent(one)) for one in named}
        made_here = dict.fromkeys(known[name] for name in related if name in known)
        return (*named, *(did for did in made_here if did not in given))

    @property
    def _record(self) -> Path | None:
        home, deployment = self._registry.home, self._registry.deployment
        name = f"published-{deployment.chain_id}-{deployment.registry}.json"
        return home / "imports" / name if home else None

    def _known(self) -> dict[str, str]:
        if self._record is None or not self._record.exists():
            return {}
        try:
            known = json.loads(self._record.read_text("utf-8"))
            return {str(name): str(did) for name, did in known.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(
                f"{self._record} cannot be read: {error}.",
                hint="Move it away; parents are then named with parents= (--parent).",
            ) from error

    def _remember(self, made: Mapping[str, str]) -> None:
        if self._record is not None:
            self._record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            known = {**self._known(), **made}
            write_whole(self._record, json.dumps(known, indent=2, sort_keys=True).encode())


def _draft(found: Imported) -> Draft:
    """What was imported, as an item of a collection."""
    fields = dict(found.fields)
    return Draft(
        name=fields.pop("name"),
        type=found.type,
        license=found.license,
        content=described(found.added) if found.added else None,
        fields=fields,
    )
