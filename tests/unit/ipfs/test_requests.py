"""How often a source is asked, and for what: once for each block, and only for blocks that are wanted."""

from __future__ import annotations

import copy
import io
import itertools
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event

import fsspec
import pytest

from registry.errors import BlockNotFound, FileNotInAsset, Unverified
from registry.ipfs import approach
from registry.ipfs.cid import CID, DAG_PB, RAW
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.file import open_file
from registry.ipfs.flights import Flights
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.sequential import ReadAhead
from registry.ipfs.server.scope import BlockRecorder, scoped
from registry.ipfs.store import Fallback, LocalStore, MemoryStore
from registry.ipfs.unixfs import add_file, add_tree, resolve

MIB = 1 << 20
SMALL = replace(UNIXFS_V1_2025, chunk=1024)
SHARDED = replace(UNIXFS_V1_2025, hamt_threshold=0)


class Together:
    """Holds whoever comes until so many have come; then none any more."""

    def __init__(self, count: int) -> None:
        self._count, self._came, self._all = count, itertools.count(1), Event()

    def wait(self) -> None:
        if next(self._came) >= self._count:
            self._all.set()
        assert self._all.wait(60), "the others wait for this one"


class Far(MemoryStore):
    """A source for which each block is a request, of which it likes to have eight at once."""

    parallel = 8

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[object] = []
        self.together: Together | None = None

    def get(self, cid: CID) -> bytes:
        self.asked.append(cid)
        if self.together is not None and cid.codec == RAW:
            self.together.wait()
        return super().get(cid)


class Gateway(Far):
    """One that streams archives too; `spoil` is what a liar makes of one."""

    spoil: Callable[[Iterator[tuple[CID, bytes]]], Iterator[tuple[CID, bytes]]] = staticmethod(iter)

    def entity(self, cid: CID) -> Iterator[tuple[CID, bytes]]:
        self.asked.append(f"the archive of {cid}")
        yield from self.spoil(scoped(cid, BlockRecorder(_Silent(self)), "entity", None))

    def along(self, cid: CID, path: str, last: int) -> Iterator[tuple[CID, bytes]]:
        self.asked.append(f"the way to {path}")
        recorder = BlockRecorder(_Silent(self))
        found = resolve(cid, path, recorder)
        yield from self.spoil(scoped(found, recorder, "entity" if last else "block", (-last, None) if last else None))

    def car(self, cid: CID) -> Iterator[tuple[CID, bytes]]:
        self.asked.append(f"all of {cid}")
        yield from self.spoil(scoped(cid, BlockRecorder(_Silent(self)), "all", None))


class _Silent:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def get(self, cid: CID) -> bytes:
        return MemoryStore.get(self._store, cid)


def files_on(source: Far) -> IPFSFileSystem:
    return IPFSFileSystem(store=MemoryStore(), sources=[source], skip_instance_cache=True)


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture(scope="module")
def large() -> bytes:
    return os.urandom(24 * 1024)


# --- A file --------------------------------------------------------------------------------------


def test_ten_bytes_over_a_border_cost_the_root_and_two_leaves(far: Far, large: bytes) -> None:
    root = add_file(io.BytesIO(large), far, SMALL).cid
    place = 6 * 1024 - 5
    with files_on(far).open(f"ipfs://{root}") as file:
        file.seek(place)
        assert file.read(10) == large[place : place + 10]
    assert len(far.asked) == 3
    far.asked.clear()
    with open_file(root, far, buffer_size=1024) as stream:
        stream.seek(place)
        assert stream.read(10) == large[place : place + 10]
    assert len(far.asked) == 3


def test_what_is_read_on_is_fetched_ahead_but_not_more_than_was_read(far: Far, large: bytes) -> None:
    root = add_file(io.BytesIO(large), far, SMALL).cid
    fs = files_on(far)
    with fs.open(f"ipfs://{root}") as file:
        assert b"".join(iter(lambda: file.read(100), b"")) == large
    assert len(far.asked) == len(set(far.asked)) == 25
    far.asked.clear()
    with files_on(far).open(f"ipfs://{root}") as file:
        for _ in range(50):
            file.read(100)
    assert len(far.asked) <= 1 + 2 * 5


