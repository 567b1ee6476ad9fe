"""AssetRegistry as a shop window: offers, what one unit gives, caps, limits, giving away, prices."""

from __future__ import annotations

from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS

from .support import (
    DAY,
    DOLLAR,
    FEE_BPS,
    HOLD,
    MINTER,
    NATIVE,
    PERIOD,
    UNIT,
    USD,
    USE,
    digest,
    issue,
    logs,
    now,
    order,
    publication,
    refusal,
    terms,
)

# Offers


def test_an_offer_is_kept_as_it_was_made(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish(terms())
    most = 2**96 - 1, USD, PERIOD, 2**32 - 1, 2**32 - 1, 2**16 - 1, 0, ZERO_ADDRESS
    tx = registry.addLicence(asset_id, most, sender=author)
    assert [(log["licence"], tuple(log["terms"])) for log in logs(tx, registry.LicenceAdded)] == [(1, most)]
    offer = registry.licenceOf(asset_id, 1)
    assert (offer.price, offer.paymentToken, offer.kind, offer.amount, offer.cap, offer.limit) == most[:6]
    assert (offer.issued, offer.open) == (0, True)
    assert registry.assetInfo(asset_id).licenceCount == 2


@pytest.mark.parametrize(("kind", "amount"), [(HOLD, 1), (HOLD, 2**32 - 1), (PERIOD, 0), (USE, 0)])
def test_an_amount_that_does_not_fit_the_kind_is_refused(
    registry: Any, author: Any, publish: Any, kind: int, amount: int
) -> None:
    asset_id = publish()
    bad = terms(kind=kind, amount=amount)
    assert refusal(registry.addLicence, asset_id, bad, sender=author) == ("InvalidLicenceAmount", kind, amount)
    assert refusal(registry.publish, author, publication(bad), sender=author) == ("InvalidLicenceAmount", kind, amount)


def test_a_price_in_an_unknown_token_is_refused(registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish()
    for index in (len(registry.paymentTokens()), 255):
        got = refusal(registry.addLicence, asset_id, terms(1, token=index), sender=author)
        assert got == ("PaymentTokenNotAllowed", index)


def test_a_new_price_is_announced_and_asked(marketplace: Any, registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish(terms(DOLLAR))
    tx = registry.setPrice(asset_id, 0, 3 * DOLLAR, sender=author)
    assert logs(tx, registry.LicenceChanged) == [{"assetId": asset_id, "licence": 0, "price": 3 * DOLLAR, "open": True}]
    assert marketplace.quote(asset_id, 0, 2).total == 6 * DOLLAR


def test_a_closed_licence_issues_nothing_until_it_is_opened(
    registry: Any, marketplace: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR))
    tx = registry.setOpen(asset_id, 0, False, sender=author)
    assert logs(tx, registry.LicenceChanged) == [{"assetId": asset_id, "licence": 0, "price": DOLLAR, "open": False}]
    closed = ("LicenceClosed", asset_id, 0)
    assert refusal(registry.grant, asset_id, 0, buyer, 1, False, sender=author) == closed
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == closed
    tx = registry.setOpen(asset_id, 0, True, sender=author)
    assert logs(tx, registry.LicenceChanged)[0]["open"]
    marketplace.buyAccess(order(asset_id, buyer), sender=buyer)


def test_a_licence_that_is_not_there_is_refused_everywhere(
    registry: Any, marketplace: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    for number in (1, 32, 256, 2**200):
        for method, args in (
            (registry.setPrice, (1,)),
            (registry.setOpen, (False,)),
            (registry.grant, (buyer, 1, False)),
            (registry.redeem, (1, buyer)),
            (registry.consume, (1, bytes(32))),
            (registry.accessOf, (buyer,)),
            (registry.licenceOf, ()),
            (marketplace.quote, (1,)),
            (registry.datatokenOf, ()),
        ):
            assert refusal(method, asset_id, number, *args, sender=author) == ("LicenceNotFound", asset_id, number)
        got = refusal(marketplace.buyAccess, order(asset_id, buyer, licence=number), sender=buyer)
        assert got == ("LicenceNotFound", asset_id, number)


# Giving away


def test_a_gift_of_each_kind_gives_access(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(DOLLAR), terms(DOLLAR, kind=PERIOD, amount=DAY), terms(DOLLAR, kind=USE, amount=3))
    units = (1, 2, 4)
    for licence in range(3):
        assert not registry.accessOf(asset_id, licence, buyer).active
        tx = registry.grant(asset_id, licence, buyer, units[licence], False, sender=author)
        assert logs(tx, registry.LicenceIssued) == [
            {"assetId": asset_id, "licence": licence, "account": buyer, "units": units[licence], "asTokens": False}
        ]
        assert registry.accessOf(asset_id, licence, buyer).active
    held, timed, counted = (registry.accessOf(asset_id, i, buyer) for i in range(3))
    assert (held.held, held.taken, held.uses, held.expiresAt) == (True, 1, 0, 0)
    assert timed.taken == 2 and 0 < timed.expiresAt - now() <= 2 * DAY
    assert (counted.uses, counted.taken) == (12, 4)


def test_a_minter_gives_away_too(registry: Any, author: Any, minter: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(DOLLAR))
    registry.setRoles(asset_id, minter, MINTER, sender=author)
    registry.grant(asset_id, 0, buyer, 1, False, sender=minter)
    assert registry.hasAccess(asset_id, buyer)


def test_a_period_is_added_to_what_is_left(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=PERIOD, amount=DAY))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    first = registry.accessOf(asset_id, 0, buyer).expiresAt
    registry.grant(asset_id, 0, buyer, 3, False, sender=author)
    assert registry.accessOf(asset_id, 0, buyer).expiresAt == first + 3 * DAY


def test_a_period_that_has_ended_starts_anew(registry: Any, chain: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=PERIOD, amount=DAY))
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    chain.mine(timestamp=now() + 10 * DAY)
    tx = registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    assert registry.accessOf(asset_id, 0, buyer).expiresAt == tx.timestamp + DAY


def test_a_period_ends_at_the_last_second_that_fits(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    """2^48 seconds are nine million years: the end stops there and never wraps round to the past."""
    asset_id = publish(terms(kind=PERIOD, amount=2**32 - 1))
    registry.grant(asset_id, 0, buyer, 2**32 - 1, False, sender=author)
    assert registry.accessOf(asset_id, 0, buyer).expiresAt == 2**48 - 1
    assert registry.hasAccess(asset_id, buyer)


def test_a_second_unit_of_a_hold_licence_is_refused(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms())
    expected = ("AlreadyHeld", asset_id, 0, buyer)
    assert refusal(registry.grant, asset_id, 0, buyer, 2, False, sender=author) == expected
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    assert refusal(registry.grant, asset_id, 0, buyer, 1, False, sender=author) == expected


def test_no_units_and_no_account_are_refused(
    registry: Any, marketplace: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms())
    assert refusal(registry.grant, asset_id, 0, buyer, 0, False, sender=author) == ("NoUnits",)
    nobody = ("InvalidAccount", ZERO_ADDRESS)
    assert refusal(registry.grant, asset_id, 0, ZERO_ADDRESS, 1, False, sender=author) == nobody
    assert refusal(registry.grant, asset_id, 0, ZERO_ADDRESS, 1, True, sender=author) == nobody
    assert refusal(marketplace.buyAccess, order(asset_id, buyer, units=0), sender=buyer) == ("NoUnits",)
    assert refusal(marketplace.buyAccess, order(asset_id, ZERO_ADDRESS), sender=buyer) == nobody


# Caps and limits


@pytest.mark.parametrize("as_tokens", [False, True])
def test_a_cap_is_never_passed(registry: Any, author: Any, buyer: Any, publish: Any, as_tokens: bool) -> None:
    asset_id = publish(terms(kind=USE, cap=100))
    got = refusal(registry.grant, asset_id, 0, buyer, 101, as_tokens, sender=author)
    assert got == ("CapExceeded", asset_id, 0, 101, 100)
    registry.grant(asset_id, 0, buyer, 60, as_tokens, sender=author)
    registry.grant(asset_id, 0, buyer, 30, not as_tokens, sender=author)
    assert registry.licenceOf(asset_id, 0).issued == 90
    got = refusal(registry.grant, asset_id, 0, buyer, 2**32 - 1, as_tokens, sender=author)
    assert got == ("CapExceeded", asset_id, 0, 2**32 - 1, 10)
    registry.grant(asset_id, 0, buyer, 10, as_tokens, sender=author)
    assert refusal(registry.grant, asset_id, 0, buyer, 1, as_tokens, sender=author)[0] == "CapExceeded"


def test_a_redeemed_unit_does_not_make_room_under_the_cap(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=USE, cap=1))
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    registry.redeem(asset_id, 0, 1, buyer, sender=buyer)
    got = refusal(registry.grant, asset_id, 0, buyer, 1, True, sender=author)
    assert got == ("CapExceeded", asset_id, 0, 1, 0)


@pytest.mark.parametrize("as_tokens", [False, True])
def test_a_limit_counts_each_account_by_itself(
    registry: Any, marketplace: Any, author: Any, buyer: Any, stranger: Any, publish: Any, as_tokens: bool
) -> None:
    asset_id = publish(terms(kind=USE, limit=2))
    buy = marketplace.buyTokens if as_tokens else marketplace.buyAccess
    buy(order(asset_id, buyer), sender=buyer)
    got = refusal(buy, order(asset_id, buyer, units=2), sender=buyer)
    assert got == ("LimitExceeded", asset_id, 0, buyer, 2, 1)
    buy(order(asset_id, buyer), sender=buyer)
    # The other way does not give more.
    for again in (marketplace.buyAccess, marketplace.buyTokens):
        assert refusal(again, order(asset_id, buyer), sender=buyer) == ("LimitExceeded", asset_id, 0, buyer, 1, 0)
    buy(order(asset_id, stranger, units=2), sender=stranger)
    assert registry.accessOf(asset_id, 0, buyer).taken == 2


@pytest.mark.parametrize("as_tokens", [False, True])
def test_a_stranger_cannot_use_up_the_limit_of_an_account(
    registry: Any, marketplace: Any, buyer: Any, stranger: Any, publish: Any, as_tokens: bool
) -> None:
    asset_id = publish(terms(kind=USE, limit=1))
    buy = marketplace.buyTokens if as_tokens else marketplace.buyAccess
    assert refusal(buy, order(asset_id, buyer), sender=stranger) == ("OnlyForOneself", buyer, stranger)
    buy(order(asset_id, buyer), sender=buyer)


def test_a_gift_counts_towards_the_limit(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(kind=PERIOD, limit=1))
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    got = refusal(registry.grant, asset_id, 0, buyer, 1, False, sender=author)
    assert got == ("LimitExceeded", asset_id, 0, buyer, 1, 0)


def test_without_limit_anybody_may_buy_for_anybody(
    registry: Any, marketplace: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR, kind=PERIOD))
    marketplace.buyAccess(order(asset_id, stranger), sender=buyer)
    assert registry.hasAccess(asset_id, stranger) and not registry.hasAccess(asset_id, buyer)


