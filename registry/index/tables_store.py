"""Where an index keeps its tables: the SQL that all databases share, and what each has to say for itself.

All that comes of one range of blocks is written in one transaction: rows, what they were before, the log of events, and
how far the index is. A process that is killed at any moment goes on from the last whole range.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from registry.chain.raw_blocks import Header
from registry.errors import IndexFault
from registry.index import deadline
from registry.index.changes import Changes
from registry.index.events import Contracts, Home, IndexedEvent
from registry.index.tables import BY_NAME, FOLDED, LARGEST, LARGEST_BIG, LOGS, Column, Key, Row, Table

FORMAT: Final = "4"
_OLDER: Final = frozenset({"1", "2", "3"})
"""Formats that had the same events: what follows from them is made again, and no node is asked."""

DAY: Final = 86_400
"""Seconds for which events of blocks that were dropped are kept, by the time of their block."""

MOST_DROPPED: Final = 100_000
"""Events of such blocks that are kept, the last ones: a node that forks without end fills nothing."""

OWN: Final = (
    Table("meta", (("name", "text"), ("value", "text")), 1),
    Table("block", (("number", "int"), ("hash", "text"), ("parent", "text"), ("time", "int")), 1),
    Table("dirty", (("asset", "int"), ("seq", "int")), 1, ("seq",)),
    Table(
        "document",
        (
            ("digest", "blob"),
            ("status", "text"),
            ("kind", "text"),
            ("owner", "text"),
            ("tries", "int"),
            ("next_try", "int"),
            ("faults", "text"),
            ("bytes", "blob"),
        ),
        1,
        ("owner, status, next_try",),
    ),
    Table("turn", (("owner", "text"), ("next_try", "int")), 1, ("next_try",)),
    Table(
        "manifest",
        (
            ("collection", "int"),
            ("root", "blob"),
            ("owner", "text"),
            ("content", "text"),
            ("size", "int"),
            ("done", "int"),
            ("tries", "int"),
            ("next_try", "int"),
            ("facts", "text"),
            ("shown", "int"),
            ("next_show", "int"),
        ),
        1,
        ("owner, next_try, collection", "next_try, collection", "next_show"),
    ),
    Table("readme", (("asset", "int"), ("cid", "blob")), 1, ("cid",)),
    Table("dropped", (("number", "int"), ("hash", "text"), *BY_NAME["event"].columns), 1, ("time", "asset")),
    Table("item", (("id", "int"), ("digest", "blob"), ("proof", "blob")), 1),
)
"""What an index keeps for itself, and no chain says."""

LASTING: Final = (
    Table(
        "statement",
        (
            ("id", "blob"),
            ("registry", "text"),
            ("asset", "int"),
            ("kind", "text"),
            ("account", "text"),
            ("time", "int"),
            ("stranger", "int"),
            ("seq", "int"),
            ("bytes", "blob"),
        ),
        1,
        ("registry, asset, seq", "registry, asset, kind, time", "registry, account, time", "seq"),
    ),
    Table("pulled", (("hub", "text"), ("after", "int"), ("begun", "int")), 1),
)
"""What people said. It follows from nothing and nobody can be asked for it again, so it stays when an index is made
anew, also for another registry."""


class Store(ABC):
    """The tables of one index in one database.

    Writing is for one process at a time, reading for any number. Raises `IndexFault` if the database cannot be used,
    and `SearchTimeout` for what takes longer to read than `deadline.within` allows.
    """

    def __init__(self) -> None:
        self._columns = {table.name: _Codec(table) for table in (*FOLDED, *LOGS, *OWN, *LASTING)}

    # --- What each database says -----------------------------------------------------------------

    kinds: Mapping[Column, str]
    suffix: str = ""

    @abstractmethod
    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read; ``?`` stands for a value, and what is kept as bytes comes as such."""

    @abstractmethod
    def run(self, statement: str, *values: object) -> None:
        """Write, within `writing`."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """All that is written within is written together, or nothing is; one writer at a time."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]:
        """All that this thread reads within is of one moment."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    @abstractmethod
    def _select(self, table: Table, keys: Sequence[Key]) -> Iterable[tuple[Any, ...]]:
        """The rows of some keys, encoded."""

    @abstractmethod
    def _upsert(self, table: Table, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write encoded rows over those of the same keys."""

    @abstractmethod
    def _append(self, name: str, columns: Sequence[tuple[str, Column]], rows: Sequence[tuple[Any, ...]]) -> None:
        """Add encoded rows that are not there."""

    @abstractmethod
    def _erase(self, table: Table, keys: Sequence[Key]) -> None:
        """Remove the rows of encoded keys."""

    # --- Making it -------------------------------------------------------------------------------

    def prepare(self, identity: Mapping[str, str], *, again: bool = False) -> None:
        """Make the tables if there are none; with `again` anew, whatever there is.

        `identity` says of which registry the index is. Raises `IndexFault` if it is of another, or of another format;
        see `upgrade` for one of an older format.
        """
        with self.writing():
            if again:
                self._drop()
            for table in LASTING:
                if not self._has(table.name):
                    for statement in self._schema_of(table):
                        self.run(statement)
            if not self.is_there():
                for statement in self._schema():
                    self.run(statement)
                self.note(format=FORMAT, **identity)
                return
            self._require(identity)

    def require(self, identity: Mapping[str, str]) -> None:
        """Raise `IndexFault` unless all tables are there, as `prepare` leaves them; nothing is written."""
        if not self.is_there() or not all(self._has(table.name) for table in LASTING):
            raise IndexFault(
                "There is no index of this version to read.",
                hint="Start the hub that keeps it first, without --read-only.",
            )
        self._require(identity)

    def _require(self, identity: Mapping[str, str]) -> None:
        found = self.facts()
        if found.get("format") != FORMAT:
            raise IndexFault(
                f"The index has format {found.get('format')}; this version writes {FORMAT}.",
                hint="Use the version that wrote it, or build it again: 'registry hub index --again'.",
            )
        for name, value in identity.items():
            if found.get(name) != value:
                raise IndexFault(f"The index is of {name} {found.get(name)}, not {value}.")

    def is_older(self) -> bool:
        """Whether the tables are of an older format, whose events are as they are now."""
        return self.is_there() and self.facts().get("format") in _OLDER

    def upgrade(self) -> None:
        """Bring tables of an older format to this one, within `writing`: those that follow from events are empty then.

        Events, blocks and documents stay.
        """
        there = {table.name for table in (*LOGS, *OWN) if self._has(table.name)}
        for table in FOLDED:
            self.run(f"DROP TABLE IF EXISTS {table.name}")
            self.run(f"DROP TABLE IF EXISTS {table.name}_was")
        for table in (*FOLDED, *LOGS, *OWN):
            if table.name not in there:
                for statement in self._schema_of(table):
                    self.run(statement)
        self.note(format=FORMAT)

    def _has(self, name: str) -> bool:
        try:
            with self.reading():
                self.rows(f"SELECT 1 FROM {name} LIMIT 1")
        except IndexFault:
            return False
        return True

    def is_there(self) -> bool:
        """Whether there are tables."""
        return self._has("meta")

    def _drop(self) -> None:
        for table in (*FOLDED, *LOGS, *OWN):
            self.run(f"DROP TABLE IF EXISTS {table.name}")
            self.run(f"DROP TABLE IF EXISTS {table.name}_was")

    def _schema(self) -> Iterator[str]:
        for table in (*FOLDED, *LOGS, *OWN):
            yield from self._schema_of(table)

    def _schema_of(self, table: Table) -> Iterator[str]:
        columns = ", ".join(f"{name} {self.kinds[kind]} NOT NULL" for name, kind in table.columns)
        keys = ", ".join(table.key)
        yield f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({keys})){self.suffix}"
        for number, index in enumerate(table.indexes):
            yield f"CREATE INDEX {table.name}_{number} ON {table.name} ({index})"
        if table in FOLDED:
            at = f"at {self.kinds['int']} NOT NULL, existed {self.kinds['int']} NOT NULL"
            yield f"CREATE TABLE {table.name}_was ({at}, {columns}, PRIMARY KEY (at, {keys})){self.suffix}"

    # --- Facts about the index -------------------------------------------------------------------

    def facts(self) -> dict[str, str]:
        """All that was noted."""
        return dict(self.rows("SELECT name, value FROM meta"))

    def note(self, **facts: object) -> None:
        """Note facts under their names, within `writing`."""
        table = self._columns["meta"].table
        self._upsert(table, "meta", [(name, str(value)) for name, value in facts.items()])

    def head(self) -> tuple[int, str] | None:
        """Number and hash of the last block that was taken, None before the first."""
        found = self.rows("SELECT number, hash FROM block ORDER BY number DESC LIMIT 1")
        return (int(found[0][0]), str(found[0][1])) if found else None

    def hash_at(self, number: int) -> str | None:
        """The hash of a block that was taken, None for one that is not remembered."""
        found = self.rows("SELECT hash FROM block WHERE number = ?", number)
        return str(found[0][0]) if found else None

    def homes(self, addresses: Iterable[str]) -> dict[str, Home]:
        """Which of these addresses are contracts that the registry made."""
        found = self.load("contract", [(address,) for address in addresses])
        return {key[0]: Home(row["kind"], row["asset"], row["licence"]) for key, row in found.items()}

    # --- Rows ------------------------------------------------------------------------------------

    def values(self, name: str, keys: Sequence[Key]) -> dict[Key, tuple[Any, ...]]:
        """The rows of a table under some keys, as values in the order of the columns; those that are not there are left
        out."""
        codec = self._columns[name]
        size = codec.table.keys
        found = map(codec.values, self._select(codec.table, [codec.key(key) for key in keys]))
        return {row[:size]: row for row in found}

    def load(self, name: str, keys: Sequence[Key]) -> dict[Key, Row]:
        """The same with rows by the names of their columns."""
        names = self._columns[name].table.names
        return {key: dict(zip(names, row, strict=True)) for key, row in self.values(name, keys).items()}

    def each(self, name: str, where: str = "", *values: object) -> Iterator[Row]:
        """The rows of a table, decoded; `where` is the end of the statement."""
        codec = self._columns[name]
        for row in self.rows(f"SELECT {', '.join(codec.table.names)} FROM {name} {where}", *values):
            yield codec.read(row)

    def each_before(self, name: str, block: int) -> Iterator[tuple[bool, Row]]:
        """Rows of a table that changed after a block, as they were at it, and whether they were there."""
        codec = self._columns[name]
        keys, names = ", ".join(codec.table.key), ", ".join(f"w.{one}" for one in codec.table.names)
        same = " AND ".join(f"w.{key} = f.{key}" for key in codec.table.key)
        for existed, *row in self.rows(
            f"SELECT w.existed, {names} FROM {name}_was w "
            f"JOIN (SELECT {keys}, min(at) AS first FROM {name}_was WHERE at > ? GROUP BY {keys}) f "
            f"ON {same} AND w.at = f.first",
            block,
        ):
            yield bool(existed), codec.read(row)

    def put(self, name: str, rows: Sequence[Row]) -> None:
        """Write rows of a table that is the index's own, within `writing`."""
        codec = self._columns[name]
        self._upsert(codec.table, name, [codec.write(tuple(row.values())) for row in rows])

    def events(self, rows: Sequence[Row], contracts: Contracts) -> list[IndexedEvent]:
        """Events as they were, from their rows, in the same order."""
        made: dict[str, Home] = {}
        if strangers := {row["address"] for row in rows} - contracts.core.keys():
            made = self.homes(strangers)
        found = []
        for row in rows:
            event = contracts.again(row, made)
            made.update(contracts.made_by(event))
            found.append(event)
        return found

    # --- Forward and back ------------------------------------------------------------------------

    def save(self, changes: Changes, blocks: Sequence[Header], final: int) -> None:
        """Write what blocks came to, and forget how to undo what is final; within `writing`."""
        for name, rows in changes.rows.items():
            codec = self._columns[name]
            kept = [codec.write(values) for values in rows.values() if values is not None]
            gone = [codec.key(key) for key, row in rows.items() if row is None]
            if gone:
                self._erase(codec.table, gone)
            if kept:
                self._upsert(codec.table, name, kept)
        for name, images in changes.before.items():
            codec = self._columns[name]
            columns = (("at", "int"), ("existed", "int"), *codec.table.columns)
            encoded = []
            for at, key, values in images:
                whole = (*key, *codec.table.blank) if values is None else values
                encoded.append((at, int(values is not None), *codec.write(whole)))
            self._append(f"{name}_was", columns, encoded)  # type: ignore[arg-type]
        for name, added in changes.added.items():
            codec = self._columns[name]
            self._append(name, codec.table.columns, [codec.write(row) for row in added])
        if blocks:
            own = self._columns["block"].table
            self._upsert(own, "block", [(one.number, one.hash, one.parent, one.time) for one in blocks])
            self.run("DELETE FROM dropped WHERE time < ?", blocks[-1].time - DAY)
        self.stain(changes.assets)
        self.settle(final)

    def settle(self, final: int) -> None:
        """Take blocks up to `final` for good, within `writing`."""
        before = int(self.facts().get("final", -1))
        if final <= before:
            return
        for table in FOLDED:
            self.run(f"DELETE FROM {table.name}_was WHERE at <= ?", final)
        self.run("DELETE FROM block WHERE number < ?", final)
        self.note(final=final)

    def stain(self, assets: Iterable[int]) -> None:
        """Say that what is shown of these assets may have changed, within `writing`."""
        listed = sorted(set(assets))
        if listed:
            seq = int(self.facts().get("seq", 0))
            dirty = self._columns["dirty"]
            self._upsert(dirty.table, "dirty", [dirty.write((asset, seq + n)) for n, asset in enumerate(listed, 1)])
            self.note(seq=seq + len(listed))

    def undo(self, to: int, contracts: Contracts) -> int:
        """Make all blocks after `to` undone, newest first, within `writing`; returns how many blocks that were.

        Their events are kept for a day among those that were dropped: the node may not give them again.
        """
        count = int(self.rows("SELECT count(*) FROM block WHERE number > ?", to)[0][0])
        changed: set[int] = set()
        events = self.events(list(self.each("event", "WHERE block > ? ORDER BY block, log", to)), contracts)
        parties = [(account, event.block, event.log) for event in events for account in event.parties()]
        changed.update(event.subject for event in events if event.subject)
        self._erase(self._columns["party"].table, parties)
        self._keep_dropped(to)
        for table in FOLDED:
            keys, names = ", ".join(table.key), ", ".join(table.names)
            was, same = f"{table.name}_was", " AND ".join(f"w.{key} = f.{key}" for key in table.key)
            gone = self.rows(f"SELECT DISTINCT {keys} FROM {was} WHERE at > ?", to)
            if not gone:
                continue
            self._erase(table, gone)
            # The oldest of what a row was is what going back block by block, the newest first, ends at.
            self.run(
                f"INSERT INTO {table.name} ({names}) SELECT {', '.join(f'w.{name}' for name in table.names)} "
                f"FROM {was} w JOIN (SELECT {keys}, min(at) AS first FROM {was} WHERE at > ? GROUP BY {keys}) f "
                f"ON {same} AND w.at = f.first WHERE w.existed = 1",
                to,
            )
            self.run(f"DELETE FROM {was} WHERE at > ?", to)
        for table in LOGS:
            if table.name != "party":
                self.run(f"DELETE FROM {table.name} WHERE block > ?", to)
        self.run("DELETE FROM block WHERE number > ?", to)
        self.stain(changed)
        return count

    def _keep_dropped(self, to: int) -> None:
        """Note the events of blocks after `to` as dropped, with the hashes of the blocks."""
        names = ", ".join(f"e.{name}" for name in BY_NAME["event"].names)
        last = int(self.rows("SELECT coalesce(max(number), 0) FROM dropped")[0][0])
        rows = self.rows(
            f"SELECT coalesce(b.hash, ''), {names} FROM event e LEFT JOIN block b ON b.number = e.block "
            f"WHERE e.block > ? ORDER BY e.block DESC, e.log DESC LIMIT {MOST_DROPPED}",
            to,
        )
        noted = [(last + place, *row) for place, row in enumerate(reversed(rows), 1)]
        self._append("dropped", self._columns["dropped"].table.columns, noted)
        self.run("DELETE FROM dropped WHERE number <= ?", last + len(noted) - MOST_DROPPED)

    def dump(self, *, undo: bool = False) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Every row that follows from the chain, in a fixed order; with `undo` also what rows were before.

        Two indexes of one chain are equal when these are, whatever database each is in.
        """
        for table in (*FOLDED, *LOGS):
            for suffix in ("", "_was") if undo and table in FOLDED else ("",):
                extra = "at, existed, " if suffix else ""
                rows = self.rows(f"SELECT {extra}{', '.join(table.names)} FROM {table.name}{suffix}")
                yield from ((table.name + suffix, one) for one in sorted(tuple(map(_comparable, row)) for row in rows))

    @contextmanager
    def _typed(self, *kinds: type[Exception]) -> Iterator[None]:
        try:
            yield
        except kinds as error:
            deadline.check()
            raise IndexFault(f"The index cannot be used: {' '.join(str(error).split())[:300]}.") from error


class _Codec:
    """Rows of one table as Python has them, and as a database does.

    What is larger than its column holds is kept as the largest that it does: nothing that was paid or counted comes to
    that, but a contract of a stranger writes what it likes, and no number of its may stop an index.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._names = table.names
        self._big = tuple(place for place, (_, kind) in enumerate(table.columns) if kind == "big")
        self._int = tuple(place for place, (_, kind) in enumerate(table.columns) if kind == "int")
        self._int_key = tuple(place for place in self._int if place < table.keys)

    def write(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._encoded(values, self._int)

    def key(self, key: Key) -> Key:
        return self._encoded(key, self._int_key)

    def _encoded(self, values: tuple[Any, ...], ints: tuple[int, ...]) -> tuple[Any, ...]:
        if max([values[place] for place in ints], default=0) > LARGEST:
            values = tuple(min(one, LARGEST) if place in ints else one for place, one in enumerate(values))
        if not self._big or self._big[0] >= len(values):
            return values
        encoded = list(values)
        for place in self._big:
            if place < len(values):
                encoded[place] = min(encoded[place], LARGEST_BIG).to_bytes(32, "big")
        return tuple(encoded)

    def values(self, values: Sequence[Any]) -> tuple[Any, ...]:
        if not self._big:
            return tuple(values)
        decoded = list(values)
        for place in self._big:
            decoded[place] = int.from_bytes(decoded[place], "big")
        return tuple(decoded)

    def read(self, values: Sequence[Any]) -> Row:
        return dict(zip(self._names, self.values(values), strict=True))


def _comparable(value: Any) -> Any:
    return value.hex() if isinstance(value, (bytes, memoryview)) else value
