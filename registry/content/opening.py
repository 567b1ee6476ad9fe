"""Using what was bought: opening files, and checking every byte."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from registry.assets.catalogue import Catalogue
from registry.content.downloading import PartialDownload, chosen
from registry.content.kinds import shelf_for
from registry.did import split_asset_url
from registry.documents.comparing import compare_documents
from registry.results import Asset, AssetRef, Verification
from registry.session import Session

if TYPE_CHECKING:
    from registry.content.table_changes import TableChanges
    from registry.ipfs.unixfs import FileEntry


class Opening(Session):
    """The verbs of consumers and of the services they use, the same for content of either kind.

    They take a version where they take an asset: ``7@3``, ``did:nft:...@3`` or ``Registry.get(7, version=3)``.
    """

    def require_access(self, found: Asset) -> None:
        """Raise `AccessDenied`, with what could be bought, if the signer may not open the asset now.

        A key that a use was spent for, or that the owner shared, is access while this client lives; and so is a use
        that was spent by a client that was stopped before it had the key.
        """
        shelf_for(self, found).require_access(found)

    def files(self, asset: AssetRef) -> tuple[FileEntry, ...]:
        """The files of the asset's content: path, bytes and CID. Needs no access, unless names are hidden."""
        found = Catalogue(self).at(asset)
        return shelf_for(self, found).files(found)

    def open(self, asset: AssetRef, path: str = "") -> io.BufferedReader:
        """Open a file of the asset for reading bytes; each block is hashed before a byte of it comes out.

        `asset` may be a URL, ``asset://<did>/<path>`` or ``asset://<did>@3/<path>``; `path` may be left out if there is
        one file only. The result goes straight into ``pandas.read_csv`` and the like. Gated content is opened with its
        key, which the asset's key gateways give to those with access; other content is public on IPFS, and the check is
        the licence's word.

        Raises `AccessDenied`, `FileNotInAsset`, and the content errors (`BlockNotFound`, `Unverified`, ...).
        """
        version = None
        if isinstance(asset, str) and asset.startswith("asset://"):
            asset, version, path = split_asset_url(asset)
        found = Catalogue(self).at(asset, version)
        return shelf_for(self, found).open(found, path)

    def diff_tables(self, asset: AssetRef, before: int, after: int | None = None) -> tuple[TableChanges, ...]:
        """What differs in the CSV, TSV and Parquet files that are others in two versions: columns, and numbers of rows;
        `after` is by default the version of now. Raises what `open` raises."""
        from registry.content.table_changes import changes_of_tables

        catalogue = Catalogue(self)
        found = catalogue.get(self.did(asset))
        old, new = catalogue.at(found, before), catalogue.at(found, after)
        return changes_of_tables(self, old, new, compare_documents(old.ddo, new.ddo).changed)

    def download(
        self,
        asset: AssetRef,
        target: str | PathLike[str],
        *,
        only: Sequence[str] = (),
        into: bool = False,
    ) -> tuple[FileEntry, ...]:
        """Write the content of the asset to `target`, which must not exist or be an empty folder; returns its files.

        `only` names files by their paths, in which ``*`` stands for anything: ``["data/*.csv"]``. With `into` the
        target may be a copy of before: what is right there stays, what is missing comes, and nothing is overwritten.

        Every block is hashed; on an error or an interruption nothing is left behind, but for whole files of `into`.
        Raises what `open` raises, `FileNotInAsset` for what no file is like, `InputError` for a target that is taken,
        and `WouldOverwrite` for a file in it that is another one.
        """
        found = Catalogue(self).at(asset)
        shelf = shelf_for(self, found)
        if not only and not into:
            return shelf.download(found, target)
        shelf.require_access(found)
        files = chosen(shelf.files(found), [only] if isinstance(only, str) else only)
        parts = PartialDownload(self, shelf, found, files)
        (parts.into if into else parts.to)(target)
        return files

    def verify(self, asset: AssetRef, path: str | PathLike[str] | None = None) -> Verification:
        """Hash everything again: the document against the chain, and the content against the document.

        With `path`, a local copy is hashed instead of the stored blocks; names that begin with a dot may lie beside it,
        and are told. Raises `Unverified` for a changed byte, `BlockNotFound` for a missing one.
        """
        found = Catalogue(self).at(asset)
        return shelf_for(self, found).verify(found, path)
