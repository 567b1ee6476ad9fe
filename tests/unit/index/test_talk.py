"""What follows from statements: the same for everybody who has them, in whatever order they came."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.documents.signed_statements import (
    AccessAnswer,
    AccessRequest,
    Comment,
    Fold,
    Like,
    TalkStatement,
    Withdrawal,
)
from registry.errors import InputError
from registry.index.conversation import A_DAY, ASKED, AT_HOME, CROWD, OF_ONE, Speaker, may_say, talk_of

DID = f"did:nft:eip155:1337_erc721:0x{'ab' * 20}_7"
OWNER, BUYER, STRANGER, COUNCIL = ("0x" + one * 40 for one in "1234")
NOW = 1_000


def comment(text: str, *, of: str = BUYER, at: int = 1, parent: Comment | None = None) -> Comment:
    below = {"parent": parent.id} if parent is not None else {}
    return Comment(asset=DID, account=of, time=at, version=1, text=text, **below)


def talk(*statements: TalkStatement):  # type: ignore[no-untyped-def]
    return talk_of(statements, owner=OWNER, council=COUNCIL)


def test_answers_stand_below_what_they_answer() -> None:
    first, second = comment("first", at=1), comment("second", at=4)
    answer = comment("answer", at=5, parent=first)
    late = comment("answer to the answer", at=2, parent=answer)
    found = talk(second, late, answer, first).remarks
    assert [(one.said.text, one.level) for one in found] == [
        ("first", 0),
        ("answer", 1),
        ("answer to the answer", 2),
        ("second", 0),
    ]
    assert [one.level for one in talk(late).remarks] == [0], "what it answers is not here"


def test_one_withdraws_ones_own_words_and_nobody_elses() -> None:
    said = comment("rash")
    own = Withdrawal(asset=DID, account=BUYER, time=2, statement=said.id)
    of_another = Withdrawal(asset=DID, account=OWNER, time=2, statement=said.id)
    assert talk(said, of_another).remarks[0].said.text == "rash"
    (gone,) = talk(said, own).remarks
    assert gone.withdrawn and not gone.said.text and gone.id == said.id


def test_owners_fold_and_unfold_and_strangers_do_not() -> None:
    said = comment("spam")
    folds = [Fold(asset=DID, account=OWNER, time=at, statement=said.id, folded=at % 2 == 0) for at in (2, 3, 4)]
    assert talk(said, *folds[:2]).remarks[0].folded is False
    (folded,) = talk(said, *folds).remarks
    assert (folded.folded, folded.said.text, folded.id) == (True, "spam", said.id), "it is there, and opens"
    assert not talk(said, folds[0].model_copy(update={"account": STRANGER})).remarks[0].folded


def test_an_owner_cannot_fold_again_what_the_council_unfolded() -> None:
    said = comment("it does not load")
    by_council = Fold(asset=DID, account=COUNCIL, time=3, statement=said.id, folded=False)
    by_owner = [Fold(asset=DID, account=OWNER, time=at, statement=said.id) for at in (2, 4, 2**50)]
    assert talk(said, *by_owner).remarks[0].folded
    assert not talk(said, *by_owner, by_council).remarks[0].folded
    back = Withdrawal(asset=DID, account=COUNCIL, time=5, statement=by_council.id)
    assert talk(said, *by_owner, by_council, back).remarks[0].folded, "the council leaves it to the owner again"


def test_an_owner_does_not_like_what_is_its_own() -> None:
    assert talk(Like(asset=DID, account=OWNER, time=1), Like(asset=DID, account=BUYER, time=1)).likes == (BUYER,)


def test_the_last_like_of_an_account_counts() -> None:
    likes = [Like(asset=DID, account=BUYER, time=at, liked=at != 3) for at in (1, 2, 3)]
    assert talk(*likes[:2]).likes == (BUYER,) and talk(*likes).likes == ()
    back = Withdrawal(asset=DID, account=BUYER, time=9, statement=likes[2].id)
    assert talk(*likes, back).likes == (BUYER,), "what was withdrawn was not said"


def test_a_request_waits_for_the_owner_of_now() -> None:
    asked = AccessRequest(asset=DID, account=BUYER, time=1, licence=0, use="To count.")
    answer = AccessAnswer(asset=DID, account=STRANGER, time=2, request=asked.id, outcome="granted")
    (waiting,) = talk(asked, answer).requests
    assert waiting.answer is None, "of somebody who is not the owner"
    first = answer.model_copy(update={"account": OWNER, "outcome": "declined"})
    second = first.model_copy(update={"time": 3, "outcome": "invited"})
    (answered,) = talk(asked, second, first).requests
    assert answered.answer == second
    back = Withdrawal(asset=DID, account=OWNER, time=4, statement=second.id)
    assert talk(asked, first, second, back).requests[0].answer == first
    assert talk(asked, Withdrawal(asset=DID, account=BUYER, time=2, statement=asked.id)).requests == ()


def test_a_chain_of_ten_thousand_answers_is_shown() -> None:
    said = [comment("0")]
    for number in range(1, 10_000):
        said.append(comment(str(number), parent=said[-1]))
    found = talk(*said).remarks
    assert [one.level for one in found] == list(range(10_000))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_every_order_of_arrival_gives_the_same(seed: int) -> None:
    chance = random.Random(seed)
    accounts = (OWNER, BUYER, STRANGER, COUNCIL)
    said: list[TalkStatement] = [comment("seed")]
    for _ in range(25):
        of, at, other = chance.choice(accounts), chance.randrange(6), chance.choice(said)
        said.append(
            chance.choice(
                [
                    Comment(asset=DID, account=of, time=at, version=1, parent=other.id, text=str(chance.random())),
                    Like(asset=DID, account=of, time=at, liked=chance.random() < 0.5),
                    Fold(asset=DID, account=of, time=at, statement=other.id, folded=chance.random() < 0.5),
                    Withdrawal(asset=DID, account=of, time=at, statement=other.id),
                    AccessRequest(asset=DID, account=of, time=at, licence=chance.randrange(3), use="x"),
                    AccessAnswer(asset=DID, account=of, time=at, request=other.id, outcome="granted"),
                ]
            )
        )
    whole = talk(*said)
    chance.shuffle(said)
    assert talk(*said, *said[:5]) == whole, "also what came twice"


@pytest.mark.parametrize(
    ("said", "may"),
    [
        (comment("x"), [Speaker(owner=True), Speaker(holder=True)]),
        (Like(asset=DID, account=BUYER, time=1), [Speaker(paid=True)]),
        (
            AccessAnswer(asset=DID, account=BUYER, time=1, request="0x" + "00" * 32, outcome="granted"),
            [Speaker(owner=True)],
        ),
        (
            Fold(asset=DID, account=BUYER, time=1, statement="0x" + "00" * 32),
            [Speaker(owner=True), Speaker(council=True)],
        ),
        (AccessRequest(asset=DID, account=BUYER, time=1, licence=0, use="x"), [Speaker(seen=True)]),
        (Withdrawal(asset=DID, account=BUYER, time=1, statement="0x" + "00" * 32), [Speaker()]),
    ],
    ids=lambda one: one.kind if isinstance(one, TalkStatement) else "",
)
def test_who_may_say_what(said: TalkStatement, may: list[Speaker]) -> None:
    every = [Speaker(), *(Speaker(**{name: True}) for name in ("owner", "holder", "paid", "council", "seen"))]
    every.append(Speaker(owner=True, paid=True))
    may = [*may, *([every[-1]] if Speaker(owner=True) in may else [])]
    for one in every:
        if one in may or Speaker() in may:
            may_say(said, one, now=NOW)
        else:
            with pytest.raises(InputError):
                may_say(said, one, now=NOW)


def test_nobody_says_too_much_from_the_future_or_from_before() -> None:
    with pytest.raises(InputError, match="things today"):
        may_say(comment("x"), Speaker(holder=True, today=A_DAY), now=NOW)
    may_say(comment("x"), Speaker(owner=True, today=A_DAY), now=NOW)
    with pytest.raises(InputError, match="things today"):
        may_say(comment("x"), Speaker(owner=True, today=AT_HOME), now=NOW)
    with pytest.raises(InputError, match="about this asset"):
        may_say(comment("x"), Speaker(holder=True, said=OF_ONE), now=NOW)
    with pytest.raises(InputError, match="about this asset"):
        may_say(comment("x"), Speaker(owner=True, said=OF_ONE + 6, others=3), now=NOW)
    may_say(comment("x"), Speaker(owner=True, said=OF_ONE + 5, others=3), now=NOW)
    with pytest.raises(InputError, match="future"):
        may_say(comment("x", at=NOW + 301), Speaker(owner=True), now=NOW)
    may_say(comment("x", at=NOW + 300), Speaker(owner=True), now=NOW)
    with pytest.raises(InputError, match="too old"):
        may_say(comment("x", at=499), Speaker(owner=True), now=NOW, since=500)
    may_say(comment("x", at=500), Speaker(owner=True), now=NOW, since=500)


def test_all_that_one_said_can_be_withdrawn_once() -> None:
    withdrawal = Withdrawal(asset=DID, account=BUYER, time=1, statement="0x" + "00" * 32)
    may_say(withdrawal, Speaker(today=A_DAY, said=A_DAY), now=NOW)
    may_say(withdrawal, Speaker(today=A_DAY, said=2 * OF_ONE - 1, withdrawn=OF_ONE - 1), now=NOW)
    with pytest.raises(InputError, match="things today"):
        may_say(withdrawal, Speaker(today=A_DAY, said=2 * A_DAY, withdrawn=A_DAY), now=NOW)


def test_a_crowd_of_strangers_fills_an_inbox_to_a_brim_and_those_who_hold_something_still_ask() -> None:
    ask = AccessRequest(asset=DID, account=BUYER, time=1, licence=0, use="x")
    with pytest.raises(InputError, match="Too many"):
        may_say(ask, Speaker(seen=True, crowd=CROWD), now=NOW)
    may_say(ask, Speaker(seen=True, holder=True, crowd=CROWD), now=NOW)
    with pytest.raises(InputError, match="3 times"):
        may_say(ask, Speaker(seen=True, holder=True, asked=ASKED), now=NOW)
