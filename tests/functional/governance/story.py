"""Words for stories of a DAO: proposals, votes, ballots, and the passing of time."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ape import chain
from eth_utils import keccak

from ..support import domain, now, sign

HOUR, DAY = 3_600, 86_400
VOTE = 10**18
AGAINST, FOR, ABSTAIN = range(3)
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, EXPIRED, EXECUTED = range(8)

DELAY, PERIOD, EXTENSION, TIMELOCK_DELAY = HOUR, 3 * DAY, DAY, 2 * DAY
THRESHOLD, QUORUM_PERCENT, QUORUM_FLOOR = 1_000 * VOTE, 4, 5_000 * VOTE
VOTE_TOKEN_CAP = 1_000 * VOTE
TIME_TO_ACT = 14 * DAY
"""How long after the vote a proposal can be queued, and after its delay be executed."""


@dataclass(frozen=True)
class Proposal:
    """A proposal as the governor takes it."""

    house: SimpleNamespace
    targets: list[Any]
    values: list[int]
    data: list[bytes]
    description: str
    id: int

    @property
    def hashed(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        return self.targets, self.values, self.data, keccak(text=self.description)

    @property
    def state(self) -> int:
        """Where it stands."""
        return int(self.house.governor.state(self.id))


def described(title: str, proposer: Any) -> str:
    """A description that ends as it must."""
    return f"# {title}\n\n#proposer={proposer.address.lower()}"


def action(method: Any, *args: Any, value: int = 0) -> tuple[Any, int, bytes]:
    """A call of a contract as an action of a proposal."""
    return method.contract, value, bytes(method.encode_input(*args))


def payment(account: Any, value: int) -> tuple[Any, int, bytes]:
    """Coins for an account as an action of a proposal."""
    return account, value, b""


def propose(house: SimpleNamespace, *actions: tuple[Any, int, bytes], by: Any, title: str = "A change") -> Proposal:
    """Submit a proposal."""
    targets, values, data = (list(column) for column in zip(*actions, strict=True))
    description = described(title, by)
    tx = house.governor.propose(targets, values, data, description, sender=by)
    (log,) = house.governor.ProposalCreated.from_receipt(tx)
    return Proposal(house, targets, values, data, description, int(log.event_arguments["proposalId"]))


def travel(seconds: int) -> None:
    """Let time pass; the next block, and what is asked, is that much later."""
    travel_to(now() + seconds)


def travel_to(moment: int) -> None:
    """Mine a block at a moment."""
    chain.pending_timestamp = moment
    chain.mine()


def start_voting(proposal: Proposal) -> None:
    """Go to the first second in which votes count."""
    travel_to(proposal.house.governor.proposalSnapshot(proposal.id) + 1)


def end_voting(proposal: Proposal) -> None:
    """Go to the first second after the deadline."""
    travel_to(proposal.house.governor.proposalDeadline(proposal.id) + 1)


def pass_(proposal: Proposal, *voters: Any) -> Proposal:
    """Vote for it with everybody named (Ann and Bob, if nobody is), and wait for the end."""
    start_voting(proposal)
    for voter in voters or (proposal.house.ann, proposal.house.bob):
        proposal.house.governor.castVote(proposal.id, FOR, sender=voter)
    end_voting(proposal)
    return proposal


def queue(proposal: Proposal) -> Proposal:
    """Queue it and wait for its time."""
    proposal.house.governor.queue(*proposal.hashed, sender=proposal.house.stranger)
    travel(TIMELOCK_DELAY)
    return proposal


def execute(proposal: Proposal) -> Any:
    """Execute it; the receipt."""
    return proposal.house.governor.execute(*proposal.hashed, sender=proposal.house.stranger)


def carry(house: SimpleNamespace, *actions: tuple[Any, int, bytes], title: str = "A change") -> Any:
    """A whole life of a proposal of Ann's, with all votes for it; the receipt of its execution."""
    return execute(queue(pass_(propose(house, *actions, by=house.ann, title=title), house.ann, house.bob, house.cleo)))


def sign_ballot(
    voter: Any,
    governor: Any,
    proposal_id: int,
    support: int,
    *,
    nonce: int | None = None,
    chain_id: int | None = None,
    account: Any = None,
) -> bytes:
    """The EIP-712 signature over a ballot, built from the standard, of a voter or for the wallet `account`."""
    who = account or voter
    return sign(
        voter,
        domain=domain("AI Asset Registry DAO", governor, chain_id=chain_id),
        primary="Ballot",
        fields={"proposalId": "uint256", "support": "uint8", "voter": "address", "nonce": "uint256"},
        message={
            "proposalId": proposal_id,
            "support": support,
            "voter": who.address,
            "nonce": governor.nonces(who) if nonce is None else nonce,
        },
    )
