"""What an index costs: decoding, taking, undoing, searching, building anew; beside Ocean's way of reading a chain.

All figures are CPU seconds of the processes that do the work, on logs that real contracts wrote on an anvil.
``python -m bench.hub`` measures and writes results/hub.json. ``--scale 100`` tries it out with a hundredth, and
``--part search`` measures one part alone; with ``--write`` what they find is written too, and what was measured on
less than its bar asks for is listed under ``smaller``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from bench.anvil import anvil
from bench.memory import peak_mib
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.raw_blocks import Blocks
from registry.chain.signers import dev_signer
from registry.errors import SearchTimeout
from registry.index.copying import copy_index
from registry.index.entries import AssetEntry
from registry.index.events import Contracts
from registry.index.indexer import Finality, Indexer, refold
from registry.index.plans import plan_for
from registry.index.roots import Roots
from registry.index.search.finder import Finder
from registry.index.search.fts import FtsEngine
from registry.index.search.query import SearchQuery
from registry.index.stores import open_store
from registry.index.tables_store import Store
from registry.types import ZERO_ADDRESS

RESULTS = Path(__file__).parent / "results" / "hub.json"

BARS = {
    "decode_events_per_s": 50_000,
    "ingest_sqlite_events_per_s": 10_000,
    "ingest_postgresql_events_per_s": 8_000,
    "undo_64_blocks_s": 1.0,
    "search_p99_ms_fts5_100k": 50.0,
    "search_p99_ms_tantivy_1m": 50.0,
    "rebuild_1m_events_s": 180.0,
    "memory_mb": 300.0,
}
"""At least, for figures a second; at most, for the others."""

SIZES = {
    "decode_events_per_s": ("decode_events", 20_000),
    "ingest_sqlite_events_per_s": ("ingest_sqlite_events", 190_000),
    "ingest_postgresql_events_per_s": ("ingest_postgresql_events", 190_000),
    "memory_mb": ("ingest_sqlite_events", 190_000),
    "undo_64_blocks_s": ("undo_64_blocks_events", 6_000),
    "search_p99_ms_fts5_100k": ("search_documents_fts5_100k", 100_000),
    "search_p99_ms_tantivy_1m": ("search_documents_tantivy_1m", 1_000_000),
    "rebuild_1m_events_s": ("rebuild_events", 1_000_000),
}
"""The figure that says on how much another was measured, and how much its bar asks for."""

NOW = 1_800_000_000


class Stage:
    """An anvil with the contracts on it, whose accounts publish, buy and transfer without being signed for."""

    def __init__(self, w3: Any) -> None:
        self.url = str(w3.provider.endpoint_uri)
        self.chain = Chain.connect(self.url)
        self.deployment = deploy_local(self.chain)
        self.assets = self.chain.contract("AssetRegistry", self.deployment.registry)
        self.market = self.chain.contract("Marketplace", self.deployment.marketplace)
        self.people = [dev_signer(number).address for number in range(8)]
        self._session = requests.Session()
        dollar = self.chain.contract("LocalDollar", self.deployment.tokens["USD"])
        for person in self.people:
            self.send(person, dollar.functions.mint(person, 10**18))
            self.send(person, dollar.functions.approve(self.deployment.marketplace, 2**256 - 1))
        self.rpc("evm_setAutomine", False)
        datatoken = self.chain.call(self.assets.functions.datatokenImplementation())
        self.contracts = Contracts(self.deployment, datatoken)

    def rpc(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self._session.post(self.url, json=body, timeout=600).json()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def send(self, sender: str, call: Any, gas: int = 16_000_000) -> None:
        data = call if isinstance(call, str) else call._encode_transaction_data()
        to = self.deployment.registry if isinstance(call, str) else str(call.address)
        self.rpc("eth_sendTransaction", {"from": sender, "to": to, "data": data, "gas": hex(gas)})

    def live(self, events: int, chance: random.Random) -> None:
        """Let about so many events happen, about 100 a block: publications, gifts, purchases, transfers."""
        functions = self.assets.functions
        made = assets = 0
        while made < events:
            owner = chance.choice(self.people[:4])
            licences = [(1_000_000, 1, 1, 3_600, 0, 0, 0, ZERO_ADDRESS), (0, 0, 2, 5, 0, 0, 0, ZERO_ADDRESS)]
            publications = [(chance.randbytes(32), ZERO_ADDRESS, (False, 0), [], 0, licences) for _ in range(13)]
            self.send(owner, functions.publishMany(owner, publications))
            self.rpc("anvil_mine", "0x1")
            made += 13 * 4
            first, assets = assets + 1, assets + 13
            gifts = [
                functions.grant(
                    asset, number, chance.choice(self.people), 1, chance.random() < 0.2
                )._encode_transaction_data()
                for asset in range(first, assets + 1)
                for number in (0, 1)
                for _ in range(3)
            ]
            self.send(owner, functions.multicall([bytes.fromhex(one[2:]) for one in gifts]))
            made += int(len(gifts) * 1.2)
            for _ in range(27):
                buyer, asset = chance.choice(self.people[4:]), chance.randrange(1, assets + 1)
                order = (asset, 0, buyer, 1, 2**95, bytes(32))
                self.send(buyer, self.market.functions.buyAccess(order), 400_000)
                made += 2
            self.rpc("anvil_mine", "0x1")

    @property
    def head(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def indexer(self, store: Store, final: int) -> Indexer:
        return Indexer(
            store,
            Blocks(Chain.connect(self.url)),
            self.contracts,
            first=self.deployment.block,
            finality=Finality(final),
        )


@contextmanager
def counted(others: Sequence[int] = ()) -> Iterator[list[float]]:
    """CPU seconds of this process, and of others by their numbers."""
    gc.collect()
    begun = time.process_time() + sum(map(_spent, others))
    taken: list[float] = []
    yield taken
    taken.append(time.process_time() + sum(map(_spent, others)) - begun)


def _spent(pid: int) -> float:
    """CPU seconds of a process that is there, and of its children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(fields[place]) for place in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def measure(*, scale: int = 1, parts: Sequence[str] = ()) -> dict[str, Any]:
    """The figures of some parts (by default of all), on a part of the events and documents if `scale` is above 1."""
    found: dict[str, Any] = {}
    wanted = parts or PARTS
    if {*wanted} & {"ingest", "decode", "undo", "rebuild", "ocean"}:
        with anvil(history=False) as w3:
            stage = Stage(w3)
            stage.live(200_000 // scale, random.Random(1))
            # First, as memory is that of a process that did nothing else.
            found |= _ingesting(stage) if "ingest" in wanted else {}
            found |= _decoding(stage, 20_000 // scale) if "decode" in wanted else {}
            found |= _undoing(stage) if "undo" in wanted else {}
            found |= _rebuilding(stage, 1_000_000 // scale) if "rebuild" in wanted else {}
            found |= _oceans_way(stage, 2_000 // scale) if "ocean" in wanted else {}
    if "search" in wanted:
        found |= _searching(scale)
    return found


PARTS = ("ingest", "decode", "undo", "rebuild", "ocean", "search")


def measured_alone() -> dict[str, Any]:
    """What `main` writes, measured in a process that did nothing else, as memory is among the figures. RuntimeError if
    it could not be run."""
    ended = subprocess.run([sys.executable, "-m", "bench.hub"], stdout=subprocess.DEVNULL, check=False).returncode
    if ended not in (0, 1):
        raise RuntimeError(f"python -m bench.hub ended with {ended}.")
    found: dict[str, Any] = json.loads(RESULTS.read_text())
    return found


def judged(found: dict[str, Any]) -> dict[str, Any]:
    """Figures with their bars: which are `missed`, not `measured` at all, or measured on something `smaller`."""
    there = [name for name in BARS if name in found]
    return {
        "bars": BARS,
        "measured": found,
        "missed": [name for name in there if not _reaches(name, found[name], BARS[name])],
        "smaller": {name: found[SIZES[name][0]] for name in there if found[SIZES[name][0]] < SIZES[name][1]},
        "unmeasured": [name for name in BARS if name not in found],
    }


def _reaches(name: str, value: float, bar: float) -> bool:
    return value >= bar if name.endswith("per_s") else value <= bar


# --- Events --------------------------------------------------------------------------------------


def _decoding(stage: Stage, count: int) -> dict[str, Any]:
    """Raw logs to values: by plans, by the decoder of the client, and by web3, which Ocean's indexers use."""
    logs = stage.rpc(
        "eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(stage.head), "address": stage.deployment.registry}
    )
    logs = [log for log in logs if plan_for("AssetRegistry", log["topics"][0]) is not None][:count]
    with counted() as ours:
        for log in logs:
            plan = plan_for("AssetRegistry", log["topics"][0])
            assert plan is not None
            plan.decode(plan.words(log["topics"], log["data"]))
    w3 = stage.chain.w3
    contract = w3.eth.contract(address=stage.assets.address, abi=stage.assets.abi)
    known = [(log, plan_for("AssetRegistry", log["topics"][0])) for log in logs[:2_000]]
    last = int(known[-1][0]["blockNumber"], 16)
    formatted = w3.eth.get_logs({"fromBlock": 0, "toBlock": last, "address": stage.assets.address})
    named = {(int(log["blockNumber"]), int(log["logIndex"])): log for log in formatted}
    with counted() as theirs:
        for log, plan in known:
            assert plan is not None
            event = getattr(contract.events, plan.name)()
            event.process_log(named[int(log["blockNumber"], 16), int(log["logIndex"], 16)])
    return {
        "decode_events_per_s": round(len(logs) / ours[0]),
        "decode_events": len(logs),
        "ocean_decode_events_per_s": round(len(known) / theirs[0]),
    }


def _ingesting(stage: Stage) -> dict[str, Any]:
    """From the node's JSON to tables, with what every row was before each block."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, where, others in _databases(folder):
            store = open_store(where)
            store.prepare({"registry": "bench"}, again=True)
            # Nothing is final: all of it can be undone.
            indexer = stage.indexer(store, 10**6)
            _forget_peak()
            with counted(others()) as taken:
                indexer.sync()
            events = int(store.rows("SELECT count(*) FROM event")[0][0])
            undo = int(store.rows("SELECT count(*) FROM asset_was")[0][0])
            found[f"ingest_{name}_events_per_s"] = round(events / taken[0])
            found[f"ingest_{name}_events"] = events
            found[f"ingest_{name}_undo_rows_of_assets"] = undo
            if name == "sqlite":
                found["memory_mb"] = round(peak_mib())
            store.close()
    return found


def _forget_peak() -> None:
    """Have `peak_mib` begin from now."""
    Path("/proc/self/clear_refs").write_text("5")


def _databases(folder: str) -> Iterator[tuple[str, str, Any]]:
    yield "sqlite", f"{folder}/index.sqlite", lambda: ()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from postgres import Postgres

    server = Postgres()
    try:
        yield "postgresql", server.fresh(), lambda: _server_processes(server.folder)
    finally:
        server.stop()


def _server_processes(folder: Path) -> list[int]:
    first = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    children = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _parent_of(path) == first]
    return [first, *children]


def _parent_of(path: Path) -> int:
    with suppress(OSError):
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _undoing(stage: Stage) -> dict[str, Any]:
    """64 blocks of about 100 events each."""
    store = open_store(":memory:")
    store.prepare({"registry": "bench"})
    stage.indexer(store, 200).sync()
    head = store.head()
    assert head is not None
    events = int(store.rows("SELECT count(*) FROM event WHERE block > ?", head[0] - 64)[0][0])
    with counted() as taken, store.writing():
        store.undo(head[0] - 64, stage.contracts)
    return {"undo_64_blocks_s": round(taken[0], 3), "undo_64_blocks_events": events}


def _rebuilding(stage: Stage, count: int) -> dict[str, Any]:
    """The tables of a million events made again from these: those of the stage, again and again for other assets."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/index.sqlite")
        store.prepare({"registry": "bench"})
        stage.indexer(store, 1).sync()
        events = list(
            store.rows("SELECT block, log, time, tx, address, name, asset, words FROM event ORDER BY block, log")
        )
        names = {"AssetRegistry.Transfer", "AssetRegistry.MetadataPublished", "AssetRegistry.LicenceAdded"}
        names |= {"AssetRegistry.LicenceIssued", "Marketplace.Sale"}
        assets = int(store.rows("SELECT max(id) FROM asset")[0][0])
        last = int(store.rows("SELECT max(block) FROM event")[0][0])
        moved = [one for one in events if one[5] in names and one[6]]
        total, rounds = len(events), 0
        with store.writing():
            while total < count:
                rounds += 1
                rows = []
                for block, log, moment, tx, address, name, asset, words in moved:
                    new = asset + rounds * assets
                    place = 64 if name.endswith("Transfer") else 0
                    words = words[:place] + new.to_bytes(32, "big") + words[place + 32 :]
                    rows.append((block + rounds * last, log, moment, tx, address, name, new, words))
                    if total + len(rows) >= count:
                        break
                store._append("event", store._columns["event"].table.columns, rows)
                total += len(rows)
            store.note(final=10**9)
        with counted() as taken:
            refold(store, stage.contracts)
        first = Roots(store).at_final().tree
        refold(store, stage.contracts)
        # What follows from the same events is the same, and so it is in a copy.
        copy = open_store(f"{folder}/copy.sqlite")
        size, root = copy_index(store, copy)
        if not (Roots(store).at_final().tree.root == first.root == root and size == first.size > assets):
            raise RuntimeError("The root after folding again, or that of a copy, is another.")
        with counted() as rooted:
            Roots(store).at_final()
        return {
            "rebuild_1m_events_s": round(taken[0], 1),
            "rebuild_events": total,
            "rebuild_assets": size,
            "root_s": round(rooted[0], 2),
        }


def _oceans_way(stage: Stage, count: int) -> dict[str, Any]:
    """As aquarius and ocean-node do it: eth_getLogs through web3, each event decoded by its processor, a receipt asked
    for, and one document written at a time. Instead of Elasticsearch, which is not here, into SQLite in memory, which
    flatters it."""
    import sqlite3

    w3 = stage.chain.w3
    contract = w3.eth.contract(address=stage.assets.address, abi=stage.assets.abi)
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE asset (id TEXT PRIMARY KEY, body TEXT)")
    done, block = 0, 0
    with counted() as taken:
        while done < count and block < stage.head:
            logs = w3.eth.get_logs({"fromBlock": block, "toBlock": block + 1, "address": stage.assets.address})
            block += 2
            for log in logs:
                if done >= count:
                    break
                for event in contract.events:
                    with suppress(Exception):
                        found = event().process_log(log)
                        w3.eth.get_transaction_receipt(log["transactionHash"])
                        body = json.dumps(dict(found["args"]), default=str)
                        db.execute("INSERT OR REPLACE INTO asset VALUES (?, ?)", (str(done), body))
                        done += 1
                        break
    return {"ocean_ingest_events_per_s": round(done / taken[0]), "ocean_events": done}


# --- Search --------------------------------------------------------------------------------------


def _words(chance: random.Random, count: int) -> list[str]:
    letters = "aeioubcdfglmnprstv"
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choice(letters) for _ in range(chance.randrange(4, 11)))] = None
    return list(found)


def documents(count: int, chance: random.Random) -> Iterator[AssetEntry]:
    """Entries of a kilobyte, whose words are as frequent as in a language (Zipf)."""
    known = _words(chance, 30_000)
    weights = [1 / (place + 2) for place in range(len(known))]
    for start in range(0, count, 1_000):
        drawn = iter(chance.choices(known, weights, k=1_000 * 150))
        for id in range(start + 1, min(start + 1_000, count) + 1):
            yield AssetEntry(
                id=id,
                owner=f"0x{id % 20_000:040x}",
                digest=f"{id:064x}",
                version=1,
                state=0,
                delisted=False,
                block=id,
                published=NOW - id,
                changed=NOW - id,
                sales=0,
                buyers=0,
                status="have",
                type=("dataset", "model", "algorithm")[id % 3],
                license=("MIT", "CC0-1.0", "Apache-2.0")[id % 3],
                name=" ".join(next(drawn) for _ in range(5)),
                tags=[next(drawn) for _ in range(4)],
                description=" ".join(next(drawn) for _ in range(135)),
                price=(id % 7) * 1_000_000,
                fees=(id * 7_919 % 1_000) ** 3,
            )


def questions(chance: random.Random, count: int) -> Iterator[SearchQuery]:
    """A mix: one common word, one rare, two, three, prefixes of two to four letters, and some narrowed down."""
    known = _words(random.Random(7), 30_000)
    for number in range(count):
        common = known[chance.randrange(20)]
        middle = known[chance.randrange(200, 2_000)]
        rare = known[chance.randrange(10_000, 30_000)]
        text = (
            f"{common} ",
            f"{middle} ",
            f"{rare} ",
            f"{common} {middle} ",
            f"{common} {known[chance.randrange(20)]} ",
            f"{middle} {rare} {common} ",
            common[: chance.randrange(2, 5)],
            f"{common} {middle[:3]}",
            middle,
            f"{common} ",
        )[number % 10]
        more: dict[str, Any] = {"type": "model"} if number % 3 == 0 else {}
        if number % 7 == 0:
            more["max_price"] = 3_000_000
        yield SearchQuery(text=text, **more)


def _searching(scale: int) -> dict[str, Any]:
    from registry.index.search.tantivy import TantivyEngine

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, count, engine in (
            ("fts5_100k", 100_000 // scale, FtsEngine(f"{folder}/search.sqlite")),
            ("tantivy_1m", 1_000_000 // scale, TantivyEngine(f"{folder}/tantivy")),
        ):
            with counted() as built:
                part: list[AssetEntry] = []
                for one in documents(count, random.Random(7)):
                    part.append(one)
                    if len(part) == 20_000:
                        engine.put(part, [], 1, NOW)
                        part = []
                engine.put(part, [], 1, NOW)
            part.clear()
            gc.collect()
            finder = Finder(engine)
            taken = sorted(_asked(finder, one) for one in questions(random.Random(3), 1_000))
            found[f"search_p99_ms_{name}"] = round(taken[int(len(taken) * 0.99) - 1], 1)
            found[f"search_p50_ms_{name}"] = round(statistics.median(taken), 1)
            found[f"search_build_s_{name}"] = round(built[0], 1)
            found[f"search_documents_{name}"] = count
            engine.close()
    return found


def _asked(finder: Finder, question: SearchQuery) -> float:
    """CPU milliseconds of one question, with what the garbage collector does meanwhile."""
    for _ in range(100):
        begun = time.process_time()
        with suppress(SearchTimeout):
            finder.answer(question, NOW)
            return 1_000 * (time.process_time() - begun)
        if time.process_time() - begun > 1:
            break
        # The machine stood still, and the question was over by the clock.
    raise RuntimeError(f"{question} is not answered in time.")


def show(console: Console, result: dict[str, Any]) -> None:
    """Print the figures and their bars."""
    for name, value in result["measured"].items():
        bar = BARS.get(name)
        console.print(f"{name:40} {value:>12,}" + (f"   bar {bar:,}" if bar else ""), highlight=False)


def write(result: dict[str, Any]) -> None:
    """Write `results/hub.json`."""
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


def main() -> int:
    """Measure, show and write; returns 1 if a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="try it out on this part of the events and documents")
    parser.add_argument("--part", action="append", choices=PARTS, default=[], help="measure this part alone")
    parser.add_argument("--write", action="store_true", help="write what a part or a smaller scale measured, too")
    asked = parser.parse_args()
    console = Console()
    found = measure(scale=asked.scale, parts=asked.part)
    whole = asked.scale == 1 and not asked.part
    before = json.loads(RESULTS.read_text())["measured"] if not whole and RESULTS.exists() else {}
    result = judged(before | found)
    show(console, result)
    if whole or asked.write:
        write(result)
    if result["missed"]:
        console.print(f"[red]Missed: {', '.join(result['missed'])}[/red]")
    return int(bool(result["missed"]))


if __name__ == "__main__":
    sys.exit(main())
