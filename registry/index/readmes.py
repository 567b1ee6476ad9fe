"""READMEs of assets: which file of the content is one, and how much of it is read.

A README is a stranger's file of any size and shape. So its beginning is read alone, of a few blocks, each checked by
its CID; one that takes more is not read at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from registry.errors import LimitExceeded, Unavailable
from registry.ipfs.blocks import BlockSource, name_of
from registry.ipfs.cid import CID
from registry.ipfs.limits import ReadLimits
from registry.ipfs.reader import Reader

__all__ = ["KIND", "NAMES", "readme_of", "start_of"]

NAMES: Final = ("README.md", "readme.md", "Readme.md", "README.markdown")
"""What a README is called, the first that is there."""

KIND: Final = "readme"
"""What the table of documents calls it. Its key there is its whole CID: no digest of a document has as many bytes."""

MOST: Final = 32_000
"""Bytes that are read: the letters that count for a search, in any script."""

BLOCKS: Final = 8
"""Blocks that may be asked for: enough for a file of which none is smaller than 8 KiB, however deep its tree is."""

SECONDS: Final = 30.0
"""Seconds after which no further block is asked for: documents of others wait for their turn."""

_LIMITS: Final = ReadLimits(depth=BLOCKS)


def readme_of(document: Mapping[str, Any]) -> CID | None:
    """The README that a document lists, which is given as JSON; None if it lists none, or its content is encrypted or
    kept."""
    content = document.get("content") or {}
    if "encryption" in content or "kept" in content:
        return None
    listed = {one["path"]: one["cid"] for one in content.get("files", ())}
    found = next((CID.parse(listed[name]) for name in NAMES if name in listed), None)
    # One that carries its bytes itself may be as long as a digest, and no tool makes such a file.
    return found if found is not None and found.inline is None else None


def start_of(cid: CID, source: BlockSource) -> bytes:
    """The first `MOST` bytes of a README. Raises the content errors, and `InputError` for what is no file."""
    reader = Reader(_Few(source, cid), _LIMITS)
    return b"".join(reader.cat(reader.file(cid), 0, MOST))


class _Few:
    """A source of which a few blocks may be asked, one at a time."""

    def __init__(self, source: BlockSource, cid: CID) -> None:
        self.name = name_of(source)
        self.verifies = getattr(source, "verifies", False)
        self._source, self._cid = source, cid
        self._asked = 0
        self._until = time.monotonic() + SECONDS

    def get(self, cid: CID) -> bytes:
        self._asked += 1
        if self._asked > BLOCKS:
            raise LimitExceeded(f"The blocks of the beginning of {self._cid}", self._asked, BLOCKS)
        if time.monotonic() > self._until:
            raise Unavailable(f"The beginning of {self._cid}", [f"it takes longer than {SECONDS:.0f} s"])
        return self._source.get(cid)
