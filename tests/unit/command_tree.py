"""The command line as it is: every command, and every parameter of it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from registry.cli import cli


def parameters(command: click.Command = cli, path: str = "registry") -> Iterator[tuple[str, click.Parameter]]:
    """Each parameter below a command, with where it is: ``registry buy units``."""
    for parameter in command.params:
        yield f"{path} {parameter.name}", parameter
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from parameters(found, f"{path} {name}")


def commands(command: click.Command = cli, path: str = "") -> Iterator[str]:
    """The words of each command that is no group: ``dao vote``."""
    if not isinstance(command, click.Group):
        yield path
        return
    for name in command.list_commands(click.Context(command)):
        found = command.get_command(click.Context(command), name)
        assert found is not None
        yield from commands(found, f"{path} {name}".strip())
