"""Lists of who may claim how much of a token: read from CSV, hashed into a Merkle tree, kept with proofs as JSON.

::

    account,amount,start,cliff,duration
    0x7099...79C8,1500.5,,,
    0x3C44...93BC,40000,2027-01-01,365,1460

Amounts are whole tokens. Whoever vests gets a `start` (a date, at 00:00 UTC, or a moment with its zone), a `duration`
and perhaps a `cliff`, both in days; the last three columns may be missing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Context
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from registry.documents.canonical import MAX_DEPTH
from registry.documents.merkle import MerkleTree, leaf_of, root_from
from registry.errors import Fault, InvalidEntitlements, InvalidNumber, RegistryError
from registry.ipfs.nesting import load_json
from registry.system import disk
from registry.text.html import Shown
from registry.text.numbers import decimal, moment, whole
from registry.types import ZERO_ADDRESS, Address, to_address

DECIMALS: Final = 18
FORMAT: Final = "registry.entitlements.v1"
LEAF: Final = ("address", "uint256", "uint64", "uint64", "uint64")
"""The types of a leaf: account, amount, start, cliff, duration."""

MAX_BYTES: Final = 2**28
# Decimal's own context rounds to 28 digits, and 2**96 has 29.
EXACT: Final = Context(prec=100)

_DAY: Final = 86_400
_COLUMNS: Final = ("account", "amount", "start", "cliff", "duration")
_MAX_AMOUNT: Final = 2**96 - 1
_MAX_DAYS: Final = 36_525


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What an account may claim: `amount` in units of 1e-18, `start` in seconds since 1970, `cliff` and `duration` in
    seconds; these three are zero for what is paid out at once."""

    account: Address
    amount: int
    start: int = 0
    cliff: int = 0
    duration: int = 0

    @property
    def words(self) -> tuple[str, int, int, int, int]:
        """The struct of the contracts."""
        return self.account, self.amount, self.start, self.cliff, self.duration

    @property
    def leaf(self) -> bytes:
        """Its leaf of the tree."""
        return leaf_of(LEAF, self.words)


