"""The founding of a DAO as a plan: its contracts, what they are given, and the deployer's leaving.

It ends with nobody above the DAO. Its timelock administers the authority and is the treasury, its governor alone can
use the timelock, the brake alone may pause, curation alone may delist, where fees go is changed among what the DAO
approved, the two sellers of this package alone may sell, the directory names no other contracts than these, and the
deployer holds no role anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from registry.chain.addresses import Dao, Deployment
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.deploy import (
    CURATOR,
    FUNCTIONS,
    GUARDIAN,
    SELLERS,
    TREASURER,
    directory_entries,
    entry_words,
    listed_contracts,
)
from registry.chain.foundation import Foundation
from registry.chain.plan import StepPlan, first_block
from registry.chain.powers import ADMIN, TIMELOCK_ADMIN, TIMELOCK_ROLES, powers, role_id
from registry.errors import DeploymentError, InputError, NotDeployed, WrongChain
from registry.types import Address, to_address

ALLOCATION_GAS: Final = 29_200

DAO_FUNCTIONS: Final = (("registry", "setTreasury(address)", TREASURER),)
"""Contract, function and role of what is the administrator's until there is a DAO."""

_CONTRACTS: Final = {
    "timelock": "RegistryTimelock",
    "token": "RegistryToken",  # nosec B105 # the name of a contract
    "governor": "RegistryGovernor",
    "standards": "Standards",
    "curation": "Curation",
    "brake": "Brake",
    "treasuries": "Treasuries",
    "distributor": "TokenDistributor",
}
"""What is created, in order, by the name it has in a `Dao`."""


