"""``ape run buy``: see `registry.cli.market`."""

from registry.cli.market import buy
from scripts._common import script

cli = script(buy)
