"""The deployment of a registry as a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from registry.chain.addresses import CANONICAL, CONTRACTS, Dao, Deployment
from registry.chain.artifacts import artifact
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.plan import FACTORY, StepPlan, creation, first_block
from registry.chain.safe import NAMES, SAFE_VERSION, is_part, safe_part
from registry.errors import ConnectionFailed, DeploymentError, InputError, NotDeployed, RegistryError
from registry.types import Address, to_address

GUARDIAN: Final = 1
"""Role that may pause new publications and sales."""

CURATOR: Final = 2
"""Role that may delist assets."""

TREASURER: Final = 3
"""Role that may change where fees go, once there is a DAO."""

_ROLES: Final = ((GUARDIAN, "GUARDIAN"), (CURATOR, "CURATOR"))

FUNCTIONS: Final = (
    ("registry", "pausePublications(uint48)", GUARDIAN),
    ("registry", "pauseSales(uint48)", GUARDIAN),
    ("registry", "setDelisted(uint256,bool)", CURATOR),
)
"""Contract, function and role of what is not for the administrator."""

# Measured, whole transactions; what a plan shows before anything is deployed.
_GAS: Final = {
    "factory": 90_000,
    "authority": 2_090_000,
    "lineage": 2_093_000,
    "splitters": 1_383_000,
    "registry": 6_787_000,
    "marketplace": 799_000,
    "streams": 2_343_000,
    "escrow": 3_632_000,
    "directory": 457_000,
    "safe.singleton": 5_333_000,
    "safe.factory": 713_000,
    "safe.handler": 1_270_000,
    "safe.multisend": 142_000,
    "teams": 1_179_000,
    "setSeller": 93_000,
    "directory.entries": 846_000,
    "setPaymentToken": 70_000,
    "roles": 196_000,
}

FEE_MAX: Final = 500
"""Basis points: the cap in the registry's code."""

SELLERS: Final = ("marketplace", "streams", "escrow")
"""The contracts that may sell, by the name they have in a `Deployment`."""


def version() -> str:
    """Return the name of the contracts' code as this package ships it."""
    code = b"".join(artifact(name).bytecode for name in CONTRACTS.values())
    return sha256(code).hexdigest()[:16]


def safe_creation(key: str) -> tuple[Address, bytes]:
    """Return where a part of the Safe stands that `FACTORY` created, and what to send to it: the same for everybody."""
    code = safe_part(key).creation
    address = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + bytes(32) + keccak(code))[12:]
    return to_address(address), bytes(32) + code


def entry_words(entries: Mapping[str, Address]) -> list[tuple[bytes, Address]]:
    """Return entries as the directory takes them."""
    return [(name.encode().ljust(32, b"\0"), address) for name, address in entries.items()]


def listed_contracts(made: Deployment | Plan, dao: Dao | None = None) -> dict[str, Address]:
    """Return what the directory lists: all contracts by name, but the registry, which answers with it."""
    listed = {key: getattr(made, key) for key in CONTRACTS if key != "registry"}
    listed |= {f"safe.{key}": address for key, address in made.safe.items()}
    if dao is None:
        return listed
    of_dao = {field.name: getattr(dao, field.name) for field in fields(Dao) if field.name != "block"}
    return listed | {name: address for name, address in of_dao.items() if address is not None}


def directory_entries(chain: Chain, registry: Address) -> dict[str, Address]:
    """Return all contracts of a registry by name, as the registry itself tells them."""
    listed = chain.call(chain.contract("AssetRegistry", registry).functions.contracts())
    return {
        bytes(name).rstrip(b"\0").decode(errors="replace"): to_address(account)
        for name, account in listed
        if int(account, 16)
    }


