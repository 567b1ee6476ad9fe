"""What a team is told before anything is signed or sent: slips, moments that have passed, and batches with a catch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry import Registry
from registry.chain.call import Call
from registry.errors import (
    InputError,
    NotAnOwner,
    NotDeployed,
    SignerError,
    TamperedProposal,
    UnsafeCall,
    WrongNonce,
)
from registry.teams.proposal_file import DELEGATECALL, TeamProposal, merged
from registry.teams.team_results import NewTeam


@pytest.mark.parametrize("salt", [-1, 2**256, True, "1"])
def test_a_salt_that_is_no_number_is_refused(ann: Registry, salt: Any) -> None:
    with pytest.raises(InputError, match="is not a salt"):
        ann.teams.create([ann.address], threshold=1, salt=salt)


@pytest.mark.parametrize("threshold", [0, 2, True, "1"])
def test_a_threshold_that_nobody_meets_is_refused(ann: Registry, threshold: Any) -> None:
    with pytest.raises(InputError, match="cannot decide"):
        ann.teams.create([ann.address], threshold=threshold)


@pytest.mark.parametrize("nonce", [-1, 2**53, True, "1"])
def test_a_nonce_that_is_no_number_is_refused(ann: Registry, team: NewTeam, nonce: Any) -> None:
    with pytest.raises(InputError, match="is not a nonce"):
        ann.teams.reject(team, nonce)


def test_a_note_that_fills_the_file_is_refused(ann: Registry, team: NewTeam) -> None:
    assert len(ann.teams.reject(team, note="x" * 2000).note) == 2000
    with pytest.raises(InputError, match="2,001 characters"):
        ann.teams.reject(team, note="x" * 2001)


def test_a_call_to_where_nothing_is_would_succeed_and_do_nothing(ann: Registry, bob: Registry, team: NewTeam) -> None:
    with pytest.raises(NotDeployed, match="no contract at"):
        ann.teams.propose(team, Call(bob.address, b"\x12\x34\x56\x78"))


def test_what_was_decided_already_is_neither_proposed_nor_agreed_to_again(
    ann: Registry, bob: Registry, team: NewTeam, proposal: TeamProposal, signed: TeamProposal
) -> None:
    ann.teams.execute(signed)
    with pytest.raises(WrongNonce):
        ann.teams.reject(team, proposal.nonce)
    late = replace(proposal, note="", data=proposal.data + b"\0")
    for act in (ann.teams.approve_hash, ann.teams.sign):
        with pytest.raises(WrongNonce) as caught:
            act(late)  # type: ignore[operator]
        assert str(caught.value)


def test_only_owners_approve_on_chain(stranger: Registry, team: NewTeam, proposal: TeamProposal) -> None:
    with pytest.raises(NotAnOwner) as caught:
        stranger.teams.approve_hash(proposal)
    assert stranger.address in str(caught.value)


def test_there_are_two_ways_to_sign_a_file(ann: Registry, proposal: TeamProposal) -> None:
    with pytest.raises(InputError, match="no way to sign"):
        ann.teams.sign(proposal, kind="approved")  # type: ignore[arg-type]


def test_whoever_has_no_key_cannot_sign(market_place: Registry, proposal: TeamProposal) -> None:
    with pytest.raises(SignerError):
        market_place.as_account(None).teams.sign(proposal)


def test_the_word_of_a_safe_that_is_no_owner_is_refused(ann: Registry, proposal: TeamProposal) -> None:
    other = ann.teams.create([ann.address], threshold=1, salt=5)
    with pytest.raises(NotAnOwner):
        ann.teams.sign(proposal, owner=other.address)


def test_a_proposal_for_another_version_of_the_safe_is_refused(ann: Registry, proposal: TeamProposal) -> None:
    """The versions hash differently, so owners would sign what their Safe never takes."""
    with pytest.raises(TamperedProposal, match=r"is 1\.3\.0, but the Safe is 1\.4\.1"):
        ann.teams.sign(replace(proposal, version="1.3.0"))


def test_a_batch_goes_through_the_one_contract_and_carries_no_coins(ann: Registry, team: NewTeam) -> None:
    batch = ann.teams.propose(team, [Call(ann.address, b"", 0), Call(team.address, b"", 0)])
    assert batch.operation == DELEGATECALL
    assert len(ann.teams.describe(batch).calls) == 2
    with pytest.raises(UnsafeCall, match="carries no value"):
        ann.teams.sign(replace(batch, value=1))
    with pytest.raises(UnsafeCall, match="go through"):
        ann.teams.sign(replace(batch, to=ann.deployment.marketplace))


def test_of_no_files_there_is_nothing_to_join(ann: Registry) -> None:
    with pytest.raises(InputError):
        merged([])
