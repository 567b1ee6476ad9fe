"""docs/errors.md has each error of the contracts and of the package, once, with why and how to solve it."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_utils.crypto import keccak

from registry.chain import reverts
from registry.cli import cli
from registry.cli.explain import TARGET, page

ROOT = Path(__file__).parents[3]
TEXT = TARGET.read_text(encoding="utf-8")
OF_THE_PACKAGE, OF_THE_CONTRACTS = TEXT.split("\n## Of the package\n")[1].split("\n## Of the contracts\n")
ENTRY = re.compile(
    r"^### (?P<name>\w+)\((?P<values>.*)\)\n\n(?P<where>.+)\n\n\* \*\*Why:\*\* (?P<why>.+)\n"
    r"\* \*\*How to solve it:\*\* (?P<how>.+)\n",
    re.MULTILINE,
)


def entries(part: str) -> list[re.Match[str]]:
    found = list(ENTRY.finditer(part))
    assert len(found) == part.count("\n### ") + part.startswith("### "), "an entry lacks something"
    return found


def test_the_page_is_what_the_errors_say() -> None:
    assert page() == TEXT, "run: python -m registry.cli.explain"


def test_each_error_of_the_shipped_contracts_has_one_entry_under_its_selector() -> None:
    manifest = json.loads((ROOT / "registry" / "chain" / "manifest.json").read_text())
    declared: dict[str, list[str]] = {}
    for contract, compiled in manifest["contracts"].items():
        for error in (entry for entry in compiled["abi"] if entry["type"] == "error"):
            signature = f"{error['name']}({','.join(field['type'] for field in error['inputs'])})"
            declared.setdefault(signature, []).append(contract)
    written = {}
    for entry in entries(OF_THE_CONTRACTS):
        types = ",".join(value.split()[0] for value in entry["values"].split(", ") if value)
        signature = f"{entry['name']}({types})"
        assert signature not in written, f"{signature} is there twice"
        selector, contracts = re.findall(r"`(0x[0-9a-f]{8})` of (.+)\.", entry["where"])[0]
        assert selector == f"0x{keccak(text=signature)[:4].hex()}"
        written[signature] = re.findall(r"`(\w+)`", contracts.partition(", also")[0])
    assert written == declared


def test_each_error_that_the_sources_declare_has_an_entry() -> None:
    sources = [
        path for path in (ROOT / "contracts").rglob("*.sol") if "mocks" not in path.parts and ".cache" not in path.parts
    ]
    declared = {
        name for path in sources for name in re.findall(r"^\s*error (\w+)\(", path.read_text(), flags=re.MULTILINE)
    }
    assert len(declared) > 90
    assert not declared - {entry["name"] for entry in entries(OF_THE_CONTRACTS)}


def test_each_exception_class_of_the_package_has_one_entry() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "registry").rglob("*.py")
        if path.name != "gradio.py"  # what it imports is in an environment of its own
    ]
    there = [
        name
        for module in modules
        for name, kind in vars(importlib.import_module(module)).items()
        if inspect.isclass(kind) and issubclass(kind, BaseException) and not issubclass(kind, Warning)
        # Where it is defined, not where it is imported; `reverts` makes those of the contracts.
        if kind.__module__ == module != reverts.__name__ and not name.startswith("_")
    ]
    written = [entry["name"] for entry in entries(OF_THE_PACKAGE)]
    assert len(written) == len(set(written))
    assert set(written) == set(there)


def test_no_reason_is_the_way_out_and_no_error_is_without_either() -> None:
    for entry in entries(OF_THE_PACKAGE) + entries(OF_THE_CONTRACTS):
        why, how = entry["why"], entry["how"]
        assert len(why) > 10 and len(how) > 10 and why != how, entry["name"]
        assert why.endswith(".") and how.endswith("."), entry["name"]


@pytest.mark.parametrize("data", ["0x5eba7576", "0x5EBA7576", "0x5eba7576" + "00" * 64])
def test_who_has_four_bytes_finds_the_error(data: str) -> None:
    assert "`0x5eba7576`" in OF_THE_CONTRACTS
    shown = CliRunner().invoke(cli, ["explain", data])
    assert shown.exit_code == 0
    assert "NotAssetOwner" in shown.output


def test_commands_that_a_way_out_names_exist() -> None:
    named = set(re.findall(r"'registry ([a-z -]+?)(?: --[a-z-]+| NAME)*'", TEXT))
    assert len(named) > 10
    for words in named:
        asked = CliRunner().invoke(cli, [*words.split(), "--help"])
        assert asked.exit_code == 0, f"registry {words}"


def test_each_code_of_a_gateway_is_in_the_table_of_its_manual() -> None:
    raised = {
        (int(status), code)
        for path in (ROOT / "registry" / "gateway").rglob("*.py")
        for status, code in re.findall(r"Refusal\(\s*(\d{3}),\s*\"(\w+)\"", path.read_text())
    }
    assert len(raised) > 15
    manual = (ROOT / "docs" / "key-gateway.md").read_text()
    table = {
        (int(status), code)
        for status, codes in re.findall(r"^\| (\d{3}) \| (.+?) \|", manual, flags=re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert table == raised
