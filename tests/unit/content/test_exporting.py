"""Assets in the tools of others: what the real clients load is what was published."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry import Licence, Published, Registry
from registry.content.columns import columns_of
from registry.errors import AccessDenied, FileNotInAsset, InputError, WouldOverwrite

PENGUINS = Path(__file__).parents[3] / "examples" / "penguins" / "penguins.csv"
QUIET = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
SEAT = Licence.hold("seat", price="3 USD")
LARGE = bytes(range(256)) * 8_000
"""Two blocks."""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with one table in two formats, names that mean something elsewhere, and a file of two blocks."""
    place = tmp_path / "tables"
    (place / "odd names").mkdir(parents=True)
    (place / "penguins.csv").write_bytes(PENGUINS.read_bytes())
    frame = pd.read_csv(PENGUINS)
    frame["seen"] = pd.Timestamp("2026-01-02")
    frame["both"] = [[1.5, 2.5]] * len(frame)
    frame.to_parquet(place / "penguins.parquet")
    (place / "odd names" / "a b#c:d.csv").write_text(",True or,n m,all\n0,True,1.5,\n1,,NA,\n")
    (place / "measured.bin").write_bytes(LARGE)
    return place


def python(code: str, *words: str, **env: str) -> Any:
    """What a program in a process of its own says, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, **QUIET, **env},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout.splitlines()[-1])


# --- Croissant -----------------------------------------------------------------------------------

CROISSANT = """
import json, sys, mlcroissant
read = mlcroissant.Dataset(jsonld=sys.argv[1])
told = {one.id: [str(field.data_type) for field in one.fields] for one in read.metadata.record_sets}
rows = {name: list(read.records(name)) for name in told}
plain = lambda value: value.decode() if isinstance(value, bytes) else str(value)
firsts = {name: {key: plain(value) for key, value in found[0].items()} for name, found in rows.items()}
flaw = None
try:
    open(sys.argv[2], "ab").write(b"!")
    list(mlcroissant.Dataset(jsonld=sys.argv[1]).records("penguins"))
except Exception as error:
    flaw = f"{error} {error.__cause__}"
faults = sorted(map(str, read.metadata.ctx.issues.errors))
print(json.dumps([faults, {name: len(found) for name, found in rows.items()}, firsts, flaw]))
"""


def test_mlcroissant_takes_the_document_and_loads_the_records_of_every_table(
    publish: Callable[..., Published], author: Registry, tables: Path, tmp_path: Path
) -> None:
    did = publish(SEAT, path=tables).did
    made = author.exports.croissant(did)
    by_path = {one["contentUrl"]: one for one in made.document["distribution"]}
    for path in ("penguins.csv", "penguins.parquet", "measured.bin"):
        assert by_path[path]["sha256"] == hashlib.sha256((tables / path).read_bytes()).hexdigest()
    content = author.get(did).ddo.content
    assert content is not None and by_path["penguins.csv"]["sameAs"] == [f"ipfs://{content.cid}/penguins.csv"]
    author.download(did, tmp_path / "out")
    (tmp_path / "out" / "croissant.json").write_text(json.dumps(made.document))
    faults, counts, firsts, flaw = python(
        CROISSANT, str(tmp_path / "out" / "croissant.json"), str(tmp_path / "out" / "penguins.csv"),
        CROISSANT_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert not faults
    assert counts == {"odd-names/a-b-c-d": 2, "penguins": 344, "penguins-2": 344}
    frame = pd.read_csv(PENGUINS)
    for name in ("penguins", "penguins-2"):
        for column in frame.columns:
            got, value = firsts[name][f"{name}/{column}"], frame[column][0]
            assert got == str(value) or float(got) == value
    assert firsts["penguins-2"]["penguins-2/both"] == "[1.5, 2.5]"
    assert list(firsts["odd-names/a-b-c-d"].values()) == ["0", "True", "1.5", "None"]
    assert "Download(penguins.csv)" in flaw, "and it checks the hash"


def test_a_gateway_is_named_by_address_and_only_for_what_it_can_read(
    publish: Callable[..., Published], author: Registry, tables: Path
) -> None:
    did = publish(SEAT, path=tables).did
    content = author.get(did).ddo.content
    assert content is not None
    made = author.exports.croissant(did, gateway="https://ipfs.example.org/").document
    assert {one["contentUrl"] for one in made["distribution"]} >= {
        f"https://ipfs.example.org/ipfs/{content.cid}/odd%20names/a%20b%23c%3Ad.csv"
    }
    with pytest.raises(InputError):
        author.exports.croissant(did, gateway="file:///tmp")


@pytest.mark.parametrize(
    ("data", "types"),
    [
        (b"a,b\n1,x\n", ["Integer", "Text"]),
        (b"\xef\xbb\xbfa\n1\n2.5\n", ["Float"]),
        (b"a\nTrue\n1\n", ["Text"]),
        (b"a\n1\nTrue\n", ["Text"]),
        (b"a,b\n,\nNA,NaN\n", ["Text", "Text"]),
        (b"a\n12345678901234567890123\n", ["Float"]),
        (b"a\n1_000\n", ["Text"]),
        (b"a\n0x10\n", ["Text"]),
        (b'a,b\n"1","x,\ny"\n', ["Integer", "Text"]),
        (b"a\n" + b"1e5\n", ["Float"]),
        (b"", []),
    ],
)
def test_a_column_has_the_type_that_all_its_values_have(data: bytes, types: list[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with (tmp_path / "t.csv").open("rb") as stream:
        columns, fault = columns_of("t.csv", len(data), stream)
    assert ([column.type for column in columns], fault) == (types, "")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b"a\n1,2\n"),
        ("t.csv", b"a,a\n1,2\n"),
        ("t.csv", b"\xff\xfe\n"),
        ("t.csv", b"a\n" + b"x" * 200_000),
        ("t.csv", b"," * 5_000),
        ("t.parquet", b"PAR1PAR1"),
        ("t.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1"),
    ],
)
def test_what_is_no_table_has_no_columns_and_stops_nothing(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with (tmp_path / name).open("rb") as stream:
        columns, fault = columns_of(name, len(data), stream)
    assert not columns and fault


# --- The cache of Hugging Face -------------------------------------------------------------------

OFFLINE = """
import json, sys
from datasets import load_dataset
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
name, cache = sys.argv[1:]
folder = snapshot_download(name, repo_type="dataset", cache_dir=cache, local_files_only=True)
one = hf_hub_download(name, "penguins.csv", repo_type="dataset", cache_dir=cache, local_files_only=True)
rows = load_dataset(folder, data_files="*.parquet", split="train")
seen = scan_cache_dir(cache)
print(json.dumps([folder, open(one).read(), len(rows), rows.column_names[0], len(seen.warnings),
    [[r.repo_id, r.repo_type, r.nb_files, sorted(v.refs for v in r.revisions)[0] == {"main"}] for r in seen.repos]]))
