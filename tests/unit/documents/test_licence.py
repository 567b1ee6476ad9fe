from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from registry.documents.licence import Kind, Licence
from registry.errors import InvalidAmount, InvalidLicence, UnknownToken
from registry.money import Amount, Token


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        (
            Licence.period("m", days=30, price="12.5 USDC", cap=100),
            "30 days of access for 12.5 USDC, at most 100 sold",
        ),
        (Licence.period("h", hours=1, price="1_000 USDC"), "1 hour of access for 1000 USDC"),
        (Licence.period("s", seconds=90, limit=1), "90 seconds of access, free of charge, at most 1 for one account"),
        (Licence.hold("h", price="0.01 ETH"), "access for as long as it is held, for 0.01 ETH"),
        (Licence.free("f", cap=5), "access for as long as it is held, free of charge, at most 5 given out"),
        (Licence.uses("u", uses=1, price="3 USDC"), "1 use for 3 USDC"),
        (Licence.uses("u", uses=1000, price="0 USDC"), "1,000 uses, free of charge"),
    ],
)
def test_a_licence_is_said_in_words(licence: Licence, words: str) -> None:
    assert licence.in_words() == words


def test_the_kinds_have_the_numbers_of_the_contracts() -> None:
    assert (Kind.HOLD, Kind.PERIOD, Kind.USE) == (0, 1, 2)
    assert Licence.period("p", days=1).quantity == 86_400
    assert Licence.uses("u", uses=7).quantity == 7
    assert Licence.free("f") == Licence.hold("f", price=0) == Licence.hold("f", price="0")


def test_a_price_becomes_an_amount_in_the_tokens_of_a_chain(
    usdc: Token, ether: Token, tokens: tuple[Token, ...]
) -> None:
    wanted = Amount(12_500_000, usdc)
    assert Licence.hold("a", price="12.5 USDC").price_in(tokens) == wanted
    assert Licence.hold("a", price=Decimal("12.5"), token="USDC").price_in(tokens) == wanted
    assert Licence.hold("a", price=Decimal("12.5"), token=usdc).price_in(tokens) == wanted
    assert Licence.hold("a", price=wanted).price_in(tokens) == wanted
    assert Licence.hold("a", price="12.50 USDC") == Licence.hold("a", price="12.5 USDC")
    assert Licence.free("a").price_in(tokens) is None
    with pytest.raises(UnknownToken):
        Licence.hold("a", price="1 DOGE").price_in(tokens)
    with pytest.raises(InvalidAmount, match="more decimals"):
        Licence.hold("a", price="0.0000001 USDC").price_in(tokens)
    with pytest.raises(InvalidAmount, match="uint96"):
        Licence.hold("a", price=f"{2**96 - 1} ETH").price_in([ether])


# What follows is wrong on purpose, in its types too.
licence: Any = Licence


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: licence.period("p"), "0 of days"),
        (lambda: licence.period("p", days=1, hours=1), "2 of days"),
        (lambda: licence.period("p", days=0), "not from 1"),
        (lambda: licence.period("p", days=1.5), "whole number"),
        (lambda: licence.period("p", days=True), "whole number"),
        (lambda: licence.period("p", days=2**32 // 86_400 + 1), "not from 1"),
        (lambda: licence.uses("u", uses=0), "not from 1"),
        (lambda: licence.uses("u", uses=2**32), "not from 1"),
        (lambda: licence.uses("u", uses="5"), "whole number"),
        (lambda: licence.hold("h", cap=0), "cap"),
        (lambda: licence.hold("h", cap=2**32), "cap"),
        (lambda: licence.hold("h", limit=2**16), "limit"),
        (lambda: licence.hold("h", limit=-1), "limit"),
        (lambda: licence.hold("h", cap=3, limit=4), "above the cap"),
        (lambda: licence.hold("h", price=5), "no unit"),
        (lambda: licence.hold("h", price="5"), "names no token"),
        (lambda: licence.hold("h", price=Decimal(5)), "names no token"),
        (lambda: licence.hold("h", price=0.5), "float"),
        (lambda: licence.hold("h", price="-1 USDC"), "negative"),
        (lambda: licence.hold("h", price=Decimal(-1), token="USDC"), "from 0 up"),
        (lambda: licence.hold("h", price=Decimal("NaN"), token="USDC"), "fits uint96"),
        (lambda: licence.hold("h", price=Decimal("1E+99999"), token="USDC"), "fits uint96"),
        (lambda: licence.hold("h", price=f"{2**96} USDC"), "uint96"),
        (lambda: licence.hold("h", price="1 USDC", token="ETH"), "not in ETH"),
        (lambda: licence.hold("h", price=None), "neither text"),
        (lambda: licence.hold(""), "its name"),
        (lambda: licence.hold("a\nb"), "its name"),
        (lambda: licence.hold("x" * 257), "its name"),
        (lambda: licence.hold("h", terms="\x00"), "its terms"),
        (lambda: licence.hold(None), "its name"),
        (lambda: licence(name="x", kind=Kind.HOLD, quantity=5), "neither a period"),
        (lambda: licence(name="x", kind=1), "not a kind"),
        (lambda: licence(name="x", kind=Kind.HOLD, price=Decimal(1)), "needs a token"),
    ],
)
def test_contradicting_terms_are_refused_with_the_reason(make: Any, reason: str) -> None:
    with pytest.raises(InvalidLicence, match=reason):
        make()


def test_the_words_of_a_licence_go_into_the_document() -> None:
    licence = Licence.free("research", description="For study.", terms="Be kind.")
    assert licence.text.to_dict() == {"name": "research", "description": "For study.", "terms": "Be kind."}
