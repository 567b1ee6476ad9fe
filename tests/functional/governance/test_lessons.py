"""What went wrong in other DAOs, tried on ours: rows 1 to 15, 32 and 33 of the table of lessons, a test each."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ape import chain
from eth_abi import encode
from eth_utils import keccak

from ..support import DOLLAR, held_by, logs, now, order, refusal, revert_data
from .story import (
    ACTIVE,
    AGAINST,
    DAY,
    DEFEATED,
    EXECUTED,
    EXPIRED,
    EXTENSION,
    FOR,
    HOUR,
    PERIOD,
    QUEUED,
    QUORUM_FLOOR,
    SUCCEEDED,
    THRESHOLD,
    TIME_TO_ACT,
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
    sign_ballot,
    start_voting,
    travel,
    travel_to,
)

MANIFEST = json.loads((Path(__file__).parents[3] / "registry" / "chain" / "manifest.json").read_text(encoding="utf-8"))
CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


# 1. Votes that were lent for a moment


def test_row_1_a_loan_proposes_nothing(house: SimpleNamespace, project: Any) -> None:
    flash = house.founder.deploy(project.FlashVoter)
    house.token.approve(flash, 2**256 - 1, sender=house.ann)
    data = action(house.registry.setFee, 500)[2]
    text = f"Mine#proposer={flash.address}"
    args = (house.token, house.governor, house.ann, [house.registry], [0], [data], text)
    refused = refusal(flash.proposeWithLoan, *args, sender=house.stranger)
    assert refused == ("GovernorInsufficientProposerVotes", flash.address, 0, THRESHOLD)


def test_row_1_a_loan_votes_with_nothing(house: SimpleNamespace, project: Any) -> None:
    flash = house.founder.deploy(project.FlashVoter)
    house.token.approve(flash, 2**256 - 1, sender=house.ann)
    proposal = propose(house, action(house.registry.setFee, 500), by=house.ann)
    start_voting(proposal)
    tx = flash.voteWithLoan(house.token, house.governor, house.ann, proposal.id, sender=house.stranger)
    assert flash.held() == 40_000 * VOTE
    assert [log["weight"] for log in logs(tx, house.governor.VoteCast)] == [0]


def test_row_1_votes_that_move_after_the_snapshot_count_where_they_were(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 500), by=house.ann)
    start_voting(proposal)
    house.governor.castVote(proposal.id, FOR, sender=house.ann)
    house.token.transfer(house.stranger, 40_000 * VOTE, sender=house.ann)
    house.token.invoke_transaction("delegate", house.stranger, sender=house.stranger)
    house.governor.castVote(proposal.id, FOR, sender=house.stranger)
    assert house.governor.proposalVotes(proposal.id).forVotes == 40_000 * VOTE


# 2. Proposals that somebody else submits first, to cancel them


def test_row_2_nobody_else_can_submit_a_proposal(house: SimpleNamespace) -> None:
    data = action(house.registry.setFee, 100)[2]
    text = described("A change", house.ann)
    refused = refusal(house.governor.propose, [house.registry], [0], [data], text, sender=house.bob)
    assert refused == ("GovernorRestrictedProposer", house.bob.address)
    plain = "A change without a suffix, as OpenZeppelin's governor would take it from anybody"
    refused = refusal(house.governor.propose, [house.registry], [0], [data], plain, sender=house.ann)
    assert refused == ("ProposerSuffixMissing", house.ann.address)


def test_row_2_the_plain_governor_lets_the_attack_through(house: SimpleNamespace, project: Any) -> None:
    """The attack that ours refuses, on OpenZeppelin's governor as it comes: it is real."""
    plain = house.founder.deploy(project.PlainGovernor, house.token, house.timelock, HOUR, DAY, THRESHOLD, 4)
    args = ([house.registry.address], [0], [action(house.registry.setFee, 100)[2]], "A change of Ann's")
    plain.propose(*args, sender=house.bob)
    plain.cancel(*args[:3], keccak(text=args[3]), sender=house.bob)
    assert refusal(plain.propose, *args, sender=house.ann)[0] == "GovernorUnexpectedProposalState"


