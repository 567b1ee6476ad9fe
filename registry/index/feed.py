"""The events of a chain, whole and in order, from nodes that lag, leave out, cut short or lie.

What is final is read in ranges, what is not block by block, each by its hash: a node that does not have it says so
instead of answering with nothing. Whatever does not fit together is asked again and then refused, never taken.

What a node is held to:

* the blocks of a range are linked from one to the next, and its logs count only with the header of its last block
  beside them, from the same answer;
* every log lies in its range and carries the hash of its block as the node gives that block;
* of a block that may have logs of ours and is not final yet, all logs are asked for, and must make its bloom filter;
* in a range, the filter of a block has every log that was given, and if it may have an event of ours of a kind that was
  not given, all its logs are asked for as well (a filter that is too full to say anything is not asked);
* a second node, if there is one, gives the same logs for the range;
* with `verify`, the receipts of each block that may have logs of ours are read, and must make the block's root: then
  nothing at all can be left out.

It knows no database.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import Any, Final, Protocol, TypeVar

from registry.chain.raw_blocks import Header, RawLog, bloom_of
from registry.errors import ChainError, ConnectionFailed, NodeIncomplete, NodeRefused
from registry.index.events import Contracts, Home, IndexedEvent
from registry.index.fold import followed
from registry.text.waits import waiting_for

__all__ = ["ChainSource", "Feed", "Piece"]

FIRST_RANGE: Final = 64
LARGEST_RANGE: Final = 2_000
"""Blocks asked for at once: halved when a node refuses, doubled again when a range has few events."""

MANY_LOGS: Final = 8_000
ADDRESSES: Final = 500
"""Contracts named in one question."""

NAMED_CONTRACTS: Final = 2_000
"""With more contracts than this, blocks are searched by their events alone, and what is not ours is left out here."""

FULL: Final = 700
"""A bloom filter with more of its 2,048 bits set says yes to much that is not there."""

TRIES: Final = 4
T = TypeVar("T")
Told = tuple[IndexedEvent, tuple[tuple[str, Home], ...]]
"""An event, and the contracts that it made."""

Homes = Callable[[Iterable[str]], Mapping[str, Home]]


class ChainSource(Protocol):
    """Who gives blocks: `registry.chain.raw_blocks.Blocks`, or anything that answers like it and raises as it does."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def is_the_chain(self) -> bool:
        """Whether it is the chain itself, which never lags."""

    def head(self) -> Header:
        """The last block."""

    def header(self, which: int | str) -> Header | None:
        """A block by number, hash or name."""

    def headers(self, which: Sequence[int | str]) -> list[Header | None]:
        """Several blocks."""

    def logs(
        self, first: int, last: int, addresses: Sequence[str], topics: Sequence[str]
    ) -> tuple[list[RawLog], Header | None]:
        """Logs of some blocks, and the header of the last."""

    def logs_of(self, block_hashes: Sequence[str]) -> list[list[RawLog]]:
        """All logs of each of some blocks."""

    def receipts(self, block_hash: str) -> list[dict[str, Any]]:
        """All receipts of one block."""

    def logs_in(self, receipts: Iterable[dict[str, Any]]) -> list[RawLog]:
        """The logs of receipts."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some blocks one after the other: up to the block `last`, with the events in them and the contracts that each
    event made."""

    first: int
    last: Header
    events: tuple[Told, ...]


