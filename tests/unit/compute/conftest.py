"""A ward of which a stranger holds three runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from ward import Ward, opened_ward

from registry import Licence, Registry


@pytest.fixture
def ward(author: Registry, stranger: Registry, name: str, tmp_path: Path) -> Ward:
    runs = Licence.uses("runs", uses=3, price="1 USD")
    made = opened_ward(author, stranger, name, tmp_path, runs, Licence.period("day", days=1, price="5 USD"))
    stranger.buy(made.offer.did, "runs")
    return made
