"""An account that acts by proposal: what it would send is written down instead.

The client's verbs work on it unchanged: each call is tried on the chain as far as that is possible, and kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from web3.contract.contract import ContractFunction
from web3.exceptions import Web3RPCError
from web3.types import TxParams

from registry.chain.call import Call
from registry.chain.calldata import function_of, functions, selector_of, signature_of
from registry.chain.connection import Chain
from registry.chain.fees import Cost
from registry.chain.logs import Event, TxReceipt
from registry.chain.sender import Sender
from registry.errors import (
    ContractError,
    InputError,
    InsufficientBalance,
    NotDeployed,
    SignerError,
    TransactionReverted,
)
from registry.types import Address, TxHash, to_address

UNSENT = TxHash("0x" + "0" * 64)
"""The hash in the receipt of a call that was only written down."""


class Collector:
    """Stands in for the signer of an account whose calls are collected.

    `calls` are those collected so far, `published` counts the assets that they publish, `beside` is what calls name by
    its hash alone. `close` ends it: verbs used after that raise `InputError`.
    """

    def __init__(self, address: str, *, who: str = "a team", later: bool = False) -> None:
        """`who` is what errors call it; with `later` a call may fail now, because it is for another time."""
        self.address: Address = to_address(address)
        self.who = who
        self.later = later
        self.calls: list[Call] = []
        self.published = 0
        self.beside: list[object] = []
        self.open = True

    def __repr__(self) -> str:
        return f"Collector({self.address}, {len(self.calls)} calls)"

    def close(self) -> None:
        """Take no more calls."""
        self.open = False

    def sign_transaction(self, tx: dict[str, Any]) -> bytes:
        """Refuse: this account has no key. Raises `SignerError`."""
        raise self._keyless("a transaction")

    def sign_typed_data(self, full_message: dict[str, Any]) -> bytes:
        """Refuse: this account has no key. Raises `SignerError`."""
        raise self._keyless("a message")

    def _keyless(self, what: str) -> SignerError:
        return SignerError(
            f"{self.address} is {self.who} and cannot sign {what}.", hint="Propose a transaction that does the same."
        )


class Recorder(Sender):
    """Takes the place of a `Sender` for a `Collector`."""

    def __init__(self, chain: Chain, collector: Collector) -> None:
        super().__init__(chain, collector)
        self._collector = collector

    def preview(self, *calls: Call | ContractFunction, value: int = 0) -> Cost:
        """Try the calls; they cost the team the `value` (wei) that each carries. Raises what `send` raises."""
        wanted = [self._as_call(call, value) for call in calls]
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
        max_gas: int | None = None,
        single: bool = False,
    ) -> TxReceipt:
        """Write a call down; raises the contract's error if the very first one would fail now.

        Later ones may need what those before them do: the whole is tried when it is proposed. The receipt has no
        events but those of publications, with the numbers that the assets would have now. `value` is in wei; an intent
        and a bound on gas have no meaning here. Raises `InputError` after the collection was handed out.
        """
        if not self._collector.open:
            raise InputError(f"The calls of {self.address} were collected already.", hint="Start another collection.")
        wanted = self._as_call(call, value)
        answer = self._try(wanted)
        events = self._publications(call, answer) if isinstance(call, ContractFunction) else ()
        self._collector.calls.append(wanted if isinstance(call, Call) else replace(wanted, abi=_unknown(call)))
        return TxReceipt(UNSENT, 0, 0, 0, events, self.address, wanted.value)

    def settle(self, intent: str, *, once: bool = False, hold: bool = False) -> tuple[TxReceipt, ...]:
        """Nothing is ever left: nothing is sent."""
        return ()

    def found(self, intent: str, *, once: bool = False) -> tuple[TxReceipt, ...]:
        """Nothing is ever left."""
        return ()

    def _try(self, call: Call) -> bytes:
        if call.data and not self.chain.has_code(call.to):
            raise NotDeployed(self.chain.chain_id, f"there is no contract at {call.to}")
        held = self.chain.balance(self.address)
        try:
            if held < call.value:
                raise InsufficientBalance(self.address, f"{call.value:,} wei", f"{held:,} wei")
            return try_call(self.chain, self.address, call)
        except (ContractError, TransactionReverted, InsufficientBalance):
            if self._collector.calls or self._collector.later:
                return b""
            raise

    def _publications(self, call: ContractFunction, answer: bytes) -> tuple[Event, ...]:
        if call.fn_name not in ("publish", "publishMany", "publishCollection"):
            return ()
        listed = call.args[1] if call.fn_name == "publishMany" else [call.args[1]]
        first = int.from_bytes(answer[:32], "big") + self._collector.published
        self._collector.published += len(listed)
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
    """Return what a client that lent itself to a collector has collected, or calls of any kind, as what is sent.

    Takes such a client, a `Call`, a bound function of a contract, or several of these. Raises `InputError` for
    anything else, for none, and for a `Call.abi` that is no signature.
    """
    lent = getattr(calls, "signer", calls)
    if isinstance(lent, Collector):
        listed: list[Any] = list(lent.calls)
    elif hasattr(calls, "signer"):
        raise InputError("This client has collected nothing.", hint="Use what collect() of teams or governance gives.")
    else:
        listed = [calls] if isinstance(calls, Call) or hasattr(calls, "fn_name") else list(calls)
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
