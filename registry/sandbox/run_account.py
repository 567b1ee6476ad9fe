"""An account of its own for each run that root starts, so that no run meets the processes or the limits of another."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from registry.errors import InputError, SandboxFailed
from registry.sandbox.spec import Spec

__all__ = ["LOCKS", "own_account", "refuse_private"]

_ACCOUNTS: Final = range(1_900_000_000, 1_900_001_000)
"""Numbers that no system gives to its users."""

LOCKS: Final = Path("/run/asset-registry")
"""A folder of root's."""


def own_account(stack: ExitStack) -> int | None:
    """A number of an account that no other run has until the stack ends; None for anybody but root.

    Raises `SandboxFailed` if all are taken.
    """
    if os.geteuid() != 0:
        return None
    try:
        LOCKS.mkdir(mode=0o700, exist_ok=True)
        for account in _ACCOUNTS:
            lock = os.open(LOCKS / str(account), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            stack.callback(os.close, lock)
            return account
    except OSError as error:
        raise SandboxFailed(f"{LOCKS}: {error.strerror}") from error
    raise SandboxFailed(f"{len(_ACCOUNTS)} runs are under way")


def refuse_private(spec: Spec) -> None:
    """Raise `InputError` for a mount that an account of its own cannot read."""
    for path in spec.mounts.values():
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        if path.stat().st_mode & wanted != wanted:
            raise InputError(
                f"{str(path)!r} can be read by its owner alone, and what root runs has an account of its own.",
                hint=f"Let others read it: chmod -R o+rX {path}",
            )
