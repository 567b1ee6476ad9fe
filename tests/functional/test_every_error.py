"""Each error that the interfaces declare is provoked by a functional test, and all that are named are theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INTERFACES = HERE.parent.parent / "contracts" / "interfaces"
DECLARED = sorted(
    {name for path in INTERFACES.glob("*.sol") for name in re.findall(r"error (\w+)\(", path.read_text())}
)
TESTED = "\n".join(path.read_text() for path in HERE.rglob("test_*.py") if path != Path(__file__))


def test_the_interfaces_declare_errors() -> None:
    assert len(DECLARED) > 35


@pytest.mark.parametrize("name", DECLARED)
def test_the_error_is_provoked_with_its_values(name: str) -> None:
    assert re.search(rf'\("{name}"', TESTED), f"no functional test expects {name}"
