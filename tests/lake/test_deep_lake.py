"""Imports from Deep Lake with the real one: the bytes of a folder, or the columns of one version as arrays."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deeplake
import numpy as np
import pytest
from click.testing import CliRunner

from registry.cli import cli
from registry.errors import ImportFailed, InputError, LicenceUnclear, SourceNotFound
from registry.imports.bringing import Imported, bring
from registry.ipfs.arrays import open_arrays
from registry.ipfs.exporter import export
from registry.ipfs.store import LocalStore

SPECIES = ["Adelie", "Gentoo", "Chinstrap"]
MASS = [3750.0, 5000.0, 3700.0]
Take = Callable[..., Imported]


def made(folder: Path) -> str:
    """A data set of penguins, two of them in its first version, which is the tag v1; the id of its last version."""
    data = deeplake.create(str(folder))
    data.add_column("species", deeplake.types.Text())
    data.add_column("mass", deeplake.types.Float32())
    data.add_column("place", deeplake.types.Embedding(2))
    data.add_column("seen", deeplake.types.Dict())
    data.add_column("picture", deeplake.types.Array("uint8", dimensions=2))
    for rows in (slice(0, 2), slice(2, 3)):
        count = len(SPECIES[rows])
        data.append(
            {
                "species": SPECIES[rows],
                "mass": MASS[rows],
                "place": [np.ones(2, "f4")] * count,
                "seen": [{"year": 2007}] * count,
                "picture": [np.zeros((2, 3 + number), "u1") for number in range(count)],
            }
        )
        data.commit()
        if rows.start == 0:
            data.tag("v1")
    return str(data.version)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("lake") / "penguins"
    return folder, made(folder)


@pytest.fixture
def lake(shared: tuple[Path, str], tmp_path: Path) -> Path:
    """The data set, to be changed at will."""
    return Path(shutil.copytree(shared[0], tmp_path / "penguins"))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blocks")


@pytest.fixture
def take(store: LocalStore, tmp_path: Path) -> Take:
    def make(source: str, **how: Any) -> Imported:
        return bring(source, **{"store": store, "home": tmp_path / "home", "license": "CC0-1.0", **how})

    return make


def test_the_bytes_of_a_folder_come_back_as_a_data_set_that_deep_lake_opens(
    take: Take, lake: Path, shared: tuple[Path, str], store: LocalStore, tmp_path: Path
) -> None:
    got = take(f"deeplake:{lake}")
    assert got.added is not None and got.origin.revision == shared[1] and got.type == "dataset"
    assert got.fields["additional"]["source"] == {
        "type": "deeplake",
        "repository": "penguins",
        "revision": shared[1],
        "checked": f"all but {got.files:,} files, for which no hash was promised",
    }
    assert (
        got.left_out and all(path.endswith(".lock") for path in got.left_out) and str(tmp_path) not in repr(got.fields)
    )
    export(got.added.cid, store, tmp_path / "out")
    again = deeplake.open_read_only(str(tmp_path / "out"))
    assert list(again["species"][:]) == SPECIES and len(again.tags["v1"].open()) == 2
    assert take(f"deeplake:{lake}@v1").origin.revision != got.origin.revision
    assert take(f"deeplake:{lake}@{shared[1]}").added == got.added


def test_columns_become_arrays_with_the_same_cid_on_any_machine(
    take: Take, lake: Path, store: LocalStore, tmp_path: Path
) -> None:
    columns = ["species", "mass", "place"]
    got = take(f"deeplake:{lake}", form="arrays", include=columns)
    assert got.added is not None and "seen" in got.left_out
    group = open_arrays(got.added.cid, store=store)
    assert list(group["species"][:]) == SPECIES and list(group["mass"][:]) == MASS
    assert group["place"].shape == (3, 2) and group["place"].dtype == np.float32
    made(tmp_path / "again")
    assert sorted(p.name for p in lake.iterdir()) != sorted(p.name for p in (tmp_path / "again").iterdir())
    assert take(f"deeplake:{tmp_path / 'again'}", form="arrays", include=columns).added == got.added
    first = take(f"deeplake:{lake}@v1", form="arrays", include=columns)
    assert first.added is not None and open_arrays(first.added.cid, store=store)["mass"].shape == (2,)


def test_rows_of_several_shapes_are_refused_and_nothing_is_pinned(take: Take, lake: Path, store: LocalStore) -> None:
    with pytest.raises(ImportFailed, match=r"'picture' has rows of several shapes.*--include"):
        take(f"deeplake:{lake}", form="arrays")
    assert store.pins() == ()
    with pytest.raises(ImportFailed, match="none of its columns"):
        take(f"deeplake:{_of_words(lake.parent)}", form="arrays")


def test_a_dry_run_writes_nothing_and_a_licence_is_the_users_word(take: Take, lake: Path, store: LocalStore) -> None:
    for form in ("bytes", "arrays"):
        got = take(f"deeplake:{lake}", form=form, dry_run=True)
        assert got.added is None and got.license == "CC0-1.0" and not list(store)
        with pytest.raises(LicenceUnclear):
            take(f"deeplake:{lake}", form=form, license=None)


def test_a_link_in_the_folder_is_not_followed(take: Take, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    (lake / "link").symlink_to(tmp_path / "secret")
    (lake / "folder").symlink_to(tmp_path)
    os.mkfifo(lake / "pipe")
    got = take(f"deeplake:{lake}")
    assert {"link", "pipe"} <= set(got.left_out) and got.added is not None
    assert not [file for file in got.added.files if "secret" in file.path or file.path.startswith(("link", "folder"))]


def test_what_is_no_data_set_or_no_version_is_told(take: Take, lake: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="no version and no tag 'v9'"):
        take(f"deeplake:{lake}@v9")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImportFailed, match=r"deeplake says .*deeplake.convert"):
        take(f"deeplake:{tmp_path / 'empty'}")
    for source in (f"deeplake:{tmp_path / 'missing'}", "deeplake:al://org/data", f"deeplake:{lake}@"):
        with pytest.raises(InputError, match="no data set of Deep Lake"):
            take(source)
    with pytest.raises(InputError, match="Only what lies in Deep Lake"):
        take("hf:datasets/acme/penguins", form="arrays")


def test_what_is_going_to_be_encrypted_comes_as_bytes(take: Take, lake: Path, tmp_path: Path) -> None:
    for form, name in (("bytes", "a"), ("arrays", "b")):
        (tmp_path / name).mkdir()
        if form == "arrays":
            with pytest.raises(InputError, match="not encrypted"):
                take(f"deeplake:{lake}", form=form, include=["mass"], folder=tmp_path / name)
        else:
            assert take(f"deeplake:{lake}", form=form, folder=tmp_path / name).added is None
    written = deeplake.open_read_only(str(tmp_path / "a"))
    assert list(written["species"][:]) == SPECIES


def test_nothing_but_a_folder_is_opened_by_deep_lake() -> None:
    """What docs/imports.md says: deeplake lets nobody add a layer of storage, so a folder is streamed as a bucket."""
    for url in ("ipfs://bafkqaaa/x", "asset://did/x"):
        with pytest.raises(RuntimeError, match="not supported by deeplake"):
            deeplake.open_read_only(url)


def test_on_the_command_line(lake: Path, tmp_path: Path) -> None:
    env = {"REGISTRY_HOME": str(tmp_path / "home"), "COLUMNS": "200"}
    words = ["import", f"deeplake:{lake}", "--license", "MIT", "--as", "arrays", "--include", "mass", "--json"]
    done = CliRunner().invoke(cli, words, env=env)
    assert done.exit_code == 0 and json.loads(done.output)["type"] == "dataset"
    assert CliRunner().invoke(cli, ["import", "hf:acme", "--collection", "--as", "arrays"], env=env).exit_code == 2


def _of_words(folder: Path) -> Path:
    data = deeplake.create(str(folder / "words"))
    data.add_column("seen", deeplake.types.Dict())
    data.append({"seen": [{"year": 2007}]})
    data.commit()
    return folder / "words"
