"""Three key gateways on loopback, and the people around a data set that they guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from registry import Gated, Licence, Published, Registry

from .support import Guard

_numbers = count(1)


@pytest.fixture
def guards(market_place: Registry, tmp_path: Path) -> Iterator[list[Guard]]:
    made = [Guard(market_place, tmp_path / f"gateway-{number}") for number in range(3)]
    yield made
    for guard in made:
        guard.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them in a folder."""
    made = tmp_path / "penguins"
    (made / "raw").mkdir(parents=True)
    (made / "penguins.csv").write_text("species,mass\nAdelie,3750\nGentoo,5000\n")
    (made / "raw" / "notes.txt").write_text("seen near Palmer Station\n" * 9000)
    return made


@pytest.fixture
def publish(author: Registry, folder: Path, guards: list[Guard]) -> Callable[..., Published]:
    """Publish the folder as a gated asset of the author, 2 of 3 unless said otherwise."""

    def make(*licences: Licence, threshold: int = 2, hide_names: bool = False, **fields: Any) -> Published:
        gated = Gated(gateways=[g.url for g in guards], threshold=threshold, hide_names=hide_names)
        title = f"Gated penguins {next(_numbers)}"
        return author.publish(
            folder, name=title, type="dataset", license="CC0-1.0", licences=licences, gated=gated, **fields
        )

    return make
