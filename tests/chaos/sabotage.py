"""Whether the checker finds anything: a calm run whose end is spoilt in many ways, each of which it must name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from chaos.checker import Places
from chaos.plan import Plan
from chaos.script import drafts, items, out
from chaos.stage import CALLS, EARLIER, LIVE, MONTH, PERSON, Stage, reader
from registry import Registry
from registry.chain.signers import dev_signer
from registry.ipfs.cid import RAW
from registry.ipfs.store import LocalStore
from registry.ipfs.traverse import traverse

NAMED: Final = {
    "buy again": "'month' was bought 2 times",
    "spend money": "and should have",
    "publish again": "was published 2 times",
    "collect again": "a collection was published 2 times",
    "extend the stream": "extended 1 times",
    "end the job": "the jobs in escrow are",
    "consume another use": "2 uses were consumed",
    "send what no journal has": "which is not in the journal",
    "change a file": "what was opened is not what was published",
    "lose a block": "and missing (CID",
    "leave a part": ".lost.part lies around",
    "forget that it was settled": "was never settled",
}
"""What is spoilt, and words of the finding."""


def spoil(stage: Stage, plan: Plan, places: Places) -> None:
    """Do all of it."""
    registry = reader(stage, places.home)
    for what in NAMED:
        _DEEDS[what](registry, stage, plan, places)


def unnamed(findings: list[str]) -> list[str]:
    """What was spoilt and is not named."""
    return [what for what, words in NAMED.items() if not any(words in one for one in findings)]


def _buy(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    registry.buy(stage.shop, MONTH.name)


def _spend(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    token = registry.erc20(registry.amount("1 USD").token.address or "")
    registry.act("give a dollar away", token.functions.transfer(dev_signer(EARLIER).address, 10**6))


def _publish(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    note = drafts(stage, plan, places.source)[0]
    registry.publish(None, name=note.name, type="other", license="MIT")


def _collect(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    registry.collections.publish(items(plan), name=f"Collection of run {plan.seed}", again=True)


def _extend(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    registry.streams.extend(stage.wire, LIVE.name, time=60)


def _end(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    [job] = registry.jobs.escrow.jobs()
    registry.jobs.escrow.cancel(job.id)


def _consume(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    registry.consume(stage.secret, CALLS.name)


def _send(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    assert registry.address == dev_signer(PERSON).address  # all of the above were sent with a journal in memory


def _change(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    (out(places.home) / "data.csv").write_bytes(b"a,b\n1,3\n")


def _lose(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    store = LocalStore(places.home / "blocks")
    pin = next(pin for pin in store.pins() if pin.name.startswith("content"))
    leaf = next(cid for cid, _ in traverse(pin.cid, store) if cid.codec == RAW)
    store.file_of(leaf).unlink()


def _leave(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    (places.home.parent / ".lost.part").write_bytes(b"")


def _forget(registry: Registry, stage: Stage, plan: Plan, places: Places) -> None:
    with sqlite3.connect(places.home / "journal.sqlite") as database:
        database.execute("UPDATE transactions SET settled = 0")


_DEEDS: Final[dict[str, Callable[[Registry, Stage, Plan, Places], None]]] = dict(
    zip(
        NAMED,
        (_buy, _spend, _publish, _collect, _extend, _end, _consume, _send, _change, _lose, _leave, _forget),
        strict=True,
    )
)
