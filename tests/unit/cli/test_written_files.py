"""Every file that people write has an example, which `--help` shows and `--example` writes, and which works."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import Result
from command_tree import parameters
from terminal import runner

from registry import Registry
from registry.cli import cli
from registry.cli.app import App
from registry.cli.command import EXAMPLES, Command
from registry.governance import foundation_yaml

RUNS = {
    "app run": [],  # tests/integration/pages/test_apps_in_pages.py runs the app that it is of
    "collection publish": ["drafts.jsonl", "--name", "Birds", "--licence", "month: 30 days, 5 USD", "--dry-run"],
    "dao found": ["dao.yaml", "--dry-run"],
    "dao proofs": ["contributors.csv", "claims.json"],
    "dao propose": [],  # tests/unit/governance/test_written.py reads all of it
    "publish": ["penguins", "--ddo", "document.json", "--licence", "commercial: 30 days, 12.5 USD", "--dry-run"],
    "publish-many": ["drafts.toml", "--dry-run"],
    "run": [],  # tests/integration/sandbox/test_reproducing.py makes the weights again
}


def with_a_file(group: click.Group = cli, above: str = "") -> dict[str, Command]:
    found: dict[str, Command] = {}
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            found |= with_a_file(command, f"{above}{name} ")
        elif isinstance(command, Command) and command.file is not None:
            found[above + name] = command
    return found


@pytest.fixture
def shell(dao: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """The command line of who deployed the registry, in a folder with the examples."""
    shutil.copytree(EXAMPLES, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("REGISTRY_HOME", str(tmp_path / "home"))

    monkeypatch.setattr(App, "registry", lambda _app, *, to=None: dao)

    def run(*words: str) -> Result:
        return runner().invoke(cli, ["--yes", *words])

    return run


@pytest.mark.parametrize("name", RUNS)
def test_an_example_is_shown_and_written_and_does_what_it_says(name: str, shell: Callable[..., Result]) -> None:
    file = with_a_file()[name].file
    assert file is not None and file.is_file()
    written = shell(*name.split(), "--example")
    assert written.exit_code == 0 and written.stdout == file.read_text()
    shown = [line.strip() for line in shell(*name.split(), "--help").stdout.splitlines()]
    assert {line.strip() for line in file.read_text().splitlines()} <= set(shown)
    if RUNS[name]:
        ended = shell(*name.split(), *RUNS[name])
        assert ended.exit_code == 0, ended.stderr


def test_each_command_that_reads_what_people_write_has_one() -> None:
    """Whoever adds a command with such a file adds its example."""
    assert set(with_a_file()) == set(RUNS)
    read_by = {where.removeprefix("registry ") for where, _ in parameters()}
    assert {f"{name} {what}" for name, what in (("dao found", "settings"), ("publish-many", "manifest"))} <= read_by


def test_they_say_all_that_such_a_file_can_say() -> None:
    dao = yaml.safe_load((EXAMPLES / "dao.yaml").read_text())
    assert set(dao) == foundation_yaml._FIELDS
    assert set(dao["rules"]) == set(foundation_yaml._RULES)
    drafts: list[dict[str, Any]] = tomllib.loads((EXAMPLES / "drafts.toml").read_text())["asset"]
    told = {"path", "name", "type", "license", "licences", "payout", "royalty_bps", "hidden"}
    assert told <= {key for draft in drafts for key in draft}
    assert json.loads((EXAMPLES / "document.json").read_text())["licences"]