def test_one_read_of_many_leaves_has_several_under_way(far: Far, large: bytes) -> None:
    root = add_file(io.BytesIO(large), far, SMALL).cid
    far.together = Together(4)
    with files_on(far).open(f"ipfs://{root}") as file:
        assert file.read() == large


def test_a_file_that_ends_before_its_size_says_so_ends_there() -> None:
    assert ReadAhead(lambda start, end: iter((b"abc"[start:end],)), 10).range(0, 10) == b"abc"


def test_a_stream_that_broke_is_not_read_on() -> None:
    calls: list[tuple[int, int]] = []

    def read(start: int, end: int) -> Iterator[bytes]:
        calls.append((start, end))
        yield b"x" * min(end - start, 10)
        if len(calls) == 2:
            raise BlockNotFound("it", "there")
        yield b"x" * (end - start - 10)

    ahead = ReadAhead(read, 100)
    assert ahead.range(0, 10) == b"x" * 10
    with pytest.raises(BlockNotFound):
        ahead.range(10, 30)
    assert ahead.range(10, 30) == b"x" * 20 and calls[-1] == (10, 30)


def test_eight_readers_of_a_file_ask_once_for_each_block(far: Far, large: bytes) -> None:
    root = add_file(io.BytesIO(large), far, SMALL).cid
    fs = files_on(far)

    def read(_: int) -> bool:
        with fs.open(f"ipfs://{root}") as file:
            return bool(file.read() == large)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))
    starts = list(range(0, 1000, 50))
    assert fs.cat_ranges([str(root)] * 20, starts, [start + 10 for start in starts])[3] == large[150:160]
    assert len(far.asked) == len(set(far.asked)) == 25


def test_who_waits_for_a_block_gets_its_error_or_fetches_when_the_other_was_interrupted() -> None:
    flights, cid = Flights(), CID.raw(b"x")
    waiting = Barrier(2)

    def interrupted(_: CID) -> bytes:
        waiting.wait(20)
        raise KeyboardInterrupt

    def missing(_: CID) -> bytes:
        raise BlockNotFound(cid, "nowhere")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.get, cid, interrupted)
        second = pool.submit(flights.get, cid, lambda _: b"x")
        waiting.wait(20)
        assert second.result(20) == b"x" and isinstance(first.exception(20), KeyboardInterrupt)
    with pytest.raises(BlockNotFound):
        flights.get(cid, missing)
    assert flights.get(cid, lambda _: b"x") == b"x"


def test_an_open_file_travels_between_processes_and_caches(tmp_path: Path, large: bytes) -> None:
    store = LocalStore(tmp_path / "blocks", durable=False)
    root = add_file(io.BytesIO(large), store, SMALL).cid
    fs = fsspec.filesystem("ipfs", store=str(store.path))
    with fs.open(f"ipfs://{root}", size=1) as file:
        file.seek(100)
        for again in (pickle.loads(pickle.dumps(file)), copy.copy(file)):
            assert (again.tell(), again.read()) == (100, large[100:])
    options = {"ipfs": {"store": str(store.path)}, "blockcache": {"cache_storage": str(tmp_path / "cache")}}
    with fsspec.open(f"blockcache::ipfs://{root}", **options) as file:
        assert file.read() == large


# --- By a path ------------------------------------------------------------------------------------


@pytest.fixture
def table(gateway: Gateway, tmp_path: Path) -> tuple[str, list[float]]:
    """A table of 50 groups in leaves of 1024 bytes: its path, and the numbers of one column."""
    numbers = [float(number) for number in range(5000)]
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: numbers for name in ("a", "b", "c", "d")}
    (tmp_path / "made" / "deep").mkdir(parents=True)
    file = tmp_path / "made" / "deep" / "rows.parquet"
    pq.write_table(pa.table(columns), file, row_group_size=100, compression="none", use_dictionary=False)
    return f"{add_tree(tmp_path / 'made', gateway, SMALL).cid}/deep/rows.parquet", numbers


