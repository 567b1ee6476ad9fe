"""Curation: flags with bonds, answers, decisions, appeals, endorsements."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from registry.documents.merkle import leaf_of

from ..support import DOLLAR, allowed, digest, logs, now, order, publication, refusal, terms
from ..support import PERIOD as FOR_A_PERIOD
from .story import DAY, action, carry, travel, travel_to

UNLISTED, ENDORSED, FLAGGED, DELISTED = range(4)
NONE, OPEN, UPHELD, DISMISSED, LAPSED = range(5)
BOND = 50 * DOLLAR
REASON, ANSWER, VERDICT = digest("reason"), digest("answer"), digest("verdict")
NOTHING = bytes(32)


@pytest.fixture(autouse=True)
def rules(house: SimpleNamespace) -> None:
    """A flag costs 50 dollars, and a council may decide for 200 days."""
    carry(
        house,
        action(house.curation.setBond, house.dollar, BOND),
        action(house.curation.nameCouncil, house.council, now() + 200 * DAY),
        title="Rules of curation",
    )


@pytest.fixture
def flagged(house: SimpleNamespace, rules: None, asset: int) -> int:
    """The case of a stranger's flag on the author's asset."""
    house.curation.flag(asset, REASON, house.dollar, BOND, sender=house.stranger)
    return int(house.curation.caseCount())


def status(house: SimpleNamespace, asset: int) -> int:
    return int(house.curation.listingOf(asset).status)


def for_sale(house: SimpleNamespace, asset: int) -> bool:
    try:
        refused = refusal(house.market.buyAccess, order(asset, house.buyer), sender=house.buyer)
    except AssertionError:
        return True
    assert refused == ("NotForSale", asset)
    return False


def bonds(house: SimpleNamespace, account: Any) -> int:
    return int(house.curation.owedTo(house.dollar, account))


# Flags


def test_a_flag_takes_a_bond_and_says_why(house: SimpleNamespace, asset: int) -> None:
    before = house.dollar.balanceOf(house.stranger)
    tx = house.curation.flag(asset, REASON, house.dollar, BOND, sender=house.stranger)
    assert house.dollar.balanceOf(house.stranger) == before - BOND
    (opened,) = logs(tx, house.curation.CaseOpened)
    assert (opened["assetId"], opened["claimant"], opened["bond"]) == (asset, house.stranger.address, BOND)
    case = house.curation.caseOf(opened["caseId"])
    assert (case.assetId, bytes(case.reason), case.state, case.appeal) == (asset, REASON, OPEN, False)
    assert status(house, asset) == FLAGGED
    assert for_sale(house, asset)


def test_a_flag_is_refused_without_asset_reason_token_or_consent_to_its_price(
    house: SimpleNamespace, asset: int
) -> None:
    flag, who = house.curation.flag, house.stranger
    assert refusal(flag, 99, REASON, house.dollar, BOND, sender=who) == ("AssetNotFound", 99)
    assert refusal(flag, asset, NOTHING, house.dollar, BOND, sender=who) == ("EmptyReason",)
    assert refusal(flag, asset, REASON, house.token, BOND, sender=who) == ("BondTokenNotAllowed", house.token.address)
    refused = refusal(flag, asset, REASON, house.dollar, BOND - 1, sender=who)
    assert refused == ("BondAboveMaximum", BOND, BOND - 1)


def test_flags_do_not_stand_in_each_others_way(house: SimpleNamespace, asset: int) -> None:
    """An owner who flags an asset for the looks of it keeps nobody from doing so in earnest."""
    house.curation.flag(asset, REASON, house.dollar, BOND, sender=house.author)
    house.curation.flag(asset, digest("another"), house.dollar, BOND, sender=house.stranger)
    assert house.curation.listingOf(asset).openFlags == 2


def test_what_arrived_of_a_bond_is_what_it_is(house: SimpleNamespace, project: Any, asset: int) -> None:
    taxed = house.founder.deploy(project.FeeToken)
    taxed.mint(house.stranger, 1_000, sender=house.founder)
    taxed.approve(house.curation, 1_000, sender=house.stranger)
    carry(house, action(house.curation.setBond, taxed, 1_000), title="Taxed bonds")
    house.curation.flag(asset, REASON, taxed, 1_000, sender=house.stranger)
    case = house.curation.caseCount()
    assert house.curation.caseOf(case).bond == 990 == taxed.balanceOf(house.curation)
    travel(8 * DAY)
    house.curation.decideFlag(case, True, VERDICT, 0, sender=house.council)
    house.curation.claim(taxed, house.stranger, house.stranger, sender=house.buyer)
    assert taxed.balanceOf(house.curation) == 0


def test_a_bond_that_does_not_arrive_is_none(house: SimpleNamespace, project: Any, asset: int) -> None:
    vanishing = house.founder.deploy(project.VanishingToken)
    carry(house, action(house.curation.setBond, vanishing, 5), title="Odd bonds")
    refused = refusal(house.curation.flag, asset, REASON, vanishing, 5, sender=house.stranger)
    assert refused == ("BondMissing", vanishing.address)


# Answers


def test_the_owner_answers_once_and_in_time(house: SimpleNamespace, flagged: int) -> None:
    answer = house.curation.answer
    refused = refusal(answer, flagged, ANSWER, sender=house.stranger)
    assert refused == ("NotOwnerOfAsset", house.curation.caseOf(flagged).assetId, house.stranger.address)
    assert refusal(answer, flagged, NOTHING, sender=house.author) == ("EmptyReason",)
    assert refusal(answer, 99, ANSWER, sender=house.author) == ("CaseNotOpen", 99, NONE)
    tx = answer(flagged, ANSWER, sender=house.author)
    assert logs(tx, house.curation.CaseAnswered)[0]["answer"] == ANSWER
    assert refusal(answer, flagged, ANSWER, sender=house.author) == ("CannotAnswer", flagged)


def test_after_seven_days_there_is_no_answer(house: SimpleNamespace, flagged: int) -> None:
    """The last second is the owner's, and only the next one lets the flag be decided without an answer."""
    end = house.curation.caseOf(flagged).openedAt + 7 * DAY
    decide = (house.curation.decideFlag, flagged, True, VERDICT, 0)
    travel_to(end)
    assert allowed(house.curation.answer, flagged, ANSWER, sender=house.author)
    assert refusal(*decide, sender=house.council) == ("AnswerPending", flagged, end)
    travel_to(end + 1)
    assert refusal(house.curation.answer, flagged, ANSWER, sender=house.author) == ("CannotAnswer", flagged)
    assert allowed(*decide, sender=house.council)


