"""A locked environment: which wheels, byte for byte, for which Python. Wheels are content, so no index is needed
again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import httpx
from pydantic import Field

from registry.errors import WrongEnvironment
from registry.ipfs.store import BlockStore
from registry.ipfs.unixfs import add_file
from registry.sandbox.runs.document import CIDText, Document, RunPart

__all__ = ["LOCK_FILE", "Lock", "Wheel", "fetch_wheels", "make_lock", "python_version", "uv"]

LOCK_FILE: Final = "run.lock.json"
"""The lock of a folder of code, beside it."""

_SECONDS: Final = 600

WheelName = Annotated[
    str,
    Field(max_length=256, pattern=r"^[A-Za-z0-9_.]+-[A-Za-z0-9_.!+]+(-[0-9][A-Za-z0-9_]*)?-[\w.]+-[\w.]+-[\w.]+\.whl$"),
]


class Wheel(RunPart):
    """A wheel: `name` of its file, `size` in bytes, `sha256` as hexadecimal text, and the `cid` of its content."""

    name: WheelName
    size: Annotated[int, Field(ge=1, le=2**40)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    cid: CIDText


class Lock(Document):
    """All wheels of an environment, for one minor version of CPython (``3.11``) on one kind of machine."""

    called: ClassVar[str] = "The lock"

    format: Literal["asset-registry.lock/1"] = "asset-registry.lock/1"
    python: Annotated[str, Field(pattern=r"^3\.[1-9][0-9]$")]
    platform: Annotated[str, Field(pattern=r"^[a-z0-9_]+-[a-z0-9_]+$")]
    requirements: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()
    wheels: Annotated[tuple[Wheel, ...], Field(max_length=2_000)]


def python_version(version: str | None = None) -> str:
    """The minor version of a Python, by default of the one that runs this: ``3.11`` of ``3.11.7``."""
    return ".".join((version or f"{sys.version_info.major}.{sys.version_info.minor}").split(".")[:2])


def platform() -> str:
    """The kind of this machine, as locks call it: ``linux-x86_64``."""
    return f"{sys.platform}-{os.uname().machine.lower()}"


def uv() -> str:
    """The path of uv. Raises `WrongEnvironment` where it is not installed."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise WrongEnvironment("uv is not installed", hint="Install it: pip install 'asset-registry[run]'")
    return found


