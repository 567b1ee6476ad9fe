"""Arrays in chunks on ``ipfs://``, and the shuffled batches that are read from them."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import BlockNotFound, FileNotInAsset, InputError, LimitExceeded, NotAFolder, Unverified
from registry.ipfs.arrays import Batches, open_arrays, read_rows, write_arrays
from registry.ipfs.cid import CID, RAW
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore, MemoryStore


class Counted(MemoryStore):
    """A store that remembers which leaves were asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[CID] = []

    def get(self, cid: CID) -> bytes:
        if cid.codec == RAW:
            self.asked.append(cid)
        return super().get(cid)


@pytest.fixture
def store() -> Counted:
    return Counted()


def written(store: MemoryStore | LocalStore, count: int = 100, rows: int = 10, **options: Any) -> CID:
    """Features of which each row is its number, and labels that are it too; no two chunks are equal."""
    numbers = np.arange(count)
    features = np.repeat(numbers[:, None], 3, axis=1).astype("f4")
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    return write_arrays({"x": features, "y": numbers}, fs=fs, rows=rows, **options)


def opened(store: MemoryStore, cid: CID) -> zarr.Group:
    return open_arrays(cid, store=store, skip_instance_cache=True)


# --- Writing and opening -------------------------------------------------------------------------


@settings(deadline=None, max_examples=10)
@given(data=st.data(), count=st.integers(1, 25), rows=st.integers(1, 30))
def test_what_was_written_is_read(data: st.DataObject, count: int, rows: int) -> None:
    values = np.array(data.draw(st.lists(st.integers(-(2**40), 2**40), min_size=count, max_size=count)))
    image = values[:, None, None] + np.zeros((1, 2, 3), dtype=np.int64)
    store = MemoryStore()
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    group = opened(store, write_arrays({"v": values, "image": image}, fs=fs, rows=rows))
    wanted = data.draw(st.lists(st.integers(0, count - 1)))
    assert np.array_equal(read_rows(group["v"], wanted), values[wanted])
    assert np.array_equal(read_rows(group["image"], wanted), image[wanted])


def test_the_same_arrays_have_the_same_cid_and_their_attributes(store: Counted) -> None:
    first = written(store, attributes={"licence": "CC0-1.0"})
    assert first == written(MemoryStore(), attributes={"licence": "CC0-1.0"}) != written(MemoryStore())
    assert opened(store, first).attrs["licence"] == "CC0-1.0"


def test_a_chunk_is_about_a_block_by_default(store: Counted) -> None:
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    group = opened(store, write_arrays({"x": np.zeros((5000, 256), "f4"), "y": np.zeros(5000)}, fs=fs))
    assert group["x"].chunks == (1024, 256) and group["y"].chunks == (1024,)


def test_an_array_is_written_in_slices_and_never_taken_whole(store: Counted) -> None:
    class Huge:
        """More than the memory holds, if anybody asked for all of it."""

        shape, dtype = (1000, 4), np.dtype("i8")
        largest = 0

        def __getitem__(self, rows: slice) -> Any:
            self.largest = max(self.largest, rows.stop - rows.start)
            return np.arange(rows.start, min(rows.stop, 1000))[:, None] + np.zeros((1, 4), "i8")

    huge = Huge()
    seen: list[tuple[str, int, int]] = []
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    cid = write_arrays({"x": huge}, fs=fs, rows=64, progress=lambda *news: seen.append(news))
    assert huge.largest == 64 and seen[-1] == ("writing x", 1000, 1000)
    assert np.array_equal(opened(store, cid)["x"][990:, 0], np.arange(990, 1000))


def test_arrays_that_make_no_batches_are_refused(store: Counted) -> None:
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    for arrays in ({}, {"x": np.zeros(3), "y": np.zeros(4)}, {"x": np.float64(1)}, {"x": np.zeros((0, 2))}):
        with pytest.raises(InputError, match="equally many rows"):
            write_arrays(arrays, fs=fs)
    with pytest.raises(InputError, match="0 rows"):
        write_arrays({"x": np.zeros(3)}, fs=fs, rows=0)
    assert len(store) == 0


