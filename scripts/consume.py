"""``ape run consume``: see `registry.cli.market`."""

from registry.cli.market import consume
from scripts._common import script

cli = script(consume)
