"""Events decoded by plans: where in a log each parameter stands is worked out once for each event of the manifest.

A log is kept as its words: the indexed topics after the first, and then the data. For an event of static parameters a
plan slices these words, which is thirty times as fast as a general decoder and gives the same values; one with a list
or a text in it goes through eth_abi.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from registry.chain.artifacts import artifact, names
from registry.chain.logs import abi_type, topic_of
from registry.chain.safe import safe_part
from registry.errors import Undecodable
from registry.index.tables import ZERO

__all__ = ["EventPlan", "plan_for", "plan_of", "plans"]

Reader = Callable[[bytes], Any]

SAFE_EVENTS: Final = frozenset({"AddedOwner", "RemovedOwner", "ChangedThreshold"})
"""What an index follows of a team's Safe, which is no contract of the manifest."""

_ABOUT: Final = ("assetId", "tokenId", "collection")
"""Parameters that are the number of an asset, the one that an event is about first."""

_NOT_PARTIES: Final = frozenset({"token", "registry", "bondToken", "splitter", "seller", "streams", "authority"})
"""Parameters that are addresses, and yet nobody who did or got anything."""

_WORD: Final = 32
_NO_HIGH = bytes(12)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """How to read one event: `contract` and `name` of the ABI, its first topic, and its parameters in order.

    `key` is ``Contract.Event``, the name under which it is kept; `subject` the place of the parameter that is the
    number of the asset that it is about, None if none is. Values are those of eth_abi: addresses as text in lower
    case, bytes as bytes, structs and lists as tuples. Of an indexed parameter that is a list or a text only its hash is
    there.
    """

    contract: str
    name: str
    key: str
    topic: str
    names: tuple[str, ...]
    indexed: int
    subject: int | None
    _accounts: tuple[int, ...] = field(repr=False)
    _listed: tuple[tuple[int, int | None], ...] = field(repr=False)
    _size: int | None = field(repr=False)
    _parts: tuple[tuple[int, int, Reader], ...] = field(repr=False)
    _types: tuple[str, ...] = field(repr=False, default=())

    def words(self, topics: Sequence[str], data: str) -> bytes:
        """The words of a log. Raises `Undecodable` if it has another number of topics, or is not hexadecimal."""
        if len(topics) != self.indexed + 1:
            raise Undecodable(self.key, f"it has {len(topics)} topics, not {self.indexed + 1}")
        text = "".join([topic[2:] for topic in topics[1:]]) + data[2:]
        try:
            words = bytes.fromhex(text)
        except ValueError as error:
            raise Undecodable(self.key, "it is not hexadecimal") from error
        # Python's reader takes spaces between bytes, which no log has.
        if 2 * len(words) != len(text) or not data.startswith("0x"):
            raise Undecodable(self.key, "it is not hexadecimal")
        return words

    def decode(self, words: bytes) -> tuple[Any, ...]:
        """The values of the parameters, in the order of the ABI. Raises `Undecodable`."""
        if self._size is None:
            return self._decode_dynamic(words)
        if len(words) != self._size:
            raise Undecodable(self.key, f"it has {len(words)} bytes, not {self._size}")
        try:
            return tuple([read(words[start:end]) for start, end, read in self._parts])
        except ValueError as error:
            raise Undecodable(self.key, str(error)) from error

    def arguments(self, words: bytes) -> dict[str, Any]:
        """The values by the names of the parameters. Raises `Undecodable`."""
        return dict(zip(self.names, self.decode(words), strict=True))

    def accounts(self, values: tuple[Any, ...]) -> set[str]:
        """The accounts that an event with these values names: who did or got something."""
        found = {values[place] for place in self._accounts}
        for place, part in self._listed:
            found.update(values[place] if part is None else [one[part] for one in values[place]])
        found.discard(ZERO)
        return found

    def _decode_dynamic(self, words: bytes) -> tuple[Any, ...]:
        """Lists and texts stand where the data says: eth_abi follows that, and checks its bounds."""
        from registry.chain.decoding import decode

        at = _WORD * self.indexed
        if len(words) < at:
            raise Undecodable(self.key, f"it has {len(words)} bytes")
        try:
            plain = iter(
                [
                    _texts(kind, one)
                    for kind, one in zip(self._types, decode(_raw(self._types), words[at:]), strict=True)
                ]
            )
            # A part without an end is one that stands in the data.
            return tuple([next(plain) if end == 0 else read(words[start:end]) for start, end, read in self._parts])
        except (ValueError, OverflowError) as error:
            raise Undecodable(self.key, " ".join(str(error).split())[:200]) from error


@lru_cache(maxsize=64)
def _raw(types: tuple[str, ...]) -> tuple[str, ...]:
    """Texts are read as bytes: anybody can write a vote's reason in bytes that are no text, and stop who reads it."""
    return tuple(kind.replace("string", "bytes") for kind in types)


def _texts(kind: str, value: Any) -> Any:
    if kind == "string":
        return value.decode("utf-8", "replace")
    if kind == "string[]":
        return tuple(one.decode("utf-8", "replace") for one in value)
    return value


@lru_cache(maxsize=1)
def plans() -> Mapping[str, tuple[EventPlan, ...]]:
    """The plans of all events of the manifest and of a Safe's owners, by the name of the contract."""
    found = {
        name: tuple(_plan(name, entry) for entry in artifact(name).abi if entry["type"] == "event") for name in names()
    }
    safe = [entry for entry in safe_part("singleton").abi if entry["type"] == "event" and entry["name"] in SAFE_EVENTS]
    return {**found, "Safe": tuple(_plan("Safe", entry) for entry in safe)}


