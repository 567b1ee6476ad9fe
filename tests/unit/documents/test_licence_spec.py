"""The one-line text of a licence."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.documents.licence import Kind, Licence
from registry.documents.licence_spec import format_licence, parse_licence
from registry.errors import InvalidLicence

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=20)
TOKENS = st.sampled_from(["USD", "ETH", "wstETH", "USDC.e", "0x5FbDB2315678afecb367f032d93F642f64180aa3"])
PRICES = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(10**9), places=6, allow_nan=False)


@st.composite
def licences(draw: st.DrawFn) -> Licence:
    price, token = draw(st.one_of(st.just((Decimal(0), None)), st.tuples(PRICES, TOKENS)))
    kind = draw(st.sampled_from(Kind))
    stream = kind is Kind.STREAM
    return Licence(
        name=draw(NAMES),
        kind=kind,
        quantity=0 if kind is Kind.HOLD else draw(st.integers(1, 2**32 - 1)),
        price=price,
        token=token,
        cap=None if stream else draw(st.none() | st.integers(100, 2**32 - 1)),
        limit=None if stream else draw(st.none() | st.integers(1, 100)),
        minimum=draw(st.integers(0, 2**24 - 1)) if stream else 0,
        runs=draw(st.booleans()) if stream else False,
    )


@given(licences())
def test_what_is_written_is_read_back(licence: Licence) -> None:
    assert parse_licence(format_licence(licence)) == licence


@given(licences(), st.randoms(use_true_random=False))
def test_the_order_of_the_parts_and_the_space_around_them_do_not_matter(licence: Licence, random: object) -> None:
    head, _, body = format_licence(licence).rpartition(":")
    parts = body.split(",")
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert parse_licence(f"  {head} :{' , '.join(parts)}  ") == licence


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[a-z ]*:[a-z0-9., ]*", fullmatch=True)))
def test_any_other_text_is_refused_by_name_or_read_for_good(text: str) -> None:
    try:
        licence = parse_licence(text)
    except InvalidLicence as error:
        assert error.hint
    else:
        assert parse_licence(format_licence(licence)) == licence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("research: free, limit 1", "access for as long as it is held, free of charge, at most 1 for one account"),
        ("commercial: 30 days, 12.5 USD", "30 days of access for 12.5 USD"),
        ("predictions: 10 uses, 0.002 ETH, cap 100", "10 uses for 0.002 ETH, at most 100 sold"),
        ("lifetime: hold, 99 USD", "access for as long as it is held, for 99 USD"),
        ("a week: 1 week, 1_000 USD", "7 days of access for 1000 USD"),
        ("EU: commercial: 1 use, free", "1 use, free of charge"),
        (
            "live: per 30 days, at least 1 day, 12.5 USD",
            "access by the second for 12.5 USD per 30 days, refunded after 1 day",
        ),
    ],
)
def test_the_examples_mean_what_they_say(text: str, words: str) -> None:
    assert parse_licence(text).in_words() == words


@pytest.mark.parametrize(
    "text",
    [
        "research: hold, free, limit 1",
        "commercial: 30 days, 12.5 USD, cap 2, limit 1",
        "a week: 1 week, 1000 USD",
        "a minute: 1 minute, 0.01 USD",
        "EU: commercial: 1 use, free",
        "predictions: 10 uses, 0.002 ETH",
        "live: per 30 days, at least 1 day, 12.5 USD",
        "live: per 1 hour, 1 USD",
    ],
)
def test_a_licence_is_written_in_the_largest_unit_and_as_people_say_it(text: str) -> None:
    assert format_licence(parse_licence(text)) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("research", "no name"),
        (": free", "no name"),
        ("research:", "empty"),
        ("research: free,, limit 1", "empty"),
        ("research: 30 days", "no price"),
        ("research: 30 dayz, free", "second price, after '30 dayz'"),
        ("research: 1.5 days, free", "'1.5'"),
        ("research: 12,5 USD", "'12'"),
        ("research: -1 USD", "negative"),
        ("research: 1e3 USD", "exponent"),
        ("research: free, 12 USD", "second price"),
        ("research: 3 days, 10 uses, free", "second kind of access"),
        ("research: free, limit none", "'none'"),
        ("research: free, limit 5, cap 2", "above the cap"),
        ("research: 0 days, free", "(0)"),
        ("research: 99999999999 days, free", "4,294,967,295"),
        ("research: free, cap 1, cap 2", "second cap"),
        ("live: per 30 days, 1 USD, cap 5", "no cap"),
        ("live: 30 days, at least 1 day, 1 USD", "has a smallest stay"),
        ("live: per 30 dayz, 1 USD", "neither"),
        ("x" * 2000 + ": free", "2006 characters"),
    ],
)
def test_a_mistake_is_named_with_an_example(text: str, part: str) -> None:
    with pytest.raises(InvalidLicence) as refused:
        parse_licence(text)
    assert part in refused.value.message
    assert "Write it like" in refused.value.hint or "Make one" in refused.value.hint
