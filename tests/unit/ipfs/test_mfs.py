"""Changing a folder that has a CID: each root is what adding the changed folder gives, and the old one stays."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import (
    BlockNotFound,
    FileNotInAsset,
    InputError,
    NotAFile,
    NotAFolder,
    RegistryError,
    WouldOverwrite,
)
from registry.ipfs.cid import CID
from registry.ipfs.mfs import FolderEdit
from registry.ipfs.profiles import KUBO_V1, UNIXFS_V0_2015, UNIXFS_V1_2025
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_tree, cat, compute_cid, walk

SMALL = replace(UNIXFS_V1_2025, chunk=10, width=3, hamt_threshold=300)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def contents(edit: FolderEdit, store: MemoryStore) -> dict[str, bytes]:
    return {entry.path: b"".join(cat(entry.cid, store)) for entry in walk(edit.root, store) if entry.kind == "file"}


@pytest.mark.parametrize("profile", [UNIXFS_V1_2025, UNIXFS_V0_2015, KUBO_V1, SMALL])
def test_the_new_root_is_that_of_the_changed_folder(
    store: MemoryStore, folder: Callable[..., Path], profile: object
) -> None:
    before = {"a.csv": b"1", "sub/b.csv": b"2" * 25, "sub/deep/c": b"3", "old": b"4"}
    root = add_tree(folder(before, "before"), store, profile).cid  # type: ignore[arg-type]
    edit = FolderEdit(root, store, profile)  # type: ignore[arg-type]
    edit.write("sub/b.csv", b"changed")
    edit.write("new/place/d", io.BytesIO(b"5" * 100), parents=True)
    edit.move("old", "sub/older")
    edit.remove("sub/deep", recursive=True)
    edit.mkdir("empty")
    after = {"a.csv": b"1", "sub/b.csv": b"changed", "sub/older": b"4", "new/place/d": b"5" * 100, "empty": None}
    assert edit.root == compute_cid(folder(after, "after"), profile)  # type: ignore[arg-type]
    assert FolderEdit(root, store).stat("old").kind == "file"


operations = st.lists(
    st.tuples(
        st.sampled_from(["write", "mkdir", "move", "remove", "over"]),
        st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "d"]),
        st.sampled_from(["a", "c", "d", "d/f", "e"]),
        st.integers(0, 30),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(operations)
def test_any_changes_do_what_they_do_to_a_folder_of_the_disk(steps: list[tuple[str, str, str, int]]) -> None:
    """Held against a dictionary of files."""
    store = MemoryStore()
    edit = FolderEdit(None, store, SMALL)
    plain: dict[str, bytes] = {}
    for act, path, to, number in steps:
        before = edit.root
        try:
            if act == "write":
                edit.write(path, b"x" * number, parents=True)
            elif act == "over":
                edit.write(path, b"yy", offset=number, parents=True, truncate=False)
            elif act == "mkdir":
                edit.mkdir(path, parents=True)
            elif act == "move":
                edit.move(path, to)
            else:
                edit.remove(path, recursive=True)
        except RegistryError:
            assert edit.root == before
            continue
        if act == "write":
            plain[path] = b"x" * number
        elif act == "over":
            old = plain.get(path, b"").ljust(number, b"\0")
            plain[path] = old[:number] + b"yy" + old[number + 2 :]
        elif act == "remove":
            plain = {at: data for at, data in plain.items() if not f"{at}/".startswith(f"{path}/")}
        elif act == "move":
            into = FolderEdit(before, store).root and _is_folder(before, to, store)
            goal = f"{to}/{path.rpartition('/')[2]}" if into else to
            plain = {goal + at[len(path) :] if f"{at}/".startswith(f"{path}/") else at: d for at, d in plain.items()}
    assert contents(edit, store) == plain


def _is_folder(root: CID, path: str, store: MemoryStore) -> bool:
    try:
        return FolderEdit(root, store).stat(path).kind == "folder"
    except FileNotInAsset:
        return False


def test_what_is_not_touched_is_not_read(store: MemoryStore, folder: Callable[..., Path]) -> None:
    root = add_tree(folder({"a/large.bin": b"x" * 1000, "b/c": b"1"}), store, SMALL).cid
    kept = MemoryStore()
    edit = FolderEdit(root, kept)
    for cid in (root, FolderEdit(root, store).stat("b").cid):
        kept.put(cid, store.get(cid))
    edit.write("b/d", b"2")
    with pytest.raises(BlockNotFound):
        list(edit.read("a/large.bin"))
    assert [entry.path for entry in edit.entries("b")] == ["c", "d"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda edit: edit.write("no/such/file", b""), FileNotInAsset),
        (lambda edit: edit.write("none", b"", create=False), FileNotInAsset),
        (lambda edit: edit.write("folder", b""), NotAFile),
        (lambda edit: edit.write("file/below", b""), NotAFolder),
        (lambda edit: edit.write("", b""), InputError),
        (lambda edit: edit.write("..", b""), InputError),
        (lambda edit: edit.write("folder/a\0b", b""), InputError),
        (lambda edit: edit.write("aux.txt", b""), InputError),
        (lambda edit: edit.mkdir("folder"), WouldOverwrite),
        (lambda edit: edit.mkdir("file", parents=True), WouldOverwrite),
        (lambda edit: edit.copy(CID.raw(b"nowhere"), "x"), BlockNotFound),
        (lambda edit: edit.copy(edit.root, "file"), WouldOverwrite),
        (lambda edit: edit.move("none", "x"), FileNotInAsset),
        (lambda edit: edit.move("folder", "folder/inside"), InputError),
        (lambda edit: edit.move("other", "file"), WouldOverwrite),
        (lambda edit: edit.move("file", "no/such/place"), FileNotInAsset),
        (lambda edit: edit.remove("none"), FileNotInAsset),
        (lambda edit: edit.remove("folder"), NotAFile),
        (lambda edit: list(edit.read("folder")), NotAFile),
        (lambda edit: edit.entries("file"), NotAFolder),
        (lambda edit: edit.stat("none"), FileNotInAsset),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    store: MemoryStore, change: Callable[[FolderEdit], object], error: type[Exception]
) -> None:
    edit = FolderEdit(None, store)
    edit.write("folder/inner", b"1", parents=True)
    edit.write("file", b"2")
    edit.write("other", b"3")
    before = edit.root
    with pytest.raises(error):
        change(edit)
    assert edit.root == before
