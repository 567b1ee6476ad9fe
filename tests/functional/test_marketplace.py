"""Marketplace: who pays what to whom, what stops a sale, permits, settings."""

from __future__ import annotations

from typing import Any

import pytest
from ape import chain
from ape.utils import ZERO_ADDRESS

from .support import (
    DAY,
    DOLLAR,
    FEE_BPS,
    NATIVE,
    PERIOD,
    UNIT,
    USE,
    creation_refusal,
    digest,
    logs,
    now,
    order,
    refusal,
    sign_permit,
    terms,
)

# Paying in a token


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("price", [1, 39, 40, 41, 9_999, 10_000, 12_345_678_901])
def test_the_price_is_split_exactly_between_treasury_and_payout(
    registry: Any,
    marketplace: Any,
    dollar: Any,
    buyer: Any,
    treasury: Any,
    stranger: Any,
    publish: Any,
    price: int,
    units: int,
) -> None:
    asset_id = publish(terms(price, kind=PERIOD), payout=stranger)
    people = buyer, treasury, stranger, marketplace
    before = [dollar.balanceOf(who) for who in people]
    tx = marketplace.buyAccess(order(asset_id, buyer, units=units, max_total=price * units), sender=buyer)
    total, fee = price * units, price * units * FEE_BPS // 10_000
    after = [dollar.balanceOf(who) for who in people]
    assert [b - a for a, b in zip(before, after, strict=True)] == [-total, fee, total - fee, 0]
    assert logs(tx, marketplace.Sale) == [
        {
            "assetId": asset_id,
            "licence": 0,
            "buyer": buyer,
            "token": dollar,
            "total": total,
            "fee": fee,
            "royalty": 0,
        }
    ]
    assert registry.hasAccess(asset_id, buyer)


def test_a_fee_of_nothing_is_not_sent(marketplace: Any, dollar: Any, buyer: Any, author: Any, publish: Any) -> None:
    """Some tokens refuse transfers of zero."""
    asset_id = publish(terms(39))
    tx = marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert logs(tx, dollar.Transfer) == [{"from": buyer, "to": author, "value": 39}]


def test_the_owner_is_paid_unless_a_payout_is_set(
    registry: Any, marketplace: Any, dollar: Any, author: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(100 * DOLLAR, kind=PERIOD))
    buy = order(asset_id, buyer)
    share = 100 * DOLLAR * (10_000 - FEE_BPS) // 10_000
    marketplace.buyAccess(buy, sender=buyer)
    registry.setPayout(asset_id, stranger, sender=author)
    marketplace.buyAccess(buy, sender=buyer)
    assert (dollar.balanceOf(author), dollar.balanceOf(stranger)) == (share, share)


def test_a_new_owner_earns_from_the_next_sale_on(
    registry: Any, marketplace: Any, dollar: Any, author: Any, buyer: Any, stranger: Any, seller: Any, publish: Any
) -> None:
    asset_id = publish(terms(100 * DOLLAR, kind=PERIOD), payout=seller)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    registry.transferFrom(author, stranger, asset_id, sender=author)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert dollar.balanceOf(seller) == dollar.balanceOf(stranger) == 97_500_000


def test_a_buyer_without_allowance_or_money_is_refused(
    marketplace: Any, dollar: Any, dao: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(100 * DOLLAR))
    buy = marketplace.buyAccess, order(asset_id, stranger)
    fee = 100 * DOLLAR * FEE_BPS // 10_000
    dollar.mint(stranger, 99 * DOLLAR, sender=dao)
    got = refusal(*buy, sender=stranger)
    assert got == ("ERC20InsufficientAllowance", marketplace, 0, fee)
    dollar.approve(marketplace, 100 * DOLLAR, sender=stranger)
    got = refusal(*buy, sender=stranger)
    assert got == ("ERC20InsufficientBalance", stranger, 99 * DOLLAR - fee, 100 * DOLLAR - fee)
    dollar.mint(stranger, DOLLAR, sender=dao)
    marketplace.buyAccess(buy[1], sender=stranger)
    assert dollar.balanceOf(stranger) == dollar.allowance(stranger, marketplace) == 0


def test_native_coin_for_a_price_in_tokens_is_refused(marketplace: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(DOLLAR))
    for buy in (marketplace.buyAccess, marketplace.buyTokens):
        assert refusal(buy, order(asset_id, buyer), sender=buyer, value=5) == ("UnexpectedValue", 5)


# Paying in native coin


