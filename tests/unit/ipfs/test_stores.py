"""Stores keep exactly what they were given, on disks that fail and beside processes that die."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BlockNotFound, ContentError, InputError, Unavailable, Unverified
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import BlockStore, Fallback, LocalStore, MemoryStore
from registry.ipfs.traverse import traverse
from registry.ipfs.unixfs import add_file

from .support import Stranger

ROOT = Path(__file__).parents[3]
BLOCK = b"hello world\n"
HELLO = CID.raw(BLOCK)


@pytest.fixture(params=["memory", "local", "local, not durable"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlockStore:
    if request.param == "memory":
        return MemoryStore()
    return LocalStore(tmp_path / "store", durable=request.param == "local")


def files(store: LocalStore) -> list[Path]:
    return [path for path in (store.path / "blocks").rglob("*") if path.is_file()]


def test_a_block_comes_back(store: BlockStore) -> None:
    assert isinstance(store, BlockStore)
    assert not store.has(HELLO)
    with pytest.raises(BlockNotFound, match="store") as caught:
        store.get(HELLO)
    assert caught.value.cid == HELLO
    for _ in range(2):
        store.put(HELLO, BLOCK)
        assert store.has(HELLO)
        assert store.get(HELLO) == BLOCK


def test_an_empty_block_is_a_block(store: BlockStore) -> None:
    store.put(CID.raw(b""), b"")
    assert store.get(CID.raw(b"")) == b""


def test_wrong_bytes_are_not_taken(store: BlockStore) -> None:
    with pytest.raises(Unverified, match="the writer to"):
        store.put(HELLO, b"hello world")
    assert not store.has(HELLO)


def test_both_versions_of_a_cid_are_one_block(store: BlockStore) -> None:
    old = CID.of(b"\x0a\x02\x08\x01", codec=DAG_PB, version=0)
    store.put(old, b"\x0a\x02\x08\x01")
    assert store.get(old.v1()) == store.get(old) == b"\x0a\x02\x08\x01"


def test_an_identity_cid_is_always_there(store: BlockStore) -> None:
    cid = CID(1, 0x55, b"\x00\x02hi")
    assert store.has(cid)
    assert store.get(cid) == b"hi"
    store.put(cid, b"hi")
    assert not isinstance(store, LocalStore) or files(store) == []


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_store_opened_again_has_what_was_put(tmp_path_factory: pytest.TempPathFactory, blocks: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("store")
    for block in blocks:
        LocalStore(path, durable=False).put(CID.raw(block), block)
    again = LocalStore(path)
    assert all(again.get(CID.raw(block)) == block for block in blocks)
    assert len(files(again)) == len(set(blocks))


def test_a_block_is_a_file_of_its_own_in_a_folder_of_its_suffix(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(HELLO, BLOCK)
    assert files(store) == [tmp_path / "blocks" / str(HELLO)[-3:-1] / str(HELLO)]


def test_a_file_damaged_on_disk_is_refused_and_mended_by_the_next_put(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(HELLO, BLOCK)
    for damage in (b"hello w0rld\n", b"", BLOCK + b"\n", bytes(10_000)):
        files(store)[0].write_bytes(damage)
        with pytest.raises(Unverified, match="damaged"):
            store.get(HELLO)
        store.put(HELLO, BLOCK)
        assert store.get(HELLO) == BLOCK


def test_what_a_crash_left_is_swept_but_not_what_is_being_written(tmp_path: Path) -> None:
    LocalStore(tmp_path)
    old, new = tmp_path / "tmp" / "1-old", tmp_path / "tmp" / "2-new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    LocalStore(tmp_path)
    assert not old.exists()
    assert new.exists()


def test_a_path_that_cannot_hold_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot hold a block store"):
        LocalStore(tmp_path / "file")


def test_a_disk_that_fails_raises_a_typed_error_and_leaves_no_block(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "blocks" / str(HELLO)[-3:-1]).write_bytes(b"in the way")
    with pytest.raises(ContentError, match="could not be written"):
        store.put(HELLO, BLOCK)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_full_disk_raises_a_typed_error(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk; the kernel refuses the write in the same way."""
    code = """
import resource, signal, sys
from registry.errors import ContentError
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = LocalStore(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    store.put(CID.raw(bytes(5000)), bytes(5000))
except ContentError as error:
    print(error)
"""
    done = run(code, tmp_path)
    assert "could not be written" in done.stdout, done.stderr
    assert files(LocalStore(tmp_path)) == []


# --- Other processes -----------------------------------------------------------------------------

