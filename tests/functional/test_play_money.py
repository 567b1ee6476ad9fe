"""The play money of chains that start empty: anybody mints it, and of one kind anybody may play the issuer."""

from __future__ import annotations

from typing import Any

import pytest

from .support import DOLLAR, refusal


@pytest.fixture(scope="session")
def blocking(project: Any, dao: Any, buyer: Any, system: None) -> Any:
    token = dao.deploy(project.BlockingDollar)
    token.mint(buyer, 10 * DOLLAR, sender=buyer)
    return token


def test_it_is_counted_as_stablecoins_are(dollar: Any, blocking: Any) -> None:
    assert [(token.symbol(), token.decimals()) for token in (dollar, blocking)] == [("USD", 6), ("USDB", 6)]


def test_who_is_shut_out_neither_pays_nor_is_paid(blocking: Any, buyer: Any, seller: Any, stranger: Any) -> None:
    blocking.transfer(seller, DOLLAR, sender=buyer)
    blocking.setBlocked(seller, True, sender=stranger)
    assert blocking.isBlocked(seller)
    assert refusal(blocking.transfer, seller, 1, sender=buyer) == ("AccountBlocked", seller.address)
    assert refusal(blocking.transfer, buyer, 1, sender=seller) == ("AccountBlocked", seller.address)
    assert refusal(blocking.mint, seller, 1, sender=buyer) == ("AccountBlocked", seller.address)
    blocking.setBlocked(seller, False, sender=stranger)
    blocking.transfer(buyer, DOLLAR, sender=seller)
    assert [blocking.balanceOf(who) for who in (buyer, seller)] == [10 * DOLLAR, 0]