@pytest.mark.parametrize("surplus", [0, 1, UNIT])
def test_native_coin_is_split_and_the_surplus_returns(
    registry: Any, marketplace: Any, buyer: Any, treasury: Any, stranger: Any, publish: Any, surplus: int
) -> None:
    price = UNIT // 7
    asset_id = publish(terms(price, token=NATIVE, kind=USE), payout=stranger)
    people = buyer, treasury, stranger
    before = [who.balance for who in people]
    tx = marketplace.buyAccess(order(asset_id, buyer, units=3), sender=buyer, value=3 * price + surplus)
    after = [who.balance for who in people]
    fee = 3 * price * FEE_BPS // 10_000
    assert [b - a for a, b in zip(before, after, strict=True)] == [
        -3 * price - tx.total_fees_paid,
        fee,
        3 * price - fee,
    ]
    assert marketplace.balance == 0
    assert logs(tx, marketplace.Sale)[0]["token"] == ZERO_ADDRESS
    assert registry.accessOf(asset_id, 0, buyer).uses == 15


def test_too_little_native_coin_is_refused(marketplace: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(100, token=NATIVE, kind=USE))
    for value in (0, 299):
        got = refusal(marketplace.buyAccess, order(asset_id, buyer, units=3), sender=buyer, value=value)
        assert got == ("ValueTooLow", value, 300)


def test_the_marketplace_takes_no_coin_outside_a_sale(marketplace: Any, buyer: Any) -> None:
    assert not marketplace.contract_type.receive and not marketplace.contract_type.fallback
    payable = {method.name for method in marketplace.contract_type.methods if method.stateMutability == "payable"}
    assert payable == {"buyAccess", "buyTokens"}


# Free licences


@pytest.mark.parametrize("token", [0, 1])
def test_a_free_licence_costs_nothing_and_returns_what_was_sent(
    registry: Any, marketplace: Any, dollar: Any, stranger: Any, publish: Any, token: int
) -> None:
    asset_id = publish(terms(0, token=token))
    before = stranger.balance
    tx = marketplace.buyAccess(order(asset_id, stranger, max_total=0), sender=stranger, value=12_345)
    assert before - stranger.balance == tx.total_fees_paid
    assert logs(tx, marketplace.Sale) == [
        {
            "assetId": asset_id,
            "licence": 0,
            "buyer": stranger,
            "token": ZERO_ADDRESS,
            "total": 0,
            "fee": 0,
            "royalty": 0,
        }
    ]
    assert logs(tx, dollar.Transfer) == []
    assert registry.hasAccess(asset_id, stranger)


# What the buyer agreed to


def test_a_price_that_went_up_in_between_is_refused(
    registry: Any, marketplace: Any, dollar: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR, kind=PERIOD))
    agreed = order(asset_id, buyer, units=2, max_total=2 * DOLLAR)
    registry.setPrice(asset_id, 0, DOLLAR + 1, sender=author)
    got = refusal(marketplace.buyAccess, agreed, sender=buyer)
    assert got == ("TotalAboveMaximum", 2 * DOLLAR + 2, 2 * DOLLAR)
    registry.setPrice(asset_id, 0, DOLLAR // 2, sender=author)
    before = dollar.balanceOf(buyer)
    marketplace.buyAccess(agreed, sender=buyer)
    assert before - dollar.balanceOf(buyer) == DOLLAR
    acts = registry.contract_type.mutable_methods
    setters = {
        act.name for act in acts if act.name.startswith("set") and "licence" in {part.name for part in act.inputs}
    }
    assert setters == {"setPrice", "setOpen"}, "its token is for good"


def test_tokens_are_bought_for_anybody(
    registry: Any, marketplace: Any, project: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR))
    tx = marketplace.buyTokens(order(asset_id, stranger, units=4), sender=buyer)
    issued = {"assetId": asset_id, "licence": 0, "account": stranger, "units": 4, "asTokens": True}
    assert logs(tx, registry.LicenceIssued) == [issued]
    assert project.Datatoken.at(registry.datatokenOf(asset_id, 0)).balanceOf(stranger) == 4 * UNIT
    assert registry.hasAccess(asset_id, stranger) and not registry.hasAccess(asset_id, buyer)


# Permits


@pytest.fixture
def saver(dollar: Any, dao: Any, stranger: Any) -> Any:
    """The stranger, who has money and has approved nobody."""
    dollar.mint(stranger, 1_000 * DOLLAR, sender=dao)
    return stranger


