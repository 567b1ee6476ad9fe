"""A way out is named as the reader has it: what is an option of a command stands beside the argument of Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
from command_tree import parameters

import registry

ROOT = Path(registry.__file__).parent
OF_PYTHON_ALONE = {
    *("made_by", "data", "chain_id", "created", "names", "version", "image", "kind", "eth_sign", "parents"),
    "escrow",
}
"""Arguments of verbs that no command leads to, and parts of a URL; options that are called so are of other commands."""

OPTIONS = {name for _, option in parameters() if isinstance(option, click.Option) for name in option.opts}


def hints() -> Iterator[tuple[str, str]]:
    """Each hint that is written down in the package, with where."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "hint":
                written: ast.expr = node.value
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("hint", "self.hint"):
                written = node.value
            else:
                continue
            text = "".join(
                str(one.value) for one in ast.walk(written) if isinstance(one, ast.Constant) and one.value is not None
            )
            yield f"{file.relative_to(ROOT)}:{written.lineno}", text


def test_hints_name_the_option_of_the_command_line_beside_the_argument() -> None:
    found = list(hints())
    assert len(found) > 400, "they are found"
    silent = {
        where: text
        for where, text in found
        for name in map("".join, re.findall(r"\b([a-z_]{3,})=|\b([a-z]+_[a-z_]+)\b", text))
        if name not in OF_PYTHON_ALONE
        if (option := f"--{name.replace('_', '-')}") in OPTIONS and option not in text and "REGISTRY_" not in text
    }
    assert not silent