# 3. A lower quorum that wakes the dead


def test_row_3_a_lower_quorum_revives_nothing(house: SimpleNamespace) -> None:
    carry(house, action(house.governor.updateQuorumNumerator, 25), title="A high quorum")
    weak = propose(house, action(house.registry.setFee, 500), by=house.ann, title="Too few")
    untouched = propose(house, action(house.registry.setFee, 499), by=house.ann, title="Nobody came")
    pass_(weak, house.cleo)
    end_voting(untouched)
    assert (weak.state, untouched.state) == (DEFEATED, DEFEATED)
    carry(house, action(house.governor.updateQuorumNumerator, 1), title="A low quorum")
    assert (weak.state, untouched.state) == (DEFEATED, DEFEATED)


# 4. A vote in the last second


def test_row_4_a_quorum_in_the_last_second_gives_the_others_a_day(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 500), by=house.ann)
    end = house.governor.proposalDeadline(proposal.id)
    travel_to(end - 1)
    tx = house.governor.castVote(proposal.id, FOR, sender=house.ann)
    extended = now() + EXTENSION
    assert logs(tx, house.governor.ProposalExtended) == [{"proposalId": proposal.id, "extendedDeadline": extended}]
    assert house.governor.proposalDeadline(proposal.id) == extended
    travel_to(end + 1)
    for voter in (house.bob, house.cleo):
        house.governor.castVote(proposal.id, AGAINST, sender=voter)
    # Once: who votes later does not prolong it again.
    assert house.governor.proposalDeadline(proposal.id) == extended
    end_voting(proposal)
    assert proposal.state == DEFEATED


def test_row_4_an_early_quorum_prolongs_nothing(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 500), by=house.ann)
    end = house.governor.proposalDeadline(proposal.id)
    start_voting(proposal)
    tx = house.governor.castVote(proposal.id, FOR, sender=house.ann)
    assert not logs(tx, house.governor.ProposalExtended)
    assert house.governor.proposalDeadline(proposal.id) == end


def test_row_4_an_extension_is_not_longer_than_the_vote(house: SimpleNamespace) -> None:
    proposal = queue(pass_(propose(house, action(house.governor.setLateQuorumVoteExtension, PERIOD + 1), by=house.ann)))
    refused = refusal(house.governor.execute, *proposal.hashed, sender=house.ann)
    assert refused == ("SettingOutOfBounds", b"lateQuorumExtension".ljust(32, b"\0"), PERIOD + 1, 0, PERIOD)


# 5. A treasury that few could empty


def test_row_5_a_small_percentage_is_not_enough_without_the_floor(house: SimpleNamespace) -> None:
    carry(house, action(house.governor.updateQuorumNumerator, 1), title="One percent")
    house.token.transfer(house.stranger, QUORUM_FLOOR - 1, sender=house.ann)
    house.token.invoke_transaction("delegate", house.stranger, sender=house.stranger)
    travel(1)
    assert house.governor.quorum(now() - 1) == QUORUM_FLOOR
    proposal = propose(house, action(house.dollar.transfer, house.stranger, DOLLAR), by=house.ann)
    pass_(proposal, house.stranger)
    assert proposal.state == DEFEATED


def test_row_5_more_than_the_cap_takes_more_votes(house: SimpleNamespace) -> None:
    carry(house, action(house.governor.setSpendingCap, house.dollar, 1_000 * DOLLAR), title="A cap")
    house.token.transfer(house.stranger, QUORUM_FLOOR, sender=house.ann)
    house.token.invoke_transaction("delegate", house.stranger, sender=house.stranger)
    travel(1)
    raid = propose(house, action(house.dollar.transfer, house.stranger, 50_000 * DOLLAR), by=house.ann)
    pass_(raid, house.stranger)
    refused = refusal(house.governor.queue, *raid.hashed, sender=house.stranger)
    assert refused == ("SpendingNeedsMoreVotes", raid.id, house.dollar.address, QUORUM_FLOOR, 2 * QUORUM_FLOOR)


