"""Who holds which power over a registry and its DAO, as the chain's own record of grants tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.crypto import keccak
from web3.contract import Contract

from registry.chain.connection import Chain
from registry.chain.plan import first_block
from registry.types import Address, to_address

ADMIN: Final = 0
"""The role of the authority that may do what no other role is for, and give all roles."""

TIMELOCK_ADMIN: Final = "DEFAULT_ADMIN_ROLE"
TIMELOCK_ROLES: Final = ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")

_ROLE_IDS: Final = {
    TIMELOCK_ADMIN: bytes(32),
    **{name: keccak(text=name) for name in TIMELOCK_ROLES},
}


@dataclass(frozen=True, slots=True)
class Powers:
    """Who may do what now.

    ============ ==========================================================================================
    members      of each role of the authority; `ADMIN` is 0
    functions    (contract, selector) of each function that a role other than `ADMIN` may call, with the role
    oddities     what else was set at the authority that bends this: closed targets, delays, admins of roles
    timelock     holders of each role of the timelock, by its name; empty without a timelock
    proposers    who may schedule in the timelock, and who once could while something waits there: it may be theirs
    ============ ==========================================================================================
    """

    members: Mapping[int, frozenset[Address]]
    functions: Mapping[tuple[Address, bytes], int]
    oddities: tuple[str, ...]
    timelock: Mapping[str, frozenset[Address]]
    proposers: frozenset[Address]

    def against(
        self,
        members: Mapping[int, Iterable[Address]],
        functions: Mapping[tuple[Address, bytes], int],
        timelock: Mapping[str, Iterable[Address]],
    ) -> list[str]:
        """Return all that differs from what is planned."""
        problems = list(self.oddities)
        problems += _unlike("the authority's role", self.members, members)
        problems += _unlike("the timelock's", self.timelock, timelock)
        for target, selector in dict.fromkeys([*functions, *self.functions]):
            now, then = self.functions.get((target, selector), ADMIN), functions.get((target, selector), ADMIN)
            if now != then:
                problems.append(f"0x{selector.hex()} of {target} is for role {now}, not {then}")
        strangers = self.proposers - set(timelock.get(TIMELOCK_ROLES[0], ()))
        problems += [f"{account} could once schedule in the timelock" for account in sorted(strangers)]
        return problems


def _unlike(what: str, actual: Mapping[Any, Iterable[Address]], planned: Mapping[Any, Iterable[Address]]) -> list[str]:
    problems = []
    for role in dict.fromkeys([*planned, *actual]):
        held, wanted = set(actual.get(role, ())), set(planned.get(role, ()))
        problems += [f"{account} holds {what} {role} beyond the plan" for account in sorted(held - wanted)]
        problems += [f"{account} does not hold {what} {role}" for account in sorted(wanted - held)]
    return problems


def role_id(name: str) -> bytes:
    """Return the number of a role of the timelock by its name."""
    return _ROLE_IDS[name]


def powers(chain: Chain, authority: Address, timelock: Address | None = None) -> Powers:
    """Read who may do what from the events of the authority and the timelock, checked against their state."""
    manager = chain.contract("RegistryAuthority", authority)
    events, functions, since = manager.events, manager.functions, first_block(chain, authority)
    granted = {
        (int(event.args["roleId"]), to_address(event.args["account"]))
        for event in chain.events(events.RoleGranted(), from_block=since)
    }
    members: dict[int, set[Address]] = {role: set() for role, _account in sorted(granted)}
    oddities: list[str] = []
    for role, account in sorted(granted):
        _since, delay, _pending, _effect = chain.call(functions.getAccess(role, account))
        # A grant that takes effect later is one.
        if _since:
            members[role].add(account)
            if delay:
                oddities.append(f"{account} holds the authority's role {role} with a delay of {delay} seconds")
    assigned: dict[tuple[Address, bytes], int] = {}
    for event in chain.events(events.TargetFunctionRoleUpdated(), from_block=since):
        target, selector = to_address(event.args["target"]), bytes(event.args["selector"])
        assigned[target, selector] = int(chain.call(functions.getTargetFunctionRole(target, selector)))
    oddities += _bent(chain, manager, since)
    held, proposers = _timelock_holders(chain, timelock) if timelock is not None else ({}, frozenset())
    return Powers(
        members={role: frozenset(accounts) for role, accounts in members.items()},
        functions={key: role for key, role in assigned.items() if role != ADMIN},
        oddities=tuple(dict.fromkeys(oddities)),
        timelock=held,
        proposers=proposers,
    )


def _bent(chain: Chain, manager: Contract, since: int) -> list[str]:
    """What was set at the authority that bends who may do what, and was not set back."""
    functions, found = manager.functions, []
    for what, event, subject, ask, value in (
        ("{} is closed", "TargetClosed", "target", "isTargetClosed", "closed"),
        ("the settings of {} have a delay", "TargetAdminDelayUpdated", "target", "getTargetAdminDelay", "delay"),
        ("the role {} is given by another", "RoleAdminChanged", "roleId", "getRoleAdmin", "admin"),
        ("the role {} is guarded by another", "RoleGuardianChanged", "roleId", "getRoleGuardian", "guardian"),
        ("the role {} is given with a delay", "RoleGrantDelayChanged", "roleId", "getRoleGrantDelay", "delay"),
    ):
        # The last one tells what is coming, the state what holds: a change may take effect later.
        last = {one.args[subject]: one.args[value] for one in chain.events(manager.events[event](), from_block=since)}
        bent = (key for key, coming in last.items() if coming or chain.call(functions[ask](key)))
        found += [f"at the authority {what.format(key)}" for key in bent]
    return found


def _timelock_holders(chain: Chain, address: Address) -> tuple[dict[str, frozenset[Address]], frozenset[Address]]:
    contract, since = chain.contract("RegistryTimelock", address), first_block(chain, address)
    ever: dict[bytes, set[Address]] = {number: set() for number in _ROLE_IDS.values()}
    for event in chain.events(contract.events.RoleGranted(), from_block=since):
        ever.setdefault(bytes(event.args["role"]), set()).add(to_address(event.args["account"]))
    names = {number: name for name, number in _ROLE_IDS.items()}
    held = {
        names.get(role, f"role 0x{role.hex()}"): frozenset(
            account for account in accounts if chain.call(contract.functions.hasRole(role, account))
        )
        for role, accounts in ever.items()
    }
    proposers = frozenset(ever[role_id("PROPOSER_ROLE")])
    if proposers - held["PROPOSER_ROLE"]:
        scheduled = {
            bytes(event.args["id"]) for event in chain.events(contract.events.CallScheduled(), from_block=since)
        }
        if not any(chain.call(contract.functions.isOperationPending(number)) for number in scheduled):
            proposers = held["PROPOSER_ROLE"]
    return held, proposers
