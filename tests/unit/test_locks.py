"""The files that fix what our own tests install: they hold for every platform and for every package host."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RANGES = [
    Requirement(line)
    for lines in (
        PROJECT["dependencies"],
        *map(PROJECT["optional-dependencies"].get, ("arrays", "charts", "data", "hub", "server")),
    )
    for line in lines
    if not line.startswith(PROJECT["name"])
]


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


NPM_LOCKS = _tracked("package-lock.json", "*/package-lock.json")


def _packages(lock: Path) -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]
    return packages


def test_every_npm_project_has_a_lock() -> None:
    assert {path.parent for path in NPM_LOCKS} == {path.parent for path in _tracked("package.json", "*/package.json")}


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=lambda path: str(path.parent.relative_to(ROOT)))
class TestAnNpmLock:
    def test_names_no_download_address(self, lock: Path) -> None:
        addresses = {name for name, entry in _packages(lock).items() if "://" in str(entry.get("resolved", ""))}
        assert not addresses
        assert "omit-lockfile-registry-resolved=true" in (lock.parent / ".npmrc").read_text().splitlines()

    def test_fixes_the_bytes_of_each_package(self, lock: Path) -> None:
        downloaded = {name: entry for name, entry in _packages(lock).items() if name and not entry.get("inBundle")}
        assert downloaded
        assert [
            name for name, entry in downloaded.items() if not entry.get("integrity", "").startswith("sha512-")
        ] == []

    def test_lists_the_binaries_of_every_platform(self, lock: Path) -> None:
        """`npm install` beside an installed node_modules drops those of other platforms, and `npm ci` fails there."""
        packages = _packages(lock)
        missing = [
            f"{name} wants {wanted}"
            for name, entry in packages.items()
            for wanted, version in entry.get("optionalDependencies", {}).items()
            if "://" not in version  # js-ipfs: electron-eval names a file that no package host has
            and not any(at == f"node_modules/{wanted}" or at.endswith(f"/node_modules/{wanted}") for at in packages)
        ]
        assert missing == []

    def test_belongs_to_its_package_json(self, lock: Path) -> None:
        declared = json.loads((lock.parent / "package.json").read_text())
        root = _packages(lock)[""]
        for kind in ("dependencies", "devDependencies", "optionalDependencies"):
            assert root.get(kind, {}) == declared.get(kind, {})


def test_setting_up_changes_no_lock() -> None:
    assert "npm install" not in (ROOT / "Makefile").read_text()


def _pins(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "://" not in line for line in lines)
    return {canonicalize_name(pin): version for pin, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-newest.txt"])
def test_what_we_test_with_is_within_the_ranges_that_we_declare(name: str) -> None:
    pins = _pins(name)
    outside = {
        str(wanted): pins.get(canonicalize_name(wanted.name))
        for wanted in RANGES
        if not wanted.specifier.contains(pins.get(canonicalize_name(wanted.name), "0"), prereleases=True)
    }
    assert not outside


def test_no_dependency_is_pinned_and_each_has_a_lower_bound() -> None:
    operators = {wanted.name: {clause.operator for clause in wanted.specifier} for wanted in RANGES}
    assert {name for name, found in operators.items() if ">=" not in found or found - {">=", "<"}} == set()


def test_the_newest_releases_are_those_that_ape_does_not_allow() -> None:
    pins = _pins("constraints-newest.txt")
    assert not {name for name in pins if "ape" in name.split("-")}
    assert int(pins["numpy"].split(".")[0]) >= 2 and int(pins["pandas"].split(".")[0]) >= 3
    assert int(pins["pytest"].split(".")[0]) >= 9 and tuple(map(int, pins["click"].split("."))) >= (8, 2)


def test_uv_is_told_what_pip_is_told_of_where_packages_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\nextra-index-url =\n  https://two.example/simple\n"
        "  https://three.example/simple\n[install]\nfind-links = /wheels\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    for name in ("PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    pip = [sys.executable, "-m", "pip"]
    told = _install().uv_environment(pip)
    assert told["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert told["UV_INDEX"] == "https://two.example/simple https://three.example/simple"
    assert told["UV_FIND_LINKS"] == "/wheels"
    monkeypatch.setenv("PIP_INDEX_URL", "https://stronger.example/simple")
    assert _install().uv_environment(pip)["UV_DEFAULT_INDEX"] == "https://stronger.example/simple"


def _install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", ROOT / "scripts/_toolchain/install.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
