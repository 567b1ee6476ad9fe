"""One schema for each command says what it answers with --json; all answers that tests see are held against them."""

from __future__ import annotations

import json

import pytest
from command_tree import commands
from jsonschema import Draft202012Validator, ValidationError
from terminal import runner

from registry.cli import cli
from registry.cli.console import Console
from registry.cli.json_schemas import EXACT_TO, TARGET, files, schema_of
from registry.cli.json_shapes import ANSWERS


def test_every_command_has_one_schema_and_the_files_are_fresh() -> None:
    assert set(ANSWERS) == set(commands())
    kept = {path.name: path.read_text(encoding="utf-8") for path in TARGET.iterdir()}
    assert kept == files(), "run: python -m registry.cli.json_schemas"


@pytest.mark.parametrize("command", sorted(set(ANSWERS) - {"ipfs dag get"}))
def test_each_is_a_schema_that_refuses_what_is_no_answer(command: str) -> None:
    schema = Draft202012Validator(schema_of(command))
    Draft202012Validator.check_schema(schema.schema)
    assert not schema.is_valid("Done.")


def test_amounts_are_exact_and_assets_numbered_in_the_schemas_too() -> None:
    offer = schema_of("licences")["$defs"]["Offer"]
    assert {"did", "asset_number", "price"} <= set(offer["required"])
    assert offer["properties"]["price_exact"]["required"] == ["units", "decimals", "symbol", "token"]
    assert "price_exact" not in offer["required"], "what is free has no exact price"


def test_whole_numbers_that_readers_would_round_are_refused() -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(schema_of("ipfs cat")).validate({"size": EXACT_TO + 1, "base64": ""})


def test_an_answer_that_is_not_as_its_schema_says_fails_the_test_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Console.document
    monkeypatch.setattr("registry.cli.look.cid.callback", lambda **_: Console(as_json=True).document({"cid": 7}))
    with pytest.raises(AssertionError, match=r"registry cid --json: \$.*size"):
        runner().invoke(cli, ["cid", ".", "--json"])
    assert Console.document is real


def test_readers_find_the_schema_where_the_documentation_says() -> None:
    assert json.loads((TARGET / "dao-vote.json").read_text())["title"] == "registry dao vote --json"
