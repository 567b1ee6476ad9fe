"""Writes mutants: the operators of slither-mutate on contracts, those of cosmic-ray on Python.

Runs in an environment of its own, since both pin what the package must not: ``operators.py FILE...`` writes a line of
JSON for each file, the list of its mutants: the name of the file, that of the operator and the whole text.
"""

from __future__ import annotations

import ast
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

SOLC = {
    "solc": ".solcx/solc-v0.8.37",
    "solc_args": "--via-ir --optimize --evm-version cancun",
    "solc_remaps": "@openzeppelin/=node_modules/@openzeppelin/",
    "compile_force_framework": "solc",
}


def of_contract(file: str) -> Iterator[tuple[str, str]]:
    """Operators and texts. Asked one node at a time: an operator that falls over one gives up the rest."""
    # Here, since it takes seconds to load, and Python's mutants need none of it.
    from slither import Slither
    from slither.tools.mutator.__main__ import _get_mutators

    [unit] = Slither(file, **SOLC).compilation_units
    contract = next(one for one in unit.contracts if one.name == Path(file).stem)
    source = Path(file).read_bytes()
    for kind in _get_mutators(None):
        mutator = kind(unit, 0, "", "", contract, None, False, Path(), [])
        for patch in _patches(mutator, contract):
            text = source[: patch["start"]] + patch["new_string"].encode() + source[patch["end"] :]
            yield mutator.NAME, text.decode()


def _patches(mutator: Any, contract: Any) -> Iterator[dict[str, Any]]:
    from slither.exceptions import SlitherException

    for function in contract.functions_and_modifiers_declared:
        for node in function.nodes:
            mutator.should_mutate_function = lambda one, function=function: one is function
            mutator.should_mutate_node = lambda one, node=node: one is node
            try:
                found = mutator._mutate()
            except (IndexError, SlitherException):
                # ROR splits an expression at an operator that assembly writes as a function; LIR wants the least bool.
                continue
            for patches in found.get("patches", {}).values():
                yield from patches


def of_module(file: str) -> Iterator[tuple[str, str]]:
    """Operators, without their package and variants, and texts."""
    lines = Path(file).read_text().splitlines(keepends=True)
    kinds = [(name.split("/")[-1].split("_")[0], get_operator(name)) for name in operator_names()]
    for first, last, before, after in _statements("".join(lines)):
        part = "".join([before, *lines[first:last], after])
        nodes = list(ast_nodes(get_ast(part)))
        for name, kind in kinds:
            if kind.arguments():
                continue  # it wants to be told what to replace by what
            count = sum(1 for node in nodes for _ in kind().mutation_positions(node))
            for occurrence in range(count):
                try:
                    text = mutate_code(part, kind(), occurrence)
                except AttributeError:
                    continue  # the operator of exceptions reads no dotted name
                if text is not None:
                    whole = [*lines[:first], text.removeprefix(before).removesuffix(after), *lines[last:]]
                    yield name, "".join(whole)


def _statements(source: str) -> Iterator[tuple[int, int, str, str]]:
    """The lines of each statement, of a class by parts, and what makes a module of them: the whole file would be parsed
    anew for each mutant, which takes twenty times as long."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.body[0].lineno > node.lineno:
            yield _first(node), _first(node.body[0]), "", "    pass\n"
            for one in node.body:
                yield _first(one), one.end_lineno or 0, "class _:\n", ""
        else:
            yield _first(node), node.end_lineno or 0, "", ""


def _first(node: ast.stmt) -> int:
    return min(one.lineno for one in (node, *getattr(node, "decorator_list", ()))) - 1


def main(files: list[str]) -> None:
    logging.disable(logging.WARNING)
    for file in files:
        found, seen = [], {Path(file).read_text()}
        for operator, text in (of_contract if file.endswith(".sol") else of_module)(file):
            if text not in seen:
                seen.add(text)
                found.append({"file": file, "operator": operator, "text": text})
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
