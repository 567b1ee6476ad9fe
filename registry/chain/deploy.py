"""Deployment as a plan: computed, shown, carried out step by step, recorded and checked.

Addresses are known before anything is sent. Each contract is created with CREATE2 (EIP-1014) by the
factory that stands at one address on nearly all chains. The salt binds the deployer and the constructor's
arguments, and the address binds the code too: what stands there is what the plan says, whoever
paid for it, and a plan that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3RPCError

from registry.chain.artifacts import artifact
from registry.chain.connection import Chain
from registry.chain.logs import abi_type
from registry.chain.safe import CANONICAL, NAMES, SAFE_VERSION, is_part, safe_part
from registry.chain.sender import Call, Sender
from registry.errors import ChainError, DeploymentError, InputError, NotDeployed, RegistryError, TransactionReverted
from registry.types import Address, ChainId, to_address

FACTORY: Final = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
"""The CREATE2 factory: its calldata is a 32-byte salt and creation code."""

FACTORY_SIGNER: Final = Address("0x3fAB184622Dc19b6109349B94811493BF2a45362")
"""Whose only transaction creates the factory. Nobody has its key: the signature was made up first."""

FACTORY_COST: Final = 10**16
"""Wei that the signer needs: 100,000 gas at 100 gwei, fixed by the signature."""

FACTORY_TRANSACTION: Final = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe"
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f5"
    "8015156039578182fd5b8082525050506014600cf3"
    "1ba0" + "22" * 32 + "a0" + "22" * 32
)
"""The signed transaction (github.com/Arachnid/deterministic-deployment-proxy), the same on every chain."""

FACTORY_CODE_HASH: Final = bytes.fromhex("2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989")
"""keccak of the factory's code."""

SALT_TAG: Final = "registry.deployment.v1"

GUARDIAN: Final = 1
"""Role that may pause new publications and sales."""

CURATOR: Final = 2
"""Role that may delist assets."""

_ROLES: Final = ((GUARDIAN, "GUARDIAN"), (CURATOR, "CURATOR"))

CONTRACTS: Final = {
    "authority": "RegistryAuthority",
    "lineage": "Lineage",
    "splitters": "SplitterFactory",
    "registry": "AssetRegistry",
    "marketplace": "Marketplace",
    "teams": "TeamFactory",
}
"""What is created, in order, by the name it has in a `Deployment`."""

# Contract, function, role.
_FUNCTIONS: Final = (
    ("registry", "pausePublications(uint48)", GUARDIAN),
    ("marketplace", "pauseSales(uint48)", GUARDIAN),
    ("registry", "setDelisted(uint256,bool)", CURATOR),
)

# Measured, whole transactions; what a plan shows before anything is deployed.
_GAS: Final = {
    "factory": 90_000,
    "authority": 2_090_000,
    "lineage": 1_950_000,
    "splitters": 1_520_000,
    "registry": 5_750_000,
    "marketplace": 1_175_000,
    "safe.singleton": 5_333_000,
    "safe.factory": 713_000,
    "safe.handler": 1_270_000,
    "safe.multisend": 142_000,
    "teams": 824_000,
    "setMarketplace": 62_000,
    "setPaymentToken": 69_000,
    "roles": 196_000,
}

FEE_MAX: Final = 500
"""Basis points: the cap in the marketplace's code."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: what it does, whether that is done, the address it makes or sets, and the gas it takes."""

    key: str
    title: str
    done: bool
    address: Address
    gas: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was deployed where.

    `tokens` are the payment tokens by symbol, the native coin not among them. `safe` has the parts of the Safe that
    teams are made of: ``singleton``, ``factory``, ``handler``, ``multisend``. `block` is the first
    block that can hold events; `version` names the code (16 digits of a sha2-256 over it).
    """

    chain_id: ChainId
    registry: Address
    marketplace: Address
    authority: Address
    lineage: Address
    splitters: Address
    teams: Address
    safe: Mapping[str, Address]
    deployer: Address
    treasury: Address
    fee_bps: int
    tokens: Mapping[str, Address]
    block: int
    version: str

    def save(self, folder: str | Path) -> Path:
        """Write ``<folder>/<chain id>.json``, whole or not at all, and return its path."""
        target = Path(folder) / f"{self.chain_id}.json"
        text = (
            json.dumps({**asdict(self), "safe": dict(self.safe), "tokens": dict(self.tokens)}, indent=2, sort_keys=True)
            + "\n"
        )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(target)
        except OSError as error:
            raise DeploymentError(f"The deployment cannot be recorded in {target}: {error}.") from error
        return target

    @classmethod
    def load(cls, path: str | Path) -> Deployment:
        """Read a file that `save` wrote; raises `DeploymentError` naming what is wrong with it."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            if set(data) != {field.name for field in fields(cls)}:
                raise ValueError("it has other fields than a deployment")
            for name in (*CONTRACTS, "deployer", "treasury"):
                data[name] = to_address(data[name])
            if set(data["safe"]) != set(CANONICAL):
                raise ValueError("it has other parts of the Safe")
            data["safe"] = {key: to_address(address) for key, address in data["safe"].items()}
            data["tokens"] = {str(symbol): to_address(address) for symbol, address in data["tokens"].items()}
            for name in ("chain_id", "fee_bps", "block"):
                if type(data[name]) is not int:
                    raise ValueError(f"{name} is not a whole number")
            return cls(**data)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DeploymentError(
                f"{path} does not record a deployment: {error}.", hint="Run the deployment again: it writes it anew."
            ) from error


