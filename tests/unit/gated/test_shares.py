"""Keys in shares: any k make the key, fewer do not, and wrong ones are found out."""

from __future__ import annotations

import hashlib
import random
import time
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from registry.errors import InputError
from registry.gated import shares as custody
from registry.gated.identity import Identity
from registry.gated.shares import combine, commitment, read_share, split

KEY = Identity.generate()


@given(st.integers(1, 5), st.integers(0, 3), st.randoms())
@settings(deadline=None, max_examples=25)
def test_any_k_shares_make_the_key(threshold: int, more: int, chance: object) -> None:
    shares = split(KEY, threshold, threshold + more)
    chosen = chance.sample(range(len(shares)), threshold)  # type: ignore[attr-defined]
    found = combine({str(number): [shares[number]] for number in chosen}, threshold, KEY.recipient)
    assert found is not None and found.identity == KEY and found.liars == ()


def test_fewer_than_k_make_nothing_even_for_the_library_itself() -> None:
    shares = split(KEY, 3, 5)
    for few in combinations(shares, 2):
        with pytest.raises(MnemonicError):
            combine_mnemonics(few)
    assert combine({"a": shares[:1], "b": shares[1:2]}, 3, KEY.recipient) is None


@given(st.sets(st.integers(0, 4), max_size=2))
@settings(deadline=None, max_examples=20)
def test_liars_are_named_and_do_no_harm(lying: set[int]) -> None:
    shares = {f"gateway {number}": [share] for number, share in enumerate(split(KEY, 3, 5))}
    foreign = split(Identity.generate(), 3, 5)
    shares |= {f"gateway {number}": [foreign[number]] for number in lying}
    found = combine(shares, 3, KEY.recipient)
    assert found is not None and found.identity == KEY
    assert set(found.liars) == {f"gateway {number}" for number in lying}


def test_liars_who_agree_on_a_key_of_their_own_are_not_believed() -> None:
    theirs = Identity.generate()
    forged, honest = split(theirs, 2, 3), split(KEY, 2, 3)
    assert combine({"a": forged[:1], "b": forged[1:2], "c": honest[2:]}, 2, KEY.recipient) is None


def test_a_share_given_twice_is_one_share() -> None:
    shares = split(KEY, 2, 3)
    assert combine({"a": shares[:1], "b": shares[:1]}, 2, KEY.recipient) is None
    found = combine({"a": shares[:1], "b": shares[:1], "c": shares[2:]}, 2, KEY.recipient)
    assert found is not None and found.identity == KEY


def test_new_shares_fit_no_old_ones() -> None:
    old, new = split(KEY, 2, 3), split(KEY, 2, 3)
    assert combine({"a": old[:1], "b": new[1:2]}, 2, KEY.recipient) is None


@given(st.integers(1, 4), st.integers(0, 3), st.randoms())
@settings(deadline=None, max_examples=20)
def test_shares_of_several_splittings_beside_each_other_do_no_harm(
    threshold: int, more: int, chance: random.Random
) -> None:
    """A gateway hands out all that it keeps of a version: of an earlier splitting, of another key, in any order."""
    count = threshold + more
    splittings = [split(KEY, threshold, count), split(Identity.generate(), threshold, count)]
    splittings += [split(KEY, threshold, count)]
    kept = {f"gateway {place}": [one[place] for one in splittings] for place in range(count)}
    for mixed in kept.values():
        chance.shuffle(mixed)
    chosen = dict(chance.sample(list(kept.items()), threshold))
    found = combine(chosen, threshold, KEY.recipient)
    assert found is not None and found.identity == KEY and found.liars == ()


@pytest.mark.parametrize("share", ["", "academic acid", "x" * 5000, "\0", "ünïcode words"])
def test_what_is_no_share_is_a_wrong_one(share: str) -> None:
    shares = split(KEY, 2, 3)
    found = combine({"a": [share], "b": shares[1:2], "c": shares[2:]}, 2, KEY.recipient)
    assert found is not None and found.liars == ("a",)


@pytest.mark.parametrize(("threshold", "count"), [(0, 1), (2, 1), (1, 17), (-1, 3)])
def test_impossible_splits_are_refused(threshold: int, count: int) -> None:
    with pytest.raises(InputError, match="cannot be split"):
        split(KEY, threshold, count)


