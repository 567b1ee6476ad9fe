"""The ABIs, the storage layout and the shipped manifest, against what is in git.

`UPDATE_SNAPSHOTS=1` rewrites the snapshots; a reader of the diff sees what changed for integrators.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
SNAPSHOTS = ROOT / "tests" / "snapshots"
MANIFEST = json.loads((ROOT / "registry" / "chain" / "manifest.json").read_text(encoding="utf-8"))
STATEFUL = [
    "AssetRegistry",
    "Brake",
    "ComputeEscrow",
    "Curation",
    "Datatoken",
    "Directory",
    "Lineage",
    "Marketplace",
    "Receipts",
    "RegistryAuthority",
    "RegistryGovernor",
    "RegistryToken",
    "RevenueSplitter",
    "Standards",
    "Streams",
    "TokenDistributor",
    "Treasuries",
]

UPDATING = os.environ.get("UPDATE_SNAPSHOTS") == "1"
ADDRESSES = 60
"""Units of gas that zero bytes in the addresses of a call may make: five of them."""


def check(name: str, content: Any) -> None:
    """Hold `content` equal to the snapshot of this name, or write it if asked to."""
    assert content == _kept(name, content), f"{name} changed: see UPDATE_SNAPSHOTS=1"


def check_gas(name: str, gas: dict[str, int]) -> None:
    """Hold `gas`, by act, equal to the snapshot of this name but for what addresses cost among the call data.

    They differ with the order in which the tests of a process ran, and a byte of them that is zero costs 12 gas less.
    """
    kept = _kept(name, gas)
    assert gas == {act: pytest.approx(spent, abs=ADDRESSES) for act, spent in kept.items()}, (
        f"{name} changed: see UPDATE_SNAPSHOTS=1"
    )


def _kept(name: str, content: Any) -> Any:
    path = SNAPSHOTS / name
    if UPDATING:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert path.exists(), f"no snapshot {name}: run with UPDATE_SNAPSHOTS=1"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(MANIFEST["contracts"]))
def test_the_abi_is_the_one_in_git(name: str) -> None:
    check(f"abi/{name}.json", MANIFEST["contracts"][name]["abi"])


@pytest.mark.skipif(UPDATING, reason="the snapshots are being written")
def test_there_is_no_snapshot_of_a_contract_that_is_gone() -> None:
    assert sorted(path.stem for path in (SNAPSHOTS / "abi").glob("*.json")) == sorted(MANIFEST["contracts"])


@pytest.mark.parametrize("name", STATEFUL)
def test_the_storage_layout_is_the_one_in_git(name: str) -> None:
    forge = shutil.which("forge", path=f"{ROOT / '.bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    assert forge, "forge is not installed: run make"
    run = subprocess.run(
        [forge, "inspect", name, "storageLayout", "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    layout = json.loads(run.stdout)
    check(f"storage/{name}.json", _trimmed(layout))


def test_the_manifest_is_what_the_contracts_compile_to(project: Any) -> None:
    spec = importlib.util.spec_from_file_location("build_manifest", ROOT / "scripts" / "build_manifest.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.build() == script.MANIFEST.read_text(encoding="utf-8"), "run 'ape run build_manifest'"


def test_no_mock_is_in_the_manifest() -> None:
    mocks = {
        name
        for path in (ROOT / "contracts" / "mocks").glob("*.sol")
        for name in re.findall(r"^contract (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(mocks) > 15
    assert mocks.isdisjoint(MANIFEST["contracts"])


def _trimmed(layout: dict[str, Any]) -> dict[str, Any]:
    """The layout without the compiler's numbering of syntax nodes, which any edit moves."""

    def plain(type_id: str) -> str:
        return re.sub(r"\)\d+", ")", type_id)

    def variable(entry: dict[str, Any]) -> dict[str, Any]:
        return {key: entry[key] for key in ("label", "offset", "slot")} | {"type": plain(entry["type"])}

    types = {}
    for type_id, entry in (layout["types"] or {}).items():
        kept = {key: entry[key] for key in ("label", "numberOfBytes")}
        if "members" in entry:
            kept["members"] = [variable(member) for member in entry["members"]]
        types[plain(type_id)] = kept
    return {"storage": [variable(entry) for entry in layout["storage"]], "types": types}
