"""Reading a file on from where it was read before: what follows is fetched ahead, but no more of it than was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["ReadAhead"]


class ReadAhead:
    """Ranges of one file of `size` bytes; `read` gives those from one place to another, in pieces. It is called for
    whole blocks of `block` bytes, so that none is fetched for a part of it and then for the rest.

    Whoever reads on from where the last range ended has as much fetched ahead as was read in a row so far. So a jump
    costs its own range only, what is read from end to end is soon fetched as fast as its source can, and never comes
    twice as much as was wanted.
    """

    def __init__(self, read: Callable[[int, int], Iterator[bytes]], size: int, block: int = 1) -> None:
        self._read: Final = read
        self._size: Final = size
        self._block: Final = block
        self._began = self._ended = -1
        self._stream: Iterator[bytes] | None = None
        self._rest = b""

    def range(self, start: int, end: int, wanted: int = 0) -> bytes:
        """The bytes of a range, cut off at the end of the file; those up to `wanted` will be asked for next."""
        end = min(end, self._size)
        if start != self._ended:
            self._began, self._stream, self._rest = start, None, b""
        self._ended = -1  # whatever breaks, a stream that did is not read on
        pieces, at = [self._rest], start + len(self._rest)
        while at < end:
            anew = self._stream is None
            if self._stream is None:
                upto = max(end, wanted, 2 * at - self._began)
                self._stream = self._read(at, min(-(-upto // self._block) * self._block, self._size))
            piece = next(self._stream, b"")
            if not piece:
                if anew:
                    break  # there is nothing more, whatever its size says
                self._stream = None
                continue
            pieces.append(piece)
            at += len(piece)
        data = b"".join(pieces)
        data, self._rest = data[: end - start], data[max(end - start, 0) :]
        self._ended = start + len(data)
        return data
