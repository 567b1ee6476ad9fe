"""Docstrings as Markdown for the site of the documentation: their tables have columns drawn by equals signs, their
examples begin with three arrows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import griffe

RULE = re.compile(r"^=+( +=+)+$")


class AsMarkdown(griffe.Extension):
    """Rewrites each docstring once it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite that of one module, class or function."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring in Markdown."""
    text = re.sub(r"((?:^>>> .*\n?)(?:^(?:\.\.\.|>>>| *\S).*\n?)*)", r"```python\n\1\n```\n", text, flags=re.MULTILINE)
    made: list[str] = []
    rows: list[str] | None = None
    cuts: list[int] = []
    for line in text.splitlines():
        if not RULE.match(line):
            (made if rows is None else rows).append(line)
        elif rows is None:
            rows, cuts = [], [match.start() for match in re.finditer("=+", line)]
        else:
            made += _table(rows, cuts)
            rows = None
    return "\n".join(made + (rows or []))


def _table(rows: Sequence[str], cuts: Sequence[int]) -> list[str]:
    """A table without a head; a row that begins with a blank cell goes on with the one before."""
    cells: list[list[str]] = []
    for row in rows:
        parts = [row[start:end].strip() for start, end in zip(cuts, [*cuts[1:], None], strict=True)]
        if parts[0] or not cells:
            cells.append(parts)
        else:
            cells[-1] = [f"{old} {new}".strip() for old, new in zip(cells[-1], parts, strict=True)]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    escaped = [[f"`{first}`" if re.fullmatch(r"\w+", first) else first, *rest] for first, *rest in escaped]
    head = f"|{' |' * len(cuts)}\n|{'---|' * len(cuts)}"
    return ["", head, *(f"| {' | '.join(row)} |" for row in escaped), ""]
