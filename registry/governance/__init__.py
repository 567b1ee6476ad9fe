"""The DAO: those who use the registry set what they share, and nothing else."""

from __future__ import annotations

from registry.governance.curation import Curation
from registry.governance.delegation import Delegation
from registry.governance.distribution import TokenDistribution
from registry.governance.emergency import Emergency
from registry.governance.governed import R
from registry.governance.standards import Standards
from registry.governance.statistics import Statistics
from registry.governance.voting import Voting


class Governance(
    Voting[R], Delegation[R], TokenDistribution[R], Standards[R], Curation[R], Emergency[R], Statistics[R]
):
    """The DAO of a registry: `Registry.governance`."""
