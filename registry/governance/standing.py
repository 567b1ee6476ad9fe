"""Where a proposal stands, in numbers and in words; how one votes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING

from registry.calls.words import CallInWords, clean, in_votes
from registry.chain.call import Call
from registry.errors import InputError
from registry.governance.drafts import Body
from registry.ipfs.cid import CID
from registry.text.html import Shown
from registry.types import Address

if TYPE_CHECKING:
    from registry.chain.fees import Cost
    from registry.chain.logs import TxReceipt


class Choice(IntEnum):
    """How one votes; the numbers are those of the contract."""

    AGAINST = 0
    FOR = 1
    ABSTAIN = 2

    @classmethod
    def parse(cls, value: Choice | str | int) -> Choice:
        """Read ``"for"``, ``"against"``, ``"abstain"`` or a number; raises `InputError`."""
        try:
            return cls[value.upper()] if isinstance(value, str) else cls(value)
        except (KeyError, ValueError):
            raise InputError(f"{value!r} is not a vote.", hint="Vote for, against or abstain.") from None

    def __str__(self) -> str:
        return self.name.lower()


class ProposalState(IntEnum):
    """Where a proposal stands; the numbers are those of OpenZeppelin's IGovernor."""

    PENDING = 0
    ACTIVE = 1
    CANCELED = 2
    DEFEATED = 3
    SUCCEEDED = 4
    QUEUED = 5
    EXPIRED = 6
    EXECUTED = 7

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in (self.CANCELED, self.DEFEATED, self.EXPIRED, self.EXECUTED)

    def __str__(self) -> str:
        return {self.PENDING: "waiting for its vote", self.ACTIVE: "being voted on"}.get(self, self.name.lower())


def short(proposal: int) -> str:
    """The first digits of a proposal's id: what people call it by, and what every verb takes."""
    return f"0x{proposal:064x}"[:10]