def test_what_is_no_group_is_not_opened(store: Counted) -> None:
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    with fs.transaction as tx:
        fs.pipe_file("ipfs://new/a.csv", b"1")
    with pytest.raises(InputError, match="no group of arrays"):
        opened(store, tx.cid)
    with pytest.raises(NotAFolder):
        open_arrays(f"{tx.root}/a.csv", store=store)
    with pytest.raises(FileNotInAsset):
        open_arrays(f"{tx.root}/nothing", store=store)


# --- Reading -------------------------------------------------------------------------------------


def test_rows_fetch_their_chunks_and_no_others(store: Counted) -> None:
    group = opened(store, written(store))
    labels = group["y"]
    store.asked.clear()
    assert read_rows(labels, [99, 3, 3, 95, 0]).tolist() == [99, 3, 3, 95, 0]
    assert len(store.asked) == 2
    for wrong in ([100], [-1], [[1]]):
        with pytest.raises(InputError, match="from 0 to 99"):
            read_rows(labels, wrong)
    assert read_rows(group["x"], []).shape == (0, 3)


def test_of_a_sharded_array_single_chunks_are_read(store: Counted) -> None:
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    with fs.transaction as tx:
        zarr.open_group("ipfs://new", mode="w", storage_options={"store": store}).create_array(
            "x", data=np.arange(1000), chunks=(10,), shards=(500,), compressors=None
        )
    array = opened(store, tx.cid)["x"]
    assert array.chunks == (10,) and read_rows(array, [777, 3]).tolist() == [777, 3]


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(1, 120),
    size=st.integers(1, 130),
    window=st.integers(1, 6),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_an_epoch_has_each_row_once_and_all_arrays_agree(
    count: int, size: int, window: int, shuffle: bool, drop_last: bool
) -> None:
    store = MemoryStore()
    group = opened(store, written(store, count, rows=10))
    batches = Batches(group, size, window=window, shuffle=shuffle, drop_last=drop_last)
    read = list(batches)
    assert len(read) == len(batches) == (count // size if drop_last else math.ceil(count / size))
    assert all(np.array_equal(batch["x"][:, 0], batch["y"]) for batch in read)
    assert all(len(batch["y"]) == size for batch in read[:-1])
    rows = [int(row) for batch in read for row in batch["y"]]
    assert len(set(rows)) == len(rows) and (drop_last or sorted(rows) == list(range(count)))
    if not shuffle:
        assert rows == list(range(len(rows)))


def order(group: zarr.Group, **options: Any) -> list[int]:
    return [int(row) for batch in Batches(group, 7, **options) for row in batch["y"]]


def test_a_seed_gives_an_order_and_each_epoch_another(store: Counted) -> None:
    group = opened(store, written(store))
    first = order(group, seed=7)
    assert first == order(group, seed=7) == order(opened(store, written(store)), seed=7, names=["y"])
    assert len({tuple(first), tuple(order(group, seed=8)), tuple(order(group, seed=7, epoch=1))}) == 3
    assert first != sorted(first)


def test_an_order_is_the_same_in_every_release(store: Counted) -> None:
    first = order(opened(store, written(store, 20, rows=5)), seed=7, window=2)
    assert first[:10] == [11, 13, 0, 12, 4, 1, 10, 3, 14, 2]


def test_each_chunk_is_fetched_once_an_epoch(store: Counted) -> None:
    group = opened(store, written(store))
    batches = Batches(group, 7)
    store.asked.clear()
    assert sum(len(batch["y"]) for batch in batches) == 100
    assert len(store.asked) == len(set(store.asked)) == 20


def test_arrays_of_other_chunks_are_read_once_too(store: Counted) -> None:
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    with fs.transaction as tx:
        group = zarr.open_group("ipfs://new", mode="w", storage_options={"store": store})
        group.create_array("x", data=np.arange(100), chunks=(20,))
        group.create_array("y", data=np.arange(100) + 1000, chunks=(5,))
    batches = Batches(opened(store, tx.cid), 9)
    store.asked.clear()
    assert all((batch["x"] + 1000 == batch["y"]).all() for batch in batches)
    assert len(store.asked) == len(set(store.asked)) == 25


def test_little_is_fetched_ahead_and_nothing_after_an_early_end(store: Counted) -> None:
    group = opened(store, written(store, 400))
    batches = iter(Batches(group, 5, names=["y"], window=2))
    store.asked.clear()
    list(islice(batches, 4))  # the rows of the first two chunks
    batches.close()  # type: ignore[attr-defined]
    assert 2 <= len(store.asked) <= 4


def test_a_chunk_that_cannot_be_had_ends_the_epoch_with_its_error(store: Counted) -> None:
    cid = written(store)
    group = opened(store, cid)
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    del store._blocks[CID.parse(fs.ukey(f"ipfs://{cid}/y/c/6"))]
    with pytest.raises(BlockNotFound):
        list(Batches(group, 7))


def test_an_array_of_monstrous_chunks_costs_no_memory(store: Counted) -> None:
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    with fs.transaction as tx:
        group = zarr.open_group("ipfs://new", mode="w", storage_options={"store": store})
        group.create_array("x", shape=(10**12,), chunks=(10**11,), dtype="f8")
    read = opened(store, tx.cid)
    for use in (lambda: Batches(read, 7), lambda: read_rows(read["x"], [0])):
        with pytest.raises(LimitExceeded, match="a chunk of x in bytes is 800,000,000,000"):
            use()


def test_progress_is_told_in_rows(store: Counted) -> None:
    seen: list[tuple[str, int, int]] = []
    list(Batches(opened(store, written(store)), 30, progress=lambda *news: seen.append(news)))
    assert seen == [("reading batches", done, 100) for done in (30, 60, 90, 100)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"names": ["z"]}, "There are: x, y"), ({"size": 0}, "no batches"), ({"window": 0}, "no batches")],
)
def test_batches_that_cannot_be_are_refused(store: Counted, wrong: dict[str, Any], words: str) -> None:
    group = opened(store, written(store))
    with pytest.raises(InputError, match=words):
        Batches(group, **{"size": 7, **wrong})
    with pytest.raises(InputError, match="different numbers of rows"):
        Batches({"a": group["x"], "b": opened(store, written(store, 50))["x"]}, 7)


