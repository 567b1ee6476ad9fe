"""Whoever calls is the caller: a contract that acts is not taken for the person who sent the transaction."""

from __future__ import annotations

from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS

from .support import (
    DAY,
    DOLLAR,
    EDITOR,
    FEE_BPS,
    MINTER,
    NATIVE,
    SELLER,
    SUSPENDED,
    UNIT,
    USE,
    digest,
    logs,
    order,
    publication,
    refusal,
    refused,
    sign_permit,
    sign_receipt,
    stream,
    terms,
    time_order,
)

JOB = digest("job")
FAR = 2**48 - 1
PRICE = 100 * DOLLAR


@pytest.fixture
def machine(project: Any, dao: Any) -> Any:
    """A contract that makes whatever call it is told to by anybody."""
    return dao.deploy(project.Reentrant)


def test_a_machine_buys_with_its_own_tokens(
    registry: Any, marketplace: Any, dollar: Any, dao: Any, machine: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(PRICE, kind=USE, amount=5))
    call = marketplace.buyAccess.encode_input(order(asset_id, machine, max_total=PRICE))
    fee = PRICE * FEE_BPS // 10_000
    # The person who sends has money and has allowed the marketplace to take it; the machine has neither.
    assert dollar.allowance(buyer, marketplace) >= PRICE <= dollar.balanceOf(buyer)
    assert refused(machine, marketplace, call, buyer) == ("ERC20InsufficientAllowance", marketplace, 0, fee)
    dollar.mint(machine, PRICE, sender=dao)
    machine.act(dollar, 0, dollar.approve.encode_input(marketplace, PRICE), sender=buyer)
    before = dollar.balanceOf(buyer)
    (sale,) = logs(machine.act(marketplace, 0, call, sender=buyer), marketplace.Sale)
    assert sale["buyer"] == machine
    assert (dollar.balanceOf(buyer) - before, dollar.balanceOf(machine)) == (0, 0)
    assert registry.hasAccess(asset_id, machine) and not registry.hasAccess(asset_id, buyer)


def test_a_machine_takes_what_is_limited_for_itself_alone(
    registry: Any, marketplace: Any, machine: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE, limit=1))
    call = marketplace.buyAccess.encode_input(order(asset_id, buyer))
    assert refused(machine, marketplace, call, buyer) == ("OnlyForOneself", buyer, machine)
    machine.act(marketplace, 0, marketplace.buyAccess.encode_input(order(asset_id, machine)), sender=buyer)
    assert registry.hasAccess(asset_id, machine) and not registry.hasAccess(asset_id, buyer)


def test_change_goes_back_to_the_machine_that_paid(marketplace: Any, machine: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(1_000, token=NATIVE))
    call = marketplace.buyAccess.encode_input(order(asset_id, buyer, max_total=1_000))
    before, machine_before = buyer.balance, machine.balance
    tx = machine.act(marketplace, 1_050, call, sender=buyer, value=1_050)
    assert buyer.balance == before - 1_050 - tx.total_fees_paid
    assert machine.balance - machine_before == 50


def test_a_machine_publishes_in_its_own_name(registry: Any, machine: Any, author: Any, seller: Any) -> None:
    call = registry.publish.encode_input(author, publication(payout=seller))
    assert refused(machine, registry, call, author) == ("NotAssetOwner", 1, machine)
    for owner, money in ((author, ZERO_ADDRESS), (machine, seller)):
        call = registry.publish.encode_input(owner, publication(payout=money))
        (published,) = logs(machine.act(registry, 0, call, sender=author), registry.MetadataPublished)
        assert published["publisher"] == machine


def test_a_machine_owns_nothing_of_whoever_sends_it(
    registry: Any, machine: Any, author: Any, buyer: Any, publish: Any
) -> None:
    """Neither the owner's rights nor those of a role, whoever gets either of them to call it."""
    asset_id = publish(terms())
    registry.setRoles(asset_id, buyer, EDITOR | SELLER | MINTER, sender=author)
    for act, *args in (
        (registry.setState, SUSPENDED),
        (registry.setRoles, machine, EDITOR),
        (registry.setPayout, machine),
        (registry.setDerivativeTerms, (True, 1)),
    ):
        call = act.encode_input(asset_id, *args)
        assert refused(machine, registry, call, author) == ("NotAssetOwner", asset_id, machine)
    for role, act, *args in (
        (EDITOR, registry.updateMetadata, digest("mine"), 1),
        (SELLER, registry.addLicence, terms()),
        (SELLER, registry.setPrice, 0, 1),
        (SELLER, registry.setOpen, 0, False),
        (MINTER, registry.grant, 0, machine, 1, False),
    ):
        call = act.encode_input(asset_id, *args)
        for person in (author, buyer):
            assert refused(machine, registry, call, person) == ("MissingAssetRole", asset_id, machine, role)
    machine.act(registry, 0, registry.renounceRoles.encode_input(asset_id), sender=buyer)
    assert registry.rolesOf(asset_id, buyer) == EDITOR | SELLER | MINTER


