"""A sharded folder of a million names listed from 50 ms away: what that takes of a reader who has nothing of it yet.

CPU seconds and memory are those of a process of its own; the gateway is another.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import rows
from bench.far import Gateway
from bench.memory import peak_mib
from registry.ipfs.builder import Builder
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import LocalStore

RESULTS: Final = Path(__file__).resolve().parent / "results" / "hamt.json"
SIZE: Final = 1_000_000
WORDS: Final = {
    "names": "names",
    "cpu_seconds": "listing them, CPU seconds",
    "peak_mb": "listing them, peak memory in MB",
    "requests": "requests for them",
    "received_mb": "received for them, MB",
}
BARS: Final = {"cpu_seconds": ("<=", 60.0), "peak_mb": ("<=", 1_000.0), "requests": ("<=", 10)}


def measure(size: int = SIZE) -> dict[str, Any]:
    """Make a folder of `size` names, and list it; the smaller sizes are for tries."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        root = _made(place / "far", size)
        gateway = Gateway(place / "far")
        try:
            code = f"from bench.hamt import listed; listed({gateway.url!r}, {root!r}, {folder!r}, {size})"
            found = json.loads(subprocess.check_output([sys.executable, "-c", code], timeout=3_600))
            requests, received = gateway.counts()
        finally:
            gateway.close()
    values = {"names": size, **found, "requests": requests, "received_mb": round(received / 1e6, 1)}
    return {**values, "missed": [name for name, (_, bar) in BARS.items() if values[name] > bar]}


def _made(place: Path, size: int) -> str:
    """The folder's own blocks: whoever wants its names needs none of its files."""
    store = LocalStore(place, durable=False)
    links = [
        Link(CID.raw(b"%d" % number), b"an entry with a longer name, number %07d" % number, 7) for number in range(size)
    ]
    with store.writing(), Builder(store, UNIXFS_V1_2025, None) as builder:
        return str(builder.folder(links, "")[0])


def listed(url: str, root: str, home: str, size: int) -> None:
    """List the folder, and write what this process took for it as JSON."""
    fs = IPFSFileSystem(store=Path(home) / "reader", sources=[url], skip_instance_cache=True)
    if len(fs.ls(f"ipfs://{root}", detail=False)) != size:
        raise AssertionError("the names are not those of the files")
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(
        json.dumps({"cpu_seconds": round(used.ru_utime + used.ru_stime, 1), "peak_mb": round(peak_mib() * 1.048576, 1)})
    )


def show(console: Console, results: dict[str, Any]) -> None:
    """Print the figures."""
    console.print(rows.table("A folder of a million names", results, WORDS, BARS))


def write(results: dict[str, Any]) -> None:
    """Write the results."""
    rows.write(results, RESULTS)


if __name__ == "__main__":
    sys.exit(rows.alone("a folder of a million names", measure, show, write))
