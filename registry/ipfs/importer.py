"""From files and folders to blocks (UnixFS, balanced layout).

One path serves storing and mere computing: only the sink differs, so the CID on chain and the blocks in the store
cannot drift apart. Memory is bounded by a few chunks and the names of the tree, whatever the size of the files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from registry.errors import InvalidContent
from registry.ipfs.blocks import BlockSink, NullSink, writing
from registry.ipfs.builder import Builder, FileEntry, Part, Progress
from registry.ipfs.cid import CID
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.scan import File, Folder, SymlinkPolicy, scan

__all__ = ["Added", "FileEntry", "add_file", "add_tree", "compute_cid"]


@dataclass(frozen=True, slots=True)
class Added:
    """What was added: the root's `cid`; `size`, the bytes of content; `dag_size`, the bytes of all blocks (one that
    occurs twice counts twice); `blocks`, how many were handed to the sink; `files` folder by folder in the order of
    their names' bytes."""

    cid: CID
    size: int
    dag_size: int
    blocks: int
    files: tuple[FileEntry, ...]


def _added(builder: Builder, root: Part) -> Added:
    return Added(root.cid, root.size, root.tsize, builder.blocks, tuple(builder.files))


def add_file(
    src: str | os.PathLike[str] | BinaryIO,
    sink: BlockSink,
    profile: Profile = UNIXFS_V1_2025,
    *,
    progress: Progress | None = None,
) -> Added:
    """Add one file, by its path or as an open binary stream, which is read to its end and left open.

    `progress` is called with the bytes done so far. The only entry of `files` has the file's name as its path, or ""
    for a stream. Raises `InvalidContent` if it is not a readable file.
    """
    with writing(sink), Builder(sink, profile, progress) as builder:
        if not isinstance(src, (str, os.PathLike)):
            return _added(builder, builder.file(src, ""))
        item = scan(src)
        if not isinstance(item, File):
            raise InvalidContent(src, "it is not a file", hint="Add a folder with add_tree.")
        return _added(builder, builder.item(item, os.path.basename(item.path)))


def add_tree(
    path: str | os.PathLike[str],
    sink: BlockSink,
    profile: Profile = UNIXFS_V1_2025,
    *,
    progress: Progress | None = None,
    hidden: bool = False,
    symlinks: SymlinkPolicy = "refuse",
    allow_empty: bool = False,
) -> Added:
    """Add a folder with all below it; a path to a single file is added as that file.

    Names that begin with a dot are left out unless `hidden`. The whole tree is looked at first: `InvalidContent` is
    raised, and nothing handed to the sink, for a folder without any file (unless `allow_empty`), a file or folder
    that cannot be read, a symbolic link (unless `symlinks="keep"`, which stores links that stay inside), names that
    cannot travel, sockets and pipes, and folders nested more than 32 deep. `progress` is called with the bytes done.
    """
    item = scan(path, hidden=hidden, symlinks=symlinks)
    if isinstance(item, Folder) and not allow_empty and not item.files:
        left_out = "" if hidden else " (names that begin with a dot are left out)"
        raise InvalidContent(path, f"there is no file in it{left_out}", hint="Put the files to publish into it.")
    with writing(sink), Builder(sink, profile, progress) as builder:
        return _added(builder, builder.item(item, os.path.basename(item.path) if isinstance(item, File) else ""))


def compute_cid(
    path: str | os.PathLike[str],
    profile: Profile = UNIXFS_V1_2025,
    *,
    progress: Progress | None = None,
    hidden: bool = False,
    symlinks: SymlinkPolicy = "refuse",
    allow_empty: bool = False,
) -> CID:
    """The CID that `add_tree` would give, with nothing stored. Raises `InvalidContent` as it does."""
    return add_tree(
        path,
        NullSink(),
        profile,
        progress=progress,
        hidden=hidden,
        symlinks=symlinks,
        allow_empty=allow_empty,
    ).cid
