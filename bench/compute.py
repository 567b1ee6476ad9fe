"""Jobs on data that stay in numbers: what one costs from the call to the opened result, and whether many at once on two
workers leave anybody waiting.

All on one chain in this process: a host on a loopback socket, its sandbox, and those who order. ``python -m
bench.compute`` measures this part alone; ends with 1 if a row is not what it must be.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.rows import alone, table
from bench.rows import write as write_rows
from registry import CID, DID, DataBudget, Licence, Registry, ResultFile, Terms
from registry.compute.job_queue import work_all
from registry.host.host_server import HostServer
from registry.ipfs.importer import add_file
from registry.system.serving import listen

RESULTS: Final = Path(__file__).resolve().parent / "results" / "compute.json"

PEOPLE: Final = ("stranger", "ann", "bob", "cleo")
EACH: Final = 5
WORKERS: Final = 2

BARS: Final = {"job_cpu_s": ("<=", 3.0), "not_delivered": ("<=", 0), "jobs_before_everybody_had_one": ("<=", 6)}
WORDS: Final = {
    "job_cpu_s": "a job from the call to the opened result beyond its program's own work, CPU seconds of both sides",
    "program_cpu_s": "its program bare",
    "jobs": f"at once, of {len(PEOPLE)} accounts, on {WORKERS} workers",
    "not_delivered": "of them not delivered",
    "jobs_before_everybody_had_one": "jobs that had been delivered by when each account had its first",
    "many_cpu_s": "a job among many, from taking the order to its receipt, CPU seconds",
}

PROGRAM: Final = """
import os
from pathlib import Path

rows = (Path(os.environ["REGISTRY_INPUTS"]) / "data" / "rows.csv").read_text().split()
(Path(os.environ["REGISTRY_OUTPUTS"]) / "sum").write_text(str(sum(map(int, rows[1:]))))
"""


def measure() -> dict[str, Any]:
    """Every row of `WORDS`, and `missed`: those that are not what they must be."""
    with tempfile.TemporaryDirectory(prefix="bench-compute-") as folder, _ward(Path(folder)) as (author, offer, code):
        own = _bare(Path(folder))
        single = [_one(author.as_account("stranger"), offer, code) for _ in range(4)][1:]  # the first one loads
        desk = author.jobs.desk({_data(author, offer): Path(folder) / "data"})
        buyers = [author.as_account(name) for name in PEOPLE]
        orders = [buyer.jobs.order(code, offer).to_bytes() for buyer in buyers for _ in range(EACH)]
        begun = _spent()
        ended = work_all(desk, [desk.accept(order).id for order in orders], workers=WORKERS)
        many = (_spent() - begun) / len(orders)
    done = [entry for entry in sorted(ended, key=lambda entry: entry.facts.get("finished", 0)) if entry.receipt]
    first = {entry.job.consumer: place for place, entry in reversed(list(enumerate(done, start=1)))}
    rows: dict[str, Any] = {
        "job_cpu_s": round(max(statistics.median(single) - own, 0), 2),
        "program_cpu_s": round(own, 2),
        "jobs": len(orders),
        "not_delivered": len(orders) - len(done),
        "jobs_before_everybody_had_one": max(first.values()),
        "many_cpu_s": round(many, 2),
    }
    return {**rows, "missed": [name for name, (_, bar) in BARS.items() if rows[name] > bar]}


@contextmanager
def _ward(folder: Path) -> Iterator[tuple[Registry, DID, CID]]:
    """Data that stay, a host that listens, and people who may order."""
    author = Registry.local(progress=None)
    (folder / "data").mkdir()
    (folder / "data" / "rows.csv").write_text("n\n" + "\n".join(map(str, range(100_000))))
    (folder / "sum.py").write_text(PROGRAM)
    code = add_file(folder / "sum.py", author.store).cid
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    terms = Terms(
        code=(code,),
        outputs=(ResultFile(path="sum", bytes=40),),
        budget=DataBudget(runs=1_000, bytes=40_000),
        seconds=120,
        memory=512 * 2**20,
        url=url,
    )
    day = Licence.period("day", days=1, price="1 USD")
    named = {"name": "Rows", "type": "dataset", "license": "MIT"}
    offer = author.publish(folder / "data", **named, licences=[day], compute=terms).did  # type: ignore[call-overload]
    for name in PEOPLE:
        author.as_account(name).buy(offer, "day")
    desk = author.jobs.desk({_data(author, offer): folder / "data"})
    with HostServer(author, desk, sock, url, rate=10_000, burst=10_000):
        yield author, offer, code


def _data(author: Registry, offer: DID) -> DID:
    terms = author.get(offer).ddo.compute
    assert terms is not None and terms.data is not None
    return terms.data


def _one(buyer: Registry, offer: DID, code: CID) -> float:
    """CPU seconds of this process and of what it started."""
    begun = _spent()
    job = buyer.compute(code, on=[offer])
    job.wait(300)
    assert job.open("sum").read() == b"4999950000"
    return _spent() - begun


def _bare(folder: Path) -> float:
    (folder / "out").mkdir()
    given = {"REGISTRY_INPUTS": str(folder), "REGISTRY_OUTPUTS": str(folder / "out")}
    begun = _spent()
    subprocess.run([sys.executable, "-I", "-S", folder / "sum.py"], env=given, check=True)
    return _spent() - begun


def _spent() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def show(console: Console, rows: dict[str, Any]) -> None:
    """Print the figures and what they must be."""
    console.print(table("Jobs on data that stay", rows, WORDS, BARS))


def write(rows: dict[str, Any]) -> None:
    """Write `results/compute.json`."""
    write_rows(rows, RESULTS)


if __name__ == "__main__":
    sys.exit(alone("jobs on data that stay", measure, show, write))
