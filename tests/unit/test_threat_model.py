"""docs/threat-model.md holds: every lesson and defect is there, and every test that it names is a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
TEXT = PAGE.read_text(encoding="utf-8")

FILES = {name: PAGE.parent / path for name, path in re.findall(r"^\[([\w-]+)\]: (\S+)$", TEXT, flags=re.MULTILINE)}
NAMED = re.findall(r"\[(\w+)\]\[([\w-]+)\]", TEXT)


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests, invariants and proofs of a file in Python or Solidity."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sol":
        return frozenset(re.findall(r"^ *function ((?:test|invariant)\w+)\([^)]*\)\s+external", text, re.MULTILINE))
    return frozenset(node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))


def rows(pattern: str) -> dict[str, str]:
    """The rows of the page's tables whose first cell fits."""
    found = [line.split(" | ", 1) for line in TEXT.splitlines() if re.match(rf"\| {pattern} \|", line)]
    assert len(found) == len({first for first, _ in found}), "a row is there twice"
    return {first.removeprefix("| "): rest for first, rest in found}


def numbered(prefix: str) -> Iterator[tuple[str, str, Path]]:
    """The number, name and file of each test that is called after a row or a defect."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in names_in(path):
            if match := re.match(rf"test_{prefix}(\d+)_", name):
                yield match.group(1), name, path


@pytest.mark.parametrize(("name", "file"), sorted(set(NAMED)))
def test_a_test_that_is_named_is_there(name: str, file: str) -> None:
    assert name in names_in(FILES[file])
    assert name.startswith(("test", "invariant"))


def test_each_file_is_named_for_something() -> None:
    assert len(NAMED) > 150
    assert {file for _, file in NAMED} == set(FILES)
    assert all(path.is_file() for path in FILES.values())


@pytest.mark.parametrize(
    ("prefix", "cells", "first", "last"),
    [("row_", r"\d+", "", 34), ("d", r"D\d+", "D", 13)],
    ids=["lessons", "defects"],
)
def test_every_row_has_its_line_and_all_of_its_tests(prefix: str, cells: str, first: str, last: int) -> None:
    table = rows(cells)
    assert list(table) == [f"{first}{number}" for number in range(1, last + 1)]
    shown: dict[str, set[tuple[str, Path]]] = {}
    for number, name, path in numbered(prefix):
        shown.setdefault(f"{first}{number}", set()).add((name, path.resolve()))
    for row, cell in table.items():
        what, here, _tests = cell.split(" | ")
        assert len(what) > 20 and len(here) > 10, f"{row} says too little"
        named = {(name, FILES[file].resolve()) for name, file in re.findall(r"\[(\w+)\]\[([\w-]+)\]", cell)}
        assert shown.get(row), f"no test is called after {row}"
        assert not shown[row] - named, f"{row} leaves tests out"


def test_everybody_who_might_attack_has_a_table_with_a_test_in_each_row() -> None:
    people = TEXT.split("## By person")[1].split("\n## ")[0].split("\n### ")[1:]
    assert len(people) >= 13
    for person in people:
        title, _, table = person.partition("\n")
        body = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| tries")]
        assert len(body) >= 3, title
        assert all(re.search(r"\[\w+\]\[[\w-]+\]", line) for line in body), title


def test_it_says_what_is_not_protected() -> None:
    said = TEXT.split("## What is not protected")[1]
    assert said.count("\n* ") >= 20
    for word in ("decrypted", "k gateways", "majority", "Until the founding", "node", "issuer", "pinned", "audited"):
        assert word in said, word
