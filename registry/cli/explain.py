"""What each error of the package and of the contracts means, from where it is defined.

``python -m registry.cli.explain`` writes docs/errors.md from the same words.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry import errors
from registry.chain import reverts
from registry.errors import RegistryError
from registry.gateway.refusal import Refusal
from registry.hub.unanswered import Unanswered

TARGET: Final = Path(__file__).resolve().parents[2] / "docs" / "errors.md"

PREFACE: Final = """\
# Errors

Written by `python -m registry.cli.explain` from where the errors are defined; a test holds it fresh and complete.
`registry explain NAME` shows an entry in the terminal, and takes a selector too: `registry explain 0x5eba7576`.

What the [package](#of-the-package) finds out itself, mostly before anything is sent, is a class of `registry.errors`.
What the [contracts](#of-the-contracts) refuse arrives as a class of `registry.chain.reverts` with the name of the error
and its parameters as attributes. All inherit `RegistryError` and the builtin that an entry names; each message ends
with the way out for the case at hand, which may say more than the one here.

A revert begins with four bytes, the selector. Two of them are the compiler's: `0x08c379a0` is a text (`Error(string)`)
and `0x4e487b71` a number (`Panic(uint256)`); both arrive as `TransactionReverted`. Texts that begin with `GS` are the
Safe's. The codes of a key gateway are in [its manual](key-gateway.md).
"""


_MANY: Final = 6


@dataclass(frozen=True, slots=True)
class Explained:
    """An error in words: `source` says whether the package or the contracts raise it; `hint` is the way out.

    `values` are the parameters that it carries, `contracts` those that have it in their ABI, `builtins` what else it
    can be caught as, and `selector` its four bytes as text, ``""`` for those of the package.
    """

    name: str
    source: str
    meaning: str
    hint: str
    values: tuple[str, ...]
    builtins: tuple[str, ...]
    contracts: tuple[str, ...] = ()
    selector: str = ""


def all_errors() -> tuple[Explained, ...]:
    """Return all errors, those of the package first; some names are in both."""
    return (*_of_the_package(), *_of_the_contracts())


def _of_the_package() -> Iterator[Explained]:
    own = (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RegistryError))
    kinds: list[type[RegistryError]] = [*own, Refusal, Unanswered]
    for kind in kinds:
        values = list(inspect.signature(kind).parameters)
        yield Explained(
            kind.__name__,
            "the package",
            inspect.cleandoc(kind.__doc__ or ""),
            kind.hint,
            tuple(name for name in values if name != "hint"),
            _builtins(kind),
        )


def _of_the_contracts() -> Iterator[Explained]:
    for selector, error in sorted(reverts.declared().items(), key=lambda item: item[1].name):
        yield Explained(
            error.name,
            "the contracts",
            error.sentence,
            error.hint,
            tuple(f"{kind} {field}" for kind, field in zip(error.types, error.fields, strict=True)),
            _builtins(error.cls),
            error.contracts,
            f"0x{selector.hex()}",
        )


def _builtins(kind: type[Exception]) -> tuple[str, ...]:
    """The builtin errors that a class is, the nearest of each line only."""
    found = [base for base in kind.__mro__ if base.__module__ == "builtins" and base not in (BaseException, object)]
    return tuple(
        base.__name__
        for base in found
        if base is not Exception and not any(other is not base and issubclass(other, base) for other in found)
    )


def page() -> str:
    """Return docs/errors.md."""
    raised = _raised()
    parts = [PREFACE, "\n## Of the package\n"]
    for error in _of_the_package():
        modules = raised.get(error.name, ())
        many = "Raised in many modules" if len(modules) > _MANY else f"Raised in {_listed(modules)}"
        parts.append(_entry(error, many if modules else "A family of errors"))
    parts.append("\n## Of the contracts\n")
    parts += [_entry(error, f"`{error.selector}` of {_listed(error.contracts)}") for error in _of_the_contracts()]
    return "".join(parts)


def _raised() -> dict[str, tuple[str, ...]]:
    """The modules of the package that make an error, by its name."""
    root = TARGET.parents[1]
    found: dict[str, set[str]] = {}
    for path in sorted((root / "registry").rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and module != "registry.errors":
                found.setdefault(node.func.id, set()).add(module)
    return {name: tuple(sorted(modules)) for name, modules in found.items()}


def _entry(error: Explained, where: str) -> str:
    also = f", also {_listed(error.builtins)}" if error.builtins else ""
    return (
        f"\n### {error.name}({', '.join(error.values)})\n\n{where}{also}.\n\n"
        f"* **Why:** {_plain(error.meaning)}\n* **How to solve it:** {_plain(error.hint)}\n"
    )


def _plain(text: str) -> str:
    """Text of docstrings and messages as Markdown."""
    return " ".join(text.split()).replace("``", "`").replace("<", "\\<").replace("*", "\\*")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
