"""Whatever somebody publishes, an index lists it, a search stays a search, and nothing else is shown for it."""

from __future__ import annotations

import hashlib
import json
import os
import random
from typing import Any

import pytest
from hostile.documents import LEGAL, NEARLY, largest, legal
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import Registry
from registry.chain.raw_blocks import RawLog
from registry.errors import EventGap, Undecodable
from registry.index.changes import changes_of
from registry.index.document_queue import DocumentQueue
from registry.index.entries import Money, entries_of
from registry.index.events import Contracts, Home, IndexedEvent
from registry.index.fold import KEPT, facts_of, names_of
from registry.index.home_index import contracts_of
from registry.index.models import Hit
from registry.index.plans import plan_of
from registry.index.search.finder import Finder
from registry.index.search.fts import FtsEngine
from registry.index.search.query import SearchQuery
from registry.index.stores import open_store
from registry.index.tables import BY_NAME, LARGEST, LARGEST_BIG
from registry.ipfs.cid import CID
from registry.ipfs.memory import MemoryStore

from .support import NOW, entry
from .test_fold import ANN, BOB, HOME, ZERO, Rows, event
from .test_plans import ABIS, log_of, value_of


class Place:
    """An index of one asset whose document is given."""

    def __init__(self, data: bytes) -> None:
        self.store = open_store(":memory:")
        self.store.prepare({"registry": HOME})
        digest = hashlib.sha256(data).digest()
        blocks: Any = MemoryStore()
        blocks.put(CID.raw(data), data)
        queue = DocumentQueue(self.store, blocks)
        with self.store.writing():
            fresh = BY_NAME["asset"].fresh((1,))
            self.store.put("asset", [{**fresh, "owner": ANN, "digest": digest, "version": 1, "first_time": NOW}])
            queue.want([(digest, ANN)])
        queue.look()
        (self.entry,) = entries_of(self.store, [1], Money(), NOW)


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_document_is_listed_and_can_be_found_again(name: str) -> None:
    place = Place(legal(name))
    assert place.entry.status == "have" and place.entry.shown
    engine = FtsEngine()
    engine.put([place.entry, entry(2, "Something else")], [], 1, NOW)
    finder = Finder(engine)
    assert 1 in {hit.entry.id for hit in finder.answer(SearchQuery(), NOW).hits}
    words = place.entry.name[:200]
    found = finder.answer(SearchQuery(text=words, begun=False), NOW)
    assert {hit.entry.id for hit in found.hits} <= {1} and json.dumps(found.facets)
    again = type(place.entry).from_json(place.entry.to_json())
    assert again == place.entry
    assert not finder.answer(SearchQuery(owner="0x" + "11" * 20), NOW).hits or ANN == "0x" + "11" * 20
    assert finder.answer(SearchQuery(free=True), NOW).hits == (), "a tag is not a facet of another kind"


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_no_document_is_listed_with_its_faults(name: str) -> None:
    place = Place(NEARLY[name])
    assert (place.entry.status, place.entry.shown, place.entry.name) == ("invalid", False, "")
    assert 1 <= len(place.entry.faults) <= 20 and all(len(fault) <= 600 for fault in place.entry.faults)


def test_the_largest_document_that_there_can_be() -> None:
    assert len(largest()) == 2**20
    assert Place(largest()).entry.status == "have"


def test_a_crowd_of_licences_that_change_in_one_block() -> None:
    rows = Rows()
    rows.publish()
    for number in range(32):
        rows.take("AssetRegistry.LicenceAdded", 1, number, (1, 0, 0, 0, 0, 0, 0, ZERO))
    for price in range(2_000):
        rows.take("AssetRegistry.LicenceChanged", 1, price % 32, price, bool(price % 2), block=2)
    assert rows.tables["licence"][(1, 31)]["price"] == 1983


