"""Proposals, votes and ballots of the DAO."""

from __future__ import annotations

from collections.abc import Sequence

from registry.errors.base import RegistryError
from registry.errors.teams import TeamError


class GovernanceError(RegistryError):
    """The DAO cannot do it like this; nothing was sent."""

    hint = "'registry dao show' says where a proposal stands and what comes next."


class UnsafeCall(TeamError, GovernanceError, PermissionError):
    """A call that is not signed or voted for, because some of it cannot be read, or because it runs foreign code."""

    hint = "Do not sign it. Ask who proposed it for calls that can be read to their last byte."

    def __init__(self, to: str, reason: str, data: bytes = b"", *, final: bool = True) -> None:
        self.to, self.reason, self.data, self.final = to, reason, bytes(data), final
        shown = f" Its data, {len(data):,} bytes: 0x{self.data.hex()}" if data else ""
        super().__init__(f"The call of {to} is not to be signed: {reason}.{shown}", hint="" if final else _UNREAD)


_UNREAD = (
    "Have its proposer name the function (Call.abi in Python, --abi, abi: in YAML), or agree to bytes that nobody here "
    "can read (allow_unread=True, --allow-unread)."
)


class InvalidDraft(GovernanceError, ValueError):
    """A proposal that is written down wrongly; `line` is where in the file, 0 if no line is at fault."""

    hint = "Mend it and try again; nothing was sent."

    def __init__(self, source: object, reason: str, *, line: int = 0, hint: str = "") -> None:
        self.source, self.reason, self.line = source, reason, line
        where = f"{source}, line {line}" if line else str(source)
        super().__init__(f"{where}: {reason}.", hint=hint)


class DescriptionTooLong(GovernanceError, ValueError):
    """The body of a proposal is larger than one block."""

    hint = "Publish long texts as an asset, and name its DID in the body."

    def __init__(self, size: int, limit: int) -> None:
        self.size, self.limit = size, limit
        super().__init__(f"The body of the proposal has {size:,} bytes; at most {limit:,} fit in one block.")


class UnpinnedBody(GovernanceError, OSError):
    """The body that a proposal names cannot be fetched, so nobody could read what they vote on."""

    hint = "Pin it in a store that can be written, or add a source that holds it."

    def __init__(self, cid: object, reason: str) -> None:
        self.cid, self.reason = cid, reason
        super().__init__(f"The body ipfs://{cid} of the proposal cannot be fetched: {reason}.")


class UnknownTarget(GovernanceError, LookupError):
    """A call with data to an account where there is no contract: it would do nothing and look like success."""

    hint = "Check the address and the network."

    def __init__(self, target: str, number: int) -> None:
        self.target, self.number = target, number
        super().__init__(f"Action {number} calls {target}, and there is no contract.")


class CallWouldRevert(GovernanceError):
    """An action that would fail if the proposal were executed now; `cause` is what it would be refused with."""

    hint = "Mend the action; with force it is proposed all the same."

    def __init__(self, number: int, what: str, cause: RegistryError) -> None:
        self.number, self.what, self.cause = number, what, cause
        super().__init__(
            f"Action {number}, {what}, would be refused: {cause.message}", hint=f"{cause.hint} {self.hint}"
        )


class BelowThreshold(GovernanceError, PermissionError):
    """The proposer has fewer votes than that takes."""

    hint = "Delegate to yourself if you hold tokens, or ask somebody with more votes to propose."

    def __init__(self, account: str, votes: str, needed: str) -> None:
        self.account, self.votes, self.needed = account, votes, needed
        super().__init__(f"{account} has {votes} votes, and a proposal takes {needed}.")


class ProposalNotFound(GovernanceError, LookupError):
    """The DAO has no such proposal."""

    hint = "'registry dao list' shows them all; check the chain."

    def __init__(self, proposal: object, reason: str = "no such proposal was made") -> None:
        self.proposal = proposal
        super().__init__(f"Proposal {proposal} was not found: {reason}.")


class WrongProposalState(GovernanceError):
    """A proposal that is not where this can be done."""

    hint = "'registry dao show' says what comes next."

    def __init__(self, proposal: object, state: str, act: str, *, hint: str = "") -> None:
        self.proposal, self.state, self.act = proposal, state, act
        super().__init__(f"The {proposal} is {state}, so one cannot {act} it.", hint=hint)


