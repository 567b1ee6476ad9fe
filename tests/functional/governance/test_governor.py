"""RegistryGovernor, RegistryTimelock and RegistryToken: what OpenZeppelin's leave open, and what ours add."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from ..support import creation_refusal, logs, now, refusal, sign_permit
from .story import (
    ABSTAIN,
    ACTIVE,
    AGAINST,
    CANCELED,
    DAY,
    DEFEATED,
    DELAY,
    EXECUTED,
    EXTENSION,
    FOR,
    HOUR,
    PENDING,
    PERIOD,
    QUEUED,
    QUORUM_FLOOR,
    SUCCEEDED,
    THRESHOLD,
    TIMELOCK_DELAY,
    VOTE,
    action,
    carry,
    described,
    end_voting,
    execute,
    pass_,
    payment,
    propose,
    queue,
    start_voting,
    travel,
)

# A life


def test_a_proposal_lives_from_pending_to_executed(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 100), by=house.ann)
    assert proposal.state == PENDING
    start_voting(proposal)
    assert proposal.state == ACTIVE
    tx = house.governor.castVoteWithReason(proposal.id, FOR, "lower is better", sender=house.ann)
    (vote,) = logs(tx, house.governor.VoteCast)
    assert (vote["weight"], vote["reason"]) == (40_000 * VOTE, "lower is better")
    end_voting(proposal)
    assert proposal.state == SUCCEEDED
    assert house.governor.proposalNeedsQueuing(proposal.id)
    house.governor.queue(*proposal.hashed, sender=house.stranger)
    assert proposal.state == QUEUED
    assert house.governor.proposalEta(proposal.id) == now() + TIMELOCK_DELAY
    travel(TIMELOCK_DELAY)
    execute(proposal)
    assert proposal.state == EXECUTED
    assert house.registry.salesRules().feeBps == 100


def test_votes_are_counted_as_against_for_and_abstain(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    assert house.governor.COUNTING_MODE() == "support=bravo&quorum=for,abstain"
    for voter, support in ((house.ann, AGAINST), (house.bob, FOR), (house.cleo, ABSTAIN)):
        assert not house.governor.hasVoted(proposal.id, voter)
        house.governor.castVote(proposal.id, support, sender=voter)
        assert house.governor.hasVoted(proposal.id, voter)
    votes = house.governor.proposalVotes(proposal.id)
    assert (votes.againstVotes, votes.forVotes, votes.abstainVotes) == (40_000 * VOTE, 30_000 * VOTE, 20_000 * VOTE)
    end_voting(proposal)
    assert proposal.state == DEFEATED


def test_a_tie_is_a_defeat(house: SimpleNamespace) -> None:
    house.token.transfer(house.cleo, 10_000 * VOTE, sender=house.ann)
    travel(1)
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    house.governor.castVote(proposal.id, FOR, sender=house.ann)
    house.governor.castVote(proposal.id, AGAINST, sender=house.cleo)
    end_voting(proposal)
    assert proposal.state == DEFEATED


def test_abstentions_make_the_quorum_and_not_the_majority(house: SimpleNamespace) -> None:
    house.token.transfer(house.stranger, 1_000 * VOTE, sender=house.ann)
    house.token.invoke_transaction("delegate", house.stranger, sender=house.stranger)
    travel(1)
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    house.governor.castVote(proposal.id, FOR, sender=house.stranger)
    house.governor.castVote(proposal.id, ABSTAIN, sender=house.cleo)
    end_voting(proposal)
    assert proposal.state == SUCCEEDED


@pytest.mark.parametrize("support", [3, 255])
def test_there_is_no_other_kind_of_vote(house: SimpleNamespace, support: int) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    assert refusal(house.governor.castVote, proposal.id, support, sender=house.ann) == ("GovernorInvalidVoteType",)


def test_nobody_votes_twice_or_late(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    house.governor.castVote(proposal.id, FOR, sender=house.ann)
    again = refusal(house.governor.castVote, proposal.id, AGAINST, sender=house.ann)
    assert again == ("GovernorAlreadyCastVote", house.ann.address)
    end_voting(proposal)
    late = refusal(house.governor.castVote, proposal.id, FOR, sender=house.bob)
    assert late[:3] == ("GovernorUnexpectedProposalState", proposal.id, SUCCEEDED)


def test_a_proposer_needs_votes_from_before(house: SimpleNamespace) -> None:
    args = ([house.registry], [0], [action(house.registry.setFee, 1)[2]], described("A change", house.stranger))
    refused = refusal(house.governor.propose, *args, sender=house.stranger)
    assert refused == ("GovernorInsufficientProposerVotes", house.stranger.address, 0, THRESHOLD)


# Proposing


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "#proposer=",
        "#proposer=0x1234",
        "#proposer={}\n",
        "#proposer={} ",
        "#Proposer={}",
        "proposer={}",
        "#proposer=0x{}",
    ],
)
def test_a_description_ends_with_who_proposes(house: SimpleNamespace, ending: str) -> None:
    data = action(house.registry.setFee, 1)[2]
    description = "A change that is long enough to hold the suffix, and more" + ending.format(house.ann.address)
    refused = refusal(house.governor.propose, [house.registry], [0], [data], description, sender=house.ann)
    assert refused == ("ProposerSuffixMissing", house.ann.address)
    assert refusal(house.governor.propose, [house.registry], [0], [data], "short", sender=house.ann) == refused


def test_the_address_in_the_suffix_may_be_written_in_any_case(house: SimpleNamespace) -> None:
    data = action(house.registry.setFee, 1)[2]
    for number, address in enumerate(
        (house.ann.address, house.ann.address.lower(), "0x" + house.ann.address[2:].upper())
    ):
        house.governor.propose([house.registry], [0], [data], f"{number}#proposer={address}", sender=house.ann)


def test_a_call_with_data_goes_to_code_only(house: SimpleNamespace) -> None:
    args = ([house.stranger], [0], [b"\x01\x02\x03\x04"], described("A change", house.ann))
    assert refusal(house.governor.propose, *args, sender=house.ann) == ("TargetWithoutCode", house.stranger.address)


def test_code_of_the_size_of_a_delegation_is_code(house: SimpleNamespace, project: Any) -> None:
    """A person for whom code acts (EIP-7702) has 23 bytes of it, with a mark in front; others are contracts."""
    factory = house.founder.deploy(project.MetamorphFactory)
    creation = bytes.fromhex("6017600c60003960176000f3") + bytes(23)
    small = factory.addressOf(bytes(32), creation)
    args = ([small], [0], [b"\x01\x02\x03\x04"], described("A change", house.ann))
    assert refusal(house.governor.propose, *args, sender=house.ann) == ("TargetWithoutCode", small)
    factory.create(bytes(32), creation, sender=house.stranger)
    house.governor.propose(*args, sender=house.ann)


def test_a_proposal_is_of_at_least_one_action_and_of_lists_of_one_length(house: SimpleNamespace) -> None:
    text = described("A change", house.ann)
    assert refusal(house.governor.propose, [], [], [], text, sender=house.ann)[0] == "GovernorInvalidProposalLength"
    for lists in (([house.market], [], [b""]), ([house.market], [0], []), ([house.market], [0, 0], [b""])):
        refused = refusal(house.governor.propose, *lists, text, sender=house.ann)
        assert refused[0] == "GovernorInvalidProposalLength"


def test_the_id_commits_to_governor_actions_and_text(house: SimpleNamespace, project: Any) -> None:
    args = ([house.market], [0], [action(house.registry.setFee, 1)[2]], keccak(text="text"))
    rules = (DELAY, PERIOD, THRESHOLD, 4, QUORUM_FLOOR, EXTENSION, ZERO_ADDRESS, 0, 0)
    other = house.founder.deploy(project.RegistryGovernor, house.token, house.timelock, rules)
    ids = {
        house.governor.getProposalId(*args),
        other.getProposalId(*args),
        house.governor.getProposalId(args[0], [1], args[2], args[3]),
        house.governor.getProposalId(args[0], [0], [b""], args[3]),
        house.governor.getProposalId([house.registry], [0], args[2], args[3]),
        house.governor.getProposalId(*args[:3], keccak(text="other text")),
    }
    assert len(ids) == 6
    assert house.governor.getProposalId(*args) != house.governor.hashProposal(*args)


def test_money_sent_to_a_person_does_not_change_the_id(house: SimpleNamespace, accounts: Any) -> None:
    """An account that was never used has no code hash on chain; one wei gives it the hash of nothing."""
    fresh = "0x00000000000000000000000000000000000FA11A"
    proposal = queue(pass_(propose(house, payment(fresh, 5), by=house.ann)))
    house.stranger.transfer(fresh, 1)
    execute(proposal)
    assert proposal.state == EXECUTED


# Cancelling


def test_who_proposes_may_cancel_until_the_vote(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    refused = refusal(house.governor.cancel, *proposal.hashed, sender=house.bob)
    assert refused == ("GovernorUnableToCancel", proposal.id, house.bob.address)
    house.governor.cancel(*proposal.hashed, sender=house.ann)
    assert proposal.state == CANCELED
    other = propose(house, action(house.registry.setFee, 2), by=house.ann)
    start_voting(other)
    refused = refusal(house.governor.cancel, *other.hashed, sender=house.ann)
    assert refused == ("GovernorUnableToCancel", other.id, house.ann.address)


@pytest.mark.parametrize("stage", ["pending", "active", "succeeded", "queued"])
def test_the_guardian_may_cancel_at_any_stage(house: SimpleNamespace, stage: str) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    if stage == "active":
        start_voting(proposal)
    elif stage != "pending":
        pass_(proposal)
        if stage == "queued":
            queue(proposal)
    house.governor.cancel(*proposal.hashed, sender=house.guardian)
    assert proposal.state == CANCELED
    refused = refusal(house.governor.execute, *proposal.hashed, sender=house.ann)
    assert refused[:3] == ("GovernorUnexpectedProposalState", proposal.id, CANCELED)


def test_what_was_defeated_is_not_cancelled(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    end_voting(proposal)
    refused = refusal(house.governor.cancel, *proposal.hashed, sender=house.guardian)
    assert refused == ("GovernorUnableToCancel", proposal.id, house.guardian.address)
    assert proposal.state == DEFEATED


def test_the_guardian_cannot_cancel_its_own_replacement(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.governor.setGuardian, house.cleo, now() + DAY * 30), by=house.ann)
    refused = refusal(house.governor.cancel, *proposal.hashed, sender=house.guardian)
    assert refused == ("GuardianCannotStay", house.guardian.address)
    refused = refusal(house.governor.cancelById, proposal.id, sender=house.guardian)
    assert refused == ("GuardianCannotStay", house.guardian.address)
    execute(queue(pass_(proposal)))
    assert house.governor.guardian() == house.cleo


def test_who_proposes_another_guardian_may_still_cancel(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.governor.setGuardian, house.cleo, now() + DAY * 30), by=house.ann)
    house.governor.cancel(*proposal.hashed, sender=house.ann)
    assert proposal.state == CANCELED


def test_beside_anything_else_a_replacement_can_be_cancelled(house: SimpleNamespace) -> None:
    """Else any proposal could be made safe from the guardian by naming another one in it."""
    replace = action(house.governor.setGuardian, house.cleo, now() + DAY * 30)
    proposal = propose(house, replace, action(house.registry.setFee, 1), by=house.ann)
    house.governor.cancel(*proposal.hashed, sender=house.guardian)
    assert proposal.state == CANCELED


@pytest.mark.parametrize("stage", ["pending", "active", "succeeded", "queued"])
def test_the_guardian_may_cancel_by_number_at_any_stage(house: SimpleNamespace, stage: str) -> None:
    """`cancel` works out the number from the code that is called, which may have changed by then."""
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    if stage == "active":
        start_voting(proposal)
    elif stage != "pending":
        pass_(proposal)
        if stage == "queued":
            queue(proposal)
    for who in (house.ann, house.stranger):
        refused = refusal(house.governor.cancelById, proposal.id, sender=who)
        assert refused == ("GovernorUnableToCancel", proposal.id, who.address)
    tx = house.governor.cancelById(proposal.id, sender=house.guardian)
    assert logs(tx, house.governor.ProposalCanceled) == [{"proposalId": proposal.id}]
    assert proposal.state == CANCELED
    for act in (house.governor.queue, house.governor.execute):
        refused = refusal(act, *proposal.hashed, sender=house.ann)
        assert refused[:3] == ("GovernorUnexpectedProposalState", proposal.id, CANCELED)
    refused = refusal(house.governor.castVote, proposal.id, FOR, sender=house.ann)
    assert refused[:3] == ("GovernorUnexpectedProposalState", proposal.id, CANCELED)
    refused = refusal(house.governor.cancelById, proposal.id, sender=house.guardian)
    assert refused[:3] == ("GovernorUnexpectedProposalState", proposal.id, CANCELED)
    travel(365 * DAY)
    assert proposal.state == CANCELED


def test_what_was_defeated_or_is_not_there_is_not_cancelled_by_number(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    end_voting(proposal)
    refused = refusal(house.governor.cancelById, proposal.id, sender=house.guardian)
    assert refused[:3] == ("GovernorUnexpectedProposalState", proposal.id, DEFEATED)
    refused = refusal(house.governor.cancelById, 7, sender=house.guardian)
    assert refused == ("GovernorNonexistentProposal", 7)


# Settings


def test_settings_change_by_proposals_only(house: SimpleNamespace) -> None:
    governor = house.governor
    for method, args in (
        (governor.setVotingDelay, (HOUR,)),
        (governor.setVotingPeriod, (DAY,)),
        (governor.setProposalThreshold, (0,)),
        (governor.updateQuorumNumerator, (5,)),
        (governor.setLateQuorumVoteExtension, (0,)),
        (governor.setGuardian, (house.ann, 0)),
        (governor.setSpendingCap, (house.dollar, 0)),
        (governor.relay, (house.market, 0, b"")),
    ):
        for who in (house.founder, house.guardian, house.ann):
            assert refusal(method, *args, sender=who) == ("GovernorOnlyExecutor", who.address), method


def test_proposals_change_every_setting(house: SimpleNamespace) -> None:
    governor, until = house.governor, now() + 100 * DAY
    tx = carry(
        house,
        action(governor.setVotingDelay, 2 * HOUR),
        action(governor.setVotingPeriod, 5 * DAY),
        action(governor.setProposalThreshold, 7),
        action(governor.updateQuorumNumerator, 10),
        action(governor.setLateQuorumVoteExtension, 2 * DAY),
        action(governor.setGuardian, house.bob, until),
        action(governor.setSpendingCap, house.dollar, 5),
        action(house.timelock.updateDelay, 3 * DAY),
    )
    assert (governor.votingDelay(), governor.votingPeriod()) == (2 * HOUR, 5 * DAY)
    assert (governor.proposalThreshold(), governor.quorumNumerator()) == (7, 10)
    assert governor.lateQuorumVoteExtension() == 2 * DAY
    assert (governor.guardian(), governor.guardianUntil()) == (house.bob, until)
    assert governor.spendingCap(house.dollar) == 5
    assert house.timelock.getMinDelay() == 3 * DAY
    assert logs(tx, governor.GuardianSet) == [{"guardian": house.bob.address, "until": until}]
    assert logs(tx, governor.SpendingCapSet) == [{"token": house.dollar.address, "cap": 5}]
    (extension,) = logs(tx, governor.LateQuorumVoteExtensionSet)
    assert list(extension.values()) == [EXTENSION, 2 * DAY]


OUT_OF_BOUNDS = [
    ("votingDelay", "setVotingDelay", HOUR - 1),
    ("votingDelay", "setVotingDelay", 14 * DAY + 1),
    ("votingPeriod", "setVotingPeriod", DAY - 1),
    ("votingPeriod", "setVotingPeriod", 30 * DAY + 1),
    ("proposalThreshold", "setProposalThreshold", 5_000 * VOTE + 1),
    ("quorumPercent", "updateQuorumNumerator", 0),
    ("quorumPercent", "updateQuorumNumerator", 26),
    ("lateQuorumExtension", "setLateQuorumVoteExtension", PERIOD + 1),
]


@pytest.mark.parametrize(("setting", "method", "value"), OUT_OF_BOUNDS)
def test_no_proposal_moves_a_setting_out_of_its_bounds(
    house: SimpleNamespace, setting: str, method: str, value: int
) -> None:
    proposal = queue(pass_(propose(house, action(getattr(house.governor, method), value), by=house.ann)))
    refused = refusal(house.governor.execute, *proposal.hashed, sender=house.ann)
    assert refused[0] == "SettingOutOfBounds"
    assert refused[1:3] == (setting.encode().ljust(32, b"\0"), value)
    assert value < refused[3] or value > refused[4]


def test_a_voting_period_is_not_shorter_than_its_extension(house: SimpleNamespace) -> None:
    carry(house, action(house.governor.setLateQuorumVoteExtension, 2 * DAY))
    proposal = queue(pass_(propose(house, action(house.governor.setVotingPeriod, 2 * DAY - 1), by=house.ann)))
    refused = refusal(house.governor.execute, *proposal.hashed, sender=house.ann)
    assert refused == ("SettingOutOfBounds", b"votingPeriod".ljust(32, b"\0"), 2 * DAY - 1, 2 * DAY, 30 * DAY)


RULES = {
    "votingDelay": DELAY,
    "votingPeriod": PERIOD,
    "proposalThreshold": THRESHOLD,
    "quorumPercent": 4,
    "quorumFloor": QUORUM_FLOOR,
    "lateQuorumExtension": EXTENSION,
    "guardian": ZERO_ADDRESS,
    "guardianUntil": 0,
    "voteTokenCap": 0,
}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("votingDelay", 0),
        ("votingPeriod", DAY - 1),
        ("proposalThreshold", 5_000 * VOTE + 1),
        ("quorumPercent", 0),
        ("quorumFloor", 0),
        ("quorumPercent", 26),
        ("quorumFloor", 25_000 * VOTE + 1),
        ("lateQuorumExtension", PERIOD + 1),
        ("guardianUntil", 2**48 - 1),
    ],
)
def test_no_governor_is_made_out_of_bounds(house: SimpleNamespace, project: Any, setting: str, value: int) -> None:
    rules = tuple({**RULES, setting: value}.values())
    refused = creation_refusal(
        project.RegistryGovernor, house.token.address, house.timelock.address, rules, sender=house.founder
    )
    assert refused[:3] == ("SettingOutOfBounds", setting.encode().ljust(32, b"\0"), value)


def test_the_timelock_cannot_be_replaced(house: SimpleNamespace) -> None:
    assert refusal(house.governor.updateTimelock, house.ann, sender=house.ann) == ("TimelockIsFixed",)


@pytest.mark.parametrize(("asked", "given"), [(0, DAY), (5 * DAY, 5 * DAY), (2**200, 30 * DAY)])
def test_the_delay_of_the_timelock_stays_in_its_bounds(house: SimpleNamespace, asked: int, given: int) -> None:
    carry(house, action(house.timelock.updateDelay, asked))
    assert house.timelock.getMinDelay() == given


def test_the_governor_relays_what_was_sent_to_it_by_mistake_but_nothing_to_the_timelock(house: SimpleNamespace) -> None:
    house.dollar.transfer(house.governor, 5, sender=house.stranger)
    back = bytes(house.dollar.transfer.encode_input(house.stranger, 5))
    before = house.dollar.balanceOf(house.stranger)
    carry(house, action(house.governor.relay, house.dollar, 0, back))
    assert house.dollar.balanceOf(house.stranger) == before + 5
    cancel = bytes(house.timelock.cancel.encode_input(bytes(32)))
    proposal = queue(
        pass_(propose(house, action(house.governor.relay, house.timelock, 0, cancel), by=house.ann, title="Round it"))
    )
    assert refusal(house.governor.execute, *proposal.hashed, sender=house.ann) == ("RelayToTimelock",)


# The token


def test_all_of_the_token_is_made_at_once(house: SimpleNamespace, project: Any) -> None:
    assert house.token.totalSupply() == 100_000 * VOTE
    assert not [name for name in dir(house.token) if "mint" in name.lower()]
    assert house.token.CLOCK_MODE() == house.governor.CLOCK_MODE() == "mode=timestamp"
    assert house.token.clock() == house.governor.clock() == now()
    ann, names = house.ann.address, ("Registry Votes", "VOTE")
    for nothing in ([], [(ann, 0)]):
        refused = creation_refusal(project.RegistryToken, *names, nothing, sender=house.founder)
        assert refused == ("NothingAllocated",)
    refused = creation_refusal(project.RegistryToken, *names, [(ann, 2**96)], sender=house.founder)
    assert refused == ("ERC20ExceededSafeSupply", 2**96, 2**96 - 1)
    house.founder.deploy(project.RegistryToken, *names, [(ann, 2**96 - 1)])


def test_a_permit_approves_once(house: SimpleNamespace) -> None:
    token, nonces = house.token, lambda: house.token.call_view_method("nonces", house.ann)
    permit = sign_permit(house.ann, token, house.stranger, VOTE, deadline=now() + HOUR)
    before = nonces()
    token.permit(house.ann, house.stranger, *permit[1:], sender=house.service)
    assert (token.allowance(house.ann, house.stranger), nonces()) == (VOTE, before + 1)
    again = refusal(token.permit, house.ann, house.stranger, *permit[1:], sender=house.service)
    assert again[0] == "ERC2612InvalidSigner"
