"""Standards that the DAO adopts, and the brake that the guardian pulls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ..support import DOLLAR, EDITOR, FEE_BPS, NATIVE, digest, logs, now, order, publication, refusal, terms
from .story import DAY, HOUR, action, carry, travel_to

METADATA, LICENCE, CONDUCT = range(3)
NONE, PROPOSED, ADOPTED, DEPRECATED = range(4)
NAME, TEXT = b"penguin-schema".ljust(32, b"\0"), digest("schema")
NOTHING = bytes(32)

# Standards


@pytest.fixture
def adopted(house: SimpleNamespace) -> int:
    """The first version of a schema, adopted."""
    house.standards.proposeStandard(NAME, METADATA, TEXT, sender=house.stranger)
    carry(house, action(house.standards.adopt, NAME, 1, TEXT), title="Adopt the schema")
    return 1


def test_anybody_proposes_and_the_dao_adopts_and_deprecates(house: SimpleNamespace) -> None:
    tx = house.standards.proposeStandard(NAME, LICENCE, TEXT, sender=house.stranger)
    (proposed,) = logs(tx, house.standards.StandardProposed)
    assert (proposed["name"], proposed["version"], proposed["kind"]) == (NAME, 1, LICENCE)
    standard = house.standards.standardOf(NAME, 1)
    assert (bytes(standard.digest), standard.proposer, standard.status) == (TEXT, house.stranger, PROPOSED)
    tx = carry(house, action(house.standards.adopt, NAME, 1, TEXT), title="Adopt")
    assert logs(tx, house.standards.StandardAdopted) == [{"name": NAME, "version": 1}]
    assert house.standards.standardOf(NAME, 1).status == ADOPTED
    tx = carry(house, action(house.standards.deprecate, NAME, 1), title="Deprecate")
    assert logs(tx, house.standards.StandardDeprecated) == [{"name": NAME, "version": 1}]
    assert house.standards.standardOf(NAME, 1).status == DEPRECATED


def test_what_was_only_proposed_is_deprecated_as_well(house: SimpleNamespace) -> None:
    house.standards.proposeStandard(NAME, LICENCE, TEXT, sender=house.stranger)
    carry(house, action(house.standards.deprecate, NAME, 1), title="Deprecate")
    assert house.standards.standardOf(NAME, 1).status == DEPRECATED
    refused = refusal(house.standards.adopt, NAME, 1, TEXT, sender=house.timelock)
    assert refused == ("WrongStandardStatus", NAME, 1, DEPRECATED)


def test_versions_are_counted_and_stand_side_by_side(house: SimpleNamespace, adopted: int) -> None:
    house.standards.proposeStandard(NAME, METADATA, digest("better"), sender=house.cleo)
    assert house.standards.latestVersion(NAME) == 2
    assert [house.standards.standardOf(NAME, version).status for version in (0, 1, 2, 3)] == [
        NONE,
        ADOPTED,
        PROPOSED,
        NONE,
    ]


def test_a_number_adopts_no_other_text_than_the_one_that_was_voted_on(house: SimpleNamespace) -> None:
    """Numbers are first come, first served: a stranger's text may have the one that was meant."""
    house.standards.proposeStandard(NAME, METADATA, digest("spam"), sender=house.stranger)
    refused = refusal(house.standards.adopt, NAME, 1, TEXT, sender=house.timelock)
    assert refused == ("OtherStandard", NAME, 1, digest("spam"))


def test_a_standard_has_a_name_and_a_text(house: SimpleNamespace) -> None:
    propose = house.standards.proposeStandard
    assert refusal(propose, NOTHING, METADATA, TEXT, sender=house.stranger) == ("EmptyName",)
    assert refusal(propose, NAME, METADATA, NOTHING, sender=house.stranger) == ("EmptyStandard",)


