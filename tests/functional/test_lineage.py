"""Lineage: who the ancestors of an asset are, what each sale owes them, and how that money reaches them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS

from .support import (
    DOLLAR,
    FEE_BPS,
    NATIVE,
    PERIOD,
    RETIRED,
    SUSPENDED,
    USD,
    held_by,
    here,
    logs,
    order,
    publication,
    refusal,
    terms,
)

CAP = 3_000
MOST = 8

Ancestors = Callable[[int], dict[int, int]]


@pytest.fixture
def ancestors(registry: Any, lineage: Any) -> Ancestors:
    """`ancestors(asset_id)` is what each ancestor is owed in basis points, by id."""

    def table(asset_id: int) -> dict[int, int]:
        rows = [tuple(row) for row in lineage.ancestorsOf(registry, asset_id)]
        assert {home for home, _, _ in rows} <= {registry.address}
        assert len({ancestor for _, ancestor, _ in rows}) == len(rows), "an ancestor stands there twice"
        assert registry.assetInfo(asset_id).royaltyBps == sum(bps for _, _, bps in rows)
        return {ancestor: bps for _, ancestor, bps in rows}

    return table


@pytest.fixture
def derive(publish: Any) -> Callable[..., int]:
    """`derive(*parents, royalty=..., owner=...)` publishes an asset that asks this much of those derived from it."""

    def publish_derived(*parents: int, royalty: int = 0, **what: Any) -> int:
        return int(publish(derivatives=(True, royalty), parents=parents, **what))

    return publish_derived


@pytest.fixture
def splitter_at(project: Any, registry: Any, lineage: Any, stranger: Any) -> Callable[[int], Any]:
    """`splitter_at(asset_id)` makes the splitter of an asset's royalties."""

    def make(asset_id: int) -> Any:
        lineage.createSplitter(registry, asset_id, sender=stranger)
        return project.LineageSplitter.at(lineage.splitterOf(registry, asset_id))

    return make


# Who the ancestors are


def test_the_ancestors_are_told_in_an_event_and_in_views(
    registry: Any, lineage: Any, author: Any, derive: Any, ancestors: Ancestors
) -> None:
    first, second = derive(royalty=500), derive(royalty=700)
    tx = registry.publish(author, publication(parents=here(registry, second, first)), sender=author)
    event = logs(tx, lineage.ParentsDeclared)[0]
    child = second + 1
    assert (event["registry"], event["assetId"]) == (registry, child)
    named = [(row["registry"], row["assetId"]) for row in map(_parent, event["parents"])]
    assert named == [(registry, second), (registry, first)]
    told = [(row["assetId"], row["royaltyBps"]) for row in map(_members, event["ancestors"])]
    assert told == [(second, 700), (first, 500)]
    assert ancestors(child) == {first: 500, second: 700}
    assert registry.assetInfo(child).derived


def test_what_has_no_parents_has_no_ancestors_and_says_nothing(
    registry: Any, lineage: Any, author: Any, ancestors: Ancestors
) -> None:
    tx = registry.publish(author, publication(), sender=author)
    assert logs(tx, lineage.ParentsDeclared) == []
    assert ancestors(1) == {}
    assert list(lineage.ancestorsOf(registry, 99)) == []


def test_grandchildren_owe_every_ancestor_its_absolute_share(derive: Any, ancestors: Ancestors) -> None:
    line = [derive(royalty=100)]
    for royalty in range(200, 800, 100):
        line.append(derive(line[-1], royalty=royalty))
    for i, asset_id in enumerate(line):
        assert ancestors(asset_id) == {line[j]: 100 * (j + 1) for j in range(i)}


@pytest.mark.parametrize("middlemen", [1, 3, 6])
def test_no_asset_in_between_dilutes_the_first(
    publish: Any, derive: Any, ancestors: Ancestors, stranger: Any, middlemen: int
) -> None:
    root = middle = derive(royalty=1_000)
    for _ in range(middlemen):
        middle = derive(middle, royalty=0, owner=stranger)
    assert ancestors(publish(parents=(middle,), owner=stranger))[root] == 1_000


def test_two_ways_to_one_ancestor_count_once_and_the_dearer_one(
    registry: Any, author: Any, derive: Any, ancestors: Ancestors
) -> None:
    root = derive(royalty=300)
    cheap = derive(root, royalty=10)
    registry.setDerivativeTerms(root, (True, 900), sender=author)
    dear = derive(root, royalty=20)
    for parents in ((cheap, dear), (dear, cheap)):
        assert ancestors(derive(*parents)) == {root: 900, cheap: 10, dear: 20}
    # Named itself beside its descendant, it gets what it asks for now or what it got then, whichever is more.
    registry.setDerivativeTerms(root, (True, 400), sender=author)
    assert ancestors(derive(root, cheap)) == {root: 400, cheap: 10}
    assert ancestors(derive(dear, root)) == {root: 900, dear: 20}


