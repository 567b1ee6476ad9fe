"""``ipfs://`` as a file system: what it shows, what it fetches, what it refuses, and how it writes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import (
    BlockNotFound,
    FileNotInAsset,
    Immutable,
    InputError,
    InvalidCID,
    InvalidContent,
    NotAFile,
    Unavailable,
    Unverified,
)
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Message, Type
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import add_file, add_tree, compute_cid

from .support import Stranger

SHARDED = replace(UNIXFS_V1_2025, hamt_threshold=0)


class Counted(MemoryStore):
    """A store that remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[CID] = []

    def get(self, cid: CID) -> bytes:
        self.asked.append(cid)
        return super().get(cid)


@pytest.fixture
def fs(tmp_path: Path) -> IPFSFileSystem:
    """A file system on a store of its own."""
    made: IPFSFileSystem = fsspec.filesystem("ipfs", store=tmp_path / "blocks")
    return made


# --- Looking and reading -------------------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\", exclude_categories=("C", "Z")), min_size=1)
PATHS = st.lists(NAMES.filter(lambda name: name.strip(".") == name), min_size=1, max_size=3).map("/".join)


def is_a_tree(files: dict[str, bytes]) -> bool:
    return not any(one != other and one.startswith(f"{other}/") for one in files for other in files)


@settings(deadline=None)
@given(files=st.dictionaries(PATHS, st.binary(max_size=40), min_size=1, max_size=6).filter(is_a_tree))
def test_what_a_transaction_writes_is_what_is_found_and_read(files: dict[str, bytes]) -> None:
    fs = IPFSFileSystem(store=MemoryStore(), skip_instance_cache=True)
    try:
        with fs.transaction as tx:
            for path, content in files.items():
                fs.pipe_file(f"ipfs://new/{path}", content)
    except InvalidContent:
        return  # a name that some system cannot hold
    assert {path.partition("/")[2]: fs.cat_file(path) for path in fs.find(tx.root)} == files
    for path, content in files.items():
        info = fs.info(f"{tx.root}/{path}")
        assert (info["type"], info["size"]) == ("file", len(content))
        assert info["CID"] == fs.ukey(f"{tx.root}/{path}")
        assert fs.isdir(fs._parent(f"{tx.cid}/{path}"))


@settings(deadline=None)
@given(st.data())
def test_any_range_is_the_slice_it_names(data: st.DataObject) -> None:
    content = bytes(range(256)) * 3
    store = MemoryStore()
    small = replace(UNIXFS_V1_2025, chunk=50, width=3)
    cid = add_file(io.BytesIO(content), store, small).cid
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    ends = st.none() | st.integers(-900, 900)
    start, end = data.draw(ends), data.draw(ends)
    assert fs.cat_file(str(cid), start, end) == content[start:end]
    place, count = data.draw(st.integers(0, 900)), data.draw(st.integers(0, 900))
    with fs.open(f"ipfs://{cid}", cache_type=data.draw(st.sampled_from(["blockcache", "readahead", "none"]))) as file:
        file.seek(place)
        assert file.read(count) == content[place : place + count]


def test_ten_bytes_of_a_large_file_cost_one_chunk_and_the_path() -> None:
    store = Counted()
    root = add_file(io.BytesIO(os.urandom(64 << 20)), store).cid
    for read in (lambda fs: fs.cat_file(str(root), 30_000_000, 30_000_010), _seek_and_read(root, 30_000_000)):
        store.asked.clear()
        assert len(read(IPFSFileSystem(store=store, skip_instance_cache=True))) == 10
        assert [cid.codec for cid in store.asked].count(DAG_PB) == 1
        assert len(store.asked) == 2


def _seek_and_read(root: CID, place: int) -> Callable[[IPFSFileSystem], bytes]:
    def read(fs: IPFSFileSystem) -> bytes:
        with fs.open(f"ipfs://{root}") as file:
            file.seek(place)
            found: bytes = file.read(10)
            return found

    return read


