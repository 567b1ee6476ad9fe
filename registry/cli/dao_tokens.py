"""The token of a DAO: claims, what vests, and the DAO in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import OUTFILE, account_option, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.governance.distribution import Vesting

list_argument = click.argument("list_", metavar="LIST")
wallet_argument = click.argument("wallet")


@command("stats", examples=["registry dao stats", "registry dao stats --chart dao.svg"])
@click.option("--chart", type=OUTFILE, help="Draw it too; .svg or .png by the name.")
def stats(app: App, chart: str | None) -> None:
    """Show the DAO in numbers: voters, turnout, delegation, Gini and Nakamoto coefficient."""
    found = app.registry().governance.statistics()
    facts = dict(found.facts)
    if chart is not None:
        facts["picture in"] = str(found.chart(chart))
    app.console.result(found, facts=facts, table=found.table() if found.proposals else None)


@command("proofs", file="contributors.csv", examples=["registry dao proofs contributors.csv claims.json --pin"])
@click.argument("table", metavar="CSV", type=click.Path(path_type=Path))
@click.argument("out", type=OUTFILE)
@click.option("--pin", is_flag=True, help="Keep it in the block store too, and show its CID.")
def proofs(app: App, table: Path, out: str, pin: bool) -> None:
    """Make of a CSV of who may claim what a list with proofs, for anybody to host; needs no chain.

    The columns are account, amount in whole tokens, and for those who vest start (a date), cliff and duration in days.
    """
    from registry.calls.words import in_votes
    from registry.governance.entitlements import read_csv
    from registry.ipfs.unixfs import add_file
    from registry.system import disk

    listed = read_csv(table)
    path = disk.put(out, f"entitlements-{listed.root.hex()[:8]}.json", listed.to_json())
    facts = {
        "entries": f"{len(listed.entries):,}",
        "total": in_votes(listed.total),
        "root": f"0x{listed.root.hex()}",
        "written to": str(path),
    }
    value = {"entries": len(listed.entries), "total": str(listed.total), "root": listed.root, "written": str(path)}
    if pin:
        cid = add_file(path, app.store()).cid
        facts["pinned as"], value["cid"] = f"ipfs://{cid}", cid
    app.console.result(value, facts=facts)


@command("claims", examples=["registry dao claims claims.json", "registry dao claims ipfs://bafy... --account 0xANN"])
@list_argument
@account_option
def claims(app: App, list_: str, account: str | None) -> None:
    """Show what an account may claim, or has claimed, by a list with proofs: a file or ipfs://CID."""
    from registry.calls.words import in_votes
    from registry.cli.console import table_of, when

    registry = app.registry(to=None if account else "know whose claims are meant (or --account)")
    found = registry.governance.claims(list_, account=account)
    table = table_of("", "amount", "vests from", "to", "state")
    for one in found:
        entitlement = one.entitlement
        start = when(entitlement.start) if entitlement.duration else "at once"
        state = "claimed" if one.claimed else "to claim"
        table.add_row(in_votes(entitlement.amount), start, one.receiver, state)
    app.console.result(found, table=table)


@command("claim", examples=["registry dao claim claims.json", "registry dao claim ipfs://bafy... --account 0xANN"])
@list_argument
@account_option
@dry_run_option
def claim(app: App, list_: str, account: str | None, dry_run: bool) -> None:
    """Claim what an account may claim: the tokens go to it, or into its vesting wallet, whoever pays for this."""
    from registry.cli.views import show_done

    registry = app.registry(to="claim")
    show_done(app, registry.governance.claim(list_, account=account, dry_run=dry_run))


@command("vesting", examples=["registry dao vesting 0xWALLET"])
@wallet_argument
def vesting(app: App, wallet: str) -> None:
    """Show what a vesting wallet has released, could release, and keeps."""
    found = app.registry().governance.vesting(wallet)
    app.console.result(found, facts=_facts(found))


@command("vesting-release", examples=["registry dao vesting-release 0xWALLET"])
@wallet_argument
@dry_run_option
def vesting_release(app: App, wallet: str, dry_run: bool) -> None:
    """Send what has vested to the owner of a vesting wallet; anybody may."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="release").governance.release_vested(wallet, dry_run=dry_run))


@command(
    "vesting-delegate",
    examples=["registry dao vesting-delegate 0xWALLET", "registry dao vesting-delegate 0xWALLET 0xANN"],
)
@wallet_argument
@click.argument("to", required=False)
@dry_run_option
def vesting_delegate(app: App, wallet: str, to: str | None, dry_run: bool) -> None:
    """Let an account cast the votes of all that is in a vesting wallet: by its owner, who is meant without TO."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="delegate").governance.delegate_vested(wallet, to, dry_run=dry_run))


def _facts(found: Vesting) -> dict[str, str]:
    from registry.calls.words import in_votes
    from registry.cli.console import when

    return {
        "wallet": found.wallet,
        "owner": found.owner,
        "vests": f"from {when(found.start)} to {when(found.end)}, nothing before {when(found.cliff)}",
        "released": in_votes(found.released),
        "to release": in_votes(found.releasable),
        "locked": in_votes(found.locked),
        "delegates to": found.delegate or "nobody",
    }
