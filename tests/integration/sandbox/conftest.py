"""People who run strangers' programs: root, and a user with no rights at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.sandbox.people import Person
from registry.sandbox import Tier, reach


@pytest.fixture(scope="session", autouse=True)
def tier_2_is_reached() -> None:
    """These tests do not skip: where the sandbox is missing, nothing of it would be tested and nobody would notice."""
    found = reach()
    if found.tier < Tier.BUBBLEWRAP:
        pytest.fail(f"The sandbox is not available: {found.why}. {found.hint}", pytrace=False)


@pytest.fixture(scope="session", params=["root", "user"] if os.geteuid() == 0 else ["user"])
def person(request: pytest.FixtureRequest) -> Iterator[Person]:
    """Each of them in turn."""
    folder = Path(tempfile.mkdtemp(prefix="registry-test-"))
    folder.chmod(0o755)
    who = Person(request.param, folder)
    yield who
    who.leave()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def runner() -> Iterator[Person]:
    """Whoever runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="registry-test-"))
    folder.chmod(0o755)
    yield Person("runner", folder)
    shutil.rmtree(folder, ignore_errors=True)