@pytest.mark.parametrize("as_tokens", [False, True])
def test_a_permit_pays_in_the_same_transaction(
    registry: Any, marketplace: Any, dollar: Any, saver: Any, publish: Any, as_tokens: bool
) -> None:
    asset_id = publish(terms(30 * DOLLAR))
    permit = sign_permit(saver, dollar, marketplace, 30 * DOLLAR, deadline=now() + 1_000)
    buy = marketplace.buyTokensWithPermit if as_tokens else marketplace.buyAccessWithPermit
    buy(order(asset_id, saver), permit, sender=saver)
    assert registry.hasAccess(asset_id, saver)
    access = registry.accessOf(asset_id, 0, saver)
    assert (access.held, access.tokens) == ((False, UNIT) if as_tokens else (True, 0))
    assert dollar.balanceOf(saver) == 970 * DOLLAR


def test_a_permit_that_somebody_else_spent_first_does_no_harm(
    registry: Any, marketplace: Any, dollar: Any, saver: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(30 * DOLLAR))
    permit = sign_permit(saver, dollar, marketplace, 30 * DOLLAR, deadline=now() + 1_000)
    dollar.permit(saver, marketplace, *permit[1:], sender=buyer)
    marketplace.buyAccessWithPermit(order(asset_id, saver), permit, sender=saver)
    assert registry.hasAccess(asset_id, saver)


def test_a_permit_is_of_no_use_to_another_buyer(
    marketplace: Any, dollar: Any, saver: Any, seller: Any, publish: Any
) -> None:
    asset_id = publish(terms(40 * DOLLAR))
    permit = sign_permit(saver, dollar, marketplace, 40 * DOLLAR, deadline=now() + 1_000)
    got = refusal(marketplace.buyAccessWithPermit, order(asset_id, seller), permit, sender=seller)
    assert got == ("ERC20InsufficientAllowance", marketplace, 0, DOLLAR)


@pytest.mark.parametrize("fault", ["expired", "too little", "other spender"])
def test_a_bad_permit_leaves_the_sale_without_allowance(
    marketplace: Any, dollar: Any, saver: Any, author: Any, publish: Any, fault: str
) -> None:
    asset_id = publish(terms(40 * DOLLAR))
    value, deadline, spender = 40 * DOLLAR, now() + 1_000, marketplace
    if fault == "expired":
        deadline = now() - 1
    elif fault == "too little":
        value = DOLLAR
    else:
        spender = author
    permit = sign_permit(saver, dollar, spender, value, deadline=deadline)
    got = refusal(marketplace.buyAccessWithPermit, order(asset_id, saver), permit, sender=saver)
    after_fee = (0, 39 * DOLLAR) if fault == "too little" else (0, DOLLAR)
    assert got == ("ERC20InsufficientAllowance", marketplace, *after_fee)


def test_a_permit_does_not_matter_for_what_costs_no_tokens(
    registry: Any, marketplace: Any, saver: Any, publish: Any
) -> None:
    free, native = publish(terms()), publish(terms(7, token=NATIVE))
    nonsense = (ZERO_ADDRESS, 1, 1, 27, bytes(32), bytes(32))
    marketplace.buyAccessWithPermit(order(free, saver), nonsense, sender=saver)
    assert registry.hasAccess(free, saver)
    got = refusal(marketplace.buyAccessWithPermit, order(native, saver), nonsense, sender=saver)
    assert got == ("ValueTooLow", 0, 7)


# Settings


def test_settings_are_for_those_whom_the_access_manager_lets(
    registry: Any, marketplace: Any, author: Any, curator: Any, treasury: Any
) -> None:
    for who in (author, curator, treasury):
        for setting, value in ((registry.setFee, 0), (registry.setTreasury, who), (registry.pauseSales, 1)):
            assert refusal(setting, value, sender=who) == ("AccessManagedUnauthorized", who)


def test_the_access_manager_can_let_a_guardian_pause(
    registry: Any, marketplace: Any, authority: Any, dao: Any, service: Any
) -> None:
    authority.setTargetFunctionRole(registry, [registry.pauseSales.encode_input(1)[:4]], 7, sender=dao)
    authority.grantRole(7, service, 0, sender=dao)
    registry.pauseSales(chain.pending_timestamp + DAY, sender=service)
    assert refusal(registry.setFee, 0, sender=service) == ("AccessManagedUnauthorized", service)


