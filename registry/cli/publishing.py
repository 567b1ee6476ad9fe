"""Publishing assets and changing them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.command import Whole, asset_argument, command, dry_run_option, hidden_option, licence_argument
from registry.cli.keys import gated_of, gated_options

if TYPE_CHECKING:
    from registry.assets.drafting import Draft
    from registry.cli.app import App
    from registry.documents.licence import Licence

TYPES: Final = ("dataset", "model", "algorithm", "app", "notebook", "other")


@command(
    "publish",
    file="document.json",
    examples=[
        'registry publish data/ --name "Palmer penguins" --type dataset --license CC0-1.0 \\',
        '    --licence "research: free, limit 1" --licence "commercial: 30 days, 12.5 USD"',
        "registry publish model/ --ddo model.json --dry-run",
        "registry publish data/ --name Secrets --type dataset --license MIT \\",
        "    --gateway https://a.example --gateway https://b.example --threshold 2",
    ],
)
@click.argument("path", required=False, type=click.Path())
@click.option("--name", help="Name of the asset.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="What it is.")
@click.option("--license", "license_", metavar="SPDX|URL", help="Licence of the content itself.")
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="SPEC",
    help='An offer, "NAME: PART, ...": 30 days | 10 uses | hold | per 30 days, 12.5 USD | free, cap N, limit N. '
    "Repeatable.",
)
@click.option("--description", help="Words about it.")
@click.option("--author", help="Who made it.")
@click.option("--tag", "tags", multiple=True, help="Word to find it by; repeatable.")
@click.option("--image", metavar="URL", help="Picture of it: ipfs:// or https://.")
@click.option("--parent", "parents", multiple=True, metavar="DID", help="Asset it was built from; repeatable.")
@click.option(
    "--max-royalty-bps",
    type=Whole(),
    help="Owe the parents no more than this (basis points); by default what it is now.",
)
@click.option("--owner", metavar="ADDRESS", help="The owner; by default the signer.")
@click.option("--payout", metavar="ADDRESS", help="Who receives the revenue; by default the owner.")
@click.option(
    "--royalty-bps", type=Whole(), help="Let others derive from it, for this share of their sales (basis points)."
)
@click.option(
    "--ddo", type=click.Path(dir_okay=False), help="Take the document's fields from this JSON file; options win."
)
@click.option(
    "--made-by",
    metavar="RECORD",
    help="The record of the run that made it (a file or a CID): it is named, and what it was made from are parents.",
)
@click.option("--again", is_flag=True, help="Publish even if the same document was published before.")
@hidden_option
@gated_options
@dry_run_option
def publish(
    app: App,
    path: str | None,
    name: str | None,
    kind: str | None,
    license_: str | None,
    licences: tuple[str, ...],
    parents: tuple[str, ...],
    owner: str | None,
    payout: str | None,
    royalty_bps: int | None,
    max_royalty_bps: int | None,
    ddo: str | None,
    made_by: str | None,
    again: bool,
    hidden: bool,
    gated: bool,
    gateways: tuple[str, ...],
    threshold: int | None,
    hide_names: bool,
    dry_run: bool,
    **fields: Any,
) -> None:
    """Publish the folder or file PATH as an asset with its licences.

    Of a folder, names that begin with a dot are left out unless --hidden, and told. Without PATH the asset is a service
    and has no content. Run again, it finds what it published and sends nothing.
    """
    from registry.assets.drafting import Draft
    from registry.documents.licence_spec import parse_licence

    document = _document(ddo, path, {"name": name, "type": kind, "license": license_, **fields})
    parents = parents or tuple(document.pop("parents", ()))
    if made_by is not None:
        from registry.cli.experiments import record_of
        from registry.sandbox.runs.made_by import made_by as told

        fields, parents = told(record_of(app, made_by), path, parents)
        document |= fields
    offers = _with_words([parse_licence(spec) for spec in licences], document.pop("licences", []))
    draft = Draft(
        name=document.pop("name"),
        type=document.pop("type"),
        license=document.pop("license"),
        path=path,
        licences=offers,
        payout=payout,
        royalty_bps=royalty_bps,
        parents=parents,
        max_royalty_bps=max_royalty_bps,
        fields={key: value for key, value in document.items() if key != "parents"},
        gated=gated_of(gated, gateways, threshold, hide_names),
        hidden=hidden,
    )
    _publish(app, draft, owner=owner, again=again, dry_run=dry_run)


def _document(ddo: str | None, path: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a document: those of the file `ddo`, and those `given` as options, which win.

    Raises `InvalidDDO` for a file that is no document, or that names content without a `path`.
    """
    from registry.cli.look import read_json
    from registry.errors import Fault, InvalidDDO

    document: dict[str, Any] = {}
    if ddo is not None:
        read = read_json(ddo)
        if not isinstance(read, dict):
            raise InvalidDDO([Fault("", "is not a JSON object")])
        document = read
        if document.pop("content", None) is not None and path is None:
            raise InvalidDDO([Fault("/content", "is made from files: name their folder as PATH")])
    document |= {key: value for key, value in given.items() if value not in (None, ())}
    missing = [f"--{key}" for key in ("name", "type", "license") if key not in document]
    if missing:
        raise click.UsageError(
            f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} needed (or --ddo with it)."
        )
    return document


