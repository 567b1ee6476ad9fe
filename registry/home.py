"""Where the package keeps what must outlive a process: blocks, the journal, deployments."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import platformdirs

from registry.errors import InputError


def home() -> Path:
    """Return ``$REGISTRY_HOME``, or the data folder that the system has for the user; it may not exist yet.

    Raises `InputError` where there is neither, as for an account that the system does not know.
    """
    chosen = os.environ.get("REGISTRY_HOME")
    try:
        return Path(chosen or platformdirs.user_data_dir("asset-registry", appauthor=False))
    except RuntimeError as error:
        raise InputError(
            "There is no home folder to keep blocks and the journal in.",
            hint="Set REGISTRY_HOME, or --home, to a folder that you may write to.",
        ) from error


def is_unwritable(error: OSError) -> bool:
    """Whether a place could not be written to only because it may not: what is there can still be read."""
    return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
