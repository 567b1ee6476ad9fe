"""Training-style reads: random rows and shuffled epochs of a 256 MiB array on ``ipfs://``, beside plain zarr on disk.

Both sides have the same chunks (1 MiB, not compressed, so that nothing but the way to the bytes differs), the same
code that draws the rows, and files that the system has in memory. Ours hashes every byte that it reads. Times are the
best of several runs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from registry.ipfs.arrays import Batches, open_arrays, read_rows, write_arrays
from registry.ipfs.fs import IPFSFileSystem

ROWS, WIDTH, DRAWN, BATCH, RUNS = 65_536, 1_024, 10_000, 64, 5


def training_reads() -> dict[str, Any]:
    """Seconds for 10,000 random rows and for an epoch in batches of 64, ours and plain zarr's, and plain to ours."""
    values = np.random.default_rng(0).standard_normal((ROWS, WIDTH), dtype="f4")
    drawn = np.random.default_rng(1).integers(0, ROWS, DRAWN)
    with tempfile.TemporaryDirectory() as folder:
        fs = IPFSFileSystem(store=Path(folder) / "blocks", skip_instance_cache=True)
        cid = write_arrays({"x": values}, fs=fs, compressors=None)
        ours = open_arrays(cid, store=Path(folder) / "blocks")["x"]
        group = zarr.open_group(Path(folder) / "plain", mode="w")
        plain = group.create_array("x", data=values, chunks=ours.chunks, compressors=None)
        if not np.array_equal(read_rows(ours, drawn), values[drawn]):
            raise AssertionError("the rows that were read are not those that were written")
        times = {
            "rows": {name: _best(lambda a=a: read_rows(a, drawn)) for name, a in (("ours", ours), ("plain", plain))},
            "epoch": {name: _best(lambda a=a: _epoch(a)) for name, a in (("ours", ours), ("plain", plain))},
        }
    return {
        what: {
            "ours_seconds": round(took["ours"], 3),
            "plain_zarr_seconds": round(took["plain"], 3),
            "speed_to_plain_zarr": round(took["plain"] / took["ours"], 2),
        }
        for what, took in times.items()
    }


def _best(run: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def _epoch(array: Any) -> None:
    if sum(len(batch["x"]) for batch in Batches({"x": array}, BATCH)) != ROWS:
        raise AssertionError("an epoch has all rows")


if __name__ == "__main__":
    import json

    print(json.dumps(training_reads(), indent=2))  # noqa: T201
