"""Every public name says what it is, which typed errors it raises, and in which units its numbers are."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry import errors
from registry.chain import reverts
from registry.errors import RegistryError
from registry.gateway.refusal import Refusal

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "registry"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

ERRORS: dict[str, type[RegistryError]] = {
    name: kind
    for name, kind in [*vars(errors).items(), ("Refusal", Refusal)]
    if isinstance(kind, type) and issubclass(kind, RegistryError)
}
OF_CONTRACTS = {error.name for error in reverts.declared().values()}

# Names of numbers that are nothing without a unit, alone or at the end of a name.
QUANTITY = re.compile(
    r"(^|_)(timeout|deadline|duration|wait|delay|age|start|end|until|since|moment|size|length|amount|price|fee|gas|"
    r"patience|interval|balance|depth|royalty)s?$"
)
UNIT = re.compile(
    r"\b(seconds?|days?|bytes?|bits?|wei|gwei|gas|units?|blocks?|basis points?|percent|votes?|levels?|rows?|inches|"
    r"digits)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Public:
    """A public module, class, function or method: where it is, and what its docstrings say, those above it too."""

    module: str
    name: str
    node: ast.AST
    own: str
    words: str

    def __str__(self) -> str:
        return f"{self.module}:{getattr(self.node, 'lineno', 1)} {self.name or 'the module'}"


def public(module: str) -> Iterator[Public]:
    """What a module has that is public, constructors included; what is overloaded or set is said once."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    yield Public(module, "", tree, ast.get_docstring(tree) or "", "")

    def look(body: list[ast.stmt], name: str, above: str) -> Iterator[Public]:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            constructor = node.name == "__init__" and name
            decorators = {ast.unparse(one).rpartition(".")[2] for one in node.decorator_list}
            if decorators & {"overload", "setter"} or (node.name.startswith("_") and not constructor):
                continue
            own = ast.get_docstring(node) or (above if constructor else "")
            yield Public(module, f"{name}{node.name}", node, own, f"{own} {above}")
            if isinstance(node, ast.ClassDef):
                yield from look(node.body, f"{name}{node.name}.", own)

    yield from look(tree.body, "", "")


ALL = [found for module in MODULES for found in public(module)]
# What a command refuses is in docs/errors.md; its docstring is the help that people read.
API = [found for found in ALL if not found.module.startswith("registry.cli")]


def raised(function: ast.AST) -> Iterator[str]:
    """The names of the classes that a function itself raises; what it defines inside is another's."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
        waiting.extend(ast.iter_child_nodes(node))


def numbers(found: Public) -> Iterator[str]:
    """Fields and parameters that are numbers with a name that asks for a unit, and the function itself."""

    def asks(name: str, annotation: ast.expr | None) -> bool:
        kind = ast.unparse(annotation) if annotation is not None else ""
        return bool(re.fullmatch(r"(int|float)( \| None)?", kind) and QUANTITY.search(name))

    if isinstance(found.node, ast.ClassDef):
        fields = [one for one in found.node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)]
        yield from (ast.unparse(one.target) for one in fields if asks(ast.unparse(one.target), one.annotation))
    elif isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
        taken = found.node.args
        for one in [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]:
            if asks(one.arg, one.annotation):
                yield one.arg
        if asks(found.node.name, found.node.returns):
            yield f"{found.node.name}()"


def test_every_public_name_has_a_docstring() -> None:
    assert not [str(found) for found in ALL if not found.own.strip()]


def test_every_typed_error_that_a_function_raises_is_in_its_docstring() -> None:
    silent = []
    for found in API:
        if not isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for name in sorted(set(raised(found.node)) & set(ERRORS)):
            said = {base.__name__ for base in ERRORS[name].__mro__} & set(ERRORS) - {"RegistryError"}
            if not any(re.search(rf"\b{one}\b", found.words) for one in said):
                silent.append(f"{found} raises {name}")
    assert not silent


def test_every_number_that_needs_a_unit_has_one_in_the_docstring() -> None:
    silent = [f"{found}: {name}" for found in API if not UNIT.search(found.words) for name in numbers(found)]
    assert not silent


def test_every_error_that_a_docstring_says_is_raised_is_there() -> None:
    # One class may also raise what another does.
    known = set(ERRORS) | OF_CONTRACTS | set(vars(builtins))
    known |= {found.name for found in ALL if isinstance(found.node, ast.ClassDef)}
    said = 0
    for found in ALL:
        for sentence in re.findall(r"[Rr]aises (.+?)(?:\.\s|\.$|$)", " ".join(found.own.split())):
            for name in re.findall(r"`([A-Z]\w*[a-z]\w*)`", sentence):
                said += 1
                assert name in known, f"{found}: {name}"
    assert said > 250


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f():\n raise InputError('x')", {"InputError"}),
        ("def f():\n def g():\n  raise InputError('x')", set()),
        (
            "def f():\n try:\n  g()\n except OSError as error:\n  raise errors.Unavailable(1) from error",
            {"errors.Unavailable"},
        ),
    ],
)
def test_what_is_raised_is_found(source: str, names: set[str]) -> None:
    assert set(raised(ast.parse(source).body[0])) == names
