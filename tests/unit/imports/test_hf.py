"""Imports from the Hugging Face Hub: what comes in is what the hub promised, or nothing does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imports.hub import Hub
from registry.errors import (
    ImportFailed,
    InputError,
    InvalidContent,
    PrivateAddress,
    SourceClosed,
    SourceDiffers,
    SourceNotFound,
    Unavailable,
)
from registry.imports.bringing import Imported
from registry.imports.fetching import Notes
from registry.imports.runnable import CodeWarning
from registry.ipfs.scan import LeftOutWarning
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import cat, compute_cid

from .support import LARGE, disk, written

Take = Callable[..., Imported]
SOURCE = "hf:datasets/acme/penguins"
BIG = "data/measured.bin"


# --- What comes in -------------------------------------------------------------------------------


def test_an_import_is_the_folder_and_its_document_names_the_commit(
    take: Take, hub: Hub, penguins: str, files: dict[str, bytes], store: LocalStore, tmp_path: Path
) -> None:
    got = take(SOURCE)
    assert got.added is not None and [pin.cid for pin in store.pins()] == [got.added.cid]
    with pytest.warns(LeftOutWarning):
        assert got.added.cid == compute_cid(written(files, tmp_path / "folder"))
    assert (got.type, got.license, got.left_out, got.unchecked) == ("dataset", "CC0-1.0", (".gitattributes",), ())
    assert got.fields == {
        "name": "Palmer penguins",
        "description": "Measurements of 344 adult penguins of three species.",
        "tags": ["birds", "antarctica", "tabular-classification"],
        "author": "acme",
        "additional": {
            "source": {
                "type": "hf",
                "repository": "datasets/acme/penguins",
                "revision": penguins,
                "checked": "every file, by the hash that its source promised before it was fetched",
            },
            "languages": ["en"],
            "tasks": ["tabular-classification"],
            "sizes": ["n<1K"],
        },
    }


def test_branch_tag_and_commit_give_the_same_on_any_machine(take: Take, hub: Hub, penguins: str) -> None:
    hub.repositories["datasets", "acme/penguins"].branches |= {"v1": penguins, "refs/pr/1": penguins}
    ways = ("", "@main", "@v1", "@refs/pr/1", f"@{penguins}")
    got = [take(SOURCE + way, store=MemoryStore(), home=None) for way in ways]
    assert len({(one.added.cid, one.origin, str(one.fields)) for one in got if one.added}) == 1
    assert take("hf:acme/penguins").origin == take("hf:acme/penguins", type="dataset").origin == got[0].origin


def test_hidden_names_and_parts_are_taken_as_told(
    take: Take, penguins: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    whole = take(SOURCE, hidden=True).added
    assert whole is not None and whole.cid == compute_cid(written(files, tmp_path / "folder"), hidden=True)
    part = take(SOURCE, include=("*.csv",))
    assert part.added is not None and [file.path for file in part.added.files] == ["data/penguins.csv"]
    assert set(part.left_out) == {".gitattributes", "README.md", BIG}
    with pytest.raises(InvalidContent, match="none of its files is taken"):
        take(SOURCE, include=("*.parquet",))


def test_a_dry_run_fetches_the_card_alone(take: Take, hub: Hub, penguins: str, store: LocalStore) -> None:
    got = take(SOURCE, dry_run=True)
    assert got.added is None and got.files == 3 and got.fields["name"] == "Palmer penguins"
    assert not hub.gets("measured.bin") and not hub.gets("penguins.csv") and list(store) == []


def test_a_list_on_many_pages_is_read_to_its_end(take: Take, hub: Hub) -> None:
    files = {"README.md": b"---\nlicense: mit\n---\n", **{f"part-{n:03}/{n}.txt": b"%d" % n for n in range(60)}}
    hub.repository("acme/many", files)
    hub.page = 7
    got = take("hf:datasets/acme/many")
    assert got.files == 61 and got.added is not None
    assert {file.path for file in got.added.files} == set(files)


def test_there_is_no_second_copy_on_the_disk(take: Take, hub: Hub, tmp_path: Path) -> None:
    files = {"README.md": b"---\nlicense: mit\n---\n", "all.bin": os.urandom(16 * 2**20)}
    hub.repository("acme/large", files)
    got = take("hf:datasets/acme/large")
    assert disk(tmp_path / "home") <= 1.02 * got.size


def test_a_file_that_is_there_twice_is_fetched_once(take: Take, hub: Hub) -> None:
    hub.repository("acme/twice", {"README.md": b"---\nlicense: mit\n---\n", "a.bin": LARGE, "b.bin": LARGE})
    take("hf:datasets/acme/twice")
    assert len([one for one in hub.asked if one.path.startswith("/cdn/")]) == 1


def test_what_is_going_to_be_encrypted_is_written_to_a_folder_and_to_no_block(
    take: Take, hub: Hub, penguins: str, store: LocalStore, tmp_path: Path
) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    hub.faults["measured.bin"] = [1_000_000]
    assert take(SOURCE, folder=folder).added is None and list(store) == []
    assert compute_cid(folder) == take(SOURCE, store=MemoryStore(), home=None).added.cid  # type: ignore[union-attr]
    hub.faults["data/penguins.csv"] = [flipped]
    (tmp_path / "other").mkdir()
    with pytest.raises(SourceDiffers):
        take(SOURCE, folder=tmp_path / "other")


# --- Lines that break ----------------------------------------------------------------------------


def test_three_cuts_cost_three_more_requests_and_no_byte_twice(take: Take, hub: Hub, penguins: str) -> None:
    hub.faults["measured.bin"] = [2_000_000, 1_000_000, 500_000]
    assert take(SOURCE).added is not None
    starts = [int(one.headers.get("range", "bytes=0-")[6:-1]) for one in hub.asked if one.path.startswith("/cdn/")]
    assert len(starts) == 4 and starts == sorted(starts)
    # What a cut lost is what was on its way: not a whole megabyte in all.
    sent = [starts[0] + 2_000_000, starts[1] + 1_000_000, starts[2] + 500_000]
    assert sum(end - start for end, start in zip(sent, starts[1:], strict=True)) <= 2**20


def test_a_stopped_import_goes_on_where_it_was(
    take: Take, hub: Hub, penguins: str, store: LocalStore, tmp_path: Path
) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if done > 3 * 2**20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(SOURCE, progress=stop)
    assert store.pins() == ()
    before = len(hub.asked)
    got = take(SOURCE)
    again = [one for one in hub.asked[before:] if one.path.startswith("/cdn/")]
    assert [one.headers.get("range") for one in again] == [f"bytes={3 * 2**20}-"]
    assert got.added is not None
    file = next(file for file in got.added.files if file.path == BIG)
    assert b"".join(cat(file.cid, store)) == LARGE
    before = len(hub.asked)
    assert take(SOURCE).added == got.added
    assert not [one for one in hub.asked[before:] if one.path.startswith("/cdn/")], "all of it was there"


def test_a_chunk_that_was_damaged_meanwhile_is_fetched_again(
    take: Take, hub: Hub, penguins: str, store: LocalStore
) -> None:
    got = take(SOURCE).added
    assert got is not None
    chunk = next(cid for cid in store if len(store.get(cid)) == 2**20)
    store.file_of(chunk).write_bytes(b"rot")
    assert take(SOURCE).added == got and store.get(chunk)
    assert take(SOURCE).added == got


def test_a_torn_line_of_notes_is_passed_over(tmp_path: Path) -> None:
    with Notes.at(tmp_path, "hf:x") as notes:
        path = notes._path
    assert path is not None
    path.write_text("sha256:ab:1 bafkreiczauf36efkgoxwncbflqbzmglem25y4gljs5cqtovuc5xi4276nm\nsha256:ab:1 bafkr")
    with Notes.at(tmp_path, "hf:x") as notes:
        assert [len(chunks) for chunks in notes._chunks.values()] == [1]
        with pytest.raises(ImportFailed, match="another process imports it"), Notes.at(tmp_path, "hf:x"):
            pass


def test_a_busy_hub_is_waited_for_as_long_as_it_asks_and_no_longer(take: Take, hub: Hub, penguins: str) -> None:
    hub.refusals = [(429, {"Retry-After": "2"}), (503, {}), (500, {})]
    assert take(SOURCE).added is not None
    hub.refusals = [(429, {"Retry-After": "3000"})]
    with pytest.raises(Unavailable) as caught:
        take(SOURCE)
    assert "try again" in caught.value.hint and "HF_ENDPOINT" in caught.value.hint and caught.value.retry_after == 3000
    hub.refusals = [(503, {})] * 6
    with pytest.raises(Unavailable, match="503"):
        take(SOURCE)


# --- A hub that lies -----------------------------------------------------------------------------


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize(
    ("path", "lie", "told"),
    [
        ("measured.bin", flipped, "has the sha256"),
        ("data/penguins.csv", flipped, "has the git-sha1"),
        ("measured.bin", lambda data: data + b"!", "is longer than"),
        ("data/penguins.csv", lambda data: data + b"!", "is longer than"),
        ("measured.bin", lambda data: flipped(data[: 2**20]) + data[2**20 :], "has the sha256"),
        (
            "data/penguins.csv",
            lambda data: (b"version https://git-lfs.github.com/spec/v1\n" + bytes(len(data)))[: len(data)],
            "has the git-sha1",
        ),
    ],
)
def test_a_changed_byte_and_another_size_are_refused(
    path: str, lie: Callable[[bytes], bytes], told: str, take: Take, hub: Hub, penguins: str, store: LocalStore
) -> None:
    hub.faults[path] = [lie]
    with pytest.raises(SourceDiffers, match=told) as caught:
        take(SOURCE)
    assert caught.value.path.endswith(path) and store.pins() == ()
    assert take(SOURCE).added is not None, "what was wrong is fetched again, all of it"


def test_a_file_that_ends_early_every_time_is_not_waited_for_without_end(take: Take, hub: Hub, penguins: str) -> None:
    hub.faults["data/penguins.csv"] = [lambda data: data[:100]] * 20
    with pytest.raises((SourceDiffers, Unavailable), match=r"penguins\.csv"):
        take(SOURCE)


def test_the_pointer_of_a_large_file_in_its_place_is_refused(take: Take, hub: Hub, penguins: str) -> None:
    sha = hashlib.sha256(LARGE).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {len(LARGE)}\n".encode()
    hub.faults["measured.bin"] = [lambda data: pointer] * 20
    with pytest.raises((SourceDiffers, Unavailable), match=r"measured\.bin"):
        take(SOURCE)


def test_a_file_of_another_commit_is_refused(take: Take, hub: Hub, penguins: str) -> None:
    hub.commit_said = "f" * 40
    with pytest.raises(SourceDiffers, match="is of commit ffff"):
        take(SOURCE)


def test_a_commit_other_than_the_one_asked_for_is_refused(take: Take, hub: Hub, penguins: str) -> None:
    repository = hub.repositories["datasets", "acme/penguins"]
    repository.branches["0" * 40] = penguins
    with pytest.raises(ImportFailed, match="another one was asked for"):
        take(f"{SOURCE}@{'0' * 40}")


@pytest.mark.parametrize(
    "path",
    ["../out.csv", "/etc/passwd", "a/../../b", "a//b", "a\\b", "con", "a\u202eb.csv", "x\n.csv", "end.",
     "a/" * 40 + "b", "n" * 1100],
)  # fmt: skip
def test_paths_leave_no_folder_and_can_be_held_anywhere(path: str, take: Take, hub: Hub, store: LocalStore) -> None:
    hub.repository("acme/odd", {"README.md": b"---\nlicense: mit\n---\n", path: b"1"})
    with pytest.raises(InvalidContent):
        take("hf:datasets/acme/odd", hidden=True)
    assert list(store) == []


@pytest.mark.parametrize(
    "twins", [("a.csv", "A.csv"), ("e\u0301.csv", "\u00e9.csv"), ("x/1.csv", "X/2.csv"), ("a", "a/b")]
)
def test_names_that_many_systems_take_for_one_are_refused(twins: tuple[str, str], take: Take, hub: Hub) -> None:
    hub.repository("acme/odd", {"README.md": b"---\nlicense: mit\n---\n", **dict.fromkeys(twins, b"1")})
    with pytest.raises(InvalidContent):
        take("hf:datasets/acme/odd")


@pytest.mark.parametrize(
    "entry",
    [None, {"type": "file"}, {"type": "file", "path": "x", "size": -1, "oid": "a" * 40}, {"path": "x", "size": 1},
     {"type": "file", "path": "x", "size": True, "oid": "a" * 40}, {"type": "file", "path": "x", "size": 1, "oid": "z"},
     {"type": "file", "path": "x", "size": 1, "lfs": {"oid": "a" * 40, "size": 1}}],
)  # fmt: skip
def test_a_list_without_hashes_is_refused(
    entry: Any, take: Take, hub: Hub, penguins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_tree", lambda *_: [entry])
    with pytest.raises(ImportFailed, match="its list of files has"):
        take(SOURCE)


# --- Where it leads, and whose token -------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("http://169.254.169.254/latest/meta-data", PrivateAddress),
        ("http://10.0.0.1/x", PrivateAddress),
        ("http://[::ffff:192.168.0.1]/x", PrivateAddress),
        ("file:///etc/passwd", ImportFailed),
        ("ftp://127.0.0.1/x", ImportFailed),
        ("http://user:word@127.0.0.1/x", ImportFailed),
    ],
)
def test_nobody_is_sent_inside(target: str, error: type[Exception], take: Take, hub: Hub, penguins: str) -> None:
    hub.elsewhere = target
    with pytest.raises(error):
        take(SOURCE)


def test_who_sends_in_circles_is_left(take: Take, hub: Hub, penguins: str) -> None:
    hub.elsewhere = f"{hub.url}/datasets/acme/penguins/resolve/{penguins}/README.md"
    with pytest.raises(ImportFailed, match="sends in circles"):
        take(SOURCE)


def test_the_token_goes_to_the_hub_and_nowhere_else(
    take: Take, hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repository("acme/shut", files, gated=True, private=True)
    with pytest.raises(SourceNotFound, match="name your token in HF_TOKEN"):
        take("hf:datasets/acme/shut")
    monkeypatch.setenv("HF_TOKEN", hub.TOKEN)
    got = take("hf:datasets/acme/shut")
    assert got.added is not None and hub.TOKEN not in repr(got)
    hub_port = int(hub.url.rpartition(":")[2])
    with_token = {one.port for one in hub.asked if "authorization" in one.headers}
    elsewhere = [one for one in hub.asked if one.port != hub_port]
    assert with_token == {hub_port} and elsewhere
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example.org")
    with pytest.raises(InputError, match=r"would go to hub\.example\.org in clear") as caught:
        take("hf:datasets/acme/shut")
    assert hub.TOKEN not in str(caught.value)


def test_what_is_shut_says_why(take: Take, hub: Hub, files: dict[str, bytes]) -> None:
    hub.repository("acme/gated", files, gated=True)
    with pytest.raises(SourceClosed, match=r"is restricted.*Ask for access at its page"):
        take("hf:datasets/acme/gated")
    hub.repository("acme/off", files, disabled=True)
    with pytest.raises(SourceClosed, match="is disabled"):
        take("hf:datasets/acme/off")
    with pytest.raises(SourceNotFound, match="revision 'v9'"):
        hub.repository("acme/open", files)
        take("hf:datasets/acme/open@v9")
    with pytest.raises(SourceNotFound):
        take("hf:acme/nothing")
    hub.repository("acme/open", files, kind="models")
    with pytest.raises(ImportFailed, match="one of models and datasets"):
        take("hf:acme/open")


@pytest.mark.parametrize(
    "source",
    ["hf:", "hf:../x", "hf:a/b/c", "hf:a b", "hf:acme/x@", "hf:acme/x@a..b", "hf:acme/x@-x", "s3://x", "acme/x"],
)
def test_a_name_that_is_none_is_refused_before_anybody_is_asked(source: str, take: Take, hub: Hub) -> None:
    with pytest.raises(InputError):
        take(source)
    assert hub.asked == []


# --- What runs code ------------------------------------------------------------------------------


def test_pickles_and_programs_are_warned_of(take: Take, hub: Hub) -> None:
    hub.repository(
        "acme/net",
        {"README.md": b"---\nlicense: mit\nbase_model: acme/base\ndatasets: [acme/penguins]\n---\n",
         "pytorch_model.bin": b"1", "model.safetensors": b"2", "modeling_net.py": b"3", "config.json": b"{}"},
        kind="models",
    )  # fmt: skip
    with pytest.warns(CodeWarning, match="sandbox"):
        got = take("hf:acme/net")
    assert got.warnings == (
        "There are pickles, which run code when they are loaded: 'pytorch_model.bin'.",
        "There are programs: 'modeling_net.py'.",
    )
    assert got.type == "model" and got.related == ("hf:models/acme/base", "hf:datasets/acme/penguins")
