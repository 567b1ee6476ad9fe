"""Folders as age files: what shows, what is taken over from an interrupted run, and manifests of strangers."""

from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pyrage
import pytest

from registry.documents.canonical import canonical_bytes
from registry.documents.ddo import DDO, Content, ContentFile, Encryption
from registry.documents.ocean import from_ocean_v4
from registry.documents.ocean_export import to_ocean_v4
from registry.errors import BlockNotFound, FileNotInAsset, InvalidContent, InvalidDDO, Unverified, WrongKey
from registry.gated.gated_content import GatedContent
from registry.gated.identity import Identity
from registry.gated.sealing import SealedTree, seal_tree
from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID
from registry.ipfs.dag import links
from registry.ipfs.dagpb import Link
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.scan import LeftOutWarning
from registry.ipfs.store import MemoryStore
from registry.ipfs.traverse import traverse
from registry.ipfs.unixfs import add_file, export, walk

KEY = Identity.generate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "deep" / "er").mkdir(parents=True)
    (made / "empty").write_bytes(b"")
    (made / "small.csv").write_bytes(b"a,b\n1,2\n")
    (made / "deep" / "er" / "large.bin").write_bytes(bytes(range(256)) * 12_000)
    return made


def described(tree: SealedTree, *, hidden: bool = False, listed: bool = True, key: Identity = KEY) -> Content:
    files = tuple(ContentFile(path=file.path, size=file.size, cid=file.cid) for file in tree.files)
    return Content(
        cid=tree.cid,
        size=tree.size,
        profile=UNIXFS_V1_2025.name,
        files=files if listed else (),
        encryption=Encryption(recipient=key.recipient, key_version=1, hidden=hidden),
    )


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_a_folder_comes_back_as_it_was(folder: Path, hide: bool, listed: bool) -> None:
    store, seen = MemoryStore(), []
    tree = seal_tree(folder, store, KEY, hide=hide, progress=seen.append)
    opened = GatedContent(described(tree, hidden=hide, listed=listed), KEY, store)
    real = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {file.path: file.size for file in opened.files()} == {path: len(data) for path, data in real.items()}
    assert set(opened.folders()) == (set() if hide else {"", "deep", "deep/er"}), "only those that no file tells of"
    for path, data in real.items():
        with opened.file(path).open() as file:
            assert file.read() == data
            file.seek(len(data) // 2)
            assert file.read(10) == data[len(data) // 2 :][:10]
    assert seen[-1] == sum(map(len, real.values()))
    with pytest.raises(FileNotInAsset):
        opened.file("smal.csv")


@pytest.mark.parametrize("hide", [False, True])
def test_names_that_begin_with_a_dot_are_sealed_only_if_wanted(folder: Path, hide: bool) -> None:
    (folder / ".token").write_bytes(b"secret")
    for hidden in (False, True):
        store, wanted = MemoryStore(), {"hidden": True} if hidden else {}
        with nullcontext() if hidden else pytest.warns(LeftOutWarning):
            tree = seal_tree(folder, store, KEY, hide=hide, **wanted)
        opened = GatedContent(described(tree, hidden=hide, listed=not hide), KEY, store)
        assert (".token" in {file.path for file in opened.files()}) == hidden == (not tree.left_out)


@pytest.mark.parametrize("hide", [False, True])
def test_the_only_file_opens_without_its_name_and_of_several_none_does(
    folder: Path, tmp_path: Path, hide: bool
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "penguins.csv").write_bytes(b"a,b\n")
    store = MemoryStore()
    only, several = (
        GatedContent(described(seal_tree(path, store, KEY, hide=hide), hidden=hide), KEY, store)
        for path in (tmp_path / "one", folder)
    )
    assert only.file("").open().read() == b"a,b\n"
    with pytest.raises(FileNotInAsset):
        several.file("")


def test_hidden_names_and_sizes_do_not_show(folder: Path) -> None:
    store = MemoryStore()
    tree = seal_tree(folder, store, KEY, hide=True)
    assert sorted(entry.path for entry in walk(tree.cid, store)) == ["", "content.age", "manifest.age"]
    assert tree.files == ()
    assert not any(b"small.csv" in (block or b"") for _, block in traverse(tree.cid, store))
    with pytest.raises(InvalidDDO, match="hides"):
        described(SealedTree(tree.cid, tree.size, seal_tree(folder, store, KEY).files), hidden=True)


def test_any_age_tool_reads_a_file_once_the_key_is_had(folder: Path, tmp_path: Path) -> None:
    store = MemoryStore()
    export(seal_tree(folder, store, KEY).cid, store, tmp_path / "out")
    key = pyrage.x25519.Identity.from_str(KEY.reveal())
    pyrage.decrypt_file(str(tmp_path / "out" / "small.csv.age"), str(tmp_path / "plain.csv"), [key])
    assert (tmp_path / "plain.csv").read_bytes() == (folder / "small.csv").read_bytes()


def test_the_same_file_twice_does_not_look_the_same(folder: Path) -> None:
    (folder / "copy.csv").write_bytes((folder / "small.csv").read_bytes())
    files = {file.path: file.cid for file in seal_tree(folder, MemoryStore(), KEY).files}
    assert files["copy.csv"] != files["small.csv"]


@pytest.mark.parametrize("hide", [False, True])
def test_an_interrupted_run_goes_on_and_seals_only_what_changed(folder: Path, hide: bool) -> None:
    store, done = MemoryStore(), {}
    first = seal_tree(folder, store, KEY, hide=hide, done=done)
    assert seal_tree(folder, store, KEY, hide=hide, done=done).cid == first.cid
    (folder / "small.csv").write_bytes(b"a,b\n1,3\n")
    second = seal_tree(folder, store, KEY, hide=hide, done=done)
    assert second.cid != first.cid
    opened = GatedContent(described(second, hidden=hide), KEY, store)
    assert opened.file("small.csv").open().read() == b"a,b\n1,3\n"
    if not hide:
        before, after = ({file.path: file.cid for file in tree.files} for tree in (first, second))
        assert [path for path in before if before[path] != after[path]] == ["small.csv"]


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("changed", [b"a,b\n1,2\n3,4\n", b"a,b\n", b""])
def test_a_file_that_grew_or_shrank_between_two_runs_is_sealed_anew(folder: Path, hide: bool, changed: bytes) -> None:
    store, done, seen = MemoryStore(), {}, [0]
    seal_tree(folder, store, KEY, hide=hide, done=done)
    (folder / "small.csv").write_bytes(changed)
    tree = seal_tree(folder, store, KEY, hide=hide, done=done, progress=seen.append)
    assert GatedContent(described(tree, hidden=hide), KEY, store).file("small.csv").open().read() == changed
    assert seen[-1] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), "none counted twice"
    assert tree.size == sum(entry.size for entry in walk(tree.cid, store) if entry.kind == "file")


def test_a_file_whose_blocks_were_lost_is_sealed_anew(folder: Path) -> None:
    done: dict[str, Any] = {}
    seal_tree(folder, MemoryStore(), KEY, done=done)
    store = MemoryStore()
    tree = seal_tree(folder, store, KEY, done=done)
    assert GatedContent(described(tree), KEY, store).file("small.csv").open().read() == b"a,b\n1,2\n"


def test_names_that_would_meet_are_refused(folder: Path) -> None:
    (folder / "x.age").mkdir()
    (folder / "x.age" / "inside").write_text("1")
    (folder / "x").write_text("2")
    with pytest.raises(InvalidContent, match=r"differ by \.age"):
        seal_tree(folder, MemoryStore(), KEY)


# --- What strangers make ---------------------------------------------------------------------------


def hidden_tree(store: MemoryStore, manifest: Any, content: bytes = b"0123456789") -> Content:
    """Hidden content with whatever manifest."""
    recipient = pyrage.x25519.Recipient.from_str(KEY.recipient)
    text = manifest if isinstance(manifest, bytes) else canonical_bytes(manifest)
    made = []
    for name, data in (("content.age", content), ("manifest.age", text)):
        added = add_file(io.BytesIO(pyrage.encrypt(data, [recipient])), store)
        made.append(Link(added.cid, name.encode(), added.dag_size))
    with Builder(store, UNIXFS_V1_2025, None) as builder:
        return described(SealedTree(builder.folder(made, "")[0], 500, ()), hidden=True)


@pytest.mark.parametrize(
    "path",
    ["../outside", "/etc/passwd", "a/../../b", "..", ".", "a//b", "a/./b", "a\\b", "", "a\0b", "a\nb", "x/", "‮txt"],
)
def test_a_manifest_with_a_path_that_leads_out_is_refused(path: str) -> None:
    store = MemoryStore()
    content = hidden_tree(store, {"version": 1, "files": [{"path": path, "size": 10}]})
    with pytest.raises(Unverified, match="manifest has the path"):
        GatedContent(content, KEY, store)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ([{"path": "a", "size": 11}], "11 bytes"),
        ([{"path": "a", "size": 9}], "9 bytes"),
        ([{"path": "a", "size": -1}, {"path": "b", "size": 11}], "no size"),
        ([{"path": "a", "size": True}], "no size"),
        ([{"path": "a", "size": 1.5}], "no size"),
        ([{"path": "a", "size": 5}, {"path": "a", "size": 5}], "twice"),
        ([{"path": "a", "size": 5}, {"path": "a/b", "size": 5}], "below the file"),
        ([5], "path"),
    ],
)
def test_a_manifest_that_contradicts_itself_or_its_content_is_refused(files: Any, fault: str) -> None:
    store = MemoryStore()
    with pytest.raises(Unverified, match=fault):
        GatedContent(hidden_tree(store, {"version": 1, "files": files}), KEY, store)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version":2,"files":[]}', b"[" * 5000 + b"]" * 5000, b"\xff"])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    store = MemoryStore()
    with pytest.raises(Unverified, match="manifest"):
        GatedContent(hidden_tree(store, text), KEY, store)


