"""Standards: what the community means by a schema, a licence text, a rule of conduct; and who conforms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import Group, Whole, asset_argument, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App

version_option = click.option("--version", type=Whole(1), help="Of the standard; by default the last adopted.")


@click.group("standard", cls=Group)
def standard() -> None:
    """Propose standards, and declare that assets conform to those that the DAO adopted."""


@command("propose", group=standard, examples=["registry standard propose model-card model-card.md --kind metadata"])
@click.argument("name")
@click.argument("document", type=click.Path(path_type=Path))
@click.option(
    "--kind", type=click.Choice(["metadata", "licence", "conduct"]), required=True, help="What the standard is about."
)
@dry_run_option
def propose(app: App, name: str, document: Path, kind: str, dry_run: bool) -> None:
    """Store the file DOCUMENT and propose it as the next version of the standard NAME, or as a new one; for anybody.

    The DAO adopts it, or not.
    """
    registry = app.registry(to="propose a standard")
    done, cid = registry.governance.propose_standard(name, document, kind=kind, dry_run=dry_run)
    facts = {
        "standard": name,
        "document": f"ipfs://{cid}",
        "network": str(done.cost),
        "state": "nothing was sent" if done.tx is None else "proposed: the DAO has to adopt it",
    }
    app.console.result({"name": name, "cid": cid, "done": done}, facts=facts)


@command("list", group=standard, examples=["registry standard list", "registry standard list --adopted --json"])
@click.option("--adopted", is_flag=True, help="Only those that the DAO adopted.")
def list_(app: App, adopted: bool) -> None:
    """List all versions of all standards."""
    from registry.cli.console import table_of
    from registry.governance.standards import StandardStatus

    found = [
        one for one in app.registry().governance.standards() if not adopted or one.status is StandardStatus.ADOPTED
    ]
    table = table_of("", "standard", "version", "about", "state", "document", "proposed by")
    for one in found:
        kind, status = one.kind.name.lower(), one.status.name.lower()
        table.add_row(one.name, str(one.version), kind, status, f"ipfs://{one.cid}", one.proposer)
    app.console.result(found, table=table)


@command(
    "show", group=standard, examples=["registry standard show model-card", "registry standard show model-card --text"]
)
@click.argument("name")
@version_option
@click.option("--text", is_flag=True, help="Write its text, verified, and nothing else.")
def show(app: App, name: str, version: int | None, text: bool) -> None:
    """Show a version of a standard."""
    from registry.calls.words import clean

    governance = app.registry().governance
    found = governance.standard(name, version)
    if text:
        document = governance.document(found.cid)
        if app.console.as_json:
            app.console.result({"cid": found.cid, "text": document})
        elif sys.stdout.isatty():
            # A stranger wrote it: a terminal must not obey it.
            for line in document.splitlines():
                app.console.say(clean(line))
        else:
            app.console.raw(document.encode())
        return
    facts = {
        "standard": found.name,
        "version": str(found.version),
        "about": found.kind.name.lower(),
        "state": found.status.name.lower(),
        "document": f"ipfs://{found.cid}",
        "proposed by": found.proposer,
    }
    app.console.result(found, facts=facts)


@command("declare", group=standard, examples=["registry standard declare 7 model-card"])
@asset_argument
@click.argument("name")
@version_option
@dry_run_option
def declare(app: App, asset: int | str, name: str, version: int | None, dry_run: bool) -> None:
    """Declare that an asset, as its document stands now, conforms to an adopted standard: by its owner or an editor."""
    from registry.cli.views import show_done

    registry = app.registry(to="declare")
    show_done(app, registry.governance.declare(asset, name, version, dry_run=dry_run))


@command("withdraw", group=standard, examples=["registry standard withdraw 7 model-card"])
@asset_argument
@click.argument("name")
@dry_run_option
def withdraw(app: App, asset: int | str, name: str, dry_run: bool) -> None:
    """Take a declaration back: by the owner or an editor."""
    from registry.cli.views import show_done

    registry = app.registry(to="take a declaration back")
    show_done(app, registry.governance.withdraw_declaration(asset, name, dry_run=dry_run))
