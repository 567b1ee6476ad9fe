"""A key gateway that a test can stop, and the licences of what it guards."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from registry import Licence, Registry
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.system.serving import listen

SEAT = Licence.hold("seat", price="3 USD")
MONTH = Licence.period("month", days=30, price="12.5 USD")
CALLS = Licence.uses("calls", uses=2, price="2 USD")


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
