"""The client and three gateways that ask for depth, on a node whose blocks pass by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.gateway.support import AUTHOR, BUYER, CALLS, MONTH, ONCE, STRANGER, Town
from registry import Gated
from registry.errors import AccessDenied, TooFewShares
from registry.gated import share_client as asking


@pytest.fixture
def ticking(town: Town) -> Iterator[Town]:
    """A block every quarter of a second."""
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.25):
            town.mine()

    thread = threading.Thread(target=tick)
    thread.start()
    yield town
    stop.set()
    thread.join()


def test_what_is_bought_opens_once_it_is_deep_enough_and_a_use_is_one_use(
    ticking: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.2)
    # Two have no patience at all: the client must ask them again with the same receipt and recipient.
    gateways = [
        ticking.gateway(name, depth=6, patience=patience) for name, patience in (("a", 20.0), ("b", 0.1), ("c", 0.1))
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "data.csv").write_text("a,b\n1,2\n")
    made = ticking.person(AUTHOR).publish(
        folder,
        name="Gated",
        type="dataset",
        license="CC0-1.0",
        licences=[MONTH, CALLS],
        gated=Gated(gateways=[gateway.url for gateway in gateways], threshold=2),
    )
    buyer = ticking.person(BUYER)
    buyer.buy(made.did, "calls", max_total="0.002 ETH")
    with buyer.open(made.did, "data.csv") as file:
        assert file.read() == b"a,b\n1,2\n"
    assert buyer.holding(made.did, "calls").uses == 9
    stranger = ticking.person(STRANGER)
    with pytest.raises(AccessDenied):
        stranger.open(made.did, "data.csv")
    stranger.buy(made.did, "month", max_total="12.5 USD")
    with stranger.open(made.did, "data.csv") as file:
        assert file.read() == b"a,b\n1,2\n"


def test_a_chain_that_makes_no_blocks_is_not_waited_for_and_is_named(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.1)
    monkeypatch.setattr("registry.content.block_wait.STILL_TEST_SECONDS", 1.0)
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    gateways = [town.gateway(name, depth=5, patience=0.1) for name in ("a", "b")]
    author, told = town.person(AUTHOR), list[tuple[str, int, int]]()
    author.progress = lambda what, done, total: told.append((what, done, total))
    with pytest.raises(TooFewShares) as refused:
        author.publish(
            tmp_path / "data.csv",
            name="Gated",
            type="dataset",
            license="CC0-1.0",
            licences=[MONTH],
            gated=Gated(gateways=[gateway.url for gateway in gateways], threshold=2),
        )
    assert "The chain made no block in 1 s" in refused.value.hint and "anvil_mine 5" in refused.value.hint
    assert {one for one in told if one[0] == "waiting for blocks"} == {("waiting for blocks", 0, 5)}


@pytest.mark.parametrize("moment", ["before anything was asked", "after the use was consumed"])
def test_a_client_that_is_stopped_with_a_use_spent_still_gets_what_it_paid_for(
    ticking: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.2)
    monkeypatch.setenv("REGISTRY_KEYS", "file")
    monkeypatch.setenv("REGISTRY_KEYS_PASSPHRASE", "correct horse")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "data.csv").write_text("a,b\n1,2\n")
    gateways = [ticking.gateway(name) for name in ("a", "b")]
    made = ticking.person(AUTHOR).publish(
        folder,
        name="Gated",
        type="dataset",
        license="CC0-1.0",
        licences=[ONCE],
        gated=Gated(gateways=[gateway.url for gateway in gateways], threshold=2),
    )
    buyer = ticking.person(BUYER)
    buyer.buy(made.did, "once", max_total="0.002 ETH")
    gather = asking.gather

    def stopped(*args: object, **options: object) -> None:
        if moment.startswith("after"):
            gather(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(asking, "gather", stopped)
        with pytest.raises(KeyboardInterrupt):
            buyer.open(made.did, "data.csv")
    assert buyer.holding(made.did, "once").uses == (0 if moment.startswith("after") else 1)
    # Another process of the same person, with the only use there was spent or not.
    again = ticking.person(BUYER)
    with again.open(made.did, "data.csv") as file:
        assert file.read() == b"a,b\n1,2\n"
    assert again.holding(made.did, "once").uses == 0
    # It had its use: a third one has nothing left, and no key of the use lies around.
    with pytest.raises(AccessDenied):
        ticking.person(BUYER).open(made.did, "data.csv")
    assert ticking.person(BUYER).keys.clear() == 0
