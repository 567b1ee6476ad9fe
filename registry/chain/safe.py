"""The Safe, version 1.4.1, as it was published: where it stands, its code, its interface.

Nothing of it is ours. The code and ABIs are those of safe-eth-py. The contract that proxies use is SafeL2, which logs
what it executes, so that anybody can follow a team without a service that traces transactions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from registry.types import to_address

if TYPE_CHECKING:
    from web3.contract import Contract

    from registry.chain.connection import Chain

SAFE_VERSION: Final = "1.4.1"

_FILES: Final = {
    "singleton": "Safe_V1_4_1",
    "factory": "ProxyFactory_V1_4_1",
    "handler": "CompatibilityFallbackHandler_V1_4_1",
    "multisend": "MultiSendCallOnly_V1_4_1",
}

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "singleton": "SafeL2",
        "factory": "SafeProxyFactory",
        "handler": "CompatibilityFallbackHandler",
        "multisend": "MultiSendCallOnly",
    }
)
"""What its authors call each part."""


@dataclass(frozen=True, slots=True)
class SafePart:
    """One published contract: `abi`, creation code, and the code that stands on chain."""

    abi: list[dict[str, Any]]
    creation: bytes
    runtime: bytes

    def __repr__(self) -> str:
        return f"SafePart({len(self.abi)} entries, {len(self.runtime):,} bytes)"


@lru_cache(maxsize=len(_FILES))
def safe_part(key: str) -> SafePart:
    """Return the published contract for ``singleton``, ``factory``, ``handler`` or ``multisend``."""
    # Read as a file: importing the library's own loader takes a second.
    folder = files("safe_eth").joinpath("eth", "contracts", "abis")
    data = json.loads(folder.joinpath(f"{_FILES[key]}.json").read_text(encoding="utf-8"))
    creation, runtime = (bytes.fromhex(data[name].removeprefix("0x")) for name in ("bytecode", "deployedBytecode"))
    return SafePart(data["abi"], creation, runtime)


def safe_contract(chain: Chain, address: str, key: str = "singleton") -> Contract:
    """Return the contract at `address` with the interface of a part; Safes themselves have that of the singleton."""
    checked = cast(Any, to_address(address))
    return cast("Contract", chain.w3.eth.contract(address=checked, abi=cast(Any, safe_part(key).abi)))


def is_part(chain: Chain, address: str, key: str) -> bool:
    """Whether the published code of a part, byte for byte, stands at `address`."""
    return bytes(chain.w3.eth.get_code(cast(Any, to_address(address)))) == safe_part(key).runtime
