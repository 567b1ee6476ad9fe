"""A million assets in one transaction: collections, and the proofs of their items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import ASSET, Group, Whole, asset_argument, command, dry_run_option
from registry.cli.publishing import TYPES

if TYPE_CHECKING:
    from registry.assets.collection_verbs import CollectionPreview, PublishedCollection
    from registry.cli.app import App


@click.group("collection", cls=Group)
def collection() -> None:
    """Publish assets together, as the items of a collection, which are bought like other assets.

    The number of an item is 2**62 + collection * 2**32 + its place, from 0.
    """


@command(
    "publish",
    group=collection,
    file="drafts.jsonl",
    examples=[
        'registry collection publish images.jsonl --name "Images" --licence "month: 30 days, 5 USD" --dry-run',
        'registry collection publish images.jsonl --name "Images" --licence "month: 30 days, 5 USD"',
    ],
)
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the collection.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="What it is; by default what all items are.")
@click.option("--license", "license_", metavar="SPDX|URL", help="Its own licence; by default that of all items.")
@click.option("--licence", "licences", multiple=True, metavar="SPEC", help="An offer, as of 'publish'; repeatable.")
@click.option("--description", help="Words about it.")
@click.option("--owner", metavar="ADDRESS", help="The owner; by default the signer.")
@click.option("--payout", metavar="ADDRESS", help="Who receives the revenue; by default the owner.")
@click.option(
    "--royalty-bps",
    type=Whole(),
    help="Let others derive from the items, for this share of their sales (basis points).",
)
@click.option("--again", is_flag=True, help="Publish even if the same collection was published before.")
@dry_run_option
def publish(
    app: App,
    manifest: Path,
    name: str,
    kind: str | None,
    license_: str | None,
    licences: tuple[str, ...],
    description: str | None,
    owner: str | None,
    payout: str | None,
    royalty_bps: int | None,
    again: bool,
    dry_run: bool,
) -> None:
    """Publish the drafts of a MANIFEST as one collection, in one transaction.

    MANIFEST is as of 'publish-many'; one that ends with .jsonl may be of any size, since it is read line by line.
    Licences are the collection's, so its drafts have none. Killed and run again, it goes on where it stopped. With
    --dry-run it compares with 'publish-many'.
    """
    from registry.cli.manifest import stream_drafts
    from registry.documents.licence_spec import parse_licence

    options: dict[str, Any] = {"description": description} if description else {}
    options |= {"type": kind, "license": license_, "owner": owner, "payout": payout, "royalty_bps": royalty_bps}
    options |= {"licences": [parse_licence(spec) for spec in licences], "again": again}
    registry = app.registry(to="publish a collection")
    drafts = stream_drafts(manifest)
    if dry_run:
        with app.progress():
            preview = registry.publish_collection(drafts, name=name, dry_run=True, **options)
        app.console.result(preview, facts=preview_facts(preview))
        return
    with app.progress():
        made = registry.publish_collection(drafts, name=name, **options)
    app.console.result(made, facts=published_collection_facts(made))


@command("show", group=collection, examples=["registry collection show 12"])
@asset_argument
def show(app: App, asset: int | str) -> None:
    """Show a collection: its root, how many items it has, and the numbers of the first and the last."""
    from registry.cli.views import offers_table
    from registry.types import item_id

    registry = app.registry()
    state = registry.collections.state(asset)
    found = registry.get(state.did)
    first, last = (item_id(state.did.asset_id, index) for index in (0, state.size - 1))
    value = {"did": state.did, "root": state.root, "size": state.size, "first": str(first), "last": str(last)}
    facts = {
        "DID": str(state.did),
        "name": found.name,
        "owner": found.owner,
        "items": f"{state.size:,}, numbered {first} to {last}",
        "root": "0x" + state.root.hex(),
        "manifest": f"ipfs://{found.ddo.content.cid}, {found.ddo.content.size:,} bytes"
        if found.ddo.content
        else "none",
    }
    table = offers_table(found.name, found.licences) if found.licences else None
    app.console.result({**value, "name": found.name, "licences": found.licences}, facts=facts, table=table)


@command(
    "verify",
    group=collection,
    examples=["registry collection verify 12", "registry collection verify 4611686070103801856"],
)
@asset_argument
def verify(app: App, asset: int | str) -> None:
    """Check a collection's documents, list and tree against its root on chain, or one item with its content."""
    registry = app.registry()
    with app.progress():
        if registry.did(asset).collection is None:
            app.console.result(registry.collections.verify(asset))
            return
        registry.collections.prove(asset)
        app.console.result(registry.verify(asset))


@command("proof", group=collection, examples=["registry collection proof 4611686070103801856 > proof.json"])
@click.argument("item", type=ASSET)
def proof(app: App, item: int | str) -> None:
    """Write the proof that a collection lists an item's document, as JSON; it was checked against the chain."""
    proven = app.registry().collections.prove(item)
    listed = proven.listed
    app.console.document(
        {
            "item": str(proven.did),
            "collection": str(proven.collection),
            "index": listed.index,
            "document": f"ipfs://{proven.cid}",
            "digest": listed.digest,
            "leaf": listed.leaf,
            "root": proven.root,
            "proof": list(listed.proof),
        }
    )


@command("mint", group=collection, examples=["registry collection mint 4611686070103801856"])
@click.argument("item", type=ASSET)
@dry_run_option
def mint(app: App, item: int | str, dry_run: bool) -> None:
    """Mint an item to the owner of its collection, so that it is owned, sold and changed by itself; anybody may."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="mint an item").mint(item, dry_run=dry_run))


def published_collection_facts(made: PublishedCollection) -> dict[str, str]:
    """A collection that was published."""
    return {
        "DID": str(made.did),
        "number": str(made.did.asset_id),
        "owner": made.owner,
        "items": f"{made.size:,}, numbered {made.item(0).asset_id} to {made.item(made.size - 1).asset_id}",
        "root": "0x" + made.root.hex(),
        "document": f"ipfs://{made.cid}",
        "manifest": f"ipfs://{made.content}",
        "network": str(made.tx.cost) if made.tx else "nothing was sent: it was published before",
    }


def preview_facts(preview: CollectionPreview) -> dict[str, str]:
    """What publishing a collection would do."""
    cheaper = f"a collection, in all up to {preview.sales:,} sales of items" if preview.sales else "one by one"
    return {
        "items": f"{preview.size:,}",
        "root": "0x" + preview.root.hex(),
        "manifest": f"{preview.manifest:,} bytes",
        "network": "nothing is left to be sent: it was published before" if preview.before else str(preview.cost),
        "one by one": str(preview.each),
        "cheaper": cheaper,
    }
