"""``ape run licences``: see `registry.cli.look`."""

from registry.cli.look import licences
from scripts._common import script

cli = script(licences, signs=False)
