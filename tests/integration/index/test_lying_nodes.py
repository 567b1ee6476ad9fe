"""Nodes that lag, leave out, cut short, refuse or lie: never a wrong table, each is found out or waited for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from quirks import proxy as quirks
from quirks.proxy import Proxy

from integration.index.support import PEOPLE, Place, dump
from integration.support import Anvil
from registry.errors import (
    ConnectionFailed,
    ForkBelowFinal,
    NodeIncomplete,
    NodeRefused,
    NodesDisagree,
    Undecodable,
)
from registry.index import feed
from registry.index.indexer import Indexer
from registry.index.plans import plan_of

DEEP, FRESH = 1, 1_000
"""Blocks until a block is final: nearly all of them are read in ranges, or all one by one."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A registry with some life in it."""
    node = Anvil()
    here = Place(node)
    chance = random.Random(4)
    for _ in range(30):
        here.block(chance)
    yield here
    node.stop()


@pytest.fixture(scope="module")
def truth(place: Place) -> list[Any]:
    """The tables as an honest node's logs make them."""
    index = place.index()
    index.sync()
    assert len({name for name, _ in dump(index)}) > 10
    return dump(index)


@pytest.fixture
def node(place: Place) -> Iterator[Proxy]:
    with Proxy(place.node.url) as proxy:
        yield proxy


def no_wrong_table(index: Indexer, place: Place, truth: list[Any]) -> None:
    """What was taken is the beginning of the truth, and all of it once the node is honest."""
    here = index.store.head()
    events = [row for name, row in truth if name == "event"]
    taken = [row for name, row in dump(index) if name == "event"]
    assert taken == [row for row in events if here is not None and row[0] <= here[0]]


STRANGER = "0x" + "77" * 20


def _as(logs: list[dict[str, Any]], **changed: str) -> list[dict[str, Any]]:
    """The first of some logs, if there are any, with something in it changed."""
    return [{**log, **changed} for log in logs[:1]]


LIES = {
    "nothing for logs": (quirks.answers_nothing_for_logs, NodeIncomplete),
    "one log left out": (quirks.leaves_out_the_last_log, NodeIncomplete),
    "another fork's logs": (quirks.has_logs_of_another_fork, NodeIncomplete),
    "a log twice": (quirks.repeats_a_log, NodeIncomplete),
    "a kind of event left out": (quirks.leaves_out(plan_of("AssetRegistry.LicenceAdded").topic), NodeIncomplete),
    "a log of somebody else": (
        quirks.changes("eth_getLogs", lambda logs: [*logs, *_as(logs, address=STRANGER)]),
        NodeIncomplete,
    ),
    "a log of a block far off": (
        quirks.changes("eth_getLogs", lambda logs: [*logs, *_as(logs, blockNumber="0xfffff")]),
        NodeIncomplete,
    ),
    "no blocks": (quirks.has_no_blocks, (ConnectionFailed, NodeIncomplete)),
    "429": (quirks.is_too_busy, ConnectionFailed),
    "half an answer": (quirks.cuts_short, ConnectionFailed),
    "some of a batch": (quirks.answers_some_of_a_batch, ConnectionFailed),
    "logs refused": (quirks.refuses("eth_getLogs"), NodeRefused),
}


@pytest.mark.parametrize("final", [DEEP, FRESH])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_out_and_nothing_of_it_is_taken(
    place: Place, node: Proxy, truth: list[Any], lie: str, final: int
) -> None:
    quirk, errors = LIES[lie]
    index = place.index(url=node.url, final=final)
    node.play(quirk)
    with pytest.raises(errors):
        index.sync()
    assert node.played
    no_wrong_table(index, place, truth)
    node.play(None)
    index.sync()
    assert dump(index) == truth


@pytest.mark.parametrize("final", [DEEP, FRESH])
@pytest.mark.parametrize("lie", [name for name in LIES if name != "logs refused"])
def test_a_moment_of_weakness_is_waited_for(place: Place, node: Proxy, truth: list[Any], lie: str, final: int) -> None:
    index = place.index(url=node.url, final=final)
    # A first answer that is wrong, and right ones after it.
    node.play(LIES[lie][0], times=1)
    try:
        index.sync()
    except ConnectionFailed:
        assert lie in ("no blocks", "429", "half an answer"), "the question about the head is asked once"
        index.sync()
    assert node.played == 1
    assert dump(index) == truth


