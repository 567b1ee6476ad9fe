"""Content behind a gateway that answers 50 ms late, beside ipfsspec, upstream's client, in the same run.

Both ask the same gateway of this machine; what differs is what each asks for, how often, and what it does meanwhile.
Ours hashes every byte and keeps it at home, which ipfsspec does not.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from bench.wire import counted
from registry.ipfs import server as serving
from registry.ipfs.cid import CID
from registry.ipfs.fs import IPFSFileSystem
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.ipfs.unixfs import add_file, add_tree

DELAY: Final = 0.05
MIB: Final = 1024 * 1024
ROWS: Final = 466_000
RUNS: Final = 5

BARS: Final = {
    "cat_150_of_ipfsspec": ("<=", 0.5),
    "get_150_of_ipfsspec": ("<=", 0.5),
    "requests_over_a_leaf_border": ("<=", 3),
    "requests_of_8_readers_to_blocks": ("<=", 1.0),
    "requests_for_names_of_150": ("<=", 1),
    "parquet_rows_bytes_of_file": ("<=", 0.5),
    "parquet_rows_time_of_ipfsspec": ("<=", 1.0),
    "requests_for_ls_of_hamt_5000": ("<=", 10),
}
"""What must be reached."""


class Gateway:
    """A gateway for a store, far away, in a process of its own: its work is not the reader's."""

    def __init__(self, store: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.far", str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        self.url = str(self._ask())

    def clear(self) -> None:
        """Count from nothing."""
        self.counts()

    def counts(self) -> tuple[int, int]:
        """Requests, and bytes that were sent back, since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        requests, sent = self._ask()
        return int(requests), int(sent)

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def _ask(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def serve(store: Path) -> None:
    """Be the gateway: say where, and for each line of input what passed since the last one."""
    # ipfsspec opens a connection for each of 128 files, more than one client should, and takes a refusal for the end.
    with (
        patch.multiple(serving, _OF_ONE=512, _HEADS_OF_ONE=512),
        Server(LocalStore(store, durable=False)) as server,
        counted(server.port, delay=DELAY) as wire,
    ):
        sys.stdout.write(json.dumps(wire.url) + "\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            sys.stdout.write(json.dumps([wire.requests, wire.received]) + "\n")
            sys.stdout.flush()
            wire.clear()


def far_reads(place: Path) -> dict[str, Any]:
    """Every row of what is read from afar, in a folder of its own."""
    store = LocalStore(place / "far", durable=False)
    gateway = Gateway(place / "far")
    try:
        warm = add_file(io.BytesIO(b"warm"), store).cid
        _theirs(gateway).cat_file(str(warm))  # both have loaded what they need before anything is timed
        with _ours(place, gateway) as ours:
            ours.cat_file(str(warm))
        return {
            **_small_files(place, store, gateway),
            **_large_file(place, store, gateway),
            **_parquet(place, store, gateway),
            **_sharded(place, store, gateway),
        }
    finally:
        gateway.close()


@contextmanager
def _ours(place: Path, gateway: Gateway) -> Iterator[IPFSFileSystem]:
    """Our file system as a user has it: with an empty store on the disk."""
    home = place / "reader"
    shutil.rmtree(home, ignore_errors=True)
    gateway.clear()
    yield IPFSFileSystem(store=home, sources=[gateway.url], skip_instance_cache=True)


def _theirs(gateway: Gateway) -> Any:
    """The file system of ipfsspec, asking the same gateway."""
    from ipfsspec.async_ipfs import AsyncIPFSFileSystem

    gateway.clear()
    return AsyncIPFSFileSystem(gateway_addr=gateway.url, skip_instance_cache=True)


def _best(act: Callable[[Any], object], place: Path, gateway: Gateway) -> tuple[float, float]:
    """Seconds of the fastest run, ours and ipfsspec's, each new to the content and by turns."""
    ours, theirs = [], []
    for _ in range(RUNS):
        with _ours(place, gateway) as fs:
            ours.append(_seconds(lambda: act(fs)))
        other = _theirs(gateway)
        theirs.append(_seconds(lambda: act(other)))  # noqa: B023
    return round(min(ours), 2), round(min(theirs), 2)


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _small_files(place: Path, store: LocalStore, gateway: Gateway) -> dict[str, Any]:
    """150 small files by `cat([...])` and `get`, and the names of their folder."""
    folder = place / "small"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03}.json").write_bytes(os.urandom(2048))
    root = str(add_tree(folder, store).cid)
    paths = [f"{root}/{number:03}.json" for number in range(150)]
    wanted = {number: (folder / f"{number:03}.json").read_bytes() for number in range(150)}
    found: dict[str, Any] = {}

    def right(got: dict[str, bytes]) -> None:
        if [got[path] for path in sorted(got)] != list(wanted.values()):
            raise AssertionError("the bytes that were read are not those that were written")

    def cat(fs: Any) -> None:
        right(fs.cat(paths))

    def get(fs: Any) -> None:
        fs.get(paths, [str(place / f"got{number:03}") for number in range(150)])

    for verb, act in (("cat", cat), ("get", get)):
        mine, theirs = _best(act, place, gateway)
        found |= {f"{verb}_150_seconds": mine, f"{verb}_150_ipfsspec_seconds": theirs}
        found[f"{verb}_150_of_ipfsspec"] = round(mine / theirs, 2)
    with _ours(place, gateway) as ours:
        cat(ours)
        found["requests_of_cat_150"] = gateway.counts()[0]
    with _ours(place, gateway) as ours:
        if len(ours.ls(f"ipfs://{root}", detail=False)) != 150:
            raise AssertionError("the names are not those of the files")
        found["requests_for_names_of_150"] = gateway.counts()[0]
    return found


