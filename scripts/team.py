"""``ape run team create | sign | execute``: see `registry.cli.team`."""

import click

from registry.cli.team import create, execute, sign
from scripts._common import script


@click.group()
def cli() -> None:
    """Found a team, sign its proposals, execute them, with ape's accounts and networks."""


for command in (create, sign, execute):
    cli.add_command(script(command, example=False))
