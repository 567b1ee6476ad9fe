"""A hub on loopback with a data set of penguins, and a user who imports it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imports.hub import Hub, standing
from registry.imports.bringing import Imported, bring
from registry.ipfs.store import LocalStore

from .support import CARD, LARGE, PENGUINS


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with standing() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "nobody"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield made


@pytest.fixture
def files() -> dict[str, bytes]:
    return {
        ".gitattributes": b"*.bin filter=lfs\n",
        "README.md": CARD,
        "data/penguins.csv": PENGUINS.read_bytes(),
        "data/measured.bin": LARGE,
    }


@pytest.fixture
def penguins(hub: Hub, files: dict[str, bytes]) -> str:
    """The commit of the data set acme/penguins."""
    return hub.repository("acme/penguins", files).branches["main"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "home" / "blocks")


@pytest.fixture
def take(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Imported]:
    """Import into the user's home; waiting for a server takes no time."""
    monkeypatch.setattr("registry.imports.web.time.sleep", lambda seconds: None)

    def make(source: str, **how: Any) -> Imported:
        return bring(source, **{"store": store, "home": tmp_path / "home", **how})

    return make
