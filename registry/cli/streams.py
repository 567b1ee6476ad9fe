"""Access by the second: subscribing, extending, ending with a refund, settling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry.cli.command import account_option, asset_argument, command, dry_run_option, licence_argument

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.market.streams import Subscribed

time_option = click.option(
    "--time", "time", required=True, metavar="TIME", help='How long: "30 days", "12 hours", "90 seconds".'
)
max_option = click.option(
    "--max-total", metavar="AMOUNT", help="Pay no more than this; by default the price that is shown."
)


@command(
    "subscribe",
    examples=['registry subscribe 1 live --time "30 days"', 'registry subscribe 1 --time "12 hours" --yes --json'],
)
@asset_argument
@licence_argument
@time_option
@max_option
@account_option
@dry_run_option
def subscribe(
    app: App,
    asset: int | str,
    licence: str | None,
    time: str,
    max_total: str | None,
    account: str | None,
    dry_run: bool,
) -> None:
    """Begin access by the second, paid in advance; what is not used is refunded when it is cancelled.

    LICENCE is its name or number; it may be left out if only one is open.
    """
    _buy(app, "subscribe", asset, licence, time, max_total, account, dry_run)


@command("extend", examples=['registry extend 1 live --time "30 days"'])
@asset_argument
@licence_argument
@time_option
@max_option
@account_option
@dry_run_option
def extend(
    app: App,
    asset: int | str,
    licence: str | None,
    time: str,
    max_total: str | None,
    account: str | None,
    dry_run: bool,
) -> None:
    """Let access by the second last longer, at the price that it began with."""
    _buy(app, "extend", asset, licence, time, max_total, account, dry_run)


@command("cancel", examples=["registry cancel 1 live", "registry cancel 1 live --dry-run"])
@asset_argument
@licence_argument
@dry_run_option
def cancel(app: App, asset: int | str, licence: str | None, dry_run: bool) -> None:
    """End one's own access by the second, and get back what it will not earn."""
    from registry.cli.app import pick

    registry = app.registry(to="end a subscription")
    offer = pick(registry, asset, licence)
    done, refund = registry.streams.cancel(asset, offer, dry_run=dry_run)
    facts = {"refund": str(refund), "network": str(done.cost)}
    if done.tx is not None:
        facts |= {"transaction": done.tx.tx_hash, "now": registry.streams.subscription(asset, offer).in_words()}
    app.console.result({"refund": refund, "done": done}, facts=facts)


@command("settle", examples=["registry settle 1 live", "registry settle 1 live --account 0xSUBSCRIBER"])
@asset_argument
@licence_argument
@click.option("--account", "accounts", multiple=True, metavar="ADDRESS", help="Of these only; repeatable.")
@dry_run_option
def settle(app: App, asset: int | str, licence: str | None, accounts: tuple[str, ...], dry_run: bool) -> None:
    """Have what subscriptions earned so far paid to treasury, ancestors and payout; anybody may."""
    from registry.cli.app import pick

    registry = app.registry(to="settle subscriptions")
    offer = pick(registry, asset, licence)
    found = registry.streams.settle(asset, offer, accounts=accounts or None, dry_run=dry_run)
    facts = {
        "subscriptions": f"{len(found.accounts):,}",
        "fee of the treasury": str(found.fee),
        "royalty of ancestors": str(found.royalty),
        "revenue": str(found.revenue),
        "transactions": f"{len(found.txs):,}" if found.txs else "nothing was sent",
    }
    app.console.result(found, facts=facts)


@command("subscription", examples=["registry subscription 1 live", "registry subscription 1 live --account 0xFRIEND"])
@asset_argument
@licence_argument
@account_option
def subscription(app: App, asset: int | str, licence: str | None, account: str | None) -> None:
    """Show the access by the second of an account: until when, at which price, and what ending it refunds."""
    from registry.cli.app import pick

    registry = app.registry()
    offer = pick(registry, asset, licence)
    found = registry.streams.subscription(asset, offer, account=account)
    facts = {
        "account": found.account,
        "state": found.in_words(),
        "paid": str(found.paid),
        "earned": str(found.earned),
        "refund": str(found.refund),
    }
    app.console.result(found, facts=facts)


def _buy(
    app: App,
    verb: str,
    asset: int | str,
    licence: str | None,
    time: str,
    max_total: str | None,
    account: str | None,
    dry_run: bool,
) -> None:
    """Show what time costs, ask, and pay."""
    from registry.cli.app import pick

    registry = app.registry(to=f"{verb}")
    offer = pick(registry, asset, licence)
    act = registry.streams.subscribe if verb == "subscribe" else registry.streams.extend
    asked = dry_run or not app.settings.get("yes")
    if asked:
        preview = act(asset, offer, time=time, account=account, max_total=max_total, dry_run=True)
        if dry_run or preview.tx is not None:
            app.console.result(preview, facts=_facts(preview))
            return
        if not app.console.as_json:
            app.console.facts(_facts(preview))
        app.agree(f"Pay {preview.total} for {time} of {offer.name!r} of {offer.did}?", short=preview.cost.short)
        # What was agreed to is what was shown, whatever was allowed beforehand.
        max_total = str(preview.total)
    bought = act(asset, offer, time=time, account=account, max_total=max_total)
    now = registry.streams.subscription(asset, offer, account=bought.account).in_words()
    app.console.result(bought, facts=_facts(bought) | {"now": now})


def _facts(bought: Subscribed) -> dict[str, str]:
    facts = {"licence": bought.licence, "for": bought.account, "price": str(bought.total), "network": str(bought.cost)}
    return facts | ({"transaction": bought.tx.tx_hash} if bought.tx is not None else {})
