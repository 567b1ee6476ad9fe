"""The treasury: what a proposal may spend with the ordinary quorum, and what takes more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_utils import keccak

from ..support import DOLLAR, refusal
from .story import (
    FOR,
    QUORUM_FLOOR,
    VOTE,
    VOTE_TOKEN_CAP,
    action,
    carry,
    end_voting,
    execute,
    pass_,
    payment,
    propose,
    queue,
    start_voting,
)

CAP = 1_000 * DOLLAR


@pytest.fixture(autouse=True)
def caps(house: SimpleNamespace) -> None:
    """A thousand dollars and one coin a proposal; only a voter of 6,000 votes takes part in what follows."""
    carry(
        house,
        action(house.governor.setSpendingCap, house.dollar, CAP),
        action(house.governor.setSpendingCap, ZERO_ADDRESS, 10**18),
        title="Caps",
    )
    house.token.transfer(house.buyer, 6_000 * VOTE, sender=house.ann)
    house.token.invoke_transaction("delegate", house.buyer, sender=house.buyer)


def needing_more(house: SimpleNamespace, token: str, *actions: tuple) -> None:
    """Passes with the quorum, is refused at the queue; with twice the quorum it goes through."""
    weak = propose(house, *actions, by=house.ann, title="With few")
    pass_(weak, house.buyer)
    refused = refusal(house.governor.queue, *weak.hashed, sender=house.ann)
    assert refused == ("SpendingNeedsMoreVotes", weak.id, token, 6_000 * VOTE, 2 * QUORUM_FLOOR)
    strong = propose(house, *actions, by=house.ann, title="With many")
    pass_(strong, house.buyer, house.bob)
    house.governor.queue(*strong.hashed, sender=house.ann)


def test_a_payment_up_to_the_cap_takes_the_quorum(house: SimpleNamespace) -> None:
    before = house.dollar.balanceOf(house.stranger)
    grant = propose(
        house, action(house.dollar.transfer, house.stranger, CAP), payment(house.stranger, 10**18), by=house.ann
    )
    execute(queue(pass_(grant, house.buyer)))
    assert house.dollar.balanceOf(house.stranger) == before + CAP


def test_a_payment_above_the_cap_takes_twice_the_quorum(house: SimpleNamespace) -> None:
    needing_more(house, house.dollar.address, action(house.dollar.transfer, house.stranger, CAP + 1))


def test_payments_of_one_proposal_count_together(house: SimpleNamespace) -> None:
    halves = [action(house.dollar.transfer, who, CAP // 2 + 1) for who in (house.stranger, house.author)]
    needing_more(house, house.dollar.address, *halves)


def test_coins_count_too(house: SimpleNamespace) -> None:
    needing_more(house, ZERO_ADDRESS, payment(house.stranger, 10**18), payment(house.author, 1))


def test_amounts_that_wrap_around_count_as_more_than_any_cap(house: SimpleNamespace) -> None:
    sums = [action(house.dollar.transfer, house.stranger, amount) for amount in (2**256 - 1, 2)]
    needing_more(house, house.dollar.address, *sums)


@pytest.mark.parametrize("method", ["approve", "transferFrom", "permit", "mint"])
def test_any_other_call_of_a_capped_token_is_above_the_cap(house: SimpleNamespace, method: str) -> None:
    calls = {
        "approve": (house.stranger, 1),
        "transferFrom": (house.timelock, house.stranger, 1),
        "permit": (house.timelock, house.stranger, 1, 2**40, 27, bytes(32), bytes(32)),
        "mint": (house.stranger, 1),
    }
    needing_more(house, house.dollar.address, action(getattr(house.dollar, method), *calls[method]))


def test_a_transfer_with_more_behind_it_is_no_plain_transfer(house: SimpleNamespace) -> None:
    target, value, data = action(house.dollar.transfer, house.stranger, 1)
    needing_more(house, house.dollar.address, (target, value, data + b"\0"))


@pytest.mark.parametrize("native", [False, True])
def test_what_waits_for_the_treasury_is_sent_to_it_or_counts_as_spent(
    house: SimpleNamespace, project: Any, native: bool
) -> None:
    """A claim from a splitter to somebody else would take all that waits there past the cap."""
    token = ZERO_ADDRESS if native else house.dollar.address
    factory = house.founder.deploy(project.SplitterFactory)
    shares = [(house.timelock, 1)]
    factory.createSplitter(shares, sender=house.founder)
    splitter = project.RevenueSplitter.at(factory.splitterOf(shares))
    claim = splitter.claim
    needing_more(house, token, action(claim, token, house.timelock, house.stranger))
    # Others' money, and the way to the treasury, are nobody's spending.
    for payee, to in ((house.stranger, house.stranger), (house.timelock, house.timelock)):
        fine = pass_(propose(house, action(claim, token, payee, to), by=house.ann), house.buyer)
        house.governor.queue(*fine.hashed, sender=house.ann)


def test_a_claim_of_what_has_no_cap_takes_the_quorum(house: SimpleNamespace, project: Any) -> None:
    other = house.founder.deploy(project.MockToken, 18)
    claim = action(house.curation.claim, other, house.timelock, house.stranger)
    fine = pass_(propose(house, claim, by=house.ann), house.buyer)
    house.governor.queue(*fine.hashed, sender=house.ann)


def test_the_votes_of_the_treasury_are_capped_from_the_start(house: SimpleNamespace) -> None:
    """With the ordinary quorum somebody could have them delegated, and decide with them from then on."""
    assert house.governor.spendingCap(house.token) == VOTE_TOKEN_CAP
    needing_more(house, house.token.address, (house.token, 0, delegation(house.stranger)))
    needing_more(house, house.token.address, action(house.token.transfer, house.stranger, VOTE_TOKEN_CAP + 1))


def delegation(account: Any) -> bytes:
    """The call `delegate(account)`, which ape has no method for: its own name is in the way."""
    return keccak(text="delegate(address)")[:4] + bytes(12) + bytes.fromhex(account.address[2:])


def test_without_a_cap_there_is_none(house: SimpleNamespace) -> None:
    carry(house, action(house.governor.setSpendingCap, house.token, 2**256 - 1), title="No cap")
    assert house.governor.spendingCap(house.token) == 2**256 - 1
    proposal = propose(house, action(house.token.transfer, house.stranger, 10_000 * VOTE), by=house.ann)
    start_voting(proposal)
    house.governor.castVote(proposal.id, FOR, sender=house.buyer)
    end_voting(proposal)
    execute(queue(proposal))
    assert house.token.balanceOf(house.stranger) == 10_000 * VOTE
