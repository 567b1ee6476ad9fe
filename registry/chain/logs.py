"""Receipts and events: what transactions left on chain, decoded with the ABIs of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from registry.chain.artifacts import artifact, names
from registry.chain.fees import Cost
from registry.errors import InputError
from registry.types import Address, TxHash, to_address

UNSENT = TxHash("0x" + "0" * 64)
"""The hash in the receipt of a call that was only written down, see `registry.chain.collecting`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a contract.

    `args` has the parameters by name: addresses checksummed, bytes as bytes, structs as dicts.
    `block` is the number of its block, `log_index` its place there, `address` the emitter.
    """

    name: str
    args: Mapping[str, Any]
    block: int
    log_index: int
    tx_hash: TxHash
    address: Address


@dataclass(frozen=True, slots=True)
class TxReceipt:
    """A transaction that took effect: its fee and value in wei, and the events that contracts of ours emitted."""

    tx_hash: TxHash
    block: int
    gas_used: int
    fee_wei: int
    events: tuple[Event, ...]
    sender: Address
    value_wei: int = 0

    @property
    def cost(self) -> Cost:
        """What it did cost."""
        return Cost(self.gas_used, self.fee_wei, self.fee_wei, self.value_wei + self.fee_wei)

    @property
    def sent(self) -> bool:
        """Whether there is such a transaction: False for the receipt of a call that was only written down."""
        return self.tx_hash != UNSENT

    def named(self, name: str) -> tuple[Event, ...]:
        """Return the events called `name`."""
        return tuple(event for event in self.events if event.name == name)


def read_receipt(receipt: Mapping[str, Any], *, value: int, price: int) -> TxReceipt:
    """Return the receipt that a node gave, of a transaction that carried `value` wei and paid `price` for its gas if
    the receipt does not say."""
    gas = int(receipt["gasUsed"])
    paid = receipt.get("effectiveGasPrice")
    return TxReceipt(
        tx_hash=TxHash("0x" + bytes(receipt["transactionHash"]).hex()),
        block=int(receipt["blockNumber"]),
        gas_used=gas,
        fee_wei=gas * int(price if paid is None else paid),
        events=tuple(event for event in map(decode_log, receipt["logs"]) if event is not None),
        sender=to_address(str(receipt["from"])),
        value_wei=value,
    )


def decode_log(log: Mapping[str, Any], abi: Mapping[str, Any] | None = None) -> Event | None:
    """Return the event of a raw `log`, or None if no contract here (or not `abi`) declares it."""
    topics = [bytes(topic) for topic in log["topics"]]
    if not topics:
        return None
    candidates = [abi] if abi is not None else _by_topic().get(topics[0], ())
    for candidate in candidates:
        indexed = [entry for entry in candidate["inputs"] if entry["indexed"]]
        # ERC-20 and ERC-721 share the topic of Transfer; they differ in how much is indexed.
        if topic_of(candidate) != topics[0] or len(indexed) != len(topics) - 1:
            continue
        try:
            arguments = _arguments(candidate, topics[1:], bytes(log["data"]))
        # A foreign contract may use a topic of ours with data that does not fit: that is no event of ours.
        except Exception:  # nosec B112 # the next event of this topic may fit
            continue
        return Event(
            name=candidate["name"],
            args=MappingProxyType(arguments),
            block=int(log["blockNumber"]),
            log_index=int(log["logIndex"]),
            tx_hash=TxHash("0x" + bytes(log["transactionHash"]).hex()),
            address=to_address(str(log["address"])),
        )
    return None


def topic_of(abi: Mapping[str, Any]) -> bytes:
    """Return the first topic of an event by its ABI."""
    return _topic(f"{abi['name']}({','.join(abi_type(entry) for entry in abi['inputs'])})")


def topics_for(abi: Mapping[str, Any], filters: Mapping[str, Any] | None) -> list[Any]:
    """Return the topics that a node filters on; a list as value means any of them.

    Raises `InputError` for a name that is not an indexed parameter of the event.
    """
    from eth_abi.abi import encode

    indexed = {entry["name"]: entry["type"] for entry in abi["inputs"] if entry["indexed"]}
    unknown = set(filters or ()) - set(indexed)
    if unknown:
        raise InputError(
            f"Event {abi['name']} cannot be filtered by {', '.join(sorted(unknown))}.",
            hint=f"It is indexed by: {', '.join(indexed) or 'nothing'}.",
        )
    topics: list[Any] = ["0x" + topic_of(abi).hex()]
    for name, kind in indexed.items():
        value = (filters or {}).get(name)
        if value is None:
            topics.append(None)
            continue
        choices = list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
        topics.append(["0x" + encode([kind], [choice]).hex() for choice in choices])
    while topics[-1] is None:
        topics.pop()
    return topics


@lru_cache(maxsize=256)
def _topic(signature: str) -> bytes:
    from eth_utils.crypto import keccak

    return keccak(text=signature)


@lru_cache(maxsize=1)
def _by_topic() -> dict[bytes, tuple[dict[str, Any], ...]]:
    table: dict[bytes, tuple[dict[str, Any], ...]] = {}
    for name in names():
        for entry in artifact(name).abi:
            if entry["type"] == "event":
                topic = topic_of(entry)
                table[topic] = (*table.get(topic, ()), entry)
    return table


def _arguments(abi: Mapping[str, Any], topics: list[bytes], data: bytes) -> dict[str, Any]:
    from registry.chain.decoding import decode

    plain = [entry for entry in abi["inputs"] if not entry["indexed"]]
    values = iter(decode([abi_type(entry) for entry in plain], data))
    waiting = iter(topics)
    arguments: dict[str, Any] = {}
    for entry in abi["inputs"]:
        if not entry["indexed"]:
            value = next(values)
        elif _dynamic(entry["type"]):
            # Only the hash of a text, bytes or struct is in the topic.
            arguments[entry["name"]] = next(waiting)
            continue
        else:
            value = decode([entry["type"]], next(waiting))[0]
        arguments[entry["name"]] = named_values(entry, value)
    return arguments


def named_values(entry: Mapping[str, Any], value: Any) -> Any:
    """Return a decoded `value` of an ABI parameter with structs as dicts and addresses checksummed."""
    kind: str = entry["type"]
    if kind.endswith("]"):
        inner = {**entry, "type": kind[: kind.rindex("[")]}
        return [named_values(inner, item) for item in value]
    if kind == "tuple":
        return {part["name"]: named_values(part, item) for part, item in zip(entry["components"], value, strict=True)}
    return to_address(value) if kind == "address" else value


def abi_type(entry: Mapping[str, Any]) -> str:
    """Return the type of an ABI parameter as it stands in a signature, structs spelled out."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(abi_type(part) for part in entry['components'])}){kind.removeprefix('tuple')}"


def _dynamic(kind: str) -> bool:
    return kind in ("string", "bytes") or kind.startswith("tuple") or kind.endswith("]")
