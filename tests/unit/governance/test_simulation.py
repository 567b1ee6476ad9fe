"""Proposals tried before anybody votes: what would happen, on a chain that is left alone."""

from __future__ import annotations

from registry import Registry
from registry.chain import reverts
from registry.chain.call import Call
from registry.governance.drafts import ProposalDraft
from registry.governance.standing import Proposed
from registry.types import Address, to_address

from .support import DAY


def state_of(client: Registry) -> tuple[int, int]:
    block = client.chain.block()
    return block.number, block.timestamp


def test_it_tells_events_balances_and_settings_before_and_after(author: Registry, stranger: Registry) -> None:
    governance, treasury = author.governance, author.governance.dao.timelock
    author.fund("100 USD", account=treasury)
    author.actor.outbox("pay").send(Call(treasury, b"", 3 * 10**18))
    before = state_of(author)
    draft = governance.draft(
        [
            author.assets.functions.setFee(50),
            governance.payment(stranger.address, "40 USD"),
            governance.payment(stranger.address, "2 ETH"),
        ],
        title="Three at once",
    )
    tried = governance.simulate(draft)
    assert tried.succeeds and "this process" in tried.by
    assert tried.effects[0].events == ("AssetRegistry: FeeChanged(feeBps 50)",)
    assert "value 40 USD" in tried.effects[1].events[0]
    assert all(effect.gas > 0 for effect in tried.effects[:2])
    changed = {change.what: (change.before, change.after) for change in (*tried.balances, *tried.settings)}
    assert changed["AssetRegistry salesRules.feeBps"] == ("100", "50")
    assert changed["USD of the treasury"] == ("100 USD", "60 USD")
    held = stranger.balance("USD").units // 10**6
    assert changed[f"USD of {stranger.address}"] == (f"{held} USD", f"{held + 40} USD")
    assert changed["wei of the treasury"] == (f"{3 * 10**18:,}", f"{10**18:,}")
    assert state_of(author) == before and author.sales_rules[1] == 100


def test_it_says_which_calls_would_be_refused_and_why(author: Registry, stranger: Registry) -> None:
    governance = author.governance
    dollar = author.deployment.tokens["USD"]
    calls = [
        author.assets.functions.setFee(501),
        author.assets.functions.setFee(50),
        governance.payment(stranger.address, "1 USD"),
        Call(stranger.address, b"", 10**30),
        author.erc20(dollar).functions.approve(stranger.address, 5),
    ]
    tried = governance.simulate(governance.draft(calls, title="Some fail"))
    refused = [type(effect.refused) for effect in tried.effects]
    assert not tried.succeeds
    assert refused[:3] == [reverts.FeeAboveCap, type(None), reverts.ERC20InsufficientBalance]
    assert refused[4] is type(None) and "does not hold that much" in str(tried.effects[3].refused)
    assert "It would fail" in str(tried)


def test_the_governor_may_change_its_own_rules_as_it_will_when_it_executes(author: Registry) -> None:
    rules = author.governance.governor.functions
    draft = author.governance.draft(
        [rules.setVotingDelay(7200), author.assets.functions.setFee(50), rules.setVotingPeriod(3 * DAY)], title="Faster"
    )
    tried = author.governance.simulate(draft)
    assert tried.succeeds, str(tried)
    changed = {change.what: (change.before, change.after) for change in tried.settings}
    assert changed["RegistryGovernor votingDelay"] == ("1 day", "2 h")
    assert changed["RegistryGovernor votingPeriod"] == ("5 days", "3 days")


def test_it_is_tried_at_the_time_when_it_would_be_executed(author: Registry, stranger: Registry) -> None:
    """A flag cannot be decided while its owner may still answer, which is over when the vote is."""
    asset = author.publish(None, name="Model", type="model", license="MIT")
    dao = author.governance.dao
    curation = stranger.chain.contract("Curation", dao.curation)
    dollar = stranger.deployment.tokens["USD"]
    bond = 50 * 10**6
    stranger.act("approve", stranger.erc20(dollar).functions.approve(dao.curation, bond))
    stranger.act("flag", curation.functions.flag(asset.did.asset_id, b"\x01" * 32, dollar, bond))
    decision = curation.functions.decideFlag(1, True, b"\x02" * 32, 0)
    tried = author.governance.simulate(author.governance.draft(decision, title="Delist the model"))
    assert tried.succeeds, str(tried)
    assert tried.time > author.chain.block().timestamp + 7 * DAY


def test_a_voter_tries_what_was_proposed_with_the_same_result(
    author: Registry, curator: Registry, halved: ProposalDraft, proposed: Proposed
) -> None:
    drafted, found = author.governance.simulate(halved), curator.governance.simulate(proposed.id)
    assert [effect.events for effect in found.effects] == [effect.events for effect in drafted.effects]
    assert found.settings == drafted.settings


def test_ten_calls_are_tried_together(author: Registry, stranger: Registry) -> None:
    author.fund("100 USD", account=author.governance.dao.timelock)
    payments = [author.governance.payment(stranger.address, f"{number} USD") for number in range(1, 11)]
    tried = author.governance.simulate(author.governance.draft(payments, title="Ten grants"))
    assert tried.succeeds and len(tried.effects) == 10
    assert next(change for change in tried.balances if "treasury" in change.what).after == "45 USD"


# If who pays is who calls, as in a trial, it stops; else it takes 40 dollars of its caller's for itself.
TRAP = (
    "323314603e57"  # ORIGIN, CALLER, EQ: to the end
    "6323b872dd60e01b5f52"
    "33600452"
    "30602452"
    "6302625a00604452"  # transferFrom(caller, this, 40 000 000)
    "5f5f60645f5f73{token}5af150"
    "5b00"
)


def test_code_that_tells_a_trial_from_what_is_executed_is_named_and_takes_no_more_than_it_is_given(
    author: Registry, stranger: Registry
) -> None:
    """In a trial the treasury pays for its own call, which no treasury can; a stranger's code sees that."""
    governance, dollar = author.governance, author.deployment.tokens["USD"]
    author.fund("100 USD", account=governance.dao.timelock)
    trap = deployed(stranger, TRAP.format(token=dollar[2:]))
    calls = [author.erc20(dollar).functions.approve(trap, 50 * 10**6), Call(trap, b"\1\2\3\4")]
    draft = governance.draft(calls, title="A harmless call", allow_unread=True)
    tried = governance.simulate(draft)
    assert tried.succeeds and not tried.effects[1].events, "in the trial it does nothing"
    assert tried.unbound == (trap,) and f"does not bind {trap}" in str(tried)
    assert "50 USD" in str(tried.effects[0].call), "what it is given is said in words, and that is the most it can take"
    harmless = governance.simulate(governance.draft(author.assets.functions.setFee(50), title="Our own"))
    assert harmless.unbound == () and "bind" not in str(harmless)


def deployed(client: Registry, runtime: str) -> Address:
    """The contract of a stranger, whose every call runs `runtime` (hexadecimal)."""
    code = bytes.fromhex(runtime)
    creation = bytes.fromhex("61") + len(code).to_bytes(2, "big") + bytes.fromhex("80600a3d393df3") + code
    w3 = client.chain.w3
    sent = w3.eth.send_transaction({"from": client.address, "data": "0x" + creation.hex()})  # type: ignore[typeddict-item]
    return to_address(str(w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]))
