"""From executed instructions to lines and branches, by the compiler's source maps and syntax trees.

A line is covered when each statement that begins on it ran. The compiler makes no instruction of its own for a few
statements, such as `return false`; they are not counted, the ways to them are. A branch is one way out of an `if`, a
`?:`, a loop, a `try` or one of `&&` and `||`: it is covered when a jump that the compiler made for it went that way.
Checks that the compiler adds by itself, such as those for overflow, are no branches of the source.
"""

from __future__ import annotations

import json
import pickle
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JUMPI, PUSH0, PUSH32 = 0x57, 0x5F, 0x7F
# A piece of source: file, first byte, length.
Span = tuple[str, int, int]
Node = dict[str, Any]

SIMPLE = {
    "EmitStatement",
    "ExpressionStatement",
    "InlineAssembly",
    "Return",
    "RevertStatement",
    "VariableDeclarationStatement",
}
LOOPS = {"DoWhileStatement", "ForStatement", "WhileStatement"}
BRANCHING = {"Conditional", "IfStatement", "TryStatement"} | LOOPS
# Assembly counts as one statement, which is true as long as it goes straight on, and as a branch if it is one loop: all
# its instructions have the place of the whole, so that more than one jump could not be told apart.
JUMPING = {"YulForLoop", "YulFunctionDefinition", "YulIf", "YulSwitch"}


@dataclass
class Count:
    """So many of so many."""

    covered: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        return self.covered / self.total if self.total else 1.0

    def __str__(self) -> str:
        # Cut, not rounded: 100 % is all of them.
        return f"{int(1000 * self.share) / 10:g} % of {self.total}" if self.total else "-"


@dataclass(frozen=True)
class Miss:
    """Something at a line, and what is wrong with it."""

    line: int
    text: str
    what: str

    def __str__(self) -> str:
        return f"{self.line}: {self.what}: {self.text}"


@dataclass
class Coverage:
    """What was covered of a file, and what was not, with lines."""

    lines: Count = field(default_factory=Count)
    branches: Count = field(default_factory=Count)
    missed: list[Miss] = field(default_factory=list)
    uncounted: list[Miss] = field(default_factory=list)


@dataclass
class Code:
    """One contract's creation or runtime code: what each instruction is for."""

    contract: str
    code: bytes
    unknown: list[tuple[int, int]]  # the places of immutables, which are filled in on deployment
    spans: dict[int, Span]

    def is_in(self, executed: bytes) -> bool:
        """Whether `executed` is this code: with values for immutables, or arguments at the end."""
        seen = bytearray(executed[: len(self.code)])
        for start, length in self.unknown:
            seen[start : start + length] = bytes(length)
        return seen == self.code


@dataclass
class Run:
    """What ran of the sources, in all tests."""

    made: set[Span] = field(default_factory=set)  # what instructions are there for, run or not
    spans: set[Span] = field(default_factory=set)
    # By span, then by contract and position: the ways that a jump went.
    jumps: dict[Span, dict[tuple[str, int], set[bool]]] = field(default_factory=lambda: defaultdict(dict))


def measure(folder: Path, contracts: Path) -> dict[str, Coverage]:
    """Read the notes and the compiled code in `folder`; coverage by file below `contracts`, mocks left out."""
    codes, trees = _compiled(folder / "compiled")
    run = _ran(codes, folder / "notes")
    found: dict[str, Coverage] = {}
    for name, tree in trees.items():
        path = name.removeprefix("contracts/")
        if path == name or path.startswith(("mocks/", ".cache/")):
            continue
        one = _cover(name, tree, (contracts / path).read_bytes(), run)
        if one.lines.total:
            found[path] = one
    return found


def _compiled(folder: Path) -> tuple[list[Code], dict[str, Node]]:
    codes, trees = [], {}
    for path in folder.glob("*.json"):
        answer = json.loads(path.read_text(encoding="utf-8"))
        names = {source["id"]: name for name, source in answer.get("sources", {}).items()}
        trees |= {name: source["ast"] for name, source in answer.get("sources", {}).items() if "ast" in source}
        for contracts in answer.get("contracts", {}).values():
            for contract, made in contracts.items():
                for kind in ("bytecode", "deployedBytecode"):
                    if made["evm"][kind]["object"]:
                        codes.append(_code(f"{contract} {kind}", made["evm"][kind], names))
    return codes, trees


