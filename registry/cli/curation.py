"""Curation: flags with bonds, answers, appeals, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import ASSET, Group, Whole, account_option, asset_argument, command, dry_run_option

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.governance.curation import Case, Filed
    from registry.governance.pinned_documents import Document

reason_option = click.option(
    "--reason", required=True, metavar="TEXT|@FILE", help="What is wrong, as text, or as the file after @."
)
token_option = click.option("--token", help="Which bond to put up, where there are several.")
max_bond_option = click.option("--max-bond", metavar="AMOUNT", help="The most to put up; by default what it is now.")
case_argument = click.argument("case", type=Whole(1))


@click.group("curation", cls=Group)
def curation() -> None:
    """Flag assets, answer, appeal. The DAO or its council decides; a delisting stops new sales and nothing else."""


@command(
    "flag",
    group=curation,
    examples=[
        'registry curation flag 7 --reason "Its licence was not the publisher\'s to give."',
        "registry curation flag 7 --reason @why.md --dry-run",
    ],
)
@asset_argument
@reason_option
@token_option
@max_bond_option
@dry_run_option
def flag(app: App, asset: int | str, reason: str, token: str | None, max_bond: str | None, dry_run: bool) -> None:
    """Say, with a bond, what is wrong with an asset.

    The bond comes back if the flag is upheld or nobody decides; else it is the owner's.
    """
    registry = app.registry(to="flag an asset")
    _show_filed(
        app,
        registry.governance.flag(asset, _document(reason), token=token, max_bond=max_bond, dry_run=dry_run),
    )


@command("appeal", group=curation, examples=["registry curation appeal 7 --reason @appeal.md"])
@asset_argument
@reason_option
@token_option
@max_bond_option
@dry_run_option
def appeal(app: App, asset: int | str, reason: str, token: str | None, max_bond: str | None, dry_run: bool) -> None:
    """Appeal against a delisting, to the DAO: by the owner, with a bond that is lost if the appeal is in vain."""
    registry = app.registry(to="appeal")
    _show_filed(
        app,
        registry.governance.appeal(asset, _document(reason), token=token, max_bond=max_bond, dry_run=dry_run),
    )


@command("answer", group=curation, examples=["registry curation answer 3 --reason @answer.md"])
@case_argument
@reason_option
@dry_run_option
def answer(app: App, case: int, reason: str, dry_run: bool) -> None:
    """Answer a flag, once, within seven days: by the owner of the asset."""
    from registry.cli.views import show_done

    registry = app.registry(to="answer")
    show_done(app, registry.governance.answer(case, _document(reason), dry_run=dry_run))


@command("show", group=curation, examples=["registry curation show 3"])
@case_argument
def show(app: App, case: int) -> None:
    """Show a case, with the texts of both sides if they can be read."""
    from registry.calls.words import clean
    from registry.errors import ContentError

    governance = app.registry().governance
    found = governance.case(case)
    texts = {}
    for name, cid in (("reason", found.reason), ("answer", found.answer)):
        if cid is None:
            continue
        try:
            texts[name] = governance.document(cid)
        except ContentError as error:
            texts[name] = f"({error.message})"
    facts = _facts(found)
    if not app.console.as_json:
        facts |= {name: "\n" + "\n".join(clean(line) for line in text.splitlines()) for name, text in texts.items()}
    app.console.result({"case": found, "texts": texts}, facts=facts)


@command("cases", group=curation, examples=["registry curation cases", "registry curation cases 7 --open"])
@click.argument("asset", type=ASSET, required=False)
@click.option("--open", "open_only", is_flag=True, help="Only those that are open.")
def cases(app: App, asset: int | str | None, open_only: bool) -> None:
    """List the cases, of one asset or of all."""
    from registry.cli.console import table_of, when

    found = app.registry().governance.cases(asset, open_only=open_only)
    table = table_of("", "case", "what", "asset", "state", "by", "bond", "opened")
    for one in found:
        kind, state = "appeal" if one.appeal else "flag", one.state.name.lower()
        answered = ", answered" if one.answer else ""
        table.add_row(
            str(one.number),
            kind,
            str(one.did.asset_id),
            f"{state}{answered}",
            one.claimant,
            str(one.bond),
            when(one.opened_at),
        )
    app.console.result(found, table=table)


@command("bonds", group=curation, examples=["registry curation bonds", "registry curation bonds --account 0xANN"])
@account_option
def bonds(app: App, account: str | None) -> None:
    """Show what a flag costs, and which bonds an account may withdraw."""
    registry = app.registry()
    holder = account or (registry.address if registry.signer else None)
    costs = registry.governance.bonds()
    held = registry.governance.bonds_of(holder) if holder else ()
    facts = {"a flag costs": " or ".join(map(str, costs)) or "nobody can flag: no bond is set"}
    if holder:
        facts[f"{holder} may withdraw"] = ", ".join(map(str, held)) or "nothing"
    app.console.result({"costs": costs, "account": holder, "withdrawable": held}, facts=facts)


@command(
    "withdraw", group=curation, examples=["registry curation withdraw", "registry curation withdraw USD --to 0xANN"]
)
@click.argument("token", required=False)
@click.option("--to", metavar="ADDRESS", help="Send them there; by default to the signer.")
@dry_run_option
def withdraw(app: App, token: str | None, to: str | None, dry_run: bool) -> None:
    """Take out the bonds that are the signer's."""
    from registry.cli.views import show_done

    registry = app.registry(to="withdraw bonds")
    show_done(app, registry.governance.withdraw_bonds(token, to=to, dry_run=dry_run))


@command("lapse", group=curation, examples=["registry curation lapse 3"])
@case_argument
@dry_run_option
def lapse(app: App, case: int, dry_run: bool) -> None:
    """Close a case that nobody decided within 90 days, so that the bond goes back: anybody may."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="close a case").governance.lapse(case, dry_run=dry_run))


@command("relist", group=curation, examples=["registry curation relist 7"])
@asset_argument
@dry_run_option
def relist(app: App, asset: int | str, dry_run: bool) -> None:
    """Let an asset be sold again whose delisting is over: anybody may."""
    from registry.cli.views import show_done

    show_done(app, app.registry(to="end a delisting").governance.relist(asset, dry_run=dry_run))


def _document(reason: str) -> Document:
    from registry.errors import InputError
    from registry.ipfs.cid import CID

    if reason.startswith("@"):
        return Path(reason[1:])
    if reason.startswith("ipfs://"):
        return CID.parse(reason.removeprefix("ipfs://"))
    if not reason.strip():
        raise InputError("A reason says something.", hint="Write it, or name a file as @why.md.")
    return reason


def _facts(case: Case) -> dict[str, str]:
    from registry.cli.console import when

    facts = {
        "case": f"{case.number}, {'an appeal' if case.appeal else 'a flag'}",
        "asset": str(case.did),
        "state": case.state.name.lower(),
        "by": case.claimant,
        "bond": str(case.bond),
        "opened": when(case.opened_at),
        "answer until": when(case.answer_until) if case.answer_until else "",
        "lapses at": when(case.lapses_at),
        "reason in": f"ipfs://{case.reason}",
        "answer in": f"ipfs://{case.answer}" if case.answer else "",
    }
    return {name: value for name, value in facts.items() if value}


def _show_filed(app: App, filed: Filed) -> None:
    facts = {
        "case": str(filed.number) if filed.number else "would be opened; nothing was sent",
        "asset": str(filed.did),
        "bond": str(filed.bond),
        "reason in": f"ipfs://{filed.reason}",
        "network": str(filed.cost),
    }
    app.console.result(filed, facts=facts)
