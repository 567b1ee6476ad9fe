"""The files that fix what our own tests install: they hold for every platform and for every package host."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


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
