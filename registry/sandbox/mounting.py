"""As root: lay files where an account without rights may look, in a view of the file system that nobody else has."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from registry.errors import SandboxFailed
from registry.sandbox.run_account import LOCKS

__all__ = ["staged"]

_CLONE_FS, _CLONE_NEWNS = 0x200, 0x20000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_NOSUID_NODEV = 2 | 4

T = TypeVar("T")


def staged(sources: Sequence[Path], begin: Callable[[list[str]], T], stack: ExitStack) -> T:
    """Call `begin` with the paths at which `sources` can be read, and return what it returns.

    It is called in a thread that has a mount namespace of its own, and which lives as long as the stack: what is
    started there dies with its thread. Raises `SandboxFailed` where no such namespace can be made, and what `begin`
    raises."""
    results: list[T] = []
    errors: list[BaseException] = []
    ready, over = threading.Event(), threading.Event()

    def work() -> None:
        try:
            results.append(begin(_lay(sources)))
        except BaseException as error:
            errors.append(error)
        ready.set()
        over.wait()

    thread = threading.Thread(target=work, name="registry-sandbox", daemon=True)
    stack.callback(over.set)
    thread.start()
    ready.wait()
    if errors:
        raise errors[0]
    return results[0]


def _lay(sources: Sequence[Path]) -> list[str]:
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int, what: str) -> None:
        if result:
            raise SandboxFailed(f"{what}: {os.strerror(ctypes.get_errno())}")

    checked(libc.unshare(_CLONE_FS | _CLONE_NEWNS), "there is no mount namespace for root")
    checked(libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None), "mounts cannot be kept apart")
    checked(libc.mount(b"tmpfs", bytes(LOCKS), b"tmpfs", _NOSUID_NODEV, b"mode=755,size=1m"), f"no stage at {LOCKS}")
    places = []
    for number, source in enumerate(sources):
        place = LOCKS / str(number)
        place.mkdir() if source.is_dir() else place.touch()
        checked(libc.mount(bytes(source), bytes(place), None, _BIND | _RECURSIVE, None), f"{source} cannot be laid")
        places.append(str(place))
    return places
