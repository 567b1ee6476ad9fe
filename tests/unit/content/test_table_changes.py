"""What changed in a table is said by its columns and rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selling import MONTH
from terminal import runner

from registry import Published, Registry
from registry.cli import cli
from registry.cli.app import App
from registry.errors import AccessDenied


@pytest.fixture
def did(publish: Callable[..., Published], author: Registry, folder: Path) -> object:
    """Two versions of three tables."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), folder / "t.parquet")
    (folder / "same.csv").write_text("a\n1\n")
    did = publish(MONTH).did
    pq.write_table(pa.table({"a": [1.5, 2, 3], "c": [1, 2, 3]}), folder / "t.parquet")
    (folder / "penguins.csv").write_text('species,mass,note\nAdelie,3750,"two\nlines"\n\n')
    author.update(did, path=folder)
    return did


def test_columns_and_rows_of_tables_that_changed(did: str, author: Registry) -> None:
    csv, parquet = author.diff_tables(did, 1)
    assert (csv.path, csv.added, csv.removed, csv.rows_before, csv.rows_after) == ("penguins.csv", ("note",), (), 2, 1)
    assert (parquet.added, parquet.removed, parquet.retyped) == (("c",), ("b",), ("a",))
    assert str(parquet) == "t.parquet: 2 rows -> 3; added: c; removed: b; of another type: a"
    assert author.diff_tables(did, 1, 1) == ()


def test_what_is_no_table_by_its_bytes_is_said_and_not_compared(did: str, author: Registry, folder: Path) -> None:
    (folder / "t.parquet").write_bytes(b"none")
    author.update(did, path=folder)
    (told,) = author.diff_tables(did, 2)
    assert (told.rows_before, told.rows_after, told.added, told.removed) == (3, None, (), ())
    assert "nothing is said of version 3: it is not read as Parquet" in str(told)


def test_it_takes_access(did: str, stranger: Registry) -> None:
    with pytest.raises(AccessDenied):
        stranger.diff_tables(did, 1)


def test_on_the_command_line(did: str, author: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: author)
    shown = runner().invoke(cli, ["diff", str(did), "1", "--tables"])
    assert "penguins.csv: 2 rows -> 1; added: note" in shown.stdout
    told = json.loads(runner().invoke(cli, ["diff", str(did), "1", "--tables", "--json"]).stdout)
    assert [one["path"] for one in told["tables"]] == ["penguins.csv", "t.parquet"] and told["changed"]
