"""Who acts for a client, and where what it wants done goes: to the chain, on paper, to a trial, or nowhere.

A verb asks the actor of its client for an `Outbox` and says there what is to be done, whichever kind it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from registry.chain.fees import NOTHING, Cost
from registry.chain.sender import Sender
from registry.errors import NoSigner
from registry.text.progress import Progress, no_progress
from registry.types import Address, to_address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction

    from registry.chain.call import Call
    from registry.chain.connection import Chain
    from registry.chain.journal import Journal
    from registry.chain.logs import TxReceipt
    from registry.chain.signers import Signer


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What became of a call: what it costs, or did cost, and the receipt, None if it was only tried.

    `before` says that it was done before, so that it costs nothing now. The receipt of a call that was written down
    (see `registry.chain.collecting`) is of no transaction.
    """

    cost: Cost
    receipt: TxReceipt | None
    before: bool = False

    @property
    def done(self) -> TxReceipt:
        """The receipt, for whoever did not only try."""
        assert self.receipt is not None
        return self.receipt

    @property
    def tx(self) -> TxReceipt | None:
        """The transaction that was sent for it now, if one was."""
        return self.receipt if self.receipt is not None and self.receipt.sent and not self.before else None


class CollectedCalls:
    """What is written down instead of being sent, to be carried out later by others.

    `who` is what errors call its writer. `calls` are those so far, `published` counts the assets that they publish,
    `beside` is what calls name by its hash alone, for those who are to read them.
    """

    def __init__(self, who: str) -> None:
        self.who = who
        self.calls: list[Call] = []
        self.published = 0
        self.beside: list[object] = []


class Outbox(Protocol):
    """Takes what an account wants done. Its methods have the parameters of those of `Sender`."""

    @property
    def address(self) -> Address:
        """The account."""

    def settle(self, intent: str, *, once: bool = False, hold: bool = False) -> tuple[CallOutcome, ...]:
        """What earlier runs have begun of an intent and what took effect; what is unfinished is finished first."""

    def found(self, intent: str, *, once: bool = False) -> tuple[TxReceipt, ...]:
        """What `settle` would return now, as far as it is on the chain already; nothing is sent."""

    def preview(self, *calls: Call | ContractFunction, value: int = 0) -> Cost:
        """What `calls` would cost together, and what the account is short of; nothing is sent. Raises the contract's
        error, and `InsufficientBalance` for less than `value`."""

    def send(
        self,
        call: Call | ContractFunction,
        *,
        intent: str | None = None,
        value: int = 0,
        once: bool = False,
        hold: bool = False,
    ) -> CallOutcome:
        """Have a call done, with `value` wei."""

    def send_all(
        self, calls: Sequence[tuple[Call | ContractFunction, str]], *, once: bool = False
    ) -> tuple[CallOutcome, ...]:
        """Have calls done that do not depend on each other, each with its intent."""

    def conclude(self, intent: str, receipt: TxReceipt) -> None:
        """Settle an intent that was held."""

    def alone(self, what: str) -> AbstractContextManager[None]:
        """Keep everybody else of this account and home from doing `what` meanwhile."""


class Actor(Protocol):
    """Who acts for a client: `Sending` for a signer, `registry.chain.collecting.Collecting` for a team or the DAO,
    `Nobody` for a client that only reads. A dry run is an outbox of any of them, `Trying`."""

    @property
    def signer(self) -> Signer | None:
        """The account as one that signs, which a team refuses; None for nobody."""

    @property
    def address(self) -> Address:
        """The account; raises `NoSigner` for nobody."""

    @property
    def written(self) -> CollectedCalls | None:
        """What was written down; None for who sends. Such an actor has no key, and acts at another time."""

    def signing(self, what: str) -> Signer:
        """The signer; raises `NoSigner` for nobody: `what` completes "To ..., a signer is needed."."""

    def outbox(self, what: str, *, dry_run: bool = False) -> Outbox:
        """Where what is to be done goes. Raises what `signing` raises."""


