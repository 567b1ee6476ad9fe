"""Tries whether the tests notice faults: makes mutants, runs the tests on each, and says which nobody noticed.

``python scripts/_toolchain/mutants [contracts|python|money] [--share 1/4] [--count 60]``. A share takes that part of
the mutants of every file and operator, at least one, and always the same; with a count, which the plan may have too,
it ends when so many were tried, by chance, but always the same. Not counted are mutants that do not compile and those
that compile to the code that was there. If a line can be replaced by a revert, or left out, and nobody notices, no
weaker mutant of it is tried. A mutant that cannot be noticed stands in equivalent.yaml, with the reason; it is
counted as not caught. Ctrl-C stops with the tables of what was tried so far; all outcomes are in .mutants/*.jsonl.

A hunt may be done in pieces: `--resume` takes over what runs before found, and tries again only what nobody noticed and
whose tests have changed since. `--part 1/2` takes every other mutant of the order from the first, so that several
processes share the work; a last run with `--resume` and no part puts it together.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from trial import Tree, Trials, Verdict

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = ROOT / ".mutants"
SETTINGS = {
    "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
    "evmVersion": "cancun",
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 200},
    "metadata": {"bytecodeHash": "none"},
}


EQUAL: Mapping[type[ast.cmpop], ast.cmpop] = {ast.Is: ast.Eq(), ast.IsNot: ast.NotEq()}


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the lines that were, and the lines that are."""

    file: str
    operator: str
    line: int
    old: str
    new: str
    text: str

    @classmethod
    def of(cls, file: str, operator: str, text: str) -> Mutant:
        before, after = (ROOT / file).read_text().splitlines(), text.splitlines()
        start = _alike(before, after)
        same = _alike(before[start:][::-1], after[start:][::-1])
        old, new = (" ".join(line.strip() for line in lines[start : len(lines) - same]) for lines in (before, after))
        return cls(file, operator, start + 1, old, new, text)

    @property
    def change(self) -> tuple[str, str, str]:
        return self.file, self.old, self.new

    @property
    def rank(self) -> tuple[str, int, str]:
        """By chance, but always the same. Of a contract line by line, and of a line first the revert, then what leaves
        it out, then the rest; of Python each by itself, as one line of it may have thirteen that tell the same."""
        text = _by_chance(self.text)
        if self.file.endswith(".py"):
            return text, 0, ""
        severity = {"RR": 0, "CR": 1}.get(self.operator, 2)
        return _by_chance(f"{self.file}:{self.line}"), severity, text


