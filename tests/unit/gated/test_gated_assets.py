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


@pytest.mark.parametrize("hide_names", [False, True])
def test_pandas_reads_it_by_its_url(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry, hide_names: bool
) -> None:
    import fsspec
    import pandas as pd

    asset = publish(MONTH, hide_names=hide_names)
    buyer.buy(asset.did, "month")
    frame = pd.read_csv(f"asset://{asset.did}/penguins.csv", storage_options={"registry": buyer})
    assert list(frame.mass) == [3750, 5000]
    fs = fsspec.filesystem("asset", registry=buyer)
    assert sorted(fs.find(str(asset.did))) == [f"{asset.did}/penguins.csv", f"{asset.did}/raw/notes.txt"]
    assert fs.isdir(f"{asset.did}/raw") and fs.size(f"{asset.did}/penguins.csv") == len(CSV)
    assert (
        fs.cat_file(f"{asset.did}/raw/notes.txt", 100_000, 100_004)
        == (b"seen near Palmer Station\n" * 9000)[100_000:100_004]
    )
    with pytest.raises(AccessDenied):
        pd.read_csv(f"asset://{asset.did}/penguins.csv", storage_options={"registry": stranger})
