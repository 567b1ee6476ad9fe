"""AssetRegistry as a register: publishing, documents, states, roles, payout, the token, the settings."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Any

import pytest
from ape import chain
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from .support import (
    ACTIVE,
    DAY,
    DOLLAR,
    EDITOR,
    HOLD,
    MINTER,
    NATIVE,
    PERIOD,
    RETIRED,
    SELLER,
    SUSPENDED,
    UNIT,
    USD,
    USE,
    cid,
    digest,
    logs,
    order,
    publication,
    refusal,
    terms,
    word,
)

NOBODY = 99


# Publishing


def test_a_publication_says_all_in_its_events(registry: Any, author: Any, buyer: Any) -> None:
    licences = terms(5 * DOLLAR, kind=PERIOD), terms(kind=USE, cap=7, limit=2, token=NATIVE)
    tx = registry.publish(author, publication(*licences, payout=buyer, derivatives=(True, 700)), sender=author)
    asset_id = logs(tx, registry.MetadataPublished)[0]["assetId"]
    assert logs(tx, registry.Transfer) == [{"from": ZERO_ADDRESS, "to": author, "tokenId": asset_id}]
    assert logs(tx, registry.MetadataPublished) == [
        {"assetId": asset_id, "version": 1, "digest": digest("first version"), "publisher": author}
    ]
    assert logs(tx, registry.DerivativeTermsChanged) == [{"assetId": asset_id, "allowed": True, "royaltyBps": 700}]
    assert logs(tx, registry.PayoutChanged) == [{"assetId": asset_id, "payout": buyer}]
    assert [(log["licence"], tuple(log["terms"])) for log in logs(tx, registry.LicenceAdded)] == list(
        enumerate(licences)
    )


def test_a_publication_says_all_in_its_views(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(1), terms(2), payout=buyer, derivatives=(True, 700))
    info = registry.assetInfo(asset_id)
    assert (info.owner, info.digest, info.version, info.state) == (author, digest("first version"), 1, ACTIVE)
    assert (info.delisted, info.licenceCount, info.payout, info.epoch, info.derived) == (False, 2, buyer, 0, False)
    assert tuple(info.derivatives) == (True, 700)
    assert registry.ownerOf(asset_id) == author
    assert registry.payoutOf(asset_id) == buyer


def test_ids_start_at_one_and_go_up_by_one(registry: Any, publish: Any) -> None:
    first = publish()
    assert first == 1
    assert publish() == first + 1


def test_a_batch_has_consecutive_ids_and_all_events(registry: Any, author: Any, publish: Any) -> None:
    before = publish()
    batch = [publication(terms(price), document=f"asset {price}") for price in range(5)]
    tx = registry.publishMany(author, batch, sender=author)
    published = logs(tx, registry.MetadataPublished)
    assert [log["assetId"] for log in published] == [before + 1 + i for i in range(5)]
    assert [log["digest"] for log in published] == [digest(f"asset {i}") for i in range(5)]
    assert len(logs(tx, registry.Transfer)) == len(logs(tx, registry.LicenceAdded)) == 5
    assert [registry.licenceOf(log["assetId"], 0).price for log in published] == list(range(5))
    assert registry.balanceOf(author) == 6


def test_whoever_publishes_for_another_gives_it_to_them(
    registry: Any, author: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(owner=author, sender=stranger)
    assert registry.ownerOf(asset_id) == author
    assert registry.balanceOf(author) == 1 and registry.balanceOf(stranger) == 0


def test_a_contract_is_asked_only_when_another_publishes_for_it(
    registry: Any, project: Any, author: Any, publish: Any
) -> None:
    receiver = author.deploy(project.AssetReceiver, 0)
    asset_id = publish(owner=receiver, sender=author)
    assert (receiver.received(), receiver.operator(), receiver.sender(), receiver.assetId()) == (
        1,
        author,
        ZERO_ADDRESS,
        asset_id,
    )
    # This contract has no such hook that accepts; it publishes for itself and is not asked.
    puppet = author.deploy(project.Reentrant)
    puppet.arm(registry, 0, b"", sender=author)
    puppet.act(registry, 0, registry.publish.encode_input(puppet, publication()), sender=author)
    assert puppet.attempts() == 0
    assert registry.balanceOf(puppet) == 1


@pytest.mark.parametrize("answer", [1, 2])
def test_a_contract_that_refuses_assets_gets_none(registry: Any, project: Any, author: Any, answer: int) -> None:
    receiver = author.deploy(project.AssetReceiver, answer)
    expected = ("ERC721InvalidReceiver", receiver) if answer == 1 else ("AssetRefused", 1)
    assert refusal(registry.publish, receiver, publication(), sender=author) == expected
    assert refusal(registry.publishMany, receiver, [publication()], sender=author) == expected


def test_a_contract_without_the_hook_gets_none(registry: Any, dollar: Any, author: Any) -> None:
    assert refusal(registry.publish, dollar, publication(), sender=author) == ("ERC721InvalidReceiver", dollar)


def test_nobody_cannot_own_an_asset(registry: Any, author: Any) -> None:
    expected = ("ERC721InvalidReceiver", ZERO_ADDRESS)
    assert refusal(registry.publish, ZERO_ADDRESS, publication(), sender=author) == expected
    assert refusal(registry.publishMany, ZERO_ADDRESS, [publication()], sender=author) == expected


def test_an_empty_batch_is_refused(registry: Any, author: Any) -> None:
    assert refusal(registry.publishMany, author, [], sender=author) == ("NothingToPublish",)


def test_a_document_without_digest_is_refused(registry: Any, author: Any, dao: Any, publish: Any) -> None:
    empty = (bytes(32), *publication()[1:])
    assert refusal(registry.publish, author, empty, sender=author) == ("EmptyDigest",)
    assert refusal(registry.updateMetadata, publish(), bytes(32), 1, sender=author) == ("EmptyDigest",)
    assert refusal(registry.setContractURI, bytes(32), sender=dao) == ("EmptyDigest",)


def test_one_bad_publication_refuses_the_whole_batch(registry: Any, author: Any) -> None:
    batch = [publication(), publication(terms(kind=HOLD, amount=1))]
    assert refusal(registry.publishMany, author, batch, sender=author) == ("InvalidLicenceAmount", HOLD, 1)


def test_an_asset_has_at_most_32_licences(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish(*[terms(i) for i in range(32)])
    assert [offer.price for offer in registry.licencesOf(asset_id)] == list(range(32))
    many = publication(*[terms()] * 33)
    assert refusal(registry.publish, author, many, sender=author) == ("TooManyLicences", asset_id + 1, 32)
    assert refusal(registry.addLicence, asset_id, terms(), sender=author) == ("TooManyLicences", asset_id, 32)


def test_a_seller_cannot_use_up_the_numbers_of_licences(
    registry: Any, author: Any, seller: Any, buyer: Any, publish: Any
) -> None:
    """Numbers do not come back: what a seller took, the next owner would miss."""
    asset_id = publish(*[terms(i) for i in range(15)])
    registry.setRoles(asset_id, seller, SELLER, sender=author)
    registry.addLicence(asset_id, terms(), sender=seller)
    assert refusal(registry.addLicence, asset_id, terms(), sender=seller) == ("TooManyLicences", asset_id, 16)
    registry.addLicence(asset_id, terms(), sender=author)
    assert refusal(registry.addLicence, asset_id, terms(), sender=seller) == ("TooManyLicences", asset_id, 16)
    registry.transferFrom(author, buyer, asset_id, sender=author)
    for _ in range(15):
        registry.addLicence(asset_id, terms(), sender=buyer)
    assert refusal(registry.addLicence, asset_id, terms(), sender=buyer) == ("TooManyLicences", asset_id, 32)


def test_a_royalty_over_the_cap_is_refused(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish(derivatives=(True, 3_000))
    greedy = publication(derivatives=(True, 3_001))
    expected = ("RoyaltyTooHigh", 3_001, 3_000)
    assert refusal(registry.publish, author, greedy, sender=author) == expected
    assert refusal(registry.setDerivativeTerms, asset_id, (False, 3_001), sender=author) == expected


def test_an_asset_with_parents_says_so(registry: Any, lineage: Any, publish: Any) -> None:
    parent = publish(derivatives=(True, 450))
    child = publish(parents=(parent,))
    assert (registry.assetInfo(child).derived, registry.assetInfo(child).royaltyBps) == (True, 450)
    assert (registry.assetInfo(parent).derived, registry.assetInfo(parent).royaltyBps) == (False, 0)
    assert registry.lineage() == lineage


def test_publications_can_be_paused_and_go_on(registry: Any, dao: Any, author: Any, publish: Any) -> None:
    until = chain.pending_timestamp + DAY
    tx = registry.pausePublications(until, sender=dao)
    assert logs(tx, registry.PublicationsPaused) == [{"until": until}]
    assert registry.publicationsPausedUntil() == until
    for call in ((registry.publish, author, publication()), (registry.publishMany, author, [publication()])):
        assert refusal(*call, sender=author) == ("PublicationsArePaused", until)
    registry.pausePublications(0, sender=dao)
    assert publish() == 1


def test_a_pause_of_publications_ends_by_itself(registry: Any, dao: Any, author: Any, publish: Any) -> None:
    until = chain.pending_timestamp + DAY
    registry.pausePublications(until, sender=dao)
    chain.pending_timestamp = until - 1
    chain.mine()
    assert refusal(registry.publish, author, publication(), sender=author) == ("PublicationsArePaused", until)
    chain.pending_timestamp = until
    assert publish() == 1


def test_several_acts_go_in_one_transaction(registry: Any, author: Any) -> None:
    calls = [registry.publish.encode_input(author, publication(document=str(i))) for i in range(3)]
    tx = registry.multicall(calls, sender=author)
    assert [log["digest"] for log in logs(tx, registry.MetadataPublished)] == [digest(str(i)) for i in range(3)]


# Documents


def test_an_update_sets_document_and_version(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    tx = registry.updateMetadata(asset_id, digest("second version"), 1, sender=author)
    assert logs(tx, registry.MetadataPublished) == [
        {"assetId": asset_id, "version": 2, "digest": digest("second version"), "publisher": author}
    ]
    assert logs(tx, registry.MetadataUpdate) == [{"_tokenId": asset_id}]
    info = registry.assetInfo(asset_id)
    assert (info.version, info.digest) == (2, digest("second version"))


def test_an_update_from_an_old_version_is_refused(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    registry.updateMetadata(asset_id, digest("2"), 1, sender=author)
    for version in (0, 1, 3):
        got = refusal(registry.updateMetadata, asset_id, digest("3"), version, sender=author)
        assert got == ("VersionConflict", asset_id, version, 2)


@pytest.mark.parametrize("text", ["", "a", "first version", "ü" * 1000])
def test_the_token_uri_is_the_cid_of_the_document(registry: Any, author: Any, publish: Any, text: str) -> None:
    hash_ = hashlib.sha256(text.encode()).digest()
    asset_id = publish()
    registry.updateMetadata(asset_id, hash_, 1, sender=author)
    assert registry.tokenURI(asset_id) == "ipfs://" + cid(hash_)


def test_the_contract_uri_is_the_cid_of_its_document(registry: Any, dao: Any) -> None:
    assert registry.contractURI() == ""
    tx = registry.setContractURI(digest("collection"), sender=dao)
    assert len(logs(tx, registry.ContractURIUpdated)) == 1
    assert registry.contractURI() == "ipfs://" + cid(digest("collection"))


# States


@pytest.mark.parametrize(("start", "end"), list(product(range(3), range(3))))
def test_each_move_between_states(registry: Any, author: Any, publish: Any, start: int, end: int) -> None:
    asset_id = publish()
    if start != ACTIVE:
        registry.setState(asset_id, start, sender=author)
    if start in (end, RETIRED):
        got = refusal(registry.setState, asset_id, end, sender=author)
        assert got == ("IllegalStateChange", asset_id, start, end)
        return
    tx = registry.setState(asset_id, end, sender=author)
    assert logs(tx, registry.StateChanged) == [{"assetId": asset_id, "state": end}]
    assert registry.assetInfo(asset_id).state == end


def test_a_state_that_does_not_exist_is_refused(registry: Any, author: Any, publish: Any) -> None:
    assert refusal(registry.setState, publish(), 3, sender=author) == ("",)


def test_a_retired_asset_does_not_change_any_more(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    registry.setState(asset_id, RETIRED, sender=author)
    expected = ("AssetIsRetired", asset_id)
    assert refusal(registry.updateMetadata, asset_id, digest("2"), 1, sender=author) == expected
    assert refusal(registry.addLicence, asset_id, terms(), sender=author) == expected


@pytest.mark.parametrize("how", ["suspended", "retired", "delisted"])
def test_nothing_is_issued_of_an_asset_that_is_not_for_sale(
    registry: Any, marketplace: Any, author: Any, curator: Any, buyer: Any, publish: Any, how: str
) -> None:
    asset_id = publish(terms(DOLLAR))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    if how == "delisted":
        registry.setDelisted(asset_id, True, sender=curator)
    else:
        registry.setState(asset_id, {"suspended": SUSPENDED, "retired": RETIRED}[how], sender=author)
    for_author = order(asset_id, author)
    assert refusal(marketplace.buyAccess, for_author, sender=buyer) == ("NotForSale", asset_id)
    assert refusal(marketplace.buyTokens, for_author, sender=buyer) == ("NotForSale", asset_id)
    assert refusal(registry.grant, asset_id, 0, author, 1, False, sender=author) == ("NotForSale", asset_id)
    assert registry.hasAccess(asset_id, buyer)


def test_curation_delists_and_lists_again(
    registry: Any, marketplace: Any, curator: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(), payout=author)
    tx = registry.setDelisted(asset_id, True, sender=curator)
    assert logs(tx, registry.DelistedChanged) == [{"assetId": asset_id, "delisted": True}]
    assert registry.assetInfo(asset_id).delisted
    # The owner's moves do not undo what curation said, nor does a transfer.
    registry.setState(asset_id, SUSPENDED, sender=author)
    registry.setState(asset_id, ACTIVE, sender=author)
    registry.transferFrom(author, buyer, asset_id, sender=author)
    assert registry.assetInfo(asset_id).delisted
    tx = registry.setDelisted(asset_id, False, sender=curator)
    assert logs(tx, registry.DelistedChanged) == [{"assetId": asset_id, "delisted": False}]
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert registry.hasAccess(asset_id, buyer)


# Roles and payout


def test_each_role_may_do_its_own_and_no_more(
    registry: Any, author: Any, editor: Any, seller: Any, minter: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    for person, role in ((editor, EDITOR), (seller, SELLER), (minter, MINTER)):
        tx = registry.setRoles(asset_id, person, role, sender=author)
        assert logs(tx, registry.RolesChanged) == [{"assetId": asset_id, "account": person, "epoch": 0, "roles": role}]
        assert registry.rolesOf(asset_id, person) == role
    acts = (
        (EDITOR, registry.updateMetadata, (digest("2"), 1)),
        (SELLER, registry.addLicence, (terms(),)),
        (SELLER, registry.setPrice, (0, 7)),
        (SELLER, registry.setOpen, (0, True)),
        (MINTER, registry.grant, (0, buyer, 1, False)),
    )
    for person, has in ((editor, EDITOR), (seller, SELLER), (minter, MINTER), (buyer, 0)):
        for needs, act, args in acts:
            if has == needs:
                act(asset_id, *args, sender=person)
            else:
                got = refusal(act, asset_id, *args, sender=person)
                assert got == ("MissingAssetRole", asset_id, person, needs)


def test_only_the_owner_sets_state_roles_payout_and_derivative_terms(
    registry: Any, author: Any, editor: Any, publish: Any
) -> None:
    asset_id = publish()
    registry.setRoles(asset_id, editor, EDITOR | SELLER | MINTER, sender=author)
    for act, args in (
        (registry.setState, (SUSPENDED,)),
        (registry.setRoles, (editor, EDITOR)),
        (registry.setPayout, (editor,)),
        (registry.setDerivativeTerms, ((True, 1),)),
    ):
        assert refusal(act, asset_id, *args, sender=editor) == ("NotAssetOwner", asset_id, editor)


def test_roles_are_set_exactly_and_unknown_ones_refused(registry: Any, author: Any, editor: Any, publish: Any) -> None:
    asset_id = publish()
    registry.setRoles(asset_id, editor, EDITOR | MINTER, sender=author)
    registry.setRoles(asset_id, editor, SELLER, sender=author)
    assert registry.rolesOf(asset_id, editor) == SELLER
    for roles in (8, 255, 9):
        assert refusal(registry.setRoles, asset_id, editor, roles, sender=author) == ("UnknownRoles", roles)


def test_roles_can_be_given_up(registry: Any, author: Any, editor: Any, publish: Any) -> None:
    asset_id = publish()
    registry.setRoles(asset_id, editor, EDITOR, sender=author)
    tx = registry.renounceRoles(asset_id, sender=editor)
    assert logs(tx, registry.RolesChanged) == [{"assetId": asset_id, "account": editor, "epoch": 0, "roles": 0}]
    assert registry.rolesOf(asset_id, editor) == 0


def test_a_transfer_ends_all_roles_and_returns_the_payout(
    registry: Any, author: Any, editor: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(payout=stranger)
    registry.setRoles(asset_id, editor, EDITOR, sender=author)
    tx = registry.transferFrom(author, buyer, asset_id, sender=author)
    assert logs(tx, registry.Transfer) == [{"from": author, "to": buyer, "tokenId": asset_id}]
    info = registry.assetInfo(asset_id)
    assert (info.owner, info.epoch, info.payout) == (buyer, 1, buyer)
    assert registry.rolesOf(asset_id, editor) == 0
    got = refusal(registry.updateMetadata, asset_id, digest("2"), 1, sender=editor)
    assert got == ("MissingAssetRole", asset_id, editor, EDITOR)
    # Coming back does not bring the old roles or the old payout with it.
    registry.transferFrom(buyer, author, asset_id, sender=buyer)
    assert registry.rolesOf(asset_id, editor) == 0
    assert registry.payoutOf(asset_id) == author
    tx = registry.setRoles(asset_id, editor, SELLER, sender=author)
    assert logs(tx, registry.RolesChanged)[0]["epoch"] == 2


def test_a_transfer_to_the_same_owner_changes_nothing_but_the_approval(
    registry: Any, author: Any, editor: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    """Somebody who was approved for one token could else end roles and payout of what did not move."""
    asset_id = publish(payout=stranger)
    registry.setRoles(asset_id, editor, EDITOR, sender=author)
    registry.approve(buyer, asset_id, sender=author)
    tx = registry.transferFrom(author, author, asset_id, sender=buyer)
    assert logs(tx, registry.Transfer) == [{"from": author, "to": author, "tokenId": asset_id}]
    info = registry.assetInfo(asset_id)
    assert (info.owner, info.epoch, info.payout) == (author, 0, stranger)
    assert registry.rolesOf(asset_id, editor) == EDITOR
    assert registry.balanceOf(author) == 1
    assert registry.getApproved(asset_id) == ZERO_ADDRESS


def test_only_the_owner_names_a_payout_when_somebody_publishes(
    registry: Any, author: Any, stranger: Any, publish: Any
) -> None:
    """Anybody may publish for anybody, but not keep the money."""
    for act, what in ((registry.publish, publication(payout=stranger)), (registry.publishMany, None)):
        args = what or [publication(document="1"), publication(document="2", payout=stranger)]
        got = refusal(act, author, args, sender=stranger)
        assert got == ("NotAssetOwner", 1 if what else 2, stranger)
    tx = registry.publish(author, publication(), sender=stranger)
    assert registry.payoutOf(1) == author
    # And the event says who it was.
    assert logs(tx, registry.MetadataPublished)[0]["publisher"] == stranger


def test_an_update_says_who_made_it(registry: Any, author: Any, editor: Any, publish: Any) -> None:
    asset_id = publish()
    registry.setRoles(asset_id, editor, EDITOR, sender=author)
    tx = registry.updateMetadata(asset_id, digest("2"), 1, sender=editor)
    assert logs(tx, registry.MetadataPublished)[0]["publisher"] == editor


def test_the_payout_is_the_owner_unless_set(registry: Any, author: Any, stranger: Any, publish: Any) -> None:
    asset_id = publish()
    assert registry.payoutOf(asset_id) == author
    tx = registry.setPayout(asset_id, stranger, sender=author)
    assert logs(tx, registry.PayoutChanged) == [{"assetId": asset_id, "payout": stranger}]
    assert registry.payoutOf(asset_id) == stranger
    tx = registry.setPayout(asset_id, ZERO_ADDRESS, sender=author)
    assert logs(tx, registry.PayoutChanged) == [{"assetId": asset_id, "payout": ZERO_ADDRESS}]
    assert registry.payoutOf(asset_id) == author


def test_derivative_terms_can_be_changed(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    tx = registry.setDerivativeTerms(asset_id, (True, 450), sender=author)
    assert logs(tx, registry.DerivativeTermsChanged) == [{"assetId": asset_id, "allowed": True, "royaltyBps": 450}]
    assert tuple(registry.assetInfo(asset_id).derivatives) == (True, 450)
    registry.setDerivativeTerms(asset_id, (False, 0), sender=author)
    assert tuple(registry.assetInfo(asset_id).derivatives) == (False, 0)


@pytest.mark.parametrize("royalty", [0, 500])
@pytest.mark.parametrize("allowed", [True, False])
def test_published_derivative_terms_can_be_read_off_the_events(
    registry: Any, author: Any, allowed: bool, royalty: int
) -> None:
    """An index is built from events alone, so what they say must be what the views say."""
    tx = registry.publish(author, publication(derivatives=(allowed, royalty)), sender=author)
    told = [(log["allowed"], log["royaltyBps"]) for log in logs(tx, registry.DerivativeTermsChanged)]
    asset_id = logs(tx, registry.MetadataPublished)[0]["assetId"]
    assert tuple(registry.assetInfo(asset_id).derivatives) == (allowed, royalty)
    assert told == ([] if (allowed, royalty) == (False, 0) else [(allowed, royalty)])


# The token


@pytest.mark.parametrize(
    ("name", "interface_id"),
    [
        ("ERC-165", 0x01FFC9A7),
        ("ERC-721", 0x80AC58CD),
        ("ERC-721 metadata", 0x5B5E139F),
        ("ERC-2981", 0x2A55205A),
        ("ERC-4906", 0x49064906),
    ],
)
def test_the_standards_are_announced(registry: Any, name: str, interface_id: int) -> None:
    assert registry.supportsInterface(interface_id.to_bytes(4, "big")), name


@pytest.mark.parametrize("interface_id", [0xFFFFFFFF, 0x780E9D63, 0])
def test_no_other_interface_is_announced(registry: Any, interface_id: int) -> None:
    assert not registry.supportsInterface(interface_id.to_bytes(4, "big"))


@pytest.mark.parametrize(
    "signature",
    [
        "balanceOf(address)",
        "ownerOf(uint256)",
        "safeTransferFrom(address,address,uint256,bytes)",
        "safeTransferFrom(address,address,uint256)",
        "transferFrom(address,address,uint256)",
        "approve(address,uint256)",
        "setApprovalForAll(address,bool)",
        "getApproved(uint256)",
        "isApprovedForAll(address,address)",
        "name()",
        "symbol()",
        "tokenURI(uint256)",
        "royaltyInfo(uint256,uint256)",
        "contractURI()",
    ],
)
def test_each_function_of_the_standards_is_there(registry: Any, signature: str) -> None:
    assert keccak(text=signature)[:4] in {keccak(text=method.selector)[:4] for method in registry.contract_type.methods}


def test_the_collection_has_a_name(registry: Any) -> None:
    assert (registry.name(), registry.symbol()) == ("AI Asset Registry", "ASSET")


def test_a_safe_transfer_asks_the_receiver(registry: Any, project: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    refuser, receiver = author.deploy(project.AssetReceiver, 1), author.deploy(project.AssetReceiver, 0)
    for args in ((author, refuser, asset_id), (author, refuser, asset_id, b"note")):
        got = refusal(registry.safeTransferFrom, *args, sender=author)
        assert got == ("ERC721InvalidReceiver", refuser)
    registry.safeTransferFrom(author, receiver, asset_id, b"note", sender=author)
    assert (registry.ownerOf(asset_id), receiver.sender()) == (receiver, author)


def test_approvals_let_others_transfer_once(
    registry: Any, author: Any, stranger: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish()
    move = (registry.transferFrom, author, buyer, asset_id)
    assert refusal(*move, sender=stranger) == ("ERC721InsufficientApproval", stranger, asset_id)
    registry.approve(stranger, asset_id, sender=author)
    assert registry.getApproved(asset_id) == stranger
    registry.transferFrom(author, buyer, asset_id, sender=stranger)
    assert registry.getApproved(asset_id) == ZERO_ADDRESS
    back = (registry.transferFrom, buyer, author, asset_id)
    assert refusal(*back, sender=stranger) == ("ERC721InsufficientApproval", stranger, asset_id)


def test_an_operator_moves_all_assets_of_an_owner(
    registry: Any, author: Any, stranger: Any, buyer: Any, publish: Any
) -> None:
    asset_ids = [publish(), publish()]
    registry.setApprovalForAll(stranger, True, sender=author)
    assert registry.isApprovedForAll(author, stranger)
    for asset_id in asset_ids:
        registry.transferFrom(author, buyer, asset_id, sender=stranger)
    assert (registry.balanceOf(author), registry.balanceOf(buyer)) == (0, 2)


def test_bad_transfers_are_refused(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish()
    to_nobody = refusal(registry.transferFrom, author, ZERO_ADDRESS, asset_id, sender=author)
    assert to_nobody == ("ERC721InvalidReceiver", ZERO_ADDRESS)
    from_another = refusal(registry.transferFrom, buyer, author, asset_id, sender=author)
    assert from_another == ("ERC721IncorrectOwner", buyer, asset_id, author)
    assert refusal(registry.transferFrom, author, buyer, NOBODY, sender=author) == ("ERC721NonexistentToken", NOBODY)
    assert refusal(registry.balanceOf, ZERO_ADDRESS, sender=author) == ("ERC721InvalidOwner", ZERO_ADDRESS)
    assert refusal(registry.ownerOf, NOBODY, sender=author) == ("ERC721NonexistentToken", NOBODY)
    assert refusal(registry.ownerOf, 0, sender=author) == ("ERC721NonexistentToken", 0)


def test_licences_and_access_survive_a_transfer(
    registry: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR), terms(kind=PERIOD))
    registry.grant(asset_id, 1, buyer, 1, False, sender=author)
    registry.transferFrom(author, stranger, asset_id, sender=author)
    assert registry.hasAccess(asset_id, buyer)
    assert registry.licenceOf(asset_id, 0).price == DOLLAR
    registry.setPrice(asset_id, 0, 2 * DOLLAR, sender=stranger)


@pytest.mark.parametrize("price", [0, 1, 9_999, 10_000, 123_456_789, 2**256 - 1])
def test_a_resale_owes_the_royalty_of_the_ancestors(registry: Any, lineage: Any, publish: Any, price: int) -> None:
    original = publish(derivatives=(True, 1_234))
    child = publish(parents=(original,))
    assert tuple(registry.royaltyInfo(original, price)) == (ZERO_ADDRESS, 0)
    assert tuple(registry.royaltyInfo(child, price)) == (lineage.splitterOf(registry, child), price * 1_234 // 10_000)


# What is not there


def test_an_unknown_asset_is_refused_by_name_everywhere(
    registry: Any, marketplace: Any, author: Any, buyer: Any, curator: Any
) -> None:
    for who, method, args in (
        (author, registry.updateMetadata, (digest("2"), 1)),
        (author, registry.setState, (SUSPENDED,)),
        (author, registry.setRoles, (buyer, EDITOR)),
        (author, registry.renounceRoles, ()),
        (author, registry.setPayout, (buyer,)),
        (author, registry.setDerivativeTerms, ((True, 1),)),
        (author, registry.addLicence, (terms(),)),
        (author, registry.setPrice, (0, 1)),
        (author, registry.setOpen, (0, True)),
        (author, registry.grant, (0, buyer, 1, False)),
        (author, registry.redeem, (0, 1, buyer)),
        (author, registry.consume, (0, 1, bytes(32))),
        (curator, registry.setDelisted, (True,)),
        (author, registry.assetInfo, ()),
        (author, registry.rolesOf, (buyer,)),
        (author, registry.payoutOf, ()),
        (author, registry.hasAccess, (buyer,)),
        (author, registry.accessOf, (0, buyer)),
        (author, registry.licenceOf, (0,)),
        (author, registry.licencesOf, ()),
        (author, registry.offerOf, (0,)),
        (author, registry.getStateFingerprint, ()),
        (author, registry.datatokenOf, (0,)),
        (author, registry.royaltyInfo, (1,)),
        (author, registry.tokenURI, ()),
    ):
        assert refusal(method, NOBODY, *args, sender=who) == ("AssetNotFound", NOBODY), method
    for buy in (marketplace.buyAccess, marketplace.buyTokens):
        assert refusal(buy, order(NOBODY, buyer), sender=buyer) == ("AssetNotFound", NOBODY)


# The fingerprint of what a new owner takes over (ERC-5646)


def test_the_fingerprint_changes_with_what_a_new_owner_takes_over(
    registry: Any, marketplace: Any, author: Any, buyer: Any, curator: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR, kind=PERIOD, cap=9), terms())
    seen = [registry.getStateFingerprint(asset_id)]
    for act, args, who in (
        (registry.updateMetadata, (digest("2"), 1), author),
        (registry.setState, (SUSPENDED,), author),
        (registry.setState, (ACTIVE,), author),
        (registry.setDerivativeTerms, ((True, 7),), author),
        (registry.setDerivativeTerms, ((True, 8),), author),
        (registry.setPrice, (0, 1), author),
        (registry.setPrice, (0, DOLLAR), author),
        (registry.setOpen, (1, False), author),
        (registry.grant, (0, buyer, 1, False), author),
        (registry.addLicence, (terms(),), author),
        (registry.setDelisted, (True,), curator),
    ):
        act(asset_id, *args, sender=who)
        seen.append(registry.getStateFingerprint(asset_id))
    # What came back is as it was before; all the others are different.
    assert seen[1] == seen[3] and seen[5] == seen[7]
    assert len(set(seen)) == len(seen) - 2


def test_the_fingerprint_is_the_same_while_nothing_of_that_changes(
    registry: Any, author: Any, editor: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR, kind=PERIOD))
    seen = registry.getStateFingerprint(asset_id)
    registry.setRoles(asset_id, editor, EDITOR, sender=author)
    registry.setPayout(asset_id, editor, sender=author)
    registry.approve(buyer, asset_id, sender=author)
    assert registry.getStateFingerprint(asset_id) == seen
    registry.transferFrom(author, buyer, asset_id, sender=author)
    assert registry.getStateFingerprint(asset_id) == seen
    assert registry.supportsInterface(bytes.fromhex("f5112315"))


# Settings


def test_settings_are_for_those_whom_the_access_manager_lets(
    registry: Any, dollar: Any, author: Any, curator: Any, publish: Any
) -> None:
    asset_id = publish()
    settings: tuple[tuple[Any, tuple[Any, ...]], ...] = (
        (registry.setPaymentToken, (dollar, True)),
        (registry.setSeller, (dollar, True)),
        (registry.setFee, (1,)),
        (registry.setTreasury, (author,)),
        (registry.pauseSales, (1,)),
        (registry.pausePublications, (1,)),
        (registry.setContractURI, (digest("collection"),)),
    )
    for setting, args in (*settings, (registry.setDelisted, (asset_id, True))):
        assert refusal(setting, *args, sender=author) == ("AccessManagedUnauthorized", author)
    # The curator may delist and nothing else.
    for setting, args in settings:
        assert refusal(setting, *args, sender=curator) == ("AccessManagedUnauthorized", curator)


def test_payment_tokens_keep_their_index(registry: Any, project: Any, dollar: Any, dao: Any) -> None:
    assert [tuple(entry) for entry in registry.paymentTokens()] == [(ZERO_ADDRESS, True), (dollar, True)]
    other = dao.deploy(project.MockToken, 18)
    tx = registry.setPaymentToken(other, True, sender=dao)
    assert logs(tx, registry.PaymentTokenChanged) == [{"index": 2, "token": other, "allowed": True}]
    tx = registry.setPaymentToken(dollar, False, sender=dao)
    assert logs(tx, registry.PaymentTokenChanged) == [{"index": USD, "token": dollar, "allowed": False}]
    tx = registry.setPaymentToken(ZERO_ADDRESS, False, sender=dao)
    assert logs(tx, registry.PaymentTokenChanged) == [{"index": NATIVE, "token": ZERO_ADDRESS, "allowed": False}]
    assert [tuple(entry) for entry in registry.paymentTokens()] == [
        (ZERO_ADDRESS, False),
        (dollar, False),
        (other, True),
    ]


def test_only_contracts_become_payment_tokens(registry: Any, dao: Any, stranger: Any) -> None:
    assert refusal(registry.setPaymentToken, stranger, True, sender=dao) == ("NotAContract", stranger)


def test_there_are_at_most_256_payment_tokens(registry: Any, project: Any, dao: Any, author: Any, publish: Any) -> None:
    swarm = dao.deploy(project.Swarm)
    tokens = logs(swarm.hatch(255, sender=dao), swarm.Hatched)[0]["contracts"]
    for start in range(0, 254, 64):
        batch = [registry.setPaymentToken.encode_input(token, True) for token in tokens[start : min(start + 64, 254)]]
        registry.multicall(batch, sender=dao, gas=25_000_000)
    assert len(registry.paymentTokens()) == 256
    assert refusal(registry.setPaymentToken, tokens[254], True, sender=dao) == ("TooManyPaymentTokens", 256)
    # Those that are there can still be changed, and the last can be used.
    registry.setPaymentToken(tokens[253], False, sender=dao)
    last = publish(terms(UNIT, token=255))
    assert refusal(registry.offerOf, last, 0, sender=author) == ("PaymentTokenNotAllowed", 255)


def test_one_call_leads_to_all_contracts(
    project: Any,
    registry: Any,
    directory: Any,
    marketplace: Any,
    lineage: Any,
    factory: Any,
    dao: Any,
    author: Any,
    stranger: Any,
) -> None:
    assert list(registry.contracts()) == []
    named = [(word("marketplace"), marketplace), (word("lineage"), lineage)]
    tx = directory.setEntries(named, sender=dao)
    assert logs(tx, directory.EntrySet) == [{"name": name, "account": account} for name, account in named]
    assert [tuple(entry) for entry in registry.contracts()] == [(name, account.address) for name, account in named]
    # A name keeps its place, whatever it stands for; that of nothing stands for nothing.
    directory.setEntries([(word("splitters"), factory), (word("marketplace"), ZERO_ADDRESS)], sender=dao)
    directory.setEntries([(word("splitters"), factory)], sender=dao)
    expected = [(word("marketplace"), ZERO_ADDRESS), (word("lineage"), lineage), (word("splitters"), factory)]
    assert [tuple(entry) for entry in registry.contracts()] == expected
    assert [directory.entryOf(word(name)) for name in ("lineage", "marketplace", "nothing")] == [
        lineage,
        ZERO_ADDRESS,
        ZERO_ADDRESS,
    ]
    got = refusal(directory.setEntries, named, sender=author)
    assert got == ("AccessManagedUnauthorized", author)
    got = refusal(directory.setEntries, [(bytes(32), lineage)], sender=dao)
    assert got == ("EntryWithoutName", lineage)
    got = refusal(directory.setEntries, [(word("person"), stranger)], sender=dao)
    assert got == ("NoContractAt", word("person"), stranger)


def test_the_lineage_is_there_from_the_start_and_for_ever(registry: Any, lineage: Any) -> None:
    assert registry.lineage() == lineage
    assert not [method.name for method in registry.contract_type.mutable_methods if "ineage" in method.name]


def test_the_registry_takes_no_money(registry: Any, author: Any, publish: Any) -> None:
    assert not registry.contract_type.receive and not registry.contract_type.fallback
    assert not [method.name for method in registry.contract_type.methods if method.stateMutability == "payable"]
    assert refusal(registry.setState, publish(), SUSPENDED, sender=author, value=1) == ("",)
