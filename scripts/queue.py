"""``ape run queue``: see `registry.cli.dao_proposals`."""

from registry.cli.dao_proposals import queue
from scripts._common import script

cli = script(queue, deploys=False)
