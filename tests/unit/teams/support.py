"""The team that Ann, Bob and Cleo found."""

from __future__ import annotations

from registry import Licence, Registry
from registry.assets.drafting import Draft
from registry.teams.team_results import NewTeam

LICENCES = (Licence.period("month", days=30, price="12 USD"), Licence.uses("calls", uses=3, price="0.01 ETH"))


def found_team(client: Registry, *, salt: int = 0, name: str = "Model") -> NewTeam:
    """The team of ann, bob and cleo with its first asset."""
    people = [client.as_account(person).address for person in ("ann", "bob", "cleo")]
    shares = dict(zip(people, ("50 %", "33.3 %", "16.7 %"), strict=True))
    draft = Draft(name=name, type="model", license="MIT", licences=LICENCES)
    return client.teams.create(people, threshold=2, shares=shares, publish=draft, salt=salt)