# 6. Code that changes after the vote


def test_row_6_a_stranger_who_makes_the_contract_that_is_paid_stops_no_payment(
    house: SimpleNamespace, project: Any
) -> None:
    """A splitter or a Safe may be paid before it is there: a payment runs no code that was voted on."""
    factory = house.founder.deploy(project.MetamorphFactory)
    code = bytes.fromhex(project.Recipient.contract_type.deployment_bytecode.bytecode.removeprefix("0x"))
    where = factory.addressOf(bytes(32), code)
    proposal = queue(pass_(propose(house, payment(where, 5), by=house.ann)))
    factory.create(bytes(32), code, sender=house.stranger)
    execute(proposal)
    assert held_by(where) == 5


def test_row_6_no_call_is_voted_on_that_has_no_code_yet(house: SimpleNamespace, project: Any) -> None:
    """Code that changes after the vote is refused at the queue and at the end: `GovernorTargets` of forge's tests."""
    factory = house.founder.deploy(project.MetamorphFactory)
    code = bytes.fromhex(project.Recipient.contract_type.deployment_bytecode.bytecode.removeprefix("0x"))
    where = factory.addressOf(bytes(32), code)
    call = ([where], [0], [b"\x01\x02\x03\x04"], described("A call", house.ann))
    assert refusal(house.governor.propose, *call, sender=house.ann) == ("TargetWithoutCode", where)


def test_row_6_nobody_executes_past_the_governor(house: SimpleNamespace) -> None:
    """The timelock itself compares no code; so only the governor, which does, may tell it to execute."""
    proposal = queue(pass_(propose(house, action(house.registry.setFee, 100), by=house.ann)))
    # OpenZeppelin's salt, with the proposal's id in place of the hash of its text.
    salt = bytes(
        a ^ b
        for a, b in zip(
            bytes.fromhex(house.governor.address[2:]).ljust(32, b"\0"), proposal.id.to_bytes(32, "big"), strict=True
        )
    )
    batch = (proposal.targets, proposal.values, proposal.data, bytes(32), salt)
    assert house.timelock.isOperationReady(house.timelock.hashOperationBatch(*batch))
    for who in (house.ann, house.guardian, house.founder):
        refused = refusal(house.timelock.executeBatch, *batch, sender=who)
        assert refused == ("AccessControlUnauthorizedAccount", who.address, house.timelock.EXECUTOR_ROLE())


# 7. A timelock that shortens its own delay and hurries on


def test_row_7_a_batch_cannot_schedule_and_execute_at_once(house: SimpleNamespace) -> None:
    fee = action(house.registry.setFee, 500)[2]
    hasty = (house.registry, 0, fee, bytes(32), bytes(32))
    proposal = queue(
        pass_(
            propose(
                house,
                action(house.timelock.updateDelay, 0),
                action(house.timelock.schedule, *hasty, 0),
                action(house.timelock.execute, *hasty),
                by=house.ann,
            )
        )
    )
    refused = refusal(house.governor.execute, *proposal.hashed, sender=house.ann)
    assert refused == ("AccessControlUnauthorizedAccount", house.timelock.address, house.timelock.PROPOSER_ROLE())


def test_row_7_nothing_is_executed_before_its_delay(house: SimpleNamespace) -> None:
    proposal = pass_(propose(house, action(house.registry.setFee, 100), by=house.ann))
    house.governor.queue(*proposal.hashed, sender=house.stranger)
    travel_to(house.governor.proposalEta(proposal.id) - 1)
    assert refusal(house.governor.execute, *proposal.hashed, sender=house.ann)[0] == "TimelockUnexpectedOperationState"
    travel_to(house.governor.proposalEta(proposal.id))
    execute(proposal)