def _by_chance(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """How many lines are the same from the start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


class Compiler:
    """The wasm compiler in a process that stays."""

    def __init__(self) -> None:
        command = ["node", str(HERE / "compile.cjs")]
        self._node = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def compile(self, wanted: Mapping[str, list[str]], mutated: Mapping[str, str]) -> dict[str, Any] | None:
        """ABI and bytecode of the wanted contracts by name, with some files changed; None if they do not compile."""
        outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
        texts = {file: (ROOT / file).read_text() for file in wanted} | dict(mutated)
        selection = {file: dict.fromkeys(names, outputs) for file, names in wanted.items()}
        request = {
            "language": "Solidity",
            "sources": {file: {"content": text} for file, text in texts.items()},
            "settings": {**SETTINGS, "outputSelection": selection},
        }
        assert self._node.stdin is not None and self._node.stdout is not None
        print(json.dumps(request), file=self._node.stdin, flush=True)
        answer = json.loads(self._node.stdout.readline())
        if any(error["severity"] == "error" for error in answer.get("errors", ())):
            return None
        return {name: answer["contracts"][file][name] for file, names in wanted.items() for name in names}


def generate(files: Iterable[str]) -> list[Mutant]:
    """All mutants of these files, in the order in which they are tried."""
    kept = {file: OUT / "made" / f"{_made_of(file)}.json" for file in files}
    missing = [file for file, path in kept.items() if not path.exists()]
    if missing:
        (OUT / "made").mkdir(parents=True, exist_ok=True)
        command = [str(ROOT / ".venv-mutants" / "bin" / "python"), str(HERE / "operators.py"), *missing]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as made:
            assert made.stdout is not None
            for file, line in zip(missing, made.stdout, strict=True):
                kept[file].write_bytes(line)
        if made.returncode:
            raise SystemExit(f"operators.py ended with {made.returncode}")
    found = [Mutant.of(**one) for path in kept.values() for one in json.loads(path.read_bytes())]
    return sorted(found, key=lambda one: one.rank)


def _made_of(file: str) -> str:
    return hashlib.sha256((ROOT / file).read_bytes() + (HERE / "operators.py").read_bytes()).hexdigest()


def take(mutants: Iterable[Mutant], share: Fraction) -> list[Mutant]:
    """That share of every file and operator, at least one."""
    strata: dict[tuple[str, str], list[Mutant]] = defaultdict(list)
    for one in mutants:
        strata[one.file, one.operator].append(one)
    kept = {id(one) for group in strata.values() for one in group[: math.ceil(share * len(group))]}
    return [one for one in mutants if id(one) in kept]


def meaning(text: str) -> str | None:
    """Python without what no caller of ours can tell apart; None if it is none.

    That are the annotations of functions and what is in them, whether an argument could also be passed in another way,
    and `is` for `==`: whether equal values are one object is up to the interpreter.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for inner in ast.walk(node):
                if isinstance(inner, ast.AnnAssign):
                    inner.annotation = ast.Constant(None)
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.arguments):
            needed: list[Any] = [None] * (len(node.posonlyargs) + len(node.args) - len(node.defaults))
            node.defaults = [*needed, *node.defaults, *node.kw_defaults]
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.posonlyargs = node.kwonlyargs = node.kw_defaults = []
        elif isinstance(node, ast.Compare):
            node.ops = [EQUAL.get(type(op), op) for op in node.ops]
    return ast.dump(tree)


