"""What a run uses while it runs, as this machine counts it: processes, memory, files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from registry.sandbox.cgroup import Cgroup
from registry.sandbox.spec import Ended, Limits

__all__ = ["PAGE", "Bound", "Disk", "Watch", "below", "on_file_system", "on_folder"]

Disk = Callable[[], tuple[int, int]]
"""Asked for the number of files and the bytes in a place that a program writes to."""

Bound = tuple[Disk, int, Ended]
"""A place, the bytes that may be in it, and what a run that goes over them ended by."""

PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


_OURS: Final = 2
"""Processes that keep a program in, and are counted with it."""


class Watch:
    """Adds up the processes below `pid`, and says when they are over a limit.

    Memory is what no file holds: anonymous and shared. What is shared after a fork is counted for each at first;
    before a run is ended for it, the kernel is asked for proportional sizes, which takes much longer. A `cgroup`
    counts exactly and ends the run itself. Without a `pid` only disks are looked at."""

    def __init__(self, pid: int | None, limits: Limits, disks: Sequence[Bound], cgroup: Cgroup | None = None) -> None:
        self.pid, self.limits, self.disks, self.cgroup = pid, limits, disks, cgroup
        self.peak = 0

    def look(self) -> Ended | None:
        """The limit that is passed now, or None."""
        if self.cgroup is not None and self.cgroup.killed():
            return "memory"
        pids = [] if self.pid is None else [self.pid, *below(self.pid)]
        if len(pids) > self.limits.processes + _OURS:
            return "processes"
        used = sum(map(_resident, pids))
        if used > self.limits.memory:
            used = sum(_proportional(pid) for pid in pids)
        self.peak = max(self.peak, used)
        if used > self.limits.memory:
            return "memory"
        for disk, most, name in self.disks:
            files, size = disk()
            if files > self.limits.files + 1:
                return "files"
            if size > most + (self.limits.files + 2) * PAGE:
                return name
        return None


def below(pid: int) -> Iterator[int]:
    """All processes that descend from a process, as far as they are still there."""
    waiting = [pid]
    while waiting:
        at = waiting.pop()
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{at}/task"):
                with contextlib.suppress(OSError):
                    found = [int(child) for child in Path(f"/proc/{at}/task/{thread}/children").read_text().split()]
                    waiting.extend(found)
                    yield from found


def on_file_system(folder: int) -> Disk:
    """Count a file system of its own by an open folder of it."""

    def count() -> tuple[int, int]:
        found = os.fstatvfs(folder)
        return found.f_files - found.f_ffree, (found.f_blocks - found.f_bfree) * found.f_frsize

    return count


def on_folder(folder: Path) -> Disk:
    """Count the files below a folder one by one."""

    def count() -> tuple[int, int]:
        files = size = 0
        for at, _, names in os.walk(folder):
            files += 1 + len(names)
            for name in names:
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(at, name)).st_size
        return files, size

    return count


def _resident(pid: int) -> int:
    """Bytes of memory that no file holds, each page that several processes share counted for each."""
    return _fields(f"/proc/{pid}/status", (b"RssAnon:", b"RssShmem:"))


def _proportional(pid: int) -> int:
    """The same, a shared page divided among those that share it."""
    return _fields(f"/proc/{pid}/smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:")) or _resident(pid)


def _fields(path: str, names: tuple[bytes, ...]) -> int:
    try:
        with open(path, "rb", buffering=0) as file:
            lines = file.read(16_384).splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
