"""The benchmark measures what it is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return import_module("bench.__main__")


def test_named_parts_are_measured_alone_and_all_without_a_name(bench: Any) -> None:
    assert bench.chosen(["hub", "speed"]) == ("speed", "hub")
    assert bench.chosen([]) == tuple(bench.PARTS)
    assert [name for name in bench.PARTS if find_spec(f"bench.{name}") is None] == []


def test_a_part_that_there_is_not_is_refused_with_those_that_there_are(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["speed", "hubs"]) == 2, "and nothing is measured"
    told = capsys.readouterr().out
    assert "'hubs' is no part of the benchmark." in told and all(name in told for name in bench.PARTS)
