"""The seccomp filters: which system calls a program may make. They are data, made by scripts/_toolchain/seccomp.py."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from registry.errors import SandboxUnavailable

FOLDER: Final = Path(__file__).with_name("filters")

_NAMES: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def filter_for(tier: str) -> Path:
    """The file with the filter of ``bubblewrap`` or ``landlock`` for this machine. Raises `SandboxUnavailable`."""
    machine = platform.machine()
    if machine.lower() not in _NAMES:
        raise SandboxUnavailable(
            f"there is no filter of system calls for processors of the kind {machine!r}",
            hint=f"There are filters for {', '.join(sorted(set(_NAMES.values())))}.",
        )
    return FOLDER / f"{tier}-{_NAMES[machine.lower()]}.bpf"
