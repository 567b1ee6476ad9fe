"""Getting to a registry of somebody else by one command, and handing on how one gets there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from registry.cli.command import command

if TYPE_CHECKING:
    from registry.chain.networks import Network
    from registry.cli.app import App


@command(
    "connect",
    examples=[
        "registry connect penguins.json",
        "registry connect 0xREGISTRY --rpc https://rpc.example.org --name penguins",
        "registry connect did:nft:eip155:1337_erc721:0x..._7 --rpc http://127.0.0.1:8545 --source https://ipfs.example.org",
        "registry connect penguins",
    ],
)
@click.argument("where")
@click.option("--name", metavar="NAME", help="What to call it here; by default as its file does, or chain-NUMBER.")
def connect(app: App, where: str, name: str | None) -> None:
    """Connect to a registry: from now on, commands without --rpc use it.

    WHERE is a file that 'registry networks NAME --file' wrote, the address of the registry or the DID of one of its
    assets (then with --rpc), or the name of a network that is kept here. The contracts are found from the registry's
    address.
    """
    from registry.chain.connection import Chain
    from registry.chain.discovery import discover
    from registry.chain.networks import Networks, is_name
    from registry.errors import InputError

    if name is not None and not is_name(name):
        raise InputError(f"No network can be called {name[:80]!r}.", hint="Use small letters, digits and hyphens.")
    network = _named(app, where)
    chain = Chain.connect(network.node(), chain_id=network.chain_id or None)
    deployment = discover(chain, network.registry)
    if network.version not in ("", deployment.version):
        raise InputError(
            f"The contracts of {network.registry} are of version {deployment.version}; {where} says {network.version}.",
            hint="Ask whoever wrote it which registry is meant.",
        )
    if deployment.version == "unknown":
        app.agree(
            f"The contracts of {network.registry} are not those of this package: whoever wrote them decides what they "
            "do. Connect all the same?"
        )
    called = name or network.name or f"chain-{deployment.chain_id}"
    network = replace(network, name=called, chain_id=deployment.chain_id, version=deployment.version)
    Networks(app.home).keep(network, deployment)
    app.console.result(_value(network), facts=_facts(network))


@command("networks", examples=["registry networks", "registry networks penguins --file > penguins.json"])
@click.argument("name", required=False)
@click.option(
    "--file",
    "as_file",
    is_flag=True,
    help="Write it as a file to hand on. The node is in it if --rpc names one again, since yours may hold a key.",
)
def networks(app: App, name: str | None, as_file: bool) -> None:
    """List the networks that are kept here, or show one of them, by default the one in use."""
    from registry.chain.networks import Networks
    from registry.cli.console import table_of
    from registry.errors.redaction import shown

    kept = Networks(app.home)
    if name or as_file:
        found = kept.get(name or kept.in_use)
        if as_file:
            sources = tuple(app.settings.get("read_from") or found.sources)
            click.echo(replace(found, rpc=app.settings.get("rpc") or "", sources=sources).to_json(), nl=False)
            return
        app.console.result(_value(found), facts=_facts(found))
        return
    found_all = [kept.get(one) for one in kept.names]
    if not found_all and not app.console.as_json:
        app.console.say(
            "No networks are kept here, and none come with this package. Ask a publisher for the file of one, or run "
            "'registry connect ADDRESS --rpc URL'."
        )
        return
    table = table_of("", "network", "chain", "registry", "node", "in use")
    for one in found_all:
        used = "yes" if one.name == kept.in_use else ""
        table.add_row(one.name, str(one.chain_id), one.registry, shown(one.rpc) if one.rpc else "", used)
    app.console.result({"networks": [_value(one) for one in found_all], "in_use": kept.in_use}, table=table)


def _named(app: App, where: str) -> Network:
    """What `where` leads to, with the node and the sources that were named beside it."""
    from registry.chain.networks import Network, Networks, is_name
    from registry.did import DID
    from registry.errors import InputError
    from registry.errors.redaction import shown
    from registry.types import to_address

    rpc, sources = app.settings.get("rpc") or "", tuple(app.settings.get("read_from") or ())
    if where.startswith(("0x", "did:")):
        did = DID.parse(where) if where.startswith("did:") else None
        if not rpc:
            raise InputError("Which node leads to it was not said.", hint="Add --rpc URL.")
        registry = did.address if did is not None else to_address(where)
        return Network("", did.chain_id if did is not None else 0, registry, "", rpc, sources)
    known = Networks(app.home).get(where) if is_name(where) else Network.read(where)
    if not is_name(where):
        led = ", ".join(shown(one) for one in (known.rpc, *known.sources) if one)
        app.console.note(f"  {where} leads to {led or 'no node'}.")
    return replace(known, rpc=rpc or known.rpc, sources=sources or known.sources)


def _value(network: Network) -> dict[str, object]:
    from registry.errors.redaction import shown

    return {
        "name": network.name,
        "chain_id": network.chain_id,
        "registry": network.registry,
        "version": network.version,
        "node": shown(network.rpc) if network.rpc else None,
        "sources": [_source(one) for one in network.sources],
    }


def _source(address: str) -> str:
    from registry.errors.redaction import shown

    return shown(address) if "://" in address else address


def _facts(network: Network) -> dict[str, str]:
    from registry.errors.redaction import shown

    facts = {
        "network": network.name,
        "registry": f"{network.registry} on chain {network.chain_id}",
        "contracts": "not of this package"
        if network.version == "unknown"
        else "of this package, by the hash of their code",
        "node": shown(network.rpc) if network.rpc else "none",
        "content from": ", ".join(_source(one) for one in network.sources),
    }
    return {name: value for name, value in facts.items() if value}
