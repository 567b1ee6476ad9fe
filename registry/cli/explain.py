"""What each error of the package and of the contracts means, from where it is defined."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass

from registry import errors
from registry.chain import reverts
from registry.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Explained:
    """An error in words: `source` says whether the package or the contracts raise it; `hint` is the way out."""

    name: str
    source: str
    meaning: str
    hint: str


def all_errors() -> tuple[Explained, ...]:
    """Return all errors, those of the package first; some names are in both."""
    own = [
        Explained(name, "the package", inspect.cleandoc(kind.__doc__ or ""), _constant_hint(kind))
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, RegistryError)
    ]
    contracts = [Explained(name, "the contracts", *reverts.explain(name)) for name in reverts.all_names()]
    return tuple(own + contracts)


def _constant_hint(kind: type[RegistryError]) -> str:
    """Return the hint that a class always gives; one that holds values of the case is left out."""
    if "__init__" not in vars(kind):
        return ""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    for node in ast.walk(tree):
        if not isinstance(node, ast.keyword) or node.arg != "hint":
            continue
        value = node.value.values[-1] if isinstance(node.value, ast.BoolOp) else node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return ""
