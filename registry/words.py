"""Calls in words: what a transaction would do, before anybody signs it or votes on it.

Nothing is believed that the call itself does not say: a contract has a name only if it is one of the deployment's, a
function is guessed by its selector elsewhere and said to be guessed, and what cannot be read is shown as bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from registry.canonical import printable
from registry.chain.artifacts import artifact, names
from registry.chain.logs import Event, abi_type, named_values
from registry.chain.safe import NAMES, safe_part
from registry.chain.sender import Call
from registry.dangers import AUTHORITY_ROLES, TIMELOCK_ROLES, of_call, of_target
from registry.errors import ConnectionFailed, RegistryError
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

DAO_CONTRACTS: Final = {
    "token": "RegistryToken",  # nosec B105 # the name of a contract
    "timelock": "RegistryTimelock",
    "governor": "RegistryGovernor",
    "standards": "Standards",
    "curation": "Curation",
    "brake": "Brake",
    "distributor": "TokenDistributor",
}
"""The contracts of a DAO, by the name they have in its record."""

_AT_DAO: Final = {
    ("Standards", "kind"): ("metadata", "licence", "conduct"),
    ("Standards", "status"): ("none", "proposed", "adopted", "deprecated"),
    ("Curation", "status"): ("unlisted", "endorsed", "flagged", "delisted"),
    ("Curation", "state"): ("none", "open", "upheld", "dismissed", "lapsed"),
    ("RegistryGovernor", "support"): ("against", "for", "abstain"),
}
"""What numbers of the governance contracts stand for."""

_SECONDS: Final = {"until", "guardianUntil", "expiry", "deadline"}
_DURATIONS: Final = {
    *("newDelay", "delay", "oldVotingDelay", "newVotingDelay", "votingDelay", "getMinDelay", "executionDelay"),
    *("oldVotingPeriod", "newVotingPeriod", "votingPeriod", "extension", "lateQuorumVoteExtension", "duration"),
}
_VOTES: Final = {"threshold", "proposalThreshold", "quorumFloor"}

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


def known_contracts(registry: Assets) -> dict[Address, tuple[str, tuple[str, ...]]]:
    """Name and interfaces of each contract of a registry's deployment, its DAO and its payment tokens, by address."""
    deployment = registry.deployment
    named: dict[Address, tuple[str, tuple[str, ...]]] = {
        deployment.registry: ("AssetRegistry", ("AssetRegistry",)),
        deployment.marketplace: ("Marketplace", ("Marketplace",)),
        deployment.authority: ("RegistryAuthority", ("RegistryAuthority",)),
        deployment.lineage: ("Lineage", ("Lineage",)),
        deployment.splitters: ("SplitterFactory", ("SplitterFactory",)),
        deployment.teams: ("TeamFactory", ("TeamFactory",)),
    }
    named |= {address: (NAMES[key], ("Safe",)) for key, address in deployment.safe.items()}
    tokens = [token for token in registry.all_tokens if token.address]
    named |= {to_address(token.address or ""): (token.symbol, ("LocalDollar",)) for token in tokens}
    if deployment.dao is not None:
        for key, name in DAO_CONTRACTS.items():
            if (address := getattr(deployment.dao, key)) is not None:
                named[address] = (name, (name,))
    return named