class FoundingPlan(StepPlan[Deployment]):
    """The founding of a DAO over a deployment, and how far it is. Made by `found`."""

    NOUN = "DAO"
    # Measured, whole transactions; the token without its allocations.
    GAS: Mapping[str, int] = {
        "timelock": 1_353_000,
        "token": 1_611_000,  # nosec B105 # gas
        "governor": 4_426_000,
        "standards": 919_000,
        "curation": 2_246_000,
        "brake": 608_000,
        "treasuries": 500_000,
        "distributor": 1_140_000,
        "fund": 51_000,
        "use": 51_000,
        "treasury": 74_000,
        "bond": 59_000,
        "list": 617_000,
        "roles": 187_000,
        "leave:authority": 43_000,
        "leave:timelock": 25_000,
    }

    def __init__(self, chain: Chain, deployment: Deployment, foundation: Foundation) -> None:
        super().__init__(chain, deployment.deployer)
        self.base = replace(deployment, dao=None)
        self.foundation = foundation
        self._bonds = {to_address(token): bond for token, bond in foundation.bonds.items()}
        given, rules, base = foundation, foundation.rules.of(foundation.supply), deployment
        self.timelock = self._part("timelock", [given.delay, self.deployer])
        self._shares = shares = [(to_address(account), amount) for account, amount in given.allocations.items()]
        if given.treasury:
            shares.append((self.timelock, given.treasury))
        if given.listed:
            # The distributor's address follows from the token's, so it is paid by the deployer.
            shares.append((self.deployer, given.listed.total))
        self.token = self._part("token", [given.name, given.symbol, shares])
        self.governor = self._part("governor", [self.token, self.timelock, rules.words])
        self.standards = self._part("standards", [base.authority, base.registry])
        self.curation = self._part("curation", [base.authority, base.registry])
        self.brake = self._part("brake", [base.authority, base.registry, self.governor])
        self.treasuries = self._part("treasuries", [base.authority, base.registry, self.governor, [self.timelock]])
        self.distributor: Address | None = None
        if given.listed:
            listed = given.listed
            self.distributor = self._part("distributor", [self.token, listed.root, listed.end, self.timelock])

    def _gas_of(self, key: str) -> int:
        return super()._gas_of(key) + (ALLOCATION_GAS * len(self._shares) if key == "token" else 0)

    def _part(self, key: str, arguments: list[Any]) -> Address:
        return self._create(key, _CONTRACTS[key], arguments)

    @property
    def intent(self) -> str:
        """What the plan is for, in the journal."""
        return f"found:{self.governor}"

    def prepare(self) -> None:
        """Look whether all this can be done; raises `InputError`, and `DeploymentError` if the deployer may not."""
        if self._left:
            return
        self.foundation.check(self.chain.block().timestamp)
        for token in self._bonds:
            if not self.chain.has_code(token):
                raise InputError(f"There is no token {token} to take bonds in.", hint="Check the address.")
        if not self._has_role(ADMIN, self.deployer):
            raise DeploymentError(
                f"{self.deployer} does not administer the registry {self.base.registry}, so it cannot give it away.",
                hint="If it was given to a DAO already, pass the record that names it.",
            )

    # --- The steps -------------------------------------------------------------------------------

    def outline(self) -> list[tuple[str, str, Address]]:
        """Key, title and address of each step, in order."""
        created = [(key, f"Create {_CONTRACTS[key]}", self._address(key)) for key in _CONTRACTS if self._address(key)]
        funded = [("fund", "Give the distributor what it distributes", self.distributor)] if self.distributor else []
        used = [
            (f"use:{role}", f"Make the governor the timelock's {role.partition('_')[0].lower()}", self.governor)
            for role in TIMELOCK_ROLES
        ]
        bonds = [(f"bond:{token}", f"Take bonds in {token}", self.curation) for token in self._bonds]
        return [
            *((key, title, to_address(address or "")) for key, title, address in [*created, *funded]),
            *used,
            ("treasury", "Make the timelock the treasury", self.timelock),
            *bonds,
            ("list", "List the contracts of the DAO in the directory", self.base.directory),
            ("roles", "Give the roles to the timelock, the brake, curation and treasuries", self.base.authority),
            ("leave:authority", "Leave the authority: the deployer renounces all roles", self.base.authority),
            ("leave:timelock", "Leave the timelock: the deployer renounces its administration", self.timelock),
        ]

    def done(self, key: str) -> bool:
        """Whether a step shows on chain. What is the DAO's to change is done once the deployer has left."""
        if key in _CONTRACTS:
            return self.chain.has_code(self._address(key) or "")
        if not all(self.chain.has_code(self._address(name) or self.timelock) for name in _CONTRACTS):
            return False
        kind, _, what = key.partition(":")
        if kind == "leave":
            if what == "authority":
                return self._left
            admin = self._timelock.functions.hasRole(role_id(TIMELOCK_ADMIN), self.deployer)
            return not self.chain.call(admin)
        if self._left:
            return True
        if kind == "fund":
            return self._is_funded()
        if kind == "use":
            return bool(self.chain.call(self._timelock.functions.hasRole(role_id(what), self.governor)))
        if kind == "treasury":
            return bool(self.chain.call(self._registry.functions.salesRules())[0] == self.timelock)
        if kind == "bond":
            held = self.chain.call(self._curation.functions.bondIn(what))
            return bool(held == self._bonds[to_address(what)])
        if kind == "list":
            return self._entries.items() <= directory_entries(self.chain, self.base.registry).items()
        return not self._missing_roles()

    def call(self, key: str) -> Call | ContractFunction:
        """The transaction of a step; raises `DeploymentError` for leaving before all else is as planned."""
        kind, _, what = key.partition(":")
        authority = self._authority.functions
        if kind == "fund":
            assert self.foundation.listed is not None
            return self._token.functions.transfer(self.distributor, self.foundation.listed.total)
        if kind == "use":
            return self._timelock.functions.grantRole(role_id(what), self.governor)
        if kind == "treasury":
            return self._registry.functions.setTreasury(self.timelock)
        if kind == "bond":
            return self._curation.functions.setBond(what, self._bonds[to_address(what)])
        if kind == "list":
            directory = self.chain.contract("Directory", self.base.directory)
            return directory.functions.setEntries(entry_words(self._entries))
        if kind == "roles":
            # One transaction: a role is never seen half given.
            return authority.multicall([_encoded(call) for call in self._missing_roles()])
        problems = self._problems(left=1 if what == "timelock" else 0)
        if problems:
            raise DeploymentError(
                f"The deployer stays, since the DAO is not as planned: {'; '.join(problems)}.",
                hint="Undo what was done besides the plan, and run it again.",
            )
        if what == "timelock":
            return self._timelock.functions.renounceRole(role_id(TIMELOCK_ADMIN), self.deployer)
        # The administration goes last.
        held = [role for role in (GUARDIAN, CURATOR, ADMIN) if self._has_role(role, self.deployer)]
        return authority.multicall([_encoded(authority.renounceRole(role, self.deployer)) for role in held])

    # --- The end ---------------------------------------------------------------------------------

    def result(self) -> Deployment:
        """Return the record of what the plan leads to; raises `NotDeployed` before the governor exists."""
        if not self.chain.has_code(self.governor):
            raise NotDeployed(self.chain.chain_id, f"the plan's governor {self.governor} was not created yet")
        dao = Dao(
            token=self.token,
            timelock=self.timelock,
            governor=self.governor,
            standards=self.standards,
            curation=self.curation,
            brake=self.brake,
            treasuries=self.treasuries,
            distributor=self.distributor,
            block=min(first_block(self.chain, address) for address in (self.timelock, self.token, self.standards)),
        )
        return replace(self.base, dao=dao)

    def check(self) -> list[str]:
        """Return all that differs from the plan on chain, with the deployer gone."""
        return self._problems(left=2)

    def _problems(self, *, left: int) -> list[str]:
        """What differs after the deployer has left nothing, the authority (1), and the timelock too (2)."""
        missing = [
            f"there is no {name} at {self._address(key)}"
            for key, name in _CONTRACTS.items()
            if self._address(key) and not self.chain.has_code(self._address(key) or "")
        ]
        if missing:
            return missing
        settings: list[tuple[str, Any, ContractFunction]] = [
            *(
                (f"the bond in {token}", bond, self._curation.functions.bondIn(token))
                for token, bond in self._bonds.items()
            ),
        ]
        found = [(what, planned, self.chain.call(function)) for what, planned, function in settings]
        problems = [f"{what} is {actual}, not {planned}" for what, planned, actual in found if actual != planned]
        treasury = self.chain.call(self._registry.functions.salesRules())[0]
        if treasury != self.timelock:
            problems.append(f"the treasury is {treasury}, not {self.timelock}")
        problems += _market_problems(self.chain, self.result())
        if self.distributor and not self._is_funded():
            problems.append(f"the distributor {self.distributor} was not given what it distributes")
        return problems + self._differences(left)

    def _differences(self, left: int) -> list[str]:
        there = {self.deployer}
        members, timelock = end_state(self.result())
        if left < 1:
            # It never had the role that there is with a DAO only.
            members = {role: who if role == TREASURER else who | there for role, who in members.items()}
        if left < 2:
            timelock = {**timelock, TIMELOCK_ADMIN: timelock[TIMELOCK_ADMIN] | there}
        actual = powers(self.chain, self.base.authority, self.timelock)
        return actual.against(members, functions_of(self.result()), timelock)

    # --- Internal --------------------------------------------------------------------------------

    @property
    def _entries(self) -> dict[str, Address]:
        """The contracts of the DAO as the directory lists them."""
        return {key: to_address(address) for key in _CONTRACTS if (address := self._address(key))}

    @cached_property
    def _registry(self) -> Contract:
        return self.chain.contract("AssetRegistry", self.base.registry)

    @cached_property
    def _authority(self) -> Contract:
        return self.chain.contract("RegistryAuthority", self.base.authority)

    @cached_property
    def _timelock(self) -> Contract:
        return self.chain.contract("RegistryTimelock", self.timelock)

    @cached_property
    def _token(self) -> Contract:
        return self.chain.contract("RegistryToken", self.token)

    @cached_property
    def _curation(self) -> Contract:
        return self.chain.contract("Curation", self.curation)

    def _address(self, key: str) -> Address | None:
        found: Address | None = getattr(self, key)
        return found

    @property
    def _left(self) -> bool:
        """Whether the deployer has left the registry to this DAO, and not to another."""
        if not self._has_role(ADMIN, self.timelock) or self._has_role(ADMIN, self.deployer):
            return False
        return bool(self.chain.call(self._timelock.functions.hasRole(role_id(TIMELOCK_ROLES[0]), self.governor)))

    def _has_role(self, role: int, account: str) -> bool:
        return bool(self.chain.call(self._authority.functions.hasRole(role, account))[0])

    def _is_funded(self) -> bool:
        """Whether the deployer gave the distributor what it distributes; what it holds changes with each claim."""
        assert self.foundation.listed is not None
        parties = {"from": self.deployer, "to": self.distributor}
        given = self.chain.events(self._token.events.Transfer(), filters=parties, from_block=self.base.block)
        return any(event.args["value"] == self.foundation.listed.total for event in given)

    def _missing_roles(self) -> list[ContractFunction]:
        grant, assign = self._authority.functions.grantRole, self._authority.functions.setTargetFunctionRole
        members, _timelock = end_state(self.result())
        asked = self._authority.functions.getTargetFunctionRole
        assigned = [
            assign(target, [selector], role)
            for (target, selector), role in functions_of(self.result()).items()
            if int(self.chain.call(asked(target, selector))) != role
        ]
        return assigned + [
            grant(role, account, 0)
            for role, accounts in members.items()
            for account in accounts
            if not self._has_role(role, account)
        ]