# Decisions


def test_nothing_is_decided_before_the_owner_had_time(house: SimpleNamespace, flagged: int) -> None:
    end = house.curation.caseOf(flagged).openedAt + 7 * DAY
    decide = house.curation.decideFlag
    refused = refusal(decide, flagged, True, VERDICT, 0, sender=house.council)
    assert refused == ("AnswerPending", flagged, end)
    house.curation.answer(flagged, ANSWER, sender=house.author)
    decide(flagged, True, VERDICT, 0, sender=house.council)


def test_a_flag_that_was_right_delists_and_returns_the_bond(house: SimpleNamespace, flagged: int, asset: int) -> None:
    travel(8 * DAY)
    until = now() + 30 * DAY
    tx = house.curation.decideFlag(flagged, True, VERDICT, until, sender=house.council)
    (closed,) = logs(tx, house.curation.CaseClosed)
    assert (closed["state"], closed["beneficiary"]) == (UPHELD, house.stranger.address)
    assert logs(tx, house.curation.AssetDelisted) == [
        {"assetId": asset, "delisting": 1, "until": until, "reason": VERDICT}
    ]
    listing = house.curation.listingOf(asset)
    assert (listing.status, bytes(listing.reason), listing.delistedUntil) == (DELISTED, VERDICT, until)
    assert not for_sale(house, asset)
    assert (bonds(house, house.stranger), bonds(house, house.author)) == (BOND, 0)
    house.curation.claim(house.dollar, house.stranger, house.buyer, sender=house.stranger)
    assert house.dollar.balanceOf(house.curation) == 0


def test_a_flag_that_was_wrong_gives_the_bond_to_the_owner(house: SimpleNamespace, flagged: int, asset: int) -> None:
    house.curation.answer(flagged, ANSWER, sender=house.author)
    house.curation.decideFlag(flagged, False, VERDICT, 0, sender=house.council)
    assert status(house, asset) == UNLISTED
    assert for_sale(house, asset)
    assert (bonds(house, house.stranger), bonds(house, house.author)) == (0, BOND)
    refused = refusal(house.curation.decideFlag, flagged, True, VERDICT, 0, sender=house.council)
    assert refused == ("CaseNotOpen", flagged, DISMISSED)


