"""web3's contract, but with each function made when it is asked for: web3 makes all of a contract's at once, in a time
that grows with the square of their number, and a short command calls two or three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, cast

from web3 import Web3
from web3.contract import Contract

from registry.types import Address

__all__ = ["LazyContract"]


class LazyContract:
    """All that web3's contract of this ABI at this address has."""

    def __init__(self, w3: Web3, address: Address, abi: Sequence[Mapping[str, Any]]) -> None:
        self.address: Final = address
        self.abi: Final = abi
        self.functions: Final = _Functions(self)
        self._w3 = w3

    @cached_property
    def whole(self) -> Contract:
        """web3's own."""
        return self.of(self.abi)

    def of(self, entries: Sequence[Mapping[str, Any]]) -> Contract:
        """web3's contract of some entries of the ABI."""
        return cast(Contract, self._w3.eth.contract(address=cast(Any, self.address), abi=cast(Any, entries)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.whole, name)


class _Functions:
    def __init__(self, contract: LazyContract) -> None:
        self._contract = contract

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        # Those of one name are made together: which of them is meant, their arguments tell.
        entries = [one for one in self._contract.abi if one["type"] == "function" and one["name"] == name]
        made = self.__dict__[name] = (self._contract.of(entries) if entries else self._contract.whole).functions[name]
        return made

    __getitem__ = __getattr__
