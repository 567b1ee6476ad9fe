"""What a reader will put up with from content that a stranger made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LIMITS", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`depth` of a file's tree and of nested folders, bytes of one `block`, `total` bytes read for one call, and
    `entries` listed by one call. Passing one raises `LimitExceeded`."""

    depth: int = 32
    block: int = 2 * 1024 * 1024
    total: int = 64 * 1024**3
    entries: int = 1_000_000


LIMITS: Final = Limits()
