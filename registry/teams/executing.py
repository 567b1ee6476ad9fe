"""Execute proposals, and see what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from registry.chain.fees import NOTHING
from registry.chain.safe import safe_contract
from registry.errors import (
    InputError,
    InsufficientSignatures,
    InvalidProposal,
    TeamError,
    TransactionReverted,
    WrongNonce,
)
from registry.system import disk
from registry.teams.proposal_file import MAX_NOTE, Signature, TeamProposal, may_be_proposal
from registry.teams.proposing import Proposing
from registry.teams.team_results import Executed, ProposalStatus, Team, address_of
from registry.teams.team_verbs import R
from registry.types import ZERO_ADDRESS

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.logs import TxReceipt


class Executing(Proposing[R]):
    """Execute what enough owners agreed to, and see where proposals stand."""

    def execute(self, proposal: TeamProposal, *, dry_run: bool = False) -> Executed:
        """Carry a proposal out that enough owners have signed. Anybody may, and pays the fee.

        Tried on the chain first. Executed already, by whomever, that transaction is returned and nothing sent; an
        interrupted run is finished. Raises `InsufficientSignatures`, `WrongNonce`, what `sign` raises, and what the
        contracts would answer to the calls.
        """
        outbox = self._registry.actor.outbox("execute a proposal", dry_run=dry_run)
        intent = f"team:{proposal.safe}:{proposal.safe_tx_hash}"
        outbox.settle(intent)
        team = self._checked(proposal)
        if proposal.nonce < team.nonce:
            earlier = self._executed(proposal)
            if earlier is None:
                raise WrongNonce(team.address, proposal.nonce, team.nonce)
            return replace(self._outcome(proposal, earlier), cost=NOTHING, before=True)
        if proposal.nonce > team.nonce:
            raise WrongNonce(team.address, proposal.nonce, team.nonce)
        valid = self._valid(proposal, team)
        if len(valid) < team.threshold:
            signed = [signature.owner for signature in valid]
            missing = [owner for owner in team.owners if owner not in signed]
            raise InsufficientSignatures(team.address, signed, team.threshold, missing)
        self._try(proposal)
        call = self._execution(proposal, valid[: team.threshold])
        try:
            outcome = outbox.send(call, intent=intent)
            if outcome.receipt is None:
                return Executed(proposal, outcome.cost, None)
            return self._outcome(proposal, outcome.receipt)
        except TransactionReverted as error:
            # Somebody else was faster, with this proposal or another of its nonce.
            now = self._team(team.address)
            if now.nonce <= proposal.nonce:
                raise
            earlier = self._executed(proposal)
            if earlier is None:
                raise WrongNonce(team.address, proposal.nonce, now.nonce) from error
            return self._outcome(proposal, earlier)

    def pending(self, source: str | Path | Iterable[TeamProposal], team: Team | str) -> tuple[ProposalStatus, ...]:
        """What became of the proposals of a team, in a folder of their files or as they are, by nonce.

        Those of other teams and chains are left out, and so are files that are no proposals. Raises `InputError` for
        what is no folder.
        """
        found = self._team(address_of(team))
        listed: list[ProposalStatus] = []
        if isinstance(source, str | Path):
            folder = Path(source)
            if not folder.is_dir():
                raise InputError(f"{source} is no folder.", hint="Name the folder with the files of the proposals.")
            for path in filter(may_be_proposal, disk.listed(folder)):
                try:
                    listed.append(self._standing(TeamProposal.load(path), found, str(path)))
                except (InvalidProposal, InputError) as error:
                    listed.append(ProposalStatus("refused", None, reason=error.message, path=str(path)))
        else:
            listed = [self._standing(proposal, found) for proposal in source]
        mine = [
            entry
            for entry in listed
            if entry.proposal is None
            or (entry.proposal.safe, entry.proposal.chain_id) == (found.address, self._chain.chain_id)
        ]
        return tuple(sorted(mine, key=lambda entry: (entry.proposal.nonce if entry.proposal else -1, entry.path)))

    def _execution(self, proposal: TeamProposal, signatures: Sequence[Signature]) -> ContractFunction:
        return self._safe(proposal.safe).functions.execTransaction(
            proposal.to,
            proposal.value,
            proposal.data,
            proposal.operation,
            0,
            0,
            0,
            ZERO_ADDRESS,
            ZERO_ADDRESS,
            proposal.encode_signatures(signatures),
        )

    def _executed(self, proposal: TeamProposal) -> TxReceipt | None:
        """The transaction that carried a proposal out, None if none did."""
        digest = bytes.fromhex(proposal.safe_tx_hash[2:])
        # Safes of 1.3.0 log the hash beside the payment: a node cannot look for it.
        old = proposal.version == "1.3.0"
        safe = safe_contract(self._chain, proposal.safe, "singleton 1.3.0" if old else "singleton")
        events = self._chain.events(
            safe.events.ExecutionSuccess,
            filters=None if old else {"txHash": digest},
            from_block=self._registry.deployment.block,
        )
        return next((self._chain.receipt(event.tx_hash) for event in events if event.args["txHash"] == digest), None)

    def _outcome(self, proposal: TeamProposal, tx: TxReceipt) -> Executed:
        home = self._registry.deployment.registry
        made = [e for e in tx.named("MetadataPublished") if e.address == home and e.args["version"] == 1]
        return Executed(proposal, tx.cost, tx, tuple(self._registry.did(event.args["assetId"]) for event in made))

    def _standing(self, proposal: TeamProposal, team: Team, path: str = "") -> ProposalStatus:
        if (proposal.safe, proposal.chain_id) != (team.address, self._chain.chain_id):
            return ProposalStatus("refused", proposal, path=path)
        try:
            self._checked(proposal)
        except TeamError as error:
            return ProposalStatus("refused", proposal, reason=error.message[:MAX_NOTE], path=path)
        if proposal.nonce < team.nonce:
            done = self._executed(proposal)
            return ProposalStatus("executed" if done else "replaced", proposal, path=path)
        missing = max(0, team.threshold - len(self._valid(proposal, team)))
        if proposal.nonce > team.nonce:
            return ProposalStatus("waiting", proposal, missing, f"the team is at nonce {team.nonce}", path)
        return ProposalStatus("needs signatures" if missing else "executable", proposal, missing, path=path)