def find(chain_id: int, folders: Iterable[str | Path]) -> Deployment | None:
    """Return the deployment recorded for a chain in the first of `folders` that has one, or None.

    Raises `DeploymentError` for a record that is damaged or of another chain.
    """
    for path in (Path(folder) / f"{chain_id}.json" for folder in folders):
        if path.exists():
            found = Deployment.load(path)
            if found.chain_id != chain_id:
                raise DeploymentError(f"{path} records chain {found.chain_id}, not {chain_id}.")
            return found
    return None


def version() -> str:
    """Return the name of the contracts' code as this package ships it."""
    code = b"".join(artifact(name).bytecode for name in CONTRACTS.values())
    return sha256(code).hexdigest()[:16]


def creation(name: str, deployer: str, arguments: Sequence[Any]) -> tuple[Address, bytes]:
    """Return where the contract `name` will stand, and what to send to `FACTORY` to create it.

    The address is keccak(0xff, factory, salt, keccak(creation code))[12:] of EIP-1014; the salt
    is keccak of the project's tag, the name, the deployer and the encoded arguments.
    """
    compiled = artifact(name)
    inputs: list[dict[str, Any]] = next(
        (entry["inputs"] for entry in compiled.abi if entry["type"] == "constructor"), []
    )
    encoded = encode([abi_type(entry) for entry in inputs], list(arguments))
    salt = keccak(encode(["string", "string", "address", "bytes"], [SALT_TAG, name, deployer, encoded]))
    code = compiled.bytecode + encoded
    address = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + salt + keccak(code))[12:]
    return to_address(address), salt + code


def safe_creation(key: str) -> tuple[Address, bytes]:
    """Return where a part of the Safe stands that `FACTORY` created, and what to send to it: the same for everybody."""
    code = safe_part(key).creation
    address = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + bytes(32) + keccak(code))[12:]
    return to_address(address), bytes(32) + code


