"""Where the documents of the tests say that their assets are."""

from __future__ import annotations

REGISTRY = "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d"
