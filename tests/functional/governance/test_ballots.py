"""Votes by signature, one by one and in batches that anybody brings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from eth_utils import keccak

from ..support import ZERO_ADDRESS, let_act, logs, refusal
from .story import (
    AGAINST,
    DELAY,
    EXTENSION,
    FOR,
    PERIOD,
    QUORUM_FLOOR,
    QUORUM_PERCENT,
    THRESHOLD,
    VOTE,
    VOTE_TOKEN_CAP,
    Proposal,
    action,
    end_voting,
    propose,
    sign_ballot,
    start_voting,
    travel,
)


@pytest.fixture
def proposal(house: SimpleNamespace) -> Proposal:
    """A proposal that is being voted on."""
    made = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(made)
    return made


def refused_with(name: str) -> bytes:
    """The selector of an error without values, or of the two that the governor has."""
    signatures = {
        "GovernorInvalidSignature": "GovernorInvalidSignature(address)",
        "GovernorAlreadyCastVote": "GovernorAlreadyCastVote(address)",
        "GovernorInvalidVoteType": "GovernorInvalidVoteType()",
        "GovernorUnexpectedProposalState": "GovernorUnexpectedProposalState(uint256,uint8,bytes32)",
    }
    return keccak(text=signatures[name])[:4]


def test_anybody_may_bring_a_signed_vote(house: SimpleNamespace, proposal: Proposal) -> None:
    signature = sign_ballot(house.ann, house.governor, proposal.id, FOR)
    house.governor.castVoteBySig(proposal.id, FOR, house.ann, signature, sender=house.stranger)
    assert house.governor.hasVoted(proposal.id, house.ann)
    assert house.governor.proposalVotes(proposal.id).forVotes == 40_000 * VOTE


def test_a_batch_counts_each_ballot(house: SimpleNamespace, proposal: Proposal) -> None:
    ballots = [
        (house.ann, AGAINST, sign_ballot(house.ann, house.governor, proposal.id, AGAINST)),
        (house.bob, FOR, sign_ballot(house.bob, house.governor, proposal.id, FOR)),
        (house.cleo, FOR, sign_ballot(house.cleo, house.governor, proposal.id, FOR)),
    ]
    tx = house.governor.castVotesBySig(proposal.id, ballots, sender=house.stranger)
    cast = {log["voter"]: (log["support"], log["weight"] // VOTE) for log in logs(tx, house.governor.VoteCast)}
    assert cast == {
        house.ann.address: (AGAINST, 40_000),
        house.bob.address: (FOR, 30_000),
        house.cleo.address: (FOR, 20_000),
    }
    assert not logs(tx, house.governor.BallotRefused)


def test_a_bad_ballot_is_left_out_and_stops_no_other(
    house: SimpleNamespace, project: Any, proposal: Proposal, accounts: Any
) -> None:
    house.governor.castVote(proposal.id, FOR, sender=house.ann)
    greedy = house.founder.deploy(project.GreedyWallet)
    ballots = [
        (house.ann, FOR, sign_ballot(house.ann, house.governor, proposal.id, FOR)),
        (house.bob, FOR, sign_ballot(house.stranger, house.governor, proposal.id, FOR, account=house.bob)),
        (house.bob, 9, sign_ballot(house.bob, house.governor, proposal.id, 9)),
        (greedy, FOR, b"give me all your gas"),
        (house.bob, FOR, b""),
        (house.cleo, FOR, sign_ballot(house.cleo, house.governor, proposal.id, FOR)),
    ]
    tx = house.governor.castVotesBySig(proposal.id, ballots, sender=house.stranger, gas=8_000_000)
    assert [(log["voter"], log["reason"]) for log in logs(tx, house.governor.BallotRefused)] == [
        (house.ann.address, refused_with("GovernorAlreadyCastVote")),
        (house.bob.address, refused_with("GovernorInvalidSignature")),
        (house.bob.address, refused_with("GovernorInvalidVoteType")),
        (greedy.address, refused_with("GovernorInvalidSignature")),
        (house.bob.address, refused_with("GovernorInvalidSignature")),
    ]
    assert house.governor.hasVoted(proposal.id, house.cleo)
    # What was refused used no nonce: the voter can sign again.
    assert house.governor.nonces(house.bob) == 0
    house.governor.castVoteBySig(
        proposal.id, FOR, house.bob, sign_ballot(house.bob, house.governor, proposal.id, FOR), sender=house.stranger
    )


def test_a_ballot_whose_voter_voted_meanwhile_cannot_spoil_the_batch(
    house: SimpleNamespace, proposal: Proposal
) -> None:
    ballots = [(voter, FOR, sign_ballot(voter, house.governor, proposal.id, FOR)) for voter in (house.ann, house.bob)]
    # Somebody sees the batch and brings one of its ballots first.
    house.governor.castVoteBySig(proposal.id, *ballots[0][1::-1], ballots[0][2], sender=house.cleo)
    tx = house.governor.castVotesBySig(proposal.id, ballots, sender=house.stranger)
    assert [log["voter"] for log in logs(tx, house.governor.VoteCast)] == [house.bob.address]


def test_a_batch_after_the_vote_counts_nobody(house: SimpleNamespace, proposal: Proposal) -> None:
    ballots = [(house.ann, FOR, sign_ballot(house.ann, house.governor, proposal.id, FOR))]
    end_voting(proposal)
    tx = house.governor.castVotesBySig(proposal.id, ballots, sender=house.stranger)
    (left_out,) = logs(tx, house.governor.BallotRefused)
    assert left_out["reason"] == refused_with("GovernorUnexpectedProposalState")


def test_an_empty_batch_is_refused(house: SimpleNamespace, proposal: Proposal) -> None:
    assert refusal(house.governor.castVotesBySig, proposal.id, [], sender=house.ann) == ("NoBallots",)


def test_the_ballot_of_a_contract_is_for_it_to_judge(house: SimpleNamespace, project: Any) -> None:
    wallet = house.founder.deploy(project.MockWallet, house.stranger)
    house.token.transfer(wallet, 7 * VOTE, sender=house.ann)
    house.token.invoke_transaction("delegate", wallet, sender=house.ann)  # Ann's votes are the wallet's too
    travel(1)
    proposal = propose(house, action(house.registry.setFee, 1), by=house.bob)
    start_voting(proposal)
    signature = sign_ballot(house.stranger, house.governor, proposal.id, FOR, account=wallet)
    forged = sign_ballot(house.buyer, house.governor, proposal.id, FOR, account=wallet)
    tx = house.governor.castVotesBySig(
        proposal.id, [(wallet, FOR, forged), (wallet, FOR, signature)], sender=house.buyer
    )
    assert len(logs(tx, house.governor.BallotRefused)) == 1
    # The wallet's own coins were never delegated, so Ann's are all that it votes with.
    assert house.governor.proposalVotes(proposal.id).forVotes == (40_000 - 7) * VOTE


def test_a_ballot_for_one_dao_is_none_in_another(house: SimpleNamespace, project: Any) -> None:
    """Two DAOs of the same members, votes and words on one chain, or one governor at the same address on two."""
    rules = (DELAY, PERIOD, THRESHOLD, QUORUM_PERCENT, QUORUM_FLOOR, EXTENSION, ZERO_ADDRESS, 0, VOTE_TOKEN_CAP)
    other = house.founder.deploy(project.RegistryGovernor, house.token, house.timelock, rules)
    theirs = SimpleNamespace(**{**vars(house), "governor": other})
    here, there = (propose(one, action(house.registry.setFee, 1), by=house.ann) for one in (house, theirs))
    start_voting(there)
    for replayed in (
        sign_ballot(house.ann, house.governor, here.id, FOR),
        sign_ballot(house.ann, house.governor, there.id, FOR),
        sign_ballot(house.ann, other, here.id, FOR),
        sign_ballot(house.ann, other, there.id, FOR, chain_id=1),
    ):
        got = refusal(other.castVoteBySig, there.id, FOR, house.ann, replayed, sender=house.stranger)
        assert got == ("GovernorInvalidSignature", house.ann.address)
    meant = sign_ballot(house.ann, other, there.id, FOR)
    other.castVoteBySig(there.id, FOR, house.ann, meant, sender=house.stranger)
    assert other.hasVoted(there.id, house.ann) and not house.governor.hasVoted(here.id, house.ann)


def test_a_ballot_counts_whatever_acts_for_its_voter(house: SimpleNamespace, proposal: Proposal) -> None:
    """EIP-7702: there is code at the voter's account that knows nothing of signatures, and the key votes still."""
    let_act(house.ann, house.market)
    forged = sign_ballot(house.stranger, house.governor, proposal.id, FOR, account=house.ann)
    meant = sign_ballot(house.ann, house.governor, proposal.id, FOR)
    tx = house.governor.castVotesBySig(
        proposal.id, [(house.ann, FOR, forged), (house.ann, FOR, meant)], sender=house.stranger
    )
    assert len(logs(tx, house.governor.BallotRefused)) == 1
    assert house.governor.proposalVotes(proposal.id).forVotes == 40_000 * VOTE