class Runner:
    """Tries mutants and counts what became of them."""

    def __init__(self, plan: Mapping[str, Any], trials: Trials, tree: Tree, *, resume: bool) -> None:
        self._plan, self._trials, self._tree, self._resume = plan, trials, tree, resume
        self._compiler = Compiler()
        self._seen: dict[str, set[str]] = {}
        self._killers: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self.results: list[tuple[Mutant, str, str, str]] = []
        self.seconds: dict[str, float] = {}

    @property
    def tried(self) -> list[str]:
        """What became of those that count."""
        return [outcome for _, outcome, *_ in self.results if outcome in set(Verdict)]

    def check(self) -> None:
        """Run what caught a mutant without one, a test after the other, each within its own time.

        What only a test caught that fails then, too, counts as what nobody noticed. SystemExit if tests that could not
        be imported with a mutant cannot be without one.
        """
        for options, tests in self._killers.items():
            for test in sorted(tests):
                verdict, failed, reason = self._trials.run([test], options, self._plan["deadline"])
                if verdict is Verdict.SURVIVED:
                    continue
                if "--collect-only" in options:
                    raise SystemExit(f"without a mutant: {verdict} {test} {reason}")
                why = f"{failed or test} is {verdict} without a mutant, too: {reason}"
                self.results = [
                    (one, Verdict.SURVIVED, test, why)
                    if killer.partition("[")[0] == test
                    else (one, outcome, killer, said)
                    for one, outcome, killer, said in self.results
                ]

    def run(self, mutant: Mutant) -> None:
        weak = [
            one for one, outcome, *_ in self.results if outcome == Verdict.SURVIVED and one.operator in ("RR", "CR")
        ]
        if any((one.file, one.line) == (mutant.file, mutant.line) for one in weak):
            outcome = "skipped", "", ""
        else:
            before = self._trials.seconds
            outcome = self._try(mutant.file, mutant.text)
            self.seconds[mutant.text] = self._trials.seconds - before
        self.results.append((mutant, *outcome))

    def _try(self, file: str, text: str) -> tuple[str, str, str]:
        code = self._build(file, text)
        if code is None:
            return "invalid", "", ""
        form = json.dumps(code, sort_keys=True)
        if file not in self._seen:
            self._seen[file] = {json.dumps(self._build(file, (ROOT / file).read_text()), sort_keys=True)}
        if form in self._seen[file]:
            return "identical", "", ""
        self._seen[file].add(form)
        outcomes = list(self._trial(file, text, code))
        return next((one for one in outcomes if one[0] is Verdict.CAUGHT), outcomes[-1])

    def _build(self, file: str, text: str) -> Any:
        if file.endswith(".sol"):
            return self._compiler.compile(self._plan["files"][file]["compile"], {file: text})
        return meaning(text)

    def _trial(self, file: str, text: str, code: Any) -> Iterator[tuple[Verdict, str, str]]:
        """One kind of tests after the other, until one fails."""
        with self._placed(file, text, code):
            for kind, options in self._plan["options"].items():
                outcome = self._outcome(text, self._plan["files"][file][kind], options)
                yield outcome
                if outcome[0] is Verdict.CAUGHT:
                    self._note(outcome[1], options, self._plan["files"][file][kind])
                    return

    def _outcome(self, text: str, tests: list[str], options: list[str]) -> tuple[Verdict, str, str]:
        """Of a run before, where that is to be taken and still says something, or else of a new trial."""
        kept = OUT / "outcomes" / _by_chance(" ".join([text, *tests]))
        files = [self._tree.place / test.partition("::")[0] for test in tests]
        asked = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        if self._resume and kept.exists():
            verdict, test, why, then = json.loads(kept.read_bytes())
            if verdict == Verdict.CAUGHT or then == asked:
                return Verdict(verdict), test, why
        outcome = self._trials.run(tests, options, self._plan["deadline"])
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps([*outcome, asked]))
        return outcome

    def _note(self, test: str, options: Iterable[str], tests: Iterable[str]) -> None:
        """What is to be run without a mutant at the end; of what could not be imported, that it can."""
        if test == "import":
            self._killers[*options, "--collect-only"] |= set(tests)
        else:
            self._killers[*options,].add(test.partition("[")[0])

    def _placed(self, file: str, text: str, code: Any) -> AbstractContextManager[None]:
        return self._tree.with_contracts(code) if file.endswith(".sol") else self._tree.with_text(file, text)


def known(mutants: Iterable[Mutant]) -> dict[tuple[str, str, str], str]:
    """Mutants that cannot be noticed, with the reason. SystemExit if one of them is no mutant any more."""
    entries = yaml.safe_load((HERE / "equivalent.yaml").read_text()) or []
    reasons = {(one["file"], one["old"], one["new"]): one["reason"] for one in entries}
    files = {one.file for one in mutants}
    gone = {change for change in reasons if change[0] in files} - {one.change for one in mutants}
    if gone:
        raise SystemExit("equivalent.yaml tells of what is no mutant: " + "; ".join(map(str, sorted(gone))))
    return reasons


COLUMNS = ("caught", "survived", "equivalent", "late", "skipped", "identical", "invalid")
"""What can become of a mutant; the first four are tried, the others are not counted."""


