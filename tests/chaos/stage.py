"""The world before each run: contracts, a DAO that votes, a shop whose payout is a splitter, a gated asset, one that is
sold by the second, the offer of a host, gateways.

It is made once. Before each run the node goes back to it, and disks get a copy of what was kept in files.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from chaos import processes
from chaos.plan import GATEWAY_DEPTH
from registry import Gated, Licence, Registry
from registry.chain import logs, reverts
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.compute.host_offer import HostOffer
from registry.gated.key_store import FileKeys
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.ipfs.store import LocalStore
from registry.system.serving import listen
from registry.types import Address, to_address

AUTHOR, PERSON, EARLIER, GUARDIAN = 0, 1, 2, 3
VOTES: Final = {AUTHOR: 3_000_000, PERSON: 1_000_000}
SHARES: Final[dict[Address, int]] = {
    to_address("0x" + f"{0xA0 + number:02x}" * 20): weight for number, weight in enumerate((17, 31, 3, 40, 9))
}
"""Payees of the shop's splitter: weights that leave a remainder."""

MONTH: Final = Licence.period("month", days=30, price="12.5 USD")
CALLS: Final = Licence.uses("calls", uses=10, price="0.002 ETH")
LIVE: Final = Licence.stream("live", price="3.6 USD", per="1 hour")
HOUR: Final = 3_600
RUN: Final = Licence.run("run", price="2 USD", per="100 seconds")
PASSPHRASE: Final = "correct horse battery"
GATEWAYS: Final = ("ann", "bob", "cleo")
THRESHOLD: Final = 2
_PORTS: Final = range(21_000, 31_000)  # below those that systems hand out by themselves


@dataclass(frozen=True)
class Stage:
    """What a run finds: addresses and numbers, and folders to copy or to read from. `head` is the last block of it;
    `dollars` are what each account had in units then, `coins` what the person had in wei."""

    folder: Path
    node_url: str
    ports: tuple[int, ...]
    accounts: tuple[str, ...]
    deployment: Deployment
    head: int
    shop: str
    splitter: Address
    proposal: int
    secret: str
    wire: str
    runs: str
    host_offer: bytes
    content: dict[str, bytes]
    dollars: dict[str, int]
    coins: int
    modules: tuple[str, ...]

    @property
    def author_store(self) -> Path:
        """The blocks that the author serves."""
        return self.folder / "author" / "blocks"

    @property
    def gateway_urls(self) -> list[str]:
        """Where the key gateways are."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]


def warm(stage: Stage) -> None:
    """Load what the world took to make, once for all that are forked off this process."""
    for name in stage.modules:
        if name.partition(".")[0] != "__main__":
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    reverts.declared()
    logs._by_topic()


def make_home_keys(folder: Path) -> None:
    """A place for keys that a passphrase opens, for the author and for the person of each run."""
    FileKeys(folder / "keys", lambda: PASSPHRASE)._recipient()
    shutil.copytree(folder / "keys", folder / "author" / "keys")


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that nobody listens on, and that the system gives nobody unasked."""
    found: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, 200):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return tuple(found)


def prepare(node: Any, folder: Path) -> Stage:
    """Make the world on a node that makes a block for each transaction; in a process without threads."""
    random_bytes = random.Random(7).randbytes
    chain = Chain.connect(node.url)
    votes = {dev_signer(number).address: held for number, held in VOTES.items()}
    deployment = found_local(chain, deploy_local(chain), votes, guardian=dev_signer(GUARDIAN).address)
    ports = free_ports(len(GATEWAYS))
    running = []
    for name, port in zip(GATEWAYS, ports, strict=True):
        make_keys(folder, name, node)
        running.append(
            processes.start(partial(keep_keys, folder / "gateways", folder, name, port, node.url, deployment))
        )
    os.environ["REGISTRY_KEYS"] = "file"
    os.environ["REGISTRY_KEYS_PASSPHRASE"] = PASSPHRASE

    def person(number: int) -> Registry:
        home = folder / ("author" if number == AUTHOR else f"person {number}")
        served = [LocalStore(folder / "author" / "blocks")]
        return Registry.connect(node.url, signer=dev_signer(number), home=home, deployment=deployment, sources=served)

    author, earlier = person(AUTHOR), person(EARLIER)
    for number in (AUTHOR, PERSON, EARLIER):
        person(number).fund("1_000_000 USD")
    for number in VOTES:
        person(number).governance.delegate()
    split = author.revenue.create(SHARES)
    shop = author.publish(
        None, name="Shop", type="dataset", license="MIT", licences=[MONTH], payout=split.address, description="Sold."
    )
    earlier.buy(shop.did, "month", max_total="12.5 USD")
    content = {"data.csv": b"a,b\n1,2\n" * 100, "more/weights.bin": random_bytes(70_000)}
    source = folder / "gated content"
    write(source, content)
    running.append(processes.start(partial(tick, node)))
    secret = author.publish(
        source,
        name="Secret",
        type="dataset",
        license="CC0-1.0",
        licences=[CALLS],
        gated=Gated(gateways=[f"http://127.0.0.1:{port}" for port in ports], threshold=THRESHOLD),
    )
    wire = author.publish(None, name="Wire", type="dataset", license="MIT", licences=[LIVE])
    runs = author.publish(None, name="Runs", type="dataset", license="MIT", licences=[RUN])
    with author.governance.collect() as act:
        act.act("halve the fee", act.assets.functions.setFee(50))
    made = author.governance.propose(author.governance.draft(act, title="Halve the fee", body="Cheaper for all."))
    chain.advance(86_400 + 60)
    for pid in running:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    node.rpc("anvil_mine", hex(GATEWAY_DEPTH + 2))
    treasury = author.sales_rules[0]
    held = (deployment.streams, deployment.escrow)
    accounts = (dev_signer(PERSON).address, treasury, split.address, *held, *SHARES)
    return Stage(
        folder=folder,
        node_url=node.url,
        ports=ports,
        accounts=tuple(open_keys(folder, folder / "gateways", name).address for name in GATEWAYS),
        deployment=deployment,
        head=chain.block().number,
        shop=str(shop.did),
        splitter=split.address,
        proposal=made.id,
        secret=str(secret.did),
        wire=str(wire.did),
        runs=str(runs.did),
        host_offer=_offered(author, runs.did.asset_id).to_bytes(),
        content=content,
        dollars={account: person(PERSON).balance("USD", account=account).units for account in accounts},
        coins=chain.balance(dev_signer(PERSON).address),
        modules=tuple(sys.modules),
    )


