"""What the owner of an asset decides: whose it is, who helps, who is paid, whether it is for sale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.command import Command, asset_argument, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App


@command("transfer", examples=["registry transfer 1 0xNEWOWNER"])
@asset_argument
@click.argument("to")
@dry_run_option
def transfer(app: App, asset: int | str, to: str, dry_run: bool) -> None:
    """Hand an asset over to the account TO: roles end, and its revenue goes to the new owner. Asks first."""
    from registry.cli.views import show_done

    registry = app.registry(to="transfer an asset")
    if not dry_run:
        # Tried first: nobody should be asked for what cannot be.
        short = registry.transfer(asset, to, dry_run=True).cost.short
        app.agree(f"Hand {registry.get(asset)} over to {to} for good?", short=short)
    show_done(app, registry.transfer(asset, to, dry_run=dry_run))


@command(
    "roles",
    examples=[
        "registry roles 1 0xFRIEND",
        "registry roles 1 0xFRIEND --set editor,seller",
        "registry roles 1 0xFRIEND --none",
    ],
)
@asset_argument
@click.argument("account")
@click.option("--set", "wanted", metavar="ROLE,...", help="Give exactly these: editor, seller, minter.")
@click.option("--none", "none", is_flag=True, help="Take all away.")
@dry_run_option
def roles(app: App, asset: int | str, account: str, wanted: str | None, none: bool, dry_run: bool) -> None:
    """Show the roles of an ACCOUNT on an asset, or change them.

    An editor updates the document; a seller adds, reprices and closes licences; a minter gives licences away.
    """
    from registry.cli.views import show_done

    if wanted is not None and none:
        raise click.UsageError("--set and --none exclude each other.")
    if wanted is None and not none:
        held = app.registry().roles(asset, account)
        app.console.result(
            {"account": account, "roles": held}, facts={"account": account, "roles": ", ".join(held) or "none"}
        )
        return
    names = [name.strip() for name in (wanted or "").split(",") if name.strip()]
    show_done(app, app.registry(to="change roles").set_roles(asset, account, names, dry_run=dry_run))


@command("payout", examples=["registry payout 1 0xTEAM", "registry payout 1 --owner"])
@asset_argument
@click.argument("account", required=False)
@click.option("--owner", is_flag=True, help="Back to the owner.")
@dry_run_option
def payout(app: App, asset: int | str, account: str | None, owner: bool, dry_run: bool) -> None:
    """Send the revenue of an asset to another ACCOUNT, until it changes hands."""
    from registry.cli.views import show_done

    if (account is None) == (not owner):
        raise click.UsageError("Name either an account or --owner.")
    show_done(app, app.registry(to="change the payout").set_payout(asset, account, dry_run=dry_run))


def _state(name: str, help_text: str, *, final: bool = False) -> Command:
    @command(name, examples=[f"registry {name} 1"])
    @asset_argument
    @dry_run_option
    def change(app: App, asset: int | str, dry_run: bool) -> None:
        from registry.cli.views import show_done

        registry = app.registry(to=f"{name} an asset")
        verb = getattr(registry, name)
        if final and not dry_run:
            short = verb(asset, dry_run=True).cost.short
            app.agree(f"Retire {registry.get(asset)} for good?", short=short)
        show_done(app, verb(asset, dry_run=dry_run))

    change.help = help_text
    return change


suspend = _state("suspend", "Take no orders for an asset for a while; access already bought goes on.")
resume = _state("resume", "Take orders for an asset again.")
retire = _state(
    "retire",
    "Take no orders for an asset any more, for good; access already bought goes on. Asks first.",
    final=True,
)
