"""Events of some blocks put through their rules: which rows come out, and what they were before each block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from registry.index.events import Home, IndexedEvent
from registry.index.fold import SUBJECT, Bound, Facts, facts_of, rule_of
from registry.index.tables import BY_NAME, Key, Row

Values = tuple[Any, ...]
Load = Callable[[str, Sequence[Key]], Mapping[Key, Values]]
"""The rows of a table that are kept under some keys, each as its values in the order of the columns."""

Slots = list[tuple[str, Key | list[Key]]]

SHOWN: Final = {"asset": 0, "licence": 0, "fee": 0, "conformance": 0, "listing": 0, "ancestor": 0, "curation_case": 1}
"""Tables from which a search shows something of an asset, and the place of its number in their rows."""


@dataclass(slots=True)
class Changes:
    """What events come to.

    `rows` are the rows as they are after all of them, None for one that is no more; `before` what each was before a
    block that changed it, None for one that was not; `added` the rows of logs; `assets` those of which a search might
    show something else now.
    """

    rows: dict[str, dict[Key, Values | None]] = field(default_factory=lambda: defaultdict(dict))
    before: dict[str, list[tuple[int, Key, Values | None]]] = field(default_factory=lambda: defaultdict(list))
    added: dict[str, list[Values]] = field(default_factory=lambda: defaultdict(list))
    assets: set[int] = field(default_factory=set)


def changes_of(events: Iterable[tuple[IndexedEvent, Sequence[tuple[str, Home]]]], load: Load, final: int) -> Changes:
    """Put events, in the order of the chain and each with the contracts that it made, through their rules.

    What rows were before is told for blocks after `final`. Raises `EventGap` for an event that cannot
    follow on those before it.
    """
    ready = []
    wanted: dict[str, dict[Key, None]] = defaultdict(dict)
    for event, made in events:
        facts, rule = facts_of(event), rule_of(event.plan.key)
        if rule is not None and not rule.is_ours(facts):
            continue
        slots: Slots = rule.slots(facts) if rule is not None else []
        for table, keys in slots:
            if isinstance(keys, list):
                wanted[table].update(dict.fromkeys(keys))
            else:
                wanted[table][keys] = None
        for address, _ in made:
            wanted["contract"][(address,)] = None
        ready.append((event, made, rule, facts, slots))
    work = _Work(wanted, load, final)
    for told in ready:
        work.take(*told)
    return work.finish()


class _Work:
    def __init__(self, wanted: Mapping[str, Mapping[Key, None]], load: Load, final: int) -> None:
        self._final = final
        self._done = Changes()
        self._rows: dict[str, dict[Key, Row]] = {}
        self._start: dict[str, Mapping[Key, Values]] = {}
        self._block = -1
        self._touched: dict[tuple[str, Key], Values] = {}
        for name, keys in wanted.items():
            table = BY_NAME[name]
            kept = self._start[name] = {} if table.log else load(name, list(keys))
            names, blank = table.names, table.blank
            self._rows[name] = {key: dict(zip(names, kept.get(key, (*key, *blank)), strict=True)) for key in keys}

    def take(
        self, event: IndexedEvent, made: Sequence[tuple[str, Home]], rule: Bound | None, facts: Facts, slots: Slots
    ) -> None:
        if event.block != self._block:
            self._end_of_block()
            self._block = event.block
        if event.block > self._final:
            self._remember(slots, made)
        if rule is not None:
            rows = [
                [self._rows[table][one] for one in key] if isinstance(key, list) else self._rows[table][key]
                for table, key in slots
            ]
            rule.function(*rows, *rule.arguments(facts))
        for address, home in made:
            self._rows["contract"][(address,)].update(kind=home.kind, asset=home.asset, licence=home.licence)
        place = event.block, event.log
        self._done.added["event"].append(
            (
                *place,
                event.time,
                bytes.fromhex(event.tx[2:]),
                event.address,
                event.plan.key,
                facts[SUBJECT],
                event.words,
            )
        )
        self._done.added["party"] += [(account, *place) for account in event.plan.accounts(event.values)]

    def _remember(self, slots: Slots, made: Sequence[tuple[str, Home]]) -> None:
        """Note what rows are, the first time in a block that something may change them."""
        touched = self._touched
        for table, keys in slots:
            for key in keys if isinstance(keys, list) else (keys,):
                if (table, key) not in touched:
                    touched[table, key] = tuple(self._rows[table][key].values())
        for address, _ in made:
            if ("contract", (address,)) not in touched:
                touched["contract", (address,)] = tuple(self._rows["contract"][(address,)].values())

    def _end_of_block(self) -> None:
        for (table, key), before in self._touched.items():
            if tuple(self._rows[table][key].values()) != before and not BY_NAME[table].log:
                self._done.before[table].append((self._block, key, _or_nothing(table, before)))
        self._touched.clear()

    def finish(self) -> Changes:
        self._end_of_block()
        done = self._done
        for name, rows in self._rows.items():
            if BY_NAME[name].log:
                added = (_or_nothing(name, tuple(row.values())) for row in rows.values())
                done.added[name] += [values for values in added if values is not None]
                continue
            start, changed = self._start[name], done.rows[name]
            for key, row in rows.items():
                values = _or_nothing(name, tuple(row.values()))
                if values != start.get(key):
                    changed[key] = values
        for name, place in SHOWN.items():
            for key, values in done.rows.get(name, {}).items():
                if place == 0 or values is not None:
                    done.assets.add((values or key)[place])
        return done


def _or_nothing(table: str, values: Values) -> Values | None:
    """What is as it was made is not there."""
    kind = BY_NAME[table]
    return None if values[kind.keys :] == kind.blank else values
