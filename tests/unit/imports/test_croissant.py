"""Imports of Croissant documents: what they promise is what comes in, and nothing leads anywhere else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imports.shelf import Shelf, standing
from registry.errors import (
    ImportFailed,
    InputError,
    InvalidContent,
    LicenceUnclear,
    PrivateAddress,
    SourceDiffers,
    SourceNotFound,
    Unavailable,
)
from registry.imports.bringing import Imported
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import compute_cid, export

from .support import LARGE, PENGUINS

Take = Callable[..., Imported]
CSV = PENGUINS.read_bytes()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(url: str, **more: Any) -> dict[str, Any]:
    return {"@type": "cr:FileObject", "@id": url, "contentUrl": url, "encodingFormat": "text/csv", **more}


def document(*entries: Any, **more: Any) -> bytes:
    about = {
        "@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/"},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "Palmer penguins",
        "description": "Adult penguins\nof three species.",
        "license": "https://creativecommons.org/publicdomain/zero/1.0/",
        "distribution": list(entries),
    }
    return json.dumps({**about, **more}).encode()


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with standing() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A document of two files beside it, with hashes."""
    place = tmp_path / "beside"
    (place / "data").mkdir(parents=True)
    (place / "penguins.csv").write_bytes(CSV)
    (place / "data" / "measured.bin").write_bytes(LARGE)
    (place / "croissant.json").write_bytes(
        document(
            entry("penguins.csv", sha256=sha256(CSV), contentSize=f"{len(CSV)} B"),
            entry("./data/measured.bin", md5=hashlib.md5(LARGE).hexdigest()),
            {"@type": "cr:FileSet", "@id": "all-csv", "includes": "*.csv"},
            entry("inside.csv", containedIn={"@id": "archive.zip"}),
            keywords=["birds", "antarctica, ice"],
            version="1.2.0",
            citeAs="Gorman et al. (2014)",
            creator={"@type": "sc:Person", "name": "Ada Penguin"},
            url="https://example.org/penguins",
        )
    )
    return place


# --- What comes in -------------------------------------------------------------------------------


def test_a_document_and_its_files_come_in_and_say_what_they_are(take: Take, folder: Path, store: LocalStore) -> None:
    got = take(f"croissant:{folder / 'croissant.json'}")
    assert got.added is not None and [pin.cid for pin in store.pins()] == [got.added.cid]
    assert got.added.cid == compute_cid(folder), "it is the folder"
    assert (got.type, got.license, got.files) == ("dataset", "CC0-1.0", 3)
    assert got.left_out == ("all-csv", "inside.csv")
    assert got.notes[0].startswith("1 of its files are promised by MD5") and "2 entries" in got.notes[1]
    assert got.fields == {
        "name": "Palmer penguins",
        "description": "Adult penguins of three species.",
        "tags": ["birds", "antarctica", "ice"],
        "author": "Ada Penguin",
        "external_url": "https://example.org/penguins",
        "additional": {
            "source": {
                "type": "croissant",
                "repository": "croissant.json",
                "revision": sha256((folder / "croissant.json").read_bytes()),
                "checked": "every file, by the hash that its source promised before it was fetched",
            },
            "version": "1.2.0",
            "citation": "Gorman et al. (2014)",
        },
    }


def test_a_file_and_an_address_give_the_same_content_anywhere(take: Take, folder: Path, shelf: Shelf) -> None:
    shelf.files = {f"/set/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.*")}
    (folder / "croissant.json").rename(folder / "other.json")
    ways = (f"{shelf.url}/set/croissant.json?token=secret", str(folder / "other.json"))
    got = [take(f"croissant:{way}", store=MemoryStore(), home=None).added for way in ways]
    assert got[0] is not None and got[0] == got[1]
    assert "secret" not in str(take(f"croissant:{ways[0]}", dry_run=True))


