"""The root over all assets at a final block: indexes that agree have the same, and where they do not, the trees lead to
the assets that differ.

A leaf is sha2-256 over number, digest, version, state, delisting and owner of an asset; assets are numbered from 1
without gaps, so what is left out leaves a hole. A node is sha2-256 over up to `WIDTH` nodes below it.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Final

from registry.index.tables import Row
from registry.index.tables_store import Store

__all__ = ["WIDTH", "Roots", "leaf_of"]

WIDTH: Final = 64
ITEMS: Final = 1 << 62
"""Numbers from here on are items of collections, whose root is on chain."""

_EMPTY: Final = bytes(32)


def leaf_of(id: int, digest: bytes, version: int, state: int, delisted: bool, owner: str) -> bytes:
    """The leaf of an asset as the chain has it."""
    return hashlib.sha256(
        id.to_bytes(8, "big")
        + digest
        + version.to_bytes(8, "big")
        + bytes([state, int(delisted)])
        + bytes.fromhex(owner[2:])
    ).digest()


class Roots:
    """The tree of one index, kept in memory and brought up to what is final when it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = threading.Lock()
        self._final: tuple[int, str] | None = None
        self._seq = 0
        self._levels: list[list[bytes]] = [[]]
        self._unfinal: set[int] = set()

    def at_final(self) -> tuple[int, str, bytes, int, int]:
        """Number and hash of the last final block, the root there, how many assets, and how many levels."""
        with self._one:
            self._catch_up()
            number, block = self._final or (0, "0x" + "00" * 32)
            top = self._levels[-1]
            return number, block, top[0] if top else _EMPTY, len(self._levels[0]), len(self._levels)

    def below(self, level: int, place: int) -> tuple[bytes, ...]:
        """The nodes below a node; of level 1 these are leaves. Raises `KeyError` for a node that is not there."""
        with self._one:
            self._catch_up()
            if not 1 <= level < max(2, len(self._levels)) or not place >= 0:
                raise KeyError((level, place))
            found = self._levels[level - 1][place * WIDTH : (place + 1) * WIDTH]
            if not found:
                raise KeyError((level, place))
            return tuple(found)

    # --- Internal --------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        with self._store.reading():
            facts = self._store.facts()
            final, seq = int(facts.get("final", -1)), int(facts.get("seq", 0))
            hash_ = self._store.hash_at(final)
            head = self._store.head()
            if final < 0 and head is not None:
                # Nothing is ever final on a chain inside this process: its head is.
                final, hash_ = head
            if self._final == (final, hash_ or "") and self._seq == seq:
                return
            if seq < self._seq:
                self._levels, self._seq, self._unfinal = [[]], 0, set()
            changed = {
                id
                for (id,) in self._store.rows("SELECT asset FROM dirty WHERE seq > ? AND asset < ?", self._seq, ITEMS)
            }
            before = self._before(final)
            changed |= self._unfinal
            leaves = self._levels[0]
            touched: set[int] = set()
            for start in range(0, len(listed := sorted(changed)), 1_000):
                part = listed[start : start + 1_000]
                rows = self._store.load("asset", [(id,) for id in part])
                for id in part:
                    row = before[id] if id in before else rows.get((id,))
                    leaf = _EMPTY
                    if row is not None and row["owner"]:
                        leaf = leaf_of(
                            id,
                            row["digest"] or _EMPTY,
                            row["version"],
                            row["state"],
                            bool(row["delisted"]),
                            row["owner"],
                        )
                    while len(leaves) < id:
                        touched.add(len(leaves))
                        leaves.append(_EMPTY)
                    leaves[id - 1] = leaf
                    touched.add(id - 1)
            while leaves and leaves[-1] == _EMPTY:
                touched.add(len(leaves) - 1)
                leaves.pop()
            self._climb(touched)
            self._unfinal = set(before)
            self._final, self._seq = (final, hash_ or ""), seq

    def _before(self, final: int) -> dict[int, Row | None]:
        """Assets that changed after what is final, as they were then; None for one that was not there."""
        found: dict[int, Row | None] = {}
        for existed, kept in self._store.each_before("asset", final):
            found[kept["id"]] = kept if existed else None
        return found

    def _climb(self, touched: set[int]) -> None:
        """Make the nodes above some leaves again."""
        level = 0
        while len(self._levels[level]) > 1 or level == 0:
            here = self._levels[level]
            if len(self._levels) == level + 1:
                self._levels.append([])
            above = self._levels[level + 1]
            size = -(-len(here) // WIDTH)
            del above[size:]
            places = {place // WIDTH for place in touched} | set(range(len(above), size))
            for place in sorted(places):
                if place >= size:
                    continue
                node = hashlib.sha256(b"".join(here[place * WIDTH : (place + 1) * WIDTH])).digest()
                if place < len(above):
                    above[place] = node
                else:
                    above.append(node)
            touched = places
            level += 1
            if size <= 1:
                break
        del self._levels[level + 1 :]
