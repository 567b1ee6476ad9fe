"""What is dangerous about a call, for people who are about to sign it or to vote on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from registry.types import ZERO_ADDRESS, Address

if TYPE_CHECKING:
    from registry.chain.connection import Chain

UNBOUNDED: Final = 2**64
"""An allowance from here on is beyond what is there, where nobody knows what is there."""

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


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that was read. `told` puts a parameter into words, `amount` units of the token that is called; `held` is
    what the account has of it that pays, None if nobody knows. `known`: the contract is known here."""

    contract: str
    known: bool
    function: str
    values: Mapping[str, Any]
    told: Callable[[str], str]
    held: Callable[[], int | None]
    amount: Callable[[int], str]


def of_call(seen: Seen) -> tuple[str, ...]:
    """What is dangerous about a call of this function, with these values."""
    check = _CHECKS.get(seen.function)
    return tuple(check(seen)) if check is not None else ()


def _always(text: str) -> Callable[[Seen], Iterator[str]]:
    """A warning of a function whatever it is called with; parameters in braces are put into words."""

    def check(seen: Seen) -> Iterator[str]:
        yield text.format_map(_Told(seen))

    return check


class _Told(dict[str, str]):
    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def __missing__(self, name: str) -> str:
        return self._seen.told(name) if name in self._seen.values else name


# --- Tokens ------------------------------------------------------------------------------------------


def _transfer_from(seen: Seen) -> Iterator[str]:
    """Of an asset, or of a token that somebody let the caller take; by their places, since both have one selector."""
    _from, to, number = list(seen.values)[:3]
    if seen.contract == "AssetRegistry":
        yield f"{seen.told(to)} becomes the owner of asset {seen.told(number)}, of its revenue and of all it may do"
    else:
        yield f"{seen.told(number)} of this token, or the token of that number, goes to {seen.told(to)}"


def _approve(seen: Seen) -> Iterator[str]:
    """Of an asset, or of an amount of a token; by their places, since both have one selector."""
    names = list(seen.values)
    spender, number = names[1:3] if seen.function == "permit" else names[:2]
    units = seen.values[number]
    if seen.contract == "AssetRegistry":
        if seen.values[spender] != ZERO_ADDRESS:
            yield f"{seen.told(spender)} could take asset {seen.told(number)} from then on"
        return
    if not units and seen.known:
        return
    held = seen.held()
    what = seen.amount(units) if seen.known else f"{units:,} of this token, or the token of that number,"
    told = f"{seen.told(spender)} could take {what} from then on"
    if held is not None and units > held:
        told += f": more than the {seen.amount(held)} that is there, so that the approval has no bound"
    elif held is None and units >= UNBOUNDED:
        told += ": the approval has no bound"
    yield told


def _approve_all(seen: Seen) -> Iterator[str]:
    if seen.values.get("approved"):
        yield f"{seen.told('operator')} could take every token of this collection"


# --- Assets and market -------------------------------------------------------------------------------


def _roles(seen: Seen) -> Iterator[str]:
    if seen.values.get("roles"):
        yield f"{seen.told('account')} may act for the owner of asset {seen.told('assetId')} from then on"


def _seller(seen: Seen) -> Iterator[str]:
    if seen.values.get("allowed"):
        yield f"{seen.told('seller')} could give out units of every open licence, with or without payment"


# --- Who decides -------------------------------------------------------------------------------------


def _grant(seen: Seen) -> Iterator[str]:
    if isinstance(seen.values.get("role"), bytes):
        role = TIMELOCK_ROLES.get(seen.values["role"], "0x" + seen.values["role"].hex())
        yield f"whoever has the role {role} of a timelock acts past the votes, or can hold them up"
    elif seen.values.get("roleId") == 0:
        yield "an administrator of the authority can change every rule without a vote"
    elif "roleId" in seen.values:
        yield f"{seen.told('account')} may call what is for the role {seen.told('roleId')} from then on"


def _revoke(seen: Seen) -> Iterator[str]:
    if isinstance(seen.values.get("role"), bytes) or seen.values.get("roleId") == 0:
        yield "without this role the DAO may lose the power to carry out what it decides, for good"


