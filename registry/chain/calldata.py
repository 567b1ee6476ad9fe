"""Calls, read to their last byte: which function, with which arguments, and which calls within.

A call is read if its data is exactly what an encoder makes of the arguments of a function. Whoever calls a wrapper (a
batch, a timelock, a Safe) makes the calls within it, so they are read the same way, at any depth. What cannot be read
says why, and is for its reader to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from registry.chain.artifacts import artifact, names
from registry.chain.call import Call
from registry.chain.logs import abi_type, named_values
from registry.chain.safe import NAMES, safe_part
from registry.errors import InputError
from registry.types import Address, to_address

MAX_BYTES: Final = 2**21
"""Bytes of a call and of all calls within it that are read: a proposal holds a quarter of that."""

MAX_CALLS: Final = 1_000
"""Calls within calls that are read: more than the gas of a transaction pays for."""

SAFE: Final = ("SafeL2", "CompatibilityFallbackHandler")
"""What a Safe answers to: its own functions, and those of its handler."""


@dataclass(frozen=True, slots=True)
class CallReading:
    """A call as it was read: `function` with its `values` by name, and the calls `within`.

    `known` says that the contract is one whose interface is known; else the function is a guess, or what somebody
    named (`named`). `by` is the account that makes the call. `unread` says why it could not be read; `final`, that no
    knowledge about the contract would help; `quoted`, that the call is only spoken of and not made. `hides` are
    parameters that say no more than `within`.
    """

    call: Call
    by: Address | None
    known: bool = False
    named: bool = False
    function: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    within: tuple[CallReading, ...] = ()
    hides: frozenset[str] = frozenset()
    quoted: bool = False
    unread: str = ""
    final: bool = False

    def all(self) -> Iterator[CallReading]:
        """This call and all within it, each before those that it makes."""
        waiting = [self]
        while waiting:
            reading = waiting.pop()
            yield reading
            waiting += reversed(reading.within)


class Agreed(NamedTuple):
    """A transaction of a Safe that another account agrees to by its hash alone (approveHash)."""

    call: Call
    delegate: bool


class Inside(NamedTuple):
    """Where a function has the calls that it makes: parameters for targets, data and coins (``""`` for none).

    `delegate`: the data is run as the contract's own. `quoted`: nothing is run. `by_caller`: the account that calls
    makes the calls within, too. `optional`: without data nothing is called.
    """

    to: str
    data: str
    value: str = ""
    delegate: bool = False
    quoted: bool = False
    by_caller: bool = False
    optional: bool = False


_GOVERNOR: Final = "(address[],uint256[],bytes[],bytes32)"
_SAFE_TX: Final = "(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,"

INSIDE: Final[Mapping[str, Inside]] = {
    "multicall(bytes[])": Inside("", "data", by_caller=True),
    # AccessManager
    "execute(address,bytes)": Inside("target", "data"),
    "schedule(address,bytes,uint48)": Inside("target", "data"),
    "cancel(address,address,bytes)": Inside("target", "data", quoted=True),
    "hashOperation(address,address,bytes)": Inside("target", "data", quoted=True),
    # Governor
    f"execute{_GOVERNOR}": Inside("targets", "calldatas", "values"),
    f"queue{_GOVERNOR}": Inside("targets", "calldatas", "values"),
    "propose(address[],uint256[],bytes[],string)": Inside("targets", "calldatas", "values"),
    f"cancel{_GOVERNOR}": Inside("targets", "calldatas", "values", quoted=True),
    f"getProposalId{_GOVERNOR}": Inside("targets", "calldatas", "values", quoted=True),
    f"hashProposal{_GOVERNOR}": Inside("targets", "calldatas", "values", quoted=True),
    "relay(address,uint256,bytes)": Inside("target", "data", "value"),
    # TimelockController
    "execute(address,uint256,bytes,bytes32,bytes32)": Inside("target", "payload", "value"),
    "schedule(address,uint256,bytes,bytes32,bytes32,uint256)": Inside("target", "data", "value"),
    "executeBatch(address[],uint256[],bytes[],bytes32,bytes32)": Inside("targets", "payloads", "values"),
    "scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)": Inside("targets", "payloads", "values"),
    "hashOperation(address,uint256,bytes,bytes32,bytes32)": Inside("target", "data", "value", quoted=True),
    "hashOperationBatch(address[],uint256[],bytes[],bytes32,bytes32)": Inside(
        "targets", "payloads", "values", quoted=True
    ),
    # Safe
    f"execTransaction{_SAFE_TX}bytes)": Inside("to", "data", "value"),
    "execTransactionFromModule(address,uint256,bytes,uint8)": Inside("to", "data", "value"),
    "execTransactionFromModuleReturnData(address,uint256,bytes,uint8)": Inside("to", "data", "value"),
    f"encodeTransactionData{_SAFE_TX}uint256)": Inside("to", "data", "value", quoted=True),
    f"getTransactionHash{_SAFE_TX}uint256)": Inside("to", "data", "value", quoted=True),
    "setup(address[],uint256,address,bytes,address,address,uint256,address)": Inside(
        "to", "data", delegate=True, optional=True
    ),
    "simulate(address,bytes)": Inside("targetContract", "calldataPayload", quoted=True),
    "simulateAndRevert(address,bytes)": Inside("targetContract", "calldataPayload", quoted=True),
    "createProxyWithNonce(address,bytes,uint256)": Inside("_singleton", "initializer", optional=True),
    "createProxyWithCallback(address,bytes,uint256,address)": Inside("_singleton", "initializer", optional=True),
    "createChainSpecificProxyWithNonce(address,bytes,uint256)": Inside("_singleton", "initializer", optional=True),
}
"""Every function of the contracts here, and of the Safe's, that takes calls; `multiSend` packs them its own way."""

