"""Measure which lines and branches of the contracts the functional tests run: `make coverage`.

Ape knows no coverage of Solidity. So the tests run once more in a copy of the project, on contracts compiled without
optimising them (`solc.py`), on an EVM that notes each instruction (`recorder.py`); `source.py` reads the notes by the
compiler's source maps. Exit code 1 if a contract stays under its bar.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from source import Coverage, measure

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FOLDER = ROOT / ".coverage-contracts"
TREE = FOLDER / "project"
# Gas and snapshots are of the code that ships.
LEFT_OUT = [
    "--ignore=tests/functional/test_snapshots.py",
    "--ignore=tests/functional/test_gas_snapshot.py",
    "--ignore=tests/functional/test_gas_of_revenue.py",
    "--ignore=tests/functional/governance/test_gas_of_governance.py",
    "--deselect=tests/functional/test_lineage.py::test_a_publication_with_eight_ancestors_stays_affordable",
]

# Where money passes, everything; elsewhere nearly everything.
MONEY = [
    "assets/AssetRegistry.sol",
    "assets/Assets.sol",
    "assets/Datatoken.sol",
    "assets/Grants.sol",
    "assets/Licences.sol",
    "compute/ComputeEscrow.sol",
    "libraries/CallLib.sol",
    "libraries/ItemId.sol",
    "libraries/LeafLib.sol",
    "libraries/ShareTable.sol",
    "libraries/SlotLib.sol",
    "libraries/StreamLib.sol",
    "market/Deposits.sol",
    "market/Marketplace.sol",
    "market/Sales.sol",
    "market/Seller.sol",
    "market/Streams.sol",
    "revenue/Ledger.sol",
    "revenue/Lineage.sol",
    "revenue/LineageSplitter.sol",
    "revenue/RevenueSplitter.sol",
    "revenue/Splitter.sol",
    "revenue/SplitterFactory.sol",
]
MONEY_BAR, BAR = 1.0, 0.95


def copy_project() -> None:
    """A project of its own, so that neither ape's build nor its caches of the real one change."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    TREE.mkdir(parents=True)
    ignored = shutil.ignore_patterns(".cache", "__pycache__")
    for name in ("contracts", "tests", "registry", "scripts"):
        shutil.copytree(ROOT / name, TREE / name, ignore=ignored)
    for name in ("ape-config.yaml", "pyproject.toml", "foundry.toml"):
        shutil.copy(ROOT / name, TREE / name)
    (TREE / "node_modules").symlink_to(ROOT / "node_modules")
    (TREE / ".solcx").mkdir()
    for compiler in (ROOT / ".solcx").iterdir():
        shutil.copy(HERE / "solc.py", TREE / ".solcx" / compiler.name)


def run_tests() -> int:
    """Run the functional tests in the copy; their exit code."""
    (compiler,) = (ROOT / ".solcx").iterdir()
    environment = {
        **os.environ,
        "APE_DATA_FOLDER": str(FOLDER / "ape"),
        "COVERAGE_FOLDER": str(FOLDER),
        "COVERAGE_SOLC": str(compiler),
        "PYTHONPATH": str(HERE),
        "SOLCX_BINARY_PATH": str(TREE / ".solcx"),
    }
    command = ["ape", "test", "tests/functional", "-p", "recorder", "--network", "ethereum:local:test", "-n", "2", "-q"]
    compiled = subprocess.run(["ape", "compile"], cwd=TREE, env=environment, capture_output=True, text=True)
    if compiled.returncode != 0:
        sys.exit(compiled.stdout + compiled.stderr)
    return subprocess.run([*command, *LEFT_OUT], cwd=TREE, env=environment).returncode


def show(coverage: dict[str, Coverage]) -> bool:
    """Print and write the table, and what was missed; whether every bar was reached."""
    rows = ["| contract | lines | branches |", "|---|---|---|"]
    short = []
    for path, one in sorted(coverage.items()):
        bar = MONEY_BAR if path in MONEY else BAR
        rows.append(f"| {path.removesuffix('.sol')} | {one.lines} | {one.branches} |")
        if min(one.lines.share, one.branches.share) < bar:
            short.append(f"{path} must reach {bar:.0%}")
    text = "\n".join(rows) + "\n"
    (FOLDER / "report.md").write_text(text, encoding="utf-8")
    missed = [f"contracts/{path}:{miss}" for path, one in sorted(coverage.items()) for miss in one.missed]
    missed += [f"contracts/{path}:{miss}" for path, one in sorted(coverage.items()) for miss in one.uncounted]
    print(text, *missed, *short, sep="\n")  # noqa: T201
    return not short


def main() -> int:
    """Copy, compile, run, read."""
    copy_project()
    failed = run_tests()
    coverage = measure(FOLDER, TREE / "contracts")
    return int(not show(coverage) or failed != 0)


if __name__ == "__main__":
    raise SystemExit(main())
