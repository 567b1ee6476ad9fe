"""Every rule fits its event, every table its rules, and what cannot follow on what was before is noticed."""

from __future__ import annotations

from typing import Any

import pytest

from registry.errors import EventGap
from registry.index.changes import changes_of
from registry.index.events import IndexedEvent
from registry.index.fold import RULES, TOLD, followed, rule_of
from registry.index.plans import plan_of
from registry.index.tables import BY_NAME, FOLDED, ZERO
from registry.types import item_id

HOME = "0x" + "11" * 20
ANN, BOB, CLEO = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "cc" * 20


def event(key: str, *values: Any, block: int = 1, log: int = 0, asset: int = 0, licence: int = 0) -> IndexedEvent:
    return IndexedEvent(
        block, log, 1_800_000_000, "0x" + "00" * 32, HOME, plan_of(key), b"", values, asset, licence, HOME
    )


class Rows:
    """Tables in dictionaries: the rules know no database."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {table.name: {} for table in FOLDED}
        self.log = 0

    def take(self, key: str, *values: Any, block: int = 1, **home: int) -> Any:
        self.log += 1
        found = event(key, *values, block=block, log=self.log, **home)
        changes = changes_of([(found, ())], self.load, 0)
        for name, rows in changes.rows.items():
            for place, values in rows.items():
                if values is None:
                    del self.tables[name][place]
                else:
                    self.tables[name][place] = dict(zip(BY_NAME[name].names, values, strict=True))
        return changes

    def load(self, name: str, keys: Any) -> Any:
        return {key: tuple(self.tables[name][key].values()) for key in keys if key in self.tables[name]}

    def publish(self, asset: int = 1, owner: str = ANN) -> None:
        self.take("AssetRegistry.Transfer", ZERO, owner, asset)
        self.take("AssetRegistry.MetadataPublished", asset, 1, b"\1" * 32, owner)


@pytest.mark.parametrize("key", sorted(RULES))
def test_a_rule_asks_for_what_its_event_has(key: str) -> None:
    rule = rule_of(key)
    assert rule is not None, "its names are those of the event"
    assert {table for table, _ in RULES[key].rows} <= set(BY_NAME)


def test_what_is_followed_is_all_that_has_a_rule() -> None:
    topics = {topic for listed in followed().values() for topic in listed}
    assert {plan_of(key).topic for key in (*RULES, *TOLD)} == topics


def test_a_change_of_hands_ends_the_payout_and_starts_an_epoch() -> None:
    rows = Rows()
    rows.publish()
    rows.take("AssetRegistry.PayoutChanged", 1, BOB)
    assert rows.tables["asset"][(1,)]["payout"] == BOB
    rows.take("AssetRegistry.Transfer", ANN, BOB, 1)
    asset = rows.tables["asset"][(1,)]
    assert (asset["owner"], asset["payout"], asset["epoch"]) == (BOB, "", 1)


def test_what_is_as_if_nothing_had_happened_is_not_kept() -> None:
    rows = Rows()
    rows.publish()
    rows.take("AssetRegistry.RolesChanged", 1, BOB, 0, 3)
    assert (1, BOB) in rows.tables["role"]
    changes = rows.take("AssetRegistry.RolesChanged", 1, BOB, 0, 0, block=2)
    assert not rows.tables["role"]
    assert changes.before["role"] == [(2, (1, BOB), (1, BOB, 0, 3))]


def test_a_decided_flag_has_its_asset_shown_anew() -> None:
    rows = Rows()
    rows.publish(7)
    assert rows.take("Curation.CaseOpened", 3, 7, ANN, False, b"\1" * 32, ZERO, 5).assets == {7}
    assert rows.take("Curation.CaseClosed", 3, 7, 2, b"\2" * 32, BOB).assets == {7}


def test_only_this_registrys_families_count() -> None:
    rows = Rows()
    rows.publish()
    rows.publish(2)
    changes = rows.take("Lineage.ParentsDeclared", BOB, 2**200, ((BOB, 1),), ((BOB, 1, 500),))
    assert not changes.added and not rows.tables["ancestor"], "its number does not even fit our tables"
    rows.take("Lineage.ParentsDeclared", HOME, 2, ((HOME, 1),), ((HOME, 1, 500), (BOB, 1, 70)))
    assert rows.tables["ancestor"][(2, "", 1)]["bps"] == 500
    assert rows.tables["ancestor"][(2, BOB, 1)] == {"child": 2, "registry": BOB, "parent": 1, "direct": 0, "bps": 70}
    assert rows.tables["asset"][(2,)]["owed_bps"] == 570


def test_a_circle_of_parents_by_way_of_another_registry_is_one_step() -> None:
    """And a parent that nobody published, there, is only named: nothing is looked up on the way."""
    rows = Rows()
    rows.publish()
    rows.take("Lineage.ParentsDeclared", HOME, 1, ((BOB, 2**63 - 1),), ((BOB, 2**63 - 1, 300),))
    rows.take("Lineage.ParentsDeclared", BOB, 2**63 - 1, ((HOME, 1),), ((HOME, 1, 300),))
    assert list(rows.tables["ancestor"]) == [(1, BOB, 2**63 - 1)]
    assert list(rows.tables["asset"]) == [(1,)] and rows.tables["asset"][(1,)]["owed_bps"] == 300


def test_an_item_has_the_licences_of_its_collection_and_sells_for_it() -> None:
    rows, item = Rows(), item_id(1, 7)
    rows.publish()
    rows.take("AssetRegistry.CollectionPublished", 1, b"\2" * 32, 10)
    rows.take("AssetRegistry.LicenceAdded", 1, 0, (5, 0, 2, 3, 9, 0, 0, ZERO))
    rows.take("AssetRegistry.LicenceIssued", item, 0, BOB, 2, False)
    rows.take("Marketplace.Sale", item, 0, BOB, ZERO, 10, 1, 0)
    assert rows.tables["holding"][(BOB, item, 0)]["uses"] == 6
    assert rows.tables["licence"][(1, 0)]["issued"] == 2
    assert rows.tables["asset"][(1,)]["sales"] == 1 and (item,) not in rows.tables["asset"]
    rows.take("AssetRegistry.Transfer", ZERO, ANN, item)
    rows.take("AssetRegistry.MetadataPublished", item, 1, b"\3" * 32, CLEO)
    minted = rows.tables["asset"][(item,)]
    assert (minted["owner"], minted["collection"], minted["publisher"]) == (ANN, 1, CLEO)


def test_a_stream_is_held_until_its_end() -> None:
    rows = Rows()
    rows.publish()
    rows.take("AssetRegistry.LicenceAdded", 1, 0, (5, 0, 3, 60, 0, 0, 0, HOME))
    rows.take("Streams.Subscribed", 1, 0, BOB, BOB, 2_000_000_000, 5, 0, 10)
    rows.take("Streams.Extended", 1, 0, BOB, ANN, 2_000_000_100, 10)
    assert rows.tables["holding"][(BOB, 1, 0)]["expires"] == 2_000_000_100
    rows.take("Streams.Cancelled", 1, 0, BOB, 1_900_000_000, 3)
    assert rows.tables["holding"][(BOB, 1, 0)]["expires"] == 1_900_000_000


def test_a_licence_by_the_second_names_its_seller_and_its_smallest_stay_and_no_other_does() -> None:
    rows = Rows()
    rows.publish()
    rows.take("AssetRegistry.LicenceAdded", 1, 0, (5, 0, 3, 60, 0, 0, 50, BOB))
    rows.take("AssetRegistry.LicenceAdded", 1, 1, (5, 0, 2, 60, 0, 0, 0, ZERO))
    licences = [rows.tables["licence"][(1, number)] for number in range(2)]
    assert [(one["seller"], one["minimum"]) for one in licences] == [(BOB, 50), ("", 0)]


def test_fees_of_more_than_three_sales_to_one_account_say_nothing_new() -> None:
    rows = Rows()
    rows.publish()
    for _ in range(5):
        rows.take("Marketplace.Sale", 1, 0, BOB, ZERO, 100, 7, 0)
    rows.take("Marketplace.Sale", 1, 0, ANN, ZERO, 100, 7, 0)
    (fee,) = rows.tables["fee"].values()
    assert fee["units"] == 4 * 7
    asset = rows.tables["asset"][(1,)]
    assert (asset["sales"], asset["buyers"]) == (6, 2)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("AssetRegistry.MetadataPublished", (1, 3, b"\1" * 32, ANN)),
        ("AssetRegistry.MetadataPublished", (1, 1, b"\1" * 32, ANN)),
        ("AssetRegistry.MetadataPublished", (2, 1, b"\1" * 32, ANN)),
        ("AssetRegistry.LicenceAdded", (1, 1, (0, 0, 0, 0, 0, 0, 0, ZERO))),
        ("AssetRegistry.LicenceIssued", (1, 0, BOB, 1, False)),
        ("AssetRegistry.UsesConsumed", (1, 0, BOB, BOB, 1, bytes(32))),
        ("AssetRegistry.StateChanged", (9, 1)),
        ("RevenueSplitter.Claimed", (ZERO, BOB, BOB, 1)),
    ],
)
def test_an_event_that_cannot_follow_shows_that_one_was_left_out(key: str, values: tuple[Any, ...]) -> None:
    rows = Rows()
    rows.publish()
    with pytest.raises(EventGap):
        rows.take(key, *values)


def test_tokens_that_go_to_oneself_are_neither_made_nor_lost() -> None:
    rows = Rows()
    rows.take("Datatoken.Transfer", ZERO, ANN, 10, asset=1)
    rows.take("Datatoken.Transfer", ANN, ANN, 4, asset=1)
    assert rows.tables["holding"][(ANN, 1, 0)]["tokens"] == 10
    rows.take("Datatoken.Transfer", ANN, ZERO, 10, asset=1)
    assert not rows.tables["holding"]
    with pytest.raises(EventGap):
        rows.take("Datatoken.Transfer", ANN, BOB, 1, asset=1)


def test_counts_stop_where_the_chains_stop() -> None:
    rows = Rows()
    rows.publish()
    rows.take("AssetRegistry.LicenceAdded", 1, 0, (0, 0, 2, 2**32 - 1, 0, 0, 0, ZERO))
    for _ in range(3):
        rows.take("AssetRegistry.LicenceIssued", 1, 0, BOB, 2**32 - 1, False)
    holding = rows.tables["holding"][(BOB, 1, 0)]
    assert (holding["uses"], holding["taken"]) == (2**64 - 1, 2**32 - 1)
