"""The demo does what it tells."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from registry import DID
from registry.cli.console import Console, plain
from registry.cli.demo import run
from registry.errors import InputError


def test_the_demo_does_the_main_job(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(Console(as_json=True))
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
    ):
        assert [title for title in outcome.refused if said in title], said
    for said in ("gets no share", "still has the encrypted blocks"):
        assert [title for title in outcome.refused if said in title], said
    assert len(outcome.refused) == 9
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


def test_without_its_data_the_demo_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no example data"):
        run(Console(as_json=True), examples=tmp_path)
