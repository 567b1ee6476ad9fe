"""Files and folders as a TAR, which every system unpacks, made while it is sent."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from registry.ipfs.cid import CID
from registry.ipfs.reader import Reader

__all__ = ["tar_pieces"]

_KINDS: Final = {"folder": tarfile.DIRTYPE, "file": tarfile.REGTYPE, "symlink": tarfile.SYMTYPE}


def tar_pieces(cid: CID, reader: Reader, name: str = "") -> Iterator[bytes]:
    """The bytes of an archive of what a CID is, with all below it, under `name` (the CID without one)."""
    name = name or str(cid)
    for entry in reader.walk(cid):
        info = tarfile.TarInfo(f"{name}/{entry.path}" if entry.path else name)
        info.type, info.linkname = _KINDS[entry.kind], entry.target
        info.mode = 0o755 if entry.kind == "folder" else 0o644
        node = reader.node(entry.cid) if entry.kind == "file" else None
        info.size = 0 if node is None else node.size
        yield info.tobuf(tarfile.PAX_FORMAT)
        if node is not None:
            yield from reader.cat(node, 0, None)
            yield bytes(-node.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
