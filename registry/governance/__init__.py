"""The DAO: those who use the registry set what they share, and nothing else."""

from __future__ import annotations

from registry.governance.base import Governed


class Governance(Governed):
    """The DAO of a registry: `Registry.governance`."""
