"""Sign, send, wait: one account on one chain, exactly once.

Nothing is sent before a dry run shows that it would succeed and that the account can pay. Nonces are
chosen under a lock that threads and processes share; see `registry.chain.journal` for what happens
when a run is killed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from web3.contract.contract import ContractFunction
from web3.exceptions import TransactionNotFound, Web3RPCError
from web3.types import TxParams

from registry.chain.call import Call, as_call
from registry.chain.connection import LAST_BLOCK, TEST_CHAINS, Chain
from registry.chain.fees import NOTHING, Cost, Fees
from registry.chain.journal import Journal, JournalEntry
from registry.chain.logs import TxReceipt, read_receipt
from registry.chain.node_answers import is_unwell
from registry.chain.node_line import short
from registry.chain.pricing import FEE_HISTORY, current_fees, heed
from registry.chain.refusals import _NonceTaken, _TypeRefused, refusal, says
from registry.chain.signers import Signer
from registry.errors import (
    ChainError,
    ConnectionFailed,
    ContractError,
    GasLimitExceeded,
    InputError,
    InsufficientBalance,
    NonceStuck,
    NotDeployed,
    PaymentError,
    Reorganised,
    TransactionReverted,
    TransactionTimeout,
    Underpriced,
)
from registry.text.progress import LONG, Progress, no_progress
from registry.text.waits import waiting_for
from registry.types import Address, to_address

GAS_MARGIN: Final = (6, 5)
"""Gas limit over the estimate: another transaction may come first and change what this one does."""

GAS_HEADROOM: Final = 50_000
"""Gas limit over the estimate at least, for calls: what two words take that a contract writes anew in another second.

