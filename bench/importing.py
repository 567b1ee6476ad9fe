"""What an import from the Hugging Face Hub takes: CPU seconds for many small files, memory for a large one, and what of
that is fetched again where its line is cut.

The importer is a process of its own beside a stand-in of the hub on loopback, so that what the stand-in takes is not
counted. CPU seconds of the user and of the system together; memory is the most that the process had, Python and the
package included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import rows

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = Path(__file__).resolve().parent / "results" / "importing.json"
CARD: Final = b"---\nlicense: mit\n---\n"
WORDS: Final = {
    "small_cpu_seconds": "1,000 files of 1 kB, CPU seconds",
    "large_cpu_seconds": "one file of 16 MiB, CPU seconds",
    "large_peak_mib": "one file of 16 MiB, most memory, MiB",
    "large_disk": "one file of 16 MiB, on the disk, of its size",
    "cut_mib_again": "one file of 16 MiB, cut three times, fetched twice, MiB",
}
BARS: Final = {
    "small_cpu_seconds": ("<=", 20),
    "large_peak_mib": ("<=", 120),
    "large_disk": ("<=", 1.02),
    "cut_mib_again": ("<=", 1),
}
CUTS: Final = (5_700_000, 3_300_000, 2_900_000)
"""Bytes after which an answer ends, each of what is left."""

IMPORT: Final = """
import json, resource, sys
from pathlib import Path
from bench.memory import peak_mib
from registry.imports.bringing import bring
from registry.ipfs.store import LocalStore
home = Path(sys.argv[2])
got = bring(sys.argv[1], store=LocalStore(home / "blocks"), home=home)
spent = resource.getrusage(resource.RUSAGE_SELF)
disk = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
print(json.dumps({"cpu": spent.ru_utime + spent.ru_stime, "peak": peak_mib(), "disk": disk / got.size}))
"""


def measure() -> dict[str, Any]:
    """All imports, each once."""
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    from imports.hub import standing

    with standing() as hub, tempfile.TemporaryDirectory() as folder:
        small = {f"part-{n // 100}/{n:04}.bin": os.urandom(1_000) for n in range(1_000)}
        hub.repository("acme/small", {"README.md": CARD, **small})
        hub.repository("acme/large", {"README.md": CARD, "all.bin": os.urandom(16 * 2**20)})
        many, one = (_import(f"hf:datasets/acme/{name}", hub.url, Path(folder) / name) for name in ("small", "large"))
        hub.faults["all.bin"], before = list(CUTS), len(hub.asked)
        _import("hf:datasets/acme/large", hub.url, Path(folder) / "cut")
        fetched = [one for one in hub.asked[before:] if one.path.startswith("/cdn/")]
        starts = [int(one.headers.get("range", "bytes=0-")[6:-1]) for one in fetched]
        again = sum(start + cut - after for start, cut, after in zip(starts[:-1], CUTS, starts[1:], strict=True))
    results = {
        "small_cpu_seconds": round(many["cpu"], 1),
        "large_cpu_seconds": round(one["cpu"], 1),
        "large_peak_mib": round(one["peak"]),
        "large_disk": round(one["disk"], 3),
        "cut_mib_again": round(again / 2**20, 2),
    }
    return {**results, "missed": [name for name, (_, bar) in BARS.items() if results[name] > bar]}


def _import(source: str, url: str, home: Path) -> dict[str, float]:
    home.mkdir()
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home / "nobody"), "REGISTRY_HOME": str(home)}
    environment.pop("HF_TOKEN", None)
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, source, str(home)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=900,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def show(console: Console, results: dict[str, Any]) -> None:
    """Print the figures."""
    console.print(rows.table("Imports from the Hugging Face Hub", results, WORDS, BARS))


def write(results: dict[str, Any]) -> None:
    """Write the results."""
    rows.write(results, RESULTS)


if __name__ == "__main__":
    sys.exit(rows.alone("imports", measure, show, write))
