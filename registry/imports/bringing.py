"""From the name of a source to content in a store and the fields of its document. No chain and no money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict, Unpack, cast, runtime_checkable

from registry.documents.ddo import AssetType
from registry.errors import InputError
from registry.imports.card import MOST, Card, clean, read_card
from registry.imports.fetching import Notes, Progress, checked, into_blocks, into_folder
from registry.imports.licences import Named, named
from registry.imports.listing import Origin, SourceFile, SourceListing, arranged
from registry.imports.runnable import say_of_code
from registry.imports.web import Body
from registry.ipfs.blocks import BlockStore
from registry.ipfs.importer import Added
from registry.text.html import Shown

if TYPE_CHECKING:
    from registry.imports.deep_lake import Form

__all__ = ["BringOptions", "Imported", "Source", "bring", "bring_opened", "open_source"]


class Source(Protocol):
    """A place that something is imported from."""

    def listing(self) -> SourceListing:
        """What it has, at one fixed revision. Raises `ImportFailed` and `Unavailable`."""

    def body(self, file: SourceFile, offset: int) -> Iterator[bytes]:
        """The bytes of a file of the listing from `offset` on. Raises `ImportFailed` and `Unavailable`."""

    def licence_url(self, link: str) -> str:
        """Where the text of a licence is that the card links to, "" if that says nothing."""

    def close(self) -> None:
        """Let go of connections and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported(Shown):
    """What was imported, or would be.

    ========= =====================================================================================
    origin    where it came from, with the commit
    type      of asset: ``dataset``, ``model``, ``app`` or ``other``
    license   of the content, for the document
    fields    of the document: ``name``, ``description``, ``tags``, ``additional``, ...
    files     how many, and `size`, their bytes
    added     its blocks in the store; None for a dry run, and for what was written to a folder
    left_out  paths that were not taken
    related   what its card says it was made from: ``hf:models/org/name``
    notes     what was decided for the user, in words
    warnings  what runs code when it is loaded
    unchecked paths of files for which the source promised no hash
    ========= =====================================================================================
    """

    origin: Origin
    type: AssetType
    license: str
    fields: Mapping[str, Any]
    files: int
    size: int
    added: Added | None
    left_out: tuple[str, ...]
    related: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    unchecked: tuple[str, ...]


@runtime_checkable
class WritingSource(Protocol):
    """A source whose content is made from what it has, instead of taken file by file."""

    def write(self, listing: SourceListing, store: BlockStore, progress: Progress) -> Added:
        """Write it into a store, and pin it. Raises `ImportFailed` and the errors of the store."""


def open_source(text: str, *, type: str | None = None, form: Form = "bytes") -> Source:
    """The source that a text names: ``hf:org/name@revision``. Raises `InputError`."""
    kind, _, rest = text.partition(":")
    if kind == "deeplake" and rest:
        from registry.imports.deep_lake import DeepLake, DeepLakeArrays

        return DeepLakeArrays(rest) if form == "arrays" else DeepLake(rest)
    if form != "bytes":
        raise InputError("Only what lies in Deep Lake becomes arrays.", hint="Leave --as out for other sources.")
    if kind == "hf" and rest:
        from registry.imports.hf import HuggingFace

        return HuggingFace(rest, type=type)
    if kind == "git" and rest:
        from registry.imports.git import Git

        return Git(rest)
    if kind == "croissant" and rest:
        from registry.imports.croissant import Croissant

        return Croissant(rest)
    raise InputError(
        f"{text[:200]!r} is no source to import from.",
        hint="Name hf:org/name@revision, git:URL@REVISION, deeplake:FOLDER@VERSION, or croissant:FILE or URL.",
    )


_ALL: Final = "every file, by the hash that its source promised before it was fetched"


class BringOptions(TypedDict, total=False):
    """What is taken of a source, and how.

    `type` is what it becomes where the source does not say. `include` takes the files that fit one of its patterns;
    names that begin with a dot are left out unless `hidden`. `license` is the user's word about the licence; with
    `accept_licence` one that SPDX does not have is taken. With `dry_run` only the list of files and the card are
    fetched.
    """

    type: str | None
    include: Sequence[str]
    hidden: bool
    license: str | None
    accept_licence: bool
    dry_run: bool


