"""Where a registry's contract of receipts stands."""

from __future__ import annotations

from eth_hash.auto import keccak

from registry.types import Address, to_address


def receipts_of(registry: str) -> Address:
    """The address of the contract that takes receipts for a registry.

    The registry makes it in its constructor, as the second contract that it makes, so its address follows from the
    registry's alone (as CREATE has it: the hash of maker and count in RLP).
    """
    return to_address("0x" + keccak(b"\xd6\x94" + bytes.fromhex(registry[2:]) + b"\x02")[12:].hex())
