"""Calls tried on a fork of the chain: what they would do, from any account and at any time, with nothing sent.

A chain in this process is tried on a copy of its state. A node is asked by ``eth_simulateV1`` (execution-apis), which
anvil and the clients of public chains have. Neither changes the chain, not even for a moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from registry.chain.connection import Chain
from registry.chain.logs import Event, decode_log
from registry.chain.node_line import short
from registry.chain.reverts import decode
from registry.errors import ChainError, ConnectionFailed, RegistryError, TransactionReverted
from registry.types import Address, to_address

READER: Final = Address("0x00000000000000000000000000000000000ba1a9")
"""On a fork, and nowhere else, there is code here that answers 32 bytes with an account in it by its balance in wei."""

# PUSH1 0, CALLDATALOAD, BALANCE, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN
_READER_CODE: Final = bytes.fromhex("6000353160005260206000f3")

_GAS: Final = 16_777_216
"""Gas for a call: the most that a transaction may have (EIP-7825)."""

_BLOCK_GAS: Final = 2**50


@dataclass(frozen=True, slots=True)
class Trial:
    """A call to be tried: from any account, with `value` wei."""

    sender: Address
    to: Address
    data: bytes
    value: int = 0


@dataclass(frozen=True, slots=True)
class Tried:
    """What a call did on the fork: `error` is None if it succeeded, `gas` is without the transaction around it.

    `unread` counts the logs that are no events of our contracts.
    """

    output: bytes
    error: RegistryError | None
    gas: int
    events: tuple[Event, ...] = field(default=())
    unread: int = 0


def run(
    chain: Chain, trials: Sequence[Trial], *, time: int, storage: Mapping[Address, Mapping[int, int]]
) -> tuple[str, tuple[Tried, ...]]:
    """Run calls one after the other in one block at `time`, with these slots written before; say by what, too.

    A call that fails changes nothing, and the next ones run. Raises `ChainError` if the node cannot simulate.
    """
    if chain.is_in_process:
        return "a copy of the state in this process", _in_process(chain, trials, time, storage)
    return "eth_simulateV1 of the node", _simulate(chain, trials, time, storage)


# --- In this process -----------------------------------------------------------------------------


def _in_process(
    chain: Chain, trials: Sequence[Trial], time: int, storage: Mapping[Address, Mapping[int, int]]
) -> tuple[Tried, ...]:
    from eth.vm.message import Message

    evm: Any = cast(Any, chain.w3.provider).ethereum_tester.backend.chain
    head = evm.get_canonical_head()
    state = evm.get_vm(evm.create_header_from_parent(head, timestamp=max(time, head.timestamp + 1))).state
    for account, slots in storage.items():
        for slot, value in slots.items():
            state.set_storage(_raw(account), slot, value)
    state.set_code(_raw(READER), _READER_CODE)
    tried = []
    for trial in trials:
        to = _raw(trial.to)
        context = state.get_transaction_context_class()(gas_price=0, origin=_raw(trial.sender))
        message = Message(
            gas=_GAS,
            to=to,
            sender=_raw(trial.sender),
            value=trial.value,
            data=trial.data,
            code=state.get_code(to),
            code_address=to,
        )
        if state.get_balance(_raw(trial.sender)) < trial.value:
            tried.append(Tried(b"", TransactionReverted("the account does not hold that much"), 0))
            continue
        done = state.computation_class.apply_message(state, message, context)
        logs = [
            {"address": account, "topics": [topic.to_bytes(32, "big") for topic in topics], "data": data}
            for account, topics, data in done.get_log_entries()
        ]
        used = _GAS - done.get_gas_remaining()
        tried.append(_tried(bytes(done.output), None if done.is_success else decode(bytes(done.output)), used, logs))
    return tuple(tried)


# --- By the node ---------------------------------------------------------------------------------


def _simulate(
    chain: Chain, trials: Sequence[Trial], time: int, storage: Mapping[Address, Mapping[int, int]]
) -> tuple[Tried, ...]:
    """Ask the node."""
    poor: list[int] = []
    for place, trial in enumerate(trials):
        # A call that cannot be paid for is no failed call to a node, but spoils the whole request.
        if trial.value:
            kept = [one for number, one in enumerate(trials[: place + 1]) if number not in poor]
            if _asked(chain, kept, time, storage) is None:
                poor.append(place)
    answer = _asked(chain, [one for number, one in enumerate(trials) if number not in poor], time, storage)
    if answer is None:
        raise ChainError("The node refused to simulate: an account does not hold enough.")
    results = iter(answer)
    refused = Tried(b"", TransactionReverted("the account does not hold that much"), 0)
    return tuple(refused if number in poor else next(results) for number in range(len(trials)))


def _asked(
    chain: Chain, trials: Sequence[Trial], time: int, storage: Mapping[Address, Mapping[int, int]]
) -> list[Tried] | None:
    """One request; None if an account cannot pay for a call."""
    overrides: dict[str, Any] = {READER: {"code": "0x" + _READER_CODE.hex()}}
    for account, slots in storage.items():
        overrides[account] = {"stateDiff": {_word(slot): _word(value) for slot, value in slots.items()}}
    calls = [
        {"from": trial.sender, "to": trial.to, "value": hex(trial.value), "input": "0x" + trial.data.hex()}
        | {"gas": hex(_GAS), "maxFeePerGas": "0x0", "maxPriorityFeePerGas": "0x0"}
        for trial in trials
    ]
    when = {"time": hex(max(time, chain.block().timestamp + 1)), "gasLimit": hex(_BLOCK_GAS), "baseFeePerGas": "0x0"}
    block = {"blockOverrides": when, "stateOverrides": overrides, "calls": calls}
    request = {"blockStateCalls": [block], "validation": False}
    answer = chain.line.ask("eth_simulateV1", [request, "latest"])
    if answer.get("error") is not None:
        error: Any = answer["error"]
        message = str(error.get("message", error) if isinstance(error, dict) else error)
        code = error.get("code") if isinstance(error, dict) else None
        if code == -32601 or any(word in message.lower() for word in ("not found", "not supported", "does not exist")):
            raise ChainError(
                f"The node {chain.url} cannot simulate: it has no eth_simulateV1.", hint="Use another node for that."
            )
        # The code that the specification has for it, and what nodes say that have another.
        if code == -38014 or "insufficient funds" in message.lower():
            return None
        raise ChainError(f"The node refused to simulate: {message}.")
    try:
        calls_made = cast(Any, answer["result"])[0]["calls"]
        return [_told(trial, call) for trial, call in zip(trials, calls_made, strict=True)]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as broken:
        raise ConnectionFailed(chain.url, f"its eth_simulateV1 answers nonsense ({short(broken)})") from None


def _told(trial: Trial, call: Mapping[str, Any]) -> Tried:
    """What the node says of one call."""
    output, failure, problem = _bytes(call.get("returnData")), call.get("error"), None
    if int(call["status"], 16) != 1:
        data = _bytes(failure.get("data")) if isinstance(failure, dict) else b""
        said = str(failure.get("message", "")) if isinstance(failure, dict) else ""
        problem = decode(data or output) if data or output else TransactionReverted(said or "no reason was given")
    logs = [
        {"address": log["address"], "topics": [_bytes(topic) for topic in log["topics"]], "data": _bytes(log["data"])}
        for log in call.get("logs") or ()
    ]
    return _tried(output, problem, max(0, int(call["gasUsed"], 16) - _intrinsic(trial.data)), logs)


# --- Both -----------------------------------------------------------------------------------------


def _tried(output: bytes, problem: RegistryError | None, gas: int, logs: Sequence[Mapping[str, Any]]) -> Tried:
    if problem is not None:
        return Tried(output, problem, gas)
    where = {"blockNumber": 0, "logIndex": 0, "transactionHash": bytes(32)}
    events = [decode_log({**log, **where, "address": to_address(log["address"])}) for log in logs]
    known = tuple(event for event in events if event is not None)
    return Tried(output, None, gas, known, len(events) - len(known))


def _intrinsic(data: bytes) -> int:
    """What a transaction costs before its call begins (EIP-2028)."""
    return 21_000 + sum(16 if byte else 4 for byte in data)


def _raw(address: str) -> Any:
    return bytes.fromhex(address[2:])


def _word(value: int) -> str:
    return f"0x{value:064x}"


def _bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else b""
