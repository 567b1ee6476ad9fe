"""The commands as they describe themselves: the reference is fresh, the examples are real, the help is cheap."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from terminal import runner

from registry.cli import ALIASES, SECTIONS, cli
from registry.cli.command import Command
from registry.cli.reference import TARGET, reference

ROOT = Path(__file__).parents[3]
CLI = Path(cli.callback.__code__.co_filename).parent  # type: ignore[union-attr]


def commands(group: click.Group = cli, above: str = "") -> Iterator[tuple[str, click.Command]]:
    ctx = click.Context(group, info_name="registry")
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None, name
        yield above + name, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")


RUNNER = runner()
ALL = dict(commands())
LEAVES = {name: command for name, command in ALL.items() if not isinstance(command, click.Group)}


def test_the_reference_is_what_the_commands_say() -> None:
    assert TARGET.read_text(encoding="utf-8") == reference(), "run: python -m registry.cli.reference"


@pytest.mark.parametrize("name", LEAVES)
def test_each_command_has_a_sentence_and_an_example(name: str) -> None:
    command = LEAVES[name]
    assert isinstance(command, Command)
    assert command.get_short_help_str(200).strip(".")
    assert command.examples
    shown = RUNNER.invoke(cli, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert command.examples[0] in shown.output


@pytest.mark.parametrize("name", LEAVES)
def test_each_option_says_what_it_is_for(name: str) -> None:
    options = [parameter for parameter in LEAVES[name].params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def examples() -> list[str]:
    joined = []
    for command in LEAVES.values():
        assert isinstance(command, Command)
        # One example may go on over several lines.
        text = "\n".join(command.examples).replace("\\\n", " ")
        joined += text.splitlines()
    return joined


PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def of_pages() -> list[str]:
    """The commands in the blocks for a shell of all pages."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
            lines = block.replace("\\\n", " ").splitlines()
            typed = [re.sub(r"^(\w+)?\$ ", "", line) for line in lines]
            found += [line for line in typed if line.startswith("registry ")]
    return found


def in_prose() -> list[str]:
    """What pages say of commands in passing, each alternative by itself."""
    found = set()
    for page in PAGES:
        for span in re.findall(r"(?<!`)`registry ([^`]+)`(?!`)", page.read_text()):
            first, *rest = span.split()
            if first != "...":
                found |= {" ".join(["registry", name, *rest]) for name in first.split("|")}
    return sorted(found)


@pytest.mark.parametrize("example", examples() + of_pages())
def test_each_example_is_understood(example: str) -> None:
    words = shlex.split(example, comments=True)
    # What the shell does with the output is not ours.
    words = words[: next((i for i, word in enumerate(words) if word in ("|", ">", "&")), len(words))]
    assert words[0] == "registry"
    name = words[1]
    while isinstance(ALL.get(name), click.Group):
        name = " ".join(words[1 : 2 + len(name.split())])
    command = LEAVES[ALIASES.get(name, name)]
    arguments = words[1 + len(name.split()) :]
    context = click.Context(command, info_name=name)
    with suppress(click.exceptions.Exit):  # what writes an example ends there
        command.parse_args(context, arguments)


