"""Nodes asked over web sockets: limits on what passes at once, on either side, and several who ask at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from quirks.socket_proxy import SocketProxy

from integration.support import Anvil
from registry import Licence, Registry
from registry.assets.drafting import Draft
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.chain.transport import read_answer
from registry.errors import ConnectionFailed, RegistryError

SALES = 30


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    node = Anvil()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def deployment(anvil: Anvil) -> Deployment:
    """With some events of the dollar in blocks of their own."""
    chain = Chain.connect(anvil.url)
    made = deploy_local(chain)
    anybody = Registry.on(chain, signer=dev_signer(1), deployment=made, home=None, progress=None)
    for _ in range(SALES):
        anybody.fund("1 USD")
    return made


def events(chain: Chain, deployment: Deployment) -> int:
    return len(list(chain.events(chain.contract("LocalDollar", deployment.tokens["USD"]).events.Transfer)))


@pytest.mark.parametrize("whose", ["the client's", "the node's"])
def test_events_above_a_limit_are_asked_for_in_shorter_ranges(
    anvil: Anvil, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    limit = 6_000
    if whose == "the client's":
        monkeypatch.setattr("registry.chain.connection.ANSWER_MAX", limit)
    with SocketProxy(anvil.url, gives=2**30 if whose == "the client's" else limit) as node:
        assert events(Chain.connect(node.url, timeout=10), deployment) >= SALES
        assert node.asked > 5, "they did not fit into one answer"


def test_an_answer_above_the_limit_that_cannot_be_halved_is_told_as_one(
    anvil: Anvil, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.chain.connection.ANSWER_MAX", 2_000)
    with SocketProxy(anvil.url) as node:
        chain = Chain.connect(node.url, timeout=10)
        with pytest.raises(ConnectionFailed, match="too big") as caught:
            chain.code_hash(deployment.registry)
        assert caught.value.status == 413
        assert chain.block().number > 0, "the line is open again"


@pytest.fixture
def drafts() -> list[Draft]:
    licences = [Licence.free("research")]
    return [Draft(name=f"Many {number}", type="model", license="MIT", licences=licences) for number in range(20)]


def author_at(url: str, deployment: Deployment, home: Path) -> Registry:
    chain = Chain.connect(url, timeout=10)
    return Registry.on(chain, signer=dev_signer(0), deployment=deployment, home=home, progress=None)


def test_publications_above_the_limit_of_the_node_are_sent_in_parts_that_it_takes(
    anvil: Anvil, deployment: Deployment, tmp_path: Path, drafts: list[Draft]
) -> None:
    with SocketProxy(anvil.url, takes=8_000) as node:
        author = author_at(node.url, deployment, tmp_path)
        made = author.publish_many(drafts)
        assert [author.get(one.did).ddo.name for one in made] == [one.name for one in drafts]
    assert 1 < len({one.tx.tx_hash for one in made if one.tx is not None}) < len(drafts)


def test_publications_that_may_be_there_twice_are_not_sent_in_other_parts(
    anvil: Anvil, deployment: Deployment, tmp_path: Path, drafts: list[Draft]
) -> None:
    with SocketProxy(anvil.url, takes=8_000) as node:
        author = author_at(node.url, deployment, tmp_path)
        with pytest.raises(ConnectionFailed, match="too big") as caught:
            author.publish_many(drafts, again=True)
        assert caught.value.status == 413


def test_several_who_ask_at_once_each_get_their_own_answer(anvil: Anvil, deployment: Deployment) -> None:
    with SocketProxy(anvil.url) as node, ThreadPoolExecutor(8) as pool:
        chain = Chain.connect(node.url, timeout=10)
        places = [deployment.registry, deployment.tokens["USD"], dev_signer(0).address, dev_signer(9).address] * 10
        alone = [chain.balance(place) for place in places]
        assert list(pool.map(chain.balance, places)) == alone
        assert len({*pool.map(chain.code_hash, places)}) == 3


@pytest.mark.parametrize("depth", [300, 5_000, 500_000])
def test_brackets_without_end_are_no_answer_and_end_no_process(anvil: Anvil, depth: int) -> None:
    """The decoder of the standard library recurses, up to a limit that libraries of chains raise to 100,000."""
    for hostile in ("[" * depth, '{"id": 1, "result": ' + "[" * depth + "]" * depth + "}"):
        with SocketProxy(anvil.url, answer=hostile) as node, pytest.raises(RegistryError):
            Chain.connect(node.url, timeout=5).block()
        with pytest.raises(json.JSONDecodeError):
            read_answer(hostile)
