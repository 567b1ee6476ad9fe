"""Streams: access by the second, its price, its refund, and who gets what was earned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ape import chain
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from .support import (
    DAY,
    DOLLAR,
    FEE_BPS,
    HOLD,
    MINTER,
    NATIVE,
    PERIOD,
    STREAM,
    digest,
    held_by,
    issue,
    logs,
    now,
    order,
    publication,
    refusal,
    sign_permit,
    stream,
    terms,
    time_order,
)

MONTH = 30 * DAY
PRICE = 30 * DOLLAR  # a dollar a day
ROYALTY = 1_000
GUARDED = keccak(text="ReentrancyGuardReentrantCall()")[:4]


@pytest.fixture
def feed(publish: Any, streams: Any) -> int:
    """An asset that is sold by the second: a dollar a day, a day at least."""
    return int(publish(stream(streams, PRICE)))


@pytest.fixture
def derived(publish: Any, streams: Any, dao: Any) -> int:
    """One that owes its parent a tenth."""
    parent = publish(owner=dao, derivatives=(True, ROYALTY))
    return int(publish(stream(streams, PRICE), parents=[parent]))


def index_of(registry: Any, token: Any) -> int:
    """The index of a payment token."""
    return [one.token for one in registry.paymentTokens()].index(token.address)


@pytest.fixture
def blocking(project: Any, dao: Any, registry: Any, streams: Any, buyer: Any) -> Any:
    """A token whose issuer blocks whom it likes."""
    token = dao.deploy(project.BlockingToken)
    registry.setPaymentToken(token, True, sender=dao)
    token.mint(buyer, 1_000 * DOLLAR, sender=dao)
    token.approve(streams, 2**256 - 1, sender=buyer)
    return token


@pytest.fixture
def moves(dollar: Any) -> Callable[..., list[int]]:
    """`moves(act, *accounts)`: what each of them has of dollars after the act beyond what it had."""

    def moves_of(act: Callable[[], Any], *accounts: Any) -> list[int]:
        before = [held_by(account, dollar) for account in accounts]
        act()
        return [held_by(account, dollar) - had for account, had in zip(accounts, before, strict=True)]

    return moves_of


def at(time: int) -> None:
    """The next transaction comes at this second."""
    chain.pending_timestamp = time


# Subscribing


def test_a_subscriber_has_access_for_the_time_that_was_paid(
    registry: Any, streams: Any, dollar: Any, buyer: Any, feed: int
) -> None:
    before = held_by(buyer, dollar)
    tx = streams.subscribe(time_order(feed, buyer, 3 * DAY, document=digest("first version")), sender=buyer)
    end = tx.timestamp + 3 * DAY
    assert before - held_by(buyer, dollar) == held_by(streams, dollar) == 3 * DOLLAR
    assert logs(tx, streams.Subscribed) == [
        {
            "assetId": feed,
            "licence": 0,
            "account": buyer,
            "buyer": buyer,
            "end": end,
            "price": PRICE,
            "feeBps": FEE_BPS,
            "total": 3 * DOLLAR,
        }
    ]
    assert logs(tx, registry.LicenceIssued) == []
    assert registry.accessOf(feed, 0, buyer) == (True, end, 0, False, 0, 0)
    assert registry.hasAccess(feed, buyer)
    chain.mine(timestamp=end - 1)
    assert registry.hasAccess(feed, buyer)
    chain.mine(timestamp=end)
    assert not registry.hasAccess(feed, buyer)
    assert streams.endOf(feed, 0, buyer) == end


def test_a_share_of_a_unit_costs_a_unit(streams: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(stream(streams, 1, minimum=0))
    for time, total in ((1, 1), (MONTH, 1), (MONTH + 1, 2)):
        assert streams.quote(asset_id, 0, time).total == total
    assert streams.quote(asset_id, 0, 0).total == 0


def test_time_that_is_free_moves_no_money(registry: Any, streams: Any, dollar: Any, buyer: Any, publish: Any) -> None:
    """Some tokens refuse a transfer of nothing."""
    asset_id = publish(stream(streams, 0))
    for act in (streams.subscribe, streams.extend):
        assert logs(act(time_order(asset_id, buyer, DAY), sender=buyer), dollar.Transfer) == []
    assert registry.hasAccess(asset_id, buyer)


def test_access_can_be_bought_for_somebody_else(
    registry: Any, streams: Any, dollar: Any, buyer: Any, stranger: Any, feed: int
) -> None:
    streams.subscribe(time_order(feed, stranger, DAY), sender=buyer)
    assert registry.hasAccess(feed, stranger) and not registry.hasAccess(feed, buyer)
    assert refusal(streams.cancel, feed, 0, sender=buyer) == ("StreamIsOver", 0)


def test_a_subscription_is_in_native_coin_too(streams: Any, buyer: Any, author: Any, publish: Any) -> None:
    asset_id = publish(stream(streams, 30 * 10**9, token=NATIVE))
    buy = time_order(asset_id, buyer, 2 * DAY)
    assert refusal(streams.subscribe, buy, sender=buyer, value=10**9) == ("ValueTooLow", 10**9, 2 * 10**9)
    streams.subscribe(buy, sender=buyer, value=7 * 10**9)
    assert held_by(streams) == 2 * 10**9
    chain.mine(timestamp=streams.endOf(asset_id, 0, buyer))
    before = held_by(author)
    streams.settle(asset_id, 0, [buyer], sender=buyer)
    assert held_by(author) - before == 2 * 10**9 - 2 * 10**9 * FEE_BPS // 10_000
    assert held_by(streams) == 0


def test_coin_for_a_price_in_tokens_is_refused(streams: Any, buyer: Any, feed: int) -> None:
    buy = time_order(feed, buyer, DAY)
    assert refusal(streams.subscribe, buy, sender=buyer, value=5) == ("UnexpectedValue", 5)
    streams.subscribe(buy, sender=buyer)
    assert refusal(streams.extend, buy, sender=buyer, value=5) == ("UnexpectedValue", 5)


def test_what_a_subscriber_agreed_to_is_kept(registry: Any, streams: Any, buyer: Any, author: Any, feed: int) -> None:
    """The most that it may cost, and which document it is."""
    buy = time_order(feed, buyer, DAY, max_total=DOLLAR, document=digest("first version"))
    registry.setPrice(feed, 0, PRICE + 1, sender=author)
    assert refusal(streams.subscribe, buy, sender=buyer) == ("TotalAboveMaximum", DOLLAR + 1, DOLLAR)
    registry.setPrice(feed, 0, PRICE, sender=author)
    registry.updateMetadata(feed, digest("another"), 1, sender=author)
    got = refusal(streams.subscribe, buy, sender=buyer)
    assert got == ("OtherDocument", feed, digest("first version"), digest("another"))


def test_a_subscription_begins_with_its_smallest_stay(streams: Any, buyer: Any, feed: int) -> None:
    got = refusal(streams.subscribe, time_order(feed, buyer, DAY - 1), sender=buyer)
    assert got == ("TooLittleTime", DAY - 1, DAY)


def test_time_is_more_than_none_and_ends_before_the_end_of_days(streams: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(stream(streams, 2**96 - 1, per=1, minimum=0))
    assert refusal(streams.subscribe, time_order(asset_id, buyer, 0), sender=buyer) == ("TooLittleTime", 0, 1)
    time = 2**32 - 1
    got = refusal(streams.subscribe, time_order(asset_id, buyer, time), sender=buyer)
    assert (got[0], got[2]) == ("TooMuchTime", (2**96 - 1) * time)


def test_a_stream_costs_at_most_what_the_books_can_hold(
    streams: Any, dollar: Any, dao: Any, buyer: Any, publish: Any
) -> None:
    """2^120 - 1 units to the last; a second more is refused."""
    most, time = 2**120 - 1, 2**30 - 1
    price, rest = divmod(most, time)
    assert rest == 0
    asset_id = publish(stream(streams, price, per=1, minimum=0))
    dollar.mint(buyer, most, sender=dao)
    got = refusal(streams.subscribe, time_order(asset_id, buyer, time + 1), sender=buyer)
    assert (got[0], got[2]) == ("TooMuchTime", most + price)
    streams.subscribe(time_order(asset_id, buyer, time), sender=buyer)
    assert streams.subscriptionOf(asset_id, 0, buyer).paid == most


def test_a_stream_ends_at_most_with_the_last_second_that_the_books_can_hold(
    streams: Any, buyer: Any, feed: int
) -> None:
    chain.mine(timestamp=2**48 - 3 * DAY)
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    left = 2**48 - 1 - streams.endOf(feed, 0, buyer)
    got = refusal(streams.extend, time_order(feed, buyer, left + 1), sender=buyer)
    assert got[:2] == ("TooMuchTime", 2**48)
    streams.extend(time_order(feed, buyer, left), sender=buyer)
    assert streams.endOf(feed, 0, buyer) == 2**48 - 1


def test_there_is_one_stream_at_a_time(streams: Any, buyer: Any, stranger: Any, feed: int) -> None:
    """So nobody takes another's price away by subscribing for them."""
    buy = time_order(feed, buyer, DAY)
    streams.subscribe(buy, sender=buyer)
    assert refusal(streams.subscribe, buy, sender=stranger) == ("StreamRuns", streams.endOf(feed, 0, buyer))


