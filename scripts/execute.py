"""``ape run execute``: see `registry.cli.dao_proposals`."""

from registry.cli.dao_proposals import execute
from scripts._common import script

cli = script(execute, deploys=False)
