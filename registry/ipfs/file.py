"""A file of IPFS as Python's `open` would give it: seekable, read-only, every byte verified."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from registry.errors import InputError
from registry.ipfs.blocks import BlockSource
from registry.ipfs.cid import CID
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.reader import Reader
from registry.ipfs.sequential import ReadAhead

if TYPE_CHECKING:
    from typing_extensions import Buffer

_REMEMBERED: Final = 8
_LEAF: Final = 1 << 20


class RangedFile(io.RawIOBase):
    """The unbuffered bytes of one file: `read` gives those from one place to another, in pieces, out of its `size`;
    `closed` is called when it is closed, and `block` is what `ReadAhead` takes.

    A read asks for its range only, and one that goes on where the last ended has what follows fetched ahead.
    """

    def __init__(
        self,
        name: str,
        size: int,
        read: Callable[[int, int], Iterator[bytes]],
        closed: Callable[[], None] | None = None,
        block: int = 1,
    ) -> None:
        self.name: Final = name
        self._then: Final = closed
        self._pieces: Final = read
        self._size: Final = size
        self._at = 0
        self._ahead: Final = ReadAhead(read, size, block)

    def close(self) -> None:
        """End it."""
        if not self.closed:
            super().close()
            if self._then is not None:
                self._then()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; returns it. Raises ValueError for one before the start."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"position {start + offset} is before the start of {self.name}")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer from here on; returns the bytes read, 0 at the end."""
        view = memoryview(buffer).cast("B")
        data = self._ahead.range(self._at, self._at + len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """All bytes from here to the end."""
        data = b"".join(self._pieces(self._at, self._size))
        self._at = max(self._at, self._size)  # who sought past the end stays there
        return data


def open_file(
    cid: CID, source: BlockSource, *, name: str = "", limits: ReadLimits = LIMITS, buffer_size: int = 1 << 20
) -> io.BufferedReader:
    """Open a file for reading bytes, as pandas, pyarrow or `zipfile` take it.

    Blocks are fetched and re-hashed as they are read. Raises `InputError` for what is not a file, and the content
    errors of the reader, also later, when a block turns out wrong or missing.
    """
    reader = Reader(source, limits, remember=_REMEMBERED)
    node = reader.node(cid)
    if node.kind != "file":
        raise InputError(f"{name or cid} is a {node.kind}, not a file.", hint="Name a file below it.")
    block = min(node.blocksizes[0], _LEAF) if node.blocksizes else 1
    raw = RangedFile(name or str(cid), node.size, lambda start, end: reader.cat(node, start, end), block=block)
    return io.BufferedReader(raw, buffer_size)
