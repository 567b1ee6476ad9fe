"""From files and folders to blocks (UnixFS, balanced layout).

One path serves storing and mere computing: only the sink differs, so the CID on chain and the blocks in the store
cannot drift apart. Memory is bounded by a few chunks and the names of the tree, whatever the size of the files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from registry.errors import InvalidContent, Unverified
from registry.ipfs.blocks import BlockSink, NullSink, writing
from registry.ipfs.builder import Builder, FileEntry, Progress, TreePart
from registry.ipfs.cid import CID
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.scan import File, Folder, SymlinkPolicy, scan, to_add

__all__ = ["Added", "FileEntry", "add_file", "add_tree", "compare", "compute_cid"]

_NAMED: Final = 8
"""How many files that differ an error names."""


@dataclass(frozen=True, slots=True)
class Added:
    """What was added: the root's `cid`; `size`, the bytes of content; `dag_size`, the bytes of all blocks (one that
    occurs twice counts twice); `blocks`, how many were handed to the sink; `files` folder by folder in the order of
    their names' bytes; `left_out`, the paths of what was not taken, folders with a slash at their end."""

    cid: CID
    size: int
    dag_size: int
    blocks: int
    files: tuple[FileEntry, ...]
    left_out: tuple[str, ...] = ()


def _added(builder: Builder, root: TreePart, left_out: tuple[str, ...] = ()) -> Added:
    return Added(root.cid, root.size, root.tsize, builder.blocks, tuple(builder.files), left_out)


def _build(item: File | Folder, sink: BlockSink, profile: Profile, progress: Progress | None) -> Added:
    with writing(sink), Builder(sink, profile, progress) as builder:
        root = builder.item(item, os.path.basename(item.path) if isinstance(item, File) else "")
        return _added(builder, root, item.left_out)


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

    Names that begin with a dot are left out unless `hidden`, and a `LeftOutWarning` says which. The whole tree is
    looked at first: `InvalidContent` is raised, and nothing handed to the sink, for a folder without any file (unless
    `allow_empty`), an array whose description would be left out, a file or folder that cannot be read, a symbolic
    link (unless `symlinks="keep"`, which stores links that stay inside), names that cannot travel, sockets and pipes,
    and folders nested more than 32 deep. `progress` is called with the bytes done.
    """
    return _build(to_add(path, hidden=hidden, symlinks=symlinks, allow_empty=allow_empty), sink, profile, progress)


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


def compare(
    path: str | os.PathLike[str],
    cid: CID,
    profile: Profile,
    *,
    progress: Progress | None = None,
    promised: Callable[[], Sequence[FileEntry]] = tuple,
) -> tuple[File | Folder, tuple[str, ...]]:
    """Hash a copy on the disk and compare it with a root; returns what is there, and the paths of what the root lacks:
    names that begin with a dot may lie beside it.

    Raises `InvalidContent` for what cannot be read, and `Unverified` for what is something else: with the files that
    differ, if `promised` says which there should be.
    """
    made: list[Added] = []
    # Either is proof: whether the root has such names is told by its hash.
    for hidden in (False, True):
        item = scan(path, hidden=hidden)
        made.append(_build(item, NullSink(), profile, progress))
        if made[-1].cid.v1() == cid.v1():
            return item, item.left_out
        if not item.left_out:
            break
    differing = min((_differing(promised(), one.files) for one in made), key=len)
    reason = "; ".join(differing[:_NAMED]) + f"; and {len(differing) - _NAMED:,} more" * (len(differing) > _NAMED)
    raise Unverified(cid, str(path), reason or f"it hashes to {' or '.join(str(one.cid) for one in made)}")


def _differing(promised: Sequence[FileEntry], found: Sequence[FileEntry]) -> list[str]:
    """What is wrong with the files of a copy, each with its path; nothing where nobody says which there should be."""
    wanted, here = ({file.path: file.cid.v1() for file in files} for files in (promised, found))
    if len(wanted) == len(here) == 1:  # a file that is the whole content may be called anything
        here = dict(zip(wanted, here.values(), strict=True))
    if not wanted:
        return []
    told = [f"{path!r} is changed" for path, cid in wanted.items() if here.get(path, cid) != cid]
    told += [f"{path!r} is missing" for path in wanted if path not in here]
    return told + [f"{path!r} does not belong to it" for path in here if path not in wanted]