WRITER = """
import random, sys
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
store, random = LocalStore(sys.argv[1]), random.Random(int(sys.argv[2]))
print("ready", flush=True)
for n in range(int(sys.argv[3])):
    data = random.randbytes(random.choice([10, 5_000, 400_000]))
    store.put(CID.raw(data), data)
    print(CID.raw(data), flush=True)
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_process_killed_while_writing_leaves_no_wrong_block(tmp_path: Path) -> None:
    chance = random.Random(2)
    for seed in range(6):
        writer = start(tmp_path, seed, 1_000_000)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        said = [writer.stdout.readline().strip() for _ in range(chance.randrange(1, 30))]
        time.sleep(chance.uniform(0, 0.01))
        writer.send_signal(signal.SIGKILL)
        said += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
        store = LocalStore(tmp_path)
        for cid in said:  # every block that put came back from
            store.get(CID.parse(cid))
        for path in (tmp_path / "blocks").rglob("*"):  # and every other file that is there
            assert not path.is_file() or CID.parse(path.name).verify(path.read_bytes())


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    writers = [start(tmp_path, 7, 40) for _ in range(3)]  # the same blocks at the same time
    said = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert said[0] == said[1] == said[2]
    store = LocalStore(tmp_path)
    assert all(store.get(CID.parse(cid)) for cid in said[0][1:])
    assert list((tmp_path / "tmp").iterdir()) == []


# --- Chains --------------------------------------------------------------------------------------


def test_a_chain_takes_the_first_source_that_has_the_block_and_keeps_it(stranger: Stranger, tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    stranger.put(HELLO, BLOCK)
    chain = Fallback([local, MemoryStore(), stranger], cache=local)
    assert chain.get(HELLO) == BLOCK
    assert chain.get(HELLO) == BLOCK
    assert stranger.asked == [HELLO]
    assert local.get(HELLO) == BLOCK


def test_a_chain_passes_over_a_liar_and_keeps_nothing_of_it(stranger: Stranger, tmp_path: Path) -> None:
    local, honest = LocalStore(tmp_path), MemoryStore()
    stranger.put(HELLO, b"evil")
    with pytest.raises(Unverified, match="a stranger"):
        Fallback([local, stranger], cache=local).get(HELLO)
    assert not local.has(HELLO)
    honest.put(HELLO, BLOCK)
    assert Fallback([local, stranger, honest], cache=local).get(HELLO) == BLOCK


def test_a_chain_mends_a_damaged_copy(tmp_path: Path) -> None:
    local, other = LocalStore(tmp_path), MemoryStore()
    for store in (local, other):
        store.put(HELLO, BLOCK)
    files(local)[0].write_bytes(b"damage")
    assert Fallback([local, other], cache=local).get(HELLO) == BLOCK
    assert local.get(HELLO) == BLOCK


def test_a_chain_says_what_each_source_said(stranger: Stranger) -> None:
    class Down:
        name = "a gateway"

        def get(self, cid: CID) -> bytes:
            raise Unavailable(cid, ["timeout"])

    with pytest.raises(BlockNotFound, match="the memory store or a stranger"):
        Fallback([MemoryStore(), stranger]).get(HELLO)
    stranger.put(HELLO, b"evil")
    with pytest.raises(Unavailable, match=r"timeout.*a stranger"):
        Fallback([Down(), stranger]).get(HELLO)
    with pytest.raises(InputError):
        Fallback([])


def test_a_chain_reads_on_when_its_cache_cannot_write(stranger: Stranger, tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    (tmp_path / "blocks" / str(HELLO)[-3:-1]).write_bytes(b"in the way")
    stranger.put(HELLO, BLOCK)
    assert Fallback([stranger], cache=local).get(HELLO) == BLOCK


# --- What can be had again -----------------------------------------------------------------------


def test_what_a_reader_keeps_waits_for_no_disk_until_a_pin_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, store, synced = MemoryStore(), LocalStore(tmp_path), set[str]()
    monkeypatch.setattr("registry.ipfs.block_files._sync", lambda path: synced.add(path.name))
    root = add_file(io.BytesIO(os.urandom(50_000)), far, replace(UNIXFS_V1_2025, chunk=10_000)).cid
    reader = Fallback([store, far], cache=store)
    blocks = {str(cid.v1()) for cid, _ in traverse(root, reader)}
    assert len(blocks) == 6 and {path.name for path in files(store)} == blocks and not synced
    LocalStore(tmp_path).pin(root)  # another process knows nothing of what this one did
    assert blocks <= synced


def test_who_puts_what_was_only_kept_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, synced = LocalStore(tmp_path), set[str]()
    monkeypatch.setattr("registry.ipfs.block_files._sync", lambda path: synced.add(path.name))
    store.cache(HELLO, BLOCK)
    assert store.get(HELLO) == BLOCK and not synced
    store.put(HELLO, BLOCK)
    assert str(HELLO) in synced


def test_one_wait_for_each_block_that_is_added_and_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, synced = LocalStore(tmp_path), list[str]()
    monkeypatch.setattr("registry.ipfs.block_files._sync", lambda path: synced.append(path.name))
    with store.writing():
        root = add_file(io.BytesIO(os.urandom(50_000)), store, replace(UNIXFS_V1_2025, chunk=10_000)).cid
        store.pin(root)
    assert sorted(name for name in synced if len(name) > 10) == sorted(path.name for path in files(store))


def test_what_a_crash_took_of_it_is_fetched_anew(tmp_path: Path) -> None:
    far, store = MemoryStore(), LocalStore(tmp_path)
    far.put(HELLO, BLOCK)
    reader = Fallback([store, far], cache=store)
    reader.get(HELLO)
    files(store)[0].write_bytes(b"")
    assert reader.get(HELLO) == BLOCK and store.get(HELLO) == BLOCK
