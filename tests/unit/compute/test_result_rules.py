"""What may go out of a job: file by file, and cell by cell."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ward import terms

from registry import CID, ResultFile
from registry.compute.result_rules import broken_rules

RULES = terms(CID.raw(b"mean.py"))
HEAD = "group,mass,n\n"


def broken(folder: Path, text: str | bytes, path: str = "mean.csv") -> str:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    return "; ".join(broken_rules(folder, [(path, len(data))], RULES))


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "Adelie,3700.5,20\n",
        "Adelie,-0.0,10\r\nGentoo,1e-05,999\r\n",
        '"Adelie",1.7976931348623157e308,10',
    ],
)
def test_a_table_that_keeps_to_its_rules_goes_out(tmp_path: Path, rows: str) -> None:
    assert broken(tmp_path, HEAD + rows) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has not the columns"),
        ("group,mass\n", "has not the columns"),
        ("group,mass,n,name\n", "has not the columns"),
        (HEAD + "Adelie,1,9\n", "fewer than 10 in line 2"),
        (HEAD + "Adelie,1,-10\n", "fewer than 10"),
        (HEAD + "Adelie,1,10\n" * 6, "6 rows, more than 5"),
        (HEAD + "Adelie,1\n", "2 cells in line 2"),
        (HEAD + "Adelie,1,10,Ann\n", "4 cells"),
        (HEAD + "Ann Smith,1,10\n", "no choice of 'group'"),
        (HEAD + "=HYPERLINK(),1,10\n", "no choice"),
        (HEAD + "Adelie,Ann,10\n", "no number"),
        (HEAD + "Adelie,nan,10\n", "no number"),
        (HEAD + "Adelie,inf,10\n", "no number"),
        (HEAD + "Adelie,1e999,10\n", "no number"),
        (HEAD + "Adelie,,10\n", "no number"),
        (HEAD + "Adelie, 1,10\n", "no number"),
        (HEAD + "Adelie,1_0,10\n", "no number"),
        (HEAD + "Adelie,٣,10\n", "no number"),
        (HEAD + "Adelie,0." + "7" * 40 + ",10\n", "no number"),
        (HEAD + "Adelie,1,10.0\n", "no integer"),
        (HEAD + "Adelie,1,010\n", "no integer"),
        (HEAD + "Adelie,1," + "9" * 30 + "\n", "no integer"),
        (HEAD + '"Adelie\n', "no table"),
        (HEAD.encode() + b"\xff\xfe", "no table"),
        (HEAD + "x" * 400, "bytes, more than 400"),
    ],
)
def test_what_breaks_a_rule_is_told_and_does_not_go_out(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in broken(tmp_path, text)


def test_only_files_on_the_list_go_out(tmp_path: Path) -> None:
    assert broken_rules(tmp_path, [], RULES) == ("it left nothing",)
    assert "not on the list" in broken(tmp_path, HEAD, "other.csv")
    assert "not on the list" in broken(tmp_path, HEAD, "MEAN.csv")
    assert "not on the list" in broken(tmp_path, HEAD, "deep/mean.csv")
    many = [(f"{number}.csv", 1) for number in range(1_000)]
    assert len(broken_rules(tmp_path, many, RULES)) == 20


def test_a_file_without_columns_is_held_against_its_bytes_alone(tmp_path: Path) -> None:
    rules = terms(CID.raw(b"x"), outputs=(ResultFile(path="model.bin", bytes=3),))
    assert broken_rules(tmp_path, [("model.bin", 3)], rules) == ()
    assert broken_rules(tmp_path, [("model.bin", 4)], rules) != ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=380) | st.text(max_size=90).map(lambda text: (HEAD + text).encode()))
def test_whatever_a_program_leaves_is_judged_and_nothing_but_numbers_and_choices_passes(
    tmp_path: Path, data: bytes
) -> None:
    if broken(tmp_path, data) == "":
        for line in data.decode().splitlines()[1:]:
            assert not line or line.split(",")[0].strip('"') in ("Adelie", "Gentoo", "f", "m", "x")