def test_the_fee_has_a_hard_cap(
    registry: Any, marketplace: Any, dollar: Any, dao: Any, buyer: Any, treasury: Any, publish: Any
) -> None:
    assert registry.salesRules().feeBps == FEE_BPS
    assert refusal(registry.setFee, 501, sender=dao) == ("FeeAboveCap", 501, 500)
    assert refusal(registry.setFee, 2**256 - 1, sender=dao) == ("FeeAboveCap", 2**256 - 1, 500)
    tx = registry.setFee(500, sender=dao)
    assert logs(tx, registry.FeeChanged) == [{"feeBps": 500}]
    marketplace.buyAccess(order(publish(terms(100 * DOLLAR)), buyer), sender=buyer)
    assert dollar.balanceOf(treasury) == 5 * DOLLAR
    registry.setFee(0, sender=dao)
    marketplace.buyAccess(order(publish(terms(100 * DOLLAR)), buyer), sender=buyer)
    assert dollar.balanceOf(treasury) == 5 * DOLLAR


def test_the_treasury_can_move_but_not_to_nowhere(
    registry: Any, marketplace: Any, dollar: Any, dao: Any, buyer: Any, seller: Any, publish: Any
) -> None:
    for nowhere in (ZERO_ADDRESS, marketplace.address):
        assert refusal(registry.setTreasury, nowhere, sender=dao) == ("InvalidTreasury", nowhere)
    tx = registry.setTreasury(seller, sender=dao)
    assert logs(tx, registry.TreasuryChanged) == [{"treasury": seller}]
    assert registry.salesRules().treasury == seller
    marketplace.buyAccess(order(publish(terms(100 * DOLLAR)), buyer), sender=buyer)
    assert dollar.balanceOf(seller) == 2_500_000


def test_sales_can_be_paused_and_go_on(
    registry: Any, marketplace: Any, dao: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    marketplace.buyTokens(order(asset_id, buyer), sender=buyer)
    until = chain.pending_timestamp + DAY
    tx = registry.pauseSales(until, sender=dao)
    assert logs(tx, registry.SalesPaused) == [{"until": until}]
    assert registry.salesRules().pausedUntil == until
    permit = (ZERO_ADDRESS, 0, 0, 27, bytes(32), bytes(32))
    for buy in (marketplace.buyAccess, marketplace.buyTokens):
        assert refusal(buy, order(asset_id, buyer), sender=buyer) == ("SalesArePaused", until)
    for buy in (marketplace.buyAccessWithPermit, marketplace.buyTokensWithPermit):
        assert refusal(buy, order(asset_id, buyer), permit, sender=buyer) == ("SalesArePaused", until)
    # The guardian pauses new sales and nothing else.
    registry.redeem(asset_id, 0, 1, buyer, sender=buyer)
    registry.consume(asset_id, 0, 1, bytes(32), sender=buyer)
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    registry.pauseSales(0, sender=dao)
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)


def test_a_pause_of_sales_ends_by_itself(registry: Any, marketplace: Any, dao: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=USE))
    until = chain.pending_timestamp + DAY
    registry.pauseSales(until, sender=dao)
    chain.pending_timestamp = until - 1
    chain.mine()
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == ("SalesArePaused", until)
    chain.pending_timestamp = until
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)


def test_it_is_deployed_with_its_settings(
    project: Any,
    authority: Any,
    directory: Any,
    lineage: Any,
    registry: Any,
    marketplace: Any,
    dao: Any,
    treasury: Any,
) -> None:
    assert marketplace.registry() == registry
    assert tuple(registry.salesRules()) == (treasury, FEE_BPS, 0)
    other = dao.deploy(project.AssetRegistry, authority, directory, lineage, treasury, 500)
    assert tuple(other.salesRules()) == (treasury, 500, 0)
    fixed = authority, directory, lineage
    got = creation_refusal(project.AssetRegistry, *fixed, treasury, 501, sender=dao)
    assert got == ("FeeAboveCap", 501, 500)
    got = creation_refusal(project.AssetRegistry, *fixed, ZERO_ADDRESS, 0, sender=dao)
    assert got == ("InvalidTreasury", ZERO_ADDRESS)


# Who sells


def test_the_dao_names_sellers_and_ending_one_ends_its_new_sales_only(
    project: Any, registry: Any, marketplace: Any, dao: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE))
    marketplace.buyTokens(order(asset_id, buyer, units=2), sender=buyer)
    other = dao.deploy(project.Marketplace, registry)
    assert refusal(other.buyAccess, order(asset_id, buyer), sender=buyer) == ("NotSeller", other)
    tx = registry.setSeller(other, True, sender=dao)
    assert logs(tx, registry.SellerChanged) == [{"seller": other, "allowed": True}]
    for shop in (marketplace, other):
        assert registry.isSeller(shop)
        shop.buyAccess(order(asset_id, buyer), sender=buyer)
    registry.setSeller(marketplace, False, sender=dao)
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == ("NotSeller", marketplace)
    other.buyAccess(order(asset_id, buyer), sender=buyer)
    # What it sold is used on, and what it says of prices is still true.
    registry.redeem(asset_id, 0, 2, buyer, sender=buyer)
    registry.consume(asset_id, 0, 1, bytes(32), sender=buyer)
    assert marketplace.quote(asset_id, 0, 1).total == 0


