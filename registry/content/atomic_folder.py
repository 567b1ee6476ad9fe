"""Where files land: in a folder beside their target that takes its place when all of them are there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from registry.errors import ContentError, InputError, RegistryError
from registry.home import private_lock
from registry.system.disk import refuse_taken

__all__ = ["beside"]


@contextlib.contextmanager
def beside(target: Path, home: Path | None) -> Iterator[Path]:
    """A folder beside the target that takes its place at the end; an error leaves nothing, and what a killed run has
    left goes. Blocks that were fetched stay in the store, so a second try goes on from them.

    Locks are kept at `home`. Raises `InputError` for a target that is taken or being written to, and `ContentError`.
    """
    from filelock import Timeout

    locks = (home or Path(tempfile.gettempdir()) / "asset-registry") / "locks"
    place = sha256(str(target.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    # People of different homes know nothing of each other's locks.
    owner = sha256(str(locks.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.parent.mkdir(parents=True, exist_ok=True)
        with private_lock(locks / f"{place}.lock", timeout=0):
            refuse_taken(target)
            staging = target.parent / f".{target.name[:64]}-{owner}.part"
            _remove(staging)
            staging.mkdir()
            try:
                yield staging
                if target.is_dir():
                    target.rmdir()
                os.replace(staging, target)
            except BaseException:
                _remove(staging)
                raise
    except Timeout:
        raise InputError(
            f"{str(target)!r} is being written to by another run.", hint="Wait for it, or name another target."
        ) from None
    except OSError as error:
        if isinstance(error, RegistryError):
            raise
        raise ContentError(
            f"The files could not be written to {str(target)!r}: {error.strerror}.",
            hint="Check the free space, the permissions and the names; nothing was left behind.",
        ) from error


def _remove(staging: Path) -> None:
    if staging.is_symlink() or staging.is_file():
        staging.unlink()
    else:
        shutil.rmtree(staging, ignore_errors=True)
