"""The life of a DAO on a real node and in this process: many voters and ballots, one outcome; with DEEP=1 far more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry import Registry
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.fork import run
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import KeySigner, dev_signer
from registry.errors import AlreadyVoted, ChainError, LateVote, NoVotes, TooEarly, VotingNotBegun, WrongProposalState
from registry.governance.ballot import Ballot
from registry.governance.standing import Choice, ProposalState

from .support import Anvil

DAY = 86_400
WHOLE = 10**18
GUARDIAN, STRANGER, RELAYER = 3, 5, 6
VOTERS, BALLOTS = (200, 1_000) if os.environ.get("DEEP") else (40, 200)

PROPOSAL = """\
title: Spring
body: |
  Half the fee pays for the *same* work.
actions:
  - contract: AssetRegistry
    function: setFee
    arguments: {{feeBps: 50}}
  - contract: Standards
    function: adopt
    arguments: {{name: metadata, version: 1, digest: "{digest}"}}
  - contract: Curation
    function: decideFlag
    arguments: {{caseId: 1, upheld: yes, reason: {reason}, until: 0}}
  - pay: 40 USD
    to: "{payee}"
  - contract: RegistryGovernor
    function: setVotingDelay
    arguments: [7200]
"""


def voter(number: int) -> KeySigner:
    return KeySigner((10_000 + number).to_bytes(32, "big"))


class World:
    """A registry of a DAO in which each of many voters holds `each` votes, and casts them; `fund` gives coins."""

    def __init__(
        self, chain: Chain, home: Path, voters: int, fund: Callable[[Registry, str], None], *, each: int = 1_000
    ) -> None:
        self.voters = [voter(number) for number in range(voters)]
        votes = {key.address: each for key in self.voters}
        deployment = found_local(chain, deploy_local(chain), votes, guardian=dev_signer(GUARDIAN).address)
        self.base = Registry.on(chain, signer=dev_signer(0), deployment=deployment, home=home)
        for key in self.voters:
            fund(self.base, key.address)
            client = self.base.as_account(key)
            assert client.governance.voting_power().idle
            client.governance.delegate()

    def voting(self, number: int) -> Registry:
        return self.base.as_account(self.voters[number])

    def dev(self, number: int) -> Registry:
        return self.base.as_account(dev_signer(number))


def by_sending(registry: Registry, account: str) -> None:
    registry.actor.outbox("fund").send(Call(account, b"", WHOLE))  # type: ignore[arg-type]


def the_life_of_a_dao(world: World, home: Path) -> None:
    base, chain = world.base, world.base.chain
    count = len(world.voters)
    by_transaction, against = count * 6 // 10, count // 10
    governance, stranger = base.governance, world.dev(STRANGER)

    # A copy is sold, and flagged; a standard waits; the treasury has money.
    copy = stranger.publish(None, name="Copy", type="dataset", license="MIT")
    base.fund("500 USD")
    base.fund("100 USD", account=governance.dao.timelock)
    filed = governance.flag(copy.did, "It is a copy.")
    _, text = base.governance.propose_standard("metadata", "Say where it comes from.", kind="metadata")

    # One voter writes a proposal down; another tries it, with the same result.
    file = home / "spring.yaml"
    file.write_text(PROPOSAL.format(reason=filed.reason, payee=stranger.address, digest=f"0x{text.digest.hex()}"))
    proposer = world.voting(0)
    draft = proposer.governance.read_draft(file)
    made = proposer.governance.propose(draft)
    tried = world.voting(1).governance.simulate(made.id)
    assert tried.succeeds, str(tried)
    assert {change.what for change in tried.settings} >= {
        "AssetRegistry salesRules.feeBps",
        "RegistryGovernor votingDelay",
    }
    assert world.voting(1).governance.describe(made.id).warnings == ()

    with pytest.raises(VotingNotBegun):
        proposer.governance.vote(made.id, "for")
    chain.advance(DAY + 60)
    with pytest.raises(NoVotes):
        stranger.governance.vote(made.id, "for")

    # Most vote by transactions, the others sign ballots that somebody collects.
    for number in range(by_transaction):
        choice = "against" if number < against else "for"
        world.voting(number).governance.vote(made.id, choice)
    with pytest.raises(AlreadyVoted):
        world.voting(0).governance.vote(made.id, "for")
    folder = home / "ballots"
    folder.mkdir()
    for number in range(by_transaction, count):
        world.voting(number).governance.ballot(made.id, "abstain" if number % 2 else "for").save(folder)
    collected = [Ballot.load(path) for path in sorted(folder.iterdir())]
    forged = Ballot(chain.chain_id, governance.dao.governor, made.id, voter(0).address, Choice.FOR, 0, b"\x01" * 65)
    done = world.dev(RELAYER).governance.relay(made.id, [*collected, forged])
    assert (len(done.counted), len(done.refused)) == (count - by_transaction, 1)

    found = governance.proposal(made.id)
    assert found.for_votes + found.against_votes + found.abstain_votes == count * 1_000 * WHOLE
    assert found.against_votes == against * 1_000 * WHOLE

    chain.advance(6 * DAY)
    with pytest.raises(LateVote):
        world.voting(0).governance.vote(made.id, "for")
    stranger.governance.queue(made.id)
    with pytest.raises(TooEarly):
        stranger.governance.execute(made.id)
    chain.advance(3 * DAY)
    before = stranger.balance("USD")
    stranger.governance.execute(made.id)

    # All of it happened, once.
    assert base.sales_rules[1] == 50
    assert chain.call(governance.governor.functions.votingDelay()) == 7_200
    assert governance.standard("metadata").status.name == "ADOPTED"
    assert governance.listing(copy.did).status.name == "DELISTED"
    assert stranger.balance("USD") - before == base.amount("40 USD")
    assert str(governance.bonds_of()[0]) == "50 USD"
    assert stranger.governance.execute(made.id).tx is None
    assert stranger.balance("USD") - before == base.amount("40 USD")

    # One that nobody votes for fails, and one is stopped by the guardian.
    lost = proposer.governance.propose(
        proposer.governance.draft(base.assets.functions.setFee(400), title="Raise the fee")
    )
    stopped = proposer.governance.propose(
        proposer.governance.draft(base.assets.functions.setFee(500), title="Raise it more")
    )
    world.dev(GUARDIAN).governance.cancel(stopped.id)
    chain.advance(7 * DAY)
    assert [one.state for one in governance.proposals()] == [
        ProposalState.CANCELED,
        ProposalState.DEFEATED,
        ProposalState.EXECUTED,
    ]
    for ended in (lost, stopped):
        with pytest.raises(WrongProposalState):
            stranger.governance.queue(ended.id)


def test_the_life_of_a_dao_with_many_voters(anvil: Anvil, tmp_path: Path) -> None:
    def fund(registry: Registry, account: str) -> None:
        anvil.rpc("anvil_setBalance", account, hex(WHOLE))

    the_life_of_a_dao(World(Chain.connect(anvil.url), tmp_path / "home", VOTERS, fund), tmp_path)


def test_the_same_life_in_this_process(tmp_path: Path) -> None:
    the_life_of_a_dao(World(Chain.in_process(), tmp_path / "home", 20, by_sending), tmp_path)


def test_a_node_tries_what_this_process_would_and_is_left_alone(
    anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(world: World) -> list[tuple[str, ...]]:
        author, payee = world.dev(0), world.dev(STRANGER).address
        governance, before = author.governance, world.base.chain.block()
        calls = [
            governance.governor.functions.setVotingDelay(7200),
            governance.payment(payee, "40 USD"),
            governance.payment(payee, "1 ETH"),
            author.assets.functions.setFee(501),
        ]
        found = governance.simulate(governance.draft(calls, title="Some fail"))
        assert world.base.chain.block() == before
        assert author.chain.call(governance.governor.functions.votingDelay()) == DAY
        told = [(type(effect.refused).__name__, *effect.events) for effect in found.effects]
        return [*told, *((change.what, change.before, change.after) for change in found.settings)]

    worlds = [
        World(Chain.connect(anvil.url), tmp_path / "a", 1, by_sending),
        World(Chain.in_process(), tmp_path / "b", 1, by_sending),
    ]
    by_node, here = map(tried, worlds)
    assert by_node == here
    assert [kind for kind, *_events in by_node[:4]] == [
        "NoneType",
        "ERC20InsufficientBalance",
        "TransactionReverted",
        "FeeAboveCap",
    ]

    missing = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}
    line = worlds[0].base.chain.line
    ask = line.ask
    monkeypatch.setattr(
        line, "ask", lambda method, params: missing if method == "eth_simulateV1" else ask(method, params)
    )
    with pytest.raises(ChainError, match="has no eth_simulateV1"):
        run(worlds[0].base.chain, [], time=0, storage={})


def give_votes(anvil: Anvil, world: World, keys: list[KeySigner]) -> None:
    """Give 10 votes to each key and let it cast them, all in two blocks."""
    token, holder = world.base.governance.token, world.voters[0].address
    anvil.rpc("anvil_setBalance", holder, hex(10**6 * WHOLE))
    anvil.rpc("anvil_autoImpersonateAccount", True)
    anvil.rpc("evm_setAutomine", False)

    def send(sender: str, data: str) -> None:
        fields: dict[str, Any] = {"from": sender, "to": token.address, "data": data, "gas": hex(200_000)}
        anvil.rpc("eth_sendTransaction", fields)

    for key in keys:
        anvil.rpc("anvil_setBalance", key.address, hex(WHOLE))
        send(holder, token.functions.transfer(key.address, 10 * WHOLE)._encode_transaction_data())
    anvil.rpc("evm_mine")
    for key in keys:
        send(key.address, token.functions.delegate(key.address)._encode_transaction_data())
    anvil.rpc("evm_mine")
    anvil.rpc("evm_setAutomine", True)
    anvil.rpc("anvil_autoImpersonateAccount", False)


def test_hundreds_of_ballots_are_relayed_and_an_interruption_loses_none(
    start_anvil: Callable[..., Anvil], tmp_path: Path
) -> None:
    anvil = start_anvil("--gas-limit", "1000000000")

    def fund(registry: Registry, account: str) -> None:
        anvil.rpc("anvil_setBalance", account, hex(WHOLE))

    world = World(Chain.connect(anvil.url), tmp_path / "home", 2, fund, each=20_000)
    keys = [voter(1_000 + number) for number in range(BALLOTS)]
    give_votes(anvil, world, keys)
    proposer = world.voting(1)
    draft = proposer.governance.draft(proposer.assets.functions.setFee(50), title="Halve the fee")
    made = proposer.governance.propose(draft)
    proposer.chain.advance(DAY + 60)
    proposer.governance.vote(made.id, "for")
    governor, chain_id = proposer.governance.dao.governor, proposer.chain.chain_id
    unsigned = [Ballot(chain_id, governor, made.id, key.address, Choice.FOR, 0) for key in keys]
    signed = [one.signed(key.sign_typed_data(one.typed_data)) for one, key in zip(unsigned, keys, strict=True)]

    seen: list[tuple[int, int]] = []

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "relay ballots":
            seen.append((done, total))
            if done >= BALLOTS // 2:
                raise KeyboardInterrupt

    relayer = world.dev(RELAYER)
    relayer.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        relayer.governance.relay(made.id, signed)
    assert seen[:2] == [(0, BALLOTS), (50, BALLOTS)]
    done = world.dev(RELAYER).governance.relay(made.id, signed)
    assert (len(done.before), len(done.counted), len(done.refused)) == (BALLOTS // 2, BALLOTS // 2, 0)
    assert proposer.governance.proposal(made.id).for_votes == (20_000 + 10 * BALLOTS) * WHOLE
    each = [tx.gas_used / 50 for tx in done.txs]
    assert len(each) == BALLOTS // 2 / 50 and max(each) <= 75_000
    again = world.dev(RELAYER).governance.relay(made.id, signed)
    assert (len(again.before), again.counted, again.txs) == (BALLOTS, (), ())
