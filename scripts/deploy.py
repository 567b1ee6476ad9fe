"""``ape run deploy``: see `registry.cli.start`."""

from registry.cli.start import deploy
from scripts._common import script

cli = script(deploy, deploys=False)