def test_a_machine_subscribes_extends_and_ends_it_for_itself(
    streams: Any, dollar: Any, dao: Any, machine: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(stream(streams, 30 * DOLLAR))
    start = streams.subscribe.encode_input(time_order(asset_id, machine, 2 * DAY))
    assert refused(machine, streams, start, buyer) == ("ERC20InsufficientAllowance", streams, 0, 2 * DOLLAR)
    dollar.mint(machine, 10 * DOLLAR, sender=dao)
    machine.act(dollar, 0, dollar.approve.encode_input(streams, 10 * DOLLAR), sender=buyer)
    before = dollar.balanceOf(buyer)
    (begun,) = logs(machine.act(streams, 0, start, sender=buyer), streams.Subscribed)
    more = streams.extend.encode_input(time_order(asset_id, machine, DAY))
    (extended,) = logs(machine.act(streams, 0, more, sender=buyer), streams.Extended)
    assert begun["buyer"] == extended["buyer"] == machine and dollar.balanceOf(machine) == 7 * DOLLAR
    end = streams.cancel.encode_input(asset_id, 0)
    (ended,) = logs(machine.act(streams, 0, end, sender=buyer), streams.Cancelled)
    assert ended["account"] == machine
    assert (dollar.balanceOf(buyer) - before, dollar.balanceOf(machine)) == (0, 9 * DOLLAR)


def test_a_machine_redeems_its_own_units(
    registry: Any, project: Any, machine: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE, amount=5))
    registry.grant(asset_id, 0, buyer, 3, True, sender=author)
    call = registry.redeem.encode_input(asset_id, 0, 1, stranger)
    # What the buyer owns is not the machine's, whoever gets the buyer to call it.
    assert refused(machine, registry, call, buyer) == ("ERC20InsufficientBalance", machine, 0, UNIT)
    registry.grant(asset_id, 0, machine, 2, True, sender=author)
    (redeemed,) = logs(machine.act(registry, 0, call, sender=buyer), registry.TokensRedeemed)
    assert (redeemed["from"], redeemed["account"]) == (machine, stranger)
    token = project.Datatoken.at(registry.datatokenOf(asset_id, 0))
    assert (token.balanceOf(buyer), token.balanceOf(machine)) == (3 * UNIT, UNIT)
    never = publish(terms(kind=USE))
    call = registry.redeem.encode_input(never, 0, 2, stranger)
    assert refused(machine, registry, call, buyer) == ("ERC20InsufficientBalance", machine, 0, 2 * UNIT)


def test_a_machine_takes_its_own_uses(registry: Any, machine: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=USE, amount=5))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    call = registry.consume.encode_input(asset_id, 0, 2, JOB)
    assert refused(machine, registry, call, buyer) == ("NotEnoughUses", asset_id, 0, machine, 2, 0)
    registry.grant(asset_id, 0, machine, 1, False, sender=author)
    (used,) = logs(machine.act(registry, 0, call, sender=buyer), registry.UsesConsumed)
    assert (used["account"], used["service"]) == (machine, machine)
    assert [registry.accessOf(asset_id, 0, who).uses for who in (buyer, machine)] == [5, 3]


def test_a_receipt_for_a_machine_is_handed_in_by_it_alone(
    receipts: Any, registry: Any, machine: Any, author: Any, buyer: Any, service: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE, amount=5))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    mine = asset_id, 0, buyer, 1, machine, JOB, 0, FAR
    theirs = asset_id, 0, buyer, 1, service, JOB, 0, FAR
    signature = sign_receipt(buyer, receipts, mine)
    assert refusal(receipts.consumeWithReceipt, mine, signature, sender=service) == ("WrongService", machine, service)
    call = receipts.consumeWithReceipt.encode_input(theirs, sign_receipt(buyer, receipts, theirs))
    assert refused(machine, receipts, call, service) == ("WrongService", service, machine)
    call = receipts.consumeWithReceipt.encode_input(mine, signature)
    (used,) = logs(machine.act(receipts, 0, call, sender=service), registry.UsesConsumed)
    assert (used["account"], used["service"]) == (buyer, machine)


def test_a_machine_cancels_its_own_receipts(receipts: Any, registry: Any, machine: Any, buyer: Any) -> None:
    call = receipts.cancelReceipt.encode_input(7)
    (cancelled,) = logs(machine.act(receipts, 0, call, sender=buyer), receipts.ReceiptCancelled)
    assert cancelled["account"] == machine
    assert [receipts.nonces(who, 7) % 2**64 for who in (buyer, machine)] == [0, 1]


def test_the_permit_of_a_person_is_not_used_by_a_machine(
    marketplace: Any, dollar: Any, dao: Any, machine: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(PRICE))
    dollar.mint(machine, PRICE, sender=dao)
    machine.act(dollar, 0, dollar.approve.encode_input(marketplace, PRICE), sender=stranger)
    permit = sign_permit(stranger, dollar, marketplace, PRICE, deadline=FAR)
    call = marketplace.buyAccessWithPermit.encode_input(order(asset_id, stranger, max_total=PRICE), permit)
    machine.act(marketplace, 0, call, sender=stranger)
    assert (dollar.allowance(stranger, marketplace), dollar.nonces(stranger), dollar.balanceOf(machine)) == (0, 0, 0)


def test_only_the_registry_itself_mints_and_burns(
    registry: Any, project: Any, machine: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    token = project.Datatoken.at(registry.datatokenOf(asset_id, 0))
    for method in (token.mint, token.burn):
        assert refused(machine, token, method.encode_input(buyer, 1), author) == ("NotRegistry", machine)