@pytest.mark.parametrize("said", in_prose())
def test_a_command_that_is_named_in_passing_exists_with_its_options(said: str) -> None:
    name, arguments = "", said.split()[1:]
    while arguments and (name + arguments[0]) in ALL | ALIASES:
        name += arguments.pop(0) + " "
    command = ALL[ALIASES.get(name.strip(), name.strip())] if name else cli
    known = {option for parameter in [*command.params, *cli.params] for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= known | {"--help", "--json", "--version"}
    # What is left are options, their values and arguments; of a group it would be a command that there is not.
    left = [word for word in arguments if word not in ("...", "--help") and not word.startswith("--")]
    assert not (isinstance(command, click.Group) and left), f"there is no {left} in it"


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_same_command(alias: str) -> None:
    context = click.Context(cli)
    assert cli.get_command(context, alias) is cli.get_command(context, ALIASES[alias])


def test_an_unknown_command_is_a_usage_error() -> None:
    shown = RUNNER.invoke(cli, ["pubish"])
    assert shown.exit_code == 2
    assert "No such command 'pubish'. Close to it: publish, publish-many." in shown.stderr
    assert "Close to it: propose" in RUNNER.invoke(cli, ["team", "propse"]).stderr
    assert "Close to it" not in RUNNER.invoke(cli, ["xyzzy"]).stderr


def test_the_sections_name_each_command_once() -> None:
    names = [name for modules in SECTIONS.values() for names in modules.values() for name in names]
    assert len(names) == len(set(names))


def test_the_help_loads_no_chain_no_ape_and_no_tables() -> None:
    code = (
        "import sys, contextlib\n"
        "from registry.cli import cli\n"
        "with contextlib.suppress(SystemExit): cli.main(['--help'], prog_name='registry')\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "import json; sys.stderr.write(json.dumps(sorted(names)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"web3", "ape", "pandas", "rich", "pydantic", "eth_account"} & set(json.loads(ended.stderr))
    assert "Buy and use" in ended.stdout


def test_no_command_module_imports_the_client_at_its_top() -> None:
    waiting = [*{module for modules in SECTIONS.values() for module in modules}, "command", "__init__"]
    while waiting:
        module = waiting.pop()
        tree = ast.parse((CLI / f"{module}.py").read_text())
        top = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        # A group may be made of modules beside it, for which the same holds.
        waiting += [alias.name for node in top if node.module == "registry.cli" for alias in node.names]
        named = {node.module for node in top if node.module and node.module.startswith("registry")}
        beside = {name for name in named if name.startswith("registry.cli.")} - {"registry.cli.command"}
        waiting += [name.removeprefix("registry.cli.") for name in beside]
        assert named - beside <= {"registry.cli.command", "registry.cli"}, module


def test_a_private_key_has_no_option() -> None:
    context = click.Context(cli)
    options = [option for parameter in cli.get_params(context) for option in parameter.opts]
    assert "--key" not in options
    assert "REGISTRY_KEY only, never from the command line" in " ".join(cli.get_help(context).split())


def test_explain_knows_every_error_by_name_and_helps_with_a_slip() -> None:
    known = json.loads(RUNNER.invoke(cli, ["explain", "--json"]).stdout)
    assert {"AccessDenied", "NotAssetOwner", "ConnectionFailed", "TotalAboveMaximum"} <= {e["name"] for e in known}
    assert [error["name"] for error in known if not error["meaning"]] == []
    slip = RUNNER.invoke(cli, ["explain", "NotAsetOwner"])
    assert slip.exit_code == 1
    assert "NotAssetOwner" in slip.stderr


def test_a_cid_needs_no_chain(tmp_path: Path) -> None:
    (tmp_path / "hello.txt").write_bytes(b"hello world\n")
    shown = RUNNER.invoke(cli, ["cid", str(tmp_path / "hello.txt")])
    # The known answer for these bytes as one raw block.
    assert shown.stdout == "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4\n"


def test_an_empty_folder_has_no_cid(tmp_path: Path) -> None:
    shown = RUNNER.invoke(cli, ["cid", str(tmp_path), "--json"])
    assert shown.exit_code == 1
    assert shown.stdout == ""
    assert json.loads(shown.stderr)["error"] == "InvalidContent"


def test_tab_completes_commands_of_any_depth_and_their_options() -> None:
    """As the shell asks: a line so far, and which of its words is to be completed."""

    def completed(line: str) -> set[str]:
        asked = {"_REGISTRY_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        return {
            told.partition(",")[2] for told in RUNNER.invoke(cli, [], env=asked, prog_name="registry").stdout.split()
        }

    assert completed("registry publi") == {"publish", "publish-many"}
    assert completed("registry dao prop") == {"propose"}
    assert "--license" in completed("registry publish --lic")
