"""Writes the tables of docs/integrators.md from the manifest: ``python scripts/_toolchain/integrators.py``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
TARGET: Final = ROOT / "docs" / "integrators.md"
GATE: Final = ROOT / "contracts" / "mocks" / "Gate.sol"
BEGIN: Final = "<!-- from here on written by scripts/_toolchain/integrators.py -->\n"

SHOWN: Final = {
    "AssetRegistry": "assets, documents, licences, grants, collections",
    "Marketplace": "sales of licences",
    "Streams": "access by the second",
    "ComputeEscrow": "runs on data that stay where they are, paid for when the result is there",
    "Datatoken": "a licence as an ERC-20, one contract for each",
    "Lineage": "what assets were built from",
    "LineageSplitter": "royalties of one asset, passed on to those it was built from",
    "SplitterFactory": "splitters of revenue",
    "RevenueSplitter": "revenue of one team or person, passed on in fixed shares",
    "TeamFactory": "a Safe, its splitter and first asset",
    "Directory": "where all of these are",
    "Receipts": "uses that holders sign away",
    "Curation": "flags and endorsements",
    "Standards": "standards and who declares to keep them",
}


def page() -> str:
    """The page as it should be."""
    written = TARGET.read_text(encoding="utf-8").partition(BEGIN)[0]
    return written + BEGIN + "\n" + "\n".join(_tables()) + "\n"


def _tables() -> Iterator[str]:
    contracts = json.loads((ROOT / "registry" / "chain" / "manifest.json").read_text())["contracts"]
    for name, what in SHOWN.items():
        yield f"### {name}\n\n{what[0].upper()}{what[1:]}.\n"
        for kind, title in (("event", "Events"), ("function", "Functions")):
            entries = [one for one in contracts[name]["abi"] if one["type"] == kind]
            if entries:
                yield f"{title}:\n\n```solidity"
                yield from sorted(_signature(one) for one in entries)
                yield "```\n"


def _signature(entry: Mapping[str, Any]) -> str:
    inputs = ", ".join(_parameter(one) for one in entry["inputs"])
    if entry["type"] == "event":
        return f"event {entry['name']}({inputs});"
    how = "" if entry["stateMutability"] == "nonpayable" else f" {entry['stateMutability']}"
    outputs = ", ".join(_parameter(one) for one in entry["outputs"])
    return f"function {entry['name']}({inputs}) external{how}{f' returns ({outputs})' if outputs else ''};"


def _parameter(one: Mapping[str, Any]) -> str:
    kind = one["internalType"].removeprefix("struct ").removeprefix("enum ").removeprefix("contract ")
    where = " indexed" if one.get("indexed") else ""
    return f"{kind}{where}{' ' + one['name'] if one['name'] else ''}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(None if page() == TARGET.read_text(encoding="utf-8") else "Run scripts/_toolchain/integrators.py.")
    TARGET.write_text(page(), encoding="utf-8")
