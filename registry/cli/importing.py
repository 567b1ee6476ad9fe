"""Bringing in what lies elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import Whole, command, dry_run_option, hidden_option
from registry.cli.keys import gated_of, gated_options
from registry.cli.publishing import TYPES

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.imports.bringing import Imported
    from registry.imports.organisation import ImportedCollection


@command(
    "import",
    examples=[
        "registry import hf:datasets/org/name@main --dry-run",
        'registry import hf:org/model --publish --licence "research: free, limit 1"',
        "registry import git:https://example.org/code.git@v1 --license MIT --type algorithm",
        "registry import croissant:https://example.org/penguins/croissant.json --dry-run",
        "registry import deeplake:./penguins@v1 --license CC0-1.0 --as arrays",
        "registry import hf:datasets/org --collection --dry-run",
        'registry import hf:org --collection --leave-out "spaces/*" --publish --licence "month: 30 days, 5 USD"',
    ],
)
@click.argument("source")
@click.option("--type", "kind", type=click.Choice(TYPES), help="What it is, where the source does not say.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take the files that fit (data/*.parquet); repeatable.")
@click.option("--license", "license_", metavar="SPDX|URL", help="Licence of the content, by your own word.")
@click.option("--accept-licence", is_flag=True, help="Take a licence that SPDX does not have, after reading it.")
@click.option("--as", "form", type=click.Choice(["bytes", "arrays"]), help="Of Deep Lake: its files, or its columns.")
@click.option("--publish", is_flag=True, help="Publish it as an asset.")
@click.option("--collection", is_flag=True, help="Take all that an account shows to anybody, as one collection.")
@click.option(
    "--leave-out", multiple=True, metavar="GLOB", help="Of a collection: repositories to pass over; repeatable."
)
@click.option("--partial", is_flag=True, help="Of a collection: leave out what cannot be imported, and say so.")
@click.option("--licence", "licences", multiple=True, metavar="SPEC", help="An offer, as of 'publish'; repeatable.")
@click.option("--name", help="Another name than the source's.")
@click.option("--description", help="Other words than the source's.")
@click.option("--parent", "parents", multiple=True, metavar="DID", help="Asset it was built from; repeatable.")
@click.option("--royalty-bps", type=Whole(), help="Let others derive from it, for this share of their sales.")
@click.option("--max-royalty-bps", type=Whole(), help="Owe the parents no more than this (basis points).")
@click.option("--owner", metavar="ADDRESS", help="The owner; by default the signer.")
@click.option("--again", is_flag=True, help="Publish even if the same document was published before.")
@hidden_option
@gated_options
@dry_run_option
def import_(
    app: App,
    source: str,
    kind: str | None,
    form: str | None,
    publish: bool,
    collection: bool,
    leave_out: tuple[str, ...],
    partial: bool,
    licences: tuple[str, ...],
    gated: bool,
    gateways: tuple[str, ...],
    threshold: int | None,
    hide_names: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Import SOURCE into the store at home, with every hash checked that it promises, and publish it if told to.

    hf:org/name@revision is a repository of the Hugging Face Hub (hf:datasets/..., hf:spaces/...), git:URL@REVISION one
    of git. A branch or tag becomes a commit, and the commit goes into the document. croissant:FILE or croissant:URL is
    a Croissant document with the files that it names, and deeplake:FOLDER@VERSION a data set of Deep Lake on this
    machine. Interrupted and run again, it goes on where it was. Names that begin with a dot are left out unless
    --hidden.

    With --collection SOURCE is an account (hf:org, hf:datasets/org): all is looked through before the first is
    fetched, and --license is for those alone whose own is missing or may be one of several.
    """
    taken = {name: given.pop(name) for name in ("include", "hidden", "accept_licence")}
    taken["license"] = given.pop("license_")
    if collection and form:
        raise click.UsageError("--as is for what lies in Deep Lake, and not for a --collection.")
    lock = gated_of(gated, gateways, threshold, hide_names)
    if not publish and (lock is not None or licences or given["parents"] or given["owner"]):
        raise click.UsageError("What is offered, to whom and how, is said with --publish.")
    if not collection and (leave_out or partial):
        raise click.UsageError("--leave-out and --partial are for a --collection.")
    if collection and lock is not None:
        raise click.UsageError("Items of a collection are not --gated: import and publish them one by one.")
    if collection:
        from registry.imports.organisation import ImportChoice

        taken = {"choice": ImportChoice(**taken, leave_out=leave_out, partial=partial)}
    what = {"type": kind, "dry_run": dry_run, **({"form": form} if form else {}), **taken}
    if not publish:
        (_import_collection if collection else _import)(app, source, what)
        return
    from registry.documents.licence_spec import parse_licence

    what |= {"licences": [parse_licence(spec) for spec in licences], **given}
    if collection:
        _publish_collection(app, source, what)
    else:
        _publish(app, source, {**what, "gated": lock})


