"""Odd tokens, hostile receivers and re-entrant accounts: the marketplace keeps nothing and nobody gains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from ..support import (
    DOLLAR,
    FEE_BPS,
    NATIVE,
    PERIOD,
    UNIT,
    USD,
    USE,
    failure,
    held_by,
    here,
    logs,
    now,
    order,
    publication,
    refusal,
    sign_permit,
    terms,
)

PRICE = 1_000_000
FEE = PRICE * FEE_BPS // 10_000
GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]
MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def nothing_stays(marketplace: Any, registry: Any, dollar: Any, system: None) -> Iterator[None]:
    """After each of these tests neither contract holds native coin or dollars."""
    yield
    for contract in (marketplace, registry):
        assert contract.balance == 0
        assert dollar.balanceOf(contract) == 0


@pytest.fixture
def listed(project: Any, registry: Any, marketplace: Any, dao: Any, buyer: Any) -> Any:
    """`listed("FeeToken", ...)` deploys a token, allows it, funds the buyer: the token and its index."""

    def list_token(name: str, *args: Any) -> tuple[Any, int]:
        token = dao.deploy(getattr(project, name), *args)
        tx = registry.setPaymentToken(token, True, sender=dao)
        token.mint(buyer, 10**40, sender=dao)
        token.approve(marketplace, 2**256 - 1, sender=buyer)
        return token, logs(tx, registry.PaymentTokenChanged)[0]["index"]

    return list_token


# Odd tokens


@pytest.mark.parametrize("decimals", [0, 2, 6, 18, 24])
def test_any_number_of_decimals_is_split_exactly(
    marketplace: Any, listed: Any, buyer: Any, treasury: Any, author: Any, publish: Any, decimals: int
) -> None:
    token, index = listed("MockToken", decimals)
    price = 12_345 * 10**decimals + 7
    marketplace.buyAccess(order(publish(terms(price, token=index)), buyer), sender=buyer)
    fee = price * FEE_BPS // 10_000
    assert [token.balanceOf(who) for who in (treasury, author, marketplace)] == [fee, price - fee, 0]


def test_a_fee_on_transfer_is_borne_by_those_who_are_paid(
    registry: Any, marketplace: Any, listed: Any, buyer: Any, treasury: Any, author: Any, publish: Any
) -> None:
    token, index = listed("FeeToken")
    asset_id = publish(terms(PRICE, token=index))
    before = token.balanceOf(buyer)
    marketplace.buyAccess(order(asset_id, buyer, max_total=PRICE), sender=buyer)
    assert before - token.balanceOf(buyer) == PRICE
    assert [token.balanceOf(who) for who in (treasury, author, marketplace)] == [
        FEE - FEE // 100,
        PRICE - FEE - (PRICE - FEE) // 100,
        0,
    ]
    assert registry.hasAccess(asset_id, buyer)


def test_a_token_without_return_value_pays(
    registry: Any, marketplace: Any, listed: Any, buyer: Any, treasury: Any, author: Any, publish: Any
) -> None:
    token, index = listed("NoReturnToken")
    asset_id = publish(terms(PRICE, token=index))
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert [token.balanceOf(who) for who in (treasury, author, marketplace)] == [FEE, PRICE - FEE, 0]
    # It has no permit either: what counts is the allowance.
    other = publish(terms(PRICE, token=index))
    marketplace.buyAccessWithPermit(order(other, buyer), (ZERO_ADDRESS, 0, 0, 27, bytes(32), bytes(32)), sender=buyer)
    assert registry.hasAccess(other, buyer)


def test_a_token_that_says_false_has_not_paid(marketplace: Any, listed: Any, buyer: Any, publish: Any) -> None:
    token, index = listed("FalseToken")
    asset_id = publish(terms(PRICE, token=index))
    got = refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer)
    assert got == ("SafeERC20FailedOperation", token)


@pytest.mark.parametrize("who", ["buyer", "treasury", "author"])
def test_a_blocked_account_refuses_the_whole_sale(
    registry: Any,
    marketplace: Any,
    listed: Any,
    dao: Any,
    buyer: Any,
    treasury: Any,
    author: Any,
    publish: Any,
    who: str,
) -> None:
    token, index = listed("BlockingToken")
    asset_id = publish(terms(PRICE, token=index, kind=USE, cap=5, limit=3))
    blocked = {"buyer": buyer, "treasury": treasury, "author": author}[who]
    token.setBlocked(blocked, True, sender=dao)
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == ("Blocked", blocked)
    before = registry.accessOf(asset_id, 0, buyer), registry.licenceOf(asset_id, 0), token.balanceOf(buyer)
    failure(marketplace.buyAccess, order(asset_id, buyer), sender=buyer)
    assert (registry.accessOf(asset_id, 0, buyer), registry.licenceOf(asset_id, 0), token.balanceOf(buyer)) == before
    assert [token.balanceOf(each) for each in (treasury, author, marketplace)] == [0, 0, 0]


def test_a_paused_token_hurts_only_what_is_priced_in_it(
    registry: Any, marketplace: Any, listed: Any, dao: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    token, index = listed("BlockingToken")
    asset_id = publish(terms(PRICE, token=index), terms(DOLLAR))
    token.setPaused(True, sender=dao)
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == ("Paused",)
    marketplace.buyAccess(order(asset_id, buyer, licence=1), sender=buyer)
    registry.transferFrom(author, stranger, asset_id, sender=author)
    assert registry.ownerOf(asset_id) == stranger


def test_a_permit_that_always_reverts_does_no_harm(
    registry: Any, marketplace: Any, listed: Any, buyer: Any, publish: Any
) -> None:
    token, index = listed("BrokenPermitToken")
    asset_id = publish(terms(PRICE, token=index))
    permit = sign_permit(buyer, token, marketplace, PRICE, deadline=now() + 1_000)
    marketplace.buyAccessWithPermit(order(asset_id, buyer), permit, sender=buyer)
    assert registry.hasAccess(asset_id, buyer)


def test_a_megabyte_of_answer_from_a_token_is_not_copied(
    registry: Any, marketplace: Any, listed: Any, buyer: Any, publish: Any
) -> None:
    _, index = listed("HugeReturnToken")
    asset_id = publish(terms(PRICE, token=index))
    nothing = (ZERO_ADDRESS, 0, 0, 27, bytes(32), bytes(32))
    tx = marketplace.buyAccessWithPermit(order(asset_id, buyer), nothing, sender=buyer, gas=10_000_000)
    assert registry.hasAccess(asset_id, buyer)
    # The token itself pays 2.2 million gas for each megabyte of memory, three times; a copy would double that.
    assert tx.gas_used < 7_500_000


# Native receivers


def _native(publish: Any, **what: Any) -> int:
    return int(publish(terms(PRICE, token=NATIVE, kind=USE, cap=5), **what))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("RefusingReceiver", ()),
        ("BurningReceiver", ()),
        ("BombReceiver", (MEGABYTE, False)),
        ("BombReceiver", (MEGABYTE, True)),
        ("BombReceiver", (150_000, True)),
        ("FalseToken", ()),
    ],
)
@pytest.mark.parametrize("place", ["payout", "treasury"])
def test_a_hostile_receiver_refuses_the_sale_at_bounded_cost(
    project: Any, registry: Any, marketplace: Any, dao: Any, buyer: Any, publish: Any, name: str, args: Any, place: str
) -> None:
    receiver = dao.deploy(getattr(project, name), *args)
    if place == "treasury":
        asset_id = _native(publish)
        registry.setTreasury(receiver, sender=dao)
    else:
        asset_id = _native(publish, payout=receiver)
    amount = FEE if place == "treasury" else PRICE - FEE
    # 63 of 64 parts of the gas could be burned if it were not bounded: the refusal would have no words.
    got = refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer, value=PRICE, gas=400_000)
    assert got == ("PaymentRefused", receiver, amount)
    before = registry.licenceOf(asset_id, 0), buyer.balance
    receipt = failure(marketplace.buyAccess, order(asset_id, buyer), sender=buyer, value=PRICE)
    assert receipt["gasUsed"] < 400_000
    paid = receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert before == (registry.licenceOf(asset_id, 0), buyer.balance + paid)
    assert not registry.hasAccess(asset_id, buyer)


def test_a_hostile_payout_leaves_the_other_assets_alone(
    project: Any, registry: Any, marketplace: Any, dao: Any, author: Any, buyer: Any, publish: Any
) -> None:
    receiver = dao.deploy(project.BurningReceiver)
    bad, good = _native(publish, payout=receiver), _native(publish)
    assert refusal(marketplace.buyAccess, order(bad, buyer), sender=buyer, value=PRICE)[0] == "PaymentRefused"
    marketplace.buyAccess(order(good, buyer), sender=buyer, value=PRICE)
    # And the owner finds a way out.
    registry.setPayout(bad, author, sender=author)
    marketplace.buyAccess(order(bad, buyer), sender=buyer, value=PRICE)


def test_a_long_answer_that_fits_its_gas_is_paid_and_not_copied(
    project: Any, marketplace: Any, dao: Any, buyer: Any, publish: Any
) -> None:
    receiver = dao.deploy(project.BombReceiver, 150_000, False)
    asset_id = _native(publish, payout=receiver)
    tx = marketplace.buyAccess(order(asset_id, buyer), sender=buyer, value=PRICE, gas=1_000_000)
    assert receiver.balance == PRICE - FEE
    assert tx.gas_used < 300_000


def test_a_buyer_who_cannot_take_the_surplus_is_refused(
    project: Any, registry: Any, marketplace: Any, dao: Any, buyer: Any, publish: Any
) -> None:
    wallet = dao.deploy(project.RefusingReceiver)
    asset_id = _native(publish)
    call = marketplace.buyAccess.encode_input(order(asset_id, wallet))
    name, target, reason = refusal(wallet.act, marketplace, call, sender=buyer, value=PRICE + 9)
    assert (name, target) == ("ActFailed", marketplace)
    assert reason[:4] == keccak(text="PaymentRefused(address,uint256)")[:4]
    wallet.act(marketplace, call, sender=buyer, value=PRICE)
    assert registry.hasAccess(asset_id, wallet)


@pytest.mark.parametrize("token", [NATIVE, USD])
def test_the_marketplace_as_payout_is_refused(
    registry: Any, marketplace: Any, author: Any, buyer: Any, publish: Any, token: int
) -> None:
    asset_id = publish(terms(PRICE, token=token), payout=marketplace)
    value = PRICE if token == NATIVE else 0
    got = refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer, value=value)
    assert got == ("PaymentRefused", marketplace, PRICE - FEE)


def test_the_registry_as_payout_takes_no_coin(registry: Any, marketplace: Any, buyer: Any, publish: Any) -> None:
    asset_id = _native(publish, payout=registry)
    got = refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer, value=PRICE)
    assert got == ("PaymentRefused", registry, PRICE - FEE)


# Re-entrancy


@pytest.fixture
def attacker(project: Any, dao: Any, stranger: Any, system: None) -> Any:
    contract = stranger.deploy(project.Reentrant)
    stranger.transfer(contract, UNIT)
    return contract


def test_a_payout_cannot_buy_again_within_the_sale(
    registry: Any, marketplace: Any, attacker: Any, stranger: Any, buyer: Any, publish: Any
) -> None:
    asset_id = _native(publish, payout=attacker)
    again = marketplace.buyAccess.encode_input(order(asset_id, attacker))
    attacker.arm(marketplace, PRICE, again, sender=stranger)
    before = attacker.balance
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer, value=PRICE)
    assert (attacker.attempts(), attacker.successes(), attacker.answer()) == (1, 0, GUARDED)
    assert attacker.balance == before + PRICE - FEE
    assert not registry.hasAccess(asset_id, attacker)
    assert registry.licenceOf(asset_id, 0).issued == 1


def test_a_refund_cannot_buy_again_within_the_sale(
    registry: Any, marketplace: Any, attacker: Any, stranger: Any, publish: Any
) -> None:
    asset_id = _native(publish)
    call = marketplace.buyAccess.encode_input(order(asset_id, attacker))
    attacker.arm(marketplace, PRICE, call, sender=stranger)
    before = attacker.balance
    attacker.act(marketplace, PRICE + 50, call, sender=stranger)
    assert (attacker.attempts(), attacker.successes(), attacker.answer()) == (1, 0, GUARDED)
    assert before - attacker.balance == PRICE
    assert registry.accessOf(asset_id, 0, attacker).taken == 1


@pytest.mark.parametrize("place", ["buyer", "payout"])
def test_token_hooks_cannot_buy_again_within_the_sale(
    registry: Any, marketplace: Any, listed: Any, attacker: Any, stranger: Any, buyer: Any, publish: Any, place: str
) -> None:
    token, index = listed("HookToken")
    token.mint(attacker, 10 * PRICE, sender=stranger)
    attacker.act(token, 0, token.approve.encode_input(marketplace, 2**256 - 1), sender=stranger)
    payout = attacker if place == "payout" else stranger
    asset_id = publish(terms(PRICE, token=index, kind=USE), payout=payout)
    call = marketplace.buyAccess.encode_input(order(asset_id, attacker))
    attacker.arm(marketplace, 0, call, sender=stranger)
    before = token.balanceOf(attacker)
    if place == "payout":
        marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
        assert token.balanceOf(attacker) == before + PRICE - FEE
        assert registry.accessOf(asset_id, 0, attacker).taken == 0
    else:
        attacker.act(marketplace, 0, call, sender=stranger)
        assert token.balanceOf(attacker) == before - PRICE
        assert registry.accessOf(asset_id, 0, attacker).taken == 1
    assert attacker.attempts() > 0
    assert (attacker.successes(), attacker.answer()) == (0, GUARDED)
    assert token.balanceOf(marketplace) == 0


def test_what_is_used_before_it_is_paid_comes_back_if_it_is_not_paid(
    registry: Any, marketplace: Any, listed: Any, attacker: Any, stranger: Any, publish: Any
) -> None:
    """The buyer gets the tokens before he pays; a hook lets him redeem them and then fail to pay."""
    token, index = listed("HookToken")
    attacker.act(token, 0, token.approve.encode_input(marketplace, 2**256 - 1), sender=stranger)
    asset_id = publish(terms(PRICE, token=index, kind=USE))
    attacker.arm(registry, 0, registry.redeem.encode_input(asset_id, 0, 1, stranger), sender=stranger)
    call = marketplace.buyTokens.encode_input(order(asset_id, attacker))
    name, target, reason = refusal(attacker.act, marketplace, 0, call, sender=stranger)
    assert (name, target) == ("CallFailed", marketplace)
    assert reason[:4] == keccak(text="ERC20InsufficientBalance(address,uint256,uint256)")[:4]
    failure(attacker.act, marketplace, 0, call, sender=stranger)
    assert not registry.hasAccess(asset_id, stranger)
    assert attacker.attempts() == 0


def test_what_is_used_before_it_is_paid_is_paid(
    registry: Any, marketplace: Any, listed: Any, attacker: Any, author: Any, stranger: Any, publish: Any
) -> None:
    token, index = listed("HookToken")
    token.mint(attacker, PRICE, sender=stranger)
    attacker.act(token, 0, token.approve.encode_input(marketplace, 2**256 - 1), sender=stranger)
    asset_id = publish(terms(PRICE, token=index, kind=USE))
    attacker.arm(registry, 0, registry.redeem.encode_input(asset_id, 0, 1, stranger), sender=stranger)
    attacker.act(marketplace, 0, marketplace.buyTokens.encode_input(order(asset_id, attacker)), sender=stranger)
    # Treasury and payout are paid in two transfers, and the one token is redeemed in the first.
    assert (attacker.attempts(), attacker.successes()) == (2, 1)
    assert registry.accessOf(asset_id, 0, stranger).uses == 5
    assert registry.accessOf(asset_id, 0, attacker).tokens == 0
    assert token.balanceOf(author) == PRICE - FEE


@pytest.mark.parametrize("count", [1, 3])
def test_publishing_from_within_a_publication_keeps_all_ids_apart(
    registry: Any, attacker: Any, stranger: Any, count: int
) -> None:
    inner = registry.publish.encode_input(stranger, publication(document="inner"))
    attacker.arm(registry, 0, inner, sender=stranger)
    batch = [publication(terms(i), document=f"outer {i}") for i in range(count)]
    tx = registry.publishMany(attacker, batch, sender=stranger)
    assert (attacker.attempts(), attacker.successes()) == (count, count)
    published = {log["assetId"]: log["digest"] for log in logs(tx, registry.MetadataPublished)}
    assert sorted(published) == list(range(1, 2 * count + 1))
    for asset_id, digest in published.items():
        assert registry.assetInfo(asset_id).digest == digest
        assert registry.ownerOf(asset_id) == (attacker if asset_id <= count else stranger)
    assert (registry.balanceOf(attacker), registry.balanceOf(stranger)) == (count, count)


def test_a_receiver_may_pass_its_asset_on_at_once(registry: Any, attacker: Any, stranger: Any, author: Any) -> None:
    onward = registry.transferFrom.encode_input(attacker, author, 1)
    attacker.arm(registry, 0, onward, sender=stranger)
    registry.publishMany(attacker, [publication(terms(i)) for i in range(2)], sender=stranger)
    assert (registry.ownerOf(1), registry.ownerOf(2)) == (author, attacker)
    assert (registry.balanceOf(author), registry.balanceOf(attacker)) == (1, 1)
    assert registry.assetInfo(1).epoch == 1


# One value, one sale


def test_no_batch_can_spend_a_value_twice(registry: Any, marketplace: Any, buyer: Any, publish: Any) -> None:
    asset_id = _native(publish)
    assert "multicall" not in {method.name for method in marketplace.contract_type.methods}
    harmless = [registry.assetInfo.encode_input(asset_id)]
    assert refusal(registry.multicall, harmless, sender=buyer, value=PRICE) == ("",)


# Ancestors


@pytest.mark.parametrize("price", [1, 8, 9, 10_000, 99_999_999_999])
@pytest.mark.parametrize("token", [NATIVE, USD])
def test_treasury_ancestors_and_payout_are_paid_exactly(
    registry: Any,
    marketplace: Any,
    dollar: Any,
    lineage: Any,
    buyer: Any,
    treasury: Any,
    author: Any,
    publish: Any,
    price: int,
    token: int,
) -> None:
    child = publish(terms(price, token=token, kind=PERIOD), parents=(publish(derivatives=(True, 1_234)),))
    splitter = lineage.splitterOf(registry, child)
    receivers = treasury.address, splitter, author.address

    def held() -> list[int]:
        return [held_by(who, None if token == NATIVE else dollar) for who in receivers]

    before = held()
    value = price + 5 if token == NATIVE else 0
    tx = marketplace.buyAccess(order(child, buyer, max_total=price), sender=buyer, value=value)
    fee, royalty = price * FEE_BPS // 10_000, price * 1_234 // 10_000
    assert [b - a for a, b in zip(before, held(), strict=True)] == [fee, royalty, price - fee - royalty]
    sale = logs(tx, marketplace.Sale)[0]
    assert (sale["total"], sale["fee"], sale["royalty"]) == (price, fee, royalty)


def test_the_highest_royalty_and_fee_leave_the_rest(
    registry: Any, marketplace: Any, dollar: Any, lineage: Any, dao: Any, buyer: Any, author: Any, publish: Any
) -> None:
    registry.setFee(500, sender=dao)
    child = publish(terms(100 * DOLLAR), parents=(publish(derivatives=(True, 3_000)),))
    marketplace.buyAccess(order(child, buyer), sender=buyer)
    splitter = lineage.splitterOf(registry, child)
    assert (dollar.balanceOf(splitter), dollar.balanceOf(author)) == (30 * DOLLAR, 65 * DOLLAR)


# A lineage that misbehaves can only be the one that a registry was made with


@pytest.fixture
def hostile(project: Any, dao: Any, system: None) -> Any:
    return dao.deploy(project.HostileLineage)


@pytest.fixture
def led_astray(treasury: Any, directory: Any, project: Any, authority: Any, hostile: Any, dao: Any) -> Any:
    """A second registry, which trusts the hostile lineage."""
    return dao.deploy(project.AssetRegistry, authority, directory, hostile, treasury, FEE_BPS)


@pytest.mark.parametrize("bps", [3_001, 10_000, 2**16 - 1])
def test_a_lineage_over_the_cap_is_refused(led_astray: Any, hostile: Any, author: Any, bps: int) -> None:
    led_astray.publish(author, publication(), sender=author)
    hostile.setRoyalty(bps, sender=author)
    derived = publication(parents=here(led_astray, 1), most=2**16 - 1)
    assert refusal(led_astray.publish, author, derived, sender=author) == ("RoyaltyTooHigh", bps, 3_000)
    assert refusal(led_astray.publishMany, author, [publication(), derived], sender=author) == (
        "RoyaltyTooHigh",
        bps,
        3_000,
    )
    hostile.setRoyalty(3_000, sender=author)
    led_astray.publish(author, derived, sender=author)
    # What was taken in is not asked for again: a later greed changes nothing.
    hostile.setRoyalty(bps, sender=author)
    assert led_astray.assetInfo(2).royaltyBps == 3_000
    assert led_astray.royaltyInfo(2, 10_000)[1] == 3_000


def test_a_lineage_that_fails_stops_publications_with_parents_only(
    project: Any, authority: Any, led_astray: Any, hostile: Any, treasury: Any, dao: Any, author: Any, buyer: Any
) -> None:
    market = dao.deploy(project.Marketplace, led_astray)
    led_astray.setSeller(market, True, sender=dao)
    offer = terms(PRICE, token=NATIVE)
    hostile.setRoyalty(1_000, sender=author)
    for parents in ((), (1,)):
        led_astray.publish(author, publication(offer, parents=here(led_astray, *parents)), sender=author)
    hostile.setBroken(True, sender=author)
    derived = publication(parents=here(led_astray, 1))
    assert refusal(led_astray.publish, author, derived, sender=author) == ("LineageBroken", 3)
    led_astray.publish(author, publication(), sender=author)
    for asset_id in (1, 2):
        market.buyAccess(order(asset_id, buyer), sender=buyer, value=PRICE)
        assert led_astray.hasAccess(asset_id, buyer)


def test_ancestors_cannot_leave_their_royalty_in_the_marketplace(
    registry: Any, marketplace: Any, lineage: Any, dollar: Any, buyer: Any, dao: Any, publish: Any
) -> None:
    """The owner of an ancestor can name it as payout, but a sale pays the splitter and nobody else."""
    parent = publish(derivatives=(True, 1_000), payout=marketplace)
    child = publish(terms(PRICE), terms(PRICE, token=NATIVE), parents=(parent,))
    marketplace.buyAccess(order(child, buyer), sender=buyer)
    marketplace.buyAccess(order(child, buyer, licence=1), sender=buyer, value=PRICE)
    assert dollar.balanceOf(marketplace) == 0
    assert marketplace.balance == 0
    assert dollar.balanceOf(lineage.splitterOf(registry, child)) == PRICE // 10
