"""``ape run show``: see `registry.cli.look`."""

from registry.cli.look import show
from scripts._common import script

cli = script(show, signs=False)
