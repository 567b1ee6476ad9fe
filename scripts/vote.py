"""``ape run vote``: see `registry.cli.dao_votes`."""

from registry.cli.dao_votes import vote
from scripts._common import script

cli = script(vote, deploys=False)
