"""A hub in a crowd: ten minutes of 200 questions a second from many networks, while a thousand slow clients hold on.

The hub is a process of its own, started by its command, over an anvil with a block a second. Questions are due at fixed
times, and one waits from when it was due, so a hub that stands still is not spared those that it kept from being asked.
Waiting is measured by the clock: the figures mean something on a machine that does nothing else.
``python -m bench.crowd`` measures and writes results/crowd.json; ``--seconds 20`` tries it out and writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from rich.console import Console
from web3.types import RPCEndpoint

from bench.anvil import anvil
from bench.rows import alone, table
from bench.rows import write as write_rows
from registry import Draft, Licence, Registry
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer

RESULTS: Final = Path(__file__).resolve().parent / "results" / "crowd.json"
TITLES: Final = Path(__file__).resolve().parents[1] / "tests" / "data" / "search" / "titles.json"

RATE: Final = 200
"""Questions a second."""

NETWORKS: Final = 10
"""From so many networks, each within the rate that a hub allows one."""

CONNECTIONS: Final = 100
SLOW: Final = 1_000
OF_A_SLOW_NETWORK: Final = 50

BARS: Final = {"p99_ms": ("<=", 250.0), "failed": ("<=", 0), "refused": ("<=", 0), "slow_clients": (">=", SLOW)}
WORDS: Final = {
    "asked": "questions, of pages and of the API",
    "asked_per_second": "a second",
    "p50_ms": "half of them answered within, ms",
    "p99_ms": "99 % of them within, ms",
    "failed": "answered with a fault of the hub (5xx), or cut off",
    "refused": "told to wait (429)",
    "slow_clients": "slow clients that held on to the end",
    "hub_cpu": "processors that the hub took",
}


@dataclass
class Crowd:
    """What became of the questions: seconds that each waited, and how many were answered with a status; slow clients
    that are connected."""

    waits: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    slow: int = 0


def measure(seconds: int = 600) -> dict[str, Any]:
    """Every row of `WORDS`, and `missed`: those that are not what they must be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with _hub() as (url, pid):
        before, began = _spent(pid), time.monotonic()
        crowd = asyncio.run(_visited(url, seconds))
        cpu = (_spent(pid) - before) / (time.monotonic() - began)
    waits = sorted(crowd.waits)
    rows = {
        "asked": len(waits),
        "asked_per_second": round(len(waits) / seconds, 1),
        "p50_ms": round(1_000 * statistics.median(waits), 1),
        "p99_ms": round(1_000 * waits[int(0.99 * len(waits))], 1),
        "failed": sum(count for status, count in crowd.statuses.items() if status >= 500 or status == 0),
        "refused": crowd.statuses.get(429, 0),
        "slow_clients": crowd.slow,
        "hub_cpu": round(cpu, 2),
    }
    fits = {">=": lambda value, bar: value >= bar, "<=": lambda value, bar: value <= bar}
    return {**rows, "missed": [name for name, (sign, bar) in BARS.items() if not fits[sign](rows[name], bar)]}


