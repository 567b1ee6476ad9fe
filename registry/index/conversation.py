"""What follows from the statements about an asset: which are shown, who likes it, which requests wait.

Only from which statements there are, and never from the order in which they came: two hubs that have the same show
the same. Who may say what is decided when a statement is taken (`may_say`), and whoever takes it from another hub
decides again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from registry.chain.batch import Read, read_many
from registry.chain.connection import Chain
from registry.chain.signatures import VALID, recover, typed_digest, wallet_check
from registry.documents.signed_statements import (
    NONE,
    AccessAnswer,
    AccessRequest,
    Comment,
    Fold,
    Like,
    SignedStatement,
    TalkStatement,
    Withdrawal,
)
from registry.errors import InputError
from registry.text.html import Shown
from registry.types import to_address

__all__ = ["AskedAccess", "Remark", "Speaker", "Talk", "may_say", "signed_by_its_key", "talk_of", "unsigned"]

AT_ONCE: Final = 50
"""Contracts that are asked about signatures in one request."""

AHEAD: Final = 300
"""Seconds that the clock of who signs may be ahead of the chain's."""

DAY: Final = 86_400
"""Seconds."""

A_DAY: Final = 20
"""Statements of one account in a day of its own times."""

AT_HOME: Final = 500
"""The same of who owns the asset, or is the council: else a crowd could say more than they can answer or fold."""

OF_ONE: Final = 500
"""Statements of one account about one asset, whatever their times; an owner has two more for each of others."""

ASKED: Final = 3
"""Requests of one account for one asset in the 30 days before."""

CROWD: Final = 200
"""Requests for one asset in a day of accounts that hold nothing of it."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What an account is to an asset, and how much it has said.

        =========== ==========================================================================
        owner       it owns the asset
        holder      it has access under a licence now
        paid        it paid for a licence once
        council     it is the council of curation now
        seen        the chain knows it: it has coins or code, or is one of the above
        today       statements of it in the same day (UTC), by their own times
        said        statements of it about the asset
    withdrawn   those of them that withdraw something
    others      statements of others about the asset
        asked       requests of it for the asset in the 30 days before
        crowd       requests for the asset, in the same day, of accounts that hold nothing
        =========== ==========================================================================
    """

    owner: bool = False
    holder: bool = False
    paid: bool = False
    council: bool = False
    seen: bool = False
    today: int = 0
    said: int = 0
    withdrawn: int = 0
    others: int = 0
    asked: int = 0
    crowd: int = 0

    @property
    def is_stranger(self) -> bool:
        """Whether it holds nothing of the asset, and never paid for it."""
        return not (self.owner or self.holder or self.paid)


def signed_by_its_key(statement: SignedStatement) -> bool:
    """Whether the account's own key signed it; if not, the account may still be a contract that takes the signature."""
    said = statement.said
    signer = recover(typed_digest(said.message()), bytes.fromhex(statement.signature[2:]))
    return signer is not None and signer.lower() == said.account


def unsigned(statements: Sequence[SignedStatement], chain: Chain, block: int) -> set[str]:
    """The names of those that their accounts did not sign: contracts are asked at the state that a block left, all in a
    few requests. Raises `ConnectionFailed`."""
    asked = [one for one in statements if not signed_by_its_key(one)]
    found: set[str] = set()
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        reads = [Read(None, _check(one), block) for one in part]
        found |= {one.said.id for one, answer in zip(part, read_many(chain, reads), strict=True) if answer != VALID}
    return found


def _check(statement: SignedStatement) -> bytes:
    said = statement.said
    digest = typed_digest(said.message())
    return wallet_check(to_address(said.account), digest, bytes.fromhex(statement.signature[2:]))


