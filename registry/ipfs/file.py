"""A file of IPFS as Python's `open` would give it: seekable, read-only, every byte verified."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from registry.errors import InputError
from registry.ipfs.blocks import BlockSource
from registry.ipfs.cid import CID
from registry.ipfs.limits import LIMITS, Limits
from registry.ipfs.reader import cat, stat

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _VerifiedFile(io.RawIOBase):
    """The unbuffered bytes of one file; reads fetch the blocks of their range only."""

    def __init__(self, cid: CID, source: BlockSource, name: str, limits: Limits) -> None:
        self.name: Final = name
        self._cid, self._source, self._limits = cid, source, limits
        found = stat(cid, source, limits=limits)
        if found.kind != "file":
            raise InputError(f"{name or cid} is a {found.kind}, not a file.", hint="Name a file below it.")
        self._size = found.size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"position {start + offset} is before the start of {self.name}")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        for piece in cat(self._cid, self._source, self._at, self._at + len(view), limits=self._limits):
            view[done : done + len(piece)] = piece
            done += len(piece)
        self._at += done
        return done


def open_file(
    cid: CID, source: BlockSource, *, name: str = "", limits: Limits = LIMITS, buffer_size: int = 1 << 20
) -> io.BufferedReader:
    """Open a file for reading bytes, as pandas, pyarrow or `zipfile` take it.

    Blocks are fetched and re-hashed as they are read. Raises `InputError` for what is not a file, and the content
    errors of the reader, also later, when a block turns out wrong or missing.
    """
    return io.BufferedReader(_VerifiedFile(cid, source, name or str(cid), limits), buffer_size)
