"""What cannot be published: a typed error with the path and the way out, and nothing in the store."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from registry.errors import InvalidContent
from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link
from registry.ipfs.names import link_fault, writing_fault
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.scan import open_readable
from registry.ipfs.store import MemoryStore, NullSink
from registry.ipfs.unixfs import add_file, add_tree, compute_cid, walk

MakeFolder = Callable[..., Path]


def refused(path: Path | str, match: str, **options: str) -> InvalidContent:
    """Add a path, which must fail and leave nothing."""
    store = MemoryStore()
    with pytest.raises(InvalidContent, match=match) as caught:
        add_tree(path, store, **options)  # type: ignore[arg-type]
    assert len(store) == 0
    with pytest.raises(InvalidContent, match=match):
        compute_cid(path, **options)  # type: ignore[arg-type]
    return caught.value


def test_a_missing_path(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent", "no such file").hint


@pytest.mark.parametrize("files", [{}, {".hidden": b"x"}, {"sub": None, "other/sub": None}, {"sub/.git/config": b"x"}])
def test_a_folder_without_files(folder: MakeFolder, files: dict[str, bytes | None]) -> None:
    path = folder(files)
    hint = refused(path, "no file in it").hint
    assert ("--hidden" in hint) == any("/." in f"/{name}" for name in files)
    assert compute_cid(path, allow_empty=True)


def test_an_unreadable_file(folder: MakeFolder, as_nobody: Callable[[], AbstractContextManager[None]]) -> None:
    path = folder({"a": b"1", "b": b"2"})
    (path / "b").chmod(0)
    with as_nobody():
        assert "permissions" in refused("content", "content/b.*cannot be read").hint
        with pytest.raises(InvalidContent, match="cannot be read"):
            add_file("content/b", NullSink())


def test_an_unreadable_folder(folder: MakeFolder, as_nobody: Callable[[], AbstractContextManager[None]]) -> None:
    path = folder({"a": b"1", "sub/b": b"2"})
    (path / "sub").chmod(0)
    try:
        with as_nobody():
            refused("content", "content/sub.*cannot be read")
    finally:
        (path / "sub").chmod(0o755)


def test_a_symbolic_link(folder: MakeFolder) -> None:
    path = folder({"a": b"1"})
    (path / "link").symlink_to("a")
    assert 'symlinks="keep"' in refused(path, "symbolic link to 'a'").hint


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "sub/../../outside", "..\\outside", "C:\\x"])
def test_a_link_out_of_the_folder_even_when_links_are_kept(folder: MakeFolder, target: str) -> None:
    path = folder({"a": b"1"})
    (path / "link").symlink_to(target)
    refused(path, "it is a link to", symlinks="keep")


def test_a_link_that_leads_out_through_another(folder: MakeFolder) -> None:
    path = folder({"a": b"1", "deep/er/b": b"2"})
    (path / "deep/er/top").symlink_to("../..")
    (path / "deep/er/out").symlink_to("top/..")
    assert link_fault("deep/er/out", b"top/..") is None  # its letters look harmless
    refused(path, "leads out of the folder", symlinks="keep")


def test_the_path_itself_may_be_a_link(folder: MakeFolder, tmp_path: Path) -> None:
    path = folder({"a": b"1"})
    (tmp_path / "link").symlink_to(path)
    assert compute_cid(tmp_path / "link") == compute_cid(path)
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / "loop", "cannot be read")


@pytest.mark.parametrize(
    "name",
    [
        b"back\\slash",
        b"new\nline",
        b"bell\x07",
        b"\x1b[2Jclear",
        "c1\u0085".encode(),
        b"latin-\xe9",
        b"nul",
        b"CON.csv",
        b"lpt1.tar.gz",
        b"aux .txt",
        b"dot.",
        b"space ",
        b" space",
        "\u202etxt.exe".encode(),
        "line\u2028".encode(),
    ],
)
def test_an_odd_name(folder: MakeFolder, name: bytes) -> None:
    path = folder({"good": b"1"})
    (path / os.fsdecode(name)).write_bytes(b"x")
    error = refused(path, "name")
    assert error.hint == "Rename it."
    str(error).encode("utf-8")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "\udcff"])
def test_a_name_that_no_disk_holds(name: str) -> None:
    assert writing_fault(name)


@pytest.mark.parametrize(
    "name", ["a", "été.txt", "a b", "con-text.csv", "nullable", "2026-01-01T00:00", "日本", "a..b"]
)
def test_a_usual_name_is_no_fault(name: str) -> None:
    assert writing_fault(name) is None


def test_all_that_is_wrong_with_a_folder_is_told_at_once(folder: MakeFolder) -> None:
    path = folder({"a\\b": b"x", "raw/line\nfeed": b"x", "raw/con": b"x", "good": b"x"})
    os.symlink("good", path / "link")
    error = refused(path, "and 3 more faults")
    told = str(error)
    for said in ("has a '\\\\' in it", "U+000A", "'con' is a device on Windows", "symbolic link to 'good'"):
        assert said in told, said
    for number in range(40):
        (path / f"{number}?{chr(0x200B)}").write_text("")
    assert "and 43 more faults" in str(refused(path, "more faults")) and len(str(refused(path, "more"))) < 3000


def test_a_file_that_a_link_replaces_is_not_followed(folder: MakeFolder) -> None:
    path = folder({"a": b"1"})
    (path / "link").symlink_to("a")
    with pytest.raises(InvalidContent, match="cannot be read"):
        open_readable(str(path / "link"))


def test_a_pipe(folder: MakeFolder) -> None:
    path = folder({"a": b"1"})
    os.mkfifo(path / "pipe")
    assert refused(path, "a pipe").hint


def test_a_socket(folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder({"a": b"1"})
    monkeypatch.chdir(path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        refused(path, "a socket")


def test_folders_nested_too_deep_to_be_read_again(folder: MakeFolder, tmp_path: Path) -> None:
    store = MemoryStore()
    deepest = add_tree(folder({"d/" * 32 + "a": b"1"}, "deep"), store)
    assert sum(1 for _ in walk(deepest.cid, store)) == 34
    assert refused(folder({"d/" * 33 + "a": b"1"}, "deeper"), "more than 32 deep").hint


def test_a_folder_where_a_file_is_meant(folder: MakeFolder) -> None:
    with pytest.raises(InvalidContent, match="not a file"):
        add_file(folder({"a": b"1"}), NullSink())


def test_a_text_stream_and_a_wrong_option(folder: MakeFolder) -> None:
    with pytest.raises(InvalidContent, match="stream of bytes"):
        add_file(io.StringIO("text"), NullSink())  # type: ignore[arg-type]
    refused(folder({"a": b"1"}), "symlinks='follow'", symlinks="follow")


def test_names_whose_hashes_are_equal() -> None:
    """Murmur3 keeps no secrets, so such a pair can be made; here the hash is simply given."""
    links = [(7, Link(CID.raw(b""), name, 0)) for name in (b"a", b"b")]
    with (
        Builder(NullSink(), UNIXFS_V1_2025, None) as builder,
        pytest.raises(InvalidContent, match="'a', 'b' are equal"),
    ):
        builder._shard(links, 0, "content")
