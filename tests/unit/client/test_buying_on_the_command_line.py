"""What a buyer sees at the prompt is what is agreed to, and what was bought under a name is not offered again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from terminal import runner

from client.conftest import MONTH
from registry import Published, Registry
from registry.cli import cli
from registry.cli.app import App

Meanwhile = Callable[[], object]


@pytest.fixture
def shell(buyer: Registry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``shell("buy", ..., meanwhile=f)``: the buyer's command line; `f` happens while the question is on the screen."""
    asked: list[str] = []

    def run(*words: object, meanwhile: Meanwhile = lambda: None, yes: bool = False) -> Result:
        def agree(app: App, question: str) -> None:
            asked.append(question)
            if not app.settings.get("yes"):
                meanwhile()

        monkeypatch.setattr(App, "registry", lambda _app, *, to=None: buyer)
        monkeypatch.setattr(App, "agree", agree)
        asked.clear()
        ended = runner().invoke(cli, [*map(str, words), *(["--yes"] if yes else [])])
        ended.asked = list(asked)  # type: ignore[attr-defined]
        return ended

    return run


def test_the_price_at_the_prompt_is_the_most_that_is_paid(
    publish: Callable[..., Published], author: Registry, buyer: Registry, shell: Callable[..., Any]
) -> None:
    did, before = publish(MONTH).did, buyer.balance("USD")
    # Also where more was allowed beforehand: what was seen counts.
    for allowed in ((), ("--max-total", "100 USD")):
        ended = shell("buy", did, "month", *allowed, meanwhile=lambda: author.reprice(did, "month", "50 USD"))
        assert ended.exit_code == 1 and ended.stderr.startswith("PriceChanged")
        assert "12.5 USD" in ended.asked[0] and buyer.balance("USD") == before
        author.reprice(did, "month", "12.5 USD")
    # A price that fell is paid as it is.
    ended = shell("buy", did, "month", meanwhile=lambda: author.reprice(did, "month", "2 USD"))
    assert ended.exit_code == 0 and (before - buyer.balance("USD")).units == 2_000_000


@pytest.mark.parametrize("yes", [False, True])
def test_what_was_bought_under_a_name_is_told_and_neither_asked_nor_paid_again(
    publish: Callable[..., Published], buyer: Registry, author: Registry, shell: Callable[..., Any], yes: bool
) -> None:
    did = publish(MONTH).did
    assert shell("buy", did, "month", "--once", "order 17", yes=yes).exit_code == 0
    token = buyer.erc20(buyer.amount("1 USD").token.address or "").functions
    buyer.act("spend the rest", token.transfer(author.address, buyer.balance("USD").units))
    block = buyer.chain.block().number
    for words in ((), ("--dry-run",)):
        ended = shell("buy", did, "month", "--once", "order 17", *words, yes=yes)
        assert ended.exit_code == 0, ended.stderr
        assert "nothing was sent: bought before" in ended.stdout and not ended.asked
        told = json.loads(shell("buy", did, "month", "--once", "order 17", "--json", *words, yes=yes).stdout)
        assert (told["before"], told["cost"]["gas"]) == (True, 0)
    assert buyer.chain.block().number == block
    # Another order cannot be paid any more, and says so before it asks.
    ended = shell("buy", did, "month", "--once", "order 18", yes=yes)
    assert ended.stderr.startswith("InsufficientBalance") and not ended.asked
