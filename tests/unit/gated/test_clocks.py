"""People whose clock is wrong: licences are the chain's matter, and whoever has to refuse says what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from registry import Published, Registry
from registry.errors import TooFewShares
from registry.gateway.signin import SKEW, utc

from .support import CALLS, MONTH, Guard

HOUR, DAY = 3_600, 86_400
CSV = b"species,mass\nAdelie,3750\nGentoo,5000\n"


@pytest.fixture
def clock(market_place: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Any]:
    """``with clock(seconds)``: the clock of people is so far ahead; the chain and the gateways have the right time."""
    right = time.time
    chain = market_place.chain
    # As on a live chain the last block is of some seconds ago; here each further one is a second later.
    chain.advance(int(right()) - 60 - chain.block().timestamp)

    @contextmanager
    def wrong(seconds: float) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: right() + seconds)
            yield

    return wrong


@pytest.mark.parametrize("hours", [-5, 9_000])
def test_what_the_chain_decides_does_not_ask_their_clock(
    clock: Callable[[float], Any], author: Registry, buyer: Registry, hours: int
) -> None:
    with clock(hours * HOUR):
        asset = author.publish(None, name="Clocks", type="dataset", license="MIT", licences=[MONTH, CALLS])
        bought = buyer.buy(asset.did, "month", max_total="12.5 USD")
        sold_at = buyer.chain.block().timestamp
        assert bought.holding.active and bought.holding.expires_at == sold_at + 30 * DAY
        assert bought.approval is None, "the permit was good"
        buyer.buy(asset.did, "calls")
        receipt = buyer.sign_receipt(asset.did, "calls", seconds=600)
        assert author.submit_receipt(receipt).tx is not None
        assert buyer.has_access(asset.did)
        buyer.chain.advance(30 * DAY + 1)
        assert not buyer.holding(asset.did, "month").active


@pytest.mark.parametrize("ahead", [SKEW - 20, -300])
def test_a_clock_that_is_a_little_wrong_does_not_matter(
    clock: Callable[[float], Any], publish: Callable[..., Published], buyer: Registry, ahead: int
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    with clock(ahead):
        assert buyer.open(asset.did, "penguins.csv").read() == CSV


@pytest.mark.parametrize(("hours", "said"), [(5, "from the future"), (-5, "has expired")])
def test_a_gateway_that_refuses_a_wrong_clock_names_both_times(
    clock: Callable[[float], Any],
    publish: Callable[..., Published],
    buyer: Registry,
    guards: list[Guard],
    hours: int,
    said: str,
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    now = time.time()
    with clock(hours * HOUR), pytest.raises(TooFewShares) as refused:
        buyer.open(asset.did, "penguins.csv")
    assert len(refused.value.causes) == len(guards)
    for cause in refused.value.causes:
        # To the hour, which is what is wrong; a minute may have passed since.
        assert said in cause and utc(now + hours * HOUR)[:13] in cause and utc(now)[:13] in cause
    assert buyer.open(asset.did, "penguins.csv").read() == CSV, "with the right time it opens"


@pytest.mark.parametrize("hours", [-5, 5])
def test_an_owner_with_a_wrong_clock_invites_for_now_and_not_for_less(
    clock: Callable[[float], Any], publish: Callable[..., Published], author: Registry, bob: Registry, hours: int
) -> None:
    asset, now = publish(MONTH), time.time()
    with clock(hours * HOUR):
        invited = author.invite(asset.did, bob.address, days=0.125)
    assert invited.start <= now and invited.end >= now + 3 * HOUR - 600
    assert bob.open(asset.did, "penguins.csv").read() == CSV


def test_a_gateway_whose_clock_is_ahead_says_so_beside_the_time_of_the_last_block(
    clock: Callable[[float], Any], guards: list[Guard], publish: Callable[..., Published], buyer: Registry
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    head = buyer.chain.block().timestamp
    for guard in guards:
        guard.service.view._head_age = 600
        guard.service.view._clock = lambda: head + 5 * HOUR
    with pytest.raises(TooFewShares) as refused:
        buyer.open(asset.did, "penguins.csv")
    for cause in refused.value.causes:
        assert utc(head) in cause and utc(head + 5 * HOUR) in cause
