"""A million drafts of 1 kB as one collection, and how much of a cold store the proof of an item takes.

CPU seconds and memory are those of a process of its own that connects, packs, stores a manifest of 1.1 GB at home and
publishes it on anvil. Proofs and items are then read by a client that has nothing; the bytes are those of all blocks
that it asks for, the collection's own document among them.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import rows
from bench.anvil import anvil
from bench.memory import peak_mib
from registry.assets.drafting import Draft
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import dev_signer
from registry.client import Registry
from registry.documents.licence import Licence
from registry.ipfs.cid import CID
from registry.ipfs.store import LocalStore
from registry.types import item_id

RESULTS: Final = Path(__file__).resolve().parent / "results" / "collections.json"
SIZE: Final = 1_000_000
READ: Final = 32
WORDS: Final = {
    "items": "items",
    "document_bytes": "bytes of a document, on average",
    "publish_cpu_seconds": "publishing them, CPU seconds",
    "publish_peak_mb": "publishing them, peak memory in MB",
    "publish_gas": "publishing them, gas",
    "proof_bytes": "the proof of an item, most bytes read",
    "get_bytes": "an item looked up, most bytes read",
}
BARS: Final = {
    "publish_cpu_seconds": ("<=", 600.0),
    "publish_peak_mb": ("<=", 400.0),
    "proof_bytes": ("<=", 256 * 1024),
}
_PROSE: Final = (
    "Seen from the ridge above the station on a clear morning, with the wind from the north-west and the colony at "
    "rest; taken with a long lens, cropped to the bird, labelled by two people who did not know of each other's "
    "answer, and kept only where both agreed on species, age and sex. "
)


class _Cold(LocalStore):
    """A store whose readers have nothing yet: it counts the bytes that it gives."""

    given = 0

    def get(self, cid: CID) -> bytes:
        data = super().get(cid)
        self.given += len(data)
        return data


def measure(size: int = SIZE) -> dict[str, Any]:
    """Publish `size` drafts, and read of them; the smaller sizes are for tries."""
    with anvil() as w3, tempfile.TemporaryDirectory() as folder:
        url, home = str(w3.provider.endpoint_uri), Path(folder)
        deployment = deploy_local(Chain.connect(url))
        record = deployment.save(home)
        code = f"from bench.collection import publish; publish({url!r}, {str(record)!r}, {folder!r}, {size})"
        made = json.loads(subprocess.check_output([sys.executable, "-c", code], timeout=7_200))
        proofs, gets = [], []
        for index in range(0, size, max(1, (size - 1) // (READ - 1))):
            item = item_id(made["collection"], index)
            for verb, read in (("prove", proofs), ("get", gets)):
                store = _Cold(home / "blocks")
                reader = Registry.connect(url, deployment=deployment, store=store, home=home)
                reader.collections.prove(item) if verb == "prove" else reader.get(item)
                read.append(store.given)
    del made["collection"]
    values = {"items": size, **made, "proof_bytes": max(proofs), "get_bytes": max(gets)}
    return {**values, "missed": [name for name, (_, bar) in BARS.items() if values[name] > bar]}


def _drafts(size: int) -> Iterator[Draft]:
    for index in range(size):
        fields = {
            "description": f"Picture {index:,}. " + _PROSE * 3,
            "tags": ["birds", "pictures", f"batch-{index // 1000}"],
            "additional": {"place": [index % 90, index % 180], "label": {"species": "Adelie", "agreed": True}},
        }
        yield Draft(name=f"Penguin {index:,}", type="dataset", license="CC-BY-4.0", fields=fields)


def publish(url: str, record: str, home: str, size: int) -> None:
    """Publish so many drafts, and write what this process took for it as JSON."""
    registry = Registry.connect(url, signer=dev_signer(0), deployment=Deployment.load(Path(record)), home=home)
    month = Licence.period("month", days=30, price="5 USD")
    made = registry.publish_collection(_drafts(size), name="Penguins", licences=[month])
    used = resource.getrusage(resource.RUSAGE_SELF)
    content = registry.get(made.did).ddo.content
    assert made.tx is not None and content is not None
    documents = next(file.size for file in content.files if file.path == "documents")
    figures = {
        "collection": made.did.asset_id,
        "document_bytes": documents // size,
        "publish_cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "publish_peak_mb": round(peak_mib() * 1.048576, 1),
        "publish_gas": made.tx.cost.gas,
    }
    sys.stdout.write(json.dumps(figures))


def show(console: Console, results: dict[str, Any]) -> None:
    """Print the figures."""
    console.print(rows.table("A million assets as one collection", results, WORDS, BARS))


def write(results: dict[str, Any]) -> None:
    """Write the results."""
    rows.write(results, RESULTS)


if __name__ == "__main__":
    sys.exit(rows.alone("collections", measure, show, write))
