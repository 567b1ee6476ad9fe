"""What follows from the statements about an asset: which are shown, who likes it, which requests wait.

Only from which statements there are, and never from the order in which they came: two hubs that have the same show
the same. Who may say what is asked of the chain when a statement is taken (`may_say`), and whoever takes it from
another hub asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from registry.chain.signatures import recover, typed_digest
from registry.documents.statements import (
    NONE,
    AccessAnswer,
    AccessRequest,
    Comment,
    Fold,
    Like,
    SignedStatement,
    Statement,
    Withdrawal,
)
from registry.errors import InputError

__all__ = ["AskedAccess", "Remark", "Standing", "Talk", "may_say", "signed_by_its_key", "talk_of"]

AHEAD: Final = 300
"""Seconds that the clock of who signs may be ahead of the chain's."""

A_DAY: Final = 20
"""Statements of one account in a day of its own times."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account is to an asset: its owner, one that holds access now, that holds or held a licence that was paid
    for, the council; and how many statements of it there are in the day before."""

    owner: bool = False
    holder: bool = False
    paid: bool = False
    council: bool = False
    today: int = 0


def signed_by_its_key(statement: SignedStatement) -> bool:
    """Whether the account's own key signed it; if not, the account may still be a contract that takes the signature."""
    said = statement.said
    signer = recover(typed_digest(said.message()), bytes.fromhex(statement.signature[2:]))
    return signer is not None and signer.lower() == said.account


def may_say(said: Statement, standing: Standing, *, now: int) -> None:
    """Raises `InputError` for what an account of this standing may not say; `now` is the time of the last block."""
    if said.time > now + AHEAD:
        raise InputError(f"The statement is from the future: {said.time}, and it is {now}.", hint="Set the clock.")
    if standing.today >= A_DAY:
        raise InputError(f"{said.account} has said {standing.today} things today.", hint=f"{A_DAY} a day are the most.")
    refusal = {
        "comment": "" if standing.owner or standing.holder else "Owners of the asset and those with access comment.",
        "like": "" if standing.paid else "A like is of those who paid for a licence.",
        "answer": "" if standing.owner else "The owner of the asset answers requests.",
        "fold": "" if standing.owner or standing.council else "The owner of the asset or the council folds comments.",
    }.get(said.kind, "")
    if refusal:
        raise InputError(f"{said.account} may not do that: {refusal}", hint="Use the account that may.")


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment as it is shown, so many levels below one that answers none. What was withdrawn has no text any more."""

    id: str
    said: Comment
    level: int
    folded: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class AskedAccess:
    """A request with its answer, None while it waits."""

    id: str
    said: AccessRequest
    answer: AccessAnswer | None


@dataclass(frozen=True, slots=True)
class Talk:
    """What is said of an asset: comments, each before its answers; who likes it; requests. A comment whose parent is
    not here stands like one that answers none."""

    remarks: tuple[Remark, ...]
    likes: tuple[str, ...]
    requests: tuple[AskedAccess, ...]


def talk_of(statements: Iterable[Statement], *, may_fold: Callable[[str], bool], owner: str) -> Talk:
    """What follows from statements about one asset.

    `may_fold` says of an account whether its folds count now, `owner` whose answers do: a new owner inherits requests,
    and what the old one answered waits again.
    """
    there = {one.id: one for one in statements}
    withdrawn = {
        one.statement
        for one in there.values()
        if isinstance(one, Withdrawal) and one.statement in there and there[one.statement].account == one.account
    }
    folded, liked = dict[str, bool](), dict[str, bool]()
    answers: dict[str, AccessAnswer] = {}
    # By time, and where that is the same by name: each who has them all gets the same order, and the last one counts.
    sorted_ = sorted(there.items(), key=lambda one: (one[1].time, one[0]))
    for one in (one for id, one in sorted_ if id not in withdrawn):
        match one:
            case Fold() if may_fold(one.account):
                folded[one.statement] = one.folded
            case AccessAnswer() if one.account == owner:
                answers[one.request] = one
            case Like():
                liked[one.account] = one.liked
            case _:
                pass
    comments = {id: one for id, one in sorted_ if isinstance(one, Comment)}
    return Talk(
        remarks=_remarks(comments, folded, withdrawn),
        likes=tuple(sorted(account for account, likes in liked.items() if likes)),
        requests=tuple(
            AskedAccess(id, one, answers.get(id))
            for id, one in sorted_
            if isinstance(one, AccessRequest) and id not in withdrawn
        ),
    )


def _remarks(comments: Mapping[str, Comment], folded: Mapping[str, bool], withdrawn: set[str]) -> tuple[Remark, ...]:
    """Comments in the order in which one reads them. A name is a digest of what names the parent: there are no circles,
    but there may be long chains, so nothing here calls itself."""
    below: dict[str, list[str]] = {}
    for id, said in comments.items():
        below.setdefault(said.parent if said.parent in comments else NONE, []).append(id)
    waiting = [(id, 0) for id in reversed(below.get(NONE, ()))]
    found = []
    while waiting:
        id, level = waiting.pop()
        said, gone = comments[id], id in withdrawn
        shown = said.model_copy(update={"text": ""}) if gone else said
        found.append(Remark(id, shown, level, folded.get(id, False), gone))
        waiting += [(one, level + 1) for one in reversed(below.get(id, ()))]
    return tuple(found)
