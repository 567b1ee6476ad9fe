"""Votes, and ballots that are collected and relayed by strangers: each counts once, and only as it was signed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from registry import Registry
from registry.chain.call import Call
from registry.chain.signers import KeySigner, dev_signer
from registry.errors import (
    AlreadyVoted,
    InputError,
    InvalidBallot,
    LateVote,
    NoVotes,
    RegistryError,
    ReplayedBallot,
    UnpinnedBody,
    VotingNotBegun,
    WrongBallotSignature,
    WrongChain,
)
from registry.governance.ballot import Ballot, merged
from registry.governance.drafts import ProposalDraft
from registry.governance.standing import Choice, Proposal, Proposed
from registry.governance.voting import CheckedBallot
from registry.ipfs.store import MemoryStore

from .support import DAY

VOTERS = ("curator", "ann", "bob", "cleo")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def ballots(client: Registry, proposal: Proposal, choice: str = "for") -> list[Ballot]:
    """What all voters but the author sign."""
    return [client.as_account(voter).governance.ballot(proposal, choice) for voter in VOTERS]


def problem(checked: tuple[CheckedBallot, ...]) -> RegistryError:
    (one,) = checked
    assert one.problem is not None and one.votes == 0
    return one.problem


# --- Votes ---------------------------------------------------------------------------------------


def test_a_vote_counts_with_all_votes_of_when_the_voting_began(author: Registry, open_vote: Proposal) -> None:
    cast = author.governance.vote(open_vote, "for", reason="It pays")
    assert (cast.choice, cast.votes, cast.warnings) == (Choice.FOR, 3_000_000 * 10**18, ())
    assert cast.tx is not None and cast.tx.named("VoteCast")[0].args["reason"] == "It pays"
    author.as_account("ann").governance.vote(open_vote, "against")
    author.as_account("bob").governance.vote(open_vote, 2)
    found = author.governance.proposal(open_vote)
    tally = (found.for_votes, found.against_votes, found.abstain_votes)
    assert [votes // 10**18 for votes in tally] == [3_000_000, 1_500_000, 1_000_000]


def test_votes_that_cannot_count_are_refused_and_nothing_is_sent(
    author: Registry, stranger: Registry, proposed: Proposed
) -> None:
    with pytest.raises(VotingNotBegun):
        author.governance.vote(proposed.id, "for")
    author.chain.advance(DAY + 10)
    author.governance.vote(proposed.id, "for")
    height = author.chain.block().number
    with pytest.raises(AlreadyVoted):
        author.governance.vote(proposed.id, "against")
    with pytest.raises(NoVotes, match="delegated"):
        stranger.governance.vote(proposed.id, "for")
    with pytest.raises(InputError, match="for, against or abstain"):
        author.governance.vote(proposed.id, "maybe")
    assert author.chain.block().number == height
    author.chain.advance(6 * DAY)
    with pytest.raises(LateVote):
        author.as_account("ann").governance.vote(proposed.id, "for")


def test_tokens_that_arrive_after_the_voting_began_do_not_count(author: Registry, open_vote: Proposal) -> None:
    stranger = author.as_account("stranger")
    author.act("give", author.governance.token.functions.transfer(stranger.address, 10**24))
    stranger.governance.delegate()
    with pytest.raises(NoVotes):
        stranger.governance.vote(open_vote, "for")


def test_a_body_that_cannot_be_had_is_a_warning_to_the_voter(author: Registry, open_vote: Proposal) -> None:
    ann = author.as_account("ann")
    ann.store = MemoryStore()
    with pytest.raises(UnpinnedBody):
        ann.governance.body(open_vote)
    assert "cannot be fetched" in ann.governance.describe(open_vote).warnings[0]
    assert "cannot be fetched" in ann.governance.vote(open_vote, "abstain").warnings[0]


def test_a_body_that_tells_of_other_calls_is_not_believed(author: Registry, halved: ProposalDraft) -> None:
    lie = replace(halved, title="Plant trees")
    honest = author.governance.draft(author.assets.functions.setFee(400), title="Plant trees")
    author.governance.pin(lie)
    governor = author.governance.governor
    call = honest.calls[0]
    author.act("propose", governor.functions.propose([call.to], [0], [call.data], lie.description))
    told = author.governance.describe(author.governance.proposals()[0])
    assert told.body is None and "other calls" in told.warnings[0]
    assert "400" in str(told)


def test_a_team_votes_by_its_own_proposal(author: Registry, open_vote: Proposal) -> None:
    ann = author.as_account("ann")
    team = ann.teams.create([ann.address], threshold=1)
    ann.act("give", ann.governance.token.functions.transfer(team.address, 10**24))
    with ann.teams.collect(team) as act:
        act.act("delegate", ann.governance.token.functions.delegate(team.address))
    ann.teams.execute(ann.teams.sign(ann.teams.propose(team, act)))
    made = author.governance.propose(author.governance.draft(author.assets.functions.setFee(60), title="Again"))
    author.chain.advance(DAY + 10)
    with ann.teams.collect(team) as act:
        act.governance.vote(made.id, "for")
    ann.teams.execute(ann.teams.sign(ann.teams.propose(team, act)))
    assert author.governance.proposal(made.id).for_votes == 10**24


# --- Ballots -------------------------------------------------------------------------------------


def test_a_stranger_relays_what_voters_signed_at_no_cost_to_them(author: Registry, open_vote: Proposal) -> None:
    stranger, signed = author.as_account("stranger"), ballots(author, open_vote)
    held = [author.chain.balance(ballot.voter) for ballot in signed]
    done = stranger.governance.relay(open_vote, signed)
    assert (len(done.counted), done.before, done.refused, len(done.txs)) == (4, (), (), 1)
    assert done.votes == 5_000_000 * 10**18 == author.governance.proposal(open_vote).for_votes
    assert held == [author.chain.balance(ballot.voter) for ballot in signed]


def test_relaying_again_relays_what_is_left(author: Registry, open_vote: Proposal) -> None:
    stranger, signed = author.as_account("stranger"), ballots(author, open_vote)
    first = stranger.governance.relay(open_vote, signed[:3], batch=2)
    assert [len(tx.named("VoteCast")) for tx in first.txs] == [2, 1]
    second = stranger.governance.relay(open_vote, signed)
    assert (len(second.counted), len(second.before), second.refused) == (1, 3, ())
    third = stranger.governance.relay(open_vote, signed)
    assert (third.counted, len(third.before), third.txs) == ((), 4, ())


def test_looking_first_relays_nothing(author: Registry, open_vote: Proposal) -> None:
    seen = author.governance.relay(open_vote, ballots(author, open_vote), dry_run=True)
    assert len(seen.counted) == 4 and seen.txs == () and seen.cost.gas > 0
    assert author.governance.proposal(open_vote).for_votes == 0


def test_ballots_are_small_files_that_travel_and_merge(author: Registry, open_vote: Proposal, tmp_path: Path) -> None:
    signed = ballots(author, open_vote)
    paths = [ballot.save(tmp_path) for ballot in signed]
    assert len(set(paths)) == 4 and all(path.stat().st_size < 700 for path in paths)
    assert [Ballot.load(path) for path in paths] == signed
    cid = author.governance.put_ballot(signed[0])
    assert author.governance.ballot_from_cid(cid) == signed[0]
    assert set(merged(signed[:3], signed[1:])) == set(signed) and len(merged(signed, signed)) == 4


def test_a_ballot_signed_before_the_voting_counts_once_it_began(author: Registry, proposed: Proposed) -> None:
    early = author.governance.ballot(proposed.id, "for")
    assert isinstance(problem(author.governance.check_ballots(proposed.id, [early])), VotingNotBegun)
    with pytest.raises(VotingNotBegun):
        author.governance.relay(proposed.id, [early])
    author.chain.advance(DAY + 10)
    assert len(author.governance.relay(proposed.id, [early]).counted) == 1


def test_a_late_ballot_is_refused(author: Registry, open_vote: Proposal) -> None:
    late = author.governance.ballot(open_vote, "for")
    author.chain.advance(6 * DAY)
    assert isinstance(problem(author.governance.check_ballots(open_vote, [late])), LateVote)
    with pytest.raises(LateVote):
        author.governance.relay(open_vote, [late])
    with pytest.raises(LateVote):
        author.as_account("ann").governance.ballot(open_vote, "for")


def test_what_a_collector_might_change_is_noticed(author: Registry, stranger: Registry, open_vote: Proposal) -> None:
    good = author.governance.ballot(open_vote, "for")
    r, s = good.signature[:32], int.from_bytes(good.signature[32:64], "big")
    flipped = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - good.signature[64]])
    compact = r + (s | (good.signature[64] - 27) << 255).to_bytes(32, "big")
    forged = {
        "another choice": replace(good, choice=Choice.AGAINST),
        "another voter": replace(good, voter=author.as_account("ann").address),
        "flipped": good.signed(flipped),
        "compact": good.signed(compact),
        "empty": good.signed(b""),
        "a stranger's": good.signed(dev_signer(2).sign_typed_data(good.typed_data)),
        "of another chain": good.signed(dev_signer(0).sign_typed_data(replace(good, chain_id=1).typed_data)),
        "of another governor": good.signed(
            dev_signer(0).sign_typed_data(replace(good, governor=stranger.address).typed_data)
        ),
    }
    for what, ballot in forged.items():
        assert isinstance(problem(author.governance.check_ballots(open_vote, [ballot])), WrongBallotSignature), what
    done = stranger.governance.relay(open_vote, [*forged.values(), good])
    assert [one.ballot for one in done.counted] == [good] and len(done.refused) == len(forged)
    assert author.governance.proposal(open_vote).against_votes == 0


def test_ballots_of_other_chains_and_votes_are_refused(author: Registry, open_vote: Proposal) -> None:
    good = author.governance.ballot(open_vote, "for")
    check = author.governance.check_ballots
    assert isinstance(problem(check(open_vote, [replace(good, chain_id=1)])), WrongChain)
    for other in (replace(good, proposal=1), replace(good, governor=author.address)):
        assert isinstance(problem(check(open_vote, [other])), InvalidBallot)


def test_a_ballot_is_counted_once(author: Registry, open_vote: Proposal) -> None:
    good = author.governance.ballot(open_vote, "for")
    _first, second = author.governance.check_ballots(open_vote, [good, good])
    assert isinstance(second.problem, ReplayedBallot)
    done = author.governance.relay(open_vote, [good, good])
    assert (len(done.counted), len(done.refused)) == (1, 1)
    # The same voter, another word: the first counts, and the signature of the second is worth nothing any more.
    other = replace(good, choice=Choice.AGAINST)
    other = other.signed(dev_signer(0).sign_typed_data(other.typed_data))
    assert isinstance(problem(author.governance.check_ballots(open_vote, [other])), AlreadyVoted)


def test_a_ballot_whose_number_was_used_is_refused(
    author: Registry, halved: ProposalDraft, open_vote: Proposal
) -> None:
    early = author.governance.ballot(open_vote, "for")
    second = author.governance.propose(replace(halved, title="Second"))
    author.chain.advance(DAY + 10)
    other = author.governance.ballot(second.id, "for")
    ahead = author.governance.ballot(second.id, "for", nonce=1)
    assert isinstance(problem(author.governance.check_ballots(second.id, [ahead])), ReplayedBallot)
    author.governance.relay(second.id, [other])
    found = problem(author.governance.check_ballots(open_vote, [early]))
    assert isinstance(found, ReplayedBallot) and "was used already" in str(found)
    again = author.governance.ballot(open_vote, "for")
    assert len(author.governance.relay(open_vote, [again]).counted) == 1


def test_a_ballot_without_votes_is_not_relayed(author: Registry, stranger: Registry, open_vote: Proposal) -> None:
    with pytest.raises(NoVotes):
        stranger.governance.ballot(open_vote, "for")
    empty = Ballot(1337, author.governance.dao.governor, open_vote.id, stranger.address, Choice.FOR, 0)
    empty = empty.signed(dev_signer(2).sign_typed_data(empty.typed_data))
    assert isinstance(problem(author.governance.check_ballots(open_vote, [empty])), NoVotes)
    assert author.governance.relay(open_vote, [empty]).txs == ()


def test_a_team_votes_by_a_ballot_that_its_owners_sign_each(author: Registry, tmp_path: Path) -> None:
    """ERC-1271: the Safe of Ann and Bob agrees to a ballot once both have signed it."""
    ann, bob = author.as_account("ann"), author.as_account("bob")
    team = ann.teams.create([ann.address, bob.address], threshold=2)
    ann.act("give", ann.governance.token.functions.transfer(team.address, 10**24))
    with ann.teams.collect(team) as act:
        act.act("delegate", ann.governance.token.functions.delegate(team.address))
    bob.teams.execute(bob.teams.sign(ann.teams.sign(ann.teams.propose(team, act))))
    made = author.governance.propose(author.governance.draft(author.assets.functions.setFee(60), title="Again"))
    author.chain.advance(DAY + 10)

    signed = [owner.governance.ballot(made.id, "for", safe=team.address) for owner in (ann, bob)]
    paths = {ballot.save(tmp_path) for ballot in signed}
    (joined,) = merged(map(Ballot.load, paths))
    for ballot in (*signed, joined.signed(b""), replace(joined, choice=Choice.AGAINST)):
        refused = problem(author.governance.check_ballots(made.id, [ballot]))
        assert isinstance(refused, WrongBallotSignature) and "does not agree" in str(refused)
    done = author.as_account("stranger").governance.relay(made.id, [joined])
    assert [one.by_contract for one in done.counted] == [True]
    assert author.governance.proposal(made.id).for_votes == 10**24


def test_signatures_that_are_none_are_not_joined(author: Registry, open_vote: Proposal) -> None:
    good = author.governance.ballot(open_vote, "for")
    odd = [good.signed(bytes([number]) * size) for number, size in ((0, 65), (1, 64), (255, 65), (2, 130))]
    assert len(merged([good], odd)) == 5
    assert all(one.voter == author.address for one in merged(odd))


def test_a_ballot_that_fails_on_chain_after_all_is_told_with_the_reason(
    author: Registry, open_vote: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the transaction the voter votes otherwise."""
    ann, stranger = author.as_account("ann"), author.as_account("stranger")
    signed = [ann.governance.ballot(open_vote, "for"), author.governance.ballot(open_vote, "for")]
    verbs = stranger.governance
    batch_call = verbs._batch_call

    def after_a_vote(found: Proposal, part: list[CheckedBallot]) -> Call:
        ann.governance.vote(open_vote, "against")
        return batch_call(found, part)

    monkeypatch.setattr(verbs, "_batch_call", after_a_vote)
    done = verbs.relay(open_vote, signed)
    assert [one.ballot.voter for one in done.counted] == [author.address]
    (refused,) = done.refused
    assert refused.ballot.voter == ann.address and refused.problem is not None
    assert "vote" in refused.problem.message.lower()


