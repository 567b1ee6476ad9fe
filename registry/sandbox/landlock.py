"""Tier 1: Landlock, a filter without any socket, and limits, where namespaces are shut.

The program sees the names and sizes of files that it may not open, and shares the table of processes: on kernels before
6.12 it may send signals to other processes of its user. So a caller that accepts less than tier 2 says so.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from registry.errors import SandboxUnavailable
from registry.sandbox.bare import lay, write_to
from registry.sandbox.filter import filter_for
from registry.sandbox.run_account import own_account, refuse_private
from registry.sandbox.spec import Spec, Tier
from registry.sandbox.started import Started, interpreter

__all__ = ["SIGNALS", "abi", "start"]

_CREATE_RULESET: Final = 444
_VERSION: Final = 1

SIGNALS: Final = 6
"""The first version that keeps signals and abstract sockets within."""

_CONFINE: Final = Path(__file__).with_name("confine.py")


def abi() -> int:
    """The version of Landlock that the kernel has, 0 for none."""
    if sys.platform != "linux":
        return 0
    found = ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, 0, _VERSION)
    return max(int(found), 0)


def start(spec: Spec, stack: ExitStack, stdin: int) -> Started:
    """Start a program under Landlock. Raises `SandboxUnavailable` where the kernel has none."""
    version = abi()
    if not version:
        raise SandboxUnavailable(f"the kernel {platform.release()} has no Landlock")
    account = own_account(stack)
    if account is not None:
        refuse_private(spec)
        _refuse_hidden(interpreter(spec.python))
    layout = lay(spec, stack)
    program = interpreter(spec.python)
    readable = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null"]
    readable += ["/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"]
    readable += [str(program), str(program.parents[1] / "lib"), *(str(path.resolve()) for path in spec.mounts.values())]
    limits = spec.limits
    orders: dict[str, Any] = {
        "account": account,
        "abi": version,
        "filter": filter_for("landlock").read_bytes().hex(),
        "readable": [*readable, str(layout.root)],
        "writable": [str(layout.root / name) for name in ("data/out", "data/notes", "tmp")] + ["/dev/null"],
        "limits": {
            "RLIMIT_AS": limits.memory,
            "RLIMIT_FSIZE": max(limits.output, limits.scratch),
            "RLIMIT_CPU": int(limits.seconds * (os.cpu_count() or 1)) + 2,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
            "RLIMIT_MEMLOCK": 65_536,
        },
        "processes": limits.processes,
        "command": layout.command,
        "variables": layout.variables,
    }
    if account is not None:
        for place in (layout.root, *map(Path, orders["writable"][:-1])):
            os.chown(place, account, account)
    told, tell = os.pipe2(os.O_CLOEXEC)
    stack.callback(os.close, told)
    pipe = stack.enter_context(os.fdopen(tell, "wb"))
    command = [str(interpreter()), "-I", "-S", str(_CONFINE), str(told)]
    started = Started(command, Tier.PROCESS, stack, stdin=stdin, keep=(told,))
    write_to(started, layout, spec, stack)

    def release() -> None:
        pipe.write(json.dumps(orders).encode())
        pipe.close()

    started.release = release
    return started


def _refuse_hidden(program: Path) -> None:
    """Raise `SandboxUnavailable` for a Python in a folder of root's, where an account without rights cannot go."""
    for folder in program.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise SandboxUnavailable(
                f"the Python at {program} can be run by root alone, since {folder} is shut to others",
                hint="Run it as an ordinary user, or with the Python of the system.",
            )
