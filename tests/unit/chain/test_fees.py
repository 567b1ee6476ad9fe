"""Fees stay within their bounds, and costs are written for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.fees import TIP_MAX, TIP_MIN, Cost, Fees, fees_from

WEI = st.integers(0, 10**15)


@given(WEI, st.lists(WEI, min_size=1, max_size=10))
def test_fees_survive_six_full_blocks_and_bound_the_tip(base: int, tips: list[int]) -> None:
    fees = fees_from(base, tips)
    assert fees.tip is not None
    assert TIP_MIN <= fees.tip <= TIP_MAX
    grown = base
    for _ in range(5):
        grown += grown // 8
    assert fees.maximum >= grown + fees.tip
    assert fees.expected <= fees.maximum


@given(st.builds(Fees, WEI, WEI | st.none(), WEI), st.integers(10, 100))
def test_a_raise_is_never_less_than_asked(fees: Fees, percent: int) -> None:
    higher = fees.raised(percent)
    assert higher.maximum * 100 >= fees.maximum * (100 + percent)
    assert (higher.tip is None) == (fees.tip is None)
    if higher.tip is not None and fees.tip is not None:
        assert higher.tip * 100 >= fees.tip * (100 + percent)
        assert higher.maximum >= higher.tip


@given(st.builds(Cost, WEI, WEI, WEI, WEI), st.builds(Cost, WEI, WEI, WEI, WEI))
def test_costs_add_up(one: Cost, other: Cost) -> None:
    both = one + other
    assert (both.gas, both.total_value) == (one.gas + other.gas, one.total_value + other.total_value)


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
    ],
)
def test_a_cost_reads_well(cost: Cost, text: str) -> None:
    assert str(cost) == text