def test_a_batch_of_none_is_refused(author: Registry, open_vote: Proposal) -> None:
    with pytest.raises(InputError, match="batch"):
        author.governance.relay(open_vote, [], batch=0)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "registry.dao.ballot.v0"},
        {"choice": "maybe"},
        {"voter": "0x12"},
        {"voter": None},
        {"nonce": "-1"},
        {"nonce": 0},
        {"proposal": "01"},
        {"proposal": str(2**256)},
        {"chainId": "1337"},
        {"chainId": True},
        {"signature": "0xzz"},
        {"signature": "0xAB"},
        {"more": 1},
    ],
)
def test_a_file_that_is_no_ballot_is_refused(author: Registry, change: dict[str, object]) -> None:
    good = Ballot(1337, author.address, 5, author.address, Choice.FOR, 0, b"\xab")
    value = {**json.loads(good.to_bytes()), **change}
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(InvalidBallot):
        Ballot.from_bytes(data)
    assert Ballot.from_bytes(good.to_bytes()) == good


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"null", b'"x"', b"{}", b" " * 20_000])
def test_what_is_no_object_is_no_ballot(data: bytes) -> None:
    with pytest.raises(InvalidBallot):
        Ballot.from_bytes(data)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Ballot.load(tmp_path / "none.json")


def test_who_has_no_coins_votes_by_ballot(author: Registry) -> None:
    key = KeySigner(b"\x07" * 32)
    author.as_account("ann").governance.delegate(key.address)
    made = author.governance.propose(author.governance.draft(author.assets.functions.setFee(60), title="Again"))
    author.chain.advance(DAY + 10)
    signed = author.as_account(key).governance.ballot(made.id, "against")
    assert author.chain.balance(key.address) == 0
    assert author.governance.relay(made.id, [signed]).votes == 1_500_000 * 10**18
