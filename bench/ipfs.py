"""The content layer in numbers, each beside what it is compared to in the same run.

``python -m bench.ipfs`` runs this half alone. Rates are the best of several runs, since other work on the machine can
only slow them down; files are in the system's memory when they are read.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.far import BARS as FAR_BARS
from bench.far import far_reads
from bench.rows import alone, table
from bench.rows import write as write_rows
from bench.training import training_reads
from bench.wire import counted
from registry.ipfs.car import CarReader, write_car
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.profiles import UNIXFS_V0_2015, UNIXFS_V1_2025, Profile
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_file, add_tree, cat

RESULTS: Final = Path(__file__).resolve().parent / "results" / "ipfs.json"
KUBO: Final = Path(__file__).resolve().parents[1] / "tests" / "integration" / "ipfs" / "kubo_process.py"
MIB: Final = 1024 * 1024
SIZE: Final = 256 * MIB
RUNS: Final = 5

BARS: Final = {
    "cid_throughput_vs_sha256": (">=", 0.85),
    "memory_over_baseline_mb": ("<", 64.0),
    "car_verify_mb_per_s": (">=", 500.0),
    "wire_bytes_for_10_of_64_mib": ("<=", MIB + 16 * 1024),
    "requests_for_ls_of_1000": ("<=", 3),
    "hamt_add_5000_seconds": ("<", 0.5),
    **FAR_BARS,
}
"""What must be reached. The path to a chunk of 64 MiB is its root of under 4 KiB, and headers are on the wire too."""


def measure() -> dict[str, Any]:
    """Every row; see `show` for what each means."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data = place / "data.bin"
        data.write_bytes(os.urandom(SIZE))
        rows = {
            **_cid(data),
            **_memory(),
            **_store(data, place),
            **_car(data, place),
            **_wire(place),
            **_listing(place),
            **_hamt(place),
            **_kubo(place),
            **far_reads(place),
        }
        return {**rows, "training": training_reads(), "missed": missed(rows)}


def missed(rows: dict[str, Any]) -> list[str]:
    """The rows that are not what they must be."""
    holds = {"<": float.__lt__, "<=": float.__le__, ">=": float.__ge__}
    return [name for name, (sign, bar) in BARS.items() if not holds[sign](float(rows[name]), float(bar))]


# --- Rows ----------------------------------------------------------------------------------------


