"""An index that follows its chain: takes new blocks, undoes those that were dropped, and knows what is final."""

from __future__ import annotations

import gc
import threading
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from registry.chain.raw_blocks import Header
from registry.errors import (
    ChainError,
    ConnectionFailed,
    EventGap,
    ForkBelowFinal,
    InputError,
    NodeIncomplete,
    NodeRefused,
    NodesDisagree,
)
from registry.index.changes import changes_of
from registry.index.events import Contracts, Home
from registry.index.feed import ChainSource, Feed, Piece
from registry.index.tables_store import Store

__all__ = ["FINALITY", "Finality", "Indexer", "Progress", "Standing"]

Progress = Callable[[str, int, int], None]

AT_ONCE: Final = 4_000
"""Events in one transaction."""

HEADERS: Final = 50
"""Headers asked for at once."""

BLOCKS: Final = 10
"""Blocks whose logs are asked for at once, while they are not final."""

FALL_BACK: Final = 256
"""Blocks below the head that are final where a node cannot say what is."""


@dataclass(frozen=True, slots=True)
class Finality:
    """What is final on a chain: what the node calls so, or what lies `blocks` below its head."""

    blocks: int | None = None

    def __post_init__(self) -> None:
        if self.blocks is not None and self.blocks < 1:
            raise InputError(f"Blocks are not final after {self.blocks}.", hint="Name a number of blocks from 1.")


FINALITY: Final[Mapping[int, Finality]] = {
    1: Finality(),
    10: Finality(),
    100: Finality(),
    137: Finality(),
    8453: Finality(),
    42161: Finality(),
    11155111: Finality(),
    56: Finality(),
    43114: Finality(),
    1337: Finality(64),
    31337: Finality(64),
}
"""By the number of the chain; others are asked too."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an index is: the last block that it took and its hash, the last that is final, the node's head, and what
    it waits for ("" for nothing)."""

    number: int
    hash: str
    final: int
    head: int
    waits: str = ""

    @property
    def lag(self) -> int:
        """Blocks that it is behind its node."""
        return max(0, self.head - self.number)


