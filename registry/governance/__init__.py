"""The DAO: those who use the registry set what they share, and nothing else."""

from __future__ import annotations

from registry.governance.delegation import Delegation


class Governance(Delegation):
    """The DAO of a registry: `Registry.governance`."""
