"""A file of ``ipfs://`` as the libraries of fsspec hold it: seekable, cached by blocks, every byte verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from fsspec.spec import AbstractBufferedFile

from registry.ipfs.sequential import ReadAhead

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

    def cat_ranges(self, node: Any, ranges: Sequence[tuple[int, int | None]]) -> list[bytes]:
        """The bytes of each of several ranges, fetched at the same time."""


class VerifiedFile(AbstractBufferedFile):
    """A file being read, in blocks of the cache that are leaves of the file. What one read needs, and what follows for
    whoever reads on, is fetched several leaves at a time if their source takes a round trip for each."""

    def __init__(
        self, fs: Any, path: str, *, node: Readable, reader: ByteReader, block_size: int, **options: Any
    ) -> None:
        self._ahead = ReadAhead(lambda start, end: reader.cat(node, start, end), node.size, block_size)
        self._wanted = 0
        super().__init__(fs, path, mode="rb", block_size=block_size, size=node.size, **options)

    def read(self, length: int = -1) -> bytes:
        """Up to `length` bytes from here on, all that are left without it."""
        left = max(self.size - self.loc, 0)  # the cache of blocks cannot be asked for more
        length = left if length is None or length < 0 else min(length, left)
        self._wanted = self.loc + length
        data: bytes = super().read(length)
        return data

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._ahead.range(start, end, self._wanted)
