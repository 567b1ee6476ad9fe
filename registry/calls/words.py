"""Calls in words: what a transaction would do, before anybody signs it or votes on it.

Nothing is believed that the call itself does not say: a contract has a name only if it is one of the deployment's, a
function is guessed by its selector elsewhere and said to be guessed. A call is told to its last byte, and so are the
calls within it; what cannot be read is shown as bytes, and is not to be signed (`require_read`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from registry.assets.catalogue import Catalogue
from registry.calls.dangers import AUTHORITY_ROLES, TIMELOCK_ROLES, Seen, of_call, of_target
from registry.calls.named_documents import MISSED, NamedDocuments, digests_in, document_in_words
from registry.chain.call import Call
from registry.chain.calldata import SAFE, Agreed, CallReader, CallReading
from registry.chain.logs import Event
from registry.chain.receipt_contract import receipts_of
from registry.chain.safe import NAMES, is_part
from registry.documents.canonical import printable
from registry.documents.comparing import compare_documents
from registry.documents.licence import Kind
from registry.errors import (
    ConnectionFailed,
    ContentError,
    ContractError,
    NotDeployed,
    RegistryError,
    TransactionReverted,
    UnsafeCall,
)
from registry.ipfs.cid import CID
from registry.money import Amount, Token
from registry.results import Asset, State
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from registry.session import Session

UNLIMITED: Final = 2**256 - 1

NAMED = 100
"""Assets whose names are looked up for one reading."""

DAO_CONTRACTS: Final = {
    "token": "RegistryToken",  # nosec B105 # the name of a contract
    "timelock": "RegistryTimelock",
    "governor": "RegistryGovernor",
    "standards": "Standards",
    "curation": "Curation",
    "brake": "Brake",
    "treasuries": "Treasuries",
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

    `contract` is empty for an address that the deployment does not name, `function` for what cannot be read. Then
    `unread` says why and `data` has all of its bytes; `final` says that it is not to be signed whatever one knows.
    """

    to: Address
    contract: str
    function: str
    arguments: tuple[tuple[str, str], ...] = ()
    value: str = ""
    inner: tuple[CallInWords, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    unread: str = ""
    data: bytes = field(default=b"", repr=False)
    final: bool = False

    def all(self) -> Iterator[tuple[int, CallInWords]]:
        """This call and all within it, with how deep they are, each before those that it makes."""
        waiting = [(0, self)]
        while waiting:
            depth, call = waiting.pop()
            yield depth, call
            waiting += ((depth + 1, within) for within in reversed(call.inner))

    def lines(self, indent: str = "") -> list[str]:
        """The call as lines of text."""
        return [line for depth, call in self.all() for line in call._own_lines(indent + "    " * depth)]

    def _own_lines(self, indent: str) -> list[str]:
        where = f"{self.contract} {self.to}" if self.contract else f"unknown account {self.to}"
        sent = f", with {self.value}" if self.value else ""
        made = [f"{indent}{self.function or 'call'} of {where}{sent}"]
        width = max((len(name) for name, _text in self.arguments), default=0)
        made += [f"{indent}    {name:{width}}  {text}" for name, text in self.arguments]
        return made + [f"{indent}    ! {warning}" for warning in self.warnings]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def require_read(calls: Iterable[CallInWords], *, allow_unread: bool = False) -> None:
    """Refuse calls that cannot be read to their last byte, or call what cannot; raises `UnsafeCall` with the bytes.

    With `allow_unread` those of strangers' contracts, whose functions nobody here knows, are let pass.
    """
    for call in calls:
        for _depth, one in call.all():
            if one.unread and (one.final or not allow_unread):
                raise UnsafeCall(one.to, one.unread, one.data, final=one.final)


def known_contracts(registry: Session) -> dict[Address, tuple[str, tuple[str, ...]]]:
    """Name and interfaces of each contract of a registry's deployment, its DAO and its payment tokens, by address."""
    deployment = registry.deployment
    named: dict[Address, tuple[str, tuple[str, ...]]] = {
        deployment.registry: ("AssetRegistry", ("AssetRegistry",)),
        deployment.marketplace: ("Marketplace", ("Marketplace",)),
        deployment.streams: ("Streams", ("Streams",)),
        deployment.escrow: ("ComputeEscrow", ("ComputeEscrow",)),
        deployment.directory: ("Directory", ("Directory",)),
        receipts_of(deployment.registry): ("Receipts", ("Receipts",)),
        deployment.authority: ("RegistryAuthority", ("RegistryAuthority",)),
        deployment.lineage: ("Lineage", ("Lineage",)),
        deployment.splitters: ("SplitterFactory", ("SplitterFactory",)),
        deployment.teams: ("TeamFactory", ("TeamFactory",)),
    }
    named |= {address: (NAMES[key], (NAMES[key],)) for key, address in deployment.safe.items()}
    tokens = [token for token in registry.all_tokens if token.address]
    named |= {to_address(token.address or ""): (token.symbol, ("LocalDollar",)) for token in tokens}
    if deployment.dao is not None:
        for key, name in DAO_CONTRACTS.items():
            if (address := getattr(deployment.dao, key)) is not None:
                named[address] = (name, (name,))
    return named


class Words:
    """Tells what calls of a registry's contracts would do.

    `people` names further accounts. `by` is the account that would make the calls; `team` says that it is a Safe.
    `given` are signatures of functions that whoever proposes the calls names for contracts of strangers, `agreed`
    transactions of other Safes that calls may agree to by their hash, by Safe and hash.
    """

    def __init__(
        self,
        registry: Session,
        people: Mapping[Address, str] | None = None,
        *,
        by: Address | None = None,
        team: bool = False,
        given: Iterable[str] = (),
        agreed: Mapping[tuple[Address, bytes], Agreed] | None = None,
    ) -> None:
        self._registry = registry
        self._people = dict(people or {})
        self._by, self._team = by, by if team else None
        self._assets: dict[int, Asset | None] = {}
        self._unnamed: set[int] = set()
        self._documents = NamedDocuments(registry)
        self._targets: dict[Address, tuple[str, ...]] = {}
        self._reader = CallReader(
            self._interfaces, also=self._is_token, given=given, agreed=agreed, batches=self._is_batch
        )

    def of(self, call: Call, *, delegate: bool = False) -> CallInWords:
        """Return a call in words; never fails for what the call contains. `delegate`: its code is run as one's own."""
        first = self._reader.read(call, self._by, delegate=delegate)
        told: dict[int, CallInWords] = {}
        # Those within before those that make them, without recursion: the depth is for a stranger to choose.
        for reading in reversed(list(first.all())):
            told[id(reading)] = self._told(reading, tuple(told[id(within)] for within in reading.within))
        return told[id(first)]

    def _told(self, reading: CallReading, inner: tuple[CallInWords, ...]) -> CallInWords:
        call, values, name = reading.call, reading.values, reading.function
        contract = "the team itself" if call.to == self._team else self._known.get(call.to, ("", ()))[0]
        value = str(self._coin(call.value)) if call.value else ""
        if not call.data and not reading.unread:
            what = "nothing (an empty call)" if not call.value else "payment"
            return CallInWords(call.to, contract or self._people.get(call.to, ""), what, value=value)
        warnings = list(self._about(reading))
        arguments = [
            (clean(parameter.rstrip("_")), self._text(name, call.to, parameter, item, values))
            for parameter, item in values.items()
            if parameter not in reading.hides
        ]
        if name:
            warnings += of_call(self._seen(reading, contract))
        if reading.known and contract in ("AssetRegistry", "TeamFactory"):
            for digest in digests_in(name, values):
                told, missing = self._document(digest, values.get("assetId"))
                arguments += told
                warnings += missing
        if reading.unread:
            warnings.append(f"this cannot be read: {reading.unread}")
            if not name:
                arguments.append(("data", f"0x{call.data.hex()} ({len(call.data):,} bytes)"))
        refused = bool(reading.unread) and not reading.quoted
        return CallInWords(
            to=call.to,
            contract=contract,
            function=clean(name),
            arguments=tuple(arguments),
            value=value,
            inner=inner,
            warnings=tuple(warnings),
            unread=reading.unread if refused else "",
            data=call.data if refused else b"",
            final=refused and reading.final,
        )

    def _document(self, digest: bytes, asset: int | None) -> tuple[list[tuple[str, str]], list[str]]:
        """What a document that is published says, and how it differs from the one that an asset has; a warning where it
        cannot be had."""
        document = self._documents.get(digest)
        if document is None:
            cid = CID.from_digest(digest)
            return [], [f"the document {cid} cannot be had here, so nobody can read what is published; name a --source"]
        told = [("document", clean(document_in_words(document)))]
        if asset is not None and (found := self._found(asset)) is not None:
            told.append(("changes", clean(compare_documents(found.ddo, document).in_words())))
        return told, []

    def _about(self, reading: CallReading) -> Iterator[str]:
        """What is to be said of a contract that is a stranger's, or of how much is known of its function."""
        if reading.quoted:
            yield "this is only spoken of, and not called"
        if reading.known or reading.call.to == self._team or self._known.get(reading.call.to):
            if reading.function and not reading.known:
                yield f"the name of the function is {'what the proposal calls it' if reading.named else 'a guess'}"
            return
        told = "nobody here can read this call"
        if reading.function:
            told = "the name of the function is " + ("what the proposal calls it" if reading.named else "a guess")
        yield f"this contract is not one of the registry's; {told}"
        to = reading.call.to
        if to not in self._targets:
            self._targets[to] = of_target(self._registry.chain, to)
        yield from self._targets[to]

    def _seen(self, reading: CallReading, contract: str) -> Seen:
        values, to = reading.values, reading.call.to
        holder = values.get("owner") or reading.by
        dao = self._registry.deployment.dao
        if dao is not None and holder == dao.governor:
            holder = dao.timelock
        return Seen(
            contract=contract,
            known=reading.known,
            function=reading.function,
            values=values,
            told=lambda name: self._text(reading.function, to, name, values[name], values),
            held=lambda: self._held(to, holder),
            amount=lambda units: self._text(reading.function, to, "value", units, values),
        )

    def _held(self, token: Address, holder: object) -> int | None:
        """What an account has of a token; None for what is no token."""
        if not isinstance(holder, str):
            return None
        try:
            return int(self._registry.chain.call(self._registry.erc20(token).functions.balanceOf(holder)))
        except (ContractError, NotDeployed, TransactionReverted):
            return None

    def _interfaces(self, address: Address) -> tuple[str, ...]:
        return SAFE if address == self._team else self._known.get(address, ("", ()))[1]

    def _is_token(self, address: Address) -> bool:
        return any(token.address == address for token in self._registry.all_tokens)

    def _is_batch(self, address: Address) -> bool:
        there = address == self._registry.deployment.safe.get("multisend")
        return there and is_part(self._registry.chain, address, "multisend")

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

    def _found(self, number: int) -> Asset | None:
        """An asset by its number; None if its name cannot be read, or too many were looked for already."""
        if number not in self._assets and len(self._assets) < NAMED and len(self._unnamed) < MISSED:
            try:
                self._assets[number] = Catalogue(self._registry).get(number)
            except ConnectionFailed:
                raise
            except RegistryError as error:
                self._assets[number] = None
                if isinstance(error, ContentError):
                    self._unnamed.add(number)
        return self._assets.get(number)

    def _asset(self, number: int) -> str:
        asset = self._found(number)
        if asset is not None:
            return f"{number} {clean(repr(asset.name))}"
        return f"{number} (its name cannot be had here; name a --source)" if number in self._unnamed else str(number)

    def _licence(self, number: int, licence: int) -> str:
        asset = self._found(number)
        if asset is None or licence >= len(asset.licences):
            return str(licence)
        return f"{licence} {clean(repr(asset.licences[licence].name))}"

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
            return f"0x{value.hex()}"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, Mapping):
            # What a struct says of itself counts before what stands around it.
            inside = {**around, **value}
            parts = [f"{part} {self._text(function, to, part, item, inside)}" for part, item in value.items()]
            return "{" + ", ".join(parts) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self._text(function, to, name, item, around) for item in value) + "]"
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
        deployment = self._registry.deployment
        at_registry = to in (deployment.registry, deployment.marketplace, deployment.streams, deployment.escrow)
        if name == "assetId" and to_address(around.get("registry") or deployment.registry) != deployment.registry:
            return f"{value:,}"
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


def clean(text: str) -> str:
    """Text on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in printable(text))
