"""Gated assets from end to end: published with a key in shares, opened by those with access."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.gated.conftest import MONTH

from registry import Published, Registry
from registry.errors import AccessDenied

CSV = b"species,mass\nAdelie,3750\nGentoo,5000\n"


@pytest.mark.parametrize("hide_names", [False, True])
def test_a_buyer_opens_what_a_stranger_cannot(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry, author: Registry, hide_names: bool
) -> None:
    asset = publish(MONTH, hide_names=hide_names)
    with pytest.raises(AccessDenied, match="month"):
        stranger.open(asset.did, "penguins.csv")
    buyer.buy(asset.did, "month")
    assert buyer.open(asset.did, "penguins.csv").read() == CSV
    assert author.open(asset.did, "raw/notes.txt").read().startswith(b"seen near")
    assert [file.path for file in buyer.files(asset.did)] == ["penguins.csv", "raw/notes.txt"]