def test_rows_of_a_table_that_is_far_away_take_two_round_trips(
    gateway: Gateway, table: tuple[str, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq
    from fsspec.parquet import open_parquet_file

    path, numbers = table
    groups, footer = [3, 11, 19, 24], 70_000  # pyarrow wants 64 KiB of it
    monkeypatch.setattr(approach, "_END", footer)

    def read() -> list[float]:
        options = {"fs": files_on(gateway), "footer_sample_size": footer, "max_gap": 0, "engine": "pyarrow"}
        with open_parquet_file(path, columns=["b"], row_groups=groups, **options) as file:
            found: list[float] = pq.ParquetFile(file).read_row_groups(groups, columns=["b"])["b"].to_pylist()
            return found

    assert read() == [numbers[100 * group + row] for group in groups for row in range(100)]
    first, *leaves = gateway.asked
    assert first == "the way to deep/rows.parquet", "its path and its end are one request"
    assert 4 <= len(leaves) == len(set(leaves)) <= gateway.parallel
    gateway.together = Together(len(leaves))  # which lets none on before all have come
    read()
    assert len(gateway.asked) == 2 * (1 + len(leaves))


def test_a_file_far_down_is_found_in_one_request_and_its_neighbour_in_another(
    gateway: Gateway, folder: Callable[..., Path]
) -> None:
    root = add_tree(folder({"a/b/c/d.bin": bytes(3000), "a/b/c/e.bin": bytes(2000)}), gateway, SMALL).cid
    fs = files_on(gateway)
    assert fs.info(f"{root}/a/b/c/d.bin")["size"] == 3000
    assert gateway.asked == ["the way to a/b/c/d.bin"]
    assert fs.info(f"{root}/a/b/c/e.bin")["size"] == 2000
    assert len(gateway.asked) == 2 and isinstance(gateway.asked[1], CID)
    with pytest.raises(FileNotInAsset, match="nothing"):
        fs.info(f"{root}/a/b/c/nothing")


@pytest.mark.parametrize("lie", ["another block", "nothing", "half", "broken", "endless"])
def test_whatever_comes_for_a_path_the_file_is_right(gateway: Gateway, folder: Callable[..., Path], lie: str) -> None:
    root = add_tree(folder({"a/b/c.parquet": bytes(5000)}), gateway, SMALL).cid
    strange = gateway_put(gateway, b"strange")

    def spoiled(blocks: Iterator[tuple[CID, bytes]]) -> Iterator[tuple[CID, bytes]]:
        match lie:
            case "another block":
                yield strange, b"strange"
            case "half":
                yield next(blocks)
            case "broken":
                yield next(blocks)
                raise Unverified(root, "a liar")
            case "endless":
                while True:
                    yield from scoped(root, BlockRecorder(_Silent(gateway)), "all", None)

    gateway.spoil = spoiled
    fs = files_on(gateway)
    assert fs.cat_file(f"{root}/a/b/c.parquet") == bytes(5000)
    assert isinstance(fs.store, MemoryStore) and not fs.store.has(strange)


def test_ranges_that_overlap_touch_or_are_empty_come_as_they_were_asked_for(far: Far, large: bytes) -> None:
    root = str(add_file(io.BytesIO(large), far, SMALL).cid)
    spans = [(0, 10), (5, 2000), (2000, 2100), (None, None), (-5, None), (7, 7), (9, 3), (24_000, 99_999), (5, 2000)]
    got = files_on(far).cat_ranges([root] * len(spans), *map(list, zip(*spans, strict=True)))
    assert got == [large[start:end] for start, end in spans]
    assert len(far.asked) == len(set(far.asked)) == 25


def test_of_ranges_of_one_file_only_the_broken_is_an_error(far: Far, large: bytes) -> None:
    root = add_file(io.BytesIO(large), far, SMALL).cid
    del far._blocks[CID.raw(large[2048:3072])]
    first, broken, last = files_on(far).cat_ranges([str(root)] * 3, [0, 2050, 5000], [10, 2060, 5010])
    assert (first, last) == (large[:10], large[5000:5010]) and isinstance(broken, BlockNotFound)


# --- Many files ----------------------------------------------------------------------------------


def test_many_files_come_at_the_same_time(far: Far, folder: Callable[..., Path], tmp_path: Path) -> None:
    files = {f"{number:02}.txt": b"%d" % number for number in range(16)}
    root = add_tree(folder(files), far).cid
    far.together = Together(4)
    paths = [f"{root}/{name}" for name in files]
    assert files_on(far).cat(paths) == dict(zip(paths, files.values(), strict=True))
    far.together = Together(4)
    found = files_on(far).get_mapper(f"ipfs://{root}").getitems(list(files))
    assert found == files
    seen: list[int] = []
    counted = fsspec.callbacks.Callback(hooks={"n": lambda size, value, **_: seen.append(value)})
    far.together = Together(4)
    files_on(far).get(f"ipfs://{root}", str(tmp_path / "got"), recursive=True, callback=counted)
    assert {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()} == files
    assert seen[-1] == 17 == counted.size  # the folder is one of them


MANY = {f"{number:02}.json": b"%d" % number * 9 for number in range(20)}


def test_many_small_files_of_a_folder_come_in_one_archive(
    gateway: Gateway, folder: Callable[..., Path], tmp_path: Path
) -> None:
    root = add_tree(folder(MANY), gateway).cid
    paths = [f"{root}/{name}" for name in MANY]
    fs = files_on(gateway)
    assert fs.cat(paths) == dict(zip(paths, MANY.values(), strict=True))
    assert gateway.asked == [root, f"all of {root}"]
    fs.cat(paths)
    assert len(gateway.asked) == 2, "what is here is not asked for again"
    gateway.asked.clear()
    files_on(gateway).get(paths, [str(tmp_path / name) for name in MANY])
    assert {name: (tmp_path / name).read_bytes() for name in MANY} == MANY
    assert gateway.asked == [root, f"all of {root}"]


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (MANY | {"large.bin": b"x" * 1_000_000}, list(MANY)),
        (MANY, list(MANY)[:15]),
        ({name: bytes(300 * 1024) for name in MANY}, list(MANY)),
    ],
    ids=["a large file lies beside them", "they are few", "they are not small"],
)
def test_no_archive_is_asked_for_where(
    gateway: Gateway, folder: Callable[..., Path], there: dict[str, bytes], wanted: list[str]
) -> None:
    root = add_tree(folder(there), gateway).cid
    files_on(gateway).cat([f"{root}/{name}" for name in wanted])
    assert not [asked for asked in gateway.asked if str(asked).startswith("all of")]


