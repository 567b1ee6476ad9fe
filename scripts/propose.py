"""``ape run propose``: see `registry.cli.dao_proposals`."""

from registry.cli.dao_proposals import propose
from scripts._common import script

cli = script(propose, deploys=False)
