"""An account that acts by proposal: what it would send is written down instead.

The client's verbs work on it unchanged: each call is tried on the chain as far as that is possible, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, cast

from web3.contract.contract import ContractFunction
from web3.exceptions import Web3RPCError
from web3.types import TxParams

from registry.chain.acting import Actor, CallOutcome, CollectedCalls, Outbox, Trying
from registry.chain.call import Call, as_call
from registry.chain.calldata import function_of, functions, selector_of, signature_of
from registry.chain.connection import Chain
from registry.chain.fees import Cost
from registry.chain.logs import UNSENT, Event, TxReceipt
from registry.chain.signers import Signer
from registry.errors import (
    ContractError,
    InputError,
    InsufficientBalance,
    NotDeployed,
    SignerError,
    TransactionReverted,
)
from registry.types import Address, to_address


class Collecting:
    """The actor of an account whose calls are collected: what it wants done is tried as far as possible, and kept.

    `written` is what was collected so far. `close` ends it: verbs used after that raise `InputError`.
    """

    def __init__(self, chain: Chain, address: str, *, who: str = "a team", later: bool = False) -> None:
        """`who` is what errors call it; with `later` a call may fail now, because it is for another time."""
        self.address: Address = to_address(address)
        self.written = CollectedCalls(who)
        self._chain = chain
        self._later = later
        self._open = True

    def __repr__(self) -> str:
        return f"Collecting({self.address}, {len(self.written.calls)} calls)"

    def close(self) -> None:
        """Take no more calls."""
        self._open = False

    # --- As one that signs, which it refuses -----------------------------------------------------

    @property
    def signer(self) -> Signer:
        """Itself."""
        return self

    def signing(self, what: str) -> Signer:
        """Itself."""
        return self

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Refuse: this account has no key. Raises `SignerError`."""
        raise self._keyless("a transaction")

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Refuse: this account has no key. Raises `SignerError`."""
        raise self._keyless("a message")

    def _keyless(self, what: str) -> SignerError:
        return SignerError(
            f"{self.address} is {self.written.who} and cannot sign {what}.",
            hint="Propose a transaction that does the same.",
        )

    # --- As an outbox ----------------------------------------------------------------------------

    def outbox(self, what: str, *, dry_run: bool = False) -> Outbox:
        """Itself, or what only tries."""
        return Trying(self) if dry_run else self

    def preview(self, *calls: Call | ContractFunction, value: int = 0) -> Cost:
        """Try the calls; they cost the team the `value` (wei) that each carries. Raises what `send` raises."""
        wanted = [as_call(call, value) for call in calls]
        for call in wanted:
            self._try(call)
        return Cost(0, 0, 0, sum(call.value for call in wanted))

    def send(
        self,
        call: Call | ContractFunction,
        *,
        intent: str | None = None,
        value: int = 0,
        once: bool = False,
        hold: bool = False,
    ) -> CallOutcome:
        """Write a call down; raises the contract's error if the very first one would fail now.

        Later ones may need what those before them do: the whole is tried when it is proposed. The receipt has no
        events but those of publications, with the numbers that the assets would have now. `value` is in wei; an intent
        has no meaning here. Raises `InputError` after the collection was handed out.
        """
        if not self._open:
            raise InputError(f"The calls of {self.address} were collected already.", hint="Start another collection.")
        wanted = as_call(call, value)
        answer = self._try(wanted)
        events = self._publications(call, answer) if isinstance(call, ContractFunction) else ()
        self.written.calls.append(wanted if isinstance(call, Call) else replace(wanted, abi=_unknown(call)))
        receipt = TxReceipt(UNSENT, 0, 0, 0, events, self.address, wanted.value)
        return CallOutcome(receipt.cost, receipt)

    def send_all(
        self, calls: Sequence[tuple[Call | ContractFunction, str]], *, once: bool = False
    ) -> tuple[CallOutcome, ...]:
        """Write them down, one after the other."""
        return tuple(self.send(call, intent=intent, once=once) for call, intent in calls)

    def settle(self, intent: str, *, once: bool = False, hold: bool = False) -> tuple[CallOutcome, ...]:
        """Nothing is ever left: nothing is sent."""
        return ()

    def found(self, intent: str, *, once: bool = False) -> tuple[TxReceipt, ...]:
        """Nothing is ever left."""
        return ()

    def conclude(self, intent: str, receipt: TxReceipt) -> None:
        """Nothing is ever held."""

    def alone(self, what: str) -> AbstractContextManager[None]:
        """Nobody is kept from anything: nothing is sent."""
        return nullcontext()

    def _try(self, call: Call) -> bytes:
        if call.data and not self._chain.has_code(call.to):
            raise NotDeployed(self._chain.chain_id, f"there is no contract at {call.to}")
        held = self._chain.balance(self.address)
        try:
            if held < call.value:
                raise InsufficientBalance(self.address, f"{call.value:,} wei", f"{held:,} wei")
            return try_call(self._chain, self.address, call)
        except (ContractError, TransactionReverted, InsufficientBalance):
            if self.written.calls or self._later:
                return b""
            raise

    def _publications(self, call: ContractFunction, answer: bytes) -> tuple[Event, ...]:
        if call.fn_name not in ("publish", "publishMany", "publishCollection"):
            return ()
        listed = call.args[1] if call.fn_name == "publishMany" else [call.args[1]]
        first = int.from_bytes(answer[:32], "big") + self.written.published
        self.written.published += len(listed)
        return tuple(
            Event(
                "MetadataPublished",
                {"assetId": first + place, "version": 1, "digest": publication[0]},
                0,
                0,
                UNSENT,
                to_address(str(call.address)),
            )
            for place, publication in enumerate(listed)
        )


def collected(calls: Any) -> list[Call]:
    """Return what a client of `Collecting` has collected, or calls of any kind, as what is sent.

    Takes such a client, a `Call`, a bound function of a contract, or several of these. Raises `InputError` for
    anything else, for none, and for a `Call.abi` that is no signature.
    """
    actor: Actor | None = getattr(calls, "actor", None)
    if actor is None:
        listed: list[Any] = [calls] if isinstance(calls, Call) or hasattr(calls, "fn_name") else list(calls)
    elif actor.written is None:
        raise InputError("This client has collected nothing.", hint="Use what collect() of teams or governance gives.")
    else:
        listed = list(actor.written.calls)
    if not listed:
        raise InputError("There is nothing to propose.", hint="Collect one call or more.")
    made = []
    for call in listed:
        if isinstance(call, Call):
            made.append(
                Call(
                    to_address(call.to),
                    bytes(call.data),
                    call.value,
                    abi=tuple(signature_of(function_of(name)) for name in call.abi),
                )
            )
        elif hasattr(call, "fn_name"):
            data = bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))
            made.append(Call(to_address(str(call.address)), data, abi=_unknown(call)))
        else:
            raise InputError(f"A {type(call).__name__} is not a call.", hint="Pass Call, or contract.functions.f(...).")
    return made


def _unknown(call: Any) -> tuple[str, ...]:
    """The signature of a bound function that no contract here has: whoever reads the call does not know it."""
    entry = getattr(call, "abi", None)
    signature = signature_of(entry) if entry else ""
    return (signature,) if signature and selector_of(signature) not in functions() else ()


def try_call(chain: Chain, account: str, call: Call) -> bytes:
    """Return what a call from `account` would return now; raises the contract's error, or `TransactionReverted`."""
    fields: Any = {"from": account, "to": call.to, "value": call.value, "data": "0x" + call.data.hex()}
    try:
        return bytes(chain.w3.eth.call(cast(TxParams, fields)))
    except Web3RPCError as error:
        raise TransactionReverted(f"the node refused the call: {error}") from error
