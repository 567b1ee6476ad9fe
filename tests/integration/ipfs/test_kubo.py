"""A real Kubo agrees on the CIDs of files and trees, and what two of them exchange verifies under ours."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.ipfs.cid import CID
from registry.ipfs.profiles import UNIXFS_V0_2015
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_tree, compute_cid, export

from .support import Kubo

CHUNK = UNIXFS_V0_2015.chunk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files around the edges of chunks and nodes, a folder in it, names that are not ASCII."""
    chance = random.Random(5)
    root = tmp_path / "tree"
    (root / "sub" / "below").mkdir(parents=True)
    sizes = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK)
    for size in sizes:
        (root / f"file of {size}").write_bytes(chance.randbytes(size))
    (root / "sub" / "été.txt").write_bytes(b"utf8\n")
    (root / "sub" / "below" / "deep.bin").write_bytes(chance.randbytes(1000))
    return root


def test_kubo_gives_files_the_same_cids(start_kubo: Callable[[], Kubo], tree: Path) -> None:
    kubo = start_kubo()
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            assert kubo.add(path, only_hash=True) == str(compute_cid(path, UNIXFS_V0_2015)), path.name


def test_kubo_gives_a_file_of_two_levels_the_same_cid(start_kubo: Callable[[], Kubo], tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(random.Random(6).randbytes(CHUNK) * (UNIXFS_V0_2015.width + 1) + b"end")
    assert start_kubo().add(path, only_hash=True) == str(compute_cid(path, UNIXFS_V0_2015))


def test_kubo_gives_trees_the_same_cids(start_kubo: Callable[[], Kubo], tree: Path) -> None:
    kubo = start_kubo()
    assert kubo.add(tree, only_hash=True) == str(compute_cid(tree, UNIXFS_V0_2015))
    assert kubo.add(tree / "sub") == str(compute_cid(tree / "sub", UNIXFS_V0_2015))


def test_kubo_shards_a_large_folder_into_the_same_cid(start_kubo: Callable[[], Kubo], tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(5000):
        (folder / f"an entry with a longer name {number:05}").write_bytes(b"x")
    assert start_kubo().add(folder, only_hash=True) == str(compute_cid(folder, UNIXFS_V0_2015))


def test_what_one_kubo_gets_from_another_by_bitswap_verifies_under_our_cid(
    start_kubo: Callable[[], Kubo], tree: Path, tmp_path: Path
) -> None:
    ours = add_tree(tree, LocalStore(tmp_path / "store"), UNIXFS_V0_2015)
    author, buyer = start_kubo(), start_kubo()
    assert author.add(tree) == str(ours.cid)
    buyer.connect(author)
    buyer.download(str(ours.cid), tmp_path / "got")
    assert compute_cid(tmp_path / "got", UNIXFS_V0_2015) == ours.cid
    export(ours.cid, LocalStore(tmp_path / "store"), tmp_path / "exported")
    for path in (path for path in (tmp_path / "exported").rglob("*") if path.is_file()):
        assert (tmp_path / "got" / path.relative_to(tmp_path / "exported")).read_bytes() == path.read_bytes()


def test_kubo_keeps_what_it_is_told_to(start_kubo: Callable[[], Kubo], tree: Path) -> None:
    kubo = start_kubo()
    cid = kubo.add(tree)
    assert kubo.call("PinCID", cid) == 0
    assert cid in kubo.call("ListPins")
    assert CID.parse(cid) == compute_cid(tree, UNIXFS_V0_2015)
