"""Teams: found one, propose, read in words, sign, execute; the proposals are files that people send each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from registry.cli.batch import BatchCommand, Within, call_others, pair, pay, run_as, words_argument
from registry.cli.command import (
    OUTFILE,
    Group,
    Whole,
    abi_option,
    allow_unread_option,
    call_option,
    command,
    dry_run_option,
    hidden_option,
)

if TYPE_CHECKING:
    from registry.assets.drafting import Draft
    from registry.cli.app import App
    from registry.client import Registry
    from registry.teams.proposal_file import TeamProposal
    from registry.teams.team_results import ProposalStatus

TYPES: Final = ("dataset", "model", "algorithm", "app", "notebook", "other")

out_option = click.option("--out", type=OUTFILE, help="Write the proposal here; into a folder under a name of its own.")
note_option = click.option("--note", default="", help="Words for the others; they are not signed.")
nonce_option = click.option("--nonce", type=Whole(0), help="Place in the team's order; by default the next.")


@click.group("team", cls=Group)
def team() -> None:
    """Own assets together: a Safe whose owners propose, sign and execute, with files and no service."""


@command(
    "create",
    group=team,
    examples=[
        'registry team create 0xANN 0xBOB 0xCLEO --threshold 2 --share "0xANN=50 %" --share "0xBOB=50 %"',
        "registry team create 0xANN 0xBOB --threshold 2 --publish model/ --name Llama --type model --license MIT",
    ],
)
@click.argument("owners", nargs=-1, required=True)
@click.option("--threshold", type=Whole(), required=True, help="How many of them decide.")
@click.option(
    "--share", "shares", multiple=True, metavar="ACCOUNT=SHARE", help='"0xANN=33.3 %" or a weight; repeatable.'
)
@click.option("--salt", type=Whole(), default=0, help="Tells teams of the same people apart.")
@click.option("--publish", "path", type=click.Path(), help="Publish this folder or file as the team's first asset.")
@click.option("--name", help="Name of the asset.")
@click.option("--type", "kind", type=click.Choice(TYPES), help="What the asset is.")
@click.option("--license", "license_", metavar="SPDX|URL", help="Licence of its content.")
@click.option("--licence", "licences", multiple=True, metavar="SPEC", help="An offer, as for 'publish'; repeatable.")
@hidden_option
@dry_run_option
def create(
    app: App, owners: tuple[str, ...], threshold: int, shares: tuple[str, ...], salt: int, dry_run: bool, **asset: Any
) -> None:
    """Found a team of OWNERS, with a splitter for its revenue and, if wanted, a first asset, in one transaction.

    Run again with the same people, threshold and salt, it finds the team and makes only what is missing.
    """
    draft = _draft(**asset)
    with app.progress():
        registry = app.registry(to="found a team")
        made = registry.teams.create(
            owners, threshold=threshold, shares=_shares(shares), publish=draft, salt=salt, dry_run=dry_run
        )
    facts = {
        "team": made.address,
        "decides": f"{made.threshold} of {len(made.owners)}",
        "owners": ", ".join(made.owners),
        "splitter": made.splitter or "none: the revenue stays with the team",
        "asset": str(made.asset) if made.asset is not None else "",
        "network": str(made.cost) if made.tx or dry_run else "nothing was sent: it was there",
    }
    app.console.result(made, facts={name: value for name, value in facts.items() if value})


@command("show", group=team, examples=["registry team show 0xTEAM"])
@click.argument("address")
def show(app: App, address: str) -> None:
    """Show who decides for a team, and how far it is."""
    found = app.registry().teams.get(address)
    facts = {
        "team": found.address,
        "decides": f"{found.threshold} of {len(found.owners)}",
        "owners": ", ".join(found.owners),
        "splitter": found.splitter or "none that an owner set up",
        "next nonce": str(found.nonce),
        "Safe": found.version,
    }
    app.console.result(found, facts=facts)


@command(
    "propose",
    group=team,
    cls=BatchCommand,
    examples=[
        "registry team propose 0xTEAM --out net.json publish net/ --name Net --type model --license MIT",
        'registry team propose 0xTEAM --out week.json reprice 1 month "15 USD" + payout 1 0xSPLITTER',
        'registry team propose 0xTEAM --out pay.json --pay "0xANN=100 USD" --note "October"',
        'registry team propose 0xTEAM --out stake.json --call "0xPOOL=0xa694..." --abi "stake(uint256)"',
    ],
)
@click.argument("address")
@words_argument
@click.option("--pay", "payments", multiple=True, metavar="ACCOUNT=AMOUNT", help="Pay from the team; repeatable.")
@call_option
@abi_option
@allow_unread_option
@note_option
@nonce_option
@out_option
@click.pass_context
def propose(
    ctx: click.Context,
    app: App,
    address: str,
    words: tuple[Within, ...],
    payments: tuple[str, ...],
    calls: tuple[str, ...],
    abi: tuple[str, ...],
    allow_unread: bool,
    note: str,
    nonce: int | None,
    out: str | None,
) -> None:
    """Propose what the team should do: other commands of 'registry', as the team, with + between several.

    Options of 'propose' itself stand before the first of them. All are tried on the chain together; nothing is sent.
    Several become one batch: all of it happens, or nothing.
    """
    registry = app.registry()
    with registry.teams.collect(address) as act:
        run_as(ctx, app, act, words)
        pay(act, payments)
        call_others(act, calls, abi)
    proposal = registry.teams.propose(address, act, note=note, nonce=nonce, allow_unread=allow_unread)
    _write(app, registry, proposal, out)


@command("describe", group=team, examples=["registry team describe week.json"])
@click.argument("file")
@allow_unread_option
def describe(app: App, file: str, allow_unread: bool) -> None:
    """Say in words what a proposal would do, with the hashes to compare before signing. FILE may be a CID."""
    registry = app.registry()
    _tell(app, registry, _read(registry, file), allow_unread)


@command(
    "sign",
    group=team,
    examples=[
        "registry team sign week.json",
        "registry team sign week.json --on-chain",
        "registry team sign week.json --for 0xSAFE",
    ],
)
@click.argument("file")
@click.option("--eth-sign", is_flag=True, help="As a personal message, for wallets that know no typed data.")
@click.option("--on-chain", is_flag=True, help="Agree by a transaction instead of a signature.")
@click.option("--for", "owner", metavar="SAFE", help="For this Safe, which is an owner, as one of its owners.")
@allow_unread_option
@out_option
def sign(
    app: App, file: str, eth_sign: bool, on_chain: bool, owner: str | None, allow_unread: bool, out: str | None
) -> None:
    """Show a proposal in words, ask, sign it, and write it back. FILE may be a CID if --out is given.

    What cannot be read to its last byte is not signed, and its bytes are shown.
    """
    if sum(map(bool, (eth_sign, on_chain, owner))) > 1:
        raise click.UsageError("--eth-sign, --on-chain and --for exclude each other.")
    registry = app.registry(to="sign a proposal")
    proposal = _read(registry, file)
    for line in str(registry.teams.describe(proposal, allow_unread=allow_unread)).splitlines():
        app.console.note(line)
    app.agree(f"Sign {proposal}?")
    if on_chain:
        signed = registry.teams.approve_hash(proposal, allow_unread=allow_unread)
    else:
        kind: Literal["eth_sign", "eip712"] = "eth_sign" if eth_sign else "eip712"
        signed = registry.teams.sign(proposal, kind=kind, owner=owner, allow_unread=allow_unread)
    _write(app, registry, signed, out or file)


@command("merge", group=team, examples=["registry team merge from-ann.json from-bob.json --out week.json"])
@click.argument("files", nargs=-1, required=True)
@out_option
def merge(app: App, files: tuple[str, ...], out: str | None) -> None:
    """Put the signatures of several FILES of one proposal together."""
    registry = app.registry()
    _write(app, registry, registry.teams.merge(*(_read(registry, file) for file in files)), out)


@command(
    "execute", group=team, examples=["registry team execute week.json", "registry team execute week.json --dry-run"]
)
@click.argument("file")
@dry_run_option
def execute(app: App, file: str, dry_run: bool) -> None:
    """Carry out a proposal that enough owners have signed. Anybody may, and pays the fee."""
    registry = app.registry(to="execute a proposal")
    done = registry.teams.execute(_read(registry, file), dry_run=dry_run)
    if app.console.as_json:
        value = {"proposal": _value(done.proposal), "cost": done.cost, "tx": done.tx, "assets": done.assets}
        value["before"] = done.before
        app.console.result(value)
        return
    app.console.say(f"{'Nothing to do:' if done.before else 'Would' if dry_run else 'Done:'} {done}")
    for asset in done.assets:
        app.console.say(f"Published {asset}")


@command("reject", group=team, examples=["registry team reject 0xTEAM --nonce 4 --out no.json"])
@click.argument("address")
@nonce_option
@note_option
@out_option
def reject(app: App, address: str, nonce: int | None, note: str, out: str | None) -> None:
    """Propose to do nothing at a nonce: executed, it takes the place of every other proposal there."""
    registry = app.registry()
    _write(app, registry, registry.teams.reject(address, nonce, note=note), out)


@command("pending", group=team, examples=["registry team pending 0xTEAM proposals/"])
@click.argument("address")
@click.argument("folder", type=click.Path())
def pending(app: App, address: str, folder: str) -> None:
    """List the proposals of a team in a FOLDER by nonce, and what became of them."""
    from registry.cli.console import table_of

    found = app.registry().teams.pending(folder, address)
    table = table_of(f"Proposals of {address}", "nonce", "state", "signatures", "note", "file")
    for entry in found:
        nonce = str(entry.proposal.nonce) if entry.proposal else ""
        signed = str(len(entry.proposal.signatures)) if entry.proposal else ""
        more = f", {entry.missing} missing" if entry.missing else ""
        note = entry.reason if entry.state == "refused" or not entry.proposal else _line(entry.proposal.note)
        table.add_row(nonce, entry.state, signed + more, note, entry.path)
    app.console.result([_pending_value(entry) for entry in found], table=table)


# --- Below the commands ------------------------------------------------------------------------------


def _shares(shares: tuple[str, ...]) -> dict[str, str | int] | None:
    from registry.errors import InputError
    from registry.text.numbers import digits_or_text

    found: dict[str, str | int] = {}
    for text in shares:
        account, share = pair(text, "--share", "0xANN=33.3 %")
        if account in found:
            raise InputError(f"{account} has more than one share.", hint="Add its shares up.")
        found[account] = digits_or_text(share)
    return found or None


def _draft(
    path: str | None,
    name: str | None,
    kind: str | None,
    license_: str | None,
    licences: tuple[str, ...],
    hidden: bool,
) -> Draft | None:
    from registry.assets.drafting import Draft
    from registry.documents.licence_spec import parse_licence

    if path is None and not any((name, kind, license_, licences)):
        return None
    if not (name and kind and license_):
        raise click.UsageError("An asset needs --name, --type and --license.")
    offers = [parse_licence(spec) for spec in licences]
    taken: Any = {"name": name, "type": kind, "license": license_}
    return Draft(path=path, licences=offers, hidden=hidden, **taken)


def _read(registry: Registry, file: str) -> TeamProposal:
    from registry.teams.proposal_file import TeamProposal

    if not Path(file).exists() and file.startswith(("ipfs://", "baf")):
        return registry.teams.from_cid(file.removeprefix("ipfs://"))
    return TeamProposal.load(file)


def _write(app: App, registry: Registry, proposal: TeamProposal, out: str | None) -> None:
    """Write a proposal to its file and into the store, and say what it is."""
    path = proposal.save(out) if out is not None else None
    cid = registry.teams.put(proposal)
    # Whoever got here has agreed to what cannot be read, if there is any.
    told = registry.teams.describe(proposal, allow_unread=True)
    value = {**_value(proposal), "cid": str(cid), "path": str(path) if path else None}
    app.console.answer(str(told), value)
    if not app.console.as_json:
        app.console.facts({"file": str(path) if path else "none, see --out", "CID": str(cid)})


def _tell(app: App, registry: Registry, proposal: TeamProposal, allow_unread: bool) -> None:
    told = registry.teams.describe(proposal, allow_unread=allow_unread)
    value = {**_value(proposal), "calls": told.calls, "domainHash": told.domain_hash, "messageHash": told.message_hash}
    app.console.answer(str(told), value)


def _value(proposal: TeamProposal) -> dict[str, Any]:
    return proposal.to_dict()


def _pending_value(entry: ProposalStatus) -> dict[str, Any]:
    proposal = _value(entry.proposal) if entry.proposal else None
    return {
        "state": entry.state,
        "missing": entry.missing,
        "reason": entry.reason,
        "path": entry.path,
        "proposal": proposal,
    }


def _line(text: str) -> str:
    from registry.calls.words import clean

    return clean(text)


__all__ = ["team"]