def _code(contract: str, made: Node, names: dict[int, str]) -> Code:
    code = bytes.fromhex(made["object"])
    spans: dict[int, Span] = {}
    at, start, length, source = 0, 0, 0, -1
    for entry in made["sourceMap"].split(";"):
        # A field that is left out is as before: docs.soliditylang.org, "Source Mappings".
        parts = (*entry.split(":"), "", "", "")[:3]
        start, length, source = (
            int(part) if part else old for part, old in zip(parts, (start, length, source), strict=True)
        )
        if at < len(code):
            if source in names:
                spans[at] = (names[source], start, length)
            at += 1 + (code[at] - PUSH0 if PUSH0 < code[at] <= PUSH32 else 0)
    places = [place for found in made.get("immutableReferences", {}).values() for place in found]
    return Code(contract, code, [(place["start"], place["length"]) for place in places], spans)


def _ran(codes: list[Code], folder: Path) -> Run:
    run = Run()
    # Every jump of a contract is known, so that one that was never reached is not left out.
    for code in codes:
        run.made |= set(code.spans.values())
        for at, span in code.spans.items():
            if code.code[at] == JUMPI:
                run.jumps[span][code.contract, at] = set()
    for path in folder.glob("*.pickle"):
        for seen, (executed, jumps) in pickle.loads(path.read_bytes()).items():
            for code in (code for code in codes if code.is_in(seen)):
                run.spans |= {span for at, span in code.spans.items() if executed[at]}
                for at, taken in jumps:
                    if at in code.spans:
                        run.jumps[code.spans[at]][code.contract, at].add(taken)
    return run


def _cover(name: str, tree: Node, source: bytes, run: Run) -> Coverage:
    coverage = Coverage()
    ran, made = ([one[1:] for one in spans if one[0] == name] for spans in (run.spans, run.made))
    lines: dict[int, bool] = {}
    compiled = False
    for node, in_modifier in _walk(tree, False):
        kind = node["nodeType"]
        start, length = _place(node)
        line = source[:start].count(b"\n") + 1
        text = source[start : start + length].decode().split("\n")[0]
        inner = [one["nodeType"] for one, _ in _walk(node, False)] if kind == "InlineAssembly" else []
        jumping = [one for one in inner if one in JUMPING]
        if jumping not in ([], ["YulForLoop"]):
            raise ValueError(f"{name}:{line} branches more than once in assembly, which cannot be counted")
        if jumping or kind in BRANCHING or node.get("operator") in ("&&", "||"):
            span = (name, *(_place(node["condition"]) if kind in LOOPS else (start, length)))
            ways = _ways(kind, run.jumps.get(span, {}), in_modifier)
            coverage.branches.total += 2
            coverage.branches.covered += len(ways)
            if len(ways) < 2:
                coverage.missed.append(Miss(line, text, f"{len(ways)} of 2 ways"))
            if jumping or kind.endswith("Statement"):
                lines[line] = lines.get(line, True) and bool(ways)
        elif kind in ("FunctionDefinition", "ModifierDefinition"):
            compiled = _within(start, length, made)
        elif kind in SIMPLE and compiled and not _within(start, length, made):
            coverage.uncounted.append(Miss(line, text, "not counted, no instruction of its own"))
        elif kind in SIMPLE:
            covered = _within(start, length, ran)
            lines[line] = lines.get(line, True) and covered
            if not covered:
                coverage.missed.append(Miss(line, text, "did not run"))
    coverage.lines = Count(sum(lines.values()), len(lines))
    return coverage


def _within(start: int, length: int, places: list[tuple[int, int]]) -> bool:
    return any(start <= first and first + size <= start + length for first, size in places)


def _ways(kind: str, jumps: dict[tuple[str, int], set[bool]], in_modifier: bool) -> set[bool]:
    """The ways that were gone, of all contracts that have this code.

    A modifier is compiled into each function that has it: one of them will do. The first jump of a `try` tells whether
    the call failed, the next how much it returned. Otherwise a contract has more than one jump only where one needs
    another, as in `while (a && b)`: all must have gone there.
    """
    if in_modifier:
        return set().union(*jumps.values())
    if kind == "TryStatement":
        firsts = {contract: at for contract, at in sorted(jumps, reverse=True)}
        return set().union(*(jumps[first] for first in firsts.items()))
    found: dict[str, set[bool]] = {}
    for (contract, _), ways in jumps.items():
        found[contract] = found.get(contract, {True, False}) & ways
    return set().union(*found.values())


def _walk(node: Any, in_modifier: bool) -> Iterator[tuple[Node, bool]]:
    if isinstance(node, dict):
        if "nodeType" in node:
            in_modifier = in_modifier or node["nodeType"] == "ModifierDefinition"
            yield node, in_modifier
        for value in node.values():
            yield from _walk(value, in_modifier)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value, in_modifier)


def _place(node: Node) -> tuple[int, int]:
    start, length, _ = node["src"].split(":")
    return int(start), int(length)
