"""Versions that an asset had: listed with what changed, and read as they were by whoever may read the asset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from selling import CALLS, MONTH, with_store
from terminal import runner

from registry import DDO, DID, Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.documents.comparing import compare_documents
from registry.errors import AccessDenied, InputError, InvalidDID
from registry.errors import ContractError as Refused
from registry.ipfs.store import MemoryStore
from registry.results import AssetRef

HEAVY = b"species,mass\nAdelie,4000\nGentoo,5000\n"


@pytest.fixture
def weighed(publish: Callable[..., Published], author: Registry, folder: Path) -> DID:
    """An asset of three versions: as it was published, with other words, and with other files."""
    did = publish(MONTH, CALLS).did
    author.update(did, description="Weighed again")
    (folder / "penguins.csv").write_bytes(HEAVY)
    (folder / "raw" / "notes.txt").unlink()
    (folder / "raw" / "scales.txt").write_text("digital")
    author.update(did, path=folder)
    return did


def test_a_history_says_when_who_how_large_and_what_changed(weighed: DID, author: Registry, buyer: Registry) -> None:
    first, second, third = buyer.history(weighed)
    assert [one.number for one in (first, second, third)] == [1, 2, 3]
    assert third.cid == author.get(weighed).cid and len({one.cid for one in (first, second, third)}) == 3
    assert {one.publisher for one in (first, second, third)} == {author.address}
    assert first.time is not None and second.time is not None and first.time <= second.time
    assert first.size == second.size and third.size == author.get(weighed).ddo.content.size  # type: ignore[union-attr]
    assert first.changes is None
    assert second.changes is not None and second.changes.in_words() == "description"
    assert second.changes.fields == (("description", "none", "Weighed again"),)
    assert third.changes is not None
    assert (third.changes.added, third.changes.removed) == (("raw/scales.txt",), ("raw/notes.txt",))
    assert third.changes.in_words() == "1 file added, 1 file changed, 1 file removed"
    assert buyer.diff(weighed, 2) == buyer.diff(weighed, 2, 3) == third.changes
    assert buyer.diff(weighed, 3, 2).added == ("raw/notes.txt",) and str(second).endswith(f"ipfs://{second.cid}")


@pytest.mark.parametrize("named", ["{number}@1", "{did}@1", "asset"])
def test_a_version_is_read_as_it_was(weighed: DID, buyer: Registry, tmp_path: Path, named: str) -> None:
    buyer.buy(weighed, "month", max_total="12.5 USD")
    asset: AssetRef = buyer.get(weighed, version=1)
    if named != "asset":
        asset = named.format(number=weighed.asset_id, did=weighed)
    assert [file.path for file in buyer.files(asset)] == ["penguins.csv", "raw/notes.txt"]
    before = buyer.open(asset, "penguins.csv").read()
    assert b"3750" in before and buyer.open(weighed, "penguins.csv").read() == HEAVY
    buyer.download(asset, tmp_path / "old")
    assert (tmp_path / "old" / "penguins.csv").read_bytes() == before
    assert buyer.verify(asset, tmp_path / "old").files == buyer.verify(asset).files == 2


@pytest.mark.parametrize("url", ["asset://{did}@1/penguins.csv", "asset://{did}/penguins.csv?versionId=1"])
def test_an_address_names_a_version(weighed: DID, buyer: Registry, url: str) -> None:
    buyer.buy(weighed, "month", max_total="12.5 USD")
    options = {"registry": buyer}
    assert pd.read_csv(url.format(did=weighed), storage_options=options).mass.tolist() == [3750, 5000]
    assert pd.read_csv(f"asset://{weighed}/penguins.csv", storage_options=options).mass.tolist() == [4000, 5000]
    assert b"3750" in buyer.open(url.format(did=weighed)).read()


def test_an_old_version_needs_the_access_that_the_asset_needs(weighed: DID, stranger: Registry) -> None:
    for read in (
        lambda: stranger.open(f"{weighed}@1", "penguins.csv"),
        lambda: stranger.open(f"asset://{weighed}@1/a"),
    ):
        with pytest.raises(AccessDenied, match="month"):
            read()


@pytest.mark.parametrize(
    ("asset", "why"),
    [
        ("{did}@4", "has no version 4; it has 3"),
        ("{did}@0", "'0' is not a number from 1"),
        ("{did}@01", "'01' is not a number from 1"),
        ("{did}@", "'' is not a number from 1"),
        ("{did}@" + "9" * 99, "is not a number from 1"),
        ("asset://{did}@1/penguins.csv?versionId=1", "it names a version twice"),
        ("asset://{did}/penguins.csv?versionId=-1", "'-1' is not a number from 1"),
    ],
)
def test_a_version_that_there_is_not_is_refused(weighed: DID, buyer: Registry, asset: str, why: str) -> None:
    with pytest.raises((InputError, InvalidDID), match=why):
        buyer.open(asset.format(did=weighed), "penguins.csv")


def test_whoever_names_two_versions_is_asked_which(weighed: DID, buyer: Registry) -> None:
    assert buyer.get(f"{weighed}@2", version=2).version == 2
    with pytest.raises(InputError, match="is not version 1"):
        buyer.get(f"{weighed}@2", version=1)


def test_what_is_done_is_done_with_the_asset_of_now_and_of_no_other_version(
    weighed: DID, author: Registry, buyer: Registry
) -> None:
    """Neither does whoever has an old document in hand buy by it, nor write over what came after it."""
    for act in (buyer.buy, buyer.licences, buyer.has_access, author.suspend, author.history):
        with pytest.raises(InputError, match="names a version"):
            act(f"{weighed}@1")
    old = author.get(weighed, version=1)
    assert old.licences != author.get(weighed).licences and old.owner == author.address
    with pytest.raises(Refused):
        buyer.buy(old, "month")
    with pytest.raises(Refused):
        author.update(old, description="From long ago")
    assert author.get(weighed).version == 3


def test_a_history_goes_on_where_a_document_is_gone(weighed: DID, author: Registry) -> None:
    store = MemoryStore()
    for version in (author.get(weighed, version=number) for number in (1, 3)):
        store.put(version.cid, author.store.get(version.cid))
    elsewhere = with_store(author, store)
    first, second, third = elsewhere.history(weighed)
    assert third.size is not None and third.changes is second.changes is second.size is first.size is None
    assert elsewhere.diff(weighed, 1, 3).removed == ("raw/notes.txt",)


def test_the_command_line_reads_versions_and_tells_what_changed(
    weighed: DID, buyer: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: buyer)
    buyer.buy(weighed, "month", max_total="12.5 USD")

    def shell(*words: object) -> str:
        ended = runner().invoke(cli, [*map(str, words)])
        assert ended.exit_code == 0, ended.stderr
        return ended.stdout

    number = weighed.asset_id
    assert shell("cat", f"{number}@1", "penguins.csv") == shell("cat", number, "penguins.csv", "--version", 1)
    assert "raw/notes.txt" in shell("files", number, "--version", 2) and "raw/notes.txt" not in shell("files", number)
    assert json.loads(shell("show", f"{number}@2", "--json"))["version"] == 2
    shell("download", number, tmp_path / "old", "--version", 1)
    assert json.loads(shell("verify", f"{number}@1", tmp_path / "old", "--json"))["files"] == 2
    title, head, third, second, first = shell("history", number).splitlines()  # a row is a line, whole
    assert title == f"Versions of asset {number}" and head.split() == [
        "version",
        "time",
        "by",
        "bytes",
        "changed",
        "document",
    ]
    assert third.endswith(f"ipfs://{buyer.get(weighed).cid}")
    assert "1 file added, 1 file changed, 1 file removed" in third and "description" in second and "published" in first
    told = json.loads(shell("diff", number, 1, 2, "--json"))
    assert told == {"fields": [["description", "none", "Weighed again"]], "added": [], "removed": [], "changed": []}
    assert "raw/scales.txt" in shell("diff", number, 1)


def test_documents_that_say_the_same_differ_in_nothing() -> None:
    document = DDO(type="dataset", name="Penguins", license="MIT")
    assert compare_documents(document, document).in_words() == "nothing that is shown"
