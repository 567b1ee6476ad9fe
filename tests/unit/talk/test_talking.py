"""The verbs of those who speak, ask and answer, on a registry in this process and without any hub."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selling import MONTH, RESEARCH

from registry import DID, Published, Registry
from registry.errors import AssetNotFound, InputError, NoSigner
from registry.index.home_index import open_local


@pytest.fixture
def did(publish: Callable[..., Published], author: Registry, buyer: Registry) -> DID:
    """An asset that the buyer has paid for."""
    made = publish(MONTH, RESEARCH).did
    buyer.buy(made, "month")
    store = open_local(author).indexer.store
    with store.writing():
        if store.is_there():
            store.run("DELETE FROM statement")
    return made


def test_a_comment_is_read_by_everybody_with_its_answers(did: DID, author: Registry, buyer: Registry) -> None:
    said = buyer.talk.comment(did, "Two files lack a header.")
    assert said.taken_by == ("this machine",) and str(said.cid) in str(said)
    author.talk.comment(did, "Mended.", answers=said.cid)
    buyer.talk.like(did)
    talk = author.as_account(None).talk.of(did)
    told = [(one.said.text, one.level, one.said.version) for one in talk.remarks]
    assert told == [("Two files lack a header.", 0, 1), ("Mended.", 1, 1)]
    assert talk.likes == (buyer.address.lower(),)
    times = [one.time for one in buyer.talk.by()]
    buyer.talk.like(did, liked=False)
    assert author.talk.of(did).likes == (), "the last one counts, also within a second"
    assert len({one.time for one in buyer.talk.by()}) == len(times) + 1
    buyer.talk.withdraw(did, said.cid)
    assert author.talk.of(did).remarks[0].withdrawn
    assert [one.kind for one in buyer.talk.by()] == ["comment", "like", "like", "withdrawal"]


def test_an_owner_folds_and_a_new_owner_begins_anew(did: DID, author: Registry, buyer: Registry, ann: Registry) -> None:
    said = buyer.talk.comment(did, "Spam")
    author.talk.fold(did, said.cid)
    assert author.talk.of(did).remarks[0].folded
    author.transfer(did, ann.address)
    assert not author.talk.of(did).remarks[0].folded
    with pytest.raises(InputError, match="may not do that"):
        author.talk.fold(did, str(said.cid))


def test_a_request_is_granted_once(did: DID, author: Registry, stranger: Registry) -> None:
    asked = stranger.requests.ask(did, "month", use="To train a model for a paper.")
    (waiting,) = author.requests.inbox()
    assert (waiting.said.use, waiting.answer) == ("To train a model for a paper.", None)
    would = author.requests.grant(asked.cid, dry_run=True)
    assert would.said is None and not stranger.has_access(did)
    author.grant(did, "month", to=stranger.address)  # and the command was interrupted before it was said
    before = stranger.holding(did, "month").expires_at
    done = author.requests.grant(asked.cid, text="Good luck.")
    assert done.done is None and stranger.holding(did, "month").expires_at == before
    assert author.requests.inbox() == () and len(author.requests.inbox(answered=True)) == 1
    (answered,) = stranger.requests.sent()
    assert answered.answer is not None
    assert (answered.answer.outcome, answered.answer.text) == ("granted", "Good luck.")


def test_a_request_is_granted_by_a_transaction_or_declined_in_words(
    did: DID, author: Registry, stranger: Registry, ann: Registry
) -> None:
    one = stranger.requests.ask(did, "month", use="A paper.")
    other = ann.requests.ask(did, "research", use="A lecture.")
    assert author.requests.grant(one.cid).done is not None and stranger.has_access(did)
    author.requests.decline(other.cid, text="It is not for lectures.")
    assert not ann.has_access(did)
    answers = {asked.said.account: asked.answer for asked in author.requests.inbox(answered=True)}
    told = {account: answer.outcome for account, answer in answers.items() if answer is not None}
    assert told == {stranger.address.lower(): "granted", ann.address.lower(): "declined"}
    with pytest.raises(InputError, match="There is no request"):
        stranger.requests.grant(one.cid)
    with pytest.raises(InputError, match="no key gateway"):
        author.requests.invite(one.cid)


@pytest.mark.parametrize("text", ["", " \n", "x" * 10_001, "a\u202eb", "a\u200bb", "a\x00b", "\ud800"])
def test_texts_that_say_nothing_too_much_or_something_else_are_refused_before_they_are_signed(
    did: DID, author: Registry, text: str
) -> None:
    with pytest.raises(InputError):
        author.talk.comment(did, text)
    assert author.talk.of(did).remarks == ()


def test_slips_are_told(did: DID, author: Registry, buyer: Registry) -> None:
    with pytest.raises(NoSigner):
        author.as_account(None).talk.comment(did, "x")
    with pytest.raises(InputError, match="names no statement"):
        author.talk.comment(did, "x", answers="yes")
    with pytest.raises(AssetNotFound):
        author.talk.of(10**6)
    with pytest.raises(InputError, match="paid"):
        author.talk.like(did)
