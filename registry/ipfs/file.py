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

if TYPE_CHECKING:
    from typing_extensions import Buffer

_REMEMBERED: Final = 8


class RangedFile(io.RawIOBase):
    """The unbuffered bytes of one file: `read` gives those from one place to another, in pieces, out of its `size`;
    `closed` is called when it is closed.

    A read asks for its range only; one that goes on where the last ended keeps a stream to the end of the file, since
    whoever reads on will likely read on, and the source can fetch ahead.
    """

    def __init__(
        self,
        name: str,
        size: int,
        read: Callable[[int, int], Iterator[bytes]],
        closed: Callable[[], None] | None = None,
    ) -> None:
        self.name: Final = name
        self._then: Final = closed
        self._pieces: Final = read
        self._size: Final = size
        self._at = 0
        self._ended: int | None = None  # where the last read did
        self._stream: Iterator[bytes] | None = None
        self._rest = b""

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
        try:
            return self._read(memoryview(buffer).cast("B"))
        except BaseException:
            self._ended = None  # a stream that broke says no more, and must not be taken for one that ended
            raise

    def _read(self, view: memoryview) -> int:
        if self._at != self._ended:
            self._stream, self._rest = None, b""
            pieces = self._pieces(self._at, min(self._at + len(view), self._size))
        else:
            if self._stream is None:
                self._stream = self._pieces(self._at, self._size)
            pieces = self._stream
        done = 0
        while done < len(view):
            if not self._rest:
                self._rest = next(pieces, b"")
                if not self._rest:
                    break
            count = min(len(self._rest), len(view) - done)
            view[done : done + count] = self._rest[:count]
            self._rest = self._rest[count:]
            done += count
        self._at += done
        self._ended = self._at
        return done

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
    raw = RangedFile(name or str(cid), node.size, lambda start, end: reader.cat(node, start, end))
    return io.BufferedReader(raw, buffer_size)
