"""The root of a final block is the same whoever counts it, when, and in which database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration.index.support import PEOPLE, Place
from integration.support import Anvil
from registry.collections.layout import leaf_of_item
from registry.errors import InputError, SearchTimeout
from registry.index import roots
from registry.index.roots import EMPTY, LEAF_EVENTS, Roots
from registry.types import ZERO_ADDRESS, item_id

AHEAD = 5
"""Blocks that are not final."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Assets that are published, change hands, documents and states, and are delisted and listed again."""
    node = Anvil()
    here = Place(node)
    council, functions, chance = ruler(here), here.assets.functions, random.Random(3)
    for number in range(1, 9):
        here.publish(PEOPLE[0], chance.randbytes(32))
        here.mine()
        here.block(chance)
        here.send(PEOPLE[0], functions.setState(number, chance.randrange(1, 3)))
        here.send(council, functions.setDelisted(chance.randrange(1, number + 1), number % 3 != 0))
        here.mine()
    yield here
    node.stop()


def ruler(place: Place) -> str:
    """Whoever rules the contracts, whose transactions the node takes from now on."""
    granted = place.rpc("eth_getLogs", {"fromBlock": "0x0", "address": place.deployment.authority})
    ruler = "0x" + next(log["topics"][2] for log in granted if int(log["topics"][1], 16) == 0)[-40:]
    place.rpc("anvil_impersonateAccount", ruler)
    place.rpc("anvil_setBalance", ruler, hex(10**20))
    return ruler


def test_an_index_that_is_ahead_has_the_root_that_one_had_then(place: Place, database: str) -> None:
    """And the same nodes below it."""
    index = place.index(database, final=AHEAD)
    index.sync()
    names = {name for (name,) in index.store.rows("SELECT DISTINCT name FROM event")}
    assert names >= set(LEAF_EVENTS), "all that a leaf follows from has happened"
    now, final = Roots(index.store), place.head - AHEAD
    found = set()
    for block in range(place.deployment.block, final + 1, 2):
        then = place.index(final=place.head - block)
        then.sync()
        straight, later = Roots(then.store).at_final(), now.at(block, place.contracts)
        assert (straight.final, later.final, later.at) == (block, final, block)
        assert straight.tree.root == later.tree.root and straight.tree.size == later.tree.size
        if later.tree.size:
            assert straight.tree.below(1, 0) == later.tree.below(1, 0)
        found.add(later.tree.root)
    assert EMPTY in found and len(found) > 6


def test_a_tree_that_follows_forks_is_that_of_an_index_built_straight(place: Place, database: str) -> None:
    index = place.index(database, final=AHEAD)
    followed = Roots(index.store)
    chance = random.Random(4)
    for _ in range(4):
        start = place.rpc("evm_snapshot")
        for _ in range(AHEAD - 1):
            place.block(chance)
        index.sync()
        followed.at_final()
        place.rpc("evm_revert", start)
        for _ in range(AHEAD + 1):
            place.block(chance)
        index.sync()
        straight = place.index(final=AHEAD)
        straight.sync()
        ours, theirs = followed.at_final(), Roots(straight.store).at_final()
        assert ours[:3] == theirs[:3] and ours.tree.root == theirs.tree.root
        earlier = ours.at - 3
        assert (
            followed.at(earlier, place.contracts).tree.root
            == Roots(straight.store).at(earlier, place.contracts).tree.root
        )


def test_a_block_that_is_not_final_or_too_far_back_has_no_root(
    place: Place, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = place.index(database, final=AHEAD)
    index.sync()
    here, final = Roots(index.store), place.head - AHEAD
    with pytest.raises(InputError, match=f"Block {final + 1} is not final here: block {final}"):
        here.at(final + 1, place.contracts)
    monkeypatch.setattr(roots, "MOST_SINCE", 3)
    assert here.at(final, place.contracts).at == final
    with pytest.raises(InputError, match="Block 1 is too far back: there are more than 3 events"):
        here.at(1, place.contracts)


def test_an_item_that_was_minted_is_no_leaf_final_or_not(place: Place) -> None:
    """Its number is 2^62 and more: whoever mints one would have every hub make as many leaves."""
    start, document, functions = place.rpc("evm_snapshot"), b"\7" * 32, place.assets.functions
    publication = (b"\6" * 32, ZERO_ADDRESS, (False, 0), [], 0, [])
    number = max(place.owned()) + 1
    place.send(PEOPLE[0], functions.publishCollection(PEOPLE[0], publication, leaf_of_item(0, document), 1))
    place.mine()
    place.send(PEOPLE[1], functions.mintItem(item_id(number, 0), document, []))
    place.mine()
    index = place.index(final=1)
    for _ in range(3):
        index.sync()
        assert Roots(index.store).at_final().tree.size == number
        place.mine()
    assert {item_id(number, 0)} <= {row["id"] for row in index.store.each("asset")}
    place.rpc("evm_revert", start)


def test_who_asks_while_the_tree_is_made_is_not_kept_for_ever(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    index = place.index(final=AHEAD)
    index.sync()
    monkeypatch.setattr(roots, "WAIT", 0.01)
    asked = []

    class Slow(Roots):
        def _catch_up(self) -> None:
            with ThreadPoolExecutor(1) as other, pytest.raises(SearchTimeout):
                other.submit(self.at_final).result()
            asked.append(1)
            super()._catch_up()

    here = Slow(index.store)
    assert here.at_final().tree.root == Roots(index.store).at_final().tree.root and asked
