"""Pages of the DAO: proposals in words with what is dangerous in them, votes, and who has power."""

from __future__ import annotations

from typing import Final

from registry.errors import RegistryError
from registry.governance.standing import Proposal, ProposalInWords, ProposalState, short
from registry.hub.pages.desk import Asked, Desk, PageAnswer
from registry.hub.pages.spelling import standard_status
from registry.hub.unanswered import Unanswered
from registry.index.entries import standard_name
from registry.index.tables import Row

__all__ = ["dao", "proposal"]

FRESH: Final = 15.0
"""Seconds for which what the chain said of proposals is shown again."""


def dao(desk: Desk, asked: Asked) -> PageAnswer:
    """Proposals, who has power, and the standards."""
    if desk.client.deployment.dao is None:
        return desk.page("no_dao.html")
    return desk.page(
        "dao.html",
        proposals=[(one, short(one.id)) for one in _proposals(desk)[:50]],
        power=desk.catalogue.power(),
        supply=desk.remembered("supply", desk.client.governance.supply, FRESH),
        standards=[
            (
                standard_name(row["name"]),
                row["number"],
                standard_status(row["status"]),
                desk.cid(row["digest"]),
            )
            for row in desk.rows("standards")
        ],
        rules=desk.remembered("rules", lambda: desk.client.sales_rules),
        address=desk.client.deployment.dao,
        open=sum(not one.state.ended for one in _proposals(desk)),
        states=_TONES,
    )


_TONES: Final = {
    ProposalState.PENDING: "calm",
    ProposalState.ACTIVE: "open",
    ProposalState.SUCCEEDED: "good",
    ProposalState.QUEUED: "open",
    ProposalState.EXECUTED: "good",
    ProposalState.DEFEATED: "bad",
    ProposalState.CANCELED: "calm",
    ProposalState.EXPIRED: "calm",
}


def _proposals(desk: Desk) -> tuple[Proposal, ...]:
    return desk.remembered("proposals", lambda: desk.client.governance.proposals(), FRESH)


def proposal(desk: Desk, asked: Asked) -> PageAnswer:
    """A proposal for reading before one votes."""
    if desk.client.deployment.dao is None:
        raise Unanswered(404, "not_found", "This registry has no DAO.")
    number = str(asked.path["number"])
    known = next((one for one in _proposals(desk) if f"0x{one.id:064x}".startswith(number.lower())), None)
    if known is None or len(number) < 8:
        raise Unanswered(404, "not_found", "There is no such proposal.")
    try:
        told: ProposalInWords = desk.remembered(
            f"proposal {known.id}", lambda: desk.client.governance.describe(known.id), FRESH
        )
    except RegistryError as error:
        raise Unanswered(503, "busy", error.message, hint="Try again.", retry_after=5) from error
    rows = desk.rows("votes", known.id)
    found = told.proposal
    body = desk.previews.of_text(told.body.text) if told.body is not None and told.body.text.strip() else None
    return desk.page(
        "proposal.html",
        told=told,
        it=found,
        short=short(found.id),
        body=body,
        warnings=told.warnings,
        dangers=sum(len(one.warnings) for call in told.calls for _, one in call.all()),
        votes=[(row["account"], row["support"], row["weight"], row["reason"]) for row in rows],
        sides=(
            ("For", found.for_votes, "for"),
            ("Against", found.against_votes, "against"),
            ("Abstain", found.abstain_votes, "abstain"),
        ),
        cast=found.for_votes + found.against_votes + found.abstain_votes,
        reached=found.for_votes + found.abstain_votes,
        tone=_TONES[found.state],
        way=_way(found, desk.row("proposal", found.id)),
        settled=body is None or not body.making,
    )


def _way(it: Proposal, row: Row | None) -> list[tuple[str, int, bool]]:
    """The steps of a proposal from its making to its end: each in words, with its time where that is known, and whether
    it is passed."""
    when = row or {"cancelled": 0, "queued": 0, "executed": 0}
    steps = [("Voting begins", it.begins, it.now >= it.begins), ("Voting ends", it.ends, it.now > it.ends)]
    if it.state is ProposalState.CANCELED:
        return [*(one for one in steps if one[2]), ("Cancelled", when["cancelled"], True)]
    if it.state in (ProposalState.DEFEATED, ProposalState.EXPIRED):
        return [*steps, (str(it.state).capitalize(), 0, True)]
    done = it.state is ProposalState.EXECUTED
    queued = done or it.state is ProposalState.QUEUED
    ready = ("May be carried out", it.eta, queued and it.now >= it.eta)
    return [*steps, ("Queued", when["queued"], queued), ready, ("Carried out", when["executed"], done)]
