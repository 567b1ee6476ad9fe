"""How the content of assets is packed and read; and content that is as it was, for all to read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol

from registry.assets.drafting import Draft, Planner, Stored, packed
from registry.assets.rights import Rights
from registry.errors import ContentError, FileNotInAsset, InputError, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.file import open_file
from registry.ipfs.importer import compare
from registry.ipfs.profiles import PROFILES
from registry.ipfs.unixfs import FileEntry, cat, content_size, export, resolve, walk
from registry.results import Asset, Published, Verification
from registry.session import Session
from registry.types import Address

if TYPE_CHECKING:
    from registry.assets.drafting import Packed
    from registry.documents.ddo import Content
    from registry.gated.policy import Gated


class ContentShelf(Protocol):
    """How content is packed and read: all that differs between content that is plain and content that is sealed.

    Which one it is says the document of an asset that is read, and the draft of one that is published
    (`registry.content.sealed.shelf_for`).
    """

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now."""

    def files(self, found: Asset) -> tuple[FileEntry, ...]:
        """The files of the content: path, bytes and CID."""

    def open(self, found: Asset, path: str) -> io.BufferedReader:
        """Open a file, for those with access."""

    def download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Write all content to a folder or file, for those with access."""

    def verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
        """Hash the stored blocks, or a copy at `path`, against the document."""

    def admit(self, draft: Draft, owner: Address, again: bool) -> None:
        """Refuse a draft before anything is done with it."""

    def pack(self, draft: Draft, dry_run: bool) -> Stored:
        """Add the content of a draft to the store."""

    def deliver(self, draft: Draft, made: Published) -> None:
        """Do what is left to do for an asset that is published."""

    def resumed(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, fields: Mapping[str, Any]
    ) -> Packed | None:
        """Finish an update that was stopped after its transaction; None if there is more to do, or was none."""

    def pack_next(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, dry_run: bool
    ) -> Packed:
        """Add the content of an asset's next version to the store."""

    def deliver_next(self, found: Asset, path: str | PathLike[str]) -> None:
        """Do what is left to do for the version that followed the one that was found."""


def hash_files(session: Session, found: Asset, content: Content) -> list[FileEntry]:
    """Hash all that is stored of an asset's content: each of its files, as it is. Raises `Unverified` for a block that
    is not what its CID promises, and if all are not as many bytes as the document promises."""
    files, size = [], 0
    for entry in walk(content.cid, session.store):
        if entry.kind != "file":
            continue
        before = size
        try:
            for piece in cat(entry.cid, session.store):
                size += len(piece)
                session.progress(f"verifying {found.name}", size, content.size)
        except Unverified as error:
            raise Unverified(error.cid, error.source, f"{entry.path!r} is damaged") from error
        files.append(FileEntry(entry.path, size - before, entry.cid))
    if size != content.size:
        raise Unverified(content.cid, "the document", f"it promises {content.size:,} bytes and there are {size:,}")
    return files


class Plain:
    """Content that is as it was, and public on IPFS: access is the licence's word."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- Reading ---------------------------------------------------------------------------------

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now."""
        Rights(self._session).require_access(found)

    def files(self, found: Asset) -> tuple[FileEntry, ...]:
        """Its files, as the document lists them or as they are found."""
        content = found.ddo.content
        if content is None:
            return ()
        if content.files:
            return tuple(FileEntry(file.path, file.size, file.cid) for file in content.files)
        entries = walk(content.cid, self._session.store)
        return tuple(FileEntry(e.path, e.size, e.cid) for e in entries if e.kind == "file")

    def open(self, found: Asset, path: str) -> io.BufferedReader:
        """Open a file; each block is hashed before a byte of it comes out."""
        self.require_access(found)
        return open_file(self._file(found, path), self._session.store, name=path or found.name)

    def download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Write all content to `target`; on an error or an interruption nothing is left behind.

        Raises `AccessDenied`, and `FileNotInAsset` for an asset without content.
        """
        self.require_access(found)
        content = found.ddo.content
        if content is None:
            raise FileNotInAsset("", [])
        return export(
            content.cid,
            self._session.store,
            target,
            progress=lambda done: self._session.progress(f"downloading {found.name}", done, content.size),
        )

    def verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
        """Hash the stored blocks, or a copy at `path`, against the document. Raises `Unverified`, and
        `InputError` for a copy of content that was made by rules that are not known here."""
        content = found.ddo.content
        if content is None:
            return Verification(found.did, found.cid, None, 0, 0)
        if path is not None:
            total = content_size(path)
            profile = PROFILES.get(content.profile)
            if profile is None:
                raise InputError(
                    f"The content of {found.did} was made by the rules {content.profile!r}, which are not known here.",
                    hint=f"Known are: {', '.join(PROFILES)}. Verify the stored blocks instead, without a path.",
                )
            here, beside = compare(
                path,
                content.cid,
                profile,
                progress=lambda done: self._session.progress(f"hashing {path}", done, total),
                promised=lambda: self._promised(found),
            )
            return Verification(found.did, found.cid, content.cid, here.files, here.size, beside)
        hashed = hash_files(self._session, found, content)
        seen = {file.path: (file.cid, file.size) for file in hashed}
        count = len(hashed)
        for file in content.files:
            real = seen.get(file.path, seen.get("") if count == 1 else None)
            if real is None or real[0] != file.cid:
                raise Unverified(file.cid, "the document", f"its file {file.path!r} is not in the content")
            if real[1] != file.size:
                said = f"it says that {file.path!r} has {file.size:,} bytes and it has {real[1]:,}"
                raise Unverified(file.cid, "the document", said)
        return Verification(found.did, found.cid, content.cid, count, content.size)

    def _promised(self, found: Asset) -> tuple[FileEntry, ...]:
        """Its files, or none where nobody has the folder that lists them."""
        try:
            return self.files(found)
        except ContentError:
            return ()

    # --- Packing ---------------------------------------------------------------------------------

    def admit(self, draft: Draft, owner: Address, again: bool) -> None:
        """Take any draft."""

    def pack(self, draft: Draft, dry_run: bool) -> Stored:
        """Add the content of a draft to the store, unless it is there already."""
        return Planner(self._session).content_of(draft, preview=dry_run)

    def deliver(self, draft: Draft, made: Published) -> None:
        """Do nothing: all is in the store."""

    def resumed(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, fields: Mapping[str, Any]
    ) -> Packed | None:
        """Nothing is ever left to do."""
        return None

    def pack_next(
        self, found: Asset, path: str | PathLike[str], gated: Gated | None, hidden: bool, dry_run: bool
    ) -> Packed:
        """Add a folder or file to the store."""
        return packed(self._session, path, hidden, dry_run)

    def deliver_next(self, found: Asset, path: str | PathLike[str]) -> None:
        """Do nothing: all is in the store."""

    # --- Below -----------------------------------------------------------------------------------

    def _file(self, found: Asset, path: str) -> CID:
        """The CID of one file of the asset's content."""
        content = found.ddo.content
        if content is None:
            raise FileNotInAsset(path, [])
        wanted = path.strip("/")
        listed = {file.path: file.cid for file in content.files}
        if wanted in listed:
            return listed[wanted]
        if not wanted and len(listed) == 1:
            return next(iter(listed.values()))
        if listed:
            raise FileNotInAsset(path, list(listed))
        return resolve(content.cid, wanted, self._session.store)
