"""The same job at several hosts, and what their answers say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import Real, command
from registry.cli.compute_run import job_options

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.compute.commission import JobOptions
    from registry.compute.redundancy import RedundantJob

_seconds = click.option(
    "--seconds", type=Real(), default=600.0, show_default=True, help="How long to wait for each result."
)
_settle = click.option("--settle", is_flag=True, help="In escrow: pay those that agree, dispute the odd ones.")


@command(
    "redundant",
    examples=[
        'registry compute redundant mean.py --on 8 --host 0xA11CE=https://a.example --host 0xB0B --max-total "5 USD"',
        'registry compute redundant mean.py --on 8 --host 0xA11CE --host 0xB0B --escrow --max-total "12 USD" --settle',
    ],
)
@job_options
@click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    metavar="ADDRESS[=URL]",
    help="A host of the terms, and where it is if not at their address; repeatable, two at least.",
)
@click.option("--max-total", metavar="AMOUNT", help="The most that it may cost at each of them.")
@click.option("--escrow", is_flag=True, help="Pay by the second, in escrow, when the results are there.")
@_seconds
@_settle
def redundant(
    app: App,
    code: str,
    offering: int | str,
    params: tuple[str, ...],
    seed: int,
    hosts: tuple[str, ...],
    max_total: str | None,
    escrow: bool,
    seconds: float,
    settle: bool,
) -> None:
    """Run the same job at several hosts, at as many times the price, and hold what they give against each other.

    More than half of them must give the same files, which 'registry compute fetch' writes. Outputs that their code lets
    differ are not voted on. Where the wait ends before they do, 'registry compute compare' goes on with their jobs."""
    from registry.cli.experiments import params_of
    from registry.text.numbers import digits_or_text

    named: dict[str, str | None] = {}
    for text in hosts:
        account, _, url = text.partition("=")
        named[account] = url or None
    if len(named) < max(len(hosts), 2):
        raise click.BadParameter("names a host twice, or one alone.", param_hint="--host")
    registry = app.registry(to="order a job")
    options: JobOptions = {"params": params_of(params), "seed": seed, "max_total": max_total, "escrow": escrow}
    if max_total is not None:
        app.agree(f"Order the job at {len(named)} hosts, for at most {max_total} at each?")
    with app.progress():
        job = registry.compute_redundant(digits_or_text(code), offering, hosts=named, **options)
    _compared(app, job, seconds, settle)


@command("compare", examples=["registry compute compare 3f9a 77c1 b02e", "registry compute compare 3f9a 77c1 --settle"])
@click.argument("jobs", nargs=-1, required=True)
@_seconds
@_settle
def compare(app: App, jobs: tuple[str, ...], seconds: float, settle: bool) -> None:
    """Hold the results of JOBS against each other, which you ordered of the same code at several hosts."""
    from registry.compute.redundancy import RedundantJob

    registry = app.registry(to="ask for a job")
    _compared(app, RedundantJob(registry, [registry.jobs.at(id) for id in jobs]), seconds, settle)


def _compared(app: App, job: RedundantJob, seconds: float, settle: bool) -> None:
    """Wait, tell what the answers say together, and do what is to follow of it."""
    from registry.cli.console import table_of

    with app.progress():
        found = job.wait(seconds)
        agreed = {one.job for one in found.agreed}
        done = job.settle(found) if settle else ()
    table = table_of(found.in_words(), "job", "host", "state", "with most", "answer")
    value: list[dict[str, Any]] = []
    for one in found.answers:
        answer = one.in_words() if one.root is not None or one.fault else ""
        table.add_row(one.job[:16], one.host, one.state, "yes" if one.job in agreed else "no", answer)
        told = {"job": one.job, "host": one.host, "state": one.state, "agrees": one.job in agreed}
        value.append({**told, "root": one.root, "fault": one.fault})
    whole = {"in_words": found.in_words(), "answers": value, "differing": found.differing, "transactions": done}
    app.console.result(whole, table=table)
    if found.agreed:
        app.console.note(f"Its files: registry compute fetch {found.agreed[0].job[:16]} --out result/")
