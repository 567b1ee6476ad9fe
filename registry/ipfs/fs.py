"""``ipfs://`` for fsspec: pandas, dask, zarr, pyarrow, polars and datasets read verified content, and write.

>>> import pandas as pd
>>> pd.read_parquet("ipfs://bafybei.../train.parquet")                                      # doctest: +SKIP
>>> fs = fsspec.filesystem("ipfs")                                                          # doctest: +SKIP
>>> with fs.transaction as tx:                                                              # doctest: +SKIP
...     frame.to_parquet("ipfs://new/train.parquet")
>>> tx.root                                                                                 # doctest: +SKIP
'ipfs://bafybei...'

A path is a CID and names with slashes. What a path leads to never changes, so all that was learned of it is kept.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import lru_cache
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar, Final

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.local import LocalFileSystem, make_path_posix
from fsspec.spec import AbstractFileSystem
from fsspec.utils import isfilelike, stringify_path

from registry.errors import ContentError, FileNotInAsset, Immutable, InputError, NotAFile, NotFoundError
from registry.home import home, make_home
from registry.ipfs.approach import Approach
from registry.ipfs.cached import CACHED_FOLDERS, CachedReader
from registry.ipfs.cid import CID
from registry.ipfs.copy import stream
from registry.ipfs.fsfile import ByteReader, Readable, VerifiedFile
from registry.ipfs.limits import LIMITS
from registry.ipfs.node import Entry, Node
from registry.ipfs.profiles import PROFILES, UNIXFS_V1_2025
from registry.ipfs.scan import content_size, say_left_out, to_add
from registry.ipfs.sources import open_sources
from registry.ipfs.staging import NEW, Staging, WriteTransaction, add_pinned, open_staging
from registry.ipfs.store import BlockSource, BlockStore, Fallback, LocalStore, name_of

__all__ = ["IPFSFileSystem"]

_TYPES: Final = {"file": "file", "folder": "directory", "symlink": "link"}
_FETCHERS: Final = 8

_MANY: Final = 16
"""From so many files of one folder on, it is asked for in one archive."""

_SMALL: Final = 256 * 1024
"""Bytes of a file, on average, up to which its round trip takes longer than its bytes."""

_NODE: Final = 1024
"""Bytes of the folder's own blocks for each entry, at most."""
_LEAF: Final = 1 << 20