class Feed:
    """The events of the contracts of one registry, from one node.

    `homes` says which of some addresses are contracts that the registry is known to have made, and `known` which those
    are, or None while they are more than it is asked for. Methods raise `ConnectionFailed`, `NodeRefused`,
    `NodeIncomplete` and `Undecodable`, after trying some times; `sleep` waits between tries.
    """

    def __init__(
        self,
        source: ChainSource,
        contracts: Contracts,
        homes: Homes,
        known: Callable[[int], Mapping[str, Home] | None],
        *,
        witness: ChainSource | None = None,
        verify: bool = False,
        sleep: Callable[[float], None] = clock.sleep,
    ) -> None:
        self.source = source
        self.contracts = contracts
        self._homes = homes
        self._known = known
        self._witness = witness
        self._verify = verify
        self._sleep = sleep
        self._size = FIRST_RANGE
        topics = followed()
        self._core_topics = sorted(
            {topic for kind in {h.kind for h in contracts.core.values()} for topic in topics[kind]}
        )
        made = ("Datatoken", "RevenueSplitter", "LineageSplitter", "Safe", "Marketplace")
        self._made_topics = sorted({topic for kind in made for topic in topics[kind]})
        self._topics_of = topics
        self._blooms: dict[str, int] = {}

    # --- What is final: ranges -------------------------------------------------------------------

    def ranges(self, first: int, last: int, last_hash: str) -> Iterator[Piece]:
        """The events of blocks `first` to `last`, which are final; `last_hash` is the hash of the last of them."""
        while first <= last:
            end = min(first + self._size - 1, last)
            try:
                piece = self._tried(partial(self._range, first, end))
            except NodeRefused:
                if end == first:
                    raise
                self._size = max(1, (end - first + 1) // 2)
                continue
            if end == last and piece.last.hash != last_hash:
                raise NodeIncomplete(self.source.name, last, f"it has the hash {piece.last.hash}, and had {last_hash}")
            yield piece
            first = end + 1
            if len(piece.events) > MANY_LOGS:
                self._size = max(1, self._size // 2)
            elif len(piece.events) < MANY_LOGS // 4:
                self._size = min(LARGEST_RANGE, self._size * 2)

    def _range(self, first: int, last: int) -> Piece:
        headers = self._headers(list(range(first, last + 1)))
        for before, after in pairwise(headers):
            if after.parent != before.hash:
                raise NodeIncomplete(self.source.name, after.number, "its parent is not the block before it")
        if self._verify:
            return Piece(first, headers[-1], tuple(one for header in headers for one in self._block(header).events))
        by_number = {header.number: header for header in headers}
        logs = self._logs(first, headers[-1], list(self.contracts.core), self._core_topics)
        told, homes = self._told(logs, by_number)
        for addresses in self._questions(homes):
            # Everybody's logs have those of the core among them, of events that made contracts have too.
            found = self._logs(first, headers[-1], addresses, self._made_topics)
            logs += [log for log in found if log.address not in self.contracts.core]
        given: dict[int, set[tuple[str, str]]] = {}
        for log in logs:
            given.setdefault(log.block, set()).add((log.address, log.topics[0] if log.topics else ""))
        lacking = [
            header
            for header in headers
            if header.bloom.bit_count() <= FULL and self._missing(header, homes, given.get(header.number, set()))
        ]
        whole = self._piece(first, headers[-1], logs, by_number, homes, told)
        if not lacking:
            return whole
        numbers = {header.number for header in lacking}
        events = [one for one in whole.events if one[0].block not in numbers]
        events += [one for header in lacking for one in self._block(header).events]
        return Piece(first, headers[-1], tuple(sorted(events, key=lambda one: (one[0].block, one[0].log))))

    def _logs(self, first: int, last: Header, addresses: Sequence[str], topics: Sequence[str]) -> list[RawLog]:
        logs, seen = self.source.logs(first, last.number, addresses, topics)
        if seen is None or seen.hash != last.hash:
            raise NodeIncomplete(self.source.name, last.number, "two questions were answered from two chains")
        if addresses and not {log.address for log in logs} <= set(addresses):
            raise NodeIncomplete(self.source.name, last.number, "it gives logs of contracts that it was not asked for")
        if self._witness is not None:
            others, seen = self._witness.logs(first, last.number, addresses, topics)
            if seen is None or set(others) != set(logs):
                raise NodeIncomplete(self.source.name, last.number, f"{self._witness.name} has other logs up to there")
        return logs

    # --- What is not: block by block -------------------------------------------------------------

    def blocks(self, headers: Sequence[Header]) -> Iterator[Piece]:
        """The events of each of some blocks, asked for by their hashes, all in one question; what is wrong with an
        answer is asked again for its block alone."""
        wanted = [] if self._verify else [header.hash for header in headers if self._may_have(header)]
        given: dict[str, list[RawLog]] = {}
        if len(wanted) > 1:
            with suppress(ChainError):
                given = dict(zip(wanted, self.source.logs_of(wanted), strict=True))
        for header in headers:
            # What the blocks before made may be known only now, and so which blocks may have events.
            yield self._given(header, given.get(header.hash)) or self._tried(partial(self._block, header))

    def _given(self, header: Header, logs: list[RawLog] | None) -> Piece | None:
        """The events of a block whose logs came with those of others, None if they are not right."""
        if logs is None or self._bloom(logs) != header.bloom:
            return None
        try:
            return self._of_ours(header, logs)
        except ChainError:
            return None

    def _block(self, header: Header) -> Piece:
        """All logs of the block are asked for, as they alone must make its bloom filter."""
        if not self._may_have(header):
            return Piece(header.number, header, ())
        if self._verify:
            return self._from_receipts(header)
        (logs,) = self.source.logs_of([header.hash])
        if self._bloom(logs) != header.bloom:
            raise NodeIncomplete(self.source.name, header.number, "its logs do not make its bloom filter")
        return self._of_ours(header, logs)

    def _from_receipts(self, header: Header) -> Piece:
        """The events of a block from all its receipts, which must make its root."""
        from registry.chain.receipts import receipts_root

        receipts = self.source.receipts(header.hash)
        logs = self.source.logs_in(receipts)
        if receipts_root(receipts) != header.receipts_root or self._bloom(logs) != header.bloom:
            raise NodeIncomplete(self.source.name, header.number, "its receipts do not make its root")
        return self._of_ours(header, logs)

    def _of_ours(self, header: Header, logs: Sequence[RawLog]) -> Piece:
        here = {header.number: header}
        wanted = {*self._core_topics, *self._made_topics}
        ours = [log for log in logs if log.topics and log.topics[0] in wanted]
        told, homes = self._told([log for log in ours if log.address in self.contracts.core], here)
        return self._piece(header.number, header, ours, here, homes, told)

    # --- Whose logs ------------------------------------------------------------------------------

    def _told(
        self, logs: Sequence[RawLog], headers: Mapping[int, Header]
    ) -> tuple[dict[tuple[int, int], Told], dict[str, Home]]:
        """What logs of the core say, by their places, and the contracts that the registry made, as far as they are few,
        with those that these logs make."""
        made: dict[str, Home] = dict(self._known(NAMED_CONTRACTS) or {})
        told: dict[tuple[int, int], Told] = {}
        for log in logs:
            home, header = self.contracts.core.get(log.address), headers.get(log.block)
            event = self.contracts.event(log, header.time, home) if home is not None and header is not None else None
            if event is not None:
                makes = tuple(self.contracts.made_by(event))
                told[log.block, log.place] = event, makes
                made.update(makes)
        return told, made

    def _questions(self, homes: Mapping[str, Home]) -> list[list[str]]:
        """The addresses to ask for, in parts; one empty part asks for everybody's."""
        if self._known(NAMED_CONTRACTS) is None or len(homes) > NAMED_CONTRACTS:
            return [[]]
        listed = sorted(homes)
        return [listed[start : start + ADDRESSES] for start in range(0, len(listed), ADDRESSES)]

    def _piece(
        self,
        first: int,
        last: Header,
        logs: Sequence[RawLog],
        headers: Mapping[int, Header],
        homes: Mapping[str, Home],
        told: Mapping[tuple[int, int], Told],
    ) -> Piece:
        """Events of logs, checked against the blocks that they say they are of."""
        name, core = self.source.name, self.contracts.core
        strangers = {log.address for log in logs if log.address not in core and log.address not in homes}
        known = {**(self._homes(strangers) if strangers else {}), **homes, **core}
        events = []
        seen: set[tuple[int, int]] = set()
        for log in sorted(logs, key=attrgetter("block", "place")):
            home = known.get(log.address)
            if home is None:
                continue
            header = headers.get(log.block)
            if header is None or not first <= log.block <= last.number:
                raise NodeIncomplete(name, log.block, f"a log of it was given for blocks {first} to {last.number}")
            if log.block_hash != header.hash:
                raise NodeIncomplete(
                    name, log.block, f"a log says it is of {log.block_hash}, and the block is {header.hash}"
                )
            if (log.block, log.place) in seen:
                raise NodeIncomplete(name, log.block, f"two logs have number {log.place}")
            seen.add((log.block, log.place))
            found = told.get((log.block, log.place)) if log.address in core else None
            if found is None:
                event = self.contracts.event(log, header.time, home)
                if event is None:
                    continue
                found = event, ()
            if first != last.number and not self._in_bloom(header, log.address, log.topics[0]):
                # Of one block alone, all logs were held against the filter.
                raise NodeIncomplete(name, log.block, f"log {log.place} is not in its bloom filter")
            events.append(found)
        return Piece(first, last, tuple(events))

    # --- Bloom filters ---------------------------------------------------------------------------

    def _bits(self, text: str) -> int:
        found = self._blooms.get(text)
        if found is None:
            if len(self._blooms) > 50_000:
                self._blooms.clear()
            found = self._blooms[text] = bloom_of(bytes.fromhex(text[2:]))
        return found

    def _bloom(self, logs: Iterable[RawLog]) -> int:
        bits = 0
        for text in {text for log in logs for text in (log.address, *log.topics)}:
            bits |= self._bits(text)
        return bits

    def _in_bloom(self, header: Header, address: str, topic: str) -> bool:
        bits = self._bits(address) | self._bits(topic)
        return header.bloom & bits == bits

    def _may_have(self, header: Header, addresses: Iterable[str] | None = None) -> bool:
        """Whether a block may have logs of some contracts, by default of any of ours."""
        if header.bloom == 0:
            return False
        if addresses is None:
            known = self._known(NAMED_CONTRACTS)
            if known is None:
                return True
            addresses = (*self.contracts.core, *known)
        return any(header.bloom & (bits := self._bits(address)) == bits for address in addresses)

    def _missing(self, header: Header, homes: Mapping[str, Home], given: set[tuple[str, str]]) -> bool:
        """Whether a block may have an event of ours of a kind that was not given at all."""
        if header.bloom == 0:
            return False
        return any(
            (address, topic) not in given and self._in_bloom(header, address, topic)
            for address, home in (*self.contracts.core.items(), *homes.items())
            if header.bloom & (bits := self._bits(address)) == bits
            for topic in self._topics_of[home.kind]
        )

    # --- Asking ----------------------------------------------------------------------------------

    def _headers(self, numbers: Sequence[int]) -> list[Header]:
        found = self.source.headers(numbers)
        for number, header in zip(numbers, found, strict=True):
            if header is None or header.number != number:
                raise NodeIncomplete(self.source.name, number, "it has logs of the block, and not the block")
        return [header for header in found if header is not None]

    def _tried(self, ask: Callable[[], T]) -> T:
        """Ask again, after a while: most of what is wrong with a node is over in a second."""
        for number in range(TRIES):
            try:
                return ask()
            except NodeRefused:
                raise
            except ChainError as error:
                if number == TRIES - 1 or not isinstance(error, (ConnectionFailed, NodeIncomplete)):
                    raise
                asked_for = error.retry_after if isinstance(error, ConnectionFailed) else None
                pause = min(asked_for or 0.2 * 4**number, 10.0)
                with waiting_for(f"the node to be well again ({error.message})", pause):
                    self._sleep(pause)
        raise AssertionError("the last try returns or raises")
