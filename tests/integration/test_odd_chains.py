"""Chains of another pace: seconds are seconds whether a block takes 2 or 12 of them, and blocks are waited for as they
come."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration.gateway.support import AUTHOR, BUYER, Town, shares
from integration.test_dao_on_anvil import World, by_sending
from registry import Licence, Registry
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.local import deploy_local
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import LateVote, TooEarly, TransactionTimeout, VotingNotBegun
from registry.governance.standing import ProposalState

HOUR, DAY = 3_600, 86_400
PACES = [2, 12]
GIFT = Call("0x" + "ee" * 20, b"", 1)  # type: ignore[arg-type]


@pytest.fixture
def paced(start_anvil: Callable[..., Any]) -> Callable[[int], Any]:
    """A node each of whose blocks is so many seconds after the one before, without waiting for them."""

    def start(pace: int) -> Any:
        node = start_anvil()
        node.rpc("anvil_setBlockTimestampInterval", pace)
        return node

    return start


def people(node: Any, home: Path) -> tuple[Chain, Registry, Registry]:
    """The chain of a node with the contracts on it, its author, and a buyer with 100 USD."""
    chain = Chain.connect(node.url)
    author = Registry.on(chain, signer=dev_signer(0), deployment=deploy_local(chain), home=home)
    buyer = author.as_account(dev_signer(1))
    buyer.fund("100 USD")
    return chain, author, buyer


def pass_time(node: Any, seconds: int, pace: int) -> None:
    """Mine the blocks of a span of time; of a long one the last ten, and before them one that was late."""
    blocks = seconds // pace
    if blocks > 300:
        now = int(node.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        node.rpc("evm_setNextBlockTimestamp", now + seconds - 10 * pace)
        node.rpc("evm_mine")
        blocks = 10
    node.rpc("anvil_mine", hex(blocks), hex(pace))


@pytest.mark.parametrize("pace", PACES)
def test_a_licence_lasts_its_seconds_at_any_pace(paced: Callable[[int], Any], tmp_path: Path, pace: int) -> None:
    node = paced(pace)
    chain, author, buyer = people(node, tmp_path)
    hour = Licence.period("hour", hours=1, price="1 USD")
    did = author.publish(None, name="Hourly", type="dataset", license="MIT", licences=[hour]).did
    before = chain.block()
    bought = buyer.buy(did, "hour", max_total="1 USD")
    assert bought.tx is not None and chain.block(bought.tx.block).timestamp == before.timestamp + pace
    assert bought.holding.expires_at == before.timestamp + pace + HOUR
    pass_time(node, HOUR - pace, pace)
    assert buyer.has_access(did)
    pass_time(node, pace, pace)
    assert chain.block().timestamp == bought.holding.expires_at
    assert not buyer.has_access(did), "the end itself does not count"
    renewed = buyer.buy(did, "hour")
    assert renewed.holding.expires_at == chain.block().timestamp + HOUR


@pytest.mark.parametrize("pace", PACES)
def test_a_dao_counts_in_seconds_and_not_in_blocks(paced: Callable[[int], Any], tmp_path: Path, pace: int) -> None:
    node = paced(pace)
    world = World(Chain.connect(node.url), tmp_path / "home", 3, by_sending)
    governance, chain = world.voting(0).governance, world.base.chain
    governor, token = (
        chain.contract(name, address)
        for name, address in (("RegistryGovernor", governance.dao.governor), ("RegistryToken", governance.dao.token))
    )
    for contract in (governor, token):
        assert chain.call(contract.functions.CLOCK_MODE()) == "mode=timestamp"
        assert chain.call(contract.functions.clock()) == chain.block().timestamp
    delay, period = (int(chain.call(f())) for f in (governor.functions.votingDelay, governor.functions.votingPeriod))

    made = governance.propose(governance.draft(world.base.assets.functions.setFee(50), title="Half the fee"))
    proposed_at = chain.block(made.tx.block if made.tx else "latest").timestamp
    found = governance.proposal(made.id)
    assert (found.begins, found.ends) == (proposed_at + delay, proposed_at + delay + period)
    pass_time(node, found.begins - chain.block().timestamp, pace)
    with pytest.raises(VotingNotBegun):
        governance.vote(made.id, "for")
    pass_time(node, pace, pace)
    for number in range(2):
        world.voting(number).governance.vote(made.id, "for")
    pass_time(node, found.ends - chain.block().timestamp, pace)
    assert governance.proposal(made.id).state is ProposalState.ACTIVE
    pass_time(node, pace, pace)
    with pytest.raises(LateVote):
        world.voting(2).governance.vote(made.id, "against")
    governance.queue(made.id)
    eta = governance.proposal(made.id).eta
    assert eta == chain.block().timestamp + int(chain.call(governance.timelock.functions.getMinDelay()))
    pass_time(node, eta - pace - chain.block().timestamp, pace)
    with pytest.raises(TooEarly) as early:
        governance.execute(made.id)
    assert early.value.until == eta
    pass_time(node, pace, pace)
    governance.execute(made.id)
    assert world.base.sales_rules[1] == 50


@pytest.mark.parametrize(("pace", "depth"), [(2, 30), (12, 5)])
def test_a_gateway_waits_for_blocks_which_its_operator_reckons_in_seconds(
    paced: Callable[[int], Any], tmp_path: Path, pace: int, depth: int
) -> None:
    """The same minute is 30 blocks on the one chain and 5 on the other."""
    node = paced(pace)
    town = Town(node, deploy_local(Chain.connect(node.url)), tmp_path)
    with town.stack:
        gateway = town.gateway(depth=depth)
        month = Licence.period("month", days=30, price="1 USD")
        buyer = town.person(BUYER)
        buyer.fund("10 USD")
        did = town.publish(month).did
        town.mine(depth)
        share = shares(1, 1)[0]
        assert gateway.deposit(dev_signer(AUTHOR), str(did), share).status_code == 200
        bought = buyer.buy(did, "month")
        assert bought.tx is not None
        sold_at = town.chain.block(bought.tx.block).timestamp
        for _ in range(depth - 1):
            town.mine()
        refused = gateway.ask(dev_signer(BUYER), str(did))
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "too_fresh")
        assert f"{depth} blocks" in refused.json()["error"]["message"]
        town.mine()
        assert town.chain.block().timestamp - sold_at == 60
        assert gateway.ask(dev_signer(BUYER), str(did)).status_code == 200


# --- Blocks that really take their time ----------------------------------------------------------


def test_each_confirmation_has_the_time_of_a_block(start_anvil: Callable[..., Any], tmp_path: Path) -> None:
    """Else twelve confirmations of twelve seconds each could never be waited for."""
    chain = Chain.connect(start_anvil("--block-time", "1").url, confirmations=3)
    receipt = Sender(chain, dev_signer(0), Journal.at(tmp_path), timeout=1.5).send(GIFT)
    assert chain.block().number - receipt.block + 1 >= 3


def test_confirmations_that_do_not_come_are_told_apart_from_a_transaction_that_is_nowhere(
    start_anvil: Callable[..., Any], tmp_path: Path
) -> None:
    node = start_anvil()
    with pytest.raises(TransactionTimeout, match="is in block 1, but lacked confirmations") as late:
        Sender(Chain.connect(node.url, confirmations=3), dev_signer(0), Journal.at(tmp_path), timeout=0.5).send(GIFT)
    assert late.value.block == 1
    node.rpc("evm_setAutomine", False)
    with pytest.raises(TransactionTimeout, match="was not in a block") as late:
        Sender(Chain.connect(node.url), dev_signer(1), Journal.at(tmp_path), timeout=0.5).send(GIFT)
    assert late.value.block is None


@pytest.mark.parametrize("pace", [2, *([12] if os.environ.get("DEEP") else [])])
def test_buying_waits_for_real_blocks(start_anvil: Callable[..., Any], tmp_path: Path, pace: int) -> None:
    node = start_anvil()
    chain, author, buyer = people(node, tmp_path)
    month = Licence.period("month", days=30, price="1 USD")
    did = author.publish(None, name="Slow", type="dataset", license="MIT", licences=[month]).did
    before = chain.block().number
    node.rpc("evm_setIntervalMining", pace)
    bought = buyer.buy(did, "month", max_total="1 USD")
    assert bought.tx is not None and bought.tx.block > before
    assert buyer.has_access(did)
