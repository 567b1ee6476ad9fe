"""A thin harness over pyrevm: deploy, transact, look, and read what came back.

A transaction costs some forty microseconds here, so a test can afford to ask the whole state after each step.
Addresses are lower-case hex everywhere; amounts, ids and times are plain integers; structs are tuples.

Three habits of pyrevm 0.3.7 shape this module. `commit()` and static calls leave the journal's depth wrong, so neither
is used: state lives in the journal and is taken back with `snapshot`. Transient storage outlives a call, so it is
cleared before each one. Revert data arrives inside the text of an exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi import decode, encode
from eth_utils import keccak
from pyrevm import EVM, BlockEnv

ZERO = "0x" + "00" * 20
MANIFEST = Path(__file__).parents[2] / "registry" / "chain" / "manifest.json"
BUILD = Path(__file__).parents[2] / ".build" / "__local__.json"
_REVERT = re.compile(r"^Revert \{ gas_used: \d+, output: 0x([0-9a-f]*) \}$")
_HALT = re.compile(r"^Halt \{ reason: (\w+)")


def type_of(entry: dict[str, Any]) -> str:
    """The canonical type of an ABI parameter, tuples written out: `(uint256,address)[]`."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return "(" + ",".join(type_of(part) for part in entry["components"]) + ")" + kind.removeprefix("tuple")


@dataclass(frozen=True)
class Function:
    """A function of an ABI, ready to encode and decode."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, args: Sequence[Any]) -> bytes:
        return self.selector + encode(self.inputs, args)


@dataclass(frozen=True)
class Event:
    """An event of an ABI, ready to decode; `fields` are (name, type, indexed)."""

    name: str
    fields: tuple[tuple[str, str, bool], ...]

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        # Indexed fields of these contracts are all value types, so the topic is the value.
        indexed = iter(topics[1:])
        plain = iter(decode([kind for _, kind, is_indexed in self.fields if not is_indexed], data))
        return {
            name: decode([kind], next(indexed))[0] if is_indexed else next(plain)
            for name, kind, is_indexed in self.fields
        }


@dataclass(frozen=True)
class Artifact:
    """ABI and bytecode of one contract."""

    bytecode: bytes
    constructor: tuple[str, ...]
    functions: dict[str, Function]
    events: dict[bytes, Event]


@cache
def _manifest() -> dict[str, Any]:
    contracts: dict[str, Any] = json.loads(MANIFEST.read_text())["contracts"]
    return contracts


@cache
def _mocks() -> dict[str, Any]:
    """The mocks, which never ship, as the project's own compile left them."""
    if not BUILD.exists():
        raise FileNotFoundError(f"{BUILD} is missing: compile the contracts first (`make .build/compiled`)")
    types = json.loads(BUILD.read_text())["contractTypes"]
    return {
        name: {"abi": entry["abi"], "bytecode": entry["deploymentBytecode"]["bytecode"]}
        for name, entry in types.items()
        if entry["sourceId"].startswith("contracts/mocks/") and "bytecode" in entry.get("deploymentBytecode", {})
    }


@cache
def artifact(name: str) -> Artifact:
    """The artifact `name`; of overloaded functions the first in the ABI also has its bare name.

    From the shipped manifest, or, of a mock, from the build. LookupError or FileNotFoundError if it is in neither.
    """
    entry = _manifest().get(name) or _mocks().get(name)
    if entry is None:
        raise LookupError(f"{BUILD} knows no {name}: compile the contracts again (`make .build/compiled`)")
    functions: dict[str, Function] = {}
    events: dict[bytes, Event] = {}
    constructor: tuple[str, ...] = ()
    for item in entry["abi"]:
        inputs = tuple(type_of(part) for part in item.get("inputs", ()))
        signature = f"{item.get('name')}({','.join(inputs)})"
        if item["type"] == "constructor":
            constructor = inputs
        elif item["type"] == "function":
            function = Function(keccak(text=signature)[:4], inputs, tuple(type_of(part) for part in item["outputs"]))
            functions[signature] = function
            functions.setdefault(item["name"], function)
        elif item["type"] == "event":
            fields = tuple((part["name"], type_of(part), part["indexed"]) for part in item["inputs"])
            events[keccak(text=signature)] = Event(item["name"], fields)
    return Artifact(bytes.fromhex(entry["bytecode"].removeprefix("0x")), constructor, functions, events)


@cache
def _errors() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Every custom error of every contract by its selector, with the two of the language."""
    found: dict[bytes, tuple[str, tuple[str, ...]]] = {keccak(text="Panic(uint256)")[:4]: ("Panic", ("uint256",))}
    found[keccak(text="Error(string)")[:4]] = ("Error", ("string",))
    for entry in [*_manifest().values(), *(_mocks().values() if BUILD.exists() else ())]:
        for item in entry["abi"]:
            if item["type"] == "error":
                inputs = tuple(type_of(part) for part in item["inputs"])
                found[keccak(text=f"{item['name']}({','.join(inputs)})")[:4]] = (item["name"], inputs)
    return found


@dataclass(frozen=True)
class Failure:
    """Why a call failed: the name of the error and its values. A revert without data has the name `""`."""

    name: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Log:
    """A log as the chain keeps it, with the time of its block."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    timestamp: int


