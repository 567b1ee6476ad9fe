"""The long hunts: state machines and forge's invariants side by side, then the parsers, each for its minutes.

    python scripts/_toolchain/deep.py --walk 20 --fuzz 10

Machines and forge begin from new seeds until their time is up. The first failure ends everything, with 1; what repeats
it is said, and kept in .deep/found. Counts are printed and kept in .deep/counts.json; the corpora of the parsers stay
in .deep/corpus, so that the next run begins where this one ended.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

ROOT: Final = Path(__file__).parents[2]
DEEP: Final = ROOT / ".deep"
FOUND: Final = DEEP / "found"
FUZZER: Final = ".venv-fuzz/bin/python"


def _declared(pattern: str, words: str) -> int:
    """How often the sources say so, which does not depend on what is found and run."""
    return sum(len(re.findall(words, path.read_text(), re.M)) for path in ROOT.glob(pattern))


WALKS: Final = _declared("tests/invariant/test_*.py", r"^class \w+\(.*(Machine|Checks|Splitter)\b")
INVARIANTS: Final = _declared("tests/forge/*.t.sol", r"function invariant_")
PARSERS: Final = ("cid", "car", "dag-pb", "ddo", "sign-in", "proposal")
AT_ONCE: Final = 2

Row = dict[str, Any]


def fail(what: str, log: Path) -> NoReturn:
    """Keep the log and end."""
    FOUND.mkdir(exist_ok=True)
    kept = shutil.copy(log, FOUND / log.name)
    sys.exit(f"\n{log.read_text(errors='replace')[-6000:]}\nFAILED: {what}. All of it: {kept}")


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes to a log, and that does not outlive the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)


def walk_and_invade(seconds: float) -> list[Row]:
    """The state machines on one core, forge's invariants on another."""
    log, lines = DEEP / "machines.log", DEEP / "machines.jsonl"
    pytest = [sys.executable, "-m", "pytest", "tests/invariant", "-p", "no:ape_test", "-x", "-q"]
    rows: dict[str, Row] = {}
    subprocess.run(["forge", "build", "-q"], cwd=ROOT, env={**os.environ, "FOUNDRY_PROFILE": "deep"}, check=True)
    with running(pytest, log, DEEP_SECONDS=str(seconds / WALKS), DEEP_LOG=str(lines)) as machines:
        end = time.monotonic() + seconds
        while not rows or (end - time.monotonic() > 5 * INVARIANTS and machines.poll() in (None, 0)):
            for row in invade(max(5.0, (end - time.monotonic()) / INVARIANTS)):
                seen = rows.setdefault(row["what"], {**row, "seeds": 0, "runs": 0, "steps": 0})
                seen["seeds"] += 1
                seen["runs"] += row["runs"]
                seen["steps"] += row["steps"]
        if machines.wait(seconds + 600):
            fail("a state machine; its seed stands above", log)
    if idle := [name for name, row in rows.items() if not row["runs"]]:
        sys.exit(f"FAILED: the time was too short for a single run of {', '.join(idle)}")
    walked = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(walked) == WALKS, f"{len(walked)} machines walked, not {WALKS}"
    shown = [{**row, "what": row["machine"], "runs": row["walks"], "kind": "machine"} for row in walked]
    return shown + list(rows.values())


def invade(seconds: float) -> Iterator[Row]:
    """One run of forge's invariants, so many seconds for each."""
    log, seed = DEEP / "forge.json", f"0x{secrets.token_hex(8)}"
    command = ["forge", "test", "--json", "--fuzz-seed", seed, "-j", "1", "--match-test", "^invariant_"]
    with running(command, log, FOUNDRY_PROFILE="deep", FOUNDRY_INVARIANT_TIMEOUT=str(round(seconds))) as forge:
        forge.wait(2 * seconds * INVARIANTS + 600)
    try:
        suites = json.loads(log.read_text()[log.read_text().index("{") :])
    except ValueError:
        fail("forge, before it ran", log)
    tests = [(name, test) for suite in suites.values() for name, test in suite["test_results"].items()]
    if forge.returncode or len(tests) != INVARIANTS or any(test["status"] != "Success" for _, test in tests):
        fail(f"an invariant of forge; FOUNDRY_PROFILE=deep forge test --fuzz-seed {seed} repeats it", log)
    for name, test in tests:
        counts = test["kind"]["Invariant"]
        yield {"kind": "forge", "what": name.partition("(")[0], "runs": counts["runs"], "steps": counts["calls"]}


def feed(seconds: float) -> list[Row]:
    """The parsers, a few at a time."""
    rows = []
    for first in range(0, len(PARSERS), AT_ONCE):
        batch = PARSERS[first : first + AT_ONCE]
        share = seconds * AT_ONCE / len(PARSERS)
        with ExitStack() as stack:
            hunts = [stack.enter_context(hunting(name, share)) for name in batch]
            for name, process in zip(batch, hunts, strict=True):
                log = DEEP / f"{name}.log"
                if process.wait(share + 300):
                    again = f"PYTHONPATH=tests python -m fuzz.replay {name} {FOUND.relative_to(ROOT)}/{name}-*"
                    fail(f"the parser of {name}; '{again}' repeats it", log)
                rows.append(fed(name, log.read_text(errors="replace")))
    return rows


def hunting(name: str, seconds: float) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """One parser being fed."""
    FOUND.mkdir(exist_ok=True)
    flags = [f"-max_total_time={round(seconds)}", "-print_final_stats=1", f"-artifact_prefix={FOUND}/{name}-"]
    command = [FUZZER, "-m", "fuzz.hunt", name, str(DEEP / "corpus" / name), *flags]
    return running(command, DEEP / f"{name}.log", PYTHONPATH="tests")


def fed(name: str, log: str) -> Row:
    """What libFuzzer says of its work at its end, and how much of the corpus the parser takes."""
    done = re.search(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/", log)
    if not done:
        sys.exit(f"FAILED: {name} ended without a count:\n{log[-2000:]}")
    executions, branches, _, corpus = map(int, done.groups())
    before = re.search(r"INITED\s+cov: (\d+)", log)
    replay = [FUZZER, "-m", "fuzz.replay", name, str(DEEP / "corpus" / name)]
    words = subprocess.run(
        replay, cwd=ROOT, env={**os.environ, "PYTHONPATH": "tests"}, check=True, capture_output=True, text=True
    ).stdout
    return {
        "kind": "parser",
        "what": name,
        "runs": executions,
        "branches": branches,
        "new": branches - int(before[1]) if before else 0,
        "corpus": corpus,
        "taken": words.strip(),
    }


def main() -> None:
    """Hunt, and say what was done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--walk", type=float, default=20, metavar="MINUTES", help="of the machines and of forge")
    parser.add_argument("--fuzz", type=float, default=10, metavar="MINUTES", help="of the parsers")
    options = parser.parse_args()
    DEEP.mkdir(exist_ok=True)
    for old in (*DEEP.glob("*.json*"), *DEEP.glob("*.log")):
        old.unlink()
    rows = (walk_and_invade(60 * options.walk) if options.walk else []) + (
        feed(60 * options.fuzz) if options.fuzz else []
    )
    (DEEP / "counts.json").write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        shown = f"{row['kind']:8} {row['what']:42} {row['runs']:>12,} runs"
        if row["kind"] == "parser":
            shown += f" {row['branches']:>6,} branches ({row['new']:+,}), corpus {row['corpus']:,}; {row['taken']}"
        else:
            shown += f" {row['steps']:>12,} steps, {row['seeds']:,} seeds"
        sys.stdout.write(f"{shown}\n")


if __name__ == "__main__":
    main()
