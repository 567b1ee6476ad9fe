"""The ends of the ranges in pyproject.toml: the lowest releases, the newest ones, and wheels alone for each Python.

``bounds.py`` tries them: that every extra that we call usable from wheels resolves to wheels for each Python of the
classifiers, and that tests pass with the lowest releases and with today's: those of `make newest`, of search and of the
pages of a hub. ``bounds.py --refresh`` writes today's into constraints-newest.txt.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from install import main as install
from install import uv_environment

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "constraints-newest.txt"
TOOLS: Final = "scripts/_toolchain/newest.txt"
EXTRAS: Final = ("arrays", "charts", "data", "hub", "server")
TESTS: Final = (
    *(f"tests/unit/{name}" for name in ("assets", "content", "documents", "index", "ipfs", "tools")),
    *("tests/unit/market/test_buying.py", "tests/integration/index", "tests/integration/pages"),
)
PLATFORMS: Final = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")  # on macOS safe-pysha3 is compiled
HEADER: Final = (
    "# Today's releases, beside each other and without ape: `make refresh` wrote it, `make newest` tests with it.\n"
)


def compile_pins(*options: str, extras: tuple[str, ...] = EXTRAS) -> str:
    """What pyproject.toml with `extras` resolves to, a pin a line. Raises `CalledProcessError` where it does not."""
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "compile", "-q", "--no-header", "--no-annotate"]
    chosen = [word for extra in extras for word in ("--extra", extra)]
    done = subprocess.run(
        [*uv, "--strip-extras", *chosen, *options, "pyproject.toml"],
        cwd=ROOT,
        env={**os.environ, **uv_environment([sys.executable, "-m", "pip"])},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
    done.check_returncode()
    return done.stdout


def without_wheels() -> Iterator[str]:
    """Where not everything comes as a wheel."""
    for python in pythons():
        for platform in PLATFORMS:
            for extras in ((), ("arrays", "data"), ("hub",)):
                where = ("--python-version", python, "--python-platform", platform, "--only-binary", ":all:")
                try:
                    compile_pins(*where, extras=extras)
                except subprocess.CalledProcessError:
                    yield f"asset-registry{list(extras)} has no wheels for Python {python} on {platform}."


def pythons() -> list[str]:
    """The releases of Python that the classifiers name."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    released = (line.rpartition(" :: ")[2] for line in classifiers if line.startswith("Programming Language"))
    return [version for version in released if "." in version]


def passes(name: str, *options: str) -> bool:
    """Whether the tests pass with what `options` resolve to, in an environment of its own that is thrown away."""
    with tempfile.TemporaryDirectory() as room:
        pins = Path(room) / f"{name}.txt"
        pins.write_text(compile_pins(*options))
        venv = Path(room) / "venv"
        if install(venv, "-c", str(pins), "-r", TOOLS, "-e", f".[{','.join(EXTRAS)}]"):
            return False
        tests = [str(venv / "bin" / "python"), "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q", *TESTS]
        return subprocess.run(tests, cwd=ROOT).returncode == 0


def main(refresh: bool) -> int:
    """Try the ends, or take today's releases; the exit code."""
    if refresh:
        LOCK.write_text(HEADER + compile_pins("--upgrade", TOOLS))
        return 0
    faults = [*without_wheels()]
    faults += [
        f"The tests fail with the {name} releases."
        for name, resolution in (("lowest", "lowest-direct"), ("newest", "highest"))
        if not passes(name, "--resolution", resolution)
    ]
    for fault in faults:
        sys.stdout.write(fault + "\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main("--refresh" in sys.argv[1:]))
