"""How fast the Python side is: importing the package, publishing from it on an anvil, trying a proposal.

Rates depend on the machine, so each comes with what it is compared to in the same run: publishing one by one and in
batches, beside bare web3.py sending equal transactions without journal, checks or documents.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from web3 import Web3

from bench.anvil import anvil
from registry.assets.drafting import Draft
from registry.chain.connection import Chain
from registry.chain.local import deploy_local, found_local
from registry.chain.signers import dev_signer
from registry.client import Registry
from registry.documents.licence import Licence
from registry.types import ZERO_ADDRESS

RESULTS: Final = Path(__file__).resolve().parent / "results" / "speed.json"
IMPORT_BAR: Final = 0.150
SIMULATION_BAR: Final = 5.0
SINGLE, BATCHED = 30, 300

_IMPORT = "import time; t = time.perf_counter(); import registry; print(time.perf_counter() - t)"
_CLEAN = "import registry, sys; print([m for m in ('web3', 'ape', 'pandas', 'eth_tester') if m in sys.modules])"


def measure() -> dict[str, Any]:
    """Import time (median of seven fresh processes, seconds) and publishing rates (assets a second)."""
    times = [float(_python(_IMPORT)) for _ in range(7)]
    with anvil() as w3, tempfile.TemporaryDirectory() as home:
        url = str(w3.provider.endpoint_uri)
        author = Registry.connect(url, signer=dev_signer(0), deployment=deploy_local(Chain.connect(url)), home=home)
        drafts = [_draft(number) for number in range(SINGLE + BATCHED)]
        started = time.perf_counter()
        for draft in drafts[:SINGLE]:
            author.publish_many([draft])
        single = SINGLE / (time.perf_counter() - started)
        started = time.perf_counter()
        author.publish_many(drafts[SINGLE:])
        batched = BATCHED / (time.perf_counter() - started)
        bare = _bare(w3, author)
    return {
        "import_seconds": {"ours": round(statistics.median(times), 3), "bar": IMPORT_BAR, "loaded": _python(_CLEAN)},
        "publish_per_second": {
            "one_by_one": round(single, 1),
            "batched": round(batched, 1),
            "bare_web3_one_by_one": round(bare, 1),
            "one_by_one_to_bare": round(single / bare, 2),
        },
        "simulate_ten_calls": simulation(),
    }


def simulation() -> dict[str, float]:
    """Seconds that a proposal of ten calls takes to be drafted and tried, on an anvil and in this process."""
    with anvil() as w3, tempfile.TemporaryDirectory() as home:
        there = Chain.connect(str(w3.provider.endpoint_uri))
        seconds = [_simulated(chain, Path(home)) for chain in (there, Chain.in_process())]
    return {"anvil": round(seconds[0], 3), "in_process": round(seconds[1], 3), "bar": SIMULATION_BAR}


def show(console: Console, results: dict[str, Any]) -> None:
    """Print the figures."""
    table = Table("", "measured", title="Speed from Python")
    took = results["import_seconds"]
    table.add_row(
        "import registry", f"{took['ours'] * 1000:.0f} ms (bar {took['bar'] * 1000:.0f}), heavy: {took['loaded']}"
    )
    rates = results["publish_per_second"]
    table.add_row(
        "publish, one by one", f"{rates['one_by_one']} assets/s, {rates['one_by_one_to_bare']} of bare web3.py"
    )
    table.add_row("publish, batches of 100", f"{rates['batched']} assets/s")
    table.add_row("bare web3.py, one by one", f"{rates['bare_web3_one_by_one']} assets/s")
    tried = results["simulate_ten_calls"]
    table.add_row(
        "draft and simulate ten calls",
        f"{tried['anvil']} s on an anvil, {tried['in_process']} s in this process (bar {tried['bar']:g})",
    )
    console.print(table)


def write(results: dict[str, Any]) -> None:
    """Write `results/speed.json`."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")


def _simulated(chain: Chain, home: Path) -> float:
    proposer = dev_signer(0).address
    founded = found_local(chain, deploy_local(chain), {proposer: 1_000}, guardian=dev_signer(1).address)
    author = Registry.on(chain, signer=dev_signer(0), deployment=founded, home=home)
    author.fund("100 USD", account=author.governance.dao.timelock)
    rules = author.governance.governor.functions
    calls = [author.governance.payment(dev_signer(number).address, f"{number} USD") for number in range(2, 9)]
    started = time.perf_counter()
    changed = [author.assets.functions.setFee(50), rules.setVotingDelay(7200), rules.setProposalThreshold(1)]
    draft = author.governance.draft([*calls, *changed], title="Ten calls")
    author.governance.simulate(draft).require()
    return time.perf_counter() - started


def _draft(number: int) -> Draft:
    return Draft(
        name=f"Series {number}",
        type="dataset",
        license="CC0-1.0",
        licences=[Licence.period("month", days=30, price="12.5 USD")],
    )


def _bare(w3: Web3, author: Registry) -> float:
    """What web3.py alone does: sign with fixed gas and fees, send, wait for the receipt."""
    signer = dev_signer(1)
    started = time.perf_counter()
    for number in range(SINGLE):
        terms = (10**7, 1, 1, 2592000, 0, 0, 0, ZERO_ADDRESS)
        publication = (Web3.keccak(text=str(number)), ZERO_ADDRESS, (False, 0), [], 0, [terms])
        call = author.assets.functions.publish(signer.address, publication)
        raw = signer.sign_transaction(
            {
                "to": author.deployment.registry,
                "data": call._encode_transaction_data(),
                "nonce": w3.eth.get_transaction_count(Web3.to_checksum_address(signer.address)),
                "gas": 300_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**9,
                "chainId": w3.eth.chain_id,
                "value": 0,
                "type": 2,
            }
        )
        w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw), poll_latency=0.005)
    return SINGLE / (time.perf_counter() - started)


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
