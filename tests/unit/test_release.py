"""What would be released: the wheel holds all the package needs, and nothing else (the rest is `make release`)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_release", ROOT / "scripts/_toolchain/check_release.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree, with tests in it as a checkout has them."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tree)
    for folder in ("registry", "examples", "tests/unit/documents"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    python = ROOT / ".venv-release" / "bin" / "python"
    assert python.exists(), "what builds releases is not set up: make .venv-release/ready"
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('dist'))"
    done = subprocess.run([python, "-c", build], cwd=tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return next((tree / "dist").glob("*.whl"))


def test_the_wheel_is_the_package_and_nothing_else(check: ModuleType, wheel: Path) -> None:
    assert list(check.faults(check.read(wheel))) == []


def test_what_must_not_travel_is_found(check: ModuleType, wheel: Path) -> None:
    whole = check.read(wheel)
    module = "registry/money.py"

    def told(files: dict[str, bytes]) -> str:
        return "\n".join(check.faults(files))

    for name in (
        module,
        "registry/py.typed",
        "registry/chain/manifest.json",
        "registry/examples/penguins/penguins.csv",
    ):
        assert f"{name} is missing" in told({path: data for path, data in whole.items() if path != name})
    assert "tests/unit/test_money.py has no business here" in told({**whole, "tests/unit/test_money.py": b""})
    assert "not the file of the tree" in told({**whole, module: whole[module] + b"\n"})
    key = b"-----BEGIN EC " + b"PRIVATE KEY-----"
    assert "holds a secret" in told({**whole, module: whole[module] + key})
    assert "path of this machine" in told({**whole, module: whole[module] + f"# {ROOT}/x".encode()})
    metadata = next(name for name in whole if name.endswith("/METADATA"))
    assert "for License-Expression" in told({**whole, metadata: whole[metadata].replace(b": MIT", b": BUSL-1.1")})
    assert "the metadata lack the extras" in told(
        {**whole, metadata: whole[metadata].replace(b"Provides-Extra: server", b"Provides-Extra: serving")}
    )
    assert check.main([]) == 1, "nothing built is nothing checked"


def test_the_demo_finds_its_data_in_what_was_installed(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    code = (
        "import registry.cli.demo as demo; print(demo.EXAMPLES); print(sorted(p.name for p in demo.EXAMPLES.iterdir()))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    examples = sorted(path.name for path in (ROOT / "examples").iterdir())
    assert done.stdout.splitlines() == [str(place / "registry/examples"), str(examples)]
    assert "penguins" in examples
