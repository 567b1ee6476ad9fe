"""Sharing revenue: making splitters, looking into them, having them pay, claiming, and statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import ASSET, OUTFILE, Group, Whole, command, dry_run_option

if TYPE_CHECKING:
    from rich.table import Table

    from registry.cli.app import App
    from registry.revenue.splits import Payment, Split

split_argument = click.argument("target", metavar="SPLIT", type=ASSET)
token_argument = click.argument("token")


@click.group("split", cls=Group)
def split() -> None:
    """Divide revenue among people in shares that never change.

    A SPLIT is the address of a splitter, or an asset: then the splitter of the royalties that it owes its ancestors.
    """


@command(
    "create",
    group=split,
    examples=[
        'registry split create "0xANN=60 %" "0xBOB=40 %"',
        "registry split create ann=2 bob=1 --names people.json --dry-run",
    ],
)
@click.argument("shares", nargs=-1, required=True, metavar="PAYEE=SHARE...")
@click.option("--names", metavar="FILE", help="JSON object with the account of each name that is used; - for input.")
@dry_run_option
def create(app: App, shares: tuple[str, ...], names: str | None, dry_run: bool) -> None:
    """Make a splitter; a share is a percentage, or a whole number as weight.

    Made already, it is found and nothing is sent. Make it the payout of an asset with 'registry payout'.
    """
    registry = app.registry(to="make a splitter")
    made = registry.revenue.create(_shares(shares), names=_names(names), dry_run=dry_run)
    _show_split(app, made)


@command("show", group=split, examples=["registry split show 0xSPLITTER", "registry split show 2"])
@split_argument
def show(app: App, target: int | str) -> None:
    """Show whom a splitter pays, and in which shares."""
    _show_split(app, app.registry().revenue.get(target))


@command("pending", group=split, examples=["registry split pending 0xSPLITTER USD"])
@split_argument
@token_argument
def pending(app: App, target: int | str, token: str) -> None:
    """Show what each payee has to expect: its share of what waits to be distributed, and what it can claim."""
    from registry.cli.console import table_of

    found = app.registry().revenue.pending(target, token)
    table = table_of("", "account", "waits to be distributed", "to claim")
    for one in found:
        table.add_row(one.account, str(one.waiting), str(one.parked))
    app.console.result(found, table=table)


@command(
    "forecast",
    group=split,
    examples=['registry split forecast 0xSPLITTER "100 USD"', 'registry split forecast 2 "12.5 USD"'],
)
@split_argument
@click.argument("amount")
def forecast(app: App, target: int | str, amount: str) -> None:
    """Show who would get what of an AMOUNT that arrives at a splitter, or of a sale of an asset at that price."""
    from registry.cli.console import table_of

    found = app.registry().revenue.forecast(target, amount)
    table = table_of("", "account", "gets", "as", "through")
    for part in found.parts:
        why = f"{part.why} of asset {part.asset.asset_id}" if part.asset else part.why
        table.add_row(part.account, str(part.amount), why, ", ".join(part.through))
    facts = {"of": str(found.amount)}
    if found.undivided:
        facts["undivided"] = found.undivided
    app.console.result(found, table=table, facts=facts)


@command(
    "distribute",
    group=split,
    examples=["registry split distribute 0xSPLITTER", "registry split distribute 2 USD --chunk 50 --dry-run"],
)
@split_argument
@click.argument("token", required=False)
@click.option("--chunk", type=Whole(), metavar="N", help="Pay N payees in a transaction; by default up to 100.")
@dry_run_option
def distribute(app: App, target: int | str, token: str | None, chunk: int | None, dry_run: bool) -> None:
    """Have a splitter pay its payees what arrived, in one TOKEN or all payment tokens; for anybody.

    What a payee cannot be paid is kept for its claim, and hinders nobody.
    """
    registry = app.registry(to="distribute")
    with app.progress():
        done = registry.revenue.distribute(target, token, chunk=chunk, dry_run=dry_run)
    if dry_run and done.cost is not None:
        app.console.result(done, facts={"splitter": done.split.address, "network": str(done.cost)})
        return
    facts = {"splitter": done.split.address, "transactions": ", ".join(tx.tx_hash for tx in done.txs) or "none"}
    table = _payments(done.payments) if done.payments else None
    app.console.result(done, facts=facts | ({} if done.payments else {"paid": "nothing waits"}), table=table)


@command(
    "claim",
    group=split,
    examples=[
        "registry split claim 0xSPLITTER USD",
        "registry split claim 0xSPLITTER USD --to 0xELSEWHERE",
        "registry split claim 0xSPLITTER USD --account 0xTEAMSPLITTER",
    ],
)
@split_argument
@token_argument
@click.option("--account", metavar="ADDRESS", help="Send this account what is kept for it; by default the signer.")
@click.option("--to", metavar="ADDRESS", help="Send what is the signer's there.")
@dry_run_option
def claim(app: App, target: int | str, token: str, account: str | None, to: str | None, dry_run: bool) -> None:
    """Get what a splitter could not pay and keeps: for the signer, or sent by anybody to whom it belongs."""
    done = app.registry(to="claim").revenue.claim(target, token, account=account, to=to, dry_run=dry_run)
    facts = {
        "amount": str(done.amount),
        "to": done.to,
        "network": str(done.cost),
        "transaction": done.tx.tx_hash if done.tx else "nothing was sent",
    }
    app.console.result(done, facts=facts)


@command("parked", group=split, examples=["registry split parked 0xPAYEE"])
@click.argument("account")
@click.option("--token", metavar="TOKEN", help="Of this token alone; by default of all payment tokens.")
def parked(app: App, account: str, token: str | None) -> None:
    """List what all splitters keep for the claims of an ACCOUNT."""
    from registry.cli.console import table_of

    found = app.registry().revenue.parked(account=account, token=token)
    table = table_of("", "splitter", "to claim")
    for one in found:
        table.add_row(one.split, str(one.amount))
    app.console.result(found, table=table)


@command(
    "statement",
    group=split,
    examples=[
        "registry split statement 1",
        "registry split statement 0xACCOUNT --token USD --since 2026-01-01 --csv income.csv",
        "registry split statement 0xSPLITTER --chart income.svg",
    ],
)
@click.argument("subject", type=ASSET)
@click.option("--token", metavar="TOKEN", help="In this token alone; by default in all payment tokens.")
@click.option("--since", metavar="DATE", help="From then on: 2026-11-30, or 2026-11-30T12:00Z.")
@click.option("--until", metavar="DATE", help="Up to but not including then.")
@click.option("--csv", "csv_path", type=OUTFILE, help="Write all lines there too.")
@click.option("--chart", type=OUTFILE, help="Draw it there too, .svg or .png; needs matplotlib.")
def statement(
    app: App,
    subject: int | str,
    token: str | None,
    since: str | None,
    until: str | None,
    csv_path: str | None,
    chart: str | None,
) -> None:
    """State what an asset, an account or a splitter earned, from the events of the chain; needs no signer."""
    found = app.registry().revenue.statement(subject, token=token, since=since, until=until)
    if csv_path is not None:
        found.to_csv(csv_path)
    if chart is not None:
        found.chart(chart)
    if app.console.as_json:
        sums = [{"earned": one.earned, "received": one.received, **_fields(one)} for one in found.total()]
        app.console.result({"subject": found.subject, "total": sums, "lines": found.lines, "arrived": found.arrived})
        return
    if not found.lines:
        app.console.say(f"Nothing was earned: {found.subject}")
        return
    app.console.table(found.table())
    app.console.table(found.bars())


def _show_split(app: App, found: Split) -> None:
    from registry.cli.console import table_of

    facts = {
        "splitter": found.address,
        "royalties of": str(found.asset or ""),
        "made": "yes" if found.deployed else "not yet; it can be paid all the same",
        "network": str(found.cost or ""),
        "transaction": found.tx.tx_hash if found.tx else "",
    }
    from registry.revenue.splits import percent

    table = table_of("", "share", "account", *(["ancestor"] if found.asset else []))
    for payee in found.payees:
        table.add_row(percent(payee.fraction), payee.account, *([str(payee.asset)] if payee.asset else []))
    app.console.result(found, facts={name: text for name, text in facts.items() if text}, table=table)


def _payments(payments: tuple[Payment, ...]) -> Table:
    from registry.cli.console import table_of

    table = table_of("", "account", "amount", "")
    for one in payments:
        notes = [f"asset {one.asset.asset_id}"] if one.asset else []
        notes += ["could not be paid: to claim"] if one.parked else []
        table.add_row(one.account, str(one.amount), ", ".join(notes))
    return table


def _fields(value: object) -> dict[str, Any]:
    from registry.cli.console import plain

    fields: dict[str, Any] = plain(value)
    return fields


def _shares(words: tuple[str, ...]) -> dict[str, str | int]:
    """Read ``PAYEE=SHARE``. Raises `InputError`."""
    from registry.errors import InputError
    from registry.text.numbers import digits_or_text

    found: dict[str, str | int] = {}
    for word in words:
        payee, equals, share = (part.strip() for part in word.partition("="))
        if not equals or not payee:
            raise InputError(f"{word!r} is not a share.", hint='Write "0xANN=60 %", or 0xANN=3 for a weight.')
        if payee in found:
            raise InputError(f"Payee {payee!r} comes twice.", hint="Add the shares.")
        found[payee] = digits_or_text(share)
    return found


def _names(path: str | None) -> dict[str, str] | None:
    if path is None:
        return None
    from registry.cli.look import read_json
    from registry.errors import InputError

    names = read_json(path)
    if not isinstance(names, dict) or not all(isinstance(account, str) for account in names.values()):
        raise InputError(f"{path!r} has no names.", hint='It is a JSON object: {"ann": "0x...", "bob": "0x..."}.')
    return names