def test_all_sellers_keep_to_the_rules_of_the_day_whenever_they_were_named(
    project: Any,
    registry: Any,
    marketplace: Any,
    dollar: Any,
    dao: Any,
    buyer: Any,
    seller: Any,
    treasury: Any,
    publish: Any,
) -> None:
    asset_id = publish(terms(100 * DOLLAR, kind=USE))
    registry.setFee(100, sender=dao)
    late, ended = (dao.deploy(project.Marketplace, registry) for _ in range(2))
    for shop in (late, ended):
        dollar.approve(shop, 2**256 - 1, sender=buyer)
        registry.setSeller(shop, True, sender=dao)
    registry.setSeller(ended, False, sender=dao)
    registry.setFee(200, sender=dao)
    registry.setTreasury(seller, sender=dao)
    until = chain.pending_timestamp + DAY
    tx = registry.pauseSales(until, sender=dao)
    assert logs(tx, registry.SalesPaused) == [{"until": until}]
    # A change of the rules makes nobody a seller again.
    assert not registry.isSeller(ended)
    assert refusal(ended.buyAccess, order(asset_id, buyer), sender=buyer) == ("NotSeller", ended)
    registry.setSeller(ended, True, sender=dao)
    for shop in (marketplace, late, ended):
        assert refusal(shop.buyAccess, order(asset_id, buyer), sender=buyer) == ("SalesArePaused", until)
    registry.pauseSales(0, sender=dao)
    for number, shop in enumerate((marketplace, late, ended), 1):
        shop.buyAccess(order(asset_id, buyer), sender=buyer)
        assert (dollar.balanceOf(seller), dollar.balanceOf(treasury)) == (2 * DOLLAR * number, 0)


def test_a_seller_that_comes_back_makes_no_later_change_of_the_rules_dearer(
    registry: Any, marketplace: Any, dao: Any
) -> None:
    def gas_of_a_change() -> int:
        registry.setFee(100, sender=dao)
        return int(registry.setFee(200, sender=dao).gas_used)

    before = gas_of_a_change()
    for allowed in (False, True, True):
        registry.setSeller(marketplace, allowed, sender=dao)
    assert gas_of_a_change() == before


def test_a_seller_is_a_contract_and_not_the_treasury(
    project: Any, registry: Any, marketplace: Any, dao: Any, stranger: Any, buyer: Any
) -> None:
    assert refusal(registry.setSeller, stranger, True, sender=dao) == ("NotAContract", stranger)
    assert refusal(registry.setSeller, marketplace, False, sender=stranger) == ("AccessManagedUnauthorized", stranger)
    other = dao.deploy(project.Marketplace, registry)
    registry.setTreasury(other, sender=dao)
    assert refusal(registry.setSeller, other, True, sender=dao) == ("InvalidTreasury", other)
    assert refusal(registry.setTreasury, marketplace, sender=dao) == ("InvalidTreasury", marketplace)


# What the buyer saw


def test_an_order_that_names_the_document_gets_that_one_or_nothing(
    registry: Any, marketplace: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(kind=USE), document="as advertised")
    seen = digest("as advertised")
    marketplace.buyAccess(order(asset_id, buyer, document=seen), sender=buyer)
    registry.updateMetadata(asset_id, digest("garbage"), 1, sender=author)
    agreed = order(asset_id, buyer, document=seen)
    for buy in (marketplace.buyAccess, marketplace.buyTokens):
        assert refusal(buy, agreed, sender=buyer) == ("OtherDocument", asset_id, seen, digest("garbage"))
    # Whoever names none takes any.
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)
    assert registry.accessOf(asset_id, 0, buyer).uses == 10


def test_an_order_that_names_the_document_is_not_for_the_asset_that_got_the_number_instead(
    marketplace: Any, buyer: Any, seller: Any, publish: Any
) -> None:
    """As after a reorganisation: the number that the buyer saw is now somebody else's asset."""
    asset_id = publish(terms(kind=USE), document="other", owner=seller)
    agreed = order(asset_id, buyer, document=digest("as advertised"))
    got = refusal(marketplace.buyAccess, agreed, sender=buyer)
    assert got == ("OtherDocument", asset_id, digest("as advertised"), digest("other"))