def end_state(deployment: Deployment) -> tuple[dict[int, set[Address]], dict[str, set[Address]]]:
    """Return who holds each role of the authority, and of the timelock, once a DAO is founded."""
    dao = deployment.dao
    assert dao is not None
    members = {
        ADMIN: {dao.timelock},
        GUARDIAN: {dao.brake},
        CURATOR: {dao.curation},
        TREASURER: {dao.treasuries},
    }
    return members, {TIMELOCK_ADMIN: {dao.timelock}} | {role: {dao.governor} for role in TIMELOCK_ROLES}


def functions_of(deployment: Deployment) -> dict[tuple[Address, bytes], int]:
    """Return the functions that are for other roles than the administrator's, with their role."""
    assigned = (*FUNCTIONS, *DAO_FUNCTIONS) if deployment.dao is not None else FUNCTIONS
    return {(getattr(deployment, contract), keccak(text=signature)[:4]): role for contract, signature, role in assigned}


def check_powers(chain: Chain, deployment: Deployment) -> list[str]:
    """Return how the powers over a registry differ from those that the founding of its DAO ended with."""
    if deployment.dao is None:
        return ["the deployment was not given to a DAO"]
    members, timelock = end_state(deployment)
    actual = powers(chain, deployment.authority, deployment.dao.timelock)
    problems = actual.against(members, functions_of(deployment), timelock)
    treasury = chain.call(chain.contract("AssetRegistry", deployment.registry).functions.salesRules())[0]
    treasuries = chain.contract("Treasuries", deployment.dao.treasuries).functions
    if not chain.call(treasuries.isApproved(treasury)):
        problems.append(f"fees go to {treasury}, which the DAO does not approve")
    return problems + _market_problems(chain, deployment)


