"""What went wrong elsewhere, asked of ours: rows 16 to 31 of the table of lessons, one named test or more for each.

Row 29, the blind signing of a delegate call, belongs to the ownership by teams and is tested there.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from ..support import (
    DOLLAR,
    EDITOR,
    FEE_BPS,
    MINTER,
    NATIVE,
    SELLER,
    UNIT,
    USE,
    held_by,
    here,
    now,
    order,
    publication,
    refusal,
    share_table,
    sign_permit,
    terms,
    untouched,
)

ONE, TWO = untouched(2, "payee of a lesson")
CLONES = ("Datatoken", "LineageSplitter", "RevenueSplitter")


# 16. Initialisers that anybody could call, once or again


@pytest.mark.parametrize("name", CLONES)
def test_row_16_a_clone_has_nothing_to_initialise(
    name: str,
    project: Any,
    registry: Any,
    lineage: Any,
    factory: Any,
    dao: Any,
    author: Any,
    stranger: Any,
    publish: Any,
) -> None:
    """Whatever a stranger calls, once or again: it says of itself what it said, and its code is what it was."""
    parent = publish(terms(), derivatives=(True, 100))
    child = publish(terms(), parents=(parent,))
    table = share_table({ONE: 1, TWO: 3})
    factory.createSplitter(table, sender=dao)
    lineage.createSplitter(registry, child, sender=dao)
    registry.grant(child, 0, ONE, 1, True, sender=author)
    at = {
        "Datatoken": registry.datatokenOf(child, 0),
        "LineageSplitter": lineage.splitterOf(registry, child),
        "RevenueSplitter": factory.splitterOf(table),
    }[name]
    clone = getattr(project, name).at(at)
    asked = [view for view in clone.contract_type.view_methods if not view.inputs]

    def said() -> list[object]:
        return [project.provider.get_code(at), *(str(clone.call_view_method(view.name)) for view in asked)]

    before, methods = said(), clone.contract_type.mutable_methods
    assert asked and methods
    for method in [*methods, *methods]:
        arguments = b"".join(stranger_s(part, stranger) for part in method.inputs)
        data = keccak(text=method.selector)[:4] + arguments
        with suppress(Exception):
            stranger.transfer(at, 0, data=data, gas=3_000_000)
    assert said() == before


def stranger_s(part: Any, stranger: Any) -> bytes:
    """A value of a parameter: the stranger's own address, or one."""
    return bytes(12) + bytes.fromhex(stranger.address[2:]) if part.type == "address" else (1).to_bytes(32, "big")


def test_row_16_who_makes_a_clone_first_gains_nothing(
    project: Any, factory: Any, dao: Any, stranger: Any, buyer: Any
) -> None:
    table = share_table({ONE: 1, TWO: 3})
    factory.createSplitter(table, sender=stranger)
    before = project.provider.get_code(factory.splitterOf(table))
    factory.createSplitter(table, sender=buyer)
    assert project.provider.get_code(factory.splitterOf(table)) == before
    splitter = project.RevenueSplitter.at(factory.splitterOf(table))
    assert tuple(map(list, splitter.payees())) == tuple(map(list, zip(*table, strict=True)))


# 17. The same address, another owner


def test_row_17_an_address_is_decided_by_who_is_paid_there_and_not_by_who_makes_it(
    project: Any, registry: Any, lineage: Any, factory: Any, dao: Any, stranger: Any, publish: Any
) -> None:
    """Wherever else these contracts stand, whoever is first there: that address can pay nobody else."""
    mine, theirs = share_table({ONE: 1, TWO: 1}), share_table({ONE: 1, stranger: 1})
    assert factory.splitterOf(mine) != factory.splitterOf(theirs)
    # A stranger's factory makes other addresses, even for the same payees.
    other = stranger.deploy(project.SplitterFactory)
    assert other.splitterOf(mine) != factory.splitterOf(mine)
    parent = publish(derivatives=(True, 100))
    child = publish(parents=(parent,))
    other_lineage = stranger.deploy(project.Lineage)
    assert other_lineage.splitterOf(registry, child) != lineage.splitterOf(registry, child)
    assert lineage.splitterOf(stranger, child) != lineage.splitterOf(registry, child)


