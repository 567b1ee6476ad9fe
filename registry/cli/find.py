"""Finding assets, and what one holds; nothing here sends anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import Real, Whole, account_option, asset_argument, command

if TYPE_CHECKING:
    from rich.table import Table

    from registry.cli.app import App
    from registry.index.finding import Page
    from registry.index.models import Activity, Hit

hub_option = click.option(
    "--hub",
    "hubs",
    multiple=True,
    metavar="URL",
    help="Ask this hub, repeatable; by default $REGISTRY_HUB, and without any the index of this machine.",
)

_NARROWING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--type", {"metavar": "TYPE", "help": "dataset, model, algorithm, app, notebook or other."}),
    ("--license", {"metavar": "SPDX", "help": "Licence of the content."}),
    ("--tag", {"multiple": True, "metavar": "TAG", "help": "Tag; repeatable, each must be there."}),
    ("--format", {"multiple": True, "metavar": "ENDING", "help": "Ending of a file, such as csv; repeatable."}),
    ("--standard", {"multiple": True, "metavar": "NAME@VERSION", "help": "Standard that it declares to conform to."}),
    ("--owner", {"metavar": "ADDRESS", "help": "Owner."}),
    ("--derived-from", {"metavar": "ASSET", "help": "Made from this asset."}),
    ("--min-price", {"metavar": "PRICE", "help": 'Of the cheapest offer, in dollars: "5 USD".'}),
    ("--max-price", {"metavar": "PRICE", "help": 'Of the cheapest offer, in dollars: "20 USD".'}),
    ("--min-size", {"type": Whole(0), "metavar": "BYTES", "help": "Of the content."}),
    ("--max-size", {"type": Whole(0), "metavar": "BYTES", "help": "Of the content."}),
    ("--free/--not-free", {"default": None, "help": "Whether something is free."}),
    ("--gated/--open", {"default": None, "help": "Whether the content is encrypted."}),
    ("--computable/--not-computable", {"default": None, "help": "Whether one can compute on it."}),
    ("--limit", {"type": Whole(1, 100), "default": 20, "show_default": True, "help": "How many."}),
    ("--after", {"default": "", "metavar": "CURSOR", "help": "Go on where an earlier page ended."}),
)


def _narrowed(function: Callable[..., None]) -> Callable[..., None]:
    for name, attributes in reversed(_NARROWING):
        function = click.option(name, **attributes)(function)
    return function


@command(
    "search",
    examples=[
        "registry search penguins",
        'registry search penguins --type dataset --max-price "20 USD"',
        "registry search --tag birds --format parquet --free --json",
        "registry search penguins --hub https://hub.example.org",
    ],
)
@click.argument("words", nargs=-1)
@_narrowed
@click.option(
    "--sort",
    type=click.Choice(["score", "new", "price", "fees", "size", "name"]),
    default="score",
    show_default=True,
    help="Order.",
)
@hub_option
def search(app: App, words: tuple[str, ...], hubs: tuple[str, ...], **given: Any) -> None:
    """Find assets by words and by what they are; what a hub says is checked against the chain."""
    registry = app.registry()
    with app.progress():
        page = registry.search(" ".join(words), hub=hubs or None, **_question(given))
    _show_page(app, page, given)


@command("browse", examples=["registry browse", "registry browse --type model --sort fees"])
@_narrowed
@click.option(
    "--sort",
    type=click.Choice(["new", "price", "fees", "size", "name"]),
    default="new",
    show_default=True,
    help="Order.",
)
@hub_option
def browse(app: App, hubs: tuple[str, ...], **given: Any) -> None:
    """List assets, the newest first."""
    registry = app.registry()
    with app.progress():
        page = registry.browse(hub=hubs or None, **_question(given))
    _show_page(app, page, given)


@command("mine", examples=["registry mine", "registry mine --ends-within 7", "registry mine --account 0xBUYER"])
@account_option
@click.option("--ends-within", type=Whole(0), metavar="DAYS", help="Only access that ends within so many days.")
@hub_option
def mine(app: App, account: str | None, ends_within: int | None, hubs: tuple[str, ...]) -> None:
    """Show what an account owns and holds, until when, and its teams."""
    from registry.cli.console import table_of

    registry = app.registry(to=None if account else "know whose assets are meant (or --account)")
    hub = hubs or None
    with app.progress():
        owned = registry.owned(account, ends_within=ends_within, hub=hub)
        assets = registry.assets_of(account, hub=hub) if ends_within is None else ()
        teams = registry.teams_of(account, hub=hub) if ends_within is None else ()
    value = {
        "account": account or registry.address,
        "assets": [hit.to_dict() for hit in assets],
        "owned": owned,
        "teams": [team.to_dict() for team in teams],
    }
    if app.console.as_json:
        app.console.document(value)
        return
    if assets:
        app.console.table(_hits_table("Owns", assets))
    held = table_of("Holds", "asset", "licence", "what", "now")
    for one in owned:
        held.add_row(one.name or one.did, one.licence, one.words, "active" if one.active else "not active")
    app.console.table(held)
    if teams:
        listed = table_of("Teams", "safe", "decide", "owners")
        for team in teams:
            listed.add_row(team.safe, f"{team.threshold} of {len(team.owners)}", ", ".join(team.owners))
        app.console.table(listed)


@command("holders", examples=["registry holders 1"])
@asset_argument
@hub_option
def holders(app: App, asset: int | str, hubs: tuple[str, ...]) -> None:
    """List who holds licences of an asset."""
    from registry.cli.console import table_of, when

    registry = app.registry()
    with app.progress():
        found = registry.holders(asset, hub=hubs or None)
    table = table_of(f"Holders of asset {asset}", "account", "licence", "until", "uses", "now")
    for one in found:
        until = when(one.expires) if one.expires else ""
        state = "active" if one.active else "not active"
        table.add_row(one.account, str(one.licence), until, one.uses if one.kind == 2 else "", state)
    app.console.result([one.to_dict() for one in found], table=table)


@command("sales", examples=["registry sales", "registry sales 1", "registry sales --account 0xBUYER"])
@click.argument("asset", required=False)
@account_option
@click.option("--limit", type=Whole(1, 200), default=50, show_default=True, help="How many.")
@hub_option
def sales(app: App, asset: str | None, account: str | None, limit: int, hubs: tuple[str, ...]) -> None:
    """List sales of an asset, to an account, or all, the last first."""
    from registry.cli.console import table_of, when
    from registry.money import Amount

    registry = app.registry()
    with app.progress():
        found = registry.sales(_asset(asset), account=account, limit=limit, hub=hubs or None)
    table = table_of("Sales", "time", "asset", "licence", "price", "buyer")
    for one in found:
        price = Amount(int(one.total), registry.token_of(one.token))
        table.add_row(when(one.time), one.did, str(one.licence), str(price), one.buyer)
    app.console.result([one.to_dict() for one in found], table=table)


@command(
    "activity",
    examples=[
        "registry activity",
        "registry activity 1",
        "registry activity --account 0xBUYER",
        "registry activity --dropped",
    ],
)
@click.argument("asset", required=False)
@account_option
@click.option("--limit", type=Whole(1, 200), default=50, show_default=True, help="How many.")
@click.option("--dropped", is_flag=True, help="Instead, what the chain dropped within a day.")
@hub_option
def activity(
    app: App, asset: str | None, account: str | None, limit: int, dropped: bool, hubs: tuple[str, ...]
) -> None:
    """List what happened to an asset, to an account, or at all, the last first."""
    if dropped and account:
        raise click.UsageError("--dropped is of an asset or of all, and not of an account.")
    registry = app.registry()
    with app.progress():
        if dropped:
            found = registry.dropped(_asset(asset), limit=limit, hub=hubs or None)
        else:
            found = registry.activity(_asset(asset), account=account, limit=limit, hub=hubs or None)
    app.console.result([one.to_dict() for one in found], table=_activity_table(found))


@command(
    "watch",
    examples=["registry watch", "registry watch 1 --seconds 60", "registry watch --hub https://hub.example.org"],
)
@click.argument("asset", required=False)
@account_option
@click.option("--seconds", type=Real(0), metavar="N", help="End after so many seconds; by default never.")
@hub_option
def watch(app: App, asset: str | None, account: str | None, seconds: float | None, hubs: tuple[str, ...]) -> None:
    """Tell what happens as it happens, a line each, until interrupted."""
    registry = app.registry()
    for one in registry.watch(_asset(asset), account=account, seconds=seconds, hub=hubs or None):
        app.console.line(f"{one.block}.{one.log} {one.event} {one.did} {_words(one)}", one)


@command("similar", examples=["registry similar 1"])
@asset_argument
@click.option("--limit", type=Whole(1, 100), default=10, show_default=True, help="How many.")
@hub_option
def similar(app: App, asset: int | str, limit: int, hubs: tuple[str, ...]) -> None:
    """List assets like one."""
    registry = app.registry()
    with app.progress():
        found = registry.similar(asset, limit=limit, hub=hubs or None)
    app.console.result([hit.to_dict() for hit in found], table=_hits_table(f"Like asset {asset}", found))


@command("suggest", examples=["registry suggest pen"])
@click.argument("text")
@hub_option
def suggest(app: App, text: str, hubs: tuple[str, ...]) -> None:
    """Complete a name."""
    registry = app.registry()
    with app.progress():
        found = registry.suggest(text, hub=hubs or None)
    if app.console.as_json:
        app.console.document([one.to_dict() for one in found])
    else:
        for one in found:
            app.console.say(f"{one.name}  {one.did}")


def _question(given: dict[str, Any]) -> dict[str, Any]:
    parent = given.pop("derived_from", None)
    return {
        "tags": given.pop("tag"),
        "derived_from": _asset(parent) or 0,
        **{name: value for name, value in given.items() if value is not None},
    }


def _asset(asset: str | None) -> int | str | None:
    return int(asset) if asset is not None and asset.isascii() and asset.isdigit() else asset


def _show_page(app: App, page: Page, asked: dict[str, Any]) -> None:
    if app.console.as_json:
        app.console.document(
            {
                "hits": [hit.to_dict() for hit in page.hits],
                "total": page.total,
                "more": page.more,
                "facets": page.facets,
                "near": page.near,
                "after": page.after,
                "lies": [lie.message for lie in page.lies],
            }
        )
        return
    for lie in page.lies:
        app.console.note(str(lie))
    if not page.hits:
        app.console.say("Nothing was found." + (f" Did you mean: {', '.join(page.near)}?" if page.near else ""))
        return
    app.console.table(_hits_table("", page.hits))
    count = f"{page.total:,}{'+' if page.more else ''} found"
    counted = [
        f"{value} {number:,}" for name in ("type", "license") for value, number in page.facets.get(name, {}).items()
    ]
    app.console.say(f"{count}: {', '.join(counted[:10])}" if counted else count)
    if len(page.hits) < min(asked["limit"], page.total) and not (asked["owner"] or asked["after"]):
        app.console.say(
            "A page has two of one owner at most, and one of a collection; --owner ADDRESS lists all of theirs."
        )
    if page.after:
        app.console.say(f"More with --after {page.after}")


def _hits_table(title: str, hits: tuple[Hit, ...]) -> Table:
    from registry.cli.console import table_of

    table = table_of(title, "no.", "name", "type", "licence", "price", "owner", "checked")
    for hit in hits:
        name = hit.name or f"(document {hit.status})"
        if hit.looks_like:
            name += f" (looks like {hit.looks_like})"
        checked = "on chain" if hit.proven else "no"
        table.add_row(str(hit.asset_id), name, hit.type, hit.license, hit.price_text, hit.owner, checked)
    return table


def _activity_table(found: tuple[Activity, ...]) -> Table:
    from registry.cli.console import table_of, when

    table = table_of("Activity", "time", "event", "asset", "what")
    for one in found:
        table.add_row(when(one.time), one.event, one.did, _words(one))
    return table


def _words(one: Activity) -> str:
    return ", ".join(f"{name} {str(value)[:80]}" for name, value in one.arguments.items() if name not in ("assetId",))