_MULTISEND: Final = "multiSend(bytes)"
_APPROVE_HASH: Final = "approveHash(bytes32)"
_OPERATION: Final = "operation"


class CallReader:
    """Reads calls. `interfaces` names the contracts whose functions an address has, none for a stranger's.

    What an address in `also` has besides, as tokens do, may be anything. `given` are functions that somebody names for
    contracts of strangers, `agreed` transactions of Safes by Safe and hash, `batches` the contracts whose code is the
    published MultiSendCallOnly.
    """

    def __init__(
        self,
        interfaces: Callable[[Address], Sequence[str]],
        *,
        also: Callable[[Address], bool] = lambda _address: False,
        given: Iterable[str] = (),
        agreed: Mapping[tuple[Address, bytes], Agreed] | None = None,
        batches: Callable[[Address], bool] = lambda _address: False,
    ) -> None:
        self._interfaces, self._also, self._batches = interfaces, also, batches
        self._given: dict[bytes, dict[str, Any]] = {}
        for signature in given:
            # They come in files of strangers; what is none names nothing.
            with suppress(InputError):
                entry = function_of(signature)
                self._given[selector_of(signature_of(entry))] = entry
        self._agreed = agreed or {}

    def read(self, call: Call, by: Address | None = None, *, delegate: bool = False) -> CallReading:
        """Read a call that `by` makes, and all within it; takes time in proportion to the bytes of them all."""
        first = _Node(call, by, delegate, False)
        nodes, waiting, size = [first], [first], 0
        while waiting:
            node = waiting.pop()
            size += len(node.call.data)
            if size > MAX_BYTES or len(nodes) > MAX_CALLS:
                reason = (
                    f"it and the calls within it have more than {MAX_BYTES:,} bytes, or are more than {MAX_CALLS:,}"
                )
                return CallReading(call, by, unread=reason, final=True)
            self._read(node)
            nodes += node.within
            waiting += node.within
        for node in reversed(nodes):
            node.made = node.reading()
        assert first.made is not None
        return first.made

    def _read(self, node: _Node) -> None:
        data, to = node.call.data, node.call.to
        if node.delegate and not self._batches(to):
            node.fail(f"it runs the code of {to} as the caller's own (delegatecall)", final=True)
            return
        if not data:
            return
        known = self._interfaces(to)
        node.known = bool(known)
        candidates = functions(*known).get(data[:4], ())
        if not candidates and known and not self._also(to):
            node.fail("the contract has no such function", final=True)
            return
        if not candidates:
            node.known = False
            candidates = functions().get(data[:4], ())
        # What is known here goes first: a selector has four bytes, and a name can be made to fit any.
        if not candidates and (given := self._given.get(data[:4])) is not None:
            candidates, node.named = (given,), True
        if not candidates:
            node.fail("nobody here knows a function that begins with these four bytes")
            return
        if (found := _fitting(candidates, data)) is not None:
            entry, node.values = found
            node.function = str(entry["name"])
            self._enter(node, signature_of(entry))
            return
        node.fail(f"the data is not exactly what {candidates[0]['name']} takes", final=node.known)

    def _enter(self, node: _Node, signature: str) -> None:
        """Find the calls within a call that was read."""
        to, values = node.call.to, node.values
        if signature == _APPROVE_HASH:
            found = self._agreed.get((to, bytes(values["hashToApprove"])))
            if found is None:
                node.fail("it agrees to a transaction of which only the hash is here")
            else:
                node.within = [_Node(found.call, to, found.delegate, node.quoted)]
            return
        if signature == _MULTISEND:
            packed = unpacked(bytes(values["transactions"]))
            if packed is None:
                node.fail("its data is not a well-formed batch of plain calls", final=True)
            else:
                by = node.by if node.delegate else to
                node.within = [_Node(call, by, False, node.quoted) for call in packed]
                node.hides = {"transactions"}
            return
        inside = INSIDE.get(signature)
        if inside is None:
            return
        data = values[inside.data]
        parts = data if isinstance(data, list) else [data]
        targets, coins = (
            values[name] if isinstance(values.get(name), list) else [values.get(name, default)] * len(parts)
            for name, default in ((inside.to, to), (inside.value, 0))
        )
        if not len(parts) == len(targets) == len(coins):
            node.fail("its lists of targets, values and data differ in length", final=node.known)
            return
        delegate = inside.delegate or values.get(_OPERATION) == 1
        by, quoted = (node.by if inside.by_caller else to), node.quoted or inside.quoted
        node.hides = {inside.to, inside.data, inside.value}
        node.within = [
            _Node(Call(to_address(target), bytes(part), value), by, delegate, quoted)
            for target, part, value in zip(targets, parts, coins, strict=True)
            if part or not inside.optional
        ]