@contextmanager
def _hub() -> Iterator[tuple[str, int]]:
    """A hub of the titles of real data sets, by its address and the number of its process."""
    with anvil() as w3, tempfile.TemporaryDirectory(prefix="registry-crowd-") as place:
        node, home = str(w3.provider.endpoint_uri), Path(place)  # type: ignore[attr-defined]
        chain = Chain.connect(node)
        deployment = deploy_local(chain)
        deployment.save(home / "deployments")
        author = Registry.on(chain, signer=dev_signer(0), deployment=deployment, home=home)
        free = Licence.free("read")
        author.publish_many(
            Draft(
                name=one["name"],
                type="dataset",
                license="MIT",
                licences=[free],
                fields={"description": one["description"], "tags": one["tags"]},
            )
            for one in json.loads(TITLES.read_text(encoding="utf-8"))
        )
        w3.provider.make_request(RPCEndpoint("evm_setIntervalMining"), [1])
        command = [str(Path(sys.executable).parent / "registry"), "hub", "serve", "--port", "0", "--json"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        process = subprocess.Popen(
            command, cwd=home, stdout=subprocess.PIPE, env={**clean, "REGISTRY_RPC": node, "REGISTRY_HOME": place}
        )
        try:
            assert process.stdout is not None
            told = b""
            while b"}" not in told:
                told += process.stdout.readline()
            url = json.loads(told)["url"]
            _wait_until_it_knows_all(url)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_it_knows_all(url: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        facts = httpx.get(f"{url}/v1/hub", timeout=60).json()
        if facts["documents"].get("have") == facts["assets"] > 0:
            return
        time.sleep(0.5)
    raise RuntimeError("The hub did not find all documents.")


def _spent(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- Who asks ------------------------------------------------------------------------------------


def _paths(count: int) -> Iterator[str]:
    """A mix: words and beginnings of words, facets, assets, what happened, the tree, and pages for people."""
    chance = random.Random(5)
    titles = [one["name"] for one in json.loads(TITLES.read_text(encoding="utf-8"))]
    words = sorted({word for title in titles for word in title.split() if word.isalpha()})
    for _ in range(count):
        asset, word = chance.randrange(1, len(titles) + 1), quote(chance.choice(words))
        yield chance.choice(
            [
                f"/v1/search?q={word}",
                f"/v1/search?q={word[:3]}&begun=true",
                f"/v1/search?q={word}&type=dataset&free=true",
                f"/v1/suggest?q={word[:4]}",
                f"/v1/assets/{asset}",
                f"/v1/assets?after={asset}&limit=20",
                "/v1/activity?limit=50",
                "/v1/tree",
                f"/?q={word}",
                f"/a/{asset}",
            ]
        )


async def _visited(url: str, seconds: int) -> Crowd:
    port, crowd, ended = int(url.rpartition(":")[2]), Crowd(), asyncio.Event()
    slow = [asyncio.create_task(_slow(port, number, crowd, ended)) for number in range(SLOW)]
    await asyncio.sleep(5)
    waiting: asyncio.Queue[tuple[float, str] | None] = asyncio.Queue()
    asking = [asyncio.create_task(_asking(port, number, waiting, crowd)) for number in range(CONNECTIONS)]
    began = time.perf_counter()
    for number, path in enumerate(_paths(RATE * seconds)):
        due = began + number / RATE
        if (left := due - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        waiting.put_nowait((due, path))
    for _ in asking:
        waiting.put_nowait(None)
    await asyncio.gather(*asking)
    ended.set()
    await asyncio.gather(*slow)
    return crowd


async def _asking(port: int, number: int, waiting: asyncio.Queue[tuple[float, str] | None], crowd: Crowd) -> None:
    """Ask what is due next, by one connection, which is made anew where it was closed."""
    address = f"127.0.{number % NETWORKS + 1}.{number // NETWORKS + 1}"
    stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while (one := await waiting.get()) is not None:
        due, path = one
        status = 0
        for _ in range(2):  # an idle connection may have been closed just now
            with suppress(OSError, EOFError):
                stream = stream or await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
                status = await _answered(*stream, path)
                break
            stream = None
        crowd.waits.append(time.perf_counter() - due)
        crowd.statuses[status] = crowd.statuses.get(status, 0) + 1
    if stream is not None:
        stream[1].close()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> int:
    """The status of an answer that is read to its end."""
    writer.write(f"GET {path} HTTP/1.1\r\nhost: hub.example\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
    return int(head[9:12])


async def _slow(port: int, number: int, crowd: Crowd, ended: asyncio.Event) -> None:
    """Begin a question and go on with a letter now and then; begin anew when one is cut off, also at the end: who was
    cut off a moment before holds on as the others do."""
    address = f"127.1.{number // OF_A_SLOW_NETWORK}.{number % OF_A_SLOW_NETWORK + 1}"
    while True:
        with suppress(OSError, EOFError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            writer.write(b"GET /v1/search?q=")
            crowd.slow += 1
            try:
                while not (ended.is_set() or reader.at_eof()):
                    writer.write(b"a")
                    await writer.drain()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(ended.wait(), 3 + number % 5)
            finally:
                crowd.slow -= not ended.is_set()
                writer.close()
        if ended.is_set():
            return
        await asyncio.sleep(0.1)


def show(console: Console, rows: dict[str, Any]) -> None:
    """Print the figures and what they must be."""
    console.print(table("A hub in a crowd", rows, WORDS, BARS))


def write(rows: dict[str, Any]) -> None:
    """Write `results/crowd.json`."""
    write_rows(rows, RESULTS)


def main() -> int:
    """Measure, show and write; returns 1 if a row is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="try it out for a shorter time")
    seconds = parser.parse_args().seconds
    if seconds >= 600:
        return alone("a hub in a crowd", measure, show, write)
    show(Console(), measure(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
