"""Processes forked off a parent that has loaded all modules and has neither threads nor files open."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import signal
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")

_PRIVATE: set[int] = set()
"""Ends of pipes that those who are forked off meanwhile must not hold open."""


def start(act: Callable[[], int]) -> int:
    """Run `act` in a process of its own, which ends with its result; returns the process's number."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for handle in _PRIVATE:
            os.close(handle)
        _PRIVATE.clear()
        os.setpgid(0, 0)  # Ctrl-C is for the parent, who ends it
        _end_with_parent()
        code = act()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(pid: int) -> int | None:
    """How a process ended, by the number of its signal below zero; None if it runs."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return None if done == 0 else os.waitstatus_to_exitcode(status)


def kill(pid: int) -> None:
    """End it as by kill -9, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def apart(act: Callable[[], _T], *, seconds: int = 120) -> _T:
    """What `act` returns in a process of its own. Raises RuntimeError with its traceback, or if it takes too long."""
    out, into = os.pipe()

    def run() -> int:
        os.close(out)
        _PRIVATE.add(into)
        signal.alarm(seconds)
        try:
            result: Any = (True, act())
        except BaseException:
            result = (False, traceback.format_exc())
        with os.fdopen(into, "wb") as file:
            pickle.dump(result, file)
        return 0

    pid = start(run)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    if not data:
        raise RuntimeError(f"what was done apart did not end within {seconds} s, or died")
    good, value = pickle.loads(data)
    if not good:
        raise RuntimeError(value)
    return value  # type: ignore[no-any-return]


def _end_with_parent() -> None:
    """However the parent ends, this process does not outlive it (where the system knows how)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
