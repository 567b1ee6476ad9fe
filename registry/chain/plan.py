"""A plan of steps on a chain: shown, carried out one by one, gone on with after an interruption, checked.

Contracts are created with CREATE2 (EIP-1014) by the factory that stands at one address on nearly all chains. The salt
binds the deployer and the constructor's arguments, and the address binds the code too: what stands there is what the
plan says, whoever paid for it. Addresses are known before anything is sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from eth_abi.abi import encode
from eth_typing import HexStr
from eth_utils.crypto import keccak
from web3.contract.contract import ContractFunction
from web3.exceptions import TimeExhausted, Web3RPCError

from registry.chain.artifacts import artifact
from registry.chain.call import Call
from registry.chain.connection import Chain
from registry.chain.logs import abi_type
from registry.chain.refusals import refusal
from registry.chain.sender import Sender
from registry.errors import (
    ChainError,
    ConnectionFailed,
    ContractError,
    DeploymentError,
    InputError,
    InsufficientBalance,
    TransactionReverted,
)
from registry.text.waits import waiting_for
from registry.types import Address, to_address

R = TypeVar("R")

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

CANCUN_CODE: Final = "0x5f5f5f5e5f5c505f5ff3"
"""PUSH0 PUSH0 PUSH0 MCOPY, PUSH0 TLOAD POP, PUSH0 PUSH0 RETURN: runs where the contracts do."""

SALT_TAG: Final = "registry.deployment.v1"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: what it does, whether that is done, the address it makes or sets, and the gas it takes."""

    key: str
    title: str
    done: bool
    address: Address
    gas: int


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


def first_block(chain: Chain, address: str) -> int:
    """Return the block that a contract was created in, or 0 if the node does not know old blocks."""
    low, high = 0, chain.block().number
    try:
        while low < high:
            middle = (low + high) // 2
            if chain.has_code(address, block=middle):
                high = middle
            else:
                low = middle + 1
    except (Web3RPCError, ChainError):
        return 0
    return low


class StepPlan(ABC, Generic[R]):
    """Steps that lead to an `R`: each can be asked whether it is done, and is sent by its one transaction.

    `GAS` is measured: whole transactions by the key of a step, or the part of it before a colon.
    """

    GAS: Mapping[str, int] = {}
    NOUN = "deployment"

    def __init__(self, chain: Chain, deployer: str) -> None:
        self.chain = chain
        self.deployer = to_address(deployer)
        self._code: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(chain {self.chain.chain_id}, {self.intent})"

    # --- What a plan says ------------------------------------------------------------------------

    @property
    @abstractmethod
    def intent(self) -> str:
        """What the plan is for, in the journal: the same for the same plan."""

    @abstractmethod
    def outline(self) -> list[tuple[str, str, Address]]:
        """Key, title and address of each step, in order."""

    @abstractmethod
    def done(self, key: str) -> bool:
        """Whether a step shows on chain."""

    @abstractmethod
    def call(self, key: str) -> Call | ContractFunction:
        """The transaction of a step that creates no contract."""

    @abstractmethod
    def check(self) -> list[str]:
        """Return all that differs from the plan on chain; nothing if all is as planned."""

    @abstractmethod
    def result(self) -> R:
        """Return what the plan leads to."""

    def prepare(self) -> None:
        """Look, before anything is sent, whether the plan can be carried out; raises a `RegistryError` if not."""

    # --- Shown -----------------------------------------------------------------------------------

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order, as the chain stands now."""
        listed = (
            Step(key, title, self.done(key), address, self._gas_of(key)) for key, title, address in self.outline()
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

    def carry_out(self, sender: Sender, progress: Callable[[Step], None] | None = None) -> R:
        """Do what is left to do, and return the result, checked.

        `progress` is called before each step that is to be done. Interrupted anywhere and started again, it
        goes on; when all is done it sends nothing. Raises `InputError` if `sender` is not the
        deployer, `DeploymentError` if a step does not hold or the check finds a fault.
        """
        if sender.address != self.deployer or sender.chain is not self.chain:
            raise InputError(
                f"The plan is for deployer {self.deployer} on chain {self.chain.chain_id}, the sender is {sender!r}.",
                hint="Make the plan for the account that signs.",
            )
        self.require_opcodes()
        self.prepare()
        for key, title, address in self.outline():
            if self.done(key):
                continue
            if progress is not None:
                progress(Step(key, title, False, address, self._gas_of(key)))
            if key == "factory":
                self.ensure_factory(sender)
            else:
                self._send(sender, key)
            if not self.done(key):
                raise DeploymentError(
                    f"The step {title!r} was sent, but it does not show on chain.", hint="Run the plan again."
                )
        problems = self.check()
        if problems:
            raise DeploymentError(f"The {self.NOUN} is not as planned: {'; '.join(problems)}.")
        return self.result()

    def require_opcodes(self) -> None:
        """Raise `DeploymentError` for a chain that does not know what the contracts are compiled to."""
        try:
            self.chain.w3.eth.call({"from": cast(Any, self.deployer), "data": HexStr(CANCUN_CODE)})
        except ConnectionFailed:
            raise
        except (ChainError, ContractError, Web3RPCError):
            raise DeploymentError(
                f"Chain {self.chain.chain_id} is of an older kind than Cancun: it has no PUSH0, MCOPY or TLOAD, which "
                "the contracts are made of.",
                hint="Nothing was sent. Use another chain, or ask who runs this one to bring it up to date.",
            ) from None

    def ensure_factory(self, sender: Sender) -> None:
        """Create the CREATE2 factory if the chain has none; raises `DeploymentError` if it cannot be."""
        self.require_opcodes()
        if self.chain.has_code(FACTORY):
            return
        eth, held = self.chain.w3.eth, self.chain.balance(FACTORY_SIGNER)
        try:
            try:
                tx_hash = eth.send_raw_transaction(FACTORY_TRANSACTION)
            except Web3RPCError as error:
                # Only a node that would take it is paid for: nobody gets the coin back from the signer.
                if held >= FACTORY_COST or not isinstance(refusal(error), InsufficientBalance):
                    raise
                sender.send(Call(FACTORY_SIGNER, b"", FACTORY_COST - held))
                tx_hash = eth.send_raw_transaction(FACTORY_TRANSACTION)
            with waiting_for("the factory of contracts to be made", sender.timeout):
                eth.wait_for_transaction_receipt(tx_hash, timeout=sender.timeout, poll_latency=0.1)
        except (Web3RPCError, TimeExhausted) as error:
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

    # --- Internal --------------------------------------------------------------------------------

    def _create(self, key: str, name: str, arguments: Sequence[Any]) -> Address:
        """Note how the contract `name` is created, and return where it will stand."""
        address, self._code[key] = creation(name, self.deployer, arguments)
        return address

    def _gas_of(self, key: str) -> int:
        return self.GAS.get(key) or self.GAS[key.partition(":")[0]]

    def _send(self, sender: Sender, key: str) -> None:
        call = Call(FACTORY, self._code[key]) if key in self._code else self.call(key)
        try:
            sender.send(call, intent=f"{self.intent}:{key}")
        except TransactionReverted:
            # The factory fails without a reason when the contract is there already: a stranger was faster, for us.
            self.chain.forget_code()
            if not self.done(key):
                raise