def test_files_of_another_version_do_not_open_in_this_one(folder: Path) -> None:
    store, old = MemoryStore(), Identity.generate()
    now, before = seal_tree(folder, store, KEY), seal_tree(folder, store, old)
    swapped = SealedTree(now.cid, now.size, before.files)
    with pytest.raises(WrongKey):
        GatedContent(described(swapped), KEY, store).file("small.csv")


def test_a_size_in_the_document_that_is_not_the_file_s_is_refused(folder: Path) -> None:
    store = MemoryStore()
    tree = seal_tree(folder, store, KEY)
    content = described(tree)
    smaller = [file.with_changes(size=file.size - 1) if file.size else file for file in content.files]
    with pytest.raises(Unverified, match="it says"):
        GatedContent(content.with_changes(files=smaller), KEY, store).file("small.csv")


def test_a_block_that_is_missing_is_missed_and_not_read_as_the_end(folder: Path) -> None:
    store, half = MemoryStore(), MemoryStore()
    tree = seal_tree(folder, store, KEY)
    blocks = [(cid, block) for cid, block in traverse(tree.cid, store) if block is not None]
    large = next(file.cid for file in tree.files if file.path.endswith("large.bin"))
    lost = links(large, store.get(large))[1]
    for cid, block in blocks:
        if cid != lost:
            half.put(cid, block)
    with pytest.raises(BlockNotFound):
        opened = GatedContent(described(tree), KEY, half)
        for file in opened.files():
            opened.file(file.path).open().read()


