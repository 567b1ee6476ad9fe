"""Copies and exports that go on where they stopped, reading ahead, ranges, and where sources come from."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BlockNotFound, ContentError, InputError, LimitExceeded, Unavailable, Unverified
from registry.ipfs.cid import CID, RAW
from registry.ipfs.copy import copy
from registry.ipfs.file import open_file
from registry.ipfs.kubo import KuboRPC
from registry.ipfs.limits import ReadLimits
from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015, UNIXFS_V1_2025, Profile
from registry.ipfs.sources import default_gateway, open_source, open_sources
from registry.ipfs.store import Fallback, LocalStore, MemoryStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_file, add_tree, cat, export, ls, walk

from .support import Stranger, pattern

SMALL = replace(UNIXFS_V1_2025, chunk=7, width=3)
SMALL_V0 = replace(UNIXFS_V0_2015, chunk=7, width=3)
CONTENT = pattern(100)


class Far(Stranger):
    """A source behind a round trip: it counts, waits where a test wants it to, and may lose its connection."""

    name = "a far source"

    def __init__(self, parallel: int = 4) -> None:
        super().__init__()
        self.parallel = parallel
        self.lock = threading.Lock()
        self.now = self.most = 0
        self.fails_after: int | None = None
        self.meeting: threading.Barrier | None = None

    def get(self, cid: CID) -> bytes:
        with self.lock:
            if self.fails_after is not None and len(self.asked) >= self.fails_after:
                raise Unavailable(f"Block {cid}", ["the connection was lost"])
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if self.meeting is not None:
                self.meeting.wait(10)
            return super().get(cid)
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def root(far: Far) -> CID:
    return add_file(io.BytesIO(CONTENT), far, SMALL).cid


# --- Ranges --------------------------------------------------------------------------------------

EDGES = [0, 1, 6, 7, 8, 20, 21, 22, 62, 63, 64, 99, 100, 101, 1000, None, -1, -7, -8, -100, -101]


@pytest.mark.parametrize("profile", [SMALL, SMALL_V0, replace(KUBO_V1, chunk=5, width=2), UNIXFS_V1_2025], ids=repr)
def test_every_range_is_what_slicing_gives(profile: Profile) -> None:
    store = MemoryStore()
    cid = add_file(io.BytesIO(CONTENT), store, profile).cid
    for start in [edge for edge in EDGES if edge is not None]:
        for end in EDGES:
            assert b"".join(cat(cid, store, start, end)) == CONTENT[start:end], (start, end)


def test_a_range_fetches_its_blocks_only(far: Far, root: CID) -> None:
    far.asked.clear()
    assert b"".join(cat(root, far, 50, 52)) == CONTENT[50:52]
    assert sum(cid.codec == RAW for cid in far.asked) == 1 and len(far.asked) <= 4


# --- Reading ahead -------------------------------------------------------------------------------


def test_blocks_are_asked_for_together_and_come_in_order(far: Far, root: CID) -> None:
    wide = add_file(io.BytesIO(CONTENT), far, replace(SMALL, width=100)).cid
    far.meeting = threading.Barrier(4)  # passes only if four are asked at the same time
    padded = add_file(io.BytesIO(CONTENT[:84]), Far(), replace(SMALL, width=100)).cid
    assert padded != wide
    twelve = add_file(io.BytesIO(CONTENT[:84]), far, replace(SMALL, width=100)).cid
    far.meeting = None
    node = far.get(twelve)
    far.meeting = threading.Barrier(4)

    class RootAtOnce(Far):
        def get(self, cid: CID) -> bytes:
            return node if cid == twelve else far.get(cid)

    assert b"".join(cat(twelve, RootAtOnce())) == CONTENT[:84]
    assert far.most == 4


def test_no_more_are_asked_for_than_the_source_likes(far: Far, root: CID) -> None:
    far.parallel = 2
    assert b"".join(cat(root, far)) == CONTENT
    assert far.most <= 2 * 4  # two on each level of the tree
    far.parallel, far.most = 1, 0
    assert b"".join(cat(root, far)) == CONTENT
    assert far.most == 1


def test_a_fault_comes_at_its_place(far: Far, root: CID) -> None:
    far.blocks[CID.raw(CONTENT[63:70])] = b"a lie"
    pieces = cat(root, far)
    got = b""
    with pytest.raises(Unverified):
        for piece in pieces:
            got += piece
    assert got == CONTENT[:63]


def test_who_stops_early_leaves_little_behind(far: Far, root: CID) -> None:
    pieces = cat(root, far)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert len(far.asked) <= 1 + 3 * far.parallel


def test_folders_and_trees_are_read_ahead_too(far: Far, folder: Callable[..., Path], tmp_path: Path) -> None:
    files = {f"{n}/{m}": pattern(10 * n + m) for n in range(5) for m in range(5)}
    cid = add_tree(folder(files), far, SMALL).cid
    assert [entry.path for entry in ls(cid, far)] == [str(n) for n in range(5)]
    near = MemoryStore()
    for one, block in far.blocks.items():
        near.put(one, block)
    assert list(walk(cid, far)) == list(walk(cid, near))
    export(cid, far, tmp_path / "out")
    assert {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*/*")
    } == files


def test_a_file_that_is_read_on_is_fetched_once(far: Far, root: CID) -> None:
    far.asked.clear()
    with open_file(root, far, buffer_size=1) as file:
        got = b"".join(iter(lambda: file.read(3), b""))
    assert got == CONTENT
    leaves = [cid for cid in far.asked if cid.codec == RAW]
    assert len(leaves) <= len(set(leaves)) + 1  # the first is read alone, before it is known that it goes on


def test_a_file_goes_on_after_a_fault(far: Far, root: CID) -> None:
    with open_file(root, far, buffer_size=1) as file:
        assert file.read(10) == CONTENT[:10]
        far.fails_after = len(far.asked)
        with pytest.raises(Unavailable):
            while file.read(10):
                pass
        at = file.tell()
        far.fails_after = None
        assert file.read() == CONTENT[at:]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 110), st.integers(0, 40)), max_size=12))
def test_any_reads_of_a_file_are_those_of_its_bytes(reads: list[tuple[int, int]]) -> None:
    far = Far()
    cid = add_file(io.BytesIO(CONTENT), far, SMALL).cid
    plain = io.BytesIO(CONTENT)
    with open_file(cid, far, buffer_size=5) as file:
        for at, count in reads:
            if at <= 100:
                assert file.seek(at) == plain.seek(at)
            assert file.read(count) == plain.read(count)
            assert file.tell() == plain.tell()


# --- Copies --------------------------------------------------------------------------------------


def test_a_copy_goes_on_where_it_stopped(far: Far, root: CID, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    total = len(far.blocks)
    far.fails_after = 8
    with pytest.raises(Unavailable):
        copy(root, far, store)
    kept = len(list(store))
    assert 0 < kept <= 8
    far.asked.clear()
    far.fails_after = None
    done: list[int] = []
    assert copy(root, far, store, progress=done.append).blocks == total - kept == len(far.asked)
    assert done == sorted(done)
    assert b"".join(cat(root, store)) == CONTENT
    assert copy(root, far, store).blocks == 0


def test_a_copy_mends_what_is_damaged_above_what_is_missing(far: Far, root: CID, tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    copy(root, far, store)
    store.file_of(root).write_bytes(b"damage")
    store.file_of(CID.raw(CONTENT[:7])).unlink()
    assert copy(root, far, store).blocks == 2
    assert store.fsck().sound


def test_a_copy_is_bounded(far: Far, root: CID) -> None:
    for limits in (ReadLimits(total=50), ReadLimits(entries=5), ReadLimits(block=6)):
        with pytest.raises(LimitExceeded):
            copy(root, far, MemoryStore(), limits=limits)
    far.blocks[CID.raw(CONTENT[:7])] = b"a lie"
    store = MemoryStore()
    with pytest.raises(Unverified):
        copy(root, far, store)
    assert not store.has(CID.raw(CONTENT[:7]))


def test_a_copy_onto_a_full_disk_says_so(far: Far, root: CID) -> None:
    class Full(MemoryStore):
        def put(self, cid: CID, data: bytes) -> None:
            raise ContentError("The disk is full.")

    with pytest.raises(ContentError, match="full"):
        copy(root, far, Full())


# --- Exports -------------------------------------------------------------------------------------


@pytest.fixture
def files() -> dict[str, bytes]:
    return {"a.bin": pattern(500), "sub/b.bin": pattern(300), "sub/c": b"", "d": b"hello"}


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def partial(place: Path) -> Path:
    (found,) = [path for path in place.iterdir() if path.name.endswith(".part")]
    return found


@pytest.mark.parametrize("profile", [SMALL, SMALL_V0], ids=["raw leaves", "leaves in nodes"])
def test_an_export_goes_on_where_it_stopped(
    far: Far, folder: Callable[..., Path], files: dict[str, bytes], tmp_path: Path, profile: Profile
) -> None:
    cid = add_tree(folder(files), far, profile).cid
    leaves = sum(not cid_has_links(far, one) for one in far.blocks)
    place = tmp_path / "place"
    runs = 0
    fetched = 0
    while True:
        runs += 1
        far.asked.clear()
        far.fails_after = 110
        try:
            export(cid, far, place / "out", resume=True)
            break
        except Unavailable:
            fetched += sum(not cid_has_links(far, one) for one in far.asked)
            assert partial(place).is_dir()
        assert runs < 50
    assert runs > 1
    assert contents(place / "out") == files
    assert [path.name for path in place.iterdir()] == ["out"]
    assert fetched < 3 * leaves  # a leaf that was cut off in the middle comes twice, and what was asked for ahead


def cid_has_links(far: Far, cid: CID) -> bool:
    from registry.ipfs.dag import links

    return bool(links(cid, far.blocks[cid]))


def test_what_was_written_before_is_believed_as_far_as_it_is_proven(
    far: Far, folder: Callable[..., Path], files: dict[str, bytes], tmp_path: Path
) -> None:
    cid = add_tree(folder(files), far, SMALL).cid
    place = tmp_path / "place"
    far.fails_after = 100
    with pytest.raises(Unavailable):
        export(cid, far, place / "out", resume=True)
    far.fails_after = None
    staged = partial(place)
    whole = staged / "a.bin"
    whole.write_bytes(b"x" + files["a.bin"][1:] + b"and more")  # damaged at its start, and too long
    (staged / "stray").write_bytes(b"of nobody")
    (staged / "sub").mkdir(exist_ok=True)
    (staged / "sub" / "stray").mkdir()
    export(cid, far, place / "out", resume=True)
    assert contents(place / "out") == files
    assert not (place / "out" / "stray").exists() and not (place / "out" / "sub" / "stray").exists()


def test_a_link_that_was_laid_into_a_stopped_export_is_not_followed(
    far: Far, folder: Callable[..., Path], files: dict[str, bytes], tmp_path: Path
) -> None:
    cid = add_tree(folder(files), far, SMALL).cid
    secret, place = tmp_path / "secret", tmp_path / "place"
    secret.write_bytes(b"keep me")
    (tmp_path / "elsewhere").mkdir()
    far.fails_after = 100
    with pytest.raises(Unavailable):
        export(cid, far, place / "out", resume=True)
    far.fails_after = None
    staged = partial(place)
    (staged / "a.bin").unlink()
    os.symlink(secret, staged / "a.bin")
    os.symlink(tmp_path / "elsewhere", staged / "sub")
    os.link(secret, staged / "d")
    export(cid, far, place / "out", resume=True)
    assert contents(place / "out") == files
    assert secret.read_bytes() == b"keep me" and list((tmp_path / "elsewhere").iterdir()) == []


def test_two_runs_of_one_export_do_not_meet(far: Far, root: CID, tmp_path: Path) -> None:
    faults: list[BaseException] = []

    class Slow(Far):
        def get(self, cid: CID) -> bytes:
            started.set()
            waiting.wait(10)
            return far.get(cid)

    started, waiting = threading.Event(), threading.Event()

    def first() -> None:
        try:
            export(root, Slow(), tmp_path / "out", resume=True)
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    started.wait(10)
    with pytest.raises(InputError, match="another run"):
        export(root, far, tmp_path / "out", resume=True)
    waiting.set()
    thread.join(10)
    assert not faults and (tmp_path / "out").read_bytes() == CONTENT


def test_without_resume_nothing_is_left(far: Far, root: CID, tmp_path: Path) -> None:
    far.fails_after = 5
    with pytest.raises(Unavailable):
        export(root, far, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# --- Sources by address --------------------------------------------------------------------------


def test_sources_are_made_from_addresses(tmp_path: Path) -> None:
    LocalStore(tmp_path / "store")
    far = Far()
    gateway, node, store, same = open_sources(
        ["https://ipfs.example.com/", "kubo:http://127.0.0.1:5001", tmp_path / "store", far]
    )
    assert isinstance(gateway, TrustlessGateway) and gateway.url == "https://ipfs.example.com"
    assert isinstance(node, KuboRPC) and node.url == "http://127.0.0.1:5001"
    assert isinstance(store, LocalStore) and same is far


@pytest.mark.parametrize(
    "address", ["", "nowhere", "ipfs.example.com", "ftp://x", "kubo:", "kubo:ftp://x", "kubo:5001"]
)
def test_what_is_no_source_is_refused(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        open_source(address)


def test_the_users_gateway_is_found_where_ipip_280_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IPFS_GATEWAY", "IPFS_PATH", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected: list[tuple[Path, str | None]] = [
        (tmp_path / "home" / ".config" / "ipfs", None),
        (tmp_path / "xdg" / "ipfs", "XDG_CONFIG_HOME"),
        (tmp_path / "home" / ".ipfs", None),
        (tmp_path / "repository", "IPFS_PATH"),
    ]
    for number, (place, name) in enumerate(expected):  # each goes before those that were there already
        if name == "XDG_CONFIG_HOME":
            monkeypatch.setenv(name, str(place.parent))
        elif name:
            monkeypatch.setenv(name, str(place))
        place.mkdir(parents=True)
        (place / "gateway").write_text(f"http://127.0.0.1:{number}\nhttp://second.example\n")
        assert default_gateway() == f"http://127.0.0.1:{number}"
    monkeypatch.setenv("IPFS_GATEWAY", "http://127.0.0.1:9")
    assert default_gateway() == "http://127.0.0.1:9"
    (source,) = open_sources(None)
    assert isinstance(source, TrustlessGateway)
    monkeypatch.setenv("IPFS_GATEWAY", "")
    assert default_gateway() is None and open_sources(None) == ()
    assert open_sources([]) == ()


# --- Chains --------------------------------------------------------------------------------------


class Moody(Stranger):
    """A source that fails as often as it is told, and says when to come back if it is told so."""

    def __init__(self, failures: int, retry_after: float | None = None) -> None:
        super().__init__()
        self.failures, self.retry_after = failures, retry_after

    def get(self, cid: CID) -> bytes:
        if self.failures:
            self.failures -= 1
            self.asked.append(cid)
            raise Unavailable(f"Block {cid}", ["a bad mood"], retry_after=self.retry_after)
        return super().get(cid)


def test_a_source_that_failed_is_asked_last(far: Far, root: CID) -> None:
    moody = Moody(1)
    moody.blocks = dict(far.blocks)
    chain = Fallback([moody, far])
    far.asked.clear()
    assert b"".join(cat(root, chain)) == CONTENT
    assert len(moody.asked) <= 1 + chain.parallel and len(far.asked) >= len(far.blocks) - 4


def test_a_source_that_failed_is_still_asked_when_nobody_else_has_the_block(far: Far, root: CID) -> None:
    moody = Moody(1)
    moody.blocks = dict(far.blocks)
    chain = Fallback([moody, MemoryStore()])
    with pytest.raises(Unavailable, match="bad mood"):
        chain.get(root)
    assert chain.get(root) == far.blocks[root]


def test_a_source_that_asked_for_time_is_given_it(far: Far, root: CID) -> None:
    moody = Moody(1, retry_after=1000)
    moody.blocks = dict(far.blocks)
    chain = Fallback([moody])
    for _ in range(3):
        with pytest.raises(Unavailable):
            chain.get(root)
    assert len(moody.asked) == 1
    with pytest.raises(Unavailable, match="as it asked"):
        chain.get(root)


def test_a_missing_block_is_no_failure(far: Far, root: CID) -> None:
    empty = MemoryStore()
    chain = Fallback([empty, far])
    for _ in range(3):
        assert chain.get(root) == far.blocks[root]
    with pytest.raises(BlockNotFound):
        chain.get(CID.raw(b"nobody has this"))
    order: list[Any] = [source for source in chain.sources]
    assert order == [empty, far]
