"""Where the package keeps what must outlive a process: blocks, the journal, deployments. What is not public there is
for its owner's eyes only."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry.errors import InputError

if TYPE_CHECKING:
    from filelock import FileLock

_TRIES: Final = 20
"""Of making a file that others take away at the same time."""


def home() -> Path:
    """Return ``$REGISTRY_HOME``, or the data folder that the system has for the user; it may not exist yet.

    Raises `InputError` where there is neither, as for an account that the system does not know.
    """
    if chosen := os.environ.get("REGISTRY_HOME"):
        return Path(chosen)
    import platformdirs

    try:
        return Path(platformdirs.user_data_dir("asset-registry", appauthor=False))
    except RuntimeError as error:
        raise InputError(
            "There is no home folder to keep blocks and the journal in.",
            hint="Set REGISTRY_HOME, or --home, to a folder that you may write to.",
        ) from error


def is_unwritable(error: OSError) -> bool:
    """Whether a place could not be written to only because it may not: what is there can still be read."""
    return error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)


def make_home(folder: Path) -> Path:
    """Make a home folder for its owner's eyes only. One that is there keeps its rights; where none can be made, that is
    told by the first who writes there."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, mode=0o700)
    return folder


def make_private(file: Path) -> None:
    """Make a file, or take from it what others may do with it: for those that a library opens. Raises `OSError`."""
    for _ in range(_TRIES):
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            return
        # SQLite takes away what it made beside a file when the last who has it open leaves: then it is made after all.
        with contextlib.suppress(FileNotFoundError):
            # Not opened: closing it would let go of the locks that SQLite holds on it in this process.
            if file.stat().st_mode & 0o077:
                with contextlib.suppress(PermissionError):  # it is somebody else's, who shares it
                    file.chmod(0o600)
            return
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))


def private_lock(file: Path, *, timeout: float = -1, thread_local: bool = True) -> FileLock:
    """A lock that nobody else on the machine can hold, `timeout` in seconds. Raises `OSError`."""
    from filelock import FileLock

    make_private(file)
    return FileLock(file, timeout=timeout, thread_local=thread_local, mode=0o600)