class Words:
    """Tells what calls of a registry's contracts would do. `people` names further accounts."""

    def __init__(self, registry: Assets, people: Mapping[Address, str] | None = None) -> None:
        self._registry = registry
        self._people = dict(people or {})
        self._assets: dict[int, str] = {}

    def of(self, call: Call, *, team: Address | None = None, depth: int = 0) -> CallInWords:
        """Return a call in words; `team` is the account that would make it, `depth` the levels of calls above it.

        Never fails for what the call contains.
        """
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
            warnings += of_target(self._registry.chain, call.to)
        elif found is None:
            warnings.append("the contract has no such function, or the data does not fit it")
        if found is None:
            shown = "0x" + call.data[:SHOWN].hex() + ("..." if len(call.data) > SHOWN else "")
            unread = (("data", f"{shown} ({len(call.data):,} bytes)"),)
            return CallInWords(call.to, contract, "", unread, value, warnings=tuple(warnings))
        entry, values = found
        name = str(entry["name"])
        warnings += of_call(contract, name, values)
        inner: tuple[CallInWords, ...] = ()
        if depth < DEPTH:
            calls = _within(call.to, contract, name, values)
            inner = tuple(self.of(within, team=team, depth=depth + 1) for within in calls)
        if call.to == team and name in _OVER_TEAM:
            warnings.append("this changes who decides for the team")
        arguments = tuple(
            (clean(parameter.rstrip("_")), self._text(name, call.to, parameter, item, values))
            for parameter, item in values.items()
        )
        return CallInWords(call.to, contract, clean(name), arguments, value, inner, tuple(warnings))

    def event(self, event: Event) -> str:
        """Return an event of a contract in words."""
        contract = self._known.get(event.address, ("", ()))[0] or event.address
        told = ", ".join(f"{clean(name)} {self.told(event.address, name, event.args)}" for name in event.args)
        return f"{contract}: {clean(event.name)}({told})"

    def told(self, contract: Address, name: str, values: Mapping[str, Any]) -> str:
        """Return one of the named `values` of a contract in words."""
        return self._text("", contract, name, values[name], values)

    # --- Who and what ----------------------------------------------------------------------------

    @cached_property
    def _known(self) -> dict[Address, tuple[str, tuple[str, ...]]]:
        """Name and interfaces of each contract of the deployment."""
        return known_contracts(self._registry)

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
            except ConnectionFailed:
                raise
            except RegistryError:
                self._assets[number] = str(number)
        return self._assets[number]

    def _licence(self, asset: int, number: int) -> str:
        try:
            offer = self._registry.licences(asset)[number]
        except ConnectionFailed:
            raise
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
        except ConnectionFailed:
            raise
        except (RegistryError, IndexError):
            return f"{units:,} units"

    # --- Values ----------------------------------------------------------------------------------

    def _text(self, function: str, to: Address, name: str, value: Any, around: Mapping[str, Any]) -> str:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
            return self._who(value)
        if isinstance(value, bytes):
            if len(value) == 32 and (told := self._word(to, name, value)):
                return told
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

    def _word(self, to: Address, name: str, value: bytes) -> str:
        """32 bytes that are more than a number: a document, the name of a standard, a role."""
        contract = self._known.get(to, ("", ()))[0]
        if name == "digest" or (contract == "Curation" and name.rstrip("_") in ("reason", "answer")):
            return str(CID.from_digest(value)) if any(value) else "none"
        if contract == "Standards" and name == "name":
            return clean(value.rstrip(b"\0").decode("utf-8", "backslashreplace"))
        if contract == "RegistryTimelock" and name == "role":
            return TIMELOCK_ROLES.get(value, "")
        return ""

    def _governed(self, to: Address, name: str, value: int) -> str:
        """Numbers of the governance contracts."""
        contract = self._known.get(to, ("", ()))[0]
        if contract == "RegistryAuthority" and name == "roleId":
            return AUTHORITY_ROLES.get(value, "")
        if contract not in DAO_CONTRACTS.values() and contract != "RegistryAuthority":
            return ""
        if value < len(named := _AT_DAO.get((contract, name), ())):
            return named[value]
        if name == "assetId":
            return self._asset(value)
        if name in _SECONDS:
            return moment(value) if value else "never by itself"
        if name in _DURATIONS:
            return duration(value)
        if name in _VOTES or (name == "value" and contract == "RegistryToken"):
            return f"{in_votes(value)} votes"
        return ""

    def _number(self, function: str, to: Address, name: str, value: int, around: Mapping[str, Any]) -> str:
        token = next((token for token in self._registry.all_tokens if token.address == to), None)
        if token is not None and name in _MONEY:
            return self._money(value, token)
        if told := self._governed(to, name, value):
            return told
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
        except ConnectionFailed:
            raise
        except (RegistryError, IndexError):
            return f"{units:,} units of token {index}" if units is not None else str(index)
        return token.symbol if units is None else self._money(units, token)


def moment(seconds: int) -> str:
    """A moment in seconds since 1970 as text, in UTC: the same for all who read it."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def in_votes(units: int) -> str:
    """Votes, which come in units of 1e-18, as text."""
    whole, part = divmod(units, 10**18)
    return f"{whole:,}" + (f".{part:018}".rstrip("0") if part else "")


def duration(seconds: int) -> str:
    """A time that passes, as text: ``2 days 3 h``."""
    parts = []
    for unit, size in (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number:,} {unit}" + "s" * (unit == "day" and number != 1))
    return " ".join(parts[:2]) or "0 s"


def _within(to: Address, contract: str, name: str, values: dict[str, Any]) -> list[Call]:
    """The calls that a call would make in its turn, taken out of its arguments."""
    if name == "multicall" and contract in ("AssetRegistry", "RegistryAuthority"):
        return [Call(to, bytes(data)) for data in values.pop("data")]
    if name in ("scheduleBatch", "executeBatch") and contract == "RegistryTimelock":
        listed = (values.pop("targets"), values.pop("payloads"), values.pop("values"))
        return [Call(target, bytes(data), value) for target, data, value in zip(*listed, strict=False)]
    if name in ("execute", "schedule", "relay", "execTransaction") and {"target", "to"} & values.keys():
        data = "payload" if "payload" in values else "data"
        target = values.pop("target", None) or values.pop("to")
        return [Call(target, bytes(values.pop(data)), values.pop("value", 0))]
    return []


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
        except Exception:  # nosec B112 # then it is no such call, which is the answer
            continue
        if exact:
            named = {
                part["name"] or f"argument {place}": named_values(part, value)
                for place, (part, value) in enumerate(zip(entry["inputs"], values, strict=True), 1)
            }
            return entry, named
    return None
