"""EIP-712 messages: what a wallet shows before it signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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


def _types(fields: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]