def test_a_blocked_winner_holds_up_no_decision(house: SimpleNamespace, project: Any, asset: int) -> None:
    token = house.founder.deploy(project.BlockingToken)
    token.mint(house.stranger, 10, sender=house.founder)
    token.approve(house.curation, 10, sender=house.stranger)
    carry(house, action(house.curation.setBond, token, 10), title="Bonds that block")
    house.curation.flag(asset, REASON, token, 10, sender=house.stranger)
    token.setBlocked(house.stranger, True, sender=house.founder)
    travel(8 * DAY)
    house.curation.decideFlag(house.curation.caseCount(), True, VERDICT, 0, sender=house.council)
    house.curation.claim(token, house.stranger, house.buyer, sender=house.stranger)
    assert token.balanceOf(house.buyer) == 10


def test_bonds_are_withdrawn_once_by_whose_they_are(house: SimpleNamespace, flagged: int) -> None:
    travel(8 * DAY)
    house.curation.decideFlag(flagged, True, VERDICT, 0, sender=house.council)
    claim, whose = house.curation.claim, house.stranger.address
    refused = refusal(claim, house.dollar, house.buyer, house.buyer, sender=house.buyer)
    assert refused == ("NothingToClaim", house.dollar.address, house.buyer.address)
    refused = refusal(claim, house.dollar, house.stranger, house.buyer, sender=house.buyer)
    assert refused == ("NotPayee", whose, house.buyer.address)
    tx = claim(house.dollar, house.stranger, house.stranger, sender=house.stranger)
    assert logs(tx, house.curation.Claimed) == [
        {"token": house.dollar.address, "payee": whose, "to": whose, "amount": BOND}
    ]
    refused = refusal(claim, house.dollar, house.stranger, house.stranger, sender=house.stranger)
    assert refused == ("NothingToClaim", house.dollar.address, whose)


def test_a_case_that_nobody_decides_lapses_and_nothing_is_lost(
    house: SimpleNamespace, flagged: int, asset: int
) -> None:
    end = house.curation.caseOf(flagged).openedAt + 90 * DAY
    travel_to(end)
    assert refusal(house.curation.lapse, flagged, sender=house.buyer) == ("NotLapsed", flagged, end)
    travel_to(end + 1)
    house.curation.lapse(flagged, sender=house.buyer)
    assert house.curation.caseOf(flagged).state == LAPSED
    assert (bonds(house, house.stranger), status(house, asset)) == (BOND, UNLISTED)


def test_one_case_does_not_shorten_what_another_decided(house: SimpleNamespace, asset: int) -> None:
    for _ in range(3):
        house.curation.flag(asset, REASON, house.dollar, BOND, sender=house.stranger)
    travel(8 * DAY)
    long, short = now() + 300 * DAY, now() + 2 * DAY
    house.curation.decideFlag(1, True, VERDICT, long, sender=house.council)
    house.curation.decideFlag(2, True, digest("shorter"), short, sender=house.council)
    assert house.curation.listingOf(asset).delistedUntil == long
    house.curation.decideFlag(3, True, VERDICT, 0, sender=house.council)
    assert house.curation.listingOf(asset).delistedUntil == 0
    house.curation.flag(asset, REASON, house.dollar, BOND, sender=house.stranger)
    travel(8 * DAY)
    house.curation.decideFlag(4, True, VERDICT, now() + 2 * DAY, sender=house.council)
    assert house.curation.listingOf(asset).delistedUntil == 0


# Delistings and their ends


def test_a_delisting_ends_by_anybody_once_it_is_over(house: SimpleNamespace, flagged: int, asset: int) -> None:
    travel(8 * DAY)
    until = now() + 30 * DAY
    house.curation.decideFlag(flagged, True, VERDICT, until, sender=house.council)
    travel_to(until)
    refused = refusal(house.curation.relist, asset, sender=house.author)
    assert refused == ("AccessManagedUnauthorized", house.author.address)
    travel_to(until + 1)
    house.curation.relist(asset, sender=house.author)
    assert for_sale(house, asset)
    assert refusal(house.curation.relist, asset, sender=house.author) == ("NotDelisted", asset)


def test_the_dao_delists_and_relists(house: SimpleNamespace, asset: int) -> None:
    carry(house, action(house.curation.delist, asset, VERDICT, 0), title="Delist")
    assert not for_sale(house, asset)
    carry(house, action(house.curation.relist, asset), title="Relist")
    assert for_sale(house, asset)