# --- The document ----------------------------------------------------------------------------------

_G = {"url": "https://a.example", "recipient": KEY.recipient, "signer": "0x" + "0" * 39 + "1"}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"threshold": 2}, "/threshold"),
        ({"threshold": 0}, "/threshold"),
        ({"recipient": "age1nope"}, "/recipient"),
        ({"keyVersion": 0}, "/keyVersion"),
        ({"format": "age-encryption.org/v2"}, "/format"),
        ({"gateways": [_G, _G]}, "/gateways/1/url"),
        ({"gateways": [{**_G, "url": "http://a.example"}]}, "/gateways/0/url"),
        ({"gateways": [{**_G, "url": "https://a.example/"}]}, "/gateways/0/url"),
        ({"gateways": [{**_G, "url": "https://me:secret@a.example"}]}, "/gateways/0/url"),
        ({"gateways": [{**_G, "url": "file:///etc"}]}, "/gateways/0/url"),
        ({"gateways": [{**_G, "signer": "0x1"}]}, "/gateways/0/signer"),
        ({"gateways": [_G] * 17}, "/gateways"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_each_fault_of_the_encryption_part_is_named(changes: dict[str, Any], fault: str) -> None:
    good = {"recipient": KEY.recipient, "keyVersion": 1}
    with pytest.raises(InvalidDDO) as refused:
        Encryption(**{**good, **changes})
    assert [found for found in refused.value.faults if found.pointer.startswith(fault)], refused.value


def test_the_encryption_part_survives_the_way_through_ocean_s_document() -> None:
    encryption = Encryption(recipient=KEY.recipient, key_version=3, gateways=[_G], hidden=True)
    content = Content(cid=CID.raw(b"x"), size=1, profile="unixfs-v1-2025", encryption=encryption)
    ddo = DDO(
        type="dataset",
        name="Penguins",
        description="Gated penguins",
        author="Gorman",
        license="CC0-1.0",
        created="2026-11-23T17:00:00Z",
        content=content,
    )
    assert DDO.from_bytes(ddo.to_bytes()) == ddo
    did = "did:nft:eip155:1_erc721:0x" + "ab" * 20 + "_1"
    assert from_ocean_v4(to_ocean_v4(ddo, did=did)).ddo.content == content
