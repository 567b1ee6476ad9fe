"""The sandbox in numbers: what it costs to start and to compute in it, how soon a run over its limit is gone, and how
much memory its host needs for a large input.

``python -m bench.sandbox`` measures this part alone; ends with 1 if a row is not what it must be.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.memory import peak_mib
from bench.rows import alone, table
from bench.rows import write as write_rows
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_file
from registry.sandbox import Limits, Spec, call, run
from registry.sandbox.check import check
from registry.sandbox.runs.running import Workshop
from registry.sandbox.started import interpreter

RESULTS: Final = Path(__file__).resolve().parent / "results" / "sandbox.json"
MIB: Final = 2**20

BARS: Final = {
    "start_over_bare_cpu_ms": ("<=", 60.0),
    "cpu_bound_vs_bare": ("<=", 1.05),
    "probes_open": ("<=", 0),
    "over_time_ends_after_s": ("<=", 2.0),
    "over_memory_ends_after_s": ("<=", 2.0),
    "over_files_ends_after_s": ("<=", 2.0),
    "streamed_1_gib_host_mib": ("<=", 200),
    "laid_1_gib_host_mib": ("<=", 200),
}
WORDS: Final = {
    "start_over_bare_cpu_ms": "a run that does nothing over a bare process, ms of CPU, host included",
    "call_cpu_ms": "a function of ours on a file, in a process of its own, ms of CPU",
    "cpu_bound_vs_bare": "a loop inside over the same loop bare, CPU seconds, the least of nine",
    "probes": "ways out that were tried at tier 2",
    "probes_open": "of them open",
    "over_time_ends_after_s": "gone after its limit of time, seconds",
    "over_memory_ends_after_s": "gone after it passed its limit of memory in all, seconds",
    "over_files_ends_after_s": "gone after it passed its limit of files, seconds",
    "streamed_1_gib_host_mib": "1 GiB handed in on standard input: the most memory that its host had, MiB",
    "laid_1_gib_host_mib": "1 GiB by its CID, fetched, verified and laid: the same",
}

LOOP: Final = "x = 0\nfor i in range(20_000_000): x += i * i"


def measure() -> dict[str, Any]:
    """Every row of `WORDS`, and `missed`: those that are not what they must be."""
    python = str(interpreter())
    nothing = (python, "-I", "-S", "-c", "pass")
    loop = (python, "-I", "-S", "-c", LOOP)
    run(Spec(command=nothing))
    bare = statistics.median(_cpu(lambda: subprocess.run(nothing, check=True)) for _ in range(15))
    boxed = statistics.median(_cpu(lambda: run(Spec(command=nothing)).check()) for _ in range(15))
    inside, outside = [], []
    for _ in range(9):  # in turns; the least of each, since whatever disturbs only adds
        inside.append(_cpu(lambda: run(Spec(command=loop)).check()))
        outside.append(_cpu(lambda: subprocess.run(loop, check=True)))
    probes = check().tiers[2]
    rows: dict[str, Any] = {
        "start_over_bare_cpu_ms": round((boxed - bare) * 1000, 1),
        "call_cpu_ms": round(
            statistics.median(_cpu(lambda: call("statistics:mean", [1, 2])) for _ in range(5)) * 1000, 1
        ),
        "cpu_bound_vs_bare": round(min(inside) / min(outside), 3),
        "probes": len(probes),
        "probes_open": sum(map(bool, probes.values())),
        **_limits(python),
        **_alone(_large, python),
    }
    fits = {">=": lambda value, bar: value >= bar, "<=": lambda value, bar: value <= bar}
    return {**rows, "missed": [name for name, (sign, bar) in BARS.items() if not fits[sign](rows[name], bar)]}


def _cpu(work: Callable[[], object]) -> float:
    """CPU seconds of some work, of its processes too."""
    before = _spent()
    work()
    return _spent() - before


def _spent() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _limits(python: str) -> dict[str, float]:
    """Seconds from when a limit is passed, by the word of the program that passes it, to when nothing of it is left."""
    codes = {
        "time": ("import time; print('now', flush=True); time.sleep(60)", "seconds"),
        # Two processes, each below its own limit.
        "memory": (
            "import os, time\nos.fork()\nx = bytearray(b'1') * (160 * 2**20)\nprint('now', flush=True)\ntime.sleep(60)",
            "memory",
        ),
        "files": (
            "import os, time\nfor n in range(200): os.close(os.open(f'/tmp/{n}', os.O_CREAT))\n"
            "print('now', flush=True)\ntime.sleep(60)",
            "files",
        ),
    }
    rows = {}
    for name, (code, ended) in codes.items():
        said: list[float] = []
        limits = Limits(seconds=1 if name == "time" else 30, memory=256 * MIB, files=100)
        command = (python, "-I", "-S", "-c", code)
        begun = time.monotonic()
        outcome = run(Spec(command=command, limits=limits), on_log=lambda _, said=said: said.append(time.monotonic()))
        gone = time.monotonic()
        assert outcome.ended == ended, outcome
        passed = begun + 1 if name == "time" else said[-1] if said else gone  # before it could say so
        rows[f"over_{name}_ends_after_s"] = round(max(gone - passed, 0), 2)
    return rows


def _alone(work: Callable[[str], dict[str, int]], python: str) -> dict[str, int]:
    """Some work in a process of its own: what was measured before in this one left it its memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as one:
        return one.submit(work, python).result(timeout=1800)


def _large(python: str) -> dict[str, int]:
    """The most memory that this process has for a GiB, libraries and all."""

    def pieces() -> Iterator[bytes]:
        for number in range(1024):
            yield number.to_bytes(4, "big") * (MIB // 4)

    count = "import sys\nn = 0\nwhile p := sys.stdin.buffer.read(2**20): n += len(p)\nprint(n)"
    outcome = run(Spec(command=(python, "-I", "-S", "-c", count), limits=Limits(seconds=600)), stdin=pieces()).check()
    assert outcome.text() == f"{2**30}\n"
    streamed = round(peak_mib())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        with (place / "large").open("wb") as file:
            file.writelines(pieces())
        store = LocalStore(place / "blocks", durable=False)
        cid = add_file(place / "large", store).cid
        (place / "main.py").write_text(
            "import os\nsize = os.path.getsize(os.environ['REGISTRY_INPUTS'] + '/large')\n"
            "open('n', 'w').write(str(size))"
        )
        made = Workshop(store, place).run(place / "main.py", {"large": str(cid)}, outputs=place / "out")
        assert (made.outputs / "n").read_text() == str(2**30)
        laid = round(peak_mib())
    return {"streamed_1_gib_host_mib": streamed, "laid_1_gib_host_mib": laid}


def show(console: Console, rows: dict[str, Any]) -> None:
    """Print the figures and what they must be."""
    console.print(table("The sandbox", rows, WORDS, BARS))


def write(rows: dict[str, Any]) -> None:
    """Write `results/sandbox.json`."""
    write_rows(rows, RESULTS)


if __name__ == "__main__":
    sys.exit(alone("the sandbox", measure, show, write))