def test_what_lies_at_addresses_opens_from_the_folder_afterwards(
    take: Take, shelf: Shelf, store: LocalStore, tmp_path: Path
) -> None:
    digest = base64.b64encode(hashlib.sha256(CSV).digest()).decode()
    shelf.files["/a/b.csv"] = shelf.files["/c.csv"] = CSV
    original = document(
        entry(f"{shelf.url}/a/b.csv?download=1", name="measurements", sha256=digest),
        {"@type": "https://schema.org/FileObject", "sc:name": "c.csv", "sc:contentUrl": f"{shelf.url}/c.csv"},
    )
    shelf.files["/doc"] = original
    got = take(f"croissant:{shelf.url}/doc")
    assert got.added is not None and got.unchecked == ("c.csv",)
    assert got.fields["additional"]["source"]["checked"].startswith("all but 1 files")
    export(got.added.cid, store, tmp_path / "out")
    assert (tmp_path / "out" / "measurements.csv").read_bytes() == CSV
    assert (tmp_path / "out" / "croissant.original.json").read_bytes() == original
    entries = json.loads((tmp_path / "out" / "croissant.json").read_bytes())["distribution"]
    assert (entries[0]["contentUrl"], entries[0]["sameAs"]) == ("measurements.csv", [f"{shelf.url}/a/b.csv?download=1"])
    assert (entries[1]["sc:contentUrl"], entries[1]["sc:sameAs"]) == ("c.csv", [f"{shelf.url}/c.csv"])
    assert take(f"croissant:{tmp_path / 'out' / 'croissant.json'}").files == 3, "and it can be imported from there"


def test_a_cut_is_resumed_at_the_byte_and_a_stopped_import_goes_on(take: Take, shelf: Shelf) -> None:
    shelf.files["/large.bin"] = LARGE
    shelf.files["/doc"] = document(entry("large.bin", sha256=sha256(LARGE)))  # nobody says how large it is
    shelf.cuts["/large.bin"] = [2_000_000, 1_000_000]

    def stop(what: str, done: int, total: int) -> None:
        if done > 4 * 2**20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(f"croissant:{shelf.url}/doc", progress=stop)
    before = len(shelf.asked)
    got = take(f"croissant:{shelf.url}/doc")
    assert got.added is not None
    assert [wanted for path, wanted in shelf.asked[before:] if path == "/large.bin"] == [f"bytes={4 * 2**20}-"]
    before = len(shelf.asked)
    assert take(f"croissant:{shelf.url}/doc").added == got.added
    assert [path for path, _ in shelf.asked[before:]] == ["/doc", "/large.bin"], "it asks whether that was all"


# --- A document that lies ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"sha256": "0" * 64}, "has the sha256"),
        ({"md5": "0" * 32}, "has the md5"),
        ({"contentSize": f"{len(CSV) - 1} B"}, "is longer than"),
        ({"contentSize": str(len(CSV) + 1)}, "ends before byte"),
        ({"contentSize": "1 kB"}, "is longer than"),
    ],
)
def test_another_hash_or_size_is_refused(
    more: dict[str, str], told: str, take: Take, shelf: Shelf, store: LocalStore
) -> None:
    shelf.files = {"/penguins.csv": CSV, "/doc": document(entry("penguins.csv", **more))}
    with pytest.raises(SourceDiffers, match=told):
        take(f"croissant:{shelf.url}/doc")
    assert store.pins() == ()


def test_a_file_without_a_hash_that_changes_between_two_parts_is_refused(take: Take, shelf: Shelf) -> None:
    tags = iter(["", '"1"', '"2"'])
    shelf.files, shelf.cuts, shelf.tag = {"/large.bin": LARGE}, {"/large.bin": [100_000]}, lambda: next(tags)
    shelf.files["/doc"] = document(entry("large.bin"))
    with pytest.raises(SourceDiffers, match="changed while it was fetched"):
        take(f"croissant:{shelf.url}/doc")