class Indexer:
    """Keeps the tables of `store` in step with the chain behind `source`.

    `first` is the first block that can hold events; `witness` a second node that must agree on what is final; `verify`
    has receipts proven (see `registry.index.feed`).
    """

    def __init__(
        self,
        store: Store,
        source: ChainSource,
        contracts: Contracts,
        *,
        first: int,
        finality: Finality | None = None,
        witness: ChainSource | None = None,
        verify: bool = False,
        progress: Progress | None = None,
        sleep: Callable[[float], None] = clock.sleep,
    ) -> None:
        self.store = store
        self.contracts = contracts
        self._source = source
        self._witness = witness
        self._first = first
        self._finality = finality or Finality()
        self._progress = progress or (lambda _what, _done, _total: None)
        self._unwritten: dict[str, Home] = {}
        self._feed = Feed(source, contracts, self._homes, self._known, witness=witness, verify=verify, sleep=sleep)
        self._made: dict[str, Home] | None = None
        self._many = False
        self._one = threading.Lock()

    # --- One step --------------------------------------------------------------------------------

    def sync(self) -> Standing:
        """Take all blocks that there are. Returns at once if there is nothing new, or the node is behind.

        Raises `ForkBelowFinal`, `NodesDisagree`, `NodeIncomplete`, `NodeRefused`, `ConnectionFailed` and `Undecodable`;
        what was taken before stays, and nothing is half done.
        """
        with self._one, _no_collecting():
            try:
                return self._sync()
            except BaseException:
                self._made = None  # it may hold what was read and not written
                self._unwritten.clear()
                raise

    def _sync(self) -> Standing:
        head = self._source.head()
        here = self.store.head()
        final = self._stored_final()
        if here is not None:
            behind = self._go_back(head, here, final)
            if behind:
                return Standing(here[0], here[1], final, head.number, behind)
        target = max(final, self._final_of(head))
        waits = self._take_final(target)
        self._take_rest(head, max(final, self._stored_final()))
        number, hash_ = self.store.head() or (self._first - 1, "")
        return Standing(number, hash_, self._stored_final(), head.number, waits)

    def follow(
        self,
        stop: threading.Event,
        *,
        every: float = 1.0,
        told: Callable[[Standing | ChainError], None] = lambda _: None,
    ) -> None:
        """Sync again and again, every so many seconds, until `stop` is set; what goes wrong on the way is `told`.

        Raises `ForkBelowFinal`, which somebody must look at.
        """
        while not stop.is_set():
            try:
                told(self.sync())
            except ForkBelowFinal:
                raise
            except ChainError as error:
                told(error)
            stop.wait(every)

    # --- Forks -----------------------------------------------------------------------------------

    def _go_back(self, head: Header, here: tuple[int, str], final: int) -> str:
        """Undo what the node's chain does not have; returns what to wait for if the node is behind."""
        number, ours = here
        if head.number < number:
            if not self._source.is_the_chain:
                known = self.store.hash_at(head.number)
                # A block from before the first that is remembered says nothing of a fork.
                if head.number <= final or known is None or known == head.hash:
                    return f"the node is at block {head.number}, and this index at {number}"
            start = head
        else:
            found = head if head.number == number else self._source.header(number)
            if found is None:
                raise ConnectionFailed(self._source.name, f"it has block {head.number} and not block {number}")
            start = found
        if start.number == number and start.hash == ours:
            return ""
        common = self._common(start, final)
        with self.store.writing():
            self.store.undo(common, self.contracts)
        self._made = None
        return ""

    def _common(self, theirs: Header, final: int) -> int:
        """The last block that both have, found by the parents of the node's. Raises `ForkBelowFinal`."""
        while True:
            ours = self.store.hash_at(theirs.number)
            if ours == theirs.hash:
                return theirs.number
            if theirs.number <= max(final, self._first):
                if final < self._first or ours is None:
                    return self._first - 1
                raise ForkBelowFinal(theirs.number, ours, theirs.hash)
            parent = self._source.header(theirs.parent)
            if parent is None or parent.number != theirs.number - 1:
                raise NodeIncomplete(self._source.name, theirs.number, "it does not have the block before it")
            theirs = parent

    # --- What is final ---------------------------------------------------------------------------

    def _stored_final(self) -> int:
        return int(self.store.facts().get("final", -1))

    def _final_of(self, head: Header) -> int:
        """The number of the last block that is final."""
        if self._source.is_the_chain:
            return -1
        if self._finality.blocks is not None:
            return head.number - self._finality.blocks
        try:
            found = self._source.header("finalized")
        except NodeRefused:
            found = None
        if found is None:
            return head.number - FALL_BACK
        return min(found.number, head.number)

    def _take_final(self, target: int) -> str:
        """Take what is final as far as both nodes say so, and move the mark; returns what it waits for."""
        final = self._stored_final()
        if target <= final or target < self._first:
            return ""
        header = self._source.header(target)
        if header is None:
            raise ConnectionFailed(self._source.name, f"it does not have block {target}")
        if self._witness is not None:
            seen = self._witness.header(target)
            if seen is None:
                return f"the second node does not have block {target} yet"
            if seen.hash != header.hash:
                raise NodesDisagree(target, header.hash, seen.hash, self._source.name, self._witness.name)
        here = self.store.head()
        if here is not None and here[0] >= target:
            ours = self.store.hash_at(target)
            if ours != header.hash:
                raise NodeIncomplete(self._source.name, target, f"it has the hash {header.hash}, and had {ours}")
            with self.store.writing():
                self.store.settle(target)
            return ""
        first = self._first if here is None else here[0] + 1
        if here is None:
            self._check_parent(first, None)
        else:
            self._check_parent(first, here[1])
        for piece in self._feed.ranges(first, target, header.hash):
            self._take(piece, [piece.last], piece.last.number)
            self._progress("reading blocks", piece.last.number - self._first + 1, target - self._first + 1)
        return ""

    def _check_parent(self, first: int, ours: str | None) -> None:
        """Whether the node's block `first` stands on the last that was taken."""
        if ours is None:
            return
        found = self._source.header(first)
        if found is None or found.parent != ours:
            raise NodeIncomplete(self._source.name, first, "it does not stand on the block that it had before")

    # --- What is not -----------------------------------------------------------------------------

    def _take_rest(self, head: Header, final: int) -> None:
        """Take blocks one by one, each on the one before, up to the head."""
        here = self.store.head()
        number, before = here if here is not None else (self._first - 1, "")
        pieces: list[Piece] = []
        headers: list[Header] = []
        events = 0

        def flush() -> None:
            nonlocal pieces, headers, events
            if headers:
                self._take(_joined(pieces), headers, final)
                self._progress("reading blocks", headers[-1].number - self._first + 1, head.number - self._first + 1)
            pieces, headers, events = [], [], 0
            self._unwritten.clear()

        for linked in self._linked(number, before, head):
            for header, piece in zip(linked, self._feed.blocks(linked), strict=True):
                pieces.append(piece)
                headers.append(header)
                events += len(piece.events)
                # What these blocks made is asked about in the blocks that follow, before it is written.
                self._remember(piece)
                self._unwritten.update(made for _, listed in piece.events for made in listed)
                if events >= AT_ONCE or len(headers) >= 256:
                    flush()
        flush()

    def _linked(self, number: int, before: str, head: Header) -> Iterator[list[Header]]:
        """The headers after block `number`, some at a time, each on the one before; they end early where the chain
        moved on while it was read: the next step walks back."""
        while number < head.number:
            numbers = range(number + 1, min(number + HEADERS, head.number - 1) + 1)
            found = self._source.headers(numbers)
            if head.number <= number + HEADERS:
                found.append(head)
            linked: list[Header] = []
            for header in found:
                if header is None or (before and header.parent != before):
                    break
                linked.append(header)
                before = header.hash
            for start in range(0, len(linked), BLOCKS):
                yield linked[start : start + BLOCKS]
            if len(linked) < len(found):
                return
            number = linked[-1].number

    # --- Writing ---------------------------------------------------------------------------------

    def _take(self, piece: Piece, headers: list[Header], final: int) -> None:
        """Write what some blocks came to, in one transaction."""
        try:
            with self.store.writing():
                changes = changes_of(piece.events, self.store.values, final)
                self.store.save(changes, headers, min(final, headers[-1].number))
        except EventGap as error:
            raise NodeIncomplete(
                self._source.name, piece.last.number, f"an event was left out: {error.reason}"
            ) from error
        self._remember(piece)
        gc.collect(1)

    # --- Contracts that were made ----------------------------------------------------------------

    def _homes(self, addresses: Iterable[str]) -> Mapping[str, Home]:
        """Which of these addresses are contracts that the registry made."""
        here = {address: self._unwritten[address] for address in addresses if address in self._unwritten}
        rest = set(addresses) - here.keys()
        return {**self.store.homes(rest), **here} if rest else here

    def _known(self, most: int) -> Mapping[str, Home] | None:
        """The contracts that the registry made, None if they are more than `most`."""
        if self._made is None:
            count = int(self.store.rows("SELECT count(*) FROM contract")[0][0])
            rows = self.store.each("contract") if count <= most else ()
            self._made = {row["address"]: Home(row["kind"], row["asset"], row["licence"]) for row in rows}
            self._many = count > most
        self._many = self._many or len(self._made) > most
        return None if self._many else self._made

    def _remember(self, piece: Piece) -> None:
        if self._made is not None and not self._many:
            self._made.update(made for _, listed in piece.events for made in listed)


