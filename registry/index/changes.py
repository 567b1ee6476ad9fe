"""Events of some blocks put through their rules: which rows come out, and what they were before each block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.index.events import Home, IndexedEvent
from registry.index.fold import RULES, arguments_of, is_ours
from registry.index.tables import BY_NAME, Key, Row

Load = Callable[[str, Sequence[Key]], Mapping[Key, Row]]
"""The rows of a table that are kept under some keys."""


@dataclass(slots=True)
class Changes:
    """What events come to.

    `rows` are the rows as they are after all of them, None for one that is no more; `before` what each was before a
    block that changed it, None for one that was not; `added` the rows of logs; `assets` those of which a search might
    show something else now.
    """

    rows: dict[str, dict[Key, Row | None]] = field(default_factory=lambda: defaultdict(dict))
    before: dict[str, list[tuple[int, Key, tuple[Any, ...] | None]]] = field(default_factory=lambda: defaultdict(list))
    added: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    assets: set[int] = field(default_factory=set)
    events: int = 0


def changes_of(events: Iterable[tuple[IndexedEvent, Sequence[tuple[str, Home]]]], load: Load, final: int) -> Changes:
    """Put events, in the order of the chain and each with the contracts that it made, through their rules.

    What rows were before is told for blocks after `final`. Raises `EventGap` for an event that cannot
    follow on those before it.
    """
    ready = []
    wanted: dict[str, dict[Key, None]] = defaultdict(dict)
    for event, made in events:
        values = arguments_of(event)
        if not is_ours(event, values):
            continue
        rule = RULES.get(event.plan.key)
        if rule is not None:
            for table, key in rule.needs(values):
                wanted[table][key] = None
        for address, _ in made:
            wanted["contract"][(address,)] = None
        ready.append((event, made, rule, values))
    work = _Work(wanted, load, final)
    for event, made, rule, values in ready:
        work.take(event, made, rule, values)
    return work.finish()


class _Work:
    def __init__(self, wanted: Mapping[str, Mapping[Key, None]], load: Load, final: int) -> None:
        self._final = final
        self._done = Changes()
        self._rows: dict[str, dict[Key, Row]] = {}
        self._start: dict[str, dict[Key, tuple[Any, ...] | None]] = {}
        self._fresh: dict[str, dict[Key, tuple[Any, ...]]] = {}
        for name, keys in wanted.items():
            table = BY_NAME[name]
            kept = {} if table.log else load(name, list(keys))
            rows, start = self._rows.setdefault(name, {}), self._start.setdefault(name, {})
            for key in keys:
                row = kept.get(key)
                start[key] = None if row is None else tuple(row.values())
                rows[key] = table.fresh(key) if row is None else row
        self._seen: dict[tuple[str, Key], int] = {}

    def take(self, event: IndexedEvent, made: Sequence[tuple[str, Home]], rule: Any, values: Mapping[str, Any]) -> None:
        touched: list[tuple[str, Key, Row, tuple[Any, ...]]] = []

        def row(table: str, key: Key) -> Row:
            found = self._rows[table][key]
            touched.append((table, key, found, tuple(found.values())))
            return found

        if rule is not None:
            rule.apply(values, row)
        for address, home in made:
            row("contract", (address,)).update(kind=home.kind, asset=home.asset, licence=home.licence)
        if event.block > self._final:
            for table, key, found, before in touched:
                if self._seen.get((table, key)) != event.block and tuple(found.values()) != before:
                    self._seen[table, key] = event.block
                    if not BY_NAME[table].log:
                        self._done.before[table].append((event.block, key, self._or_nothing(table, before)))
        self._note(event, int(values.get("assetId", values.get("tokenId", event.asset))))

    def _or_nothing(self, table: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """What is as it was made is not there."""
        kind = BY_NAME[table]
        return None if values[kind.keys :] == kind.blank else values

    def _note(self, event: IndexedEvent, subject: int) -> None:
        done = self._done
        done.events += 1
        tx = bytes.fromhex(event.tx[2:])
        done.added["event"].append(
            (event.block, event.log, event.time, tx, event.address, event.plan.key, subject, event.words)
        )
        done.added["party"] += [(account, event.block, event.log) for account in event.parties()]
        if subject:
            done.assets.add(subject)

    def finish(self) -> Changes:
        for name, rows in self._rows.items():
            table = BY_NAME[name]
            if table.log:
                self._done.added[name] += [tuple(row.values()) for row in rows.values()]
                continue
            start = self._start[name]
            for key, row in rows.items():
                values = self._or_nothing(name, tuple(row.values()))
                if values != start[key]:
                    self._done.rows[name][key] = None if values is None else row
        return self._done
