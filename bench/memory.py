"""The most memory that a program had."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_mib"]


def peak_mib() -> float:
    """Of this program, since it was started. What `getrusage` tells would count that of who started it too."""
    told = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in told if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