# 8. A deployer who kept a key


def test_row_8_only_the_governor_has_the_timelock_and_only_the_timelock_itself(house: SimpleNamespace) -> None:
    timelock = house.timelock
    powers = [timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE(), timelock.EXECUTOR_ROLE()]
    admin = timelock.DEFAULT_ADMIN_ROLE()
    for role in powers:
        assert timelock.hasRole(role, house.governor)
        assert timelock.getRoleAdmin(role) == admin
    assert timelock.hasRole(admin, timelock)
    holders = [house.founder, house.guardian, house.ann, house.council, house.authority]
    assert not [who for who in holders for role in (*powers, admin) if timelock.hasRole(role, who)]
    assert not timelock.hasRole(timelock.EXECUTOR_ROLE(), "0x0000000000000000000000000000000000000000")
    assert not timelock.hasRole(admin, house.governor)


def test_row_8_the_deployer_has_no_role_with_the_authority(house: SimpleNamespace) -> None:
    for role in range(5):
        assert not house.authority.hasRole(role, house.founder).isMember
    assert house.authority.hasRole(0, house.timelock).isMember


# 9. Another authority, through the manager's own `execute`


def test_row_9_nobody_sets_another_authority_through_execute(house: SimpleNamespace) -> None:
    for contract in (house.registry, house.directory, house.standards, house.curation, house.brake, house.treasuries):
        data = bytes(contract.setAuthority.encode_input(house.stranger))
        for who in (house.founder, house.guardian, house.council, house.stranger):
            refused = refusal(house.authority.execute, contract, data, sender=who)
            assert refused[:3] == ("AccessManagerUnauthorizedCall", who.address, contract.address)
            assert refusal(contract.setAuthority, house.stranger, sender=who)[0] == "AccessManagedUnauthorized"


# 10. A signed vote that is counted again


def test_row_10_a_ballot_counts_once_and_for_one_proposal_of_one_governor(house: SimpleNamespace, project: Any) -> None:
    first = propose(house, action(house.registry.setFee, 1), by=house.ann)
    second = propose(house, action(house.registry.setFee, 2), by=house.ann)
    start_voting(second)
    vote = house.governor.castVoteBySig
    ballot = sign_ballot(house.bob, house.governor, first.id, FOR)
    invalid = ("GovernorInvalidSignature", house.bob.address)
    assert refusal(vote, second.id, FOR, house.bob, ballot, sender=house.stranger) == invalid
    assert refusal(vote, first.id, AGAINST, house.bob, ballot, sender=house.stranger) == invalid
    vote(first.id, FOR, house.bob, ballot, sender=house.stranger)
    assert refusal(vote, first.id, FOR, house.bob, ballot, sender=house.stranger) == invalid
    fresh = sign_ballot(house.bob, house.governor, first.id, FOR)
    refused = refusal(vote, first.id, FOR, house.bob, fresh, sender=house.stranger)
    assert refused == ("GovernorAlreadyCastVote", house.bob.address)
    elsewhere = [
        sign_ballot(house.bob, house.governor, second.id, FOR, chain_id=1),
        sign_ballot(house.bob, house.timelock, second.id, FOR, nonce=1),
        sign_ballot(house.bob, house.governor, second.id, FOR, nonce=0),
        sign_ballot(house.bob, house.governor, second.id, FOR, nonce=2),
    ]
    for signature in elsewhere:
        assert refusal(vote, second.id, FOR, house.bob, signature, sender=house.stranger) == invalid


# 11. Settings that change under a vote


