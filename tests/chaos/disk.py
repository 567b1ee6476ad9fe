"""Small disks that fill up, for what people and gateways keep: file systems in memory, of this process alone.

Mounting takes rights. Whoever lacks them gets them in a name space of their own (`unshare`), where the mounts also end
with the processes. Where not even that is allowed, a limit on the size of files stands in for a full disk.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

SIZE: Final = 12 * 2**20
"""Bytes of a disk."""

_MARK: Final = "CHAOS_APART"


def apart() -> None:
    """Start this program again where it may mount; returns if it does already, or cannot."""
    if os.environ.get(_MARK) or shutil.which("unshare") is None:
        return
    rights = ["--mount"] if os.geteuid() == 0 else ["--mount", "--user", "--map-root-user"]
    if subprocess.run(["unshare", *rights, "true"], capture_output=True).returncode == 0:
        os.environ[_MARK] = "yes"
        os.execvp("unshare", ["unshare", *rights, sys.executable, "-m", "chaos", *sys.argv[1:]])


class Disk:
    """A folder on a disk of its own."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path: Final = path
        self._ballast: Final = path / "ballast"
        size = ["-o", f"size={SIZE}", "tmpfs", str(path)]
        self.is_real: Final = (
            bool(os.environ.get(_MARK))
            and subprocess.run(["mount", "-t", "tmpfs", *size], capture_output=True).returncode == 0
        )
        self.is_full = False

    def fill(self, room: int) -> None:
        """Leave only `room` bytes."""
        self.is_full = True
        if not self.is_real:
            return
        with self._ballast.open("wb", buffering=0) as file:
            size = 0
            try:
                for piece in (bytes(65536), bytes(4096)):
                    while True:
                        size += file.write(piece)
            except OSError:
                pass
            file.truncate(max(0, size - room))

    def relieve(self) -> None:
        """There is room again."""
        self.is_full = False
        self._ballast.unlink(missing_ok=True)

    def clear(self) -> None:
        """Empty it."""
        self.is_full = False
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def limit_me(self) -> None:
        """In a process that was started on a full disk that is none: files cannot grow."""
        if self.is_full and not self.is_real:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def close(self) -> None:
        """Let go of it."""
        if self.is_real:
            subprocess.run(["umount", "-l", str(self.path)], capture_output=True)