@pytest.mark.parametrize("until", [1, DAY - 1, 366 * DAY])
def test_an_end_is_between_a_day_and_a_year_away(house: SimpleNamespace, flagged: int, until: int) -> None:
    travel(8 * DAY)
    end = now() + until if until > 1 else 1
    refused = refusal(house.curation.decideFlag, flagged, True, VERDICT, end, sender=house.council)
    assert refused == ("InvalidEnd", end)


def test_a_delisting_touches_no_token_balance_or_access(house: SimpleNamespace, asset: int) -> None:
    registry = house.registry
    house.market.buyAccess(order(asset, house.buyer), sender=house.buyer)
    registry.grant(asset, 0, house.buyer, 2, True, sender=house.author)
    held = registry.accessOf(asset, 0, house.buyer)
    carry(house, action(house.curation.delist, asset, VERDICT, 0), title="Delist")
    assert registry.hasAccess(asset, house.buyer)
    assert registry.accessOf(asset, 0, house.buyer) == held
    assert registry.ownerOf(asset) == house.author
    registry.redeem(asset, 0, 1, house.buyer, sender=house.buyer)
    registry.transferFrom(house.author, house.cleo, asset, sender=house.author)
    assert registry.ownerOf(asset) == house.cleo


# Appeals


@pytest.fixture
def delisted(house: SimpleNamespace, flagged: int, asset: int) -> int:
    """The asset, delisted for good by the council."""
    travel(8 * DAY)
    house.curation.decideFlag(flagged, True, VERDICT, 0, sender=house.council)
    return asset


def test_the_owner_appeals_to_the_dao_and_wins(house: SimpleNamespace, delisted: int) -> None:
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    case = house.curation.caseCount()
    assert house.curation.caseOf(case).appeal
    again = refusal(house.curation.appeal, delisted, ANSWER, house.dollar, BOND, sender=house.author)
    assert again == ("AppealOpen", delisted, case)
    carry(house, action(house.curation.decideAppeal, case, True, VERDICT), title="The council was wrong")
    assert for_sale(house, delisted)
    assert bonds(house, house.author) == BOND


def test_an_appeal_in_vain_pays_the_dao(house: SimpleNamespace, delisted: int) -> None:
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    case = house.curation.caseCount()
    carry(house, action(house.curation.decideAppeal, case, False, VERDICT), title="The council was right")
    assert not for_sale(house, delisted)
    assert bonds(house, house.timelock) == BOND
    house.curation.appeal(delisted, digest("again"), house.dollar, BOND, sender=house.author)


def test_an_appeal_ends_the_delisting_that_it_is_against_and_no_other(house: SimpleNamespace, delisted: int) -> None:
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    case = house.curation.caseCount()
    assert house.curation.caseOf(case).delisting == 1
    carry(house, action(house.curation.relist, delisted), title="A second look")
    carry(house, action(house.curation.delist, delisted, digest("graver"), 0), title="For a graver reason")
    carry(house, action(house.curation.decideAppeal, case, True, VERDICT), title="The first was wrong")
    assert not for_sale(house, delisted)
    assert bonds(house, house.author) == BOND
    # Against the second there is an appeal too.
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    carry(house, action(house.curation.decideAppeal, case + 1, True, VERDICT), title="So was the second")
    assert for_sale(house, delisted)


def test_an_appeal_against_an_older_delisting_is_in_nobodys_way(house: SimpleNamespace, delisted: int) -> None:
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    first = house.curation.caseCount()
    carry(house, action(house.curation.delist, delisted, digest("graver"), 0), title="For a graver reason")
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    refused = refusal(house.curation.appeal, delisted, ANSWER, house.dollar, BOND, sender=house.author)
    assert refused == ("AppealOpen", delisted, first + 1)
    # That the older one ends changes nothing of the newer.
    travel_to(house.curation.caseOf(first).openedAt + 90 * DAY + 1)
    house.curation.lapse(first, sender=house.stranger)
    refused = refusal(house.curation.appeal, delisted, ANSWER, house.dollar, BOND, sender=house.author)
    assert refused == ("AppealOpen", delisted, first + 1)