@dataclass(frozen=True)
class Outcome:
    """What a transaction did: its return data and logs, or its failure."""

    data: bytes
    logs: tuple[Log, ...]
    failure: Failure | None


@dataclass(frozen=True)
class Contract:
    """A deployed contract."""

    address: str
    artifact: Artifact


def read_error(data: bytes) -> Failure:
    """Read what a call reverted with."""
    if not data:
        return Failure("")
    name, types = _errors()[data[:4]]
    return Failure(name, tuple(decode(types, data[4:])))


def read_failure(message: str) -> Failure:
    """Read the text of pyrevm's exception; ValueError if the transaction never ran."""
    if (revert := _REVERT.match(message)) is not None:
        return read_error(bytes.fromhex(revert.group(1)))
    if (halt := _HALT.match(message)) is not None:
        return Failure("Halt", (halt.group(1),))
    raise ValueError(f"the transaction is not valid: {message}")


class Chain:
    """An EVM in this process. Its clock stands still unless told; gas costs nothing."""

    def __init__(self, *, timestamp: int) -> None:
        self._evm = EVM(spec_id="CANCUN")
        self.timestamp = timestamp
        self.set_time(timestamp)

    def set_time(self, timestamp: int) -> None:
        """The block time of all further calls, in seconds since 1970."""
        self.timestamp = timestamp
        self._evm.set_block_env(BlockEnv(timestamp=timestamp))

    def set_balance(self, account: str, amount: int) -> None:
        self._evm.set_balance(account, amount)

    def balance(self, account: str) -> int:
        return int(self._evm.get_balance(account))

    def has_code(self, account: str) -> bool:
        return bool((self._evm.get_code(account) or b"").rstrip(b"\0"))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that happens inside is taken back at the end, the clock included."""
        timestamp, checkpoint = self.timestamp, self._evm.snapshot()
        try:
            yield
        finally:
            self._evm.revert(checkpoint)
            self.set_time(timestamp)

    def deploy(self, name: str, *args: Any, sender: str) -> Contract:
        """Deploy a contract of the manifest, or a mock."""
        code = artifact(name)
        return Contract(self.deploy_code(code.bytecode + encode(code.constructor, args), sender=sender), code)

    def deploy_code(self, code: bytes, *, sender: str) -> str:
        """Run creation code; the address of what it made."""
        return str(self._evm.deploy(sender, code)).lower()

    def at(self, name: str, address: str) -> Contract:
        return Contract(address, artifact(name))

    def send(self, to: str, data: bytes, *, sender: str, value: int = 0, gas: int | None = None) -> Outcome:
        """Send raw call data; with as much gas as there is, unless told."""
        self._evm.reset_transient_storage()
        try:
            answer = self._evm.message_call(sender, to, data, value=value, gas=gas)
        except RuntimeError as error:
            return Outcome(b"", (), read_failure(str(error)))
        assert self._evm.result is not None
        logs = tuple(
            Log(log.address.lower(), tuple(log.data[0]), bytes(log.data[1]), self.timestamp)
            for log in self._evm.result.logs
        )
        return Outcome(bytes(answer), logs, None)

    def transact(
        self, contract: Contract, function: str, *args: Any, sender: str, value: int = 0, gas: int | None = None
    ) -> Outcome:
        """Call a function and keep what it changes."""
        data = contract.artifact.functions[function].encode(args)
        return self.send(contract.address, data, sender=sender, value=value, gas=gas)

    def call(self, contract: Contract, function: str, *args: Any, sender: str = ZERO) -> Any:
        """The answer of a view: one value, or a tuple of several. AssertionError if it reverts."""
        outcome = self.transact(contract, function, *args, sender=sender)
        assert outcome.failure is None, f"{function}{args} failed: {outcome.failure}"
        values = decode(contract.artifact.functions[function].outputs, outcome.data)
        return values[0] if len(values) == 1 else values

    def words(self, contract: Contract, function: str, *args: Any) -> tuple[int, ...]:
        """The answer of a view as 32-byte words, for those who ask often: its call data is encoded once only.

        A struct without dynamic fields is one word a field.
        """
        data = self._evm.message_call(ZERO, contract.address, _call_data(contract.artifact.functions[function], args))
        return tuple(int.from_bytes(data[i : i + 32]) for i in range(0, len(data), 32))


@cache
def _call_data(function: Function, args: tuple[Any, ...]) -> bytes:
    return function.encode(args)