@lru_cache(maxsize=1)
def _by_topic() -> dict[tuple[str, str], EventPlan]:
    return {(plan.contract, plan.topic): plan for listed in plans().values() for plan in listed}


@lru_cache(maxsize=1)
def _by_key() -> dict[str, EventPlan]:
    return {plan.key: plan for listed in plans().values() for plan in listed}


def plan_for(contract: str, topic: str) -> EventPlan | None:
    """The plan of a contract's event by its first topic; None if the contract has no such event."""
    return _by_topic().get((contract, topic))


def plan_of(key: str) -> EventPlan:
    """The plan called ``Contract.Event``; raises `KeyError`."""
    return _by_key()[key]


# --- Making plans --------------------------------------------------------------------------------


def _plan(contract: str, abi: Mapping[str, Any]) -> EventPlan:
    inputs = abi["inputs"]
    indexed = sum(bool(entry["indexed"]) for entry in inputs)
    plain = [entry for entry in inputs if not entry["indexed"]]
    sizes = [_size(entry) for entry in plain]
    static = None not in sizes
    parts: list[tuple[int, int, Reader]] = []
    topic, at = 0, _WORD * indexed
    for entry in inputs:
        if entry["indexed"]:
            read = _bytes(_WORD) if _size(entry) != _WORD or entry["type"] == "tuple" else _reader(entry)
            parts.append((topic, topic + _WORD, read))
            topic += _WORD
        elif static:
            size = _size(entry) or 0
            parts.append((at, at + size, _reader(entry)))
            at += size
        else:
            parts.append((0, 0, _bytes(_WORD)))
    names = tuple(entry["name"] for entry in inputs)
    return EventPlan(
        contract=contract,
        name=abi["name"],
        key=f"{contract}.{abi['name']}",
        topic="0x" + topic_of(abi).hex(),
        names=names,
        indexed=indexed,
        subject=next((names.index(name) for name in _ABOUT if name in names), None),
        _accounts=tuple(place for place, entry in enumerate(inputs) if entry["type"] == "address" and _is_party(entry)),
        _listed=tuple(_lists(inputs)),
        _size=at if static else None,
        _parts=tuple(parts),
        _types=() if static else tuple(abi_type(entry) for entry in plain),
    )


def _is_party(entry: Mapping[str, Any]) -> bool:
    return entry["name"] not in _NOT_PARTIES


def _lists(inputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int | None]]:
    """The places of parameters that list accounts, and, where each is in a struct, its place in that."""
    for place, entry in enumerate(inputs):
        if entry["indexed"] or not _is_party(entry):
            continue
        if entry["type"] == "address[]":
            yield place, None
        elif entry["type"] == "tuple[]":
            for part, inner in enumerate(entry["components"]):
                if inner["type"] == "address" and _is_party(inner):
                    yield place, part


def _size(entry: Mapping[str, Any]) -> int | None:
    """Bytes of a parameter in place; None for one whose place is said by an offset."""
    kind: str = entry["type"]
    if kind.endswith("]") or kind in ("string", "bytes"):
        return None
    if kind != "tuple":
        return _WORD
    sizes = [_size(part) for part in entry["components"]]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _reader(entry: Mapping[str, Any]) -> Reader:
    kind: str = entry["type"]
    if kind == "tuple":
        return _struct([(_size(part) or 0, _reader(part)) for part in entry["components"]])
    if kind == "address":
        return _address
    if kind == "bool":
        return _bool
    if kind.startswith("uint"):
        return _uint(int(kind[4:]))
    if kind.startswith("int"):
        return _int(int(kind[3:]))
    return _bytes(int(kind[5:]))


def _struct(parts: Sequence[tuple[int, Reader]]) -> Reader:
    placed, at = [], 0
    for size, read in parts:
        placed.append((at, at + size, read))
        at += size

    def reader(words: bytes) -> tuple[Any, ...]:
        return tuple([read(words[start:end]) for start, end, read in placed])

    return reader


def _uint(bits: int) -> Reader:
    limit = 1 << bits

    def reader(word: bytes) -> int:
        value = int.from_bytes(word, "big")
        if value >= limit:
            raise ValueError(f"a number of {bits} bits is {value}")
        return value

    return reader


def _int(bits: int) -> Reader:
    limit = 1 << (bits - 1)

    def reader(word: bytes) -> int:
        value = int.from_bytes(word, "big", signed=True)
        if not -limit <= value < limit:
            raise ValueError(f"a number of {bits} bits is {value}")
        return value

    return reader


def _bytes(size: int) -> Reader:
    rest = bytes(_WORD - size)

    def reader(word: bytes) -> bytes:
        if word[size:] != rest:
            raise ValueError(f"there is something behind {size} bytes")
        return word[:size]

    return reader


def _bool(word: bytes) -> bool:
    value = int.from_bytes(word, "big")
    if value > 1:
        raise ValueError(f"yes or no is {value}")
    return bool(value)


def _address(word: bytes) -> str:
    if word[:12] != _NO_HIGH:
        raise ValueError("an address has more than 20 bytes")
    return "0x" + word[12:].hex()
