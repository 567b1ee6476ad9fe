"""Per-use licences: a signed receipt is consumed on chain once, whoever hands it in, and whatever is killed.

The chain is the judge. The contract takes a receipt once; `ref` commits to asset, version and recipient; so "a use was
consumed for this release" is an event that everybody can find, and a release without it there is none. What is written
down here before each step is for people, and to know what was begun; what was signed for the chain is in the journal of
`registry.chain.sender`, which sends the same transaction again instead of a second one.

A gateway hands receipts in for those who sign with a key, at its own cost, and bounds that cost:

* Of an account with code none: its code decides whether the transaction reverts, and code can tell every trial from the
  transaction. An account with a key may be given code in between (EIP-7702), spend the use, hand the receipt in itself
  or cancel it, each by a transaction of its own.
* So each receipt has one transaction, ever, of at most `receipt_gas`; each account one at a time; and in any 24 hours
  the receipts of one account take `account_gas` at most, and all together `day_gas`, whether they succeed or revert.
  What a transaction may take is counted before it is signed, in the row of its receipt, and outlives the process.
* After a revert nothing is paid for the account for an hour, after the second in a day for two, then four, ...

Whoever is not paid for is told so (`hand_in`), hands the receipt in without the gateway, and is served all the same.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.chain import reverts
from registry.chain.connection import FIRST_RANGE, Chain
from registry.chain.receipt_contract import receipts_of
from registry.chain.sender import Sender
from registry.chain.signatures import recover, typed_digest
from registry.content.uses import SignedReceipt
from registry.did import DID
from registry.errors import (
    ChainError,
    ContractError,
    GasLimitExceeded,
    JournalError,
    NonceStuck,
    PaymentError,
    Reorganised,
    TransactionReverted,
    TransactionTimeout,
)
from registry.gated.protocol import Receipt, ReleaseRequest, release_ref
from registry.gateway.database import Database
from registry.gateway.entitlement import KeyEntitlement
from registry.gateway.gas_budget import Budget, hand_in
from registry.gateway.refusal import Refusal
from registry.gateway.settings import Settings
from registry.types import ZERO_ADDRESS, to_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from web3.contract import Contract

LIFE: Final = 600
"""Seconds that a receipt must still be good for: else it could expire between the trial and the transaction."""

STATES: Final = ("asked", "submitted", "consumed", "released")
"""What became of a receipt: a row only moves forward."""

_AT_ONCE: Final = 8
_ANOTHER: Final = "Another receipt of this account is on its way, and of two the second could spend what is not there."


@dataclass(frozen=True, slots=True)
class Use:
    """A receipt in the ledger."""

    account: str
    nonce: str
    asset: str
    licence: int
    version: int
    recipient: str
    ref: str
    state: str
    block: int | None


class ReceiptConsumer:
    """Consumes receipts for releases. `sender` pays for the transactions; `first_block` is where the registry began."""

    def __init__(
        self,
        *,
        database: Database,
        entitlement: KeyEntitlement,
        chain: Chain,
        sender: Sender,
        contract: Contract,
        first_block: int,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._entitlement = entitlement
        self._chain = chain
        self._sender = sender
        self._contract = contract
        self._receipts = chain.contract("Receipts", receipts_of(contract.address))
        self._first_block = first_block
        self._settings = settings
        self._clock = clock
        self.budget: Final = Budget(database, settings, clock=clock)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}
        self._sending: set[str] = set()
        self._guard = threading.Lock()

    async def consume(self, request: ReleaseRequest, receipt: Receipt, account: str) -> int:
        """Return the block at which the use of this release is deep enough, having handed it in if nobody had.

        Raises `Refusal`: 422 for a receipt that does not fit the request, 403 and 409 for one that is worth nothing,
        503 while it is on its way.
        """
        version = self._check(request, receipt, account)
        async with self._alone(receipt):
            self._ask(request, receipt, version)
            try:
                return await self._settle(receipt)
            except Refusal:
                self._forget(receipt)
                raise

    def released(self, receipt: Receipt) -> None:
        """Note that the share was handed out for it."""
        self._move(receipt, "released")

    def all(self) -> list[Use]:
        """The ledger."""
        columns = "account, nonce, asset, licence, version, recipient, ref, state, block"
        query = f"SELECT {columns} FROM uses ORDER BY asked, account, nonce"  # nosec B608 # the words above
        return [Use(*row) for row in self._database.rows(query)]

    # --- Before the chain ------------------------------------------------------------------------

    def _check(self, request: ReleaseRequest, receipt: Receipt, account: str) -> int:
        if receipt.did != request.did or request.licence not in (None, receipt.licence):
            raise _unfit("it is for another asset or licence")
        if receipt.account != account:
            raise _unfit("it is of another account than the one that signed in")
        if receipt.service not in (ZERO_ADDRESS, self._sender.address):
            raise _unfit("it is for another service", "Leave the service zero, so that any gateway may hand it in.")
        if bytes.fromhex(receipt.ref) != release_ref(request.did, request.version, request.recipient):
            raise _unfit("its ref is not the digest of asset, version and recipient of this request")
        if int(receipt.nonce) >= 2**256 or receipt.deadline >= 2**48:
            raise _unfit("its numbers are too large")
        return request.version

    def _ask(self, request: ReleaseRequest, receipt: Receipt, version: int) -> None:
        now = int(self._clock())
        with self._database.writing():
            self._database.run(
                "INSERT OR IGNORE INTO uses VALUES (?, ?, ?, ?, ?, ?, ?, 'asked', NULL, ?, ?, 0, 0, 0)",
                receipt.account,
                receipt.nonce,
                receipt.did,
                receipt.licence,
                version,
                request.recipient,
                receipt.ref,
                now,
                now,
            )
            # The ref commits to asset, version and recipient, so this is all that can differ.
            found = self._database.rows(
                "SELECT ref, licence FROM uses WHERE account = ? AND nonce = ?", receipt.account, receipt.nonce
            )[0]
            if found != (receipt.ref, receipt.licence):
                raise Refusal(
                    409,
                    "other_request",
                    "This receipt was given for another recipient.",
                    hint="Ask again with that recipient, or sign a new receipt.",
                )

    def _forget(self, receipt: Receipt) -> None:
        """Of a receipt for which nothing was signed there is nothing to keep: anybody can make them up."""
        self._database.run(
            "DELETE FROM uses WHERE account = ? AND nonce = ? AND state IN ('asked', 'submitted') AND gas = 0",
            receipt.account,
            receipt.nonce,
        )

    def _move(self, receipt: Receipt, state: str, block: int | None = None) -> None:
        earlier = STATES[: STATES.index(state)]
        self._database.run(
            "UPDATE uses SET state = ?, block = COALESCE(?, block), changed = ? WHERE account = ? AND nonce = ?"
            f" AND state IN ({', '.join('?' * len(earlier))})",  # nosec B608 # question marks; values are bound
            state,
            block,
            int(self._clock()),
            receipt.account,
            receipt.nonce,
            *earlier,
        )

    # --- On the chain ----------------------------------------------------------------------------

    async def _settle(self, receipt: Receipt) -> int:
        until, nonce, pause, seen = time.monotonic() + self._settings.patience, int(receipt.nonce), 0.05, None
        while True:
            answers, count = await self._entitlement.receipt_nonce(receipt.account, nonce)
            if count < nonce:
                raise Refusal(409, "receipt_spent", "Another receipt of this key must be handed in first.")
            # Also while the receipt is good: the holder may have consumed a use for this release itself.
            blocks = self._settings.lookback if count > nonce else FIRST_RANGE
            seen = await asyncio.to_thread(self._find, receipt, answers.head.number, seen, blocks)
            if seen is not None and seen <= answers.deep:
                self._move(receipt, "consumed", seen)
                return answers.head.number
            if seen is None and count > nonce:
                raise Refusal(
                    409,
                    "receipt_spent",
                    "This receipt was cancelled, or consumed for something else.",
                    hint="Sign a new receipt.",
                )
            if seen is None:
                seen = await self._hand_in(receipt)
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 2.0)
            if time.monotonic() + pause > until:
                raise _pending()

    async def _hand_in(self, receipt: Receipt) -> int | None:
        """Hand the receipt in; returns the block that it is in, None if that is to be asked of the chain anew."""
        async with self._slots:
            try:
                return await asyncio.to_thread(self._send, receipt)
            except _Reverted:
                return None
            except reverts.InvalidAccountNonce:
                await asyncio.sleep(0.05)  # where nodes behind one address are not equally far
                return None
            except reverts.NotEnoughUses:
                raise Refusal(403, "no_access", "The account has no uses left.", hint="Buy some first.") from None
            except reverts.ReceiptExpired:
                raise _expired() from None
            except reverts.InvalidReceiptSignature:
                raise Refusal(401, "signature", "The receipt is not signed by its account.") from None
            except (reverts.NotConsumable, reverts.LicenceNotFound, reverts.AssetNotFound):
                raise _unfit("there is no per-use licence of this number") from None
            except PaymentError:
                raise Refusal(
                    503,
                    "unfunded",
                    "This gateway cannot pay for the transaction.",
                    hint="Hand the receipt in from any account (consumeWithReceipt), or ask another gateway.",
                ) from None
            except GasLimitExceeded as error:
                raise hand_in(f"it would take {error.gas:,} gas, and {error.limit:,} are the most") from None
            except (NonceStuck, Reorganised, TransactionTimeout):
                raise _pending() from None
            except (ChainError, ContractError, JournalError):
                raise Refusal(
                    503,
                    "chain",
                    "The receipt could not be handed in.",
                    hint="Send the same request again, here or to another gateway.",
                    retry_after=5,
                ) from None

    def _send(self, receipt: Receipt) -> int:
        """All of it in one thread, which nobody cancels: what is counted belongs to what is signed."""
        with self._one_at_a_time(receipt.account):
            signed = SignedReceipt.from_json(receipt.model_dump_json())
            self._require_key(receipt, signed)
            for nonce in self.budget.unknown(receipt.account):
                self._reckon(receipt.account, nonce)
            if set(self.budget.unknown(receipt.account)) - {receipt.nonce}:
                raise _pending(_ANOTHER)
            call = self._receipts.functions.consumeWithReceipt(signed.values(), signed.signature)
            intent, most = _intent(receipt.account, receipt.nonce), self._settings.receipt_gas
            outcome = self._sender.outcome(intent)
            if not self._sender.is_begun(intent) or (outcome is not None and not outcome.succeeded):
                # What the contract refuses now is told, and nothing is written down for it.
                self._chain.call(call, sender=self._sender.address)
            self.budget.reserve(receipt.account, receipt.nonce)
            try:
                return self._sender.send(call, intent=intent, once=True, single=True, max_gas=most).block
            except (ContractError, TransactionReverted) as error:
                if self._sender.outcome(intent) is not None:
                    raise _Reverted from error
                raise
            finally:
                self._reckon(receipt.account, receipt.nonce)

    def _require_key(self, receipt: Receipt, signed: SignedReceipt) -> None:
        """Refuse what a stranger's code would decide, and what is refused by the contract for sure, or soon."""
        if self._chain.has_code(receipt.account):
            raise hand_in("its account has code, which decides what it costs")
        if recover(typed_digest(signed.message()), signed.signature) != receipt.account:
            raise Refusal(401, "signature", "The receipt is not signed by its account.")
        left = receipt.deadline - self._chain.block().timestamp
        if left < 0:
            raise _expired()
        if left < LIFE:
            raise hand_in(f"it is good for {left} s, and {LIFE} are needed")

    def _reckon(self, account: str, nonce: str) -> None:
        """Count what the transaction of a receipt took, if that is known."""
        intent = _intent(account, nonce)
        outcome = self._sender.outcome(intent)
        if outcome is not None:
            self.budget.settle(account, nonce, outcome.gas, outcome.succeeded)
        elif not self._sender.is_begun(intent):
            self.budget.settle(account, nonce, 0, True)

    @contextmanager
    def _one_at_a_time(self, account: str) -> Iterator[None]:
        """One thread for an account, and with what is unknown yet one transaction."""
        with self._guard:
            if account in self._sending:
                raise _pending(_ANOTHER)
            self._sending.add(account)
        try:
            yield
        finally:
            with self._guard:
                self._sending.discard(account)

    def _find(self, receipt: Receipt, head: int, seen: int | None, blocks: int) -> int | None:
        """The block in which a use was consumed for this release; by a receipt or by the holder, it is paid for.

        It is looked for where it was `seen`, and if it is not there any more in the last `blocks`.
        """
        if seen is None:
            seen = self._database.rows(
                "SELECT block FROM uses WHERE account = ? AND nonce = ?", receipt.account, receipt.nonce
            )[0][0]
        ref = bytes.fromhex(receipt.ref)
        starts = [] if seen is None else [seen]
        for start in (*starts, max(self._first_block, head - blocks)):
            events = self._chain.events(
                self._contract.events.UsesConsumed,
                filters={"assetId": DID.parse(receipt.did).asset_id, "account": to_address(receipt.account)},
                from_block=start,
                to_block=head,
            )
            found = next((event.block for event in events if bytes(event.args["ref"]) == ref), None)
            if found is not None:
                return found
        return None

    @asynccontextmanager
    async def _alone(self, receipt: Receipt) -> AsyncIterator[None]:
        """One request for a receipt at a time; the others find it done."""
        key = receipt.account, receipt.nonce
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = lock, users - 1


class _Reverted(Exception):
    """The transaction is in a block, and did nothing; never leaves this module."""


def _intent(account: str, nonce: str) -> str:
    return f"release:{account}:{nonce}"


def _expired() -> Refusal:
    return Refusal(409, "receipt_spent", "The receipt has expired.", hint="Sign a new one.")


def _pending(message: str = "The use is on its way, and not deep enough on the chain yet.") -> Refusal:
    return Refusal(
        503,
        "pending",
        message,
        hint="Send the same request again; the use is not lost.",
        retry_after=5,
    )


def _unfit(reason: str, hint: str = "") -> Refusal:
    return Refusal(422, "invalid", f"The receipt does not fit: {reason}.", hint=hint or "Sign one for this request.")
