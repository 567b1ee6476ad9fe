"""What was imported becomes an asset, plain or encrypted, with parents that its user knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from imports.hub import Hub
from registry import Licence, Registry
from registry.chain.journal import Journal
from registry.cli import cli
from registry.errors import InputError
from registry.results import Preview, Published

from .support import CARD


@pytest.fixture
def at_home(author: Registry, tmp_path: Path) -> Iterator[Registry]:
    """The author, with a home where imports are remembered."""
    yield Registry(
        author.chain,
        author.deployment,
        signer=author.signer,
        store=author.store,
        journal=Journal.in_memory(),
        home=tmp_path,
    )


def test_an_import_is_published_with_its_commit_and_what_its_card_says(
    at_home: Registry, penguins: str, files: dict[str, bytes]
) -> None:
    found, made = at_home.imports.publish(
        "hf:datasets/acme/penguins", licences=[Licence.uses("calls", uses=10, price="1 USD")], tags=["mine"]
    )
    assert isinstance(made, Published) and found.added is not None and made.content == found.added.cid
    asset = at_home.get(made.did)
    assert (asset.name, asset.ddo.license, asset.ddo.tags) == ("Palmer penguins", "CC0-1.0", ("mine",))
    assert asset.ddo.additional["source"]["revision"] == penguins
    assert asset.ddo.content is not None
    assert [(file.path, file.media_type) for file in asset.ddo.content.files] == [
        ("README.md", "text/markdown"),
        ("data/measured.bin", None),
        ("data/penguins.csv", "text/csv"),
    ]
    assert at_home.open(made.did, "data/penguins.csv").read() == files["data/penguins.csv"]
    again, same = at_home.imports.publish(
        "hf:datasets/acme/penguins", licences=[Licence.uses("calls", uses=10, price="1 USD")], tags=["mine"]
    )
    assert isinstance(same, Published) and same.did == made.did and again.added == found.added


def test_a_base_model_is_a_parent_by_ones_own_word_alone(
    at_home: Registry, market_place: Registry, hub: Hub, tmp_path: Path
) -> None:
    base = {"README.md": b"---\nlicense: mit\n---\n", "model.safetensors": b"1"}
    hub.repository("acme/base", base, kind="models")
    hub.repository(
        "acme/net",
        {"README.md": b"---\nlicense: mit\nbase_model: acme/base\n---\n", "w.safetensors": b"2"},
        kind="models",
    )
    stranger = market_place.as_account("stranger")
    stranger.imports.publish("hf:acme/base", royalty_bps=3_000)
    _, alone = at_home.imports.publish("hf:acme/net")
    assert isinstance(alone, Published) and at_home.get(alone.did).ddo.parents == ()
    _, mine = at_home.imports.publish("hf:acme/base", royalty_bps=500)
    _, child = at_home.imports.publish("hf:acme/net", again=True, name="The net again")
    assert isinstance(mine, Published) and isinstance(child, Published)
    assert at_home.get(child.did).ddo.parents == (mine.did,)
    record = next((tmp_path / "imports").glob("published-*.json"))
    record.write_text("[]")
    with pytest.raises(InputError, match="Move it away"):
        at_home.imports.published("hf:models/acme/base")


def test_a_dry_run_says_what_it_would_cost_and_fetches_the_card_alone(
    at_home: Registry, hub: Hub, penguins: str
) -> None:
    found, preview = at_home.imports.publish("hf:datasets/acme/penguins", dry_run=True)
    assert isinstance(preview, Preview) and found.added is None
    assert preview.documents[0].name == "Palmer penguins" and not hub.gets("measured.bin")


def test_what_is_exported_is_imported_again_and_published(
    at_home: Registry, penguins: str, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    _, first = at_home.imports.publish("hf:datasets/acme/penguins")
    assert isinstance(first, Published)
    at_home.download(first.did, tmp_path / "out")
    document = json.dumps(at_home.exports.croissant(first.did).document)
    (tmp_path / "out" / "croissant.json").write_text(document)
    source = f"croissant:{tmp_path / 'out' / 'croissant.json'}"
    _, preview = at_home.imports.publish(source, dry_run=True)
    assert isinstance(preview, Preview) and preview.documents[0].name == "Palmer penguins"
    found, second = at_home.imports.publish(source)
    assert isinstance(second, Published) and found.license == "CC0-1.0" and not found.unchecked
    asset = at_home.get(second.did)
    assert asset.ddo.additional["citation"] == f"Palmer penguins, {first.did}"
    assert at_home.open(second.did, "croissant.json").read().decode() == document
    code, told = run("import", source, "--json")
    assert code == 0 and json.loads(told)["cid"] == str(second.content)


def test_without_deep_lake_an_import_of_it_says_what_to_install(
    tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    code, told = run("import", f"deeplake:{tmp_path}", "--license", "MIT")
    assert code == 1 and "pip install 'deeplake" in told


def test_on_the_command_line_it_is_told_and_as_json(
    hub: Hub, penguins: str, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    code, told = run("import", "hf:datasets/acme/penguins")
    assert code == 0 and penguins in told.replace("\n", "") and "CC0-1.0" in told and ".gitattributes" in told
    code, told = run("import", "hf:datasets/acme/penguins", "--json")
    assert code == 0 and json.loads(told)["files"] == 3
    hub.repository("acme/unclear", {"README.md": CARD.replace(b"cc0-1.0", b"other"), "a": b"1"})
    code, told = run("import", "hf:datasets/acme/unclear")
    assert code == 1 and "--license" in told
    assert run("import", "hf:datasets/acme/unclear", "--license", "MIT")[0] == 0
    assert run("import", "hf:datasets/acme/penguins", "--licence", "research: free")[0] == 2


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """The command line, with a home of its own: its exit code and all that it says."""

    def make(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, list(words), env={"REGISTRY_HOME": str(tmp_path / "home"), "COLUMNS": "200"})
        code = done.exit_code
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            return 1, f"{done.output}{done.exception}"
        return code, done.output

    return make
