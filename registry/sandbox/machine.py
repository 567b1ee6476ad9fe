"""Which tier this machine reaches, what keeps it from more, and the one line that helps."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from registry.errors import RegistryError, SandboxFailed
from registry.sandbox import bubblewrap, landlock
from registry.sandbox.spec import Spec, Tier
from registry.sandbox.started import tool

__all__ = ["Reach", "reach"]


@dataclass(frozen=True, slots=True)
class Reach:
    """The highest `tier` that works here. `why` says what keeps the next one away, and `hint` what would help."""

    tier: Tier
    why: str
    hint: str


@cache
def reach() -> Reach:
    """Try the tiers, the highest first; what was found is kept for as long as this process lives."""
    if sys.platform != "linux":
        return Reach(
            Tier.NONE,
            f"{platform.system()} has neither bubblewrap nor Landlock",
            "Run it on Linux, or in a virtual machine with Linux.",
        )
    try:
        _try_bubblewrap()
        return Reach(Tier.BUBBLEWRAP, "a container needs an image, and this version runs no virtual machines", "")
    except SandboxFailed as error:
        why, hint = error.reason, _hint(error.reason)
    except RegistryError as error:
        why, hint = error.message.rstrip("."), error.hint
    return Reach(Tier.PROCESS if landlock.abi() else Tier.NONE, why, hint)


def _try_bubblewrap() -> None:
    with ExitStack() as stack:
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, nothing)
        started = bubblewrap.start(Spec(command=(tool("prlimit", "util-linux"), "--version")), stack, nothing)
        started.end()


_SWITCHES: Final = (
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=16384"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
"""What shuts user namespaces, and what opens them."""


def _hint(reason: str) -> str:
    for path, shut, command in _SWITCHES:
        try:
            if Path(path).read_text().strip() == shut:
                return f"User namespaces are shut. Open them: {command}"
        except OSError:
            continue
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "In a container, start it with: --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    if "proc" in reason:
        return "Something is mounted over parts of /proc, as in containers; run it outside of one."
    return "Let bubblewrap make user namespaces on this machine."
