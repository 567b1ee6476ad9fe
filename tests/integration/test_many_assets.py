"""An account with a thousand assets (`make deep`: ten thousand): the node is asked as little as can be."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from registry import Draft, Licence, Registry
from registry.assets.drafting import BATCH
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.ipfs.store import MemoryStore
from registry.revenue.accounts import ADDRESSES

MANY = 10_000 if os.environ.get("DEEP") else 1_000
SOLD = 5
MEGABYTE = 2**20


@contextmanager
def listening() -> Iterator[list[int]]:
    """Note the size of each request to the node meanwhile."""
    asked: list[int] = []
    post = requests.Session.post

    def note(session: requests.Session, url: Any, *, data: Any = None, **options: Any) -> Any:
        asked.append(len(data or b""))
        return post(session, url, data=data, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "post", note)
        yield asked
    assert asked, "nothing was heard"


def drafts() -> list[Draft]:
    licences = [Licence.uses("calls", uses=1, price="1 USD")]
    return [Draft(name=f"Asset {n}", type="model", license="MIT", licences=licences) for n in range(MANY)]


def test_an_account_with_very_many_assets_is_published_found_and_stated(
    start_anvil: Callable[..., Any], tmp_path: Path
) -> None:
    node = start_anvil("--gas-limit", "30000000")
    chain = Chain.connect(node.url)
    told: list[tuple[str, int, int]] = []
    author = Registry.on(
        chain,
        signer=dev_signer(0),
        deployment=deploy_local(chain),
        home=tmp_path,
        store=MemoryStore(),
        sources=[],
        progress=lambda *step: told.append(step),
    )
    buyer = author.as_account(dev_signer(1))
    buyer.fund("100 USD")

    made = author.publish_many(drafts())
    assert len({one.did for one in made}) == MANY
    publishing = [(done, total) for what, done, total in told if what == "publishing"]
    assert publishing == [(done, MANY) for done in range(BATCH, MANY + 1, BATCH)], "a bar that moves and ends"

    # Again: all are found, in requests for hundreds at a time, and nothing is sent.
    block = chain.block().number
    with listening() as asked:
        again = author.publish_many(drafts())
    assert [one.did for one in again] == [one.did for one in made] and chain.block().number == block
    assert len(asked) <= 20 + 6 * MANY // BATCH, f"{len(asked)} requests"

    # One of many costs what one alone costs.
    counts = []
    for one in (made[0], made[MANY // 2], made[-1]):
        with listening() as asked:
            assert author.get(one.did).owner == author.address
        counts.append(len(asked))
    assert max(counts) <= 8, counts

    for one in made[:: MANY // SOLD]:
        buyer.buy(one.did, "calls")
    tracemalloc.start()
    with listening() as asked:
        stated = author.revenue.statement(author.address, token="USD")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(stated.total()[0].gross) == f"{SOLD} USD" and len(stated.by_asset()) == SOLD
    parts = -(-MANY // ADDRESSES)
    # Of each two hundred assets: which are collections, and what sales, time and jobs earned.
    assert len(asked) <= 20 + 4 * parts + 2 * SOLD, f"{len(asked)} requests"
    assert peak < 20 * MEGABYTE + MANY * 10_000, f"{peak / MEGABYTE:.0f} MiB"
