"""Files of visitors: within the space of the app, by their bytes, and without their names."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from registry.apps.uploads import PIN, StoredFile, UploadSpace, kind_of
from registry.errors import ContentError, InputError
from registry.ipfs.importer import compute_cid
from registry.ipfs.local_store import LocalStore
from registry.ipfs.memory import MemoryStore
from registry.ipfs.unixfs import cat

CSV = b"species,mass\nGentoo,5076\n"


class Named(io.BytesIO):
    """A file as hosts hand it on, with what its visitor called it."""

    name = "/home/ada/Ada Lovelace's salary.csv"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def space() -> UploadSpace:
    return UploadSpace(100, 250)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blocks")


def test_a_file_is_kept_as_its_own_cid_promises(space: UploadSpace, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "same.csv").write_bytes(CSV)
    found = space.keep(io.BytesIO(CSV), store)
    assert found == StoredFile(compute_cid(tmp_path / "same.csv"), len(CSV), "text/plain")
    assert b"".join(cat(found.cid, store)) == CSV and found.url == f"ipfs://{found.cid}"
    store.gc(grace=0)
    assert store.has(found.cid), "what is pinned stays"


def test_what_a_visitor_called_it_is_written_nowhere(space: UploadSpace, store: LocalStore) -> None:
    found = space.keep(Named(CSV), store)
    assert [pin.name for pin in store.pins()] == [PIN] and "salary" not in repr(found) + found.in_words()
    for path in store.path.rglob("*"):
        assert "salary" not in path.name and (path.is_dir() or b"salary" not in path.read_bytes())


def test_looking_stores_nothing(space: UploadSpace, store: LocalStore) -> None:
    assert space.look(io.BytesIO(CSV)).size == len(CSV)
    assert not list(store) and not store.pins()


def test_what_is_larger_than_the_app_takes_is_not_read(space: UploadSpace) -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("read")

    with pytest.raises(InputError, match="101 bytes") as refused:
        space.look(Unread(bytes(101)))
    assert "up to 100" in refused.value.hint


def test_all_visitors_together_have_the_space_of_a_day() -> None:
    clock, store = Clock(), MemoryStore()
    space = UploadSpace(100, 250, clock=clock)
    for letter in b"ab":
        space.keep(io.BytesIO(bytes([letter]) * 100), store)
    with pytest.raises(ContentError, match="in a day is used up"):
        space.keep(io.BytesIO(b"c" * 100), store)
    space.keep(io.BytesIO(b"a" * 100), store)  # it is there, and takes no space
    clock.now = 86_400 * 50 / 250
    space.keep(io.BytesIO(b"c" * 100), store)


def test_a_disk_that_fails_is_told_to_whoever_runs_the_app_and_not_to_visitors(
    space: UploadSpace, store: LocalStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(store.path))

    monkeypatch.setattr(store, "put", full)
    with pytest.raises(ContentError, match="could not store the file") as failed:
        space.keep(Named(CSV), store)
    assert str(store.path) not in str(failed.value) and failed.value.__cause__ is None
    assert "No space left" in caplog.text and "salary" not in caplog.text


@pytest.mark.parametrize("most, a_day", [(0, 10), (-1, 10), (11, 10), (0, 0)])
def test_an_app_that_gives_no_space_says_so(most: int, a_day: int) -> None:
    with pytest.raises(InputError, match="store nothing"):
        UploadSpace(most, a_day)


def test_a_type_is_what_the_bytes_show_whatever_the_name_says() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("a", "b")
    shown = {
        b"\x89PNG\r\n\x1a\n....": "image/png",
        b"PAR1....": "application/vnd.apache.parquet",
        pickle.dumps([1]): "application/x-pickle",
        packed.getvalue(): "application/zip",
        b" <!DOCTYPE html><script>": "text/html",
        b"<svg onload=x>": "text/html",
        b"\x7fELF\x02": "application/x-executable",
        bytes(8) + b'{"a":': "application/x-safetensors",
        CSV: "text/plain",
        ("é" * 4_000).encode()[:4_096]: "text/plain",
        ("a" + "é" * 4_000).encode()[:4_096]: "text/plain",
        b"caf\xe9": "application/octet-stream",
        b"a\0b": "application/octet-stream",
        b"": "application/octet-stream",
    }
    assert {head: kind_of(head) for head in shown} == shown


def test_an_app_may_take_some_types_alone() -> None:
    space = UploadSpace(100, 100, {"image/png"})
    with pytest.raises(InputError, match="the file is application/x-executable"):
        space.keep(io.BytesIO(b"\x7fELF, called penguin.png"), MemoryStore())
