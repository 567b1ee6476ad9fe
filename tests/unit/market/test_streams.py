"""Access by the second from the client: what it costs, its refund, who is paid, and what an order agrees to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selling import LIVE

from registry import Licence, Published, Registry
from registry.chain import reverts
from registry.documents.licence import Kind
from registry.documents.licence_spec import format_licence, parse_licence
from registry.errors import InputError, InsufficientAllowance, InsufficientBalance, InvalidLicence, PriceChanged
from registry.results import Offer

DAY = 86_400


@pytest.fixture
def feed(publish: Callable[..., Published], buyer: Registry) -> Offer:
    """A licence for a dollar a day, as the buyer saw it."""
    return buyer.get(publish(LIVE).did).licences[0]


def test_a_licence_by_the_second_is_read_as_it_was_written(feed: Offer) -> None:
    assert (feed.kind, feed.quantity, feed.minimum, str(feed.price)) == (Kind.STREAM, 30 * DAY, DAY, "30 USD")
    assert feed.in_words() == LIVE.in_words() == "access by the second for 30 USD per 30 days, refunded after 1 day"
    assert parse_licence("live: per 30 days, at least 1 day, 30 USD") == LIVE
    assert parse_licence(format_licence(LIVE)) == LIVE
    assert Licence.stream("x", price=0, per="1 hour").in_words() == "access by the second free of charge"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("live: per 30 days, 30 USD, cap 5", "no cap"),
        ("live: 30 days, at least 1 day, 5 USD", "smallest stay"),
        ("live: per 30 moons, 5 USD", "neither"),
    ],
)
def test_a_licence_that_is_no_stream_is_refused(text: str, word: str) -> None:
    with pytest.raises(InvalidLicence, match=word):
        parse_licence(text)
    with pytest.raises(InvalidLicence, match="is not like"):
        Licence.stream("live", price="5 USD", per="30 moons")


def test_a_subscriber_has_access_and_ends_it_with_a_refund(feed: Offer, buyer: Registry, author: Registry) -> None:
    streams, before = buyer.streams, buyer.balance("USD")
    preview = streams.subscribe(feed.did, feed, time="10 days", dry_run=True)
    assert preview.tx is None and str(preview.total) == "10 USD" and not buyer.has_access(feed.did)
    bought = streams.subscribe(feed.did, feed, time="10 days")
    assert bought.tx is not None and bought.approval is None, "the permit travels with the order"
    assert buyer.has_access(feed.did) and before - buyer.balance("USD") == bought.total
    streams.extend(feed.did, time="10 days")
    found = streams.subscription(feed.did)
    assert (found.active, found.end - found.start, str(found.paid)) == (True, 20 * DAY, "20 USD")
    buyer.chain.advance(4 * DAY)
    done, refund = streams.cancel(feed.did)
    kept = before - buyer.balance("USD")
    assert done.tx is not None and refund + kept == found.paid and kept.units - 4 * 10**6 in range(1, 1000)
    assert not buyer.has_access(feed.did)
    settled = author.streams.settle(feed.did)
    assert settled.accounts == (buyer.address,) and settled.fee + settled.royalty + settled.revenue == kept
    assert buyer.streams.subscription(feed.did).in_words().startswith("access ended at")
    (line,) = author.revenue.statement(feed.did).lines
    assert (line.gross, line.fee, line.amount) == (kept, settled.fee, settled.revenue)


def test_what_was_agreed_to_is_what_is_ordered(feed: Offer, buyer: Registry, author: Registry) -> None:
    streams, seen = buyer.streams, buyer.get(feed.did)
    author.reprice(feed.did, "live", "60 USD")
    with pytest.raises(PriceChanged):
        streams.subscribe(feed.did, feed, time="1 day")
    with pytest.raises(PriceChanged):
        streams.subscribe(seen, time="1 day")
    with pytest.raises(PriceChanged):
        streams.subscribe(feed.did, time="1 day", max_total="1 USD")
    with pytest.raises(InsufficientAllowance):
        streams.subscribe(feed.did, feed, time="1 day", max_total="2 USD", approve=False)
    author.update(feed.did, description="something else")
    with pytest.raises(reverts.OtherDocument):
        streams.subscribe(feed.did, feed, time="1 day", max_total="2 USD")
    bought = streams.subscribe(buyer.get(feed.did), time=DAY + 1)
    assert str(bought.total) == "2.000024 USD", "what was seen is rounded up, as the contract rounds"


def test_whoever_has_too_little_sees_what_a_stream_would_cost(feed: Offer, buyer: Registry, author: Registry) -> None:
    purse = buyer.balance("USD")
    dollar = buyer.erc20(purse.token.address or "").functions
    buyer.act("spend all", dollar.transfer(author.address, purse.units))
    shown = buyer.streams.subscribe(feed.did, feed, time="30 days", dry_run=True)
    assert shown.tx is None and shown.cost.short is not None and shown.cost.short.needed == str(shown.total)
    with pytest.raises(InsufficientBalance):
        buyer.streams.subscribe(feed.did, feed, time="30 days")


def test_a_stream_keeps_its_price(feed: Offer, buyer: Registry, author: Registry) -> None:
    streams = buyer.streams
    streams.subscribe(feed.did, feed, time="1 day")
    for price in ("600 USD", "3 USD"):
        author.reprice(feed.did, "live", price)
        seen = buyer.get(feed.did)
        assert str(streams.extend(seen, time="1 day").total) == str(streams.quote(seen, time="1 day")) == "1 USD"
        with pytest.raises(reverts.StreamRuns):
            streams.subscribe(seen, time="2 days")


def test_a_stranger_pays_for_somebody_and_cannot_end_it(feed: Offer, buyer: Registry, stranger: Registry) -> None:
    stranger.streams.subscribe(feed.did, time="2 days", account=buyer.address)
    assert buyer.has_access(feed.did) and not stranger.has_access(feed.did)
    with pytest.raises(reverts.StreamIsOver):
        stranger.streams.cancel(feed.did)


def test_other_licences_are_not_subscribed_to(publish: Callable[..., Published], buyer: Registry, feed: Offer) -> None:
    plain = publish(Licence.free("own")).did
    with pytest.raises(InputError, match="not sold by the second"):
        buyer.streams.subscribe(plain, time="1 day")
    with pytest.raises(reverts.SoldByTheSecond):
        buyer.buy(feed.did, feed)
    with pytest.raises(InputError, match="not a time"):
        buyer.streams.subscribe(feed.did, time=0)
