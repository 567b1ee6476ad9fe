"""Handing assets to the tools of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from registry.cli.command import OUTFILE, OUTFOLDER, Group, asset_argument, command

if TYPE_CHECKING:
    from registry.cli.app import App


@click.group("export", cls=Group)
def export() -> None:
    """Write assets as other tools want them."""


@command(
    "croissant",
    group=export,
    examples=[
        "registry export croissant 1 --out penguins/croissant.json",
        "registry export croissant 1 --gateway https://ipfs.example.org > croissant.json",
    ],
)
@asset_argument
@click.option("--gateway", metavar="URL", help="Name the files by their addresses at this gateway of IPFS.")
@click.option("--out", type=OUTFILE, help="Write the document here; by default to standard output.")
def croissant(app: App, asset: int | str, gateway: str | None, out: str | None) -> None:
    """Describe an asset as a Croissant document: SHA-256 of each file, columns of each table.

    Files are named by their paths, for a document that lies in the folder that 'download' writes; with --gateway by
    their addresses.
    """
    from registry.system import disk

    registry = app.registry(to="open an asset")
    with app.progress():
        made = registry.exports.croissant(asset, gateway=gateway)
    for note in made.notes:
        app.console.note(f"note: {note}")
    if out is None:
        app.console.document(made.document)
        return
    text = json.dumps(made.document, indent=2, ensure_ascii=False) + "\n"
    place = disk.put(out, "croissant.json", text.encode())
    app.console.result({"path": str(place)}, facts={"written": str(place)})


@command(
    "hf-cache",
    group=export,
    examples=[
        "registry export hf-cache 1 ~/.cache/huggingface/hub",
        "registry export hf-cache 1 cache/ --name me/penguins",
    ],
)
@asset_argument
@click.argument("folder", type=OUTFOLDER)
@click.option("--name", metavar="ORG/NAME", help="What the repository is called there; by default only this asset is.")
def hf_cache(app: App, asset: int | str, folder: str, name: str | None) -> None:
    """Write an asset into FOLDER, a cache of huggingface_hub, whose clients open it there without a network.

    A repository of this name that is there already is not touched.
    """
    registry = app.registry(to="open an asset")
    with app.progress():
        made = registry.exports.hf_cache(asset, folder, name=name)
    app.console.result(
        made,
        facts={
            "repository": made.repo_id,
            "type": made.repo_type,
            "revision": made.revision,
            "files": str(made.snapshot),
        },
    )
