"""Items of collections are found like other assets, minted or not, and checked by their collection's root."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from registry import Draft, Licence, Registry
from registry.assets.collection_verbs import PublishedCollection
from registry.errors import HubLied
from registry.index import item_queue
from registry.index.home_index import LocalIndex, open_local
from registry.index.item_queue import SLOWLY
from registry.index.models import Hit, Hits
from registry.index.proof import check_documents, check_hits, token_addresses
from registry.types import ITEM, item_id

HOUR = Licence.period("hour", hours=1, price="1 USD")


@pytest.fixture
def herons(author: Registry) -> PublishedCollection:
    """Twelve photographs in a collection, and a data set beside it."""
    drafts = [
        Draft(
            name=f"Heron photograph {number}",
            type="dataset",
            license="CC0-1.0",
            fields={"tags": ["early" if number < 4 else "late"], "description": f"Seen at dawn {number}."},
        )
        for number in range(12)
    ]
    made = author.publish_collection(drafts, name="Herons of the marsh", licences=[HOUR])
    author.publish(None, name="Heron counts", type="dataset", license="MIT")
    return made


def found(registry: Registry, text: str = "heron", **more: Any) -> list[str]:
    return [hit.name for hit in registry.search(text, **more)]


def test_items_that_nobody_minted_are_found_by_words_owner_collection_and_facets(
    author: Registry, herons: PublishedCollection
) -> None:
    page = author.search("photograph dawn", collection=herons.did, limit=20)
    assert len(page) == 12, "under collection= all of them"
    hit = page[0]
    assert (hit.asset_id >= ITEM, hit.collection, hit.minted, hit.version) == (True, herons.did.asset_id, False, 1)
    assert (hit.owner, hit.price_text, hit.offers[0].name) == (author.address.lower(), "1 USD", "hour")
    assert page.facets["collection"] == {str(herons.did.asset_id): 12}
    assert page.facets["tag"] == {"late": 8, "early": 4}
    assert len(author.search("photograph", owner=author.address, limit=20)) == 12
    assert set(found(author, "photograph", tags=["early"], collection=herons.did)) == {
        f"Heron photograph {number}" for number in range(4)
    }
    assert author.search("marsh")[0].items == 12, "a collection says how many it lists"


def test_items_of_a_collection_that_a_fork_dropped_are_gone_whatever_has_its_number_now(
    author: Registry, rewound: Callable[[Registry], AbstractContextManager[Registry]]
) -> None:
    with rewound(author) as dropped:
        draft = Draft(name="Heron photograph", type="dataset", license="MIT")
        dropped.publish_collection([draft], name="Herons of the marsh", licences=[HOUR])
        assert "Heron photograph" in found(dropped, "photograph")
    author.publish(None, name="Heron counts", type="dataset", license="MIT")
    assert found(author, "") == ["Heron counts"]


def test_a_collection_counts_as_one_and_an_owners_collections_as_an_owners_assets(
    author: Registry, herons: PublishedCollection
) -> None:
    together = author.search("heron")
    wholes = {hit.collection or hit.asset_id for hit in together}
    assert len(together) == len(wholes) == 2, "one of the collection or its items, and the data set"
    for number in range(3):
        author.publish_collection(
            [Draft(name=f"Heron song {number}", type="dataset", license="MIT")], name=f"Songs {number}"
        )
    assert len(author.search("heron song")) == 2, "more collections give nobody more room"


def test_a_minted_item_has_its_own_owner_and_keeps_its_document(
    author: Registry, buyer: Registry, herons: PublishedCollection
) -> None:
    author.search("heron")
    item = herons.item(5)
    author.mint(item)
    author.transfer(item, buyer.address)
    (hit,) = author.search("photograph", owner=buyer.address)
    assert (hit.did, hit.minted, hit.owner, hit.proof) == (str(item), True, buyer.address.lower(), ())
    assert (hit.name, hit.price_text) == ("Heron photograph 5", "1 USD")
    assert len(author.search("photograph", owner=author.address, limit=20)) == 11


def test_what_becomes_of_a_collection_becomes_of_its_items(
    author: Registry, buyer: Registry, herons: PublishedCollection
) -> None:
    author.search("heron")
    author.transfer(herons.did, buyer.address)
    author.search("heron")
    page = author.search("photograph", collection=herons.did)
    assert {hit.owner for hit in page} == {buyer.address.lower()}
    assert len(author.search("photograph", owner=buyer.address, limit=20)) == 12
    buyer.retire(herons.did)
    assert {hit.state for hit in author.search("photograph", collection=herons.did)} == {2}


def test_a_licence_of_an_item_is_held_and_shown_like_any(
    buyer: Registry, author: Registry, herons: PublishedCollection
) -> None:
    buyer.buy(herons.item(3), "hour")
    (held,) = buyer.owned()
    assert (held.did, held.name, held.licence, held.active) == (
        str(herons.item(3)),
        "Heron photograph 3",
        "hour",
        True,
    )
    (holder,) = author.holders(herons.item(3))
    assert (holder.account, holder.active) == (buyer.address.lower(), True)


# --- Proof ---------------------------------------------------------------------------------------


def told(author: Registry, herons: PublishedCollection, **lie: Any) -> tuple[list[Hit], list[HubLied]]:
    """What a client makes of the page of a hub whose first hit says something else."""
    index = _index(author)
    page: Hits = index.catalogue.assets()
    ids = [item_id(herons.did.asset_id, 0), item_id(herons.did.asset_id, 7)]
    hits = [index.catalogue.asset(id) for id in ids]
    first, second = (hit.model_copy(update={"hub": "https://hub"}) for hit in hits if hit is not None)
    return check_hits(
        [first.model_copy(update=lie), second],
        page.block,
        author.chain,
        author.deployment.registry,
        token_addresses(author),
        index.catalogue.document,
    )


def _index(registry: Registry) -> LocalIndex:
    index = open_local(registry)
    index.catch_up()
    return index


def test_an_item_is_proven_by_its_document_and_the_root_of_its_collection(
    author: Registry, herons: PublishedCollection
) -> None:
    kept, lies = told(author, herons)
    assert not lies and [hit.name for hit in kept] == ["Heron photograph 0", "Heron photograph 7"]
    assert all(hit.proven and len(hit.proof) in (3, 4) for hit in kept)
    kept, lies = check_documents(kept, lambda _: None)
    assert len(kept) == 2 and not lies


@pytest.mark.parametrize("field", ["digest", "proof", "owner", "collection", "minted", "place", "offers"])
def test_a_hub_that_lies_about_an_item_is_named(author: Registry, herons: PublishedCollection, field: str) -> None:
    index = _index(author)
    first, other = (index.catalogue.asset(item_id(herons.did.asset_id, number)) for number in (0, 1))
    assert first is not None and other is not None
    lie: dict[str, Any] = {
        # Another item's document under this one's number, with its own proof and without.
        "digest": {"digest": other.digest, "document": other.document, "name": other.name},
        "place": {
            name: getattr(other, name) for name in ("digest", "document", "name", "description", "tags", "proof")
        },
        "proof": {"proof": (*first.proof[:-1], "00" * 32)},
        "owner": {"owner": "0x" + "66" * 20},
        "collection": {"collection": 0},
        "minted": {"minted": True, "proof": ()},
        "offers": {"offers": (first.offers[0].model_copy(update={"price": "1"}),)},
    }[field]
    kept, (said,) = told(author, herons, **lie)
    assert [hit.name for hit in kept] == ["Heron photograph 7"]
    named = {"proof": "digest", "place": "digest", "minted": "digest"}.get(field, field)
    assert isinstance(said, HubLied) and (said.hub, said.field) == ("https://hub", named)


# --- Hostile collections -------------------------------------------------------------------------


def test_a_collection_without_its_manifest_costs_others_nothing_and_is_read_once_it_is_there(
    author: Registry, stranger: Registry, herons: PublishedCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stranger.publish_collection(
        [Draft(name=f"Egret {number}", type="dataset", license="MIT") for number in range(3)], name="Egrets"
    )
    missing, taken = made.content, type(author.store).get

    def get(store: Any, cid: Any) -> bytes:
        if cid == missing:
            raise item_queue.NotFoundError("It is not there.")
        return taken(store, cid)

    monkeypatch.setattr(type(author.store), "get", get)
    assert len(author.search("photograph", collection=herons.did, limit=20)) == 12
    assert not author.search("egret 1", collection=made.did)
    monkeypatch.undo()
    index = _index(author)
    index.catalogue.library.store.run("UPDATE manifest SET next_try = 0 WHERE done = 0")
    assert len(author.search("egret", collection=made.did)) == 3


def test_whoever_searches_is_told_while_items_are_still_to_be_read(
    author: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = author.publish_collection([Draft(name="Ibis", type="dataset", license="MIT")], name="Ibises")
    with monkeypatch.context() as patch, pytest.warns(match="Not all documents and items were read yet"):
        patch.setattr(item_queue.ItemQueue, "look", lambda *_, **__: 0)
        assert not author.search("ibis", collection=made.did)
    with warnings.catch_warnings(action="error"):
        assert len(author.search("ibis", collection=made.did)) == 1


def test_a_root_that_the_manifest_does_not_lead_to_lists_nothing(author: Registry, herons: PublishedCollection) -> None:
    author.search("heron")
    info = author.chain.call(author.assets.functions.assetInfo(herons.did.asset_id))
    publication = (info[1], "0x" + "00" * 20, (False, 0), [], 0, [])
    call = author.assets.functions.publishCollection(author.address, publication, b"\7" * 32, 2**32 - 1)
    author.act("claim four thousand million items", call)
    assert len(author.search("photograph", owner=author.address, limit=50)) == 12
    store = _index(author).catalogue.library.store
    (row,) = store.each("manifest", "WHERE done = 0")
    assert row["size"] == item_queue.MOST_ITEMS and row["tries"] >= 1


def test_a_collection_that_changes_all_the_time_is_shown_anew_only_as_fast_as_is_cheap(
    author: Registry, herons: PublishedCollection
) -> None:
    index = _index(author)
    library = index.catalogue.library
    number = herons.did.asset_id
    now = 1_800_000_000
    library.items._clock = lambda: now
    library.store.run("UPDATE manifest SET done = ? WHERE collection = ?", 1_000, number)
    for price in ("2 USD", "3 USD", "4 USD"):
        author.reprice(herons.did, "hour", price)
        index.indexer.sync()
        library.refresh()
        assert library.items.show_again() == 0
    (row,) = library.store.each("manifest", "WHERE collection = ?", number)
    assert row["next_show"] == now + 1_000 // SLOWLY, "counted from the first change, however many follow"
    hit = index.catalogue.asset(item_id(number, 2))
    assert hit is not None and hit.price_text == "4 USD", "what is told is of now all the same"