class Plan:
    """A deployment on one chain, and how far it is. Made by `plan`."""

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
        self.chain = chain
        self.deployer = to_address(deployer)
        self.treasury = to_address(treasury)
        self.fee_bps = fee_bps
        self._given = payment_tokens
        self._code: dict[str, bytes] = {}
        self.authority = self._create("authority", [self.deployer])
        self.lineage = self._create("lineage", [])
        self.splitters = self._create("splitters", [])
        self.registry = self._create("registry", [self.authority, self.lineage])
        self.marketplace = self._create("marketplace", [self.authority, self.registry, self.treasury, fee_bps])
        self.safe, self.teams = self._choose_safe()
        if int(self.treasury, 16) == 0 or self.treasury == self.marketplace:
            raise InputError(
                f"The treasury cannot be {self.treasury}.", hint="Name the account that receives the fees."
            )

    def _create(self, key: str, arguments: Sequence[Any]) -> Address:
        """Note how a contract is created, and return where it will stand."""
        address, self._code[key] = creation(CONTRACTS[key], self.deployer, arguments)
        return address

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

    def __repr__(self) -> str:
        return f"Plan(chain {self.chain.chain_id}, registry {self.registry})"

    # --- Shown -----------------------------------------------------------------------------------

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

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order, as the chain stands now."""
        listed = (
            Step(key, title, self._done(key), address, _GAS[key.partition(":")[0]])
            for key, title, address in self._outline()
        )
        return tuple(listed)

    @property
    def complete(self) -> bool:
        """True if nothing is left to do."""
        return all(step.done for step in self.steps)

    @property
    def gas(self) -> int:
        """Gas that the steps left take, about."""
        return sum(step.gas for step in self.steps if not step.done)

    def table(self) -> list[dict[str, str]]:
        """Return the steps as rows of text for people: step, what, address, gas, state."""
        return [
            {
                "step": str(number),
                "what": step.title,
                "address": step.address,
                "gas": f"{step.gas:,}",
                "state": "done" if step.done else "to do",
            }
            for number, step in enumerate(self.steps, 1)
        ]

    # --- Carried out -----------------------------------------------------------------------------

    def carry_out(self, sender: Sender, progress: Callable[[Step], None] | None = None) -> Deployment:
        """Do what is left to do, and return the deployment, checked.

        `progress` is called before each step that is to be done. Interrupted anywhere and started again, it
        goes on; when all is done it sends nothing. Raises `InputError` if `sender` is not the
        deployer, `DeploymentError` if a step does not hold or the check finds a fault.
        """
        if sender.address != self.deployer or sender.chain is not self.chain:
            raise InputError(
                f"The plan is for deployer {self.deployer} on chain {self.chain.chain_id}, the sender is {sender!r}.",
                hint="Make the plan for the account that signs.",
            )
        _ = self.tokens
        for key, title, address in self._outline():
            if self._done(key):
                continue
            if progress is not None:
                progress(Step(key, title, False, address, _GAS[key.partition(":")[0]]))
            if key == "factory":
                self.ensure_factory(sender)
            else:
                self._send(sender, key)
            if not self._done(key):
                raise DeploymentError(
                    f"The step {title!r} was sent, but it does not show on chain.", hint="Run the plan again."
                )
        problems = self.check()
        if problems:
            raise DeploymentError(f"The deployment is not as planned: {'; '.join(problems)}.")
        return self.deployment()

    def ensure_factory(self, sender: Sender) -> None:
        """Create the CREATE2 factory if the chain has none; raises `DeploymentError` if it cannot be."""
        if self.chain.has_code(FACTORY):
            return
        held = self.chain.balance(FACTORY_SIGNER)
        if held < FACTORY_COST:
            sender.send(Call(FACTORY_SIGNER, b"", FACTORY_COST - held))
        try:
            tx_hash = self.chain.w3.eth.send_raw_transaction(FACTORY_TRANSACTION)
            self.chain.w3.eth.wait_for_transaction_receipt(tx_hash, timeout=sender.timeout, poll_latency=0.1)
        except (Web3RPCError, TimeoutError) as error:
            if not self.chain.has_code(FACTORY):
                raise DeploymentError(
                    f"Chain {self.chain.chain_id} "
                    f"does not take the transaction that creates the factory {FACTORY}: {error}.",
                    hint="It may ask for replay protection (EIP-155) or a higher fee; ask who runs it for the factory.",
                ) from error
        code = bytes(self.chain.w3.eth.get_code(cast(Any, FACTORY)))
        if keccak(code) != FACTORY_CODE_HASH:
            raise DeploymentError(
                f"There is other code than the factory's at {FACTORY} on chain {self.chain.chain_id}."
            )

    def deployment(self) -> Deployment:
        """Return the record of what the plan leads to; raises `NotDeployed` before the registry exists."""
        if not self.chain.has_code(self.registry):
            raise NotDeployed(self.chain.chain_id, f"the plan's registry {self.registry} was not created yet")
        return Deployment(
            chain_id=self.chain.chain_id,
            registry=self.registry,
            marketplace=self.marketplace,
            authority=self.authority,
            lineage=self.lineage,
            splitters=self.splitters,
            teams=self.teams,
            safe=self.safe,
            deployer=self.deployer,
            treasury=self.treasury,
            fee_bps=self.fee_bps,
            tokens=self.tokens,
            block=self._first_block(),
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
        expected: list[tuple[str, Any, ContractFunction]] = [
            ("the registry's authority", self.authority, self._registry.functions.authority()),
            ("the registry's lineage", self.lineage, self._registry.functions.lineage()),
            ("the registry's marketplace", self.marketplace, self._registry.functions.marketplace()),
            ("the marketplace's authority", self.authority, self._market.functions.authority()),
            ("the marketplace's registry", self.registry, self._market.functions.registry()),
            ("the treasury", self.treasury, self._market.functions.treasury()),
            ("the fee", self.fee_bps, self._market.functions.feeBps()),
            ("the pause of publications", 0, self._registry.functions.publicationsPausedUntil()),
            ("the pause of sales", 0, self._market.functions.salesPausedUntil()),
        ]
        problems = []
        for what, planned, function in expected:
            actual = self.chain.call(function)
            if actual != planned:
                problems.append(f"{what} is {actual}, not {planned}")
        allowed = self._allowed_tokens()
        problems += [
            f"{name} ({token}) is not a payment token" for name, token in self.tokens.items() if token not in allowed
        ]
        problems += [f"the token {token} is allowed beyond the plan" for token in allowed - set(self.tokens.values())]
        for contract, signature, role in _FUNCTIONS:
            actual = self._role_of(contract, signature)
            if actual != role:
                problems.append(f"{contract}.{signature} is for role {actual}, not {role}")
        for role, name in ((0, "administrator"), *_ROLES):
            if not self._has_role(role):
                problems.append(f"the deployer {self.deployer} does not hold the role {name}")
        return problems

    # --- Internal --------------------------------------------------------------------------------

    @cached_property
    def _registry(self) -> Contract:
        return self.chain.contract("AssetRegistry", self.registry)

    @cached_property
    def _market(self) -> Contract:
        return self.chain.contract("Marketplace", self.marketplace)

    @cached_property
    def _manager(self) -> Contract:
        return self.chain.contract("RegistryAuthority", self.authority)

    def _outline(self) -> list[tuple[str, str, Address]]:
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
            ("setMarketplace", "Let the marketplace sell", self.marketplace),
            *tokens,
            ("roles", "Set up the roles GUARDIAN and CURATOR", self.authority),
        ]

    def _done(self, key: str) -> bool:
        if key == "factory" or key in CONTRACTS:
            return self.chain.has_code(FACTORY if key == "factory" else getattr(self, key))
        if key.startswith("safe."):
            return self.chain.has_code(self.safe[key.removeprefix("safe.")])
        if key == "setMarketplace":
            return self._exists and self.chain.call(self._registry.functions.marketplace()) == self.marketplace
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
        target = self.registry if contract == "registry" else self.marketplace
        selector = keccak(text=signature)[:4]
        return int(self.chain.call(self._manager.functions.getTargetFunctionRole(target, selector)))

    def _has_role(self, role: int) -> bool:
        return bool(self.chain.call(self._manager.functions.hasRole(role, self.deployer))[0])

    def _missing_roles(self) -> list[bytes]:
        """Return the encoded calls that the authority still needs. Labels go with the functions of their role."""
        calls: list[ContractFunction] = []
        functions = self._manager.functions
        for role, name in _ROLES:
            wanted = [
                functions.setTargetFunctionRole(
                    self.registry if contract == "registry" else self.marketplace, [keccak(text=signature)[:4]], role
                )
                for contract, signature, of in _FUNCTIONS
                if of == role and self._role_of(contract, signature) != role
            ]
            if wanted:
                calls += [functions.labelRole(role, name), *wanted]
            if not self._has_role(role):
                calls.append(functions.grantRole(role, self.deployer, 0))
        return [bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x")) for call in calls]

    def _call(self, key: str) -> Call | ContractFunction:
        if key in self._code:
            return Call(FACTORY, self._code[key])
        if key == "setMarketplace":
            return self._registry.functions.setMarketplace(self.marketplace)
        if key == "roles":
            # One transaction: a role is never seen half set up.
            return self._manager.functions.multicall(self._missing_roles())
        return self._registry.functions.setPaymentToken(key.partition(":")[2], True)

    def _send(self, sender: Sender, key: str) -> None:
        try:
            sender.send(self._call(key), intent=f"deploy:{self.marketplace}:{key}")
        except TransactionReverted:
            # The factory fails without a reason when the contract is there already: a stranger was faster, for us.
            self.chain.forget_code()
            if not self._done(key):
                raise

    def _symbol(self, token: Address) -> str:
        if not self.chain.has_code(token):
            raise DeploymentError(
                f"There is no token at {token} on chain {self.chain.chain_id}.", hint="Check the address."
            )
        contract = self.chain.contract("LocalDollar", token)
        try:
            self.chain.call(contract.functions.decimals())
            symbol = str(self.chain.call(contract.functions.symbol())).strip()
        except (RegistryError, UnicodeDecodeError, OverflowError) as error:
            raise DeploymentError(f"{token} does not answer like a token: {error}") from error
        if not symbol:
            raise DeploymentError(
                f"Token {token} has no symbol.", hint="Pass payment_tokens as a dict with a name for it."
            )
        return symbol

    def _first_block(self) -> int:
        """Return the block that the registry was created in, or 0 if the node does not know old blocks."""
        low, high = 0, self.chain.block().number
        try:
            while low < high:
                middle = (low + high) // 2
                if self.chain.has_code(self.registry, block=middle):
                    high = middle
                else:
                    low = middle + 1
        except (Web3RPCError, ChainError):
            return 0
        return low


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