Nodes estimate as if the last block went on. Votes are kept by the second, and the first change in one costs more.
"""

GAS_CAP: Final = 2**24
"""The most gas that a transaction may have (EIP-7825): a margin goes no further."""

REPLACEMENT_BUMP: Final = 25
"""Percent by which a replacement raises the fees; nodes ask for 10 to 13."""

FINAL: Final = 64
"""Blocks below the head that no reorganisation is reckoned to reach: two epochs of Ethereum."""

_NO_STEPS: Final = {"disableStack": True, "disableStorage": True, "enableMemory": False, "limit": 1}
"""Of a trace no more is wanted than how it ended."""

_REBROADCAST_SECONDS = 5.0
_TURNED_BACK_SECONDS = 5.0
_BEHIND_PAUSES = (0.1, 0.4, 1.0, 2.0, 4.0)
_POLL_MIN, _POLL_MAX = 0.01, 1.0
_ATTEMPTS = 12
_RAISES = 3


@dataclass(frozen=True, slots=True)
class TxOutcome:
    """What a transaction in a block took, in units of gas, and whether it took effect."""

    gas: int
    succeeded: bool


@dataclass(frozen=True, slots=True)
class _Quote:
    """What a call is to cost, and the gas that a block has room for."""

    gas: int
    fees: Fees
    cost: Cost
    room: int = 0


_Quoted = tuple[Call, str, _Quote | None]
"""A call, its intent, and what it is to cost; None for what was sent before."""


class Sender:
    """Sends the transactions of one signer on one chain."""

    def __init__(
        self,
        chain: Chain,
        signer: Signer,
        journal: Journal | None = None,
        *,
        timeout: float = 120.0,
        progress: Progress = no_progress,
    ) -> None:
        """`timeout` (seconds) bounds each wait for a block; without a journal nothing survives the process. `progress`
        hears of waits of more than `LONG` seconds."""
        self.chain = chain
        self.signer = signer
        self.address: Address = to_address(signer.address)
        self.timeout = timeout
        self._progress = progress
        self._journal = journal if journal is not None else Journal.in_memory()

    def __repr__(self) -> str:
        return f"Sender({self.address} on {self.chain!r})"

    # --- Verbs -----------------------------------------------------------------------------------

    def preview(self, *calls: Call | ContractFunction, value: int = 0) -> Cost:
        """Return what `calls` would cost together, each with `value` wei; nothing is sent.

        Each is tried on the chain as it is now. If the account has less than the fees take, the cost says so
        (`short`). Raises the contract's error if one would be refused, and `InsufficientBalance` for less than `value`.
        """
        cost = NOTHING
        for call in calls:
            cost += self._quote(as_call(call, value), exact=True, preview=True).cost
        held = self.chain.balance(self.address)
        return replace(cost, short=self._too_poor(cost.total_value, held) if held < cost.total_value else None)

    def send(
        self,
        call: Call | ContractFunction,
        *,
        intent: str | None = None,
        value: int = 0,
        once: bool = False,
        hold: bool = False,
        max_gas: int | None = None,
        single: bool = False,
    ) -> TxReceipt:
        """Send `call` with `value` wei and return its receipt once it has the chain's confirmations.

        `intent` names what is to happen. A transaction of this intent that an interrupted run has
        left is finished instead of a second one being sent, and whoever sends the same meanwhile gets the
        same receipt. Once `send` or `settle` has returned the receipt the intent is settled, and
        may be sent anew; with `once` it never is: all later calls return the first receipt too. What a
        reorganisation has taken out of the chain since is not settled any more, but finished like the rest. With `hold`
        it is settled by `conclude`: for whoever has more to do before the outcome is told. A call that takes more than
        `max_gas` is refused: what it runs may belong to a stranger. With `single` no second transaction of the intent
        is ever signed, not even if the first one reverted or lost its place.

        Raises the contract's error, `InsufficientBalance`, `Underpriced`, `NonceStuck`,
        `TransactionTimeout`, `Reorganised`, `ConnectionFailed`, `JournalError`, `GasLimitExceeded`, or `ChainError` for
        what lost its place to another transaction.
        """
        deadline = time.monotonic() + self.timeout
        wanted = as_call(call, value)
        entry = None if intent is None else self._standing(intent, deadline, once)
        if entry is None:
            quote = self._quote(wanted, exact=max_gas is not None)
            if max_gas is not None and quote.gas > max_gas:
                raise GasLimitExceeded(quote.gas, max_gas)
            entry = self._start(wanted, quote, intent, deadline, once, single)
        return self._finish(entry, deadline, hold)

    def send_all(
        self, calls: Sequence[tuple[Call | ContractFunction, str]], *, once: bool = False
    ) -> tuple[TxReceipt, ...]:
        """Send calls that do not depend on each other, each of an intent of its own, at once: the next does not wait
        for the one before to be in a block. Returns their receipts, in order; of each holds what `send` says of one.
        """
        wanted = [(as_call(call, 0), intent) for call, intent in calls]
        if len(wanted) == 1 or self.chain.is_in_process:
            return tuple(self.send(call, intent=intent, once=once) for call, intent in wanted)
        begun = [self._standing(intent, time.monotonic() + self.timeout, once) for _, intent in wanted]
        quotes = iter(self._quotes([call for (call, _), one in zip(wanted, begun, strict=True) if one is None]))
        quoted = [(*one, None if entry else next(quotes)) for one, entry in zip(wanted, begun, strict=True)]
        receipts: list[TxReceipt] = []
        for wave in _by_block(quoted):
            receipts += self._send_wave(wave, once)
        return tuple(receipts)

    def _send_wave(self, wave: Sequence[_Quoted], once: bool) -> list[TxReceipt]:
        deadline = time.monotonic() + self.timeout
        begun = self._start_all(wave, deadline, once)
        receipts = [("eth_getTransactionReceipt", (entry.hash,)) for entry in begun if entry is not None]
        with self.chain.ahead(*receipts, *[LAST_BLOCK] * len(receipts)):
            # Whichever was refused is sent by itself, which knows about each refusal.
            return [
                self.send(call, intent=intent, once=once) if entry is None else self._finish(entry, deadline, False)
                for (call, intent, _), entry in zip(wave, begun, strict=True)
            ]

    def is_begun(self, intent: str) -> bool:
        """Whether a transaction of an intent was signed which a block may have, or yet take."""
        return bool(self._journal.find(self.chain.identity, self.address, intent))

    def outcome(self, intent: str) -> TxOutcome | None:
        """What became of the last transaction of an intent that is in a block; None if none is."""
        for entry in self._journal.find(self.chain.identity, self.address, intent):
            receipt = self._receipt(entry.hash)
            if receipt is not None:
                return TxOutcome(int(receipt["gasUsed"]), bool(receipt["status"] == 1))
        return None

    def conclude(self, intent: str, receipt: TxReceipt) -> None:
        """Settle an intent that was held."""
        for entry in self._journal.find(self.chain.identity, self.address, intent):
            if entry.hash == receipt.tx_hash:
                self._journal.settle(entry, receipt.block)

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Keep all other threads and processes of this account and home from doing `what` meanwhile.

        Raises `JournalError` after the time that a transaction has.
        """
        with self._journal.lock(self.chain.identity, f"{self.address} {what}", timeout=self.timeout):
            yield

    def settle(self, intent: str, *, once: bool = False, hold: bool = False) -> tuple[TxReceipt, ...]:
        """Finish what interrupted runs have left of `intent` and of those below it (``intent:...``).

        Returns the receipts of the transactions that took effect, in order; nothing if none was
        left. With `once` also that of one which was settled before; `hold` as of `send`. Raises what `send` raises
        while it waits.
        """
        deadline = time.monotonic() + self.timeout
        if once:
            entry = self._standing(intent, deadline, True)
            return () if entry is None else (self._finish(entry, deadline, hold),)
        receipts = []
        begun = self._journal.unfinished(self.chain.identity, self.address, intent, self._last_sure())
        there = self._in_blocks([entry.hash for entry in begun if entry.settled])
        unsure = (entry for entry in begun if entry.hash not in there)
        for left in dict.fromkeys(entry.intent for entry in unsure if self._is_open(entry, deadline)):
            entry = self._standing(str(left), deadline, False)
            if entry is not None:
                receipts.append(self._finish(entry, deadline, hold))
        return tuple(receipts)

    def found(self, intent: str, *, once: bool = False) -> tuple[TxReceipt, ...]:
        """What `settle` would return now, as far as it is on the chain already; nothing is sent and nobody waits.

        For previews, which are to tell what a run would do, also where the journal may only be read.
        """
        if self._journal.is_closed_to_us:
            return ()
        if once:
            entries = self._journal.find(self.chain.identity, self.address, intent)
        else:
            # Those that are settled are not looked at again: no nonce is beyond that.
            entries = self._journal.unfinished(self.chain.identity, self.address, intent, 2**63 - 1)
        receipts = [(entry, self._receipt(entry.hash)) for entry in entries]
        return tuple(
            self._read(entry, receipt) for entry, receipt in receipts if receipt is not None and receipt["status"] == 1
        )

    def unstick(self) -> TxReceipt | None:
        """Replace the first waiting transaction of the account, so that the later ones go on.

        Returns None if none waits.
        """
        mined, pending = self._count("latest"), self._count("pending")
        # What the node has dropped still waits if a later one was taken: it leaves a gap.
        waiting = max(pending - 1, self._journal.last_nonce(self.chain.identity, self.address))
        return self.replace(mined) if waiting >= mined else None

    def replace(self, nonce: int) -> TxReceipt:
        """Replace the waiting transaction with `nonce` by one that does nothing and pays more.

        Raises `InputError` if none with this nonce can wait, and `ChainError` if the waiting one
        was mined first.
        """
        deadline = time.monotonic() + self.timeout
        mined = self._count("latest")
        if nonce < mined:
            raise InputError(f"Nonce {nonce} was used; the next is {mined}.", hint="Nothing waits there.")
        call = Call(self.address, b"")
        with self._locked(deadline):
            fees = current_fees(self.chain).raised(REPLACEMENT_BUMP)
            for earlier in self._journal.at_nonce(self.chain.identity, self.address, nonce):
                fees = _above(fees, earlier.raw)
            most = self.chain.fee_market.max_fee
            for _ in range(_ATTEMPTS):
                if most is not None and fees.maximum > most:
                    raise Underpriced(f"to replace it takes {fees.maximum:,} wei a unit of gas, over the max_fee")
                quote = self._priced(call, 21_000, fees)
                entry = self._write(call, quote, nonce, None)
                try:
                    self._broadcast(entry)
                except Underpriced:
                    fees = fees.raised(REPLACEMENT_BUMP)
                    continue
                except _NonceTaken:
                    raise ChainError(
                        f"The transaction with nonce {nonce} was mined first.", hint="Nothing waits there."
                    ) from None
                return self._wait(entry, deadline)
        raise Underpriced(f"{_ATTEMPTS} higher fees were refused for nonce {nonce}")

    # --- Before ----------------------------------------------------------------------------------

    def _quote(self, call: Call, *, exact: bool = False, preview: bool = False) -> _Quote:
        """Dry-run `call`, then price it. On a chain in the process gas is estimated if `exact` only."""
        [quote] = self._quotes([call], exact=exact, preview=preview)
        return quote

    def _quotes(self, calls: Sequence[Call], *, exact: bool = False, preview: bool = False) -> list[_Quote]:
        """Quotes of calls that do not depend on each other."""
        held = ("eth_getBalance", (self.address, "latest"))
        tried = [("eth_estimateGas", (_hexed(self._fields(call)),)) for call in calls]
        try:
            with self.chain.ahead(*tried, *[held, LAST_BLOCK, FEE_HISTORY] * len(calls)):
                quotes = [self._gauged(call, exact, preview) for call in calls]
            if not self.chain.is_in_process:
                # Once more as they will be sent: what they run could else tell the trial by the price or the gas.
                pairs = zip(calls, quotes, strict=True)
                sent = [_as_sent(self._fields(call), quote) for call, quote in pairs if quote.cost.short is None]
                with self.chain.ahead(*(("eth_call", (_hexed(fields), "latest")) for fields in sent)):
                    for fields in sent:
                        self.chain.w3.eth.call(fields)
        except Web3RPCError as error:
            refused = refusal(error, self.address)
            if isinstance(refused, _TypeRefused) and not self.chain.fee_market.plain:
                self.chain.fee_market.plain = True
                return self._quotes(calls, exact=exact, preview=preview)
            raise refused from error
        return quotes

    def _gauged(self, call: Call, exact: bool, preview: bool) -> _Quote:
        if call.data and not self.chain.has_code(call.to):
            raise NotDeployed(self.chain.chain_id, f"there is no contract at {call.to}")
        held = self.chain.balance(self.address)
        if held < call.value:
            raise self._too_poor(call.value, held)
        fields = self._fields(call)
        head = self.chain.block()
        limit = head.gas_limit
        if self.chain.is_in_process and not exact:
            # There eth-tester searches for the estimate by running the call many times over.
            self.chain.w3.eth.call(fields)
            gas, spent = limit // 2, limit // 2
        else:
            spent = self._estimated(fields)
            headroom = GAS_HEADROOM if call.data else 0
            gas = min(max(spent * GAS_MARGIN[0] // GAS_MARGIN[1], spent + headroom, call.gas), limit)
            gas = min(gas, max(GAS_CAP, spent))
            # Of one account on two machines equal calls would else be equal bytes, which a node takes for one.
            gas -= 0 if preview else secrets.randbelow(1 + (gas - spent) // 4)
        quote = self._priced(call, gas, current_fees(self.chain, head), spent=spent)
        if held < quote.cost.total_value:
            short = self._too_poor(quote.cost.total_value, held)
            if not preview:
                raise short
            quote = replace(quote, cost=replace(quote.cost, short=short))
        return replace(quote, room=limit)

    def _estimated(self, fields: TxParams) -> int:
        """The gas that a call takes."""
        for pause in (*(_BEHIND_PAUSES if self.chain.line.seen else ()), None):
            try:
                return int(self.chain.w3.eth.estimate_gas(fields))
            except (ContractError, TransactionReverted, Web3RPCError) as error:
                if isinstance(error, Web3RPCError) and says(error, "gas limit", "the cap"):
                    # Where nothing is said, a node may try with the gas of a whole block, which is over its own cap.
                    # One that does so whatever is said (Hardhat) gives no estimate; the trial as sent comes after this.
                    return GAS_CAP if "gas" in fields else self._estimated(cast(TxParams, {**fields, "gas": GAS_CAP}))
                self.chain.w3.eth.call(fields)  # which says why, better than an estimate does
                # Or succeeds, at a block that whoever estimated may not have yet.
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _priced(self, call: Call, gas: int, fees: Fees, *, spent: int | None = None) -> _Quote:
        most = gas * fees.maximum
        return _Quote(gas, fees, Cost(gas, most, (spent or gas) * fees.expected, call.value + most))

    def _too_poor(self, needed: int, held: int) -> InsufficientBalance:
        return InsufficientBalance(self.address, f"{needed:,} wei", f"{held:,} wei")

    def _fields(self, call: Call) -> TxParams:
        fields = {"from": self.address, "to": call.to, "value": call.value, "data": "0x" + call.data.hex()}
        return cast(TxParams, fields)

    # --- Sending ---------------------------------------------------------------------------------

    def _locked(self, deadline: float) -> Any:
        return self._journal.lock(self.chain.identity, self.address, timeout=deadline - time.monotonic())

    def _start(
        self, call: Call, quote: _Quote, intent: str | None, deadline: float, once: bool, single: bool
    ) -> JournalEntry:
        """Choose a nonce, sign, record and broadcast; or join who did it for this intent meanwhile."""
        refused: _NonceTaken | None = None
        cheap, plain = 0, False
        while refused is None or time.monotonic() < deadline:
            with self._locked(deadline):
                if intent is not None:
                    standing = self._standing(intent, deadline, once)
                    if standing is not None:
                        return standing
                    if single and self.is_begun(intent):
                        raise ChainError(f"The one transaction of {intent!r} reverted, or lost its place.")
                nonce = self._next_nonce(in_doubt=refused is not None)
                entry = self._write(call, quote, nonce, intent)
                try:
                    self._broadcast(entry)
                    return entry
                except _NonceTaken as error:
                    if type(error) is _NonceTaken:
                        if not self._superseded(entry, deadline, 1):
                            return entry
                        self._journal.discard(entry)
                    refused = error
                except Underpriced as error:
                    # The base fee may have risen since the quote, or the node has a least tip of its own.
                    cheap += 1
                    if cheap > _RAISES:
                        raise
                    heed(self.chain, str(error))
                    higher = current_fees(self.chain).raised(REPLACEMENT_BUMP * cheap)
                    if (fees := self.chain.fee_market.within(higher)) == quote.fees:
                        raise
                    quote = self._priced(call, quote.gas, fees)
                    continue
                except _TypeRefused:
                    if plain:
                        raise
                    plain = self.chain.fee_market.plain = True
                    quote = self._priced(call, quote.gas, current_fees(self.chain))
                    continue
            with waiting_for(f"the node to take nonce {nonce}", self.timeout, since=deadline - self.timeout):
                time.sleep(0.1)
        raise NonceStuck(self.address, nonce, self._count("latest"))

    def _start_all(self, wave: Sequence[_Quoted], deadline: float, once: bool) -> list[JournalEntry | None]:
        """Sign, record and broadcast several, with nonces one after the other; None for each that is still to be sent.

        Nothing is sent that is over what the account holds with all the others, or would take the place of another.
        """
        begun: list[JournalEntry | None] = [None] * len(wave)
        left: int = self.chain.balance(self.address)
        signed: list[tuple[int, JournalEntry]] = []
        with self._locked(deadline):
            nonce = self._next_nonce(in_doubt=False)
            for place, (call, intent, quote) in enumerate(wave):
                begun[place] = self._standing(intent, deadline, once)
                if begun[place] is not None or quote is None:
                    continue
                left -= quote.cost.total_value
                waits = self._journal.at_nonce(self.chain.identity, self.address, nonce)
                if left < 0 or any(entry.accepted for entry in waits):
                    break
                begun[place] = entry = self._write(call, quote, nonce, intent)
                signed.append((place, entry))
                nonce += 1
            for place in self._broadcast_all(signed):
                begun[place] = None
        return begun

    def _broadcast_all(self, signed: Sequence[tuple[int, JournalEntry]]) -> list[int]:
        """Hand the bytes of several to the node, as `_broadcast` does those of one; the places of those it refused."""
        refused = []
        try:
            sent = [("eth_sendRawTransaction", ["0x" + entry.raw.hex()]) for _, entry in signed]
            answers = self.chain.line.ask_many(sent, patient=False)
        except ConnectionFailed:
            return []
        for (place, entry), answer in zip(signed, answers, strict=True):
            told: Any = answer.get("error")
            try:
                if told is not None:
                    words = str(told.get("message", told) if isinstance(told, dict) else told)
                    if not self._is_taken(entry, Web3RPCError(words, rpc_response=answer), False):
                        continue
                self._journal.accept(entry)
            except ConnectionFailed:
                continue  # whether it was taken shows when it is waited for
            except (ChainError, PaymentError):
                refused.append(place)
        return refused

    def _next_nonce(self, *, in_doubt: bool) -> int:
        """Return the first nonce that is neither mined nor waiting. Of what waits some nodes say less than is mined,
        which shows when one was refused."""
        nonce = max(self._count("pending"), self._count("latest") if in_doubt else 0)
        while True:
            waiting = [
                entry for entry in self._journal.at_nonce(self.chain.identity, self.address, nonce) if entry.accepted
            ]
            # A node that lags, or has dropped what it took, would let us replace our own transaction.
            if not any(self._revive(entry) for entry in waiting):
                return nonce
            nonce += 1

    def _revive(self, entry: JournalEntry) -> bool:
        if self._known(entry.hash):
            return True
        try:
            self._broadcast(entry, again=True)
        except (ChainError, PaymentError):
            return False
        return True

    def _revive_up_to(self, entry: JournalEntry) -> None:
        """Send `entry` again if the node has dropped it, and before it those it has to follow."""
        for nonce in range(self._count("latest"), entry.nonce):
            for earlier in self._journal.at_nonce(entry.chain, entry.sender, nonce):
                if earlier.accepted:
                    self._revive(earlier)
        self._revive(entry)

    def _write(self, call: Call, quote: _Quote, nonce: int, intent: str | None) -> JournalEntry:
        from eth_utils.crypto import keccak

        fields: dict[str, Any] = {
            "to": call.to,
            "value": call.value,
            "data": "0x" + call.data.hex(),
            "nonce": nonce,
            "gas": quote.gas,
            "chainId": int(self.chain.chain_id),
            **quote.fees.fields(),
        }
        raw = self.signer.sign_transaction(fields)
        return self._journal.write(
            chain=self.chain.identity,
            sender=self.address,
            nonce=nonce,
            hash="0x" + keccak(raw).hex(),
            raw=raw,
            intent=intent,
        )

    def _broadcast(self, entry: JournalEntry, *, again: bool = False) -> None:
        """Hand the signed bytes to the node and record that it took them.

        A node that refuses them leaves no trace of the entry, unless it was sent `again` (when it
        may be waiting elsewhere), or its nonce is used up: by these very bytes, perhaps, if they came twice.
        A node that does not answer, or is not well, may have taken them: the wait finds out.
        """
        try:
            self.chain.w3.eth.send_raw_transaction(entry.raw)
        except ConnectionFailed:
            return
        except Web3RPCError as error:
            if not self._is_taken(entry, error, again):
                return
        self._journal.accept(entry)

    def _is_taken(self, entry: JournalEntry, error: Web3RPCError, again: bool) -> bool:
        """Whether a node that answers its bytes so has them, False if that is to be found out; raises the refusal."""
        # The answer to an earlier try may have been lost on the way.
        if says(error, "already known", "already imported", "known transaction", "already exists"):
            return True
        if self._known(entry.hash):
            return True
        refused = refusal(error, self.address)
        if type(refused) is ChainError and is_unwell(error.rpc_response):
            return False
        if not again and type(refused) is not _NonceTaken:
            self._journal.discard(entry)
        raise refused from error

    # --- What became of it -----------------------------------------------------------------------

    def _standing(self, intent: str, deadline: float, once: bool) -> JournalEntry | None:
        """Return the transaction that carries out `intent`, sent again if need be; None if there is none.

        One whose nonce went to another transaction does not stand any more, nor one that reverted.
        """
        entries = self._journal.find(self.chain.identity, self.address, intent)
        if not once:
            sure = self._last_sure() if any(entry.settled for entry in entries) else 0
            entries = [
                entry
                for entry in entries
                if not entry.settled or (entry.settled > sure and self._is_open(entry, deadline))
            ]
        for entry in entries:
            receipt = self._receipt(entry.hash)
            if receipt is not None and receipt["status"] == 1:
                return entry
        for entry in entries:
            if not self._superseded(entry, deadline):
                if self._receipt(entry.hash) is not None:
                    # Mined while we looked: it stands unless it reverted.
                    return self._standing(intent, deadline, once)
                if not self._known(entry.hash):
                    try:
                        self._broadcast(entry, again=True)
                    except (_NonceTaken, Underpriced):
                        # Another transaction waits at its nonce: whichever is mined decides.
                        return entry
                return entry
        return None

    def _last_sure(self) -> int:
        """The last block that no reorganisation is reckoned to take back."""
        return self.chain.block().number - (0 if self.chain.is_in_process else FINAL)

    def _is_open(self, entry: JournalEntry, deadline: float) -> bool:
        """Whether the outcome of `entry` was not told yet, or was and is not on the chain any more."""
        if not entry.settled:
            return True
        began = time.monotonic()
        with waiting_for(f"block {entry.settled} to come to the node again", self.timeout):
            while self._receipt(entry.hash) is None:
                # A node that is not as far as one was before cannot know. A chain for tests may have been turned back.
                if self.chain.block().number >= entry.settled:
                    time.sleep(_POLL_MIN)
                    return self._receipt(entry.hash) is None
                if self.chain.chain_id in TEST_CHAINS and time.monotonic() > began + _TURNED_BACK_SECONDS:
                    return True
                if time.monotonic() > deadline:
                    raise ConnectionFailed(self.chain.url, f"it has not come to block {entry.settled} again")
                time.sleep(_POLL_MAX / 4)
        return False

    def _superseded(self, entry: JournalEntry, deadline: float, depth: int = 0) -> bool:
        """Return True if `entry` can never take effect: its nonce is used up, or it reverted, `depth` blocks deep (by
        default as deep as the chain's confirmations)."""
        depth = depth or self.chain.confirmations
        with waiting_for(f"what becomes of transaction {entry.hash}", self.timeout):
            while True:
                # The count first: what is mined between the two requests then shows in the second.
                mined = self._count("latest")
                receipt, head = self._receipt_and_head(entry)
                if receipt is not None and receipt["status"] == 1:
                    return False
                if receipt is not None:
                    if int(receipt["blockNumber"]) <= head - depth + 1:
                        return True
                elif mined <= entry.nonce:
                    return False
                elif self._count_at(max(0, self.chain.block().number - depth + 1)) > entry.nonce:
                    # A second look, for nodes behind one address that are not equally far.
                    time.sleep(_POLL_MIN)
                    return self._receipt(entry.hash) is None
                if time.monotonic() > deadline:
                    return False
                time.sleep(_POLL_MAX / 4)

    def _finish(self, entry: JournalEntry, deadline: float, hold: bool) -> TxReceipt:
        receipt = self._wait(entry, deadline)
        if entry.intent is not None and not hold:
            self._journal.settle(entry, receipt.block)
        return receipt

    def _wait(self, entry: JournalEntry, deadline: float) -> TxReceipt:
        started = sent = time.monotonic()
        # Each further block may take as long: the blocks of a chain have their own pace.
        last = deadline + self.timeout * (self.chain.confirmations - 1)
        pause, seen, reached = _POLL_MIN, None, 0
        while True:
            try:
                receipt, head = self._receipt_and_head(entry)
                if receipt is not None:
                    seen = int(receipt["blockNumber"])
                    if head > reached:
                        reached, deadline = head, max(deadline, min(last, time.monotonic() + self.timeout))
                    # Where there are several, read anew after the last one: a block that was dropped meanwhile shows.
                    if head - seen + 1 >= self.chain.confirmations:
                        again = receipt if self.chain.confirmations == 1 else self._receipt(entry.hash)
                        if again is not None and int(again["blockNumber"]) == seen:
                            return self._settled(entry, again)
                elif seen is not None or time.monotonic() - sent > _REBROADCAST_SECONDS:
                    if self._superseded(entry, deadline):
                        raise ChainError(
                            f"Transaction {entry.hash} was replaced: another one used nonce {entry.nonce}.",
                            hint="Nothing was done; send it again if you still want it.",
                        )
                    sent = time.monotonic()
                    self._revive_up_to(entry)
            except ConnectionFailed:
                # The node may come back; what was sent is on record either way.
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise self._late(entry, seen, time.monotonic() - started)
            if time.monotonic() - started > LONG:
                deep = 0 if seen is None else min(max(reached - seen + 1, 0), self.chain.confirmations - 1)
                self._progress("waiting for confirmations", deep, self.chain.confirmations)
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_MAX)

    def _late(self, entry: JournalEntry, seen: int | None, seconds: float) -> ChainError:
        mined = self._count("latest")
        if seen is not None and self._receipt(entry.hash) is None:
            return Reorganised(entry.hash, seen)
        if mined < entry.nonce:
            return NonceStuck(self.address, entry.nonce, mined)
        return TransactionTimeout(entry.hash, round(seconds, 1), block=seen)

    def _settled(self, entry: JournalEntry, receipt: Any) -> TxReceipt:
        self.chain.saw(int(receipt["blockNumber"]))
        if receipt["status"] != 1:
            raise self._why(entry, int(receipt["blockNumber"]))
        return self._read(entry, receipt)

    def _read(self, entry: JournalEntry, receipt: Any) -> TxReceipt:
        maximum, tip, value = _parsed(entry.raw)
        price = 0
        if receipt.get("effectiveGasPrice") is None:
            price = min(maximum, (self.chain.block(int(receipt["blockNumber"])).base_fee or 0) + tip)
        return read_receipt(receipt, value=value, price=price)

    def _why(self, entry: JournalEntry, block: int) -> ChainError | ContractError:
        """Find out why a transaction failed in a block: run it again on what that block left."""
        try:
            sent = self.chain.w3.eth.get_transaction(cast(Any, entry.hash))
        except TransactionNotFound:
            return TransactionReverted("its block is gone since", entry.hash)
        fields = {
            "from": self.address,
            "to": sent["to"],
            "value": sent["value"],
            "data": sent["input"],
            "gas": sent["gas"],
        }
        try:
            self.chain.w3.eth.call(cast(TxParams, fields), cast(Any, block))
        except (ContractError, TransactionReverted) as error:
            error.add_note(f"Transaction {entry.hash} in block {block}.")
            if isinstance(error, TransactionReverted):
                return TransactionReverted(error.reason, entry.hash)
            return error
        except Web3RPCError as error:
            return TransactionReverted(str(error), entry.hash)
        return TransactionReverted("the cause is gone since: the same call succeeds now", entry.hash)

    # --- Node ------------------------------------------------------------------------------------

    def _count(self, block: str | int) -> int:
        try:
            return int(self.chain.w3.eth.get_transaction_count(cast(Any, self.address), cast(Any, block)))
        except Web3RPCError as error:
            if block == "pending" and not is_unwell(error.rpc_response):
                return self._count("latest")  # not every node knows what waits; the journal does
            raise ConnectionFailed(self.chain.url, f"it does not count transactions ({short(error)})") from None

    def _count_at(self, block: int) -> int:
        """The account's transactions up to a block, which another node behind the same address may not have yet."""
        if self.chain.is_in_process:
            return self._count(block)
        answer = self.chain.line.ask_states([("eth_getTransactionCount", [self.address, hex(block)])])[0]
        try:
            return int(cast(str, answer["result"]), 16)
        except (KeyError, TypeError, ValueError):
            told = str(answer.get("error") or answer.get("result"))[:200]
            raise ConnectionFailed(self.chain.url, f"it does not count transactions ({told})") from None

    def _receipt(self, tx_hash: str) -> Any:
        try:
            receipt: Any = self.chain.w3.eth.get_transaction_receipt(cast(Any, tx_hash))
        except TransactionNotFound:
            return None
        # Some nodes give one before it is in a block.
        if receipt.get("blockNumber") is None:
            return None
        return receipt if receipt.get("status") is not None else {**receipt, "status": self._ended(receipt, tx_hash)}

    def _ended(self, receipt: Any, tx_hash: str) -> int:
        """1 if a transaction took effect whose receipt does not say so, 0 if it reverted.

        What reverts leaves no logs, but those that some chains add themselves, of fees: so what counts is one of the
        contract that was called. Without one the node is asked to trace it. Raises `ChainError` where it does not.
        """
        called = receipt.get("to") or receipt.get("contractAddress")
        if called is not None and any(str(log["address"]).lower() == str(called).lower() for log in receipt["logs"]):
            return 1
        traced: Any = None
        with suppress(ConnectionFailed):  # many nodes trace for nobody
            traced = self.chain.line.ask_many([("debug_traceTransaction", [tx_hash, _NO_STEPS])])[0].get("result")
        failed = traced.get("failed") if isinstance(traced, dict) else None
        if not isinstance(failed, bool):
            raise ChainError(
                f"The node {self.chain.url} does not say whether transaction {tx_hash} took effect.",
                hint="Ask another node: run the same command again there, nothing is sent twice.",
            )
        return int(not failed)

    def _receipt_and_head(self, entry: JournalEntry) -> tuple[Any, int]:
        """The receipt of a transaction, and where there is one how far the chain is: at least to its block, whatever
        another node behind the same address knows."""
        with self.chain.ahead(("eth_getTransactionReceipt", (entry.hash,)), LAST_BLOCK):
            receipt = self._receipt(entry.hash)
            return receipt, 0 if receipt is None else max(int(receipt["blockNumber"]), self.chain.block().number)

    def _in_blocks(self, hashes: Sequence[str]) -> set[str]:
        """Those of some transactions that are in a block, asked for together."""
        answers = self.chain.line.ask_many([("eth_getTransactionReceipt", [one]) for one in hashes])
        receipts = [answer.get("result") for answer in answers]
        return {
            one
            for one, receipt in zip(hashes, receipts, strict=True)
            if isinstance(receipt, dict) and receipt.get("blockNumber") is not None
        }

    def _known(self, tx_hash: str) -> bool:
        try:
            self.chain.w3.eth.get_transaction(cast(Any, tx_hash))
        except TransactionNotFound:
            return False
        return True


def _by_block(wanted: Sequence[_Quoted]) -> list[list[_Quoted]]:
    """Split calls so that each part fits into a block.

    What does not fit would bid against ourselves; and a node for tests that mines what comes, as it comes, leaves the
    rest over until something else comes.
    """
    waves: list[list[_Quoted]] = []
    left = 0
    for one in wanted:
        gas, room = (one[2].gas, one[2].room) if one[2] else (0, 0)
        left -= gas
        if left < 0 or not waves:
            waves.append([])
            left = room - gas
        waves[-1].append(one)
    return waves


def _as_sent(fields: TxParams, quote: _Quote) -> TxParams:
    return cast(TxParams, {**fields, "gas": quote.gas, **quote.fees.fields()})


def _hexed(fields: TxParams) -> dict[str, Any]:
    """A call as web3 puts it to a node: numbers but the kind of the transaction in hexadecimal digits."""
    return {name: hex(value) if isinstance(value, int) and name != "type" else value for name, value in fields.items()}


def _above(fees: Fees, raw: bytes) -> Fees:
    """Return `fees`, raised over those of a signed transaction so that it can be replaced."""
    maximum, tip, _ = _parsed(raw)
    before = Fees(maximum, tip, 0).raised(REPLACEMENT_BUMP)
    return Fees(max(fees.maximum, before.maximum), fees.tip and max(fees.tip, before.tip or 0), fees.expected)


def _parsed(raw: bytes) -> tuple[int, int, int]:
    """Return gas price (or most a unit of gas), tip and value of a signed transaction, in wei."""
    import rlp  # type: ignore[import-untyped]

    # EIP-1559: 0x02 and [chain, nonce, tip, maximum, gas, to, value, ...]; before: [nonce, price, gas, to, value, ...].
    typed = raw[0] < 0x80
    fields = rlp.decode(raw[1:] if typed else raw)
    chosen = (fields[3], fields[2], fields[6]) if typed else (fields[1], fields[1], fields[4])
    maximum, tip, value = (int.from_bytes(field, "big") for field in chosen)
    return maximum, tip, value
