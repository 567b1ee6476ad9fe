"""The sandbox itself: what this machine reaches, and the environments that code is locked to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import OUTFOLDER, Group, command

if TYPE_CHECKING:
    from registry.cli.app import App


@click.group("sandbox", cls=Group)
def sandbox() -> None:
    """Where strangers' code runs and their files are read: what this machine stops, and locked environments."""


@command("check", group=sandbox, examples=["registry sandbox check"])
def check(app: App) -> None:
    """Try to break out of the sandbox of this machine, and say which tier it reaches and what that stops.

    Ends with 1 unless tier 2 is reached and every attempt was blocked. Nothing ever runs in a lower tier than was
    asked for."""
    from registry.cli.console import table_of
    from registry.sandbox import check as checking

    with app.progress():
        found = checking.check()
    if app.console.as_json:
        app.console.document(
            {
                "reach": found.reach,
                "tiers": found.tiers,
                "untried": found.untried,
                "engine": found.engine,
                "help": found.help,
                "sound": found.sound,
            }
        )
    else:
        tiers = sorted(found.tiers, reverse=True)
        table = table_of("What was tried", "attempt", *(f"tier {tier}" for tier in tiers))
        for name in next(iter(found.tiers.values()), {}):
            words = [found.tiers[tier][name] for tier in tiers]
            table.add_row(name.replace("_", " "), *(f"OPEN: {got}" if got else "blocked" for got in words))
        app.console.table(table)
        app.console.say(f"This machine reaches tier {found.reach.tier.value}: {_STOPS[found.reach.tier.value]}")
        for tier, why in found.untried.items():
            app.console.say(f"Tier {tier} was not tried: {why}. {found.help if tier == 3 else ''}".strip())
        if found.engine is not None:
            kind = "without root" if found.engine.rootless else "with root"
            app.console.say(f"Tier 3: {found.engine.name}, {kind}, runs images that are named by their digest.")
        app.console.say(f"More is not reached: {found.reach.why}. {found.reach.hint}".strip())
    click.get_current_context().exit(0 if found.sound else 1)


_STOPS = {
    0: "nothing. Run your own code only.",
    1: "no network and no files of others; it sees names and sizes of files, and shares the disk and the account.",
    2: "nothing of the machine is there but the kernel. That is the default for strangers' code and gated data.",
}


@command(
    "crate",
    group=sandbox,
    examples=["registry sandbox crate run.json crate/ --license CC-BY-4.0"],
)
@click.argument("record")
@click.argument("folder", type=OUTFOLDER)
@click.option("--license", "license_", required=True, metavar="SPDX|URL", help="Licence of the whole.")
@click.option("--name", default="", help="Its title.")
@click.option("--author", default="", help="Who ran it.")
def crate(app: App, record: str, folder: str, license_: str, name: str, author: str) -> None:
    """Write a run as an RO-Crate to FOLDER, for journals and archives: code, outputs, and how the one became the other.

    RECORD is the file that 'registry run' wrote, or a CID. Inputs are named by DID and CID, and not copied.
    """
    from registry.cli.experiments import record_of
    from registry.sandbox.runs.rocrate import write_crate

    found = record_of(app, record)
    written = write_crate(found, app.blocks(), Path(folder), license=license_, name=name, author=author)
    app.console.answer(f"{written}", {"metadata": str(written), "record": found.cid})


@command(
    "lock",
    group=sandbox,
    examples=["registry sandbox lock examples/penguin_model", "registry sandbox lock . --python 3.12"],
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--python", metavar="VERSION", help="For this Python; by default what run.toml says, or else this one.")
def lock(app: App, folder: Path, python: str | None) -> None:
    """Turn the requirements of the code in FOLDER into a lock: wheels by their hashes, kept in the store as content.

    Writes run.lock.json beside run.toml. Wheels only: to build a source distribution is to run it.
    """
    from registry.errors import InputError, WouldOverwrite
    from registry.sandbox.runs.code import read_lock, requirements_of
    from registry.sandbox.runs.lock import LOCK_FILE, make_lock
    from registry.system.disk import write_whole

    target = folder / LOCK_FILE
    if os.path.lexists(target):
        # A lock is made anew; what is none stays as it is.
        try:
            read_lock(target)
        except InputError:
            raise WouldOverwrite(target, "and is no lock") from None
    requirements, version = requirements_of(folder)
    with app.progress():
        made = make_lock(requirements, app.store(), python=python or version, progress=app.tick)
    write_whole(target, made.to_bytes())
    size = sum(wheel.size for wheel in made.wheels)
    app.console.answer(
        f"{target}: {len(made.wheels)} wheels, {size:,} bytes, for Python {made.python}, {made.platform}.",
        made.to_dict(),
    )
