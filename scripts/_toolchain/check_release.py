"""Look into what was built: ``check_release.py dist/*`` says what is missing, and what must not travel."""

from __future__ import annotations

import email
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]

# Where files of the tree go. Everything of these folders travels, and nothing else does.
INTO = {"registry": "registry", "examples": "registry/examples"}

SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1[0-9A-Z]{50}|(ghp|pypi|npm)[-_][0-9A-Za-z]{20}"
)


def of_the_tree(root: Path = ROOT) -> dict[str, bytes]:
    """What a wheel has to hold beside its metadata: paths inside of it, and bytes."""
    return {
        f"{inside}/{path.relative_to(root / folder).as_posix()}": path.read_bytes()
        for folder, inside in INTO.items()
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def read(archive: Path) -> dict[str, bytes]:
    """The files of a wheel, or of a source archive without its top folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as source:
        files = ((member, source.extractfile(member)) for member in source.getmembers() if member.isfile())
        return {member.name.partition("/")[2]: file.read() for member, file in files if file is not None}


def faults(files: Mapping[str, bytes], root: Path = ROOT) -> Iterator[str]:
    """Say what is wrong with the files of a wheel or a source archive."""
    expected = of_the_tree(root)
    wheel = any(".dist-info/" in name for name in files)
    if not wheel:
        back = {inside: folder for folder, inside in INTO.items()}
        places = sorted(back, key=len, reverse=True)
        expected = {_moved(name, places, back): data for name, data in expected.items()}
        expected |= {name: (root / name).read_bytes() for name in ("LICENSE", "README.md", "pyproject.toml")}
    metadata = re.compile(r"[^/]+\.dist-info/.+" if wheel else r"PKG-INFO|setup\.cfg|[^/]+\.egg-info/[^/]+")
    made = {name: data for name, data in files.items() if metadata.fullmatch(name)}
    yield from (f"{name} is missing" for name in sorted(expected.keys() - files.keys()))
    yield from (f"{name} has no business here" for name in sorted(files.keys() - expected.keys() - made.keys()))
    for name, data in files.items():
        if name in expected and data != expected[name]:
            yield f"{name} is not the file of the tree"
        if found := SECRETS.search(data):
            yield f"{name} holds a secret: {found[0][:24]!r}..."
        for path in {str(root), str(Path.home()), sys.prefix}:
            if f"{path}/".encode() in data:
                yield f"{name} names a path of this machine: {path}"
    described = [data for name, data in made.items() if name.endswith((".dist-info/METADATA", "PKG-INFO"))]
    if not described:
        yield "there is no metadata"
    for data in described[:1]:
        yield from _described(data, root)


def _moved(name: str, places: list[str], back: Mapping[str, str]) -> str:
    place = next(place for place in places if name.startswith(place + "/"))
    return back[place] + name.removeprefix(place)


def _described(metadata: bytes, root: Path) -> Iterator[str]:
    said = email.message_from_bytes(metadata)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {
        "Name": project["name"],
        "Version": project["version"],
        "Summary": project["description"],
        "License-Expression": "MIT",
        "License-File": "LICENSE",
        "Requires-Python": project["requires-python"],
        "Description-Content-Type": "text/markdown",
    }
    yield from (f"the metadata say {said[key]!r} for {key}" for key, value in wanted.items() if said[key] != value)
    if missing := set(project["classifiers"]) - set(said.get_all("Classifier", [])):
        yield f"the metadata lack {sorted(missing)}"
    if missing := set(project["optional-dependencies"]) - set(said.get_all("Provides-Extra", [])):
        yield f"the metadata lack the extras {sorted(missing)}"
    needs = [need for need in said.get_all("Requires-Dist", []) if "extra ==" not in need]
    # By what they mean: a builder orders the clauses of a range as it likes.
    if set(map(Requirement, needs)) != set(map(Requirement, project["dependencies"])):
        yield f"it needs {needs}"


def main(archives: list[str]) -> int:
    """Print the faults of each archive; 1 if there are any."""
    found = [f"{name}: {fault}" for name in archives for fault in faults(read(Path(name)))]
    print("\n".join(found) or f"{', '.join(archives)}: as they should be")  # noqa: T201
    return bool(found) or not archives


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
