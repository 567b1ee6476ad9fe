"""``asset://<did>/<path>`` for fsspec: an asset's files in pandas, dask, zarr, pyarrow and the like.

>>> pd.read_parquet("asset://did:nft:eip155:1_erc721:0x..._7/train.parquet",                # doctest: +SKIP
...                 storage_options={"registry": registry})

Without a client in the options one is made of the environment, as the command line does: ``REGISTRY_RPC``,
``REGISTRY_KEY`` or ``REGISTRY_KEYFILE``, and so on. The digest of the document comes from the chain, the files from the
document, and every block is hashed on the way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from fsspec.utils import stringify_path

from registry.client import Registry
from registry.content.kinds import shelf_for
from registry.content.unlocking import is_gated
from registry.did import split_asset_url
from registry.errors import FileNotInAsset, Immutable, InputError, NotAFile, Unverified
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.fsfile import ByteReader, Readable
from registry.ipfs.node import Entry, Node

if TYPE_CHECKING:
    from registry.documents.ddo import Content
    from registry.gated.gated_content import GatedContent
    from registry.ipfs.cid import CID
    from registry.ipfs.importer import FileEntry
    from registry.results import Asset

__all__ = ["AssetFileSystem"]

_RECHECK: Final = 60.0
"""Seconds after which the chain is asked again whether the account may read an asset."""


def _environment() -> Iterator[tuple[str, str]]:
    """What a client is made of: if any of it changes, so does the client."""
    return ((name, value) for name, value in sorted(os.environ.items()) if name.startswith(("REGISTRY_", "IPFS_")))


@lru_cache(maxsize=4)
def _by_environment(_environment: tuple[tuple[str, str], ...]) -> Registry:
    """One client for all file systems that libraries make: connecting, and opening a key file, take their time."""
    return Registry.from_environment()


@dataclass(slots=True)
class _Opened:
    """`tree` are the files and folders of gated content by their paths, `plain` what opens them; content that is not
    gated has its blocks."""

    asset: Asset
    content: Content
    allowed_until: float = 0.0
    tree: dict[str, Entry] | None = None
    plain: GatedContent | None = None


class AssetFileSystem(IPFSFileSystem):
    """Files of assets, for the account that `registry` acts for.

    An instance reads an asset at the version that it saw first, or that its URL names: ``asset://<did>@3/<path>``, or
    ``?versionId=3`` at its end. Listing needs no access, since documents are public;
    reading does, and is asked about again every minute. Raises what `Registry.get` and `Registry.open` raise, and
    `InputError` without a client. To write, publish: what is here is what the chain says.
    """

    protocol: ClassVar[Any] = "asset"
    cachable = False  # two clients may look alike in their options, and an asset may have a new version

    def __init__(self, registry: Registry | None = None, **options: Any) -> None:
        client = _by_environment(tuple(_environment())) if registry is None else registry
        if not isinstance(client, Registry):
            raise InputError(f"{client!r} is not a client of a registry.", hint="Pass what Registry.connect returns.")
        super().__init__(store=client.store, **{"sources": (), **options})  # the client's store has its own
        self.registry = client
        self._opened: dict[str, _Opened] = {}

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Without its scheme; ``?versionId=3`` at its end stands behind the DID then, as ``@3``."""
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = str(stringify_path(path))
        if "?versionId=" in text:
            did, version, below = split_asset_url(text)
            text = f"{did}{'' if version is None else f'@{version}'}/{below}"
        return super()._strip_protocol(text)

    def _open_asset(self, name: str) -> _Opened:
        if name not in self._opened:
            did, version, _ = split_asset_url(name)
            asset = self.registry.get(did, version=version)
            if asset.ddo.content is None:
                raise FileNotInAsset("", [])
            tree = (
                _tree(asset.ddo.content.cid, shelf_for(self.registry, asset).files(asset)) if is_gated(asset) else None
            )
            self._opened[name] = _Opened(asset, asset.ddo.content, tree=tree)
        return self._opened[name]

    def _find(self, path: str) -> Entry:
        name, _, below = path.partition("/")
        opened = self._open_asset(name)
        content = opened.content
        if opened.tree is not None:
            if below not in opened.tree:
                raise FileNotInAsset(below, [at for at, entry in opened.tree.items() if entry.kind == "file"])
            return opened.tree[below]
        listed = {file.path: file.cid for file in content.files}
        if self._reader.node(content.cid).kind == "file" and below in listed:
            below = ""  # the content is that file
        found = self._below(content.cid, below, path)
        if below in listed and listed[below] != found.cid:
            raise Unverified(listed[below], "the document", f"its file {below!r} is another in the content")
        return found

    def _children(self, path: str, folder: Entry) -> tuple[Entry, ...]:
        name, _, below = path.partition("/")
        tree = self._open_asset(name).tree
        if tree is None:
            return super()._children(path, folder)
        inside = {at: entry for at, entry in tree.items() if at and at.rpartition("/")[0] == below}
        return tuple(replace(entry, path=at.rpartition("/")[2]) for at, entry in sorted(inside.items()))

    def _names(self, path: str, folder: Entry) -> list[str]:
        if self._open_asset(path.partition("/")[0]).tree is None:
            return super()._names(path, folder)
        return [entry.path for entry in self._children(path, folder)]

    def _reading(self, path: str) -> tuple[Readable, ByteReader]:
        name, _, below = path.partition("/")
        opened = self._open_asset(name)
        if opened.tree is None:
            return super()._reading(path)
        if below and (found := self._find(path)).kind != "file":
            raise NotAFile(self._url(path), found.kind)
        if opened.plain is None or opened.allowed_until < time.monotonic():
            opened.plain = self.registry.opened(opened.asset)
            opened.allowed_until = time.monotonic() + _RECHECK
        return opened.plain.file(below), opened.plain

    def _file(self, path: str) -> Node:
        name, _, below = path.partition("/")
        opened = self._open_asset(name)
        if opened.allowed_until < time.monotonic():
            self.registry.require_access(opened.asset)
            opened.allowed_until = time.monotonic() + _RECHECK
        if not below and len(opened.content.files) == 1:
            path = f"{name}/{opened.content.files[0].path}"
        return super()._file(path)

    def _staged(self, path: str) -> NoReturn:
        raise Immutable(self._url(path), hint="Publish a folder with registry.publish, or a new version with update.")

    @property
    def transaction(self) -> NoReturn:
        """Raises `Immutable`: what belongs to an asset is written by publishing."""
        self._staged("")

    def put(self, lpath: Any, rpath: str | None = None, *args: Any, **options: Any) -> NoReturn:
        """Raises `Immutable`, as `transaction`."""
        self._staged(self._strip_protocol(rpath or ""))


def _tree(root: CID, files: tuple[FileEntry, ...]) -> dict[str, Entry]:
    """The files by their paths, and the folders above them; folders of encrypted names have no CID but the root's."""
    tree = {"": Entry("", root, "folder", 0)}
    for file in files:
        at = file.path
        tree[at] = Entry(at, file.cid, "file", file.size)
        while at := at.rpartition("/")[0]:
            tree.setdefault(at, Entry(at, root, "folder", 0))
    return tree
