"""A control group of its own for a run, where the system lets one make some: the kernel then counts its memory exactly.

It does so for services and terminals of a user's systemd, and for root in many containers. Elsewhere `Cgroup.make`
gives None, and `registry.sandbox.watch` counts."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

__all__ = ["Cgroup"]

_PATIENCE: Final = 5.0


class Cgroup:
    """A control group (version 2) with nothing in it but a run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, memory: int, processes: int, *, needs: Iterable[str] = ("memory", "pids")) -> Self | None:
        """Make one with at most `memory` bytes and a number of processes; None where it cannot be made.

        It stands beside our own: a group that has processes may have no groups with limits below it.
        """
        for parent in _parents():
            try:
                if not set(needs) <= set((parent / "cgroup.subtree_control").read_text().split()):
                    continue
                path = parent / f"asset-registry-{os.getpid()}-{time.monotonic_ns():x}"
                path.mkdir()
            except OSError:
                continue
            made = cls(path)
            try:
                made._limit(memory, processes, set(needs))
                return made
            except OSError:
                made.remove()
        return None

    def _limit(self, memory: int, processes: int, needs: set[str]) -> None:
        if "memory" in needs:
            (self.path / "memory.max").write_text(str(memory))
            with contextlib.suppress(OSError):  # without swap there is no such file
                (self.path / "memory.swap.max").write_text("0")
            (self.path / "memory.oom.group").write_text("1")
        if "pids" in needs:
            # Beside the program there are those that keep it in.
            (self.path / "pids.max").write_text(str(processes + 8))

    def add(self, pids: Iterable[int]) -> None:
        """Move processes in. Raises OSError where that is not allowed."""
        for pid in pids:
            (self.path / "cgroup.procs").write_text(str(pid))

    def killed(self) -> bool:
        """Whether the kernel ended a process of it for want of memory."""
        try:
            lines = (self.path / "memory.events").read_text().splitlines()
        except OSError:
            return False
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)

    def peak(self) -> int:
        """The most memory it had at the same time, in bytes; 0 if the kernel does not say."""
        try:
            return int((self.path / "memory.peak").read_text())
        except (OSError, ValueError):
            return 0

    def remove(self) -> None:
        """End what is in it, and take it away."""
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                self.path.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.01)


def _parents() -> list[Path]:
    """The groups above our own, the nearest first."""
    try:
        own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        root = Path(next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2"))
    except (OSError, StopIteration):
        return []
    place = root.joinpath(*own.strip("/").split("/")) if own.strip("/") else root
    # Where our group is the root of what we see (a container), groups are made in it.
    return [place, *(parent for parent in place.parents if parent.is_relative_to(root))]
