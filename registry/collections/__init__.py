"""Collections: a million assets under one root, listed in a manifest of which a proof is read in ranges."""

from __future__ import annotations

from registry.collections.manifest import Listed, Manifest
from registry.collections.packing import Packing

__all__ = ["Listed", "Manifest", "Packing"]
