"""One call of a contract, before anybody decided to send it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from registry.text.html import Shown
from registry.types import Address, to_address

if TYPE_CHECKING:
    from web3.contract.contract import ContractFunction


@dataclass(frozen=True, slots=True)
class Call(Shown):
    """A call of any contract: its address, the encoded call, and the native coin (wei) that goes with it.

    `gas` is the least limit it is sent with: an estimate does not see what a call needs whose inner calls may fail.
    `abi` are signatures (``"stake(uint256)"``) of functions of strangers' contracts that it calls, for those who read
    it before they agree to it; they are no part of what is called.
    """

    to: Address
    data: bytes
    value: int = 0
    gas: int = 0
    abi: tuple[str, ...] = field(default=(), compare=False)


def as_call(call: Call | ContractFunction, value: int) -> Call:
    """A call, or a bound function of a contract, as a call with `value` wei."""
    if isinstance(call, Call):
        return replace(call, to=to_address(call.to), value=value or call.value)
    data = bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))
    return Call(to_address(str(call.address)), data, value)
