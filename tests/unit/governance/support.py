"""A proposal carried through all of its stages."""

from __future__ import annotations

from registry import Registry
from registry.governance.drafts import ProposalDraft
from registry.governance.standing import Proposal

DAY = 86_400


def settle(client: Registry, draft: ProposalDraft) -> Proposal:
    """Propose a draft and carry it through all of its stages."""
    made = client.governance.propose(draft)
    client.chain.advance(DAY + 10)
    for voter in ("author", "curator"):
        client.as_account(voter).governance.vote(made.id, "for")
    client.chain.advance(6 * DAY)
    client.governance.queue(made.id)
    client.chain.advance(3 * DAY)
    client.governance.execute(made.id)
    return client.governance.proposal(made.id)
