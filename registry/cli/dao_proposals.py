"""Proposals: draft, try, submit, read, and carry them through to their end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.batch import YAML, BatchCommand, Within, call_others, pay, run_as, words_argument
from registry.cli.command import (
    Real,
    abi_option,
    allow_unread_option,
    call_option,
    command,
    dry_run_option,
    proposal_argument,
)

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.client import Registry
    from registry.governance.drafts import ProposalDraft
    from registry.governance.standing import Proposal


@command(
    "propose",
    cls=BatchCommand,
    file="proposal.yaml",
    examples=[
        "registry dao propose fee.yaml",
        'registry dao propose --title "Pay the auditors" --body why.md --pay "0xANN=250 USD"',
        'registry dao propose --dry-run --title "Retire asset 7" retire 7',
    ],
)
@words_argument
@click.option("--title", default="", help="One line; in a YAML file it is 'title'.")
@click.option("--body", type=click.Path(path_type=Path), help="File with the body in Markdown.")
@click.option("--pay", "payments", multiple=True, metavar="ACCOUNT=AMOUNT", help="Pay from the treasury; repeatable.")
@call_option
@abi_option
@allow_unread_option
@click.option("--force", is_flag=True, help="Propose even if a call would be refused now.")
@click.option("--pinned", is_flag=True, help="The body is pinned elsewhere already: only look whether it is there.")
@dry_run_option
@click.pass_context
def propose(
    ctx: click.Context,
    app: App,
    words: tuple[Within, ...],
    title: str,
    body: Path | None,
    payments: tuple[str, ...],
    calls: tuple[str, ...],
    abi: tuple[str, ...],
    allow_unread: bool,
    force: bool,
    pinned: bool,
    dry_run: bool,
) -> None:
    """Propose what a YAML file says, or other commands of 'registry' as the DAO, with + between several.

    Options of 'propose' itself stand before the first of these. The draft is shown in words and tried on a fork of the
    chain first. The body is pinned in the block store; on chain stands its CID. Nothing is sent if a call would be
    refused, unless with --force.
    """
    from registry.errors import ChainError

    registry = app.registry(to="propose")
    draft = _draft(ctx, app, registry, words, title, body, payments, calls, abi, allow_unread)
    governance = registry.governance
    made = governance.propose(draft, force=force, pin=not pinned, allow_unread=allow_unread, dry_run=True)
    app.console.note(str(draft))
    try:
        app.console.note(str(governance.simulate(draft)))
    except ChainError as error:
        if not force:
            raise
        app.console.note(f"! not tried: {error.message}")
    if not dry_run:
        app.agree(f"Submit the {draft}?", short=made.cost.short)
        made = governance.propose(draft, force=True, pin=not pinned, allow_unread=allow_unread)
    facts = {
        "proposal": f"0x{made.id:064x}",
        "title": made.title,
        "body": f"ipfs://{made.cid}",
        "network": str(made.cost) if made.tx or dry_run else "nothing was sent: it was proposed before",
    }
    app.console.result(made, facts=facts)


@command("simulate", examples=["registry dao simulate fee.yaml", "registry dao simulate 0x12ab34cd"])
@click.argument("what")
@allow_unread_option
def simulate(app: App, what: str, allow_unread: bool) -> None:
    """Try a YAML file, or a proposal on chain, on a fork of the chain: what it would do, and what would be refused.

    Nothing is sent, and the chain is left alone.
    """
    if what.endswith(YAML):
        registry = app.registry(to="draft a proposal")
        tried = registry.governance.simulate(registry.governance.read_draft(what, allow_unread=allow_unread))
    else:
        tried = app.registry().governance.simulate(what)
    value = {
        "succeeds": tried.succeeds,
        "by": tried.by,
        "time": tried.time,
        "gas": tried.gas,
        "effects": tried.effects,
        "balances": tried.balances,
        "settings": tried.settings,
        "unbound": tried.unbound,
    }
    app.console.answer(str(tried), value)


@command("show", examples=["registry dao show 0x12ab34cd"])
@proposal_argument
def show(app: App, proposal: str) -> None:
    """Show a proposal in words: its body, its calls, what is suspicious, how the vote stands, what comes next."""
    told = app.registry().governance.describe(proposal)
    value = {
        **told.proposal.to_dict(),
        "text": told.body.text if told.body else None,
        "calls": told.calls,
        "warnings": told.warnings,
    }
    app.console.answer(str(told), value)


@command("list", examples=["registry dao list", "registry dao list --state active"])
@click.option("--state", help="Only those that are pending, active, succeeded, queued, executed, ...")
def list_(app: App, state: str | None) -> None:
    """List the proposals, the newest first, and what comes next for each."""
    from registry.calls.words import clean, in_votes
    from registry.cli.console import table_of
    from registry.governance.standing import short

    found = app.registry().governance.proposals(state=state)
    table = table_of("Proposals", "id", "title", "state", "for", "against", "abstain", "next")
    for one in found:
        votes = (in_votes(units) for units in (one.for_votes, one.against_votes, one.abstain_votes))
        table.add_row(short(one.id), clean(one.title), str(one.state), *votes, one.next)
    app.console.result(found, table=table)


@command("queue", examples=["registry dao queue 0x12ab34cd"])
@proposal_argument
@dry_run_option
def queue(app: App, proposal: str, dry_run: bool) -> None:
    """Queue a proposal that succeeded, so that its delay begins. Anybody may."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="queue a proposal").governance.queue(proposal, dry_run=dry_run))


