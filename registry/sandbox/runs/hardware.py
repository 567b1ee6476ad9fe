"""This machine, as far as numbers depend on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any, Final

from registry.sandbox.runs.record import Machine

__all__ = ["kernel_of_blas", "libc", "machine"]

_TOLD: Final = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx512vl", "asimd", "sve", "sve2")
"""Instructions by which numerical libraries choose what to run."""


def machine(observed: dict[str, Any]) -> Machine:
    """The machine, with what the program found in use."""
    info = _cpuinfo()
    blas = observed.get("blas")
    return Machine(
        processor=info.get("model name", info.get("CPU implementer", platform.processor() or platform.machine()))[:200],
        instructions=tuple(name for name in _TOLD if name in info.get("flags", info.get("Features", "")).split()),
        blas=str(blas)[:200] if blas else None,
        threads=1,
    )


def kernel_of_blas() -> str:
    """The kernel of OpenBLAS that all machines of a kind have: chosen, since it would choose by the processor."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return "ARMV8"
    return "HASWELL" if {"avx2", "fma"} <= set(_cpuinfo().get("flags", "").split()) else "NEHALEM"


def libc() -> str:
    """Name and version of the C library, whose functions of mathematics a program uses."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (ValueError, OSError, AttributeError):
        return "unknown"


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
