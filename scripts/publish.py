"""``ape run publish``: see `registry.cli.publishing`."""

from registry.cli.publishing import publish
from scripts._common import script

cli = script(publish, example=False)
