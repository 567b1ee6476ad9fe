"""The host that listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hosting import Hosted

from registry import Registry
from registry.host.host_server import HostServer


@pytest.fixture
def hosted(author: Registry, stranger: Registry, tmp_path: Path, name: str) -> Iterator[Hosted]:
    made = Hosted(author, stranger, tmp_path, name)
    with HostServer(author, made.desk, made.sock, made.url, workers=2, bonds=["0.5 USD"], rate=1000, burst=1000):
        yield made
