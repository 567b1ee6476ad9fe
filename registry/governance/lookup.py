"""Proposals on chain: find them, read them in words, try them, and see how they go."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from registry.calls.words import CallInWords, Words
from registry.chain.call import Call
from registry.errors import ContentError, ContractError, InputError, ProposalNotFound, StillOpen, UnpinnedBody
from registry.governance.drafts import Action, Body, ProposalDraft, read_body, read_description
from registry.governance.governed import Governed, R
from registry.governance.simulation import Simulation, simulate
from registry.governance.standing import Proposal, ProposalInWords, ProposalState
from registry.ipfs.cid import CID
from registry.ipfs.store import fetch
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.chain.logs import Event

PREFIX = 6
"""Least hexadecimal digits that name a proposal."""


class Lookup(Governed[R]):
    """Verbs that only read."""

    # --- Finding ---------------------------------------------------------------------------------

    def proposal(self, proposal: Proposal | int | str) -> Proposal:
        """The proposal as it stands now, by its id, or by the first digits of that in hexadecimal (``0x12ab...``).

        Raises `ProposalNotFound`.
        """
        return self._standing(self._created(proposal))

    def proposals(self, *, state: ProposalState | str | None = None) -> tuple[Proposal, ...]:
        """All proposals, the newest first, or those of one state (``"active"``). Raises `InputError`."""
        wanted = state
        if isinstance(state, str):
            try:
                wanted = ProposalState[state.upper()]
            except KeyError:
                known = ", ".join(one.name.lower() for one in ProposalState)
                raise InputError(f"There is no state {state!r}.", hint=f"There are: {known}.") from None
        found = [self._standing(event) for event in self._events()]
        return tuple(one for one in reversed(found) if wanted is None or one.state is wanted)

    # --- Reading ---------------------------------------------------------------------------------

    def body(self, proposal: Proposal) -> Body:
        """The pinned body of a proposal, verified; raises `UnpinnedBody` if it cannot be fetched or is none."""
        if proposal.cid is None:
            raise UnpinnedBody("(none)", "its description names no body")
        return read_body(
            self._fetched(proposal.cid),
            proposal.cid,
            chain_id=self.registry.chain.chain_id,
            governor=self.dao.governor,
        )

    def describe(self, proposal: Proposal | int | str) -> ProposalInWords:
        """A proposal in words, with all that is suspicious, or cannot be read. Raises `ProposalNotFound`."""
        found = self.proposal(proposal)
        body, warnings = self._body_and_warnings(found)
        return ProposalInWords(found, body, self._in_words(found.calls, body), tuple(warnings))

    def simulate(self, proposal: ProposalDraft | Proposal | int | str) -> Simulation:
        """Try a draft, or a proposal on chain, on a fork of the chain, as if it were executed when it can be at last.

        Nothing is sent, and the chain is left alone. Raises `ChainError` if the node cannot simulate.
        """
        chain = self.registry.chain
        if isinstance(proposal, ProposalDraft):
            functions = self.governor.functions
            wait = sum(int(chain.call(ask())) for ask in (functions.votingDelay, functions.votingPeriod))
            return simulate(self.registry, self.dao, proposal.calls, time=chain.block().timestamp + wait + self._delay)
        found = self.proposal(proposal)
        when = found.eta or max(found.ends, found.now) + self._delay
        return simulate(self.registry, self.dao, found.calls, time=max(when, found.now))

    def watch(
        self, proposal: Proposal | int | str, *, timeout: float = 3600.0, poll: float = 2.0
    ) -> Iterator[Proposal]:
        """Yield the proposal now, and again whenever its state or its votes changed, until it has ended.

        Asks every `poll` seconds. Raises `StillOpen` after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        event = self._created(proposal)
        seen: tuple[object, ...] = ()
        while True:
            found = self._standing(event)
            mark = (found.state, found.for_votes, found.against_votes, found.abstain_votes, found.ends, found.eta)
            if mark != seen:
                seen = mark
                yield found
            if found.state.ended:
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise StillOpen(found, str(found.state), timeout)
            time.sleep(min(poll, left))

    # --- Below the verbs -------------------------------------------------------------------------

    def _in_words(self, calls: Sequence[Call], body: Body | None = None) -> tuple[CallInWords, ...]:
        """Calls of the timelock in words; functions of strangers' contracts are called as their author does."""
        given = (*(name for call in calls for name in call.abi), *(body.abi if body is not None else ()))
        words = Words(self.registry, {self.dao.timelock: "the treasury"}, by=self.dao.timelock, given=given)
        return tuple(words.of(call) for call in calls)

    @property
    def _delay(self) -> int:
        return int(self.registry.chain.call(self.timelock.functions.getMinDelay()))

    def _events(self) -> Iterator[Event]:
        return self.registry.chain.events(self.governor.events.ProposalCreated, from_block=self.dao.block)

    def _created(self, proposal: Proposal | int | str) -> Event:
        """The event of a proposal; `proposal` may be a prefix of its id."""
        wanted = proposal.id if isinstance(proposal, Proposal) else proposal
        if isinstance(wanted, str):
            digits = wanted.strip().lower()
            if digits.isascii() and digits.isdigit():
                wanted = int(digits)
            elif not digits.startswith("0x") or len(digits) < 2 + PREFIX or set(digits[2:]) - set("0123456789abcdef"):
                raise ProposalNotFound(
                    proposal, f"that is no id: a number, or 0x and {PREFIX} digits of it or more in hexadecimal"
                )
            else:
                wanted = digits
        if isinstance(wanted, int):
            found = [event for event in self._events() if event.args["proposalId"] == wanted]
        else:
            found = [event for event in self._events() if f"0x{event.args['proposalId']:064x}".startswith(wanted)]
        if len(found) > 1:
            named = ", ".join(f"0x{event.args['proposalId']:064x}"[:18] for event in found[:4])
            raise ProposalNotFound(proposal, f"more than one begins like this ({named})")
        if not found:
            raise ProposalNotFound(proposal)
        return found[0]

    def _standing(self, event: Event) -> Proposal:
        chain, functions = self.registry.chain, self.governor.functions
        number, args = int(event.args["proposalId"]), event.args
        against, for_votes, abstain = chain.call(functions.proposalVotes(number))
        now, begins = chain.block().timestamp, int(args["voteStart"])
        # The quorum of a moment to come is not known: it is what it would be now.
        quorum = chain.call(functions.quorum(min(begins, now - 1)))
        title, cid = read_description(str(args["description"]))
        listed = zip(args["targets"], args["values"], args["calldatas"], strict=True)
        return Proposal(
            id=number,
            proposer=to_address(args["proposer"]),
            title=title,
            cid=cid,
            description=str(args["description"]),
            calls=tuple(Call(to_address(target), bytes(data), int(value)) for target, value, data in listed),
            state=ProposalState(chain.call(functions.state(number))),
            begins=begins,
            ends=int(chain.call(functions.proposalDeadline(number))),
            eta=int(chain.call(functions.proposalEta(number))),
            for_votes=int(for_votes),
            against_votes=int(against),
            abstain_votes=int(abstain),
            quorum=int(quorum),
            block=event.block,
            now=now,
        )

    def _body_and_warnings(self, found: Proposal) -> tuple[Body | None, list[str]]:
        """The body, if it can be fetched, and what is suspicious about the proposal as a whole."""
        warnings = []
        body: Body | None = None
        try:
            body = self.body(found)
        except UnpinnedBody as error:
            warnings.append(f"{error.message.rstrip('.')}; nobody vouches for what it is about but its calls")
        if body is not None and not body.fits(found.calls):
            warnings.append("the body describes other calls than those of the proposal: do not trust its words")
            body = None
        if body is not None:
            if body.title != found.title:
                warnings.append(f"the body has another title: {body.title!r}")
            for number, (action, now) in enumerate(self._drifted(body.actions), 1):
                if now is not None:
                    where = "there is no code any more" if not now else "its code is another"
                    warnings.append(f"action {number}: since it was drafted, {action.call.to} changed: {where}")
        if not found.state.ended and not self._same_code(found):
            warnings.append("the code of a target changed since the proposal was made: it can never be executed")
        return body, warnings

    def _drifted(self, actions: tuple[Action, ...]) -> list[tuple[Action, str | None]]:
        """Each action, with the code hash of its target if that is not what it was when it was drafted."""
        now = {action.call.to: self.registry.chain.code_hash(action.call.to) for action in actions}
        return [
            (action, now[action.call.to] if now[action.call.to] != action.code_hash else None) for action in actions
        ]

    def _same_code(self, found: Proposal) -> bool:
        """Whether the id, which commits to the code of the targets, is still that of the proposal."""
        try:
            now = self.registry.chain.call(self.governor.functions.getProposalId(*self._arguments(found)))
            return int(now) == found.id
        except ContractError as error:
            if error.name == "TargetWithoutCode":
                return False
            raise

    def _changed_targets(self, found: Proposal) -> tuple[Address, ...]:
        """The targets whose code differs from what the body recorded; nothing if no body tells."""
        try:
            actions = self.body(found).actions
        except UnpinnedBody:
            return ()
        return tuple(dict.fromkeys(action.call.to for action, now in self._drifted(actions) if now is not None))

    def _arguments(self, found: Proposal) -> tuple[list[str], list[int], list[bytes], bytes]:
        """What the governor takes to find a proposal again."""
        from eth_utils.crypto import keccak

        calls = found.calls
        return (
            [call.to for call in calls],
            [call.value for call in calls],
            [call.data for call in calls],
            keccak(text=found.description),
        )

    def _fetched(self, cid: CID) -> bytes:
        try:
            return fetch(cid, self.registry.store)
        except ContentError as error:
            raise UnpinnedBody(cid, error.message.rstrip(".")) from error
