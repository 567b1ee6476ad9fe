"""Propose calls of a team, and read what others propose before it is signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from registry.calls.words import CallInWords, Words, require_read
from registry.chain.call import Call
from registry.chain.calldata import Agreed
from registry.chain.collecting import Collecting, collected, try_call
from registry.chain.safe import safe_contract
from registry.errors import (
    ContractError,
    InputError,
    NotDeployed,
    RegistryError,
    TransactionReverted,
    WrongNonce,
)
from registry.ipfs.cid import CID
from registry.ipfs.store import fetch
from registry.session import Session
from registry.teams.proposal_file import CALL, DELEGATECALL, MAX_NOTE, TeamProposal
from registry.teams.team_results import Team, TeamProposalInWords, address_of
from registry.teams.team_verbs import R, TeamVerbs
from registry.types import Address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction


class Proposing(TeamVerbs[R]):
    """Propose calls of a team, read what others propose, and pass it on."""

    @contextmanager
    def collect(self, team: Team | str) -> Iterator[R]:
        """A client that acts as the team and sends nothing: hand it to `propose` after the block.

        >>> with registry.teams.collect(team) as act:        # doctest: +SKIP
        ...     act.reprice(7, "month", "15 USD")
        ...     act.set_payout(7, splitter)
        >>> proposal = registry.teams.propose(team, act)     # doctest: +SKIP
        """
        actor = Collecting(self._chain, address_of(team))
        try:
            yield self._registry.acting_as(actor)
        finally:
            actor.close()

    def propose(
        self,
        team: Team | str,
        calls: Session | Call | ContractFunction | Iterable[Call | ContractFunction],
        *,
        note: str = "",
        nonce: int | None = None,
        allow_unread: bool = False,
    ) -> TeamProposal:
        """Propose calls of the team: those that `collect` collected, or any others; several become one batch.

        They are tried on the chain together. `nonce` is by default the next; two proposals of one nonce exclude each
        other. Anybody may propose; nothing is sent. What a stranger's contract takes can be read if the call is a bound
        function, or its `Call.abi` names the function; with `allow_unread` it need not be.

        Raises what the calls would be refused with, `InputError` for none, `WrongNonce` for one that has passed,
        `UnsafeCall` for one that not all owners could read, and `TeamError` for what is none of the published Safes.
        """
        listed = collected(calls)
        written = calls.actor.written if isinstance(calls, Session) else None
        beside = written.beside if written is not None else []
        found = self._deciding(address_of(team))
        if len(note) > MAX_NOTE:
            raise InputError(f"The note has {len(note):,} characters.", hint=f"It has {MAX_NOTE:,} at most.")
        if len(listed) == 1:
            to, value, data, operation = listed[0].to, listed[0].value, listed[0].data, CALL
        else:
            to, value, operation = self._multisend, 0, DELEGATECALL
            data = _batch(listed)
        made = TeamProposal(
            chain_id=self._chain.chain_id,
            safe=found.address,
            version=found.version,
            to=to,
            value=value,
            data=data,
            operation=operation,
            nonce=found.nonce if nonce is None else _nonce(nonce),
            note=note,
            abi=tuple(dict.fromkeys(signature for call in listed for signature in call.abi)),
            agrees_to=tuple(other for other in beside if isinstance(other, TeamProposal)),
        )
        if made.nonce < found.nonce:
            raise WrongNonce(found.address, made.nonce, found.nonce)
        if made.nonce == found.nonce:
            # One for later may need what those before it do.
            self._try(made)
        self._read(made, found, allow_unread=allow_unread)
        return made

    def reject(self, team: Team | str, nonce: int | None = None, *, note: str = "") -> TeamProposal:
        """Propose to do nothing at a nonce (by default the next): executed, it takes the place of all others there."""
        address = address_of(team)
        return self.propose(address, Call(address, b""), nonce=nonce, note=note)

    def describe(self, proposal: TeamProposal, *, allow_unread: bool = False) -> TeamProposalInWords:
        """A proposal in words, with its hashes computed anew.

        Raises `WrongChain`, `TamperedProposal`, and `UnsafeCall` for one that runs foreign code as the team, or cannot
        be read to its last byte. With `allow_unread`, calls of strangers' contracts are shown as bytes instead.
        """
        return self._in_words(proposal, self._checked(proposal), allow_unread)

    def put(self, proposal: TeamProposal) -> CID:
        """Keep a proposal in the block store and return the CID by which others get it."""
        data = proposal.to_bytes()
        cid = CID.raw(data)
        self._registry.store.put(cid, data)
        return cid

    def from_cid(self, cid: CID | str) -> TeamProposal:
        """Get a proposal that somebody has `put`; raises `ContentError` and its kinds, and `InvalidProposal`."""
        parsed = CID.parse(cid)
        return TeamProposal.from_bytes(fetch(parsed, self._registry.store), source=parsed)

    def _in_words(self, proposal: TeamProposal, team: Team, allow_unread: bool) -> TeamProposalInWords:
        return TeamProposalInWords(
            proposal=proposal,
            team=team,
            calls=self._read(proposal, team, allow_unread=allow_unread),
            safe_tx_hash=proposal.safe_tx_hash,
            domain_hash=proposal.domain_hash,
            message_hash=proposal.message_hash,
            signed=tuple(signature.owner for signature in self._valid(proposal, team)),
        )

    def _read(self, proposal: TeamProposal, team: Team, *, allow_unread: bool) -> tuple[CallInWords, ...]:
        """The calls of a proposal in words; raises `UnsafeCall` if not all of it can be read."""
        people = {owner: f"owner {number}" for number, owner in enumerate(team.owners, 1)}
        others = [other for other in proposal.agreed() if other.chain_id == proposal.chain_id]
        words = Words(
            self._registry,
            {**people, team.address: "the team"},
            by=team.address,
            team=True,
            given=(signature for one in (proposal, *others) for signature in one.abi),
            agreed={
                (other.safe, bytes.fromhex(other.safe_tx_hash[2:])): Agreed(
                    Call(other.to, other.data, other.value), other.operation == DELEGATECALL
                )
                for other in others
            },
        )
        told = words.of(Call(proposal.to, proposal.data, proposal.value), delegate=proposal.operation == DELEGATECALL)
        require_read([told], allow_unread=allow_unread)
        return told.inner if proposal.operation == DELEGATECALL else (told,)

    def _try(self, proposal: TeamProposal) -> None:
        """Run the calls on the chain as it is, without signatures; raises what the first that fails answers."""
        calls = self._unpacked(proposal)
        if len(calls) == 1 and proposal.operation == CALL:
            self._try_one(proposal, calls[0])
            return
        # Where not even nothing works, the Safe has a handler without that simulation.
        if self._works(proposal.safe, calls) or not self._works(proposal.safe, []):
            return
        low, high = 0, len(calls)
        # The first `low` calls work together, the first `high` do not.
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._works(proposal.safe, calls[:middle]) else (low, middle)
        try:
            self._try_one(proposal, calls[low])
        except RegistryError as error:
            error.add_note(f"It is call {high} of {len(calls)} of the {proposal}.")
            raise
        raise TransactionReverted(f"call {high} of {len(calls)} fails after those before it, and would not alone")

    def _try_one(self, proposal: TeamProposal, call: Call) -> None:
        if call.data and not self._chain.has_code(call.to):
            raise NotDeployed(self._chain.chain_id, f"there is no contract at {call.to}")
        try_call(self._chain, proposal.safe, call)

    def _works(self, safe: Address, calls: Sequence[Call]) -> bool:
        """Whether calls succeed one after the other, by the simulation that the Safe's own handler offers."""
        simulate = safe_contract(self._chain, safe, "handler").functions.simulate(self._multisend, _batch(calls))
        try:
            self._chain.call(simulate)
        except (TransactionReverted, ContractError):
            return False
        except NotDeployed:
            # A Safe with another handler: the execution itself is tried before it is sent.
            return True
        return True


def _nonce(nonce: int) -> int:
    if not isinstance(nonce, int) or isinstance(nonce, bool) or not 0 <= nonce < 2**53:
        raise InputError(f"{nonce!r} is not a nonce.", hint="It is a whole number from 0.")
    return nonce


def _batch(calls: Sequence[Call]) -> bytes:
    """The call of MultiSendCallOnly that makes all of `calls`."""
    from eth_abi.abi import encode

    return _MULTISEND + encode(["bytes"], [_packed(calls)])


def _packed(calls: Sequence[Call]) -> bytes:
    from safe_eth.safe.multi_send import MultiSendOperation, MultiSendTx

    operation = MultiSendOperation.CALL
    return b"".join(
        bytes(MultiSendTx(operation, cast(Any, call.to), call.value, call.data).encoded_data) for call in calls
    )


_MULTISEND: Final = bytes.fromhex("8d80ff0a")
"""Selector of multiSend(bytes)."""
