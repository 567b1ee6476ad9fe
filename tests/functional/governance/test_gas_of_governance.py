"""Gas of a proposal's life, whole transactions, beside OpenZeppelin's governor in the same test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from eth_utils import keccak

from .story import (
    DELAY,
    FOR,
    PERIOD,
    QUORUM_PERCENT,
    THRESHOLD,
    TIMELOCK_DELAY,
    VOTE,
    action,
    end_voting,
    sign_ballot,
    start_voting,
    travel,
)

MARGIN = 1.03


@pytest.fixture(autouse=True)
def only_on_anvil(networks: Any, house: SimpleNamespace) -> None:
    if networks.active_provider.name != "foundry":
        pytest.skip("eth-tester counts some refunds and call data otherwise")


def measured(house: SimpleNamespace, voters: list[Any]) -> dict[str, int]:
    """Gas of each step; the voters have a hundred votes each, far below the quorum."""
    governor, gas = house.governor, {}
    target, value, data = action(house.registry.setFee, 33)
    text = f"# Lower the fee\n\n#proposer={house.ann.address.lower()}"
    tx = governor.propose([target], [value], [data], text, sender=house.ann)
    gas["propose one call"] = tx.gas_used
    (log,) = governor.ProposalCreated.from_receipt(tx)
    number = log.event_arguments["proposalId"]
    proposal = SimpleNamespace(house=house, id=number)
    start_voting(proposal)
    first, second, third, *_ = voters
    governor.castVote(number, FOR, sender=first)
    gas["vote before the quorum"] = governor.castVote(number, FOR, sender=second).gas_used
    signature = sign_ballot(third, governor, number, FOR)
    gas["vote by signature"] = governor.castVoteBySig(number, FOR, third, signature, sender=house.stranger).gas_used
    for voter in (house.ann, house.bob):
        governor.castVote(number, FOR, sender=voter)
    gas["vote after the quorum"] = governor.castVote(number, FOR, sender=house.cleo).gas_used
    end_voting(proposal)
    hashed = ([target], [value], [data], keccak(text=text))
    gas["queue one call"] = governor.queue(*hashed, sender=house.stranger).gas_used
    travel(TIMELOCK_DELAY)
    gas["execute one call"] = governor.execute(*hashed, sender=house.stranger).gas_used
    return gas


def test_our_governor_takes_no_more_than_three_percent_above_the_plain_one(
    house: SimpleNamespace, project: Any, accounts: Any
) -> None:
    voters = [house.author, house.buyer, house.service]
    for voter in voters:
        house.token.transfer(voter, 100 * VOTE, sender=house.ann)
        house.token.invoke_transaction("delegate", voter, sender=voter)
    travel(1)
    timelock = house.founder.deploy(project.RegistryTimelock, TIMELOCK_DELAY, house.founder)
    plain = house.founder.deploy(project.PlainGovernor, house.token, timelock, DELAY, PERIOD, THRESHOLD, QUORUM_PERCENT)
    for role in (timelock.PROPOSER_ROLE(), timelock.CANCELLER_ROLE(), timelock.EXECUTOR_ROLE()):
        timelock.grantRole(role, plain, sender=house.founder)
    authority = house.founder.deploy(project.RegistryAuthority, timelock)
    fixed = authority, house.directory, house.registry.lineage()
    registry = house.founder.deploy(project.AssetRegistry, *fixed, timelock, 1)
    theirs = measured(SimpleNamespace(**{**vars(house), "governor": plain, "registry": registry}), voters)
    ours = measured(house, voters)
    assert {act: gas for act, gas in ours.items() if gas > MARGIN * theirs[act]} == {}
