"""Code run on data in the sandbox, and records run again. Needs a chain only for what is named as an asset."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import ASSET, OUTFILE, OUTFOLDER, Real, Whole, command

if TYPE_CHECKING:
    from rich.table import Table

    from registry.cli.app import App
    from registry.compute.commission import JobOptions
    from registry.sandbox.runs.record import RunRecord
    from registry.sandbox.runs.reproducing import Reproduction
    from registry.sandbox.runs.running import Workshop

RECORD_FILE = "run.json"
RECEIPT_FILE = "receipt.json"

inputs_option = click.option(
    "--on",
    "inputs",
    multiple=True,
    metavar="[NAME=]WHAT",
    help="What it reads, at {inputs}/NAME: a folder, a file, an asset or a CID; repeatable.",
)
params_option = click.option(
    "--params", multiple=True, metavar="NAME=VALUE|FILE", help="Parameters, or a file of JSON; repeatable."
)


def workshop(app: App, *named: str) -> Workshop:
    """Where code is run: on a chain if one of the things that were named is an asset, and without one else."""
    from registry.sandbox.runs.running import Workshop

    if any(_is_asset(what) for what in named):
        return app.registry().experiments.workshop
    return Workshop(app.blocks(), app.home, progress=app.tick)


def _is_asset(what: str) -> bool:
    return what.startswith("did:") or (what.isascii() and what.isdigit())


def did_of(app: App, what: str) -> str:
    """A number as the DID that it stands for; all else as it is."""
    return str(app.registry().did(int(what))) if what.isascii() and what.isdigit() else what


def record_of(app: App, what: str) -> RunRecord:
    """A record by its file or its CID. Raises `InputError`, `InvalidRecord` and the content errors."""
    from registry.errors import InputError, InvalidCID
    from registry.ipfs.cid import CID
    from registry.ipfs.store import fetch
    from registry.sandbox.runs.document import MAX_BYTES
    from registry.sandbox.runs.record import RunRecord
    from registry.system.disk import load

    if Path(what).exists():
        return RunRecord.from_bytes(load(what, MAX_BYTES))
    try:
        cid = CID.parse(what.removeprefix("ipfs://"))
    except InvalidCID:
        raise InputError(
            f"{what!r} is neither a file nor a CID.", hint="Name the file that 'registry run' wrote."
        ) from None
    return RunRecord.from_bytes(fetch(cid, app.blocks()))


def inputs_of(named: tuple[str, ...]) -> dict[str, str]:
    """Inputs by their names, as ``NAME=WHAT`` or by the last part of a path. Raises `InputError` for a name twice."""
    from registry.errors import InputError

    inputs: dict[str, str] = {}
    for text in named:
        name, equals, what = text.partition("=")
        if not equals:
            what, name = text, "data" if _is_asset(text) else Path(text).name or "data"
        if name in inputs:
            raise InputError(f"Two inputs are called {name!r}.", hint=f"Name them: --on first={inputs[name]}")
        inputs[name] = what
    return inputs


def params_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """Parameters as ``NAME=VALUE`` (JSON, or else text) or a file of JSON. Raises `InputError`."""
    from registry.cli.look import read_json
    from registry.errors import InputError
    from registry.ipfs.nesting import load_json

    params: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            read = read_json(text)
            if not isinstance(read, dict):
                raise InputError(f"{text!r} is not a JSON object.", hint='Write {"name": value, ...}.')
            params |= read
            continue
        try:
            params[name] = load_json(value)
        except ValueError:
            params[name] = value
    return params


def log_to(app: App) -> Callable[[bytes], object]:
    """What shows the log as it comes: to people, and harmless."""
    from registry.sandbox.bounded_log import readable

    return lambda data: None if app.console.as_json else (sys.stderr.write(readable(data)), sys.stderr.flush())


def limits_of(seconds: float | None, memory: int | None) -> dict[str, Any]:
    """The limits that were named: `seconds`, and `memory` in MiB."""
    limits = {"seconds": seconds, "memory": memory and memory * 2**20}
    return {name: value for name, value in limits.items() if value is not None}


@command(
    "run",
    file="penguin_model/run.toml",
    examples=[
        "registry run train.py --on data/",
        "registry run examples/penguin_model --on penguins=examples/penguins --record run.json",
        "registry run 3 --on penguins=1 --params ridge=0.5 --out model/",
    ],
)
@click.argument("code")
@inputs_option
@params_option
@click.option("--out", type=OUTFOLDER, help="Folder for what it makes; by default a new one beside.")
@click.option("--record", type=OUTFILE, help=f"Write the record there; by default {RECORD_FILE} beside.")
@click.option(
    "--env", "environment", metavar="WHAT", help="Take the locked environment from this folder, asset or CID."
)
@click.option("--seed", type=Whole(), default=0, show_default=True, help="For programs that read REGISTRY_SEED.")
@click.option("--seconds", type=Real(0.01), help="Stop it after this time.")
@click.option("--memory", type=Whole(1), metavar="MIB", help="Stop it above this many MiB of memory in all.")
@click.option("--keep", is_flag=True, help="Keep folders that it reads in the store, so that it can be run again.")
@click.option("--here", is_flag=True, help="Without a sandbox: for your own code on your own data, never a stranger's.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    app: App,
    code: str,
    inputs: tuple[str, ...],
    params: tuple[str, ...],
    out: str | None,
    record: str | None,
    environment: str | None,
    seed: int,
    seconds: float | None,
    memory: int | None,
    keep: bool,
    here: bool,
    arguments: tuple[str, ...],
) -> None:
    """Run CODE on data in the sandbox: no network, no other files, within limits. No chain and no money is needed.

    CODE is a folder with a run.toml, a program, a notebook, an asset or a CID; what follows -- goes to the program.
    What it leaves in {outputs} is yours, with a record by which anybody runs it again ('registry reproduce')."""
    from registry.sandbox.spec import MIB, Tier
    from registry.system.disk import save

    named = {name: did_of(app, what) for name, what in inputs_of(inputs).items()}
    place = workshop(app, code, environment or "", *named.values())
    target = Path(out or tempfile.mkdtemp(prefix="run-", dir="."))
    with app.progress():
        made = place.run(
            did_of(app, code),
            named,
            outputs=target,
            params=params_of(params),
            arguments=arguments or None,
            environment=did_of(app, environment) if environment else None,
            limits=limits_of(seconds, memory),
            seed=seed,
            keep_inputs=keep,
            least=Tier.NONE if here else Tier.BUBBLEWRAP,
            on_log=log_to(app),
        )
    written = save(record or target.with_name(f"{target.name}.{RECORD_FILE}"), RECORD_FILE, made.record.to_bytes())
    for finding in made.record.findings:
        app.console.note(f"Note: {finding.where or 'it'} {finding.what}.".replace(": it ", ": the program: "))
    usage = made.record.usage
    facts = {
        "outputs": f"{target}, {len(made.record.outputs)} files",
        "record": f"{written} (ipfs://{made.record.cid})",
        "took": f"{usage.seconds:.1f} s, {usage.cpu_seconds:.1f} s of processors, {usage.memory / MIB:,.0f} MiB, "
        f"tier {usage.tier}",
        "again": f"registry reproduce {written}",
    }
    value = {"outputs": str(target), "record": str(written), "cid": made.record.cid, "run": made.record.to_dict()}
    app.console.result(value, facts=facts)


@command(
    "reproduce",
    examples=[
        "registry reproduce 2",
        "registry reproduce run.json --on penguins=examples/penguins --out again/",
        'registry reproduce run.json --at 8 --max-total "5 USD" --out again/',
    ],
)
@click.argument("what")
@click.option(
    "--on", "inputs", multiple=True, metavar="NAME=WHAT", help="Where an input is that was nobody's asset; repeatable."
)
@click.option("--out", type=OUTFOLDER, help="Keep what it makes there; a receipt of a host beside.")
@click.option("--seconds", type=Real(0.01), help="Stop it after this time; wait for a job no longer.")
@click.option("--memory", type=Whole(1), metavar="MIB", help="Stop it above this many MiB of memory in all.")
@click.option("--at", type=ASSET, metavar="OFFERING", help="As a job, where data are that stay with their owner.")
@click.option("--max-total", metavar="AMOUNT", help="The most that a job may cost.")
@click.option("--escrow", is_flag=True, help="Pay for a job by the second, in escrow.")
def reproduce(
    app: App,
    what: str,
    inputs: tuple[str, ...],
    out: str | None,
    seconds: float | None,
    memory: int | None,
    at: int | str | None,
    max_total: str | None,
    escrow: bool,
) -> None:
    """Run again what made an asset, or the record in a file, and say of each output: same, close or differs.

    Fetched are the code, the data and the wheels that were pinned; no package index is asked. How close is close
    enough is the author's word, and shown. Data that you have no access to stay where they are: name an offering of
    runs on them (--at), and it is run there, where its host signs what came out. Ends with 0 for same or close, 4 if
    something differs, 5 if it cannot be tried."""
    from registry.errors import CannotReproduce, ContentError, NotFoundError, SandboxUnavailable
    from registry.sandbox.runs.reproducing import CANNOT

    if at is None and (max_total is not None or escrow):
        raise click.UsageError("--max-total and --escrow belong to --at.")
    if at is not None and (inputs or memory is not None):
        raise click.UsageError("--on and --memory belong to runs on this machine, and --at names another.")
    context = click.get_current_context()
    try:
        if at is None:
            done = _reproduce(app, what, inputs, out, seconds, memory)
        else:
            done = _reproduce_at(app, what, at, out, seconds, {"max_total": max_total, "escrow": escrow})
    except (CannotReproduce, SandboxUnavailable, ContentError, NotFoundError) as error:
        app.console.error(error)
        context.exit(CANNOT)
    if app.console.as_json:
        app.console.document(
            {"verdict": done.word, "outputs": done.verdicts, "notes": done.notes, "record": done.record}
        )
    else:
        app.console.table(_table(done))
        for note in done.notes:
            app.console.note(f"Note: {note}.")
        app.console.say(f"{done.word}: {_SENTENCES[done.word]}")
    context.exit(done.exit)


_SENTENCES = {
    "same": "each output is the one that was recorded, byte for byte.",
    "close": "each output is the one that was recorded, within the tolerances of its author.",
    "differs": "not what was recorded.",
    "missing": "not all that was recorded was made.",
    "extra": "more was made than was recorded.",
    "not comparable": "what came out cannot be compared with what was recorded.",
}


def _reproduce(
    app: App, what: str, inputs: tuple[str, ...], out: str | None, seconds: float | None, memory: int | None
) -> Reproduction:
    from registry.sandbox.runs import reproducing

    on = {name: did_of(app, value) for name, value in inputs_of(inputs).items()}
    if _is_asset(what):
        experiments = app.registry().experiments
        record, place = experiments.record(did_of(app, what)), experiments.workshop
    else:
        record = record_of(app, what)
        place = workshop(app, *record.parents, *on.values())
    with tempfile.TemporaryDirectory() as folder, app.progress():
        return reproducing.reproduce(
            record,
            place,
            outputs=Path(out or Path(folder, "outputs")),
            on=on,
            limits=limits_of(seconds, memory),
            on_log=log_to(app),
        )


def _reproduce_at(
    app: App, what: str, at: int | str, out: str | None, seconds: float | None, options: JobOptions
) -> Reproduction:
    """As a job; with `out` the receipt of its host is written beside."""
    from registry.system.disk import refuse_taken, save

    registry = app.registry(to="order a job")
    record = registry.experiments.record(did_of(app, what)) if _is_asset(what) else record_of(app, what)
    if out is not None:
        refuse_taken(Path(out))  # before anything is paid
    if options.get("max_total") is not None:
        app.agree(f"Order a job on {at} for at most {options['max_total']}?")
    with tempfile.TemporaryDirectory() as folder, app.progress():
        outputs = Path(out or Path(folder, "outputs"))
        done = registry.reproduce_at(record, at, outputs=outputs, seconds=seconds or 600.0, **options)
    if out is not None and done.receipt is not None:
        save(f"{out.rstrip('/')}.{RECEIPT_FILE}", RECEIPT_FILE, done.receipt)
    return done


def _table(done: Reproduction) -> Table:
    from registry.cli.console import table_of

    table = table_of("", "output", "verdict", "why", "compared")
    for verdict in done.verdicts:
        table.add_row(verdict.path, verdict.word, verdict.why, verdict.compared)
        for where, *values in verdict.places:
            table.add_row("", "", f"{where}: {' -> '.join(values)}", "")
    return table
