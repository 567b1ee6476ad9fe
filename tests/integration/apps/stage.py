"""The browser and the registry in which apps are tried, whatever shows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import NAMES, Chromium
from skips import INSTALL, program

from .support import Market


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    made = Chromium(tmp_path_factory.mktemp("chromium"), program(*NAMES, hint=INSTALL.format(package="chromium")))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEYS", "memory")
        made = Market(tmp_path_factory.mktemp("market"))
    yield made
    made.close()
