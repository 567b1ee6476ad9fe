"""Collections: items that are bought before anybody minted them, minted by proof, and then are assets of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ape import chain
from ape.utils import ZERO_ADDRESS

from registry.documents.merkle import MerkleTree, leaf_of

from .support import (
    ACTIVE,
    DAY,
    DOLLAR,
    EDITOR,
    FEE_BPS,
    HOLD,
    MINTER,
    PERIOD,
    RETIRED,
    SELLER,
    SUSPENDED,
    UNIT,
    USE,
    cid,
    digest,
    held_by,
    here,
    logs,
    now,
    order,
    publication,
    refusal,
    stream,
    terms,
    time_order,
    word,
    write_storage,
)

SIZE = 1_000_000
PLACES = (0, 1, 7, SIZE - 1)  # of the items whose documents the tests know


class Listed:
    """A collection on chain, and the documents of some of its items."""

    def __init__(self, number: int, tree: MerkleTree) -> None:
        self.number, self.tree, self.root = number, tree, tree.root

    def item(self, index: int) -> int:
        """The id of the item at this place."""
        return 1 << 62 | self.number << 32 | index

    def proof(self, index: int) -> list[bytes]:
        """That the collection lists the document of this item."""
        return list(self.tree.proof(leaf(index)))


def leaf(index: int) -> bytes:
    """The leaf of an item."""
    return leaf_of(("uint256", "bytes32"), (index, digest(f"item {index}")))


TREE = MerkleTree([leaf(index) for index in PLACES])


@pytest.fixture(scope="session")
def collect(registry: Any, streams: Any, author: Any) -> Callable[..., Listed]:
    """`collect(*licences, owner=author, ...)` publishes a collection of a million items."""

    def publish_collection(*licences: Any, owner: Any = author, sender: Any = None, **what: Any) -> Listed:
        listed = publication(*licences, **what)
        tx = registry.publishCollection(owner, listed, TREE.root, SIZE, sender=sender or owner)
        return Listed(int(logs(tx, registry.CollectionPublished)[0]["collection"]), TREE)

    return publish_collection


@pytest.fixture
def mint(registry: Any, stranger: Any) -> Callable[..., int]:
    """`mint(collection, index)` has a stranger mint an item, and gives its id."""

    def mint_item(collection: Listed, index: int) -> int:
        item = collection.item(index)
        registry.mintItem(item, digest(f"item {index}"), collection.proof(index), sender=stranger)
        return item

    return mint_item


# Publishing


def test_a_million_items_are_published_at_once(registry: Any, author: Any, collect: Any, publish: Any) -> None:
    tx = registry.publishCollection(author, publication(terms(DOLLAR)), TREE.root, SIZE, sender=author)
    number = logs(tx, registry.MetadataPublished)[0]["assetId"]
    assert logs(tx, registry.CollectionPublished) == [{"collection": number, "root": TREE.root, "size": SIZE}]
    assert tuple(registry.collectionOf(number)) == (TREE.root, SIZE)
    assert registry.ownerOf(number) == author and registry.balanceOf(author) == 1
    assert registry.tokenURI(number) == f"ipfs://{cid(digest('first version'))}"
    assert tuple(registry.collectionOf(publish())) == (bytes(32), 0)


def test_a_collection_lists_something(registry: Any, author: Any) -> None:
    for root, size in ((bytes(32), 5), (TREE.root, 0)):
        got = refusal(registry.publishCollection, author, publication(), root, size, sender=author)
        assert got == ("EmptyCollection",)


def test_a_collection_is_paused_and_received_as_any_asset(
    project: Any, registry: Any, dao: Any, author: Any, stranger: Any
) -> None:
    deaf = dao.deploy(project.RefusingReceiver)
    got = refusal(registry.publishCollection, deaf, publication(), TREE.root, 5, sender=stranger)
    assert got == ("ERC721InvalidReceiver", deaf)
    got = refusal(registry.publishCollection, ZERO_ADDRESS, publication(), TREE.root, 5, sender=stranger)
    assert got == ("ERC721InvalidReceiver", ZERO_ADDRESS)
    got = refusal(registry.publishCollection, author, publication(payout=stranger), TREE.root, 5, sender=stranger)
    assert got[0] == "NotAssetOwner"
    until = chain.pending_timestamp + DAY
    registry.pausePublications(until, sender=dao)
    got = refusal(registry.publishCollection, author, publication(), TREE.root, 5, sender=author)
    assert got == ("PublicationsArePaused", until)


def test_an_item_could_not_be_told_of_a_collection_past_the_last(
    project: Any, authority: Any, directory: Any, lineage: Any, dao: Any, treasury: Any, author: Any
) -> None:
    """No chain numbers so many assets; a registry that had is made by writing its counter."""
    registry = dao.deploy(project.AssetRegistry, authority, directory, lineage, treasury, FEE_BPS)
    web3 = chain.provider.web3
    slot = next(
        number
        for number in range(64)
        if int.from_bytes(web3.eth.get_storage_at(registry.address, number)) & (2**64 - 1) == 1
        and int.from_bytes(web3.eth.get_storage_at(registry.address, number)) >> 112 == 1
    )
    before = int.from_bytes(web3.eth.get_storage_at(registry.address, slot))

    def number_next(asset_id: int) -> None:
        write_storage(registry, slot, before - 1 + asset_id)

    number_next(2**30)
    got = refusal(registry.publishCollection, author, publication(), TREE.root, 5, sender=author)
    assert got == ("CollectionsAreOver", 2**30)
    number_next(2**30 - 1)
    registry.publishCollection(author, publication(), TREE.root, 5, sender=author)
    item = 1 << 62 | (2**30 - 1) << 32 | 4
    assert registry.assetInfo(item).owner == author and item < 2**63


# An item that nobody minted


def test_an_item_is_bought_without_being_minted(
    registry: Any, marketplace: Any, dollar: Any, buyer: Any, treasury: Any, seller: Any, collect: Any
) -> None:
    collection = collect(terms(100 * DOLLAR, kind=PERIOD), payout=seller)
    item, other = collection.item(7), collection.item(8)
    before = [held_by(one, dollar) for one in (buyer, treasury, seller)]
    tx = marketplace.buyAccess(order(item, buyer, document=collection.root), sender=buyer)
    after = [held_by(one, dollar) for one in (buyer, treasury, seller)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [-100 * DOLLAR, 2_500_000, 97_500_000]
    assert logs(tx, marketplace.Sale)[0]["assetId"] == item
    assert registry.hasAccess(item, buyer)
    # Of this item alone: not of the next, and not of the collection.
    assert not registry.hasAccess(other, buyer) and not registry.hasAccess(collection.number, buyer)
    assert refusal(registry.ownerOf, item, sender=buyer) == ("ERC721NonexistentToken", item)


def test_an_item_answers_as_its_collection_until_it_is_minted(
    registry: Any, author: Any, seller: Any, editor: Any, collect: Any
) -> None:
    collection = collect(terms(DOLLAR), terms(0, kind=USE), payout=seller, derivatives=(True, 500))
    registry.setRoles(collection.number, editor, EDITOR, sender=author)
    item = collection.item(SIZE - 1)
    info, whole = registry.assetInfo(item), registry.assetInfo(collection.number)
    assert (info.digest, info.version) == (collection.root, 1)
    assert tuple(info)[3:] == tuple(whole)[3:] and (info.owner, info.payout) == (author, seller)
    assert registry.licencesOf(item) == registry.licencesOf(collection.number)
    assert registry.rolesOf(item, editor) == EDITOR and registry.payoutOf(item) == seller
    assert registry.offerOf(item, 0) == registry.offerOf(collection.number, 0)
    assert registry.royaltyInfo(item, 10_000) == registry.royaltyInfo(collection.number, 10_000)


@pytest.mark.parametrize("place", ["past the end", "of no collection", "of an asset that is none"])
def test_an_item_that_is_not_listed_is_no_asset(
    registry: Any, marketplace: Any, buyer: Any, curator: Any, stranger: Any, collect: Any, publish: Any, place: str
) -> None:
    collection, plain = collect(terms(0)), publish(terms(0))
    item = {
        "past the end": collection.item(SIZE),
        "of no collection": 1 << 62 | 999_999 << 32,
        "of an asset that is none": 1 << 62 | plain << 32,
    }[place]
    missing = ("AssetNotFound", item)
    for view in (registry.assetInfo, registry.licencesOf, registry.payoutOf, registry.getStateFingerprint):
        assert refusal(view, item, sender=stranger) == missing
    assert refusal(registry.hasAccess, item, buyer, sender=stranger) == missing
    assert refusal(registry.accessOf, item, 0, buyer, sender=stranger) == missing
    assert refusal(marketplace.buyAccess, order(item, buyer), sender=buyer) == missing
    assert refusal(registry.mintItem, item, digest("item 0"), [], sender=stranger) == missing
    assert refusal(registry.setDelisted, item, True, sender=curator) == missing
    assert refusal(registry.tokenURI, item, sender=stranger) == missing


def test_whoever_orders_an_item_names_the_root_until_it_is_minted(
    registry: Any, marketplace: Any, buyer: Any, author: Any, collect: Any, mint: Any
) -> None:
    """So neither a minting nor another document of the collection in between is bought unseen."""
    collection = collect(terms(0, kind=USE))
    item = collection.item(7)
    by_root = order(item, buyer, document=collection.root)
    wrong = order(item, buyer, document=digest("item 7"))
    got = refusal(marketplace.buyAccess, wrong, sender=buyer)
    assert got == ("OtherDocument", item, digest("item 7"), collection.root)
    registry.updateMetadata(collection.number, digest("other words"), 1, sender=author)
    marketplace.buyAccess(by_root, sender=buyer)
    mint(collection, 7)
    got = refusal(marketplace.buyAccess, by_root, sender=buyer)
    assert got == ("OtherDocument", item, collection.root, digest("item 7"))
    marketplace.buyAccess(wrong, sender=buyer)
    assert registry.accessOf(item, 0, buyer).uses == 10


def test_nobody_writes_to_an_item_that_is_not_minted(
    registry: Any, author: Any, buyer: Any, editor: Any, collect: Any
) -> None:
    """Not even the owner of its collection, nor whom that gave a role."""
    collection = collect(terms(0))
    item = collection.item(1)
    registry.setRoles(collection.number, editor, EDITOR | SELLER | MINTER, sender=author)
    for caller in (author, editor):
        for method, *args in (
            (registry.updateMetadata, digest("x"), 1),
            (registry.setState, SUSPENDED),
            (registry.setRoles, buyer, EDITOR),
            (registry.setPayout, buyer),
            (registry.setDerivativeTerms, (True, 1)),
            (registry.grant, 0, buyer, 1, False),
            (registry.renounceRoles,),
        ):
            assert refusal(method, item, *args, sender=caller) == ("ItemNotMinted", item)
    assert refusal(registry.transferFrom, author, buyer, item, sender=author) == ("ERC721NonexistentToken", item)
    assert refusal(registry.approve, buyer, item, sender=author) == ("ERC721NonexistentToken", item)


def test_a_cap_is_of_all_items_and_a_limit_of_each(
    registry: Any, marketplace: Any, buyer: Any, author: Any, collect: Any, mint: Any
) -> None:
    collection = collect(terms(0, kind=USE, cap=3, limit=2))
    one, other = collection.item(0), collection.item(1)
    marketplace.buyAccess(order(one, buyer, units=2), sender=buyer)
    got = refusal(marketplace.buyAccess, order(one, buyer), sender=buyer)
    assert got == ("LimitExceeded", one, 0, buyer, 1, 0)
    marketplace.buyAccess(order(other, buyer), sender=buyer)
    got = refusal(marketplace.buyAccess, order(other, buyer), sender=buyer)
    assert got == ("CapExceeded", other, 0, 1, 0)
    assert registry.licenceOf(collection.number, 0).issued == registry.licenceOf(one, 0).issued == 3


def test_the_owner_of_an_item_cannot_give_the_cap_of_the_collection_away(
    registry: Any, author: Any, buyer: Any, stranger: Any, collect: Any, mint: Any
) -> None:
    collection = collect(terms(0, kind=USE, cap=3), terms(0, kind=USE))
    item = mint(collection, 7)
    registry.transferFrom(author, buyer, item, sender=author)
    assert refusal(registry.grant, item, 0, stranger, 1, False, sender=buyer) == ("CapOfCollection", item, 0)
    registry.grant(item, 1, stranger, 1, False, sender=buyer)
    registry.grant(collection.number, 0, stranger, 3, False, sender=author)
    assert registry.hasAccess(item, stranger) and registry.licenceOf(item, 0).issued == 3


def test_an_item_has_datatokens_of_its_own(
    project: Any, registry: Any, marketplace: Any, buyer: Any, stranger: Any, collect: Any
) -> None:
    collection = collect(terms(0, kind=USE, amount=5))
    one, other = collection.item(0), collection.item(1)
    assert registry.datatokenOf(one, 0) != registry.datatokenOf(other, 0) != registry.datatokenOf(collection.number, 0)
    marketplace.buyTokens(order(one, buyer, units=2), sender=buyer)
    token = project.Datatoken.at(registry.datatokenOf(one, 0))
    assert token.symbol() == f"DT-{one}-0" and token.balanceOf(buyer) == 2 * UNIT
    token.transfer(stranger, UNIT, sender=buyer)
    got = refusal(registry.redeem, other, 0, 1, stranger, sender=stranger)
    assert got[0] == "ERC20InsufficientBalance"
    registry.redeem(one, 0, 1, stranger, sender=stranger)
    registry.consume(one, 0, 4, word("job"), sender=stranger)
    assert registry.accessOf(one, 0, stranger).uses == 1
    assert not registry.hasAccess(collection.number, stranger)


def test_an_item_is_sold_by_the_second_too(registry: Any, streams: Any, buyer: Any, author: Any, collect: Any) -> None:
    collection = collect(stream(streams, 30 * DOLLAR))
    one, other = collection.item(0), collection.item(1)
    streams.subscribe(time_order(one, buyer, DAY, document=collection.root), sender=buyer)
    streams.subscribe(time_order(other, buyer, 2 * DAY), sender=buyer)
    assert registry.hasAccess(one, buyer) and not registry.hasAccess(collection.number, buyer)
    assert registry.streamsOf(one, 0) == streams
    chain.mine(timestamp=now() + 2 * DAY)
    assert registry.accessOf(one, 0, buyer).expiresAt < registry.accessOf(other, 0, buyer).expiresAt
    streams.settle(one, 0, [buyer], sender=author)
    assert streams.subscriptionOf(one, 0, buyer).stream.settled == streams.endOf(one, 0, buyer)
    assert streams.subscriptionOf(other, 0, buyer).stream.settled < streams.endOf(other, 0, buyer)


# Minting


def test_anybody_mints_an_item_to_the_owner_of_its_collection(
    registry: Any, marketplace: Any, author: Any, buyer: Any, seller: Any, stranger: Any, collect: Any
) -> None:
    collection = collect(terms(0, kind=USE), payout=seller)
    item = collection.item(SIZE - 1)
    marketplace.buyAccess(order(item, buyer), sender=buyer)
    tx = registry.mintItem(item, digest(f"item {SIZE - 1}"), collection.proof(SIZE - 1), sender=stranger)
    assert logs(tx, registry.Transfer) == [{"from": ZERO_ADDRESS, "to": author, "tokenId": item}]
    (published,) = logs(tx, registry.MetadataPublished)
    assert published["assetId"] == item and published["digest"] == digest(f"item {SIZE - 1}")
    assert published["version"] == 1 and published["publisher"] == stranger
    assert logs(tx, registry.PayoutChanged) == [{"assetId": item, "payout": seller}]
    assert registry.ownerOf(item) == author and registry.balanceOf(author) == 2
    assert registry.tokenURI(item) == f"ipfs://{cid(digest(f'item {SIZE - 1}'))}"
    assert registry.payoutOf(item) == seller and registry.hasAccess(item, buyer)


def test_a_wrong_proof_mints_nothing(registry: Any, stranger: Any, collect: Any, mint: Any) -> None:
    collection = collect()
    item, proof = collection.item(7), collection.proof(7)
    known = digest("item 7")
    for document, path in (
        (digest("another"), proof),  # a document that is not listed
        (known, proof[:-1]),  # a proof of less
        (known, [*proof, bytes(32)]),  # a proof of more
        (known, collection.proof(1)),  # another's
        (known, [bytes(32), *proof[1:]]),
        (known, []),
    ):
        got = refusal(registry.mintItem, item, document, path, sender=stranger)
        assert got == ("InvalidItemProof", item, document)
    # A document that is listed, at another place.
    got = refusal(registry.mintItem, collection.item(1), known, proof, sender=stranger)
    assert got == ("InvalidItemProof", collection.item(1), known)
    mint(collection, 7)
    assert refusal(registry.mintItem, item, known, proof, sender=stranger) == ("ItemIsMinted", item)
    got = refusal(registry.mintItem, collection.number, known, proof, sender=stranger)
    assert got == ("ItemIsMinted", collection.number)


def test_a_proof_is_of_one_collection(registry: Any, stranger: Any, author: Any, collect: Any, mint: Any) -> None:
    """Two collections may list the same documents; an item of one is none of the other."""
    one, other = collect(), collect()
    mint(one, 7)
    assert refusal(registry.ownerOf, other.item(7), sender=stranger)[0] == "ERC721NonexistentToken"
    mint(other, 7)
    assert registry.ownerOf(one.item(7)) == registry.ownerOf(other.item(7)) == author


def test_a_minted_item_is_an_asset_of_its_own(
    registry: Any, marketplace: Any, dollar: Any, author: Any, buyer: Any, seller: Any, collect: Any, mint: Any
) -> None:
    collection = collect(terms(100 * DOLLAR, kind=PERIOD), payout=seller)
    item = mint(collection, 7)
    registry.transferFrom(author, buyer, item, sender=author)
    assert registry.payoutOf(item) == buyer and registry.payoutOf(collection.number) == seller
    registry.updateMetadata(item, digest("better"), 1, sender=buyer)
    registry.setRoles(item, seller, EDITOR, sender=buyer)
    registry.setPayout(item, author, sender=buyer)
    before = held_by(author, dollar)
    marketplace.buyAccess(order(item, buyer, document=digest("better")), sender=buyer)
    assert held_by(author, dollar) - before == 97_500_000
    registry.transferFrom(author, seller, collection.number, sender=author)
    assert registry.ownerOf(item) == buyer and registry.payoutOf(item) == author
    assert registry.rolesOf(item, seller) == EDITOR
    # What is not minted goes with its collection.
    assert registry.payoutOf(collection.item(1)) == seller == registry.ownerOf(mint(collection, 1))


def test_roles_on_a_collection_are_none_on_its_minted_items(
    registry: Any, author: Any, editor: Any, collect: Any, mint: Any
) -> None:
    collection = collect()
    registry.setRoles(collection.number, editor, EDITOR, sender=author)
    item = mint(collection, 7)
    assert registry.rolesOf(item, editor) == 0
    got = refusal(registry.updateMetadata, item, digest("x"), 1, sender=editor)
    assert got == ("MissingAssetRole", item, editor, EDITOR)


def test_the_terms_of_an_item_are_the_collections(
    registry: Any, author: Any, buyer: Any, seller: Any, collect: Any, mint: Any
) -> None:
    """Whoever owns the item, and whatever role it gives: each would change the terms of a million others."""
    collection = collect(terms(DOLLAR))
    item = mint(collection, 7)
    registry.transferFrom(author, buyer, item, sender=author)
    registry.setRoles(item, seller, SELLER, sender=buyer)
    refused = ("TermsOfCollection", item, collection.number)
    for caller in (buyer, seller, author):
        assert refusal(registry.addLicence, item, terms(0), sender=caller) == refused
        assert refusal(registry.setPrice, item, 0, 1, sender=caller) == refused
        assert refusal(registry.setOpen, item, 0, False, sender=caller) == refused
    assert refusal(registry.setDerivativeTerms, item, (True, 1), sender=buyer) == refused
    registry.setPrice(collection.number, 0, 5 * DOLLAR, sender=author)
    registry.addLicence(collection.number, terms(0, kind=HOLD), sender=author)
    assert registry.licenceOf(item, 0).price == 5 * DOLLAR and len(registry.licencesOf(item)) == 2


@pytest.mark.parametrize("minted", [False, True])
def test_an_item_rests_with_its_collection(
    registry: Any, marketplace: Any, author: Any, buyer: Any, collect: Any, mint: Any, minted: bool
) -> None:
    collection = collect(terms(0, kind=USE))
    item = mint(collection, 7) if minted else collection.item(7)
    marketplace.buyAccess(order(item, buyer), sender=buyer)
    for state in (SUSPENDED, ACTIVE, RETIRED):
        registry.setState(collection.number, state, sender=author)
        assert registry.assetInfo(item).state == state
        if state == ACTIVE:
            marketplace.buyAccess(order(item, buyer), sender=buyer)
        else:
            assert refusal(marketplace.buyAccess, order(item, buyer), sender=buyer) == ("NotForSale", item)
    # What was bought can be used.
    registry.consume(item, 0, 10, word("job"), sender=buyer)


def test_an_item_can_be_put_to_rest_alone(
    registry: Any, marketplace: Any, author: Any, buyer: Any, collect: Any, mint: Any
) -> None:
    collection = collect(terms(0, kind=USE))
    item = mint(collection, 7)
    registry.setState(item, SUSPENDED, sender=author)
    assert refusal(marketplace.buyAccess, order(item, buyer), sender=buyer) == ("NotForSale", item)
    marketplace.buyAccess(order(collection.item(1), buyer), sender=buyer)
    registry.setState(collection.number, RETIRED, sender=author)
    assert registry.assetInfo(item).state == RETIRED


@pytest.mark.parametrize("minted", [False, True])
def test_an_item_is_delisted_alone_and_stays_so_when_minted(
    registry: Any, marketplace: Any, author: Any, buyer: Any, curator: Any, collect: Any, mint: Any, minted: bool
) -> None:
    collection = collect(terms(0, kind=USE))
    item, beside = collection.item(7), collection.item(1)
    if minted:
        mint(collection, 7)
    registry.setDelisted(item, True, sender=curator)
    assert registry.assetInfo(item).delisted and not registry.assetInfo(collection.number).delisted
    if not minted:
        mint(collection, 7)
    assert refusal(marketplace.buyAccess, order(item, buyer), sender=buyer) == ("NotForSale", item)
    marketplace.buyAccess(order(beside, buyer), sender=buyer)
    registry.setDelisted(item, False, sender=curator)
    marketplace.buyAccess(order(item, buyer), sender=buyer)
    registry.setDelisted(collection.number, True, sender=curator)
    for one in (item, beside):
        assert registry.assetInfo(one).delisted
        assert refusal(marketplace.buyAccess, order(one, buyer), sender=buyer) == ("NotForSale", one)


# Royalties


def test_an_item_owes_what_its_collection_owes(
    registry: Any, marketplace: Any, dollar: Any, dao: Any, buyer: Any, collect: Any, publish: Any, mint: Any
) -> None:
    parent = publish(owner=dao, derivatives=(True, 1_000))
    collection = collect(terms(100 * DOLLAR, kind=PERIOD), parents=here(registry, parent))
    splitter = registry.royaltyInfo(collection.number, 100)[0]
    item = collection.item(7)
    for minted in (False, True):
        if minted:
            mint(collection, 7)
        assert tuple(registry.royaltyInfo(item, 10_000)) == (splitter, 1_000)
        before = held_by(splitter, dollar)
        marketplace.buyAccess(order(item, buyer), sender=buyer)
        assert held_by(splitter, dollar) - before == 10 * DOLLAR
        assert registry.assetInfo(item).derived


def test_an_item_is_a_parent_minted_or_not(
    project: Any, registry: Any, lineage: Any, author: Any, buyer: Any, stranger: Any, collect: Any, publish: Any
) -> None:
    collection = collect(derivatives=(True, 700))
    item = collection.item(7)
    child = publish(owner=stranger, parents=[item])
    assert [tuple(one) for one in lineage.ancestorsOf(registry, child)] == [(registry, item, 700)]
    assert registry.assetInfo(child).royaltyBps == 700


def test_a_collection_is_no_descendant_of_its_own_items(registry: Any, author: Any, collect: Any) -> None:
    """Its number is known before it is published."""
    ahead = collect(derivatives=(True, 0)).number + 1
    own = here(registry, 1 << 62 | ahead << 32 | 7)
    listed = publication(derivatives=(True, 0), parents=own)
    got = refusal(registry.publishCollection, author, listed, TREE.root, SIZE, sender=author)
    assert got == ("OwnAncestor", ahead)
