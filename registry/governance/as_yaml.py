"""A proposal written down in YAML, for people who would rather edit a file than write Python.

::

    title: Halve the fee
    body: |
      Sales have doubled, so half the fee pays for the same work.
    actions:
      - contract: AssetRegistry         # by name, as the deployment has it, or a payment token by its symbol
        function: setFee
        arguments: {feeBps: 50}         # by name, or a list in order
      - pay: 250 USD                    # from the treasury
        to: "0x..."
      - target: "0x..."                 # any other call
        value: 0.1 ETH
        data: "0x..."
        abi: stake(uint256)             # what the function is called, for those who read it

``body-file: why.md`` takes the body from a file in the same folder or below. Where a function asks for an amount of a
payment token it may be written as one ("12.5 USD"), an asset as its DID, a moment as such ("2027-01-31T12:00Z"), a span
of time in words ("2 days"); all other numbers are whole. 32 bytes may be a CID or a short text; accounts may be
contracts by name. Every fault is told with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from registry.calls.words import known_contracts
from registry.chain.call import Call
from registry.chain.calldata import function_of, interface, signature_of
from registry.chain.logs import abi_type
from registry.did import DID
from registry.errors import ConnectionFailed, InvalidDraft, RegistryError
from registry.governance.drafts import MAX_ACTIONS, MAX_BODY
from registry.governance.yaml_file import YamlFile
from registry.ipfs.cid import CID
from registry.system import disk
from registry.text.numbers import moment, seconds, whole
from registry.types import ZERO_ADDRESS, Address, to_address

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node

    from registry.money import Token
    from registry.session import Session

_ASSETS: Final = {"assetId", "tokenId", "parents"}
_MOMENTS: Final = {"until", "deadline", "expiry", "when"}
_SPANS: Final = {
    *("duration", "delay", "extension", "newDelay", "newVotingDelay", "newVotingPeriod", "executionDelay"),
}
_AMOUNTS: Final = {"value", "amount", "wad", "price", "maxTotal", "maxBond", "cap", "total"}
"""What parameters of our contracts count, by their names."""

_KINDS: Final = {
    "contract": {"contract", "address", "function", "arguments", "value"},
    "pay": {"pay", "to"},
    "target": {"target", "value", "data", "abi"},
}


class Written(NamedTuple):
    """What a file says: title, body in Markdown, calls in order."""

    title: str
    body: str
    calls: tuple[Call, ...]


def payment(registry: Session, to: str, amount: Any) -> Call:
    """The call that pays `amount` from whoever makes it; raises `InvalidAddress`, `InvalidAmount`, `UnknownToken`."""
    paid, account = registry.amount(amount), to_address(to)
    if paid.token.address is None:
        return Call(account, b"", paid.units)
    call = registry.erc20(paid.token.address).functions.transfer(account, paid.units)
    return Call(paid.token.address, bytes.fromhex(str(call._encode_transaction_data())[2:]))


def read(path: str | Path, registry: Session) -> Written:
    """Read a file; raises `InvalidDraft` with the line at fault."""

    def error(reason: str, line: int, hint: str) -> InvalidDraft:
        return InvalidDraft(path, reason, line=line, hint=hint)

    return _Reader(YamlFile(path, error), registry).read()


class _Reader:
    def __init__(self, file: YamlFile, registry: Session) -> None:
        self._file = file
        self._registry = registry
        self._contracts = {name: (address, abis) for address, (name, abis) in known_contracts(registry).items()}

    def read(self) -> Written:
        root = self._file.root()
        fields = self._file.fields(root, {"title", "body", "body-file", "actions"})
        for name in ("title", "actions"):
            if name not in fields:
                raise self._file.fault(root, f"it has no {name!r}")
        if "body" in fields and "body-file" in fields:
            raise self._file.fault(fields["body-file"], "there is a body already")
        calls = tuple(self._located(node, self._action) for node in self._file.items(fields["actions"]))
        if not 1 <= len(calls) <= MAX_ACTIONS:
            raise self._file.fault(fields["actions"], f"there are {len(calls)} actions, not 1 to {MAX_ACTIONS}")
        body = self._file.text(fields["body"]) if "body" in fields else ""
        if "body-file" in fields:
            body = self._body_file(fields["body-file"])
        return Written(self._file.text(fields["title"]), body, calls)

    def _located(self, node: Node, make: Callable[[Node], Any]) -> Any:
        """What `make` makes of a node; what is wrong with it is told with the line."""
        try:
            return make(node)
        except (ConnectionFailed, InvalidDraft):
            raise
        except RegistryError as error:
            raise self._file.fault(node, error.message.rstrip("."), error.hint) from error

    def _body_file(self, node: Node) -> str:
        name = self._file.text(node)
        try:
            data = disk.read(disk.beside(self._file.path, name), MAX_BODY)
            body = data.decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise self._file.fault(node, f"the body {name!r} cannot be read ({reason})") from error
        if len(data) > MAX_BODY:
            raise self._file.fault(node, f"the body {name!r} has more than {MAX_BODY:,} bytes")
        return body

    # --- Actions ---------------------------------------------------------------------------------

    def _action(self, node: Node) -> Call:
        fields = self._file.fields(node, set().union(*_KINDS.values()))
        kind = next((kind for kind in _KINDS if kind in fields), None)
        if kind is None:
            raise self._file.fault(node, "an action has a 'contract', a 'target', or 'pay'")
        for name, at in fields.items():
            if name not in _KINDS[kind]:
                raise self._file.fault(at, f"{name!r} does not go with {kind!r}")
        if kind == "pay":
            if "to" not in fields:
                raise self._file.fault(node, "'pay' needs 'to'")
            to = self._located(fields["to"], lambda at: self._account(self._file.text(at)))
            return payment(self._registry, to, self._file.text(fields["pay"]))
        value: int = self._located(fields["value"], self._coins) if "value" in fields else 0
        if kind == "target":
            target = self._located(fields["target"], lambda at: to_address(self._file.text(at)))
            abi: tuple[str, ...] = ()
            if "abi" in fields:
                abi = (signature_of(self._file.located(fields["abi"], function_of)),)
            return Call(target, self._bytes(fields["data"]) if "data" in fields else b"", value, abi=abi)
        return self._contract_call(node, fields, value)

    def _contract_call(self, node: Node, fields: Mapping[str, Node], value: int) -> Call:
        from eth_abi.abi import encode
        from eth_utils.crypto import keccak

        name = self._file.text(fields["contract"])
        if name not in self._contracts:
            known = ", ".join(sorted(self._contracts))
            raise self._file.fault(fields["contract"], f"there is no contract {name!r}", hint=f"There are: {known}.")
        if "function" not in fields:
            raise self._file.fault(node, "'contract' needs a 'function'")
        address, abis = self._contracts[name]
        if "address" in fields:
            address = self._located(fields["address"], lambda at: to_address(self._file.text(at)))
        wanted = self._file.text(fields["function"])
        entries = [entry for abi in abis for entry in interface(abi) if entry["type"] == "function"]
        changing = [entry for entry in entries if entry["stateMutability"] not in ("view", "pure")]
        given = self._given(fields.get("arguments"))
        named = [entry for entry in changing if wanted in (entry["name"], signature_of(entry))]
        if not named:
            known = ", ".join(sorted({entry["name"] for entry in changing}))
            raise self._file.fault(
                fields["function"],
                f"{name} has no function {wanted!r} that changes something",
                hint=f"It has: {known}.",
            )
        entry = next((entry for entry in named if len(entry["inputs"]) == len(given)), named[0])
        parts = entry["inputs"]
        nodes = self._matched(fields.get("arguments", fields["function"]), signature_of(entry), parts, given)
        values = self._values(parts, nodes, lambda: self._token_at(address))
        try:
            data = encode([abi_type(part) for part in parts], values)
        # The encoder has kinds of errors of its own for a number that does not fit.
        except Exception as error:
            raise self._file.fault(
                fields["arguments"], f"an argument does not fit {signature_of(entry)} ({error})"
            ) from error
        return Call(address, keccak(text=signature_of(entry))[:4] + data, value)

    def _given(self, node: Node | None) -> dict[str, Node] | list[Node]:
        from yaml.nodes import MappingNode

        if node is None:
            return []
        return self._named(node) if isinstance(node, MappingNode) else self._file.items(node)

    def _named(self, node: MappingNode) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key, value in node.value:
            if found.setdefault(self._file.text(key), value) is not value:
                raise self._file.fault(key, f"{self._file.text(key)!r} is there twice")
        return found

    def _matched(self, at: Node, what: str, parts: Any, given: dict[str, Node] | list[Node]) -> list[Node]:
        """The arguments in the order of the parameters."""
        names = [str(part["name"]).rstrip("_") for part in parts]
        if isinstance(given, dict):
            for name, node in given.items():
                if name not in names:
                    raise self._file.fault(
                        node, f"{what} has no argument {name!r}", hint=f"It has: {', '.join(names)}."
                    )
            missing = [name for name in names if name not in given]
            if missing:
                raise self._file.fault(at, f"{what} needs {', '.join(map(repr, missing))}")
            return [given[name] for name in names]
        if len(given) != len(names):
            raise self._file.fault(at, f"{what} takes {len(names)} arguments, here are {len(given)}")
        return given

    # --- Values ----------------------------------------------------------------------------------

    def _values(self, parts: Any, nodes: list[Node], around: Callable[[], Token | None]) -> list[Any]:
        """Values of parameters, or of the fields of a struct; `around` is what amounts are in if none of them says."""
        named = {str(part["name"]).rstrip("_"): node for part, node in zip(parts, nodes, strict=True)}

        def token() -> Token | None:
            return self._token_of(named) or around()

        return [
            self._located(at, lambda at, part=part: self._argument(part, at, token))  # type: ignore[misc]
            for part, at in zip(parts, nodes, strict=True)
        ]

    def _token_of(self, named: Mapping[str, Node]) -> Token | None:
        """The payment token that the parameters beside an amount name: by itself, by its place, or by a licence."""
        if "token" in named:
            return self._token_at(self._account(self._file.text(named["token"])))
        if "paymentToken" in named:
            place = self._file.located(named["paymentToken"], whole)
            return next((token for token in self._registry.all_tokens if token.index == place), None)
        if {"assetId", "licence"} <= named.keys():
            asset = self._number(named["assetId"], "assetId", lambda: None)
            licence = self._file.located(named["licence"], whole)
            terms = self._registry.chain.call(self._registry.assets.functions.licenceOf(asset, licence))
            return self._registry.token_at(terms[5])
        return None

    def _token_at(self, address: Address) -> Token | None:
        native = None if address == ZERO_ADDRESS else address
        return next((token for token in self._registry.all_tokens if token.address == native), None)

    def _argument(self, part: Mapping[str, Any], node: Node, token: Callable[[], Token | None]) -> Any:
        kind = str(part["type"])
        if kind.endswith("]"):
            inner = {**part, "type": kind[: kind.rindex("[")]}
            return [self._located(item, lambda at: self._argument(inner, at, token)) for item in self._file.items(node)]
        if kind == "tuple":
            parts = part["components"]
            return tuple(self._values(parts, self._matched(node, str(part["name"]), parts, self._given(node)), token))
        text = self._file.text(node)
        if kind == "address":
            return self._account(text)
        if kind == "bool":
            if text.lower() not in ("true", "false", "yes", "no"):
                raise self._file.fault(node, f"{text!r} is neither yes nor no")
            return text.lower() in ("true", "yes")
        if kind == "string":
            return text
        if kind == "bytes":
            return self._bytes(node)
        if kind.startswith("bytes"):
            return self._fixed(node, int(kind.removeprefix("bytes")))
        return self._number(node, str(part["name"]).rstrip("_"), token)

    def _account(self, text: str) -> Address:
        return self._contracts[text][0] if text in self._contracts else to_address(text)

    def _number(self, node: Node, name: str, token: Callable[[], Token | None]) -> int:
        """A number, in the form that fits what the parameter `name` counts."""
        text = self._file.text(node)
        if name in _ASSETS and text.startswith("did:"):
            return self._registry.did(DID.parse(text)).asset_id
        if name in _MOMENTS and text[4:5] == "-":
            return self._file.located(node, moment)
        if name in _SPANS and " " in text:
            return self._file.located(node, seconds)
        if name in _AMOUNTS and " " in text:
            wanted = token()
            if wanted is None:
                raise self._file.fault(
                    node, f"{text!r} is an amount of money, and {name!r} does not count a payment token"
                )
            return self._file.located(node, lambda text: self._registry.amount(text, token=wanted)).units
        return self._file.located(node, whole)

    def _coins(self, node: Node) -> int:
        text = self._file.text(node)
        if " " not in text:
            return self._file.located(node, lambda text: whole(text, "number of wei"))
        amount = self._registry.amount(text)
        if amount.token.address is not None:
            raise self._file.fault(node, f"{text!r} is not in the native coin", hint="Pay tokens with 'pay' and 'to'.")
        return amount.units

    def _bytes(self, node: Node) -> bytes:
        text = self._file.text(node)
        try:
            if text.startswith("0x"):
                return bytes.fromhex(text[2:])
        except ValueError:
            pass
        raise self._file.fault(node, f"{text[:20]!r} is not 0x and hexadecimal digits of whole bytes")

    def _fixed(self, node: Node, size: int) -> bytes:
        text = self._file.text(node)
        if text.startswith("0x"):
            found = self._bytes(node)
        elif size == 32 and text.removeprefix("ipfs://").startswith(("baf", "Qm")):
            found = CID.parse(text.removeprefix("ipfs://")).digest
        else:
            found = text.encode().ljust(size, b"\0")
        if len(found) != size:
            raise self._file.fault(node, f"{text[:40]!r} has {len(found)} bytes, not {size}")
        return found