def test_only_the_dao_adopts_and_only_what_stands_right(house: SimpleNamespace, adopted: int) -> None:
    dao = house.timelock
    for method, text in ((house.standards.adopt, (TEXT,)), (house.standards.deprecate, ())):
        for who in (house.founder, house.guardian, house.stranger):
            assert refusal(method, NAME, 1, *text, sender=who) == ("AccessManagedUnauthorized", who.address)
        assert refusal(method, NAME, 9, *text, sender=dao) == ("WrongStandardStatus", NAME, 9, NONE)
    assert refusal(house.standards.adopt, NAME, 1, TEXT, sender=dao) == ("WrongStandardStatus", NAME, 1, ADOPTED)
    carry(house, action(house.standards.deprecate, NAME, 1), title="Deprecate")
    assert refusal(house.standards.adopt, NAME, 1, TEXT, sender=dao) == ("WrongStandardStatus", NAME, 1, DEPRECATED)
    assert refusal(house.standards.deprecate, NAME, 1, sender=dao) == ("WrongStandardStatus", NAME, 1, DEPRECATED)


def test_an_asset_declares_that_its_document_conforms(house: SimpleNamespace, adopted: int, asset: int) -> None:
    house.registry.setRoles(asset, house.service, EDITOR, sender=house.author)
    for who in (house.author, house.service):
        tx = house.standards.declare(asset, NAME, 1, sender=who)
        (declared,) = logs(tx, house.standards.ConformanceDeclared)
        assert (declared["version"], declared["assetVersion"], declared["declarer"]) == (1, 1, who.address)
    found = house.standards.conformanceOf(asset, NAME)
    assert (found.version, found.assetVersion, found.declarer) == (1, 1, house.service)
    assert (found.status, found.current) == (ADOPTED, True)
    # The claim was about that document, and says so when there is another.
    house.registry.updateMetadata(asset, digest("second"), 1, sender=house.author)
    assert not house.standards.conformanceOf(asset, NAME).current
    carry(house, action(house.standards.deprecate, NAME, 1), title="Deprecate")
    assert house.standards.conformanceOf(asset, NAME).status == DEPRECATED
    house.standards.withdraw(asset, NAME, sender=house.author)
    assert house.standards.conformanceOf(asset, NAME).version == 0


def test_a_declaration_holds_while_its_declarer_answers_for_the_asset(
    house: SimpleNamespace, adopted: int, asset: int
) -> None:
    registry, declare = house.registry, house.standards.declare

    def current() -> bool:
        return bool(house.standards.conformanceOf(asset, NAME).current)

    registry.setRoles(asset, house.service, EDITOR, sender=house.author)
    declare(asset, NAME, 1, sender=house.service)
    assert current()
    registry.setRoles(asset, house.service, 0, sender=house.author)
    assert not current()
    registry.setRoles(asset, house.service, EDITOR, sender=house.author)
    assert current()
    registry.transferFrom(house.author, house.cleo, asset, sender=house.author)
    # A new owner speaks anew, also if it makes the same people editors or gives the asset back.
    registry.setRoles(asset, house.service, EDITOR, sender=house.cleo)
    assert not current()
    declare(asset, NAME, 1, sender=house.cleo)
    assert current()
    registry.transferFrom(house.cleo, house.author, asset, sender=house.cleo)
    registry.transferFrom(house.author, house.cleo, asset, sender=house.author)
    assert not current()


def test_nobody_else_declares_and_nothing_that_was_not_adopted(
    house: SimpleNamespace, adopted: int, asset: int
) -> None:
    declare, stranger = house.standards.declare, house.stranger
    refused = ("MayNotDeclare", asset, stranger.address)
    assert refusal(declare, asset, NAME, 1, sender=stranger) == refused
    assert refusal(house.standards.withdraw, asset, NAME, sender=stranger) == refused
    assert refusal(declare, 99, NAME, 1, sender=house.author) == ("AssetNotFound", 99)
    for version in (0, 2):
        refused = refusal(declare, asset, NAME, version, sender=house.author)
        assert refused == ("WrongStandardStatus", NAME, version, NONE)