class Plan(StepPlan[Deployment]):
    """A deployment on one chain, and how far it is. Made by `plan`. Raises `InputError` for an impossible one."""

    GAS = _GAS

    def __init__(
        self,
        chain: Chain,
        deployer: str,
        *,
        treasury: str,
        fee_bps: int,
        payment_tokens: Sequence[str] | Mapping[str, str],
    ) -> None:
        if not 0 <= fee_bps <= FEE_MAX:
            raise InputError(f"A fee of {fee_bps} basis points is not possible.", hint=f"It is 0 to {FEE_MAX}.")
        super().__init__(chain, deployer)
        self.treasury = to_address(treasury)
        self.fee_bps = fee_bps
        self._given = payment_tokens
        self.authority = self._part("authority", [self.deployer])
        self.directory = self._part("directory", [self.authority])
        self.lineage = self._part("lineage", [])
        self.splitters = self._part("splitters", [])
        fixed = [self.authority, self.directory, self.lineage]
        self.registry = self._part("registry", [*fixed, self.treasury, fee_bps])
        self.marketplace = self._part("marketplace", [self.registry])
        self.streams = self._part("streams", [self.registry])
        self.escrow = self._part("escrow", [self.authority, self.registry])
        self.safe, self.teams = self._choose_safe()
        if int(self.treasury, 16) == 0 or self.treasury in self.sellers:
            raise InputError(
                f"The treasury cannot be {self.treasury}.", hint="Name the account that receives the fees."
            )

    def _part(self, key: str, arguments: Sequence[Any]) -> Address:
        return self._create(key, CONTRACTS[key], arguments)

    def _choose_safe(self) -> tuple[dict[str, Address], Address]:
        """Return the parts of the Safe and the address of the TeamFactory that uses them.

        Those of the whole world where they are, our own copies elsewhere. Whichever an existing TeamFactory
        uses stays, even if somebody creates the others later.
        """
        own = {key: safe_creation(key) for key in CANONICAL}
        self._code |= {f"safe.{key}": code for key, (_address, code) in own.items()}
        copies = {key: address for key, (address, _code) in own.items()}
        shared = all(is_part(self.chain, address, key) for key, address in CANONICAL.items())
        preferred = [dict(CANONICAL), copies] if shared else [copies]
        choices = [(parts, *self._team_factory(parts)) for parts in preferred]
        parts, address, code = next((c for c in choices if self.chain.has_code(c[1])), choices[0])
        self._code["teams"] = code
        return parts, address

    def _team_factory(self, safe: Mapping[str, Address]) -> tuple[Address, bytes]:
        arguments = [self.registry, self.splitters, safe["factory"], safe["singleton"], safe["handler"]]
        return creation(CONTRACTS["teams"], self.deployer, arguments)

    @property
    def intent(self) -> str:
        """What the plan is for, in the journal."""
        return f"deploy:{self.registry}"

    @property
    def sellers(self) -> list[Address]:
        """The contracts that may sell."""
        return [getattr(self, name) for name in SELLERS]

    @cached_property
    def tokens(self) -> dict[str, Address]:
        """The payment tokens by symbol, as they say themselves; raises `DeploymentError` for what is no token."""
        if isinstance(self._given, Mapping):
            named = {symbol: to_address(address) for symbol, address in self._given.items()}
            for address in named.values():
                self._symbol(address)
            return named
        found: dict[str, Address] = {}
        for address in map(to_address, self._given):
            symbol = self._symbol(address)
            if found.setdefault(symbol, address) != address:
                raise DeploymentError(
                    f"Tokens {found[symbol]} and {address} are both called {symbol}.",
                    hint="Pass payment_tokens as a dict with a name for each.",
                )
        return found

    def prepare(self) -> None:
        """Look whether the payment tokens are tokens, and the registry is still the deployer's; `DeploymentError`."""
        _ = self.tokens
        if self.chain.has_code(self.authority) and not self._has_role(0):
            raise DeploymentError(
                f"{self.deployer} does not administer the registry {self.registry} any more: it was given away.",
                hint="'registry dao check' shows to whom.",
            )

    def result(self) -> Deployment:
        """Return the record of what the plan leads to; raises `NotDeployed` before the registry exists."""
        if not self.chain.has_code(self.registry):
            raise NotDeployed(self.chain.chain_id, f"the plan's registry {self.registry} was not created yet")
        return Deployment(
            chain_id=self.chain.chain_id,
            registry=self.registry,
            marketplace=self.marketplace,
            streams=self.streams,
            escrow=self.escrow,
            authority=self.authority,
            directory=self.directory,
            lineage=self.lineage,
            splitters=self.splitters,
            teams=self.teams,
            safe=self.safe,
            deployer=self.deployer,
            treasury=self.treasury,
            fee_bps=self.fee_bps,
            tokens=self.tokens,
            block=first_block(self.chain, self.registry),
            version=version(),
        )

    def check(self) -> list[str]:
        """Return all that differs from the plan on chain; nothing for a deployment that is as planned.

        The code needs no comparison: an address that follows from the creation code, its arguments and
        the factory can hold nothing else. So it is looked whether there is code at each, and then
        at every setting and role.
        """
        missing = [
            f"there is no {name} at {getattr(self, key)}"
            for key, name in CONTRACTS.items()
            if not self.chain.has_code(getattr(self, key))
        ]
        missing += [
            f"there is no {NAMES[key]} of the Safe at {address}"
            for key, address in self.safe.items()
            if not is_part(self.chain, address, key)
        ]
        if missing:
            return missing
        problems = []
        for what, planned, function in self._expected():
            actual = self.chain.call(function)
            if actual != planned:
                problems.append(f"{what} is {actual}, not {planned}")
        listed = self._listed()
        problems += [
            f"the directory has {listed.get(name)} as {name}, not {account}"
            for name, account in self.entries.items()
            if listed.get(name) != account
        ]
        allowed = self._allowed_tokens()
        problems += [
            f"{name} ({token}) is not a payment token" for name, token in self.tokens.items() if token not in allowed
        ]
        problems += [f"the token {token} is allowed beyond the plan" for token in allowed - set(self.tokens.values())]
        for contract, signature, role in FUNCTIONS:
            actual = self._role_of(contract, signature)
            if actual != role:
                problems.append(f"{contract}.{signature} is for role {actual}, not {role}")
        for role, name in ((0, "administrator"), *_ROLES):
            if not self._has_role(role):
                problems.append(f"the deployer {self.deployer} does not hold the role {name}")
        return problems

    # --- Internal --------------------------------------------------------------------------------

    def _expected(self) -> list[tuple[str, Any, ContractFunction]]:
        """What is planned of single settings: in words, the value, and the question that has it for an answer."""
        return [
            ("the registry's authority", self.authority, self._registry.functions.authority()),
            ("the registry's lineage", self.lineage, self._registry.functions.lineage()),
            ("the treasury, the fee and the pause of sales", [self.treasury, self.fee_bps, 0], self._rules),
            ("the pause of publications", 0, self._registry.functions.publicationsPausedUntil()),
            *((f"that {seller} sells", True, self._registry.functions.isSeller(seller)) for seller in self.sellers),
            *(
                (
                    f"the registry of the {name}",
                    self.registry,
                    self.chain.contract(CONTRACTS[name], seller).functions.registry(),
                )
                for name, seller in zip(SELLERS, self.sellers, strict=True)
            ),
        ]

    @cached_property
    def _registry(self) -> Contract:
        return self.chain.contract("AssetRegistry", self.registry)

    @cached_property
    def _market(self) -> Contract:
        return self.chain.contract("Marketplace", self.marketplace)

    @property
    def _rules(self) -> ContractFunction:
        return self._registry.functions.salesRules()

    @cached_property
    def _manager(self) -> Contract:
        return self.chain.contract("RegistryAuthority", self.authority)

    def outline(self) -> list[tuple[str, str, Address]]:
        """Key, title and address of each step, in order."""
        tokens = [
            (f"setPaymentToken:{token}", f"Allow payment in {name}", token) for name, token in self.tokens.items()
        ]
        return [
            ("factory", "Create the CREATE2 factory", FACTORY),
            *((key, f"Create {name}", getattr(self, key)) for key, name in CONTRACTS.items() if key != "teams"),
            *(
                (f"safe.{key}", f"Create {NAMES[key]} of the Safe {SAFE_VERSION}", address)
                for key, address in self.safe.items()
            ),
            ("teams", f"Create {CONTRACTS['teams']}", self.teams),
            *(
                (f"setSeller:{seller}", f"Let the {name} sell", seller)
                for name, seller in zip(SELLERS, self.sellers, strict=True)
            ),
            *tokens,
            ("directory.entries", "List the contracts in the directory", self.directory),
            ("roles", "Set up the roles GUARDIAN and CURATOR", self.authority),
        ]

    @property
    def entries(self) -> dict[str, Address]:
        """What the directory lists."""
        return listed_contracts(self)

    def _listed(self) -> dict[str, Address]:
        return directory_entries(self.chain, self.registry)

    def done(self, key: str) -> bool:
        """Whether a step shows on chain."""
        if key == "factory" or key in CONTRACTS:
            return self.chain.has_code(FACTORY if key == "factory" else getattr(self, key))
        if key.startswith("safe."):
            return self.chain.has_code(self.safe[key.removeprefix("safe.")])
        if key.startswith("setSeller:"):
            seller = key.partition(":")[2]
            return self._exists and bool(self.chain.call(self._registry.functions.isSeller(seller)))
        if key == "directory.entries":
            return self._exists and self.entries.items() <= self._listed().items()
        if key == "roles":
            return self.chain.has_code(self.authority) and not self._missing_roles()
        return self._exists and key.partition(":")[2] in self._allowed_tokens()

    @property
    def _exists(self) -> bool:
        return self.chain.has_code(self.registry)

    def _allowed_tokens(self) -> set[Address]:
        listed = self.chain.call(self._registry.functions.paymentTokens())
        return {to_address(token) for token, allowed in listed if allowed and int(token, 16)}

    def _role_of(self, contract: str, signature: str) -> int:
        selector = keccak(text=signature)[:4]
        return int(self.chain.call(self._manager.functions.getTargetFunctionRole(getattr(self, contract), selector)))

    def _has_role(self, role: int) -> bool:
        return bool(self.chain.call(self._manager.functions.hasRole(role, self.deployer))[0])

    def _missing_roles(self) -> list[bytes]:
        """Return the encoded calls that the authority still needs. Labels go with the functions of their role."""
        calls: list[ContractFunction] = []
        functions = self._manager.functions
        for role, name in _ROLES:
            wanted = [
                functions.setTargetFunctionRole(getattr(self, contract), [keccak(text=signature)[:4]], role)
                for contract, signature, of in FUNCTIONS
                if of == role and self._role_of(contract, signature) != role
            ]
            if wanted:
                calls += [functions.labelRole(role, name), *wanted]
            if not self._has_role(role):
                calls.append(functions.grantRole(role, self.deployer, 0))
        return [bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x")) for call in calls]

    def call(self, key: str) -> Call | ContractFunction:
        """The transaction of a step that creates no contract."""
        if key.startswith("setSeller:"):
            return self._registry.functions.setSeller(key.partition(":")[2], True)
        if key == "directory.entries":
            return self.chain.contract("Directory", self.directory).functions.setEntries(entry_words(self.entries))
        if key == "roles":
            # One transaction: a role is never seen half set up.
            return self._manager.functions.multicall(self._missing_roles())
        return self._registry.functions.setPaymentToken(key.partition(":")[2], True)

    def _symbol(self, token: Address) -> str:
        if not self.chain.has_code(token):
            raise DeploymentError(
                f"There is no token at {token} on chain {self.chain.chain_id}.", hint="Check the address."
            )
        contract = self.chain.contract("LocalDollar", token)
        try:
            self.chain.call(contract.functions.decimals())
            symbol = str(self.chain.call(contract.functions.symbol())).strip()
        except ConnectionFailed:
            raise
        except (RegistryError, UnicodeDecodeError, OverflowError) as error:
            raise DeploymentError(f"{token} does not answer like a token: {error}") from error
        if not symbol:
            raise DeploymentError(
                f"Token {token} has no symbol.", hint="Pass payment_tokens as a dict with a name for it."
            )
        return symbol


def plan(
    chain: Chain,
    deployer: str,
    *,
    treasury: str,
    fee_bps: int = 100,
    payment_tokens: Sequence[str] | Mapping[str, str] = (),
) -> Plan:
    """Return the plan for a registry on `chain` whose administrator is `deployer`.

    `treasury` receives the fee of `fee_bps` basis points (0 to 500). `payment_tokens` are addresses
    of ERC-20 tokens, or a dict of them by name. Raises `InputError`.
    """
    return Plan(chain, deployer, treasury=treasury, fee_bps=fee_bps, payment_tokens=payment_tokens)