def _large_file(place: Path, store: LocalStore, gateway: Gateway) -> dict[str, Any]:
    """Ten bytes over the border of two leaves of 24 MiB, and eight readers of the whole at once."""
    content = os.urandom(24 * MIB)
    root = add_file(io.BytesIO(content), store).cid
    with _ours(place, gateway) as ours, ours.open(f"ipfs://{root}") as file:
        file.seek(6 * MIB - 5)
        if file.read(10) != content[6 * MIB - 5 : 6 * MIB + 5]:
            raise AssertionError("the bytes that were read are not those that were written")
        border = gateway.counts()[0]
    with _ours(place, gateway) as ours, ThreadPoolExecutor(8) as pool:
        if any(one != content for one in pool.map(lambda _: ours.cat_file(f"ipfs://{root}"), range(8))):
            raise AssertionError("the bytes that were read are not those that were written")
        asked = gateway.counts()[0]
    return {"requests_over_a_leaf_border": border, "requests_of_8_readers_to_blocks": round(asked / 25, 2)}


def _parquet(place: Path, store: LocalStore, gateway: Gateway) -> dict[str, Any]:
    """20 random rows, 2 of 11 columns, of a Parquet file of 41 MB: those that are wanted told at once, as
    `fsspec.parquet` does, and one after another."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from fsspec.parquet import open_parquet_file

    random_numbers = np.random.default_rng(7)
    columns = {f"c{number}": random_numbers.random(ROWS) for number in range(11)}
    file = place / "table" / "rows.parquet"
    file.parent.mkdir()
    pq.write_table(pa.table(columns), file, row_group_size=ROWS // 100, compression="none", use_dictionary=False)
    path, size, each = f"{add_tree(file.parent, store).cid}/rows.parquet", file.stat().st_size, ROWS // 100
    rows = sorted(random.Random(7).sample(range(ROWS), 20))  # nosec B311 # the same rows each time
    groups, names = sorted({row // each for row in rows}), ["c3", "c8"]
    wanted = [(columns["c3"][row], columns["c8"][row]) for row in rows]

    def at_once(fs: Any) -> None:
        with open_parquet_file(path, fs=fs, columns=names, row_groups=groups, engine="pyarrow") as opened:
            table = pq.ParquetFile(opened).read_row_groups(groups, columns=names)
        right([(groups.index(row // each) * each + row % each, table) for row in rows])

    def one_by_one(fs: Any) -> None:
        with fs.open(f"ipfs://{path}", "rb") as opened:
            table = pq.ParquetFile(opened)
            right([(row % each, table.read_row_group(row // each, columns=names)) for row in rows])

    def right(found: list[tuple[int, Any]]) -> None:
        if [tuple(part[name][row].as_py() for name in names) for row, part in found] != wanted:
            raise AssertionError("the rows that were read are not those that were written")

    def as_each_is_fastest(fs: Any) -> None:
        """ipfsspec gets the whole file with each range, so it is best at opening it once."""
        (at_once if isinstance(fs, IPFSFileSystem) else one_by_one)(fs)

    mine, theirs = _best(as_each_is_fastest, place, gateway)
    found: dict[str, Any] = {
        "parquet_mb": round(size / 1e6, 1),
        "parquet_rows_seconds": mine,
        "parquet_rows_ipfsspec_seconds": theirs,
        "parquet_rows_time_of_ipfsspec": round(mine / theirs, 2),
    }
    one_by_one(_theirs(gateway))
    found["parquet_rows_ipfsspec_bytes_of_file"] = round(gateway.counts()[1] / size, 2)
    for act, suffix in ((at_once, ""), (one_by_one, "_one_by_one")):
        with _ours(place, gateway) as ours:
            seconds = _seconds(lambda: act(ours))  # noqa: B023
        requests, sent = gateway.counts()
        found[f"requests_of_parquet_rows{suffix}"] = requests
        found[f"parquet_rows_bytes_of_file{suffix}"] = round(sent / size, 2)
    return found | {"parquet_rows_one_by_one_seconds": round(seconds, 2)}


def _sharded(place: Path, store: LocalStore, gateway: Gateway) -> dict[str, Any]:
    """A sharded folder of 5,000 listed."""
    folder = place / "sharded5000"
    folder.mkdir()
    for number in range(5000):
        (folder / f"an entry with a longer name, number {number:05}").write_bytes(b"%d" % number)
    root: CID = add_tree(folder, store).cid
    with _ours(place, gateway) as ours:
        if len(ours.ls(f"ipfs://{root}", detail=False)) != 5000:
            raise AssertionError("the names are not those of the files")
        return {"requests_for_ls_of_hamt_5000": gateway.counts()[0]}


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
