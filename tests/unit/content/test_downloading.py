"""A part of an asset is downloaded by its paths, and into a copy that is there; nothing of it is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from selling import MONTH

from registry import Gated, Published, Registry
from registry.errors import AccessDenied, FileNotInAsset, InputError, WouldOverwrite


@pytest.fixture
def did(publish: Callable[..., Published], folder: Path) -> object:
    (folder / "raw" / "more.csv").write_text("a\n1\n")
    return publish(MONTH).did


def there(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_paths_choose_what_comes(did: str, author: Registry, folder: Path, tmp_path: Path) -> None:
    files = author.download(did, tmp_path / "tables", only=["*.csv"])
    assert [file.path for file in files] == ["penguins.csv", "raw/more.csv"]
    whole = there(folder)
    assert there(tmp_path / "tables") == {path: whole[path] for path in ("penguins.csv", "raw/more.csv")}
    author.download(did, tmp_path / "notes", only="raw/*")
    assert set(there(tmp_path / "notes")) == {"raw/more.csv", "raw/notes.txt"}
    with pytest.raises(FileNotInAsset, match=r"no file '\*\.parquet'"):
        author.download(did, tmp_path / "none", only=["*.csv", "*.parquet"])
    with pytest.raises(InputError, match="exists already"):
        author.download(did, tmp_path / "tables", only=["*.csv"])
    assert not (tmp_path / "none").exists()


def test_a_copy_is_made_whole_and_what_is_right_or_ones_own_stays(
    did: str, author: Registry, folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    author.download(did, copy)
    (copy / "raw" / "notes.txt").unlink()
    (copy / "mine.txt").write_text("mine")
    before = (copy / "penguins.csv").stat().st_mtime_ns
    author.download(did, copy, into=True)
    assert there(copy) == {**there(folder), "mine.txt": "mine"}
    assert (copy / "penguins.csv").stat().st_mtime_ns == before


def test_a_file_of_other_content_is_named_before_anything_is_written(
    did: str, author: Registry, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "penguins.csv").write_text("species,mass\nAdelie,3750\nGentoo,5000\n\n")
    with pytest.raises(WouldOverwrite, match=r"penguins\.csv"):
        author.download(did, copy, into=True)
    assert list(there(copy)) == ["penguins.csv"]


def test_no_link_of_the_copy_leads_a_file_elsewhere(did: str, author: Registry, tmp_path: Path) -> None:
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    copy.mkdir()
    elsewhere.mkdir()
    (copy / "raw").symlink_to(elsewhere)
    with pytest.raises(InputError, match="outside"):
        author.download(did, copy, into=True)
    (copy / "raw").unlink()
    (copy / "penguins.csv").symlink_to(elsewhere / "penguins.csv")
    with pytest.raises(WouldOverwrite):
        author.download(did, copy, into=True)
    assert list(elsewhere.iterdir()) == []


def test_a_part_takes_access_as_all_does(did: str, stranger: Registry, tmp_path: Path) -> None:
    with pytest.raises(AccessDenied):
        stranger.download(did, tmp_path / "copy", only=["*.csv"])


def test_gated_content_is_opened_for_a_part(author: Registry, folder: Path, tmp_path: Path) -> None:
    sealed = author.publish(folder, name="Sealed", type="dataset", license="MIT", gated=Gated()).did
    author.download(sealed, tmp_path / "copy", only=["raw/*"])
    author.download(sealed, tmp_path / "copy", into=True)
    assert there(tmp_path / "copy") == there(folder)
