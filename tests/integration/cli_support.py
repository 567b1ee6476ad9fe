"""People who work on the command line, each with a key, on one node."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result
from terminal import runner, seated

from registry.cli import cli

ROOT = Path(__file__).parents[2]
PENGUINS = ROOT / "examples" / "penguins"
MODEL = ROOT / "examples" / "penguin_model"

# The first accounts of "test test test test test test test test test test test junk", which everybody knows.
KEYS = {
    "author": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "buyer": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "stranger": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
}
ADDRESSES = {
    "author": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "buyer": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "stranger": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
}
PUBLISH = (
    "publish",
    str(PENGUINS),
    "--name",
    "Palmer penguins",
    "--type",
    "dataset",
    "--license",
    "CC0-1.0",
    "--licence",
    "research: free, limit 1",
    "--licence",
    "commercial: 30 days, 12.5 USD",
    "--licence",
    "predictions: 10 uses, 0.002 ETH, cap 100",
)


@dataclass(frozen=True)
class Shell:
    """One person's shell: a node, a folder to work in, and a key."""

    url: str
    folder: Path
    who: str | None = "author"

    def as_(self, who: str | None) -> Shell:
        return Shell(self.url, self.folder, who)

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        clean |= {"REGISTRY_RPC": self.url, "REGISTRY_HOME": str(self.folder / "home"), "COLUMNS": "160"}
        return clean | ({"REGISTRY_KEY": KEYS[self.who]} if self.who else {})

    def __call__(self, *words: str, environment: Mapping[str, str | None] | None = None) -> Result:
        """Run a command in this process."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            values: dict[str, str | None] = {name: None for name in os.environ if name.startswith("REGISTRY_")}
            values |= {**self.environment, **(environment or {})}
            return runner().invoke(cli, list(words), env=values, catch_exceptions=False)
        finally:
            os.chdir(before)

    def ok(self, *words: str) -> str:
        """Run a command that must succeed, and return what it wrote."""
        ended = self(*words)
        assert ended.exit_code == 0, f"{words}: {ended.stderr}"
        return ended.stdout

    def json(self, *words: str) -> Any:
        """Run a command that must succeed, and return its one JSON value."""
        return json.loads(self.ok(*words, "--json"))

    def refused(self, *words: str, environment: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Run a command that must be refused, for people and for machines, and return the error."""
        plain = self(*words, environment=environment)
        ended = self(*words, "--json", environment=environment)
        assert (plain.exit_code, ended.exit_code) == (1, 1), f"{words}: {ended.stdout} {ended.stderr}"
        assert ended.stdout == ""
        error: dict[str, Any] = json.loads(ended.stderr)
        assert "\n" + error["error"] in "\n" + plain.stderr
        assert " ".join(error["message"].split()) in " ".join(plain.stderr.split())
        assert error["hint"], error
        return error

    def seated(self, *words: str, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
        """Run a command at a terminal, where somebody answers; how it ended, and what was on the screen."""
        command = (str(Path(sys.executable).parent / "registry"), *words)
        return seated(command, answers, self.environment, self.folder)

    def process(self, *words: str, command: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [*(command or (str(Path(sys.executable).parent / "registry"),)), *words],
            env=self.environment,
            cwd=self.folder,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options},
        )


def masked(text: str) -> str:
    """Put names in the place of what differs from run to run, and of what no reader compares."""
    text = re.sub(r"0x[0-9a-fA-F]{64}", "<hash>", text)
    text = re.sub(r"0x[0-9a-fA-F]{40}", "<address>", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "<moment>", text)
    text = re.sub(r"a fee of .* native coin, [\d,]+ gas", "<fee>", text)
    text = re.sub(r"\b[\d,]{6,}(?= +(to do|done)\b)", "<gas>", text)
    text = re.sub(r"[─━]+", "---", text)
    text = re.sub(r" {2,}", "  ", text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
