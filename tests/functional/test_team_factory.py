"""TeamFactory: a published Safe, a splitter and a first asset in one transaction, at addresses known before."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from ape import Contract
from ape.contracts import ContractContainer
from ape.utils import ZERO_ADDRESS
from ethpm_types import ContractType

from .support import logs, publication, refusal, terms


def _published(dao: Any, name: str) -> Any:
    """Deploy the published code of a part of the Safe 1.4.1."""
    text = files("safe_eth").joinpath("eth", "contracts", "abis", f"{name}.json").read_text(encoding="utf-8")
    data = json.loads(text)
    kind = ContractType.model_validate(
        {"contractName": name, "abi": data["abi"], "deploymentBytecode": {"bytecode": data["bytecode"]}}
    )
    return dao.deploy(ContractContainer(kind))


@pytest.fixture(scope="session")
def singleton(dao: Any) -> Any:
    return _published(dao, "Safe_V1_4_1")


@pytest.fixture(scope="session")
def safe_factory(dao: Any) -> Any:
    return _published(dao, "ProxyFactory_V1_4_1")


@pytest.fixture(scope="session")
def handler(dao: Any) -> Any:
    return _published(dao, "CompatibilityFallbackHandler_V1_4_1")


@pytest.fixture(scope="session")
def splitters(project: Any, dao: Any) -> Any:
    return dao.deploy(project.SplitterFactory)


@pytest.fixture(scope="session")
def teams(
    project: Any, dao: Any, registry: Any, splitters: Any, safe_factory: Any, singleton: Any, handler: Any
) -> Any:
    return dao.deploy(project.TeamFactory, registry, splitters, safe_factory, singleton, handler)


@pytest.fixture(scope="session", autouse=True)
def deployed(teams: Any) -> None:
    """Deploys before the first test."""


@pytest.fixture
def people(author: Any, editor: Any, buyer: Any) -> list[Any]:
    return [author, editor, buyer]


def _shares(*parts: tuple[Any, int]) -> list[tuple[str, int]]:
    return sorted(((account.address, share) for account, share in parts), key=lambda part: int(part[0], 16))


def _safe(address: str, singleton: Any) -> Any:
    return Contract(address, contract_type=singleton.contract_type)


def test_it_tells_what_it_uses(
    teams: Any, registry: Any, splitters: Any, safe_factory: Any, singleton: Any, handler: Any
) -> None:
    assert teams.registry() == registry
    assert teams.splitters() == splitters
    assert teams.safeFactory() == safe_factory
    assert teams.safeSingleton() == singleton
    assert teams.safeFallbackHandler() == handler


def test_a_team_has_a_plain_safe_and_a_splitter(
    project: Any, teams: Any, people: list[Any], singleton: Any, handler: Any, stranger: Any
) -> None:
    shares = _shares((people[0], 2), (people[1], 1))
    team = (people, 2, shares, 5)
    safe, splitter = teams.teamOf(team)
    tx = teams.createTeam(team, sender=stranger)
    created = {"safe": safe, "splitter": splitter, "owners": [p.address for p in people], "threshold": 2}
    assert logs(tx, teams.TeamCreated) == [created]
    made = _safe(safe, singleton)
    assert list(made.getOwners()) == people
    assert (made.getThreshold(), made.call_view_method("nonce")) == (2, 0)
    assert made.getModulesPaginated("0x" + "0" * 39 + "1", 5)[0] == []
    slot = int.from_bytes(bytes(made.provider.web3.eth.get_storage_at(safe, 0)), "big")
    assert slot == int(singleton.address, 16)
    # keccak("fallback_manager.handler.address"), where the Safe keeps its handler.
    place = 0x6C9A6C4A39284E37ED1CF53D337577D14212A4870FB976A4366C693B939918D5
    kept = made.provider.web3.eth.get_storage_at(safe, place)
    assert int.from_bytes(bytes(kept), "big") == int(handler.address, 16)
    accounts, parts = project.RevenueSplitter.at(splitter).payees()
    assert list(zip(accounts, parts, strict=True)) == shares


def test_a_team_without_shares_has_no_splitter(teams: Any, people: list[Any], stranger: Any) -> None:
    team = (people, 1, [], 0)
    safe, splitter = teams.teamOf(team)
    assert splitter == ZERO_ADDRESS
    tx = teams.createTeam(team, sender=stranger)
    (event,) = logs(tx, teams.TeamCreated)
    assert (event["safe"], event["splitter"]) == (safe, ZERO_ADDRESS)


def test_it_publishes_the_first_asset_for_the_safe(teams: Any, registry: Any, people: list[Any], author: Any) -> None:
    team = (people, 2, _shares((people[0], 1), (people[2], 1)), 1)
    safe, splitter = teams.publishingTeamOf(team, publication(terms(12)))
    tx = teams.createTeamAndPublish(team, publication(terms(12)), sender=author)
    (published,) = logs(tx, registry.MetadataPublished)
    asset = published["assetId"]
    assert published["publisher"] == safe
    assert registry.ownerOf(asset) == safe
    assert registry.payoutOf(asset) == splitter
    assert logs(tx, teams.TeamCreated)[0]["safe"] == safe


def test_a_payout_of_the_publication_wins(
    teams: Any, registry: Any, people: list[Any], author: Any, seller: Any
) -> None:
    team = (people, 2, _shares((people[0], 1)), 2)
    tx = teams.createTeamAndPublish(team, publication(terms(12), payout=seller.address), sender=author)
    assert registry.payoutOf(logs(tx, registry.MetadataPublished)[0]["assetId"]) == seller


def test_without_splitter_the_safe_is_paid(teams: Any, registry: Any, people: list[Any], author: Any) -> None:
    team = (people, 2, [], 3)
    safe, _ = teams.publishingTeamOf(team, publication(terms(12)))
    tx = teams.createTeamAndPublish(team, publication(terms(12)), sender=author)
    assert registry.payoutOf(logs(tx, registry.MetadataPublished)[0]["assetId"]) == safe


def test_what_a_stranger_made_first_is_taken_as_it_is(
    teams: Any,
    splitters: Any,
    safe_factory: Any,
    singleton: Any,
    handler: Any,
    registry: Any,
    people: list[Any],
    author: Any,
    stranger: Any,
) -> None:
    shares = _shares((people[0], 3), (people[1], 1))
    team = (people, 2, shares, 4)
    safe, splitter = teams.teamOf(team)
    setup = singleton.setup.encode_input(people, 2, ZERO_ADDRESS, b"", handler, ZERO_ADDRESS, 0, ZERO_ADDRESS)
    safe_factory.createProxyWithNonce(singleton, setup, 4, sender=stranger)
    splitters.createSplitter(shares, sender=stranger)
    assert list(_safe(safe, singleton).getOwners()) == people
    tx = teams.createTeam(team, sender=author)
    created = {"safe": safe, "splitter": splitter, "owners": [p.address for p in people], "threshold": 2}
    assert logs(tx, teams.TeamCreated) == [created]


def test_a_safe_that_published_is_a_plain_safe_afterwards_and_publishes_once(
    teams: Any, registry: Any, people: list[Any], singleton: Any, author: Any, stranger: Any
) -> None:
    team, asset = (people, 2, _shares((people[0], 3), (people[1], 1)), 4), publication(terms(12))
    safe, splitter = teams.publishingTeamOf(team, asset)
    # A stranger who is faster does just that, and whoever comes after it finds it done.
    teams.createTeamAndPublish(team, asset, sender=stranger)
    again = teams.createTeamAndPublish(team, asset, sender=author)
    assert logs(again, registry.MetadataPublished) == []
    assert (registry.ownerOf(1), registry.payoutOf(1), registry.balanceOf(safe)) == (safe, splitter, 1)
    made = _safe(safe, singleton)
    assert (list(made.getOwners()), made.getThreshold()) == (people, 2)
    assert made.getModulesPaginated("0x" + "0" * 39 + "1", 5)[0] == []


def test_the_address_of_a_team_that_publishes_binds_the_publication(
    teams: Any, registry: Any, people: list[Any], stranger: Any
) -> None:
    """Nobody publishes something else, or for another payout, under the address that a team knows as its own."""
    team = (people, 2, _shares((people[0], 1)), 4)
    others = [
        teams.publishingTeamOf(team, publication(terms(12)))[0],
        teams.publishingTeamOf(team, publication(terms(13)))[0],
        teams.publishingTeamOf(team, publication(terms(12), document="other"))[0],
        teams.publishingTeamOf(team, publication(terms(12), payout=stranger.address))[0],
        teams.publishingTeamOf((people, 2, [], 4), publication(terms(12)))[0],
        teams.teamOf(team)[0],
    ]
    assert len(set(others)) == len(others)


def test_what_the_registry_refuses_makes_no_team(teams: Any, people: list[Any], author: Any) -> None:
    team, nothing = (people, 2, [], 9), (bytes(32), *publication()[1:])
    assert refusal(teams.createTeamAndPublish, team, nothing, sender=author) == ("",)


def test_only_a_safe_that_is_set_up_publishes_through_it(teams: Any, author: Any) -> None:
    assert refusal(teams.publishInSetup, publication(), sender=author) == ("NotInSetup",)


def test_a_safe_that_was_given_away_is_no_longer_the_team(
    teams: Any, singleton: Any, people: list[Any], stranger: Any
) -> None:
    """The address is the one of the people of the start, whoever owns it now."""
    author = people[0]
    team = ([author], 1, [], 11)
    safe, _ = teams.teamOf(team)
    teams.createTeam(team, sender=stranger)
    made = _safe(safe, singleton)
    data = made.swapOwner.encode_input("0x" + "0" * 39 + "1", author, stranger)
    mine = bytes(12) + bytes.fromhex(author.address[2:]) + bytes(32) + b"\x01"
    made.execTransaction(made, 0, data, 0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, mine, sender=author)
    assert refusal(teams.createTeam, team, sender=author) == ("TeamHasChanged", safe)
    # Another salt makes another one.
    teams.createTeam((*team[:3], 12), sender=author)


def test_the_address_binds_the_people_the_threshold_and_the_salt(teams: Any, people: list[Any], stranger: Any) -> None:
    others = [
        (people, 2, [], 0),
        (people, 3, [], 0),
        (people, 2, [], 1),
        (people[:2], 2, [], 0),
        ([*people, stranger], 2, [], 0),
        ([people[1], people[0], people[2]], 2, [], 0),
    ]
    assert len({teams.teamOf(team)[0] for team in others}) == len(others)
    # Shares are the splitter's, not the Safe's.
    shares = _shares((people[0], 1))
    assert teams.teamOf((people, 2, shares, 0))[0] == teams.teamOf((people, 2, [], 0))[0]


def test_what_the_safe_refuses_makes_no_team(teams: Any, people: list[Any], stranger: Any) -> None:
    sentinel = "0x" + "0" * 39 + "1"
    bad = [
        (people, 4, [], 0),
        (people, 0, [], 0),
        ([], 0, [], 0),
        ([people[0], people[0]], 1, [], 0),
        ([ZERO_ADDRESS], 1, [], 0),
        ([sentinel], 1, [], 0),
    ]
    for team in bad:
        # What is no custom error of ours: the factory of Safes drops the reason.
        assert refusal(teams.createTeam, team, sender=stranger) == ("",)


def test_what_the_splitter_refuses_makes_no_team(teams: Any, people: list[Any], stranger: Any) -> None:
    twice = [(people[0].address, 1), (people[0].address, 1)]
    got = refusal(teams.createTeam, (people, 2, twice, 6), sender=stranger)
    assert got == ("PayeesNotAscending", people[0].address, people[0].address)
    got = refusal(teams.createTeam, (people, 2, [(people[0].address, 0)], 6), sender=stranger)
    assert got == ("EmptyShare", people[0].address)


def test_the_safe_acts_when_two_of_three_agree(
    teams: Any, registry: Any, people: list[Any], author: Any, stranger: Any, singleton: Any
) -> None:
    team = (people, 2, [], 8)
    safe, _ = teams.publishingTeamOf(team, publication(terms(12)))
    tx = teams.createTeamAndPublish(team, publication(terms(12)), sender=author)
    asset = logs(tx, registry.MetadataPublished)[0]["assetId"]
    data = registry.transferFrom.encode_input(safe, stranger, asset)
    made = _safe(safe, singleton)
    rest = (0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
    digest = made.getTransactionHash(registry, 0, data, *rest, 0)
    for owner in people[:2]:
        made.approveHash(digest, sender=owner)
    owners = sorted(people[:2], key=lambda owner: int(owner.address, 16))
    words = b"".join(bytes(12) + bytes.fromhex(owner.address[2:]) + bytes(32) + b"\x01" for owner in owners)
    made.execTransaction(registry, 0, data, *rest, words, sender=stranger)
    assert registry.ownerOf(asset) == stranger
