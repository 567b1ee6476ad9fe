"""A program that was started, from the outside: its pipes, the processes that must die with it, and what it cost."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from registry.errors import InputError, SandboxFailed, SandboxUnavailable
from registry.sandbox.spec import Limits, Tier
from registry.sandbox.watch import Bound, below

__all__ = ["Started", "interpreter", "limited", "tool"]

PATIENCE: Final = 20.0
"""Seconds until a sandbox must stand, and until what was killed must be gone; both take hundredths."""


class Started:
    """A process and all that it starts.

    `pid` is the one whose descendants are the run's, `ran_out` whether an engine ended it for want of memory; `out` and
    `notes` are open folders with what it leaves, `disks` the places where it writes, and `release` lets it begin."""

    def __init__(
        self,
        command: Sequence[str],
        tier: Tier,
        stack: ExitStack,
        *,
        stdin: int,
        keep: Iterable[int] = (),
        env: dict[str, str] | None = None,
        account: int | None = None,
    ) -> None:
        """Start it. Raises `SandboxFailed` if it cannot be."""
        self.tier = tier
        try:
            self.process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env or {},
                pass_fds=tuple(keep),
                start_new_session=True,
                user=account,
                group=account,
                extra_groups=None if account is None else [],
            )
        except OSError as error:
            raise SandboxFailed(f"{command[0]}: {error.strerror}") from error
        self.pid = self.process.pid
        self.out = self.notes = -1
        self.disks: list[Bound] = []
        self.release: Callable[[], object] = lambda: None
        self.cpu_seconds = 0.0
        self.peak = 0
        self.ran_out = False
        self._held: list[int] = []
        stack.callback(self.end)

    def hold(self) -> None:
        """Keep a handle on `pid`, which is then known even after its number went to another process."""
        self._held.append(os.pidfd_open(self.pid))

    def over(self) -> bool:
        """Whether the program has ended; counts what it cost when it has."""
        if self.process.returncode is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
                # Begun by a fork, a process is told to have been as large as this one, which says nothing of it.
                if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
                    self.peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self.process.returncode is not None

    @property
    def exit(self) -> int:
        """The exit code, with signals as shells have them."""
        code = self.process.returncode
        return 128 - code if code < 0 else int(code)

    def end(self) -> None:
        """Kill all of it and come back when nothing is left of it. Raises `SandboxFailed` if something stays."""
        until = time.monotonic() + PATIENCE
        for handle in self._held:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        while self._held:
            # The first process of a namespace is gone only when all others in it are.
            if not select.select(self._held, [], [], max(until - time.monotonic(), 0))[0]:
                raise SandboxFailed("its processes did not end when they were killed")
            for handle in self._held:
                os.close(handle)
            self._held.clear()
        while not self.over():
            if self.tier < Tier.BUBBLEWRAP and sys.platform == "linux":
                kill_below(self.pid)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            if time.monotonic() > until:
                raise SandboxFailed("it did not end when it was killed")
            time.sleep(0.002)

    def complaint(self, most: int = 2_000) -> str:
        """What the sandbox itself wrote to standard error before the program began."""
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        return (self.process.stderr.read(most) or b"").decode("utf-8", "replace").strip()


def kill_below(pid: int) -> None:
    """Kill all that descends from a process, those that start others meanwhile included."""
    for _ in range(100):
        found = list(below(pid))
        if not found:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for child in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child, number)


def interpreter(python: Path | None = None) -> Path:
    """The program file of a Python (default: the one that runs this), without links and environments.

    Raises `InputError` if there is none.
    """
    found = Path(python or getattr(sys, "_base_executable", None) or sys.executable).resolve()
    if not found.is_file():
        raise InputError(f"There is no Python at {str(python)!r}.")
    return found


def tool(name: str, package: str) -> str:
    """The path of a program. Raises `SandboxUnavailable` with the command that installs it."""
    found = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin")
    if found is None:
        raise SandboxUnavailable(f"the program {name!r} is not installed", hint=f"Install it: {installing(package)}")
    return found


def installing(package: str) -> str:
    """The command that installs a package of the system."""
    for program, command in (
        ("apt-get", "sudo apt-get install"),
        ("dnf", "sudo dnf install"),
        ("pacman", "sudo pacman -S"),
        ("apk", "sudo apk add"),
        ("zypper", "sudo zypper install"),
    ):
        if shutil.which(program):
            return f"{command} {package}"
    return f"the package {package!r} of your system"


def limited(prlimit: str, limits: Limits) -> tuple[str, ...]:
    """The words before a command that set its limits; the kernel holds them for each process, the first for all."""
    seconds = int(limits.seconds * (os.cpu_count() or 1)) + 2
    return (
        prlimit,
        # One for the process that gathers the dead.
        f"--nproc={limits.processes + 1}",
        f"--as={limits.memory}",
        f"--fsize={max(limits.output, limits.scratch)}",
        f"--cpu={seconds}",
        "--nofile=256",
        "--core=0",
        "--memlock=65536",
        "--",
    )
