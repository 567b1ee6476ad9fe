"""What a proposal would do, tried on a fork of the chain as its timelock would do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from registry.calls.words import CallInWords, Words, clean, known_contracts, moment
from registry.chain.artifacts import artifact
from registry.chain.calldata import decoded
from registry.chain.fork import READER, Trial, Tried, run
from registry.chain.logs import abi_type, named_values
from registry.chain.safe import NAMES as SAFE_PARTS
from registry.errors import CallWouldRevert, RegistryError
from registry.text.html import Shown
from registry.types import Address, to_address

if TYPE_CHECKING:
    from registry.chain.addresses import Dao
    from registry.chain.call import Call
    from registry.session import Session

QUEUE_SLOT: Final = 5
"""Where OpenZeppelin's Governor keeps the calls to itself that a proposal may make (`_governanceCall`, a deque)."""

_NATIVE: Final = Address("0x" + "0" * 40)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one action would do: `gas` about, `events` in words, `refused` why it would fail, None if it succeeds."""

    call: CallInWords
    gas: int
    events: tuple[str, ...]
    refused: RegistryError | None

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "call": str(self.call),
            "gas": self.gas,
            "events": list(self.events),
            "refused": f"{type(self.refused).__name__}: {self.refused.message}" if self.refused else None,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """Something that would be different afterwards: a balance or a setting, in words."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Simulation(Shown):
    """What the actions of a proposal would do, if they were executed at `time` (seconds since 1970) on today's chain.

    `by` says what the fork was. An action that fails fails all of them; the others are shown as if it did nothing.
    `unbound` are contracts of strangers that the actions call: their code can tell a trial from what is executed later,
    by the account that pays, the block or its own storage, and do otherwise then.
    """

    by: str
    time: int
    effects: tuple[Effect, ...]
    balances: tuple[Change, ...]
    settings: tuple[Change, ...]
    unbound: tuple[Address, ...] = ()

    @property
    def succeeds(self) -> bool:
        """Whether all actions would succeed."""
        return all(effect.refused is None for effect in self.effects)

    @property
    def gas(self) -> int:
        """Gas of the actions together, about, without what the governor and its timelock take."""
        return sum(effect.gas for effect in self.effects)

    def require(self) -> None:
        """Raise `CallWouldRevert` for the first action that would fail."""
        for number, effect in enumerate(self.effects, 1):
            if effect.refused is not None:
                raise CallWouldRevert(number, effect.call.lines()[0], effect.refused) from effect.refused

    def __str__(self) -> str:
        lines = [f"As if executed at {moment(self.time)}, on {self.by}"]
        for number, effect in enumerate(self.effects, 1):
            lines.append(f"{number}. {effect.call.lines()[0]} ({effect.gas:,} gas)")
            if effect.refused is not None:
                lines.append(f"   ! would be refused: {clean(str(effect.refused))}")
            lines += [f"   {event}" for event in effect.events]
        for title, changes in (("Balances", self.balances), ("Settings", self.settings)):
            if changes:
                width = max(len(change.what) for change in changes)
                lines += ["", f"{title} before and after"]
                lines += [f"   {change.what:{width}}  {change.before} -> {change.after}" for change in changes]
        if self.unbound:
            who = ", ".join(self.unbound)
            lines += ["", f"! A trial does not bind {who}: what a stranger's code does when it is executed may differ."]
        lines += ["", "All actions would succeed." if self.succeeds else "It would fail: nothing of it would happen."]
        return "\n".join(lines)


def simulate(registry: Session, dao: Dao, calls: Sequence[Call], *, time: int) -> Simulation:
    """Try calls as the timelock would make them; raises `ChainError` if nothing here can simulate."""
    given = [signature for call in calls for signature in call.abi]
    words = Words(registry, {dao.timelock: "the treasury"}, by=dao.timelock, given=given)
    trials = [Trial(dao.timelock, call.to, call.data, call.value) for call in calls]
    storage = _permitted(dao.governor, calls)
    by, first = run(registry.chain, trials, time=time, storage=storage)
    queries = [*_balances(registry, dao, words, calls, first), *_settings(registry, words, dao, calls)]
    asked = [query.trial for query in queries]
    by, tried = run(registry.chain, [*asked, *trials, *asked], time=time, storage=storage)
    before, done, after = tried[: len(asked)], tried[len(asked) : len(asked) + len(trials)], tried[-len(asked) :]
    changes: dict[bool, list[Change]] = {True: [], False: []}
    for query, old, new in zip(queries, before, after, strict=True) if asked else ():
        if old.error is None and new.error is None and old.output != new.output:
            changes[query.balance] += query.changes(old.output, new.output)
    effects = tuple(
        Effect(
            call=words.of(call),
            gas=result.gas,
            events=(
                *(words.event(event) for event in result.events),
                *([f"{result.unread} more events that nobody here can read"] if result.unread else []),
            ),
            refused=result.error,
        )
        for call, result in zip(calls, done, strict=True)
    )
    known = known_contracts(registry)
    unbound = tuple(dict.fromkeys(call.to for call in calls if call.data and call.to not in known))
    return Simulation(by, time, effects, tuple(changes[True]), tuple(changes[False]), unbound)


