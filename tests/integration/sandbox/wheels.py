"""Wheels made by hand, a package index that is a folder, and environments of what is installed here."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tarfile
import zipfile
from importlib.metadata import distribution
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement

from registry.ipfs.cid import CID
from registry.sandbox.runs.environment import PYCACHE, find_python, place_of
from registry.sandbox.runs.lock import Lock, Wheel, platform, python_version


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], tag: str = "py3-none-any") -> Path:
    """Write a wheel with these files."""
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in files.items()}
    lines = [f"{path},sha256={base64.urlsafe_b64encode(d).rstrip(b'=').decode()}," for path, d in digests.items()]
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in {**files, f"{info}/RECORD": "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"}.items():
            archive.writestr(zipfile.ZipInfo(inside, (1980, 1, 1, 0, 0, 0)), text)
    return path


def make_sdist(folder: Path, name: str, version: str, mark: Path) -> Path:
    """Write a source distribution that leaves a mark when it is built."""
    source = folder / "source"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(mark)!r}, 'w'); from setuptools import setup; setup(name={name!r})")
    (source / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(source, f"{name}-{version}")
    return path


def installed_lock(name: str) -> Lock:
    """A lock of a package and all that it needs, as they are installed here. Of its wheels there are names alone."""
    found: dict[str, str] = {}
    waiting = [name]
    while waiting:
        one = distribution(waiting.pop())
        title = one.metadata["Name"].replace("-", "_").lower()
        if title not in found:
            found[title] = one.version
            needs = [Requirement(text) for text in one.requires or ()]
            waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    nothing = hashlib.sha256(b"").hexdigest()
    wheels = tuple(
        Wheel(name=f"{title}-{version}-py3-none-any.whl", size=1, sha256=nothing, cid=CID.raw(b""))
        for title, version in sorted(found.items())
    )
    return Lock(python=python_version(), platform=platform(), requirements=(name,), wheels=wheels)


def lay_installed(lock: Lock, home: Path) -> None:
    """The environment of a lock, of what is installed here: to fetch its wheels would take a minute and an index."""
    place = place_of(lock, home)
    packages = place / "lib" / f"python{lock.python}" / "site-packages"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").symlink_to(find_python(lock.python))
    (place / "pyvenv.cfg").write_text(f"home = {find_python(lock.python).parent}\n")
    inside = Path("env") / packages.relative_to(place)
    for wheel in lock.wheels:
        for file in distribution(wheel.name.split("-")[0].replace("_", "-")).files or []:
            source = Path(str(file.locate()))
            if file.parts[0] == ".." or file.suffix == ".pyc" or not source.is_file():
                continue
            compiled = Path(cache_from_source(str(source)))
            copies = [(source, packages / file)]
            if file.suffix == ".py" and compiled.is_file():
                copies.append((compiled, place / PYCACHE / inside / file.parent / compiled.name))
            for path, copy in copies:
                copy.parent.mkdir(parents=True, exist_ok=True)
                _lay(path, copy)


def _lay(path: Path, copy: Path) -> None:
    """The same file under another name; a copy where that is on another disk."""
    try:
        os.link(path, copy)
    except OSError:
        shutil.copy2(path, copy)