def test_row_11_settings_leave_what_is_being_voted_on_as_it_was(house: SimpleNamespace) -> None:
    change = propose(
        house,
        action(house.governor.setVotingPeriod, 30 * DAY),
        action(house.governor.setVotingDelay, 14 * DAY),
        action(house.governor.updateQuorumNumerator, 25),
        by=house.ann,
        title="Everything else",
    )
    queue(pass_(change))
    running = propose(house, action(house.registry.setFee, 77), by=house.ann, title="Running")
    start_voting(running)
    house.governor.castVote(running.id, FOR, sender=house.cleo)
    before = [house.governor.proposalSnapshot(running.id), house.governor.proposalDeadline(running.id)]
    quorum = house.governor.quorum(before[0])
    execute(change)
    assert [house.governor.proposalSnapshot(running.id), house.governor.proposalDeadline(running.id)] == before
    assert house.governor.quorum(before[0]) == quorum == QUORUM_FLOOR
    assert running.state == ACTIVE
    end_voting(running)
    assert running.state == SUCCEEDED


# 12. The same signature in another form


def test_row_12_a_signature_in_another_form_is_none(house: SimpleNamespace) -> None:
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    signature = sign_ballot(house.bob, house.governor, proposal.id, FOR)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    flipped = r + (CURVE - s).to_bytes(32, "big") + bytes([55 - v])
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")
    for other in (flipped, compact, signature + b"\0", signature[:64], r + bytes(33)):
        refused = refusal(house.governor.castVoteBySig, proposal.id, FOR, house.bob, other, sender=house.stranger)
        assert refused == ("GovernorInvalidSignature", house.bob.address)
    house.governor.castVoteBySig(proposal.id, FOR, house.bob, signature, sender=house.stranger)


# 13. A contract's signature that was meant for something else


def test_row_13_a_contract_account_is_asked_about_this_very_ballot(house: SimpleNamespace, project: Any) -> None:
    wallet = house.founder.deploy(project.MockWallet, house.stranger)
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    vote = house.governor.castVoteBySig
    for signature in (
        sign_ballot(house.stranger, house.governor, proposal.id, FOR),
        sign_ballot(house.stranger, house.timelock, proposal.id, FOR, account=wallet, nonce=0),
        sign_ballot(house.stranger, house.governor, proposal.id, AGAINST, account=wallet),
        b"",
    ):
        refused = refusal(vote, proposal.id, FOR, wallet, signature, sender=house.buyer)
        assert refused == ("GovernorInvalidSignature", wallet.address)
    right = sign_ballot(house.stranger, house.governor, proposal.id, FOR, account=wallet)
    vote(proposal.id, FOR, wallet, right, sender=house.buyer)


# 14. A sender who is taken on trust, in a batch


def test_row_14_no_contract_trusts_a_forwarder(house: SimpleNamespace, asset: int) -> None:
    """An address after the data, as forwarders append it, changes the answer of no function of any contract."""
    held = [house.author, house.guardian, house.timelock, house.governor, house.authority, house.council, house.ann]
    seen: list[str] = []
    for contract in vars(house).values():
        for method in getattr(getattr(contract, "contract_type", None), "mutable_methods", ()):
            for word in (0, asset):
                data = keccak(text=method.selector)[:4] + word.to_bytes(32, "big") * 12
                plain = answer_to(contract, data, house.stranger)
                for account in held:
                    appended = answer_to(contract, data + bytes.fromhex(account.address[2:]), house.stranger)
                    assert appended == plain, (contract, method.selector)
                seen.append(plain)
    assert len(seen) > 160 and len(set(seen)) > 20, "they were refused, each for its own reason"


def answer_to(contract: Any, data: bytes, sender: Any) -> str:
    """What a call returns, or is refused with."""
    call = {"from": sender.address, "to": contract.address, "data": "0x" + data.hex(), "gas": hex(5_000_000)}
    try:
        return bytes(chain.provider.web3.eth.call(call)).hex()
    except Exception as error:
        return revert_data(error).hex()


def test_row_14_an_address_after_the_data_of_a_batch_is_nobody(house: SimpleNamespace, asset: int) -> None:
    """What a forwarder would append names the owner; the caller stays who it is."""
    call = bytes(house.registry.setState.encode_input(asset, 1)) + bytes.fromhex(house.author.address[2:])
    refused = refusal(house.registry.multicall, [call], sender=house.stranger)
    assert refused == ("NotAssetOwner", asset, house.stranger.address)


