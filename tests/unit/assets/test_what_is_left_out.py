"""Nothing of a folder is left out in silence, and the same folder is the same content by every way that adds it."""

from __future__ import annotations

import contextlib
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from registry import Draft, Gated, Registry
from registry.assets.drafting import Planner
from registry.errors import InvalidContent, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.importer import add_tree, compute_cid
from registry.ipfs.kubo import KuboRPC
from registry.ipfs.reader import ls
from registry.ipfs.scan import LeftOutWarning
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore, MemoryStore, NullSink

TERMS: dict[str, Any] = {"name": "Odd", "type": "dataset", "license": "MIT"}
FILES = {"a.csv", "sub/b.csv"}
DOTTED = {".env", ".git/config", "sub/.DS_Store"}
LEFT_OUT = [".env", ".git/", "sub/.DS_Store"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, and beside them what an editor, a system and a careless author have left there."""
    made = tmp_path / "made"
    for name in FILES | DOTTED:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


@pytest.fixture
def array(tmp_path: Path) -> Path:
    """An array of Zarr, version 2, whose description has names that begin with a dot."""
    made = tmp_path / "array"
    zarr.create_array(store=str(made), data=np.arange(10), zarr_format=2, chunks=(4,))
    return made


# --- Every way ----------------------------------------------------------------------------------- Each adds a path and
# returns the CID, if it is of the plain content, and what its result says was left out, if it has one.

Added = tuple[CID | None, tuple[str, ...] | None]


def published(author: Registry, path: Path, hidden: bool) -> Added:
    done = author.publish(path, hidden=hidden, again=True, **TERMS)
    return done.content, done.left_out


def previewed(author: Registry, path: Path, hidden: bool) -> Added:
    preview = author.publish(path, hidden=hidden, again=True, dry_run=True, **TERMS)
    assert preview.documents[0].content
    return preview.documents[0].content.cid, preview.left_out


def published_with_others(author: Registry, path: Path, hidden: bool) -> Added:
    drafts = [Draft(path=path, hidden=hidden, **TERMS), Draft(path=None, **{**TERMS, "name": "Other"})]
    done, other = author.publish_many(drafts, again=True)
    assert other.left_out == ()
    return done.content, done.left_out


def updated(author: Registry, path: Path, hidden: bool) -> Added:
    did = author.publish(None, again=True, **TERMS).did
    done = author.update(did, path=path, hidden=hidden)
    content = author.get(did).ddo.content
    assert content
    return content.cid, done.left_out


def sealed(author: Registry, path: Path, hidden: bool) -> Added:
    return None, author.publish(path, gated=Gated(), hidden=hidden, again=True, **TERMS).left_out


def sealed_with_its_names(author: Registry, path: Path, hidden: bool) -> Added:
    return None, author.publish(path, gated=Gated(hide_names=True), hidden=hidden, again=True, **TERMS).left_out


def planned_for_a_team(author: Registry, path: Path, hidden: bool) -> Added:
    plan = Planner(author).planned(Draft(path=path, hidden=hidden, **TERMS))
    assert plan.ddo.content
    return plan.ddo.content.cid, plan.left_out


def added(author: Registry, path: Path, hidden: bool) -> Added:
    done = add_tree(path, NullSink(), hidden=hidden)
    return done.cid, done.left_out


def computed(author: Registry, path: Path, hidden: bool) -> Added:
    return compute_cid(path, hidden=hidden), None


def put(author: Registry, path: Path, hidden: bool) -> Added:
    cid = IPFSFileSystem(store=MemoryStore(), sources=[]).put(path, hidden=hidden)
    return CID.parse(str(cid)), None


def put_into_a_transaction(author: Registry, path: Path, hidden: bool) -> Added:
    fs = IPFSFileSystem(store=MemoryStore(), sources=[])
    with fs.transaction as tx:
        fs.put(f"{path}/", "ipfs://new/", recursive=True, hidden=hidden)
    return tx.cid, None


def put_by_a_pattern(author: Registry, path: Path, hidden: bool) -> Added:
    fs = IPFSFileSystem(store=MemoryStore(), sources=[])
    with fs.transaction as tx:
        fs.put(f"{path}/*", "ipfs://new/", recursive=True, hidden=hidden)
    return tx.cid, None


def sent_to_a_node(author: Registry, path: Path, hidden: bool) -> Added:
    with Server(LocalStore(path.parent / "node")) as server:
        done = KuboRPC(server.url).add(path, hidden=hidden)
    return done.cid, done.left_out


WAYS = [published, previewed, published_with_others, updated, sealed, sealed_with_its_names, planned_for_a_team]
WAYS += [added, computed, put, put_into_a_transaction, put_by_a_pattern, sent_to_a_node]
every_way = pytest.mark.parametrize("add", WAYS, ids=lambda way: way.__name__)

Way = Callable[[Registry, Path, bool], Added]


@contextmanager
def silence() -> Iterator[None]:
    """Whatever is warned of is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeftOutWarning)
        yield