def tables(results: list[tuple[Mutant, str, str, str]], reasons: Mapping[Any, str]) -> Iterator[Table]:
    """Counts by file and by operator, with the part that was caught."""
    for title, key in (("file", lambda one: Path(one.file).name), ("operator", lambda one: one.operator)):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for mutant, outcome, *_ in results:
            shown = "equivalent" if outcome == Verdict.SURVIVED and mutant.change in reasons else outcome
            for row in (key(mutant), "all"):
                counts[row][shown] += 1
        table = Table(title, "tried", *COLUMNS, "part")
        for row in [*sorted(set(counts) - {"all"}), "all"]:
            tried = sum(counts[row][column] for column in COLUMNS[:4])
            part = counts[row]["caught"] / tried if tried else 1.0
            table.add_row(row, str(tried), *(str(counts[row][column]) for column in COLUMNS), f"{part:.1%}")
        yield table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["contracts", "python", "money"])
    parser.add_argument("--share", type=Fraction, default=Fraction(1))
    parser.add_argument("--count", type=int, help="end when so many were tried, even if the plan has more")
    parser.add_argument("--only", help="a file, to try no other")
    parser.add_argument("--again", action="store_true", help="only what nobody noticed the last time")
    parser.add_argument("--resume", action="store_true", help="take over what runs before found")
    parser.add_argument("--part", type=_part, default=(1, 1), help="1/2: every other one, from the first")
    options = parser.parse_args()
    console = Console()
    first, step = options.part
    tree = Tree(ROOT, OUT / f"tree-{'-'.join(options.what)}-{first}")
    trials = Trials(tree)
    failed = False
    for what in options.what:
        plan = yaml.safe_load((HERE / "plan.yaml").read_text())[what]
        most = options.count or plan.get("count")
        name = what if step == 1 else f"{what}-{first}"
        files = [file for file in plan["files"] if options.only in (None, file)]
        mutants = generate(files)
        reasons = known(mutants)
        chosen = survivors(name, mutants) if options.again else take(mutants, options.share)
        chosen = chosen[first - 1 :: step]
        runner = Runner(plan, trials, tree, resume=options.resume)
        ended = False
        with Progress(console=console) as progress, suppress(KeyboardInterrupt):
            task = progress.add_task(f"{what}, {len(chosen)} of {len(mutants)}", total=len(chosen))
            for mutant in chosen:
                if most and len(runner.tried) >= most / step:
                    break
                runner.run(mutant)
                progress.advance(task)
                report(name, runner, reasons)
            ended = True
        runner.check()
        report(name, runner, reasons)
        for table in tables(runner.results, reasons):
            console.print(table)
        part = runner.tried.count(Verdict.CAUGHT) / len(runner.tried)
        for one in survivors(name, mutants):
            console.print(f"{one.file}:{one.line} {one.operator}\n  - {one.old}\n  + {one.new}", highlight=False)
            console.print("  " + reasons.get(one.change, "nobody noticed"), style="dim")
        done = len(runner.results)
        console.print(f"{done} of {len(mutants)} mutants; {part:.1%} caught, {plan['bar']:.0%} is the least")
        noticed = [
            one.change for one, outcome, *_ in runner.results if outcome == Verdict.CAUGHT and one.change in reasons
        ]
        if noticed:
            console.print(f"not equivalent, whatever equivalent.yaml says: {noticed}")
        failed |= part < plan["bar"] or bool(noticed) or not ended
    return int(failed)


def _part(text: str) -> tuple[int, int]:
    """The first one to take and how many there are from one to the next, of a text like ``1/2``."""
    first, step = map(int, text.split("/"))
    if not 1 <= first <= step:
        raise ValueError(text)
    return first, step


def survivors(name: str, mutants: Iterable[Mutant]) -> list[Mutant]:
    """Those of the last report."""
    entries = map(json.loads, (OUT / f"{name}.jsonl").read_text().splitlines())
    found = {
        (one["file"], one["operator"], one["old"], one["new"])
        for one in entries
        if one["outcome"] in ("survived", "late")
    }
    return [one for one in mutants if (one.file, one.operator, one.old, one.new) in found]


def report(name: str, runner: Runner, reasons: Mapping[Any, str]) -> None:
    """All outcomes as JSON lines, for whoever wants to know which test caught what, and what that took."""
    with (OUT / f"{name}.jsonl").open("w") as file:
        for mutant, outcome, test, why in runner.results:
            entry = {key: value for key, value in asdict(mutant).items() if key != "text"}
            known = reasons.get(mutant.change, "") if outcome == Verdict.SURVIVED else ""
            seconds = round(runner.seconds.get(mutant.text, 0), 2)
            entry |= {"outcome": outcome, "test": test, "why": why or known, "seconds": seconds}
            print(json.dumps(entry), file=file)


if __name__ == "__main__":
    sys.exit(main())