def _publish(app: App, draft: Draft, *, owner: str | None, again: bool, dry_run: bool) -> None:
    """Publish a draft and show what became of it, or what it would cost."""
    from registry.cli.views import published_facts, show_preview

    registry = app.registry(to="publish")
    with app.progress():
        if dry_run:
            preview = registry.publish_many([draft], owner=owner, again=again, dry_run=True)
        else:
            made = registry.publish_many([draft], owner=owner, again=again)[0]
    if dry_run:
        show_preview(app, preview)
    else:
        app.console.result(made, facts=published_facts(made))


@command(
    "publish-many",
    file="drafts.toml",
    examples=["registry publish-many catalogue.jsonl --dry-run", "registry publish-many catalogue.toml --batch 50"],
)
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--owner", metavar="ADDRESS", help="The owner of all; by default the signer.")
@click.option("--batch", type=Whole(1), default=100, show_default=True, help="Publications in one transaction.")
@click.option("--again", is_flag=True, help="Publish even what was published before.")
@dry_run_option
def publish_many(app: App, manifest: Path, owner: str | None, batch: int, again: bool, dry_run: bool) -> None:
    """Publish the drafts of a MANIFEST (.json, .jsonl or .toml), many in one transaction.

    A draft has name, type, license, and if wanted path (relative to the manifest), hidden (true takes names that begin
    with a dot), licences (texts as of 'publish
    --licence'), payout, royalty_bps, parents, description, tags and so on. Interrupted and run again, it goes on with
    those that are not published yet.
    """
    from registry.cli.manifest import read_drafts
    from registry.cli.views import published_table, show_preview

    drafts = read_drafts(manifest)
    registry = app.registry(to="publish")
    with app.progress():
        if dry_run:
            preview = registry.publish_many(drafts, owner=owner, batch=batch, again=again, dry_run=True)
        else:
            made = registry.publish_many(drafts, owner=owner, batch=batch, again=again)
    if dry_run:
        show_preview(app, preview)
    else:
        app.console.result(made, table=published_table(made))