def test_a_body_without_end_is_left(take: Take, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.endless = {"/endless.bin", "/no-end"}
    shelf.files["/doc"] = document(entry("endless.bin", contentSize="2 MB"))
    with pytest.raises(SourceDiffers, match="is longer than"):
        take(f"croissant:{shelf.url}/doc")
    with pytest.raises(ImportFailed, match="The size of the answer"):
        take(f"croissant:{shelf.url}/no-end")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"[" * 100_000, "nested deeper"),
        (b'{"@type": "sc:Dataset", "distribution": [' + b"1," * 600_000 + b"1]}", "more than 524,288 values"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"@type": "sc:Dataset", "name": 1, "name": 2}', "more than once"),
        (b'{"@type": "sc:Person"}', "no Croissant document"),
        (document("penguins.csv"), "its distribution has 'penguins.csv'"),
        (document({**entry("a.csv"), "sc:contentUrl": "b.csv"}), "twice, with different prefixes"),
        (document(), "it names no file"),
        (document(entry("file:///etc/passwd")), "it names no file"),
        (document(entry("http://example.org/a.csv")), "it names no file"),
        (document(entry("https://[")), "it names no file"),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, told: str, take: Take, tmp_path: Path) -> None:
    (tmp_path / "doc.json").write_bytes(data)
    with pytest.raises(ImportFailed, match=told):
        take(f"croissant:{tmp_path / 'doc.json'}")


def test_a_hundred_thousand_files_are_refused_before_one_is_fetched(take: Take, shelf: Shelf) -> None:
    shelf.files["/doc"] = document(*({"@type": "cr:FileObject", "contentUrl": f"{n}.csv"} for n in range(100_000)))
    with pytest.raises(ImportFailed, match="more than 20,000 files"):
        take(f"croissant:{shelf.url}/doc")
    assert [path for path, _ in shelf.asked] == ["/doc"]


# --- Where it leads ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "../out.csv",
        "/etc/passwd",
        "a/../../b",
        "%2e%2e/b",
        "a/%2e%2e%2fb",
        "a\\..\\b",
        "a//b",
        "a?b",
        "a#b",
        "a%00/../b",
    ],
)
def test_a_path_stays_in_the_folder_of_the_document(url: str, take: Take, shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "doc.json").write_bytes(document(entry(url)))
    shelf.files["/set/doc"] = document(entry(url))
    for source in (tmp_path / "doc.json", f"{shelf.url}/set/doc"):
        with pytest.raises(InvalidContent):
            take(f"croissant:{source}")
    assert [path for path, _ in shelf.asked] == ["/set/doc"]