# 15. One payment for a whole batch


def test_row_15_no_batch_takes_money(house: SimpleNamespace) -> None:
    batches = [
        (name, entry)
        for name, c in MANIFEST["contracts"].items()
        for entry in c["abi"]
        if entry["type"] == "function" and "multicall" in entry["name"].lower()
    ]
    assert {name for name, _ in batches} >= {"AssetRegistry", "RegistryAuthority"}
    assert not [name for name, entry in batches if entry["stateMutability"] == "payable"]


def test_row_15_two_purchases_cost_two_prices(house: SimpleNamespace, asset: int) -> None:
    before = house.dollar.balanceOf(house.buyer)
    for _ in range(2):
        house.market.buyAccess(order(asset, house.buyer), sender=house.buyer)
    assert before - house.dollar.balanceOf(house.buyer) == 20 * DOLLAR


# 32. A guardian for ever


def test_row_32_after_its_time_the_guardian_cancels_nothing(house: SimpleNamespace) -> None:
    travel_to(house.governor.guardianUntil() - 3 * HOUR)
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    start_voting(proposal)
    travel_to(house.governor.guardianUntil() + 1)
    refused = refusal(house.governor.cancel, *proposal.hashed, sender=house.guardian)
    assert refused == ("GovernorUnableToCancel", proposal.id, house.guardian.address)


def test_row_32_the_dao_replaces_or_removes_the_guardian(house: SimpleNamespace) -> None:
    carry(house, action(house.governor.setGuardian, "0x0000000000000000000000000000000000000000", 0), title="Nobody")
    assert int(str(house.governor.guardian()), 16) == 0
    proposal = propose(house, action(house.registry.setFee, 1), by=house.ann)
    assert refusal(house.governor.cancel, *proposal.hashed, sender=house.guardian)[0] == "GovernorUnableToCancel"


def test_row_32_the_guardian_can_move_nothing(house: SimpleNamespace, asset: int) -> None:
    """Each function of each contract that changes something, asked of the guardian: only these go through."""
    allowed = {
        # Its powers, and what anybody may.
        ("brake", "brake"), ("brake", "release"),
        ("registry", "setApprovalForAll"), ("registry", "renounceRoles"), ("registry", "multicall"),
        ("registry", "publish"), ("registry", "publishMany"), ("receipts", "cancelReceipt"),
        ("token", "approve"), ("token", "transfer"), ("token", "transferFrom"), ("token", "delegate"),
        ("standards", "proposeStandard"), ("authority", "multicall"), ("authority", "renounceRole"),
        ("timelock", "onERC721Received"), ("timelock", "onERC1155Received"), ("timelock", "onERC1155BatchReceived"),
        ("timelock", "renounceRole"),
        ("governor", "castVotesBySig"),
    }  # fmt: skip
    samples = {"address": house.guardian.address, "bool": True, "bytes": b"", "bytes32": bytes(32), "string": ""}
    through = set()
    names = "registry receipts market token timelock governor authority standards curation brake treasuries directory"
    for name in names.split():
        contract = getattr(house, name)
        for abi in contract.contract_type.mutable_methods:
            if any("(" in item.canonical_type for item in abi.inputs):
                continue
            values = [
                [] if item.canonical_type.endswith("]") else samples.get(item.canonical_type, 1 if i else asset)
                for i, item in enumerate(abi.inputs)
            ]
            data = keccak(text=abi.selector)[:4] + encode([item.canonical_type for item in abi.inputs], values)
            if _goes_through(house.guardian, contract, data):
                through.add((name, abi.name))
    assert through <= allowed, through - allowed
    assert {("brake", "brake"), ("brake", "release")} <= through


# 33. One decision, carried out again