def test_nobody_subscribes_for_nobody(streams: Any, buyer: Any, feed: int) -> None:
    got = refusal(streams.subscribe, time_order(feed, ZERO_ADDRESS, DAY), sender=buyer)
    assert got == ("InvalidAccount", ZERO_ADDRESS)


def test_what_is_not_sold_by_the_second_is_refused(streams: Any, buyer: Any, publish: Any) -> None:
    asset_id = publish(terms(0))
    assert refusal(streams.subscribe, time_order(asset_id, buyer, DAY), sender=buyer) == ("NotAStream", asset_id, 0)
    assert refusal(streams.quote, asset_id, 0, DAY, sender=buyer) == ("NotAStream", asset_id, 0)
    got = refusal(streams.subscribe, time_order(asset_id, buyer, DAY, licence=7), sender=buyer)
    assert got == ("LicenceNotFound", asset_id, 7)


def test_a_token_that_keeps_a_part_pays_for_no_time(
    project: Any, registry: Any, streams: Any, dao: Any, buyer: Any, publish: Any
) -> None:
    """What it keeps would be missing to the last who is owed something."""
    token = dao.deploy(project.FeeToken)
    registry.setPaymentToken(token, True, sender=dao)
    token.mint(buyer, 1_000 * DOLLAR, sender=dao)
    token.approve(streams, 2**256 - 1, sender=buyer)
    asset_id = publish(stream(streams, PRICE, token=index_of(registry, token)))
    got = refusal(streams.subscribe, time_order(asset_id, buyer, MONTH), sender=buyer)
    assert got == ("PaymentIncomplete", token, PRICE - PRICE // 100, PRICE)


def test_a_permit_pays_for_time(streams: Any, dollar: Any, dao: Any, stranger: Any, feed: int) -> None:
    dollar.mint(stranger, 10 * DOLLAR, sender=dao)
    permit = sign_permit(stranger, dollar, streams, DOLLAR, deadline=now() + 1_000)
    streams.subscribeWithPermit(time_order(feed, stranger, DAY), permit, sender=stranger)
    permit = sign_permit(stranger, dollar, streams, 2 * DOLLAR, deadline=now() + 1_000)
    streams.extendWithPermit(time_order(feed, stranger, 2 * DAY), permit, sender=stranger)
    assert held_by(stranger, dollar) == 7 * DOLLAR


# Extending


def test_a_stream_keeps_its_price_and_its_fee(
    registry: Any, streams: Any, dollar: Any, dao: Any, author: Any, buyer: Any, treasury: Any, feed: int
) -> None:
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    registry.setPrice(feed, 0, 9 * PRICE, sender=author)
    registry.setFee(500, sender=dao)
    assert tuple(streams.quoteExtension(feed, 0, buyer, DAY)) == (dollar, DOLLAR)
    tx = streams.extend(time_order(feed, buyer, DAY, max_total=DOLLAR), sender=buyer)
    end = streams.endOf(feed, 0, buyer)
    assert logs(tx, streams.Extended) == [
        {"assetId": feed, "licence": 0, "account": buyer, "buyer": buyer, "end": end, "total": DOLLAR}
    ]
    chain.mine(timestamp=end)
    before = held_by(treasury, dollar)
    streams.settle(feed, 0, [buyer], sender=buyer)
    assert held_by(treasury, dollar) - before == 2 * DOLLAR * FEE_BPS // 10_000
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    assert streams.subscriptionOf(feed, 0, buyer).paid == 9 * DOLLAR


def test_anybody_may_extend_a_stream_of_somebody(
    registry: Any, streams: Any, buyer: Any, stranger: Any, feed: int
) -> None:
    streams.subscribe(time_order(feed, stranger, DAY), sender=buyer)
    end = streams.endOf(feed, 0, stranger)
    streams.extend(time_order(feed, stranger, 1), sender=buyer)
    assert streams.endOf(feed, 0, stranger) == end + 1


def test_only_a_stream_that_lasts_has_a_price_to_extend_it(streams: Any, buyer: Any, stranger: Any, feed: int) -> None:
    """Neither of a licence that nobody subscribed to, nor of somebody else's, nor from the last second on."""
    assert refusal(streams.quoteExtension, feed, 0, buyer, DAY, sender=buyer) == ("StreamIsOver", 0)
    assert refusal(streams.quoteExtension, 999, 0, buyer, DAY, sender=buyer) == ("StreamIsOver", 0)
    end = streams.subscribe(time_order(feed, buyer, DAY), sender=buyer).timestamp + DAY
    assert refusal(streams.quoteExtension, feed, 0, stranger, DAY, sender=buyer) == ("StreamIsOver", 0)
    chain.mine(timestamp=end - 1)
    assert streams.quoteExtension(feed, 0, buyer, DAY).total == DOLLAR
    chain.mine(timestamp=end)
    assert refusal(streams.quoteExtension, feed, 0, buyer, DAY, sender=buyer) == ("StreamIsOver", end)


def test_only_a_stream_that_lasts_is_extended(streams: Any, buyer: Any, feed: int) -> None:
    more = time_order(feed, buyer, DAY)
    assert refusal(streams.extend, more, sender=buyer) == ("StreamIsOver", 0)
    streams.subscribe(more, sender=buyer)
    end = streams.endOf(feed, 0, buyer)
    assert refusal(streams.extend, time_order(feed, buyer, 0), sender=buyer) == ("TooLittleTime", 0, 1)
    got = refusal(streams.extend, time_order(feed, buyer, DAY, max_total=DOLLAR - 1), sender=buyer)
    assert got == ("TotalAboveMaximum", DOLLAR, DOLLAR - 1)
    chain.mine(timestamp=end)
    assert refusal(streams.extend, more, sender=buyer) == ("StreamIsOver", end)


# Ending


def test_a_refund_is_to_the_second(streams: Any, dollar: Any, buyer: Any, feed: int) -> None:
    start = streams.subscribe(time_order(feed, buyer, 10 * DAY), sender=buyer).timestamp
    before = held_by(buyer, dollar)
    at(start + 3 * DAY + 1)
    tx = streams.cancel(feed, 0, sender=buyer)
    kept = 3 * DOLLAR + -(-DOLLAR // DAY)
    refund = 10 * DOLLAR - kept
    end = start + 3 * DAY + 1
    assert held_by(buyer, dollar) - before == refund and held_by(streams, dollar) == kept
    assert logs(tx, streams.Cancelled) == [
        {"assetId": feed, "licence": 0, "account": buyer, "end": end, "refund": refund}
    ]
    assert streams.endOf(feed, 0, buyer) == end
    assert refusal(streams.cancel, feed, 0, sender=buyer) == ("StreamIsOver", end)


def test_the_smallest_stay_is_not_refunded(registry: Any, streams: Any, dollar: Any, buyer: Any, feed: int) -> None:
    start = streams.subscribe(time_order(feed, buyer, 10 * DAY), sender=buyer).timestamp
    before = held_by(buyer, dollar)
    assert streams.subscriptionOf(feed, 0, buyer).refund == 9 * DOLLAR
    streams.cancel(feed, 0, sender=buyer)
    assert held_by(buyer, dollar) - before == 9 * DOLLAR
    assert registry.accessOf(feed, 0, buyer).expiresAt == start + DAY and registry.hasAccess(feed, buyer)
    assert refusal(streams.cancel, feed, 0, sender=buyer) == ("NothingToRefund", start + DAY)


def test_only_the_subscriber_ends_a_stream(
    streams: Any, author: Any, dao: Any, buyer: Any, stranger: Any, feed: int
) -> None:
    streams.subscribe(time_order(feed, stranger, 10 * DAY), sender=buyer)
    for somebody in (author, dao, buyer):
        assert refusal(streams.cancel, feed, 0, sender=somebody) == ("StreamIsOver", 0)


def test_whatever_stops_new_streams_stops_no_other(
    registry: Any, streams: Any, dollar: Any, dao: Any, author: Any, curator: Any, buyer: Any, stranger: Any, feed: int
) -> None:
    streams.subscribe(time_order(feed, buyer, 10 * DAY), sender=buyer)
    stops = {
        "LicenceClosed": (lambda on: registry.setOpen(feed, 0, not on, sender=author)),
        "NotForSale": (lambda on: registry.setDelisted(feed, on, sender=curator)),
        "SalesArePaused": (lambda on: registry.pauseSales(chain.pending_timestamp + DAY if on else 0, sender=dao)),
        "NotSeller": (lambda on: registry.setSeller(streams, not on, sender=dao)),
        "PaymentTokenNotAllowed": (lambda on: registry.setPaymentToken(dollar, not on, sender=dao)),
    }
    for error, stop in stops.items():
        stop(True)
        assert refusal(streams.subscribe, time_order(feed, stranger, DAY), sender=buyer)[0] == error
        stop(False)
    registry.setState(feed, 2, sender=author)
    for stop in stops.values():
        stop(True)
    streams.extend(time_order(feed, buyer, DAY), sender=buyer)
    streams.settle(feed, 0, [buyer], sender=stranger)
    before = held_by(buyer, dollar)
    streams.cancel(feed, 0, sender=buyer)
    assert held_by(buyer, dollar) - before == 10 * DOLLAR and registry.hasAccess(feed, buyer)
    chain.mine(timestamp=streams.endOf(feed, 0, buyer))
    streams.settle(feed, 0, [buyer], sender=stranger)
    assert held_by(streams, dollar) == 0


def test_a_subscriber_who_cannot_be_paid_takes_the_refund_later(
    registry: Any, streams: Any, blocking: Any, dao: Any, buyer: Any, stranger: Any, publish: Any
) -> None:
    asset_id = publish(stream(streams, PRICE, token=index_of(registry, blocking)))
    streams.subscribe(time_order(asset_id, buyer, 10 * DAY), sender=buyer)
    blocking.setBlocked(buyer, True, sender=dao)
    streams.cancel(asset_id, 0, sender=buyer)
    assert streams.owedTo(blocking, buyer) == 9 * DOLLAR
    blocking.setBlocked(buyer, False, sender=dao)
    assert refusal(streams.claim, blocking, buyer, stranger, sender=stranger) == ("NotPayee", buyer, stranger)
    streams.claim(blocking, buyer, buyer, sender=stranger)
    assert held_by(buyer, blocking) == 999 * DOLLAR


# Settling


def test_what_is_earned_goes_to_treasury_ancestors_and_payout(
    registry: Any, streams: Any, dollar: Any, buyer: Any, treasury: Any, author: Any, stranger: Any, derived: int
) -> None:
    start = streams.subscribe(time_order(derived, buyer, MONTH), sender=buyer).timestamp
    splitter = registry.royaltyInfo(derived, 100)[0]
    people = (treasury, splitter, author, streams)
    before = [held_by(one, dollar) for one in people]
    at(start + 10 * DAY)
    tx = streams.settle(derived, 0, [buyer], sender=stranger)
    after = [held_by(one, dollar) for one in people]
    parts = (10 * DOLLAR * FEE_BPS // 10_000, DOLLAR, 8_750_000)
    assert [b - a for a, b in zip(before, after, strict=True)] == [*parts, -10 * DOLLAR]
    (event,) = logs(tx, streams.Settled)
    assert (event["token"], event["accounts"], tuple(event["parts"])) == (dollar, [buyer], parts)
    found = streams.subscriptionOf(derived, 0, buyer)
    assert (found.active, found.paid, found.earned, found.refund) == (True, PRICE, 10 * DOLLAR, 20 * DOLLAR)
    assert tuple(found.terms) == (dollar, MONTH, DAY, ROYALTY)


def test_settling_twice_or_naming_somebody_twice_pays_once(
    streams: Any, buyer: Any, author: Any, stranger: Any, moves: Any, feed: int
) -> None:
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    chain.mine(timestamp=streams.endOf(feed, 0, buyer))
    many = [buyer, stranger, buyer]
    assert moves(lambda: streams.settle(feed, 0, many, sender=stranger), author) == [975_000]
    assert moves(lambda: streams.settle(feed, 0, many, sender=stranger), author, streams) == [0, 0]


def test_a_new_stream_does_not_lose_what_the_last_one_earned(
    registry: Any, streams: Any, buyer: Any, author: Any, moves: Any, feed: int
) -> None:
    """It has the slot of the last; what that earned is carried over, at the fee of its day."""
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    chain.mine(timestamp=streams.endOf(feed, 0, buyer))
    tx = streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    (event,) = logs(tx, streams.CarriedOver)
    assert tuple(event["parts"]) == (25_000, 0, 975_000) == tuple(streams.carriedOver(feed, 0))
    assert moves(lambda: streams.settle(feed, 0, [], sender=buyer), author, streams) == [975_000, -DOLLAR]
    assert tuple(streams.carriedOver(feed, 0)) == (0, 0, 0)
    # Nothing is carried over of one that was settled to its end.
    chain.mine(timestamp=streams.endOf(feed, 0, buyer))
    streams.settle(feed, 0, [buyer], sender=buyer)
    tx = streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    assert logs(tx, streams.CarriedOver) == []
    assert tuple(streams.carriedOver(feed, 0)) == (0, 0, 0)


def test_a_payee_who_cannot_be_paid_holds_up_nobody(
    registry: Any,
    streams: Any,
    blocking: Any,
    dao: Any,
    treasury: Any,
    author: Any,
    buyer: Any,
    stranger: Any,
    publish: Any,
) -> None:
    asset_id = publish(stream(streams, PRICE, token=index_of(registry, blocking)))
    streams.subscribe(time_order(asset_id, buyer, 10 * DAY), sender=buyer)
    blocking.setBlocked(author, True, sender=dao)
    chain.mine(timestamp=now() + 2 * DAY)
    tx = streams.settle(asset_id, 0, [buyer], sender=stranger)
    parts = logs(tx, streams.Settled)[0]["parts"]
    assert held_by(treasury, blocking) == parts[0] > 0
    assert streams.owedTo(blocking, author) == parts[2] > 0
    assert logs(tx, streams.Parked) == [{"token": blocking, "payee": author, "amount": parts[2]}]
    streams.cancel(asset_id, 0, sender=buyer)
    assert held_by(buyer, blocking) > 997 * DOLLAR
    blocking.setBlocked(author, False, sender=dao)
    streams.claim(blocking, author, author, sender=stranger)
    assert held_by(author, blocking) == parts[2]


@pytest.mark.parametrize("way", ["payout", "owner"])
def test_an_owner_who_names_the_seller_of_time_harms_nobody(
    registry: Any,
    streams: Any,
    dollar: Any,
    buyer: Any,
    author: Any,
    treasury: Any,
    stranger: Any,
    moves: Any,
    derived: int,
    way: str,
) -> None:
    """What would go to the contract itself, and could never be taken out, waits; all others are paid."""
    streams.subscribe(time_order(derived, buyer, DAY), sender=buyer)
    chain.mine(timestamp=streams.endOf(derived, 0, buyer))
    if way == "payout":
        registry.setPayout(derived, streams, sender=author)
    else:
        registry.transferFrom(author, streams, derived, sender=author)
    splitter = registry.royaltyInfo(derived, 100)[0]
    paid = moves(lambda: streams.settle(derived, 0, [buyer], sender=stranger), treasury, splitter, streams)
    assert paid == [25_000, 100_000, -125_000]
    assert tuple(streams.carriedOver(derived, 0)) == (0, 0, 875_000)
    if way == "payout":
        registry.setPayout(derived, author, sender=author)
        assert moves(lambda: streams.settle(derived, 0, [], sender=stranger), author, streams) == [875_000, -875_000]


def test_fees_wait_while_the_treasury_is_the_seller_of_time(
    registry: Any, streams: Any, dao: Any, buyer: Any, author: Any, treasury: Any, stranger: Any, moves: Any, feed: int
) -> None:
    """A seller that was ended can be named as treasury by mistake: the others are paid, and nothing is lost."""
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    registry.setSeller(streams, False, sender=dao)
    registry.setTreasury(streams, sender=dao)
    chain.mine(timestamp=streams.endOf(feed, 0, buyer))
    settle = streams.settle
    assert moves(lambda: settle(feed, 0, [buyer], sender=stranger), author, treasury, streams) == [975_000, 0, -975_000]
    assert tuple(streams.carriedOver(feed, 0)) == (25_000, 0, 0)
    registry.setTreasury(treasury, sender=dao)
    assert moves(lambda: settle(feed, 0, [], sender=stranger), author, treasury, streams) == [0, 25_000, -25_000]


def test_what_is_settled_of_nothing_is_nothing(streams: Any, buyer: Any, dollar: Any, feed: int) -> None:
    tx = streams.settle(feed, 0, [buyer], sender=buyer)
    assert tuple(logs(tx, streams.Settled)[0]["parts"]) == (0, 0, 0)
    assert logs(tx, dollar.Transfer) == [] == logs(tx, streams.Parked)
    nothing = streams.subscriptionOf(feed, 0, buyer)
    assert (nothing.active, nothing.paid, nothing.earned, nothing.refund) == (False, 0, 0, 0)


def test_a_batch_without_gas_for_its_payments_is_undone(streams: Any, buyer: Any, feed: int) -> None:
    """Else a caller who is short of gas could have payees parked instead of paid."""
    streams.subscribe(time_order(feed, buyer, DAY), sender=buyer)
    chain.mine(timestamp=streams.endOf(feed, 0, buyer))
    assert refusal(streams.settle, feed, 0, [buyer], sender=buyer, gas=300_000)[0] == "NotEnoughGas"


def test_a_receiver_of_coin_cannot_come_back_in(project: Any, streams: Any, dao: Any, buyer: Any, publish: Any) -> None:
    """While it is paid, neither a refund nor a settlement can be had a second time."""
    thief = dao.deploy(project.Reentrant)
    asset_id = publish(stream(streams, 30 * 10**9, token=NATIVE), payout=thief)
    buy = streams.subscribe.encode_input(time_order(asset_id, thief, 10 * DAY))
    thief.act(streams, 10 * 10**9, buy, value=10 * 10**9, sender=dao)
    streams.subscribe(time_order(asset_id, buyer, 10 * DAY), sender=buyer, value=10 * 10**9)
    chain.mine(timestamp=now() + 2 * DAY)
    for call in (
        streams.cancel.encode_input(asset_id, 0),
        streams.settle.encode_input(asset_id, 0, [buyer, thief]),
        streams.claim.encode_input(ZERO_ADDRESS, thief, thief),
    ):
        thief.arm(streams, 0, call, sender=dao)
        snapshot = chain.snapshot()
        thief.act(streams, 0, streams.cancel.encode_input(asset_id, 0), sender=dao)
        assert held_by(thief) <= 8 * 10**9
        streams.settle(asset_id, 0, [buyer, thief], sender=dao)
        assert thief.attempts() > 0 == thief.successes()
        chain.restore(snapshot)


def test_change_of_a_purchase_lets_nobody_back_in(project: Any, streams: Any, dao: Any, publish: Any) -> None:
    """While time is paid for, none can be bought, given back or settled."""
    thief = dao.deploy(project.Reentrant)
    asset_id = publish(stream(streams, 30 * 10**9, token=NATIVE), payout=thief)
    more = streams.extend.encode_input(time_order(asset_id, thief, DAY))
    calls = (
        (0, streams.cancel.encode_input(asset_id, 0)),
        (0, streams.settle.encode_input(asset_id, 0, [thief])),
        (10**9, more),
    )
    for buy in (streams.subscribe.encode_input(time_order(asset_id, thief, 10 * DAY)), more):
        for value, call in calls:
            thief.arm(streams, value, call, sender=dao)
            snapshot = chain.snapshot()
            thief.act(streams, 20 * 10**9, buy, value=20 * 10**9, sender=dao)
            assert (thief.attempts(), thief.successes(), thief.answer()) == (1, 0, GUARDED)
            chain.restore(snapshot)
        thief.arm(ZERO_ADDRESS, 0, b"", sender=dao)
        thief.act(streams, 20 * 10**9, buy, value=20 * 10**9, sender=dao)


# What the registry lets nobody do with a stream


def test_a_stream_is_sold_by_nobody_but_its_contract(
    registry: Any, marketplace: Any, buyer: Any, author: Any, feed: int
) -> None:
    got = refusal(marketplace.buyAccess, order(feed, buyer), sender=buyer)
    assert got == ("SoldByTheSecond", feed, 0)
    for as_tokens in (False, True):
        got = refusal(registry.grant, feed, 0, buyer, 1, as_tokens, sender=author)
        assert got == ("SoldByTheSecond", feed, 0)
    assert refusal(registry.redeem, feed, 0, 1, buyer, sender=buyer) == ("SoldByTheSecond", feed, 0)
    assert refusal(registry.consume, feed, 0, 1, bytes(32), sender=buyer) == ("NotConsumable", feed, 0)


def test_the_terms_of_a_stream_are_sound(
    registry: Any, streams: Any, marketplace: Any, author: Any, stranger: Any
) -> None:
    def refused(offer: tuple[Any, ...]) -> tuple[Any, ...]:
        return refusal(registry.publish, author, publication(offer), sender=author)

    assert refused(stream(streams, PRICE, per=0)) == ("InvalidLicenceAmount", STREAM, 0)
    asset_id = logs(registry.publish(author, publication(), sender=author), registry.MetadataPublished)[0]["assetId"]
    wrong = ("InvalidStream", asset_id + 1, 0)
    assert refused(stream(streams, PRICE, cap=1)) == wrong
    assert refused(stream(streams, PRICE, limit=1)) == wrong
    assert refused(stream(stranger, PRICE)) == ("NotSeller", stranger)
    assert refused((*terms(PRICE, kind=PERIOD)[:-2], 1, ZERO_ADDRESS)) == wrong
    assert refused((*terms(PRICE, kind=HOLD)[:-2], 0, streams)) == wrong


def test_a_stream_tells_who_sells_it(registry: Any, streams: Any, feed: int, publish: Any, stranger: Any) -> None:
    plain = publish(terms(0))
    assert registry.streamsOf(feed, 0) == streams and registry.streamsOf(plain, 0) == ZERO_ADDRESS
    assert refusal(registry.streamsOf, feed, 1, sender=stranger) == ("LicenceNotFound", feed, 1)
    found = registry.licenceOf(feed, 0)
    assert (found.price, found.amount, found.kind, found.minimum) == (PRICE, MONTH, STREAM, DAY)


def test_a_seller_that_ended_still_answers_for_what_it_sold(
    project: Any, registry: Any, streams: Any, dao: Any, author: Any, buyer: Any, feed: int
) -> None:
    """Another takes its place for new licences; the old licence stays with the contract that it names."""
    streams.subscribe(time_order(feed, buyer, 10 * DAY), sender=buyer)
    registry.setSeller(streams, False, sender=dao)
    other = dao.deploy(project.Streams, registry)
    registry.setSeller(other, True, sender=dao)
    assert registry.hasAccess(feed, buyer)
    got = refusal(registry.addLicence, feed, stream(streams, PRICE), sender=author)
    assert got == ("NotSeller", streams)
    assert refusal(other.subscribe, time_order(feed, buyer, DAY), sender=buyer) == ("SoldByTheSecond", feed, 0)
    registry.addLicence(feed, stream(other, PRICE), sender=author)
    assert registry.streamsOf(feed, 1) == other


def test_nothing_is_sold_past_the_contract(registry: Any, stranger: Any, feed: int) -> None:
    assert refusal(registry.sell, issue(feed, stranger, units=DAY), sender=stranger) == ("NotSeller", stranger)


def test_a_role_does_not_end_what_was_sold(
    registry: Any, streams: Any, author: Any, minter: Any, buyer: Any, feed: int
) -> None:
    """Whoever may give the asset away can neither take nor shorten access."""
    registry.setRoles(feed, minter, MINTER, sender=author)
    streams.subscribe(time_order(feed, buyer, 2 * DAY), sender=buyer)
    assert refusal(streams.cancel, feed, 0, sender=minter) == ("StreamIsOver", 0)
    assert registry.hasAccess(feed, buyer)
