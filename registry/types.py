"""The small types that everything else is written in: addresses, digests, numbers with a meaning.

They cost nothing at run time (`NewType`), except that the functions here are the only places that
make an `Address`, a `Digest` or an `AssetId` out of something that came from outside.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NewType

from registry.errors import InputError, InvalidAddress

Address = NewType("Address", str)
"""``0x`` and 40 hexadecimal digits with the EIP-55 checksum."""

Digest = NewType("Digest", bytes)
"""32 bytes of sha2-256, as the registry stores them."""

ChainId = NewType("ChainId", int)
"""EIP-155 number of a chain."""

AssetId = NewType("AssetId", int)
"""Number of an asset in its registry, below 2**64."""

LicenceId = NewType("LicenceId", int)
"""Number of a licence of an asset, which is its place in the document's ``licences``."""

Wei = NewType("Wei", int)
"""Smallest unit of the native coin."""

TxHash = NewType("TxHash", str)
"""``0x`` and 64 hexadecimal digits."""

ASSET_ID_LIMIT: Final = 2**64
CHAIN_ID_MAX: Final = (2**64 - 1) // 2 - 36
"""Largest chain number that EIP-2294 allows."""

ZERO_ADDRESS: Final = Address("0x" + "0" * 40)

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@lru_cache(maxsize=4096)
def _checksummed(digits: str) -> Address:
    """Return the EIP-55 form of 40 lower-case hexadecimal `digits`."""
    # Imported here: loading a keccak takes longer than everything else that `import registry` does.
    from eth_hash.auto import keccak

    hashed = keccak(digits.encode("ascii")).hex()
    return Address("0x" + "".join(c.upper() if nibble >= "8" else c for c, nibble in zip(digits, hashed, strict=False)))


def to_address(value: str | bytes) -> Address:
    """Return `value` as a checksummed address (EIP-55).

    Takes 20 bytes, or text with ``0x`` whose digits are all lower case, all upper case, or mixed
    with the right checksum. Raises `InvalidAddress` for everything else.
    """
    if isinstance(value, bytes):
        if len(value) != 20:
            raise InvalidAddress(value, f"it has {len(value)} bytes, not 20")
        return _checksummed(value.hex())
    if not isinstance(value, str):
        raise InvalidAddress(value, "it is neither text nor bytes")
    if "." in value and not value.startswith("0x"):
        raise InvalidAddress(
            value, "names (ENS) are not looked up; give the address that it stands for, 0x and 40 digits"
        )
    if not value.startswith("0x"):
        raise InvalidAddress(value, "it does not start with 0x")
    if len(value) != 42:
        raise InvalidAddress(value, f"it has {len(value) - 2} digits, not 40")
    if not _ADDRESS.fullmatch(value):
        raise InvalidAddress(value, "it has a character that is not a hexadecimal digit")
    digits = value[2:]
    address = _checksummed(digits.lower())
    if address != value and digits not in (digits.lower(), digits.upper()):
        raise InvalidAddress(value, "its checksum is wrong, so a digit may be mistyped")
    return address


def to_digest(value: bytes) -> Digest:
    """Return `value` as a digest; raises `InputError` unless it is 32 bytes."""
    if not isinstance(value, bytes) or len(value) != 32:
        raise InputError(f"{value!r} is not a digest.", hint="It is 32 bytes of sha2-256.")
    return Digest(value)


def to_asset_id(value: int) -> AssetId:
    """Return `value` as an asset number; raises `InputError` unless it is an int in 0 .. 2**64-1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < ASSET_ID_LIMIT:
        raise InputError(f"{value!r} is not the number of an asset.", hint="It is a whole number from 0 to 2**64-1.")
    return AssetId(value)


ITEM: Final = 1 << 62
"""The bit of the ids of items of collections."""


def item_id(collection: int, index: int) -> int:
    """The id of an item: its collection's number and its place there, from 0; it fits a signed integer of 64 bits."""
    return ITEM | collection << 32 | index


def terms_of(asset_id: int) -> int:
    """The number of the asset whose licences hold for an asset: the collection of an item, or itself."""
    return (asset_id >> 32) & (2**30 - 1) if asset_id >> 62 == 1 else asset_id
