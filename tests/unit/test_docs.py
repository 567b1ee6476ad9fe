"""The documents say what is: their map, their links, their names, their examples."""

from __future__ import annotations

import doctest
import fnmatch
import importlib.util
import io
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from quirks import whole_path

from registry import Registry, errors
from registry.cli.demo_gated import _Gateway

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")],
    key=lambda page: page.relative_to(ROOT),
)
BY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of this kind."""
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def code(page: Path) -> list[str]:
    """What stands in single backticks, with its line ends made spaces."""
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


# --- The map -------------------------------------------------------------------------------------


def folders() -> set[str]:
    """Every folder of the project that git would keep, with a slash between names."""
    ignored = [line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip()]
    found = set()
    for here, below, files in os.walk(ROOT):
        at = Path(here).relative_to(ROOT)
        below[:] = [
            name
            for name in below
            if not name.startswith(".")
            and not any(fnmatch.fnmatch(name, rule) or fnmatch.fnmatch(str(at / name), rule) for rule in ignored)
        ]
        if at.parts and files:
            found |= {"/".join(at.parts[:cut]) for cut in range(1, len(at.parts) + 1)}
    return found


def drawn_map() -> dict[str, str]:
    """The map of the folders: each path drawn, without its last slash, and what is said of it.

    A line is indentation or tree lines, a name (of folders with a slash at its end, and several names in one), and
    words about it.
    """
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in blocks(CONTRIBUTING, "text map")[0].splitlines():
        match = re.match(r"^([\s│├└─]*)(\S+)\s*(.*)$", line)
        if not match:
            continue
        depth, name, words = len(match.group(1)), match.group(2), match.group(3)
        above = [(level, path) for level, path in above if level < depth]
        path = (f"{above[-1][1]}/" if above else "") + name.rstrip("/")
        found[path] = words
        if name.endswith("/"):
            above.append((depth, path))
    return found


def test_the_map_for_contributors_is_the_tree() -> None:
    drawn, there = drawn_map(), folders()
    assert not [path for path in drawn if not (ROOT / path).exists()], "drawn and not there"
    assert not [path for path, words in drawn.items() if not words], "drawn without a word"
    missing = {path for path in there if "/" not in path} - set(drawn)
    # Who draws one folder in a folder draws all of them.
    opened = {path.rpartition("/")[0] for path in drawn if "/" in path and (ROOT / path).is_dir()}
    missing |= {path for path in there if path.rpartition("/")[0] in opened} - set(drawn)
    assert not missing, "there and not drawn"


def test_the_readme_leads_to_the_pages_beside_it_and_the_menu_of_the_site_to_all() -> None:
    led = {(README.parent / target.split("#")[0]).resolve() for target in links(README)}
    assert {page for page in PAGES if page.parent == ROOT} - {README} | {ROOT / "docs" / "index.md"} <= led
    menu = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    beside = {f"{page.stem.lower()}.md" for page in PAGES if page.parent == ROOT} - {"readme.md"}
    site = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if ROOT / "docs" in page.parents}
    assert sorted(menu) == sorted(site | beside)


# --- Links and names -----------------------------------------------------------------------------


def links(page: Path) -> list[str]:
    """The targets within the project, of both kinds of links."""
    text = prose(page)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[\w-]+\]: (\S+)$", text, re.MULTILINE)
    return [target for target in found if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may say, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@BY_PAGE
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        assert led.exists(), target
        if anchor:
            assert anchor in anchors(led), target


@BY_PAGE
def test_every_name_of_the_package_is_one(page: Path) -> None:
    for span in code(page):
        match = re.match(r"(registry(?:\.\w+)+)(?:\(|$)", span)
        if match and match[1] == "registry.apps.gradio":
            continue  # what it imports is in an environment of its own
        # A client is called `registry`, too.
        if match and not span.endswith((".py", ".toml")) and not hasattr(Registry, match[1].split(".")[1]):
            pkgutil.resolve_name(match[1])


@BY_PAGE
def test_every_path_is_there(page: Path) -> None:
    tops = {path.name for path in ROOT.iterdir()}
    for span in code(page):
        if re.fullmatch(r"[\w.-]+(/[\w.*<>-]+)+/?", span) and span.split("/")[0] in tops and "<" not in span:
            assert list(ROOT.glob(span.rstrip("/"))), span


@BY_PAGE
def test_every_target_script_and_extra_is_there(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text("utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"`make ([\w-]+)`", text):
        assert target in targets, f"make {target}"
    for names in re.findall(r"`ape run ([\w| ]+)`", text):
        for name in re.split(r"[ |]+", names):
            assert (ROOT / "scripts" / f"{name}.py").exists(), f"ape run {name}"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for names in re.findall(r"asset-registry\[([\w,]+)\]", text):
        assert set(names.split(",")) <= set(extras), names
    monkeypatch.syspath_prepend(ROOT)
    for module in re.findall(r"`python -m ([\w.]+)`", text):
        assert importlib.util.find_spec(module), module


def test_every_dependency_has_its_reason() -> None:
    table = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("## Dependencies")[1]
    said = " ".join(re.findall(r"^\| (.+?) \|", table, re.MULTILINE)).lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    # The plugins of ape have one reason together.
    plugins = {"ape-foundry", "ape-solidity", "evm-trace", "py-solc-x", "asset-registry"}
    python = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    npm = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    names = {Requirement(one).name.lower() for one in python} - plugins
    names |= {name.removeprefix("@foundry-rs/").replace("@openzeppelin/", "openzeppelin ") for name in npm}
    silent = [name for name in sorted(names) if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said)]
    assert not silent


def test_the_page_for_integrators_has_what_the_contracts_have() -> None:
    script = ROOT / "scripts" / "_toolchain" / "integrators.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0
    page = ROOT / "docs" / "integrators.md"
    assert blocks(page, "solidity")[0] == (ROOT / "contracts" / "mocks" / "Gate.sol").read_text("utf-8")


def test_what_the_reference_of_python_names_is_there() -> None:
    names = [
        name
        for page in (ROOT / "docs" / "api").glob("*.md")
        for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(names) == len(set(names)) > 40
    for name in names:
        assert pkgutil.resolve_name(name).__doc__, name


# --- Examples ------------------------------------------------------------------------------------

# What the readme has runs by itself, below.
WITH_PYTHON = [page for page in PAGES if blocks(page, "python") and page != README]
# A block, and what stands right below it: what it prints, where "..." is anything.
PLAYED = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
AS_SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what examples read, and a home of its own."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.setenv("REGISTRY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REGISTRY_KEYS", "memory")
    return tmp_path


def run(page: Path, names: dict[str, Any], running: ExitStack, folder: Path) -> Iterator[str]:
    """Run the Python of a page, one block after the other with the names of those before, and see that each prints what
    the page shows below it."""
    for number, (block, shown) in enumerate(PLAYED.findall(page.read_text("utf-8"))):
        # Nobody keeps a gateway at an example's address, so three run here.
        for url in re.findall(r"https://keys\.\w+\.example", block):
            gateway = _Gateway(names["author"], _made(folder / url.split(".")[1]))
            running.callback(gateway.stop)
            gateway.start()
            block = block.replace(url, gateway.url)
        wrote = io.StringIO()
        with redirect_stdout(wrote):
            exec(compile(block, f"{page.name}, block {number + 1}", "exec"), names)
        assert not shown or doctest.OutputChecker().check_output(shown, wrote.getvalue(), AS_SHOWN), wrote.getvalue()
        yield block


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs(page: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of the documentation are read at the top of a checkout."""
    here = elsewhere if ROOT / "docs" in page.parents else elsewhere / page.parent.relative_to(ROOT)
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    with ExitStack() as running:
        ran = list(run(page, {"__name__": "example"}, running, elsewhere))
    assert len(ran) == page.read_text("utf-8").count("```python")


def test_the_first_example_of_the_readme_runs_by_itself(elsewhere: Path) -> None:
    (elsewhere / "example.py").write_text(blocks(README, "python")[0])
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "Gentoo" in done.stdout, done.stderr


def test_the_table_of_nodes_is_that_of_the_last_run_and_has_them_all() -> None:
    """Written by DEEP=1 pytest tests/integration/test_whole_path.py."""
    rows = json.loads(whole_path.RESULTS.read_text("utf-8"))
    assert list(rows) == whole_path.everything()
    assert whole_path.PAGE.read_text("utf-8").endswith(f"{whole_path.MARK}\n{whole_path.table(rows)}")
    for name, row in rows.items():
        told = set(row.values()) - {"yes"}
        assert all(issubclass(getattr(errors, error), errors.RegistryError) for error in told), name
        assert not told or name in whole_path.REFUSED or name.removeprefix("anvil, ") in whole_path.OLDER, name