def local(seconds: int) -> str:
    """A moment in seconds since 1970 as text, in the reader's zone."""
    moment = datetime.fromtimestamp(min(seconds, 253402300799 - 86_400), UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()


@dataclass(frozen=True, slots=True)
class Proposal(Shown):
    """A proposal on chain, and where it stands. Times are seconds since 1970, votes units of 1e-18.

    ============ ======================================================================
    cid          of the body; None for one that was made elsewhere without
    begins, ends of the voting; who held votes when it began can vote
    eta          when it may be executed; 0 before it is queued
    quorum       votes for and abstaining that it takes, as known now
    now          time of the chain when this was read
    ============ ======================================================================
    """

    id: int
    proposer: Address
    title: str
    cid: CID | None
    description: str = field(repr=False)
    calls: tuple[Call, ...] = field(repr=False)
    state: ProposalState
    begins: int
    ends: int
    eta: int
    for_votes: int
    against_votes: int
    abstain_votes: int
    quorum: int
    block: int
    now: int

    @property
    def missing(self) -> int:
        """Votes for or abstaining that the quorum still lacks."""
        return max(0, self.quorum - self.for_votes - self.abstain_votes)

    @property
    def lacks(self) -> str:
        """What keeps it from succeeding, as a sentence without its end; nothing if nothing does."""
        reasons = []
        if self.missing:
            needed = in_votes(self.quorum)
            reasons.append(f"{in_votes(self.missing)} of the {needed} votes of the quorum are missing")
        if self.for_votes <= self.against_votes:
            reasons.append("it has no more votes for it than against")
        return ", and ".join(reasons)

    @property
    def next(self) -> str:
        """What comes next, and what to do, with times in the reader's zone."""
        told = {
            ProposalState.PENDING: f"the voting begins at {local(self.begins)}",
            ProposalState.ACTIVE: f"vote until {local(self.ends)}"
            + (f"; now it would fail: {self.lacks}" if self.lacks else "; now it would succeed"),
            ProposalState.CANCELED: "nothing: it was cancelled",
            ProposalState.DEFEATED: f"nothing: it failed, for {self.lacks}",
            ProposalState.SUCCEEDED: f"anybody may queue it: registry dao queue {short(self.id)}",
            ProposalState.EXPIRED: "nothing: it was not executed in time",
            ProposalState.EXECUTED: "nothing: it was carried out",
        }
        if self.state is not ProposalState.QUEUED:
            return told[self.state]
        if self.eta > self.now:
            return f"anybody may execute it from {local(self.eta)}"
        return f"anybody may execute it: registry dao execute {short(self.id)}"

    def to_dict(self) -> dict[str, object]:
        """The proposal for machines: large numbers as text."""
        return {
            "id": f"0x{self.id:064x}",
            "proposer": self.proposer,
            "title": self.title,
            "body": str(self.cid) if self.cid else None,
            "state": self.state.name.lower(),
            "begins": self.begins,
            "ends": self.ends,
            "eta": self.eta,
            "for": str(self.for_votes),
            "against": str(self.against_votes),
            "abstain": str(self.abstain_votes),
            "quorum": str(self.quorum),
            "missing": str(self.missing),
            "next": self.next,
            "actions": [
                {"target": call.to, "value": str(call.value), "data": "0x" + call.data.hex()} for call in self.calls
            ],
        }

    def __str__(self) -> str:
        return f"proposal {short(self.id)} {clean(self.title)!r}"


@dataclass(frozen=True, slots=True)
class ProposalInWords(Shown):
    """A proposal for reading before voting; ``str`` has all of it. `warnings` want a second look."""

    proposal: Proposal
    body: Body | None
    calls: tuple[CallInWords, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        proposal = self.proposal
        lines = [
            f"Proposal {short(proposal.id)} by {proposal.proposer}",
            clean(proposal.title),
            "",
            *(f"! {clean(warning)}" for warning in self.warnings),
            *([""] if self.warnings else []),
        ]
        if self.body is not None and self.body.text.strip():
            lines += [*(clean(line) for line in self.body.text.strip().splitlines()), ""]
        for number, call in enumerate(self.calls, 1):
            first, *rest = call.lines("   ")
            lines += [f"{number}. {first.strip()}", *rest]
        tally = (proposal.for_votes, proposal.against_votes, proposal.abstain_votes)
        lines += [
            "",
            f"state    {proposal.state}",
            "votes    {} for, {} against, {} abstain".format(*map(in_votes, tally)),
            f"quorum   {in_votes(proposal.quorum)} for or abstaining",
            f"next     {proposal.next}",
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Proposed(Shown):
    """A proposal that was submitted, or would be: `tx` is None for a dry run, or if it had been made before."""

    id: int
    title: str
    cid: CID
    cost: Cost
    tx: TxReceipt | None

    def to_dict(self) -> dict[str, object]:
        """For machines: large numbers as text."""
        return {
            "id": f"0x{self.id:064x}",
            "title": self.title,
            "body": str(self.cid),
            "tx": self.tx.tx_hash if self.tx is not None else None,
        }

    def __str__(self) -> str:
        sent = "" if self.tx is not None else ", nothing was sent"
        return f"propose {short(self.id)} {clean(self.title)!r} ({self.cost}{sent})"


@dataclass(frozen=True, slots=True)
class Vote(Shown):
    """A vote that was cast, or would be: `tx` is None for a dry run. `votes` are units of 1e-18."""

    proposal: Proposal
    voter: Address
    choice: Choice
    votes: int
    reason: str
    warnings: tuple[str, ...]
    cost: Cost
    tx: TxReceipt | None

    def to_dict(self) -> dict[str, object]:
        """For machines: large numbers as text."""
        return {
            "proposal": f"0x{self.proposal.id:064x}",
            "voter": self.voter,
            "choice": str(self.choice),
            "votes": str(self.votes),
            "reason": self.reason,
            "warnings": list(self.warnings),
            "tx": self.tx.tx_hash if self.tx is not None else None,
        }

    def __str__(self) -> str:
        what = f"vote {self.choice} {self.proposal} with {in_votes(self.votes)} votes"
        return f"{what} ({self.cost}{', nothing was sent' if self.tx is None else ''})"
