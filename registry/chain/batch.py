"""Many reads of the chain in one request, each at the block that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from web3.types import RPCResponse

from registry.chain.connection import Chain
from registry.chain.reverts import raise_revert
from registry.errors import ConnectionFailed, ContractError, TransactionReverted
from registry.types import Address


@dataclass(frozen=True, slots=True)
class Read:
    """A call at the state that a block left. `to` None runs `data` as creation code; `gas` bounds what it may take."""

    to: Address | None
    data: bytes
    block: int
    gas: int = 5_000_000


def read_many(chain: Chain, reads: Sequence[Read]) -> list[bytes | ContractError | TransactionReverted]:
    """What each read returns, or the error with which its contract refuses it, in their order.

    Raises `ConnectionFailed` if the node does not answer all of them.
    """
    if chain.is_in_process:
        return [_alone(chain, read) for read in reads]
    answers = chain.line.ask_states([("eth_call", [_fields(read), hex(read.block)]) for read in reads])
    return [_outcome(chain, answer) for answer in answers]


def _fields(read: Read) -> dict[str, Any]:
    fields = {"data": "0x" + read.data.hex(), "gas": hex(read.gas)}
    return fields if read.to is None else {**fields, "to": read.to}


def _outcome(chain: Chain, answer: RPCResponse) -> bytes | ContractError | TransactionReverted:
    try:
        raise_revert(answer)
    except (ContractError, TransactionReverted) as error:
        return error
    try:
        return bytes.fromhex(cast(str, answer["result"]).removeprefix("0x"))
    except (KeyError, TypeError, AttributeError, ValueError):
        told = str(answer.get("error") or answer.get("result"))[:200]
        raise ConnectionFailed(chain.url, f"it does not answer a call ({told})") from None


def _alone(chain: Chain, read: Read) -> bytes | ContractError | TransactionReverted:
    """For chains in this process."""
    try:
        return bytes(chain.w3.eth.call(cast(Any, {**_fields(read), "gas": read.gas}), cast(Any, read.block)))
    except (ContractError, TransactionReverted) as error:
        return error
