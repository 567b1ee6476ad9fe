"""What each suite of tests costs in CPU seconds, beside the limit that `tests/suites.toml` sets.

``suites.py run NAME COMMAND...`` runs a suite and keeps what it cost; ``suites.py report TIER`` prints the suites of a
tier and ends with 1 if one of them costs more than its limit, or has not run. A suite that does not end is stopped.

CPU seconds, of all processes that a suite starts, since a busy machine makes a suite wait and not work. And since one
machine is faster than another, and slower when both of its cores are busy, a fixed piece of work is timed before and
after each suite, on both cores: what is compared to the limit are CPU seconds of a machine that does it in one second.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = ROOT / "tests" / "suites.toml"
RESULTS: Final = ROOT / ".suites"
TIERS: Final = ("quick", "test", "deep", "release")

# Half hashing and parsing in C, half Python, like the tests.
WORK: Final = """
import hashlib, json, time
started = time.process_time()
text, seen = json.dumps([{str(i): [i, i * 2]} for i in range(2000)]), {}
for number in range(180):
    hashlib.sha3_256(text.encode()).digest()
    for index, entry in enumerate(json.loads(text)):
        for name, pair in entry.items():
            seen[(number * index) % 997, name] = sum(value % 7 for value in pair)
    seen.clear()
print(time.process_time() - started)
"""


def run(name: str, command: Sequence[str]) -> int:
    """Run a suite and write down what it cost; the exit code of its command."""
    if name not in table():
        raise SystemExit(f"{TABLE.relative_to(ROOT)} does not say to which tier the suite {name!r} belongs.")
    unit = [*calibrate()]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = _finished(command, 300 + 2 * table()[name]["limit"])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit += calibrate()
    cost = {
        "cpu": round(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, 1),
        "unit": round(statistics.mean(unit), 3),
        "passed": code == 0,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(cost) + "\n")
    return code


def _finished(command: Sequence[str], seconds: float) -> int:
    """The exit code of a command; 124 for one that had not ended after `seconds`, which is stopped."""
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            say(f"Not at its end after {seconds:,.0f} seconds: it hangs. It is stopped.")
            process.kill()
            return 124


def calibrate() -> list[float]:
    """CPU seconds of the fixed work, done by two processes at once."""
    working = [subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return [float(process.communicate()[0]) for process in working]


def report(tier: str) -> int:
    """Print what the suites of a tier cost; 1 if one is over its limit or missing."""
    faults, total = [], 0.0
    rows = [(name, suite) for name, suite in table().items() if tier in _tiers(suite)]
    costs = {name: json.loads(_result(name).read_text()) for name, _ in rows if _result(name).exists()}
    say(f"{'suite':<14}{'CPU seconds':>12}{'of a machine of 1':>20}{'limit':>8}")
    for name, suite in rows:
        cost = costs.get(name)
        if cost is None or not cost["passed"]:
            faults.append(f"{name} has not {'run' if cost is None else 'passed'}.")
            continue
        spent = cost["cpu"] / cost["unit"]
        total += cost["cpu"]
        say(f"{name:<14}{cost['cpu']:>12,.0f}{spent:>20,.0f}{suite['limit']:>8,}")
        if spent > suite["limit"]:
            faults.append(
                f"{name} costs {spent:,.0f} CPU seconds, its limit is {suite['limit']:,}: make it cheaper, move tests "
                f"to another tier, or raise the limit in {TABLE.relative_to(ROOT)} in the change that needs it."
            )
    say(f"{'in all':<14}{total:>12,.0f}")
    for fault in faults:
        say(fault)
    return bool(faults)


def table() -> dict[str, dict[str, Any]]:
    """The suites by name: `tier`, and `limit` in CPU seconds."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def _tiers(suite: dict[str, Any]) -> tuple[str, ...]:
    """The tiers that a suite runs in: `make test` runs all of `make quick` too."""
    return ("quick", "test") if suite["tier"] == "quick" else (suite["tier"],)


def _result(name: str) -> Path:
    return RESULTS / f"{name}.json"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", name, *command]:
            sys.exit(run(name, command))
        case ["report", tier] if tier in TIERS:
            sys.exit(report(tier))
        case _:
            sys.exit(__doc__)
