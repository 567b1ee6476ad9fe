"""A file of ``ipfs://`` as the libraries of fsspec hold it: seekable, cached by blocks, every byte verified."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from fsspec.spec import AbstractBufferedFile

__all__ = ["ByteReader", "Readable", "VerifiedFile"]


class Readable(Protocol):
    """A file that can be read: its `size`, and the sizes of its parts."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    @property
    def blocksizes(self) -> tuple[int, ...]:
        """Bytes of each part; none if it has no parts."""


class ByteReader(Protocol):
    """Gives the bytes of files, checked."""

    def cat(self, node: Any, start: int, end: int | None) -> Iterator[bytes]:
        """The bytes of a file as ``content[start:end]`` would be."""


class VerifiedFile(AbstractBufferedFile):
    """A file being read, in blocks of the cache that are leaves of the file. Who reads on from where the last read
    ended has the next leaves fetched ahead, if their source takes a round trip for each."""

    def __init__(self, fs: Any, path: str, *, node: Readable, reader: ByteReader, **options: Any) -> None:
        self._node, self._reader = node, reader
        self._stream: Iterator[bytes] | None = None
        self._ended, self._rest = -1, b""
        super().__init__(fs, path, mode="rb", **options)

    def read(self, length: int = -1) -> bytes:
        """Up to `length` bytes from here on, all that are left without it."""
        left = max(self.size - self.loc, 0)  # the cache of blocks cannot be asked for more
        data: bytes = super().read(left if length is None or length < 0 else min(length, left))
        return data

    def _fetch_range(self, start: int, end: int) -> bytes:
        follows, self._ended = start == self._ended, -1  # whatever breaks, a stream that did is not read on
        if follows:
            if self._stream is None:
                self._stream, self._rest = self._reader.cat(self._node, start, None), b""
            pieces = [self._rest]
            while sum(map(len, pieces)) < end - start and (piece := next(self._stream, b"")):
                pieces.append(piece)
            data = b"".join(pieces)
            data, self._rest = data[: end - start], data[end - start :]
        else:
            self._stream = None
            data = b"".join(self._reader.cat(self._node, start, end))
        self._ended = start + len(data)
        return data
