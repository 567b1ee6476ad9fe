"""Assets as the tools of others want them: a Croissant document, or a folder that the Hugging Face clients open."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import file_digest, sha256
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from registry.assets.catalogue import Catalogue
from registry.content.atomic_folder import beside
from registry.content.columns import columns_of, is_table
from registry.content.kinds import shelf_for
from registry.content.unlocking import is_gated
from registry.documents.croissant_export import DescribedFile, to_croissant
from registry.errors import FileNotInAsset, InputError
from registry.ipfs.cid import CID, RAW
from registry.ipfs.hosts import normal_url
from registry.text.html import Shown

if TYPE_CHECKING:
    from registry.content.plain import ContentShelf
    from registry.documents.ddo import Content
    from registry.ipfs.unixfs import FileEntry
    from registry.results import Asset, AssetRef
    from registry.session import Session

__all__ = ["CachedRepository", "CroissantExport", "Exports"]

_REPOSITORY: Final = re.compile(
    r"(?!.*(--|\.\.))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(?<![.-])"
)
_KINDS: Final = {"dataset": "dataset", "app": "space"}


@dataclass(frozen=True, slots=True)
class CroissantExport(Shown):
    """A `document` of Croissant, and `notes` on the files of whose columns it says nothing."""

    document: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CachedRepository(Shown):
    """A repository in a cache: what the Hugging Face clients call it (`repo_id`, `repo_type`, `revision`), and the
    folder of its files (`snapshot`)."""

    repo_id: str
    repo_type: str
    revision: str
    snapshot: Path


class Exports:
    """What one account may read, written for other tools."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- Croissant -------------------------------------------------------------------------------

    def croissant(self, asset: AssetRef, *, gateway: str | None = None) -> CroissantExport:
        """An asset as a Croissant document, with the SHA-256 of each file and the columns of its tables.

        Files are named by their paths, so the document belongs into the folder that `download` writes; with `gateway`
        by their ``https://`` addresses there. The CID of a file of one block is its hash; others are hashed while they
        are read and verified. Raises what `open` raises, and `InputError` for a gateway that is no address, or one for
        gated content, which is not readable there.
        """
        session = self._session
        found = Catalogue(session).get(asset)
        shelf = shelf_for(session, found)
        content = _content(found)
        shelf.require_access(found)
        if gateway is not None:
            gateway = normal_url(gateway)
            if is_gated(found):
                raise InputError(
                    f"What a gateway has of {found.did} is encrypted.", hint="Leave the gateway out: paths stay."
                )
        listed = {file.path: file.media_type for file in content.files}
        files, notes = [], []
        done = 0
        entries = shelf.files(found)
        total = sum(entry.size for entry in entries)
        for entry in entries:
            columns: tuple[Any, ...] = ()
            if is_table(entry.path):
                with shelf.open(found, entry.path) as stream:
                    columns, fault = columns_of(entry.path, entry.size, stream)
                if fault:
                    notes.append(f"nothing is said of the columns of {entry.path!r}: {fault}")
            place = f"{content.cid}" if entry.cid == content.cid else f"{content.cid}/{quote(entry.path)}"
            files.append(
                DescribedFile(
                    path=entry.path,
                    size=entry.size,
                    sha256=_sha256(shelf, found, entry),
                    url=f"{gateway}/ipfs/{place}" if gateway else entry.path,
                    media_type=listed.get(entry.path) or "application/octet-stream",
                    also=() if is_gated(found) else (f"ipfs://{place}",),
                    columns=columns,
                )
            )
            done += entry.size
            session.progress(f"describing {found.name}", done, total)
        document = to_croissant(found.ddo, files, did=found.did, version=found.version)
        return CroissantExport(document, tuple(notes))

    # --- The Hugging Face cache ------------------------------------------------------------------

    def hf_cache(self, asset: AssetRef, folder: str | PathLike[str], *, name: str | None = None) -> CachedRepository:
        """Write an asset as a repository into a cache of ``huggingface_hub``, which opens it there without a network.

        Its `name` there (``org/name``) is yours to choose, by default one that only this asset has: names in its
        document are its publisher's word, and would pass for repositories of others. Nothing is overwritten, and an
        error leaves nothing. Raises what `download` raises, and `InputError` for a name that is none or is taken.
        """
        session = self._session
        found = Catalogue(session).get(asset)
        shelf = shelf_for(session, found)
        content = _content(found)
        did = found.did
        name = name or f"registry-{did.chain_id}-{did.registry[2:10].lower()}/asset-{did.asset_id}"
        if not _REPOSITORY.fullmatch(name):
            raise InputError(f"{name[:200]!r} is not the name of a repository.", hint="It looks like org/name.")
        kind = _KINDS.get(found.ddo.type, "model")
        revision = sha256(bytes(content.cid)).hexdigest()[:40]
        repository = Path(folder) / f"{kind}s--{name.replace('/', '--')}"
        snapshot = Path("snapshots") / revision
        with beside(repository, session.home) as staging:
            whole = staging / snapshot
            single = next((file.path for file in shelf.files(found) if file.cid == content.cid), None)
            shelf.download(found, whole.joinpath(*single.split("/")) if single else whole)
            _into_blobs(staging, whole)
            (staging / "refs").mkdir()
            (staging / "refs" / "main").write_text(revision, "ascii")
        return CachedRepository(name, kind, revision, repository / snapshot)


def _into_blobs(repository: Path, snapshot: Path) -> None:
    """Move files to where a cache keeps them, by their hashes, and leave links; without links they stay."""
    blobs = repository / "blobs"
    blobs.mkdir()
    for here, _, names in os.walk(snapshot):
        for name in names:
            file = Path(here, name)
            with file.open("rb") as stream:
                blob = blobs / file_digest(stream, "sha256").hexdigest()
            os.replace(file, blob)
            try:
                file.symlink_to(os.path.relpath(blob, here))
            except OSError:  # Windows, for most users: the clients then keep files in the snapshot too
                os.replace(blob, file)


def _sha256(shelf: ContentShelf, found: Asset, file: FileEntry) -> str:
    if not is_gated(found) and file.cid.codec == RAW and file.cid == CID.from_digest(file.cid.digest):
        return file.cid.digest.hex()
    with shelf.open(found, file.path) as stream:
        return file_digest(stream, "sha256").hexdigest()


def _content(found: Asset) -> Content:
    if found.ddo.content is None:
        raise FileNotInAsset("", [])
    return found.ddo.content
