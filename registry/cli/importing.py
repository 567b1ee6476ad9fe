"""Bringing in what lies elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import Whole, command, dry_run_option, hidden_option
from registry.cli.keys import gated_of, gated_options
from registry.cli.publishing import TYPES

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.imports.bringing import Imported


@command(
    "import",
    examples=[
        "registry import hf:datasets/org/name@main --dry-run",
        'registry import hf:org/model --publish --licence "research: free, limit 1"',
        "registry import git:https://example.org/code.git@v1 --license MIT --type algorithm",
        "registry import croissant:https://example.org/penguins/croissant.json --dry-run",
    ],
)
@click.argument("source")
@click.option("--type", "kind", type=click.Choice(TYPES), help="What it is, where the source does not say.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take the files that fit (data/*.parquet); repeatable.")
@click.option("--license", "license_", metavar="SPDX|URL", help="Licence of the content, by your own word.")
@click.option("--accept-licence", is_flag=True, help="Take a licence that SPDX does not have, after reading it.")
@click.option("--publish", is_flag=True, help="Publish it as an asset.")
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
    include: tuple[str, ...],
    license_: str | None,
    accept_licence: bool,
    publish: bool,
    licences: tuple[str, ...],
    parents: tuple[str, ...],
    royalty_bps: int | None,
    max_royalty_bps: int | None,
    owner: str | None,
    again: bool,
    hidden: bool,
    gated: bool,
    gateways: tuple[str, ...],
    threshold: int | None,
    hide_names: bool,
    dry_run: bool,
    **fields: Any,
) -> None:
    """Import SOURCE into the store at home, with every hash checked that it promises, and publish it if told to.

    hf:org/name@revision is a repository of the Hugging Face Hub (hf:datasets/..., hf:spaces/...), git:URL@REVISION one
    of git. A branch or tag becomes a commit, and the commit goes into the document. croissant:FILE or croissant:URL is
    a Croissant document with the files that it names. Interrupted and run again, it goes on where it was. Names that
    begin with a dot are left out unless --hidden.
    """
    what: dict[str, Any] = {"type": kind, "include": include, "hidden": hidden, "license": license_}
    what |= {"accept_licence": accept_licence, "dry_run": dry_run}
    lock = gated_of(gated, gateways, threshold, hide_names)
    if not publish:
        if lock is not None or licences or parents or owner:
            raise click.UsageError("What is offered, to whom and how, is said with --publish.")
        _import(app, source, what)
        return
    from registry.documents.licence_spec import parse_licence

    _publish(
        app,
        source,
        **what,
        licences=[parse_licence(spec) for spec in licences],
        gated=lock,
        parents=parents,
        owner=owner,
        royalty_bps=royalty_bps,
        max_royalty_bps=max_royalty_bps,
        again=again,
        **fields,
    )


def _import(app: App, source: str, what: Mapping[str, Any]) -> None:
    from registry.imports.bringing import bring

    with app.progress():
        found = bring(source, store=app.store(), home=app.home, progress=app.tick, **what)
    _show(app, found)


def _publish(app: App, source: str, **what: Any) -> None:
    from registry.cli.views import published_facts, show_preview
    from registry.results import Preview

    registry = app.registry(to="publish")
    with app.progress():
        found, made = registry.imports.publish(source, **what)
    if isinstance(made, Preview):
        show_preview(app, made)
    else:
        app.console.result(made, facts={**published_facts(made), **_facts(found)})


def _show(app: App, found: Imported) -> None:
    facts = _facts(found)
    document = {
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
    app.console.result(document, facts=facts)


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
        "note": " ".join(f"{note[0].upper()}{note[1:]}." for note in found.notes) or None,
        "beware": " ".join(found.warnings) or None,
    }
    return {name: text for name, text in facts.items() if text}
