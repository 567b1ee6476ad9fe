"""Documents of Ocean Protocol (DDO v4), in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import OUTFILE, Group, asset_argument, command

if TYPE_CHECKING:
    from registry.cli.app import App


@click.group("ocean", cls=Group)
def ocean() -> None:
    """Read and write documents of Ocean Protocol (DDO v4)."""


@command(
    "import",
    group=ocean,
    examples=[
        'registry ocean import ocean.json --price "SERVICE-ID=12.5 USD" --out asset.json',
        'registry publish data/ --ddo asset.json --licence "Access: 30 days, 12.5 USD"',
    ],
)
@click.argument("file")
@click.option("--price", "prices", multiple=True, metavar="SERVICE=PRICE", help="Price of a service, or 0; repeatable.")
@click.option("--out", type=OUTFILE, help="Write the document here, for 'publish --ddo'.")
def import_(app: App, file: str, prices: tuple[str, ...], out: str | None) -> None:
    """Turn the Ocean document FILE (- for standard input) into one of this registry.

    Ocean's documents have no prices, so a service becomes a licence only when --price has its id. What changed its
    meaning is noted; the licences are written as 'publish --licence' takes them.
    """
    from registry.cli.look import read_json
    from registry.documents.licence_spec import format_licence
    from registry.documents.ocean import from_ocean_v4
    from registry.errors import InputError

    named: dict[str, Any] = {}
    for entry in prices:
        service, equals, price = entry.partition("=")
        if not equals or not price.strip():
            raise InputError(f"{entry!r} is not SERVICE=PRICE.", hint='Write --price "7f3a=12.5 USD", or "7f3a=0".')
        named[service.strip()] = price.strip()
    imported = from_ocean_v4(read_json(file), prices=named)
    specs = [format_licence(licence) for licence in imported.licences]
    if out is not None:
        import json

        from registry.system import disk

        text = json.dumps(imported.ddo.to_dict(), indent=2, ensure_ascii=False) + "\n"
        disk.put(out, f"ddo-{str(imported.ddo.cid)[-8:]}.json", text.encode())
    if app.console.as_json:
        app.console.result({"ddo": imported.ddo, "licences": specs, "notes": imported.notes})
        return
    if out is None:
        app.console.document(imported.ddo)
    for spec in specs:
        app.console.note(f'--licence "{spec}"')
    for note in imported.notes:
        app.console.note(f"note: {note}")


@command("export", group=ocean, examples=["registry ocean export 1 > ocean.json"])
@asset_argument
@click.option("--created", metavar="MOMENT", help="Like 2026-11-23T17:00:00Z; by default, when it was published.")
def export(app: App, asset: int | str, created: str | None) -> None:
    """Write an asset as an Ocean document, as JSON."""
    from registry.documents.fields import utc_text
    from registry.documents.ocean_export import to_ocean_v4

    registry = app.registry()
    found = registry.get(asset)
    moment = created or found.ddo.created
    if moment is None:
        first = next(
            registry.chain.events(
                registry.assets.events.MetadataPublished,
                filters={"assetId": found.did.asset_id},
                from_block=registry.deployment.block,
            )
        )
        moment = utc_text(datetime.fromtimestamp(registry.chain.block(first.block).timestamp, UTC))
    app.console.document(to_ocean_v4(found.ddo, did=found.did, created=moment))
