"""Pins keep, clearing takes only what nothing keeps, and damage is found and mended: beside other processes too."""

from __future__ import annotations

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from registry.errors import BlockNotFound, ContentError, InputError, NotFoundError, Unavailable, Unverified
from registry.ipfs.cid import CID, DAG_CBOR
from registry.ipfs.dag import encode
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import Fallback, LocalStore, MemoryStore, ReadThrough
from registry.ipfs.unixfs import add_file, cat

from .support import Stranger, pattern

ROOT = Path(__file__).parents[3]
SMALL = replace(UNIXFS_V1_2025, chunk=7, width=3)
CONTENT = pattern(70)
BLOCK = b"hello world\n"
HELLO = CID.raw(BLOCK)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", patience=5)


@pytest.fixture
def root(store: LocalStore) -> CID:
    """A file of ten leaves, pinned."""
    with store.writing():
        cid = add_file(io.BytesIO(CONTENT), store, SMALL).cid
        store.pin(cid, name="content")
    return cid


def read(cid: CID, store: LocalStore) -> bytes:
    return b"".join(cat(cid, store))


# --- Pins ----------------------------------------------------------------------------------------


def test_a_pin_is_there_until_it_is_removed(store: LocalStore, root: CID) -> None:
    (pin,) = store.pins()
    assert (pin.cid, pin.name) == (root, "content")
    assert LocalStore(store.path).pins() == (pin,)
    store.pin(root, name="the same")
    assert [pin.name for pin in store.pins()] == ["the same"]
    store.unpin(root)
    assert store.pins() == ()
    with pytest.raises(NotFoundError, match="not pinned"):
        store.unpin(root)


def test_what_is_not_whole_is_not_pinned(store: LocalStore, root: CID) -> None:
    store.unpin(root)
    store.file_of(CID.raw(CONTENT[63:])).unlink()
    with pytest.raises(BlockNotFound):
        store.pin(root)
    assert store.pins() == ()


def test_several_pins_are_set_together_or_not_at_all(store: LocalStore, root: CID) -> None:
    store.unpin(root)
    with pytest.raises(BlockNotFound):
        store.pin_all({root: "whole", HELLO: "missing"})
    assert store.pins() == ()
    store.put(HELLO, BLOCK)
    store.pin_all({root: "a", HELLO: "b"})
    assert {pin.name for pin in store.pins()} == {"a", "b"}


def test_a_pin_brings_what_is_missing(store: LocalStore, root: CID, tmp_path: Path) -> None:
    other = LocalStore(tmp_path / "other")
    other.pin(root, source=store)
    assert read(root, other) == CONTENT
    through = ReadThrough(LocalStore(tmp_path / "third"), [store])
    through.pin(root, name="copied")
    third = LocalStore(tmp_path / "third")
    assert read(root, third) == CONTENT and [pin.name for pin in third.pins()] == ["copied"]


def test_pins_reach_through_other_codecs(store: LocalStore, root: CID) -> None:
    document = encode({"content": root, "also": [CID.raw(BLOCK)]})
    above = CID.of(document, codec=DAG_CBOR)
    with store.writing():
        store.put(HELLO, BLOCK)
        store.put(above, document)
        store.pin(above)
    store.unpin(root)
    assert store.gc(grace=0).removed == 0
    assert read(root, store) == CONTENT and store.get(HELLO) == BLOCK


def test_a_damaged_list_of_pins_stops_what_needs_it(store: LocalStore, root: CID) -> None:
    (store.path / "pins.db").write_bytes(b"no database" * 100)
    for act in (store.pins, lambda: store.gc(grace=0), lambda: store.pin(root)):
        with pytest.raises(ContentError, match="pins"):
            act()
    assert read(root, store) == CONTENT


# --- Clearing ------------------------------------------------------------------------------------


def test_clearing_takes_what_no_pin_reaches(store: LocalStore, root: CID) -> None:
    store.put(HELLO, BLOCK)
    cleared = store.gc(grace=0)
    assert (cleared.removed, cleared.freed) == (1, len(BLOCK))
    assert not store.has(HELLO) and read(root, store) == CONTENT
    store.unpin(root)
    assert store.gc(grace=0).kept == 0
    assert list(store) == []


def test_clearing_leaves_what_was_put_or_wanted_lately(store: LocalStore) -> None:
    store.put(HELLO, BLOCK)
    assert store.gc().removed == 0
    os.utime(store.file_of(HELLO), (0, 0))
    store.put(HELLO, BLOCK)  # it is there, and wanted now
    assert store.gc().removed == 0
    os.utime(store.file_of(HELLO), (0, 0))
    assert store.gc().removed == 1


