"""Forms of notebooks without a page: what they show, and what they take of what is pressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry import Registry
from registry.apps.notebook import WidgetPart
from registry.apps.notebook_forms import Browse, Publish
from registry.chain.wallets import BrowserSigner
from registry.errors import SignerError


@pytest.fixture
def author() -> Registry:
    return Registry.local()


def press(form: WidgetPart, button: str, **typed: str) -> dict[str, Any]:
    form._heard(None, {"kind": "press", "press": button, "typed": typed}, None)
    return dict(form.told)


def test_what_is_found_is_narrowed_down_by_what_it_has_and_its_start_is_shown(author: Registry, tmp_path: Path) -> None:
    for name, license in (("Penguins", "CC0-1.0"), ("Seals", "MIT")):
        (tmp_path / "counts.csv").write_text(f"name,mass\n{name},5076\n<img src=x>\u202e,1\n")
        author.publish(tmp_path, name=name, type="dataset", license=license, tags=["antarctica"])
    form = Browse(author)
    assert [field["name"] for field in form.told["form"]] == ["text", "type", "price"]
    told = press(form, "Search")
    offered = {field["name"]: dict(field.get("options", ())) for field in told["form"]}
    assert told["note"] == "2 found." and offered["type"]["dataset"] == "dataset (2)"
    assert offered["license"] == {"": "all", "CC0-1.0": "CC0-1.0 (1)", "MIT": "MIT (1)"}
    assert offered["format"] == {"": "all", "csv": "csv (2)"} and "antarctica (2)" in offered["tag"].values()
    told = press(form, "Search", license="MIT", format="csv", tag="antarctica")
    assert [hit["name"] for hit in told["hits"]] == ["Seals"] and told["tone"] == "good"
    told = press(form, "Search", license="Apache-2.0")
    assert told["note"] == "0 found."
    assert dict(told["form"][3]["options"]) == {"": "all", "Apache-2.0": "Apache-2.0"}, "and one can choose another"
    form._heard(None, {"kind": "choose", "did": press(form, "Search", text="seals")["hits"][0]["did"]}, None)
    start = form.told["chosen"]["start"]
    assert start["words"] == "counts.csv: 2 columns, the first 2 of 2 rows" and start["names"] == ["name", "mass"]
    assert start["rows"] == [["Seals", "5076"], ["<img src=x>\ufffd", "1"]]


def test_a_client_publishes_with_its_own_key_what_was_looked_at(author: Registry, tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("mass\n5076\n")
    form = Publish(tmp_path, author)
    typed = {"name": "Seals", "type": "dataset", "license": "MIT", "licences": "research: free, limit 1"}
    assert press(form, "Publish", **typed)["note"].endswith("Press Publish to send it."), "it is looked at first"
    assert form.published is None
    assert press(form, "Publish", **typed)["note"] == f"Published as {form.published.did}."  # type: ignore[union-attr]
    for signer in (None, BrowserSigner()):
        with pytest.raises(SignerError, match=r"sends no transactions.*hand over a SignIn"):
            Publish(tmp_path, author.signed_by(signer))
