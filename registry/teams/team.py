"""Teams: people who own assets together through a Safe, and decide from Python without anybody's service.

A member proposes calls, the others read in words what they would do, sign the file, and anybody executes it. What is
signed is computed again from the content by everybody who touches it; a proposal can hand nobody the team's rights.
"""

from __future__ import annotations

from registry.teams.executing import Executing
from registry.teams.founding import Founding
from registry.teams.proposal_file import Signature, TeamProposal
from registry.teams.signing import Signing
from registry.teams.team_verbs import R

__all__ = ["Signature", "TeamProposal", "Teams"]


class Teams(Founding[R], Signing[R], Executing[R]):
    """What teams do, as the account of a registry's client. Got as `Registry.teams`."""