@command("execute", examples=["registry dao execute 0x12ab34cd"])
@proposal_argument
@dry_run_option
def execute(app: App, proposal: str, dry_run: bool) -> None:
    """Carry out a proposal whose delay has passed. Anybody may."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="execute a proposal").governance.execute(proposal, dry_run=dry_run))


@command("cancel", examples=["registry dao cancel 0x12ab34cd"])
@proposal_argument
@dry_run_option
def cancel(app: App, proposal: str, dry_run: bool) -> None:
    """Cancel a proposal: as its proposer before the voting, or as the guardian."""
    from registry.cli.views import show_done

    registry = app.registry(to="cancel a proposal")
    found = registry.governance.proposal(proposal)
    if not dry_run:
        app.agree(f"Cancel the {found}?")
    show_done(app, registry.governance.cancel(found, dry_run=dry_run))


@command("watch", examples=["registry dao watch 0x12ab34cd --timeout 600"])
@proposal_argument
@click.option("--timeout", type=Real(0), default=3600.0, show_default=True, help="Seconds, at most.")
@click.option("--poll", type=Real(0.1), default=2.0, show_default=True, help="Seconds between looks.")
def watch(app: App, proposal: str, timeout: float, poll: float) -> None:
    """Watch a proposal until it has ended: its state, its votes, what is missing and what comes next."""
    seen = []
    for found in app.registry().governance.watch(proposal, timeout=timeout, poll=poll):
        seen.append(found.to_dict())
        app.console.say(line(found))
    if app.console.as_json:
        app.console.document(seen)


def line(found: Proposal) -> str:
    """Where a proposal stands, on one line."""
    from registry.calls.words import in_votes
    from registry.governance.standing import local

    votes = "{} for, {} against, {} abstain".format(
        *map(in_votes, (found.for_votes, found.against_votes, found.abstain_votes))
    )
    return f"{local(found.now)}  {found.state}: {votes}; {found.next}"


def _draft(
    ctx: click.Context,
    app: App,
    registry: Registry,
    words: tuple[Within, ...],
    title: str,
    body: Path | None,
    payments: tuple[str, ...],
    calls: tuple[str, ...],
    abi: tuple[str, ...],
    allow_unread: bool,
) -> ProposalDraft:
    from registry.errors import DescriptionTooLong, InvalidDraft
    from registry.governance.drafts import MAX_BODY
    from registry.system import disk

    governance = registry.governance
    if len(words) == 1 and words[0].name.endswith(YAML):
        if title or body or payments or calls or abi:
            raise click.UsageError("A YAML file has title, body, payments and calls in it.")
        return governance.read_draft(words[0].name, allow_unread=allow_unread)
    text = ""
    if body is not None:
        try:
            data = disk.read(body, MAX_BODY)
            text = data.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidDraft(body, f"it cannot be read ({error})", hint="Check the name of the file.") from error
        if len(data) > MAX_BODY:
            raise DescriptionTooLong(len(data), MAX_BODY)
    with governance.collect() as act:
        run_as(ctx, app, act, words)
        pay(act, payments)
        call_others(act, calls, abi)
    return governance.draft(act, title=title, body=text, allow_unread=allow_unread)
