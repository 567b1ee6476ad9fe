"""What is dangerous about a call, for people who are about to sign it or to vote on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from registry.types import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from registry.chain.connection import Chain

UNBOUNDED: Final = 2**128
"""An allowance from here on is no amount that anybody holds."""

PUBLIC_ROLE: Final = 2**64 - 1
"""OpenZeppelin's AccessManager: everybody has it."""

# ERC-1967: keccak("eip1967.proxy.implementation") - 1, and the same for the beacon.
_PROXY_SLOTS: Final = {
    "implementation": 0x360894A13BA1A3210667C828492DB98DCA3E2076CC3735A920A3CA505D382BBC,
    "beacon": 0xA3F0AD74E5423AEBFD80D3EF4346578335A9A72AEAEE59FF6CB3582B35133D50,
}

# keccak of the name, as in OpenZeppelin's TimelockController; no role is the administrator.
TIMELOCK_ROLES: Final = {
    bytes(32): "DEFAULT_ADMIN",
    bytes.fromhex("b09aa5aeb3702cfd50b6b62bc4532604938f21248a27a1d5ca736082b6819cc1"): "PROPOSER",
    bytes.fromhex("fd643c72710c63c0180259aba6b2d05451e3591a24e58b62239378085726f783"): "CANCELLER",
    bytes.fromhex("d8aa0f3194971a2a116679f7c2090f6939c8d4e01a2a8d7e41d55e5351469e63"): "EXECUTOR",
}

AUTHORITY_ROLES: Final = {0: "ADMIN", 1: "GUARDIAN", 2: "CURATOR", PUBLIC_ROLE: "PUBLIC"}


def of_target(chain: Chain, target: Address) -> tuple[str, ...]:
    """What is dangerous about a contract that is none of ours: it may be another tomorrow."""
    found = []
    for name, slot in _PROXY_SLOTS.items():
        if word := chain.storage(target, slot):
            account = f"0x{word % 2**160:040x}"
            found.append(f"this is a proxy ({name} {account}): what it does can change without its code changing")
    return tuple(found)


def of_call(contract: str, function: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """What is dangerous about calling a function of a contract, called as the deployment has it, with these values."""
    check = _CHECKS.get(function)
    return tuple(check(contract, values)) if check is not None else ()


def _authority(contract: str, values: Mapping[str, Any]) -> list[str]:
    return [f"this hands the rule over a contract to {values.get('newAuthority')}: there is no way back by a vote"]


def _grant(contract: str, values: Mapping[str, Any]) -> list[str]:
    if isinstance(values.get("role"), bytes):
        role = TIMELOCK_ROLES.get(values["role"], "0x" + values["role"].hex())
        return [f"whoever has the role {role} of a timelock acts past the votes, or can hold them up"]
    if values.get("roleId") == 0:
        return ["an administrator of the authority can change every rule without a vote"]
    return []


def _revoke(contract: str, values: Mapping[str, Any]) -> list[str]:
    if isinstance(values.get("role"), bytes) or values.get("roleId") == 0:
        return ["without this role the DAO may lose the power to carry out what it decides, for good"]
    return []


def _open(contract: str, values: Mapping[str, Any]) -> list[str]:
    if values.get("roleId") == PUBLIC_ROLE:
        return ["from then on everybody may call these functions"]
    return []


def _approve(contract: str, values: Mapping[str, Any]) -> list[str]:
    amount = next((values[name] for name in ("value", "amount", "wad") if name in values), None)
    if isinstance(amount, int) and amount >= UNBOUNDED:
        return [f"{values.get('spender')} could take all that is and will be there: the approval has no bound"]
    return []


def _approve_all(contract: str, values: Mapping[str, Any]) -> list[str]:
    return [f"{values.get('operator')} could take every token of this collection"] if values.get("approved") else []


def _safe(contract: str, values: Mapping[str, Any]) -> list[str]:
    return ["a Safe would run foreign code as its own (delegatecall)"] if values.get("operation") == 1 else []


def _guardian(contract: str, values: Mapping[str, Any]) -> list[str]:
    ended = values.get("guardian_") == ZERO_ADDRESS or not values.get("until")
    return ["nobody could stop a harmful proposal any more: this ends the guardianship"] if ended else []


def _delay(contract: str, values: Mapping[str, Any]) -> list[str]:
    return ["this changes how long people have to leave before a decision takes effect"]


def _relay(contract: str, values: Mapping[str, Any]) -> list[str]:
    return ["this acts as the governor itself"] if contract == "RegistryGovernor" else []


_CHECKS: Final = {
    "setAuthority": _authority,
    "updateAuthority": _authority,
    "grantRole": _grant,
    "revokeRole": _revoke,
    "renounceRole": _revoke,
    "setTargetFunctionRole": _open,
    "approve": _approve,
    "permit": _approve,
    "setApprovalForAll": _approve_all,
    "execTransaction": _safe,
    "execTransactionFromModule": _safe,
    "setGuardian": _guardian,
    "updateDelay": _delay,
    "relay": _relay,
}
