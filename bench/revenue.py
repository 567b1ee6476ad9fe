"""Our half, continued: splitters, royalties and teams.

Splits are measured as 0xSplits was: payees at zero for "first", with a balance for "steady", the token warm in neither.
A unit that does not divide stays behind, except in "even", where the emptied balance brings a refund of 4,800. That is
how the prototype was measured that the bar for two payees was set from, with a token that does the least.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.constants import ADDRESS_ZERO
from web3.contract import Contract
from web3.logs import DISCARD

from bench.gas import Gas
from bench.stage import TOKEN, Stage
from registry.chain.artifacts import artifact

BUILD: Final = Path(__file__).resolve().parent.parent / ".build" / "__local__.json"
SIZES: Final = (2, 10, 50, 100)


def measure_splits(stage: Stage, gas: Gas) -> None:
    """Make splitters and have them distribute a token and native coin."""
    factory = stage.deploy(asdict(artifact("SplitterFactory")))
    create = factory.functions.createSplitter(_shares(5, "five"))
    gas.record("splitter_create_5", stage.send(create, sender=stage.cast.author))
    steady: dict[int, int] = {}
    for kind in ("", "native_"):
        for size in SIZES:
            splitter = _splitter(stage, factory, _shares(size, f"{kind}{size}"))
            for when in ("first", "steady"):
                _fund(stage, splitter, None if kind else stage.token)
                address = ADDRESS_ZERO if kind else stage.token.address
                tx_hash = stage.send(splitter.functions.distribute(address), sender=stage.cast.author)
                used = gas.record(f"distribute_{kind}{size}_{when}", tx_hash)
                if not kind and when == "steady":
                    steady[size] = used
    lean = stage.deploy(_lean_token())
    for token, name in ((stage.token, "distribute_2_even_steady"), (lean, "distribute_2_even_lean_steady")):
        splitter = _splitter(stage, factory, [(payee, 1) for payee, _ in _shares(2, name)])
        for _ in range(2):
            _fund(stage, splitter, token)
            tx_hash = stage.send(splitter.functions.distribute(token.address), sender=stage.cast.author)
        gas.record(name, tx_hash)
    gas.derive("distribute_per_payee_steady", round((steady[100] - steady[50]) / 50), "(100 payees - 50 payees) / 50")


def _shares(count: int, label: str) -> list[tuple[ChecksumAddress, int]]:
    """Fresh payees in ascending order, with different shares."""
    payees = sorted(Web3.keccak(text=f"{label} {number}")[:20] for number in range(count))
    return [(Web3.to_checksum_address(payee), 1 + number % 7) for number, payee in enumerate(payees)]


def _splitter(stage: Stage, factory: Contract, shares: list[tuple[ChecksumAddress, int]]) -> Contract:
    tx_hash = stage.send(factory.functions.createSplitter(shares), sender=stage.cast.author)
    receipt = stage.w3.eth.get_transaction_receipt(tx_hash)
    (event,) = factory.events.SplitterCreated().process_receipt(receipt, errors=DISCARD)
    return stage.w3.eth.contract(address=event["args"]["splitter"], abi=artifact("RevenueSplitter").abi)


def _fund(stage: Stage, splitter: Contract, token: Contract | None) -> None:
    """Bring native coin, or tokens."""
    if token is None:
        fields: Any = {"from": stage.cast.author, "to": splitter.address, "value": 10**18}
        stage.w3.eth.wait_for_transaction_receipt(stage.w3.eth.send_transaction(fields), poll_latency=0.01)
        return
    stage.send(token.functions.mint(splitter.address, 1_000 * TOKEN), sender=stage.cast.author)


def _lean_token() -> dict[str, Any]:
    """A mock, and so not in the manifest: from the build."""
    entry = json.loads(BUILD.read_text(encoding="utf-8"))["contractTypes"]["LeanToken"]
    return {"contractName": "LeanToken", "abi": entry["abi"], "bytecode": entry["deploymentBytecode"]["bytecode"]}