def test_the_largest_numbers_that_events_have() -> None:
    rows = Rows()
    rows.publish()
    top = 2**256 - 1
    rows.take("Marketplace.Sale", 1, 0, ANN, HOME, top, top, top)
    rows.take("RegistryToken.DelegateVotesChanged", ANN, 0, top)
    rows.take("RegistryGovernor.VoteCast", ANN, top, 1, top, "\0 because")
    assert rows.tables["vote"][(top, ANN)]["reason"] == "\ufffd because"
    store = open_store(":memory:")
    store.prepare({"registry": HOME})
    with store.writing():
        for name in ("fee", "delegate", "vote", "proposal"):
            store.put(name, list(rows.tables[name].values()))
    assert store.load("proposal", [(top,)])[(top,)]["agreed"] == top


def test_two_documents_in_one_transaction_and_a_clock_that_goes_back() -> None:
    rows = Rows()
    rows.publish()
    rows.take("AssetRegistry.MetadataPublished", 1, 2, b"\2" * 32, ANN)
    rows.take("AssetRegistry.MetadataPublished", 1, 3, b"\3" * 32, ANN)
    assert rows.tables["asset"][(1,)]["version"] == 3
    assert entry(published=NOW + 10_000).quality(NOW).new == 1.0


def test_arguments_have_every_name_that_a_rule_may_ask_for() -> None:
    told = event("AssetRegistry.Transfer", HOME, ANN, 1)
    values = dict(zip(names_of(told.plan), facts_of(told), strict=True))
    assert values["from_"] == HOME and values["to"] == ANN and values["home_registry"] == HOME


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x" * 3_000},
        {"price": 1},
        {"owner": "0x" + "AA" * 20},
        {"size": -1},
        {"score": -0.1},
        {"tags": ["x"] * 65},
        {"state": 9},
        {"offers": [{"number": 0}]},
        {"document": "x" * (2**20 + 1)},
        {"quality": {"fees": 2}},
    ],
)
def test_a_hit_with_anything_odd_in_it_is_none(change: dict[str, Any]) -> None:
    plain = {
        "did": "did:nft:eip155:1_erc721:0x" + "11" * 20 + "_1",
        "owner": ANN,
        "digest": "0" * 64,
        "version": 1,
        "state": 0,
        "delisted": False,
        "status": "have",
        "block": 1,
        "published": 0,
        "changed": 0,
    }
    Hit.read(json.dumps(plain))
    with pytest.raises(ValueError, match=":"):
        Hit.read(json.dumps({**plain, **change}))


@pytest.mark.parametrize("key", ["Safe.AddedOwner", "Safe.ChangedThreshold", "Marketplace.Sale"])
def test_what_code_of_a_stranger_logs_in_another_shape_stops_no_index(shared: Registry, key: str) -> None:
    """A team has its Safe run what it likes, and so write any log; no contract of ours can have written such a one."""
    contracts, plan = contracts_of(shared), plan_of(key)
    log = RawLog(7, "0x" + "11" * 32, 0, "0x" + "22" * 32, "0x" + "33" * 20, (plan.topic,), "0x12")
    assert contracts.event(log, NOW, Home(plan.contract)) is None
    ours = log._replace(address=contracts.registry, topics=(plan_of("AssetRegistry.SellerChanged").topic,))
    with pytest.raises(Undecodable):
        contracts.event(ours, NOW, contracts.core[contracts.registry])


def test_a_number_of_owners_that_no_safe_can_have_fits_into_the_table() -> None:
    """Written by code that a team has its Safe run, where the Safe's own looks at it."""
    rows = Rows()
    rows.take("Safe.ChangedThreshold", 2**256 - 1)
    (team,) = rows.tables["team"].values()
    assert 1_000 < team["threshold"] < 2**63


# --- Numbers of any size -------------------------------------------------------------------------

STRANGERS = ("Safe", "Marketplace")
EXAMPLES = 300 if os.environ.get("DEEP") else 15


