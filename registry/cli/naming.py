"""Short names for assets, in the place of a DID."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.command import Group, asset_argument, command

if TYPE_CHECKING:
    from registry.cli.app import App


@click.group("name", cls=Group)
def name() -> None:
    """Call assets by short names of your own, wherever an ASSET is asked for."""


@command(
    "add",
    group=name,
    examples=[
        "registry name add penguins did:nft:eip155:1337_erc721:0x..._7",
        "registry name add penguins 7",
    ],
)
@click.argument("called")
@asset_argument
def add(app: App, called: str, asset: int | str) -> None:
    """Call ASSET by a short name from now on: 'registry show penguins', 'asset://penguins/data.csv'.

    Names are kept at home, for you alone. A DID needs no chain; a number is that of the registry in use.
    """
    from registry.assets.short_names import ShortNames
    from registry.did import DID

    text = asset if isinstance(asset, str) else ""
    did = DID.parse(text) if text.startswith("did:") else app.registry().did(asset)
    ShortNames(app.home).add(called, did)
    app.console.result({"name": called, "did": did}, facts={"name": called, "asset": str(did)})


@command("list", group=name, examples=["registry name list"])
def list_(app: App) -> None:
    """List the names that are kept here; needs no chain."""
    from registry.assets.short_names import ShortNames
    from registry.cli.console import table_of

    table = table_of("", "name", "asset")
    known = ShortNames(app.home).all()
    for called, did in known.items():
        table.add_row(called, str(did))
    app.console.result([{"name": called, "did": did} for called, did in known.items()], table=table)


@command("remove", group=name, examples=["registry name remove penguins"])
@click.argument("called")
def remove(app: App, called: str) -> None:
    """Forget a name; the asset stays as it is."""
    from registry.assets.short_names import ShortNames

    did = ShortNames(app.home).remove(called)
    app.console.result({"name": called, "did": did}, facts={"forgot": called, "asset": str(did)})