@dataclass(slots=True)
class _Node:
    """A reading on its way."""

    call: Call
    by: Address | None
    delegate: bool
    quoted: bool
    known: bool = False
    named: bool = False
    function: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    within: list[_Node] = field(default_factory=list)
    hides: set[str] = field(default_factory=set)
    unread: str = ""
    final: bool = False
    made: CallReading | None = None

    def fail(self, reason: str, *, final: bool = False) -> None:
        self.unread, self.final = reason, final

    def reading(self) -> CallReading:
        return CallReading(
            call=self.call,
            by=self.by,
            known=self.known,
            named=self.named,
            function=self.function,
            values=self.values,
            within=tuple(node.made for node in self.within if node.made is not None),
            hides=frozenset(self.hides),
            quoted=self.quoted,
            unread=self.unread,
            final=self.final,
        )


# --- Functions ---------------------------------------------------------------------------------------


def signature_of(entry: Mapping[str, Any]) -> str:
    """The name of a function of an ABI with the types that it takes."""
    return f"{entry['name']}({','.join(abi_type(part) for part in entry['inputs'])})"


_SIGNATURE: Final = re.compile(r"([A-Za-z_$][A-Za-z0-9_$]{0,99})(\([A-Za-z0-9,()\[\]]{0,1000}\))")


def function_of(signature: str) -> dict[str, Any]:
    """The entry of an ABI for ``transfer(address,uint256)``; raises `InputError` for what is no signature."""
    from eth_abi import grammar
    from eth_abi.abi import is_encodable_type

    library: Any = grammar
    found = _SIGNATURE.fullmatch(signature.strip())
    try:
        if found is None or ("[0]" in found[2]):
            raise ValueError("no name and types, or a list of nothing, of which any number takes no room")
        types = library.parse(library.normalize(found[2])) if found[2] != "()" else None
        if types is not None and not is_encodable_type(types.to_type_str()):
            raise ValueError("a type that does not exist")
    # The grammar and its types have kinds of errors of their own.
    except Exception:
        raise InputError(
            f"{signature!r} is not the signature of a function.", hint='Write its types: "transfer(address,uint256)".'
        ) from None
    parts = types.components if types is not None else ()
    return {"type": "function", "name": found[1], "inputs": [_entry(part) for part in parts]}


def _entry(kind: Any, name: str = "") -> dict[str, Any]:
    """A parameter of an ABI for a parsed type; the parts of structs are numbered."""
    parts = getattr(kind, "components", None)
    if parts is None:
        return {"name": name, "type": kind.to_type_str()}
    sizes = "".join(f"[{''.join(map(str, size))}]" for size in kind.arrlist or ())
    return {"name": name, "type": f"tuple{sizes}", "components": [_entry(p, str(n)) for n, p in enumerate(parts, 1)]}


def interface(name: str) -> Sequence[dict[str, Any]]:
    """The ABI of a contract of the manifest, or of a part of the Safe by what its authors call it."""
    part = next((key for key, known in NAMES.items() if known == name), None)
    return safe_part(part).abi if part is not None else artifact(name).abi


@lru_cache(maxsize=2048)
def selector_of(signature: str) -> bytes:
    """The four bytes that a call of a function begins with."""
    from eth_utils.crypto import keccak

    return keccak(text=signature)[:4]