def _market_problems(chain: Chain, deployment: Deployment) -> list[str]:
    """Return who else may sell, which is to issue any licence, and what the directory names otherwise."""
    registry = chain.contract("AssetRegistry", deployment.registry)
    planned = {getattr(deployment, name) for name in SELLERS}
    # Whoever was ever named is in an event; whether it still sells is asked.
    changes = chain.events(registry.events.SellerChanged(), from_block=deployment.block)
    ever = planned | {to_address(event.args["seller"]) for event in changes}
    selling = {account for account in ever if chain.call(registry.functions.isSeller(account))}
    problems = [f"{account} may sell beyond the plan" for account in sorted(selling - planned)]
    problems += [f"{account} may not sell" for account in sorted(planned - selling)]
    named, wanted = directory_entries(chain, deployment.registry), listed_contracts(deployment, deployment.dao)
    return problems + [
        f"the directory has {named.get(name)} as {name}, not {wanted.get(name)}"
        for name in dict.fromkeys([*wanted, *named])
        if named.get(name) != wanted.get(name)
    ]


def found(chain: Chain, deployment: Deployment, foundation: Foundation) -> FoundingPlan:
    """Return the plan that gives `deployment` to a DAO; raises `WrongChain`."""
    if deployment.chain_id != chain.chain_id:
        raise WrongChain(deployment.chain_id, chain.chain_id, f"The registry {deployment.registry}")
    return FoundingPlan(chain, deployment, foundation)


def _encoded(call: ContractFunction) -> bytes:
    return bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))