def test_a_list_of_a_thousand_files_costs_one_block(folder: Callable[..., Path]) -> None:
    store = Counted()
    root = add_tree(folder({f"{n:04}.csv": b"%d" % n for n in range(1000)}), store).cid
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    assert [info["size"] for info in fs.ls(f"ipfs://{root}")][:11] == [1] * 10 + [2]
    assert len(store.asked) == 1
    assert len(fs.glob(f"ipfs://{root}/*5.csv")) == 100
    assert len(store.asked) == 1


def test_a_path_in_a_sharded_folder_fetches_its_branch_only(folder: Callable[..., Path]) -> None:
    store = Counted()
    files = {f"{n:04}.csv": b"%d" % n for n in range(3000)}
    root = add_tree(folder(files), store, SHARDED).cid
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    assert fs.cat_file(f"ipfs://{root}/1234.csv") == b"1234"
    assert len(store.asked) <= 4
    assert len(fs.ls(f"ipfs://{root}", detail=False)) == 3000
    store.asked.clear()
    assert fs.cat_file(f"ipfs://{root}/0007.csv") == b"7"
    assert len(store.asked) == 1  # the shards are known by now


def test_what_is_not_there_is_not_found_and_says_what_is(fs: IPFSFileSystem, folder: Callable[..., Path]) -> None:
    root = fs.put(folder({"a.csv": b"1", "sub/b.csv": b"2"}))
    assert not fs.exists(f"ipfs://{root}/c.csv")
    assert not fs.exists(f"ipfs://{root}/a.csv/deeper")
    with pytest.raises(FileNotFoundError, match=r"a\.csv, sub") as caught:
        fs.cat_file(f"ipfs://{root}/c.csv")
    assert isinstance(caught.value, FileNotInAsset)
    with pytest.raises(IsADirectoryError) as folder_read:
        fs.open(f"ipfs://{root}/sub")
    assert isinstance(folder_read.value, NotAFile)
    with pytest.raises(InvalidCID):
        fs.exists("ipfs://not-a-cid/a.csv")
    with pytest.raises(InputError, match="No CID"):
        fs.ls("ipfs://")


def test_a_block_that_cannot_be_had_is_no_missing_file(folder: Callable[..., Path]) -> None:
    whole, holed = MemoryStore(), MemoryStore()
    root = add_tree(folder({"sub/a.csv": b"1"}), whole).cid
    holed.put(root, whole.get(root))
    fs = IPFSFileSystem(store=holed, skip_instance_cache=True)
    for ask in (fs.exists, fs.isfile, fs.isdir, fs.cat_file):
        with pytest.raises(BlockNotFound) as caught:
            ask(f"ipfs://{root}/sub/a.csv")
        assert not isinstance(caught.value, FileNotFoundError)


def test_a_folder_that_lies_about_a_size_cuts_nothing_off(stranger: Stranger) -> None:
    leaf = stranger.block(b"all of these bytes", codec=0x55)
    root = stranger.node([Link(leaf, b"a", 3)], Message(Type.DIRECTORY))
    fs = IPFSFileSystem(store=stranger, skip_instance_cache=True)
    with fs.open(f"ipfs://{root}/a") as file:
        assert file.read() == b"all of these bytes"
    assert fs.cat_file(f"ipfs://{root}/a", -5) == b"bytes"


