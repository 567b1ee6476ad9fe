"""Jobs on data that stay where they are: offered, ordered, run, opened and checked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.command import ASSET, OUTFILE, OUTFOLDER, Group, Real, Whole, asset_argument, command, dry_run_option
from registry.cli.compute_escrow import (
    bid,
    bond_options,
    close,
    decide,
    dispute,
    pay,
    settle,
    show_escrowed,
    withdraw,
)
from registry.cli.compute_redundant import compare, redundant
from registry.cli.compute_run import job_options, run_, show_end
from registry.cli.publishing import TYPES

if TYPE_CHECKING:
    from rich.table import Table

    from registry.cli.app import App
    from registry.compute.job_book import JobEntry
    from registry.compute.job_desk import JobDesk
    from registry.compute.job_escrow import EscrowedJob
    from registry.compute.order_folder import KeptOrder
    from registry.compute.ordered_job import OrderedJob

ORDER_FILE: Final = "order.json"
_MOST_PAPER: Final = 2**20
_MOST_RESULT: Final = 2**28


_data_option = click.option(
    "--data",
    multiple=True,
    metavar="ASSET=PATH",
    help="Where data lie that their owner keeps; repeatable. Others are fetched.",
)


_engine_option = click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="NAME",
    help="Where runs are executed: local, dask, or dask:tcp://HOST:PORT.",
)


@click.group("compute", cls=Group)
def compute() -> None:
    """Compute on data that stay with their owner: the owner runs your program, and what the terms allow comes out.

    A consumer: terms, run, jobs --mine, logs, fetch, cancel; at several hosts: redundant, compare; by files: order,
    submit, open. An owner: offer, host, work, jobs, approve, decline, cancel, logs, fetch. Anybody: verify.

    In escrow, a consumer: run --escrow, jobs --escrow, settle, dispute, cancel; by files: order --escrow, pay. A host:
    host --bond, bid. Anybody: close, withdraw; judges: decide.
    """


@command("terms", group=compute, examples=["registry compute terms 7", "registry compute terms 7 --json > terms.json"])
@asset_argument
def terms(app: App, asset: int | str) -> None:
    """Show the terms of an offering: whose code may run on what, within what, and what may come out."""
    from registry.errors import InputError

    found = app.registry().get(asset)
    said = found.ddo.compute
    if said is None:
        raise InputError(f"{found.did} offers no runs.", hint="'registry search' finds offerings.")
    facts = {
        "offering": f"{found.name} ({found.did})",
        "data": str(said.data),
        "code": "\n".join(map(str, said.code)) or "none without a review",
        "parameters": ", ".join(f"{name}: {list(values)}" for name, values in said.params.items()) or "none",
        "in words": said.in_words(),
        "budget": f"{said.budget.runs:,} runs, {said.budget.bytes:,} bytes of each version of the data",
        "hosts": ", ".join(said.hosts),
    }
    app.console.result(said.to_dict(), facts=facts)


@command(
    "offer",
    group=compute,
    examples=[
        'registry compute offer terms.json ward/ --name "Ward 7" --type dataset --license MIT \\',
        '    --licence "runs: 5 uses, 10 USD"',
        "registry compute offer terms.json --data 7 --name Penguins --type dataset --license CC0-1.0",
    ],
)
@click.argument("terms_file", metavar="TERMS", type=click.Path(dir_okay=False))
@click.argument("path", required=False, type=click.Path())
@click.option("--data", type=ASSET, metavar="ASSET", help="Offer runs on this asset, instead of what lies at PATH.")
@click.option("--name", required=True, help="Name of the asset.")
@click.option("--type", "kind", required=True, type=click.Choice(TYPES), help="What the data are.")
@click.option("--license", "license_", required=True, metavar="SPDX|URL", help="Licence of the data themselves.")
@click.option("--licence", "licences", multiple=True, metavar="SPEC", help="An offer of runs, as of 'publish'.")
@click.option("--description", default="", help="Words about it.")
@dry_run_option
def offer(
    app: App,
    terms_file: str,
    path: str | None,
    data: int | str | None,
    name: str,
    kind: Any,
    license_: str,
    licences: tuple[str, ...],
    description: str,
    dry_run: bool,
) -> None:
    """Publish what lies at PATH as data of which nobody gets a block, and the offering of runs on them.

    TERMS is a file of JSON, as 'registry compute terms --json' writes it; docs/compute.md has one to begin with. Keep
    PATH as it is: it is hashed before each run."""
    from registry.cli.look import read_json
    from registry.cli.views import published_facts, show_preview
    from registry.documents.compute_terms import Terms
    from registry.documents.licence_spec import parse_licence
    from registry.errors import Fault, InvalidDDO

    said = read_json(terms_file)
    if not isinstance(said, dict):
        raise InvalidDDO([Fault("", "is not a JSON object")])
    registry = app.registry(to="publish")
    said = {key: value for key, value in said.items() if key != "data"}
    options: dict[str, Any] = {
        "name": name,
        "type": kind,
        "license": license_,
        "licences": [parse_licence(spec) for spec in licences],
        "description": description,
        "compute": Terms(**said, data=None if data is None else registry.did(data)),
    }
    with app.progress():
        if dry_run:
            preview = registry.publish(path, **options, dry_run=True)
        else:
            made = registry.publish(path, **options)
    if dry_run:
        show_preview(app, preview)
    else:
        app.console.result(made, facts=published_facts(made))


@command(
    "order",
    group=compute,
    examples=[
        "registry compute order mean.py --on 8 --params by=sex",
        "registry compute order 3 --on 8 --licence runs --out order.json",
    ],
)
@job_options
@click.option("--licence", help="The licence whose use is signed; by default one that you hold.")
@click.option("--host", metavar="ADDRESS", help="Who is to run it; by default the first host of the terms.")
@click.option("--days", type=Whole(1, 30), default=7, show_default=True, help="How long it may be begun.")
@click.option("--escrow", is_flag=True, help="Sign no use: the host answers with an offer, and you 'pay' that.")
@click.option("--out", type=OUTFILE, default=ORDER_FILE, show_default=True, help="Where the order is written.")
def order(
    app: App,
    code: str,
    offering: int | str,
    params: tuple[str, ...],
    seed: int,
    licence: str | None,
    host: str | None,
    days: int,
    escrow: bool,
    out: str,
) -> None:
    """Sign an order to run CODE (a path, an asset or a CID) on data that stay with their owner, to be sent to the host.

    Sends nothing. With a licence of uses, one is signed with it: the host takes it when your result lies ready."""
    from registry.cli.experiments import params_of
    from registry.system.disk import save
    from registry.text.numbers import digits_or_text

    registry = app.registry(to="order a job")
    given = params_of(params)
    made = registry.jobs.order(
        digits_or_text(code), offering, params=given, seed=seed, licence=licence, host=host, days=days, escrow=escrow
    )
    written = save(out, ORDER_FILE, made.to_bytes())
    facts = {"job": made.job.id, "order": str(written), "for": f"the host {made.job.host}"}
    app.console.result({"job": made.job.id, "order": str(written), "host": made.job.host}, facts=facts)


@command(
    "work",
    group=compute,
    examples=["registry compute work order.json --data 7=ward/", "registry compute work --data 7=ward/ --out results/"],
)
@click.argument("orders", nargs=-1, type=click.Path(dir_okay=False))
@_data_option
@click.option("--workers", type=Whole(1, 64), default=1, show_default=True, help="How many run at the same time.")
@click.option("--out", type=OUTFOLDER, default="results", show_default=True, help="Folder for sealed results.")
@_engine_option
def work(app: App, orders: tuple[str, ...], data: tuple[str, ...], workers: int, out: str, engine: str) -> None:
    """As their host, take ORDERS by their terms and run them; without any, go on with all that are not at their end.

    What comes out is sealed to whoever ordered it, with a receipt that you sign: send both. Each account has its turn.
    Interrupted, it goes on where it stopped when it is run again."""
    from registry.compute.job_queue import work_all
    from registry.system.disk import load

    desk = _desk(app, data, engine)
    taken = [desk.accept(load(path, _MOST_PAPER)).id for path in orders]
    with app.progress():
        entries = work_all(desk, taken, workers=workers)
        for entry in entries:
            _write(desk, entry, out)
    app.console.result([_told(entry) for entry in entries], table=_table(entries))


@command(
    "host",
    group=compute,
    examples=[
        "registry compute host --data 7=ward/",
        "registry compute host --data 7=ward/ --host 0.0.0.0 --public-url https://jobs.example.org --workers 4",
        'registry compute host --data 7=ward/ --bond "5 USD" --bond "0.002 ETH"',
    ],
)
@_data_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="Address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8455, show_default=True, metavar="N", help="0: any.")
@click.option("--public-url", metavar="URL", help="Where clients reach it; sign-in messages name its host and port.")
@click.option(
    "--proxy", "proxies", multiple=True, metavar="ADDRESS", help="A reverse proxy whose X-Forwarded-For is believed."
)
@click.option("--workers", type=Whole(1, 64), default=1, show_default=True, help="How many run at the same time.")
@_engine_option
@bond_options
def host_(
    app: App,
    data: tuple[str, ...],
    host: str,
    port: int,
    public_url: str | None,
    proxies: tuple[str, ...],
    workers: int,
    engine: str,
    bonds: tuple[str, ...],
    review: str,
) -> None:
    """Take orders over HTTP and run them by their terms, until interrupted; what runs then is left for the next time.

    It listens to this machine alone unless --host says otherwise, and then needs --public-url: put a reverse proxy with
    TLS before it. Name the address in the terms ("url")."""
    from registry.cli.listening import require_public_url, url_at
    from registry.errors import InputError

    try:
        from registry.host.host_server import HostServer
        from registry.system.serving import listen
    except ModuleNotFoundError as error:
        raise InputError(
            f"The host needs {error.name}, which is not installed.",
            hint="Install it with: pip install 'asset-registry[server]'",
        ) from error
    require_public_url(host, public_url, named_by="sign-in messages")
    registry = app.registry(to="run jobs")
    sock = listen(host, port)
    url = public_url or url_at(host, sock)
    escrow: Any = {"bonds": bonds, "review": review}
    server = HostServer(registry, _desk(app, data, engine), sock, url, workers=workers, proxies=proxies, **escrow)
    try:
        app.console.answer(f"Running jobs at {server.url} (Ctrl-C to stop)", server.about.model_dump() | {"url": url})
        sys.stdout.flush()
        server.run()
    finally:
        server.close()


@command(
    "submit",
    group=compute,
    examples=[
        "registry compute submit order.json",
        "registry compute submit order.json --url https://jobs.example.org",
    ],
)
@click.argument("order_file", metavar="ORDER", type=click.Path(dir_okay=False))
@click.option("--url", metavar="URL", help="The host; by default the one that the terms name.")
@click.option("--seconds", type=Real(), default=600.0, show_default=True, help="How long to wait for the result.")
@click.option("--cancel", is_flag=True, help="End the job instead, unless it has a result.")
@click.option("--out", type=OUTFOLDER, help="Folder for the files of the result; without one, only its end is told.")
def submit(app: App, order_file: str, url: str | None, seconds: float, cancel: bool, out: str | None) -> None:
    """Hand an order in at its host, wait for its end, and open the result. The same again finds the same job."""
    from registry.system.disk import load

    job = app.registry(to="hand in an order").jobs.at(load(order_file, _MOST_PAPER), url)
    with app.progress():
        if cancel:
            found = job.cancel()
        else:
            job.submit()
            found = job.wait(seconds)
    show_end(app, job, found.state, out)


@command("jobs", group=compute, examples=["registry compute jobs", "registry compute jobs --mine --json"])
@click.option("--mine", is_flag=True, help="Those that you ordered by 'run' instead, with what their hosts said last.")
@click.option(
    "--escrow", is_flag=True, help="Those that you pay for, or run, in escrow instead, as the chain has them."
)
def jobs(app: App, mine: bool, escrow: bool) -> None:
    """List the jobs of this host, with what became of each and why."""
    if escrow:
        show_escrowed(app, app.registry(to="list its jobs in escrow").jobs.escrow.jobs())
        return
    if mine:
        kept = app.registry(to="list what it ordered").jobs.ordered.all()
        app.console.result([_ordered(one) for one in kept], table=_ordered_table(kept))
        return
    entries = _desk(app).book.all()
    app.console.result([_told(entry) for entry in entries], table=_table(entries))


@command("approve", group=compute, examples=["registry compute approve 3f9a"])
@click.argument("job")
def approve(app: App, job: str) -> None:
    """Let a job run that is in review, or a result go out that is held; then: registry compute work."""
    _show(app, _desk(app).approve(job))


@command("decline", group=compute, examples=['registry compute decline 3f9a --why "singles people out"'])
@click.argument("job")
@click.option("--why", default="", help="For your own list of jobs.")
def decline(app: App, job: str, why: str) -> None:
    """Refuse a job that is in review, or a result that is held; no use is taken."""
    _show(app, _desk(app).decline(job, why))


@command("cancel", group=compute, examples=["registry compute cancel 3f9a"])
@click.argument("job")
def cancel(app: App, job: str) -> None:
    """End a job of this host, or one that you ordered, that has no result yet; one that runs is stopped. No use is
    taken; in escrow, a consumer pays for the time that it ran, and a host gives all back."""
    from registry.cli.views import show_done

    if (ordered := _mine(app, job)) is not None:
        show_end(app, ordered, ordered.cancel().state, None)
    elif (paid := _paid(app, job)) is not None:
        show_done(app, app.registry(to="end a job").jobs.escrow.cancel(paid.id))
    else:
        _show(app, _desk(app).cancel(job))


@command("logs", group=compute, examples=["registry compute logs 3f9a", "registry compute logs 3f9a --release"])
@click.argument("job")
@click.option("--release", is_flag=True, help="As the owner, who read it: let its consumer read it, too.")
def logs(app: App, job: str, release: bool) -> None:
    """Show what the program of a job wrote: of this host's jobs for its owner, since no rule looked at it; of one that
    you ordered what the terms or the owner let out."""
    from registry.sandbox.bounded_log import readable

    ordered = None if release else _mine(app, job)
    if ordered is not None and ordered.order.job.host != ordered.order.job.consumer:
        text = ordered.logs()
    else:
        desk = _desk(app)
        if release:
            desk.let_log_out(job)
        text = readable(desk.log(job))
    app.console.answer(text, {"log": text})


@command("fetch", group=compute, examples=["registry compute fetch 3f9a --out results/"])
@click.argument("job")
@click.option("--out", type=OUTFOLDER, default="results", show_default=True, help="Folder for it.")
def fetch(app: App, job: str, out: str) -> None:
    """Write the sealed result of a job of this host and its receipt once more; the files of one that you ordered."""
    if (ordered := _mine(app, job)) is not None:
        show_end(app, ordered, ordered.status().state, out)
        return
    desk = _desk(app)
    entry = desk.book.get(job)
    desk.result(job)
    _write(desk, entry, out)
    _show(app, entry)


@command("open", group=compute, examples=["registry compute open 3f9a.age 3f9a.receipt.json --out result/"])
@click.argument("result", type=click.Path(dir_okay=False))
@click.argument("receipt", type=click.Path(dir_okay=False))
@click.option("--out", type=OUTFOLDER, required=True, help="Folder for its files.")
def open_(app: App, result: str, receipt: str, out: str) -> None:
    """Open a result that you ordered: every byte is as its host signed, or nothing is written."""
    from registry.system.disk import load

    registry = app.registry(to="open a result")
    files = registry.jobs.open(load(result, _MOST_RESULT), load(receipt, _MOST_PAPER), out)
    app.console.result(
        [{"path": file.path, "size": file.size, "cid": file.cid} for file in files],
        facts={file.path: f"{file.size:,} bytes" for file in files},
    )


@command(
    "verify",
    group=compute,
    examples=[
        "registry compute verify 3f9a.receipt.json",
        "registry compute verify 3f9a.receipt.json --ddo offering.json --files result/",
    ],
)
@click.argument("receipt", type=click.Path(dir_okay=False))
@click.option("--ddo", type=click.Path(dir_okay=False), help="The document of the offering; by default it is fetched.")
@click.option("--files", type=click.Path(path_type=Path), help="Hold these files against it, too.")
def verify(app: App, receipt: str, ddo: str | None, files: Path | None) -> None:
    """Check a receipt: its host signed every word, and is one that the terms name. Asks no chain and needs no key."""
    from registry.cli.look import read_json
    from registry.compute.job_receipt import read_receipt
    from registry.documents.ddo import DDO
    from registry.ipfs.store import fetch as block
    from registry.system.disk import load

    read = read_receipt(load(receipt, _MOST_PAPER))
    document = DDO.from_dict(read_json(ddo)) if ddo else DDO.from_bytes(block(read.job.terms, app.blocks()))
    read.check(document, files)
    facts = {
        "job": read.job.id,
        "host": f"{read.job.host}, tier {read.tier}, {read.minutes} minutes begun, {read.memory // 2**20:,} MiB",
        "code": str(read.job.code),
        "data": f"{read.job.data} version {read.job.data_version}",
        "came out": "\n".join(f"{one.path}: {one.cid}" for one in read.outputs),
    }
    app.console.result(read.statement(), facts=facts)


for _one in (run_, redundant, compare, bid, pay, settle, dispute, decide, close, withdraw):
    compute.add_command(_one)

# --- Below ---------------------------------------------------------------------------------------


def _mine(app: App, job: str) -> OrderedJob | None:
    """The job of this name that the account ordered, None if it did not."""
    from registry.errors import JobNotFound

    jobs = app.registry(to="ask for a job").jobs
    try:
        return jobs.at(job)
    except JobNotFound:
        return None


def _paid(app: App, job: str) -> EscrowedJob | None:
    """The job in escrow that the account pays for, under the name that it has there, None if there is none."""
    from registry.errors import JobNotFound

    registry = app.registry(to="end a job")
    try:
        found = registry.jobs.escrow.find(job)
    except JobNotFound:
        return None
    return found if found.consumer == registry.address else None


def _desk(app: App, data: tuple[str, ...] = (), engine: str = "local") -> JobDesk:
    from registry.text.numbers import digits_or_text

    places: dict[Any, str] = {}
    for text in data:
        asset, equals, path = text.partition("=")
        if not equals or not path:
            raise click.BadParameter(f"{text!r} is not ASSET=PATH.", param_hint="--data")
        places[digits_or_text(asset)] = path
    return app.registry(to="run jobs").jobs.desk(places, engine=engine)


def _write(desk: JobDesk, entry: JobEntry, out: str) -> None:
    """Write what is for the consumer; the same again is fine."""
    from registry.system.disk import save

    if entry.receipt is None:
        return
    sealed, receipt = desk.result(entry.id)
    folder = f"{out.rstrip('/')}/"
    save(folder, f"{entry.id[:16]}.age", sealed)
    save(folder, f"{entry.id[:16]}.receipt.json", receipt)


def _told(entry: JobEntry) -> dict[str, Any]:
    job = entry.job
    return {
        "job": entry.id,
        "state": entry.state,
        "why": entry.why,
        "consumer": job.consumer,
        "data": job.data,
        "code": str(job.code),
        "params": dict(job.params),
        "bytes": entry.taken,
    }


def _ordered(kept: KeptOrder) -> dict[str, Any]:
    job = kept.order.job
    told = {"job": kept.id, "state": kept.state or "not handed in", "over": kept.over, "url": kept.url}
    return {**told, "offering": job.offering, "code": str(job.code), "params": dict(job.params), "until": job.until}


def _ordered_table(kept: Sequence[KeptOrder]) -> Table:
    from registry.cli.console import table_of, when

    table = table_of("Jobs that you ordered", "job", "state", "offering", "code", "host", "may be begun until")
    for one in kept:
        job = one.order.job
        until = "" if one.over else when(job.until)
        table.add_row(one.id[:16], one.state or "not handed in", job.offering, str(job.code), one.url, until)
    return table


def _show(app: App, entry: JobEntry) -> None:
    app.console.result(_told(entry), facts={"job": entry.id, "state": entry.state})


def _table(entries: Sequence[JobEntry]) -> Table:
    from registry.cli.console import table_of, when

    table = table_of("Jobs", "job", "state", "why", "consumer", "code", "bytes", "asked")
    for entry in entries:
        cells = (entry.id[:16], entry.state, entry.why, entry.job.consumer, str(entry.job.code))
        table.add_row(*cells, f"{entry.taken:,}", when(entry.asked))
    return table
