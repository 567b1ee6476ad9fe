"""Readers on a real node: a use is spent once for all gateways, and what is fresh is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.gateway.support import AUTHOR, BUYER, Town
from registry import Gated, Licence, Registry
from registry.errors import AccessDenied

CSV = b"species,mass\nAdelie,3750\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "penguins"
    made.mkdir()
    (made / "penguins.csv").write_bytes(CSV)
    return made


def without_keys(town: Town, monkeypatch: pytest.MonkeyPatch, number: int) -> Registry:
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    return town.person(number)


def test_a_use_opens_it_for_this_client_and_is_spent_once(
    town: Town, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [town.gateway(name, depth=0).url for name in ("one", "two", "three")]
    author = without_keys(town, monkeypatch, AUTHOR)
    made = author.publish(
        folder,
        name="Two calls",
        type="dataset",
        license="MIT",
        licences=[Licence.uses("calls", uses=2, price="2 USD")],
        gated=Gated(gateways=urls, threshold=2),
    )
    buyer = without_keys(town, monkeypatch, BUYER)
    buyer.buy(made.did, "calls")
    for _ in range(3):
        assert buyer.open(made.did, "penguins.csv").read() == CSV
    assert buyer.holding(made.did, "calls").uses == 1
    assert without_keys(town, monkeypatch, BUYER).open(made.did, "penguins.csv").read() == CSV
    assert buyer.holding(made.did, "calls").uses == 0
    with pytest.raises(AccessDenied):
        without_keys(town, monkeypatch, BUYER).open(made.did, "penguins.csv")


def test_what_was_published_and_bought_just_now_is_waited_for(
    town: Town, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.content.block_wait.FRESH_POLL", 0.05)
    url = town.gateway("one", depth=3).url
    author, buyer = (without_keys(town, monkeypatch, number) for number in (AUTHOR, BUYER))
    waits: list[str] = []

    def mine(what: str, done: int, total: int) -> None:
        if what == "waiting for blocks":
            waits.append(what)
            town.mine()

    author.progress = buyer.progress = mine
    month = Licence.period("month", days=30, price="1 USD")
    made = author.publish(
        folder, name="Fresh", type="dataset", license="MIT", licences=[month], gated=Gated(gateways=[url])
    )
    assert waits
    waits.clear()
    buyer.buy(made.did, "month")
    assert buyer.open(made.did, "penguins.csv").read() == CSV
    assert waits
