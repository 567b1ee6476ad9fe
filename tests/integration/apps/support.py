"""A registry on a node with something for sale, and servers of apps over it in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from integration.support import Anvil
from registry import CID, DataBudget, Gated, Licence, Published, Registry, ResultFile, Terms
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.host.host_server import HostServer
from registry.ipfs.importer import add_file
from registry.system.serving import listen

AUTHOR, BUYER, STRANGER = 0, 1, 5

COUNT = """
import os
from pathlib import Path

rows = (Path(os.environ["REGISTRY_INPUTS"]) / "data" / "patients.csv").read_text().splitlines()
(Path(os.environ["REGISTRY_OUTPUTS"]) / "rows.txt").write_text(f"{len(rows) - 1} patients")
"""
"""Counts those who stay at home."""

COLLECTED = b"species,mass\nGentoo,5076\n"
SEALED = b"species,mass\nAdelie,3700\n"


class Market:
    """A registry on a node, at home in `folder`: public content that is sold, and gated content with one gateway."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = ExitStack()
        self.node = Anvil()
        self._open.callback(self.node.stop)
        chain = Chain.connect(self.node.url)
        self.deployment = deploy_local(chain)
        self.home = folder / "home"
        self.author = self.person(AUTHOR)
        for number in (AUTHOR, BUYER, STRANGER):
            self.person(number).fund("1000 USD")
        data = folder / "penguins.csv"
        data.write_bytes(COLLECTED)
        self.asset = self.author.publish(
            data,
            name="Palmer penguins",
            type="dataset",
            license="CC0-1.0",
            licences=[
                Licence.period("commercial", days=30, price="12.5 USD"),
                Licence.free("research", limit=1),
                Licence.stream("by the second", price="60 USD", per="30 days"),
            ],
        )
        data.write_bytes(SEALED)
        self.sealed = self.author.publish(
            data,
            name="Sealed penguins",
            type="dataset",
            license="CC0-1.0",
            gated=Gated(gateways=[self._gateway()]),
            licences=[Licence.free("research")],
        )

    def offer_runs(self) -> tuple[Published, CID]:
        """Runs of a program on data that stay, at a host that listens; the buyer holds two."""
        (self.folder / "count.py").write_text(COUNT)
        (self.folder / "ward").mkdir()
        (self.folder / "ward" / "patients.csv").write_text("name,mass\nann,61\nbob,78\n")
        code = add_file(self.folder / "count.py", self.author.store).cid
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        terms = Terms(
            code=(code,),
            outputs=(ResultFile(path="rows.txt", bytes=20),),
            budget=DataBudget(runs=2, bytes=40),
            memory=512 * 2**20,
            url=url,
        )
        offer = self.author.publish(
            self.folder / "ward",
            name="Ward 7",
            type="dataset",
            license="MIT",
            licences=[Licence.uses("runs", uses=2, price="3 USD")],
            compute=terms,
        )
        self.author.grant(offer.did, "runs", to=dev_signer(BUYER).address)
        data = self.author.get(offer.did).ddo.compute.data  # type: ignore[union-attr]
        desk = self.author.jobs.desk({data: self.folder / "ward"})  # type: ignore[dict-item]
        self._open.enter_context(HostServer(self.author, desk, sock, url))
        return offer, code

    def close(self) -> None:
        """End all that runs."""
        self._open.close()

    def person(self, number: int) -> Registry:
        """A client of one of the accounts for tests."""
        return Registry.connect(
            self.node.url, signer=dev_signer(number), home=self.home, deployment=self.deployment, progress=None
        )

    def _gateway(self) -> str:
        folder = self.folder / "gateway"
        folder.mkdir()
        make_key_file(folder / "gateway.key")
        keys = Keys.make(folder / "keys.age", KeyLock(key_file=folder / "gateway.key"))
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        service = GatewayService(
            folder, keys, Chain.connect(self.node.url), self.deployment, Settings(url, depth=0, head_age=None)
        )
        self._open.callback(service.close)
        self._open.enter_context(GatewayServer(service, sock))
        return url

    def serve(self, *command: str, port: int, ready: str = "/", **environment: str) -> str:
        """A server in a process of its own, which knows this registry and has no key; returns its address."""
        told = {"REGISTRY_RPC": self.node.url, "REGISTRY_DEPLOYMENT": self.deployment.registry}
        told |= {"REGISTRY_HOME": str(self.home), "HOME": str(self.folder), **environment}
        log = (self.folder / "server.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, *command], cwd=self.folder, env={**os.environ, **told}, stdout=log, stderr=log
        )
        self._open.callback(_end, process)
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(url + ready, timeout=5):
                    return url
            except (urllib.error.URLError, OSError):
                assert process.poll() is None and time.monotonic() < until, (self.folder / "server.log").read_text()
                time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, so that it writes down what was measured, and end it if it does not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