@dataclass(frozen=True, slots=True)
class Proven(Shown):
    """An entitlement, with the proof (sibling hashes from the leaf up) that it belongs to a list."""

    entitlement: Entitlement
    proof: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The root of the list that it belongs to."""
        return root_from(self.entitlement.leaf, self.proof)


@dataclass(frozen=True)
class Entitlements:
    """A list, each entry once."""

    entries: tuple[Entitlement, ...]

    @property
    def total(self) -> int:
        """The sum, in units of 1e-18."""
        return sum(entry.amount for entry in self.entries)

    @property
    def root(self) -> bytes:
        """The root that goes on chain."""
        return self._tree.root

    @cached_property
    def _tree(self) -> MerkleTree:
        return MerkleTree([entry.leaf for entry in self.entries])

    def proven(self) -> Iterator[Proven]:
        """Each entry with its proof."""
        return (Proven(entry, self._tree.proof(entry.leaf)) for entry in self.entries)

    def to_json(self) -> bytes:
        """The list with all proofs, for anybody to host: whoever claims needs their own entry of it."""
        entries = [
            {**dict(zip(_COLUMNS, map(str, proven.entitlement.words), strict=True)), "proof": _hexed(proven.proof)}
            for proven in self.proven()
        ]
        body = {"format": FORMAT, "root": f"0x{self.root.hex()}", "total": str(self.total), "entitlements": entries}
        return (json.dumps(body, indent=1) + "\n").encode()


def read_csv(path: str | Path) -> Entitlements:
    """Read a list; raises `InvalidEntitlements` that names every line at fault."""
    rows = csv.reader(io.StringIO(_read(path).removeprefix("\ufeff"), newline=""), strict=True)
    faults: list[Fault] = []
    seen: dict[Entitlement, int] = {}
    header: list[str] | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            where = f"line {rows.line_num}"
            if header is None:
                header = [cell.strip().lower() for cell in row]
                faults += [Fault(where, reason) for reason in _header_faults(header)]
                if faults:
                    break
                continue
            try:
                entry = _entry(header, [cell.strip() for cell in row])
            except (RegistryError, ValueError) as error:
                faults.append(Fault(where, getattr(error, "message", str(error)).rstrip(".")))
                continue
            if entry in seen:
                faults.append(Fault(where, f"it says the same as line {seen[entry]}, and is claimed once only"))
            seen.setdefault(entry, rows.line_num)
    except csv.Error as error:
        faults.append(Fault(f"line {rows.line_num}", f"it is not CSV ({error})"))
    if not faults and not seen:
        faults.append(Fault("line 1", "the list is empty"))
    found = Entitlements(tuple(seen))
    if not faults and found.total > _MAX_AMOUNT:
        faults.append(Fault("", "the amounts come to more than a token can have"))
    if faults:
        raise InvalidEntitlements(path, faults)
    return found


def read_proofs(data: bytes | str, source: object, *, account: Address | None = None) -> tuple[Proven, ...]:
    """Read what `Entitlements.to_json` wrote, by whomever: all of it, or what is for an account.

    Each proof is checked against the file's root; whether that is the one on chain is for whoever knows the chain.
    Raises `InvalidEntitlements`.
    """
    try:
        body = load_json(data, MAX_DEPTH)
        if not isinstance(body, Mapping) or body.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        root = bytes.fromhex(str(body["root"]).removeprefix("0x"))
        wanted = account.lower() if account else None
        listed = (entry for entry in body["entitlements"] if wanted in (None, str(entry["account"]).lower()))
        found = tuple(_proven(entry) for entry in listed)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidEntitlements(source, [Fault("", f"it is no list with proofs ({error})")]) from error
    wrong = [
        Fault("", f"the proof of {proven.entitlement.account} does not lead to the root of the list")
        for proven in found
        if proven.root != root
    ]
    if wrong:
        raise InvalidEntitlements(source, wrong)
    return found


def _read(path: str | Path) -> str:
    try:
        data = disk.read(path, MAX_BYTES)
        if len(data) > MAX_BYTES:
            raise InvalidEntitlements(path, [Fault("", f"it has more than {MAX_BYTES:,} bytes")])
        return data.decode("utf-8")
    except OSError as error:
        raise InvalidEntitlements(path, [Fault("", f"it cannot be read ({error.strerror})")]) from error
    except UnicodeDecodeError as error:
        raise InvalidEntitlements(path, [Fault("", "it is not UTF-8 text")]) from error


def _header_faults(header: list[str]) -> list[str]:
    unknown = [name for name in header if name not in _COLUMNS]
    faults = [f"there is no column {name!r}; the columns are {', '.join(_COLUMNS)}" for name in unknown]
    faults += [f"the column {name!r} is missing" for name in _COLUMNS[:2] if name not in header]
    if len(set(header)) != len(header):
        faults.append("a column is there twice")
    return faults


def _entry(header: list[str], cells: list[str]) -> Entitlement:
    if len(cells) != len(header):
        raise ValueError(f"it has {len(cells)} values, not {len(header)}")
    row = dict(zip(header, cells, strict=True))
    account = to_address(row["account"])
    if account == ZERO_ADDRESS:
        raise ValueError("nobody can claim for the zero address")
    start, cliff, duration = (row.get(name, "") for name in _COLUMNS[2:])
    if not duration:
        if start or cliff:
            raise ValueError("a start or a cliff without a duration")
        return Entitlement(account, _amount(row["amount"]))
    if not start:
        raise ValueError("a duration without a start")
    lasting, before = _days(duration, "duration"), _days(cliff or "0", "cliff")
    if not lasting:
        raise ValueError("a duration of 0 days; leave start, cliff and duration empty for what is paid at once")
    if before > lasting:
        raise ValueError(f"the cliff of {cliff} days is longer than the duration of {duration}")
    return Entitlement(account, _amount(row["amount"]), _moment(start), before, lasting)


def tokens(text: str) -> int:
    """Whole tokens, as people write them, in units of 1e-18; raises `InvalidNumber`."""
    what = "number of tokens"
    units = decimal(text, what).scaleb(DECIMALS, EXACT)
    if units != units.to_integral_value(context=EXACT) or units > _MAX_AMOUNT:
        raise InvalidNumber(text, what, f"it has more than {DECIMALS} decimals, or is more than a token can have")
    return int(units)


def _amount(text: str) -> int:
    units = tokens(text)
    if not units:
        raise ValueError("the amount is 0")
    return units


def _days(text: str, what: str) -> int:
    return whole(text, f"{what} in whole days", high=_MAX_DAYS) * _DAY


def _moment(text: str) -> int:
    found = moment(text)
    if not 0 < found < 2**40:
        raise ValueError(f"{text!r} is before 1970 or too far away")
    return found


def _proven(entry: Mapping[str, Any]) -> Proven:
    account, *numbers = (entry[name] for name in _COLUMNS)
    values = [whole(str(number), high=2**bits - 1) for number, bits in zip(numbers, (256, 64, 64, 64), strict=True)]
    proof = tuple(bytes.fromhex(str(step).removeprefix("0x")) for step in entry["proof"])
    if len(proof) > 64 or any(len(step) != 32 for step in proof):
        raise ValueError("a proof is not made of 32-byte hashes")
    return Proven(Entitlement(to_address(account), *values), proof)


def _hexed(proof: tuple[bytes, ...]) -> list[str]:
    return [f"0x{step.hex()}" for step in proof]
