"""``ape run transfer``: see `registry.cli.owning`."""

from registry.cli.owning import transfer
from scripts._common import script

cli = script(transfer)