@pytest.mark.parametrize("lie", ["another block", "nothing", "half", "endless"])
def test_whatever_such_an_archive_is_the_files_are_right(
    gateway: Gateway, folder: Callable[..., Path], lie: str
) -> None:
    root = add_tree(folder(MANY), gateway).cid
    taken = 0

    def spoiled(blocks: Iterator[tuple[CID, bytes]]) -> Iterator[tuple[CID, bytes]]:
        nonlocal taken
        first = next(blocks)
        if lie == "half":
            yield from [first, *itertools.islice(blocks, 9)]
        elif lie != "nothing":
            yield first
            while lie == "endless" or not taken:
                taken += 1
                yield CID.raw(b"%d" % taken), b"%d" % taken

    gateway.spoil = spoiled  # type: ignore[method-assign]
    paths = [f"{root}/{name}" for name in MANY]
    assert files_on(gateway).cat(paths) == dict(zip(paths, MANY.values(), strict=True))
    assert taken <= 1, "what nobody asked for is not read on"


def test_a_folder_that_weighs_more_than_it_says_is_not_streamed_to_its_end(gateway: Gateway) -> None:
    large = [gateway_put(gateway, os.urandom(200_000)) for _ in range(40)]
    links = [Link(cid, b"%02d" % number, 10) for number, cid in enumerate(large)]
    block = encode_node(links, encode_message(Message(Type.DIRECTORY)))
    root = CID.of(block, codec=DAG_PB)
    MemoryStore.put(gateway, root, block)
    streamed = 0

    def counting(blocks: Iterator[tuple[CID, bytes]]) -> Iterator[tuple[CID, bytes]]:
        nonlocal streamed
        for cid, found in blocks:
            streamed += len(found)
            yield cid, found

    gateway.spoil = counting  # type: ignore[method-assign]
    assert len(files_on(gateway).cat([f"{root}/{number:02}" for number in range(20)])) == 20
    assert streamed < 500_000


