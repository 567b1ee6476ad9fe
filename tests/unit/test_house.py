"""The house itself: its floors, its doors, its error tree, its map."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import registry
from registry import Registry, errors
from registry.session import Session

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "registry"

# Top to bottom. A room is a folder, or a file beside the folders; it imports from the floors below, and from those on
# its own floor that do not import from it.
FLOORS = [
    ["cli"],
    ["hub", "gateway", "host", "tools", "agents", "apps"],
    ["client"],
    ["teams", "governance", "imports", "compute", "talk"],
    ["revenue"],
    ["market"],
    ["content", "calls"],
    ["assets", "index"],
    ["session", "results"],
    ["collections", "gated", "sandbox", "chain"],
    ["documents", "ipfs"],
    ["did", "money", "home", "types", "text", "system", "errors"],
]

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


def room_of(module: str) -> str:
    """``"chain"`` for ``"registry.chain.logs"``; empty for the front door and for what is not ours."""
    return module.split(".")[1] if module.startswith("registry.") else ""


def floor_of(module: str) -> int | None:
    """The number of the floor that a module is on, from the top; None for the front door and what is not ours."""
    return next((number for number, floor in enumerate(FLOORS) if room_of(module) in floor), None)


def imported(path: Path, *, types: bool = True) -> Iterator[tuple[int, str]]:
    """Line and name of each import of a module, also those inside functions, and those for types only with `types`."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if not types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports name the whole path"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full if full in MODULES else str(node.module)
        waiting.extend(ast.iter_child_nodes(node))


def circles(arrows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What is left of `arrows` when those that lead nowhere are taken away, again and again: circles, and what is above
    them."""
    waiting = {name: aims - {name} for name, aims in arrows.items()}
    while free := {name for name, aims in waiting.items() if not aims & set(waiting)}:
        waiting = {name: aims for name, aims in waiting.items() if name not in free}
    return waiting


def longest(arrows: Mapping[str, set[str]]) -> tuple[str, ...]:
    """The longest way along `arrows`, which have no circles."""
    known: dict[str, tuple[str, ...]] = {}

    def below(name: str) -> tuple[str, ...]:
        if name not in known:
            ways = (below(aim) for aim in sorted(arrows[name] - {name}))
            known[name] = (name, *max(ways, key=len, default=()))
        return known[name]

    return max(map(below, sorted(arrows)), key=len)


def arrows_of_modules() -> dict[str, set[str]]:
    """What each module imports, also for types alone."""
    return {module: {name for _, name in imported(path) if name in MODULES} for module, path in MODULES.items()}


def arrows_of_rooms(modules: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What each room imports of others, by the imports of its modules."""
    rooms: dict[str, set[str]] = {room: set() for floor in FLOORS for room in floor}
    for module, names in modules.items():
        if room_of(module):
            rooms[room_of(module)] |= {room_of(name) for name in names} - {"", room_of(module)}
    return rooms


# --- Floors and rooms ----------------------------------------------------------------------------


def test_every_room_is_on_one_of_at_most_twelve_floors() -> None:
    rooms = [room for floor in FLOORS for room in floor]
    assert len(FLOORS) <= 12
    assert sorted(rooms) == sorted({room_of(module) for module in MODULES} - {""})


def test_imports_go_down_only() -> None:
    upward = []
    for module, path in MODULES.items():
        here = floor_of(module)
        for line, name in imported(path):
            there = floor_of(name)
            if name == "registry" and module != "registry":
                upward.append(f"{module}:{line} imports the front door")
            elif here is not None and there is not None and there < here:
                upward.append(f"{module}:{line} imports {name}")
    assert not upward


def test_neither_modules_nor_rooms_import_each_other_in_circles() -> None:
    """Imports for types are counted: what can be read alone needs no type of what is built on it."""
    modules = arrows_of_modules()
    assert not circles(modules) and not circles(arrows_of_rooms(modules))


# Modules that have to be read to know all that the highest one stands on: a page of the hub, by what is said of assets,
# down to what errors hide.
LONGEST_WAY = 34


def test_no_way_down_through_imports_is_longer_than_it_was() -> None:
    """Of rooms: no longer than there are floors, though rooms beside each other may import one another."""
    modules = arrows_of_modules()
    of_rooms, of_modules = longest(arrows_of_rooms(modules)), longest(modules)
    assert len(of_rooms) <= len(FLOORS), of_rooms
    assert len(of_modules) <= LONGEST_WAY, of_modules


def test_verbs_stand_side_by_side_on_one_session() -> None:
    """What one class of verbs needs of another's subject it asks of an object: none inherits from another, none changes
    what another does, and none is imported where another is written."""
    verbs = Registry.__mro__[1:-2]
    assert {cls.__bases__ for cls in verbs} == {(Session,)}
    homes: dict[str, list[str]] = {}
    for cls in Registry.__mro__[:-1]:
        for name in vars(cls):
            if not re.fullmatch("__.*__", name):
                homes.setdefault(name, []).append(cls.__name__)
    assert not {name: classes for name, classes in homes.items() if len(classes) > 1}
    names = {cls.__name__ for cls in verbs}
    for cls in verbs:
        tree = ast.parse(MODULES[cls.__module__].read_text(encoding="utf-8"))
        taken = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not taken & names, cls


def test_few_files_stand_beside_the_folders() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 9


def test_every_folder_says_in_one_sentence_what_it_is_for() -> None:
    says = {
        str(folder.relative_to(ROOT)): " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
        for folder in FOLDERS
        for tree in [ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))]
    }
    assert not {folder: said for folder, said in says.items() if not re.fullmatch(r"[A-Z`][^.]+(\.\S[^.]*)*\.+", said)}
    assert len(set(says.values())) == len(says) > 20


