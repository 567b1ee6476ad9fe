"""Where the package keeps what must outlive a process: blocks, the journal, deployments."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return ``$REGISTRY_HOME``, or the data folder that the system has for the user; it may not exist yet."""
    chosen = os.environ.get("REGISTRY_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("asset-registry", appauthor=False))
