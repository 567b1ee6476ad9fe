"""Keys in shares: any k make the key, fewer do not, and wrong ones are found out."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import MnemonicError, combine_mnemonics

from registry.errors import InputError
from registry.gated.custody import combine, split
from registry.gated.identity import Identity

KEY = Identity.generate()


@given(st.integers(1, 5), st.integers(0, 3), st.randoms())
@settings(deadline=None, max_examples=25)
def test_any_k_shares_make_the_key(threshold: int, more: int, chance: object) -> None:
    shares = split(KEY, threshold, threshold + more)
    chosen = chance.sample(range(len(shares)), threshold)  # type: ignore[attr-defined]
    found = combine({str(number): shares[number] for number in chosen}, threshold, KEY.recipient)
    assert found is not None and found.identity == KEY and found.liars == ()


def test_fewer_than_k_make_nothing_even_for_the_library_itself() -> None:
    shares = split(KEY, 3, 5)
    for few in combinations(shares, 2):
        with pytest.raises(MnemonicError):
            combine_mnemonics(few)
    assert combine({"a": shares[0], "b": shares[1]}, 3, KEY.recipient) is None


@given(st.sets(st.integers(0, 4), max_size=2))
@settings(deadline=None, max_examples=20)
def test_liars_are_named_and_do_no_harm(lying: set[int]) -> None:
    shares = {f"gateway {number}": share for number, share in enumerate(split(KEY, 3, 5))}
    foreign = split(Identity.generate(), 3, 5)
    shares |= {f"gateway {number}": foreign[number] for number in lying}
    found = combine(shares, 3, KEY.recipient)
    assert found is not None and found.identity == KEY
    assert set(found.liars) == {f"gateway {number}" for number in lying}


def test_liars_who_agree_on_a_key_of_their_own_are_not_believed() -> None:
    theirs = Identity.generate()
    forged, honest = split(theirs, 2, 3), split(KEY, 2, 3)
    assert combine({"a": forged[0], "b": forged[1], "c": honest[2]}, 2, KEY.recipient) is None


def test_a_share_given_twice_is_one_share() -> None:
    shares = split(KEY, 2, 3)
    assert combine({"a": shares[0], "b": shares[0]}, 2, KEY.recipient) is None
    found = combine({"a": shares[0], "b": shares[0], "c": shares[2]}, 2, KEY.recipient)
    assert found is not None and found.identity == KEY


def test_new_shares_fit_no_old_ones() -> None:
    old, new = split(KEY, 2, 3), split(KEY, 2, 3)
    assert combine({"a": old[0], "b": new[1]}, 2, KEY.recipient) is None


@pytest.mark.parametrize("share", ["", "academic acid", "x" * 5000, "\0", "ünïcode words"])
def test_what_is_no_share_is_a_wrong_one(share: str) -> None:
    shares = split(KEY, 2, 3)
    found = combine({"a": share, "b": shares[1], "c": shares[2]}, 2, KEY.recipient)
    assert found is not None and found.liars == ("a",)


@pytest.mark.parametrize(("threshold", "count"), [(0, 1), (2, 1), (1, 17), (-1, 3)])
def test_impossible_splits_are_refused(threshold: int, count: int) -> None:
    with pytest.raises(InputError, match="cannot be split"):
        split(KEY, threshold, count)
