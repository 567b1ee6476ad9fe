"""What happens in a run, decided by its seed: the person's acts, and all that goes wrong."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

ACTS: Final = ("publish", "collect", "buy", "subscribe", "hire", "distribute", "vote", "open")

FAULTS: Final = {
    "dropped before": "the connection closes before the node sees the request",
    "dropped after": "the node acts, and its answer is lost",
    "twice": "the node gets the request twice",
    "late": "the answer comes late, at times later than anybody waits",
    "reordered": "the request is held back until a later one went through",
    "stale": "the answer is that of a node some blocks behind",
    "refused": "429, 500, or an error of the node's own",
    "garbage": "a page, a null or nothing instead of an answer",
    "partial": "the answer ends in its middle",
}
"""Each kind of fault of the line, in words."""

GATEWAY_DEPTH: Final = 4
"""Blocks below the head that key gateways ask about. No branch that wins here is as long as that."""

MOST_DEPTH: Final = GATEWAY_DEPTH - 1

_EVENTS: Final = 900
"""About as many events (files opened and renamed, connections made) as a run takes that nothing disturbs."""


@dataclass(frozen=True)
class Kill:
    """An end by SIGKILL: after so many `events` of one life of the process, or else so many seconds into it."""

    events: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Reorg:
    """After the transaction of this number was mined, and `later` blocks more, `depth` blocks are replaced; what
    becomes of their transactions: they are "returned" to the pool, "some" of them are, or all are "lost"."""

    transaction: int
    later: int
    depth: int
    fate: str


@dataclass(frozen=True)
class Fill:
    """From one second of the run to another a disk has only `room` bytes left: that of "home" or of the "gateways"."""

    start: float
    end: float
    room: int
    disk: str


@dataclass(frozen=True)
class Outage:
    """A key gateway is killed at a second of the run, and started again `down` seconds later."""

    start: float
    down: float
    which: int


@dataclass(frozen=True)
class Plan:
    """All of it. `rate` is the chance of a fault for each request, `send_rate` that for a transaction on its way; after
    `faults` of them the line is good. `twins` run the same script of the same person at once."""

    seed: int
    acts: tuple[str, ...]
    gated: bool
    drafts: int
    twins: bool
    choice: str
    confirmations: int
    block_seconds: float
    rate: float
    send_rate: float
    faults: int
    kinds: tuple[str, ...]
    kills: tuple[Kill, ...]
    reorgs: tuple[Reorg, ...]
    fills: tuple[Fill, ...]
    outages: tuple[Outage, ...]
    new_keys: bool

    @classmethod
    def of(cls, seed: int) -> Plan:
        """The plan of a seed."""
        dice = random.Random(seed)
        kinds = list(FAULTS)
        dice.shuffle(kinds)
        return cls(
            seed=seed,
            acts=tuple(dice.sample(ACTS, len(ACTS))),
            gated=dice.random() < 0.3,
            drafts=dice.choice((1, 1, 1, 3)),
            twins=dice.random() < 0.2,
            choice=dice.choice(("for", "against", "abstain")),
            confirmations=dice.choice((1, 1, 2, 3)),
            block_seconds=dice.choice((0.04, 0.06, 0.1)),
            rate=dice.choice((0.0, 0.01, 0.03, 0.08)),
            send_rate=dice.choice((0.0, 0.2, 0.5)),
            faults=dice.randint(5, 60),
            kinds=tuple(kinds[: dice.randint(2, len(kinds))]),
            kills=tuple(_kill(dice) for _ in range(dice.choice((0, 0, 1, 2, 3, 5)))),
            reorgs=tuple(
                sorted((_reorg(dice) for _ in range(dice.choice((0, 1, 1, 2, 4)))), key=lambda one: one.transaction)
            ),
            fills=tuple(_fill(dice) for _ in range(dice.choice((0, 0, 0, 1, 2)))),
            outages=tuple(_outage(dice) for _ in range(dice.choice((0, 0, 0, 1, 2)))),
            new_keys=dice.random() < 0.05,
        )

    def calm(self) -> Plan:
        """The same acts, and nothing goes wrong."""
        return replace(self, twins=False, faults=0, kills=(), reorgs=(), fills=(), outages=())

    def to_dict(self) -> dict[str, Any]:
        """For the story of a run."""
        return asdict(self)


def _kill(dice: random.Random) -> Kill:
    if dice.random() < 0.6:
        return Kill(events=dice.randint(1, _EVENTS))
    return Kill(seconds=dice.uniform(0.05, 1.5))


def _reorg(dice: random.Random) -> Reorg:
    depth = dice.randint(1, MOST_DEPTH)
    return Reorg(dice.randint(1, 8), dice.randrange(depth), depth, dice.choice(("returned", "some", "lost")))


def _fill(dice: random.Random) -> Fill:
    start = dice.uniform(0.0, 1.2)
    room = dice.choice((0, 0, 4096, 40_000, 400_000))
    return Fill(start, start + dice.uniform(0.2, 1.0), room, dice.choice(("home", "home", "gateways")))


def _outage(dice: random.Random) -> Outage:
    return Outage(dice.uniform(0.0, 2.0), dice.uniform(0.05, 0.6), dice.randrange(3))