class IPFSFileSystem(AbstractFileSystem):
    """Content of IPFS by its CID. Every block is hashed before a byte of it comes out.

    ========= ========================================================================================
    store     folder of the block store, or a store; by default ``blocks`` at home
    sources   further places to read blocks from: gateways by their URL, ``kubo:`` and the URL of a node, folders of
              stores, sources; by default the gateway that the user has set up (``$IPFS_GATEWAY``, ...), if any
    gateway   one more of them, by its URL
    profile   name of the rules by which what is written becomes blocks
    progress  called as ``progress(what, done, total)`` when a transaction is turned into blocks
    ========= ========================================================================================

    What comes from elsewhere is kept in the store. To write, open a transaction and write to ``ipfs://new/...``; or add
    a file or folder of the disk with `put`. Raises the content errors of the reader, `FileNotInAsset` (a
    FileNotFoundError), `NotAFile`, `NotAFolder`, for a write outside a transaction `Immutable`, and `InputError` for
    what is no path, profile or range.
    """

    protocol: ClassVar[Any] = "ipfs"
    root_marker = ""
    transaction_type = WriteTransaction

    def __init__(
        self,
        store: BlockStore | str | os.PathLike[str] | None = None,
        sources: Sequence[BlockSource | str | os.PathLike[str]] | None = None,
        gateway: str | None = None,
        profile: str = UNIXFS_V1_2025.name,
        progress: Callable[[str, int, int], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if profile not in PROFILES:
            raise InputError(f"{profile!r} is not a profile.", hint=f"Known are: {', '.join(PROFILES)}.")
        self.profile = PROFILES[profile]
        self.progress = progress
        kept = make_home(home()) / "blocks" if store is None else store
        self.store: BlockStore = LocalStore(kept) if isinstance(kept, (str, os.PathLike)) else kept
        further = open_sources([*(sources or ()), gateway] if gateway else sources)
        self.source: BlockSource = Fallback([self.store, *further], cache=self.store) if further else self.store
        self._reader = CachedReader(self.source)
        self._cache = self.source.cache if isinstance(self.source, Fallback) else None
        self._approach = Approach(self.source, self._reader) if isinstance(self.source, Fallback) else None
        self._listings = lru_cache(CACHED_FOLDERS)(self._list)

    # --- Paths -----------------------------------------------------------------------------------

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = str(stringify_path(path))
        for protocol in (cls.protocol,) if isinstance(cls.protocol, str) else cls.protocol:
            text = text.removeprefix(f"{protocol}://")
        names = [name for name in text.split("/") if name]
        if odd := next((name for name in names if name in (".", "..")), None):
            raise InputError(f"The path {text!r} has a {odd!r} in it.", hint="Write the names that it means.")
        return "/".join(names)

    def _root(self, name: str) -> CID:
        """The CID that the first name of a path stands for."""
        return CID.parse(name)

    def _find(self, path: str) -> Entry:
        """What is at a path. The size of a file of one block is as its folder states it."""
        name, _, below = path.partition("/")
        if not name:
            raise InputError("No CID is named.", hint=f"Write {self._url('<cid>/<path>')}.")
        return self._below(self._root(name), below, path)

    def _below(self, root: CID, below: str, path: str) -> Entry:
        reader = self._reader
        if self._approach is not None:
            self._approach.bring(root, below)
        if not below:
            return reader.node(root).entry(path)
        above, _, last = below.rpartition("/")
        node = reader.node(reader.resolve(root, above))
        link = reader.child(node, last) if node.kind == "folder" else None
        if link is None:
            reader.resolve(root, below)  # says what there is instead
            raise FileNotInAsset(below, [])
        return reader.entry(link, path)[0]

    def _list(self, cid: CID) -> tuple[Entry, ...]:
        reader = self._reader
        found = (entry for entry, _ in reader.entries(reader.folder(cid)))
        return tuple(sorted(found, key=lambda entry: entry.path.encode("utf-8")))

    def _children(self, path: str, folder: Entry) -> tuple[Entry, ...]:
        """What is in the folder at a path, by their names."""
        return self._listings(folder.cid)

    def _names(self, path: str, folder: Entry) -> list[str]:
        """The names of what is in the folder at a path, sorted, by the folder's own blocks alone."""
        reader = self._reader
        return sorted((name for name, _ in reader.links(reader.folder(folder.cid))), key=str.encode)

    def _url(self, path: str) -> str:
        return f"{self.protocol}://{path}"

    # --- Looking ---------------------------------------------------------------------------------

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What is at a path: ``name``, ``type`` ("file", "directory", "link"), ``size`` in bytes, ``CID``.

        Raises `FileNotInAsset`, `InvalidCID`.
        """
        path = self._strip_protocol(path)
        if staging := self._staging(path):
            found: dict[str, Any] = staging.files.info(path)
            return found
        return _info(self._find(path), path)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is in a folder, or the file itself, as of `info`; names only without `detail`."""
        path = self._strip_protocol(path)
        if staging := self._staging(path):
            listed: list[Any] = staging.files.ls(path, detail=detail)
            return listed
        found = self._find(path)
        if found.kind != "folder":
            return [_info(found, path) if detail else path]
        if not detail:
            return [f"{path}/{name}" for name in self._names(path, found)]
        return [_info(entry, f"{path}/{entry.path}") for entry in self._children(path, found)]

    def walk(
        self, path: str, maxdepth: int | None = None, topdown: bool = True, on_error: Any = "omit", **options: Any
    ) -> Iterator[Any]:
        """The folders below a path and what is in them. Content that cannot be fetched or trusted is an error whatever
        `on_error` says: leaving a folder out would pass off a part for the whole."""

        def decide(error: OSError) -> None:
            if on_error == "raise" or isinstance(error, ContentError):
                raise error
            if callable(on_error):
                on_error(error)

        yield from super().walk(path, maxdepth, topdown, decide, **options)

    def exists(self, path: str, **_: Any) -> bool:
        """Whether there is something at a path. Raises the content errors if that cannot be said."""
        try:
            self.info(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Whether there is a file at a path; raises as `exists`."""
        return self.exists(path) and self.info(path)["type"] == "file"

    def isdir(self, path: str) -> bool:
        """Whether there is a folder at a path; raises as `exists`."""
        return self.exists(path) and self.info(path)["type"] == "directory"

    def ukey(self, path: str) -> str:
        """The CID of what is at a path."""
        info = self.info(path)
        return str(info["CID"]) if "CID" in info else f"{info['mtime']}-{info['size']}"

    def checksum(self, path: str) -> int:
        """The digest of what is at a path, as a number."""
        return int.from_bytes(CID.parse(self.info(path)["CID"]).digest, "big")

    # --- Reading ---------------------------------------------------------------------------------

    def _file(self, path: str) -> Node:
        """The root of the file at a path."""
        found = self._find(path)
        if found.kind != "file":
            raise NotAFile(self._url(path), found.kind)
        return self._reader.node(found.cid)

    def _reading(self, path: str) -> tuple[Readable, ByteReader]:
        """The file at a path, and what gives its bytes."""
        return self._file(path), self._reader

    def _open(self, path: str, mode: str = "rb", cache_type: str = "blockcache", **options: Any) -> Any:
        if mode != "rb":
            return self._staged(path).open(path, mode)
        if staging := self._staging(path):
            return staging.files.open(path, mode)
        node, reader = self._reading(path)
        for ours in ("block_size", "size"):  # of the file's blocks, whatever who opens it has been told
            options.pop(ours, None)
        options["cache_options"] = {"maxblocks": 8} if cache_type == "blockcache" else options.get("cache_options")
        # Blocks of the cache are leaves of the file, so none is hashed for a part of it.
        leaf = min(node.blocksizes[0] if node.blocksizes else _LEAF, _LEAF)
        return VerifiedFile(
            self,
            path,
            node=node,
            reader=reader,
            block_size=leaf,
            cache_type=cache_type,
            **options,
        )

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """The bytes of a file, or of a range of it; only its blocks are fetched."""
        path = self._strip_protocol(path)
        if staging := self._staging(path):
            staged: bytes = staging.files.cat_file(path, start=start, end=end)
            return staged
        node, reader = self._reading(path)
        return b"".join(reader.cat(node, start or 0, end))

    def cat_ranges(
        self,
        paths: list[str],
        starts: list[int | None] | int | None,
        ends: list[int | None] | int | None,
        max_gap: int | None = None,
        on_error: str = "return",
        **_: Any,
    ) -> list[Any]:
        """The bytes of several ranges, fetched at the same time, and each block of a file once; errors come in their
        places, or are raised."""
        lows = starts if isinstance(starts, list) else [starts] * len(paths)
        highs = ends if isinstance(ends, list) else [ends] * len(paths)
        if not len(paths) == len(lows) == len(highs):
            raise InputError(f"There are {len(paths)} paths, {len(lows)} starts and {len(highs)} ends.")
        places: dict[str, list[int]] = {}
        for place, path in enumerate(paths):
            places.setdefault(path, []).append(place)
        found: list[Any] = [b""] * len(paths)

        def one(path: str, its: list[int]) -> None:
            try:
                pieces: Sequence[Any] = self._cat_ranges(path, [(lows[place] or 0, highs[place]) for place in its])
            except Exception as error:
                if on_error == "raise":
                    raise
                if len(its) > 1:  # each by itself, of which some will do
                    for place in its:
                        one(path, [place])
                    return
                pieces = [error]
            for place, piece in zip(its, pieces, strict=True):
                found[place] = piece

        with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="ipfs") as pool:
            list(pool.map(one, places, places.values()))
        return found

    def _cat_ranges(self, path: str, ranges: Sequence[tuple[int, int | None]]) -> list[bytes]:
        path = self._strip_protocol(path)
        if self._staging(path) or len(ranges) == 1:
            return [self.cat_file(path, start, end) for start, end in ranges]
        node, reader = self._reading(path)
        return reader.cat_ranges(node, ranges)

    def cat(self, path: Any, recursive: bool = False, on_error: str = "raise", **options: Any) -> Any:
        """The bytes of a file; of several paths, a pattern or, if `recursive`, a folder, those of each file by its
        path, fetched at the same time. An error is raised, or with `on_error` "return" in its place, or with "omit"
        left out."""
        paths = self.expand_path(path, recursive=recursive)
        if not isinstance(path, list) and paths == [self._strip_protocol(path)]:
            return self.cat_file(paths[0], **options)
        if options.get("start") is None and options.get("end") is None:
            self._bring(paths)
        on = "raise" if on_error == "raise" else "return"
        found = zip(paths, self.cat_ranges(paths, options.get("start"), options.get("end"), on_error=on), strict=True)
        return {path: data for path, data in found if on_error != "omit" or not isinstance(data, Exception)}

    def _bring(self, paths: Sequence[str]) -> None:
        """Have a folder come in one archive where its small files are wanted, and they are most of it: each by itself
        costs a round trip. Whatever goes wrong is seen when they are read."""
        folders: dict[str, set[str]] = {}
        for path in paths:
            above, _, name = path.rpartition("/")
            folders.setdefault(above, set()).add(name)
        for above, names in folders.items():
            if above and len(names) >= _MANY and self._cache is not None:
                with suppress(ContentError, InputError, NotFoundError):
                    self._bring_folder(self._find(above).cid, names)

    def _bring_folder(self, root: CID, names: set[str]) -> None:
        store = self._cache
        if store is None:
            return
        links = dict(self._reader.links(self._reader.node(root)))
        wanted = [links[name].tsize for name in names & links.keys() if not store.has(links[name].cid)]
        total = sum(link.tsize for link in links.values())
        if len(wanted) >= _MANY and sum(wanted) <= len(wanted) * _SMALL and 2 * sum(wanted) >= total:
            # What weighs more than it says is not wanted so.
            stream(root, self.source, store, limits=replace(LIMITS, total=total + len(links) * _NODE))

    def get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **options: Any,
    ) -> None:
        """Copy files, and folders if `recursive`, to the disk, several files at the same time."""
        pairs: list[tuple[str, Any]] = []
        super().get(rpath, lpath, recursive, maxdepth=maxdepth, pairs=pairs, **options)
        callback.set_size(len(pairs))
        self._bring([path for path, _ in pairs])

        def one(pair: tuple[str, Any]) -> None:
            with callback.branched(*pair) as child:
                self.get_file(*pair, callback=child, **options)

        with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="ipfs") as pool:
            for _ in callback.wrap(pool.map(one, pairs)):
                pass

    def get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Any = DEFAULT_CALLBACK,
        outfile: Any = None,
        pairs: list[tuple[str, Any]] | None = None,
        **_: Any,
    ) -> None:
        """Copy a file to the disk, whole or not at all; a folder is made. With `pairs` it is only noted there."""
        if pairs is not None:
            pairs.append((rpath, lpath))
            return
        path = self._strip_protocol(rpath)
        if isfilelike(lpath):
            outfile = lpath
        elif self.isdir(path):
            os.makedirs(lpath, exist_ok=True)
            return
        if staging := self._staging(path):
            staging.files.get_file(path, outfile or lpath, callback=callback)
            return
        node, reader = self._reading(path)
        callback.set_size(node.size)
        with nullcontext(outfile) if outfile is not None else _whole(Path(lpath)) as target:
            for piece in reader.cat(node, 0, None):
                target.write(piece)
                callback.relative_update(len(piece))

    # --- Writing ---------------------------------------------------------------------------------

    def _staging(self, path: str) -> Staging | None:
        """What is being written, if the path is in it and not in what has a CID."""
        return self._staged(path) if path == NEW or path.startswith(f"{NEW}/") else None

    def _staged(self, path: str) -> Staging:
        """What is being written; raises `Immutable` if the path is not in it."""
        new = path == NEW or path.startswith(f"{NEW}/")
        staging = open_staging(self.store) if new else None
        if staging is not None:
            return staging
        raise Immutable(
            self._url(path),
            f"no transaction is open on {name_of(self.store)}" if new else "content that has an address never changes",
            hint=f"Open a transaction, 'with fs.transaction as tx:', write to ipfs://{NEW}/<name>, and take tx.root "
            "for the address. What is on the disk is added by fs.put(path).",
        )

    def put(self, lpath: Any, rpath: str | None = None, *args: Any, hidden: bool = False, **options: Any) -> str | None:
        """Add a file or folder of the disk. Without `rpath` it becomes a root of its own, is pinned, and its CID is
        returned; else it is copied to ``ipfs://new/...`` of the open transaction, a folder if told to be `recursive`.

        Of a folder, names that begin with a dot are left out unless `hidden`, and a `LeftOutWarning` says which. Raises
        `InvalidContent` for what cannot be published, such as links, which could lead out of the folder."""
        if rpath is not None:
            left_out: set[str] = set()
            for pattern in lpath if isinstance(lpath, list) else [lpath]:
                left_out |= _left_out(os.fspath(pattern), hidden)
            super().put(lpath, rpath, *args, left_out=left_out, **options)
            return None
        progress = self.ticker("adding", lpath, hidden=hidden)
        return str(add_pinned(lpath, self.store, self.profile, progress=progress, hidden=hidden).cid)

    def put_file(self, lpath: Any, rpath: str, *args: Any, left_out: Set[str] = frozenset(), **options: Any) -> None:
        """Copy a file to ``ipfs://new/...`` of the open transaction, unless it is or lies in one of `left_out`."""
        path = Path(os.path.abspath(lpath))
        if not left_out or left_out.isdisjoint(map(str, (path, *path.parents))):
            super().put_file(lpath, rpath, *args, **options)

    def ticker(self, what: str, path: str | os.PathLike[str], *, hidden: bool = True) -> Callable[[int], None] | None:
        """A callback for the bytes done of a path, None if nobody wants to see them."""
        progress = self.progress
        if progress is None:
            return None
        total = content_size(path, hidden=hidden)
        return lambda done: progress(what, done, total)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Make a folder in what is being written."""
        self._staged(path := self._strip_protocol(path)).files.makedirs(path, exist_ok=True)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a folder, and those above it, in what is being written."""
        self._staged(path := self._strip_protocol(path)).files.makedirs(path, exist_ok=exist_ok)

    def rm_file(self, path: str) -> None:
        """Delete a file of what is being written."""
        self._staged(path := self._strip_protocol(path)).files.rm_file(path)

    _rm = rm_file

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete from what is being written."""
        for one in path if isinstance(path, list) else [path]:
            self._staged(one := self._strip_protocol(one)).files.rm(one, recursive=recursive)

    def rmdir(self, path: str) -> None:
        """Delete an empty folder of what is being written."""
        self._staged(path := self._strip_protocol(path)).files.rmdir(path)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy a file into what is being written."""
        if self.isdir(path1):
            self.makedirs(path2, exist_ok=True)
            return
        with self.open(path1, "rb") as source, self.open(path2, "wb") as target:
            shutil.copyfileobj(source, target, _LEAF)

    def modified(self, path: str) -> Any:
        """When a file of what is being written was changed. What has a CID has no date, and raises `InputError`."""
        path = self._strip_protocol(path)
        if staging := self._staging(path):
            return staging.files.modified(path)
        raise InputError(f"{self._url(path)} has no date.", hint="It never changes: compare its CID.")

    created = modified


def _left_out(path: str, hidden: bool) -> set[str]:
    """What of a path or pattern is left out, said aloud; raises `InvalidContent` for what cannot be published."""
    found = [str(one) for one in LocalFileSystem().glob(path)] if has_magic(path) else []
    if not found:
        return set(map(os.path.abspath, to_add(path, hidden=hidden, allow_empty=True).left_out))
    # Nothing of what a pattern finds was named, unless it is a pattern of such names.
    steps = make_path_posix(path).split("/")
    named = len(list(takewhile(lambda step: not has_magic(step), steps)))
    hidden = hidden or any(step.startswith(".") for step in steps[named:])
    dotted = {one for one in found if not hidden and any(step.startswith(".") for step in one.split("/")[named:])}
    say_left_out(path, sorted(dotted))
    return dotted.union(*(_left_out(one, hidden) for one in found if one not in dotted))


def _info(entry: Entry, name: str) -> dict[str, Any]:
    found = {"name": name, "size": entry.size, "type": _TYPES[entry.kind], "CID": str(entry.cid)}
    if entry.kind == "folder":
        found["size"] = None
    if entry.kind == "symlink":
        found["destination"] = entry.target
    return found


@contextmanager
def _whole(target: Path) -> Iterator[Any]:
    """Write a file beside its place and move it there when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:64]}-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