@pytest.fixture(scope="module")
def contracts(shared: Registry) -> Contracts:
    return contracts_of(shared)


class Kept:
    """An index in a database, of which asset 1 is published."""

    def __init__(self) -> None:
        self.store = open_store(":memory:")
        self.store.prepare({"registry": HOME})
        self.block = 0
        self.take(event("AssetRegistry.Transfer", ZERO, ANN, 1))
        self.take(event("AssetRegistry.MetadataPublished", 1, 1, b"\1" * 32, ANN))

    def take(self, told: IndexedEvent) -> None:
        """In a block of its own."""
        self.block += 1
        with self.store.writing():
            self.store.save(changes_of([(told._replace(block=self.block), ())], self.store.values, 0), [], 0)

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(self.store.each(name))


def written(key: str, chance: random.Random, contracts: Contracts) -> IndexedEvent | None:
    """An event with any values that its ABI admits, as a contract of its kind writes it that is a stranger's, where
    strangers write such."""
    plan = plan_of(key)
    abi = ABIS[plan.contract, plan.name]
    topics, data = log_of(abi, [value_of(entry, chance) for entry in abi["inputs"]])
    address = "0x" + "33" * 20 if plan.contract in STRANGERS else contracts.registry
    log = RawLog(7, "0x" + "11" * 32, 0, "0x" + "22" * 32, address, tuple(topics), data)
    return contracts.event(log, NOW, Home(plan.contract, 1, 0))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_no_number_that_an_abi_admits_stops_an_index(contracts: Contracts, seed: int) -> None:
    """Of strangers every event is taken or none; of our own contracts one that cannot follow is a gap, and no more."""
    chance, index = random.Random(seed), Kept()
    for key in sorted(KEPT):
        told = written(key, chance, contracts)
        if told is None:
            assert plan_of(key).contract in STRANGERS
            continue
        try:
            index.take(told)
        except EventGap:
            assert told.plan.contract not in STRANGERS
    assert index.rows("asset")


def test_a_seller_that_the_dao_named_may_tell_of_sales_that_there_cannot_be(contracts: Contracts) -> None:
    abi = ABIS["Marketplace", "Sale"]

    def sale(asset: int, amount: int) -> IndexedEvent | None:
        topics, data = log_of(abi, [asset, amount, BOB, ZERO, amount, amount, amount])
        log = RawLog(7, "0x" + "11" * 32, 0, "0x" + "22" * 32, "0x" + "33" * 20, tuple(topics), data)
        return contracts.event(log, NOW, Home("Marketplace"))

    index = Kept()
    assert sale(2**63, 1) is None and sale(LARGEST_BIG, 1) is None, "no asset has such a number"
    for asset, amount in ((77, 1), (1, 1), (1, LARGEST_BIG), (1, LARGEST_BIG)):
        told = sale(asset, amount)
        assert told is not None
        index.take(told)
    sales = index.rows("sale")
    assert [(one["asset"], one["licence"]) for one in sales] == [(1, 1), (1, LARGEST), (1, LARGEST)], "77 is nobody's"
    (fee,) = index.rows("fee")
    assert fee["units"] == LARGEST_BIG
    assert [one["id"] for one in index.rows("asset")] == [1]


def test_a_parent_elsewhere_with_the_largest_number_stops_nobody() -> None:
    """Anybody may publish one: their own registry says what numbers it has."""
    index = Kept()
    parents = tuple((BOB, 2**64 - number) for number in (1, 2))
    owed = tuple((*one, 300) for one in parents)
    index.take(event("Lineage.ParentsDeclared", HOME, 1, (*parents, (BOB, 7)), (*owed, (BOB, 7, 1))))
    (row,) = index.rows("ancestor")
    assert (row["registry"], row["parent"]) == (BOB, 7)
    (asset,) = index.rows("asset")
    assert asset["owed_bps"] == 601, "they are owed all the same"
