"""A real node for each test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .support import Anvil


@pytest.fixture
def start_anvil() -> Iterator[Callable[..., Anvil]]:
    """Start as many nodes as a test needs, with options of its own; all are killed after it."""
    running: list[Anvil] = []

    def start(*options: str) -> Anvil:
        running.append(Anvil(*options))
        return running[-1]

    yield start
    for node in running:
        node.stop()


@pytest.fixture
def anvil(start_anvil: Callable[..., Anvil]) -> Anvil:
    """A fresh node with chain number 1337 that mines each transaction at once."""
    return start_anvil()