def _permitted(governor: Address, calls: Sequence[Call]) -> dict[Address, dict[int, int]]:
    """Slots of the governor as `execute` has them while it runs: the calls to itself that the proposal may make.

    A DoubleEndedQueue.Bytes32Deque: begin and end in one slot, and a mapping from place to hash in the next.
    """
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    hashes = [keccak(call.data) for call in calls if call.to == governor]
    if not hashes:
        return {}
    slots = {QUEUE_SLOT: len(hashes) << 128}
    for place, digest in enumerate(hashes):
        at = keccak(encode(["uint128", "uint256"], [place, QUEUE_SLOT + 1]))
        slots[int.from_bytes(at, "big")] = int.from_bytes(digest, "big")
    return {governor: slots}


class _Query:
    """A question that is asked before and after; it knows how its answer reads."""

    def __init__(self, trial: Trial, what: str, words: Words, entry: Mapping[str, Any], *, balance: bool) -> None:
        self.trial = trial
        self.balance = balance
        self._what = what
        self._words = words
        self._entry = entry

    def changes(self, before: bytes, after: bytes) -> list[Change]:
        old, new = self._read(before), self._read(after)
        return [
            Change(f"{self._what}{name}", old[name], new[name])
            for name in new
            if name in old and old[name] != new[name]
        ]

    def _read(self, data: bytes) -> dict[str, str]:
        from registry.chain.decoding import decode

        outputs = self._entry["outputs"]
        try:
            values = decode([abi_type(part) for part in outputs], data)
        # A contract that lies about its interface.
        except Exception:
            return {}
        named = {
            str(part["name"] or self._entry["name"]): named_values(part, value)
            for part, value in zip(outputs, values, strict=True)
        }
        found: dict[str, str] = {}
        for name, value in named.items():
            parts = value if isinstance(value, dict) else {name: value}
            for inner in parts:
                label = f".{inner}" if isinstance(value, dict) or len(named) > 1 else ""
                found[label] = self._words.told(self.trial.to, inner, parts)
        return found


def _balances(registry: Session, dao: Dao, words: Words, calls: Sequence[Call], tried: Sequence[Tried]) -> list[_Query]:
    """Questions for what everybody holds whom the actions pay, or take from."""
    coins = {dao.timelock: None, **{call.to: None for call in calls if call.value}}
    holders: dict[tuple[Address, Address], None] = {(_NATIVE, account): None for account in coins}
    for result in tried:
        for event in result.events:
            if event.name == "Transfer" and "value" in event.args:
                holders |= {(event.address, event.args[side]): None for side in ("from", "to")}
    symbols = {token.address: token.symbol for token in registry.all_tokens}
    known = known_contracts(registry)
    coin = {"name": "value", "outputs": [{"name": "value", "type": "uint256"}]}
    queries = []
    for token, account in holders:
        if not int(account, 16):
            continue
        who = "the treasury" if account == dao.timelock else known.get(account, (account, ()))[0]
        if token == _NATIVE:
            trial = Trial(dao.timelock, READER, bytes(12) + bytes.fromhex(account[2:]))
            queries.append(_Query(trial, f"wei of {who}", words, coin, balance=True))
            continue
        data = bytes.fromhex("70a08231") + bytes(12) + bytes.fromhex(account[2:])
        name = symbols.get(token) or known.get(token, (token, ()))[0]
        queries.append(_Query(Trial(dao.timelock, token, data), f"{name} of {who}", words, coin, balance=True))
    return queries


def _settings(registry: Session, words: Words, dao: Dao, calls: Sequence[Call]) -> list[_Query]:
    """Questions for all that our contracts tell of themselves, and of what the actions are about."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    known = known_contracts(registry)
    found: dict[tuple[Address, bytes], _Query] = {}
    for call in calls:
        name, abis = known.get(call.to, ("", ()))
        if not call.data or not abis or abis[0] in (*SAFE_PARTS.values(), "LocalDollar"):
            continue
        read = decoded(call.data, *abis)
        values = {key.rstrip("_"): value for key, value in read[1].items()} if read else {}
        for entry in artifact(abis[0]).abi:
            if entry["type"] != "function" or entry["stateMutability"] not in ("view", "pure"):
                continue
            names = [part["name"].rstrip("_") for part in entry["inputs"]]
            if not set(names) <= values.keys():
                continue
            types = [abi_type(part) for part in entry["inputs"]]
            try:
                arguments = encode(types, [values[name] for name in names])
            # An argument of the same name and another type.
            except Exception:  # nosec B112 # the next function of this name may take it
                continue
            data = keccak(text=f"{entry['name']}({','.join(types)})")[:4] + arguments
            shown = ", ".join(words.told(call.to, name, values) for name in names)
            what = f"{name} {entry['name']}" + (f"({shown})" if names else "")
            found[call.to, data] = _Query(
                Trial(dao.timelock, to_address(call.to), data), what, words, entry, balance=False
            )
    return list(found.values())
