"""Files as they are sent to ``add``, built into trees without touching the disk under the names that they have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import unquote

from starlette.datastructures import UploadFile

from registry.errors import InputError
from registry.ipfs.blocks import BlockSink
from registry.ipfs.builder import Builder, TreePart
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link
from registry.ipfs.limits import LIMITS
from registry.ipfs.names import writing_fault
from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015, UNIXFS_V1_2025, Profile

__all__ = ["Sent", "add_parts", "profile_of"]

_FOLDER: Final = "application/x-directory"
_LARGEST_CHUNK: Final = 1024 * 1024
_Tree = dict[str, "UploadFile | _Tree"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was built: each file and folder by its path, what is below before what holds it, and the `roots`."""

    entries: list[tuple[str, TreePart]] = field(default_factory=list)
    roots: list[CID] = field(default_factory=list)


def profile_of(option: Callable[[str], str], flag: Callable[[str, bool], bool]) -> Profile:
    """The layout that the options of ``add`` ask for, with Kubo's defaults. Raises `InputError`."""
    version = option("cid-version") or "0"
    if version not in ("0", "1"):
        raise InputError(f"cid-version is {version[:40]!r}, not 0 or 1.")
    base = KUBO_V1 if version == "1" else UNIXFS_V0_2015
    chunk, width = base.chunk, base.width
    if chunker := option("chunker"):
        size = chunker.removeprefix("size-")
        if size == chunker or not size.isdecimal() or not 1 <= int(size[:9]) <= _LARGEST_CHUNK or len(size) > 8:
            raise InputError(f"The chunker {chunker[:40]!r} is not size-1 to size-{_LARGEST_CHUNK}.")
        chunk = int(size)
    if links := option("max-file-links"):
        if not links.isdecimal() or len(links) > 5 or not 2 <= int(links) <= 8192:
            raise InputError(f"max-file-links is {links[:40]!r}, not 2 to 8192.")
        width = int(links)
    raw = flag("raw-leaves", base.raw_leaves)
    asked = replace(base, chunk=chunk, width=width, raw_leaves=raw)
    newest = UNIXFS_V1_2025
    return newest if asked == replace(newest, name=asked.name, hamt_by=asked.hamt_by) else asked


def add_parts(parts: Sequence[UploadFile], sink: BlockSink, profile: Profile, *, wrap: bool) -> Sent:
    """Build what was sent. The name of a part is its path, written as in a URL; a folder is a part of its own, or what
    other paths lead through. Raises `InputError` for names that no folder may hold."""
    tree: _Tree = {}
    for part in parts:
        names = [name for name in unquote(part.filename or "").split("/") if name]
        if len(names) > LIMITS.depth:
            raise InputError(f"A part lies {len(names)} folders deep, more than {LIMITS.depth}.")
        for name in names:
            fault = writing_fault(name)
            if fault:
                raise InputError(f"{part.filename!r} cannot be added: {fault}.")
        _place(tree, names or [""], part)
    sent = Sent()
    with Builder(sink, profile, None) as builder:
        if wrap:
            sent.roots.append(_build(builder, tree, "", sent).cid)
        else:
            for name, item in tree.items():
                root = _build(builder, item, name, sent)
                if not name:  # a file without a name is called by its CID
                    sent.entries[-1] = (str(root.cid), root)
                sent.roots.append(root.cid)
    return sent


def _place(tree: _Tree, names: list[str], part: UploadFile) -> None:
    *above, last = names
    for name in above:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            raise InputError(f"{name!r} was sent as a file and as a folder.")
        tree = below
    if part.content_type == _FOLDER:
        if not isinstance(tree.setdefault(last, {}), dict):
            raise InputError(f"{last!r} was sent as a file and as a folder.")
    elif last in tree:
        raise InputError(f"{last!r} was sent twice.")
    else:
        tree[last] = part


def _build(builder: Builder, item: UploadFile | _Tree, path: str, sent: Sent) -> TreePart:
    if isinstance(item, dict):
        links: list[Link] = []
        size = 0
        for name in sorted(item, key=str.encode):
            part = _build(builder, item[name], f"{path}/{name}" if path else name, sent)
            links.append(Link(part.cid, name.encode(), part.tsize))
            size += part.size
        built = TreePart(*builder.folder(links, path), size)
    else:
        built = builder.file(item.file, path)
    sent.entries.append((path, built))
    return built
