"""A job on data that stay with their owner, in one command: shown, agreed to, paid for, run there, and opened here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.command import ASSET, OUTFOLDER, Real, Whole, command, dry_run_option
from registry.cli.experiments import params_option

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.compute.commission import JobOptions, JobPlan
    from registry.compute.ordered_job import OrderedJob


def job_options(function: Callable[..., None]) -> Callable[..., None]:
    """What is run on what: CODE, --on, --params, --seed."""
    for option in reversed(_JOB):
        function = option(function)
    return function


_JOB: Final = (
    click.argument("code"),
    click.option("--on", "offering", type=ASSET, required=True, metavar="ASSET", help="The offering."),
    params_option,
    click.option("--seed", type=Whole(), default=0, show_default=True, help="For programs that read REGISTRY_SEED."),
)


@command(
    "run",
    examples=[
        "registry compute run mean.py --on 8 --params by=sex --dry-run",
        'registry compute run mean.py --on 8 --params by=sex --max-total "5 USD" --out result/',
        'registry compute run mean.py --on 8 --escrow --max-total "12 USD" --out result/',
    ],
)
@job_options
@click.option("--max-total", metavar="AMOUNT", help="The most that a licence of runs may cost, where you hold none.")
@click.option("--escrow", is_flag=True, help="Pay by the second, in escrow, when the result is there.")
@click.option("--licence", help="Which one; by default one that you hold, or else the cheapest.")
@click.option("--host", metavar="ADDRESS", help="Who is to run it; by default the first host of the terms.")
@click.option("--url", metavar="URL", help="Where that is; by default the address that the terms name.")
@click.option("--days", type=Whole(1, 30), default=7, show_default=True, help="How long it may be begun.")
@click.option("--seconds", type=Real(), default=600.0, show_default=True, help="How long to wait for the result.")
@click.option("--out", type=OUTFOLDER, help="Folder for the files of the result; without one, only its end is told.")
@dry_run_option
def run_(
    app: App,
    code: str,
    offering: int | str,
    params: tuple[str, ...],
    seed: int,
    max_total: str | None,
    escrow: bool,
    licence: str | None,
    host: str | None,
    url: str | None,
    days: int,
    seconds: float,
    out: str | None,
    dry_run: bool,
) -> None:
    """Run CODE (a path, an asset or a CID) on data that stay with their owner, at the host of the terms.

    Shows what it costs and what comes out, buys a licence of runs where you hold none and agree, orders, waits, and
    writes the files of the result. Interrupted before the host has it, the same command goes on with the same job;
    after that, 'registry compute jobs --mine' lists it."""
    from pathlib import Path

    from registry.cli.experiments import params_of
    from registry.system.disk import refuse_taken
    from registry.text.numbers import digits_or_text

    if out is not None:
        refuse_taken(Path(out))  # before anything is paid
    registry = app.registry(to="order a job")
    options: JobOptions = {"params": params_of(params), "seed": seed, "days": days, "max_total": max_total}
    options |= {"licence": licence, "host": host, "url": url, "escrow": escrow}
    what = digits_or_text(code)
    plan = registry.compute(what, offering, dry_run=True, **options)
    if dry_run:
        app.console.result(plan, facts=plan_facts(plan))
        return
    price = plan.escrow or (plan.purchase.price.total if plan.purchase is not None else None)
    if price is not None and not app.settings.get("yes"):
        if not app.console.as_json:
            app.console.facts(plan_facts(plan))
        bought = f"Buy {plan.purchase.licence!r} of" if plan.purchase is not None else "Pay into escrow for a run on"
        app.agree(f"{bought} {plan.offering} for {price}, and run this?", short=plan.short)
        options["max_total"] = price  # what was agreed to is what was shown
    with app.progress():
        job = registry.compute(what, offering, **options)
        found = job.wait(seconds)
    show_end(app, job, found.state, out)


def plan_facts(plan: JobPlan) -> dict[str, str]:
    """What a job would be, a fact a line."""
    from registry.cli.views import purchase_facts

    limits = f"tier {plan.tier}, {plan.seconds:,} s, {plan.memory // 2**20:,} MiB, {plan.processes} processes"
    bought = purchase_facts(plan.purchase) if plan.purchase is not None else {"price": "paid for already"}
    if plan.escrow is not None:
        bought = {"price": f"{plan.escrow} into escrow, of which what it does not use comes back"}
        bought |= {"network": plan.short.message} if plan.short is not None else {}
    out = [f"{one.path}, at most {one.bytes:,} bytes" for one in plan.outputs]
    if plan.log:
        out.append(f"of its log at most {plan.log:,} bytes")
    if plan.minutes:
        bought["a use pays for"] = f"a minute that is begun, of at most {plan.minutes}"
    return {
        "offering": str(plan.offering),
        "data": str(plan.data),
        "code": str(plan.code),
        "host": f"{plan.url} ({plan.host})",
        "limits": limits,
        "comes out": "\n".join(out),
        "released": "when it keeps to the rules" if plan.release == "policy" else "when its owner has looked at it",
        **({"its owner reads first": "\n".join(plan.review)} if plan.review else {}),
        **bought,
    }


def show_end(app: App, job: OrderedJob, state: str, out: str | None) -> None:
    """Tell how a job ended, and write what came out."""
    from registry.cli.console import when
    from registry.compute.job_escrow import JobStatus

    files = job.save(out).files if out is not None and state == "delivered" else ()
    value: dict[str, Any] = {"job": job.id, "state": state, "files": [file.path for file in files]}
    facts = {"job": job.id, "state": state, "files": ", ".join(value["files"])}
    if job.order.escrow:
        paid = job.escrowed()
        value["escrow"] = {"id": paid.id, "status": paid.status.name.lower(), "ends": paid.ends}
        facts["escrow"] = paid.in_words()
        if paid.status is JobStatus.DELIVERED:
            facts["then"] = f"registry compute settle {job.id[:16]}, or dispute until {when(paid.ends)}"
    app.console.result(value, facts=facts)