# --- Work -----------------------------------------------------------------------------------------


def with_exponent(exponent: int) -> list[str]:
    """Shares of the key with another iteration exponent; written over, since to make them takes as long as to open."""
    shares = [Share.from_mnemonic(share) for share in split(KEY, 2, 3)]
    return [Share(**{**vars(share), "iteration_exponent": exponent}).mnemonic() for share in shares]


@pytest.mark.parametrize("exponent", [1, 8, 15])
def test_a_share_that_costs_its_reader_time_is_refused_unopened(exponent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = with_exponent(exponent)
    assert Share.from_mnemonic(slow[0]).iteration_exponent == exponent and read_share(slow[0]) is None
    monkeypatch.setattr("shamir_mnemonic.combine_mnemonics", lambda _: pytest.fail("it was opened"))
    assert combine({"a": slow[:1], "b": slow[1:2]}, 2, KEY.recipient) is None


def test_shares_of_another_make_are_none_of_ours() -> None:
    grouped = generate_mnemonics(2, [(1, 1), (1, 1)], KEY.secret_bytes(), iteration_exponent=0)
    small = generate_mnemonics(1, [(2, 3)], KEY.secret_bytes()[:16], iteration_exponent=0)
    assert [read_share(text) for text in (grouped[0][0], small[0][0])] == [None, None]
    share = split(KEY, 2, 3)[0]
    assert read_share(share) is not None
    assert [read_share(text) for text in (share.upper(), f" {share}", share.replace(" ", "  "))] == [None] * 3


def test_a_search_among_liars_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Liars may take the numbers of honest shares, each with another value, so that no two can be told apart."""
    honest = [Share.from_mnemonic(share) for share in split(KEY, 3, 16)]
    lies = [Share(**{**vars(share), "value": bytes([n]) * 32}).mnemonic() for n, share in enumerate(honest)]
    clock, tried = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def try_it(shares: object) -> None:
        tried.append(shares)
        clock[0] += 1.0

    monkeypatch.setattr(custody, "_identity", try_it)
    given = {f"gateway {n}": [lies[n], honest[n].mnemonic()] * 8 for n in range(16)}
    assert combine(given, 3, KEY.recipient, until=30.0) is None
    assert len(tried) == 31


# --- Commitments ----------------------------------------------------------------------------------


def test_a_commitment_is_the_hash_that_the_manual_says() -> None:
    text = "registry.share.v1\n" + KEY.recipient + "\n2\nacademic acid"
    assert commitment("academic acid", KEY.recipient, 2) == hashlib.sha256(text.encode()).hexdigest()


@given(st.integers(1, 4), st.integers(0, 3), st.data())
@settings(deadline=None, max_examples=30)
def test_a_commitment_is_met_by_its_share_alone(threshold: int, more: int, data: st.DataObject) -> None:
    shares = split(KEY, threshold, threshold + more)
    committed = [commitment(share, KEY.recipient, place) for place, share in enumerate(shares)]
    place = data.draw(st.integers(0, len(shares) - 1))
    assert len(set(committed)) == len(committed), "not even where all have the same share does it show"
    others = [(share, KEY.recipient, n) for n, share in enumerate(split(KEY, threshold, len(shares)))]
    others += [(share, KEY.recipient, n) for n, share in enumerate(shares) if n != place]
    others += [(shares[place], Identity.generate().recipient, place), (shares[place] + " ", KEY.recipient, place)]
    assert committed[place] not in {commitment(*other) for other in others}


def test_k_less_one_shares_and_all_commitments_fit_any_key_until_the_whole_share_is_guessed() -> None:
    """Whatever the share that is missing, the others are as they are: only its hash tells, and that of a guess."""
    shares = split(KEY, 2, 2)
    held, missing = (Share.from_mnemonic(share) for share in shares)
    told = commitment(shares[1], KEY.recipient, 1)
    for value in (bytes(32), b"\xff" * 32, held.value):
        guess = Share(**{**vars(missing), "value": value}).mnemonic()
        assert read_share(guess) is not None
        assert commitment(guess, KEY.recipient, 1) != told
