"""What a program writes, kept within bounds, and made harmless to whoever reads it."""

from __future__ import annotations

import unicodedata
from typing import Final

_KEPT: Final = "\n\t"


class Log:
    """The first and the last bytes of what came, `most` together: however much comes, memory stays flat."""

    def __init__(self, most: int) -> None:
        self._half: Final = max(most // 2, 1)
        self._head, self._tail = bytearray(), bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        """Take what came next."""
        self.size += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[max(room, 0) :]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    def kept(self) -> bytes:
        """What is kept, with a line that says how much is not."""
        tail = bytes(self._tail[-self._half :])
        left_out = self.size - len(self._head) - len(tail)
        middle = f"\n... {left_out:,} bytes are left out ...\n".encode() if left_out else b""
        return bytes(self._head) + middle + tail


def readable(data: bytes) -> str:
    r"""Text of any bytes: line breaks and tabs as they are, ``\r\n`` as ``\n``, and whatever else a terminal might obey
    or that hides or reorders text spelled out (``\x1b``, ``\u202e``)."""
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return "".join(c if c in _KEPT or not _obeyed(c) else _spelled(c) for c in text)


def _obeyed(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")


def _spelled(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")