def test_shared_blocks_stay_as_long_as_one_pin_needs_them(store: LocalStore, root: CID) -> None:
    longer = add_file(io.BytesIO(CONTENT + b"and more"), store, SMALL).cid
    store.pin(longer)
    store.unpin(root)
    store.gc(grace=0)
    assert read(longer, store) == CONTENT + b"and more"


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b"damage"), Path.unlink])
def test_nothing_is_cleared_while_a_pin_cannot_be_followed(
    store: LocalStore, root: CID, harm: Callable[[Path], object]
) -> None:
    store.put(HELLO, BLOCK)
    harm(store.file_of(root))
    with pytest.raises((Unverified, BlockNotFound)) as caught:
        store.gc(grace=0)
    assert caught.value.cid == root
    assert store.has(HELLO) and store.has(CID.raw(CONTENT[:7]))


def test_clearing_waits_for_writers_and_they_for_it(store: LocalStore) -> None:
    other = LocalStore(store.path, patience=0.2)
    with store.writing():
        with pytest.raises(InputError, match="while it is written"):
            store.gc()
        with pytest.raises(Unavailable, match="writes to it"):
            in_thread(lambda: other.gc(grace=0))
        in_thread(lambda: other.put(HELLO, BLOCK))  # writers share
    assert store.gc(grace=0).removed == 1


def in_thread(act: Callable[[], object]) -> object:
    """What a call gives or raises in a thread of its own."""
    found: list[object] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            found.append(act())
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    if faults:
        raise faults[0]
    return found[0]


# --- Damage --------------------------------------------------------------------------------------


def test_a_sound_store_is_sound(store: LocalStore, root: CID) -> None:
    done: list[tuple[int, int]] = []
    found = store.fsck(progress=lambda at, total: done.append((at, total)))
    assert found.sound and found.checked == len(list(store)) and found.damaged == found.missing == ()
    assert done[-1] == (found.checked, found.checked)


def test_damage_is_found_and_mended_from_any_source(store: LocalStore, root: CID, tmp_path: Path) -> None:
    source = MemoryStore()
    add_file(io.BytesIO(CONTENT), source, SMALL)
    leaf, lost = CID.raw(CONTENT[:7]), CID.raw(CONTENT[63:])
    store.file_of(leaf).write_bytes(CONTENT[:6])
    store.file_of(root).write_bytes(b"")
    store.file_of(lost).unlink()
    found = store.fsck()
    assert set(found.damaged) == {leaf, root} and not found.sound and found.repaired == ()
    mended = store.fsck(source)
    assert mended.sound and set(mended.damaged) == {leaf, root} and mended.missing == (lost,)
    assert read(root, store) == CONTENT
    assert store.fsck().sound


def test_an_inner_block_that_is_lost_is_mended_and_searched_below(store: LocalStore, root: CID) -> None:
    source = MemoryStore()
    add_file(io.BytesIO(CONTENT), source, SMALL)
    for cid in list(store):
        store.file_of(cid).unlink()
    assert store.fsck().missing == (root,)
    assert len(store.fsck(source).repaired) == len(source)
    assert read(root, store) == CONTENT


def test_a_liar_mends_nothing(store: LocalStore, root: CID, stranger: Stranger) -> None:
    leaf = CID.raw(CONTENT[:7])
    store.file_of(leaf).write_bytes(b"damage")
    stranger.put(leaf, b"a lie")
    found = store.fsck(stranger)
    assert found.damaged == (leaf,) and not found.sound
    with pytest.raises(Unverified):
        store.get(leaf)


def test_files_that_are_no_blocks_are_passed_over(store: LocalStore, root: CID) -> None:
    (store.file_of(root).parent / "notes.txt").write_bytes(b"hello")
    (store.path / "blocks" / "stray").write_bytes(b"")
    assert store.fsck().sound
    store.gc(grace=0)
    assert (store.file_of(root).parent / "notes.txt").exists()


# --- Full disks ----------------------------------------------------------------------------------


def test_a_full_disk_leaves_what_was_there_and_says_so(store: LocalStore, root: CID) -> None:
    """A limit on the size of files stands in for the full disk; the kernel refuses the writes in the same way."""
    code = """
import io, resource, signal, sys
from registry.errors import ContentError
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store, root = LocalStore(sys.argv[1]), CID.parse(sys.argv[2])
with store.writing():
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
for act in (lambda: add_file(io.BytesIO(bytes(9000)), store), lambda: store.pin(root, name="x" * 9000)):
    try:
        act()
    except ContentError as error:
        print(type(error).__name__)
"""
    done = run(code, store.path, root, 4096)
    assert done.stdout.split() == ["ContentError", "ContentError"], done.stderr
    assert [pin.name for pin in store.pins()] == ["content"]
    assert store.fsck().sound and list((store.path / "tmp").iterdir()) == []
    assert read(root, store) == CONTENT


# --- Other processes -----------------------------------------------------------------------------