def _best(act: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return min(times)


def _rate(size: int, seconds: float) -> float:
    return round(size / seconds / 1e6)


_HASHING: Final = """
import hashlib, os, sys, time
from registry.ipfs.unixfs import compute_cid
path, cores = sys.argv[1], int(sys.argv[2])
os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
def sha256():
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
clock = time.process_time if cores == 1 else time.perf_counter
def timed(act):
    started = clock()
    act()
    return clock() - started
pairs = [(timed(sha256), timed(lambda: compute_cid(path))) for _ in range(7)]
print(min(a for a, _ in pairs), min(b for _, b in pairs))
"""


def _cid(data: Path) -> dict[str, Any]:
    """Computing a CID beside hashlib's sha256 of the same file: on one core, so that no second thread helps and only
    the time counts that the core worked for either, and on two."""
    found: dict[str, Any] = {}
    for cores, mark in ((1, ""), (2, "_two_threads")):
        sha, ours = (float(text) for text in _python(_HASHING, data, cores).split())
        found[f"cid_throughput_vs_sha256{mark}"] = round(sha / ours, 2)
        found[f"cid_mb_per_s{mark}"] = _rate(SIZE, ours)
    return found


_PEAK: Final = """
import re, sys
from registry.ipfs.unixfs import compute_cid
def peak():  # of this program; what getrusage says was inherited from the one that started it
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before = peak()
compute_cid(sys.argv[1])
print(peak() - before)
"""


def _memory() -> dict[str, Any]:
    """The peak of memory while the CID of a sparse file of 2 GiB is computed, over what it was before."""
    with tempfile.TemporaryDirectory() as folder:
        sparse = Path(folder) / "sparse"
        with sparse.open("wb") as file:
            file.truncate(2048 * MIB)
        return {"memory_over_baseline_mb": round(float(_python(_PEAK, sparse)), 1)}


def _store(data: Path, place: Path) -> dict[str, Any]:
    """Adding to the local store, synced to disk, beside a copy that is synced; and reading it back, hashed."""

    def copy() -> None:
        shutil.copyfile(data, place / "copy")
        with (place / "copy").open("rb") as file:
            os.fsync(file.fileno())

    def add() -> None:
        shutil.rmtree(place / "store", ignore_errors=True)
        store = LocalStore(place / "store")
        with store.writing():
            store.pin(add_file(data, store).cid)

    copied, added = _best(copy, 3), _best(add, 3)
    store = LocalStore(place / "store")
    (pin,) = store.pins()
    read = _best(lambda: sum(len(piece) for piece in cat(pin.cid, store)))
    return {
        "add_mb_per_s": _rate(SIZE, added),
        "add_vs_cp": round(copied / added, 2),
        "verified_read_mb_per_s": _rate(SIZE, read),
    }


def _car(data: Path, place: Path) -> dict[str, Any]:
    """Reading an archive from disk with every block hashed."""
    store = LocalStore(place / "store")
    archive = place / "data.car"
    with archive.open("wb") as out:
        write_car(store.pins()[0].cid, store, out)

    def verify() -> None:
        with archive.open("rb") as file:
            for _ in CarReader(file):
                pass

    seconds = _best(verify)
    archive.unlink()
    return {"car_verify_mb_per_s": _rate(SIZE, seconds)}


def _wire(place: Path) -> dict[str, Any]:
    """The bytes that a gateway sends for ten bytes out of the middle of a file of 64 MiB."""
    store = LocalStore(place / "served", durable=False)
    content = os.urandom(64 * MIB)
    cid = add_file(io.BytesIO(content), store).cid
    middle = 32 * MIB + 12345
    with Server(store) as server, counted(server.port) as wire:
        got = b"".join(cat(cid, TrustlessGateway(wire.url), middle, middle + 10))
        if got != content[middle : middle + 10]:
            raise AssertionError("the bytes that were read are not those that were written")
        return {"wire_bytes_for_10_of_64_mib": wire.received, "requests_for_10_of_64_mib": wire.requests}


def _listing(place: Path) -> dict[str, Any]:
    """The requests for a folder of 1,000 files with their sizes, through fsspec."""
    folder = place / "thousand"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number:04}.csv").write_bytes(b"x" * number)
    store = LocalStore(place / "served", durable=False)
    cid = add_tree(folder, store).cid
    with Server(store) as server, counted(server.port) as wire:
        fs = IPFSFileSystem(store=MemoryStore(), sources=[wire.url], skip_instance_cache=True)
        found = fs.ls(f"ipfs://{cid}", detail=True)
        if [entry["size"] for entry in found] != list(range(1000)):
            raise AssertionError("the sizes are not those of the files")
        return {"requests_for_ls_of_1000": wire.requests}


def _hamt(place: Path) -> dict[str, Any]:
    """Adding a folder of 5,000 files, which becomes a sharded one."""
    folder = place / "sharded"
    folder.mkdir()
    for number in range(5000):
        (folder / f"an entry with a longer name, number {number:05}").write_bytes(b"%d" % number)

    def kept() -> None:
        shutil.rmtree(place / "hamt", ignore_errors=True)
        add_tree(folder, LocalStore(place / "hamt", durable=False))

    return {
        "hamt_add_5000_seconds": round(_best(lambda: add_tree(folder, MemoryStore())), 3),
        "hamt_add_5000_to_disk_seconds": round(_best(kept, 3), 3),
    }


