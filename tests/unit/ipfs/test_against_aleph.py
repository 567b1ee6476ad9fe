"""An independent implementation gives random files and trees the same CIDs (aleph-cid, in Rust).

It knows the two older layouts, and shards a folder that is exactly at the threshold, which the ratified rule does not;
folders here are below it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import aleph_cid
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015
from registry.ipfs.unixfs import compute_cid

CHUNK = UNIXFS_V0_2015.chunk

sizes = st.one_of(st.integers(0, 300), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7]))
files = st.tuples(sizes, st.integers(0, 255)).map(lambda drawn: bytes([drawn[1]]) * drawn[0])
names = st.text(st.sampled_from("abcXYZ019-_é漢 "), min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and not name.startswith(".")
)
trees = st.recursive(files, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=5), max_leaves=10).filter(
    lambda tree: isinstance(tree, dict)
)


def lay(tree: dict[str, Any], place: Path) -> None:
    place.mkdir()
    for name, item in tree.items():
        if isinstance(item, dict):
            lay(item, place / name)
        else:
            (place / name).write_bytes(item)


@settings(deadline=None, max_examples=60)
@given(trees)
def test_trees_have_the_same_cids(tree: dict[str, Any]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        lay(tree, folder / "tree")
        for version, profile in ((0, UNIXFS_V0_2015), (1, KUBO_V1)):
            theirs = aleph_cid.hash_folder(str(folder / "tree"), cid_version=version)
            assert theirs == str(compute_cid(folder / "tree", profile))
    finally:
        shutil.rmtree(folder)


@settings(deadline=None, max_examples=30)
@given(files)
def test_files_have_the_same_cids(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("file") / "file"
    path.write_bytes(data)
    assert aleph_cid.compute_cid(data) == str(compute_cid(path, UNIXFS_V0_2015))
