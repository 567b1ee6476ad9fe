"""Getting at the bytes, each of them checked."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

import click

from registry.cli.command import OUTFOLDER, asset_argument, command, version_option

if TYPE_CHECKING:
    from registry.cli.app import App

PIECE: Final = 1 << 16
"""Bytes written at once."""


@command(
    "cat",
    examples=[
        "registry cat 1 penguins.csv | head -3",
        "registry cat 1@2 penguins.csv",
        "registry open asset://did:nft:eip155:1337_erc721:0x..._1/penguins.csv > penguins.csv",
    ],
)
@asset_argument
@click.argument("path", default="")
@version_option
def cat(app: App, asset: int | str, path: str, version: int | None) -> None:
    """Write a file of an asset to standard output; each block is hashed before a byte of it comes out.

    PATH may be left out if there is one file only. With --json the bytes are in base64.
    """
    registry = app.registry(to="open an asset")
    with registry.open(asset if version is None else registry.get(asset, version=version), path) as file:
        if app.console.as_json:
            data = file.read()
            app.console.result({"path": path, "size": len(data), "base64": base64.b64encode(data).decode()})
            return
        while piece := file.read(PIECE):
            app.console.raw(piece)


@command(
    "download",
    examples=[
        "registry download 1 penguins/",
        "registry download 1 penguins-2/ --version 2",
        'registry download 1 tables/ --only "*.csv"',
        "registry download 1 penguins/ --into",
    ],
)
@asset_argument
@click.argument("target", type=OUTFOLDER)
@click.option(
    "--only", multiple=True, metavar="GLOB", help='Only files of such paths; * is anything: "data/*.csv"; repeatable.'
)
@click.option("--into", is_flag=True, help="Into a copy that is there: what is right stays, what is missing comes.")
@version_option
def download(app: App, asset: int | str, target: str, only: tuple[str, ...], into: bool, version: int | None) -> None:
    """Write the content of an asset to TARGET, which must not exist or be an empty folder; nothing is overwritten."""
    from registry.cli.views import files_table

    registry = app.registry(to="open an asset")
    with app.progress():
        files = registry.download(registry.get(asset, version=version), target, only=only, into=into)
    app.console.result(files, table=files_table(str(target), files))


@command("verify", examples=["registry verify 1", "registry verify 1 penguins/"])
@asset_argument
@click.argument("path", required=False, type=click.Path())
@version_option
def verify(app: App, asset: int | str, path: str | None, version: int | None) -> None:
    """Hash an asset again: its document against the chain, its content, or the copy at PATH, against the document."""
    registry = app.registry()
    with app.progress():
        checked = registry.verify(registry.get(asset, version=version), path)
    app.console.result(checked)
