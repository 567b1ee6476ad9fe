"""What a team signs: one Safe transaction with the signatures so far, as a value and as a small file.

A proposal carries the hash that its owners sign (EIP-712, see SafeTx in github.com/safe-global/safe-smart-account), and
the hash is computed again from its content wherever it comes from. Refunds of gas are left out of the format: they
are always zero.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from registry.documents.canonical import canonical_bytes, parse_json, printable
from registry.documents.typed_data import nested, safe_message, safe_signers
from registry.errors import Fault, InputError, InvalidProposal, RegistryError, TamperedProposal
from registry.ipfs.nesting import load_json
from registry.system import disk
from registry.text.html import Shown
from registry.types import CHAIN_ID_MAX, ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from safe_eth.safe.safe_signature import SafeSignature

FORMAT: Final = "registry.team.proposal.v1"

MAX_BYTES: Final = 2**20
"""Largest file: it travels as one block."""

MAX_NOTE: Final = 2_000
"""Most characters of a note."""

MAX_LISTED: Final = 100
"""Most signatures, functions and other transactions of a proposal: each takes time to check."""

VERSIONS: Final = ("1.3.0", "1.4.1", "1.5.0")
"""Versions of the Safe whose transactions and contract owners are dealt with here."""

CALL, DELEGATECALL = 0, 1

Kind = Literal["eip712", "eth_sign", "contract", "approved"]
"""How an owner agrees: typed data, a personal message, the word of a contract (ERC-1271), or a transaction."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The word of one owner; `data` is the signature of 65 bytes (r, s, v), what the contract judges, or empty."""

    owner: Address
    kind: Kind
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class TeamProposal(Shown):
    """A transaction that a team may sign and execute.

    `operation` is 0 for a call and 1 for a delegatecall; `value` is in wei; `nonce` is its place in the
    team's order; `safe_tx_hash` follows from all but the last four.

    `abi` are signatures (``"stake(uint256)"``) of functions of contracts that nobody here knows, as whoever proposes
    calls them; `agrees_to` are transactions of other Safes that the proposal agrees to by their hash.
    """

    chain_id: int
    safe: Address
    version: str
    to: Address
    value: int
    data: bytes = field(repr=False)
    operation: int
    nonce: int
    note: str = ""
    signatures: tuple[Signature, ...] = ()
    abi: tuple[str, ...] = ()
    agrees_to: tuple[TeamProposal, ...] = ()

    # --- Hashes ----------------------------------------------------------------------------------

    @cached_property
    def _tx(self) -> Any:
        from safe_eth.safe.safe_tx import SafeTx

        return SafeTx(
            cast(Any, None),
            cast(Any, self.safe),
            cast(Any, self.to),
            self.value,
            self.data,
            self.operation,
            0,
            0,
            0,
            None,
            None,
            safe_nonce=self.nonce,
            safe_version=self.version,
            chain_id=self.chain_id,
        )

    @cached_property
    def preimage(self) -> bytes:
        """The 66 bytes 0x1901, domain hash, message hash, whose keccak is signed."""
        return bytes(self._tx.safe_tx_hash_preimage)

    @property
    def domain_hash(self) -> str:
        """Hash of chain and Safe, as hardware wallets show it."""
        return "0x" + self.preimage[2:34].hex()

    @property
    def message_hash(self) -> str:
        """Hash of the transaction, as hardware wallets show it."""
        return "0x" + self.preimage[34:].hex()

    @cached_property
    def safe_tx_hash(self) -> str:
        """What the owners sign."""
        return "0x" + bytes(self._tx.safe_tx_hash).hex()

    @property
    def asks_by_hash(self) -> bool:
        """Whether contracts that own the Safe are asked about the hash, as ERC-1271 has it and Safes do from 1.5.0 on;
        those before hand them the preimage."""
        return self.version == "1.5.0"

    @property
    def typed_data(self) -> dict[str, Any]:
        """The EIP-712 message, as a wallet takes it."""
        message: dict[str, Any] = dict(self._tx.eip712_structured_data)
        names = {field["name"] for field in message["types"]["SafeTx"]}
        # The library adds the name that a field had in very old Safes.
        return {**message, "message": {key: value for key, value in message["message"].items() if key in names}}

    # --- Signatures ------------------------------------------------------------------------------

    @property
    def signers(self) -> tuple[Address, ...]:
        """Who has signed so far."""
        return tuple(signature.owner for signature in self.signatures)

    def with_signatures(self, signatures: Iterable[Signature]) -> TeamProposal:
        """Return the proposal with these signatures, in the order of their owners."""
        return replace(self, signatures=tuple(sorted(signatures, key=lambda signature: int(signature.owner, 16))))

    def encode_signatures(self, signatures: Iterable[Signature]) -> bytes:
        """Return signatures in the one form that the Safe takes them in: ascending, contracts' words at the end."""
        from safe_eth.safe.safe_signature import SafeSignature

        return bytes(SafeSignature.export_signatures([self.parsed(signature) for signature in signatures]))

    def parsed(self, signature: Signature) -> SafeSignature:
        """Return a signature as the Safe's library knows it."""
        from safe_eth.safe import safe_signature as library

        digest = bytes.fromhex(self.safe_tx_hash[2:])
        padded = bytes(12) + bytes.fromhex(signature.owner[2:]) + bytes(32)
        if signature.kind == "contract":
            return library.SafeSignatureContract(padded + b"\0", digest, self.preimage, signature.data)
        if signature.kind == "approved":
            return library.SafeSignatureApprovedHash(padded + b"\x01", digest)
        made = library.SafeSignatureEOA if signature.kind == "eip712" else library.SafeSignatureEthSign
        return made(signature.data, digest)

    # --- File ------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The proposal as canonical JSON (RFC 8785)."""
        return canonical_bytes(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The proposal as it is in its file."""
        value: dict[str, Any] = {
            "format": FORMAT,
            "chainId": self.chain_id,
            "safe": self.safe,
            "safeVersion": self.version,
            "to": self.to,
            "value": str(self.value),
            "data": "0x" + self.data.hex(),
            "operation": self.operation,
            "nonce": self.nonce,
            "note": self.note,
            "safeTxHash": self.safe_tx_hash,
            "signatures": [
                {"owner": signature.owner, "kind": signature.kind, "data": "0x" + signature.data.hex()}
                for signature in self.signatures
            ],
        }
        if self.abi:
            value["abi"] = list(self.abi)
        if self.agrees_to:
            value["agreesTo"] = [other.to_dict() for other in self.agrees_to]
        return value

    def agreed(self) -> Iterator[TeamProposal]:
        """The transactions that it agrees to, and those that they agree to."""
        for other in self.agrees_to:
            yield other
            yield from other.agreed()

    @classmethod
    def from_bytes(cls, data: bytes, *, source: object = "The file") -> TeamProposal:
        """Read a proposal and compute its hash again.

        Raises `InvalidProposal` with every fault for what is malformed, and `TamperedProposal` if the content does not
        have the hash that is given, or a signature is not its owner's.
        """
        if len(data) > MAX_BYTES:
            raise InvalidProposal(source, [Fault("", f"has {len(data):,} bytes, over {MAX_BYTES:,}")])
        value, faults = parse_json(data)
        if not faults:
            faults = _shape_faults(value, "")
        if faults:
            raise InvalidProposal(source, faults)
        found = cls._from_value(value, source, "")
        found.verify(source=source)
        return found.with_signatures(found.signatures)

    @classmethod
    def _from_value(cls, value: Mapping[str, Any], source: object, at: str) -> TeamProposal:
        found = cls(
            chain_id=value["chainId"],
            safe=to_address(value["safe"]),
            version=value["safeVersion"],
            to=to_address(value["to"]),
            value=int(value["value"]),
            data=bytes.fromhex(value["data"][2:]),
            operation=value["operation"],
            nonce=value["nonce"],
            note=value["note"],
            signatures=tuple(
                Signature(to_address(entry["owner"]), entry["kind"], bytes.fromhex(entry["data"][2:]))
                for entry in value["signatures"]
            ),
            abi=tuple(value.get("abi", ())),
            agrees_to=tuple(
                cls._from_value(other, source, f"{at}/agreesTo/{place}")
                for place, other in enumerate(value.get("agreesTo", ()))
            ),
        )
        if found.safe_tx_hash != value["safeTxHash"]:
            reason = f"the content has the hash {found.safe_tx_hash}, not {value['safeTxHash']}"
            raise TamperedProposal(source, [Fault(f"{at}/safeTxHash", reason)])
        return found

    def verify(self, *, source: object = "The proposal") -> None:
        """Check what needs no chain: that keys signed this very hash, and nobody twice.

        Raises `TamperedProposal`.
        """
        faults = []
        seen: set[str] = set()
        for place, signature in enumerate(self.signatures):
            at = f"/signatures/{place}"
            if signature.owner in seen:
                faults.append(Fault(f"{at}/owner", f"{signature.owner} is there more than once"))
            seen.add(signature.owner)
            if signature.kind in ("eip712", "eth_sign") and _recovered(self, signature) != signature.owner:
                faults.append(Fault(f"{at}/data", f"{signature.owner} did not sign this transaction"))
        if faults:
            raise TamperedProposal(source, faults)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the proposal to a file, whole or not at all; into a folder under a name that tells its place.

        A file of the same transaction keeps the signatures that it has. Raises `WouldOverwrite` for a file of anything
        else, and `InputError` if it cannot be written.
        """
        name = f"{self.safe.lower()}-{self.nonce}-{self.safe_tx_hash[2:10]}.json"
        target = disk.place(path, name)
        known = None
        if target.is_file():
            with suppress(InvalidProposal, InputError):
                known = TeamProposal.load(target)
        if known is None or known.safe_tx_hash != self.safe_tx_hash:
            return disk.save(target, name, self.to_bytes())
        made = self.with_signatures(merged([known, self]).signatures)
        return disk.save(target, name, made.to_bytes(), overwrite=True)

    @classmethod
    def load(cls, path: str | Path) -> TeamProposal:
        """Read a file that `save` wrote; raises `InputError` if there is none, and what `from_bytes` raises."""
        return cls.from_bytes(disk.load(path, MAX_BYTES), source=path)

    def __str__(self) -> str:
        return f"proposal {self.nonce} of the team {self.safe} ({self.safe_tx_hash[:10]})"


def may_be_proposal(path: Path) -> bool:
    """Whether a JSON file may be meant for a proposal: not one that is something else by its own word."""
    try:
        told = load_json(disk.read(path, MAX_BYTES))
    except (OSError, ValueError):
        return True  # whoever reads it says what is wrong with it
    return isinstance(told, dict) and str(told.get("format", "")).startswith(FORMAT.rpartition(".")[0])


def merged(proposals: Iterable[TeamProposal]) -> TeamProposal:
    """Return the one proposal with the signatures of all.

    Where two have the word of one owner, that of the later is kept, except that a contract's grows by both. Raises
    `TamperedProposal` if they are not the same transaction, `InputError` for none.
    """
    listed = list(proposals)
    if not listed:
        raise InputError("There is no proposal to merge.", hint="Name one or more.")
    first = listed[0]
    found: dict[Address, Signature] = {}
    for other in listed:
        if other.safe_tx_hash != first.safe_tx_hash:
            reason = f"it is another transaction ({other.safe_tx_hash}) than the first ({first.safe_tx_hash})"
            raise TamperedProposal(other, [Fault("/safeTxHash", reason)])
        other.verify(source=other)
        for signature in other.signatures:
            before = found.get(signature.owner)
            if before is not None and before.kind == signature.kind == "contract":
                found[signature.owner] = replace(signature, data=_joined(first, before, signature))
            else:
                found[signature.owner] = signature
    return first.with_signatures(found.values())


def nested_message(proposal: TeamProposal, owner: str) -> dict[str, Any]:
    """What an owner of the Safe `owner` signs to let that Safe agree to a proposal of a Safe it owns.

    The bytes are what that Safe hands to contracts that own it: hash or preimage.
    """
    asked = bytes.fromhex(proposal.safe_tx_hash[2:]) if proposal.asks_by_hash else proposal.preimage
    return safe_message(proposal.chain_id, owner, asked)


def nested_signers(proposal: TeamProposal, signature: Signature) -> dict[Address, bytes]:
    """Whose signatures a contract's word is made of, if that contract is a Safe; nothing if it is not."""
    return safe_signers(nested_message(proposal, signature.owner), signature.data)


def _joined(proposal: TeamProposal, one: Signature, other: Signature) -> bytes:
    both = {**nested_signers(proposal, one), **nested_signers(proposal, other)}
    return nested(both) or other.data


def _recovered(proposal: TeamProposal, signature: Signature) -> str | None:
    try:
        found = to_address(str(proposal.parsed(signature).owner))
    # The library meets bytes that are no point of the curve with errors of many kinds.
    except Exception:
        return None
    return None if found == ZERO_ADDRESS else found


_FIELDS: Final = (
    "format",
    "chainId",
    "safe",
    "safeVersion",
    "to",
    "value",
    "data",
    "operation",
    "nonce",
    "note",
    "safeTxHash",
    "signatures",
)


def _shape_faults(value: Any, at: str) -> list[Fault]:
    """Say all that keeps JSON from being a proposal, or one that another agrees to (at a pointer `at`)."""
    if not isinstance(value, dict):
        return [Fault(at, "is not an object")]
    if value.get("format") != FORMAT:
        return [Fault(f"{at}/format", f"is not {FORMAT!r}")]
    faults = _name_faults(value, _FIELDS, at, optional=("abi", "agreesTo"))
    if faults:
        return faults
    checks = {
        "chainId": _number(value["chainId"], CHAIN_ID_MAX),
        "safe": _address(value["safe"]),
        "safeVersion": "" if value["safeVersion"] in VERSIONS else f"is none of {', '.join(VERSIONS)}",
        "to": _address(value["to"]),
        "value": _wei(value["value"]),
        "data": _hexadecimal(value["data"]),
        "operation": _number(value["operation"], DELEGATECALL),
        "nonce": _number(value["nonce"], 2**53 - 1),
        "note": _note(value["note"]),
        "safeTxHash": _hexadecimal(value["safeTxHash"], 32),
        "signatures": _list(value["signatures"]),
        "abi": _list(value.get("abi", [])),
        "agreesTo": _list(value.get("agreesTo", [])),
    }
    faults = [Fault(f"{at}/{name}", reason) for name, reason in checks.items() if reason]
    if any(checks[name] for name in ("signatures", "abi", "agreesTo")):
        return faults
    if at and value["signatures"]:
        faults.append(Fault(f"{at}/signatures", "are not for those who agree to it"))
    for place, entry in enumerate(value["signatures"]):
        faults += _signature_faults(entry, f"{at}/signatures/{place}")
    for place, entry in enumerate(value.get("abi", [])):
        if not isinstance(entry, str) or len(entry) > MAX_NOTE:
            faults.append(Fault(f"{at}/abi/{place}", f"is not text of at most {MAX_NOTE:,} characters"))
    for place, entry in enumerate(value.get("agreesTo", [])):
        faults += _shape_faults(entry, f"{at}/agreesTo/{place}")
    return faults


def _signature_faults(entry: Any, at: str) -> list[Fault]:
    if not isinstance(entry, dict):
        return [Fault(at, "is not an object")]
    if wrong := _name_faults(entry, ("owner", "kind", "data"), at):
        return wrong
    kind = entry["kind"]
    size = {"eip712": 65, "eth_sign": 65, "approved": 0}.get(kind) if isinstance(kind, str) else None
    parts = {
        "owner": _address(entry["owner"]),
        "kind": "" if kind in get_args(Kind) else f"is none of {', '.join(get_args(Kind))}",
        "data": _hexadecimal(entry["data"], size),
    }
    return [Fault(f"{at}/{name}", reason) for name, reason in parts.items() if reason]


def _name_faults(value: dict[str, Any], names: Iterable[str], at: str, optional: Iterable[str] = ()) -> list[Fault]:
    faults = [Fault(f"{at}/{name}", "is missing") for name in names if name not in value]
    known = {*names, *optional}
    return faults + [Fault(f"{at}/{printable(name)}", "is not a field") for name in value if name not in known]


def _number(value: object, most: int) -> str:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    return "" if fits else f"is not a whole number from 0 to {most:,}"


def _wei(value: object) -> str:
    fits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78
    canonical = fits and str(int(cast(str, value))) == value and int(value) < 2**256
    return "" if canonical else "is not a whole number of wei as text"


def _address(value: Any) -> str:
    try:
        return "" if to_address(value) == value else "has no checksum"
    except RegistryError as error:
        return f"is no address ({error.message})"


def _hexadecimal(value: object, size: int | None = None) -> str:
    digits = value[2:] if isinstance(value, str) and value.startswith("0x") else "?"
    if len(digits) % 2 or set(digits) - set("0123456789abcdef"):
        return "is not 0x and lower-case hexadecimal digits of whole bytes"
    return "" if size is None or len(digits) == 2 * size else f"has {len(digits) // 2} bytes, not {size}"


def _list(value: object) -> str:
    if not isinstance(value, list):
        return "is not a list"
    return f"has {len(value):,} entries, over {MAX_LISTED:,}" if len(value) > MAX_LISTED else ""


def _note(value: object) -> str:
    if not isinstance(value, str):
        return "is not text"
    return f"has {len(value):,} characters, over {MAX_NOTE:,}" if len(value) > MAX_NOTE else ""