def test_a_parent_named_twice_counts_once(derive: Any, ancestors: Ancestors) -> None:
    parent = derive(royalty=1_600)
    assert ancestors(derive(parent, parent)) == {parent: 1_600}


def test_eight_ancestors_are_the_most(registry: Any, author: Any, derive: Any, ancestors: Ancestors) -> None:
    parents = [derive(royalty=CAP // MOST) for _ in range(MOST + 1)]
    child = derive(*parents[:MOST], royalty=0)
    assert ancestors(child) == dict.fromkeys(parents[:MOST], CAP // MOST)
    # By width, by depth, and by both.
    for family in (parents, [child], [parents[0], child]):
        got = refusal(registry.publish, author, publication(parents=here(registry, *family)), sender=author)
        assert got == ("TooManyAncestors", child + 1, MOST)
    # The same eight again are no more than eight.
    assert ancestors(derive(*parents[:MOST], *parents[:MOST])) == ancestors(child)


def test_the_cap_of_thirty_percent_is_exact(registry: Any, author: Any, derive: Any, ancestors: Ancestors) -> None:
    large, small, least = derive(royalty=2_000), derive(royalty=1_000), derive(royalty=1)
    assert sum(ancestors(derive(large, small)).values()) == CAP
    got = refusal(registry.publish, author, publication(parents=here(registry, large, small, least)), sender=author)
    assert got == ("RoyaltiesTooHigh", 5, CAP + 1, CAP)
    # The same by descent.
    middle = derive(large, royalty=1_001)
    got = refusal(registry.publish, author, publication(parents=here(registry, middle)), sender=author)
    assert got == ("RoyaltiesTooHigh", 6, CAP + 1, CAP)
    worst = publication(parents=here(registry, *(derive(royalty=CAP) for _ in range(MOST))))
    got = refusal(registry.publish, author, worst, sender=author)
    assert got == ("RoyaltiesTooHigh", 6 + MOST, MOST * CAP, CAP)


# Who cannot be a parent


def test_no_asset_is_its_own_parent_and_none_comes_before_its_parents(registry: Any, author: Any, derive: Any) -> None:
    parent = derive()
    own = publication(derivatives=(True, 0), parents=here(registry, parent, parent + 1))
    assert refusal(registry.publish, author, own, sender=author) == ("OwnAncestor", parent + 1)
    for unknown in (0, parent + 2, 2**64 + parent, 2**256 - 1):
        got = refusal(registry.publish, author, publication(parents=here(registry, parent, unknown)), sender=author)
        assert got == ("ParentNotFound", registry, unknown)


@pytest.mark.parametrize("state", [SUSPENDED, RETIRED])
def test_a_parent_must_be_active(registry: Any, author: Any, derive: Any, ancestors: Ancestors, state: int) -> None:
    parent = derive(royalty=5)
    earlier = derive(parent, royalty=7)
    registry.setState(parent, state, sender=author)
    got = refusal(registry.publish, author, publication(parents=here(registry, parent)), sender=author)
    assert got == ("DerivativesNotAllowed", registry, parent)
    # What was made from it goes on, and it goes on being owed.
    assert ancestors(derive(earlier)) == {parent: 5, earlier: 7}


def test_a_parent_must_allow_derivatives_and_be_listed(
    registry: Any, author: Any, curator: Any, publish: Any, derive: Any
) -> None:
    closed, greedy, delisted = publish(), publish(derivatives=(False, 500)), derive()
    registry.setDelisted(delisted, True, sender=curator)
    for parent in (closed, greedy, delisted):
        got = refusal(registry.publish, author, publication(parents=here(registry, parent)), sender=author)
        assert got == ("DerivativesNotAllowed", registry, parent)
    registry.setDelisted(delisted, False, sender=curator)
    registry.setDerivativeTerms(closed, (True, 0), sender=author)
    publish(parents=(closed, delisted))


def test_anybody_may_derive_from_what_allows_it(publish: Any, derive: Any, ancestors: Ancestors, stranger: Any) -> None:
    parent = derive(royalty=50)
    assert ancestors(publish(parents=(parent,), owner=stranger)) == {parent: 50}


def test_a_batch_may_hold_parents_before_their_children(registry: Any, author: Any, ancestors: Ancestors) -> None:
    batch = [
        publication(derivatives=(True, 100)),
        publication(derivatives=(True, 200), parents=here(registry, 1)),
        publication(parents=here(registry, 2, 1)),
    ]
    registry.publishMany(author, batch, sender=author)
    assert [ancestors(i) for i in (1, 2, 3)] == [{}, {1: 100}, {2: 200, 1: 100}]
    # The other way round there is nothing yet to derive from.
    backwards = [publication(parents=here(registry, 5)), publication(derivatives=(True, 0))]
    assert refusal(registry.publishMany, author, backwards, sender=author) == ("ParentNotFound", registry, 5)
    own = [publication(derivatives=(True, 0)), publication(derivatives=(True, 0), parents=here(registry, 5))]
    assert refusal(registry.publishMany, author, own, sender=author) == ("OwnAncestor", 5)


def test_later_terms_bind_later_derivatives_only(
    registry: Any, author: Any, publish: Any, derive: Any, ancestors: Ancestors
) -> None:
    root = derive(royalty=500)
    child = derive(root, royalty=40)
    for later in ((True, 2_000), (True, 1), (False, 0)):
        registry.setDerivativeTerms(root, later, sender=author)
        assert ancestors(child) == {root: 500}
        # A grandchild owes what was agreed on when the way to the root was opened.
        assert ancestors(derive(child)) == {root: 500, child: 40}
    registry.setDerivativeTerms(root, (True, 2_000), sender=author)
    assert ancestors(publish(parents=(root,))) == {root: 2_000}


# Who writes


def test_a_registry_writes_under_its_own_address_only(
    project: Any, registry: Any, lineage: Any, stranger: Any, derive: Any, ancestors: Ancestors
) -> None:
    root = derive(royalty=500)
    child = derive(root)
    pretender = stranger.deploy(project.PretendRegistry, 700, stranger)
    tx = pretender.declare(lineage, child, here(pretender, 7, 8), sender=stranger)
    event = logs(tx, lineage.ParentsDeclared)[0]
    assert (event["registry"], event["assetId"]) == (pretender, child)
    assert [tuple(row) for row in lineage.ancestorsOf(pretender, child)] == [
        (pretender, 7, 700),
        (pretender, 8, 700),
    ]
    assert ancestors(child) == {root: 500}
    assert lineage.splitterOf(pretender, child) != lineage.splitterOf(registry, child)
    pretender.declare(lineage, child + 1, here(pretender, child), sender=stranger)
    assert ancestors(derive(root)) == {root: 500}


def test_ancestors_are_fixed_once(project: Any, lineage: Any, stranger: Any) -> None:
    pretender = stranger.deploy(project.PretendRegistry, 100, stranger)
    pretender.declare(lineage, 5, here(pretender, 1), sender=stranger)
    for parents in ([1], [2], [1, 2], []):
        got = refusal(pretender.declare, lineage, 5, here(pretender, *parents), sender=stranger)
        assert got == ("AlreadyDeclared", 5)
    assert [tuple(row) for row in lineage.ancestorsOf(pretender, 5)] == [(pretender, 1, 100)]


def test_a_person_who_declares_parents_gets_nowhere(registry: Any, lineage: Any, stranger: Any, derive: Any) -> None:
    parent = derive(royalty=500)
    got = refusal(lineage.declareParents, parent + 1, here(stranger, parent), sender=stranger)
    assert got == ("ParentNotFound", stranger, parent)
    # Nor does a person's word about what is published here count for anything here.
    lineage.declareParents(parent, here(registry, parent), sender=stranger)
    assert list(lineage.ancestorsOf(registry, parent)) == []


# What the publisher agrees to


def test_a_derivative_owes_no_more_than_its_publisher_agreed_to(
    registry: Any, author: Any, stranger: Any, derive: Any
) -> None:
    """The parent's owner could ask for more in the block of the publication, for good."""
    parent = derive(royalty=100)
    agreed = publication(parents=here(registry, parent), most=100)
    registry.setDerivativeTerms(parent, (True, 101), sender=author)
    assert refusal(registry.publish, stranger, agreed, sender=stranger) == ("RoyaltyTooHigh", 101, 100)
    registry.setDerivativeTerms(parent, (True, 100), sender=author)
    registry.publish(stranger, agreed, sender=stranger)
    # It is what all ancestors ask for together.
    both = here(registry, parent, derive(royalty=1))
    got = refusal(registry.publish, stranger, publication(parents=both, most=100), sender=stranger)
    assert got == ("RoyaltyTooHigh", 101, 100)


# Parents in other registries, which nobody vouches for

ANSWER, REVERT, BURN_GAS, NOTHING, DIRT, BOMB = range(6)


@pytest.fixture
def foreign(project: Any, stranger: Any, seller: Any) -> Any:
    """A stranger's registry, whose assets ask for 7 % each and are paid to the seller."""
    return stranger.deploy(project.PretendRegistry, 700, seller)


def test_an_asset_is_made_from_one_of_another_registry(
    registry: Any,
    marketplace: Any,
    lineage: Any,
    dollar: Any,
    buyer: Any,
    seller: Any,
    publish: Any,
    foreign: Any,
    splitter_at: Any,
    derive: Any,
    editor: Any,
) -> None:
    own = derive(royalty=300, owner=editor)
    child = publish(terms(1_000 * DOLLAR), derivatives=(True, 0), parents=[(foreign, 5), own])
    assert [tuple(row) for row in lineage.ancestorsOf(registry, child)] == [(foreign, 5, 700), (registry, own, 300)]
    marketplace.buyAccess(order(child, buyer), sender=buyer)
    splitter_at(child).distribute(dollar, sender=buyer)
    assert (dollar.balanceOf(seller), dollar.balanceOf(editor)) == (70 * DOLLAR, 30 * DOLLAR)
    # What is made from that owes it, too.
    assert [tuple(row) for row in lineage.ancestorsOf(registry, publish(parents=[derive(child)]))][1:] == [
        (registry, child, 0),
        (foreign, 5, 700),
        (registry, own, 300),
    ]


@pytest.mark.parametrize("manner", [REVERT, BURN_GAS, NOTHING, DIRT, BOMB])
def test_a_registry_that_does_not_answer_has_no_parents(
    registry: Any, author: Any, stranger: Any, foreign: Any, manner: int
) -> None:
    foreign.setManner(manner, sender=stranger)
    derived = publication(parents=((foreign, 5),))
    got = refusal(registry.publish, author, derived, sender=author, gas=2_000_000)
    assert got[0] == ("DerivativesNotAllowed" if manner in (DIRT, BOMB) else "ParentNotFound")
    assert got[1:] == (foreign, 5)


def test_a_parent_is_an_asset_of_a_contract_with_an_id_of_64_bits(
    registry: Any, author: Any, stranger: Any, dollar: Any, foreign: Any
) -> None:
    for home, number in ((stranger, 1), (dollar, 1), (foreign, 2**64)):
        got = refusal(registry.publish, author, publication(parents=((home, number),)), sender=author)
        assert got == ("ParentNotFound", home, number)
    foreign.setRoyalty(CAP + 1, sender=stranger)
    got = refusal(registry.publish, author, publication(parents=((foreign, 1),)), sender=author)
    assert got == ("RoyaltiesTooHigh", 1, CAP + 1, CAP)


@pytest.mark.parametrize("manner", [REVERT, BURN_GAS, NOTHING, DIRT, BOMB])
@pytest.mark.parametrize("native", [True, False])
def test_what_a_silent_registry_is_owed_waits_for_its_asset_and_the_others_are_paid(
    dollar: Any,
    dao: Any,
    editor: Any,
    seller: Any,
    stranger: Any,
    derive: Any,
    foreign: Any,
    splitter_at: Any,
    native: bool,
    manner: int,
) -> None:
    token, money = (ZERO_ADDRESS, None) if native else (dollar.address, dollar)
    own = derive(royalty=300, owner=editor)
    splitter = splitter_at(derive((foreign, 5), own))
    foreign.setManner(manner, sender=stranger)
    if native:
        dao.transfer(splitter, 1_000)
    else:
        dollar.mint(splitter, 1_000, sender=dao)
    before = held_by(editor, money), held_by(seller, money)
    tx = splitter.distribute(token, sender=stranger, gas=2_000_000)
    key = splitter.payeeFor(foreign, 5)
    assert logs(tx, splitter.Parked) == [{"token": token, "payee": key, "amount": 700}]
    assert (held_by(editor, money) - before[0], splitter.owedTo(token, key), held_by(key, money)) == (300, 700, 0)
    got = refusal(splitter.claimFor, token, foreign, 5, sender=stranger, gas=2_000_000)
    assert got == ("NoPayout", foreign, 5)
    # Nobody has the key, and what waits goes nowhere else.
    assert refusal(splitter.claim, token, key, stranger, sender=stranger) == ("NotPayee", key, stranger)
    foreign.setManner(ANSWER, sender=stranger)
    splitter.claimFor(token, foreign, 5, sender=stranger)
    assert (held_by(seller, money) - before[1], splitter.owedTo(token, key), held_by(splitter, money)) == (700, 0, 0)
    assert refusal(splitter.claimFor, token, foreign, 5, sender=stranger) == ("NothingToClaim", token, key)


def test_a_registry_that_names_nobody_is_silent(
    dollar: Any, dao: Any, stranger: Any, derive: Any, foreign: Any, splitter_at: Any
) -> None:
    splitter = splitter_at(derive((foreign, 5)))
    foreign.setPayout(ZERO_ADDRESS, sender=stranger)
    dollar.mint(splitter, 1_000, sender=dao)
    splitter.distribute(dollar, sender=stranger)
    assert splitter.owedTo(dollar, splitter.payeeFor(foreign, 5)) == 1_000
    assert refusal(splitter.claimFor, dollar, foreign, 5, sender=stranger) == ("NoPayout", foreign, 5)


def test_anybody_claims_nothing_under_the_key_of_an_ancestor_before_it_is_parked_there(
    dollar: Any, stranger: Any, derive: Any, foreign: Any, splitter_at: Any
) -> None:
    splitter = splitter_at(derive((foreign, 5)))
    for home, number in ((foreign, 5), (foreign, 6)):
        got = refusal(splitter.claimFor, dollar, home, number, sender=stranger)
        assert got == ("NothingToClaim", dollar, splitter.payeeFor(home, number))


def test_whoever_distributes_makes_no_registry_silent(
    dollar: Any, dao: Any, seller: Any, stranger: Any, derive: Any, foreign: Any, splitter_at: Any
) -> None:
    """With little gas nothing happens: no part is parked that could be paid."""
    splitter = splitter_at(derive((foreign, 5)))
    dollar.mint(splitter, 1_000, sender=dao)
    key, outcomes = splitter.payeeFor(foreign, 5), set()
    for gas in range(60_000, 700_000, 20_000):
        try:
            got = refusal(splitter.distribute, dollar, sender=stranger, gas=gas)
            assert got[0] in ("NotEnoughGas", "")
            outcomes.add("nothing")
        except AssertionError:
            outcomes.add("paid")
            break
    splitter.distribute(dollar, sender=stranger, gas=gas)
    assert outcomes == {"nothing", "paid"}
    assert (dollar.balanceOf(seller), splitter.owedTo(dollar, key)) == (1_000, 0)


def test_no_cycle_leads_from_one_registry_to_another_and_back(
    registry: Any, lineage: Any, stranger: Any, publish: Any, foreign: Any
) -> None:
    """A registry that lies says of an asset that it is there, and declares what it is made from afterwards."""
    ours = publish(derivatives=(True, 0), parents=[(foreign, 5)])
    got = refusal(foreign.declare, lineage, 5, here(registry, ours), sender=stranger)
    assert got == ("AlreadyDeclared", 5)
    # Also with an asset in between, in either registry.
    middle = publish(derivatives=(True, 0), parents=[(foreign, 6)])
    last = publish(derivatives=(True, 0), parents=[middle])
    foreign.declare(lineage, 7, here(foreign, 6), sender=stranger)
    for number in (5, 6):
        got = refusal(foreign.declare, lineage, number, here(registry, last), sender=stranger)
        assert got == ("AlreadyDeclared", number)


def test_no_cycle_leads_through_what_a_registry_declares_late(
    registry: Any, lineage: Any, stranger: Any, publish: Any, foreign: Any
) -> None:
    """5 is made from 6, which is not declared yet; then 6 is from 8. Whoever is made from 5 has all three behind it."""
    foreign.setRoyalty(100, sender=stranger)
    foreign.declare(lineage, 5, here(foreign, 6), sender=stranger)
    foreign.declare(lineage, 6, here(foreign, 8), sender=stranger)
    ours = publish(derivatives=(True, 0), parents=[(foreign, 5)])
    assert {row.assetId for row in lineage.ancestorsOf(registry, ours)} == {5, 6, 8}
    for number in (5, 6, 8):
        got = refusal(foreign.declare, lineage, number, here(registry, ours), sender=stranger)
        assert got == ("AlreadyDeclared", number)


def test_no_cycle_leads_through_two_registries_that_lie(
    project: Any, registry: Any, lineage: Any, stranger: Any, seller: Any
) -> None:
    """Each names an asset of the other before that one is declared; whichever closes the circle is refused."""
    one, other = (stranger.deploy(project.PretendRegistry, 0, seller) for _ in range(2))
    one.declare(lineage, 1, ((other, 10),), sender=stranger)
    other.declare(lineage, 11, ((one, 2),), sender=stranger)
    for home, number, parent in ((other, 10, (one, 1)), (one, 2, (other, 11)), (other, 10, (other, 11))):
        got = refusal(home.declare, lineage, number, (parent,), sender=stranger)
        assert got == ("AlreadyDeclared", number)
    # Within itself a registry that lies may go round, and no way from there leads back to where it began.
    one.declare(lineage, 20, ((one, 21),), sender=stranger)
    got = refusal(one.declare, lineage, 21, ((one, 20),), sender=stranger)
    assert got == ("OwnAncestor", 21)


# What a sale owes


@pytest.mark.parametrize("token", [NATIVE, USD])
@pytest.mark.parametrize("price", [1, 99, 10 * DOLLAR + 7])
def test_a_sale_pays_an_address_that_has_no_code_yet_and_a_distribution_pays_the_ancestors(
    registry: Any,
    marketplace: Any,
    lineage: Any,
    project: Any,
    dollar: Any,
    author: Any,
    editor: Any,
    seller: Any,
    buyer: Any,
    stranger: Any,
    publish: Any,
    derive: Any,
    price: int,
    token: int,
) -> None:
    money = None if token == NATIVE else dollar
    root = derive(royalty=1_000, owner=editor)
    middle = derive(root, royalty=500, owner=seller)
    child = publish(terms(price, token=token, kind=PERIOD), parents=(middle,))
    address = lineage.splitterOf(registry, child)
    royalty = price * 1_500 // 10_000
    charge = marketplace.quote(child, 0, 1)
    assert (charge.total, charge.royalty) == (price, royalty)
    assert charge.royaltyTo == address
    assert tuple(registry.royaltyInfo(child, price)) == (address, royalty)

    earned = held_by(author, money)
    tx = marketplace.buyAccess(order(child, buyer), sender=buyer, value=0 if money else price)
    assert logs(tx, marketplace.Sale)[0]["royalty"] == royalty
    assert held_by(address, money) == royalty
    assert held_by(author, money) - earned == price - royalty - price * FEE_BPS // 10_000

    assert not project.provider.get_code(address)
    made = lineage.createSplitter(registry, child, sender=stranger)
    assert logs(made, lineage.LineageSplitterCreated) == [{"registry": registry, "assetId": child, "splitter": address}]
    splitter = project.LineageSplitter.at(address)
    before = held_by(editor, money), held_by(seller, money)
    splitter.distribute(money or ZERO_ADDRESS, sender=stranger)
    shares = royalty * 1_000 // 1_500, royalty * 500 // 1_500
    assert (held_by(editor, money) - before[0], held_by(seller, money) - before[1]) == shares
    assert held_by(address, money) == royalty - sum(shares)


def test_ancestors_that_ask_nothing_cost_nothing(
    registry: Any, marketplace: Any, dollar: Any, author: Any, buyer: Any, publish: Any, derive: Any
) -> None:
    child = publish(terms(DOLLAR), parents=(derive(royalty=0),))
    charge = marketplace.quote(child, 0, 1)
    assert (charge.royaltyTo, charge.royalty) == (ZERO_ADDRESS, 0)
    assert tuple(registry.royaltyInfo(child, DOLLAR)) == (ZERO_ADDRESS, 0)
    marketplace.buyAccess(order(child, buyer), sender=buyer)
    assert dollar.balanceOf(author) == DOLLAR - DOLLAR * FEE_BPS // 10_000


def test_the_splitter_is_made_once_by_anybody(
    registry: Any, lineage: Any, stranger: Any, buyer: Any, derive: Any, splitter_at: Any
) -> None:
    root, other = derive(royalty=100), derive(royalty=200)
    child, twin = derive(root, other), derive(root, other)
    splitter = splitter_at(child)
    again = lineage.createSplitter(registry, child, sender=buyer)
    assert logs(again, lineage.LineageSplitterCreated) == []
    assert lineage.splitterOf(registry, child) == splitter
    assert lineage.splitterOf(registry, twin) != splitter
    assert tuple(splitter.asset()) == (registry, child)
    assert lineage.splitterImplementation() != splitter


def test_the_payees_are_the_payouts_of_the_day(
    registry: Any, author: Any, editor: Any, seller: Any, stranger: Any, derive: Any, splitter_at: Any
) -> None:
    first, second = derive(royalty=100), derive(royalty=200, payout=editor)
    splitter = splitter_at(derive(first, second))
    assert tuple(map(list, splitter.payees())) == ([author, editor], [100, 200])
    registry.setPayout(first, seller, sender=author)
    registry.transferFrom(author, stranger, second, sender=author)
    assert tuple(map(list, splitter.payees())) == ([seller, stranger], [100, 200])


def test_one_account_with_two_ancestors_is_paid_for_both(
    dollar: Any, dao: Any, editor: Any, seller: Any, stranger: Any, derive: Any, splitter_at: Any
) -> None:
    family = [derive(royalty=r, owner=who) for r, who in ((100, editor), (200, seller), (300, editor))]
    splitter = splitter_at(derive(*family))
    dollar.mint(splitter, 600, sender=dao)
    assert [splitter.pending(dollar, who) for who in (editor, seller, stranger)] == [400, 200, 0]
    splitter.distribute(dollar, sender=stranger)
    assert [dollar.balanceOf(who) for who in (editor, seller)] == [400, 200]


def test_a_new_owner_gets_what_is_distributed_after_and_what_is_parked_stays(
    project: Any,
    registry: Any,
    dao: Any,
    editor: Any,
    seller: Any,
    buyer: Any,
    stranger: Any,
    derive: Any,
    splitter_at: Any,
) -> None:
    token = dao.deploy(project.BlockingToken)
    root, other = derive(royalty=100, owner=editor), derive(royalty=100, owner=seller)
    splitter = splitter_at(derive(root, other))
    token.mint(splitter, 1_000, sender=dao)
    token.setBlocked(editor, True, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert (token.balanceOf(seller), splitter.owedTo(token, editor)) == (500, 500)

    # Money that waits when the asset changes hands is the new owner's; what was parked is still the old one's.
    token.mint(splitter, 200, sender=dao)
    registry.transferFrom(editor, buyer, root, sender=editor)
    assert [splitter.pending(token, who) for who in (editor, buyer, seller)] == [500, 100, 100]
    splitter.distribute(token, sender=stranger)
    assert (token.balanceOf(buyer), splitter.owedTo(token, editor)) == (100, 500)
    assert refusal(splitter.claim, token, buyer, buyer, sender=buyer) == ("NothingToClaim", token, buyer)
    splitter.claim(token, editor, stranger, sender=editor)
    assert (token.balanceOf(stranger), token.balanceOf(splitter)) == (500, 0)


def test_an_ancestor_that_changes_hands_within_a_round_pays_who_owns_it_then(
    registry: Any,
    dollar: Any,
    dao: Any,
    editor: Any,
    seller: Any,
    buyer: Any,
    stranger: Any,
    derive: Any,
    splitter_at: Any,
) -> None:
    root, other = derive(royalty=100, owner=editor), derive(royalty=100, owner=seller)
    splitter = splitter_at(derive(root, other))
    dollar.mint(splitter, 1_000, sender=dao)
    before = [dollar.balanceOf(who) for who in (editor, seller, buyer)]
    splitter.distributeChunk(dollar, 1, sender=stranger)
    for asset_id, owner in ((root, editor), (other, seller)):
        registry.transferFrom(owner, buyer, asset_id, sender=owner)
    splitter.distributeChunk(dollar, 1, sender=stranger)
    after = [dollar.balanceOf(who) for who in (editor, seller, buyer)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [500, 0, 500]


def test_what_a_splitter_owes_to_an_ancestor_that_names_it_as_payout_waits_and_is_counted_once(
    registry: Any,
    dollar: Any,
    dao: Any,
    editor: Any,
    seller: Any,
    stranger: Any,
    derive: Any,
    splitter_at: Any,
) -> None:
    root, other = derive(royalty=100, owner=editor), derive(royalty=300, owner=seller)
    splitter = splitter_at(derive(root, other))
    registry.setPayout(root, splitter, sender=editor)
    key = splitter.payeeFor(registry, root)
    for token in (dollar.address, ZERO_ADDRESS):
        money = dollar if token == dollar else None
        if money:
            dollar.mint(splitter, 1_000, sender=dao)
        else:
            dao.transfer(splitter, 1_000)
        before = held_by(seller, money), held_by(editor, money)
        for _ in range(12):
            splitter.distribute(token, sender=stranger)
        # Paid to itself it would arrive again, and again in every statement.
        assert (splitter.received(token), splitter.owedTo(token, key)) == (1_000, 250)
        assert held_by(seller, money) - before[0] == 750
        got = refusal(splitter.claimFor, token, registry, root, sender=stranger)
        assert got == ("NoPayout", registry, root)
    registry.setPayout(root, editor, sender=editor)
    for token in (dollar.address, ZERO_ADDRESS):
        money = dollar if token == dollar else None
        before = held_by(editor, money)
        splitter.claimFor(token, registry, root, sender=stranger)
        assert (held_by(editor, money) - before, splitter.owedTo(token, key), held_by(splitter, money)) == (250, 0, 0)


def test_the_splitters_of_ancestors_may_be_payees_in_turn(
    registry: Any,
    dollar: Any,
    dao: Any,
    editor: Any,
    seller: Any,
    stranger: Any,
    derive: Any,
    split: Any,
    splitter_at: Any,
) -> None:
    team = split({editor: 3, seller: 1})
    splitter = splitter_at(derive(derive(royalty=100, payout=team)))
    dollar.mint(splitter, 400, sender=dao)
    dao.transfer(splitter, 400)
    before = editor.balance, seller.balance
    for token in (dollar.address, ZERO_ADDRESS):
        splitter.distribute(token, sender=stranger)
        team.distribute(token, sender=stranger)
    assert (dollar.balanceOf(editor), dollar.balanceOf(seller)) == (300, 100)
    assert (editor.balance - before[0], seller.balance - before[1]) == (300, 100)


def test_a_publication_with_eight_ancestors_stays_affordable(registry: Any, author: Any, derive: Any) -> None:
    parents = tuple(derive(royalty=100) for _ in range(MOST))
    middle = derive(*parents[: MOST - 1])
    costs = [
        registry.publish(author, publication(parents=here(registry, *family)), sender=author).gas_used
        for family in ((), parents, (middle, *parents[: MOST - 1]))
    ]
    assert max(costs) - costs[0] < 400_000


# Splitters that owe nobody


def test_money_for_ancestors_that_ask_nothing_stays_where_it_is(
    dao: Any, editor: Any, stranger: Any, derive: Any, splitter_at: Any
) -> None:
    splitter = splitter_at(derive(derive(royalty=0, owner=editor)))
    dao.transfer(splitter, 100)
    assert splitter.pending(ZERO_ADDRESS, editor) == 0
    for distributed in (
        splitter.distribute(ZERO_ADDRESS, sender=stranger),
        splitter.distributeChunk(ZERO_ADDRESS, 1, sender=stranger),
    ):
        assert logs(distributed, splitter.Distributed) == []
    assert (splitter.received(ZERO_ADDRESS), held_by(splitter)) == (0, 100)


def test_money_that_comes_before_there_are_ancestors_is_not_counted_yet(
    registry: Any, dao: Any, stranger: Any, derive: Any, splitter_at: Any
) -> None:
    root = derive(royalty=100)
    early = splitter_at(root + 1)
    dao.transfer(early, 300)
    early.distribute(ZERO_ADDRESS, sender=stranger)
    assert early.received(ZERO_ADDRESS) == 0


def test_money_that_comes_before_there_are_ancestors_reaches_them(
    registry: Any, dao: Any, editor: Any, stranger: Any, derive: Any, splitter_at: Any
) -> None:
    root = derive(royalty=100, owner=editor)
    early = splitter_at(root + 1)
    dao.transfer(early, 300)
    early.distribute(ZERO_ADDRESS, sender=stranger)
    assert derive(root) == root + 1
    dao.transfer(early, 50)
    before = editor.balance
    early.distribute(ZERO_ADDRESS, sender=stranger)
    assert (editor.balance - before, early.balance, early.received(ZERO_ADDRESS)) == (350, 0, 350)


def test_an_id_that_cannot_be_makes_no_splitter_of_another(
    registry: Any, lineage: Any, stranger: Any, derive: Any
) -> None:
    child = derive(derive(royalty=100))
    beyond = 2**64 + child
    assert refusal(lineage.createSplitter, registry, beyond, sender=stranger) == ("InvalidAssetId", beyond)
    tx = lineage.createSplitter(registry, child, sender=stranger)
    assert len(logs(tx, lineage.LineageSplitterCreated)) == 1


@pytest.mark.parametrize("asset_id", [2**64, 2**256 - 1, 1 << 62, 2**63 - 1])
def test_no_registry_declares_parents_of_an_item_or_of_what_is_no_id(
    lineage: Any, stranger: Any, asset_id: int
) -> None:
    """The ancestors of an item are its collection's; larger ids would share the splitter of smaller ones."""
    assert refusal(lineage.declareParents, asset_id, [], sender=stranger) == ("InvalidAssetId", asset_id)


def _members(row: Any) -> dict[str, int]:
    """A struct of an event, which ape gives as a mapping or as a tuple."""
    return row if isinstance(row, dict) else dict(zip(("registry", "assetId", "royaltyBps"), row, strict=True))


def _parent(row: Any) -> dict[str, int]:
    return row if isinstance(row, dict) else dict(zip(("registry", "assetId"), row, strict=True))
