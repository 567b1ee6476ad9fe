"""Every custom error of the contracts as an exception class, made from the manifest.

``except reverts.NotAssetOwner as error: error.assetId`` works for each error of each contract: the
class is called like the error, inherits `ContractError` and the fitting builtin, and has the
error's parameters as attributes. `decode` turns what a node returns for a revert into one of them.

A class here says that a contract refused. `registry.errors` has some of the same names for what is
found out before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from registry.chain.artifacts import artifact, names
from registry.chain.revert_words import HINTS, NUMBERS, SENTENCES
from registry.errors import ContractError, RegistryError, TransactionReverted
from registry.types import to_address

if TYPE_CHECKING:
    from web3.exceptions import ContractLogicError
    from web3.types import RPCResponse

# First match wins: what an `except` of plain Python would expect to catch.
_BUILTINS: Final[tuple[tuple[re.Pattern[str], type[Exception]], ...]] = (
    (re.compile(r"Unauthorized|^Not[A-Z]\w*(Owner|istry)$|^Missing\w*Role$|OnlyForOneself"), PermissionError),
    (re.compile(r"^Not(Seller|Payee|Receipts)$|^CapOf|^TermsOf"), PermissionError),
    (
        re.compile(r"^NotGuardian$|^NotOwnerOfAsset$|^MayNot|OnlyExecutor|RestrictedProposer"),
        PermissionError,
    ),
    (re.compile(r"UnableToCancel|InsufficientProposerVotes|CannotStay"), PermissionError),
    (re.compile(r"WrongService|LockedRole|LockedFunction|IncorrectOwner|InsufficientApproval"), PermissionError),
    (re.compile(r"NotFound$|Nonexistent|NotScheduled"), LookupError),
    (
        re.compile(r"Expired|Invalid|Unknown|TooLong|TooHigh|TooMany|Above|^No[A-Z]|Nothing|Empty|Unexpected"),
        ValueError,
    ),
    (
        re.compile(r"TooLow|Conflict|NotAContract|Downcast|OutOfBounds|FutureLookup|WithoutCode|SuffixMissing"),
        ValueError,
    ),
    (re.compile(r"InsufficientDelay|NotAllowed$"), ValueError),
)

# https://docs.soliditylang.org/en/latest/control-structures.html#panic-via-assert-and-error-via-require
_PANICS: Final[dict[int, str]] = {
    0x00: "a panic that the compiler inserted",
    0x01: "an assertion failed",
    0x11: "an addition, subtraction or multiplication overflowed",
    0x12: "a division by zero",
    0x21: "a number stands for no member of an enum",
    0x22: "stored bytes are wrongly encoded",
    0x31: "pop of an empty array",
    0x32: "an index out of bounds",
    0x41: "too much memory was asked for",
    0x51: "a call of an unset internal function",
}

_ERROR = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


_REVERTED: Final = (
    "revert",
    "invalid opcode",
    "bad instruction",
    "invalid instruction",
    "notactivated",
    "out of gas",
    "vm exception",
    "stack underflow",
    "invalid jump",
)

_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True)
class Declared:
    """An error as the contracts declare it.

    `cls` is its exception class here, `fields` and `types` its parameters, `contracts` those that have it in their
    ABI, `sentence` why it happens, and `hint` the way out.
    """

    cls: type[ContractError]
    fields: tuple[str, ...]
    types: tuple[str, ...]
    contracts: tuple[str, ...]
    sentence: str
    hint: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.cls.__name__

    @property
    def signature(self) -> str:
        """Name and types of the parameters, as they are hashed for the selector."""
        return f"{self.name}({','.join(self.types)})"


class _Decoded(ContractError):
    """Gives the parameters of the error as attributes."""

    def __getattr__(self, name: str) -> Any:
        # Reached only for what is no ordinary attribute; "values" itself must not recurse.
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}") from None


def decode(data: bytes | str) -> RegistryError:
    """Return the exception that revert `data` stands for; never raises.

    A custom error of the contracts gives its class, everything else `TransactionReverted`: texts
    (``Error(string)``), panics with their meaning, no data, and data that nobody here knows.
    """
    raw = _to_bytes(data)
    if not raw:
        return TransactionReverted("no reason was given")
    selector, body = raw[:4], raw[4:]
    try:
        if selector == _ERROR:
            return TransactionReverted(str(_abi(("string",), body)[0]))
        if selector == _PANIC:
            code = _abi(("uint256",), body)[0]
            return TransactionReverted(f"panic 0x{code:02x}, {_PANICS.get(code, 'of unknown meaning')}")
        known = _by_selector().get(selector)
        if known is not None:
            values = {
                field: to_address(value) if kind == "address" else value
                for field, kind, value in zip(known.fields, known.types, _abi(known.types, body), strict=True)
            }
            return known.cls(known.name, values, _message(known, values), hint=known.hint)
    # A hostile contract may return a known selector with a body that does not fit it.
    except Exception:
        return TransactionReverted(f"the data of the error is malformed: {_shown(raw)}")
    return TransactionReverted(f"an unknown error: {_shown(raw)}")


def raise_revert(answer: RPCResponse) -> None:
    """Raise the contract's error that an answer of a node carries, or `TransactionReverted`; nothing if it has none."""
    error = answer.get("error")
    if not isinstance(error, dict):
        return
    message, data = str(error.get("message", "")), error.get("data")
    plain = isinstance(data, str) and _HEX.fullmatch(data) and len(data) >= 10
    found = data if plain else next(_revert_data(data), None)
    if found is not None:
        raise decode(found)
    words = f"{message} {data if isinstance(data, str) else ''}".lower()
    if any(word in words for word in _REVERTED):
        empty = isinstance(data, str) and data.removeprefix("Reverted ").strip() == "0x"
        raise TransactionReverted("no reason was given" if empty else message or "no reason was given")


