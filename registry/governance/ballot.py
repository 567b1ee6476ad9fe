"""A ballot: a vote that its voter signed and anybody may bring to the chain, as a value and as a small file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from registry.chain.signers import recovered
from registry.documents.canonical import canonical_bytes, parse_json
from registry.documents.typed_data import nested, safe_message, safe_signers, typed_data
from registry.errors import InvalidBallot, RegistryError
from registry.governance.standing import Choice, short
from registry.ipfs.cid import CID
from registry.system import disk
from registry.text.html import Shown
from registry.types import CHAIN_ID_MAX, Address, to_address

FORMAT: Final = "registry.dao.ballot.v1"

MAX_BYTES: Final = 16_384
"""Largest file: a contract's signature may be long, but not as long as the gas of a ballot would not pay."""

NAME, VERSION = "AI Asset Registry DAO", "1"
"""Of the governor's EIP-712 domain."""

_FIELDS: Final = {"proposalId": "uint256", "support": "uint8", "voter": "address", "nonce": "uint256"}


@dataclass(frozen=True, slots=True)
class Ballot(Shown):
    """A signed vote: OpenZeppelin's EIP-712 ``Ballot(proposalId, support, voter, nonce)``.

    `nonce` counts what the voter signed for this governor; `signature` is of a key (65 bytes), or for the voter's
    contract to judge (ERC-1271).
    """

    chain_id: int
    governor: Address
    proposal: int
    voter: Address
    choice: Choice
    nonce: int
    signature: bytes = field(default=b"", repr=False)

    @property
    def typed_data(self) -> dict[str, Any]:
        """The message, as a wallet takes it."""
        values = {"proposalId": self.proposal, "support": int(self.choice), "voter": self.voter, "nonce": self.nonce}
        return typed_data(
            "Ballot", _FIELDS, values, name=NAME, version=VERSION, chain_id=self.chain_id, contract=self.governor
        )

    @property
    def safe_message(self) -> dict[str, Any]:
        """What the owners of the voter sign, where the voter is a Safe."""
        from safe_eth.eth.eip712 import eip712_encode_hash

        return safe_message(self.chain_id, self.voter, bytes(eip712_encode_hash(self.typed_data)))

    def signed(self, signature: bytes) -> Ballot:
        """The same ballot with this signature."""
        return replace(self, signature=bytes(signature))

    def to_bytes(self) -> bytes:
        """The ballot as canonical JSON (RFC 8785)."""
        return canonical_bytes(
            {
                "format": FORMAT,
                "chainId": self.chain_id,
                "governor": self.governor,
                "proposal": str(self.proposal),
                "voter": self.voter,
                "choice": str(self.choice),
                "nonce": str(self.nonce),
                "signature": "0x" + self.signature.hex(),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """The ballot for machines, as it is in its file."""
        value, _faults = parse_json(self.to_bytes())
        return dict(value)

    @property
    def cid(self) -> CID:
        """CID of the file."""
        return CID.raw(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes, *, source: object = "The file") -> Ballot:
        """Read a ballot; raises `InvalidBallot` for what is none. Who signed it is for the chain to say."""
        if len(data) > MAX_BYTES:
            raise InvalidBallot(source, f"it has more than {MAX_BYTES:,} bytes")
        value, faults = parse_json(data)
        if faults or not isinstance(value, dict):
            raise InvalidBallot(source, str(faults[0]) if faults else "it is no object")
        if value.get("format") != FORMAT:
            raise InvalidBallot(source, f"its format is not {FORMAT!r}")
        try:
            made = cls(
                chain_id=value["chainId"],
                governor=to_address(value["governor"]),
                proposal=int(value["proposal"]),
                voter=to_address(value["voter"]),
                choice=Choice.parse(value["choice"]),
                nonce=int(value["nonce"]),
                signature=bytes.fromhex(value["signature"].removeprefix("0x")),
            )
            in_range = 0 <= made.proposal < 2**256 and 0 <= made.nonce < 2**256
            if type(made.chain_id) is not int or not 0 < made.chain_id <= CHAIN_ID_MAX or not in_range:
                raise ValueError("a number is out of its range")
            # One form only: what has another CID is another file.
            if made.to_bytes() != data.removesuffix(b"\n"):
                raise ValueError("it is not written in the one form that ballots have")
        except (RegistryError, ValueError, KeyError, TypeError, AttributeError) as error:
            told = error.message.rstrip(".") if isinstance(error, RegistryError) else str(error)
            raise InvalidBallot(source, told or type(error).__name__) from error
        return made

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the ballot to a file, whole or not at all; into a folder under a name of its own.

        Raises `WouldOverwrite` for a file of anything else, and `InputError` if it cannot be written.
        """
        name = f"{short(self.proposal)}-{self.voter.lower()}-{self.nonce}-{str(self.cid)[-6:]}.json"
        return disk.save(path, name, self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> Ballot:
        """Read a file that `save` wrote; raises `InputError` if there is none, and what `from_bytes` raises."""
        return cls.from_bytes(disk.load(path, MAX_BYTES), source=path)

    def __str__(self) -> str:
        return f"ballot of {self.voter} for proposal {short(self.proposal)}"


def merged(*collected: Iterable[Ballot]) -> tuple[Ballot, ...]:
    """All ballots that several people collected, each once, in the order of their voters.

    What several owners of a Safe signed for it becomes one ballot with the signatures of all.
    """
    found = {ballot.cid: ballot for ballots in collected for ballot in ballots}
    same: dict[Ballot, list[Ballot]] = {}
    for ballot in found.values():
        same.setdefault(ballot.signed(b""), []).append(ballot)
    made = [one for unsigned, ballots in same.items() for one in _joined(unsigned, ballots)]
    return tuple(sorted(made, key=lambda ballot: (int(ballot.voter, 16), ballot.nonce, ballot.signature)))


def _joined(unsigned: Ballot, ballots: list[Ballot]) -> list[Ballot]:
    if len(ballots) == 1 or any(recovered(one.typed_data, one.signature) == one.voter for one in ballots):
        return ballots
    words = {owner: word for one in ballots for owner, word in _safe_signers(one).items()}
    return [unsigned.signed(nested(words))] if words else ballots


def _safe_signers(ballot: Ballot) -> dict[Address, bytes]:
    try:
        return safe_signers(ballot.safe_message, ballot.signature)
    # The library meets bytes that are no point of the curve with errors of many kinds.
    except Exception:
        return {}
