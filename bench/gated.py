"""Encrypted content in numbers, each beside the same done with plain content in the same run."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.wire import counted
from registry.documents.ddo import Content, ContentFile, Encryption
from registry.gated.gated_content import GatedContent
from registry.gated.identity import Identity
from registry.gated.sealing import seal_tree
from registry.ipfs.file import open_file
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_tree

MIB: Final = 1024 * 1024
SIZE: Final = 256 * MIB
LARGE: Final = 1024 * MIB
RUNS: Final = 5

BARS: Final = {
    "encrypt_and_add_vs_add": (">=", 0.5),
    "decrypt_and_read_vs_read": (">=", 0.5),
}

WORDS: Final = {
    "add_mb_per_s": "plain, add, MB/s",
    "encrypt_and_add_mb_per_s": "encrypt and add, MB/s",
    "encrypt_and_add_vs_add": "of plain add's speed",
    "read_mb_per_s": "plain, read, each block hashed, MB/s",
    "decrypt_and_read_mb_per_s": "read, each block hashed and each chunk opened, MB/s",
    "decrypt_and_read_vs_read": "of plain read's speed",
    "first_byte_of_1_gib_wire_bytes": "first byte of a gated GiB, bytes on the wire",
    "first_byte_of_1_gib_requests": "first byte of a gated GiB, requests",
    "first_byte_of_1_gib_ms": "first byte of a gated GiB, ms on loopback",
}


def measure() -> dict[str, Any]:
    """Every row; rates are the best of several runs, ratios the median of pairs that ran in turns, since other work
    on the machine comes and goes. See `WORDS`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return {**_throughput(place), **_first_byte(place)}


def _throughput(place: Path) -> dict[str, Any]:
    data, key = place / "data", Identity.generate()
    data.mkdir()
    for name in ("a.bin", "b.bin"):
        (data / name).write_bytes(os.urandom(SIZE // 2))
    plain_times, sealed_times, read_times, open_times = [], [], [], []
    for _ in range(RUNS):
        for old in (place / "plain", place / "sealed"):
            shutil.rmtree(old, ignore_errors=True)
        plain_store, sealed_store = LocalStore(place / "plain"), LocalStore(place / "sealed")
        started = time.perf_counter()
        added = add_tree(data, plain_store)
        plain_times.append(time.perf_counter() - started)
        started = time.perf_counter()
        content = _seal(data, sealed_store, key)
        sealed_times.append(time.perf_counter() - started)
        started = time.perf_counter()
        for file in added.files:
            _drain(open_file(file.cid, plain_store))
        read_times.append(time.perf_counter() - started)
        started = time.perf_counter()
        opened = GatedContent(content, key, sealed_store)
        for file in opened.files():
            _drain(opened.file(file.path).open())
        open_times.append(time.perf_counter() - started)
    plain, sealed, read, gated = map(min, (plain_times, sealed_times, read_times, open_times))
    return {
        "add_mb_per_s": round(SIZE / plain / 1e6),
        "encrypt_and_add_mb_per_s": round(SIZE / sealed / 1e6),
        "encrypt_and_add_vs_add": _ratio(plain_times, sealed_times),
        "read_mb_per_s": round(SIZE / read / 1e6),
        "decrypt_and_read_mb_per_s": round(SIZE / gated / 1e6),
        "decrypt_and_read_vs_read": _ratio(read_times, open_times),
    }


def _ratio(plain: list[float], gated: list[float]) -> float:
    """How fast the second is, of the first's speed."""
    return round(median(a / b for a, b in zip(plain, gated, strict=True)), 2)


def _first_byte(place: Path) -> dict[str, Any]:
    """One byte of a large file through a trustless gateway, with nothing in memory or at home before."""
    folder, key, store = place / "large", Identity.generate(), LocalStore(place / "served", durable=False)
    folder.mkdir()
    with (folder / "large.bin").open("wb") as file:
        for _ in range(LARGE // (16 * MIB)):
            file.write(os.urandom(16 * MIB))
    content = _seal(folder, store, key)
    wanted = (folder / "large.bin").open("rb").read(1)
    times = []
    with Server(store) as server, counted(server.port) as wire:
        for _ in range(RUNS):
            wire.clear()
            started = time.perf_counter()
            got = GatedContent(content, key, TrustlessGateway(wire.url)).file("large.bin").open(buffer_size=1).read(1)
            times.append(time.perf_counter() - started)
            if got != wanted:
                raise AssertionError("the byte that was read is not the one that was written")
        received, requests = wire.received, wire.requests
    return {
        "first_byte_of_1_gib_wire_bytes": received,
        "first_byte_of_1_gib_requests": requests,
        "first_byte_of_1_gib_ms": round(min(times) * 1000, 1),
    }


def _seal(folder: Path, store: LocalStore, key: Identity) -> Content:
    made = seal_tree(folder, store, key)
    return Content(
        cid=made.cid,
        size=made.size,
        profile=UNIXFS_V1_2025.name,
        files=tuple(ContentFile(path=file.path, size=file.size, cid=file.cid) for file in made.files),
        encryption=Encryption(recipient=key.recipient, key_version=1),
    )


def _drain(file: Any) -> None:
    with file:
        while file.read(MIB):
            pass
