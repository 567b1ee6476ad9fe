"""One chain in this process for all tests of revenue; each test starts from the same moment."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from registry import Licence, Published, Registry
from registry.chain.deploy import plan
from registry.chain.journal import Journal
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.types import Address

_numbers = count(1)


@pytest.fixture
def people(market_place: Registry) -> dict[str, Address]:
    """Three partners by name."""
    return {name: market_place.as_account(name).address for name in ("ann", "bob", "cleo")}


@pytest.fixture
def neighbour(market_place: Registry) -> Registry:
    """Cleo at another registry on the same chain, which takes the same dollars."""
    founder, chain = dev_signer(7), market_place.chain
    dollar = market_place.deployment.tokens["USD"]
    made = plan(chain, founder.address, treasury=founder.address, payment_tokens=[dollar])
    deployment = made.carry_out(Sender(chain, founder))
    there = Registry(chain, deployment, store=market_place.store, journal=Journal.in_memory())
    return there.as_account("cleo")


@pytest.fixture
def publish() -> Callable[..., Published]:
    """Publish an asset without content, with the prices given."""

    def make(by: Registry, *prices: str, **options: Any) -> Published:
        licences = [Licence.uses(f"uses {n}", uses=1, price=price) for n, price in enumerate(prices)]
        name = options.pop("name", f"Asset {next(_numbers)}")
        return by.publish(None, name=name, type="model", license="MIT", licences=licences, **options)

    return make