def test_batches_come_through_a_gateway_and_are_kept(tmp_path: Path) -> None:
    there = LocalStore(tmp_path / "there")
    cid = written(there)
    with Server(there) as server:
        options = {"store": tmp_path / "here", "gateway": server.url, "skip_instance_cache": True}
        first = order(open_arrays(cid, **options), seed=3)
        one = read_rows(open_arrays(cid, **{**options, "store": tmp_path / "other"})["y"], [42])
    assert sorted(first) == list(range(100)) and one.tolist() == [42]
    assert len(list(LocalStore(tmp_path / "other"))) < len(list(LocalStore(tmp_path / "here")))
    assert order(open_arrays(cid, store=tmp_path / "here"), seed=3) == first


def test_a_gateway_that_changes_a_number_trains_nobody(store: Counted) -> None:
    cid = written(store)
    fs = IPFSFileSystem(store=store, skip_instance_cache=True)
    chunk = CID.parse(fs.ukey(f"ipfs://{cid}/y/c/6"))
    true = store.get(chunk)

    class Forger(MemoryStore):
        verifies = False

        def get(self, asked: CID) -> bytes:
            return true[:-1] + bytes([true[-1] ^ 1]) if asked == chunk else store.get(asked)

    group = open_arrays(cid, store=MemoryStore(), sources=[Forger()], skip_instance_cache=True)
    with pytest.raises(Unverified):
        list(Batches(group, 7))