def test_a_link_or_a_pipe_beside_the_document_is_not_read(take: Take, tmp_path: Path) -> None:
    place = tmp_path / "set"
    place.mkdir()
    (tmp_path / "secret").write_text("mine")
    (place / "data.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(place / "pipe")
    for url, error in (("data.csv", InvalidContent), ("pipe", SourceNotFound), ("missing.csv", SourceNotFound)):
        (place / "doc.json").write_bytes(document(entry(url)))
        with pytest.raises(error):
            take(f"croissant:{place / 'doc.json'}")
    with pytest.raises(SourceNotFound, match="no such file"):
        take(f"croissant:{place / 'pipe'}")


@pytest.mark.parametrize("name", ["../x.csv", "a\\b.csv", "con.csv", "a\u202eb.csv", "croissant.json"])
def test_names_that_some_system_cannot_hold_are_refused(name: str, take: Take, tmp_path: Path) -> None:
    (tmp_path / "doc.json").write_bytes(document(entry("https://example.org/x.csv", name=name)))
    with pytest.raises(InvalidContent):
        take(f"croissant:{tmp_path / 'doc.json'}", hidden=True)


@pytest.mark.parametrize("twins", [("a.csv", "A.csv"), ("e\u0301.csv", "\u00e9.csv"), ("a.csv", "a.csv")])
def test_two_files_of_one_name_are_refused(twins: tuple[str, str], take: Take, tmp_path: Path) -> None:
    entries = [entry(f"https://example.org/{n}.csv", name=name) for n, name in enumerate(twins)]
    (tmp_path / "doc.json").write_bytes(document(*entries))
    with pytest.raises(InvalidContent):
        take(f"croissant:{tmp_path / 'doc.json'}")


def test_nobody_is_sent_inside_and_no_context_is_fetched(take: Take, shelf: Shelf, tmp_path: Path) -> None:
    place = tmp_path / "doc.json"
    for url in ("https://169.254.169.254/latest", "https://10.0.0.1/x", "https://[::ffff:127.0.0.1]/x"):
        place.write_bytes(document(entry(url)))
        with pytest.raises(PrivateAddress):
            take(f"croissant:{place}")
    shelf.files["/doc"] = document(entry("a.csv"), **{"@context": f"{shelf.url}/context"})
    for target in ("http://169.254.169.254/x", "file:///etc/passwd", "https://user:word@example.org/x"):
        shelf.sends["/a.csv"] = target
        with pytest.raises((PrivateAddress, ImportFailed)):
            take(f"croissant:{shelf.url}/doc")
    assert "/context" not in [path for path, _ in shelf.asked]
    shelf.sends["/a.csv"] = f"{shelf.url}/a.csv"
    with pytest.raises(ImportFailed, match="in circles"):
        take(f"croissant:{shelf.url}/doc")


@pytest.mark.parametrize("source", ["", "file:///etc/passwd", "http://example.org/doc", "https://me:word@x.org/doc"])
def test_an_address_that_is_none_is_refused_before_anybody_is_asked(source: str, take: Take) -> None:
    with pytest.raises(InputError) as caught:
        take(f"croissant:{source}")
    assert "word" not in str(caught.value)


def test_a_server_that_is_not_there_is_waited_for_and_told(take: Take, tmp_path: Path) -> None:
    with standing() as gone:
        pass
    with pytest.raises(Unavailable) as caught:
        take(f"croissant:{gone.url}/doc")
    assert "try again" in caught.value.hint and "source" not in caught.value.hint


# --- Its licence ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("licence", "reference"),
    [
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/deed.en", "CC-BY-NC-SA-4.0"),
        ("http://www.apache.org/licenses/LICENSE-2.0.txt", "Apache-2.0"),
        ("https://spdx.org/licenses/MIT.html", "MIT"),
        ("https://opendatacommons.org/licenses/odbl/1-0/", "ODbL-1.0"),
        (
            {"@type": "CreativeWork", "name": "CC BY", "url": "https://creativecommons.org/licenses/by/4.0/"},
            "CC-BY-4.0",
        ),
        ("cc-by-4.0", "CC-BY-4.0"),
    ],
)
def test_the_address_of_a_licence_is_one_of_spdx(licence: Any, reference: str, take: Take, folder: Path) -> None:
    (folder / "croissant.json").write_bytes(document(entry("penguins.csv"), license=licence))
    assert take(f"croissant:{folder / 'croissant.json'}", dry_run=True).license == reference


def test_another_address_is_read_by_the_user_first(take: Take, folder: Path) -> None:
    source, terms = f"croissant:{folder / 'croissant.json'}", "https://example.org/terms"
    (folder / "croissant.json").write_bytes(document(entry("penguins.csv"), license=terms))
    with pytest.raises(LicenceUnclear, match=r"example\.org/terms.*--accept-licence"):
        take(source)
    got = take(source, accept_licence=True, dry_run=True)
    assert (got.license, got.fields["additional"]["licenceUrl"]) == (terms, terms)
    (folder / "croissant.json").write_bytes(document(entry("penguins.csv"), license=["mit", "cc0-1.0"]))
    with pytest.raises(LicenceUnclear, match="several"):
        take(source)
