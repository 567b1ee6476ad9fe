"""A team, and where its proposals stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from registry.calls.words import CallInWords, clean
from registry.chain.fees import Cost
from registry.did import DID
from registry.teams.proposal_file import TeamProposal
from registry.text.html import Shown
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.chain.logs import TxReceipt


@dataclass(frozen=True, slots=True)
class Team(Shown):
    """A Safe: any `threshold` of its `owners` decide. `nonce` counts what it did, `version` is the Safe's.

    `splitter` shares the revenue as one of the owners set it up; None where no owner set one up. What an asset
    pays, and to whom, is always for its payout to say.
    """

    address: Address
    owners: tuple[Address, ...]
    threshold: int
    splitter: Address | None
    nonce: int
    version: str

    def __str__(self) -> str:
        return f"team {self.address} ({self.threshold} of {len(self.owners)})"


@dataclass(frozen=True, slots=True)
class NewTeam(Team):
    """A team as it was founded: `asset` is its first one, `tx` None if nothing had to be sent, or for a dry run."""

    asset: DID | None
    cost: Cost
    tx: TxReceipt | None


@dataclass(frozen=True, slots=True)
class Executed(Shown):
    """What a team did: the proposal, what that cost who sent it, and the assets that it published.

    `before` says that it was executed before: nothing was sent now, and it cost nothing.
    """

    proposal: TeamProposal
    cost: Cost
    tx: TxReceipt | None
    assets: tuple[DID, ...] = ()
    before: bool = False

    def __str__(self) -> str:
        if self.before:
            return f"execute {self.proposal}: that was done before, nothing was sent"
        return f"execute {self.proposal} ({self.cost}{', nothing was sent' if self.tx is None else ''})"


State = Literal["executable", "needs signatures", "waiting", "executed", "replaced", "refused"]


@dataclass(frozen=True, slots=True)
class ProposalStatus(Shown):
    """Where a proposal stands. `missing` are signatures that it still needs; `reason` says more where there is more.

    ``waiting`` is for an earlier nonce, ``replaced`` by another transaction of its nonce; a file that cannot be
    trusted is ``refused`` and has no `proposal`.
    """

    state: State
    proposal: TeamProposal | None
    missing: int = 0
    reason: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class TeamProposalInWords(Shown):
    """A proposal for reading before signing; ``str`` has all of it.

    The three hashes are computed here from the content: compare them with what a hardware wallet shows.
    """

    proposal: TeamProposal
    team: Team
    calls: tuple[CallInWords, ...]
    safe_tx_hash: str
    domain_hash: str
    message_hash: str
    signed: tuple[Address, ...]

    def __str__(self) -> str:
        proposal = self.proposal
        lines = [
            f"Proposal {proposal.nonce} of {self.team} on chain {proposal.chain_id}",
            *([f"note (not signed): {clean(proposal.note)}"] if proposal.note else []),
            "",
        ]
        for number, call in enumerate(self.calls, 1):
            first, *rest = call.lines("   ")
            lines += [f"{number}. {first.strip()}", *rest]
        lines += [
            "",
            f"safeTxHash   {self.safe_tx_hash}",
            f"domain hash  {self.domain_hash}",
            f"message hash {self.message_hash}",
            f"signed by    {', '.join(self.signed) or 'nobody yet'} ({len(self.signed)} of {self.team.threshold})",
        ]
        return "\n".join(lines)


def address_of(team: Team | str) -> Address:
    """Return the address of a team, or of what names one; raises `InvalidAddress`."""
    return team.address if isinstance(team, Team) else to_address(team)
