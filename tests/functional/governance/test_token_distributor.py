"""TokenDistributor and TokenVesting: a list on chain by its root alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak

from ..support import logs, now, refusal
from .story import DAY, VOTE, travel_to

KINDS = ["address", "uint256", "uint64", "uint64", "uint64"]


def leaf(entitlement: tuple[Any, ...]) -> bytes:
    """As OpenZeppelin's StandardMerkleTree hashes it."""
    values = [getattr(entitlement[0], "address", entitlement[0]), *entitlement[1:]]
    return keccak(keccak(encode(KINDS, values)))


def join(one: bytes, other: bytes) -> bytes:
    return keccak(b"".join(sorted((one, other))))


@pytest.fixture
def drop(house: SimpleNamespace, project: Any) -> SimpleNamespace:
    """A distributor that owes three people, one of them over two years with half a year's cliff."""
    start = now()
    owed = [
        (house.author, 100 * VOTE, 0, 0, 0),
        (house.buyer, 200 * VOTE, 0, 0, 0),
        (house.cleo, 730 * VOTE, start, 182 * DAY, 730 * DAY),
    ]
    one, two, three = map(leaf, owed)
    root = join(join(one, two), three)
    proofs = [[two, three], [one, three], [join(one, two)]]
    end = start + 100 * DAY
    distributor = house.founder.deploy(project.TokenDistributor, house.token, root, end, house.timelock)
    house.token.transfer(distributor, 1_100 * VOTE, sender=house.ann)
    return SimpleNamespace(contract=distributor, owed=owed, proofs=proofs, end=end, start=start)


def test_anybody_may_bring_the_claim_of_anybody(house: SimpleNamespace, drop: SimpleNamespace) -> None:
    tx = drop.contract.claim(drop.owed[0], drop.proofs[0], sender=house.stranger)
    (claimed,) = logs(tx, drop.contract.Claimed)
    assert (claimed["account"], claimed["receiver"]) == (house.author.address, house.author.address)
    assert house.token.balanceOf(house.author) == 100 * VOTE
    assert [drop.contract.isClaimed(entry) for entry in drop.owed] == [True, False, False]


def test_a_claim_is_paid_once(house: SimpleNamespace, drop: SimpleNamespace) -> None:
    drop.contract.claim(drop.owed[0], drop.proofs[0], sender=house.stranger)
    refused = refusal(drop.contract.claim, drop.owed[0], drop.proofs[0], sender=house.author)
    assert refused == ("AlreadyClaimed", house.author.address)


def test_a_claim_that_is_not_on_the_list_is_refused(house: SimpleNamespace, drop: SimpleNamespace) -> None:
    claim = drop.contract.claim
    wrong = [
        ((house.author, 101 * VOTE, 0, 0, 0), drop.proofs[0]),
        ((house.stranger, 100 * VOTE, 0, 0, 0), drop.proofs[0]),
        ((house.author, 100 * VOTE, 0, 0, 1), drop.proofs[0]),
        (drop.owed[0], drop.proofs[1]),
        (drop.owed[0], []),
    ]
    for entitlement, proof in wrong:
        account, amount, *_ = entitlement
        refused = refusal(claim, entitlement, proof, sender=house.author)
        assert refused == ("InvalidProof", account.address, amount)


def test_a_node_of_the_tree_passes_for_no_leaf(house: SimpleNamespace, drop: SimpleNamespace) -> None:
    one, two = leaf(drop.owed[0]), leaf(drop.owed[1])
    forged = ("0x" + one[12:].hex(), int.from_bytes(two, "big"), 0, 0, 0)
    assert refusal(drop.contract.claim, forged, [leaf(drop.owed[2])], sender=house.author)[0] == "InvalidProof"


def test_a_vesting_entitlement_goes_to_a_wallet_that_votes_at_once(
    house: SimpleNamespace, project: Any, drop: SimpleNamespace
) -> None:
    entitlement = drop.owed[2]
    where = drop.contract.vestingOf(entitlement)
    tx = drop.contract.claim(entitlement, drop.proofs[2], sender=house.stranger)
    assert logs(tx, drop.contract.Claimed)[0]["receiver"] == where
    wallet = project.TokenVesting.at(where)
    assert (wallet.owner(), house.token.balanceOf(where)) == (house.cleo, 730 * VOTE)
    before = house.token.getVotes(house.cleo)
    wallet.delegateVotes(house.token, house.cleo, sender=house.cleo)
    assert house.token.getVotes(house.cleo) == before + 730 * VOTE
    refused = refusal(wallet.delegateVotes, house.token, house.stranger, sender=house.stranger)
    assert refused == ("OwnableUnauthorizedAccount", house.stranger.address)
    travel_to(drop.start + 182 * DAY - 1)
    assert wallet.releasable(house.token) == 0
    travel_to(drop.start + 365 * DAY)
    assert wallet.releasable(house.token) == 365 * VOTE
    wallet.release(house.token, sender=house.stranger)
    travel_to(drop.start + 730 * DAY)
    wallet.release(house.token, sender=house.stranger)
    assert house.token.balanceOf(where) == 0
    assert house.token.getVotes(house.cleo) == before + 730 * VOTE


def test_after_the_end_the_rest_is_the_treasurys(house: SimpleNamespace, drop: SimpleNamespace) -> None:
    drop.contract.claim(drop.owed[0], drop.proofs[0], sender=house.author)
    travel_to(drop.end)
    assert refusal(drop.contract.sweep, sender=house.stranger) == ("ClaimsAreOpen", drop.end)
    travel_to(drop.end + 1)
    refused = refusal(drop.contract.claim, drop.owed[1], drop.proofs[1], sender=house.buyer)
    assert refused == ("ClaimsAreOver", drop.end)
    before = house.token.balanceOf(house.timelock)
    tx = drop.contract.sweep(sender=house.stranger)
    assert logs(tx, drop.contract.Swept) == [{"treasury": house.timelock.address, "amount": 1_000 * VOTE}]
    assert house.token.balanceOf(house.timelock) == before + 1_000 * VOTE
