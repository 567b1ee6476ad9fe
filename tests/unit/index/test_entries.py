"""What a search shows of an asset is put together of its rows, and what it is worth of what nobody gives himself."""

from __future__ import annotations

from typing import Any

import pytest

from registry.index import rank
from registry.index.entries import AssetEntry, Money, entries_of
from registry.index.search.shelf import Candidates, Shelf
from registry.index.stores import open_store
from registry.index.tables import BY_NAME
from registry.index.tables_store import Store

from .support import NOW, entry

OPEN, UPHELD, DISMISSED, LAPSED = 1, 2, 3, 4


@pytest.fixture
def store() -> Store:
    made = open_store(":memory:")
    made.prepare({"registry": "0x" + "11" * 20})
    with made.writing():
        row = {**BY_NAME["asset"].fresh((1,)), "owner": "0x" + "22" * 20, "digest": b"\1" * 32, "version": 1}
        made.put("asset", [row])
    return made


def case(store: Store, number: int, state: int, **fields: Any) -> None:
    with store.writing():
        row = {**BY_NAME["curation_case"].fresh((number,)), "asset": 1, "state": state}
        store.put("curation_case", [row | fields])


def recommend(store: Store) -> None:
    with store.writing():
        store.put("listing", [{**BY_NAME["listing"].fresh((1,)), "endorsed": 1, "version": 1}])


def only(store: Store) -> AssetEntry:
    (found,) = entries_of(store, [1], Money(), NOW)
    return found


def test_a_recommendation_is_a_judgement_for_an_asset_and_an_upheld_flag_one_against_it(store: Store) -> None:
    assert only(store).quality(NOW).audited == 0
    recommend(store)
    assert only(store).quality(NOW).audited == 1
    case(store, 1, UPHELD)
    case(store, 2, UPHELD)
    assert only(store).upheld == 2 and only(store).quality(NOW).audited == pytest.approx(1 / 3)
    case(store, 3, UPHELD, appeal=1)
    assert only(store).quality(NOW).audited == pytest.approx(1 / 2), "an appeal that was upheld undoes one"


def test_flags_on_an_asset_of_ones_own_move_nothing(store: Store) -> None:
    """A thousand flags that the owner paid for and that were dismissed, whose bonds came back; or that lapsed."""
    before = only(store).quality(NOW)
    for number in range(1_000):
        case(store, number, (DISMISSED, LAPSED, OPEN)[number % 3], appeal=number % 2)
    assert only(store).quality(NOW) == before
    recommend(store)
    assert only(store).quality(NOW).audited == 1
    case(store, 2_000, UPHELD, appeal=1)
    assert only(store).upheld == 0 and only(store).quality(NOW).audited == 1, "never more than all"


def test_the_shelf_ranks_by_what_the_entry_says() -> None:
    one = entry(1, fees=10**9, derived=10**8, endorsed=True, upheld=3, standards=["a@1", "b@2"], adopted=1)
    shelf = Shelf(":memory:", 1)
    with shelf.writing():
        shelf.add(one, None, NOW)
    (line,) = shelf.rows("SELECT numbers FROM entry")
    assert Candidates([(line[0], b"", 0.0)], False).columns(1).quality(NOW) == one.quality(NOW)
    assert one.quality(NOW).audited == pytest.approx(1 / 4) and rank.VERSION == 2
