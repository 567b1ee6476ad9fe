"""The penguin model, from data and code that are assets to a model that names its run, and run again by somebody else
who has its DID and nothing more: a home of their own, the author's gateway, and no package index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.cli_support import MODEL, PENGUINS, Shell
from integration.support import Anvil
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore

FREE = ("--licence", "research: free", "--royalty-bps", "0")


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Has published the penguins (1), the code (2), and the model that a run of the one on the other made (3)."""
    node = Anvil()
    shell = Shell(node.url, tmp_path_factory.mktemp("author"))
    shell.ok("deploy", "--local-dollar", "--yes")
    shell.ok("publish", str(PENGUINS), "--name", "Penguins", "--type", "dataset", "--license", "CC0-1.0", *FREE)
    shell.ok("publish", str(MODEL), "--name", "Training", "--type", "algorithm", "--license", "CC0-1.0", *FREE)
    shell.ok("run", "2", "--on", "penguins=1", "--out", "made", "--record", "run.json")
    named = ("--name", "Classifier", "--type", "model", "--license", "CC0-1.0", "--made-by", "run.json")
    shell.ok("publish", "made", *named, *FREE)
    yield shell
    node.stop()


@pytest.fixture
def stranger(author: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Somebody else: blocks come from the author's gateway, and nothing comes from a package index."""
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "no-cache"))
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "deployments").symlink_to(author.folder / "deployments")
    with Server(LocalStore(author.folder / "home" / "blocks")) as server:
        monkeypatch.setenv("IPFS_GATEWAY", server.url)
        yield Shell(author.url, folder, "stranger")


def test_the_model_says_how_it_was_made(author: Shell) -> None:
    record = json.loads((author.folder / "run.json").read_text())
    shown = author.ok("show", "3")
    assert "made by" in shown and "registry reproduce 3" in shown
    document = author.json("show", "3", "--ddo")
    assert document["parents"] == [record["code"]["did"], record["inputs"][0]["did"]]
    assert record["findings"] == [], "all of it is pinned, seeded and alone"
    assert [record["code"]["version"], record["inputs"][0]["version"]] == [1, 1]
    family = author.ok("family", "3")
    assert "Penguins (asset 1)" in family and "Training (asset 2)" in family and document["madeBy"] in family


def test_a_stranger_reproduces_it_from_its_did_alone(author: Shell, stranger: Shell) -> None:
    did = author.json("show", "3")["did"]
    ended = stranger("reproduce", did)
    assert ended.exit_code == 5 and "Buy one of: 'research' (access" in ended.stderr
    for asset in ("1", "2"):
        stranger.ok("buy", asset, "research", "--yes")
    ended = stranger("reproduce", did, "--out", "again", "--json")
    assert ended.exit_code == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert said["verdict"] == "same" and {one["word"] for one in said["outputs"]} == {"same"} and said["notes"] == []
    assert (stranger.folder / "again" / "weights.json").read_bytes() == (MODEL / "weights.json").read_bytes()


def test_a_record_proves_nothing_of_other_files(author: Shell) -> None:
    error = author.refused(
        *("publish", str(PENGUINS), "--name", "x", "--type", "model", "--license", "MIT", "--made-by", "run.json")
    )
    assert "None of the files at" in error["message"]
    assert author.refused(
        "publish", "made", "--name", "x", "--type", "model", "--license", "MIT", "--made-by", "y.json"
    )
    ended = author("reproduce", "1")
    assert ended.exit_code == 5 and "its document names no run that made it" in ended.stderr
