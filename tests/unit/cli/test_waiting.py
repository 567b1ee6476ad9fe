"""Whoever waits is told for what, and how far it is, also where no bar is drawn."""

from __future__ import annotations

import io

import pytest
import rich.console

from registry.cli.app import App
from registry.cli.gateway import _settings


def test_each_block_that_comes_is_a_line_and_what_moves_by_itself_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    app = App({})
    for came in (0, 0, 1, 1, 2):
        app.tick("waiting for blocks", came, 5)
    app.tick("hashing", 1, 2)
    with app.progress():
        app.tick("waiting for confirmations", 1, 3)
        app.tick("hashing", 2, 2)
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        *(f"waiting for blocks: {came} of 5" for came in range(3)),
        "waiting for confirmations: 1 of 3",
    ]
    assert told.out == ""


def test_bytes_are_shown_as_bytes_with_their_rate_and_items_are_counted() -> None:
    app, terminal = App({}), io.StringIO()
    app.console._err = rich.console.Console(file=terminal, force_terminal=True, width=120, soft_wrap=True)
    with app.progress():
        app.tick("downloading Penguins", 8_388_608, 400_000_000)
        app.tick("publishing", 3, 300)
    assert "8.4/400.0 MB" in terminal.getvalue() and "3/300" in terminal.getvalue()
    assert "8388608" not in terminal.getvalue()


def test_machines_are_told_nothing_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    App({"json": True}).tick("waiting for blocks", 1, 5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("chain", "given", "depth"), [(1337, None, 0), (31337, 3, 3), (1, None, 5), (1, 0, 0)])
def test_gateways_want_no_depth_where_blocks_come_with_transactions_alone(
    chain: int, given: int | None, depth: int
) -> None:
    assert _settings("http://127.0.0.1:8454", chain, {"depth": given}).depth == depth
