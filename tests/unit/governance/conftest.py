"""A registry that belongs to a DAO, on a chain in this process: its voters, its guardian, and strangers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from registry import Registry
from registry.governance.drafts import ProposalDraft
from registry.governance.standing import Proposal, Proposed

from .support import DAY


@pytest.fixture(scope="session")
def _founded() -> Registry:
    return Registry.local(dao=True)


@pytest.fixture
def market_place(
    _founded: Registry, rewound: Callable[[Registry], AbstractContextManager[Registry]]
) -> Iterator[Registry]:
    """The registry of the DAO; what a test does to its chain is undone."""
    with rewound(_founded) as place:
        yield place


@pytest.fixture
def curator(market_place: Registry) -> Registry:
    return market_place.as_account("curator")


@pytest.fixture
def guardian(market_place: Registry) -> Registry:
    return market_place.as_account("editor")


@pytest.fixture
def halved(author: Registry) -> ProposalDraft:
    """The author's draft to halve the fee."""
    return author.governance.draft(author.assets.functions.setFee(50), title="Halve the fee", body="Sales *doubled*.")


@pytest.fixture
def proposed(author: Registry, halved: ProposalDraft) -> Proposed:
    return author.governance.propose(halved)


@pytest.fixture
def open_vote(author: Registry, proposed: Proposed) -> Proposal:
    """The proposal to halve the fee, while it can be voted on."""
    author.chain.advance(DAY + 10)
    return author.governance.proposal(proposed.id)
