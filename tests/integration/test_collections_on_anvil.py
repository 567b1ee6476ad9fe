"""A collection from the command line: its process is killed again and again, and a buyer with nothing reads an item of
it over a gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry import Registry
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.ipfs.trustless import TrustlessGateway

from .cli_support import ADDRESSES, KEYS, Shell
from .support import Anvil

ITEMS = 6_000


@pytest.fixture
def author(anvil: Anvil, tmp_path: Path) -> Shell:
    """The author, on a node with a registry, beside a file of drafts; the buyer has play money."""
    shell = Shell(anvil.url, tmp_path)
    shell.ok("deploy", "--local-dollar", "--yes")
    shell.ok("fund", "1000 USD", "--account", ADDRESSES["buyer"])
    (tmp_path / "tile.txt").write_text("open sea")
    with (tmp_path / "drafts.jsonl").open("w") as file:
        for index in range(ITEMS):
            draft = {"name": f"Tile {index}", "type": "dataset", "license": "CC0-1.0", "description": "sea " * 100}
            file.write(json.dumps(draft | ({"path": "tile.txt"} if index % 1000 == 7 else {})) + "\n")
    return shell


class Cold(TrustlessGateway):
    """A gateway that counts the bytes which it gives."""

    given = 0

    def get(self, cid):  # type: ignore[no-untyped-def]
        data = super().get(cid)
        self.given += len(data)
        return data


@pytest.fixture
def gateway(author: Shell) -> Iterator[Cold]:
    """What the author's store gives over HTTP."""
    with Server(LocalStore(author.folder / "home" / "blocks")) as running:
        yield Cold(running.url)


def moments(author: Shell) -> dict[str, Callable[[], bool]]:
    """When the process is killed: looked for in what it leaves at home."""
    packing = author.folder / "home" / "collections"
    return {
        "with half of the documents packed": lambda: _size(packing, "packed") > ITEMS * 92 // 2,
        "while the list is written": lambda: bool(list(packing.glob("*/manifest/items"))),
        "with the manifest stored in part": lambda: len(list((author.folder / "home" / "blocks").rglob("baf*"))) > 100,
    }


def _size(folder: Path, name: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(f"*/{name}"))


def test_a_collection_outlives_kills_and_is_bought_and_read_over_a_gateway(author: Shell, gateway: Cold) -> None:
    words = ("collection", "publish", "drafts.jsonl", "--name", "Tiles", "--licence", "month: 30 days, 5 USD")
    for moment, reached in moments(author).items():
        with author.process(*words) as process:
            deadline = time.monotonic() + 120
            while not reached():
                assert process.poll() is None and time.monotonic() < deadline, moment
                time.sleep(0.005)
            process.kill()
    made = author.json(*words)
    assert (made["size"], author.json(*words)["did"]) == (ITEMS, made["did"])
    assert author.json("collection", "verify", made["did"])["size"] == ITEMS

    def client(**options: object) -> Registry:
        where = author.folder / "elsewhere"
        record = next((author.folder / "home" / "deployments").glob("*.json"), None)
        record = record or next((author.folder / "deployments").glob("*.json"))
        return Registry.connect(author.url, home=where, deployment=record, sources=[gateway], **options)  # type: ignore[arg-type]

    events = client().chain.events(client().assets.events.CollectionPublished)
    assert len(list(events)) == 1
    buyer = client(signer=KEYS["buyer"])
    item = buyer.did(made["did"]).asset_id << 32 | 1 << 62 | 5_007
    assert buyer.get(item).name == "Tile 5007" and gateway.given <= 256 * 1024
    buyer.buy(item, "month")
    with buyer.open(item) as file:
        assert file.read() == b"open sea"
    assert buyer.mint(item).tx is not None and buyer.get(item).owner == ADDRESSES["author"]
