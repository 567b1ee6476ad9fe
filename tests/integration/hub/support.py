"""Hubs on loopback ports over a registry on an anvil, and hubs that lie."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from integration.support import Anvil
from registry import Licence, Registry
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.hub.follower import Hub
from registry.hub.hooks import Hooks
from registry.hub.hub_server import HubServer
from registry.hub.hub_settings import HubSettings
from registry.index.home_index import open_index
from registry.index.indexer import Finality
from registry.index.remote import RemoteHub
from registry.index.search.fts import FtsEngine
from registry.index.stores import open_store
from registry.system.serving import listen


class Town:
    """A registry on a node with three assets of two people, one of them bought."""

    def __init__(self, node: Anvil, home: Path) -> None:
        self.node = node
        self.home = home
        chain = Chain.connect(node.url)
        self.author = Registry.on(chain, signer=dev_signer(0), deployment=deploy_local(chain), home=home)
        self.buyer = self.author.as_account(dev_signer(1))
        self.buyer.fund("100 USD")
        hour = Licence.period("hour", hours=1, price="1 USD")
        free = Licence.free("read")
        runs = Licence.run("runs", price="2 USD", per="100 seconds", minimum="50 seconds")
        publish = self.author.publish
        publish(None, name="Palmer penguins", type="dataset", license="CC0-1.0", licences=[free, runs], tags=["birds"])
        publish(None, name="Penguin model", type="model", license="MIT", licences=[hour, runs])
        self.buyer.publish(None, name="Seals", type="dataset", license="MIT")
        self.buyer.buy(2, "hour")

    @contextmanager
    def hub(
        self,
        *,
        database: str = ":memory:",
        settings: dict[str, Any] | None = None,
        hooks: Hooks | None = None,
        follows: bool = True,
        engine: FtsEngine | None = None,
        finality: int = 1,
        peers: Sequence[str] = (),
    ) -> Iterator[HubServer]:
        """A hub that has taken everything there is."""
        chain = Chain.connect(self.node.url)
        reader = Registry.on(chain, deployment=self.author.deployment, home=self.home)
        index = open_index(
            reader, open_store(database), engine or FtsEngine(), finality=Finality(finality), keeps=follows
        )
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        options = {"every": 0.05, "rate": 10_000.0, "burst": 10_000, **(settings or {})}
        hub = Hub(
            index, HubSettings(url, **options), chain_id=chain.chain_id, hooks=hooks, follows=follows, peers=peers
        )
        if follows:
            index.catch_up()
        with HubServer(hub, sock) as server:
            yield server
        index.close()

    def mine(self, blocks: int = 1) -> None:
        self.node.rpc("anvil_mine", hex(blocks))

    @property
    def reader(self) -> Registry:
        return self.author.as_account(None)


def wait_for(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What a condition gives once it holds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came about")


class Liar(RemoteHub):
    """A hub some of whose answers were changed on the way; `lie` changes the JSON of a path that begins so."""

    def __init__(self, url: str, path: str, lie: Callable[[Any], Any]) -> None:
        super().__init__(url)
        self._lie = path, lie

    def _ask(self, path: str, params: dict[str, str]) -> tuple[int, bytes]:
        status, data = super()._ask(path, params)
        start, lie = self._lie
        if status == 200 and path.startswith(start):
            data = json.dumps(lie(json.loads(data))).encode()
        return status, data


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=20)
