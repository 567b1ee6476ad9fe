"""Money without a sale, and an account that takes none."""

from __future__ import annotations

from itertools import count

from registry import Registry
from registry.chain.call import Call
from registry.chain.plan import FACTORY
from registry.chain.sender import Sender
from registry.types import Address, to_address

_numbers = count(1)


def send(by: Registry, to: str, amount: str) -> None:
    """Send an amount from one account to another, without a sale."""
    made = by.amount(amount)
    if made.token.address is None:
        Sender(by.chain, by.signer, by.journal).send(Call(to_address(to), b"", made.units))  # type: ignore[arg-type]
    else:
        by.act("send", by.erc20(made.token.address).functions.transfer(to, made.units))


def refusing_account(by: Registry) -> Address:
    """A contract that takes no native coin."""
    from eth_utils.crypto import keccak

    creation = bytes.fromhex("635f5ffd005f5260046" + "01cf3")
    salt = next(_numbers).to_bytes(32, "big")
    Sender(by.chain, by.signer, by.journal).send(Call(FACTORY, salt + creation))  # type: ignore[arg-type]
    return to_address(keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + salt + keccak(creation))[12:])
