"""``registry dao ...``: the DAO that rules what the registry's users share."""

from __future__ import annotations

import click

from registry.cli import dao_people, dao_proposals, dao_tokens, dao_votes
from registry.cli.command import Group


@click.group("dao", cls=Group)
def dao() -> None:
    """Decide what the registry's users share: found a DAO, delegate, propose, vote, execute."""


for _command in (
    dao_proposals.propose,
    dao_proposals.simulate,
    dao_proposals.show,
    dao_proposals.list_,
    dao_votes.vote,
    dao_votes.ballot,
    dao_votes.check_ballots,
    dao_votes.relay,
    dao_proposals.queue,
    dao_proposals.execute,
    dao_proposals.cancel,
    dao_proposals.watch,
    dao_people.found,
    dao_people.check,
    dao_people.power,
    dao_people.delegate,
    dao_people.brake,
    dao_people.release,
    dao_tokens.stats,
    dao_tokens.proofs,
    dao_tokens.claims,
    dao_tokens.claim,
    dao_tokens.vesting,
    dao_tokens.vesting_release,
    dao_tokens.vesting_delegate,
):
    dao.add_command(_command)
