"""Calls in words: what a transaction would do, before anybody signs it or votes on it.

Nothing is believed that the call itself does not say: a contract has a name only if it is one of the deployment's, a
function is guessed by its selector elsewhere and said to be guessed, and what cannot be read is shown as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from registry.canonical import printable
from registry.chain.artifacts import artifact, names
from registry.chain.logs import abi_type, named_values
from registry.chain.safe import NAMES, safe_part
from registry.chain.sender import Call
from registry.errors import RegistryError
from registry.ipfs.cid import CID
from registry.licence import Kind
from registry.money import Amount, Token
from registry.results import State
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from registry.assets import Assets

UNLIMITED: Final = 2**256 - 1

SHOWN: Final = 68
"""Bytes of data that nobody can read that are shown: a selector and two words."""

DEPTH: Final = 4
"""How deep calls within calls are told; nobody nests them for a good reason."""

_OVER_TEAM: Final = {
    "addOwnerWithThreshold",
    "removeOwner",
    "swapOwner",
    "changeThreshold",
    "enableModule",
    "disableModule",
    "setGuard",
    "setModuleGuard",
    "setFallbackHandler",
}

_MONEY: Final = {"value", "amount", "wad"}


@dataclass(frozen=True, slots=True)
class CallInWords:
    """One call. `arguments` are name and text; `inner` are the calls within it; `warnings` want a second look.

    `contract` is empty for an address that the deployment does not name, `function` for what cannot be read.
    """

    to: Address
    contract: str
    function: str
    arguments: tuple[tuple[str, str], ...] = ()
    value: str = ""
    inner: tuple[CallInWords, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def lines(self, indent: str = "") -> list[str]:
        """The call as lines of text."""
        where = f"{self.contract} {self.to}" if self.contract else f"unknown account {self.to}"
        sent = f", with {self.value}" if self.value else ""
        made = [f"{indent}{self.function or 'call'} of {where}{sent}"]
        width = max((len(name) for name, _text in self.arguments), default=0)
        made += [f"{indent}    {name:{width}}  {text}" for name, text in self.arguments]
        for call in self.inner:
            made += call.lines(indent + "    ")
        return made + [f"{indent}    ! {warning}" for warning in self.warnings]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class Words:
    """Tells what calls of a registry's contracts would do. `people` names further accounts."""

    def __init__(self, registry: Assets, people: Mapping[Address, str] | None = None) -> None:
        self._registry = registry
        self._people = dict(people or {})
        self._assets: dict[int, str] = {}

    def of(self, call: Call, *, team: Address | None = None, depth: int = 0) -> CallInWords:
        """Return a call in words; `team` is the account that would make it. Never fails for what the call contains."""
        value = str(self._coin(call.value)) if call.value else ""
        contract = "the team itself" if call.to == team else self._known.get(call.to, ("", ()))[0]
        if not call.data:
            what = "nothing (an empty call)" if not call.value else "payment"
            return CallInWords(call.to, contract or self._people.get(call.to, ""), what, value=value)
        entries: tuple[str, ...] = ("Safe",) if call.to == team else self._known.get(call.to, ("", ()))[1]
        found = decoded(call.data, *entries) if entries else None
        warnings = []
        if found is None and not entries:
            found = decoded(call.data, *names(), "Safe")
            warnings.append(
                "this contract is not one of the registry's; "
                + ("the name of the function is a guess" if found else "nobody here can read this call")
            )
        elif found is None:
            warnings.append("the contract has no such function, or the data does not fit it")
        if found is None:
            shown = "0x" + call.data[:SHOWN].hex() + ("..." if len(call.data) > SHOWN else "")
            unread = (("data", f"{shown} ({len(call.data):,} bytes)"),)
            return CallInWords(call.to, contract, "", unread, value, warnings=tuple(warnings))
        entry, values = found
        name = str(entry["name"])
        inner: tuple[CallInWords, ...] = ()
        if name == "multicall" and contract == "AssetRegistry" and depth < DEPTH:
            calls = [Call(call.to, bytes(data)) for data in values.pop("data")]
            inner = tuple(self.of(within, team=team, depth=depth + 1) for within in calls)
        if call.to == team and name in _OVER_TEAM:
            warnings.append("this changes who decides for the team")
        arguments = tuple(
            (clean(parameter), self._text(name, call.to, parameter, item, values)) for parameter, item in values.items()
        )
        return CallInWords(call.to, contract, clean(name), arguments, value, inner, tuple(warnings))

    # --- Who and what ----------------------------------------------------------------------------

    @cached_property
    def _known(self) -> dict[Address, tuple[str, tuple[str, ...]]]:
        """Name and interfaces of each contract of the deployment."""
        deployment = self._registry.deployment
        named: dict[Address, tuple[str, tuple[str, ...]]] = {
            deployment.registry: ("AssetRegistry", ("AssetRegistry",)),
            deployment.marketplace: ("Marketplace", ("Marketplace",)),
            deployment.authority: ("RegistryAuthority", ("RegistryAuthority",)),
            deployment.lineage: ("Lineage", ("Lineage",)),
            deployment.splitters: ("SplitterFactory", ("SplitterFactory",)),
            deployment.teams: ("TeamFactory", ("TeamFactory",)),
        }
        named |= {address: (NAMES[key], ("Safe",)) for key, address in deployment.safe.items()}
        tokens = [token for token in self._registry.all_tokens if token.address]
        return named | {to_address(token.address or ""): (token.symbol, ("LocalDollar",)) for token in tokens}

    def _who(self, account: str) -> str:
        address = to_address(account)
        if address == ZERO_ADDRESS:
            return "nobody (the zero address)"
        treasury = {self._registry.deployment.treasury: "treasury"}
        name = self._people.get(address) or self._known.get(address, ("", ()))[0] or treasury.get(address, "")
        return f"{name} {address}" if name else str(address)

    def _coin(self, units: int) -> Amount | str:
        coin = Token("ETH", 18, None, 0)
        try:
            return Amount(units, coin)
        except RegistryError:
            return f"{units:,} wei"

    def _asset(self, number: int) -> str:
        if number not in self._assets:
            try:
                self._assets[number] = f"{number} {clean(repr(self._registry.get(number).name))}"
            except RegistryError:
                self._assets[number] = str(number)
        return self._assets[number]

    def _licence(self, asset: int, number: int) -> str:
        try:
            offer = self._registry.licences(asset)[number]
        except (RegistryError, IndexError):
            return str(number)
        return f"{number} {clean(repr(offer.name))}"

    def _money(self, units: int, token: Token) -> str:
        if units == UNLIMITED:
            return f"unlimited {token.symbol}"
        try:
            return str(Amount(units, token))
        except RegistryError:
            return f"{units:,} units of {token.symbol}"

    def _price(self, asset: int, licence: int, units: int) -> str:
        try:
            terms = self._registry.chain.call(self._registry.assets.functions.licenceOf(asset, licence))
            return self._money(units, self._registry.token_at(terms[5]))
        except (RegistryError, IndexError):
            return f"{units:,} units"

    # --- Values ----------------------------------------------------------------------------------

    def _text(self, function: str, to: Address, name: str, value: Any, around: Mapping[str, Any]) -> str:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
            return self._who(value)
        if isinstance(value, bytes):
            if name == "digest":
                return str(CID.from_digest(value))
            return "0x" + value[:SHOWN].hex() + ("..." if len(value) > SHOWN else "")
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, Mapping):
            # What a struct says of itself counts before what stands around it.
            inside = {**around, **value}
            parts = [f"{part} {self._text(function, to, part, item, inside)}" for part, item in value.items()]
            return "{" + ", ".join(parts) + "}"
        if isinstance(value, list):
            inner = {"parents": "assetId"}.get(name, name)
            return "[" + ", ".join(self._text(function, to, inner, item, around) for item in value) + "]"
        if isinstance(value, int):
            return self._number(function, to, name, value, around)
        return clean(str(value))

    def _number(self, function: str, to: Address, name: str, value: int, around: Mapping[str, Any]) -> str:
        token = next((token for token in self._registry.all_tokens if token.address == to), None)
        if token is not None and name in _MONEY:
            return self._money(value, token)
        at_registry = to in (self._registry.deployment.registry, self._registry.deployment.marketplace)
        if at_registry and name in ("assetId", "tokenId"):
            return self._asset(value)
        if at_registry and name == "licence" and "assetId" in around:
            return self._licence(around["assetId"], value)
        if at_registry and name in ("price", "maxTotal"):
            if "paymentToken" in around:
                return self._at_index(value, around["paymentToken"])
            if {"assetId", "licence"} <= around.keys():
                return self._price(around["assetId"], around["licence"], value)
        if at_registry and name == "paymentToken":
            return self._at_index(None, value)
        if at_registry and name == "kind" and value in set(Kind):
            return Kind(value).name.lower()
        if function == "setState" and name == "state" and value in set(State):
            return State(value).name.lower()
        return f"{value:,}"

    def _at_index(self, units: int | None, index: int) -> str:
        try:
            token = self._registry.token_at(index)
        except (RegistryError, IndexError):
            return f"{units:,} units of token {index}" if units is not None else str(index)
        return token.symbol if units is None else self._money(units, token)


def clean(text: str) -> str:
    """Text on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in printable(text))


@lru_cache(maxsize=64)
def _selectors(contract: str) -> dict[bytes, dict[str, Any]]:
    from eth_utils.crypto import keccak

    abi = [entry for key in NAMES for entry in safe_part(key).abi] if contract == "Safe" else artifact(contract).abi
    functions = [entry for entry in abi if entry["type"] == "function"]
    return {
        keccak(text=f"{entry['name']}({','.join(abi_type(part) for part in entry['inputs'])})")[:4]: entry
        for entry in functions
    }


def decoded(data: bytes, *contracts: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the function that `data` calls and its arguments by name, None if it is not exactly such a call."""
    from eth_abi.abi import decode, encode

    for contract in contracts:
        entry = _selectors(contract).get(data[:4])
        if entry is None:
            continue
        types = [abi_type(part) for part in entry["inputs"]]
        try:
            values = decode(types, data[4:])
            exact = encode(types, values) == data[4:]
        # Whatever a crafted encoding makes the decoder say.
        except Exception:
            continue
        if exact:
            named = {
                part["name"] or f"argument {place}": named_values(part, value)
                for place, (part, value) in enumerate(zip(entry["inputs"], values, strict=True), 1)
            }
            return entry, named
    return None
