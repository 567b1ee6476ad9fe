"""Families of assets, and the terms for making more of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import click

from registry.cli.command import OUTFILE, Whole, asset_argument, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App


@command("family", examples=["registry family 2", "registry family 2 --svg family.svg"])
@asset_argument
@click.option("--svg", type=OUTFILE, help="Draw it there too.")
def family(app: App, asset: int | str, svg: str | None) -> None:
    """Show what an asset was made from and what was made from it, with royalties and who earned what."""
    from rich.console import Console

    found = app.registry().family(asset)
    if svg is not None:
        found.to_svg(svg)
    if app.console.as_json:
        app.console.result(found)
        return
    text = io.StringIO()
    Console(file=text, width=160, color_system=None).print(found.tree())
    app.console.say(text.getvalue().rstrip())
    app.console.say("")
    app.console.say(found.in_words())


@command(
    "derivatives",
    examples=["registry derivatives 1", "registry derivatives 1 --royalty-bps 1000", "registry derivatives 1 --none"],
)
@asset_argument
@click.option(
    "--royalty-bps", type=Whole(), metavar="N", help="Allow them, for N basis points of their sales (1 % is 100)."
)
@click.option("--none", "none", is_flag=True, help="Allow none from now on.")
@dry_run_option
def derivatives(app: App, asset: int | str, royalty_bps: int | None, none: bool, dry_run: bool) -> None:
    """Show whether others may derive from an asset and what it asks for, or change that for those to come."""
    from registry.cli.views import show_done

    if none and royalty_bps is not None:
        raise click.UsageError("--royalty-bps and --none exclude each other.")
    if not none and royalty_bps is None:
        app.console.result(app.registry().derivative_terms(asset))
        return
    registry = app.registry(to="change the terms for derivatives")
    show_done(app, registry.set_derivative_terms(asset, royalty_bps, dry_run=dry_run))
