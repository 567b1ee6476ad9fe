"""One browser for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import NAMES, Chromium
from skips import INSTALL, program


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    made = Chromium(tmp_path_factory.mktemp("chromium"), program(*NAMES, hint=INSTALL.format(package="chromium")))
    yield made
    made.stop()
