"""A name that a user gave to an asset stands wherever its DID does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from terminal import runner

from registry import DID, Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.errors import InputError, InvalidDID, WrongChain
from registry.tools.assetfs import AssetFileSystem


@pytest.fixture
def at_home(author: Registry, tmp_path: Path) -> Callable[[], Registry]:
    """The author's client in a home, another one each time."""

    def connect() -> Registry:
        known = {"deployment": author.deployment, "store": author.store, "journal": author.journal}
        return Registry.on(author.chain, signer=author.signer, home=tmp_path / "home", **known)  # type: ignore[arg-type]

    return connect


def test_a_name_stands_wherever_a_did_does(
    publish: Callable[..., Published], at_home: Callable[[], Registry], folder: Path, tmp_path: Path
) -> None:
    did = publish().did
    at_home().names.add("penguins", did)
    client = at_home()
    client.update("penguins", description="Better.")
    assert client.get("penguins").did == client.did("penguins") == did
    assert client.get("penguins@1").ddo.description == "" and client.get("penguins@2").ddo.description == "Better."
    whole = (folder / "penguins.csv").read_bytes()
    for url in ("asset://penguins/penguins.csv", "asset://penguins@1/penguins.csv"):
        with client.open(url) as file:
            assert file.read() == whole
        assert AssetFileSystem(client).cat(url) == whole
    assert AssetFileSystem(client).cat("asset://penguins/penguins.csv?versionId=2") == whole
    client.download("penguins", tmp_path / "copy")
    assert client.verify("penguins", tmp_path / "copy").did == did


def test_a_name_is_of_one_asset_until_it_is_forgotten(
    publish: Callable[..., Published], at_home: Callable[[], Registry]
) -> None:
    names, first, second = at_home().names, publish().did, publish().did
    names.add("birds", first)
    names.add("birds", first)
    with pytest.raises(InputError, match="is did:nft"):
        names.add("birds", second)
    assert names.remove("birds") == first
    names.add("birds", second)
    assert at_home().names.all() == {"birds": second}
    with pytest.raises(InputError, match="No asset is called 'fish'"):
        names.remove("fish")


@pytest.mark.parametrize("name", ["", "7", "Birds", "a/b", "a@2", "did:nft:x", "-a", "a" * 64, "ä", "a b", "0xab"])
def test_what_means_something_else_is_no_name(
    name: str, at_home: Callable[[], Registry], publish: Callable[..., Published]
) -> None:
    with pytest.raises(InputError, match="cannot be a name"):
        at_home().names.add(name, publish().did)


def test_an_unknown_name_says_what_an_asset_may_be_called(at_home: Callable[[], Registry]) -> None:
    with pytest.raises(InvalidDID, match="it is no number, no owner/name, and no name that is kept here"):
        at_home().get("fish")


def test_a_name_of_another_chain_is_not_taken_for_an_asset_here(at_home: Callable[[], Registry]) -> None:
    client = at_home()
    client.names.add("far", DID(1, client.deployment.registry, 1))
    with pytest.raises(WrongChain):
        client.get("far")


@pytest.mark.parametrize("text", ["[]", '{"a": 1}', '{"A": "did:nft:x"}', "{", '{"a": "did:nft:x"}'])
def test_a_damaged_list_is_told_and_left(at_home: Callable[[], Registry], tmp_path: Path, text: str) -> None:
    file = tmp_path / "home" / "names.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    with pytest.raises(InputError, match=r"names\.json cannot be read"):
        at_home().names.all()
    assert file.read_text() == text


def test_on_the_command_line(
    publish: Callable[..., Published],
    at_home: Callable[[], Registry],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    did = publish().did

    def run(*words: object) -> Result:
        monkeypatch.setattr(App, "registry", lambda _app, *, to=None: at_home())
        return runner().invoke(cli, ["--home", str(tmp_path / "home"), *map(str, words)])

    assert run("name", "add", "penguins", did.asset_id).exit_code == 0
    assert str(did) in run("show", "penguins").stdout
    assert str(did) in run("name", "list").stdout
    assert run("name", "add", "birds", did).exit_code == 0
    assert run("name", "remove", "penguins").exit_code == 0
    missing = run("show", "penguins")
    assert missing.exit_code == 1 and "registry name list" in missing.stderr