def test_units_taken_end_at_the_limit_of_their_counter(registry: Any, author: Any, buyer: Any, publish: Any) -> None:
    """More units for one account than the counter holds: it stays at its end, and what is given is given."""
    asset_id = publish(terms(kind=USE, amount=1))
    for _ in range(2):
        registry.grant(asset_id, 0, buyer, 2**32 - 1, False, sender=author)
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    access = registry.accessOf(asset_id, 0, buyer)
    assert (access.taken, access.uses) == (2**32 - 1, 2 * (2**32 - 1) + 1)


@pytest.mark.parametrize("as_tokens", [True, False])
def test_uses_end_at_the_limit_of_their_counter(
    registry: Any, author: Any, buyer: Any, publish: Any, as_tokens: bool
) -> None:
    asset_id = publish(terms(kind=USE, amount=2**32 - 1))
    for _ in range(2):
        registry.grant(asset_id, 0, buyer, 2**32 - 1, as_tokens, sender=author)
        if as_tokens:
            registry.redeem(asset_id, 0, 2**32 - 1, buyer, sender=buyer)
    assert registry.accessOf(asset_id, 0, buyer).uses == 2**64 - 1
    registry.consume(asset_id, 0, 1, digest("job"), sender=buyer)
    assert registry.accessOf(asset_id, 0, buyer).uses == 2**64 - 2