# 18. Grants that outlive ownership


def test_row_18_roles_end_when_an_asset_changes_hands(
    registry: Any, author: Any, editor: Any, seller: Any, minter: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    given = {editor: EDITOR, seller: SELLER, minter: MINTER}
    for account, role in given.items():
        registry.setRoles(asset_id, account, role, sender=author)
    registry.transferFrom(author, buyer, asset_id, sender=author)
    registry.transferFrom(buyer, author, asset_id, sender=buyer)
    assert [registry.rolesOf(asset_id, account) for account in given] == [0, 0, 0]
    got = refusal(registry.grant, asset_id, 0, minter, 1, False, sender=minter)
    assert got == ("MissingAssetRole", asset_id, minter, MINTER)


# 19. Emptied before it is sold


def test_row_19_revenue_is_not_in_the_asset_so_a_sale_of_the_asset_moves_none(
    registry: Any, marketplace: Any, dollar: Any, split: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    splitter = split({ONE: 1, TWO: 1})
    asset_id = publish(terms(100 * DOLLAR, kind=USE), payout=splitter)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    registry.transferFrom(author, buyer, asset_id, sender=author)
    earned = 100 * DOLLAR - 100 * DOLLAR * FEE_BPS // 10_000
    assert dollar.balanceOf(splitter) == earned
    splitter.distribute(dollar, sender=stranger)
    assert [dollar.balanceOf(payee) for payee in (ONE, TWO)] == [earned // 2, earned // 2]
    # And the next sale is the new owner's.
    assert registry.payoutOf(asset_id) == buyer


def test_row_19_royalties_not_yet_distributed_go_with_the_ancestor_and_parked_ones_do_not(
    project: Any, registry: Any, lineage: Any, dao: Any, editor: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    root = publish(derivatives=(True, 100), owner=editor)
    child = publish(parents=(root,))
    lineage.createSplitter(registry, child, sender=stranger)
    splitter = project.LineageSplitter.at(lineage.splitterOf(registry, child))
    token = dao.deploy(project.OddToken)
    token.setManner([editor], 1, sender=dao)
    token.mint(splitter, 70, sender=dao)
    splitter.distribute(token, sender=stranger)
    token.mint(splitter, 30, sender=dao)
    registry.transferFrom(editor, buyer, root, sender=editor)
    splitter.distribute(token, sender=stranger)
    assert (splitter.owedTo(token, editor), token.balanceOf(buyer)) == (70, 30)


# 20. The callback of a new token


def test_row_20_a_receiver_that_calls_back_finds_everything_written(project: Any, registry: Any, stranger: Any) -> None:
    attacker = stranger.deploy(project.Reentrant)
    batch = [publication(terms(kind=USE, cap=3, limit=1)) for _ in range(2)]
    # Within the callback of the first, the receiver gives itself more than the cap of its new asset.
    attacker.arm(registry, 0, registry.grant.encode_input(1, 0, attacker, 4, True), sender=stranger)
    registry.publishMany(attacker, batch, sender=stranger)
    assert (attacker.attempts(), attacker.successes()) == (2, 0)
    assert attacker.answer() == keccak(text="CapExceeded(uint256,uint256,uint256,uint256)")[:4]
    assert (registry.ownerOf(1), registry.ownerOf(2), registry.balanceOf(attacker)) == (attacker, attacker, 2)


# 21. One bad payee blocks all


def test_row_21_one_blocked_payee_of_a_token_blocks_nobody(
    project: Any, split: Any, dao: Any, editor: Any, buyer: Any, stranger: Any
) -> None:
    token = dao.deploy(project.BlockingToken)
    splitter = split({editor: 1, ONE: 1, TWO: 1})
    token.mint(splitter, 3_000, sender=dao)
    token.setBlocked(editor, True, sender=dao)
    splitter.distribute(token, sender=stranger)
    assert [token.balanceOf(payee) for payee in (ONE, TWO)] == [1_000, 1_000]
    splitter.claim(token, editor, buyer, sender=editor)
    assert (token.balanceOf(buyer), token.balanceOf(splitter)) == (1_000, 0)


# 22. Dust


def test_row_22_distributing_small_sums_often_steals_nothing_from_the_minority(
    project: Any, split: Any, dao: Any, stranger: Any
) -> None:
    """Ten minorities of 0.1 % and a majority; 33 payments of 9.99 in a token of two decimals."""
    token = dao.deploy(project.MockToken, 2)
    small = untouched(10, "minority")
    (large,) = untouched(1, "majority")
    shares = {large: 990, **dict.fromkeys(small, 1)}
    splitter = split(shares)
    for _ in range(33):
        token.mint(splitter, 999, sender=dao)
        splitter.distribute(token, sender=stranger)
    total = 33 * 999
    assert token.balanceOf(large) == total * 990 // 1_000
    assert {token.balanceOf(payee) for payee in small} == {total // 1_000}
    assert token.balanceOf(splitter) < len(shares)


# 23. Shares changed before they are paid


def test_row_23_other_shares_are_another_splitter_and_the_old_revenue_keeps_its_own(
    registry: Any, marketplace: Any, dollar: Any, split: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    old, new = split({ONE: 1, TWO: 1}), split({ONE: 9_999, TWO: 1})
    asset_id = publish(terms(100 * DOLLAR, kind=USE), payout=old)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    registry.setPayout(asset_id, new, sender=author)
    for splitter in (new, old):
        splitter.distribute(dollar, sender=stranger)
    earned = 100 * DOLLAR - 100 * DOLLAR * FEE_BPS // 10_000
    assert [dollar.balanceOf(payee) for payee in (ONE, TWO)] == [earned // 2, earned // 2]


# 24. A fee on transfer makes a pool insolvent


def test_row_24_what_is_owed_is_never_more_than_what_arrived(
    project: Any, split: Any, dao: Any, editor: Any, stranger: Any
) -> None:
    token = dao.deploy(project.FeeToken)
    splitters = [split({editor: 1, ONE: share}) for share in (1, 2)]
    token.mint(dao, 200_000, sender=dao)
    for splitter in splitters:
        token.transfer(splitter, 99_999, sender=dao)
        arrived = token.balanceOf(splitter)
        assert arrived == 99_999 - 999
        assert sum(splitter.pending(token, payee) for payee in (editor, ONE)) <= arrived
        splitter.distribute(token, sender=stranger)
        assert splitter.received(token) == arrived
        assert splitter.owedTo(token, editor) == splitter.owedTo(token, ONE) == 0


# 25. Rewards for distributing


def test_row_25_nobody_earns_by_distributing(split: Any, dollar: Any, dao: Any, stranger: Any) -> None:
    splitter = split({ONE: 1, TWO: 1})
    dao.transfer(splitter, UNIT)
    dollar.mint(splitter, DOLLAR, sender=dao)
    coins = stranger.balance
    paid = sum(splitter.distribute(token, sender=stranger).total_fees_paid for token in (dollar, ZERO_ADDRESS))
    assert (coins - stranger.balance, dollar.balanceOf(stranger)) == (paid, 0)


# 26. Too many payees


def test_row_26_the_largest_splitter_is_paid_at_once_and_there_is_none_larger(
    factory: Any, split: Any, dollar: Any, dao: Any, stranger: Any
) -> None:
    many = untouched(257, "one of very many")
    table = [(payee, 1) for payee in many]
    assert refusal(factory.createSplitter, table, sender=stranger) == ("InvalidPayeeCount", 257, 256)
    splitter = split(dict.fromkeys(many[:256], 1))
    dollar.mint(splitter, 256 * DOLLAR, sender=dao)
    assert splitter.distribute(dollar, sender=stranger).gas_used < 2**24
    assert {dollar.balanceOf(payee) for payee in many[:256]} == {DOLLAR}


# 27. Bombs


@pytest.mark.parametrize(
    ("name", "args"), [("BombReceiver", (1 << 20, False)), ("BombReceiver", (1 << 20, True)), ("BurningReceiver", ())]
)
def test_row_27_a_payee_costs_no_more_than_its_allowance(
    project: Any, split: Any, dao: Any, stranger: Any, name: str, args: Any
) -> None:
    bad = dao.deploy(getattr(project, name), *args)
    costs = []
    for payee in (bad, TWO):
        splitter = split({payee: 1, ONE: 1})
        dao.transfer(splitter, 200)
        costs.append(splitter.distribute(ZERO_ADDRESS, sender=stranger, gas=1_000_000).gas_used)
    # 100,000 and what parking takes; a payment to a new account, which the other one is, takes 25,000 of it.
    assert costs[0] - costs[1] < 100_000 + 60_000


# 28. A permit spent by somebody else


def test_row_28_a_permit_that_another_spent_first_still_buys(
    registry: Any, marketplace: Any, dollar: Any, dao: Any, stranger: Any, seller: Any, publish: Any
) -> None:
    dollar.mint(seller, 10 * DOLLAR, sender=dao)
    asset_id = publish(terms(10 * DOLLAR))
    permit = sign_permit(seller, dollar, marketplace, 10 * DOLLAR, deadline=now() + 3_600)
    dollar.permit(seller, marketplace, *permit[1:], sender=stranger)
    marketplace.buyAccessWithPermit(order(asset_id, seller), permit, sender=seller)
    assert registry.hasAccess(asset_id, seller)


# 30. Royalties diluted by an asset in between


@pytest.mark.parametrize("middlemen", [0, 1, 5])
def test_row_30_the_root_gets_its_share_of_the_price_however_long_the_way(
    project: Any,
    registry: Any,
    marketplace: Any,
    lineage: Any,
    buyer: Any,
    editor: Any,
    stranger: Any,
    publish: Any,
    middlemen: int,
) -> None:
    root = middle = publish(derivatives=(True, 1_000), owner=editor)
    for _ in range(middlemen):
        middle = publish(derivatives=(True, 300), parents=(middle,), owner=stranger)
    child = publish(terms(10_000, token=NATIVE), parents=(middle,), owner=stranger)
    marketplace.buyAccess(order(child, buyer), sender=buyer, value=10_000)
    lineage.createSplitter(registry, child, sender=buyer)
    before = held_by(editor)
    project.LineageSplitter.at(lineage.splitterOf(registry, child)).distribute(ZERO_ADDRESS, sender=buyer)
    assert held_by(editor) - before == 1_000
    assert {row.assetId: row.royaltyBps for row in lineage.ancestorsOf(registry, child)}[root] == 1_000


# 31. Cycles, sums over the whole, endless walks


def test_row_31_there_are_no_cycles(registry: Any, author: Any, publish: Any) -> None:
    first = publish(derivatives=(True, 0))
    for parent, expected in (
        (first + 1, ("OwnAncestor", first + 1)),
        (first + 2, ("ParentNotFound", registry, first + 2)),
    ):
        own = publication(derivatives=(True, 0), parents=here(registry, parent))
        got = refusal(registry.publish, author, own, sender=author)
        assert got == expected
    # Nobody adds parents to what is published.
    assert not [method.name for method in registry.contract_type.mutable_methods if "arent" in method.name]


def test_row_31_the_ancestors_take_no_more_than_the_cap_and_are_no_more_than_eight(
    registry: Any, author: Any, publish: Any
) -> None:
    parents = [publish(derivatives=(True, 400)) for _ in range(9)]
    got = refusal(registry.publish, author, publication(parents=here(registry, *parents[:8])), sender=author)
    assert got == ("RoyaltiesTooHigh", 10, 3_200, 3_000)
    got = refusal(registry.publish, author, publication(parents=here(registry, *parents)), sender=author)
    assert got == ("TooManyAncestors", 10, 8)


def test_row_31_a_sale_costs_the_same_with_one_ancestor_and_with_eight(
    registry: Any, marketplace: Any, dollar: Any, buyer: Any, publish: Any
) -> None:
    parents = [publish(derivatives=(True, 300)) for _ in range(8)]
    costs = []
    for family in (parents[:1], parents):
        asset_id = publish(terms(DOLLAR, kind=USE), parents=tuple(family))
        for _ in range(2):
            tx = marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
        costs.append(tx.gas_used)
    assert abs(costs[1] - costs[0]) < 50
