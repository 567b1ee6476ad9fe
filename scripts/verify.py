"""``ape run verify``: see `registry.cli.content`."""

from registry.cli.content import verify
from scripts._common import script

cli = script(verify, signs=False)
