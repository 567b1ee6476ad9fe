"""``ape run open``: see `registry.cli.content`."""

from registry.cli.content import cat
from scripts._common import script

cli = script(cat)