def _import(app: App, source: str, what: Mapping[str, Any]) -> None:
    from registry.imports.bringing import bring

    with app.progress():
        found = bring(source, store=app.store(), home=app.home, progress=app.tick, **what)
    _show(app, found)


def _import_collection(app: App, source: str, what: Mapping[str, Any]) -> None:
    from registry.imports.organisation import import_all

    with app.progress():
        found = import_all(source, store=app.store(), home=app.home, progress=app.tick, **what)
    app.console.result(_collection_value(found), facts=_collection_facts(found))


def _publish(app: App, source: str, what: Mapping[str, Any]) -> None:
    from registry.cli.views import published_facts, show_preview
    from registry.results import Preview

    registry = app.registry(to="publish")
    with app.progress():
        found, made = registry.imports.publish(source, **what)
    if isinstance(made, Preview):
        show_preview(app, made)
    else:
        app.console.result(made, facts={**published_facts(made), **_facts(found)})


def _publish_collection(app: App, source: str, what: Mapping[str, Any]) -> None:
    from registry.assets.collection_verbs import PublishedCollection
    from registry.cli.collection import preview_facts, published_collection_facts

    registry = app.registry(to="publish a collection")
    with app.progress():
        found, made = registry.imports.publish_collection(source, **what)
    told = published_collection_facts(made) if isinstance(made, PublishedCollection) else preview_facts(made)
    if not isinstance(made, PublishedCollection):
        del told["root"]  # that of documents without their content
    app.console.result(
        {"imported": _collection_value(found), "collection": made}, facts={**told, **_collection_facts(found)}
    )


def _show(app: App, found: Imported) -> None:
    app.console.result(_value(found), facts=_facts(found))


def _value(found: Imported) -> dict[str, Any]:
    return {
        "source": str(found.origin),
        "type": found.type,
        "license": found.license,
        "cid": str(found.added.cid) if found.added else None,
        "files": found.files,
        "size": found.size,
        "fields": found.fields,
        "leftOut": list(found.left_out),
        "related": list(found.related),
        "notes": list(found.notes),
        "warnings": list(found.warnings),
        "unchecked": list(found.unchecked),
    }


def _collection_value(found: ImportedCollection) -> dict[str, Any]:
    return {
        "source": found.source,
        "type": found.type,
        "license": found.license,
        "files": found.files,
        "size": found.size,
        "items": [_value(item) for item in found.items],
        "leftOut": dict(found.left_out),
        "notes": list(found.notes),
    }


def _collection_facts(found: ImportedCollection) -> dict[str, str]:
    """What a person is told of an account that was imported."""
    facts = {
        "source": found.source,
        "repositories": f"{len(found.items):,}",
        "type": found.type,
        "license": found.license,
        "files": f"{found.files:,}, {found.size:,} bytes",
        "not taken": "; ".join(f"{name}: {why}" for name, why in found.left_out.items()),
        "note": _sentences((*found.notes, *dict.fromkeys(note for item in found.items for note in item.notes))),
        "beware": " ".join(f"{item.origin.name}: {' '.join(item.warnings)}" for item in found.items if item.warnings),
    }
    return {name: text for name, text in facts.items() if text}


def _facts(found: Imported) -> dict[str, str]:
    """What a person is told of an import."""
    facts = {
        "source": str(found.origin),
        "named": found.fields["name"],
        "type": found.type,
        "license": found.license,
        "content": f"ipfs://{found.added.cid}" if found.added else None,
        "files": f"{found.files:,}, {found.size:,} bytes",
        "left out": ", ".join(found.left_out[:8]) + (" ..." if len(found.left_out) > 8 else "") or None,
        "made from": ", ".join(found.related) or None,
        "not checked": f"{len(found.unchecked):,} files, for which the source promised no hash"
        if found.unchecked
        else None,
        "note": _sentences(found.notes) or None,
        "beware": " ".join(found.warnings) or None,
    }
    return {name: text for name, text in facts.items() if text}


def _sentences(notes: Iterable[str]) -> str:
    return " ".join(f"{note[0].upper()}{note[1:]}." for note in notes)
