"""The browser and the registry of all tests of apps, in an environment of their own."""

from __future__ import annotations

from integration.apps.stage import browser, market

__all__ = ["browser", "market"]
