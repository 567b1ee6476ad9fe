"""``ape run split create | distribute | claim``: see `registry.cli.split`."""

import click

from registry.cli.split import claim, create, distribute
from scripts._common import script


@click.group()
def cli() -> None:
    """Divide revenue among people in shares that never change."""


cli.add_command(script(create, example=False))
cli.add_command(script(distribute, deploys=False))
cli.add_command(script(claim, deploys=False))