def may_say(said: TalkStatement, speaker: Speaker, *, now: int, since: int = 0) -> None:
    """Raises `InputError` for what an account of this standing may not say; `now` is the time at which it is taken, and
    `since` the earliest that it may have, in seconds since 1970."""
    if said.time > now + AHEAD:
        raise InputError(f"The statement is from the future: {said.time}, and it is {now}.", hint="Set the clock.")
    if said.time < since:
        raise InputError(f"The statement is too old: {said.time}, and it is {now}.", hint="Sign it anew.")
    _require_measure(said, speaker)
    refusal = {
        "comment": "" if speaker.owner or speaker.holder else "Owners of the asset and those with access comment.",
        # An owner is paid back what it costs: such a like would say nothing.
        "like": "" if speaker.paid and not speaker.owner else "Likes are of those who paid its owner for a licence.",
        "request": "" if speaker.seen else "The chain has never seen it; requests are of accounts with coins or code.",
        "answer": "" if speaker.owner else "The owner of the asset answers requests.",
        "fold": "" if speaker.owner or speaker.council else "The owner of the asset or the council folds comments.",
    }.get(said.kind, "")
    if refusal:
        raise InputError(f"{said.account} may not do that: {refusal}", hint="Use the account that may.")


def _require_measure(said: TalkStatement, speaker: Speaker) -> None:
    """Raises `InputError` for more than an account may say. What it said it may withdraw, however much that was."""
    if said.kind == "withdrawal" and speaker.withdrawn < speaker.said - speaker.withdrawn:
        return
    at_home = speaker.owner or speaker.council
    most = AT_HOME if at_home else A_DAY
    if speaker.today >= most:
        raise InputError(f"{said.account} has said {speaker.today} things today.", hint=f"{most} a day are the most.")
    # Times of long ago, as hubs may tell them, make room on each day: but not for more than answers and folds.
    most = OF_ONE + (2 * speaker.others if at_home else 0)
    if speaker.said >= most:
        raise InputError(
            f"{said.account} has said {speaker.said} things about this asset.", hint=f"{most} are the most."
        )
    if said.kind != "request":
        return
    if speaker.asked >= ASKED:
        raise InputError(
            f"{said.account} has asked {speaker.asked} times in 30 days.", hint="Wait for the answer of the owner."
        )
    if speaker.crowd >= CROWD and speaker.is_stranger:
        raise InputError("Too many have asked for this asset today.", hint="Ask again tomorrow.")


@dataclass(frozen=True, slots=True)
class Remark(Shown):
    """A comment as it is shown, so many levels below one that answers none. What was withdrawn has no text any more."""

    id: str
    said: Comment
    level: int
    folded: bool
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class AskedAccess(Shown):
    """A request with its answer, None while it waits."""

    id: str
    said: AccessRequest
    answer: AccessAnswer | None


@dataclass(frozen=True, slots=True)
class Talk(Shown):
    """What is said of an asset: comments, each before its answers; who likes it; requests. A comment whose parent is
    not here stands like one that answers none."""

    remarks: tuple[Remark, ...]
    likes: tuple[str, ...]
    requests: tuple[AskedAccess, ...]


def talk_of(statements: Iterable[TalkStatement], *, owner: str, council: str = "") -> Talk:
    """What follows from statements about one asset, of which `owner` is the owner now; `council` is "" for none.

    A new owner inherits requests, and what the old one answered or folded counts no more. Of the owner and the council
    the council has the last word on what is folded, whichever of them spoke last.
    """
    there = {one.id: one for one in statements}
    withdrawn = {
        one.statement
        for one in there.values()
        if isinstance(one, Withdrawal) and one.statement in there and there[one.statement].account == one.account
    }
    by_owner, by_council, liked = dict[str, bool](), dict[str, bool](), dict[str, bool]()
    answers: dict[str, AccessAnswer] = {}
    # By time, and where that is the same by name: each who has them all gets the same order, and the last one counts.
    sorted_ = sorted(there.items(), key=lambda one: (one[1].time, one[0]))
    for one in (one for id, one in sorted_ if id not in withdrawn):
        match one:
            case Fold() if one.account == council:
                by_council[one.statement] = one.folded
            case Fold() if one.account == owner:
                by_owner[one.statement] = one.folded
            case AccessAnswer() if one.account == owner:
                answers[one.request] = one
            case Like() if one.account != owner:
                liked[one.account] = one.liked
            case _:
                pass
    comments = {id: one for id, one in sorted_ if isinstance(one, Comment)}
    return Talk(
        remarks=_remarks(comments, {**by_owner, **by_council}, withdrawn),
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
