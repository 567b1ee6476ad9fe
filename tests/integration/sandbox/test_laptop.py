"""A laptop with no chain, no money and no network: run, run again, be told what came out, and stop."""

from __future__ import annotations

import json
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.cli_support import Shell
from integration.sandbox.people import alive

SUM = """
import json, os, sys
numbers = open(os.environ["REGISTRY_INPUTS"] + "/numbers/a.csv").read().split()
print("adding", len(numbers))
json.dump({"sum": sum(map(float, numbers))}, open(sys.argv[1] + "/sum.json", "w"))
"""
RANDOM = "import os, sys\nopen(sys.argv[1] + '/x.bin', 'wb').write(os.urandom(9))\nimport random; random.random()\n"


@pytest.fixture
def laptop(tmp_path: Path) -> Shell:
    """Numbers in a folder, and a node that nobody answers at."""
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "a.csv").write_text("1\n2\n3.5\n")
    return Shell("http://127.0.0.1:9", tmp_path, None)


@pytest.fixture
def program(laptop: Shell) -> Callable[[str], str]:
    """Write a program; its file."""

    def write(text: str) -> str:
        (laptop.folder / "main.py").write_text(text)
        return "main.py"

    return write


def ran(laptop: Shell, code: str, *words: str) -> list[str]:
    """Run it; the words that run it again."""
    ended = laptop("run", code, *words, "--out", "made", "--record", "run.json", "--", "{outputs}")
    assert ended.exit_code == 0, ended.stderr
    return ["reproduce", "run.json"]


def test_a_run_that_comes_out_the_same_ends_with_0(laptop: Shell, program: Callable[[str], str]) -> None:
    again = ran(laptop, program(SUM), "--on", "numbers", "--keep")
    assert json.loads((laptop.folder / "made" / "sum.json").read_text()) == {"sum": 6.5}
    record = json.loads((laptop.folder / "run.json").read_text())
    assert record["usage"]["tier"] == 2 and record["usage"]["memory"] > 0
    assert [one["what"] for one in record["findings"]] == ["is not published as an asset"]
    assert record["machine"]["threads"] == 1 and record["inputs"][0]["name"] == "numbers"
    ended = laptop(*again)
    assert (ended.exit_code, "same: each output" in ended.stdout) == (0, True), ended.stderr
    assert "adding 3" in ended.stderr, "what it says is shown while it runs"


def test_a_run_that_comes_out_otherwise_ends_with_4(laptop: Shell, program: Callable[[str], str]) -> None:
    ended = laptop(*ran(laptop, program(RANDOM)))
    assert ended.exit_code == 4 and "differs: not what was recorded." in ended.stdout and "byte 0" in ended.stdout
    told = laptop("reproduce", "run.json", "--json")
    assert told.exit_code == 4 and json.loads(told.stdout)["verdict"] == "differs"
    assert "random" in laptop("run", "main.py", "--", "{outputs}").stderr, "that it would was told when it ran"


def test_a_run_that_cannot_be_tried_ends_with_5_and_runs_nothing(laptop: Shell, program: Callable[[str], str]) -> None:
    again = ran(laptop, program(SUM), "--on", "numbers")
    (laptop.folder / "numbers" / "a.csv").write_text("1\n2\n3.6\n")
    for words in ((), ("--on", "numbers")):
        ended = laptop(*again, *words, "--out", "again")
        assert ended.exit_code == 5 and "numbers" in ended.stderr and "adding" not in ended.stderr
        assert not (laptop.folder / "again").exists()


def test_parameters_are_json_or_text_or_a_file_of_both(laptop: Shell, program: Callable[[str], str]) -> None:
    (laptop.folder / "more.json").write_text('{"alpha": 0.5, "columns": ["a"]}')
    words = ("more.json", "ridge=3", "name=lasso", "alpha=null")
    ran(laptop, program(SUM), "--on", "numbers", *(part for word in words for part in ("--params", word)))
    record = json.loads((laptop.folder / "run.json").read_text())
    assert record["params"] == {"alpha": None, "columns": ["a"], "name": "lasso", "ridge": 3}


def test_what_is_no_parameter_no_input_and_no_record_is_told_by_name(
    laptop: Shell, program: Callable[[str], str]
) -> None:
    code = program(SUM)
    (laptop.folder / "list.json").write_text("[1]")
    assert "'list.json' is not a JSON object" in laptop.refused("run", code, "--params", "list.json")["message"]
    twice = laptop.refused("run", code, "--on", "numbers", "--on", "elsewhere/numbers")
    assert twice["message"] == "Two inputs are called 'numbers'." and "--on first=numbers" in twice["hint"]
    assert "neither a file nor a CID" in laptop.refused("reproduce", "nowhere.json")["message"]
    for words, why in ((("--escrow",), "belong to --at"), (("--at", "8", "--memory", "5"), "--at names another")):
        ended = laptop("reproduce", "nowhere.json", *words)
        assert ended.exit_code == 2 and why in ended.stderr


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_it_leaves_nothing_of_it(laptop: Shell, program: Callable[[str], str], way: signal.Signals) -> None:
    mark = secrets.token_hex(8)
    code = program("import time\nprint('on', flush=True)\ntime.sleep(60)\n")
    process = laptop.process("run", code, "--out", "made", "--record", "run.json", "--", mark)
    assert process.stderr is not None
    said = b""
    while b"on\n" not in said:
        piece = process.stderr.read1()  # type: ignore[attr-defined]
        assert piece, said
        said += piece
    process.send_signal(way)
    assert process.wait(60) in ((130,) if way == signal.SIGINT else (143, -signal.SIGTERM))
    until = time.monotonic() + 20
    while alive(mark) and time.monotonic() < until:
        time.sleep(0.02)
    assert alive(mark) == []
    assert not (laptop.folder / "run.json").exists() and not list(laptop.folder.glob("made/*"))


def test_the_check_says_what_this_machine_stops(laptop: Shell) -> None:
    ended = laptop("sandbox", "check")
    assert ended.exit_code == 0 and "This machine reaches tier 2: nothing of the machine is there" in ended.stdout
    assert "reads proc 1 environ" in ended.stdout and "Tier 3 " in ended.stdout.replace("Tier 3:", "Tier 3 ")
