"""Three key gateways on loopback, and the people around a data set that they guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from registry import Gated, Licence, Published, Registry
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.system.serving import listen

SEAT = Licence.hold("seat", price="3 USD")
MONTH = Licence.period("month", days=30, price="12.5 USD")
CALLS = Licence.uses("calls", uses=2, price="2 USD")

_numbers = count(1)


class Guard:
    """A running gateway that a test can stop and start again at the same place."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry, self._folder = registry, folder
        folder.mkdir()
        make_key_file(folder / "lock.key")
        self.keys = Keys.make(folder / "keys.age", KeyLock(key_file=folder / "lock.key"))
        self._port = 0
        self._stack = ExitStack()
        self.start()

    def start(self) -> None:
        sock = listen("127.0.0.1", self._port)
        self._port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        settings = Settings(self.url, depth=0, head_age=None, account_rate=1000, account_burst=1000)
        chain, deployment = self._registry.chain, self._registry.deployment
        self.service = GatewayService(self._folder, self.keys, chain, deployment, settings)
        self._stack.callback(self.service.close)
        self._stack.enter_context(GatewayServer(self.service, sock))

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture
def guards(market_place: Registry, tmp_path: Path) -> Iterator[list[Guard]]:
    made = [Guard(market_place, tmp_path / f"gateway-{number}") for number in range(3)]
    yield made
    for guard in made:
        guard.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them in a folder."""
    made = tmp_path / "penguins"
    (made / "raw").mkdir(parents=True)
    (made / "penguins.csv").write_text("species,mass\nAdelie,3750\nGentoo,5000\n")
    (made / "raw" / "notes.txt").write_text("seen near Palmer Station\n" * 9000)
    return made


@pytest.fixture
def publish(author: Registry, folder: Path, guards: list[Guard]) -> Callable[..., Published]:
    """Publish the folder as a gated asset of the author, 2 of 3 unless said otherwise."""

    def make(*licences: Licence, threshold: int = 2, hide_names: bool = False, **fields: Any) -> Published:
        gated = Gated(gateways=[g.url for g in guards], threshold=threshold, hide_names=hide_names)
        title = f"Gated penguins {next(_numbers)}"
        return author.publish(
            folder, name=title, type="dataset", license="CC0-1.0", licences=licences, gated=gated, **fields
        )

    return make


__all__ = ["CALLS", "MONTH", "SEAT", "Guard"]