"""


def test_the_clients_of_hugging_face_open_it_without_a_network(
    publish: Callable[..., Published], author: Registry, tables: Path, tmp_path: Path
) -> None:
    did = publish(SEAT, path=tables).did
    made = author.exports.hf_cache(did, tmp_path / "cache")
    assert made.repo_id.startswith(f"registry-{author.chain.chain_id}-") and made.repo_type == "dataset"
    folder, text, count, column, warnings, repositories = python(
        OFFLINE, made.repo_id, str(tmp_path / "cache"), HF_HOME=str(tmp_path / "home")
    )
    assert Path(folder) == made.snapshot and text == PENGUINS.read_text()
    assert (count, column, warnings) == (344, "species", 0)
    assert repositories == [[made.repo_id, "dataset", 4, True]]
    with pytest.raises(WouldOverwrite):
        author.exports.hf_cache(did, tmp_path / "cache")
    again = author.exports.hf_cache(did, tmp_path / "other", name="me/penguins")
    assert again.revision == made.revision and again.snapshot.parts[-3] == "datasets--me--penguins"


def test_a_model_lies_where_models_do_with_its_config_its_tokenizer_and_its_weights(
    author: Registry, tmp_path: Path
) -> None:
    """Read by the libraries that transformers reads them by; a whole model of it loads in `make deep`."""
    from huggingface_hub import snapshot_download
    from safetensors.numpy import load_file, save_file
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "tiny"}')
    Tokenizer(WordLevel({"?": 0, "Gentoo": 1}, unk_token="?")).save(str(folder / "tokenizer.json"))
    weights = {"layer.weight": np.arange(6, dtype="f4").reshape(2, 3)}
    save_file(weights, folder / "model.safetensors")
    did = author.publish(folder, name="Tiny", type="model", license="MIT").did
    made = author.exports.hf_cache(did, tmp_path / "cache")
    found = Path(snapshot_download(made.repo_id, cache_dir=tmp_path / "cache", local_files_only=True))
    assert made.repo_type == "model" and found == made.snapshot
    assert json.loads((found / "config.json").read_text()) == {"model_type": "tiny"}
    assert Tokenizer.from_file(str(found / "tokenizer.json")).encode("Gentoo").ids == [1]
    assert (load_file(found / "model.safetensors")["layer.weight"] == weights["layer.weight"]).all()


@pytest.mark.parametrize("name", ["penguins", "../x/y", "a/b/c", "a--b/c", "-a/b", "a/..", "a/b.", "a/", "a b/c"])
def test_a_name_that_is_none_is_refused_and_nothing_is_written(
    name: str, publish: Callable[..., Published], author: Registry, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="not the name of a repository"):
        author.exports.hf_cache(publish(SEAT).did, tmp_path / "cache", name=name)
    assert not (tmp_path / "cache").exists()


def test_only_those_with_access_export_and_nothing_is_left(
    publish: Callable[..., Published], author: Registry, stranger: Registry, tmp_path: Path
) -> None:
    did = publish(SEAT).did
    with pytest.raises(AccessDenied, match="seat"):
        stranger.exports.croissant(did)
    with pytest.raises(AccessDenied, match="seat"):
        stranger.exports.hf_cache(did, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    bare = publish(SEAT, path=None).did
    for export in (author.exports.croissant, lambda did: author.exports.hf_cache(did, tmp_path / "cache")):
        with pytest.raises(FileNotInAsset):
            export(bare)
