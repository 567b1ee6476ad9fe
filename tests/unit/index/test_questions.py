"""Questions that pages ask of the tables: bounded, and the same over HTTP as in a process."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import InputError
from registry.index.models import BlockShown, TableRows
from registry.index.questions import QUESTIONS, read_rows, read_values, written_rows, written_values
from registry.index.tables import BY_NAME

BLOCK = BlockShown(number=1, hash="0x" + "00" * 32)
MOST = 1_000
ACCOUNTS = st.binary(min_size=20, max_size=20).map(lambda one: "0x" + one.hex())
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(0, 2**63 - 1),
    "big": st.integers(0, 2**256 - 1),
    "blob": st.binary(min_size=32, max_size=32),
    "text": ACCOUNTS,
}


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_an_answer_has_an_end(name: str) -> None:
    question = QUESTIONS[name]
    limit = re.search(r" ?LIMIT (\d+)$", question.where)
    if limit is not None:
        assert int(limit[1]) <= MOST
    else:
        equal = re.findall(r"(\w+) = \?", question.where)
        assert " OR " not in question.where and tuple(equal) == BY_NAME[question.table].key, "it is one row"
    assert question.where.count("?") + question.where.count("{}") == len(question.takes)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_values_arrive_as_they_were_sent(name: str, data: st.DataObject) -> None:
    question = QUESTIONS[name]
    if question.several:
        values: tuple[Any, ...] = (data.draw(st.lists(KINDS["int"], min_size=1, max_size=64)),)
    else:
        values = tuple(data.draw(KINDS[kind]) for kind in question.takes)
    assert read_values(name, written_values(values)) == values


@pytest.mark.parametrize("name", sorted({one.table: name for name, one in QUESTIONS.items()}.values()))
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_rows_arrive_as_they_were_sent(name: str, data: st.DataObject) -> None:
    columns = BY_NAME[QUESTIONS[name].table].columns
    kinds = {**KINDS, "text": st.text(PRINTABLE, max_size=100)}
    rows = [{one: data.draw(kinds[kind]) for one, kind in columns} for _ in range(2)]
    told = written_rows(name, rows, BLOCK)
    assert read_rows(name, TableRows.read(told.model_dump_json())) == rows


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("asset", ""),
        ("asset", "1.2"),
        ("asset", "-1"),
        ("asset", str(2**63)),
        ("asset", "\u0661"),
        ("votes", str(2**256)),
        ("case_of", "0x" + "0" * 63),
        ("case_of", "0x" + "g" * 64),
        ("parents", ""),
        ("parents", "1,,2"),
        ("parents", ",".join("1" * 65)),
    ],
)
def test_values_that_are_none_are_refused(name: str, text: str) -> None:
    with pytest.raises(InputError):
        read_values(name, text)
