"""What every verb of a team stands on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from registry.chain.call import Call
from registry.chain.calldata import decoded, unpacked
from registry.chain.safe import NAMES, is_part, safe_contract, safe_version
from registry.errors import (
    ConnectionFailed,
    ContractError,
    Fault,
    NotAnOwner,
    NotDeployed,
    RegistryError,
    TamperedProposal,
    TeamError,
    TransactionReverted,
    UnsafeCall,
    WrongChain,
)
from registry.session import Session
from registry.teams.proposal_file import CALL, VERSIONS, Signature, TeamProposal
from registry.teams.team_results import Team
from registry.types import Address, to_address

if TYPE_CHECKING:
    from web3.contract import Contract

    from registry.chain.connection import Chain

R = TypeVar("R", bound=Session)


class TeamVerbs(Generic[R]):
    """What every verb of a team stands on: a registry's client, and the Safes that it sees."""

    def __init__(self, registry: R) -> None:
        self._registry = registry

    @property
    def _chain(self) -> Chain:
        return self._registry.chain

    @property
    def _multisend(self) -> Address:
        return self._registry.deployment.safe["multisend"]

    @cached_property
    def _factory(self) -> Contract:
        return self._chain.contract("TeamFactory", self._registry.deployment.teams)

    def _safe(self, address: str) -> Contract:
        return safe_contract(self._chain, address)

    def _team(self, address: Address) -> Team:
        functions = self._safe(address).functions
        try:
            version = str(self._chain.call(functions.VERSION()))
            owners = tuple(to_address(owner) for owner in self._chain.call(functions.getOwners()))
            threshold, nonce = (int(self._chain.call(ask())) for ask in (functions.getThreshold, functions.nonce))
        except (NotDeployed, TransactionReverted, ContractError) as error:
            raise TeamError(
                f"There is no Safe at {address} on chain {self._chain.chain_id}.", hint="Check address and network."
            ) from error
        return Team(address, owners, threshold, None, nonce, version)

    def _deciding(self, address: Address) -> Team:
        """The team at an address, if its code is that of a published Safe: another could do anything with what was
        signed for it, whatever version it says it is."""
        team = self._team(address)
        if safe_version(self._chain, address) != team.version:
            raise TeamError(
                f"{team} says that it is a Safe {team.version}, and its code is none of those that decide here.",
                hint=f"They are the published ones of {', '.join(VERSIONS)}. Ask whoever made it what it is.",
            )
        return team

    def _checked(self, proposal: TeamProposal) -> Team:
        """Return the team of a proposal, if the proposal is what it says and cannot hand the team over."""
        if proposal.chain_id != self._chain.chain_id:
            raise WrongChain(proposal.chain_id, self._chain.chain_id, f"The {proposal}")
        proposal.verify()
        team = self._deciding(proposal.safe)
        if team.version != proposal.version:
            reason = f"is {proposal.version}, but the Safe is {team.version}"
            raise TamperedProposal(proposal, [Fault("/safeVersion", reason)])
        self._unpacked(proposal)
        for signature in proposal.signatures:
            if signature.owner not in team.owners:
                raise NotAnOwner(signature.owner, team.address, team.owners)
        return team

    def _unpacked(self, proposal: TeamProposal) -> Sequence[Call]:
        """The calls of a proposal; raises `UnsafeCall` for a delegatecall that is no plain batch of calls."""
        if proposal.operation == CALL:
            return [Call(proposal.to, proposal.data, proposal.value)]
        reason = ""
        found = decoded(proposal.data, NAMES["multisend"])
        calls = unpacked(bytes(found[1]["transactions"])) if found is not None else None
        if proposal.to != self._multisend:
            reason = f"the batches of this chain go through {self._multisend}"
        elif not is_part(self._chain, proposal.to, "multisend"):
            reason = "the code there is not that of the published MultiSendCallOnly"
        elif proposal.value:
            reason = "a batch carries no value of its own"
        elif calls is None:
            reason = "its data is not a well-formed batch of plain calls"
        if reason or calls is None:
            raise UnsafeCall(
                proposal.to, f"its code would run as the team's own (delegatecall), and {reason}", proposal.data
            )
        return calls

    def _approved(self, proposal: TeamProposal, owner: Address) -> bool:
        digest = bytes.fromhex(proposal.safe_tx_hash[2:])
        return bool(self._chain.call(self._safe(proposal.safe).functions.approvedHashes(owner, digest)))

    def _agrees(self, proposal: TeamProposal, signature: Signature) -> bool:
        """Whether the chain accepts the word of a contract (ERC-1271), asked as the Safe will ask."""
        contract = safe_contract(self._chain, signature.owner, "handler")
        digest = bytes.fromhex(proposal.safe_tx_hash[2:])
        kind, asked = ("bytes32", digest) if proposal.asks_by_hash else ("bytes", proposal.preimage)
        ask = contract.get_function_by_signature(f"isValidSignature({kind},bytes)")
        try:
            return bytes(self._chain.call(ask(asked, signature.data))) == _AGREED[kind]
        except ConnectionFailed:
            raise
        except RegistryError:
            return False

    def _valid(self, proposal: TeamProposal, team: Team) -> list[Signature]:
        """The signatures that the Safe will accept now, with approvals on chain that nobody added."""
        found = []
        for signature in proposal.signatures:
            if signature.kind == "approved":
                continue
            if signature.kind != "contract" or self._agrees(proposal, signature):
                found.append(signature)
        there = {signature.owner for signature in found}
        for owner in team.owners:
            if owner not in there and self._approved(proposal, owner):
                found.append(Signature(owner, "approved"))
        return found


_AGREED: Final = {"bytes": bytes.fromhex("20c13b0b"), "bytes32": bytes.fromhex("1626ba7e")}
"""What a contract answers to isValidSignature when it agrees, by the type of what it is asked about."""
