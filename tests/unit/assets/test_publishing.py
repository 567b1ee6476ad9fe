"""Publishing: one asset or many, once."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selling import CALLS, MONTH, RESEARCH

from registry import CID, DDO, DID, Amount, Draft, Licence, Preview, Published, Registry, State
from registry.assets.drafting import Planner
from registry.chain import reverts
from registry.chain.journal import Journal
from registry.documents.licence import LimitWarning
from registry.errors import (
    AssetNotFound,
    DDOTooLarge,
    InputError,
    InvalidAddress,
    InvalidContent,
    InvalidDDO,
    InvalidLicence,
    NoSigner,
    UnknownToken,
    WrongChain,
)
from registry.ipfs.store import MemoryStore

EXAMPLES = Path(__file__).parents[3] / "examples"


def drafts(name: str, number: int) -> list[Draft]:
    return [Draft(name=f"{name}/{i}", type="dataset", license="MIT", licences=[RESEARCH]) for i in range(number)]


def publications(client: Registry, cid: CID) -> int:
    """How often a document was published, by anybody."""
    event = client.assets.events.MetadataPublished
    return len(list(client.chain.events(event, filters={"digest": DDO.from_bytes(client.store.get(cid)).digest})))


class Interrupted(Exception):
    pass


# --- One -----------------------------------------------------------------------------------------


def test_a_folder_becomes_an_asset_with_document_content_and_licences(author: Registry, name: str) -> None:
    done = author.publish(
        EXAMPLES / "penguins",
        name=name,
        type="dataset",
        license="CC0-1.0",
        description="344 penguins",
        tags=("biology",),
        licences=[RESEARCH, MONTH, CALLS],
    )
    asset = author.get(done.did)
    assert (asset.name, asset.owner, asset.payout, asset.version, asset.state) == (
        name,
        author.address,
        author.address,
        1,
        State.ACTIVE,
    )
    assert (asset.cid, asset.ddo.tags, asset.ddo.created) == (done.cid, ("biology",), None)
    assert asset.ddo.content is not None and asset.ddo.content.cid == done.content
    csv = next(file for file in asset.ddo.content.files if file.path == "penguins.csv")
    assert csv.media_type == "text/csv" and csv.size == (EXAMPLES / "penguins" / "penguins.csv").stat().st_size
    assert done.tx is not None and done.tx.sender == author.address
    assert str(done) == str(done.did) and name in str(asset) and asset.for_sale
    uri = author.chain.call(author.assets.functions.tokenURI(done.did.asset_id))
    assert uri == f"ipfs://{done.cid}"


def test_a_single_file_is_content(publish: Callable[..., Published], author: Registry, folder: Path) -> None:
    done = publish(path=folder / "penguins.csv")
    content = author.get(done.did).ddo.content
    assert content is not None and content.files[0].path == "penguins.csv" and len(content.files) == 1


def test_an_asset_may_be_a_service_without_content(publish: Callable[..., Published], author: Registry) -> None:
    done = publish(CALLS, path=None)
    assert done.content is None and author.get(done.did).ddo.content is None
    assert author.files(done.did) == ()


def test_what_has_no_licence_says_what_follows_and_what_adds_one(
    publish: Callable[..., Published], author: Registry, folder: Path
) -> None:
    open_, service = publish(path=folder), publish(path=None)
    assert "free for all" in open_.note and "nothing of it to buy" in service.note
    for made in (open_, service):
        assert "add_licence" in made.note and "registry add-licence" in made.note and "\n" not in made.note
    assert publish(RESEARCH).note == ""
    bare = [Draft(name=f"{folder}/{i}", type="dataset", license="MIT", path=folder) for i in range(2)]
    shown = author.publish_many(bare, dry_run=True)
    assert shown.notes == (open_.note,) and open_.note in str(shown), "once, of however many"
    # What an earlier run has published may have a licence since.
    first = author.publish_many(bare[:1])[0]
    author.add_licence(first.did, RESEARCH)
    assert first.note == open_.note and author.publish_many(bare[:1])[0].note == ""


def test_licences_arrive_as_they_were_written(publish: Callable[..., Published], author: Registry) -> None:
    written = [
        Licence.free("free", limit=1),
        Licence.hold("seat", price="0.000001 USD", cap=2**32 - 1, description="One desk.", terms="ipfs://terms"),
        Licence.period("second", seconds=1, price="1 ETH", limit=2**16 - 1),
        Licence.period("long", seconds=2**32 - 1),
        Licence.uses("uses", uses=2**32 - 1, price=Amount(2**96 - 1, author.amount("1 ETH").token), cap=1, limit=1),
    ]
    offers = author.licences(publish(*written).did)
    assert [o.number for o in offers] == list(range(5)) and all(o.open and not o.issued for o in offers)
    for offer, licence in zip(offers, written, strict=True):
        assert (offer.name, offer.kind, offer.quantity, offer.cap, offer.limit) == (
            licence.name,
            licence.kind,
            licence.quantity,
            licence.cap,
            licence.limit,
        )
        assert (offer.price.decimal if offer.price else 0) == licence.price
        assert offer.in_words() == licence.in_words()
    assert (offers[1].description, offers[1].terms) == ("One desk.", "ipfs://terms")


def test_a_dry_run_stores_and_sends_nothing(market_place: Registry, folder: Path, name: str) -> None:
    store = MemoryStore()
    client = type(market_place)(
        market_place.chain,
        market_place.deployment,
        signer=market_place.signer,
        store=store,
        journal=market_place.journal,
    )
    before = client.chain.block().number
    preview = client.publish(folder, name=name, type="dataset", license="MIT", licences=[MONTH], dry_run=True)
    assert isinstance(preview, Preview) and preview.cost.gas > 60_000 and preview.cost.max_fee_wei > 0
    assert len(store) == 0 and client.chain.block().number == before
    assert (
        preview.documents[0].cid
        == client.publish(folder, name=name, type="dataset", license="MIT", licences=[MONTH]).cid
    )
    assert name in str(preview)


def test_run_again_it_finds_what_it_published_and_sends_nothing(
    publish: Callable[..., Published], author: Registry, name: str
) -> None:
    first = publish(MONTH, name=name)
    before = author.chain.block().number
    second = publish(MONTH, name=name)
    assert (second.did, second.cid, second.content, second.owner) == (first.did, first.cid, first.content, first.owner)
    assert second.tx is None and author.chain.block().number == before
    preview = author.publish_many(
        [Draft(name=name, type="dataset", license="CC0-1.0", licences=[MONTH], path=None)], dry_run=True
    )
    assert len(preview.documents) == 1  # other content is another document


def test_again_publishes_a_second_one(publish: Callable[..., Published], name: str) -> None:
    first = publish(name=name)
    second = publish(name=name, again=True)
    assert second.did != first.did and second.cid == first.cid and second.tx is not None


def test_a_second_one_that_was_interrupted_is_finished_and_not_made_a_third_time(
    publish: Callable[..., Published], author: Registry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(name=name)
    with monkeypatch.context() as patched:
        # Killed between the transaction and its answer.
        patched.setattr(Journal, "settle", lambda *_: None)
        second = publish(name=name, again=True)
    before = author.chain.block().number
    finished = publish(name=name, again=True)
    assert (finished.did, author.chain.block().number) == (second.did, before)
    third = publish(name=name, again=True)
    assert len({first.did, second.did, third.did}) == 3


def test_other_terms_for_a_document_that_is_published_are_refused(
    publish: Callable[..., Published], author: Registry, name: str
) -> None:
    first = publish(MONTH, name=name)
    before = author.chain.block().number
    dearer = Licence.period("month", days=30, price="20 USD")
    for licences, fields in (([dearer], {}), ([MONTH], {"payout": "0x" + "11" * 20}), ([MONTH], {"royalty_bps": 0})):
        for dry_run in (False, True):
            with pytest.raises(InputError, match="again=True") as caught:
                publish(*licences, name=name, dry_run=dry_run, **fields)
            assert str(first.did) in str(caught.value)
    assert author.chain.block().number == before
    second = publish(dearer, name=name, again=True)
    author.reprice(first.did, "month", "1 USD")
    assert publish(MONTH, name=name).did == first.did, "what became of it does not matter"
    assert publish(dearer, name=name).did == second.did


def test_a_strangers_publication_of_our_document_is_not_taken_for_ours(
    author: Registry, stranger: Registry, name: str
) -> None:
    ours = {"name": name, "type": "dataset", "license": "MIT", "licences": [MONTH]}
    theirs = stranger.publish(None, owner=author.address, **ours)
    assert author.get(theirs.did).owner == author.address
    mine = author.publish(None, **ours)
    assert mine.tx is not None and mine.did != theirs.did and mine.cid == theirs.cid
    assert author.get(mine.did).payout == author.address
    assert author.publish(None, **ours).did == mine.did


def test_it_can_be_published_for_somebody_else(
    publish: Callable[..., Published], author: Registry, buyer: Registry, stranger: Registry, name: str
) -> None:
    done = publish(MONTH, name=name, owner=buyer.address, royalty_bps=250)
    asset = author.get(done.did)
    assert (done.owner, asset.owner, asset.payout) == (buyer.address, buyer.address, buyer.address)
    assert publish(MONTH, name=name, owner=buyer.address, royalty_bps=250).tx is None
    with pytest.raises(InputError, match="Only the owner says where the revenue goes"):
        publish(MONTH, name=name, owner=buyer.address, payout=stranger.address)
    assert publish(MONTH, name=name).tx is not None, "the same document for another owner is another asset"


def test_a_publisher_owes_the_parents_no_more_than_was_agreed_to(
    publish: Callable[..., Published], author: Registry, stranger: Registry
) -> None:
    parent = publish(royalty_bps=1_000)
    grandchild = publish(MONTH, by=stranger, parents=[parent.did], royalty_bps=200, max_royalty_bps=1_000)
    with pytest.raises(reverts.RoyaltyTooHigh) as caught:
        publish(MONTH, by=stranger, parents=[parent.did, grandchild.did], max_royalty_bps=1_199)
    assert (caught.value.royaltyBps, caught.value.maximum) == (1_200, 1_199)
    # Without a word it is what they ask for now, each ancestor once.
    plan = Planner(stranger).planned(Draft(name="x", type="model", license="MIT", parents=[parent.did, grandchild.did]))
    assert plan.publication[4] == 1_200
    author.set_derivative_terms(parent.did, 2_000)
    with pytest.raises(reverts.RoyaltyTooHigh):
        stranger.act(
            "publish what was planned before", stranger.assets.functions.publish(stranger.address, plan.publication)
        )


def test_an_asset_of_no_registry_is_no_parent(publish: Callable[..., Published], author: Registry) -> None:
    nobody = DID(author.chain.chain_id, author.deployment.treasury, 1)
    with pytest.raises(AssetNotFound, match="no registry"):
        publish(parents=[nobody])


def test_what_was_made_from_an_asset_pays_it(
    publish: Callable[..., Published], author: Registry, stranger: Registry, buyer: Registry
) -> None:
    parent = publish(royalty_bps=1_000)
    child = publish(MONTH, by=stranger, parents=[str(parent.did)])
    assert stranger.get(child.did).ddo.parents == (parent.did,)
    quote = buyer.buy(child.did).price
    assert [str(part) for part in (quote.total, quote.fee, quote.royalty, quote.revenue)] == [
        "12.5 USD",
        "0.125 USD",
        "1.25 USD",
        "11.125 USD",
    ]


def test_a_parent_that_allows_no_derivatives_is_refused(publish: Callable[..., Published], author: Registry) -> None:
    parent = publish()
    before = author.chain.block().number
    with pytest.raises(reverts.DerivativesNotAllowed) as caught:
        publish(parents=[parent.did])
    assert caught.value.values["parent"] == parent.did.asset_id and author.chain.block().number == before


# --- Wrong input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"description": 5, "tags": ["a", "a"]}, {"/description", "/tags/1"}),
        ({"name": "a\nb", "license": "no licence!"}, {"/name", "/license"}),
        ({"additional": {"a": float("nan")}}, {"/additional/a"}),
        ({"colour": "blue"}, {"/colour"}),
        ({"image": "http://x", "created": "now"}, {"/image", "/created"}),
    ],
)
def test_each_fault_of_a_document_is_named_by_its_pointer(
    author: Registry, fields: dict[str, Any], pointers: set[str]
) -> None:
    before = author.chain.block().number
    with pytest.raises(InvalidDDO) as caught:
        author.publish(None, **{"name": "x", "type": "dataset", "license": "MIT", **fields})
    assert {fault.pointer for fault in caught.value.faults} == pointers
    assert author.chain.block().number == before


def test_two_licences_of_one_name_are_refused(author: Registry) -> None:
    with pytest.raises(InvalidDDO) as caught:
        author.publish(None, name="x", type="dataset", license="MIT", licences=[MONTH, MONTH])
    assert caught.value.faults[0].pointer == "/licences/1/name"


def test_a_document_over_one_mebibyte_is_refused(author: Registry, name: str) -> None:
    with pytest.raises(DDOTooLarge) as caught:
        author.publish(None, name=name, type="other", license="MIT", additional={"text": "x" * 2**20})
    assert caught.value.size > caught.value.limit == 2**20


@pytest.mark.parametrize("odd", ["missing", "empty", "link"])
def test_content_that_cannot_be_published_is_refused(
    publish: Callable[..., Published], author: Registry, tmp_path: Path, odd: str
) -> None:
    path = tmp_path / odd
    if odd != "missing":
        path.mkdir()
    if odd == "link":
        (path / "out").symlink_to("/etc/hostname")
    before = author.chain.block().number
    with pytest.raises(InvalidContent):
        publish(path=path)
    assert author.chain.block().number == before


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"licences": [Licence.period("m", days=1, price="5 XYZ")]}, UnknownToken),
        ({"licences": [Licence.period("m", days=1, price="0.0000001 USD")]}, InputError),
        ({"owner": "0x12"}, InvalidAddress),
        ({"payout": "author"}, InvalidAddress),
        ({"royalty_bps": -1}, InputError),
        ({"royalty_bps": 70_000}, InputError),
        ({"royalty_bps": 3_001}, reverts.RoyaltyTooHigh),
        ({"parents": ["did:nft:eip155:5_erc721:0x" + "11" * 20 + "_1"]}, WrongChain),
    ],
)
def test_wrong_terms_are_refused_before_anything_is_sent(
    author: Registry, name: str, fields: dict[str, Any], error: type[Exception]
) -> None:
    before = author.chain.block().number
    with pytest.raises(error):
        author.publish(None, name=name, type="dataset", license="MIT", **fields)
    assert author.chain.block().number == before


def test_a_float_is_no_price(author: Registry) -> None:
    with pytest.raises(InvalidLicence, match="float"):
        Licence.period("m", days=1, price=0.1)  # type: ignore[arg-type]


def test_who_can_only_read_cannot_publish(author: Registry) -> None:
    with pytest.raises(NoSigner, match="publish"):
        author.as_account(None).publish(None, name="x", type="dataset", license="MIT")


# --- Many ----------------------------------------------------------------------------------------


def test_many_go_in_batches_and_come_back_in_order(author: Registry, name: str) -> None:
    shown: list[tuple[str, int, int]] = []
    client = author.as_account("author")
    client.progress = lambda *step: shown.append(step)
    done = client.publish_many(drafts(name, 7), batch=3)
    assert [author.get(one.did).name for one in done] == [f"{name}/{i}" for i in range(7)]
    assert len({one.tx.tx_hash for one in done if one.tx}) == 3
    assert shown == [("publishing", 3, 7), ("publishing", 6, 7), ("publishing", 7, 7)]


@pytest.mark.parametrize("after", [1, 2])
def test_an_interrupted_batch_goes_on_where_it_stopped(author: Registry, name: str, after: int) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what == "publishing" and done == 2 * after:
            raise Interrupted

    client = author.as_account("author")
    client.progress = interrupt
    wanted = drafts(name, 5)
    with pytest.raises(Interrupted):
        client.publish_many(wanted, batch=2)
    done = author.publish_many(wanted, batch=2)
    # The next ones may have been on their way, and are found, too.
    assert all(one.tx is None for one in done[: 2 * after])
    assert all(publications(author, one.cid) == 1 for one in done)
    assert author.publish_many(wanted[::-1], batch=4) == tuple(
        Published(one.did, one.cid, one.content, one.owner, None) for one in reversed(done)
    )


def test_only_what_is_missing_is_published(author: Registry, name: str) -> None:
    wanted = drafts(name, 4)
    author.publish_many(wanted[1:3])
    assert len(author.publish_many(wanted, dry_run=True).documents) == 2
    done = author.publish_many(wanted)
    assert [one.tx is None for one in done] == [False, True, True, False]


def test_two_drafts_of_one_document_are_refused(author: Registry, name: str) -> None:
    one, two, three = drafts(name, 3)
    before = author.chain.block().number
    with pytest.raises(InputError, match="Drafts 2 and 4"):
        author.publish_many([one, two, three, two])
    assert author.chain.block().number == before


def test_one_wrong_draft_keeps_all_from_being_published(author: Registry, name: str) -> None:
    wrong = Draft(name=name, type="dataset", license="MIT", licences=[Licence.hold("h", price="1 XYZ")])
    before = author.chain.block().number
    with pytest.raises(UnknownToken):
        author.publish_many([*drafts(name, 3), wrong], batch=1)
    assert author.chain.block().number == before


@pytest.mark.parametrize("batch", [0, -1, 1.5, True])
def test_a_batch_has_at_least_one(author: Registry, batch: Any) -> None:
    with pytest.raises(InputError, match="publications in a transaction"):
        author.publish_many([], batch=batch)


def test_nothing_is_published_for_nothing(author: Registry) -> None:
    assert author.publish_many([]) == ()
    assert author.publish_many([], dry_run=True).cost.gas == 0


def test_many_may_be_published_again(author: Registry, name: str) -> None:
    first = author.publish_many(drafts(name, 2))
    second = author.publish_many(drafts(name, 2), again=True)
    assert {one.did for one in first}.isdisjoint(one.did for one in second)
    assert all(publications(author, one.cid) == 2 for one in first)


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        (Licence.free("open", cap=10), "one account can take all 10 at once"),
        (Licence.free("trial", limit=1), "whoever uses several accounts takes more than 1"),
        (Licence.period("week", days=7, cap=10, limit=2), "whoever uses several accounts takes more than 2"),
    ],
)
def test_a_limit_that_is_none_is_warned_of(author: Registry, name: str, licence: Licence, words: str) -> None:
    with pytest.warns(LimitWarning, match=words):
        author.publish(None, name=name, type="dataset", license="MIT", licences=[licence], dry_run=True)


@pytest.mark.parametrize("licence", [Licence.free("open"), Licence.hold("seat", price="1 USD", cap=10, limit=1)])
def test_a_limit_that_holds_is_not_warned_of(author: Registry, name: str, licence: Licence) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", LimitWarning)
        author.publish(None, name=name, type="dataset", license="MIT", licences=[licence], dry_run=True)
