"""What people say of assets: comments, likes, and requests for access."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.cli.command import (
    Group,
    Real,
    Whole,
    account_option,
    asset_argument,
    command,
    dry_run_option,
    licence_argument,
)
from registry.cli.find import hub_option

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.index.conversation import AskedAccess, Remark

MOST_READ = 20_000
"""Letters of a file: more than a statement may have, which then says so."""

text_option = click.option("--text", default="", metavar="TEXT|@FILE", help="What to say, or the file after @.")
request_argument = click.argument("request")


def _words(text: str) -> str:
    """A text, or what is in the file after @."""
    from registry.errors import InputError

    if not text.startswith("@"):
        return text
    try:
        with Path(text[1:]).open(encoding="utf-8") as file:
            return file.read(MOST_READ)
    except (OSError, ValueError) as error:
        raise InputError(f"{text[1:]!r} cannot be read: {error}.", hint="Name a file of text.") from error


def _hubs(hubs: tuple[str, ...]) -> list[str] | None:
    return list(hubs) or None


def _cid(id: str) -> str:
    from registry.ipfs.cid import CID

    return str(CID.from_digest(bytes.fromhex(id[2:])))


@command(
    "comment",
    examples=[
        'registry comment 7 "Two of the files lack a header."',
        "registry comment 7 @review.md",
        'registry comment 7 "Mended in version 3." --answers bafkreiexample',
    ],
)
@asset_argument
@click.argument("text")
@click.option("--answers", metavar="CID", help="The comment that it answers.")
@hub_option
def comment(app: App, asset: int | str, text: str, answers: str | None, hubs: tuple[str, ...]) -> None:
    """Comment on an asset, as its owner or as somebody with access.

    TEXT may be @ and a file. It is signed and public; nothing is sent to the chain, and it costs nothing.
    """
    registry = app.registry(to="comment")
    app.console.result(registry.talk.comment(asset, _words(text), answers=answers, hub=_hubs(hubs)))


@command("like", examples=["registry like 7", "registry like 7 --no-longer"])
@asset_argument
@click.option("--no-longer", is_flag=True, help="Like it no longer.")
@hub_option
def like(app: App, asset: int | str, no_longer: bool, hubs: tuple[str, ...]) -> None:
    """Like an asset, as somebody who paid for a licence of it. It is signed and public."""
    registry = app.registry(to="like an asset")
    app.console.result(registry.talk.like(asset, liked=not no_longer, hub=_hubs(hubs)))


@click.group("talk", cls=Group)
def talk() -> None:
    """Read what is said of an asset; withdraw what you said, fold what is said of yours."""


@command("show", group=talk, examples=["registry talk show 7", "registry talk show 7 --all --json"])
@asset_argument
@click.option("--all", "everything", is_flag=True, help="Also what is folded.")
@hub_option
def show(app: App, asset: int | str, everything: bool, hubs: tuple[str, ...]) -> None:
    """Show what is said of an asset, and how many like it."""
    from registry.cli.console import when

    found = app.registry().talk.of(asset, hub=_hubs(hubs))
    told = {
        "comments": [_remark(one) for one in found.remarks],
        "likes": list(found.likes),
        "requests": [_request(one) for one in found.requests],
    }
    if app.console.as_json:
        app.console.document(told)
        return
    waiting = sum(one.answer is None for one in found.requests)
    app.console.say(
        f"{len(found.remarks)} comments, {len(found.likes)} likes, {waiting} of {len(found.requests)} requests wait."
    )
    for one in found.remarks:
        indent = "  " * min(one.level, 8)
        folded = " (folded)" if one.folded else ""
        app.console.say(
            f"{indent}{_cid(one.id)} by {one.said.account}, {when(one.said.time)}, "
            f"of version {one.said.version}{folded}"
        )
        text = "(withdrawn)" if one.withdrawn else one.said.text
        for line in text.splitlines() if everything or not one.folded else ():
            app.console.say(f"{indent}  {line}")


@command("withdraw", group=talk, examples=["registry talk withdraw 7 bafkreiexample"])
@asset_argument
@click.argument("statement")
@hub_option
def withdraw(app: App, asset: int | str, statement: str, hubs: tuple[str, ...]) -> None:
    """No longer say what you said of an asset: a comment, a request or an answer, by its CID.

    It is shown no more; who has kept it still has it.
    """
    registry = app.registry(to="withdraw what was said")
    app.console.result(registry.talk.withdraw(asset, statement, hub=_hubs(hubs)))


@command(
    "fold",
    group=talk,
    examples=["registry talk fold 7 bafkreiexample", "registry talk fold 7 bafkreiexample --unfold"],
)
@asset_argument
@click.argument("statement")
@click.option("--unfold", is_flag=True, help="Show it as others are shown.")
@hub_option
def fold(app: App, asset: int | str, statement: str, unfold: bool, hubs: tuple[str, ...]) -> None:
    """Have a comment shown folded: as the owner of the asset, or as the council, which has the last word."""
    registry = app.registry(to="fold a comment")
    app.console.result(registry.talk.fold(asset, statement, folded=not unfold, hub=_hubs(hubs)))


@click.group("requests", cls=Group)
def requests() -> None:
    """Ask owners for access, and answer as one: grant, invite or decline."""


@command(
    "ask",
    group=requests,
    examples=['registry requests ask 7 research --use "To train a segmentation model for a paper."'],
)
@asset_argument
@licence_argument
@click.option("--use", required=True, metavar="TEXT|@FILE", help="What for, as text, or as the file after @.")
@hub_option
def ask(app: App, asset: int | str, licence: str | None, use: str, hubs: tuple[str, ...]) -> None:
    """Ask the owner of an asset for a licence. What you say is signed and public.

    LICENCE is its name or number; it may be left out if only one is open.
    """
    from registry.cli.app import pick

    registry = app.registry(to="ask for access")
    offer = pick(registry, asset, licence)
    app.console.result(registry.requests.ask(asset, offer, use=_words(use), hub=_hubs(hubs)))


@command("inbox", group=requests, examples=["registry requests inbox", "registry requests inbox --answered"])
@account_option
@click.option("--answered", is_flag=True, help="Also those that were answered.")
@hub_option
def inbox(app: App, account: str | None, answered: bool, hubs: tuple[str, ...]) -> None:
    """List requests for the assets of an account, by default yours."""
    found = app.registry(to=None if account else "see your requests").requests.inbox(
        account, answered=answered, hub=_hubs(hubs)
    )
    _show(app, found)


@command("sent", group=requests, examples=["registry requests sent"])
@account_option
@hub_option
def sent(app: App, account: str | None, hubs: tuple[str, ...]) -> None:
    """List what an account asked for, by default you, and what it was answered."""
    found = app.registry(to=None if account else "see your requests").requests.sent(account, hub=_hubs(hubs))
    _show(app, found)


@command("grant", group=requests, examples=["registry requests grant bafkreiexample --dry-run"])
@request_argument
@click.option("--units", type=Whole(1), default=1, show_default=True, help="How many.")
@text_option
@dry_run_option
@hub_option
def grant(app: App, request: str, units: int, text: str, dry_run: bool, hubs: tuple[str, ...]) -> None:
    """Give who asked the licence of the request, for nothing, and say so. REQUEST is its CID."""
    registry = app.registry(to="grant a request")
    app.console.result(
        registry.requests.grant(request, units=units, text=_words(text), dry_run=dry_run, hub=_hubs(hubs))
    )


@command("invite", group=requests, examples=["registry requests invite bafkreiexample --days 14"])
@request_argument
@click.option("--days", type=Real(0.01), default=7.0, show_default=True, help="For how many days.")
@text_option
@hub_option
def invite(app: App, request: str, days: float, text: str, hubs: tuple[str, ...]) -> None:
    """Let who asked open a gated asset for some days, and say so. REQUEST is its CID."""
    registry = app.registry(to="invite")
    app.console.result(registry.requests.invite(request, days=days, text=_words(text), hub=_hubs(hubs)))


@command("decline", group=requests, examples=['registry requests decline bafkreiexample --text "Not for this use."'])
@request_argument
@text_option
@hub_option
def decline(app: App, request: str, text: str, hubs: tuple[str, ...]) -> None:
    """Say that there will be no access, and why. REQUEST is its CID."""
    registry = app.registry(to="decline a request")
    app.console.result(registry.requests.decline(request, text=_words(text), hub=_hubs(hubs)))


def _show(app: App, found: tuple[AskedAccess, ...]) -> None:
    from registry.cli.console import table_of, when

    table = table_of("", "request", "asset", "licence", "by", "when", "use", "answer")
    for one in found:
        answer = "waits" if one.answer is None else f"{one.answer.outcome} {one.answer.text}".strip()
        table.add_row(
            _cid(one.id),
            str(one.said.did.asset_id),
            str(one.said.licence),
            one.said.account,
            when(one.said.time),
            " ".join(one.said.use.split())[:400],
            answer[:200],
        )
    app.console.result([_request(one) for one in found], table=table)


def _request(one: AskedAccess) -> dict[str, Any]:
    answer = one.answer.model_dump() if one.answer is not None else None
    return {"cid": _cid(one.id), **one.said.model_dump(), "answer": answer}


def _remark(one: Remark) -> dict[str, Any]:
    told = {"level": one.level, "folded": one.folded, "withdrawn": one.withdrawn}
    return {"cid": _cid(one.id), **one.said.model_dump(), **told}
