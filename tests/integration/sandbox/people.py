"""Who runs strangers' programs in these tests, and how they look after them."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from registry.sandbox import Limits, Outcome, Spec, run
from registry.sandbox.started import interpreter

ROOT = Path(__file__).parents[3]
MIB = 2**20

SMALL = Limits(seconds=20, memory=256 * MIB, processes=16, output=4 * MIB, files=100, scratch=4 * MIB, log=4096)
"""Enough for a small program, and soon used up."""

NOBODY = 1_500


def public_python() -> Path:
    """A Python that every account may run: what this one is, or the one of the system of the same version."""
    own = interpreter()
    if all(folder.stat().st_mode & 0o001 for folder in own.parents):
        return own
    found = shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    if found is None:
        pytest.fail(f"No Python {sys.version_info.major}.{sys.version_info.minor} for an ordinary user: install it.")
    return interpreter(Path(found))


class Person:
    """Somebody who runs programs. `folder` is theirs and empty."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.python = name, folder, interpreter()
        self._process: subprocess.Popen[str] | None = None
        if name == "user" and os.geteuid() == 0:
            self.python = public_python()
            packages = os.pathsep.join([str(ROOT), str(ROOT / "tests"), sysconfig.get_paths()["purelib"]])
            self._process = subprocess.Popen(
                [
                    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"),
                    *(str(self.python), "-B", "-u", str(Path(__file__).with_name("as_user.py"))),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={"PYTHONPATH": packages, "HOME": str(folder), "TMPDIR": str(folder)},
            )
            os.chown(folder, NOBODY, NOBODY)

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of the package as this person."""
        if self._process is None:
            return function(*arguments, **options)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(pickle.dumps((function, arguments, options)).hex() + "\n")
        self._process.stdin.flush()
        result = pickle.loads(bytes.fromhex(self._process.stdout.readline()))
        if isinstance(result, Exception):
            raise result
        return result

    def run(
        self, code: str, *arguments: str, limits: Limits = SMALL, stdin: bytes | None = None, **spec: Any
    ) -> Outcome:
        """Run a Python program with the standard library and what `spec` names."""
        command = (str(self.python), "-I", "-S", "-c", code, *arguments)
        whole = Spec(command=command, python=self.python, limits=limits, **spec)
        outcome = self.call(run, whole, stdin=stdin)
        assert isinstance(outcome, Outcome)
        return outcome

    def leave(self) -> None:
        """Go home."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(10)


def alive(mark: str) -> list[int]:
    """Processes of this machine, seen from the outside, that have `mark` in their command."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if mark.encode() in Path(f"/proc/{entry}/cmdline").read_bytes() and int(entry) != os.getpid():
                found.append(int(entry))
    return found


def program_of(pid: int) -> str:
    """The first word of the command of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
