"""Data sets of Deep Lake opened where they lie, with the real one: from `ipfs://` and `asset://`, a range at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import deeplake
import httpx
import numpy as np
import pytest

from registry import CID, Licence, Registry
from registry.errors import AccessDenied, ContentError, ImportFailed, NotAFolder
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_file, add_tree
from registry.tools.lake_stream import LakeBucket, open_lake

BIRDS = 40


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Birds with a picture each, in two versions; the first is the tag v1."""
    folder = tmp_path_factory.mktemp("lake") / "birds"
    chance = np.random.default_rng(7)
    data = deeplake.create(str(folder))
    data.add_column("mass", deeplake.types.Float32())
    data.add_column("picture", deeplake.types.Array("uint8", dimensions=3))
    for half in range(2):
        pictures = [chance.integers(0, 255, (100, 100, 3), dtype="u1") for _ in range(BIRDS // 2)]
        data.append({"mass": [float(half + 1)] * (BIRDS // 2), "picture": pictures})
        data.commit()
        if not half:
            data.tag("v1")
    del data
    for lock in folder.rglob("*.lock"):
        lock.unlink()
    return folder


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def url(lake: Path, store: MemoryStore) -> str:
    return f"ipfs://{add_tree(lake, store).cid}"


def test_it_is_opened_and_iterated_as_the_folder_is(url: str, store: MemoryStore, lake: Path) -> None:
    kept = deeplake.open_read_only(str(lake))
    with open_lake(url, store=store) as data:
        assert len(data) == BIRDS and [float(row["mass"]) for row in data] == [1.0] * 20 + [2.0] * 20
        for number in (0, 21, 39):
            assert np.array_equal(data["picture"][number], kept["picture"][number])
        assert len(data.tags["v1"].open()) == BIRDS // 2
        assert len(data.query("SELECT * WHERE mass > 1.5")) == BIRDS // 2


def test_only_what_is_read_is_fetched(url: str, store: MemoryStore, lake: Path) -> None:
    whole = sum(path.stat().st_size for path in lake.rglob("*") if path.is_file())
    with LakeBucket(url, store=store) as bucket:
        data = deeplake.open_read_only("s3://lake/", creds=bucket.creds)
        assert data["mass"][:].sum() == 60.0
        before = bucket.fetched
        assert data["picture"][30].shape == (100, 100, 3)
        assert before < whole / 20 and bucket.fetched - before < whole / 10


def test_an_asset_is_opened_by_those_with_access_alone(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    author = Registry.local()
    asset = author.publish(lake, name="Birds", type="dataset", license="MIT", licences=[Licence.free("use")])
    buyer = author.as_account("buyer")
    with monkeypatch.context() as without, pytest.raises(AccessDenied):
        without.setattr(deeplake, "open_read_only", None)  # which would ask for a minute, again and again
        with open_lake(f"asset://{asset.did}", registry=buyer):
            pass
    buyer.buy(asset.did, "use")
    with open_lake(f"asset://{asset.did}", registry=buyer) as data:
        assert len(data) == BIRDS


def test_a_changed_block_is_no_data_set(url: str, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = MemoryStore.get

    def flipped(own: MemoryStore, cid: CID) -> bytes:
        data = honest(own, cid)
        return data[:-1] + bytes([data[-1] ^ 1]) if cid != CID.parse(url.removeprefix("ipfs://")) and data else data

    monkeypatch.setattr(MemoryStore, "get", flipped)
    with pytest.raises(ContentError), open_lake(url, store=store):
        pass


def test_what_cannot_be_read_later_is_told_once(url: str, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(own: MemoryStore, cid: CID) -> bytes:
        asked.append(cid)
        raise ContentError("It is gone.")

    asked: list[CID] = []
    with LakeBucket(url, store=store) as bucket:
        data = deeplake.open_read_only("s3://lake/", creds=bucket.creds)
        monkeypatch.setattr(MemoryStore, "get", gone)
        with pytest.raises(deeplake.StorageInternalError):
            data["picture"][11]
        assert isinstance(bucket.fault, ContentError) and len(asked) == 1


@pytest.fixture
def bucket(url: str, store: MemoryStore) -> Iterator[LakeBucket]:
    with LakeBucket(url, store=store) as made:
        yield made


def test_nobody_else_of_this_machine_and_no_page_reads_from_the_port(bucket: LakeBucket) -> None:
    """What was decrypted for one user would be there for all of them, and for every page of a browser."""
    address = bucket.creds["endpoint_url"]
    for told in (
        {},
        {"authorization": "AWS4-HMAC-SHA256 Credential=" + "0" * 32 + "/x"},
        {"authorization": "Basic eDp5"},
    ):
        got = httpx.get(f"{address}/lake/?list-type=2", headers=told, timeout=60, trust_env=False)
        assert got.status_code == 403 and "Key>" not in got.text
    known = {"authorization": f"AWS4-HMAC-SHA256 Credential={bucket.creds['aws_access_key_id']}/x"}
    for method in ("PUT", "POST", "DELETE"):
        assert httpx.request(method, f"{address}/lake/x", headers=known, timeout=60, trust_env=False).status_code == 501
    assert (
        httpx.get(f"{address}/lake/%2e%2e/%2e%2e/etc/passwd", headers=known, timeout=60, trust_env=False).status_code
        == 404
    )


def test_names_come_a_page_at_a_time_and_are_no_markup(tmp_path: Path, store: MemoryStore) -> None:
    folder = tmp_path / "many"
    (folder / "in").mkdir(parents=True)
    for number in range(1_001):
        (folder / "in" / f"{number:04}").write_text("")
    (folder / "<Key>&x").write_text("odd")
    with LakeBucket(f"ipfs://{add_tree(folder, store).cid}", store=store) as many:
        first = many.listing({"prefix": "in/"}).decode()
        assert first.count("<Key>") == 1_000 and "<IsTruncated>true" in first
        rest = many.listing({"prefix": "in/", "continuation-token": "in/0999"}).decode()
        assert rest.count("<Key>") == 1 and "<Key>in/1000</Key>" in rest and "<IsTruncated>false" in rest
        above = many.listing({"delimiter": "/"}).decode()
        assert "<CommonPrefixes><Prefix>in/</Prefix>" in above and "<Key>&lt;Key&gt;&amp;x</Key>" in above


def test_what_is_no_data_set_is_told(tmp_path: Path, store: MemoryStore) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "x").write_text("x")
    with pytest.raises(NotAFolder), open_lake(f"ipfs://{add_file(tmp_path / 'plain' / 'x', store).cid}", store=store):
        pass
    with (
        pytest.raises(ImportFailed, match="deeplake says"),
        open_lake(f"ipfs://{add_tree(tmp_path / 'plain', store).cid}", store=store),
    ):
        pass
