"""Voting: by a transaction, or by a ballot that is signed, passed on, and relayed by anybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from registry.calls.words import in_votes, require_read
from registry.chain.call import Call
from registry.chain.fees import NOTHING, Cost
from registry.chain.reverts import declared
from registry.chain.signers import recovered, telling
from registry.errors import (
    AlreadyVoted,
    ChainError,
    ConnectionFailed,
    ContractError,
    InputError,
    InvalidBallot,
    LateVote,
    NoVotes,
    RegistryError,
    ReplayedBallot,
    TransactionReverted,
    VotingNotBegun,
    WrongBallotSignature,
    WrongChain,
)
from registry.governance.ballot import Ballot
from registry.governance.deciding import Deciding
from registry.governance.governed import R
from registry.governance.standing import Choice, Proposal, ProposalState, Vote, local
from registry.ipfs.cid import CID
from registry.ipfs.store import fetch
from registry.text.html import Shown
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.chain.logs import TxReceipt

BATCH: Final = 50
"""Ballots in a transaction, where the gas allows."""

KEY_GAS: Final = 95_000
"""For a ballot that a key signed; it takes about 75,000."""

CONTRACT_GAS: Final = 420_000
"""For a ballot that the voter's contract judges: the governor gives it 400,000 at most."""

TX_GAS: Final = 16_777_216
"""The most that a transaction may have (EIP-7825)."""

_BASE_GAS: Final = 100_000


@dataclass(frozen=True, slots=True)
class CheckedBallot(Shown):
    """A ballot, the votes (units of 1e-18) that it brings, and what is wrong with it, None if nothing is.

    `counted` is true for one whose voter has voted just so already, as after an earlier relay, `by_contract` where the
    voter's contract judges the signature.
    """

    ballot: Ballot
    votes: int
    problem: RegistryError | None
    counted: bool = False
    by_contract: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        problem = self.problem
        return {
            "voter": self.ballot.voter,
            "choice": str(self.ballot.choice),
            "votes": str(self.votes),
            "counted": self.counted,
            "problem": None if problem is None else f"{type(problem).__name__}: {problem.message}",
        }


@dataclass(frozen=True, slots=True)
class Relayed(Shown):
    """What became of ballots: `counted` now, counted `before`, and `refused`, each with why.

    `txs` are the transactions, in order; none for a dry run, whose `counted` are those that would count.
    """

    proposal: Proposal
    counted: tuple[CheckedBallot, ...]
    before: tuple[CheckedBallot, ...]
    refused: tuple[CheckedBallot, ...]
    cost: Cost
    txs: tuple[TxReceipt, ...]

    @property
    def votes(self) -> int:
        """Votes that were counted now, in units of 1e-18."""
        return sum(found.votes for found in self.counted)

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        listed = {"counted": self.counted, "before": self.before, "refused": self.refused}
        return {
            "proposal": f"0x{self.proposal.id:064x}",
            **{name: [found.to_dict() for found in ballots] for name, ballots in listed.items()},
            "gas": sum(tx.gas_used for tx in self.txs),
            "txs": [tx.tx_hash for tx in self.txs],
        }

    def __str__(self) -> str:
        told = f"{len(self.counted):,} ballots counted with {in_votes(self.votes)} votes"
        return f"{told}, {len(self.before):,} counted before, {len(self.refused):,} refused ({self.cost})"