def refold(store: Store, contracts: Contracts, *, progress: Progress | None = None) -> None:
    """Make all tables again from the events that the index has, without asking a node.

    Blocks stay as final as they are: what is not final can be undone as before. Raises `IndexFault`.
    """
    from registry.index.tables import FOLDED

    tell = progress or (lambda _what, _done, _total: None)
    final = int(store.facts().get("final", -1))
    total = int(store.rows("SELECT count(*) FROM event")[0][0])
    with store.writing(), _no_collecting():
        for table in FOLDED:
            store.run(f"DELETE FROM {table.name}")
            store.run(f"DELETE FROM {table.name}_was")
        store.run("DELETE FROM party")
        store.run("DELETE FROM sale")
        done, after = 0, (-1, -1)
        while rows := list(
            store.each("event", f"WHERE (block, log) > (?, ?) ORDER BY block, log LIMIT {AT_ONCE}", *after)
        ):
            events = store.events(rows, contracts)
            changes = changes_of([(event, tuple(contracts.made_by(event))) for event in events], store.values, final)
            del changes.added["event"]
            store.save(changes, [], final)
            done += len(rows)
            after = (rows[-1]["block"], rows[-1]["log"])
            tell("folding events", done, total)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Rows come by the hundred thousand and none is in a cycle: to look for cycles among them takes a tenth of all."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _joined(pieces: list[Piece]) -> Piece:
    return Piece(pieces[0].first, pieces[-1].last, tuple(one for piece in pieces for one in piece.events))
