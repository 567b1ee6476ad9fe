"""Using what was bought: who has access, opening files, consuming uses, and checking every byte."""

from __future__ import annotations

import io
from os import PathLike

from registry.assets.rights import Rights
from registry.did import DID, split_asset_url
from registry.errors import AccessDenied, FileNotInAsset, InputError, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.file import open_file
from registry.ipfs.importer import compare
from registry.ipfs.profiles import PROFILES
from registry.ipfs.unixfs import FileEntry, cat, content_size, export, resolve, walk
from registry.results import Asset, Verification


class Opening(Rights):
    """The verbs of consumers and of the services they use."""

    # --- Asking ----------------------------------------------------------------------------------

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now."""
        if self.has_access(found.did):
            return
        lapsed = [held for held in self.holdings(found.did) if held.taken or held.tokens]
        if lapsed:
            raise AccessDenied(
                str(found.did), self.address, f"under {lapsed[0].licence!r} it has {lapsed[0].in_words()}"
            )
        offers = [f"{offer.name!r} ({offer.in_words()})" for offer in found.licences if offer.open]
        raise AccessDenied(
            str(found.did),
            self.address,
            hint=f"Buy one of: {'; '.join(offers)}." if offers else "Nothing is on offer; ask its owner.",
        )

    # --- Reading ---------------------------------------------------------------------------------

    def files(self, asset: DID | str | int) -> tuple[FileEntry, ...]:
        """The files of the asset's content: path, bytes and CID. Needs no access, unless names are hidden."""
        return self.files_of(self.get(asset))

    def files_of(self, found: Asset) -> tuple[FileEntry, ...]:
        """`files` of an asset as it was found."""
        content = found.ddo.content
        if content is None:
            return ()
        if content.files:
            return tuple(FileEntry(file.path, file.size, file.cid) for file in content.files)
        entries = walk(content.cid, self.store)
        return tuple(FileEntry(e.path, e.size, e.cid) for e in entries if e.kind == "file")

    def open(self, asset: DID | str | int, path: str = "") -> io.BufferedReader:
        """Open a file of the asset for reading bytes; each block is hashed before a byte of it comes out.

        `asset` may be an ``asset://<did>/<path>`` URL; `path` may be left out if there is one file only. The result
        goes straight into ``pandas.read_csv`` and the like. Gated content is opened with its key, which the asset's key
        gateways give to those with access; other content is public on IPFS, and the check is the licence's word.

        Raises `AccessDenied`, `FileNotInAsset`, and the content errors (`BlockNotFound`, `Unverified`, ...).
        """
        if isinstance(asset, str) and asset.startswith("asset://"):
            asset, path = split_asset_url(asset)
        return self._open(self.get(asset), path)

    def _open(self, found: Asset, path: str) -> io.BufferedReader:
        self.require_access(found)
        return open_file(self._file(found, path), self.store, name=path or found.name)

    def download(self, asset: DID | str | int, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        """Write all content of the asset to `target`, which must not exist or be an empty folder.

        Every block is hashed; on an error or an interruption nothing is left behind. Raises what `open` raises, and
        `InputError` for a target that is taken.
        """
        return self._download(self.get(asset), target)

    def _download(self, found: Asset, target: str | PathLike[str]) -> tuple[FileEntry, ...]:
        self.require_access(found)
        content = found.ddo.content
        if content is None:
            raise FileNotInAsset("", [])
        return export(
            content.cid,
            self.store,
            target,
            progress=lambda done: self.progress(f"downloading {found.name}", done, content.size),
        )

    def verify(self, asset: DID | str | int, path: str | PathLike[str] | None = None) -> Verification:
        """Hash everything again: the document against the chain, and the content against the document.

        With `path`, a local copy is hashed instead of the stored blocks; names that begin with a dot may lie beside it,
        and are told. Raises `Unverified` for a changed byte, `BlockNotFound` for a missing one.
        """
        return self._verify(self.get(asset), path)

    def _verify(self, found: Asset, path: str | PathLike[str] | None) -> Verification:
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
                path, content.cid, profile, progress=lambda done: self.progress(f"hashing {path}", done, total)
            )
            return Verification(found.did, found.cid, content.cid, here.files, here.size, beside)
        size = count = 0
        seen: dict[str, tuple[CID, int]] = {}
        for entry in walk(content.cid, self.store):
            if entry.kind != "file":
                continue
            count += 1
            before = size
            for piece in cat(entry.cid, self.store):
                size += len(piece)
                self.progress(f"verifying {found.name}", size, content.size)
            seen[entry.path] = entry.cid, size - before
        if size != content.size:
            raise Unverified(content.cid, "the document", f"it promises {content.size:,} bytes and there are {size:,}")
        for file in content.files:
            real = seen.get(file.path, seen.get("") if count == 1 else None)
            if real is None or real[0] != file.cid:
                raise Unverified(file.cid, "the document", f"its file {file.path!r} is not in the content")
            if real[1] != file.size:
                said = f"it says that {file.path!r} has {file.size:,} bytes and it has {real[1]:,}"
                raise Unverified(file.cid, "the document", said)
        return Verification(found.did, found.cid, content.cid, count, size)

    # --- Below the verbs -------------------------------------------------------------------------

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
        return resolve(content.cid, wanted, self.store)
