"""The root over all assets at a final block: indexes that agree have the same, and where they do not, the trees lead to
the assets that differ.

A leaf is sha2-256 over number, digest, version, state, delisting and owner of an asset; assets are numbered from 1
without gaps, so what is left out leaves a hole. A node is sha2-256 over up to `WIDTH` nodes below it.

Nothing is written for it: the tree at the last final block follows the rows that changed, and that at a block before it
follows from the events since. So a root costs an index nothing until somebody asks, and no two indexes can have counted
differently.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from registry.errors import InputError, SearchTimeout
from registry.index.changes import changes_of
from registry.index.events import Contracts
from registry.index.tables import BY_NAME, Row
from registry.index.tables_store import Store

__all__ = ["EMPTY", "LEAF_EVENTS", "WIDTH", "Rooted", "Roots", "Tree", "leaf_of"]

WIDTH: Final = 64
ITEMS: Final = 1 << 62
"""Numbers from here on are items of collections, whose root is on chain."""

EMPTY: Final = bytes(32)
"""The leaf of an asset that is not there, and the root where there is none."""

LEAF_EVENTS: Final = (
    "AssetRegistry.Transfer",
    "AssetRegistry.MetadataPublished",
    "AssetRegistry.StateChanged",
    "AssetRegistry.DelistedChanged",
)
"""The events that a leaf follows from."""

MOST_SINCE: Final = 5_000
"""Events between the last final block and one that is asked for: a stranger's question has its bounds."""

WAIT: Final = 2.0
"""Seconds that a question waits for the tree while somebody else makes it."""

AT_ONCE: Final = 500
"""Assets looked up at a time."""

KEPT: Final = 4
"""Trees of blocks before that are kept, for whoever walks down them."""


def leaf_of(id: int, digest: bytes, version: int, state: int, delisted: bool, owner: str) -> bytes:
    """The leaf of an asset as the chain has it."""
    return hashlib.sha256(
        id.to_bytes(8, "big")
        + digest
        + version.to_bytes(8, "big")
        + bytes([state, int(delisted)])
        + bytes.fromhex(owner[2:])
    ).digest()


class Tree:
    """A tree as it is at one block; it never changes."""

    def __init__(self, levels: list[list[bytes]] | None = None) -> None:
        self._levels = levels or [[]]

    @property
    def root(self) -> bytes:
        """Its root."""
        return self._levels[-1][0] if self._levels[-1] else EMPTY

    @property
    def size(self) -> int:
        """How many assets there are."""
        return len(self._levels[0])

    @property
    def levels(self) -> int:
        """How many levels there are, the leaves counted."""
        return len(self._levels)

    def below(self, level: int, place: int) -> tuple[bytes, ...]:
        """The nodes below a node; of level 1 these are leaves. Raises `KeyError` for a node that is not there."""
        if not 1 <= level < max(2, len(self._levels)) or place < 0:
            raise KeyError((level, place))
        found = self._levels[level - 1][place * WIDTH : (place + 1) * WIDTH]
        if not found:
            raise KeyError((level, place))
        return tuple(found)

    def changed(self, leaves: Iterable[tuple[int, bytes]]) -> Tree:
        """The tree with other leaves under some numbers."""
        made = [list(level) for level in self._levels]
        lowest = made[0]
        touched: set[int] = set()
        for id, leaf in leaves:
            if id > len(lowest):
                touched.update(range(len(lowest), id))
                lowest.extend([EMPTY] * (id - len(lowest)))
            lowest[id - 1] = leaf
            touched.add(id - 1)
        while lowest and lowest[-1] == EMPTY:
            touched.add(len(lowest) - 1)
            lowest.pop()
        _climb(made, touched)
        return Tree(made)


