"""Nodes as they are: whatever one of them answers, the verbs do what they say or name what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from quirks import proxy as quirks
from quirks.proxy import Proxy

from integration.support import Anvil
from registry import Licence, Registry
from registry.chain.addresses import Deployment
from registry.chain.batch import Read, read_many
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import ConnectionFailed

GIFT = Call("0x" + "ee" * 20, b"", 1)  # type: ignore[arg-type]
MONTH = Licence.period("month", days=30, price="1 USD")


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    """One node for all of these, with the contracts on it."""
    node = Anvil()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def deployment(anvil: Anvil) -> Deployment:
    return deploy_local(Chain.connect(anvil.url))


@pytest.fixture
def node(anvil: Anvil) -> Iterator[Proxy]:
    with Proxy(anvil.url) as proxy:
        yield proxy


@pytest.fixture
def chain(node: Proxy) -> Chain:
    """The chain, through the node in question."""
    return Chain.connect(node.url, timeout=5)


@pytest.fixture
def sender(chain: Chain, tmp_path: Path) -> Iterator[Sender]:
    """Who sends a coin, without the contracts."""
    with closing(Journal.at(tmp_path / "journal")) as journal:
        yield Sender(chain, dev_signer(2), journal, timeout=20)


@pytest.fixture
def ann(chain: Chain, deployment: Deployment, tmp_path: Path) -> Registry:
    """Who publishes, through the node in question."""
    return Registry.on(chain, signer=dev_signer(0), deployment=deployment, home=tmp_path / "ann", progress=None)


@pytest.fixture
def bob(ann: Registry) -> Registry:
    """Who buys, with money."""
    bob = ann.as_account(dev_signer(1))
    bob.fund("100 USD")
    return bob


def publish(ann: Registry, name: str, **options: Any) -> Any:
    return ann.publish(None, name=name, type="dataset", license="MIT", licences=[MONTH], **options)


# --- Behind --------------------------------------------------------------------------------------


def test_a_purchase_is_told_as_it_is_by_nodes_of_which_some_are_behind(
    node: Proxy, ann: Registry, bob: Registry
) -> None:
    did = publish(ann, "Behind").did
    node.play(quirks.has_old_state(1, 6))
    bought = bob.buy(did, "month")
    assert node.played and bought.holding.taken == 1 and bought.holding.active
    assert bob.has_access(did)


def test_what_was_published_is_there_for_who_published_it(node: Proxy, ann: Registry) -> None:
    node.play(quirks.has_old_state(1, 4))
    did = publish(ann, "Seen").did
    assert node.played and ann.get(did).ddo.name == "Seen"
    assert ann.update(did, description="Once more").tx is not None
    assert ann.get(did).version == 2


def test_an_approval_is_waited_for_before_the_purchase_is_tried(node: Proxy, ann: Registry, bob: Registry) -> None:
    did = publish(ann, "Approved").did
    node.play(quirks.has_old_state(1, 5))
    bob.approve("1 USD")
    assert bob.buy(did, "month").holding.active


# --- Limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["eth_estimateGas", "eth_getBlockByNumber", "eth_call"])
def test_a_node_that_wants_to_be_left_alone_for_a_second_is_asked_again_after_it(
    node: Proxy, sender: Sender, method: str
) -> None:
    node.play(quirks.limits(method, 1))
    sender.send(GIFT)
    assert node.played == 1, "once, and then not before its time"


def test_a_node_that_wants_to_be_left_alone_for_longer_than_anybody_waits_is_left_at_once(
    node: Proxy, chain: Chain
) -> None:
    node.play(quirks.limits("eth_getBalance", 3_600))
    with pytest.raises(ConnectionFailed) as caught:
        chain.balance(GIFT.to)
    assert (caught.value.status, caught.value.retry_after, node.played) == (429, 3_600, 1)


def test_a_limit_on_questions_is_no_limit_on_ranges(node: Proxy, chain: Chain, deployment: Deployment) -> None:
    transfer = chain.contract("LocalDollar", deployment.tokens["USD"]).events.Transfer
    node.play(quirks.limits("eth_getLogs", 0.5, as_json=True))
    wanted = len(list(chain.events(transfer)))
    node.play(None)
    node.asked.clear()
    assert len(list(chain.events(transfer))) == wanted
    assert node.asked.count("eth_getLogs") == 1, "the range is as long as it was"


@pytest.mark.parametrize(
    ("quirk", "most"),
    [
        (quirks.refuses_long_ranges(50), 10),
        (quirks.refuses_long_ranges(50, status=400), 10),
        (quirks.refuses_long_ranges(50, named=False), 25),
        (quirks.refuses_long_ranges(50, status=413), 25),
    ],
    ids=["named", "in a refusal of HTTP", "not named", "413"],
)
def test_how_long_a_range_may_be_is_learnt_once(
    anvil: Anvil, node: Proxy, chain: Chain, deployment: Deployment, quirk: quirks.Quirk, most: int
) -> None:
    missing = 400 - int(anvil.rpc("eth_blockNumber"), 16)
    if missing > 0:
        anvil.rpc("anvil_mine", hex(missing))
    transfer = chain.contract("LocalDollar", deployment.tokens["USD"]).events.Transfer
    wanted = list(chain.events(transfer))
    node.play(quirk)
    node.asked.clear()
    again = Chain.connect(node.url, timeout=5)
    assert list(again.events(transfer)) == wanted
    assert node.asked.count("eth_getLogs") <= most, "of 400 blocks by 50"
    played = node.played
    assert list(again.events(transfer)) == wanted
    assert node.played - played <= 1


def test_a_node_that_takes_few_questions_at_once_or_one_is_asked_so(
    node: Proxy, chain: Chain, deployment: Deployment
) -> None:
    dollar = chain.contract("LocalDollar", deployment.tokens["USD"])
    question = bytes.fromhex(dollar.functions.decimals()._encode_transaction_data()[2:])
    reads = [Read(dollar.address, question, chain.block().number)] * 10  # type: ignore[arg-type]
    wanted = read_many(chain, reads)
    for most, requests in ((3, 5 + 2), (1, 10), (1, 10)):
        node.most, node.requests = most, 0
        assert read_many(chain, reads) == wanted
        assert node.requests <= requests + 3
    assert node.requests == 10, "it was learnt"


def test_an_answer_that_is_none_is_a_failed_connection(node: Proxy, chain: Chain, deployment: Deployment) -> None:
    node.play(lambda question, ask: {"result": "0x0"} if question["method"] == "eth_call" else None)
    with pytest.raises(ConnectionFailed):
        read_many(chain, [Read(deployment.registry, b"", 1)] * 2)
