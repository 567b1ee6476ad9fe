"""The DAO beside OpenZeppelin's own governor with its timelock: one proposal of one call, from start to end.

Both governors have the same token, voters, delays, threshold, fraction and text; `PlainGovernor` among the mocks is
OpenZeppelin's modules and nothing else. Measured on either half: the first vote for a proposal, a later one while the
quorum is not reached (what most votes are), and one by signature.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import RPCEndpoint

from bench.gas import Gas
from bench.stage import Stage
from registry.chain.artifacts import artifact

COMPILED: Final = Path(__file__).resolve().parent.parent / ".build" / "__local__.json"
VOTE: Final = 10**18
DELAY, PERIOD, TIMELOCK_DELAY = 3_600, 86_400, 86_400
BALLOTS: Final = 50
_BALLOT: Final = {
    "Ballot": [
        {"name": "proposalId", "type": "uint256"},
        {"name": "support", "type": "uint8"},
        {"name": "voter", "type": "address"},
        {"name": "nonce", "type": "uint256"},
    ]
}


def measure(stage: Stage, *, ours: Gas, incumbent: Gas) -> None:
    """Found a DAO twice, let each decide the same, and record what it took."""
    voters = [Account.from_key(Web3.keccak(text=f"voter {number}")) for number in range(BALLOTS + 6)]
    plain = _found(stage, voters, plain=True)
    governor = _found(stage, voters, plain=False)
    _decide(plain, incumbent)
    _decide(governor, ours)
    relay = _relay(governor)
    ours.record("gov_relay_50_each", relay, share=BALLOTS, note=f"{BALLOTS} signed votes of fresh voters in one batch")


@dataclass(frozen=True, slots=True)
class _Dao:
    stage: Stage
    governor: Contract
    registry: Contract
    voters: Sequence[LocalAccount]

    def act(self, call: Any, who: LocalAccount) -> Any:
        """Send a call of a voter's; the node signs for those it impersonates."""
        return self.stage.send(call, sender=who.address)

    def propose(self, title: str) -> tuple[Any, int, tuple[Any, ...]]:
        """Submit a proposal; its transaction, id, and what queue and execute take."""
        proposer = self.voters[0]
        text = f"# {title}\n\nipfs://bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku\n\n"
        text += f"#proposer={proposer.address.lower()}"
        actions = ([self.registry.address], [0], [self.registry.encode_abi("setFee", [33])])
        tx_hash = self.act(self.governor.functions.propose(*actions, text), proposer)
        receipt = self.stage.w3.eth.get_transaction_receipt(tx_hash)
        (event,) = self.governor.events.ProposalCreated().process_receipt(receipt, errors=DISCARD)
        return tx_hash, event["args"]["proposalId"], (*actions, Web3.keccak(text=text))

    def sign(self, voter: LocalAccount, proposal: int) -> bytes:
        """A ballot for a proposal, of a voter who signed none before."""
        domain = {
            "name": "AI Asset Registry DAO",
            "version": "1",
            "chainId": self.stage.w3.eth.chain_id,
            "verifyingContract": self.governor.address,
        }
        message = {"proposalId": proposal, "support": 1, "voter": voter.address, "nonce": 0}
        return bytes(voter.sign_typed_data(domain, _BALLOT, message).signature)


def _found(stage: Stage, voters: Sequence[LocalAccount], *, plain: bool) -> _Dao:
    protocol = stage.cast.protocol
    # The proposer alone is short of the quorum, and so are the three that vote with it.
    shares = [(voter.address, 1_000 * VOTE) for voter in voters] + [(stage.cast.treasury, 150_000 * VOTE)]
    token = stage.deploy(asdict(artifact("RegistryToken")), "Votes", "VOTE", shares)
    timelock = stage.deploy(asdict(artifact("RegistryTimelock")), TIMELOCK_DELAY, protocol)
    if plain:
        compiled = json.loads(COMPILED.read_text(encoding="utf-8"))["contractTypes"]["PlainGovernor"]
        made = {"abi": compiled["abi"], "bytecode": compiled["deploymentBytecode"]["bytecode"]}
        governor = stage.deploy(made, token.address, timelock.address, DELAY, PERIOD, 10 * VOTE, 4)
    else:
        now = stage.w3.eth.get_block("latest")["timestamp"]
        rules = (DELAY, PERIOD, 10 * VOTE, 4, 100 * VOTE, DELAY, protocol, now + 30 * 86_400, 0)
        governor = stage.deploy(asdict(artifact("RegistryGovernor")), token.address, timelock.address, rules)
    for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"):
        grant = timelock.functions.grantRole(timelock.functions[role]().call(), governor.address)
        stage.send(grant, sender=protocol)
    authority = stage.deploy(asdict(artifact("RegistryAuthority")), timelock.address)
    lineage = stage.deploy(asdict(artifact("Lineage")))
    # Nothing is looked up in it here, so the authority may stand for the directory.
    fixed = (authority.address, authority.address, lineage.address)
    registry = stage.deploy(asdict(artifact("AssetRegistry")), *fixed, stage.cast.treasury, 20)
    dao = _Dao(stage, governor, registry, voters)
    for voter in voters:
        for method, params in (
            ("anvil_setBalance", [voter.address, hex(10**20)]),
            ("anvil_impersonateAccount", [voter.address]),
        ):
            stage.w3.provider.make_request(RPCEndpoint(method), params)
        dao.act(token.functions.delegate(voter.address), voter)
    _wait(stage, 1)
    return dao


def _decide(dao: _Dao, gas: Gas) -> None:
    """One life of a proposal; everybody else votes too, unmeasured, so that it passes."""
    governor = dao.governor.functions
    tx_hash, proposal, hashed = dao.propose("Lower the fee")
    gas.record("gov_propose", tx_hash)
    _wait(dao.stage, DELAY + 1)
    first, second, signer, opponent, *others = dao.voters
    gas.record("gov_vote_first", dao.act(governor.castVote(proposal, 1), first))
    gas.record("gov_vote", dao.act(governor.castVote(proposal, 1), second))
    by_signature = governor.castVoteBySig(proposal, 1, signer.address, dao.sign(signer, proposal))
    gas.record("gov_vote_sig", dao.act(by_signature, first))
    dao.act(governor.castVote(proposal, 0), opponent)
    for voter in others[:12]:
        dao.act(governor.castVote(proposal, 1), voter)
    # A late quorum prolongs ours.
    _wait(dao.stage, PERIOD + DELAY + 1)
    gas.record("gov_queue", dao.act(governor.queue(*hashed), first))
    _wait(dao.stage, TIMELOCK_DELAY)
    gas.record("gov_execute", dao.act(governor.execute(*hashed), first))


def _relay(dao: _Dao) -> Any:
    """A batch of ballots on another proposal, by voters who signed none before."""
    _, proposal, _ = dao.propose("Lower the fee again")
    _wait(dao.stage, DELAY + 1)
    fresh = dao.voters[-BALLOTS:]
    ballots = [(voter.address, 1, dao.sign(voter, proposal)) for voter in fresh]
    tx_hash = dao.act(dao.governor.functions.castVotesBySig(proposal, ballots), dao.voters[0])
    _, for_votes, _ = dao.governor.functions.proposalVotes(proposal).call()
    if for_votes != BALLOTS * 1_000 * VOTE:
        raise AssertionError("not all ballots were counted")
    return tx_hash


def _wait(stage: Stage, seconds: int) -> None:
    for method, params in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        stage.w3.provider.make_request(RPCEndpoint(method), params)