@pytest.mark.parametrize("final", [DEEP, FRESH])
@pytest.mark.parametrize(
    "change",
    [
        lambda block: {**block, "parentHash": "0x" + "ab" * 32},
        lambda block: {**block, "number": hex(int(block["number"], 16) // 2)},
    ],
    ids=["their parents", "their numbers"],
)
def test_of_blocks_that_do_not_follow_each_other_none_is_taken_for_the_chain(
    place: Place, node: Proxy, truth: list[Any], change: Callable[[Any], Any], final: int
) -> None:
    index = place.index(url=node.url, final=final)
    node.play(quirks.changes("eth_getBlockByNumber", change))
    with suppress(NodeIncomplete):
        assert index.sync().number < place.head
    assert node.played
    no_wrong_table(index, place, truth)
    node.play(None)
    index.sync()
    assert dump(index) == truth


def test_a_range_that_comes_back_empty_is_seen_in_the_filters_of_its_blocks(
    place: Place, node: Proxy, truth: list[Any]
) -> None:
    """By their hashes the blocks give their logs, so nothing is lost."""
    index = place.index(url=node.url, final=DEEP)
    node.play(quirks.answers_nothing_for_ranges)
    index.sync()
    assert node.played and dump(index) == truth


@pytest.mark.parametrize("final", [DEEP, FRESH])
def test_with_more_contracts_than_a_question_names_each_log_is_taken_once(
    place: Place, node: Proxy, truth: list[Any], monkeypatch: pytest.MonkeyPatch, final: int
) -> None:
    """Then blocks are searched for everybody's events, and transfers of assets are among those of datatokens."""
    monkeypatch.setattr(feed, "NAMED_CONTRACTS", 0)
    node.play(quirks.repeats_a_log)
    index = place.index(url=node.url, final=final)
    with pytest.raises(NodeIncomplete, match="two logs have number"):
        index.sync()
    node.play(None)
    index.sync()
    assert dump(index) == truth and len(list(index.store.each("contract"))) > 1


def test_one_event_left_out_among_others_like_it_is_seen_by_the_receipts(place: Place, node: Proxy) -> None:
    """Two uses of one account, spent in one block: its filter is the same with one of them."""
    before = place.rpc("evm_snapshot")
    place.publish(PEOPLE[0], b"\7" * 32, [(0, 0, 2, 5, 0, 0)])
    place.mine()
    asset = place.owned()[-1]
    place.buy(PEOPLE[1], asset, 0)
    place.mine()
    spent = [place.send(PEOPLE[1], place.assets.functions.consume(asset, 0, 1, bytes(32))) for _ in range(2)]
    place.mine(3)
    index = place.index(url=node.url, final=DEEP, verify=True)
    index.sync()
    whole = dump(index)
    assert [row for name, row in whole if name == "holding" and row[:3] == (PEOPLE[1].lower(), asset, 0)]
    assert "eth_getBlockReceipts" in node.asked
    node.play(quirks.leaves_out_one(spent[1]))
    with pytest.raises(NodeIncomplete, match="do not make its root"):
        place.index(url=node.url, final=DEEP, verify=True).sync()
    with pytest.raises(NodeIncomplete, match="other logs"):
        place.index(url=node.url, final=DEEP, witness=place.node.url).sync()
    place.rpc("evm_revert", before)


def test_a_node_without_receipts_cannot_be_verified(place: Place, node: Proxy) -> None:
    index = place.index(url=node.url, verify=True)
    node.play(quirks.refuses("eth_getBlockReceipts"))
    with pytest.raises(NodeRefused, match="eth_getBlockReceipts"):
        index.sync()


@pytest.mark.parametrize("final", [DEEP, FRESH])
def test_an_invented_sale_is_not_in_the_filter_of_its_block(place: Place, node: Proxy, final: int) -> None:
    plan = plan_of("Marketplace.Sale")
    index = place.index(url=node.url, final=final)
    topics = [plan.topic, "0x" + "00" * 31 + "01", "0x" + "00" * 12 + "77" * 20]
    market = place.deployment.marketplace.lower()
    node.play(quirks.invents_a_log(market, topics, "0x" + "00" * 160))
    with pytest.raises(NodeIncomplete, match="bloom filter"):
        index.sync()
    node.play(quirks.invents_a_log(market, topics, "0x" + "00" * 159))
    with pytest.raises(Undecodable if final == DEEP else NodeIncomplete):
        index.sync()


def test_ranges_that_are_too_long_are_halved(place: Place, node: Proxy, truth: list[Any]) -> None:
    index = place.index(url=node.url, final=DEEP)
    node.play(quirks.refuses_ranges_over(3))
    index.sync()
    assert node.played and dump(index) == truth


def test_a_node_behind_is_waited_for(place: Place, node: Proxy, truth: list[Any]) -> None:
    index = place.index(url=node.url)
    index.sync()
    for quirk in (quirks.lags(3), quirks.lags(20)):
        node.play(quirk)
        standing = index.sync()
        assert f"this index at {place.head}" in standing.waits
        assert dump(index) == truth
    node.play(quirks.lags(60))
    assert index.sync().waits
    assert dump(index) == truth


@pytest.mark.parametrize("final", [DEEP, FRESH])
def test_a_balancer_with_one_node_behind_ends_at_the_same_tables(
    place: Place, node: Proxy, truth: list[Any], final: int
) -> None:
    index = place.index(url=node.url, final=final)
    node.play(quirks.flaps(5))
    for _ in range(30):
        try:
            standing = index.sync()
        except (NodeIncomplete, ConnectionFailed):
            continue
        no_wrong_table(index, place, truth)
        if standing.number == place.head:
            break
    node.play(None)
    index.sync()
    assert dump(index) == truth


def test_a_second_node_must_agree_on_what_is_final(place: Place, node: Proxy, truth: list[Any]) -> None:
    final = place.head - 5
    index = place.index(final=5, witness=node.url)
    node.play(quirks.says_another_hash_of(final))
    with pytest.raises(NodesDisagree) as disagreed:
        index.sync()
    assert disagreed.value.number == final and disagreed.value.theirs == "0x" + "cd" * 32
    assert index.store.head() is None
    node.play(quirks.lags(10))
    assert "second node" in index.sync().waits
    node.play(None)
    assert index.sync().final == final
    assert dump(index) == truth


def test_a_node_that_cannot_say_what_is_final_is_taken_by_its_depth(place: Place, node: Proxy) -> None:
    index = place.index(url=node.url, final=None)

    def quirk(question: Any, ask: Any) -> Any:
        if question["params"][:1] == ["finalized"]:
            return {"error": {"code": -32602, "message": "invalid block tag"}}
        return None

    node.play(quirk)
    assert index.sync().final == -1 and node.played


def test_a_foreign_contract_with_topics_of_ours_is_not_heard(place: Place, truth: list[Any]) -> None:
    """A dollar's Transfer has the topic of a datatoken's, and an ERC-721's that of an asset's."""
    dollar = place.chain.contract("LocalDollar", place.deployment.tokens["USD"])
    before = place.rpc("evm_snapshot")
    place.send(PEOPLE[0], dollar.functions.transfer(PEOPLE[1], 5))
    place.mine()
    index = place.index(final=DEEP)
    index.sync()
    assert dump(index) == truth
    place.rpc("evm_revert", before)


def test_a_fork_below_what_was_final_stops_and_touches_nothing(place: Place) -> None:
    before = place.rpc("evm_snapshot")
    height = place.head
    place.publish(PEOPLE[0], b"\1" * 32)
    place.mine(3)
    index = place.index(final=1)
    index.sync()
    ours, kept = place.hash_at(place.head - 1), dump(index, undo=True)
    final = place.head - 1
    place.rpc("evm_revert", before)
    place.publish(PEOPLE[1], b"\2" * 32)
    place.mine(5)
    with pytest.raises(ForkBelowFinal) as fork:
        index.sync()
    assert fork.value.number == final > height
    assert (fork.value.ours, fork.value.theirs) == (ours, place.hash_at(final))
    assert ours in str(fork.value) and "--again" in str(fork.value)
    assert dump(index, undo=True) == kept
    before = place.rpc("evm_revert", before)
