"""Votes: by a transaction, or by ballots that are signed into files, collected, and relayed by anybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import OUTFILE, Whole, allow_unread_option, command, dry_run_option, proposal_argument

if TYPE_CHECKING:
    from rich.table import Table

    from registry.cli.app import App
    from registry.client import Registry
    from registry.governance.ballot import Ballot
    from registry.governance.voting import CheckedBallot

choice_argument = click.argument("choice", type=click.Choice(["for", "against", "abstain"]))
ballots_argument = click.argument("ballots", nargs=-1, required=True)


@command(
    "vote",
    examples=[
        "registry dao vote 0x12ab34cd for",
        'registry dao vote 0x12ab34cd against --reason "The fee pays for the audits"',
    ],
)
@proposal_argument
@choice_argument
@click.option("--reason", default="", help="Said on chain, for everybody to read.")
@allow_unread_option
@dry_run_option
def vote(app: App, proposal: str, choice: str, reason: str, allow_unread: bool, dry_run: bool) -> None:
    """Show a proposal in words, ask, and vote with all votes that one had when the voting began.

    What cannot be read to its last byte can be voted against only.
    """
    governance = app.registry(to="vote").governance
    cast = governance.vote(proposal, choice, reason=reason, allow_unread=allow_unread, dry_run=True)
    for line in str(governance.describe(cast.proposal)).splitlines():
        app.console.note(line)
    if not dry_run:
        app.agree(f"Vote {choice} the {cast.proposal}?", short=cast.cost.short)
        cast = governance.vote(cast.proposal, choice, reason=reason, allow_unread=allow_unread)
    app.console.answer(f"{'Would' if dry_run else 'Done:'} {cast}", cast)


@command(
    "ballot",
    examples=[
        "registry dao ballot 0x12ab34cd for --out ballots/",
        "registry dao ballot 0x12ab34cd for --for 0xSAFE --out ballots/",
    ],
)
@proposal_argument
@choice_argument
@click.option("--for", "safe", metavar="SAFE", help="For this Safe, as one of its owners; 'relay' joins their ballots.")
@click.option("--nonce", type=Whole(0), help="Number of the ballot; by default the voter's next.")
@allow_unread_option
@click.option("--out", type=OUTFILE, required=True, help="File, or folder for a name of its own.")
def ballot(
    app: App, proposal: str, choice: str, safe: str | None, nonce: int | None, allow_unread: bool, out: str
) -> None:
    """Sign a vote into a file, at no cost: send it to whoever collects, who brings it to the chain."""
    governance = app.registry(to="sign a ballot").governance
    governance.unsigned_ballot(proposal, choice, voter=safe, nonce=nonce, allow_unread=allow_unread)
    told = governance.describe(proposal)
    for line in str(told).splitlines():
        app.console.note(line)
    app.agree(f"Sign a ballot {choice} the {told.proposal}?")
    made = governance.ballot(told.proposal, choice, safe=safe, nonce=nonce, allow_unread=allow_unread)
    path, cid = made.save(out), governance.put_ballot(made)
    facts = {"voter": made.voter, "choice": str(made.choice), "file": str(path), "CID": str(cid)}
    app.console.result({**made.to_dict(), "cid": str(cid), "path": str(path)}, facts=facts)


@command("check-ballots", examples=["registry dao check-ballots 0x12ab34cd ballots/"])
@proposal_argument
@ballots_argument
def check_ballots(app: App, proposal: str, ballots: tuple[str, ...]) -> None:
    """Say which BALLOTS (files, folders, CIDs) would count now, with how many votes, and why others would not."""
    with app.progress():
        registry = app.registry()
        checked = registry.governance.check_ballots(proposal, _read(registry, ballots))
    app.console.result(checked, table=_table("Ballots", [("", one) for one in checked]))


@command(
    "relay", examples=["registry dao relay 0x12ab34cd ballots/", "registry dao relay 0x12ab34cd ballots/ --dry-run"]
)
@proposal_argument
@ballots_argument
@click.option("--batch", type=Whole(1), default=50, show_default=True, help="Ballots in a transaction.")
@dry_run_option
def relay(app: App, proposal: str, ballots: tuple[str, ...], batch: int, dry_run: bool) -> None:
    """Bring BALLOTS (files, folders, CIDs) to the chain, and say who was counted, who was not, and why.

    Anybody may. Interrupted, run it again: it relays what is left.
    """
    with app.progress():
        registry = app.registry(to="relay ballots")
        done = registry.governance.relay(proposal, _read(registry, ballots), batch=batch, dry_run=dry_run)
    listed = {"would count" if dry_run else "counted": done.counted, "counted before": done.before}
    rows = [(news, one) for news, found in {**listed, "refused": done.refused}.items() for one in found]
    app.console.result(done, table=_table(f"{'Would be: ' if dry_run else ''}{done}", rows))


def _table(title: str, rows: list[tuple[str, CheckedBallot]]) -> Table:
    from registry.calls.words import in_votes
    from registry.cli.console import table_of

    table = table_of(title, "voter", "choice", "votes", "")
    for news, one in rows:
        reason = one.problem.message if one.problem is not None and not one.counted else ""
        told = ": ".join(filter(None, (news or ("refused" if reason else "counts"), reason)))
        table.add_row(one.ballot.voter, str(one.ballot.choice), in_votes(one.votes), told)
    return table


def _read(registry: Registry, named: tuple[str, ...]) -> tuple[Ballot, ...]:
    """Every ballot of files, folders and CIDs, each once."""
    from registry.governance.ballot import Ballot, merged
    from registry.system import disk

    found: list[Ballot] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            found += [Ballot.load(file) for file in disk.listed(path)]
        elif not path.exists() and name.startswith(("ipfs://", "baf")):
            found.append(registry.governance.ballot_from_cid(name.removeprefix("ipfs://")))
        else:
            found.append(Ballot.load(path))
    return merged(found)