# Prices


def test_a_quote_is_what_a_sale_charges(
    treasury: Any, marketplace: Any, registry: Any, dollar: Any, author: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(terms(7 * DOLLAR), terms(), terms(5, token=NATIVE), payout=stranger)
    fee = 21 * DOLLAR * FEE_BPS // 10_000
    nobody = (0, ZERO_ADDRESS)
    assert tuple(marketplace.quote(asset_id, 0, 3)) == (dollar, 21 * DOLLAR, fee, treasury, *nobody, stranger)
    assert tuple(marketplace.quote(asset_id, 1, 3)) == (ZERO_ADDRESS, 0, *nobody, *nobody, ZERO_ADDRESS)
    assert tuple(marketplace.quote(asset_id, 2, 1)) == (ZERO_ADDRESS, 5, 0, treasury, *nobody, stranger)


def test_the_dearest_quote_does_not_overflow(marketplace: Any, registry: Any, author: Any, publish: Any) -> None:
    asset_id = publish(terms(2**96 - 1))
    assert marketplace.quote(asset_id, 0, 2**32 - 1).total == (2**96 - 1) * (2**32 - 1)


def test_only_sellers_sell(registry: Any, author: Any, dao: Any, publish: Any) -> None:
    asset_id = publish(terms())
    for caller in (author, dao):
        assert refusal(registry.sell, issue(asset_id, caller), sender=caller) == ("NotSeller", caller)


def test_a_token_that_is_no_longer_allowed_stops_sales_but_not_gifts(
    registry: Any, marketplace: Any, dollar: Any, dao: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(DOLLAR), terms())
    registry.setPaymentToken(dollar, False, sender=dao)
    assert refusal(marketplace.quote, asset_id, 0, 1, sender=buyer) == ("PaymentTokenNotAllowed", USD)
    assert refusal(marketplace.buyAccess, order(asset_id, buyer), sender=buyer) == ("PaymentTokenNotAllowed", USD)
    marketplace.buyAccess(order(asset_id, buyer, licence=1), sender=buyer)
    registry.grant(asset_id, 0, buyer, 1, False, sender=author)
    assert registry.accessOf(asset_id, 0, buyer).active


# As tokens


def test_tokens_are_deployed_where_they_were_promised(
    registry: Any, project: Any, chain: Any, author: Any, buyer: Any, publish: Any
) -> None:
    asset_id = publish(terms(), terms(kind=PERIOD))
    addresses = [registry.datatokenOf(asset_id, i) for i in range(2)]
    assert addresses[0] != addresses[1]
    assert not chain.provider.get_code(addresses[1])
    tx = registry.grant(asset_id, 1, buyer, 3, True, sender=author)
    assert logs(tx, registry.LicenceIssued) == [
        {"assetId": asset_id, "licence": 1, "account": buyer, "units": 3, "asTokens": True}
    ]
    assert chain.provider.get_code(addresses[1]) and not chain.provider.get_code(addresses[0])
    token = project.Datatoken.at(addresses[1])
    assert (token.balanceOf(buyer), token.totalSupply()) == (3 * UNIT, 3 * UNIT)
    registry.grant(asset_id, 1, buyer, 1, True, sender=author)
    assert registry.datatokenOf(asset_id, 1) == addresses[1]
    assert token.totalSupply() == 4 * UNIT
    assert registry.accessOf(asset_id, 1, buyer).tokens == 4 * UNIT
