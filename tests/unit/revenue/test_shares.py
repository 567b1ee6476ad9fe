"""Shares: percentages become exact weights, and a splitter's books follow from its events alone."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InputError, InvalidAddress
from registry.revenue.splits import MAX_WEIGHT, Book, divide, percent, weights

ANN, BOB, CLEO = ("0x" + digit * 40 for digit in "123")

cuts = st.lists(st.integers(1, 10**6 - 1), unique=True, max_size=20).map(lambda found: sorted({0, *found, 10**6}))
shares_of = st.lists(st.one_of(st.integers(1, 3), st.integers(1, MAX_WEIGHT)), min_size=1, max_size=12)


def account(number: int) -> str:
    return f"0x{number:040x}"


@given(cuts, st.booleans())
def test_percentages_become_weights_in_exactly_their_proportion(edges: list[int], as_text: bool) -> None:
    parts = [Decimal(after - before).scaleb(-4) for before, after in pairwise(edges)]
    table = weights({account(i): f"{part:f} %" if as_text else part for i, part in enumerate(parts, 1)})
    whole = sum(weight for _account, weight in table)
    assert [Fraction(weight, whole) for _account, weight in table] == [Fraction(part) / 100 for part in parts]
    assert gcd(*(weight for _account, weight in table)) == 1


@given(st.dictionaries(st.integers(1, 2**160 - 1), st.integers(1, MAX_WEIGHT), min_size=1, max_size=256))
def test_weights_are_kept_and_sorted_by_account(shares: dict[int, int]) -> None:
    table = weights({account(number): weight for number, weight in shares.items()})
    assert [(int(who, 16), weight) for who, weight in table] == sorted(shares.items())


def test_a_weight_is_as_large_as_its_32_bits_hold() -> None:
    assert weights({ANN: 2**32 - 1, BOB: 1}) == ((ANN, 2**32 - 1), (BOB, 1))
    with pytest.raises(InputError, match="needs the weight 4,294,967,296, over 4,294,967,295"):
        weights({ANN: 2**32, BOB: 1})


def test_256_accounts_may_be_paid() -> None:
    assert len(weights({account(i): 1 for i in range(1, 257)})) == 256


def test_a_share_may_be_written_in_40_characters() -> None:
    assert weights({ANN: "100." + "0" * 35 + "%"}) == ((ANN, 1),)
    with pytest.raises(InputError, match="needs the weight"):  # and not: cannot be kept
        weights({ANN: Decimal("1E-40"), BOB: Decimal("99." + "9" * 40)})


def test_names_stand_for_accounts() -> None:
    table = weights({"bob": "40%", "ann": "60 %"}, names={"ann": ANN, "bob": BOB, "cleo": CLEO})
    assert table == ((ANN, 3), (BOB, 2))


@pytest.mark.parametrize(
    ("shares", "culprit"),
    [
        ({}, "at least one payee"),
        ({ANN: "50 %", BOB: "49.9 %"}, "99.9 %, not to 100 %"),
        ({ANN: "50 %", BOB: "50.000001 %"}, "100.000001 %"),
        ({ANN: "0 %", BOB: "100 %"}, f"'{ANN}' is not above zero"),
        ({ANN: 0, BOB: 1}, f"'{ANN}' is not above zero"),
        ({ANN: -1, BOB: 1}, f"'{ANN}' is not above zero"),
        ({ANN: 0.5, BOB: 0.5}, f"0.5 of '{ANN}' is a float"),
        ({ANN: Decimal(-5), BOB: Decimal(105)}, f"The share -5 of '{ANN}' is not above zero"),
        ({ANN: True}, f"True of '{ANN}'"),
        ({ANN: "half", BOB: "50 %"}, f"'half' of '{ANN}'"),
        ({ANN: "-5 %", BOB: "105 %"}, f"'-5 %' of '{ANN}'"),
        ({ANN: "100." + "0" * 36 + "%"}, "is neither a percentage nor a weight"),
        ({ANN: Decimal("1E-41"), BOB: Decimal(1)}, f"of '{ANN}' cannot be kept"),
        ({ANN: Decimal("100.1")}, f"of '{ANN}' cannot be kept"),
        ({ANN: Decimal("NaN")}, f"of '{ANN}'"),
        ({ANN: Decimal("1E-999999"), BOB: Decimal(100)}, f"of '{ANN}' cannot be kept"),
        ({ANN: Decimal("1E+999999")}, f"of '{ANN}' cannot be kept"),
        ({ANN: "50 %", BOB: 1}, f"'{BOB}' has a weight"),
        ({ANN: MAX_WEIGHT + 1, BOB: 1}, f"'{ANN}' needs the weight"),
        ({ANN: "0.00000001 %", BOB: "99.99999999 %"}, f"'{BOB}' needs the weight"),
        ({"0x" + "0" * 40: 1}, "is the zero address"),
        ({"0x" + "ab" * 20: 1, "0x" + "AB" * 20: 1}, "are the same account"),
        ({"ann": 1}, "'ann' is neither an address nor a name"),
        ({account(i): 1 for i in range(1, 258)}, "257 payees is too large. It has 256 at most"),
    ],
)
def test_what_cannot_be_shared_is_refused_by_name(shares: dict[str, str | int | Decimal], culprit: str) -> None:
    with pytest.raises(InputError) as refused:
        weights(shares)
    assert culprit in str(refused.value)
    assert refused.value.hint


def test_the_same_account_under_a_name_and_an_address_is_refused() -> None:
    with pytest.raises(InputError, match="are the same account"):
        weights({"ann": 1, ANN: 1}, names={"ann": ANN})


def test_a_mistyped_account_is_refused() -> None:
    with pytest.raises(InvalidAddress):
        weights({"0x1234": 1})


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (Fraction(1, 2), "50 %"),
        (Fraction(333, 1000), "33.3 %"),
        (Fraction(1, 3), "1/3 (33.3333 %)"),
        (Fraction(1), "100 %"),
        (Fraction(1, 10**10), "0.00000001 %"),
        (Fraction(1, 10**11), "1/100000000000 (0 %)"),
        (Fraction(1, 3 * 2**20), "1/3145728 (0 %)"),
    ],
)
def test_a_fraction_reads_as_a_percentage(fraction: Fraction, text: str) -> None:
    assert percent(fraction) == text


@given(shares_of, st.integers(0, 2**120))
def test_a_division_keeps_less_than_a_unit_for_each_payee(shares: list[int], total: int) -> None:
    parts = divide(total, shares)
    assert 0 <= total - sum(parts) < len(shares)
    assert all(0 <= Fraction(total * share, sum(shares)) - part < 1 for share, part in zip(shares, parts, strict=True))


@given(shares_of, st.data())
def test_books_follow_from_the_sums_that_were_distributed(shares: list[int], data: st.DataObject) -> None:
    book, total, had = Book(shares), 0, [0] * len(shares)
    for _round in range(data.draw(st.integers(1, 4))):
        total += data.draw(st.one_of(st.integers(1, 5), st.integers(1, 10**24)))
        now, first = divide(total, shares), 0
        while first < len(shares):
            end = min(len(shares), first + data.draw(st.integers(1, len(shares))))
            paid = [(place, now[place] - had[place]) for place in range(first, end) if now[place] > had[place]]
            assert book.distribute(sum(units for _place, units in paid), range(first, end)) == paid
            first = end
        had = now
        assert book.had == had
    assert book.distributed == sum(had)
    assert book.due(total) == [0] * len(shares)


@given(shares_of, st.lists(st.integers(1, 10**24), min_size=1, max_size=5))
def test_of_a_whole_round_the_sum_alone_is_enough(shares: list[int], income: list[int]) -> None:
    book, total = Book(shares), 0
    for amount in income:
        total += amount
        now = divide(total, shares)
        assert book.distribute(sum(now) - sum(book.had)) is not None
        assert book.had == now


def test_every_total_of_every_small_splitter_is_found_from_its_chunks() -> None:
    for shares in product(range(1, 8), repeat=3):
        for total in range(1, 2 * sum(shares)):
            book, now = Book(shares), divide(total, shares)
            for end in (2, 3):
                places = range(0 if end == 2 else 2, end)
                paid = [(place, now[place]) for place in places if now[place]]
                assert book.distribute(sum(units for _place, units in paid), places) == paid


def test_a_sum_that_no_total_explains_is_noticed() -> None:
    assert Book([1, 1]).distribute(1) is None


@pytest.mark.parametrize("chunk", [range(1, 2), range(3), range(0), range(-1), None])
def test_a_chunk_out_of_turn_is_noticed(chunk: range | None) -> None:
    book = Book([1, 1])
    if chunk is None:
        assert book.distribute(1, range(1)) == [(0, 1)]
    assert book.distribute(2, chunk) is None


def test_nothing_may_be_distributed_again_and_again() -> None:
    book = Book([1])
    assert [book.distribute(0), book.distribute(0), book.distribute(0)] == [[], [], []]


def test_a_chunk_of_nobody_is_no_chunk() -> None:
    assert Book([1, 1]).distribute(0, range(0)) is None


def test_a_book_knows_whether_it_is_in_a_round() -> None:
    book = Book([1, 1])
    assert not book.in_round
    book.distribute(1, range(1))
    assert book.in_round
    assert book.due(2) == [0, 1] and book.distributed == 1
    book.distribute(1, range(1, 2))
    assert not book.in_round and book.had == [1, 1]
    # What came to be due can be less than what a payee had: it owes nothing.
    assert book.due(0) == [0, 0]
    assert book.due(20) == [9, 9]


def test_where_nobody_has_a_share_nobody_gets_anything() -> None:
    assert divide(5, [0, 0]) == [0, 0]
