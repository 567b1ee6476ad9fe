"""One browser and one registry for the tests of apps."""

from __future__ import annotations

from .stage import browser, market

__all__ = ["browser", "market"]