def test_what_declares_nothing_conforms_to_nothing(house: SimpleNamespace, adopted: int, asset: int) -> None:
    """Also an asset that there is not, which is at no version, as nothing is a declaration of no version."""
    for number in (asset, 99):
        found = house.standards.conformanceOf(number, NAME)
        assert (found.version, found.assetVersion, found.status, found.current) == (0, 0, NONE, False)
    house.standards.declare(asset, NAME, 1, sender=house.author)
    assert house.standards.conformanceOf(asset, NAME).current
    house.standards.withdraw(asset, NAME, sender=house.author)
    assert not house.standards.conformanceOf(asset, NAME).current


# The brake


def paused(house: SimpleNamespace) -> tuple[bool, bool]:
    """Whether publications and sales are paused."""
    until = house.registry.publicationsPausedUntil(), house.registry.salesRules().pausedUntil
    return until[0] > now(), until[1] > now()


def test_the_guardian_brakes_new_publications_and_sales_and_nothing_else(house: SimpleNamespace, asset: int) -> None:
    registry, market = house.registry, house.market
    sold = registry.publish(
        house.author, publication(terms(DOLLAR, kind=2), terms(5, token=NATIVE, kind=2)), sender=house.author
    )
    (log,) = registry.MetadataPublished.from_receipt(sold)
    other = log.event_arguments["assetId"]
    market.buyTokens(order(other, house.buyer, units=3), sender=house.buyer)
    market.buyAccess(order(other, house.buyer), sender=house.buyer)
    tx = house.brake.brake(True, True, 7 * DAY, sender=house.guardian)
    until = now() + 7 * DAY
    assert logs(tx, house.brake.Braked) == [
        {"guardian": house.guardian.address, "publications": True, "sales": True, "until": until}
    ]
    assert refusal(registry.publish, house.author, publication(), sender=house.author)[0] == "PublicationsArePaused"
    assert refusal(market.buyAccess, order(asset, house.buyer), sender=house.buyer)[0] == "SalesArePaused"
    # What people have they can use, pass on and turn to money.
    token = registry.datatokenOf(other, 0)
    assert token
    registry.redeem(other, 0, 1, house.buyer, sender=house.buyer)
    registry.consume(other, 0, 1, NOTHING, sender=house.buyer)
    registry.grant(other, 0, house.cleo, 1, False, sender=house.author)
    registry.transferFrom(house.author, house.cleo, asset, sender=house.author)
    registry.updateMetadata(other, digest("second"), 1, sender=house.author)
    travel_to(until)
    market.buyAccess(order(other, house.buyer), sender=house.buyer)
    registry.publish(house.author, publication(), sender=house.author)


@pytest.mark.parametrize(("publications", "sales"), [(True, False), (False, True)])
def test_either_can_be_braked_alone(house: SimpleNamespace, publications: bool, sales: bool) -> None:
    house.brake.brake(publications, sales, HOUR, sender=house.guardian)
    assert paused(house) == (publications, sales)


def test_the_brake_is_pulled_once_until_the_dao_makes_it_ready(house: SimpleNamespace) -> None:
    assert house.brake.armed()
    house.brake.brake(True, True, DAY, sender=house.guardian)
    assert not house.brake.armed()
    assert refusal(house.brake.brake, True, True, DAY, sender=house.guardian) == ("BrakeIsSpent",)
    travel_to(now() + 30 * DAY)
    assert refusal(house.brake.brake, True, True, DAY, sender=house.guardian) == ("BrakeIsSpent",)
    assert refusal(house.brake.rearm, sender=house.guardian) == ("AccessManagedUnauthorized", house.guardian.address)
    tx = carry(house, action(house.brake.rearm), title="Ready again")
    assert len(logs(tx, house.brake.Rearmed)) == 1
    house.brake.brake(True, True, DAY, sender=house.guardian)


@pytest.mark.parametrize("duration", [0, 7 * DAY + 1, 2**48 - 1])
def test_a_pause_is_not_longer_than_seven_days(house: SimpleNamespace, duration: int) -> None:
    refused = refusal(house.brake.brake, True, True, duration, sender=house.guardian)
    assert refused == ("InvalidPause", duration, 7 * DAY)


def test_a_pause_pauses_something(house: SimpleNamespace) -> None:
    assert refusal(house.brake.brake, False, False, DAY, sender=house.guardian) == ("NothingToPause",)


