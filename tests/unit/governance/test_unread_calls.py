"""The DAO decides nothing that voters cannot read: it is not proposed from here, and can be voted against only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode

from registry import Registry
from registry.chain.call import Call
from registry.chain.calldata import INSIDE, selector_of
from registry.errors import UnsafeCall
from registry.governance.standing import Proposal
from registry.types import Address

from .support import DAY


def proposed_elsewhere(client: Registry, call: Call) -> Proposal:
    """A proposal of somebody who has another program."""
    governor = client.governance.governor.functions
    client.act(
        "propose", governor.propose([call.to], [call.value], [call.data], f"Fine #proposer={client.address.lower()}")
    )
    client.chain.advance(DAY + 10)
    return client.governance.proposals()[0]


def schedule(target: Address, data: bytes, times: int, timelock: Address) -> Call:
    """A call of the timelock to itself, in itself, again and again."""
    (signature,) = [name for name in INSIDE if name.startswith("schedule(address,uint256")]
    call = Call(target, data)
    for _ in range(times):
        values = [call.to, call.value, call.data, bytes(32), bytes(32), 0]
        types = ["address", "uint256", "bytes", "bytes32", "bytes32", "uint256"]
        call = Call(timelock, selector_of(signature) + encode(types, values))
    return call


@pytest.mark.parametrize("depth", [0, 1, 9])
def test_what_cannot_be_read_is_not_drafted_proposed_or_voted_for(
    author: Registry, curator: Registry, depth: int
) -> None:
    hidden = b"\xde\xad\xbe\xef" + b"\x05" * 90
    call = schedule(author.deployment.marketplace, hidden, depth, author.governance.dao.timelock)
    with pytest.raises(UnsafeCall, match="has no such function") as caught:
        author.governance.draft(call, title="Fine", allow_unread=True)
    assert hidden.hex() in str(caught.value)
    harmless = author.governance.draft(author.assets.functions.setFee(50), title="Fine")
    forged = replace(harmless, actions=(replace(harmless.actions[0], call=call),))
    with pytest.raises(UnsafeCall):
        author.governance.propose(forged, force=True, allow_unread=True)
    found = proposed_elsewhere(author, call)
    told = str(curator.governance.describe(found))
    assert hidden.hex() in told and "! this cannot be read: the contract has no such function" in told
    for choice in ("for", "abstain"):
        for act in (curator.governance.vote, curator.governance.ballot, curator.governance.unsigned_ballot):
            with pytest.raises(UnsafeCall):
                act(found, choice, allow_unread=True)  # type: ignore[operator]
    assert curator.governance.ballot(found, "against").signature
    assert curator.governance.vote(found, "against").tx is not None


def test_what_hurts_is_told_nine_calls_deep(author: Registry, stranger: Registry) -> None:
    grant = author.governance.timelock.functions.grantRole(bytes(32), stranger.address)
    timelock = author.governance.dao.timelock
    call = schedule(timelock, bytes.fromhex(grant._encode_transaction_data()[2:]), 9, timelock)
    (action,) = author.governance.draft(call, title="Fine").actions
    assert "whoever has the role DEFAULT_ADMIN of a timelock acts past the votes" in action.words


def test_a_call_of_a_strangers_contract_is_named_in_the_body_for_all_voters(
    author: Registry, curator: Registry, stranger: Registry
) -> None:
    pool = _deployed(author)
    call = Call(pool, selector_of("stake(uint256)") + (77).to_bytes(32, "big"))
    with pytest.raises(UnsafeCall, match="nobody here knows"):
        author.governance.draft(call, title="Stake")
    draft = author.governance.draft(replace(call, abi=("stake(uint256)",)), title="Stake")
    made = author.governance.propose(draft)
    author.chain.advance(DAY + 10)
    told = str(curator.governance.describe(made.id))
    assert "stake of unknown account" in told and "77" in told and "what the proposal calls it" in told
    assert curator.governance.vote(made.id, "for").tx is not None


def test_or_each_voter_agrees_to_bytes(author: Registry, curator: Registry) -> None:
    found = proposed_elsewhere(author, Call(_deployed(author), b"\xfa\xce\x00\x01\x02"))
    with pytest.raises(UnsafeCall, match="allow-unread"):
        curator.governance.vote(found, "for")
    assert curator.governance.ballot(found, "for", allow_unread=True).signature
    assert curator.governance.vote(found, "for", allow_unread=True).tx is not None


def _deployed(client: Registry) -> Address:
    """A contract that takes everything: one byte of code, STOP."""
    w3: Any = client.chain.w3
    sent = w3.eth.send_transaction({"from": w3.eth.accounts[0], "data": "0x600060005360016000f3"})
    return Address(w3.eth.get_transaction_receipt(sent)["contractAddress"])
