"""One node for all tests of the key gateway; each test has assets and gateways of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.gateway.support import (
    AUTHOR,
    BUYER,
    HEARD,
    MONTH,
    STRANGER,
    Town,
    Voice,
    no_secret_in,
    shares,
)
from integration.support import Anvil
from registry import Published, Registry
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import KeySigner, dev_signer


@pytest.fixture(scope="package")
def node() -> Iterator[Any]:
    running = Anvil()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def prague() -> Iterator[tuple[Anvil, Deployment]]:
    """A node on which an account with a key may be given code (EIP-7702)."""
    node = Anvil("--hardfork", "prague")
    yield node, deploy_local(Chain.connect(node.url))
    node.stop()


@pytest.fixture(scope="package")
def deployment_there(node: Any) -> Deployment:
    chain = Chain.connect(node.url)
    made = deploy_local(chain)
    for number in range(4):
        Registry.connect(node.url, signer=dev_signer(number), deployment=made, home=None).fund("1_000_000 USD")
    return made


@pytest.fixture(scope="package", autouse=True)
def nothing_leaks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After all tests of this folder: no secret in any answer, and in no file but where it is kept under its lock."""
    folder = tmp_path_factory.getbasetemp()
    others = set(folder.iterdir())
    yield
    for answer in HEARD.answers:
        no_secret_in(answer)
    for path in (inner for one in folder.iterdir() if one not in others for inner in one.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix != ".key":
            no_secret_in(path.read_bytes())


@pytest.fixture
def town(node: Any, deployment_there: Deployment, tmp_path: Path) -> Iterator[Town]:
    made = Town(node, deployment_there, tmp_path)
    with made.stack:
        yield made


@pytest.fixture
def own_town(start_anvil: Callable[..., Any], tmp_path: Path) -> Iterator[Town]:
    """On a node of its own, for tests that turn its time back."""
    running = start_anvil()
    made = Town(running, deploy_local(Chain.connect(running.url)), tmp_path)
    for number in range(4):
        made.person(number).fund("1_000_000 USD")
    with made.stack:
        yield made


@pytest.fixture
def author(town: Town) -> Registry:
    return town.person(AUTHOR)


@pytest.fixture
def buyer(town: Town) -> Registry:
    return town.person(BUYER)


@pytest.fixture
def author_key() -> KeySigner:
    return dev_signer(AUTHOR)


@pytest.fixture
def buyer_key() -> KeySigner:
    return dev_signer(BUYER)


@pytest.fixture
def stranger_key() -> KeySigner:
    return dev_signer(STRANGER)


@pytest.fixture
def gateway(town: Town) -> Voice:
    return town.gateway()


@pytest.fixture
def share() -> str:
    return shares(1, 1)[0]


@pytest.fixture
def asset(town: Town, gateway: Voice, author_key: KeySigner, share: str) -> Published:
    """An asset with a licence by the month, whose key the gateway keeps."""
    made = town.publish(MONTH)
    answer = gateway.deposit(author_key, str(made.did), share)
    assert answer.status_code == 200, answer.text
    return made


@pytest.fixture
def bought(town: Town, asset: Published, buyer: Registry) -> Published:
    """The same, bought by the buyer a while ago."""
    buyer.buy(asset.did, "month", max_total="12.5 USD")
    town.mine(5)
    return asset