class TooEarly(WrongProposalState):
    """A proposal whose delay has not passed; `until` is when it has (seconds since 1970), `moment` in words."""

    hint = "Wait until then; anybody may execute it."

    def __init__(self, proposal: object, until: int, moment: str) -> None:
        self.until = until
        super().__init__(proposal, f"queued until {moment}", "execute")


class CodeChanged(GovernanceError):
    """The code of a target is not what it was when the proposal was made, so nobody can queue, execute or cancel it."""

    hint = "Look at what changed; if the actions are still wanted, propose them anew."

    def __init__(self, proposal: object, targets: Sequence[str]) -> None:
        self.proposal, self.targets = proposal, tuple(targets)
        named = ", ".join(self.targets) or "one of its targets"
        super().__init__(f"The code of {named} changed since the {proposal} was made, and its id commits to that code.")


class MayNotCancel(GovernanceError, PermissionError):
    """Neither the guardian, nor who proposed while the vote had not begun."""

    hint = "Vote against it instead."

    def __init__(self, account: str, proposal: object, reason: str) -> None:
        self.account, self.proposal = account, proposal
        super().__init__(f"{account} may not cancel the {proposal}: {reason}.")


class VoteRefused(GovernanceError):
    """A vote that would not count."""

    hint = "'registry dao show' says when votes count."


class AlreadyVoted(VoteRefused):
    """Each account votes once."""

    hint = "A vote cannot be changed."

    def __init__(self, account: str, proposal: object) -> None:
        self.account, self.proposal = account, proposal
        super().__init__(f"{account} has voted on the {proposal} already.")


class LateVote(VoteRefused):
    """The voting is over."""

    hint = "Votes are not counted any more."

    def __init__(self, proposal: object, state: str) -> None:
        self.proposal, self.state = proposal, state
        super().__init__(f"The voting on the {proposal} is over: it is {state}.")


class VotingNotBegun(VoteRefused):
    """The voting begins later; `begins` is when (seconds since 1970), `moment` in words."""

    hint = "Vote when it has begun."

    def __init__(self, proposal: object, begins: int, moment: str) -> None:
        self.proposal, self.begins = proposal, begins
        super().__init__(f"The voting on the {proposal} begins at {moment}.")


class NoVotes(VoteRefused):
    """The account had no votes when the voting began."""

    hint = "Tokens count once they are delegated, if only to yourself: do that before the next vote."

    def __init__(self, account: str, proposal: object) -> None:
        self.account, self.proposal = account, proposal
        super().__init__(f"{account} had no votes when the voting on the {proposal} began.")


class WrongProof(GovernanceError, ValueError):
    """A proof that the distributor would refuse: it belongs to another list."""

    hint = "Take the list that was published for this distributor, unchanged."

    def __init__(self, account: str, root: bytes, expected: bytes) -> None:
        self.account, self.root, self.expected = account, root, expected
        super().__init__(
            f"The proof of {account} leads to the root 0x{root.hex()}, but the distributor has 0x{expected.hex()}."
        )


class InvalidBallot(GovernanceError, ValueError):
    """A file that is no ballot, or a ballot of another vote."""

    hint = "Ask the voter for a new one."

    def __init__(self, source: object, reason: str, *, hint: str = "") -> None:
        self.source, self.reason = source, reason
        super().__init__(f"{source} is not a ballot of this vote: {reason}.", hint=hint)


class WrongBallotSignature(InvalidBallot):
    """A ballot that its voter did not sign for this governor on this chain."""


class ReplayedBallot(InvalidBallot):
    """A ballot whose number was used, by this very ballot or by another that the voter signed."""


class StillOpen(GovernanceError, TimeoutError):
    """A proposal that did not come to its end while it was watched."""

    hint = "Watch it again, for longer."

    def __init__(self, proposal: object, state: str, seconds: float) -> None:
        self.proposal, self.state, self.seconds = proposal, state, seconds
        super().__init__(f"The {proposal} is still {state} after {seconds:g} s.")
