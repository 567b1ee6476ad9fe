"""How unequal power is, in two numbers."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from fractions import Fraction

__all__ = ["gini", "nakamoto", "rounded"]


def gini(amounts: Collection[int]) -> Decimal:
    """The Gini coefficient of some amounts, 0 (all equal) to 1 (one has all), to 4 decimals; 0 for none.

    G = 2 * sum(i * x_i) / (n * sum(x_i)) - (n + 1) / n, for x_1 <= ... <= x_n (A. Sen, On Economic Inequality, 1973).
    """
    ordered = sorted(amounts)
    total, count = sum(ordered), len(ordered)
    if not total:
        return Decimal(0)
    weighted = sum(place * amount for place, amount in enumerate(ordered, 1))
    return rounded(Fraction(2 * weighted, count * total) - Fraction(count + 1, count))


def nakamoto(amounts: Collection[int]) -> int:
    """The Nakamoto coefficient: how few of some holders have more than half of the sum; 0 for none.

    The least k such that the k largest amounts exceed half of all (B. Srinivasan and L. Lee, Quantifying
    Decentralization, 2017).
    """
    total, reached = sum(amounts), 0
    for count, amount in enumerate(sorted(amounts, reverse=True), 1):
        reached += amount
        if 2 * reached > total:
            return count
    return 0


def rounded(share: Fraction) -> Decimal:
    """A share to 4 decimals."""
    return Decimal(round(share * 10_000)) / 10_000
