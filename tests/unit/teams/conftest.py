"""Ann, Bob and Cleo as a 2-of-3 team that owns a model, on a chain in this process with the published Safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from registry import Registry
from registry.teams.proposal_file import TeamProposal
from registry.teams.team_results import NewTeam

from .support import found_team


@pytest.fixture(scope="module")
def _module() -> tuple[Registry, NewTeam]:
    started = Registry.local()
    return started, found_team(started.as_account("ann"))


@pytest.fixture
def market_place(
    _module: tuple[Registry, NewTeam], rewound: Callable[[Registry], AbstractContextManager[Registry]]
) -> Iterator[Registry]:
    """The registry with the team on it; what a test does to its chain is undone."""
    with rewound(_module[0]) as place:
        yield place


@pytest.fixture
def team(_module: tuple[Registry, NewTeam]) -> NewTeam:
    return _module[1]


@pytest.fixture
def proposal(ann: Registry, team: NewTeam) -> TeamProposal:
    """To raise the price of the month."""
    assert team.asset is not None
    with ann.teams.collect(team) as act:
        act.reprice(team.asset, "month", "15 USD")
    return ann.teams.propose(team, act, note="dearer")


@pytest.fixture
def signed(ann: Registry, bob: Registry, proposal: TeamProposal) -> TeamProposal:
    """The same, with the two signatures that it needs."""
    return bob.teams.sign(ann.teams.sign(proposal))