def run_uv(arguments: Sequence[str], *, offline: bool) -> None:
    """Run uv. Raises `WrongEnvironment` with the end of what it says if it fails."""
    options = [
        "--no-progress",
        "--no-config" if offline else "--no-python-downloads",
        *(["--offline"] if offline else []),
    ]
    try:
        done = subprocess.run(
            [uv(), *arguments, *options], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise WrongEnvironment(f"uv did not end within {_SECONDS} seconds") from None
    if done.returncode:
        raise WrongEnvironment(" ".join(done.stderr.split())[-600:].rstrip("."))


def make_lock(
    requirements: Sequence[str],
    store: BlockStore,
    *,
    python: str | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Lock:
    """Resolve requirements to wheels for this kind of machine, and keep the wheels in the store.

    Source distributions are never taken: to build one is to run it. Raises `WrongEnvironment` if there is no set of
    wheels, or if one is not what the index said."""
    version = python_version(python)
    if not requirements:
        return Lock(python=version, platform=platform(), wheels=())
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        chosen = [_best(package, version) for package in _resolved(requirements, version, folder)]
        wheels = []
        for number, wheel in enumerate(chosen, start=1):
            progress("fetching wheels", number, len(chosen))
            wheels.append(_fetched(wheel, folder, store))
    wheels.sort(key=lambda wheel: wheel.name)
    return Lock(python=version, platform=platform(), requirements=tuple(requirements), wheels=tuple(wheels))


def fetch_wheels(lock: Lock, store: BlockStore, progress: Callable[[str, int, int], None] = lambda *_: None) -> None:
    """Put those wheels of a lock into the store that are not there, from the package index, by their hashes.

    For authors, who made the lock elsewhere. Raises `WrongEnvironment` if the index has no such file any more.
    """
    missing = [wheel for wheel in lock.wheels if not store.has(wheel.cid)]
    if not missing:
        return
    names = ["==".join(wheel.name.split("-")[:2]) for wheel in missing]
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        resolved = _resolved(names, lock.python, folder, "--no-deps")
        there = {str(wheel["hashes"]["sha256"]): wheel for package in resolved for wheel in package.get("wheels", ())}
        for number, wheel in enumerate(missing, start=1):
            progress("fetching wheels", number, len(missing))
            if wheel.sha256 not in there:
                raise WrongEnvironment(f"the package index has no {wheel.name} with the hash that was locked")
            if _fetched(there[wheel.sha256], folder, store).cid != wheel.cid:
                raise WrongEnvironment(f"{wheel.name} is not the one that was locked")


def _resolved(requirements: Sequence[str], version: str, folder: Path, *options: str) -> list[dict[str, Any]]:
    """What an index has for requirements: packages with their wheels."""
    asked, locked = folder / "requirements.in", folder / "pylock.toml"
    asked.write_text("\n".join(requirements) + "\n")
    command = ["pip", "compile", str(asked), "--format", "pylock.toml", "--only-binary", ":all:", "--quiet", *options]
    run_uv([*command, "--python-version", version, "--output-file", str(locked)], offline=False)
    found: list[dict[str, Any]] = tomllib.loads(locked.read_text())["packages"]
    return found


def _best(package: dict[str, Any], version: str) -> dict[str, Any]:
    """The wheel of a package that fits this kind of machine best."""
    from packaging import tags
    from packaging.utils import parse_wheel_filename

    numbers = tuple(map(int, version.split(".")))
    platforms = list(tags.platform_tags())
    ranked = [*tags.cpython_tags(numbers, platforms=platforms), *tags.compatible_tags(numbers, None, platforms)]
    order = {tag: place for place, tag in enumerate(ranked)}
    best: tuple[int, dict[str, Any]] | None = None
    for wheel in package.get("wheels", ()):
        places = [order[tag] for tag in parse_wheel_filename(_name(wheel))[3] if tag in order]
        if places and (best is None or min(places) < best[0]):
            best = min(places), wheel
    if best is None:
        name = f"{package['name']} {package.get('version', '')}".strip()
        raise WrongEnvironment(
            f"{name} has no wheel for Python {version} on {platform()}; a source distribution runs when it is built",
            hint="Require another version of it, or build a wheel of it yourself.",
        )
    return best[1]


def _name(wheel: dict[str, Any]) -> str:
    return str(wheel.get("name") or str(wheel.get("url") or wheel.get("path")).rsplit("/", 1)[-1].partition("#")[0])


def _fetched(wheel: dict[str, Any], folder: Path, store: BlockStore) -> Wheel:
    """A wheel in the store."""
    name, expected = _name(wheel).replace("%2B", "+"), str(wheel["hashes"]["sha256"])
    place = folder / "wheel"
    digest = hashlib.sha256()
    try:
        if "path" in wheel:
            place.write_bytes((folder / wheel["path"]).read_bytes())
        elif str(wheel["url"]).startswith("file:"):
            place.write_bytes(Path(httpx.URL(wheel["url"]).path).read_bytes())
        else:
            with (
                httpx.stream("GET", wheel["url"], timeout=60, follow_redirects=True) as answer,
                place.open("wb") as file,
            ):
                answer.raise_for_status()
                for piece in answer.iter_bytes():
                    file.write(piece)
    except (httpx.HTTPError, OSError) as error:
        raise WrongEnvironment(f"{name} could not be fetched ({error})", hint="Try again, or another index.") from error
    with place.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    if digest.hexdigest() != expected:
        raise WrongEnvironment(
            f"{name} has the hash {digest.hexdigest()[:12]}..., and the index promised {expected[:12]}..."
        )
    added = add_file(place, store)
    return Wheel(name=name, size=added.size, sha256=expected, cid=added.cid)