def gateway_put(gateway: Gateway, data: bytes) -> CID:
    cid = CID.raw(data)
    MemoryStore.put(gateway, cid, data)
    return cid


def test_an_error_among_many_files_is_raised_left_out_or_in_its_place(
    far: Far, folder: Callable[..., Path], tmp_path: Path
) -> None:
    root = add_tree(folder({"a": b"1", "b": b"2"}), far).cid
    there, missing = f"{root}/a", f"{root}/c"
    fs = files_on(far)
    assert fs.cat([there, missing], on_error="omit") == {there: b"1"}
    assert isinstance(fs.cat([there, missing], on_error="return")[missing], FileNotInAsset)
    for ask in (lambda: fs.cat([there, missing]), lambda: fs.get([there, missing], str(tmp_path))):
        with pytest.raises(FileNotInAsset):
            ask()
    assert fs.cat(there, start=0, end=1) == b"1"


# --- Folders -------------------------------------------------------------------------------------


def test_names_need_the_folders_own_blocks_only(far: Far, folder: Callable[..., Path]) -> None:
    files = {f"{number}/{name}": b"12" for number in range(5) for name in "ab"}
    root = add_tree(folder(files), far).cid
    fs = files_on(far)
    assert fs.ls(f"ipfs://{root}", detail=False) == [f"{root}/{number}" for number in range(5)]
    assert far.asked == [root]
    assert fs.ls(f"ipfs://{root}/3/a", detail=False) == [f"{root}/3/a"]


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def test_a_sharded_folder_comes_in_one_archive(gateway: Gateway, folder: Callable[..., Path]) -> None:
    names = sorted(f"entry {number}" for number in range(300))
    root = add_tree(folder(dict.fromkeys(names, b"x")), gateway, SHARDED).cid
    fs = files_on(gateway)
    assert [path.partition("/")[2] for path in fs.ls(f"ipfs://{root}", detail=False)] == names
    assert gateway.asked == [root, f"the archive of {root}"]
    assert len(fs.ls(f"ipfs://{root}")) == 300 and len(gateway.asked) == 2  # what came is kept
    with pytest.raises(FileNotInAsset):
        resolve(root, "no such entry", Fallback([MemoryStore(), gateway], cache=MemoryStore()))
    assert "archive" not in str(gateway.asked[2:])  # some names are told, and all of them not fetched for that


def test_a_sharded_folder_is_listed_from_a_store_on_this_disk_alone(
    folder: Callable[..., Path], tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "blocks", durable=False)
    names = sorted(f"entry {number}" for number in range(300))
    root = add_tree(folder(dict.fromkeys(names, b"x")), store, SHARDED).cid
    fs = IPFSFileSystem(store=store, sources=[], skip_instance_cache=True)
    assert fs.ls(f"ipfs://{root}", detail=False) == [f"{root}/{name}" for name in names]


def _forged(blocks: Iterator[tuple[CID, bytes]]) -> Iterator[tuple[CID, bytes]]:
    yield from itertools.islice(blocks, 3)
    raise Unverified("a block", "a liar")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda blocks: iter(()),
        lambda blocks: itertools.islice(blocks, 3),
        lambda blocks: itertools.islice(blocks, 1, None),
        lambda blocks: iter(sorted(blocks, key=lambda pair: bytes(pair[0]))),
        _forged,
    ],
)
def test_no_lie_in_that_archive_changes_what_is_listed(
    gateway: Gateway, folder: Callable[..., Path], spoil: Callable[..., Iterator[tuple[CID, bytes]]]
) -> None:
    names = sorted(f"entry {number}" for number in range(300))
    root = add_tree(folder(dict.fromkeys(names, b"x")), gateway, SHARDED).cid
    gateway.spoil = spoil
    listed = files_on(gateway).ls(f"ipfs://{root}", detail=False)
    assert [path.partition("/")[2] for path in listed] == names
    assert len({cid for cid in gateway.asked if isinstance(cid, CID) and cid.codec == DAG_PB}) > 1
