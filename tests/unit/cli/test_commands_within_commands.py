"""What a team or the DAO is to do is written as commands: theirs are the options after the first word, and what signs
sees what it signs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from terminal import runner

from registry import Registry
from registry.cli import cli
from registry.cli.app import App
from registry.ipfs.store import LocalStore
from registry.teams.team_results import Team

PUBLISH = ("publish", "odd", "--name", "Team net", "--type", "model", "--license", "MIT", "--licence", "all: 2 USD")


@pytest.fixture
def shell(author: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """The command line of an author in a folder with content; of `by`, if somebody else is named."""
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "net.bin").write_bytes(bytes(1200))
    (tmp_path / "odd" / "README.md").write_text("A net.")
    monkeypatch.chdir(tmp_path)

    def run(*words: object, by: Registry = author) -> Result:
        monkeypatch.setattr(App, "registry", lambda _app, *, to=None: by)
        return runner().invoke(cli, [*map(str, words)])

    return run


@pytest.fixture
def team(author: Registry, ann: Registry) -> Team:
    return author.teams.create([author.address, ann.address], threshold=2)


def test_a_team_publishes_by_the_command_that_a_person_publishes_by(shell: Callable[..., Result], team: Team) -> None:
    made = shell("team", "propose", team.address, "--out", "net.json", "--note", "publish", *PUBLISH, "--json")
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["path"] == "net.json", "the option for machines counts wherever it stands"
    again = shell("team", "propose", team.address, "--out", "net.json", "--", *PUBLISH)
    assert again.exit_code == 0, again.stderr


def test_an_option_of_the_whole_after_the_first_word_is_told_where_it_belongs(
    shell: Callable[..., Result], team: Team
) -> None:
    late = shell("team", "propose", team.address, *PUBLISH, "--out", "net.json")
    assert late.exit_code == 2 and "It is one of 'propose', and stands before 'publish'." in late.stderr
    dry = shell("dao", "propose", "--title", "T", "retire", 7, "--dry-run")
    assert dry.exit_code == 2 and "--dry-run stands before 'retire'" in dry.stderr
    assert not Path("net.json").exists()


def test_a_word_that_is_no_command_is_named(shell: Callable[..., Result], team: Team) -> None:
    slip = shell("team", "propose", team.address, "publsh", "odd", "--name", "Team net")
    assert slip.exit_code == 1 and "cannot 'publsh'" in slip.stderr
    for_machines = shell("team", "propose", team.address, "publsh", "odd", "--name", "Team net", "--json")
    assert json.loads(for_machines.stderr)["error"] == "InputError"


@pytest.fixture
def elsewhere(ann: Registry, tmp_path: Path) -> Registry:
    """Ann on a machine of her own, without the blocks of those who propose."""
    store = LocalStore(tmp_path / "hers")
    return Registry(ann.chain, ann.deployment, signer=ann.signer, store=store, journal=ann.journal, home=tmp_path)


def test_who_signs_a_publication_reads_its_document_and_is_warned_where_it_cannot_be_had(
    shell: Callable[..., Result], team: Team, author: Registry, ann: Registry, elsewhere: Registry
) -> None:
    shell("team", "propose", team.address, "--out", "net.json", *PUBLISH)
    told = shell("team", "describe", "net.json", by=ann).stdout
    for said in ("model 'Team net', MIT", "1,206 bytes in 2 files: README.md (6), net.bin (1,200)", "offers 'all'"):
        assert said in told
    (cid,) = re.findall(r"digest (baf\w+)", told)
    blind = shell("team", "describe", "net.json", by=elsewhere).stdout
    assert f"! the document {cid} cannot be had here" in blind and "Team net" not in blind

    shell("--yes", "team", "sign", "net.json", by=author)
    shell("--yes", "team", "sign", "net.json", by=ann)
    assert shell("team", "execute", "net.json").exit_code == 0
    changed = shell("team", "propose", team.address, "--out", "new.json", "update", 1, "--description", "Better.")
    assert "changes          description" in changed.stdout, changed.stdout + changed.stderr
    shell("team", "propose", team.address, "--out", "payout.json", "payout", 1, ann.address)
    assert "assetId  1 'Team net'" in shell("team", "describe", "payout.json", by=ann).stdout
    assert "assetId  1 (its name cannot be had here" in shell("team", "describe", "payout.json", by=elsewhere).stdout


def test_a_document_of_many_files_is_told_in_a_line(shell: Callable[..., Result], team: Team) -> None:
    for number in range(30):
        (Path("odd") / f"part-{number:02}").write_bytes(b"x")
    told = shell("team", "propose", team.address, *PUBLISH).stdout
    assert "in 32 files: README.md (6), net.bin (1,200), part-00 (1)" in told and "and 22 more" in told
