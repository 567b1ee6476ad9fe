"""Fees stay within their bounds, and costs are written for people."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction
from math import ceil
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.fees import TIP_MAX, TIP_MIN, Cost, FeeMarket, Fees
from registry.chain.pricing import fees_from
from registry.errors import InsufficientBalance

WEI = st.integers(0, 10**15)


@given(WEI, st.lists(WEI, min_size=1, max_size=10))
def test_fees_survive_six_full_blocks_and_bound_the_tip(base: int, tips: list[int]) -> None:
    fees = fees_from(base, tips)
    assert fees.tip is not None
    lowest = TIP_MIN if base or any(tips) else 0
    assert lowest <= fees.tip <= TIP_MAX
    grown = base
    for _ in range(5):
        grown += grown // 8
    assert grown + fees.tip <= fees.maximum <= 2 * base + fees.tip
    assert fees.expected == base + fees.tip
    assert fees.tip == sorted([lowest, round(median(tips)), TIP_MAX])[1], "the usual tip, within its bounds"


@given(st.builds(Fees, WEI, WEI | st.none(), WEI), st.integers(10, 100), WEI)
def test_a_raise_is_what_was_asked_rounded_up_and_no_more(fees: Fees, percent: int, least: int) -> None:
    higher = fees.raised(percent)
    assert higher.expected == ceil(Fraction(fees.expected * (100 + percent), 100))
    assert higher.tip == (None if fees.tip is None else ceil(Fraction(fees.tip * (100 + percent), 100)))
    assert higher.maximum == max(ceil(Fraction(fees.maximum * (100 + percent), 100)), higher.tip or 0)
    assert fees.raised(percent, least=least).maximum == max(higher.maximum, least)


@given(WEI, st.lists(WEI, min_size=1, max_size=10), st.integers(0, 10**6), st.integers(1, 10**6) | st.none())
def test_a_tip_that_is_set_stands_for_the_networks_and_nothing_is_over_the_fee_that_is_set(
    base: int, tips: list[int], tip: int, most: int | None
) -> None:
    asked = fees_from(base, tips)
    assert asked.tip is not None
    wei, limit = tip * 10**9, (most or 10**20) * 10**9
    more = wei - asked.tip
    highest = min(asked.maximum + more, limit)
    wanted = FeeMarket(tip=tip, max_fee=most).within(asked)
    assert wanted == Fees(highest, min(wei, highest), min(asked.expected + more, highest))


@given(st.builds(Cost, WEI, WEI, WEI, WEI), st.builds(Cost, WEI, WEI, WEI, WEI))
def test_costs_add_up(one: Cost, other: Cost) -> None:
    *parts, short = zip(astuple(one), astuple(other), strict=True)
    assert astuple(one + other) == (*map(sum, parts), None) and short == (None, None)


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (
            Cost(21_000, 2 * 10**15, 10**15, 2 * 10**15),
            "a fee of about 0.001 (at most 0.002) of the native coin, 21,000 gas",
        ),
        (Cost(1, 5, 5, 10**18 + 5), "1 and a fee of 0.000000000000000005 of the native coin, 1 gas"),
        (Cost(1, 0, 0, 1234 * 10**18 + 5 * 10**17), "1,234.5 and a fee of 0 of the native coin, 1 gas"),
        (Cost(1, 123456789, 123456789, 123456789), "a fee of 0.0000000001234 of the native coin, 1 gas"),
        (
            Cost(1, 5, 5, 5, InsufficientBalance("0xA", "5 wei", "2 wei")),
            "a fee of 0.000000000000000005 of the native coin, 1 gas; but account 0xA has 2 wei, and this takes 5 wei",
        ),
        (
            Cost(0, 0, 0, 0, InsufficientBalance("0xA", "5 USD", "2 USD")),
            "a fee that can be told once it can be paid: account 0xA has 2 USD, and this takes 5 USD",
        ),
    ],
)
def test_a_cost_reads_well(cost: Cost, text: str) -> None:
    assert str(cost) == text
