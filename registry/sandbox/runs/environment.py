"""Laying out a locked environment: from wheels that are content, outside of the sandbox, and nothing of it is run.

The folder looks like a virtual environment. uv unpacks wheels into it under a Python that is not the environment's, so
``.pth`` files and entry points, which run at the start of a Python that has them, run inside only. Byte code is
compiled inside, too."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filelock import FileLock

from registry.errors import CannotReproduce, ContentError, NotFoundError, WrongEnvironment
from registry.ipfs.store import BlockSource
from registry.ipfs.unixfs import cat
from registry.sandbox.machine import reach
from registry.sandbox.process import run
from registry.sandbox.runs.lock import Lock, platform, python_version, run_uv
from registry.sandbox.spec import OUT, Limits, Spec, Tier
from registry.sandbox.started import interpreter
from registry.text.waits import waiting_for

__all__ = ["PYCACHE", "environment", "find_python", "place_of"]

PYCACHE: Final = "pycache"
"""Where byte code is, below the folder of an environment."""

MOST_UNPACKED: Final = 16 * 2**30
"""Bytes that the wheels of an environment may unpack to."""


def find_python(version: str) -> Path:
    """The program of a Python of this minor version (``3.11``). Raises `WrongEnvironment` if there is none."""
    if python_version() == python_version(version):
        return interpreter()
    found = shutil.which(f"python{python_version(version)}")
    if found:
        real = subprocess.run(
            [found, "-I", "-S", "-c", "import sys; print(sys._base_executable or sys.executable)"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        if not real.returncode:
            return interpreter(Path(real.stdout.strip()))
    raise WrongEnvironment(
        f"it is for Python {version}, and there is none here; this one is {python_version()}",
        hint=f"Install Python {python_version(version)}, so that 'python{python_version(version)}' is found.",
    )


def environment(
    lock: Lock,
    source: BlockSource,
    home: Path,
    *,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Path:
    """The folder of an environment; made once and then kept below `home`, under the digest of its lock.

    Each wheel is checked against its CID and against its SHA-256; no index is asked. Raises `WrongEnvironment` for a
    lock of another kind of machine or Python and for wheels that are not what it says, `CannotReproduce` for wheels
    that no index has."""
    place, python = place_of(lock, home), find_python(lock.python)
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with waiting_for(f"the environment of Python {lock.python}"), FileLock(place.with_suffix(".lock")):
        if place.is_dir():
            return place
        staging = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            staging.chmod(0o755)
            _make(lock, source, staging, python, progress)
            staging.rename(place)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    return place


def place_of(lock: Lock, home: Path) -> Path:
    """Where the environment of a lock is kept, or will be. Raises `WrongEnvironment` for a lock of another kind of
    machine or Python."""
    if lock.platform != platform():
        raise WrongEnvironment(
            f"it is for {lock.platform}, and this machine is {platform()}", hint="Run it on such a machine."
        )
    key = hashlib.sha256(lock.to_bytes() + bytes(find_python(lock.python))).hexdigest()[:32]
    return home / "environments" / key


def _make(
    lock: Lock, source: BlockSource, folder: Path, python: Path, progress: Callable[[str, int, int], None]
) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(python)
    (folder / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    packages = folder / "lib" / f"python{lock.python}" / "site-packages"
    packages.mkdir(parents=True)
    if not lock.wheels:
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as held:
        wheels = Path(held, "wheels")
        wheels.mkdir()
        _fetch(lock, source, wheels, progress)
        listed = Path(held, "requirements.txt")
        listed.write_text("".join(f"{wheels / wheel.name} --hash=sha256:{wheel.sha256}\n" for wheel in lock.wheels))
        progress("unpacking wheels", 0, 0)
        run_uv(
            [
                *("pip", "install", "--no-index", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--quiet"),
                *("--no-compile-bytecode", "--link-mode", "copy", "--cache-dir", str(Path(held, "cache"))),
                *("--python", str(python), "--target", str(packages), "--requirements", str(listed)),
            ],
            offline=True,
        )
    progress("compiling", 0, 0)
    _compile(folder, python, lock)


def _fetch(lock: Lock, source: BlockSource, folder: Path, progress: Callable[[str, int, int], None]) -> None:
    missing, unpacked = [], 0
    for number, wheel in enumerate(lock.wheels, start=1):
        progress("fetching wheels", number, len(lock.wheels))
        digest, size = hashlib.sha256(), 0
        try:
            with (folder / wheel.name).open("wb") as file:
                for piece in cat(wheel.cid, source):
                    size += len(piece)
                    if size > wheel.size:
                        break
                    digest.update(piece)
                    file.write(piece)
        except (NotFoundError, ContentError) as error:
            missing.append(f"{wheel.name} ({error.message.rstrip('.')})")
            continue
        if (size, digest.hexdigest()) != (wheel.size, wheel.sha256):
            raise WrongEnvironment(f"{wheel.name} is not the one that was locked")
        try:
            with zipfile.ZipFile(folder / wheel.name) as archive:
                unpacked += sum(entry.file_size for entry in archive.infolist())
        except zipfile.BadZipFile:
            raise WrongEnvironment(f"{wheel.name} is no wheel") from None
        if unpacked > MOST_UNPACKED:
            raise WrongEnvironment(f"its wheels unpack to more than {MOST_UNPACKED:,} bytes")
    if missing:
        raise CannotReproduce("The environment", [f"there is no {what}" for what in missing])


def _compile(folder: Path, python: Path, lock: Lock) -> None:
    """Compile all modules, inside: a compiler reads what strangers wrote. Without byte code a run only starts later."""
    if reach().tier < Tier.BUBBLEWRAP:
        return
    packages = f"lib/python{lock.python}/site-packages"
    limits = Limits(seconds=600, memory=2 * 2**30, output=2 * 2**30, files=200_000)
    run(
        Spec(
            command=(
                *(str(python), "-I", "-S", "-X", f"pycache_prefix={OUT}", "-m", "compileall", "-q", "-j", "1"),
                *("-x", r"[/\\]tests?[/\\]", f"/env/{packages}"),
            ),
            mounts={f"/env/{packages}": folder / packages},
            python=python,
            limits=limits,
            outputs=folder / PYCACHE,
        )
    )
