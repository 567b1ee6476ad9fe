"""The pages of a hub as a folder: its CID is in the package, and what a hub serves is held against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages_world import served
from terminal import runner

from registry import Registry
from registry.cli import cli
from registry.errors import HubUnavailable, Unverified, WouldOverwrite
from registry.hub import served_pages
from registry.hub.pages.desk import STATIC
from registry.hub.served_pages import check_served, export_pages, recorded_cid
from registry.ipfs.unixfs import compute_cid


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(Registry.local()) as found:
        yield found


def test_the_cid_in_the_package_is_that_of_its_pages() -> None:
    assert compute_cid(STATIC) == recorded_cid(), "run scripts/_toolchain/wallet_script.py"


def test_they_are_written_as_a_folder_of_that_cid_and_over_nothing(tmp_path: Path) -> None:
    told = runner().invoke(cli, ["--json", "hub", "pages", "--out", str(tmp_path / "pages")])
    assert json.loads(told.stdout)["cid"] == str(recorded_cid()) == str(compute_cid(tmp_path / "pages")), told.output
    with pytest.raises(WouldOverwrite):
        export_pages(tmp_path / "pages")


def test_a_hub_that_serves_them_is_told_from_one_that_serves_others(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_served(url) == recorded_cid()
    for one in STATIC.iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes() + b"\n" * (one.name == "read.js"))
    monkeypatch.setattr(served_pages, "STATIC", tmp_path)
    with pytest.raises(Unverified, match=r"it serves another read\.js\."):
        check_served(url)
    with pytest.raises(Unverified, match="this installation"):
        export_pages(tmp_path / "pages")


def test_what_is_no_hub_is_told(url: str) -> None:
    with pytest.raises(HubUnavailable):
        check_served(f"{url}/v1")
    told = runner().invoke(cli, ["--json", "hub", "pages", "--check", "http://127.0.0.1:1081"])
    assert told.exit_code == 1 and "HubUnavailable" in told.stderr
