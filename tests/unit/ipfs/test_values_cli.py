"""``registry ipfs dag``, ``files`` and ``name``: values, folders and names on the command line."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminal import runner

from registry.cli import cli
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import compute_cid

from .lying import lying
from .test_ipns import CONTENT, Holder, resolver


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Any]:
    """What a command answers: JSON, or the name of its error."""

    def run(*words: object, typed: bytes | None = None, **environment: str) -> Any:
        told = {"REGISTRY_HOME": str(tmp_path / "home"), "IPFS_GATEWAY": "", **environment}
        ended = runner().invoke(
            cli, ["ipfs", *map(str, words), "--json"], env=told, input=typed, catch_exceptions=False
        )
        return json.loads(ended.stdout) if ended.exit_code == 0 else json.loads(ended.stderr)["error"]

    return run


def test_the_story_of_a_value(shell: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"n": 1, "layers": [{"name": "in"}]}')
    model = shell("dag", "put", tmp_path / "in.json")["cid"]
    outer = shell("dag", "put", "-", "--codec", "dag-json", typed=json.dumps({"model": {"/": model}}).encode())["cid"]
    assert shell("dag", "get", f"{outer}/model/layers/0/name") == "in"
    assert shell("dag", "get", f"ipfs://{outer}") == {"model": {"/": model}}
    assert shell("dag", "resolve", f"{outer}/model/layers/0") == {"cid": model, "rest": "layers/0"}
    assert {str(pin.cid) for pin in LocalStore(tmp_path / "home" / "blocks").pins()} == {model, outer}
    assert shell("dag", "get", f"{outer}/none") == "FileNotInAsset"
    assert shell("dag", "put", "-", typed=b"no json") == "InputError"
    assert shell("dag", "put", "-", typed=b'{"a": {"/": "Qm"}}') == "InputError"
    assert shell("dag", "put", "-", typed=b" " * (2**21 + 1)) == "LimitExceeded"


def test_the_story_of_a_folder_that_changes(
    shell: Callable[..., Any], folder: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"0123456789")
    first = shell("files", "write", "new/data/a.csv", tmp_path / "a.csv", "--parents")["root"]
    second = shell("files", "write", f"{first}/data/a.csv", "-", "--append", typed=b"more")["root"]
    third = shell("files", "write", f"{second}/data/a.csv", "-", "--offset", "2", typed=b"xx")["root"]
    fourth = shell("files", "mkdir", f"{third}/empty/below", "--parents")["root"]
    fifth = shell("files", "cp", f"{fourth}/b.csv", f"{first}/data/a.csv")["root"]
    sixth = shell("files", "mv", f"{fifth}/data/a.csv", "empty")["root"]
    last = shell("files", "rm", f"{sixth}/data", "--recursive")["root"]
    expected = {"b.csv": b"0123456789", "empty/a.csv": b"01xx456789more", "empty/below": None}
    assert last == str(compute_cid(folder(expected)))
    assert b64decode(shell("files", "read", f"{last}/empty/a.csv", "--offset", 2, "--count", 3)["base64"]) == b"xx4"
    assert shell("files", "stat", f"{last}/empty/a.csv")["size"] == 14
    assert last in {str(pin.cid) for pin in LocalStore(tmp_path / "home" / "blocks").pins()}
    for words, error in {
        ("mkdir", f"{last}/empty"): "WouldOverwrite",
        ("rm", f"{last}/empty"): "NotAFile",
        ("write", f"{last}/x", tmp_path / "missing"): "InputError",
        ("write", f"{last}/x", tmp_path / "a.csv", "--append", "--offset", 1): "InputError",
        ("stat", f"{last}/none"): "FileNotInAsset",
        ("stat", "nonsense/none"): "InvalidCID",
    }.items():
        assert shell("files", *words) == error


def test_a_name_is_followed_to_content(shell: Callable[..., Any]) -> None:
    holder = Holder()
    with lying(lambda request: request.send(holder.sign())) as server:
        for source in (server.url, f"routing:{server.url}"):
            found = shell("name", "resolve", f"{holder.name}/a.csv", "--source", source)
            assert found["path"] == f"{CONTENT}/a.csv"
    with lying(resolver({"_dnslink.example.com": [f"dnslink={CONTENT}"]})) as server:
        assert shell("name", "resolve", "example.com", REGISTRY_DNS=server.url)["path"] == CONTENT
    assert shell("name", "resolve", str(CID.raw(b""))) == "InputError"
