"""What a table says of its columns, of plain and of unpleasant ones."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from registry.hub.pages import peek
from registry.hub.pages.spelling import columns


def spreads(text: str, place: Path) -> list[dict[str, Any]]:
    path = place / "table.csv"
    path.write_text(text)
    found: list[dict[str, Any]] = peek.table(str(path), "table.csv")["spreads"]
    return found


def test_numbers_have_a_range_and_words_their_shares(tmp_path: Path) -> None:
    mass, sex, year = spreads("mass,sex,year\n1.5,f,2007\nNA,m,2008\n4.5,f,2008\n3,,2009\n", tmp_path)
    assert (mass["low"], mass["high"], mass["empty"]) == ("1.5", "4.5", 1)
    assert len(mass["bars"]) == peek.BINS and mass["bars"][0] == mass["bars"][-1] == 100 and sum(mass["bars"]) == 300
    assert sex == {"empty": 1, "distinct": 2, "common": [["f", 67], ["m", 33]]}
    assert (year["low"], year["high"]) == ("2007", "2009"), "years have no comma"


@pytest.mark.parametrize(
    "values",
    [
        ["1e308", "-1e308"],
        ["9" * 400, "1"],
        ["5"],
        ["0", "0"],
        ["nan", "inf"],
        ["", ""],
        ["<script>alert(1)</script>", "\u202egnp.exe"],
        ["x" * 10_000, "y"],
    ],
)
def test_whatever_stands_in_a_column_its_chart_is_small_and_whole(values: list[str], tmp_path: Path) -> None:
    (found,) = spreads("a\n" + "".join(f"{one}\n" for one in values if one) + '""\n' * 3, tmp_path)
    assert len(json.dumps(found)) < 1_000 and "\u202e" not in json.dumps(found, ensure_ascii=False)
    assert all(0 <= one <= 100 for one in found.get("bars", ()))
    assert len(columns(found.get("bars", ()))) < 500


def test_the_first_rows_are_summed_up_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(5_000)))
    found = peek.table(str(path), "long.csv")
    assert (len(found["rows"]), found["summed"], found["more"]) == (peek.ROWS, peek.SUMMED, True)
    assert found["spreads"][0]["high"] == str(peek.SUMMED - 1)


def test_columns_of_parquet_are_summed_up_by_their_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table(
        {
            "n": pa.array([*range(2_999), None], pa.int32()),
            "flag": [True, False, None] * 1_000,
            "when": [datetime.datetime(2026, 1, 1)] * 3_000,
            "list": [[1, 2]] * 3_000,
            "code": ["7"] * 3_000,
            "wide": ["z" * 40] * 3_000,
        }
    )
    pq.write_table(table, path, row_group_size=3_000)
    found = peek.parquet(str(path))
    by = dict(zip(found["names"], found["spreads"], strict=True))
    assert found["summed"] == peek.SUMMED and len(found["rows"]) == peek.ROWS and found["more"]
    assert (by["n"]["low"], by["n"]["high"]) == ("0", "1999")
    assert [name for name, _ in by["flag"]["common"]] == ["True", "False"] and by["flag"]["empty"] == 666
    assert by["when"]["distinct"] == 1 and by["list"] == {"empty": 0}
    assert by["code"]["common"] == [["7", 100]], "a text of digits is a text"


def test_a_parquet_of_large_values_is_not_read_on_for_its_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peek, "SUMMED_BYTES", 1_000_000)
    path = tmp_path / "large.parquet"
    pq.write_table(pa.table({"text": ["l" * 30_000] * 1_000}), path, use_dictionary=False)
    found = peek.parquet(str(path))
    assert found["summed"] == peek.ROWS and found["spreads"][0]["common"][0][1] == 100
    assert len(json.dumps(found)) < 50_000


def test_a_parquet_without_rows_or_columns_is_shown(tmp_path: Path) -> None:
    for number, table in enumerate((pa.table({"a": pa.array([], pa.int8())}), pa.table({}))):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(table, path)
        found = peek.parquet(str(path))
        assert found["rows"] == [] and found["summed"] == 0