@lru_cache(maxsize=64)
def functions(*contracts: str) -> Mapping[bytes, tuple[dict[str, Any], ...]]:
    """The functions of contracts by selector, those of all contracts here for none; each with its own names once."""
    found: dict[bytes, tuple[dict[str, Any], ...]] = {}
    for name in contracts or (*names(), *NAMES.values()):
        for entry in (entry for entry in interface(name) if entry["type"] == "function"):
            selector = selector_of(signature_of(entry))
            before = found.get(selector, ())
            if all(entry["inputs"] != other["inputs"] for other in before):
                found[selector] = (*before, entry)
    return found


def decoded(data: bytes, *contracts: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The function of one of the contracts that `data` calls, and its arguments by name; None if it calls none."""
    return _fitting(functions(*contracts).get(data[:4], ()), data)


def _fitting(entries: Iterable[dict[str, Any]], data: bytes) -> tuple[dict[str, Any], dict[str, Any]] | None:
    found = ((entry, arguments(entry, data[4:])) for entry in entries)
    return next(((entry, values) for entry, values in found if values is not None), None)


# --- Data --------------------------------------------------------------------------------------------


def arguments(entry: Mapping[str, Any], data: bytes) -> dict[str, Any] | None:
    """The arguments of a function in `data`, by name; None unless it is exactly what an encoder makes of them."""
    from eth_abi.abi import encode

    from registry.chain.decoding import decode

    types = [abi_type(part) for part in entry["inputs"]]
    try:
        if _end(_layouts(tuple(types)), memoryview(data), 0) != len(data):
            return None
        values = decode(types, data)
        if encode(types, values) != data:
            return None
    # Whatever a crafted encoding makes the decoder say.
    except Exception:
        return None
    return {
        part["name"] or f"argument {place}": named_values(part, value)
        for place, (part, value) in enumerate(zip(entry["inputs"], values, strict=True), 1)
    }


class _Layout(NamedTuple):
    """How a type is laid out: in `words` of 32 bytes, or at an offset (0): as bytes, a struct of `parts`, or a list of
    `many` items (None for as many as it says)."""

    words: int
    parts: tuple[_Layout, ...] = ()
    item: _Layout | None = None
    many: int | None = None


@lru_cache(maxsize=1024)
def _layouts(types: tuple[str, ...]) -> tuple[_Layout, ...]:
    from eth_abi.grammar import parse

    return tuple(_layout(parse(kind)) for kind in types)


def _layout(kind: Any) -> _Layout:
    """The layout of a parsed type."""
    if kind.arrlist:
        item, size = _layout(kind.item_type), kind.arrlist[-1]
        many = size[0] if size else None
        return _Layout(item.words * (many or 0), item=item, many=many)
    if hasattr(kind, "components"):
        parts = tuple(map(_layout, kind.components))
        return _Layout(sum(part.words for part in parts) if all(part.words for part in parts) else 0, parts)
    return _Layout(0 if kind.is_dynamic else 1)


def _end(kinds: Sequence[_Layout], data: memoryview, at: int) -> int:
    """Where values end that are laid out from `at` as encoders do it: each once, one after the other.

    Decoders follow any offset, to the same megabyte a thousand times. Raises ValueError for another layout.
    """
    start, end = at, at + 32 * sum(kind.words or 1 for kind in kinds)
    for kind in kinds:
        if not kind.words:
            if start + _word(data, at) != end:
                raise ValueError("a value is not where it belongs")
            end = _value_end(kind, data, end)
        at += 32 * (kind.words or 1)
    return end


def _value_end(kind: _Layout, data: memoryview, at: int) -> int:
    """Where a value that stands at an offset ends; it begins at `at`."""
    if kind.item is None:
        return _end(kind.parts, data, at) if kind.parts else at + 32 + (_word(data, at) + 31) // 32 * 32
    many = kind.many
    if many is None:
        many, at = _word(data, at), at + 32
    size = 32 * many * (kind.item.words or 1)
    if size > len(data) - at:
        raise ValueError("a list is longer than the data")
    return at + size if kind.item.words else _end([kind.item] * many, data, at)


def _word(data: memoryview, at: int) -> int:
    if at + 32 > len(data):
        raise ValueError("the data ends too early")
    return int.from_bytes(data[at : at + 32], "big")


def unpacked(packed: bytes) -> list[Call] | None:
    """The calls that MultiSendCallOnly is handed; None unless they are plain calls and nothing besides."""
    found, at = [], 0
    while at < len(packed):
        head = packed[at : at + _HEAD]
        size = int.from_bytes(head[53:], "big")
        at += _HEAD + size
        if len(head) < _HEAD or head[0] or at > len(packed):
            return None
        found.append(
            Call(to_address("0x" + head[1:21].hex()), packed[at - size : at], int.from_bytes(head[21:53], "big"))
        )
    return found or None


_HEAD: Final = 1 + 20 + 32 + 32
"""Bytes before the data of a packed call: operation, target, value, size."""
