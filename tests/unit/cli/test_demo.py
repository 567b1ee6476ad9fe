"""The demo does what it tells."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from terminal import runner

from registry import DID, Registry
from registry.cli import cli, demo
from registry.cli.console import Console, plain
from registry.cli.demo import run
from registry.cli.listening import url_at
from registry.cli.playing import pages_of
from registry.errors import InputError
from registry.system.serving import listen


def test_the_demo_does_the_main_job(capsys: pytest.CaptureFixture[str]) -> None:
    registry, outcome = run(Console(as_json=True))
    assert capsys.readouterr().out == "", "machines get one JSON value and nothing else"
    with capsys.disabled():
        print(f" the demo took {outcome.seconds} s ", end="")  # noqa: T201
    assert outcome.rows == 344
    assert outcome.paid == {"commercial": "12.5 USD", "predictions": "4 USDB"}
    for said in (
        "Without a licence",
        "A price above",
        "A stranger",
        "one changed byte",
        "A forged block",
        "not there",
        "two days",
        "do not name",
    ):
        assert [title for title in outcome.refused if said in title], said
    for said in ("gets no share", "still has the encrypted blocks"):
        assert [title for title in outcome.refused if said in title], said
    assert len(outcome.refused) == 10
    assert "Adelie,3700.7,151" in outcome.computed["mean"]
    assert (outcome.computed["copy"], outcome.computed["uses"]) == ("withheld", "1 use left")
    assert outcome.gated.on_ipfs == "age-encryption.org/v1"
    assert (outcome.gated.rows, outcome.gated.rows_of_new_holder) == (344, 344)
    down, lied, *_ = outcome.gated.warned
    assert "although some gateways failed or lied: http://127.0.0.1" in down
    assert "its share is not of this key" in lied
    kept = Decimal("12.5") - Decimal(outcome.streamed["refund"].removesuffix(" USD"))
    assert Decimal("4.16") < kept < Decimal("4.17"), "a third of 30 days, to the second"
    assert outcome.streamed["now"].startswith("access ended at")
    assert DID.parse(outcome.dataset) != DID.parse(outcome.model)
    held = outcome.holdings
    assert held["buyer: predictions of model"] == "9 uses left"
    assert held["buyer: commercial of penguins"].startswith("access until ")
    assert held["stranger: research of penguins"] == "has no access"
    assert outcome.parked == ["Cleo"], "who is shut out has the money kept, and nobody else waits"
    assert outcome.earned == {
        "author of the penguins": "0.4 USDB",
        "Ann": "1.78 USDB",
        "Bob": "1.068 USDB",
        "Cleo": "0.712 USDB",
    }
    assert outcome.decided == {
        "fee": "0.5 % of a sale",
        "standard": "metadata version 1 is adopted",
        "copy": "delisted",
        "grant": "200 USD to Cleo",
        "bond": "50 USD back to the author",
    }
    assert json.loads(json.dumps(plain(outcome)))["rows"] == 344
    _has_pages(registry)


def _has_pages(registry: Registry) -> None:
    """Of the registry as the story left it, the DAO included."""
    sock = listen("127.0.0.1", 0)
    with pages_of(registry, sock, url_at("127.0.0.1", sock)) as served:
        told = {path: httpx.get(served.url + path, timeout=60).text for path in ("/", "/a/1", "/dao")}
    assert "Palmer penguins" in told["/"] and "12.50 USD" in told["/a/1"]
    assert "Halve the fee, adopt a standard" in told["/dao"] and "Executed" in told["/dao"]


@pytest.mark.parametrize(("program", "called"), [(".venv-demo/bin/registry", None), ("/usr/bin/registry", "registry")])
def test_it_ends_with_the_line_that_shows_it_in_a_browser(
    program: str, called: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make demo` calls it by a path, which is not that of the reader's shell."""
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(demo, "run", lambda console: (None, None))
    told = runner().invoke(cli, ["demo"]).output.splitlines()
    assert told[-1] == f"Look at it in a browser: {called or program} demo --web"


def test_a_port_that_is_taken_is_refused_before_the_story_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run", lambda console: pytest.fail("it was played"))
    with listen("127.0.0.1", 0) as taken:
        told = runner().invoke(cli, ["demo", "--web", "--port", str(taken.getsockname()[1])])
    assert told.exit_code == 1 and "cannot be listened on" in told.stderr


def test_without_its_data_the_demo_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no example data"):
        run(Console(as_json=True), examples=tmp_path)
