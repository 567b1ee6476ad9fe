"""``asset://`` URLs in the libraries that people read with."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
import zarr
from selling import MONTH, RESEARCH, publish_document

from registry import DDO, Published, Registry
from registry.documents.ddo import Content, ContentFile
from registry.errors import (
    AccessDenied,
    AssetNotFound,
    BlockNotFound,
    FileNotInAsset,
    Immutable,
    InputError,
    InvalidDID,
    NotAFile,
    Unverified,
)
from registry.ipfs.arrays import Batches, open_arrays
from registry.ipfs.cid import CID
from registry.ipfs.unixfs import add_tree
from registry.tools.assetfs import AssetFileSystem


def files_of(client: Registry) -> AssetFileSystem:
    made: AssetFileSystem = fsspec.filesystem("asset", registry=client)
    return made


def test_a_buyer_reads_an_asset_with_pandas(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH).did
    buyer.buy(did, "month", max_total="12.5 USD")
    frame = pd.read_csv(f"asset://{did}/penguins.csv", storage_options={"registry": buyer})
    assert frame.mass.tolist() == [3750, 5000]


def test_who_holds_nothing_sees_names_and_reads_nothing(publish: Callable[..., Published], stranger: Registry) -> None:
    did = publish(MONTH).did
    fs = files_of(stranger)
    assert [name.partition("/")[2] for name in fs.find(f"asset://{did}")] == ["penguins.csv", "raw/notes.txt"]
    for read in (fs.cat_file, fs.open, lambda path: pd.read_csv(path, storage_options={"registry": stranger})):
        with pytest.raises(AccessDenied, match="month"):
            read(f"asset://{did}/penguins.csv")


def test_access_that_ends_is_noticed_while_reading(
    publish: Callable[..., Published], buyer: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    did = publish(RESEARCH).did
    buyer.buy(did, "research")
    asked: list[Any] = []
    fs = files_of(buyer)
    monkeypatch.setattr(buyer, "require_access", asked.append)
    now = [1000.0]
    monkeypatch.setattr("registry.tools.assetfs.time.monotonic", lambda: now[0])
    for seconds, count in ((0, 1), (59, 1), (61, 2)):
        now[0] = 1000.0 + seconds
        fs.cat_file(f"asset://{did}/penguins.csv")
        assert len(asked) == count


@pytest.mark.parametrize("path", ["", "penguins.csv"])
def test_content_of_one_file_is_read_by_its_name_or_without(
    publish: Callable[..., Published], author: Registry, folder: Path, path: str
) -> None:
    did = publish(RESEARCH, path=folder / "penguins.csv").did
    assert len(pd.read_csv(f"asset://{did}/{path}", storage_options={"registry": author})) == 2
    (folder / "raw" / "notes.txt").unlink()
    did = publish(RESEARCH).did
    assert len(pd.read_csv(f"asset://{did}/{path}", storage_options={"registry": author})) == 2


def test_what_is_not_there_is_said(publish: Callable[..., Published], author: Registry) -> None:
    did = publish(RESEARCH).did
    fs = files_of(author)
    assert not fs.exists(f"asset://{did}/nothing.csv")
    with pytest.raises(FileNotInAsset, match=r"penguins\.csv"):
        fs.open(f"asset://{did}/nothing.csv")
    with pytest.raises(NotAFile):
        fs.open(f"asset://{did}/raw")
    with pytest.raises(InvalidDID):
        fs.ls("asset://did:web:example.org/a.csv")
    with pytest.raises(AssetNotFound):
        fs.ls(f"asset://{did}999/a.csv")
    bare = publish(RESEARCH, path=None).did
    with pytest.raises(FileNotInAsset):
        fs.ls(f"asset://{bare}")


def test_a_reader_stays_at_the_version_that_it_saw(
    publish: Callable[..., Published], author: Registry, folder: Path
) -> None:
    did = publish(RESEARCH).did
    fs = files_of(author)
    before = fs.cat_file(f"asset://{did}/penguins.csv")
    (folder / "penguins.csv").write_text("species,mass\n")
    author.update(did, path=folder)
    assert fs.cat_file(f"asset://{did}/penguins.csv") == before
    assert files_of(author).cat_file(f"asset://{did}/penguins.csv") == b"species,mass\n"


def test_a_document_that_names_another_file_than_the_content_has_is_refused(author: Registry, folder: Path) -> None:
    added = add_tree(folder, author.store)
    other = CID.raw(b"another file")
    author.store.put(other, b"another file")
    files = (ContentFile(path="penguins.csv", size=12, cid=other),)
    content = Content(cid=added.cid, size=added.size, profile="unixfs-v1-2025", files=files)
    did = publish_document(author, DDO(name="Two faces", type="dataset", license="CC0-1.0", content=content))
    with pytest.raises(Unverified, match="another in the content"):
        files_of(author).cat_file(f"asset://{did}/penguins.csv")


def test_a_missing_block_is_an_error_and_no_missing_file(author: Registry, folder: Path) -> None:
    content = Content(cid=CID.raw(b"nobody has this"), size=15, profile="unixfs-v1-2025")
    did = publish_document(author, DDO(name="Lost", type="dataset", license="CC0-1.0", content=content))
    with pytest.raises(BlockNotFound):
        files_of(author).exists(f"asset://{did}/a.csv")


def test_an_asset_is_written_by_publishing_only(publish: Callable[..., Published], author: Registry) -> None:
    did = publish(RESEARCH).did
    fs = files_of(author)
    writes: list[Callable[[], Any]] = [
        lambda: fs.open(f"asset://{did}/new.csv", "wb"),
        lambda: fs.pipe_file("asset://new/a", b"1"),
        lambda: fs.rm(f"asset://{did}/penguins.csv"),
        lambda: fs.put(__file__),
        lambda: fs.transaction,
    ]
    for write in writes:
        with pytest.raises(Immutable, match=r"registry\.publish"):
            write()


def test_dask_and_datasets_read_an_asset_with_a_client(
    publish: Callable[..., Published], author: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dask.dataframe as dd

    did = publish(RESEARCH).did
    options: Any = {"storage_options": {"registry": author}}
    assert dd.read_csv(f"asset://{did}/*.csv", **options).mass.sum().compute() == 8750
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_UPDATE_DOWNLOAD_COUNTS", "0")
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf" / "datasets")
    datasets.disable_progress_bars()
    read = datasets.load_dataset("csv", data_files=f"asset://{did}/penguins.csv", split="train", **options)
    assert read["mass"][:] == [3750, 5000]


def test_polars_reads_an_open_file_of_an_asset(publish: Callable[..., Published], author: Registry) -> None:
    """Eagerly and lazily; its own reader of clouds knows a fixed list of schemes."""
    import fsspec
    import polars as pl

    url = f"asset://{publish().did}/penguins.csv"
    with fsspec.open(url, registry=author) as file:
        assert pl.read_csv(file)["mass"].to_list() == [3750, 5000]
    with fsspec.open(url, registry=author) as file:
        assert pl.scan_csv(file).filter(pl.col("mass") > 4000).collect()["species"].to_list() == ["Gentoo"]


def test_a_client_is_pickled_as_a_reference_that_is_good_in_its_process_only(author: Registry) -> None:
    pickled = pickle.dumps(author)
    assert pickle.loads(pickled) is author and pickle.dumps(author) == pickled
    code = f"import pickle; pickle.loads({pickled!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "InputError" in done.stderr and "its key does not go" in done.stderr


def test_arrays_of_an_asset_are_read_in_batches(
    publish: Callable[..., Published], author: Registry, tmp_path: Path
) -> None:
    group = zarr.open_group(tmp_path / "arrays", mode="w")
    group.create_array("y", data=np.arange(50), chunks=(10,))
    did = publish(RESEARCH, path=tmp_path / "arrays").did
    batches = Batches(open_arrays(f"asset://{did}", registry=author), 8)
    assert sorted(int(row) for batch in batches for row in batch["y"]) == list(range(50))


def test_file_systems_by_the_environment_share_a_client_until_it_changes(
    author: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Registry] = []

    def connect() -> Registry:
        made.append(author.as_account("author"))
        return made[-1]

    monkeypatch.setattr(Registry, "from_environment", connect)
    monkeypatch.setenv("REGISTRY_RPC", "http://127.0.0.1:1")
    first, second = fsspec.filesystem("asset"), fsspec.filesystem("asset")
    assert first is not second and first.registry is second.registry
    monkeypatch.setenv("REGISTRY_RPC", "http://127.0.0.1:2")
    assert fsspec.filesystem("asset").registry is not first.registry and len(made) == 2


def test_without_a_client_the_environment_must_name_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RPC", "KEY", "KEYFILE"):
        monkeypatch.delenv(f"REGISTRY_{name}", raising=False)
    with pytest.raises(InputError, match="REGISTRY_RPC"):
        fsspec.filesystem("asset")
    with pytest.raises(InputError, match="not a client"):
        fsspec.filesystem("asset", registry="http://127.0.0.1:8545")
    monkeypatch.setenv("REGISTRY_RPC", "http://127.0.0.1:8545")
    monkeypatch.setenv("REGISTRY_CHAIN_ID", "one")
    with pytest.raises(InputError, match="'one' is not a number for REGISTRY_CHAIN_ID"):
        Registry.from_environment()
    monkeypatch.setenv("REGISTRY_KEY", "0x" + "11" * 32)
    monkeypatch.setenv("REGISTRY_KEYFILE", "key.json")
    with pytest.raises(InputError, match="more than one signer"):
        Registry.from_environment()