class Sending:
    """The actor of a signer: what it wants done is signed and sent, exactly once."""

    written = None

    def __init__(self, chain: Chain, signer: Signer, journal: Journal, *, progress: Progress = no_progress) -> None:
        self.signer = signer
        self._chain = chain
        self._journal = journal
        self._progress = progress

    @property
    def address(self) -> Address:
        """The account that signs."""
        return to_address(self.signer.address)

    def signing(self, what: str) -> Signer:
        """The signer."""
        return self.signer

    def outbox(self, what: str, *, dry_run: bool = False) -> Outbox:
        """Itself, or what only tries."""
        return Trying(self) if dry_run else self

    def settle(self, intent: str, *, once: bool = False, hold: bool = False) -> tuple[CallOutcome, ...]:
        """See `Sender.settle`."""
        receipts = self._sender.settle(intent, once=once, hold=hold)
        return tuple(CallOutcome(receipt.cost, receipt) for receipt in receipts)

    def found(self, intent: str, *, once: bool = False) -> tuple[TxReceipt, ...]:
        """See `Sender.found`."""
        return self._sender.found(intent, once=once)

    def preview(self, *calls: Call | ContractFunction, value: int = 0) -> Cost:
        """See `Sender.preview`."""
        return self._sender.preview(*calls, value=value)

    def send(
        self,
        call: Call | ContractFunction,
        *,
        intent: str | None = None,
        value: int = 0,
        once: bool = False,
        hold: bool = False,
    ) -> CallOutcome:
        """See `Sender.send`."""
        receipt = self._sender.send(call, intent=intent, value=value, once=once, hold=hold)
        return CallOutcome(receipt.cost, receipt)

    def send_all(
        self, calls: Sequence[tuple[Call | ContractFunction, str]], *, once: bool = False
    ) -> tuple[CallOutcome, ...]:
        """See `Sender.send_all`."""
        return tuple(CallOutcome(receipt.cost, receipt) for receipt in self._sender.send_all(calls, once=once))

    def conclude(self, intent: str, receipt: TxReceipt) -> None:
        """See `Sender.conclude`."""
        self._sender.conclude(intent, receipt)

    def alone(self, what: str) -> AbstractContextManager[None]:
        """See `Sender.alone`."""
        return self._sender.alone(what)

    @property
    def _sender(self) -> Sender:
        # Made when something is sent: a browser wallet has no address before it is asked for one.
        return Sender(self._chain, self.signer, self._journal, progress=self._progress)


class Trying:
    """The outbox of a dry run: says what would be done and cost, and what is done already; sends nothing."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @property
    def address(self) -> Address:
        """The account that would act."""
        return self._outbox.address

    def settle(self, intent: str, *, once: bool = False, hold: bool = False) -> tuple[CallOutcome, ...]:
        """What is on the chain already; what is unfinished stays so."""
        return tuple(CallOutcome(NOTHING, receipt, before=True) for receipt in self.found(intent, once=once))

    def found(self, intent: str, *, once: bool = False) -> tuple[TxReceipt, ...]:
        """What is on the chain already."""
        return self._outbox.found(intent, once=once)

    def preview(self, *calls: Call | ContractFunction, value: int = 0) -> Cost:
        """What `calls` would cost together."""
        return self._outbox.preview(*calls, value=value)

    def send(
        self,
        call: Call | ContractFunction,
        *,
        intent: str | None = None,
        value: int = 0,
        once: bool = False,
        hold: bool = False,
    ) -> CallOutcome:
        """What the call would cost: nothing if it was made before."""
        if intent is not None and self.found(intent, once=once):
            return CallOutcome(NOTHING, None, before=True)
        return CallOutcome(self.preview(call, value=value), None)

    def send_all(
        self, calls: Sequence[tuple[Call | ContractFunction, str]], *, once: bool = False
    ) -> tuple[CallOutcome, ...]:
        """What each would cost."""
        return tuple(self.send(call, intent=intent, once=once) for call, intent in calls)

    def conclude(self, intent: str, receipt: TxReceipt) -> None:
        """Leave it as it is."""

    def alone(self, what: str) -> AbstractContextManager[None]:
        """Nobody is kept from anything."""
        return nullcontext()


class Nobody:
    """The actor of a client that only reads."""

    signer = None
    written = None

    @property
    def address(self) -> Address:
        """Nothing: raises `NoSigner`."""
        raise NoSigner("act")

    def signing(self, what: str) -> Signer:
        """Nothing: raises `NoSigner`."""
        raise NoSigner(what)

    def outbox(self, what: str, *, dry_run: bool = False) -> Outbox:
        """Nothing: raises `NoSigner`."""
        raise NoSigner(what)
