"""Whether an account signed: one with a key by its 65 bytes, one of a contract by asking it (ERC-1271)."""

from __future__ import annotations

from typing import Any, Final

from eth_abi.abi import encode
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from registry.types import Address, to_address

VALID: Final = bytes.fromhex("1626ba7e").ljust(32, b"\0")
"""What `wallet_check` returns for a signature that a contract takes: the word of ERC-1271, and nothing behind it."""

WALLET_GAS: Final = 2_000_000
"""Most gas that a contract may take to check a signature; a Safe takes about 10,000 for each owner."""

_WRAPPED: Final = bytes.fromhex("6492" * 16)

_HALF: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1 (EIP-2): of the two signatures that there always are, that with a larger s is a copy."""


def text_digest(message: bytes) -> bytes:
    """The 32 bytes that are signed of a personal message (EIP-191, version 0x45)."""
    return _digest(encode_defunct(primitive=message))


def typed_digest(full_message: dict[str, Any]) -> bytes:
    """The 32 bytes that are signed of an EIP-712 message."""
    return _digest(encode_typed_data(full_message=full_message))


def recover(digest: bytes, signature: bytes) -> Address | None:
    """Who signed `digest`; None for a signature that is not r, s, v of 65 bytes with low s and v of 27 or 28."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF:
        return None
    try:
        made = Signature(signature[:64] + bytes([signature[64] - 27]))
        return to_address(made.recover_public_key_from_msg_hash(digest).to_canonical_address())
    except (BadSignature, ValidationError, ValueError):
        return None


def is_wrapped(signature: bytes) -> bool:
    """Whether a signature brings along how to deploy its wallet (ERC-6492): a call of a stranger's, which is never made
    here."""
    return signature.endswith(_WRAPPED)


def wallet_check(wallet: Address, digest: bytes, signature: bytes) -> bytes:
    """Code to be run as if to create a contract (`Read.to` None), which returns `VALID` if `wallet` takes a signature.

    The wallet belongs to a stranger: it gets `WALLET_GAS` and no more, may change nothing (STATICCALL), and of what it
    answers one word is read, if it answers with a word at least.
    """
    call = bytes.fromhex("1626ba7e") + encode(["bytes32", "bytes"], [digest, signature])
    size, answer = _push(len(call), 3), _push((len(call) + 31) // 32 * 32, 3)
    gas, zero = _push(WALLET_GAS, 4), b"\x60\x00"

    def code(start: int) -> bytes:
        copied = size + _push(start, 3) + zero + b"\x39"  # CODECOPY(0, start, size)
        asked = b"\x60\x20" + answer + size + zero + b"\x73" + bytes.fromhex(wallet[2:]) + gas + b"\xfa"  # STATICCALL
        long_enough = b"\x3d\x60\x1f\x10\x16"  # and RETURNDATASIZE > 31
        return copied + asked + long_enough + answer + b"\x51\x02" + zero + b"\x52\x60\x20" + zero + b"\xf3"

    return code(len(code(0))) + call


def _push(value: int, width: int) -> bytes:
    return bytes([0x5F + width]) + value.to_bytes(width, "big")


def _digest(message: SignableMessage) -> bytes:
    return keccak(b"\x19" + message.version + message.header + message.body)
