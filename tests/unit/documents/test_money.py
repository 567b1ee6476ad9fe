from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InputError, InvalidAmount, RegistryError, UnknownToken
from registry.money import MAX_UNITS, Amount, Token

all_tokens = st.builds(lambda decimals: Token("TOK", decimals, None, 0), st.integers(0, 40))


@given(st.integers(0, MAX_UNITS), all_tokens)
def test_an_amount_reads_back_what_it_writes(units: int, token: Token) -> None:
    amount = Amount(units, token)
    assert Amount.parse(str(amount), [token]) == amount
    assert Amount.parse(amount.decimal, [token], token=token) == amount
    assert Amount.parse(units, [token], token="TOK") == amount


@given(st.integers(0, MAX_UNITS), all_tokens)
def test_an_amount_is_written_without_needless_digits(units: int, token: Token) -> None:
    number, symbol = str(Amount(units, token)).split(" ")
    assert symbol == "TOK"
    assert "." not in number or not number.endswith(("0", "."))
    assert Decimal(number) == Amount(units, token).decimal


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("12.5 USDC", 12_500_000),
        ("0 USDC", 0),
        ("1_000 USDC", 1_000_000_000),
        ("0.000001 USDC", 1),
        ("1.50000000 USDC", 1_500_000),
        ("  7   USDC ", 7_000_000),
    ],
)
def test_amounts_are_read_exactly(text: str, units: int, usdc: Token, tokens: tuple[Token, ...]) -> None:
    assert Amount.parse(text, tokens) == Amount(units, usdc)
    assert Amount.parse(text, {token.symbol: token for token in tokens}) == Amount(units, usdc)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1,000 USDC", "comma"),
        ("-1 USDC", "negative"),
        ("NaN USDC", "finite"),
        ("inf USDC", "finite"),
        ("1e3 USDC", "exponent"),
        ("0.0000001 USDC", "more decimals"),
        (f"{2**256} USDC", "uint256"),
        ("1" * 200 + " USDC", "characters"),
        ("12.5", "names no token"),
        ("USDC", "plain decimal"),
        ("1 2 USDC", "a number, a space"),
        ("", "a number, a space"),
        ("1__0 USDC", "plain decimal"),
        (".5 USDC", "plain decimal"),
        ("٣ USDC", "plain decimal"),
        (12.5, "float"),
        (True, "bool"),
        (None, "NoneType"),
        (5, "names no token"),
        (Decimal(5), "names no token"),
    ],
)
def test_a_wrong_amount_is_refused_with_the_reason(value: Any, reason: str, tokens: tuple[Token, ...]) -> None:
    with pytest.raises(InvalidAmount, match=reason):
        Amount.parse(value, tokens)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), Decimal("1E-7")])
def test_a_decimal_that_is_no_amount_is_refused(value: Decimal, tokens: tuple[Token, ...]) -> None:
    with pytest.raises(InvalidAmount):
        Amount.parse(value, tokens, token="USDC")


@pytest.mark.parametrize("value", [Decimal("1E+999999"), Decimal("1E-999999"), -1, 2**256])
def test_a_number_out_of_range_is_refused_at_once(value: Decimal | int, tokens: tuple[Token, ...]) -> None:
    with pytest.raises(InvalidAmount):
        Amount.parse(value, tokens, token="USDC")


def test_an_unknown_token_is_named_with_the_known_ones(tokens: tuple[Token, ...]) -> None:
    with pytest.raises(UnknownToken) as caught:
        Amount.parse("1 DOGE", tokens)
    assert caught.value.known == ("ETH", "USDC")


def test_a_symbol_that_two_tokens_share_must_be_told_apart_by_address(usdc: Token) -> None:
    fake = Token("USDC", 6, "0x" + "11" * 20, 2)  # type: ignore[arg-type]
    with pytest.raises(InvalidAmount, match="more than one"):
        Amount.parse("1 USDC", (usdc, fake))
    assert Amount.parse(1, (usdc, fake), token=fake.address).token == fake


def test_a_price_in_one_token_is_not_one_in_another(tokens: tuple[Token, ...]) -> None:
    with pytest.raises(InvalidAmount):
        Amount.parse("1 ETH", tokens, token="USDC")


@given(st.integers(0, 2**95), st.integers(0, 2**95))
def test_sums_stay_within_one_token(a: int, b: int) -> None:
    token, other = Token("A", 6, None, 0), Token("B", 6, None, 1)
    assert (Amount(a, token) + Amount(b, token)) - Amount(b, token) == Amount(a, token)
    assert (Amount(a, token) < Amount(b, token)) == (a < b)
    with pytest.raises(InvalidAmount):
        Amount(a, token) + Amount(b, other)
    with pytest.raises(InvalidAmount):
        _ = Amount(a, token) < Amount(b, other)
    assert Amount(a, token) != Amount(a, other)


def test_arithmetic_never_leaves_the_range(usdc: Token) -> None:
    with pytest.raises(InvalidAmount, match="negative"):
        Amount(1, usdc) - Amount(2, usdc)
    with pytest.raises(InvalidAmount, match="uint256"):
        Amount(MAX_UNITS, usdc) + Amount(1, usdc)
    with pytest.raises(InvalidAmount, match="whole number"):
        Amount(1, usdc) * 1.5  # type: ignore[operator]
    assert 3 * Amount(2, usdc) == Amount(6, usdc)


@pytest.mark.parametrize("fields", [("", 6, None, 0), ("A B", 6, None, 0), ("A", -1, None, 0), ("A", 256, None, 0)])
def test_a_token_with_wrong_fields_is_refused(fields: tuple[Any, ...]) -> None:
    with pytest.raises(InputError):
        Token(*fields)


@given(st.text() | st.text().map(lambda text: text + " USDC") | st.decimals() | st.integers() | st.floats())
def test_anything_is_an_amount_or_a_typed_error(value: Any) -> None:
    token = Token("USDC", 6, None, 0)
    try:
        amount = Amount.parse(value, [token], token=token)
        assert 0 <= amount.units <= MAX_UNITS
    except RegistryError as error:
        assert isinstance(error, InvalidAmount | UnknownToken)
