"""From an idea to a decision carried out: draft, propose, queue, execute, cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from eth_utils.crypto import keccak

from registry.calls.words import in_votes, require_read
from registry.chain.collecting import Collecting, collected
from registry.chain.fees import NOTHING
from registry.errors import (
    BelowThreshold,
    CodeChanged,
    ContentError,
    InvalidDraft,
    MayNotCancel,
    TooEarly,
    TransactionReverted,
    UnknownTarget,
    UnpinnedBody,
    WrongChain,
    WrongProposalState,
)
from registry.governance.as_yaml import payment, read
from registry.governance.drafts import Action, ProposalDraft, check_title
from registry.governance.governed import R
from registry.governance.lookup import Lookup
from registry.governance.standing import Proposal, ProposalState, Proposed, local
from registry.ipfs.cid import CID
from registry.results import Done
from registry.types import to_address

if TYPE_CHECKING:
    from registry.chain.call import Call
    from registry.money import Amount

_SET_GUARDIAN: Final = keccak(text="setGuardian(address,uint48)")[:4]


class Deciding(Lookup[R]):
    """The verbs of proposers, and of anybody who moves a decision on."""

    # --- Drafting --------------------------------------------------------------------------------

    @contextmanager
    def collect(self) -> Iterator[R]:
        """A client that acts as the DAO's timelock, which is its treasury, and sends nothing: hand it to `draft`.

        >>> with registry.governance.collect() as act:              # doctest: +SKIP
        ...     act.act("halve the fee", act.assets.functions.setFee(50))
        >>> draft = registry.governance.draft(act, title="Halve the fee", body="...")   # doctest: +SKIP
        """
        actor = Collecting(self.registry.chain, self.dao.timelock, who="the DAO", later=True)
        try:
            yield self.registry.acting_as(actor)
        finally:
            actor.close()

    def payment(self, to: str, amount: str | Amount) -> Call:
        """The call that pays from the treasury; raises `InvalidAddress`, `InvalidAmount` and `UnknownToken`."""
        return payment(self.registry, to, amount)

    def draft(self, calls: Any, *, title: str, body: str = "", allow_unread: bool = False) -> ProposalDraft:
        """Draft a proposal of the signer: what `collect` collected, or calls of any kind; `body` is Markdown.

        The code hashes of the targets, and the calls in words, become part of its body. What a stranger's contract
        takes can be read if the call is a bound function, or its `Call.abi` names the function; with `allow_unread` it
        need not be. Raises `InvalidDraft` for a bad title or a guardian named beside other calls, `InputError` for no
        calls, `DescriptionTooLong`, `UnknownTarget`, and `UnsafeCall` for a call that not all voters could read.
        """
        chain, listed, hashes = self.registry.chain, collected(calls), []
        for number, call in enumerate(listed, 1):
            hashes.append(chain.code_hash(call.to))
            if call.data and not hashes[-1]:
                raise UnknownTarget(call.to, number)
        self._check_guardian_alone(title, listed)
        told = self._in_words(listed)
        require_read(told, allow_unread=allow_unread)
        actions = [Action(*each) for each in zip(listed, hashes, map(str, told), strict=True)]
        made = ProposalDraft(
            chain_id=chain.chain_id,
            governor=self.dao.governor,
            proposer=self.registry.address,
            title=check_title(title),
            body=body,
            actions=tuple(actions),
        )
        # Too long a body is told now, not when it is pinned.
        _ = made.document
        return made

    def read_draft(self, path: str | Path, *, allow_unread: bool = False) -> ProposalDraft:
        """Draft what a YAML file says, see `registry.governance.as_yaml`; raises `InvalidDraft` with the line at fault,
        and what `draft` raises."""
        written = read(path, self.registry)
        return self.draft(written.calls, title=written.title, body=written.body, allow_unread=allow_unread)

    def pin(self, draft: ProposalDraft) -> CID:
        """Keep the body of a draft in the block store, and return its CID; raises `UnpinnedBody`."""
        try:
            self.registry.store.put(draft.cid, draft.document)
        except (OSError, ContentError) as error:
            raise UnpinnedBody(draft.cid, f"the store does not take it ({error})") from error
        return draft.cid

    # --- Deciding --------------------------------------------------------------------------------

    def propose(
        self,
        draft: ProposalDraft,
        *,
        force: bool = False,
        pin: bool = True,
        allow_unread: bool = False,
        dry_run: bool = False,
    ) -> Proposed:
        """Submit a draft: pinned, read back, tried on a fork, then sent.

        With ``pin=False`` the body must be in the store, or come from its sources, already; with `force` a call that
        would fail now does not hold it up. Made before, or interrupted, it is the same proposal and is not made twice.
        With `allow_unread`, calls of strangers' contracts may be bytes that nobody here can read.

        Raises `WrongChain`, `InvalidDraft`, `UnknownTarget`, `UnsafeCall`, `BelowThreshold`, `CallWouldRevert`,
        `UnpinnedBody`, and what sending raises; nothing is sent then.
        """
        registry, chain = self.registry, self.registry.chain
        self._check(draft)
        require_read(self._in_words(draft.calls), allow_unread=allow_unread)
        intent = f"propose:{self.dao.governor}:{draft.cid}:{draft.proposer}"
        registry.actor.outbox("propose", dry_run=dry_run).settle(intent)
        calls = draft.calls
        arguments = ([call.to for call in calls], [call.value for call in calls], [call.data for call in calls])
        functions = self.governor.functions
        number = int(chain.call(functions.getProposalId(*arguments, _hash(draft.description))))
        if any(event.args["proposalId"] == number for event in self._events()):
            return Proposed(number, draft.title, draft.cid, NOTHING, None)
        self._check_threshold(draft.proposer)
        if not force:
            self.simulate(draft).require()
        if pin and not dry_run:
            self.pin(draft)
        if not dry_run or not pin:
            self._fetched(draft.cid)
        done = registry.act(
            f"propose {draft.title!r}",
            functions.propose(*arguments, draft.description),
            intent=intent,
            dry_run=dry_run,
        )
        return Proposed(number, draft.title, draft.cid, done.cost, done.tx)

    def queue(self, proposal: Proposal | int | str, *, dry_run: bool = False) -> Done:
        """Queue a proposal that succeeded; anybody may. Queued already, nothing is sent.

        Raises `WrongProposalState`, `CodeChanged`, and `SpendingNeedsMoreVotes` for one that spends above the cap with
        less than twice the quorum for it.
        """
        found = self.proposal(proposal)
        done = (ProposalState.QUEUED, ProposalState.EXECUTED)
        return self._move(found, "queue", done, self.governor.functions.queue, self._check_queue, dry_run)

    def execute(self, proposal: Proposal | int | str, *, dry_run: bool = False) -> Done:
        """Carry out a proposal whose delay has passed; anybody may. Executed already, nothing is sent.

        Raises `WrongProposalState`, `TooEarly`, `CodeChanged`, and what the calls would be refused with.
        """
        found = self.proposal(proposal)
        done = (ProposalState.EXECUTED,)
        return self._move(found, "execute", done, self.governor.functions.execute, self._check_execute, dry_run)

    def cancel(self, proposal: Proposal | int | str, *, dry_run: bool = False) -> Done:
        """Cancel a proposal: for its proposer before the voting, for the guardian until it is executed.

        Raises `MayNotCancel`, `WrongProposalState` and `CodeChanged`.
        """
        found = self.proposal(proposal)
        done = (ProposalState.CANCELED,)
        return self._move(found, "cancel", done, self.governor.functions.cancel, self._check_cancel, dry_run)

    # --- Below the verbs -------------------------------------------------------------------------

    def _check(self, draft: ProposalDraft) -> None:
        registry = self.registry
        if draft.chain_id != registry.chain.chain_id:
            raise WrongChain(draft.chain_id, registry.chain.chain_id, f"The {draft}")
        if draft.governor != self.dao.governor:
            raise InvalidDraft(draft, f"it is for the DAO of {draft.governor}, not of {self.dao.governor}")
        if draft.proposer != registry.address:
            raise InvalidDraft(draft, f"{draft.proposer} drafted it, and {registry.address} would submit it")
        for number, call in enumerate(draft.calls, 1):
            if call.data and not registry.chain.code_hash(call.to):
                raise UnknownTarget(call.to, number)
        self._check_guardian_alone(draft, draft.calls)

    def _check_guardian_alone(self, source: object, calls: Sequence[Call]) -> None:
        """Alone, the naming of a guardian cannot be cancelled by the guardian of today; beside another call it can."""
        names = [call for call in calls if call.to == self.dao.governor and call.data[:4] == _SET_GUARDIAN]
        if names and len(calls) > 1:
            raise InvalidDraft(
                source,
                "it names a guardian beside other calls, so the guardian of today could cancel it",
                hint="Propose the guardian alone, and the rest in another proposal.",
            )

    def _check_threshold(self, proposer: str) -> None:
        chain, functions = self.registry.chain, self.governor.functions
        # The governor asks for a second before the proposal, which is the last block at the earliest.
        held = int(chain.call(self.token.functions.getVotes(proposer)))
        needed = int(chain.call(functions.proposalThreshold()))
        if held < needed:
            raise BelowThreshold(proposer, in_votes(held), in_votes(needed))

    def _move(
        self,
        found: Proposal,
        verb: str,
        done: tuple[ProposalState, ...],
        function: Callable[..., Any],
        check: Callable[[Proposal], None],
        dry_run: bool,
    ) -> Done:
        """Send what moves a proposal on, unless it is there; finish what an interrupted run has left."""
        intent = f"{verb}:{self.dao.governor}:{found.id}"
        what = f"{verb} {found}"
        for outcome in self.registry.actor.outbox(verb, dry_run=dry_run).settle(intent):
            return Done(what, outcome.cost, outcome.tx, before=outcome.before)
        if found.state in done:
            return Done(what, NOTHING, None, before=True)
        check(found)
        if not self._same_code(found):
            raise CodeChanged(found, self._changed_targets(found))
        try:
            return self.registry.act(what, function(*self._arguments(found)), intent=intent, dry_run=dry_run)
        except TransactionReverted:
            # Somebody else was faster.
            if self.proposal(found).state in done:
                return Done(what, NOTHING, None, before=True)
            raise

    def _check_queue(self, found: Proposal) -> None:
        if found.state is not ProposalState.SUCCEEDED:
            raise WrongProposalState(found, str(found.state), "queue", hint=f"Next: {found.next}.")

    def _check_execute(self, found: Proposal) -> None:
        if found.state is not ProposalState.QUEUED:
            raise WrongProposalState(found, str(found.state), "execute", hint=f"Next: {found.next}.")
        if found.eta > found.now:
            raise TooEarly(found, found.eta, local(found.eta))

    def _check_cancel(self, found: Proposal) -> None:
        if found.state.ended:
            raise WrongProposalState(found, str(found.state), "cancel", hint=f"Next: {found.next}.")
        mine = self.registry.address
        if mine == to_address(self.registry.chain.call(self.governor.functions.guardian())):
            return
        if mine != found.proposer:
            raise MayNotCancel(mine, found, "only its proposer and the guardian may")
        if found.state is not ProposalState.PENDING:
            raise MayNotCancel(mine, found, "its proposer may only before the voting begins")


def _hash(description: str) -> bytes:
    from eth_utils.crypto import keccak

    return keccak(text=description)
