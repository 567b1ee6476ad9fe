"""``ape run access``: see `registry.cli.look`."""

from registry.cli.look import access
from scripts._common import script

cli = script(access)