def test_a_new_owner_does_not_wait_for_the_appeal_of_the_last(house: SimpleNamespace, delisted: int) -> None:
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    first = house.curation.caseCount()
    house.registry.transferFrom(house.author, house.buyer, delisted, sender=house.author)
    house.curation.appeal(delisted, digest("mine"), house.dollar, BOND, sender=house.buyer)
    again = refusal(house.curation.appeal, delisted, ANSWER, house.dollar, BOND, sender=house.buyer)
    assert again == ("AppealOpen", delisted, first + 1)
    # Both are decided, and whichever is right ends the delisting, once.
    carry(house, action(house.curation.decideAppeal, first, True, VERDICT), title="The first was right")
    assert for_sale(house, delisted)
    carry(house, action(house.curation.decideAppeal, first + 1, True, VERDICT), title="So was the second")
    assert (bonds(house, house.author), bonds(house, house.buyer)) == (BOND, BOND)


def test_an_appeal_in_vain_pays_the_treasury_whoever_brings_the_decision(
    house: SimpleNamespace, project: Any, delisted: int
) -> None:
    """With a delay on the role a decision comes through the authority itself, which could never claim."""
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    case = house.curation.caseCount()
    decide = house.curation.decideAppeal.encode_input(case, False, VERDICT)
    carry(
        house,
        action(house.authority.grantRole, 9, house.service, DAY),
        action(house.authority.setTargetFunctionRole, house.curation, [decide[:4]], 9),
        title="Decisions by somebody else, after a day",
    )
    house.authority.schedule(house.curation, decide, 0, sender=house.service)
    travel(DAY)
    house.authority.execute(house.curation, decide, sender=house.service)
    assert (bonds(house, house.timelock), bonds(house, house.authority)) == (BOND, 0)


def test_the_council_decides_no_appeal_and_an_appeal_is_no_flag(house: SimpleNamespace, delisted: int) -> None:
    house.curation.appeal(delisted, ANSWER, house.dollar, BOND, sender=house.author)
    case = house.curation.caseCount()
    refused = refusal(house.curation.decideAppeal, case, True, VERDICT, sender=house.council)
    assert refused == ("AccessManagedUnauthorized", house.council.address)
    assert refusal(house.curation.decideFlag, case, True, VERDICT, 0, sender=house.council) == ("WrongKindOfCase", case)
    assert refusal(house.curation.answer, case, ANSWER, sender=house.author) == ("CannotAnswer", case)
    house.curation.flag(delisted, REASON, house.dollar, BOND, sender=house.stranger)
    refused = refusal(house.curation.decideAppeal, case + 1, True, VERDICT, sender=house.timelock)
    assert refused == ("WrongKindOfCase", case + 1)


def test_only_the_owner_of_a_delisted_asset_appeals(house: SimpleNamespace, asset: int) -> None:
    appeal = house.curation.appeal
    refused = refusal(appeal, asset, ANSWER, house.dollar, BOND, sender=house.stranger)
    assert refused == ("NotOwnerOfAsset", asset, house.stranger.address)
    assert refusal(appeal, asset, ANSWER, house.dollar, BOND, sender=house.author) == ("NotDelisted", asset)


# Endorsements, and who may


def test_an_endorsement_comes_and_goes_with_reasons(house: SimpleNamespace, asset: int) -> None:
    tx = house.curation.endorse(asset, 1, house.author, REASON, sender=house.council)
    assert logs(tx, house.curation.EndorsementChanged) == [
        {"assetId": asset, "endorsed": True, "version": 1, "reason": REASON}
    ]
    listing = house.curation.listingOf(asset)
    assert (listing.status, bytes(listing.reason)) == (ENDORSED, REASON)
    house.curation.flag(asset, REASON, house.dollar, BOND, sender=house.stranger)
    assert status(house, asset) == FLAGGED
    carry(house, action(house.curation.unendorse, asset, VERDICT), title="No longer")
    assert bytes(house.curation.listingOf(asset).reason) == NOTHING
    endorse = house.curation.endorse
    assert refusal(endorse, asset, 1, house.author, NOTHING, sender=house.council) == ("EmptyReason",)
    assert refusal(endorse, 99, 1, house.author, REASON, sender=house.council) == ("AssetNotFound", 99)


