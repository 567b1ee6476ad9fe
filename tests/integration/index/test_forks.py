"""Chains that fork: whatever was taken and dropped, the tables are those of an index that never saw it."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.index.support import PEOPLE, Place, dump
from integration.support import Anvil

HISTORIES = 500 if os.environ.get("DEEP") else 50


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    node = Anvil()
    here = Place(node)
    chance = random.Random(1)
    for _ in range(6):
        here.block(chance)
    yield here
    node.stop()


class History:
    """One random history of a chain that an index follows on its way."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.chance = place, random.Random(seed)
        self.marks: list[tuple[str, int]] = []
        self.sent: list[tuple[str, Any]] = []

    def grow(self, blocks: int) -> None:
        for _ in range(blocks):
            if self.chance.random() < 0.5:
                self.marks.append((self.place.rpc("evm_snapshot"), self.place.head))
            self.place.block(self.chance, most=3)

    def fork(self) -> None:
        """Drop blocks down to a mark, and grow others: higher, as high, or empty ones."""
        if not self.marks:
            return
        at = self.chance.randrange(len(self.marks))
        mark, height = self.marks[at]
        dropped = self.place.head - height
        del self.marks[at:]
        self.place.rpc("evm_revert", mark)
        length = max(1, dropped + self.chance.randrange(-1, 3))
        if self.chance.random() < 0.2:
            self.place.mine(length)
        else:
            self.grow(length)

    def run(self, index: Any) -> None:
        for _ in range(self.chance.randrange(2, 7)):
            self.grow(self.chance.randrange(1, 6))
            if self.chance.random() < 0.8:
                index.sync()
            if self.chance.random() < 0.7:
                self.fork()
                # Two forks before anybody looks.
                if self.chance.random() < 0.2:
                    self.fork()
                if self.chance.random() < 0.7:
                    index.sync()
        index.sync()


def test_after_any_history_the_tables_are_those_of_an_index_built_straight(place: Place) -> None:
    undone = 0
    for seed in range(HISTORIES):
        start = place.rpc("evm_snapshot")
        index = place.index(final=200)
        before = index.store.undo

        def counted(to: int, contracts: Any, before: Any = before) -> int:
            nonlocal undone
            count: int = before(to, contracts)
            undone += count
            return count

        index.store.undo = counted
        History(place, seed).run(index)
        # A node that has less of the same chain lags behind: what was read of the rest stands until it has more.
        if (head := place.head) < index.store.head()[0]:
            assert dict(index.store.rows("SELECT number, hash FROM block"))[head] == place.hash_at(head)
            place.mine(index.store.head()[0] - head)
            index.sync()
        straight = place.index(final=200)
        straight.sync()
        assert index.store.head() == straight.store.head()
        assert dump(index, undo=True) == dump(straight, undo=True), f"history {seed}"
        place.rpc("evm_revert", start)
    assert undone > HISTORIES


@pytest.mark.parametrize("depth", [1, 64])
def test_the_same_transaction_in_another_block_counts_once(place: Place, depth: int) -> None:
    start = place.rpc("evm_snapshot")
    place.publish(PEOPLE[0], b"\5" * 32)
    place.mine(depth)
    index = place.index(final=100)
    index.sync()
    assets = len(list(index.store.each("asset")))
    place.rpc("evm_revert", start)
    start = place.rpc("evm_snapshot")
    place.mine()
    place.publish(PEOPLE[0], b"\5" * 32)
    place.mine(depth)
    index.sync()
    assert len(list(index.store.each("asset"))) == assets
    straight = place.index(final=100)
    straight.sync()
    assert dump(index, undo=True) == dump(straight, undo=True)
    place.rpc("evm_revert", start)


def test_back_to_the_first_fork(place: Place) -> None:
    """The very blocks that were dropped come again."""
    start = place.rpc("evm_snapshot")
    time = int(place.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 10
    index = place.index(final=100)

    def first() -> str:
        place.publish(PEOPLE[0], b"\5" * 32)
        place.rpc("evm_setNextBlockTimestamp", time)
        place.mine()
        return place.hash_at(place.head)

    one = first()
    index.sync()
    seen = dump(index, undo=True)
    place.rpc("evm_revert", start)
    start = place.rpc("evm_snapshot")
    place.mine(2)
    index.sync()
    assert dump(index, undo=True) != seen
    place.rpc("evm_revert", start)
    assert first() == one
    index.sync()
    assert dump(index, undo=True) == seen


def test_a_reorganisation_that_anvil_plays_itself(place: Place) -> None:
    for _ in range(3):
        place.publish(PEOPLE[0], b"\6" * 32)
        place.mine()
    index = place.index(final=100)
    index.sync()
    before = index.store.head()
    place.rpc("anvil_reorg", 3, [])
    index.sync()
    assert index.store.head() != before
    straight = place.index(final=100)
    straight.sync()
    assert dump(index, undo=True) == dump(straight, undo=True)


def test_what_is_final_can_no_longer_be_undone_and_takes_no_room(place: Place, tmp_path: Path) -> None:
    chance = random.Random(9)
    for _ in range(8):
        place.block(chance)
    index = place.index(tmp_path / "index.sqlite", final=3)
    index.sync()
    old = {row[0] for name, row in index.store.dump(undo=True) if name.endswith("_was")}
    assert all(at > place.head - 3 for at in old)
    assert [row[0] for row in index.store.rows("SELECT number FROM block ORDER BY number")] == list(
        range(place.head - 3, place.head + 1)
    )
    again = place.on(index.store, final=3)
    place.block(chance)
    again.sync()
    straight = place.index(final=3)
    straight.sync()
    assert dump(again, undo=True) == dump(straight, undo=True)
