"""What a reader will put up with from content that a stranger made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LIMITS", "ReadLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """`depth` of a file's tree and of nested folders, bytes of one `block`, `total` bytes read for one call,
    `entries` listed by one call, and `fanout`, the links of one block. Passing one raises `LimitExceeded`."""

    depth: int = 32
    block: int = 2 * 1024 * 1024
    total: int = 64 * 1024**3
    entries: int = 1_000_000
    fanout: int = 65_536


LIMITS: Final = ReadLimits()
