"""``registry ocean import``: prices on the command line, the document in a file, and what was left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from terminal import runner

from registry.cli import cli
from registry.documents.ddo import DDO

from .test_ocean import whole_document


@pytest.fixture
def ocean_file(tmp_path: Path) -> Path:
    place = tmp_path / "ocean.json"
    place.write_text(json.dumps(whole_document()))
    return place


def ocean_import(*words: object, stdin: str | None = None) -> Result:
    terminal = runner()
    return terminal.invoke(cli, ["ocean", "import", *map(str, words)], input=stdin, catch_exceptions=False)


def refused(*words: object) -> dict[str, Any]:
    ended = ocean_import(*words, "--json")
    assert (ended.exit_code, ended.stdout) == (1, "")
    error: dict[str, Any] = json.loads(ended.stderr)
    assert error["hint"]
    return error


def test_a_priced_service_is_a_licence_that_publish_takes(ocean_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "asset.json"
    ended = ocean_import(ocean_file, "--price", "download = 12.5 USDC", "--out", out)
    assert ended.exit_code == 0 and ended.stdout == ""
    assert '--licence "Download for a month: 30 days, 12.5 USDC"' in ended.stderr
    assert "note: " in ended.stderr and "'compute'" in ended.stderr
    assert DDO.from_dict(json.loads(out.read_text())).name == "Weather in Lisbon"


def test_without_a_file_for_it_the_document_is_shown(ocean_file: Path) -> None:
    ended = ocean_import(ocean_file)
    assert DDO.from_dict(json.loads(ended.stdout)).name == "Weather in Lisbon"
    assert "--licence" not in ended.stderr and "has no prices" in ended.stderr
    assert ocean_import("-", stdin=ocean_file.read_text()).stdout == ended.stdout


def test_machines_get_document_licences_and_notes_in_one_value(ocean_file: Path) -> None:
    value = json.loads(ocean_import(ocean_file, "--price", "download=0", "--json").stdout)
    assert value["licences"] == ["Download for a month: 30 days, free"]
    assert value["ddo"]["name"] == "Weather in Lisbon" and value["notes"]


@pytest.mark.parametrize("price", ["download", "download=", "download= "])
def test_a_price_without_its_service_is_refused(ocean_file: Path, price: str) -> None:
    error = refused(ocean_file, "--price", price)
    assert error["error"] == "InputError" and repr(price) in error["message"]


def test_a_place_that_cannot_be_written_is_named(ocean_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path) in refused(ocean_file, "--out", tmp_path / "file" / "asset.json")["message"]
