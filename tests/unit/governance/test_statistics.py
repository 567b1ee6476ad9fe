"""A DAO in numbers: from its events alone, as formulas of known outcome have them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import Registry
from registry.errors import InputError
from registry.governance.standing import Proposal
from registry.index.power import gini, nakamoto

AMOUNTS = st.lists(st.integers(0, 10**30), max_size=40)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([], "0"),
        ([0, 0], "0"),
        ([5], "0"),
        ([5, 5, 5], "0"),
        ([0, 0, 0, 1], "0.75"),
        # (1, 2, 3, 4): the mean difference is 5/3 - 5/12, so G = 0.25.
        ([1, 2, 3, 4], "0.25"),
        ([10**30, 1], "0.5"),
    ],
)
def test_the_gini_coefficient(amounts: list[int], expected: str) -> None:
    assert gini(amounts) == Decimal(expected)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [([], 0), ([0], 0), ([5], 1), ([5, 5], 2), ([6, 5], 1), ([1] * 10, 6), ([50, 30, 20], 2), ([51, 30, 19], 1)],
)
def test_the_nakamoto_coefficient(amounts: list[int], expected: int) -> None:
    assert nakamoto(amounts) == expected


@given(AMOUNTS)
def test_the_gini_coefficient_is_half_the_relative_mean_difference(amounts: list[int]) -> None:
    total, count = sum(amounts), len(amounts)
    found = gini(amounts)
    assert 0 <= found <= 1
    if total:
        differences = sum(abs(one - other) for one in amounts for other in amounts)
        assert abs(float(found) - differences / (2 * count * total)) < 1e-4
    assert gini([7 * amount for amount in amounts]) == found


@given(AMOUNTS)
def test_no_fewer_than_the_nakamoto_coefficient_have_more_than_half(amounts: list[int]) -> None:
    found, ordered = nakamoto(amounts), sorted(amounts, reverse=True)
    if sum(amounts):
        assert 2 * sum(ordered[:found]) > sum(amounts) >= 2 * sum(ordered[: found - 1])


def test_a_vote_in_numbers(
    open_vote: Proposal, author: Registry, ann: Registry, bob: Registry, reader: Registry
) -> None:
    before = reader.governance.statistics()
    assert (before.voters, before.proposals[0].voters, before.proposals[0].turnout) == (0, 0, 0)
    assert not before.proposals[0].quorate
    author.governance.vote(open_vote.id, "for")
    ann.governance.vote(open_vote.id, "against")
    bob.governance.delegate(ann.address)
    found = reader.governance.statistics()
    (turnout,) = found.proposals
    assert (turnout.voters, turnout.in_favour, turnout.against, turnout.abstain) == (2, 3 * 10**24, 15 * 10**23, 0)
    assert turnout.supply == 10**25 and turnout.turnout == Decimal("0.45")
    assert turnout.quorate and turnout.quorum == 4 * 10**23
    assert (found.supply, found.holders, found.voters) == (10**25, 6, 2)
    assert found.delegated == 8 * 10**24 and found.delegation == Decimal("0.8")
    # Author 3, ann and bob 2.5, curator 2, cleo 0.5.
    assert [amount // 10**23 for _account, amount in found.delegates] == [30, 25, 20, 5]
    assert found.gini_of_votes == gini([30, 25, 20, 5]) and found.nakamoto == 2
    assert found.gini_of_tokens == gini([30, 20, 20, 15, 10, 5])
    assert "Nakamoto coefficient: 2 of 4 delegates" in str(found)
    assert found.table().row_count == 1


def test_the_picture_is_the_same_each_time(open_vote: Proposal, author: Registry, tmp_path: Path) -> None:
    author.governance.vote(open_vote.id, "abstain")
    found = author.governance.statistics()
    one, other = found.chart(tmp_path / "one.svg"), found.chart(tmp_path / "other.svg")
    assert one.read_bytes() == other.read_bytes() and b"Gini coefficient" in one.read_bytes()
    assert found.chart(tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    for place in (tmp_path / "one.pdf", tmp_path / "none" / "one.svg"):
        with pytest.raises(InputError):
            found.chart(place)