def test_an_endorsement_is_of_a_version_and_an_owner(house: SimpleNamespace, asset: int) -> None:
    registry, endorse = house.registry, house.curation.endorse
    for version, owner in ((2, house.author), (1, house.cleo)):
        refused = refusal(endorse, asset, version, owner, REASON, sender=house.council)
        assert refused == ("AssetChanged", asset, 1, house.author.address)
    endorse(asset, 1, house.author, REASON, sender=house.council)
    registry.updateMetadata(asset, digest("garbage"), 1, sender=house.author)
    listing = house.curation.listingOf(asset)
    assert (listing.status, bytes(listing.reason)) == (UNLISTED, NOTHING)
    endorse(asset, 2, house.author, REASON, sender=house.council)
    assert status(house, asset) == ENDORSED
    registry.transferFrom(house.author, house.cleo, asset, sender=house.author)
    assert status(house, asset) == UNLISTED
    # Not even when it comes back.
    registry.transferFrom(house.cleo, house.author, asset, sender=house.cleo)
    assert status(house, asset) == UNLISTED


@pytest.fixture
def item(house: SimpleNamespace) -> int:
    """An item of a collection of the author's, which nobody minted; its document is the only one that is listed."""
    root = leaf_of(("uint256", "bytes32"), (0, digest("item")))
    listed = publication(terms(10 * DOLLAR, kind=FOR_A_PERIOD))
    tx = house.registry.publishCollection(house.author, listed, root, 1, sender=house.author)
    return 1 << 62 | int(logs(tx, house.registry.CollectionPublished)[0]["collection"]) << 32


def test_an_item_is_flagged_before_and_after_it_is_minted(house: SimpleNamespace, item: int) -> None:
    collection = item >> 32 & (1 << 30) - 1
    for minted in (False, True):
        if minted:
            house.registry.mintItem(item, digest("item"), [], sender=house.stranger)
        house.curation.flag(item, REASON, house.dollar, BOND, sender=house.stranger)
        case = int(house.curation.caseCount())
        house.curation.answer(case, ANSWER, sender=house.author)
        house.curation.decideFlag(case, True, VERDICT, now() + 2 * DAY, sender=house.council)
        assert status(house, item) == DELISTED and status(house, collection) == UNLISTED
        assert not for_sale(house, item) and for_sale(house, collection)
        travel(3 * DAY)
        house.curation.relist(item, sender=house.stranger)
        assert for_sale(house, item)


def test_an_item_is_endorsed_and_stays_so_when_it_is_minted(house: SimpleNamespace, item: int) -> None:
    """Its first document is the one that the root lists; another document, or another owner, was not endorsed."""
    house.curation.endorse(item, 1, house.author, REASON, sender=house.council)
    assert status(house, item) == ENDORSED
    house.registry.mintItem(item, digest("item"), [], sender=house.stranger)
    assert status(house, item) == ENDORSED
    house.registry.transferFrom(house.author, house.cleo, item, sender=house.author)
    assert status(house, item) == UNLISTED


def test_a_council_has_a_term(house: SimpleNamespace, asset: int, flagged: int) -> None:
    assert house.curation.council() == house.council
    travel(201 * DAY)
    assert int(str(house.curation.council()), 16) == 0
    for method, args in (
        (house.curation.endorse, (asset, 1, house.author, REASON)),
        (house.curation.unendorse, (asset, REASON)),
        (house.curation.decideFlag, (flagged, True, VERDICT, 0)),
    ):
        refused = refusal(method, *args, sender=house.council)
        assert refused == ("AccessManagedUnauthorized", house.council.address)
    too_long = now() + 366 * DAY
    refused = refusal(house.curation.nameCouncil, house.council, too_long, sender=house.timelock)
    assert refused[:2] == ("CouncilTooLong", too_long)


def test_settings_and_delistings_are_the_daos(house: SimpleNamespace, asset: int) -> None:
    for method, args in (
        (house.curation.setBond, (house.dollar, 1)),
        (house.curation.nameCouncil, (house.stranger, 1)),
        (house.curation.delist, (asset, REASON, 0)),
        (house.registry.setDelisted, (asset, True)),
    ):
        for who in (house.founder, house.council, house.guardian, house.stranger):
            assert refusal(method, *args, sender=who) == ("AccessManagedUnauthorized", who.address)


def test_without_a_reason_nothing_is_decided(house: SimpleNamespace, flagged: int, asset: int) -> None:
    travel(8 * DAY)
    for upheld in (True, False):
        refused = refusal(house.curation.decideFlag, flagged, upheld, NOTHING, 0, sender=house.council)
        assert refused == ("EmptyReason",)
    assert refusal(house.curation.delist, asset, NOTHING, 0, sender=house.timelock) == ("EmptyReason",)
