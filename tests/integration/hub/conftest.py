"""One town for the tests of hubs, and one hub of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Postgres

from integration.hub.support import Town
from integration.support import Anvil
from registry.hub.hub_server import HubServer


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    node = Anvil()
    yield Town(node, tmp_path_factory.mktemp("town"))
    node.stop()


@pytest.fixture(scope="module")
def hub(town: Town) -> Iterator[HubServer]:
    town.mine(40)
    with town.hub(finality=30) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