def _offered(host: Registry, asset_id: int) -> HostOffer:
    """Signed by its host: a minute for the person, to be begun within the most that there is for it."""
    offer = HostOffer(
        asset_id=asset_id,
        licence=0,
        host=host.address,
        consumer=dev_signer(PERSON).address,
        job="07" * 32,
        bond=str(host.amount("0.5 USD").units),
        run_time=60,
        grace_time=600,
        review_time=86_400,
        accept_by=host.chain.block().timestamp + 20 * 86_400,
    )
    message = offer.message(host.chain.chain_id, host.deployment.escrow)
    return offer.signed(dev_signer(AUTHOR).sign_typed_data(message))


def write(folder: Path, content: dict[str, bytes]) -> None:
    """Write files."""
    for path, data in content.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def tick(node: Any) -> int:
    """Make blocks, until the process is told to end."""
    while True:
        node.rpc("evm_mine")
        time.sleep(0.1)


def make_keys(folder: Path, name: str, node: Any) -> None:
    """The keys of a gateway, and coins on its account."""
    place = folder / "gateways" / name
    place.mkdir(parents=True)
    make_key_file(folder / f"{name}.key")
    made = Keys.make(place / KEYS, KeyLock(key_file=folder / f"{name}.key"))
    node.rpc("anvil_setBalance", made.address, hex(10**19))


def open_keys(stage_folder: Path, gateways: Path, name: str) -> Keys:
    """The keys of a gateway whose folder is below `gateways`."""
    return Keys.open(gateways / name / KEYS, KeyLock(key_file=stage_folder / f"{name}.key"))


def keep_keys(
    gateways: Path, folder: Path, name: str, port: int, url: str, deployment: Deployment, patience: float = 2.0
) -> int:
    """Serve as one gateway until the process is told to end."""
    opened = open_keys(folder, gateways, name)
    settings = Settings(
        f"http://127.0.0.1:{port}",
        depth=GATEWAY_DEPTH,
        patience=patience,
        head_age=None,
        address_rate=1000,
        address_burst=1000,
        account_rate=1000,
        account_burst=1000,
    )
    gateway = GatewayService(gateways / name, opened, Chain.connect(url, timeout=1.0), deployment, settings)
    GatewayServer(gateway, listen("127.0.0.1", port)).run()
    gateway.close()
    return 0


def copy_files(stage: Stage, home: Path, gateways: Path, *, with_keys: bool) -> None:
    """What a person and the gateways have on their disks when a run begins."""
    home.mkdir(parents=True)
    if with_keys:
        shutil.copytree(stage.folder / "keys", home / "keys")
    shutil.copytree(stage.folder / "gateways", gateways)


def client(stage: Stage, url: str, home: Path, *, confirmations: int, timeout: float = 1.0) -> Registry:
    """The person's client, with the settings that anybody may choose."""
    return Registry.connect(
        url,
        signer=dev_signer(PERSON),
        home=home,
        deployment=stage.deployment,
        sources=[LocalStore(stage.author_store)],
        confirmations=confirmations,
        timeout=timeout,
    )


def reader(stage: Stage, home: Path) -> Registry:
    """The same account, asking the node itself, with a journal that is nowhere: for the one who checks."""
    return Registry.on(
        Chain.connect(stage.node_url),
        signer=dev_signer(PERSON),
        home=home,
        deployment=stage.deployment,
        sources=[LocalStore(stage.author_store)],
        journal=Journal.in_memory(),
    )
