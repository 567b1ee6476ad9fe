"""Whether what a job left may go out: held against the rules of its terms, file by file and cell by cell.

What a table says of the size of its groups is the program's word; that programs are named by their CIDs makes it worth
something. The rules stop a program that is careless, and parameters that single people out.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from registry.documents.compute_terms import ResultColumn, ResultFile, Terms
from registry.errors import InputError
from registry.system.disk import load

__all__ = ["broken_rules"]

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?")
"""As Python, pandas and R write them; with as many digits as a double holds, since more would carry something else."""

_MOST_TOLD: Final = 20


def broken_rules(folder: Path, files: Sequence[tuple[str, int]], terms: Terms) -> tuple[str, ...]:
    """What of the `files` below a folder, paths with their bytes, breaks the terms, in words; nothing if all may go
    out. Raises the errors of the system for a folder that cannot be read."""
    if not files:
        return ("it left nothing",)
    rules = {one.path: one for one in terms.outputs}
    found: list[str] = []
    for path, size in files:
        rule = rules.get(path)
        if rule is None:
            found.append(f"{path!r} is not on the list of what may come out")
        elif size > rule.bytes:
            found.append(f"{path!r} has {size:,} bytes, more than {rule.bytes:,}")
        elif rule.columns:
            try:
                found += _faults(load(folder / path, rule.bytes), rule)
            except InputError as error:
                found.append(error.message)
        if len(found) > _MOST_TOLD:
            break
    return tuple(found[:_MOST_TOLD])


def _faults(data: bytes, rule: ResultFile) -> Iterator[str]:
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        yield f"{rule.path!r} is no table: {error}"
        return
    names = [column.name for column in rule.columns]
    if not rows or rows[0] != names:
        yield f"{rule.path!r} has not the columns {', '.join(names)}"
        return
    if len(rows) - 1 > (rule.rows or 0):
        yield f"{rule.path!r} has {len(rows) - 1:,} rows, more than {rule.rows:,}"
        return
    group = names.index(rule.group) if rule.group is not None else None
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            yield f"{rule.path!r} has {len(row)} cells in line {line}, and {len(names)} columns"
            return
        wrong = [column for column, cell in zip(rule.columns, row, strict=True) if not _fits(cell, column)]
        if wrong:
            yield f"{rule.path!r} has what is no {wrong[0].kind} of {wrong[0].name!r} in line {line}"
            return
        if group is not None and int(row[group]) < (rule.smallest or 0):
            yield f"{rule.path!r} has a row of fewer than {rule.smallest} in line {line}"
            return


def _fits(cell: str, column: ResultColumn) -> bool:
    if column.kind == "choice":
        return cell in column.values
    if column.kind == "integer":
        return _INTEGER.fullmatch(cell) is not None
    return _NUMBER.fullmatch(cell) is not None and math.isfinite(float(cell))
