"""What goes in comes out: any tree, any range, under any profile, and the CID does not depend on the sink."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.errors import ContentError, FileNotInAsset, InputError
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.names import writing_fault
from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015, UNIXFS_V1_2025, Profile
from registry.ipfs.store import LocalStore, MemoryStore, NullSink
from registry.ipfs.unixfs import (
    Entry,
    add_file,
    add_tree,
    cat,
    compute_cid,
    content_size,
    export,
    ls,
    resolve,
    stat,
    walk,
)

from .support import Stranger, pattern

PROFILES = st.sampled_from(
    [
        UNIXFS_V1_2025,
        UNIXFS_V0_2015,
        KUBO_V1,
        # Small chunks and widths make deep trees of little content; a threshold of 0 shards every folder.
        replace(UNIXFS_V1_2025, chunk=7, width=3),
        replace(UNIXFS_V0_2015, chunk=5, width=2, hamt_threshold=0),
        replace(UNIXFS_V1_2025, hamt_threshold=0, fanout=8),
        replace(UNIXFS_V1_2025, hamt_threshold=0, fanout=1024),
    ]
)
letters = st.sampled_from("abcXYZ019-_ é日.")
names = st.text(letters, min_size=1, max_size=12).filter(lambda name: name[0] != "." and not writing_fault(name))
trees = st.recursive(
    st.binary(max_size=60), lambda inner: st.dictionaries(names, inner, max_size=6), max_leaves=25
).filter(lambda tree: isinstance(tree, dict))


def lay(place: Path, tree: dict[str, object]) -> dict[str, bytes]:
    """Write a tree; its files by path."""
    place.mkdir()
    files: dict[str, bytes] = {}
    for name, item in tree.items():
        if isinstance(item, bytes):
            (place / name).write_bytes(item)
            files[name] = item
        else:
            assert isinstance(item, dict)
            files |= {f"{name}/{path}": data for path, data in lay(place / name, item).items()}
    return files


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=80)
@given(trees, PROFILES)
def test_any_tree_comes_back(tree: dict[str, object], profile: Profile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = lay(Path(folder, "in"), tree)
        store = MemoryStore()
        done: list[int] = []
        added = add_tree(Path(folder, "in"), store, profile, progress=done.append, allow_empty=True)
        size = sum(map(len, files.values()))

        assert added.size == size == content_size(Path(folder, "in"))
        assert done == sorted(done) and (not files or done[-1] == size)
        assert {entry.path: entry.size for entry in added.files} == {path: len(data) for path, data in files.items()}
        assert compute_cid(Path(folder, "in"), profile, allow_empty=True) == added.cid

        listed = list(walk(added.cid, store))
        assert {entry.path: entry.size for entry in listed if entry.kind == "file"} == {
            path: len(data) for path, data in files.items()
        }
        for entry in listed:
            assert resolve(added.cid, entry.path, store) == entry.cid

        written = export(added.cid, store, Path(folder, "out"))
        assert {entry.path: Path(folder, "out", entry.path).read_bytes() for entry in written} == files
        assert compute_cid(Path(folder, "out"), profile, allow_empty=True) == added.cid


@settings(deadline=None)
@given(
    st.integers(0, 200),
    st.integers(-210, 210),
    st.one_of(st.none(), st.integers(-210, 210)),
    st.sampled_from(
        [replace(UNIXFS_V1_2025, chunk=7, width=3), replace(UNIXFS_V0_2015, chunk=5, width=2), UNIXFS_V1_2025]
    ),
)
@example(0, 0, 0, UNIXFS_V1_2025)
@example(14, 6, 8, replace(UNIXFS_V1_2025, chunk=7, width=3))
def test_a_range_is_the_slice(size: int, start: int, end: int | None, profile: Profile) -> None:
    content = pattern(size)
    store = MemoryStore()
    cid = add_file(io.BytesIO(content), store, profile).cid
    assert b"".join(cat(cid, store, start, end)) == content[start:end]


def test_a_range_fetches_only_its_blocks(stranger: Stranger) -> None:
    cid = add_file(io.BytesIO(pattern(700)), stranger, replace(UNIXFS_V1_2025, chunk=7, width=10)).cid
    assert b"".join(cat(cid, stranger, 350, 356)) == pattern(700)[350:356]
    assert len(stranger.asked) == 3  # root, one node, one leaf


def test_a_name_in_a_sharded_folder_fetches_only_its_branch(stranger: Stranger, folder: Callable[..., Path]) -> None:
    path = folder({f"file {n}": b"%d" % n for n in range(600)})
    cid = add_tree(path, stranger, replace(UNIXFS_V1_2025, hamt_threshold=0)).cid
    assert resolve(cid, "file 77", stranger) == CID.raw(b"77")
    assert len(stranger.asked) <= 3
    with pytest.raises(FileNotInAsset, match="file ") as caught:
        resolve(cid, "file 601", stranger)
    assert len(caught.value.known) == 9 and caught.value.hint.endswith(" and others.")


def test_a_folder_in_shards_of_the_widest_fanout_comes_back(stranger: Stranger, folder: Callable[..., Path]) -> None:
    path = folder({f"file {n}": b"%d" % n for n in range(200)})
    cid = add_tree(path, stranger, replace(UNIXFS_V1_2025, hamt_threshold=0, fanout=1024)).cid
    assert len(stranger.blocks) > 200 + 1, "no two names share a slot, so there is but one shard"
    assert {entry.path for entry in walk(cid, stranger)} == {"", *(f"file {n}" for n in range(200))}
    for n in range(200):
        assert resolve(cid, f"file {n}", stranger) == CID.raw(b"%d" % n)


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes) -> None:
        self.inner = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(min(size, 100_000))


def test_a_stream_with_short_reads_has_the_same_cid() -> None:
    content = pattern(3_000_000)
    whole = add_file(io.BytesIO(content), NullSink())
    assert add_file(Trickle(content), NullSink()) == whole  # type: ignore[arg-type]
    assert whole.files[0].path == ""


def test_dotfiles_stay_at_home_unless_asked_for(folder: Callable[..., Path]) -> None:
    path = folder({"a": b"1", ".git/config": b"secret", "sub/.env": b"secret", "sub/b": b"2"})
    store = MemoryStore()
    assert [entry.path for entry in add_tree(path, store).files] == ["a", "sub/b"]
    assert len(add_tree(path, store, hidden=True).files) == 4


def test_a_path_to_one_file_is_added_as_that_file(folder: Callable[..., Path]) -> None:
    path = folder({"table.csv": b"a,b\n"})
    added = add_tree(path / "table.csv", NullSink())
    assert added.cid == CID.raw(b"a,b\n") == compute_cid(path / "table.csv")
    assert added == add_file(path / "table.csv", NullSink())
    assert [entry.path for entry in added.files] == ["table.csv"]


def test_names_are_sorted_by_their_bytes(folder: Callable[..., Path]) -> None:
    path = folder({"b": b"", "B": b"", "é": b"", "a10": b"", "a9": b"", "日": b""})
    store = MemoryStore()
    cid = add_tree(path, store).cid
    assert [entry.path for entry in ls(cid, store)] == ["B", "a10", "a9", "b", "é", "日"]


def test_a_listing_says_what_each_thing_is(folder: Callable[..., Path]) -> None:
    path = folder({"big": pattern(1_048_577), "sub/x": b"1", "small": b"22"})
    (path / "to").symlink_to("sub/x")
    store = MemoryStore()
    cid = add_tree(path, store, symlinks="keep").cid
    found = {entry.path: (entry.kind, entry.size, entry.target) for entry in ls(cid, store)}
    assert found == {
        "big": ("file", 1_048_577, ""),
        "small": ("file", 2, ""),
        "sub": ("folder", 0, ""),
        "to": ("symlink", 0, "sub/x"),
    }
    assert stat(cid, store) == Entry("", cid, "folder", 0)
    assert stat(resolve(cid, "/big/", store), store).size == 1_048_577


def test_links_that_stay_inside_come_back_as_links(folder: Callable[..., Path], tmp_path: Path) -> None:
    path = folder({"sub/deep/x": b"1"})
    (path / "sub" / "up").symlink_to("../sub/deep")
    (path / "here").symlink_to(".")
    store = MemoryStore()
    cid = add_tree(path, store, symlinks="keep").cid
    export(cid, store, tmp_path / "out", symlinks="keep")
    assert (tmp_path / "out/sub/up/x").read_bytes() == b"1"
    assert compute_cid(tmp_path / "out", symlinks="keep") == cid
    with pytest.raises(InputError, match='symlinks="keep"'):
        export(cid, store, tmp_path / "other")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["content", "out"]


def test_a_file_with_content_in_its_root_and_below_is_read(stranger: Stranger) -> None:
    leaf = stranger.node([], Message(Type.RAW, data=b"world", filesize=5))
    root = stranger.node([Link(leaf, b"", 0)], Message(Type.FILE, data=b"hello ", filesize=11, blocksizes=[5]))
    assert b"".join(cat(root, stranger)) == b"hello world"
    assert b"".join(cat(root, stranger, 4, 8)) == b"o wo"


def test_packed_sizes_and_unknown_fields_are_read(stranger: Stranger) -> None:
    leaves = [stranger.block(text, 0x55) for text in (b"ab", b"c")]
    message = (
        encode_message(Message(Type.FILE, filesize=3)) + b"\x22\x02\x02\x01" + b"\x38\xa4\x03" + b"\x42\x02\x08\x05"
    )
    root = stranger.block(encode_node([Link(leaf, b"", 0) for leaf in leaves], message))
    assert b"".join(cat(root, stranger)) == b"abc"


def test_an_identity_cid_needs_no_source(stranger: Stranger) -> None:
    assert b"".join(cat(CID(1, 0x55, b"\x00\x02hi"), stranger)) == b"hi"
    block = encode_node([], encode_message(Message(Type.DIRECTORY)))
    assert ls(CID(1, DAG_PB, bytes([0, len(block)]) + block), stranger) == ()
    assert stranger.asked == []


def test_a_file_and_a_folder_are_not_each_other(folder: Callable[..., Path]) -> None:
    store = MemoryStore()
    cid = add_tree(folder({"a/b": b"1"}), store).cid
    with pytest.raises(InputError, match="is a folder"):
        cat(cid, store)
    with pytest.raises(InputError, match="is a file"):
        ls(resolve(cid, "a/b", store), store)
    for path in ("a/c", "a/b/c", "x", "a/../a", "a//b", "./a", "a/\udcff"):
        with pytest.raises(FileNotInAsset):
            resolve(cid, path, store)


def test_export_never_writes_over_what_is_there(folder: Callable[..., Path], tmp_path: Path) -> None:
    store = MemoryStore()
    cid = add_tree(folder({"a": b"new"}), store).cid
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "a").write_bytes(b"old")
    with pytest.raises(InputError, match="exists already"):
        export(cid, store, tmp_path / "taken")
    assert (tmp_path / "taken" / "a").read_bytes() == b"old"
    (tmp_path / "empty").mkdir()
    export(cid, store, tmp_path / "empty")
    assert (tmp_path / "empty" / "a").read_bytes() == b"new"
    (tmp_path / "hollow").mkdir()
    export(CID.raw(b"new"), store, tmp_path / "hollow")
    assert (tmp_path / "hollow").read_bytes() == b"new"


def test_export_to_where_nothing_can_be_written_raises_a_typed_error(stranger: Stranger, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ContentError, match="could not be written"):
        export(CID.raw(b"x"), stranger, tmp_path / "file" / "out")
    long = stranger.node([Link(stranger.block(b"x", 0x55), b"n" * 300, 1)], Message(Type.DIRECTORY))
    with pytest.raises(ContentError, match="could not be written"):
        export(long, stranger, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_store_on_disk_gives_the_same_as_one_in_memory(folder: Callable[..., Path], tmp_path: Path) -> None:
    path = folder({"a": b"1", "b/c": pattern(300_000)})
    store = LocalStore(tmp_path / "store")
    added = add_tree(path, store, UNIXFS_V0_2015)
    assert added == add_tree(path, MemoryStore(), UNIXFS_V0_2015)
    assert b"".join(cat(resolve(added.cid, "b/c", store), store)) == pattern(300_000)
