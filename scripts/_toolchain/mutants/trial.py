"""A copy of the project in which a mutant is put and tried, by a process that has everything loaded and forks."""

from __future__ import annotations

import atexit
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

COPIED = (
    "contracts",
    "registry",
    "tests",
    "examples",
    "docs",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "ape-config.yaml",
    "pyproject.toml",
    ".build",
)
HEAVY = ("ape", "ape_foundry", "ape_solidity", "eth_tester", "hypothesis.stateful", "pydantic", "pyrevm", "rich.table")


class Verdict(StrEnum):
    CAUGHT = "caught"
    SURVIVED = "survived"
    LATE = "late"


class Tree:
    """The copy. The process works in it from now on, as ape takes the project from there when it is imported."""

    def __init__(self, root: Path, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", ".cache"))
            else:
                shutil.copy(source, place / name)
        (place / "node_modules").symlink_to(root / "node_modules")
        # Else two mutants of one size within a second are the same to Python.
        hashed = [
            sys.executable,
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "checked-hash",
            str(place / "registry"),
        ]
        subprocess.run(hashed, check=True)
        os.chdir(place)
        sys.path.insert(0, str(place))
        os.environ["PYTHONPATH"] = str(place)  # for the processes that tests start
        self.place = place
        self._build = place / ".build" / "__local__.json"
        self._manifest = place / "registry" / "chain" / "manifest.json"

    @contextmanager
    def with_text(self, file: str, text: str) -> Iterator[None]:
        """A file with another text."""
        path = self.place / file
        before = path.read_text()
        path.write_text(text)
        try:
            yield
        finally:
            path.write_text(before)

    @contextmanager
    def with_contracts(self, compiled: Mapping[str, Any]) -> Iterator[None]:
        """The artifacts that tests load, with other code and another ABI. The sources stay: nothing recompiles."""
        before = {path: path.read_text() for path in (self._build, self._manifest)}
        build, manifest = (json.loads(text) for text in before.values())
        for name, one in compiled.items():
            code, runtime = (one["evm"][key]["object"] for key in ("bytecode", "deployedBytecode"))
            build["contractTypes"][name]["abi"] = one["abi"]
            build["contractTypes"][name]["deploymentBytecode"]["bytecode"] = "0x" + code
            build["contractTypes"][name]["runtimeBytecode"]["bytecode"] = "0x" + runtime
            manifest["contracts"][name].update(abi=one["abi"], bytecode="0x" + code)
        self._build.write_text(json.dumps(build))
        self._manifest.write_text(json.dumps(manifest))
        try:
            yield
        finally:
            for path, text in before.items():
                path.write_text(text)


class _Order:
    """Runs first what caught most so far, and notes what catches this one."""

    def __init__(self, kills: Mapping[str, int], note: Path) -> None:
        self._kills, self._note = kills, note

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: -self._kills.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            reason = str(report.longrepr.reprcrash.message) if hasattr(report.longrepr, "reprcrash") else ""
            self._note.write_text(json.dumps([report.nodeid, reason[:300]]))


class Trials:
    """Runs tests in a fork of this process, so that none waits for imports."""

    def __init__(self, tree: Tree) -> None:
        self._note, self._log = tree.place / "killer.json", tree.place / "log.txt"
        self._kills: dict[tuple[str, ...], Counter[str]] = {}
        self.seconds = 0.0
        """CPU seconds of all trials so far."""
        for plugin in entry_points(group="pytest11"):
            plugin.load()
        for name in HEAVY:
            import_module(name)
        # Ape ends the process at Ctrl-C; whoever runs this wants to see what was tried.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from hypothesis import HealthCheck, Phase, settings

        settings.register_profile(
            "mutants",
            max_examples=40,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],  # what fails is not made smaller
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutants")
        os.environ["WALKS"] = "12"  # of a machine, which has settings of its own

    def run(self, tests: Sequence[str], options: Sequence[str], deadline: int) -> tuple[Verdict, str, str]:
        """The verdict, the test that failed and its words; the deadline is in seconds of the processor.

        RuntimeError if pytest could not run them.
        """
        kills = self._kills.setdefault(tuple(tests), Counter())
        self._note.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_CPU, (deadline, deadline))
            signal.alarm(20 * deadline)  # whatever waits without computing ends, too
            self._be_the_child([*options, "-x", "-q", "-p", "no:cacheprovider", *tests], kills)
        _, status, used = os.wait4(child, 0)
        self.seconds += used.ru_utime + used.ru_stime
        code = os.waitstatus_to_exitcode(status)
        if code in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM):
            return Verdict.LATE, "", ""
        if code == pytest.ExitCode.OK:
            return Verdict.SURVIVED, "", ""
        if code in (-signal.SIGSEGV, -signal.SIGABRT):
            return Verdict.CAUGHT, "import", f"The process died of {signal.Signals(-code).name}."
        # Or what the tests stand on could not even be imported: the unchanged code could.
        unloaded = code == pytest.ExitCode.USAGE_ERROR and "while loading conftest" in self._log.read_text()
        if unloaded or code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
            test, reason = json.loads(self._note.read_text()) if self._note.exists() else ("import", "")
            kills[test] += 1
            return Verdict.CAUGHT, test, reason
        raise RuntimeError(f"pytest ended with {code}: {self._log.read_text()[-2000:]}")

    def _be_the_child(self, arguments: list[str], kills: Mapping[str, int]) -> None:
        code = 99
        try:
            os.setpgid(0, 0)
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = int(pytest.main(arguments, plugins=[_Order(kills, self._note)]))
            atexit._run_exitfuncs()  # ape stops its node there
        finally:
            os._exit(code)
