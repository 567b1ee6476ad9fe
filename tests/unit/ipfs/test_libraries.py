"""The libraries that people work with read and write through ``ipfs://``: the real ones, not stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest

from registry.errors import BlockNotFound, Unverified
from registry.ipfs.cid import CID
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.traverse import traverse

FRAME = pd.DataFrame({"species": ["Adelie", "Gentoo", "Chinstrap"] * 200, "mass": np.arange(600.0)})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person who has configured nothing else."""
    monkeypatch.setenv("REGISTRY_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def fs(home: Path) -> Iterator[IPFSFileSystem]:
    IPFSFileSystem.clear_instance_cache()
    yield fsspec.filesystem("ipfs")
    IPFSFileSystem.clear_instance_cache()


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Hugging Face's datasets, which is to write to its own folder and to ask nobody anything."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_UPDATE_DOWNLOAD_COUNTS", "0")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # it would refuse file systems that are not of the disk
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf" / "datasets")
    datasets.disable_progress_bars()
    return datasets


def test_pandas_reads_and_writes(fs: IPFSFileSystem) -> None:
    with fs.transaction as tx:
        FRAME.to_parquet("ipfs://new/train.parquet")
        FRAME.to_csv("ipfs://new/train.csv", index=False)
        FRAME.to_json("ipfs://new/deep/train.jsonl", orient="records", lines=True)
        FRAME.to_csv("ipfs://new/train.csv.gz", index=False)
    pd.testing.assert_frame_equal(pd.read_parquet(f"{tx.root}/train.parquet"), FRAME)
    pd.testing.assert_frame_equal(pd.read_csv(f"{tx.root}/train.csv"), FRAME)
    pd.testing.assert_frame_equal(pd.read_csv(f"{tx.root}/train.csv.gz"), FRAME)
    read = pd.read_json(f"{tx.root}/deep/train.jsonl", lines=True)
    pd.testing.assert_frame_equal(read, FRAME, check_dtype=False)
    assert list(pd.read_parquet(f"{tx.root}/train.parquet", columns=["mass"])) == ["mass"]


def test_dask_reads_and_writes(fs: IPFSFileSystem) -> None:
    import dask.dataframe as dd

    with fs.transaction as tx:
        dd.from_pandas(FRAME, npartitions=3).to_parquet("ipfs://new/parts")
        dd.from_pandas(FRAME, npartitions=3).to_csv("ipfs://new/part-*.csv", index=False)
    assert len(fs.ls(f"{tx.root}/parts")) == 3
    pd.testing.assert_frame_equal(dd.read_parquet(f"{tx.root}/parts").compute(), FRAME, check_dtype=False)
    assert dd.read_csv(f"{tx.root}/*.csv").mass.sum().compute() == FRAME.mass.sum()


def test_zarr_reads_and_writes(fs: IPFSFileSystem) -> None:
    import zarr

    values = np.arange(6000, dtype="f4").reshape(600, 10)
    with fs.transaction as tx:
        group = zarr.open_group("ipfs://new", mode="w")
        group.create_array("features", data=values, chunks=(100, 10))
        group.create_group("labels").create_array("y", data=np.arange(600), chunks=(64,), shards=(256,))
        group.attrs["source"] = "Palmer Station"
        group["features"][0] = -1  # what is being written can be changed
    read = zarr.open_group(tx.root, mode="r")
    assert np.array_equal(read["features"][1:], values[1:]) and (read["features"][0] == -1).all()
    assert np.array_equal(read["labels/y"][::7], np.arange(600)[::7])
    assert read.attrs["source"] == "Palmer Station" and sorted(read) == ["features", "labels"]


def test_zarr_never_fills_in_for_a_chunk_that_cannot_be_had(fs: IPFSFileSystem, home: Path) -> None:
    import zarr

    with fs.transaction as tx:
        zarr.open_group("ipfs://new", mode="w").create_array("x", data=np.ones((100, 10)), chunks=(10, 10))
    chunk = CID.parse(fs.ukey(f"{tx.root}/x/c/3/0"))
    store = fs.store
    assert isinstance(store, LocalStore)
    array = zarr.open_group(tx.root, mode="r")["x"]
    content = store.file_of(chunk).read_bytes()
    store.file_of(chunk).write_bytes(content[:-1] + b"\0")
    with pytest.raises(Unverified):
        array[35]
    for path in store.path.rglob(str(chunk)):  # all chunks are equal, so this is every copy
        path.unlink()
    with pytest.raises(BlockNotFound):
        array[:]


def test_pyarrow_reads_and_writes(fs: IPFSFileSystem) -> None:
    import pyarrow as pa
    import pyarrow.dataset as pads
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(FRAME)
    with fs.transaction as tx:
        pq.write_table(table, "new/one.parquet", filesystem=fs)
        pads.write_dataset(table, "new/many", filesystem=fs, format="parquet", partitioning=["species"])
    assert pq.read_table(f"{tx.cid}/one.parquet", filesystem=fs) == table
    found = pads.dataset(f"{tx.cid}/many", filesystem=fs, partitioning=["species"])
    gentoo = found.to_table(filter=pads.field("species") == "Gentoo", columns=["mass"])
    assert gentoo["mass"].to_pylist() == FRAME.mass[FRAME.species == "Gentoo"].tolist()


def test_polars_reads_and_writes(fs: IPFSFileSystem) -> None:
    """Its own reader of clouds knows a fixed list of schemes; files and pyarrow's data sets are its other ways in."""
    import polars as pl
    import pyarrow.dataset as pads

    frame = pl.from_pandas(FRAME)
    with fs.transaction as tx:
        for name, write in (("f.parquet", frame.write_parquet), ("f.csv", frame.write_csv)):
            with fs.open(f"ipfs://new/{name}", "wb") as file:
                write(file)
    with fs.open(f"{tx.root}/f.parquet") as file:
        assert pl.read_parquet(file, columns=["mass"]).equals(frame.select("mass"))
    with fs.open(f"{tx.root}/f.csv") as file:
        assert pl.read_csv(file).equals(frame)
    assert pl.read_parquet(f"{tx.root}/f.parquet", use_pyarrow=True).equals(frame)
    with fs.open(f"{tx.root}/f.parquet") as file:
        assert pl.scan_parquet(file).filter(pl.col("mass") > 598).select("mass").collect()["mass"].to_list() == [599.0]
    lazy = pl.scan_pyarrow_dataset(pads.dataset(f"{tx.cid}/f.parquet", filesystem=fs))
    assert lazy.filter(pl.col("mass") > 597).collect()["mass"].to_list() == [598.0, 599.0]


def test_datasets_reads_and_writes(fs: IPFSFileSystem, datasets: ModuleType) -> None:
    made = datasets.Dataset.from_pandas(FRAME)
    with fs.transaction as tx:
        made.save_to_disk("ipfs://new/saved", num_shards=2)
        made.to_parquet("ipfs://new/train.parquet")
        made.to_csv("ipfs://new/train.csv")
    assert datasets.load_from_disk(f"{tx.root}/saved").to_pandas().equals(FRAME)
    loaded = datasets.load_dataset("csv", data_files=f"{tx.root}/train.csv", split="train")
    assert loaded.to_pandas().equals(FRAME)
    rows = datasets.load_dataset("parquet", data_files=f"{tx.root}/*.parquet", split="train", streaming=True)
    assert next(iter(rows)) == {"species": "Adelie", "mass": 0.0}


def test_a_changed_byte_is_an_error_in_every_library(fs: IPFSFileSystem, datasets: ModuleType) -> None:
    import dask.dataframe as dd

    with fs.transaction as tx:
        FRAME.to_csv("ipfs://new/train.csv", index=False)
    true = fs.cat_file(f"{tx.root}/train.csv")
    cid = CID.parse(fs.ukey(f"{tx.root}/train.csv"))

    class Forger(MemoryStore):
        """Holds all blocks, and gives one of them with heavier penguins."""

        verifies = False

        def get(self, asked: CID) -> bytes:
            return true.replace(b"599.0", b"999.0") if asked == cid else super().get(asked)

    forger = Forger()
    for found, block in traverse(tx.cid, fs.store):
        assert block is not None
        forger.put(found, block)
    options: dict[str, Any] = {"storage_options": {"store": forger}}
    reads = [
        lambda: pd.read_csv(f"{tx.root}/train.csv", **options),
        lambda: dd.read_csv(f"{tx.root}/*.csv", **options).compute(),
        lambda: datasets.load_dataset("csv", data_files=f"{tx.root}/train.csv", **options),
        lambda: fsspec.open(f"{tx.root}/train.csv", store=forger).open().read(),
    ]
    for read in reads:
        with pytest.raises(OSError, match="refused") as caught:
            read()
        assert isinstance(caught.value, Unverified)