class Voting(Deciding[R]):
    """Verbs of voters, and of those who collect what voters signed."""

    # --- Oneself ---------------------------------------------------------------------------------

    def vote(
        self,
        proposal: Proposal | int | str,
        choice: Choice | str | int,
        *,
        reason: str = "",
        allow_unread: bool = False,
        dry_run: bool = False,
    ) -> Vote:
        """Vote for, against or abstain, with all votes that the signer had when the voting began.

        What `describe` would warn of comes along as `Vote.warnings`. What cannot be read to its last byte can be voted
        against only, or with `allow_unread` if it is for a stranger's contract. Raises `UnsafeCall`, `AlreadyVoted`,
        `LateVote`, `VotingNotBegun`, `NoVotes`, and what sending raises.
        """
        chosen, found = Choice.parse(choice), self.proposal(proposal)
        functions, voter = self.governor.functions, self.registry.address
        intent = f"vote:{self.dao.governor}:{found.id}"
        settled = self.registry.actor.outbox("vote", dry_run=dry_run).settle(intent)
        if settled:
            receipt = settled[-1].done
            cast = next(event for event in receipt.named("VoteCast") if event.args["voter"] == voter)
            warnings = tuple(self._body_and_warnings(found)[1])
            chosen, reason = Choice(cast.args["support"]), str(cast.args["reason"])
            return Vote(found, voter, chosen, cast.args["weight"], reason, warnings, settled[-1].cost, receipt)
        votes = self._check_voter(found, voter)
        self._check_read(found, chosen, allow_unread)
        warnings = tuple(self._body_and_warnings(found)[1])
        call = (
            functions.castVoteWithReason(found.id, int(chosen), reason)
            if reason
            else functions.castVote(found.id, int(chosen))
        )
        done = self.registry.act(f"vote {chosen} {found}", call, intent=intent, dry_run=dry_run)
        return Vote(found, voter, chosen, votes, reason, warnings, done.cost, done.tx)

    def ballot(
        self,
        proposal: Proposal | int | str,
        choice: Choice | str | int,
        *,
        safe: str | None = None,
        nonce: int | None = None,
        allow_unread: bool = False,
    ) -> Ballot:
        """Sign a vote for others to bring to the chain, at no cost; before the voting begins, too.

        `nonce` is by default the next of the voter: with several ballots on the way, count on. With `safe` the voter is
        that Safe, and the signer one of its owners: it counts once enough of them have signed, see `merged`. A wallet's
        page shows the proposal, too. Raises `UnsafeCall` as `vote` does, `AlreadyVoted`, `LateVote`, `NoVotes` and
        `SignerError`.
        """
        signer = self.registry.actor.signing("sign a ballot")
        made = self.unsigned_ballot(proposal, choice, voter=safe, nonce=nonce, allow_unread=allow_unread)
        signer = telling(signer, lambda: f"A vote {made.choice} this proposal\n\n{self.describe(proposal)}")
        return made.signed(signer.sign_typed_data(made.safe_message if safe else made.typed_data))

    def unsigned_ballot(
        self,
        proposal: Proposal | int | str,
        choice: Choice | str | int,
        *,
        voter: str | None = None,
        nonce: int | None = None,
        allow_unread: bool = False,
    ) -> Ballot:
        """The ballot of `voter` (default: the signer) without its signature: `Ballot.typed_data` is what a wallet, or
        the owners of a contract, sign, and `Ballot.signed` puts it in. Raises what `ballot` raises."""
        found = self.proposal(proposal)
        account = to_address(voter) if voter else self.registry.address
        chosen = Choice.parse(choice)
        self._check_voter(found, account, begun=False)
        self._check_read(found, chosen, allow_unread)
        return Ballot(
            chain_id=self.registry.chain.chain_id,
            governor=self.dao.governor,
            proposal=found.id,
            voter=account,
            choice=chosen,
            nonce=self._nonce(account) if nonce is None else nonce,
        )

    # --- Others ----------------------------------------------------------------------------------

    def put_ballot(self, ballot: Ballot) -> CID:
        """Keep a ballot in the block store, and return the CID by which others get it."""
        self.registry.store.put(ballot.cid, ballot.to_bytes())
        return ballot.cid

    def ballot_from_cid(self, cid: CID | str) -> Ballot:
        """Get a ballot that somebody has `put_ballot`; raises `ContentError` and its kinds, and `InvalidBallot`."""
        parsed = CID.parse(cid)
        return Ballot.from_bytes(fetch(parsed, self.registry.store), source=parsed)

    def check_ballots(self, proposal: Proposal | int | str, ballots: Iterable[Ballot]) -> tuple[CheckedBallot, ...]:
        """Say of each ballot whether it would count now, and with how many votes; nothing is sent.

        Checked are chain, governor and proposal, the signature (also by the voter's contract, ERC-1271), the nonce, the
        votes when the voting began, and whether the voter has voted.
        """
        found, listed = self.proposal(proposal), list(ballots)
        voted = self._voted(found)
        checked: list[CheckedBallot] = []
        seen: set[Address] = set()
        for number, ballot in enumerate(listed):
            self.registry.progress("check ballots", number, len(listed))
            one = self._checked(found, ballot, voted, seen)
            if one.problem is None:
                seen.add(ballot.voter)
            checked.append(one)
        self.registry.progress("check ballots", len(listed), len(listed))
        return tuple(checked)

    def relay(
        self, proposal: Proposal | int | str, ballots: Iterable[Ballot], *, batch: int = BATCH, dry_run: bool = False
    ) -> Relayed:
        """Bring ballots to the chain, `batch` to a transaction at most, and say who was counted, who was not, and why.

        Anybody may, and pays the fee. Interrupted, run it again: what was relayed is not relayed twice. Raises
        `InputError` for a batch of none, `LateVote` and `VotingNotBegun` while nothing can be counted.
        """
        if batch < 1:
            raise InputError(f"batch must be at least 1, not {batch}.", hint="It counts ballots of one transaction.")
        found = self.proposal(proposal)
        outbox = self.registry.actor.outbox("relay ballots", dry_run=dry_run)
        prefix = f"relay:{self.dao.governor}:{found.id}"
        outbox.settle(prefix)
        self._check_open(found)
        checked = self.check_ballots(found, ballots)
        good = [one for one in checked if one.problem is None]
        refused = [one for one in checked if one.problem is not None and not one.counted]
        counted: list[CheckedBallot] = []
        txs: list[TxReceipt] = []
        cost = NOTHING
        for part in self._batches(good, batch):
            self.registry.progress("relay ballots", len(counted), len(good))
            call = self._batch_call(found, part)
            mark = sha256(b"".join(bytes(one.ballot.cid) for one in part)).hexdigest()[:16]
            outcome = outbox.send(call, intent=f"{prefix}:{mark}")
            cost += outcome.cost
            if (tx := outcome.receipt) is None:
                counted += part
                continue
            txs.append(tx)
            voters = {event.args["voter"] for event in tx.named("VoteCast")}
            reasons = {event.args["voter"]: event.args["reason"] for event in tx.named("BallotRefused")}
            for one in part:
                if one.ballot.voter in voters:
                    counted.append(one)
                else:
                    reason = _reason(bytes(reasons.get(one.ballot.voter, b"")))
                    refused.append(replace(one, problem=InvalidBallot(one.ballot, reason)))
        self.registry.progress("relay ballots", len(good), len(good))
        before = tuple(one for one in checked if one.counted)
        return Relayed(found, tuple(counted), before, tuple(refused), cost, tuple(txs))

    # --- Below the verbs -------------------------------------------------------------------------

    def _nonce(self, account: str) -> int:
        return int(self.registry.chain.call(self.governor.functions.nonces(account)))

    def _check_read(self, found: Proposal, choice: Choice, allow_unread: bool) -> None:
        """Nobody votes for what cannot be read, nor helps it to a quorum; raises `UnsafeCall`."""
        if choice is Choice.AGAINST:
            return
        told = self._in_words(found.calls)
        if any(one.unread for call in told for _depth, one in call.all()):
            # Its author may have named the functions.
            told = self._in_words(found.calls, self._body_and_warnings(found)[0])
        require_read(told, allow_unread=allow_unread)

    def _check_open(self, found: Proposal) -> None:
        if found.state is ProposalState.PENDING:
            raise VotingNotBegun(found, found.begins, local(found.begins))
        if found.state is not ProposalState.ACTIVE:
            raise LateVote(found, str(found.state))

    def _check_voter(self, found: Proposal, voter: Address, *, begun: bool = True) -> int:
        """The votes of somebody who may vote; raises why somebody may not."""
        chain, functions = self.registry.chain, self.governor.functions
        if begun or found.state is not ProposalState.PENDING:
            self._check_open(found)
        if chain.call(functions.hasVoted(found.id, voter)):
            raise AlreadyVoted(voter, found)
        if found.begins >= found.now:
            return 0
        votes = int(chain.call(functions.getVotes(voter, found.begins)))
        if not votes:
            raise NoVotes(voter, found)
        return votes

    def _voted(self, found: Proposal) -> dict[Address, Choice]:
        """Who has voted, and how."""
        events = self.registry.chain.events(self.governor.events.VoteCast, from_block=found.block)
        return {
            to_address(event.args["voter"]): Choice(event.args["support"])
            for event in events
            if event.args["proposalId"] == found.id
        }

    def _checked(
        self, found: Proposal, ballot: Ballot, voted: dict[Address, Choice], seen: set[Address]
    ) -> CheckedBallot:
        chain, functions, voter = self.registry.chain, self.governor.functions, ballot.voter
        if voted.get(voter) is ballot.choice and ballot.proposal == found.id:
            return CheckedBallot(ballot, 0, AlreadyVoted(voter, found), counted=True)
        try:
            if ballot.chain_id != chain.chain_id:
                raise WrongChain(ballot.chain_id, chain.chain_id, f"The {ballot}")
            if (ballot.governor, ballot.proposal) != (self.dao.governor, found.id):
                raise InvalidBallot(ballot, f"it is for proposal {ballot.proposal} of the governor {ballot.governor}")
            if voter in voted:
                raise AlreadyVoted(voter, found)
            if voter in seen:
                raise ReplayedBallot(ballot, "there is another of the same voter among these, and one counts")
            self._check_open(found)
            nonce = self._nonce(voter)
            if ballot.nonce != nonce:
                when = "was used already" if ballot.nonce < nonce else f"comes after {nonce}, which is still to come"
                raise ReplayedBallot(ballot, f"its number {ballot.nonce} {when}")
            votes = int(chain.call(functions.getVotes(voter, found.begins)))
            if not votes:
                raise NoVotes(voter, found)
            by_contract = recovered(ballot.typed_data, ballot.signature) != voter
            if by_contract:
                self._ask_contract(ballot)
        except ConnectionFailed:  # which says nothing of the ballot
            raise
        except RegistryError as error:
            return CheckedBallot(ballot, 0, error)
        return CheckedBallot(ballot, votes, None, by_contract=by_contract)

    def _ask_contract(self, ballot: Ballot) -> None:
        """Let the chain judge a signature that is not of the voter's own key; raises `WrongBallotSignature`."""
        if not self.registry.chain.has_code(ballot.voter):
            raise WrongBallotSignature(
                ballot, f"{ballot.voter} did not sign it for this governor on chain {ballot.chain_id}"
            )
        cast = self.governor.functions.castVoteBySig(
            ballot.proposal, int(ballot.choice), ballot.voter, ballot.signature
        )
        try:
            self.registry.chain.call(cast)
        except (ContractError, TransactionReverted, ChainError) as error:
            raise WrongBallotSignature(ballot, f"the contract {ballot.voter} does not agree to it") from error

    def _batches(self, checked: Sequence[CheckedBallot], size: int) -> list[list[CheckedBallot]]:
        """Ballots by transaction: at most `size`, and no more than the gas of one allows."""
        limit = min(TX_GAS, self.registry.chain.block().gas_limit * 4 // 5)
        made: list[list[CheckedBallot]] = []
        spent = limit
        for one in checked:
            gas = _gas_of(one)
            if spent + gas + CONTRACT_GAS > limit or len(made[-1]) >= size:
                made.append([])
                spent = _BASE_GAS
            made[-1].append(one)
            spent += gas
        return made

    def _batch_call(self, found: Proposal, part: Sequence[CheckedBallot]) -> Call:
        """The call that counts a batch; its gas is set, since it succeeds with too little, too, and counts nobody."""
        listed = [(one.ballot.voter, int(one.ballot.choice), one.ballot.signature) for one in part]
        call = self.governor.functions.castVotesBySig(found.id, listed)
        data = bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))
        gas = _BASE_GAS + CONTRACT_GAS + sum(map(_gas_of, part))
        return Call(self.dao.governor, data, gas=gas)


def _gas_of(one: CheckedBallot) -> int:
    return CONTRACT_GAS + 40 * len(one.ballot.signature) if one.by_contract else KEY_GAS


def _reason(selector: bytes) -> str:
    """What the governor said of a ballot that it did not count."""
    if not any(selector):
        return "to check it takes more gas than a ballot may, or the voter's contract failed"
    known = declared().get(selector)
    if known is None:
        return f"the error 0x{selector.hex()}"
    return known.sentence.rstrip(".")