def _kubo(place: Path) -> dict[str, Any]:
    """A real Kubo adding a file of 256 MiB, beside ours with its layout (unixfs-v0-2015) and with the default; each run
    has new content, since both know what they have."""
    data = place / "fresh.bin"
    theirs, same, ours = [], [], []
    with subprocess.Popen(
        [sys.executable, str(KUBO), str(place / "kubo")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=place,
    ) as node:
        assert node.stdin is not None and node.stdout is not None
        node.stdout.readline()
        for _ in range(3):
            data.write_bytes(os.urandom(SIZE))
            started = time.perf_counter()
            node.stdin.write(json.dumps(["AddFile", str(data), False]) + "\n")
            node.stdin.flush()
            said = json.loads(node.stdout.readline())
            theirs.append(time.perf_counter() - started)
            taken, cid = _add(data, place / "beside", UNIXFS_V0_2015)
            if cid != said:
                raise AssertionError(f"Kubo gives the CID {said}, ours is {cid}")
            same.append(taken)
            ours.append(_add(data, place / "beside", UNIXFS_V1_2025)[0])
        node.kill()
    return {
        "kubo_add_seconds": round(min(theirs), 2),
        "ours_as_kubo_add_seconds": round(min(same), 2),
        "ours_add_seconds": round(min(ours), 2),
    }


def _add(data: Path, place: Path, profile: Profile) -> tuple[float, str]:
    """Seconds to add and pin a file in a new store, and its CID."""
    started = time.perf_counter()
    store = LocalStore(place)
    with store.writing():
        cid = add_file(data, store, profile).cid
        store.pin(cid)
    taken = time.perf_counter() - started
    shutil.rmtree(place)
    return taken, str(cid)


def _python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# --- Showing -------------------------------------------------------------------------------------

_WORDS: Final = {
    "cid_throughput_vs_sha256": "CID on one core, of hashlib's speed",
    "cid_throughput_vs_sha256_two_threads": "CID on two cores, of hashlib's speed",
    "memory_over_baseline_mb": "memory for a file of 2 GiB, MB",
    "add_mb_per_s": "add to the local store, MB/s",
    "add_vs_cp": "of a synced copy's speed",
    "verified_read_mb_per_s": "verified read, MB/s",
    "car_verify_mb_per_s": "CAR verified, MB/s",
    "wire_bytes_for_10_of_64_mib": "bytes received for 10 of 64 MiB",
    "requests_for_ls_of_1000": "requests for a list of 1,000",
    "hamt_add_5000_seconds": "folder of 5,000 added, s",
    "hamt_add_5000_to_disk_seconds": "the same to disk, s",
    "kubo_add_seconds": "Kubo adds 256 MiB, s",
    "ours_as_kubo_add_seconds": "ours in Kubo's layout, s",
    "ours_add_seconds": "ours, s",
    "cat_150_of_ipfsspec": "150 files from 50 ms away by cat, of ipfsspec's time",
    "get_150_of_ipfsspec": "the same by get",
    "requests_of_cat_150": "requests for them",
    "requests_for_names_of_150": "requests for their names",
    "requests_over_a_leaf_border": "requests for 10 bytes over a border",
    "requests_of_8_readers_to_blocks": "requests of 8 readers for each block",
    "parquet_rows_bytes_of_file": "20 rows, 2 columns of a Parquet file, of its bytes",
    "parquet_rows_time_of_ipfsspec": "the same, of ipfsspec's time",
    "requests_for_ls_of_hamt_5000": "requests for a list of a sharded 5,000",
}


def show(console: Console, rows: dict[str, Any]) -> None:
    """Print the figures and what they must be."""
    made = table("Content", rows, _WORDS, BARS)
    for what, found in rows["training"].items():
        made.add_row(f"zarr, {what}, of plain zarr's speed", str(found["speed_to_plain_zarr"]), "")
    console.print(made)


def write(rows: dict[str, Any]) -> None:
    """Write `results/ipfs.json`."""
    write_rows(rows, RESULTS)


if __name__ == "__main__":
    sys.exit(alone("the content layer", measure, show, write))