def test_the_tests_of_a_room_have_its_name() -> None:
    """All but those of collections, since Python's own library has a `collections`."""
    folders = {path.name for path in Path(__file__).parent.iterdir() if any(path.glob("test_*.py"))}
    assert folders - {"collection"} <= {room for floor in FLOORS for room in floor}


def test_what_tests_import_of_each_other_is_in_no_conftest() -> None:
    """Fixtures come by their names. What is imported would be there a second time, under the name it is imported by."""
    line = re.compile(r"^ *(from [\w.]*conftest import|import conftest)", re.MULTILINE)
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts]
    assert len(tests) > 200 and not [str(path) for path in tests if line.search(path.read_text(encoding="utf-8"))]


def test_a_name_is_used_once() -> None:
    """Of classes in the whole package; of files in each folder, where two may not differ by an ending alone."""
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert not {name: places for name, places in homes.items() if len(places) > 1}
    stem = re.compile(r"(s|ing|ed|al|er|or|e)+$")
    for folder in [PACKAGE, *FOLDERS]:
        names = [path.stem for path in folder.glob("*.py")] + [path.name for path in FOLDERS if path.parent == folder]
        stems = [stem.sub("", name) for name in names]
        assert sorted({name for name in names if stems.count(stem.sub("", name)) > 1}) == [], folder


# Where files are named after others: commands after the rooms that they open, errors after the rooms that raise them,
# and programs inside the sandbox after what they are for whoever runs them.
MIRRORS = ("cli", "errors", "sandbox/inside")


def test_a_file_is_named_once_and_not_as_a_room() -> None:
    homes = {folder.name: [f"{folder.relative_to(PACKAGE)}/"] for folder in FOLDERS}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if path.stem != "__init__" and place.parent.as_posix() not in MIRRORS:
            homes.setdefault(path.stem, []).append(str(place))
    assert all((PACKAGE / folder).is_dir() for folder in MIRRORS)
    assert not {name: places for name, places in homes.items() if len(places) > 1}


