"""The Safe as it was published: where it stands, its code, its interface, and which code is one at all.

Nothing of it is ours. The code and ABIs are those of safe-eth-py. Teams are founded with 1.4.1; the contract that their
proxies use is SafeL2, which logs what it executes, so that anybody can follow a team without a service that traces
transactions.
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
    "singleton 1.3.0": "GnosisSafe_V1_3_0",
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

_SINGLETONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0xbba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e": "1.3.0",
        "0x21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f": "1.3.0",  # L2
        "0x1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4": "1.4.1",
        "0xb1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff": "1.4.1",  # L2
        "0xdda019cbd7c867a533a2a86e5c53434fdc50b13122b5a5ddb4a8df61b31c20f2": "1.5.0",
        "0x180193227186ccb85316c94db1f0d156ed932b14712cfaac78901899178572dc": "1.5.0",  # L2
    }
)
"""Versions of the contracts that proxies use, by the hash of their code, as github.com/safe-global/safe-deployments
lists it for all chains that run Ethereum's code."""

_PROXIES: Final = frozenset(
    {
        "0xaea7d4252f6245f301e540cfbee27d3a88de543af8e49c5c62405d5499fab7e5",  # 1.1.1, of Safes brought up since
        "0xb89c1b3bdf2cf8827818646bce9a8f6e372885f8c55e5c07acbd307cb133b000",  # 1.3.0
        "0xd7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c",  # 1.4.1
        "0x4e381985ca68b3e5d27b4425fa581c19cf33146d3f887a3cfca96f55528ea46f",  # 1.5.0
    }
)
"""Hashes of the code of the proxies that are Safes: each runs what its first word of storage names."""


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
    """Return the published contract for ``singleton``, ``factory``, ``handler`` or ``multisend``.

    ``singleton 1.3.0`` is that of the version before, whose events have other topics.
    """
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


def safe_version(chain: Chain, address: str) -> str | None:
    """Return the version of the Safe at `address`, None for what is none: a published proxy that runs a published
    singleton, known by their code, whatever they say of themselves."""
    if chain.code_hash(address) not in _PROXIES:
        return None
    word = chain.storage(address, 0)
    return _SINGLETONS.get(chain.code_hash(to_address(word.to_bytes(32, "big")[12:])))