@command("update", examples=['registry update 1 --description "With 2010"', "registry update 1 --path data/"])
@asset_argument
@click.option("--path", type=click.Path(), help="New content.")
@click.option("--name", help="New name.")
@click.option("--license", metavar="SPDX|URL", help="New licence of the content itself.")
@click.option("--description", help="New words about it.")
@click.option("--author", help="New author.")
@click.option("--tag", "tags", multiple=True, help="Words to find it by, instead of those it has; repeatable.")
@click.option("--image", metavar="URL", help="New picture.")
@click.option("--expected-version", type=Whole(1), help="Refuse if it is at another version than this.")
@hidden_option
@gated_options
@dry_run_option
def update(
    app: App,
    asset: int | str,
    path: str | None,
    expected_version: int | None,
    hidden: bool,
    gated: bool,
    gateways: tuple[str, ...],
    threshold: int | None,
    hide_names: bool,
    dry_run: bool,
    **fields: Any,
) -> None:
    """Publish a new version of an asset's document, with other fields or other content.

    New content of a gated asset is encrypted with a new key, for the same gateways unless others are named.
    """
    from registry.cli.views import show_done

    changes = {key: value for key, value in fields.items() if value not in (None, ())}
    if not changes and path is None:
        raise click.UsageError("Nothing is to be changed: name a field, or --path.")
    lock = gated_of(gated, gateways, threshold, hide_names)
    registry = app.registry(to="update an asset")
    with app.progress():
        done = registry.update(
            asset,
            path=path,
            gated=lock,
            hidden=hidden,
            expected_version=expected_version,
            dry_run=dry_run,
            **changes,
        )
    show_done(app, done)


@command("add-licence", examples=['registry add-licence 1 "lifetime: hold, 99 USD" --description "For ever."'])
@asset_argument
@click.argument("spec")
@click.option("--description", default="", help="Words about it.")
@click.option("--terms", default="", help="Its legal text, or an ipfs:// or https:// reference to it.")
@dry_run_option
def add_licence(app: App, asset: int | str, spec: str, description: str, terms: str, dry_run: bool) -> None:
    """Offer a further licence of an asset; SPEC is as of 'publish --licence'."""
    from registry.cli.views import show_done
    from registry.documents.licence_spec import parse_licence

    licence = parse_licence(spec, description=description, terms=terms)
    show_done(app, app.registry(to="add a licence").add_licence(asset, licence, dry_run=dry_run))


@command("reprice", examples=['registry reprice 1 commercial "15 USD"'])
@asset_argument
@click.argument("licence")
@click.argument("price")
@dry_run_option
def reprice(app: App, asset: int | str, licence: str, price: str, dry_run: bool) -> None:
    """Change the price of a licence for those who buy from now on."""
    from registry.cli.app import pick
    from registry.cli.views import show_done

    registry = app.registry(to="change a price")
    show_done(app, registry.reprice(asset, pick(registry, asset, licence), price, dry_run=dry_run))


@command("close-licence", examples=["registry close-licence 1 commercial"])
@asset_argument
@licence_argument
@dry_run_option
def close_licence(app: App, asset: int | str, licence: str | None, dry_run: bool) -> None:
    """Stop selling a licence; what was sold stays valid."""
    from registry.cli.app import pick
    from registry.cli.views import show_done

    registry = app.registry(to="close a licence")
    show_done(app, registry.close_licence(asset, pick(registry, asset, licence), dry_run=dry_run))


@command("open-licence", examples=["registry open-licence 1 commercial"])
@asset_argument
@click.argument("licence")
@dry_run_option
def open_licence(app: App, asset: int | str, licence: str, dry_run: bool) -> None:
    """Sell a closed licence again."""
    from registry.cli.app import pick
    from registry.cli.views import show_done

    registry = app.registry(to="open a licence")
    show_done(app, registry.open_licence(asset, pick(registry, asset, licence), dry_run=dry_run))


def _with_words(licences: list[Licence], texts: object) -> list[Licence]:
    """Give licences the description and terms that a document has for their names."""
    from dataclasses import replace

    from registry.errors import Fault, InvalidDDO

    if not isinstance(texts, list) or not all(isinstance(text, Mapping) for text in texts):
        raise InvalidDDO([Fault("/licences", "is not an array of objects")])
    words = {text.get("name"): (place, text) for place, text in enumerate(texts)}
    missing = [place for name, (place, _text) in words.items() if name not in {licence.name for licence in licences}]
    if missing:
        raise InvalidDDO([Fault(f"/licences/{place}", "has no --licence with its terms") for place in missing])
    return [
        replace(
            licence,
            description=words[licence.name][1].get("description", ""),
            terms=words[licence.name][1].get("terms", ""),
        )
        if licence.name in words
        else licence
        for licence in licences
    ]