def _climb(levels: list[list[bytes]], touched: set[int]) -> None:
    """Make the nodes above some leaves again."""
    level = 0
    while levels[level] and (level == 0 or len(levels[level]) > 1):
        here = levels[level]
        if len(levels) == level + 1:
            levels.append([])
        above, size = levels[level + 1], -(-len(here) // WIDTH)
        del above[size:]
        above.extend([EMPTY] * (size - len(above)))
        touched = {place // WIDTH for place in touched if place // WIDTH < size}
        for place in touched:
            above[place] = hashlib.sha256(b"".join(here[place * WIDTH : (place + 1) * WIDTH])).digest()
        level += 1
    del levels[level + 1 :]


class Rooted(NamedTuple):
    """The tree at a block, and the last final block of the index that has it."""

    final: int
    hash: str
    at: int
    tree: Tree


class Roots:
    """The trees of one index, brought up to what is final when they are asked for.

    The first time that takes ten seconds of a million assets, so whoever answers strangers asks once before they do.
    Methods raise `SearchTimeout` where that has not come to its end.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = threading.Lock()
        self._final: tuple[int, str] = (0, "")
        self._seq = 0
        self._tree = Tree()
        self._unfinal: set[int] = set()
        self._before: dict[int, Tree] = {}

    def at_final(self) -> Rooted:
        """The tree at the last final block."""
        with self._alone(), self._store.reading():
            self._catch_up()
            number, hash_ = self._final
            return Rooted(number, hash_ or "0x" + "00" * 32, number, self._tree)

    def at(self, block: int, contracts: Contracts) -> Rooted:
        """The tree at a final block. Raises `InputError` for one that is not final, or too far back."""
        with self._alone(), self._store.reading():
            self._catch_up()
            number, hash_ = self._final
            if block > number:
                raise InputError(
                    f"Block {block} is not final here: block {number} is the last that is.", hint="Ask for that one."
                )
            tree = self._tree if block == number else self._before.get(block)
            if tree is None:
                tree = self._tree.changed(self._then(block, number, contracts))
                while len(self._before) >= KEPT:
                    del self._before[next(iter(self._before))]
                self._before[block] = tree
            return Rooted(number, hash_ or "0x" + "00" * 32, block, tree)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one.acquire(timeout=WAIT):
            raise SearchTimeout(WAIT)
        try:
            yield
        finally:
            self._one.release()

    # --- At the last final block -----------------------------------------------------------------

    def _catch_up(self) -> None:
        facts = self._store.facts()
        final, seq = int(facts.get("final", -1)), int(facts.get("seq", 0))
        hash_ = self._store.hash_at(final)
        head = self._store.head()
        if final < 0 and head is not None:
            # Nothing is ever final on a chain inside this process: its head is.
            final, hash_ = head
        here = max(final, 0), hash_ or ""
        if self._final == here and self._seq == seq:
            return
        if seq < self._seq:
            self._tree, self._seq, self._unfinal = Tree(), 0, set()
        before = self._changed_after(final)
        listed = self._store.rows("SELECT asset FROM dirty WHERE seq > ? AND asset < ?", self._seq, ITEMS)
        changed = {id for (id,) in listed} | self._unfinal
        self._tree = self._tree.changed(self._leaves(sorted(changed), before))
        self._unfinal, self._final, self._seq = set(before), here, seq
        self._before.clear()

    def _leaves(self, changed: list[int], before: Mapping[int, Row | None]) -> Iterator[tuple[int, bytes]]:
        for start in range(0, len(changed), 1_000):
            part = changed[start : start + 1_000]
            rows = self._store.load("asset", [(id,) for id in part])
            yield from ((id, _leaf(before[id] if id in before else rows.get((id,)))) for id in part)

    def _changed_after(self, final: int) -> dict[int, Row | None]:
        """Assets that changed after what is final, as they were then; None for one that was not there."""
        return {
            kept["id"]: kept if existed else None
            for existed, kept in self._store.each_before("asset", final)
            if kept["id"] < ITEMS  # the tree would have leaves up to there
        }

    # --- At a block before it --------------------------------------------------------------------

    def _then(self, block: int, final: int, contracts: Contracts) -> Iterator[tuple[int, bytes]]:
        """The leaves at a block of what changed between it and the last that is final."""
        marks = ", ".join("?" * len(LEAF_EVENTS))
        since = "SELECT name, asset FROM event WHERE block > ? AND block <= ? ORDER BY block, log LIMIT ?"
        count = self._store.rows(f"SELECT count(*) FROM ({since}) e", block, final, MOST_SINCE + 1)[0][0]
        if count > MOST_SINCE:
            raise InputError(
                f"Block {block} is too far back: there are more than {MOST_SINCE:,} events between it and the last "
                f"final block, {final}.",
                hint=f"Ask for a block nearer to {final}.",
            )
        found = self._store.rows(
            f"SELECT DISTINCT asset FROM ({since}) e WHERE name IN ({marks}) AND asset > 0 AND asset < ?",
            *(block, final, MOST_SINCE, *LEAF_EVENTS, ITEMS),
        )
        listed = sorted(id for (id,) in found)
        for start in range(0, len(listed), AT_ONCE):
            part = listed[start : start + AT_ONCE]
            rows = self._folded(part, block, contracts)
            yield from ((id, _leaf(rows.get(id))) for id in part)

    def _folded(self, ids: list[int], block: int, contracts: Contracts) -> dict[int, Row]:
        """Assets as they were at a block, as far as leaves have it, from their events up to there."""
        where = f"WHERE asset IN ({', '.join('?' * len(ids))}) AND name IN ({', '.join('?' * len(LEAF_EVENTS))}) "
        rows = list(self._store.each("event", where + "AND block <= ? ORDER BY block, log", *ids, *LEAF_EVENTS, block))
        changes = changes_of([(event, ()) for event in self._store.events(rows, contracts)], _nothing, block)
        names = BY_NAME["asset"].names
        return {
            key[0]: dict(zip(names, values, strict=True))
            for key, values in changes.rows["asset"].items()
            if values is not None
        }


def _nothing(_table: str, _keys: Any) -> dict[Any, Any]:
    return {}


def _leaf(row: Row | None) -> bytes:
    if row is None or not row["owner"]:
        return EMPTY
    return leaf_of(row["id"], row["digest"] or EMPTY, row["version"], row["state"], bool(row["delisted"]), row["owner"])