def test_the_guardian_or_the_dao_releases_the_brake(house: SimpleNamespace) -> None:
    house.brake.brake(True, True, 7 * DAY, sender=house.guardian)
    for who in (house.founder, house.council, house.stranger):
        assert refusal(house.brake.release, True, True, sender=who) == ("AccessManagedUnauthorized", who.address)
    assert refusal(house.brake.release, False, False, sender=house.guardian) == ("NothingToPause",)
    tx = house.brake.release(True, False, sender=house.guardian)
    assert logs(tx, house.brake.Released) == [{"account": house.guardian.address, "publications": True, "sales": False}]
    assert paused(house) == (False, True)
    house.brake.release(False, True, sender=house.guardian)
    assert paused(house) == (False, False)
    carry(house, action(house.brake.release, True, True), title="To be sure")


# Where fees go


def test_the_guardian_switches_the_treasury_among_those_that_the_dao_approved(
    house: SimpleNamespace, project: Any, asset: int
) -> None:
    """An issuer blocks the treasury: without a second one, no sale in it until a vote and a delay are over."""
    registry, treasuries = house.registry, house.treasuries
    second = house.service
    refused = refusal(treasuries.switchTreasury, second, sender=house.guardian)
    assert refused == ("TreasuryNotApproved", second.address)
    tx = carry(house, action(treasuries.approveTreasury, second, True), title="A second treasury")
    assert logs(tx, treasuries.TreasuryApproved) == [{"treasury": second.address, "approved": True}]
    assert [treasuries.isApproved(one) for one in (house.timelock, second, house.stranger)] == [True, True, False]
    for who in (house.founder, house.council, second, house.stranger):
        refused = refusal(treasuries.switchTreasury, second, sender=who)
        assert refused == ("AccessManagedUnauthorized", who.address)
    tx = treasuries.switchTreasury(second, sender=house.guardian)
    assert logs(tx, treasuries.TreasurySwitched) == [{"account": house.guardian.address, "treasury": second.address}]
    before = house.dollar.balanceOf(second)
    house.market.buyAccess(order(asset, house.buyer), sender=house.buyer)
    assert house.dollar.balanceOf(second) - before == 10 * DOLLAR * FEE_BPS // 10_000
    # The DAO switches, too, and takes its approval back; nobody sets a treasury past this contract.
    carry(
        house,
        action(treasuries.switchTreasury, house.timelock),
        action(treasuries.approveTreasury, second, False),
        title="Back to the timelock",
    )
    assert registry.salesRules().treasury == house.timelock
    refused = refusal(treasuries.switchTreasury, second, sender=house.guardian)
    assert refused == ("TreasuryNotApproved", second.address)
    for who in (house.timelock, house.guardian, house.founder):
        refused = refusal(registry.setTreasury, second, sender=who)
        assert refused == ("AccessManagedUnauthorized", who.address)
    for who in (house.guardian, house.stranger):
        refused = refusal(treasuries.approveTreasury, who, True, sender=who)
        assert refused == ("AccessManagedUnauthorized", who.address)


def test_a_guardian_whose_time_is_over_switches_nothing(house: SimpleNamespace) -> None:
    travel_to(house.governor.guardianUntil() + 1)
    refused = refusal(house.treasuries.switchTreasury, house.timelock, sender=house.guardian)
    assert refused == ("AccessManagedUnauthorized", house.guardian.address)


@pytest.mark.parametrize("who", ["founder", "ann", "council", "stranger", "timelock"])
def test_nobody_else_brakes(house: SimpleNamespace, who: str) -> None:
    person: Any = getattr(house, who)
    assert refusal(house.brake.brake, True, True, DAY, sender=person) == ("NotGuardian", person.address)


def test_a_guardian_whose_time_is_over_brakes_nothing(house: SimpleNamespace) -> None:
    travel_to(house.governor.guardianUntil() + 1)
    assert int(str(house.governor.guardian()), 16) == 0
    refused = refusal(house.brake.brake, True, True, DAY, sender=house.guardian)
    assert refused == ("NotGuardian", house.guardian.address)