@every_way
def test_what_is_left_out_is_told_and_the_rest_is_the_same_content(author: Registry, folder: Path, add: Way) -> None:
    with pytest.warns(LeftOutWarning) as told:
        cid, left_out = add(author, folder, False)
    said = " ".join(str(one.message) for one in told)
    assert all(name in said for name in (".env'", ".git", ".DS_Store'", "hidden=True", "--hidden")), said
    assert left_out in (None, tuple(str(folder / name) + "/" * name.endswith("/") for name in LEFT_OUT))
    with pytest.warns(LeftOutWarning):
        assert cid in (None, compute_cid(folder))


@every_way
def test_all_of_it_is_taken_where_that_is_chosen(author: Registry, folder: Path, add: Way) -> None:
    with silence():
        cid, left_out = add(author, folder, True)
        assert left_out in (None, ()) and cid in (None, compute_cid(folder, hidden=True))


@every_way
def test_an_array_is_never_sold_without_what_makes_it_readable(author: Registry, array: Path, add: Way) -> None:
    (array / ".env").write_text("SECRET=1")
    with pytest.raises(InvalidContent, match=r"\.z(array|attrs).*begins with a dot.*hidden=True.*--hidden.*\.env"):
        add(author, array, False)
    (array / ".env").unlink()
    with silence():
        cid, _ = add(author, array, True)
    assert cid in (None, compute_cid(array, hidden=True))


@pytest.mark.parametrize("gated", [None, Gated(), Gated(hide_names=True)], ids=["plain", "gated", "names too"])
def test_an_array_of_the_second_version_is_read_by_its_buyer(
    author: Registry, array: Path, tmp_path: Path, gated: Gated | None
) -> None:
    did = author.publish(array, hidden=True, gated=gated, **TERMS).did
    author.download(did, tmp_path / "copy")
    assert zarr.open_array(str(tmp_path / "copy"), mode="r")[:].tolist() == [*range(10)]
    assert author.verify(did, tmp_path / "copy").left_out == ()


def make_a_link(path: Path) -> None:
    path.symlink_to("b.csv")


def make_a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):
        made.bind(path.name)  # which has 108 bytes at most


@every_way
@pytest.mark.filterwarnings("ignore::registry.ipfs.scan.LeftOutWarning")
def test_what_cannot_be_content_is_refused_by_its_name(author: Registry, folder: Path, add: Way) -> None:
    odd = folder / "sub" / "odd"
    for make in (make_a_link, os.mkfifo, make_a_socket):
        make(odd)
        with pytest.raises(InvalidContent, match="sub/odd"):
            add(author, folder, False)
        odd.unlink()


def test_what_is_named_is_taken_whatever_its_name(author: Registry, folder: Path) -> None:
    with silence():
        assert author.publish(folder / ".env", **TERMS).content == CID.raw(b".env")
        fs = IPFSFileSystem(store=MemoryStore(), sources=[])
        with fs.transaction as tx:
            fs.put(str(folder / ".env"), "ipfs://new/.env")
            fs.pipe_file("ipfs://new/.zgroup", b"{}")
        assert [entry.path for entry in ls(tx.cid, fs.store)] == [".env", ".zgroup"]
        with fs.transaction as tx:
            fs.put(f"{folder}/.e*", "ipfs://new/")
        assert [entry.path for entry in ls(tx.cid, fs.store)] == [".env"]


@pytest.mark.parametrize("gated", [None, Gated(), Gated(hide_names=True)], ids=["plain", "gated", "names too"])
def test_empty_folders_come_back(author: Registry, folder: Path, tmp_path: Path, gated: Gated | None) -> None:
    (folder / "sub" / "later" / "still").mkdir(parents=True)
    did = author.publish(folder, hidden=True, gated=gated, **TERMS).did
    author.download(did, tmp_path / "copy")
    assert (tmp_path / "copy" / "sub" / "later" / "still").is_dir()
    assert compute_cid(tmp_path / "copy", hidden=True) == compute_cid(folder, hidden=True)


@every_way
def test_an_empty_folder_is_part_of_what_is_added(author: Registry, folder: Path, add: Way) -> None:
    (folder / "sub" / "later" / "still").mkdir(parents=True)
    with silence():
        cid, _ = add(author, folder, True)
    assert cid in (None, compute_cid(folder, hidden=True))


# --- Copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [False, True], ids=["without", "with"])
@pytest.mark.parametrize("gated", [None, Gated(), Gated(hide_names=True)], ids=["plain", "gated", "names too"])
@pytest.mark.filterwarnings("ignore::registry.ipfs.scan.LeftOutWarning")
def test_a_copy_is_what_was_published_whatever_dotted_names_it_has(
    author: Registry, folder: Path, tmp_path: Path, gated: Gated | None, hidden: bool
) -> None:
    did = author.publish(folder, hidden=hidden, gated=gated, **TERMS).did
    copy = tmp_path / "copy"
    author.download(did, copy)
    found = author.verify(did, copy)
    assert (found.files, found.left_out) == (len(FILES | DOTTED if hidden else FILES), ())
    if hidden:
        (copy / ".env").write_text("changed")
        with pytest.raises(Unverified):
            author.verify(did, copy)
        return
    (copy / ".DS_Store").write_text("of the buyer's system")
    found = author.verify(did, copy)
    assert found.left_out == (str(copy / ".DS_Store"),) and "beside them lie" in str(found)
    (copy / "more.csv").write_text("1")
    with pytest.raises(Unverified):
        author.verify(did, copy)