def reverted(error: ContractLogicError) -> RegistryError:
    """Return the error that a contract refused a call with, decoded."""
    data = error.data
    if isinstance(data, str) and data.startswith("0x") and len(data) >= 10:
        return decode(data)
    return TransactionReverted(error.message or "no reason was given")


def declared() -> dict[bytes, Declared]:
    """Return each error of the contracts by its 4-byte selector."""
    return dict(_by_selector())


def __getattr__(name: str) -> type[ContractError]:
    # Every import from here asks for `__path__` first, and is not about an error.
    found = None if name.startswith("_") else _classes().get(name)
    if found is None:
        raise AttributeError(f"the contracts have no error {name!r}")
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_classes()])


@lru_cache(maxsize=1)
def _classes() -> dict[str, type[ContractError]]:
    errors = {entry["name"] for name in names() for entry in artifact(name).abi if entry["type"] == "error"}
    return {error: _make(error) for error in errors}


def _make(name: str) -> type[ContractError]:
    builtins = tuple(builtin for pattern, builtin in _BUILTINS if pattern.search(name))[:1]
    body = {"__module__": __name__, "__doc__": f"The contracts' error {name}."}
    return type(name, (_Decoded, *builtins), body)


@lru_cache(maxsize=1)
def _by_selector() -> dict[bytes, Declared]:
    from eth_utils.crypto import keccak

    table: dict[bytes, Declared] = {}
    for contract in names():
        compiled = artifact(contract)
        for entry in compiled.abi:
            if entry["type"] != "error":
                continue
            name, inputs = entry["name"], entry["inputs"]
            fields = tuple(parameter["name"] or f"_{i}" for i, parameter in enumerate(inputs))
            types = tuple(parameter["type"] for parameter in inputs)
            signature = f"{name}({','.join(types)})"
            selector = keccak(text=signature)[:4]
            before = table.get(selector)
            # Several contracts may declare an error, and not all of them document it.
            sentence = SENTENCES.get(name) or (before and before.sentence) or compiled.errors.get(signature, "")
            having = (*(before.contracts if before else ()), contract)
            table[selector] = Declared(_classes()[name], fields, types, having, sentence, HINTS.get(name, ""))
    return table


def _message(known: Declared, values: dict[str, Any]) -> str:
    shown = ", ".join(f"{key}={_value(known.name, key, value)}" for key, value in values.items())
    if not known.sentence:
        return ""
    return f"{known.sentence.rstrip('.')} ({known.name}{': ' if shown else ''}{shown})."


def _value(error: str, key: str, value: Any) -> str:
    """A value, with what a number stands for."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    meant = NUMBERS.get((error, key), {}).get(value) if isinstance(value, int) else None
    return f"{value} ({meant})" if meant else str(value)


def _abi(types: tuple[str, ...], body: bytes) -> tuple[Any, ...]:
    from registry.chain.decoding import decode as abi_decode

    return abi_decode(types, body)


def _revert_data(told: Any) -> Iterator[str]:
    """What may be the data of a revert: a selector with words after it, at any depth, after any word, with 0x or
    without. Neither hashes nor addresses are as long."""
    if isinstance(told, dict):
        for name in sorted(told, key=lambda one: one not in ("data", "result", "return")):
            yield from _revert_data(told[name])
    elif isinstance(told, list):
        for one in told:
            yield from _revert_data(one)
    elif isinstance(told, str):
        last = told.split()[-1] if told.split() else ""
        digits = last if last.startswith("0x") else f"0x{last}"
        if _HEX.fullmatch(digits) and len(digits) >= 10 and (len(digits) - 10) % 64 == 0:
            yield digits


def _to_bytes(data: bytes | str) -> bytes:
    if isinstance(data, str):
        try:
            return bytes.fromhex(data.removeprefix("0x"))
        except ValueError:
            return b""
    return bytes(data)


def _shown(raw: bytes) -> str:
    return f"0x{raw[:68].hex()}{'...' if len(raw) > 68 else ''}"