ADDER = """
import io, random, sys
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_file
from registry.ipfs.profiles import KUBO_V1
from dataclasses import replace
profile = replace(KUBO_V1, chunk=1000, width=4)
store, random = LocalStore(sys.argv[1]), random.Random(int(sys.argv[2]))
for number in range(int(sys.argv[3])):
    data = random.randbytes(random.randrange(20_000))
    with store.writing():
        cid = add_file(io.BytesIO(data), store, profile).cid
        store.pin(cid)
    print(cid, flush=True)
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def everything_pinned_is_whole(store: LocalStore) -> None:
    found = store.fsck()
    assert found.sound, found
    for pin in store.pins():
        read(pin.cid, store)


def test_a_writer_that_is_killed_leaves_no_pin_that_is_not_whole(tmp_path: Path) -> None:
    chance = random.Random(3)
    said: list[str] = []
    for seed in range(5):
        writer = start(ADDER, tmp_path, seed, 1_000_000)
        assert writer.stdout is not None
        said += [writer.stdout.readline().strip() for _ in range(chance.randrange(1, 12))]
        time.sleep(chance.uniform(0, 0.02))
        writer.send_signal(signal.SIGKILL)
        said += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.stdout.close()
        writer.wait()
        store = LocalStore(tmp_path, patience=5)
        everything_pinned_is_whole(store)
        assert {str(pin.cid) for pin in store.pins()} >= set(said)
        store.gc(grace=0)  # the lock went with the process
        everything_pinned_is_whole(store)


def test_clearing_beside_writers_never_takes_what_they_pin(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, patience=30)
    writers = [start(ADDER, tmp_path, seed, 25) for seed in (1, 1, 2)]  # two of them write the same
    while any(writer.poll() is None for writer in writers):
        store.gc(grace=0)
        time.sleep(0.01)
    said = {line for writer in writers for line in writer.communicate(timeout=60)[0].split()}
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert {str(pin.cid) for pin in store.pins()} == said
    everything_pinned_is_whole(store)


def test_clearing_that_is_killed_takes_nothing_that_is_pinned(tmp_path: Path) -> None:
    store = LocalStore(tmp_path, durable=False)
    with store.writing():
        for number in range(300):
            data = b"unpinned %d" % number
            store.put(CID.raw(data), data)
        root = add_file(io.BytesIO(CONTENT), store, SMALL).cid
        store.pin(root)
    code = "import sys; from registry.ipfs.store import LocalStore; LocalStore(sys.argv[1]).gc(grace=0)"
    for delay in (0.15, 0.2, 0.25, 0.3):
        clearing = start(code, tmp_path)
        time.sleep(delay)
        clearing.kill()
        clearing.communicate()
        assert read(root, store) == CONTENT
    store.gc(grace=0)
    everything_pinned_is_whole(store)


def test_a_list_of_pins_that_another_process_holds_is_waited_for_and_no_longer(store: LocalStore, root: CID) -> None:
    held = sqlite3.connect(store.path / "pins.db", isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    impatient = LocalStore(store.path, patience=0.1)
    with pytest.raises(ContentError, match="locked"):
        impatient.pin(root)
    held.execute("COMMIT")
    held.close()
    impatient.pin(root)


def test_a_chain_mends_the_store_that_it_reads_from(store: LocalStore, root: CID) -> None:
    source = MemoryStore()
    add_file(io.BytesIO(CONTENT), source, SMALL)
    for cid in list(store):
        store.file_of(cid).write_bytes(b"damage")
    assert b"".join(cat(root, Fallback([store, source], cache=store))) == CONTENT
    assert store.fsck().sound


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_process_that_was_forked_off_has_its_own_hold(store: LocalStore) -> None:
    """As the workers of a data loader are, which write what they fetch into the store."""
    code = """
import os, sys
from registry.errors import ContentError
from registry.ipfs.cid import CID
from registry.ipfs.store import Fallback as Chain, LocalStore, MemoryStore
store, far = LocalStore(sys.argv[1]), MemoryStore()
far.put(CID.raw(b"far"), b"far")
def forked(act):
    child = os.fork()
    if not child:
        try:
            act()
            os._exit(0)
        except ContentError:
            os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def keep():
    with store.writing():
        store.put(CID.raw(b"child"), b"child")
        store.pin(CID.raw(b"child"))
store.put(CID.raw(b"before"), b"before")
print(forked(keep))
with store.writing():
    print(forked(keep))  # while its parent writes it may not
    print(forked(lambda: Chain([store, far], cache=store).get(CID.raw(b"far"))))  # but it reads, and keeps that
print(store.gc(grace=0).removed)
"""
    done = run(code, store.path)
    assert done.stdout.split() == ["0", "7", "0", "2"], done.stderr
    assert [pin.cid for pin in store.pins()] == [CID.raw(b"child")]
