"""What the documentation types into a terminal is typed here, at a real node, each person at a home of their own."""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import runner

from registry.cli import cli

from .support import Anvil

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in (ROOT / "docs").rglob("*.md") if "```console\n" in page.read_text("utf-8"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = re.compile(r"^(?=\w+\$ )", re.MULTILINE)
SERVED = "http://127.0.0.1:8080"


class Terminal:
    """Whoever types: `line` runs one command and returns what it wrote. What pages cannot know is put in and taken out
    again: the ports of node and gateway, and the address of the registry, for which they write 0xREGISTRY."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, dict[str, str]] = {}
        self.moved: dict[str, str] = {}
        self.running: list[Anvil | subprocess.Popen[bytes]] = []

    def line(self, who: str, typed: str) -> str:
        """What a command wrote."""
        for written, real in self.moved.items():
            typed = typed.replace(written, real)
        words = shlex.split(typed.replace("\\\n", " "))
        own = self.variables.setdefault(who, {})
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            own[name] = value
            return ""
        if words[-1] == "&":
            self._start(words[:-1], own)
            return ""
        target = words.pop() if words[-2] == ">" else None
        wrote = self._registry(words[1:-1] if target else words[1:], own)
        if target:
            (self.folder / target).write_text(wrote)
            return ""
        if deployed := re.search(r"^ +registry +(0x\w{40})$", wrote, re.MULTILINE):
            self.moved.setdefault("0xREGISTRY", deployed[1])
        for written, real in self.moved.items():
            wrote = wrote.replace(real, written)
        return wrote

    def _registry(self, words: list[str], own: dict[str, str]) -> str:
        gone = {name: None for name in os.environ if name.startswith("REGISTRY_")}
        done = runner().invoke(cli, words, env={**gone, "COLUMNS": "120", **own}, catch_exceptions=False)
        assert done.exit_code == 0, f"{words}: {done.stderr}"
        return done.stdout

    def _start(self, words: list[str], own: dict[str, str]) -> None:
        if words[0] == "anvil":
            node = Anvil(*words[1:])
            self.running.append(node)
            self.moved["http://127.0.0.1:8545"] = node.url
            return
        program = Path(sys.executable).parent / words[0]
        server = subprocess.Popen(
            [program, *words[1:], "--port", "0", "--json"], env={**os.environ, **own}, stdout=subprocess.PIPE
        )
        self.running.append(server)
        assert server.stdout is not None
        told = b"".join(iter(server.stdout.readline, b"}\n")) + b"}"
        self.moved[SERVED] = json.loads(told)["url"]

    def close(self) -> None:
        """End what runs in the background."""
        for one in self.running:
            if isinstance(one, subprocess.Popen):
                one.terminate()
                one.wait(20)
            else:
                one.stop()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_types_does_what_it_shows(page: Path, terminal: Terminal) -> None:
    checker = doctest.OutputChecker()
    lines = [line for block in BLOCK.findall(page.read_text("utf-8")) for line in PROMPT.split(block) if line]
    assert lines
    for line in lines:
        command, shown = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)\n?(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
        who, _, typed = command.partition("$ ")
        wrote = terminal.line(who, typed)
        same = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert checker.check_output(shown, wrote, same), f"{command}\n{wrote}"
