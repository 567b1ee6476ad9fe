"""Tokens and accounts that misbehave, for those who must pay and be paid in spite of it."""

from __future__ import annotations

import re
from typing import Any

from eth_utils import keccak

from .evm import ZERO, Chain, Contract, Failure
from .splitter_model import Token
from .world import BUYER, DAO

_OPCODES = {
    "STOP": 0x00, "LT": 0x10, "EQ": 0x14, "SHR": 0x1C, "ADDRESS": 0x30, "CALLER": 0x33, "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "RETURNDATASIZE": 0x3D, "RETURNDATACOPY": 0x3E, "MSTORE": 0x52,
    "SLOAD": 0x54, "SSTORE": 0x55, "JUMPI": 0x57, "GAS": 0x5A, "CALL": 0xF1, "RETURN": 0xF3,
    "DELEGATECALL": 0xF4, "REVERT": 0xFD,
}  # fmt: skip
_TRANSFER = int.from_bytes(keccak(text="transfer(address,uint256)")[:4])
_DISTRIBUTE = int.from_bytes(keccak(text="distribute(address)")[:4])


def creation_code(source: str) -> bytes:
    """Creation code of a small contract. Words are opcodes or numbers to push; `@name` pushes the place of `:name`."""
    code, marks, uses = b"", dict[str, int](), dict[int, str]()
    for word in source.split():
        if word.startswith(":"):
            marks[word[1:]] = len(code)
            code += b"\x5b"
        elif word.startswith("@"):
            uses[len(code) + 1] = word[1:]
            code += b"\x61\0\0"
        elif re.match(r"\d", word):
            number = int(word, 0)
            size = max(1, (number.bit_length() + 7) // 8)
            code += bytes([0x5F + size]) + number.to_bytes(size)
        else:
            code += bytes([_OPCODES[word]])
    for place, name in uses.items():
        code = code[:place] + marks[name].to_bytes(2) + code[place + 2 :]
    return bytes.fromhex(f"61{len(code):04x}80600a5f395ff3") + code


def speaker(implementation: str, *, before: str = "", answer: str = "") -> bytes:
    """A token that is `implementation`, but does something `before` a transfer and gives another `answer` to it.

    Either may end the call. What goes before may use the memory.
    """
    return creation_code(f"""
        0 CALLDATALOAD 224 SHR {_TRANSFER} EQ @before JUMPI
        1 @work JUMPI
        :before {before}
        :work
        CALLDATASIZE 0 0 CALLDATACOPY
        0 0 CALLDATASIZE 0 {int(implementation, 16)} GAS DELEGATECALL @done JUMPI
        RETURNDATASIZE 0 0 RETURNDATACOPY RETURNDATASIZE 0 REVERT
        :done
        0 CALLDATALOAD 224 SHR {_TRANSFER} EQ @answer JUMPI
        1 @plain JUMPI
        :answer {answer}
        :plain
        RETURNDATASIZE 0 0 RETURNDATACOPY RETURNDATASIZE 0 RETURN
    """)


# What a transfer does, if it does not do what it should. Those that only talk work; those that lie move nothing.
_SPEAKERS = {
    "silent": {"answer": "STOP"},
    "wordy": {"answer": "1 0 MSTORE 10000 0 RETURN"},
    "endless": {"answer": "1 0 MSTORE 1048576 0 RETURN"},
    "liar": {"before": "0 0 MSTORE 32 0 RETURN"},
    "mumbler": {"before": f"{1 << 248} 0 MSTORE 1 0 RETURN"},
    "counter": {"before": "2 0 MSTORE 32 0 RETURN"},
    "wary": {"before": "290000 GAS LT @poor JUMPI 1 @work JUMPI :poor 0 0 REVERT"},
    "intruder": {"before": f"{_DISTRIBUTE} 0 MSTORE ADDRESS 32 MSTORE 0 0 36 28 0 CALLER GAS CALL @work JUMPI"},
}
_MOCKS: dict[str, tuple[Any, ...]] = {
    "LocalDollar": (),
    "FeeToken": (),
    "FalseToken": (),
    "NoReturnToken": (),
    "HugeReturnToken": (),
    "HookToken": (),
    "BlockingToken": (),
    "BrokenPermitToken": (),
}

# Takes coins until it is called with a word other than zero, and again once it is called with zero.
_SWITCH = creation_code(
    "CALLDATASIZE @set JUMPI 0 SLOAD @refuse JUMPI STOP :refuse 0 0 REVERT :set 0 CALLDATALOAD 0 SSTORE"
)
# Takes coins if it got most of the gas that a splitter promises: who gives less must not make it fail.
_WARY = creation_code("95000 GAS LT @refuse JUMPI STOP :refuse 0 0 REVERT")
_PUSH_GAS = 300_000 + 21_000 + 1_000  # what a splitter gives a transfer, and what every transaction takes


class OddMoney:
    """All tokens and receivers on a chain, with what the model must know of each."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.contracts: dict[str, Contract] = {}
        for name, args in _MOCKS.items():
            self.contracts[name] = chain.deploy(name, *args, sender=DAO)
        for decimals in (2, 24):
            self.contracts[f"MockToken{decimals}"] = chain.deploy("MockToken", decimals, sender=DAO)
        implementation = self.contracts["MockToken24"]
        for name, parts in _SPEAKERS.items():
            address = chain.deploy_code(speaker(implementation.address, **parts), sender=DAO)
            self.contracts[name] = Contract(address, implementation.artifact)
        self.refusing = chain.deploy("RefusingReceiver", sender=DAO)
        self.reentrant = chain.deploy("Reentrant", sender=DAO)
        self.switch = chain.deploy_code(_SWITCH, sender=DAO)
        self.wary = chain.deploy_code(_WARY, sender=DAO)
        self.burning = chain.deploy("BurningReceiver", sender=DAO).address
        self.small_bomb = chain.deploy("BombReceiver", 10_000, False, sender=DAO).address
        self.big_bomb = chain.deploy("BombReceiver", 2**20, False, sender=DAO).address
        self.failing_bomb = chain.deploy("BombReceiver", 10_000, True, sender=DAO).address
        # They take all that comes, and cannot call anybody to fetch what did not.
        factory = chain.deploy("SplitterFactory", sender=DAO)
        outcome = chain.transact(factory, "createSplitter", [(DAO, 1)], sender=DAO)
        self.nested = "0x" + outcome.data[12:].hex()
        self.vesting = chain.deploy("TokenVesting", BUYER, chain.timestamp, 1, 1, sender=DAO).address
        # Its counters are written once, so that what it does later fits into the gas of a payment.
        for target in (DAO, self.refusing.address):
            chain.transact(self.reentrant, "arm", target, 0, b"", sender=DAO)
            chain.send(self.reentrant.address, b"", sender=DAO)
        chain.transact(self.reentrant, "arm", ZERO, 0, b"", sender=DAO)
        self.receivers = [
            self.refusing.address,
            self.reentrant.address,
            self.switch,
            self.wary,
            self.burning,
            self.small_bomb,
            self.big_bomb,
            self.failing_bomb,
            self.nested,
            self.vesting,
        ]
        self._manners = {name: self._manners_of(contract) for name, contract in self.contracts.items()}

    def token(self, name: str) -> Token:
        """The model of a token, fresh; `coin` is the native one."""
        if name == "coin":
            return Token(ZERO)
        pushes, claims = self._manners[name]
        burns, hooks = name == "FeeToken", name == "HookToken"
        return Token(self.contracts[name].address, pushes=pushes, claims=claims, burns=burns, hooks=hooks)

    def _manners_of(self, contract: Contract) -> tuple[bool, Failure | None]:
        """How a token answers to a transfer of nothing, asked directly: all that is not about amounts and accounts."""
        data = self.contracts["LocalDollar"].artifact.functions["transfer"].encode((BUYER, 0))
        pushed = self.chain.send(contract.address, data, sender=DAO, gas=_PUSH_GAS)
        claimed = self.chain.send(contract.address, data, sender=DAO)
        yes = (b"", (1).to_bytes(32))
        if claimed.failure is not None:
            return False, claimed.failure
        if claimed.data[:32] not in yes:
            return False, Failure("SafeERC20FailedOperation", (contract.address,))
        return pushed.failure is None and pushed.data[:32] in yes, None
