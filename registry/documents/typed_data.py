"""EIP-712 messages: what a wallet shows before it signs, and the word of a Safe, which its owners' signatures make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from registry.types import Address, to_address

_DOMAIN: Final = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}

_SAFE_DOMAIN: Final = {"chainId": "uint256", "verifyingContract": "address"}
"""A Safe names itself by its address alone."""


def typed_data(
    primary: str,
    fields: Mapping[str, str],
    values: Mapping[str, Any],
    *,
    name: str,
    version: str,
    chain_id: int,
    contract: str,
) -> dict[str, Any]:
    """Return the full message of type `primary`, with `fields` (name to Solidity type) and their `values`.

    The domain is `name`, `version`, `chain_id` and the verifying `contract`, so that a signature is good for one
    contract on one chain only.
    """
    return {
        "types": {"EIP712Domain": _types(_DOMAIN), primary: _types(fields)},
        "primaryType": primary,
        "domain": {"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract},
        "message": dict(values),
    }


def safe_message(chain_id: int, safe: str, message: bytes) -> dict[str, Any]:
    """What an owner of a Safe signs to let it agree to `message` (ERC-1271).

    A SafeMessage, as the Safe's CompatibilityFallbackHandler has it; whoever asks about a hash has that as the message.
    """
    return {
        "types": {"EIP712Domain": _types(_SAFE_DOMAIN), "SafeMessage": _types({"message": "bytes"})},
        "primaryType": "SafeMessage",
        "domain": {"chainId": chain_id, "verifyingContract": safe},
        "message": {"message": message},
    }


def safe_signers(message: dict[str, Any], data: bytes) -> dict[Address, bytes]:
    """Whose signatures of a SafeMessage `data` is made of; nothing if it is none."""
    from safe_eth.eth.eip712 import eip712_encode_hash
    from safe_eth.safe.safe_signature import SafeSignature

    if not data or len(data) % 65:
        return {}
    parsed = SafeSignature.parse_signature(data, bytes(eip712_encode_hash(message)))
    return {to_address(str(one.owner)): bytes(one.signature) for one in parsed}


def nested(signatures: Mapping[Address, bytes]) -> bytes:
    """Put the signatures of a Safe's owners together as the word of that Safe."""
    return b"".join(data for _owner, data in sorted(signatures.items(), key=lambda item: int(item[0], 16)))


def _types(fields: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]
