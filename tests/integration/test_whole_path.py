"""The whole path of an asset through each node that is played here, and through the kinds of node there are: each step
succeeds or raises an error of ours, and never one of web3, requests, json or asyncio.

With DEEP=1 through all of them, written down in docs/nodes.md; else through a few.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from quirks.proxy import Proxy
from quirks.whole_path import (
    AT_ONCE,
    AUTHOR,
    BUYER,
    DELEGATED,
    HARDHAT,
    NEWER,
    NODES,
    OLDER,
    REFUSED,
    STEPS,
    VOTER,
    Stage,
    keep,
    walk,
)

from integration.support import Anvil, Hardhat
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.errors import DeploymentError

DEEP = bool(os.environ.get("DEEP"))
FEW = [
    "anvil as it is",
    "half an answer at every 15th",
    "one of two nodes behind a balancer is a block late",
    "receipts late, and then without a block",
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.2)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    node = Anvil()
    made = Stage(node, tmp_path_factory.mktemp("stage"))
    with made.town.stack:
        yield made
    node.stop()


def kept(name: str, row: dict[str, str]) -> None:
    if DEEP:
        keep({name: row})


@pytest.mark.parametrize("name", NODES if DEEP else FEW)
def test_the_whole_path_through_a_node_that_is_played(stage: Stage, name: str) -> None:
    with Proxy(stage.town.anvil.url) as node:
        node.most = AT_ONCE.get(name)
        node.play(NODES[name]())
        told = walk(stage, node.url)
    kept(name, told)
    assert set(told) == set(STEPS)
    assert set(told.values()) == {"yes"} or name in REFUSED, told


@pytest.mark.parametrize("hardfork", NEWER if DEEP else ["prague"])
def test_the_whole_path_on_each_kind_of_chain(start_anvil: Callable[..., Anvil], tmp_path: Path, hardfork: str) -> None:
    made = Stage(start_anvil("--hardfork", hardfork), tmp_path)
    with made.town.stack:
        told = walk(made, made.town.anvil.url)
    kept(f"anvil, {hardfork}", told)
    assert set(told.values()) == {"yes"}


def test_an_account_that_code_acts_for_does_all_that_it_did(start_anvil: Callable[..., Anvil], tmp_path: Path) -> None:
    """EIP-7702: that code knows nothing of signatures or of tokens that are received."""
    made = Stage(start_anvil("--hardfork", "prague"), tmp_path)
    for number in (AUTHOR, BUYER, VOTER):
        code = "0xef0100" + made.town.deployment.registry[2:]
        made.town.anvil.rpc("anvil_setCode", dev_signer(number).address, code)
    with made.town.stack:
        told = walk(made, made.town.anvil.url)
    kept(DELEGATED, told)
    assert set(told.values()) == {"yes"}


@pytest.mark.skipif(not DEEP, reason="Hardhat has 292 MB: set DEEP=1")
def test_the_whole_path_on_the_node_of_others_as_it_comes(tmp_path: Path) -> None:
    node = Hardhat()
    try:
        made = Stage(node, tmp_path)
        with made.town.stack:
            told = walk(made, made.town.anvil.url)
    finally:
        node.stop()
    kept(HARDHAT, told)
    assert set(told.values()) == {"yes"}


@pytest.mark.parametrize("hardfork", OLDER if DEEP else ["shanghai"])
def test_what_is_older_than_cancun_is_refused_before_anything_is_paid(
    start_anvil: Callable[..., Any], hardfork: str
) -> None:
    chain = Chain.connect(start_anvil("--hardfork", hardfork).url)
    with pytest.raises(DeploymentError, match="older kind than Cancun"):
        deploy_local(chain)
    assert chain.block().number == 0
    kept(f"anvil, {hardfork}", {"all": "DeploymentError"})
