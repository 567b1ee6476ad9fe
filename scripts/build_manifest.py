"""Write `registry/chain/manifest.json`: the ABIs and bytecode that the package ships.

`make manifest` after any change of a contract; `--check` only compares, as the tests do.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from ape import project

MANIFEST = Path(__file__).parent.parent / "registry" / "chain" / "manifest.json"

# What is deployed or cloned. Mocks never ship.
CONTRACTS = [
    "AssetRegistry",
    "BlockingDollar",
    "Brake",
    "ComputeEscrow",
    "Curation",
    "Datatoken",
    "Directory",
    "Lineage",
    "LineageSplitter",
    "LocalDollar",
    "Marketplace",
    "Receipts",
    "RegistryAuthority",
    "RegistryGovernor",
    "RegistryTimelock",
    "RegistryToken",
    "RevenueSplitter",
    "SplitterFactory",
    "Standards",
    "Streams",
    "TeamFactory",
    "TokenDistributor",
    "TokenVesting",
    "Treasuries",
]
SETTINGS = ("version", "evm_version", "optimization_runs", "via_ir")


def build() -> str:
    """The manifest as JSON text, from the contracts as they were compiled last.

    Ape's cache does not see that an imported interface changed, so `make` throws it away with every change.
    """
    types = project.load_contracts()
    contracts = {name: _trim(types[name]) for name in CONTRACTS}
    solidity = project.config.solidity
    compiler = {"name": "solidity"} | {key: getattr(solidity, key) for key in SETTINGS}
    return json.dumps({"compiler": compiler, "contracts": contracts}, indent=1, sort_keys=True, default=str) + "\n"


def _trim(contract: object) -> dict[str, object]:
    """ABI, creation code, and what the NatSpec says of each error, by signature."""
    data = json.loads(contract.contract_type.model_dump_json())  # type: ignore[attr-defined]
    documented = (data.get("devdoc") or {}).get("errors", {})
    return {
        "abi": data["abi"],
        "bytecode": (data.get("deploymentBytecode") or {}).get("bytecode", "0x"),
        "errors": {signature: notes[0].get("details", "") for signature, notes in documented.items()},
    }


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Fail if the committed manifest is not what the contracts were compiled to last.",
)
def cli(check: bool) -> None:
    """Build the manifest that the Python package ships."""
    text = build()
    if check:
        if MANIFEST.read_text() != text:
            raise click.ClickException(f"{MANIFEST.name} is stale: run 'make manifest'")
        click.echo(f"{MANIFEST.name} is what the contracts compile to")
        return
    MANIFEST.write_text(text)
    click.echo(f"wrote {MANIFEST} ({len(text):,} bytes)")