def test_row_33_what_was_executed_is_not_executed_again(house: SimpleNamespace) -> None:
    grant = action(house.dollar.transfer, house.stranger, DOLLAR)
    done = queue(pass_(propose(house, grant, by=house.ann, title="A grant")))
    execute(done)
    assert done.state == EXECUTED
    for method in (house.governor.execute, house.governor.queue, house.governor.cancel):
        refused = refusal(method, *done.hashed, sender=house.ann if method != house.governor.cancel else house.guardian)
        assert refused[:3] == ("GovernorUnexpectedProposalState", done.id, EXECUTED)
    text = described("A grant", house.ann)
    refused = refusal(house.governor.propose, done.targets, done.values, done.data, text, sender=house.ann)
    assert refused[:3] == ("GovernorUnexpectedProposalState", done.id, EXECUTED)


def test_row_33_the_same_again_takes_another_text_and_another_vote(house: SimpleNamespace) -> None:
    before = house.dollar.balanceOf(house.stranger)
    for title in ("A grant for May", "A grant for June"):
        carry(house, action(house.dollar.transfer, house.stranger, DOLLAR), title=title)
    assert house.dollar.balanceOf(house.stranger) == before + 2 * DOLLAR


# 34. Decisions that never go stale


def test_row_34_what_is_not_queued_in_time_expires(house: SimpleNamespace) -> None:
    """A vote that could not be queued, such as one above a cap, could be carried out years later."""
    carry(house, action(house.governor.setSpendingCap, house.dollar, DOLLAR), title="A cap")
    house.token.transfer(house.buyer, QUORUM_FLOOR, sender=house.ann)
    house.token.invoke_transaction("delegate", house.buyer, sender=house.buyer)
    travel(1)
    old = pass_(
        propose(house, action(house.dollar.transfer, house.stranger, 50_000 * DOLLAR), by=house.ann), house.buyer
    )
    assert refusal(house.governor.queue, *old.hashed, sender=house.ann)[0] == "SpendingNeedsMoreVotes"
    end = house.governor.proposalDeadline(old.id) + TIME_TO_ACT
    travel_to(end)
    assert old.state == SUCCEEDED
    travel_to(end + 1)
    assert old.state == EXPIRED
    # Once the cap is away, it is no vote any more.
    carry(house, action(house.governor.setSpendingCap, house.dollar, 2**256 - 1), title="No cap")
    for act in (house.governor.queue, house.governor.execute):
        assert refusal(act, *old.hashed, sender=house.ann)[:3] == ("GovernorUnexpectedProposalState", old.id, EXPIRED)


def test_row_34_what_is_not_executed_in_time_expires(house: SimpleNamespace) -> None:
    before = house.dollar.balanceOf(house.stranger)
    kept, late = (
        queue(pass_(propose(house, action(house.dollar.transfer, house.stranger, amount), by=house.ann)))
        for amount in (1, 2)
    )
    end = house.governor.proposalEta(kept.id) + TIME_TO_ACT
    travel_to(end - 1)
    assert kept.state == QUEUED
    execute(kept)
    end = house.governor.proposalEta(late.id) + TIME_TO_ACT
    travel_to(end)
    assert late.state == QUEUED
    travel_to(end + 1)
    assert (kept.state, late.state) == (EXECUTED, EXPIRED)
    for act in (house.governor.queue, house.governor.execute):
        refused = refusal(act, *late.hashed, sender=house.ann)
        assert refused[:3] == ("GovernorUnexpectedProposalState", late.id, EXPIRED)
    refused = refusal(house.governor.cancelById, late.id, sender=house.guardian)
    assert refused[:3] == ("GovernorUnexpectedProposalState", late.id, EXPIRED)
    assert house.dollar.balanceOf(house.stranger) == before + 1


def _goes_through(sender: Any, contract: Any, data: bytes) -> bool:
    try:
        chain.provider.web3.eth.call(
            {"from": sender.address, "to": contract.address, "data": "0x" + data.hex(), "gas": hex(20_000_000)}
        )
    except Exception:
        return False
    return True