# A function of more lines than a screen has, its own documentation not counted, has its reason here.
SCREEN = 50
LONGER = {
    "registry.index.finding.Searching.search": "an option for each thing to ask, and the question that takes them",
}


def test_a_function_that_has_to_be_followed_fits_a_screen() -> None:
    lines: dict[str, int] = {}

    def look(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            called = f"{name}.{child.name}"
            if not isinstance(child, ast.ClassDef):
                told = child.body[0] if ast.get_docstring(child) is not None else None
                words = 0 if told is None else (told.end_lineno or 0) - told.lineno + 1
                lines[called] = (child.end_lineno or 0) - child.lineno + 1 - words
            look(child, called)

    for module, path in MODULES.items():
        look(ast.parse(path.read_text(encoding="utf-8")), module)
    assert {name for name, count in lines.items() if count > SCREEN} == set(LONGER)


def test_what_benchmarks_scripts_and_examples_import_is_there() -> None:
    """Also in the texts of programs that they run, which no type checker sees."""
    line = re.compile(r"^ *from (registry[\w.]*) import (?:\(([^)]*)\)|([\w, ]+))", re.MULTILINE)
    seen, missing = 0, []
    for path in (path for folder in ("bench", "scripts", "examples") for path in (ROOT / folder).rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        for module, many, few in line.findall(path.read_text(encoding="utf-8")):
            for name in re.findall(r"(\w+)(?: as \w+)?", many or few):
                seen += 1
                if not hasattr(importlib.import_module(module), name) and f"{module}.{name}" not in MODULES:
                    missing.append(f"{path.relative_to(ROOT)}: {module} has no {name}")
    assert seen > 50 and not missing


def test_documents_content_and_what_is_signed_import_no_chain() -> None:
    """When they run, that is: they may speak of its types."""
    chain = next(floor for floor in FLOORS if "chain" in floor)
    rooms = {room for floor in FLOORS[FLOORS.index(chain) :] for room in floor} - {"chain"}
    without = {module for module in MODULES if room_of(module) in rooms}
    without |= {
        "registry.results",
        "registry.teams.proposal_file",
        "registry.revenue.splits",
        "registry.revenue.statement",
    }
    assert {"registry.documents.ddo", "registry.ipfs.cid", "registry.gated.protocol"} <= without <= set(MODULES)
    for module in without:
        names = [name for _, name in imported(MODULES[module], types=False)]
        assert not [name for name in names if name.startswith("registry.chain")], module


def test_the_floors_are_drawn_as_they_are() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawing = text.split("## The package")[1].split("```")[1]
    drawn: list[list[str]] = []
    for line in drawing.strip().splitlines():
        number, name = re.match(r" *(\d*) +(\w+)(?:/|\.py) ", line + " ").groups()  # type: ignore[union-attr]
        if number:
            assert int(number) == len(FLOORS) - len(drawn), line
            drawn.append([])
        drawn[-1].append(name)
    assert [sorted(names) for names in drawn] == [sorted(floor) for floor in FLOORS]


def test_only_the_chain_speaks_web3() -> None:
    speakers = {
        module
        for module, path in MODULES.items()
        for _, name in imported(path, types=False)
        if name.partition(".")[0] in ("web3", "eth_tester", "eth_account", "rlp")
    }
    assert {module for module in speakers if not module.startswith("registry.chain.")} == set()


# --- The front door ------------------------------------------------------------------------------

_HEAVY = ("web3", "ape", "pandas", "numpy", "eth_tester", "eth_account", "eth_abi", "pydantic", "rich", "click")
_HEAVY += ("fsspec", "httpx", "zarr", "anywidget", "traitlets", "streamlit", "IPython", "mcp", "datasets")


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.strip()


def test_importing_the_package_is_cheap_and_touches_no_chain() -> None:
    code = (
        "import sys, importlib; before = set(sys.modules); import registry; loaded = set(sys.modules) - before\n"
        f"print(len(loaded), [name for name in {_HEAVY!r} if name in sys.modules])"
    )
    count, heavy = _python(code).split(" ", 1)
    assert heavy == "[]" and int(count) < 10  # what takes time is what is loaded


_OF_ALL_VERBS = {"assets", "chain", "collections", "content", "documents", "errors", "gated", "ipfs", "market"}
_OF_ALL_VERBS |= {"client", "did", "home", "money", "results", "session", "system", "text", "types"}
_OF_A_COMMAND = {f"registry.cli.{name}" for name in ("app", "command", "console", "look", "views")} | {"registry.cli"}


def _loaded(code: str) -> tuple[set[str], set[str]]:
    """What `code` loads beside web3: of this package, the modules outside the rooms that all verbs use; the packages of
    others."""
    told = _python(f"import sys, web3; before = set(sys.modules)\n{code}\nprint('loaded', *set(sys.modules) - before)")
    names = told.rpartition("loaded")[2].split()
    ours = {name for name in names if name.startswith("registry.") and room_of(name) not in _OF_ALL_VERBS}
    return ours, {name.partition(".")[0] for name in names} - {"registry"} - sys.stdlib_module_names


def test_a_client_loads_no_index_no_http_and_no_statements_before_a_verb_needs_them() -> None:
    ours, others = _loaded("import registry.client")
    verbs = {"registry.index", "registry.index.hubs", "registry.index.finding"}
    verbs |= {"registry.revenue", "registry.revenue.lineage"}
    assert (ours, others) == (verbs, {"rfc8785"})


def test_showing_an_asset_loads_what_a_client_does_and_a_console() -> None:
    """Of a node that does not answer: by then all is loaded that a command asks it with."""
    of_a_client, others = _loaded("import registry.client")
    shown = "from registry.cli import main\nsys.argv = ['registry', '--rpc', 'http://127.0.0.1:1', 'show', '1']\n"
    shown += "try: main()\nexcept SystemExit as end: assert end.code == 1"
    assert _loaded(shown) == (of_a_client | _OF_A_COMMAND, others | {"click", "platformdirs", "rich"})


def test_documents_and_content_need_no_chain() -> None:
    code = (
        "import sys; from registry import CID, DDO, DID, Amount, Licence, Token, RegistryError\n"
        "import registry.ipfs.unixfs, registry.ipfs.store, registry.documents.ocean\n"
        "import registry.ipfs.fs, registry.ipfs.replicas, registry.ipfs.audit, registry.ipfs.recovery\n"
        "print([name for name in ('web3', 'ape', 'pandas', 'eth_tester', 'eth_account') if name in sys.modules])"
    )
    assert _python(code) == "[]"


def test_every_name_at_the_front_door_resolves() -> None:
    assert set(registry.__all__) == set(registry._HOME_OF)
    for name in registry.__all__:
        found = getattr(registry, name)
        assert found.__module__ == f"registry.{registry._HOME_OF[name]}" and found.__doc__
        assert name in dir(registry)
    with pytest.raises(AttributeError, match="nothing"):
        _ = registry.nothing  # type: ignore[attr-defined]
    assert isinstance(registry.__doc__, str)


def test_the_names_for_type_checkers_are_those_that_are_loaded() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {
        alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert declared == {name: f"registry.{home}" for name, home in registry._HOME_OF.items()}


# --- Errors --------------------------------------------------------------------------------------


def drawn_tree() -> dict[str, tuple[str, set[str]]]:
    """The tree at the top of errors.py: each error, what it is drawn below, and the builtins beside it."""
    found: dict[str, tuple[str, set[str]]] = {}
    above = {0: ""}
    name = re.compile(r"\b([A-Z][a-z]\w*[a-z]|DDOTooLarge|Invalid[A-Z]+)\b(?: \(([\w, ]+)\))?")
    for line in inspect.getdoc(errors).split("::", 1)[1].splitlines():  # type: ignore[union-attr]
        # A sentence after the names begins with several spaces and is no list of names.
        depth = len(line) - len(line.lstrip(" │├└─"))
        parent = above[max((level for level in above if level < depth), default=0)]
        for place, match in enumerate(name.finditer(line)):
            error, bases = match.group(1), match.group(2) or ""
            if not hasattr(errors, error):
                continue
            found[error] = (parent, {base.strip() for base in bases.split(",") if base.strip()})
            if place == 0:
                above = {level: held for level, held in above.items() if level < depth} | {depth: error}
                if line[match.end() :].startswith("  "):
                    parent = error
    return found


def test_an_assertion_tells_the_type_checker_something_and_checks_nothing() -> None:
    """Python run with `-O` leaves assertions out, so none may stand between a stranger and anything."""

    def narrows(test: ast.expr) -> bool:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return all(narrows(part) for part in test.values)
        return isinstance(test, ast.Compare) and ast.unparse(test).endswith(" is not None")

    asserted = {
        f"{path.relative_to(ROOT)}:{node.lineno}": ast.unparse(node.test)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert) and not narrows(node.test)
    }
    assert not asserted


_BROAD = frozenset({"BaseException", "Exception", "RegistryError", "ChainError"})

# Who takes any error for an answer, and why a lost connection cannot become a wrong one there.
_TAKES_ANY = {
    "Hub._follow": "tells the error in the state of the hub, and tries again",
    "Hub._listen": "counts the error, and tries again",
    "Hub._look": "counts the error, and tries again",
    "Hub._tell": "counts the error, and tries again",
    "Feed.blocks": "each block is then asked for by itself",
    "Feed._given": "asks nobody; the block is then asked for by itself",
    "HostWorkers._loop": "notes the error at its job, and tries again after a while",
    "Indexer.follow": "tells the error, and tries again",
    "_laid": "tells the error, beside what else is missing",
    "_lock": "tells the error, beside what else is missing",
    "_tell_clients": "asks nobody; what a client's progress raises is its own",
    "arguments": "decodes, asks nobody",
    "main": "tells the error to the process that started it",
    "reach": "starts a program, asks nobody",
    "staged.work": "hands the error on to the other thread",
    "_Api._guarded": "answers whoever asked that it failed",
    "_HostApi.guarded.answer": "answers whoever asked that it failed",
    "_followed": "tells the error, and looks again when it is told to",
    "_address": "reads text, asks nobody",
    "_ahead.run": "hands the error on to the other thread",
    "_ask_one": "hands the error on, beside the answers of others",
    "_pin_fault": "tells the error",
    "_recovered": "reads bytes, asks nobody",
    "_safe_signers": "reads bytes, asks nobody",
    "_settings": "encodes arguments, asks nobody",
    "ChainView._work": "hands the error on to who waits",
    "Shares.at_each.attempt": "tells the error, beside what others did",
    "LocalStore.fsck.mend": "a block that cannot be fetched is counted as missing, which it is",
    "Previews._make": "tells the error in the place of the preview, and tries again after a while",
    "Sender._revive": "what was sent is looked for before it is sent again",
    "DaskEngine._followed": "takes leave of a run that has ended as it will",
    "Words._coin": "reckons, asks nobody",
    "Words._money": "reckons, asks nobody",
    "_Errand.run": "hands the error on to the other thread",
    "_Query._read": "decodes, asks nobody",
    "decode": "decodes, asks nobody",
    "decode_log": "decodes, asks nobody",
    "ending": "tells the error, and ends",
    "first_block": "0 is always right, and only slower",
    "door_routes.answer": "answers whoever asked that it failed",
    "gateway_routes.answer": "answers whoever asked that it failed",
    "open_asset": "tells the error",
    "_Form._try": "tells the error",
    "read_csv": "reads text, asks nobody",
    "read_description": "reads text, asks nobody",
    "recovered": "reads bytes, asks nobody",
    "_by_button.does": "tells the error",
    "run_on_worker": "answers its host that it failed",
    "rpc_routes.run": "answers whoever asked that it failed",
}


def takers_of_any_error(node: ast.AST, where: str = "") -> Iterator[str]:
    """The functions with a handler of broad errors that raises nothing, and that none for a lost connection
    precedes."""

    def names(caught: ast.expr | None) -> set[str]:
        if caught is None:
            return {"BaseException"}
        return {ast.unparse(one) for one in (caught.elts if isinstance(caught, ast.Tuple) else [caught])}

    for child in ast.iter_child_nodes(node):
        here = where
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            here = f"{where}.{child.name}" if where else child.name
        if isinstance(child, ast.Try):
            before: set[str] = set()
            for handler in child.handlers:
                raises = any(isinstance(part, ast.Raise) for part in ast.walk(handler))
                if names(handler.type) & _BROAD and not raises and "ConnectionFailed" not in before:
                    yield here
                before |= names(handler.type)
        suppresses = isinstance(child, ast.Call) and ast.unparse(child.func).rpartition(".")[2] == "suppress"
        if suppresses and {ast.unparse(argument) for argument in child.args} & _BROAD:  # type: ignore[attr-defined]
            yield here
        yield from takers_of_any_error(child, here)


def test_a_lost_connection_is_nowhere_taken_for_an_answer() -> None:
    """Whoever asks a node or a service and takes any failure for a "no" tells `ConnectionFailed` apart first."""
    found = {
        name for path in MODULES.values() for name in takers_of_any_error(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(_TAKES_ANY)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    tree = drawn_tree()
    there = {
        name: cls
        for name, cls in vars(errors).items()
        if inspect.isclass(cls) and issubclass(cls, errors.RegistryError)
    }
    assert set(tree) == set(there)
    for name, (parent, beside) in tree.items():
        bases = {base.__name__ for base in there[name].__mro__[1:]}
        assert not parent or parent in bases, f"{name} is drawn below {parent}"
        for base in beside:
            assert base in bases, f"{name} is drawn as {base}"
    for name, cls in there.items():
        direct = {base.__name__ for base in cls.__bases__ if base is not errors.RegistryError}
        assert direct <= {tree[name][0]} | tree[name][1] | {b for b in direct if hasattr(builtins, b)}, name


def test_every_error_keeps_its_values_and_says_what_to_do() -> None:
    for name, cls in vars(errors).items():
        if not (inspect.isclass(cls) and issubclass(cls, errors.RegistryError)):
            continue
        assert cls.__doc__ and cls.__doc__.strip(), name
    error = errors.PriceChanged("month", "13 USD", "12.5 USD")
    assert (error.licence, error.price, error.maximum) == ("month", "13 USD", "12.5 USD")
    assert str(error) == f"{error.message} {error.hint}" and error.hint.endswith(".")


def test_errors_travel_between_processes() -> None:
    made = [
        errors.Immutable("ipfs://new/a", hint="Open a transaction."),
        errors.Unavailable("Block b", ["the gateway answered 429"], retry_after=3.0),
        errors.FileNotInAsset("a.csv", ["b.csv"]),
        errors.InvalidDDO([errors.Fault("/name", "is missing")]),
        errors.ContractError("NotAssetOwner", {"id": 1}),
        errors.TooFewReplicas("b", ["ann"], 2, ["bob refused"]),
        errors.NonceStuck("0x1", 2, 1),
        errors.UnknownToken("ETC", ["ETH"]),
        errors.BlockNotFound("b"),
    ]
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


# Of packages that stand beside none of the other tests' own: another suite has them (`make gradio`).
ELSEWHERE = {"registry.apps.gradio"}


def test_every_module_can_be_imported() -> None:
    for module in MODULES.keys() - ELSEWHERE:
        importlib.import_module(module)