def bring(
    source: str,
    *,
    store: BlockStore,
    home: Path | None,
    progress: Progress = lambda *_: None,
    form: Form = "bytes",
    folder: Path | None = None,
    **options: Unpack[BringOptions],
) -> Imported:
    """Import a source into a store, or, for what is going to be encrypted, into an empty `folder`.

    `form` says what becomes of a data set of Deep Lake. `home` keeps how far it came, so that it goes on there when it
    is run again. `options` are those of `BringOptions`.

    Raises `ImportFailed` and its kinds, `InvalidContent` for names that cannot be published, `Unavailable`,
    `PrivateAddress`, `InputError`, and the errors of the store. Nothing is pinned then.
    """
    with closing(open_source(source, type=options.get("type"), form=form)) as opened:
        return bring_opened(opened, store=store, home=home, progress=progress, folder=folder, **options)


def bring_opened(
    source: Source,
    *,
    store: BlockStore,
    home: Path | None,
    progress: Progress = lambda *_: None,
    type: str | None = None,
    include: Sequence[str] = (),
    hidden: bool = False,
    license: str | None = None,
    missing_licence: str | None = None,
    accept_licence: bool = False,
    folder: Path | None = None,
    dry_run: bool = False,
) -> Imported:
    """`bring` of a source that was opened, and that its caller closes. `missing_licence` is the user's word for one
    whose licence is missing or may be one of several."""
    whole = source.listing()
    card, body = _card(whole, source)
    taken = whole.only(include, hidden=hidden)
    arranged(taken.files, taken.origin)
    asset_type = cast(AssetType, type or taken.type)  # what is none is refused where the document is made
    link = source.licence_url(card.licence_link)
    ids = card.licences if card.licences != ("other",) or not card.licence_name else (card.licence_name,)
    licence = named(str(taken.origin), ids, link=link, given=license, missing=missing_licence, accept=accept_licence)
    unchecked = tuple(file.path for file in taken.files if not file.algorithm)
    added = None
    if folder is not None:
        into_folder(taken, body, folder, progress=progress)
    elif isinstance(source, WritingSource) and not dry_run:
        added = source.write(taken, store, progress)
    elif not dry_run:
        with Notes.at(home, str(taken.origin)) as notes:
            added = into_blocks(taken, body, store, notes=notes, progress=progress)
    told = (f"its card was not read: {card.fault}",) if card.fault else ()
    return Imported(
        origin=taken.origin,
        type=asset_type,
        license=licence.reference,
        fields=_fields(taken, card, licence, unchecked),
        files=len(taken.files if added is None else added.files),
        size=taken.size if added is None else added.size,
        added=added,
        left_out=taken.left_out,
        related=(
            *(f"hf:models/{name}" for name in card.base_models),
            *(f"hf:datasets/{name}" for name in card.datasets),
        ),
        notes=(*licence.notes, *told, *taken.notes),
        warnings=say_of_code(file.path for file in taken.files),
        unchecked=unchecked,
    )


def _card(listing: SourceListing, source: Source) -> tuple[Card, Body]:
    """The card, and where bodies come from, of which the card's is at hand."""
    if listing.card is not None:
        return listing.card, source.body
    file = next((file for file in listing.files if file.path == "README.md"), None)
    if file is None or file.size < 0:
        return Card(), source.body
    if file.size > MOST:
        return Card(fault=f"it has more than {MOST:,} bytes"), source.body
    data = b"".join(checked(str(listing.origin), file, source.body))

    def body(wanted: SourceFile, offset: int) -> Iterator[bytes]:
        return iter([data[offset:]]) if wanted is file else source.body(wanted, offset)

    return read_card(data), body


def _fields(listing: SourceListing, card: Card, licence: Named, unchecked: Sequence[str]) -> dict[str, Any]:
    """The fields of the document, the same on any machine."""
    origin = listing.origin
    name = clean(origin.repository).rstrip("/").rpartition("/")[2]
    told = {"type": origin.kind, "repository": origin.repository, "revision": origin.revision}
    told["checked"] = _ALL if not unchecked else f"all but {len(unchecked):,} files, for which no hash was promised"
    more = {
        "licenceUrl": licence.url,
        "languages": list(card.languages),
        "tasks": list(card.tasks),
        "sizes": list(card.sizes),
        "baseModels": list(card.base_models),
        "datasets": list(card.datasets),
        "version": card.version,
        "citation": card.citation,
    }
    fields = {
        "name": (card.title or name)[:256],
        "description": card.summary,
        "tags": list(dict.fromkeys((*card.tags, *card.tasks)))[:64],
        "author": card.authors or _author(origin),
        "external_url": origin.url or None,
        "additional": {
            "source": {key: value for key, value in told.items() if value},
            **{key: value for key, value in more.items() if value},
        },
    }
    return {key: value for key, value in fields.items() if value not in (None, "", [])}


def _author(origin: Origin) -> str:
    """Whose repository it is, where its name says so."""
    parts = origin.repository.split("/")
    return clean(parts[1])[:256] if origin.kind == "hf" and len(parts) == 3 else ""
