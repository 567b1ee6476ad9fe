"""Jobs in escrow: offered by a host, paid in, settled, disputed and decided, each under its name or its beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from registry.cli.command import OUTFILE, Whole, account_option, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.compute.job_escrow import EscrowedJob

OFFER_FILE: Final = "offer.json"
_MOST_PAPER: Final = 2**20

_Function = TypeVar("_Function", bound=Callable[..., Any])
_job = click.argument("job")


def bond_options(function: _Function) -> _Function:
    """What a host in escrow puts up, and how long its results may be looked at."""
    review = click.option(
        "--review", metavar="TIME", default="1 day", show_default=True, help="How long its results may be looked at."
    )
    bonds = click.option(
        "--bond", "bonds", multiple=True, metavar="AMOUNT", help="Bond of a job in escrow; one for each token you take."
    )
    return bonds(review(function))


@command("bid", examples=['registry compute bid order.json --bond "5 USD"'])
@click.argument("order_file", metavar="ORDER", type=click.Path(dir_okay=False))
@bond_options
@click.option("--licence", type=Whole(0, 255), metavar="NUMBER", help="The one for runs; by default the only one.")
@click.option("--out", type=OUTFILE, default=OFFER_FILE, show_default=True, help="Where the offer is written.")
def bid(app: App, order_file: str, bonds: tuple[str, ...], review: str, licence: int | None, out: str) -> None:
    """As its host, offer to run ORDER in escrow against a bond. Sends nothing: the consumer pays it, or not."""
    from registry.compute.host_escrow import HostBonds
    from registry.system.disk import load, save

    registry = app.registry(to="offer a job")
    put_up = HostBonds(tuple(map(registry.amount, bonds)), review)
    made = registry.jobs.desk().offer(load(order_file, _MOST_PAPER), put_up, licence)
    written = save(out, OFFER_FILE, made.to_bytes())
    value = {"job": made.job, "offer": str(written), "until": made.accept_by}
    app.console.result(value, facts={"job": made.job, "offer": str(written), "for": f"the consumer {made.consumer}"})


@command("pay", examples=['registry compute pay offer.json --max-total "12 USD"'])
@click.argument("offer_file", metavar="OFFER", type=click.Path(dir_okay=False))
@click.option("--max-total", metavar="AMOUNT", help="Pay in no more than this; by default the price that is shown.")
@dry_run_option
def pay(app: App, offer_file: str, max_total: str | None, dry_run: bool) -> None:
    """Pay OFFER of a host into escrow; then hand the order in. What the run does not use comes back."""
    from registry.compute.host_offer import HostOffer
    from registry.system.disk import load

    escrow, offer = app.registry(to="pay for a job").jobs.escrow, HostOffer.from_bytes(load(offer_file, _MOST_PAPER))
    shown = escrow.open(offer, max_total=max_total, dry_run=True)
    if not dry_run:
        app.agree(f"Pay {shown.total} into escrow for a run on {shown.did}?", short=shown.cost.short)
        shown = escrow.open(offer, max_total=shown.total)
    app.console.result(shown, facts={"escrow": shown.id or "nothing was sent", "in words": str(shown)})


@command("settle", examples=["registry compute settle 3f9a"])
@_job
@dry_run_option
def settle(app: App, job: str, dry_run: bool) -> None:
    """Have paid what was delivered: as its consumer at once, as anybody else after the review."""
    from registry.cli.views import show_done

    escrow = app.registry(to="settle a job").jobs.escrow
    show_done(app, escrow.settle(escrow.find(job).id, dry_run=dry_run))


@command("dispute", examples=['registry compute dispute 3f9a --reason "the table is empty"'])
@_job
@click.option("--reason", required=True, help="For the council, and for everybody: it is kept and published.")
@dry_run_option
def dispute(app: App, job: str, reason: str, dry_run: bool) -> None:
    """As its consumer, dispute what was delivered, against a bond as large as the host's."""
    from registry.cli.views import show_done

    escrow = app.registry(to="dispute a job").jobs.escrow
    found = escrow.find(job)
    if not dry_run:
        app.agree(f"Put up {found.bond}, which is lost if the council finds for the host?")
    show_done(app, escrow.dispute(found.id, reason, dry_run=dry_run))


@command("decide", examples=['registry compute decide 3f9a... --share 0 --reason "there is no row in it"'])
@_job
@click.option("--share", type=Whole(0, 10_000), required=True, help="The host's side, of 10,000: 0 is all back.")
@click.option("--reason", required=True, help="For everybody: it is kept and published.")
@dry_run_option
def decide(app: App, job: str, share: int, reason: str, dry_run: bool) -> None:
    """As the council or the DAO, decide a dispute, by the whole name of the job in escrow."""
    from registry.cli.views import show_done

    escrow = app.registry(to="decide a dispute").jobs.escrow
    show_done(app, escrow.decide(escrow.find(job).id, share, reason, dry_run=dry_run))


@command("close", examples=["registry compute close 3f9a"])
@_job
@dry_run_option
def close(app: App, job: str, dry_run: bool) -> None:
    """Close a job whose time is over: not begun, not delivered, or disputed and not decided. Anybody may."""
    from registry.cli.views import show_done
    from registry.compute.job_escrow import JobStatus

    escrow = app.registry(to="close a job").jobs.escrow
    found = escrow.find(job)
    act = escrow.lapse if found.status is JobStatus.DISPUTED else escrow.expire
    show_done(app, act(found.id, dry_run=dry_run))


@command("withdraw", examples=["registry compute withdraw USD"])
@click.argument("token")
@account_option
@dry_run_option
def withdraw(app: App, token: str, account: str | None, dry_run: bool) -> None:
    """Have sent what could not be paid to an account out of escrow, and waits for it there."""
    from registry.cli.views import show_done

    escrow = app.registry(to="withdraw").jobs.escrow
    waits = escrow.waiting(token, account=account)
    if waits.units == 0:
        app.console.answer("Nothing waits there.", {"waits": waits})
        return
    show_done(app, escrow.claim(token, account=account, dry_run=dry_run))


def show_escrowed(app: App, jobs: Sequence[EscrowedJob]) -> None:
    """List jobs in escrow, with where each stands."""
    from registry.cli.console import table_of, when

    table = table_of("Jobs in escrow", "in escrow", "job", "stands", "until", "on", "consumer", "host")
    value = []
    for one in jobs:
        until = when(one.ends) if one.ends else ""
        table.add_row(one.id[:16], one.job[:16], one.in_words(), until, str(one.did), one.consumer, one.host)
        told = {"id": one.id, "job": one.job, "status": one.status.name.lower(), "ends": one.ends, "did": one.did}
        paid = {"total": one.total, "bond": one.bond, "seconds": one.used, "result": one.result}
        value.append({**told, **paid, "consumer": one.consumer, "host": one.host})
    app.console.result(value, table=table)