def test_several_ranges_come_in_order_with_errors_in_their_places(fs: IPFSFileSystem, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    cid = fs.put(tmp_path / "a")
    paths = [f"ipfs://{cid}", f"ipfs://{cid}/nothing", f"ipfs://{cid}"]
    first, error, last = fs.cat_ranges(paths, [0, 0, 8], [2, 1, 10])
    assert (first, last) == (b"01", b"89") and isinstance(error, FileNotInAsset)
    with pytest.raises(FileNotInAsset):
        fs.cat_ranges(paths, 0, 1, on_error="raise")


def test_ranges_that_do_not_go_with_the_paths_are_refused(fs: IPFSFileSystem, tmp_path: Path) -> None:
    (tmp_path / "digits").write_bytes(b"0123456789")
    path = str(add_file(tmp_path / "digits", fs.store).cid)
    assert fs.cat([path], start=2, end=4) == {path: b"23"}
    with pytest.raises(InputError, match="1 paths, 2 starts and 1 ends"):
        fs.cat_ranges([path], [0, 1], 4)


def test_a_walk_says_what_is_not_there_to_whoever_asks_and_never_leaves_out_what_cannot_be_had(
    fs: IPFSFileSystem, folder: Callable[..., Path]
) -> None:
    root = str(add_tree(folder({"a.txt": b"a", "sub/b.txt": b"b"}), fs.store).cid)
    told: list[OSError] = []
    assert list(fs.walk(f"{root}/none")) == [] == list(fs.walk(f"{root}/none", on_error=told.append))
    assert [type(error) for error in told] == [FileNotInAsset]
    with pytest.raises(FileNotInAsset):
        list(fs.walk(f"{root}/none", on_error="raise"))
    for on_error in ("omit", told.append):
        with pytest.raises(BlockNotFound):
            list(fs.walk(str(CID.of(b"nobody has it", codec=DAG_PB)), on_error=on_error))


def test_a_file_comes_into_whatever_can_be_written_to(fs: IPFSFileSystem, tmp_path: Path) -> None:
    (tmp_path / "digits").write_bytes(b"0123456789")
    taken = io.BytesIO()
    fs.get_file(str(add_file(tmp_path / "digits", fs.store).cid), taken)
    assert taken.getvalue() == b"0123456789"


def test_the_key_of_a_file_is_its_cid(fs: IPFSFileSystem, folder: Callable[..., Path]) -> None:
    root = fs.put(folder({"a": b"hello world\n"}))
    assert fs.ukey(f"ipfs://{root}/a") == "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"
    assert fs.checksum(f"ipfs://{root}/a") == int.from_bytes(CID.parse(fs.ukey(f"{root}/a")).multihash[2:], "big")
    with pytest.raises(InputError, match="no date"):
        fs.modified(f"ipfs://{root}/a")


def test_file_systems_of_one_folder_are_one(fs: IPFSFileSystem, tmp_path: Path) -> None:
    assert fsspec.filesystem("ipfs", store=tmp_path / "blocks") is fs


# --- Getting -------------------------------------------------------------------------------------


def test_get_writes_the_tree_that_was_put(fs: IPFSFileSystem, folder: Callable[..., Path], tmp_path: Path) -> None:
    made = folder({"a.csv": b"1", "sub/b.csv": b"2" * 3_000_000})
    root = fs.put(made)
    seen = fsspec.Callback()
    fs.get(f"ipfs://{root}", str(tmp_path / "copy"), recursive=True, callback=seen)
    assert compute_cid(tmp_path / "copy") == CID.parse(root)


@pytest.mark.parametrize("name", [b"../escaped", b"/escaped", b"..", b"a\0b", b"a/../../escaped"])
def test_no_name_leads_out_of_the_target(stranger: Stranger, tmp_path: Path, name: bytes) -> None:
    root = stranger.node([Link(stranger.block(b"x", codec=0x55), name, 1)], Message(Type.DIRECTORY))
    fs = IPFSFileSystem(store=stranger, skip_instance_cache=True)
    inside = tmp_path / "deep" / "target"
    with pytest.raises(Unverified):
        fs.get(f"ipfs://{root}", str(inside), recursive=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_link_is_written_or_followed(stranger: Stranger, tmp_path: Path) -> None:
    link = stranger.node([], Message(Type.SYMLINK, data=b"/etc/passwd"))
    root = stranger.node([Link(link, b"a", 0)], Message(Type.DIRECTORY))
    fs = IPFSFileSystem(store=stranger, skip_instance_cache=True)
    assert fs.info(f"ipfs://{root}/a")["destination"] == "/etc/passwd"
    with pytest.raises(NotAFile, match="symlink"):
        fs.get(f"ipfs://{root}", str(tmp_path / "target"), recursive=True)
    assert not (tmp_path / "target" / "a").exists()


def test_a_file_is_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    store = MemoryStore()
    content = os.urandom(3 << 20)
    cid = add_file(io.BytesIO(content), store).cid
    missing = MemoryStore()
    for part in (cid, CID.raw(content[: 1 << 20])):
        missing.put(part, store.get(part))
    fs = IPFSFileSystem(store=missing, skip_instance_cache=True)
    target = tmp_path / "target.bin"
    target.write_bytes(b"what was there")
    with pytest.raises(BlockNotFound):
        fs.get_file(f"ipfs://{cid}", target)
    assert target.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [target]


# --- Writing -------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[IPFSFileSystem, str], Any]] = {
    "open": lambda fs, path: fs.open(path, "wb"),
    "append": lambda fs, path: fs.open(path, "ab"),
    "pipe": lambda fs, path: fs.pipe_file(path, b"x"),
    "touch": lambda fs, path: fs.touch(path),
    "mkdir": lambda fs, path: fs.mkdir(path),
    "makedirs": lambda fs, path: fs.makedirs(path),
    "rm": lambda fs, path: fs.rm(path, recursive=True),
    "rm_file": lambda fs, path: fs.rm_file(path),
    "rmdir": lambda fs, path: fs.rmdir(path),
    "copy": lambda fs, path: fs.cp_file(path.replace("new/x", "new/y"), path),
    "put": lambda fs, path: fs.put(__file__, path),
}


@pytest.mark.parametrize("write", [name for name in WRITES if name != "copy"])
def test_a_write_without_a_transaction_is_refused_and_told_the_way(fs: IPFSFileSystem, write: str) -> None:
    root = fs.put(Path(__file__))
    for path in ("ipfs://new/x", f"ipfs://{root}/x"):
        with pytest.raises(PermissionError, match=r"with fs\.transaction as tx") as caught:
            WRITES[write](fs, path)
        assert isinstance(caught.value, Immutable)


@pytest.mark.parametrize("write", [name for name in WRITES if name != "copy"])
def test_not_even_a_transaction_changes_what_has_an_address(fs: IPFSFileSystem, write: str) -> None:
    root = fs.put(Path(__file__))
    with pytest.raises(Immutable, match="never changes"), fs.transaction:
        WRITES[write](fs, f"ipfs://{root}/x")


def test_a_transaction_gives_the_root_that_adding_the_folder_gives(
    fs: IPFSFileSystem, folder: Callable[..., Path]
) -> None:
    made = folder({"a.csv": b"1", "sub/b.csv": b"2" * 3_000_000})
    with fs.transaction as tx:
        fs.put(str(made) + "/", "ipfs://new/", recursive=True)
    assert tx.cid == compute_cid(made) and tx.root == f"ipfs://{tx.cid}"


def test_a_link_in_a_folder_does_not_bring_in_what_it_leads_to(
    fs: IPFSFileSystem, folder: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("not to be published")
    made = folder({"sub/a.csv": b"1"})
    (made / "sub" / "link").symlink_to(tmp_path / "secret")
    for source in (str(made), [str(made)], f"{made}/*"):
        with pytest.raises(InvalidContent, match="symbolic link"), fs.transaction:
            fs.put(source, "ipfs://new/", recursive=True)
    with pytest.raises(InvalidContent, match="symbolic link"):
        fs.put(made)


def test_what_is_written_can_be_read_changed_and_deleted_before_its_end(fs: IPFSFileSystem) -> None:
    with fs.transaction as tx:
        fs.pipe_file("ipfs://new/a", b"1")
        fs.pipe_file("ipfs://new/sub/b", b"2")
        with fs.open("ipfs://new/a", "ab") as file:
            file.write(b"+")
        assert fs.cat("ipfs://new/a") == b"1+"
        assert fs.find("new") == ["new/a", "new/sub/b"]
        fs.cp_file("ipfs://new/a", "ipfs://new/c")
        fs.rm("ipfs://new/sub", recursive=True)
        fs.rm_file("ipfs://new/a")
    assert {name.partition("/")[2] for name in fs.find(tx.root)} == {"c"}


def test_a_new_root_can_be_made_from_an_old_one(fs: IPFSFileSystem, folder: Callable[..., Path]) -> None:
    old = fs.put(folder({"a": b"1", "sub/b": b"2"}))
    with fs.transaction as tx:
        fs.copy(f"ipfs://{old}/", "ipfs://new/", recursive=True)
        fs.pipe_file("ipfs://new/c", b"3")
    assert [fs.cat_file(path) for path in fs.find(tx.root)] == [b"1", b"3", b"2"]


def test_a_transaction_that_fails_leaves_nothing(fs: IPFSFileSystem, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), fs.transaction as tx:
        fs.pipe_file("ipfs://new/a", b"1")
        _ = 1 / 0
    with pytest.raises(InputError, match="no root yet"):
        _ = tx.cid
    assert not [path for path in (tmp_path / "blocks" / "blocks").rglob("*") if path.is_file()]
    assert list((tmp_path / "blocks" / "staging").iterdir()) == []
    with pytest.raises(Immutable):
        fs.pipe_file("ipfs://new/a", b"1")


def test_a_file_that_is_still_open_is_not_taken_for_whole(fs: IPFSFileSystem) -> None:
    with pytest.raises(InputError, match=r"'sub/a' is still open"), fs.transaction:
        file = fs.open("ipfs://new/sub/a", "wb")
        file.write(b"half")
    file.close()


def test_an_empty_transaction_has_no_root(fs: IPFSFileSystem) -> None:
    with pytest.raises(InputError, match="Nothing was written"), fs.transaction:
        pass


@pytest.mark.parametrize("name", ["nul.txt", "a\nb", "trailing. "])
def test_names_that_cannot_travel_end_a_transaction(fs: IPFSFileSystem, name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidContent), fs.transaction:
        fs.pipe_file(f"ipfs://new/{name}", b"1")
    assert list((tmp_path / "blocks" / "staging").iterdir()) == []


@pytest.mark.parametrize("path", ["ipfs://new/../../escaped", "ipfs://new/a/./b", "ipfs://../escaped"])
def test_no_path_leads_out_of_what_is_being_written(fs: IPFSFileSystem, path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a '"), fs.transaction:
        fs.pipe_file(path, b"1")
    assert not list(tmp_path.rglob("escaped"))


def test_all_file_systems_of_a_store_write_one_root_and_one_transaction_is_open(
    fs: IPFSFileSystem, tmp_path: Path
) -> None:
    other: IPFSFileSystem = fsspec.filesystem("ipfs", store=str(tmp_path / "blocks"), asynchronous=True)
    assert other is not fs
    with fs.transaction as tx:
        other.pipe_file("ipfs://new/a", b"1")
        with pytest.raises(InputError, match="open on the store"):
            other.transaction.start()
        elsewhere: IPFSFileSystem = fsspec.filesystem("ipfs", store=tmp_path / "other")
        with pytest.raises(Immutable, match="no transaction is open on the store at"):
            elsewhere.pipe_file("ipfs://new/a", b"1")
    assert fs.cat_file(f"{tx.root}/a") == b"1"


def test_a_new_root_and_what_is_put_are_pinned(fs: IPFSFileSystem, tmp_path: Path) -> None:
    with fs.transaction as tx:
        fs.pipe_file("ipfs://new/a", b"1")
    (tmp_path / "b").write_bytes(b"2")
    put = fs.put(tmp_path / "b")
    store = fs.store
    assert isinstance(store, LocalStore)
    store.put(CID.raw(b"loose"), b"loose")
    assert store.gc(grace=0).removed == 1
    assert fs.cat_file(f"{tx.root}/a") == b"1" and fs.cat_file(f"ipfs://{put}") == b"2"
    assert {pin.cid for pin in store.pins()} == {tx.cid, CID.parse(put)}


def test_a_store_in_memory_is_written_to_through_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "registry-of-somebody" / "precious").mkdir(parents=True)
    (tmp_path / "registry-of-somebody.lock").touch()
    before = sorted(path.name for path in tmp_path.iterdir())
    fs = IPFSFileSystem(store=MemoryStore(), skip_instance_cache=True)
    with fs.transaction as tx:
        fs.pipe_file("ipfs://new/a", b"1")
    assert fs.cat_file(f"{tx.root}/a") == b"1"
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "registry-of-somebody" / "precious").is_dir()


def test_what_a_killed_writer_left_is_swept(fs: IPFSFileSystem, tmp_path: Path) -> None:
    staging = tmp_path / "blocks" / "staging"
    left = staging / f"registry-{os.getppid()}-0123456789abcdef"
    (left / "new").mkdir(parents=True)
    Path(f"{left}.lock").touch()
    with fs.transaction:
        fs.pipe_file("ipfs://new/a", b"1")
        assert not left.exists()
        assert len(list(staging.glob("*.lock"))) == 1


def write_elsewhere(store: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Write a file to the new root in a process of its own."""
    code = f"import fsspec; fsspec.filesystem('ipfs', store={str(store)!r}).pipe_file('ipfs://new/{name}', b'1')"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_processes_that_a_writer_starts_write_to_its_root(fs: IPFSFileSystem, tmp_path: Path) -> None:
    with fs.transaction as tx:
        fs.pipe_file("ipfs://new/ours", b"1")
        assert write_elsewhere(tmp_path / "blocks", "theirs").returncode == 0
        assert fs.find("new") == ["new/ours", "new/theirs"]
    assert len(fs.ls(tx.root)) == 2
    late = write_elsewhere(tmp_path / "blocks", "late")
    assert late.returncode == 1 and "no transaction is open" in late.stderr


def test_what_a_dead_writer_left_takes_nothing_more(tmp_path: Path) -> None:
    left = tmp_path / "blocks" / "staging" / f"registry-{os.getpid()}-0123456789abcdef"
    (left / "new").mkdir(parents=True)
    Path(f"{left}.lock").touch()
    late = write_elsewhere(tmp_path / "blocks", "late")
    assert late.returncode == 1 and "no transaction is open" in late.stderr


def test_adding_shows_its_progress(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    fs = IPFSFileSystem(store=MemoryStore(), progress=lambda *news: seen.append(news), skip_instance_cache=True)
    with fs.transaction:
        fs.pipe_file("ipfs://new/a", b"x" * 3_000_000)
    assert seen[-1] == ("adding", 3_000_000, 3_000_000)


def test_only_profiles_that_there_are_can_be_written(tmp_path: Path) -> None:
    fs = IPFSFileSystem(store=MemoryStore(), profile="unixfs-v0-2015", skip_instance_cache=True)
    (tmp_path / "a").write_bytes(b"")
    assert fs.put(tmp_path / "a") == "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"
    with pytest.raises(InputError, match="unixfs-v1-2025"):
        IPFSFileSystem(store=MemoryStore(), profile="unixfs-v9", skip_instance_cache=True)


# --- Over a gateway ------------------------------------------------------------------------------


class Wire:
    """A source across a network: each block takes a round trip, and several may be asked for at once."""

    verifies = False
    parallel = 4

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked: list[CID] = []
        self.most = self._under_way = 0
        self._lock = threading.Lock()

    def get(self, cid: CID) -> bytes:
        with self._lock:
            self.asked.append(cid)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        time.sleep(0.002)
        with self._lock:
            self._under_way -= 1
        return self._store.get(cid)


@pytest.fixture
def wire() -> Wire:
    return Wire(MemoryStore())


def over(wire: Wire) -> IPFSFileSystem:
    return IPFSFileSystem(store=MemoryStore(), sources=[wire], skip_instance_cache=True)


@pytest.mark.parametrize("cache_type", ["blockcache", "readahead", "none"])
def test_who_reads_on_has_it_fetched_ahead_and_no_block_twice(wire: Wire, cache_type: str) -> None:
    content = os.urandom(2000)
    root = add_file(io.BytesIO(content), wire._store, replace(UNIXFS_V1_2025, chunk=50)).cid
    with over(wire).open(f"ipfs://{root}", cache_type=cache_type) as file:
        pieces = iter(lambda: file.read(37), b"")
        assert b"".join(pieces) == content
    assert len(wire.asked) == len(set(wire.asked)) == 41
    assert wire.most > 1


def test_who_jumps_about_has_nothing_fetched_ahead(wire: Wire) -> None:
    content = os.urandom(2000)
    root = add_file(io.BytesIO(content), wire._store, replace(UNIXFS_V1_2025, chunk=50)).cid
    with over(wire).open(f"ipfs://{root}") as file:
        for place in (1900, 100, 700, 300):
            file.seek(place)
            assert file.read(10) == content[place : place + 10]
    assert len(wire.asked) == 5


def test_a_stream_that_broke_is_not_taken_for_one_that_ended(wire: Wire) -> None:
    content = os.urandom(1000)
    root = add_file(io.BytesIO(content), wire._store, replace(UNIXFS_V1_2025, chunk=50)).cid
    lost = CID.raw(content[500:550])
    kept = wire._store._blocks.pop(lost)
    with over(wire).open(f"ipfs://{root}") as file:
        assert file.read(450) == content[:450]
        for _ in range(2):
            with pytest.raises(BlockNotFound):
                file.read(200)
        wire._store._blocks[lost] = kept
        assert file.read() == content[450:]


def test_a_folder_of_large_files_is_listed_several_at_a_time(wire: Wire, folder: Callable[..., Path]) -> None:
    small = replace(UNIXFS_V1_2025, chunk=10)
    root = add_tree(folder({f"{n:02}": os.urandom(25) for n in range(30)}), wire._store, small).cid
    fs = over(wire)
    assert [info["size"] for info in fs.ls(f"ipfs://{root}")] == [25] * 30
    assert len(wire.asked) == 31 and wire.most > 1
    assert sorted(fs.find(f"ipfs://{root}")) == fs.find(f"ipfs://{root}")
    assert len(wire.asked) == 31


def test_through_a_real_gateway_ten_bytes_bring_their_path_and_one_leaf(tmp_path: Path) -> None:
    with Server(LocalStore(tmp_path / "there")) as server:
        there = IPFSFileSystem(store=tmp_path / "there", skip_instance_cache=True)
        with there.transaction as tx:
            there.pipe_file("ipfs://new/data/large.bin", os.urandom(5 << 20))
        here: IPFSFileSystem = fsspec.filesystem("ipfs", store=tmp_path / "here", gateway=server.url)
        path = f"{tx.root}/data/large.bin"
        assert here.cat_file(path, 3_000_000, 3_000_010) == there.cat_file(path, 3_000_000, 3_000_010)
        assert len(list(here.store)) == 4  # the two folders, the file's root, one leaf
        assert here.find(tx.root) == there.find(tx.root)
    assert here.cat_file(path, 3_000_000, 3_000_010)  # kept
    with pytest.raises(Unavailable):
        here.cat_file(path)
