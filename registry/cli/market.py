"""Buying licences, using them, and giving them away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from registry.cli.command import (
    OUTFILE,
    Group,
    Whole,
    account_option,
    asset_argument,
    command,
    dry_run_option,
    licence_argument,
)

if TYPE_CHECKING:
    from registry.cli.app import App

units_option = click.option("--units", type=Whole(), default=1, show_default=True, help="How many.")
ref_option = click.option("--ref", default="", help="What for: up to 32 bytes of text, or 0x and hexadecimal digits.")


@command(
    "buy",
    examples=[
        "registry buy 1 commercial",
        'registry buy 1 commercial --max-total "12.5 USD" --yes --json',
        "registry buy 1 commercial --units 10 --as-tokens --dry-run",
        'registry buy 1 commercial --yes --once "order 17"',
    ],
)
@asset_argument
@licence_argument
@units_option
@click.option("--as-tokens", is_flag=True, help="As datatokens, which can be handed on and redeemed later.")
@click.option("--max-total", metavar="AMOUNT", help="Pay no more than this; by default the price that is shown.")
@click.option("--once", metavar="NAME", help="Buy it once under this name, however often this is run.")
@account_option
@click.option("--no-approve", is_flag=True, help="Use the approval that is there; sign and send none.")
@dry_run_option
def buy(
    app: App,
    asset: int | str,
    licence: str | None,
    units: int,
    as_tokens: bool,
    max_total: str | None,
    once: str | None,
    account: str | None,
    no_approve: bool,
    dry_run: bool,
) -> None:
    """Buy a licence of an asset: show price, split and cost, ask, and pay in one transaction.

    LICENCE is its name or number; it may be left out if only one is open.
    """
    from registry.cli.app import pick
    from registry.cli.views import purchase_facts

    registry = app.registry(to="buy a licence")
    offer = pick(registry, asset, licence)
    asked = dry_run or not app.settings.get("yes")
    if asked:
        preview = registry.buy(
            asset,
            offer,
            units=units,
            account=account,
            as_tokens=as_tokens,
            max_total=max_total,
            approve=not no_approve,
            once=once,
            dry_run=True,
        )
        if dry_run or preview.before:
            app.console.result(preview, facts=purchase_facts(preview))
            return
        if not app.console.as_json:
            app.console.facts(purchase_facts(preview))
        app.agree(f"Buy {offer.name!r} of {offer.did} for {preview.price.total}?", short=preview.cost.short)
    bought = registry.buy(
        asset,
        offer,
        units=units,
        account=account,
        as_tokens=as_tokens,
        # What was agreed to is what was shown, whatever was allowed beforehand.
        max_total=preview.price.total if asked else max_total,
        approve=not no_approve,
        once=once,
    )
    app.console.result(bought, facts=purchase_facts(bought))


@command("approve", examples=['registry approve "100 USD"'])
@click.argument("amount")
@dry_run_option
def approve(app: App, amount: str, dry_run: bool) -> None:
    """Let the market take up to AMOUNT from the signer, for 'buy --no-approve'; most tokens need none."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="approve a payment").approve(amount, dry_run=dry_run))


@command("redeem", examples=["registry redeem 1 commercial", "registry redeem 1 commercial --account 0xFRIEND"])
@asset_argument
@licence_argument
@units_option
@account_option
@dry_run_option
def redeem(app: App, asset: int | str, licence: str | None, units: int, account: str | None, dry_run: bool) -> None:
    """Burn one's own datatokens for the access they stand for."""
    from registry.cli.app import pick
    from registry.cli.views import show_done

    registry = app.registry(to="redeem datatokens")
    offer = pick(registry, asset, licence)
    show_done(app, registry.redeem(asset, offer, units=units, account=account, dry_run=dry_run))


@command("consume", examples=['registry consume 2 predictions --ref "job 17"'])
@asset_argument
@licence_argument
@click.option("--uses", type=Whole(), default=1, show_default=True, help="How many.")
@ref_option
@dry_run_option
def consume(app: App, asset: int | str, licence: str | None, uses: int, ref: str, dry_run: bool) -> None:
    """Consume one's own uses of a licence."""
    from registry.cli.app import pick
    from registry.cli.views import show_done

    registry = app.registry(to="consume uses")
    offer = pick(registry, asset, licence)
    show_done(app, registry.consume(asset, offer, uses=uses, ref=read_ref(ref), dry_run=dry_run))


@command("grant", examples=["registry grant 1 research --to 0xFRIEND"])
@asset_argument
@licence_argument
@click.option("--to", required=True, metavar="ADDRESS", help="Who gets it.")
@units_option
@click.option("--as-tokens", is_flag=True, help="As datatokens.")
@dry_run_option
def grant(app: App, asset: int | str, licence: str | None, to: str, units: int, as_tokens: bool, dry_run: bool) -> None:
    """Give a licence of one's own asset away for nothing."""
    from registry.cli.app import pick
    from registry.cli.views import show_done

    registry = app.registry(to="give a licence")
    offer = pick(registry, asset, licence)
    show_done(app, registry.grant(asset, offer, to=to, units=units, as_tokens=as_tokens, dry_run=dry_run))


@click.group("receipt", cls=Group)
def receipt() -> None:
    """Let a service consume uses by a signature, without a transaction of the holder."""


@command("sign", group=receipt, examples=["registry receipt sign 2 predictions --uses 3 --out receipt.json"])
@asset_argument
@licence_argument
@click.option("--uses", type=Whole(), default=1, show_default=True, help="How many uses it is good for.")
@click.option("--service", metavar="ADDRESS", help="Only this account may hand it in; by default anybody.")
@ref_option
@click.option("--seconds", type=Whole(), default=86_400, show_default=True, help="How long it is good for.")
@click.option("--out", type=OUTFILE, help="Write it here; by default to standard output.")
def sign(
    app: App,
    asset: int | str,
    licence: str | None,
    uses: int,
    service: str | None,
    ref: str,
    seconds: int,
    out: str | None,
) -> None:
    """Sign that uses may be consumed once; the receipt is JSON, to be sent to the service."""
    from registry.cli.app import pick
    from registry.system import disk

    registry = app.registry(to="sign a receipt")
    offer = pick(registry, asset, licence)
    signed = registry.sign_receipt(asset, offer, uses=uses, service=service, ref=read_ref(ref), seconds=seconds)
    if out is None:
        app.console.document(json.loads(signed.to_json()))
        return
    key = signed.nonce >> 64  # of a nonce the lower half counts, and is 0 for every receipt of ours
    path = disk.save(out, f"receipt-{signed.did.asset_id}-{key % 2**32:08x}.json", signed.to_json().encode())
    app.console.result({"receipt": str(path)}, facts={"receipt": str(path)})


@command("submit", group=receipt, examples=["registry receipt submit receipt.json"])
@click.argument("file")
@dry_run_option
def submit(app: App, file: str, dry_run: bool) -> None:
    """Consume the uses that a holder signed for; FILE is the receipt, - for standard input."""
    from registry.cli.look import read_text
    from registry.cli.views import show_done
    from registry.content.uses import SignedReceipt

    signed = SignedReceipt.from_json(read_text(file))
    show_done(app, app.registry(to="hand in a receipt").submit_receipt(signed, dry_run=dry_run))


def read_ref(text: str) -> bytes:
    """Return a reference as bytes: hexadecimal after ``0x``, UTF-8 otherwise. Raises `InputError`."""
    from registry.errors import InputError

    if not text.startswith("0x"):
        return text.encode()
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        raise InputError(f"{text!r} is not hexadecimal.", hint="Write 0x and pairs of digits, or plain text.") from None