def _open(seen: Seen) -> Iterator[str]:
    if seen.values.get("roleId") == PUBLIC_ROLE:
        yield "from then on everybody may call these functions"


def _closed(seen: Seen) -> Iterator[str]:
    if seen.values.get("closed"):
        yield "nobody may call the functions of this contract that are for roles any more"


def _guardian(seen: Seen) -> Iterator[str]:
    if seen.values.get("guardian_") == ZERO_ADDRESS or not seen.values.get("until"):
        yield "nobody could stop a harmful proposal any more: this ends the guardianship"
    else:
        yield f"{seen.told('guardian_')} can stop every proposal from then on"


def _relay(seen: Seen) -> Iterator[str]:
    if seen.contract == "RegistryGovernor":
        yield "this acts as the governor itself"


# --- Safes -------------------------------------------------------------------------------------------


def _delegatecall(seen: Seen) -> Iterator[str]:
    if seen.values.get("operation") == 1:
        yield "a Safe would run foreign code as its own (delegatecall)"
    if seen.values.get("gasPrice"):
        refund = f"{seen.told('refundReceiver')} is paid by the Safe for gas"
        yield f"{refund}, {seen.values['gasPrice']:,} units of {seen.told('gasToken')} for each unit of it"


_DECIDES: Final = "this changes who decides for the team"

_CHECKS: Final[Mapping[str, Callable[[Seen], Iterator[str]]]] = {
    "approve": _approve,
    "permit": _approve,
    "setApprovalForAll": _approve_all,
    "transferFrom": _transfer_from,
    "safeTransferFrom": _transfer_from,
    "setRoles": _roles,
    "setSeller": _seller,
    "transferOwnership": _always("{newOwner} owns all that is and will be in this contract"),
    "setAuthority": _always("this hands the rule over a contract to {newAuthority}: there is no way back by a vote"),
    "updateAuthority": _always("this hands the rule over a contract to {newAuthority}: there is no way back by a vote"),
    "grantRole": _grant,
    "revokeRole": _revoke,
    "renounceRole": _revoke,
    "setRoleAdmin": _always("whoever has the role {admin} hands out the role {roleId} from then on"),
    "setRoleGuardian": _always("whoever has the role {guardian} can stop what the role {roleId} does from then on"),
    "setTargetFunctionRole": _open,
    "setTargetClosed": _closed,
    "setGuardian": _guardian,
    "updateDelay": _always("this changes how long people have to leave before a decision takes effect"),
    "relay": _relay,
    "setup": _always("this sets a Safe up: {_threshold} of {_owners} decide for it"),
    "simulateAndRevert": _always("a Safe would run foreign code of {targetContract} as its own, and take it all back"),
    "simulate": _always("a Safe would run foreign code of {targetContract} as its own, and take it all back"),
    "addOwnerWithThreshold": _always(f"{_DECIDES}: {{owner}} becomes an owner, and {{_threshold}} of them decide"),
    "removeOwner": _always(f"{_DECIDES}: {{owner}} is an owner no more, and {{_threshold}} of the others decide"),
    "swapOwner": _always(f"{_DECIDES}: {{newOwner}} takes the place of {{oldOwner}}"),
    "changeThreshold": _always(f"{_DECIDES}: {{_threshold}} of its owners"),
    "enableModule": _always(f"{_DECIDES}: {{module}} can do all of it without any owner"),
    "disableModule": _always(f"{_DECIDES}: {{module}} no more"),
    "setGuard": _always(f"{_DECIDES}: {{guard}} can refuse all of it, this and every way back too"),
    "setModuleGuard": _always(f"{_DECIDES}: {{moduleGuard}} can refuse all that its modules do"),
    "setFallbackHandler": _always(f"{_DECIDES}: {{handler}} says what it has signed (ERC-1271)"),
    "approveHash": _always("this is the signature of an owner: the Safe may do what it agrees to"),
    "execTransaction": _delegatecall,
    "execTransactionFromModule": _delegatecall,
    "execTransactionFromModuleReturnData": _delegatecall,
}
