"""Commands within a command: what a team or the DAO is proposed to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from registry.cli.command import APP, Command

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.client import Registry

NEXT: Final = "+"
"""Stands between the commands of a batch."""

YAML: Final = (".yaml", ".yml")
"""How the names of files of proposals end."""

ALONE: Final = frozenset({"demo", "deploy", "fund", "unstick"})
"""What nobody does for another account."""


@dataclass(frozen=True, slots=True)
class Within:
    """A command within another, read but not yet run; without `ctx` it is none that can be proposed."""

    name: str
    ctx: click.Context | None


class BatchCommand(Command):
    """A command that takes other commands after its own arguments and options, which end where the first begins."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read as always what comes before the first command; a file of proposals is no command."""
        alone = click.Command(self.name, params=[param for param in self.params if isinstance(param, click.Option)])
        rest, missing = list(args), sum(isinstance(param, click.Argument) for param in self.params)
        ctx.allow_interspersed_args = False
        while missing:
            rest = alone.make_parser(ctx).parse_args(list(rest))[1]
            before = len(args) - len(rest)
            if not rest or args[before - 1 : before] == ["--"]:
                break
            missing -= 1
            if missing:
                rest = rest[1:]
            elif not rest[0].endswith(YAML):
                args = [*args[:before], "--", *rest]
        ctx.allow_interspersed_args = True
        return super().parse_args(ctx, args)


def _read(ctx: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> tuple[Within, ...]:
    """Read the commands in `words`, so that what is wrong with one is told before a chain is asked. An option that all
    commands share counts for the whole, wherever it stands."""
    from registry.cli import cli

    batch: list[list[str]] = [[]]
    for word in words:
        if word == NEXT:
            batch.append([])
        else:
            batch[-1].append(word)
    found = []
    for name, *arguments in filter(None, batch):
        command = cli.get_command(ctx, name)
        if command is None or isinstance(command, click.Group) or name in ALONE:
            _shared_alone(name).make_context(name, arguments, parent=ctx)
            found.append(Within(name, None))
            continue
        try:
            below = command.make_context(name, arguments, parent=ctx)
        except click.NoSuchOption as error:
            if any(error.option_name in param.opts for param in ctx.command.params):
                error.message += f" It is one of {ctx.info_name!r}, and stands before {name!r}."
            raise
        if below.params.get("dry_run"):
            raise click.UsageError(f"--dry-run stands before {name!r}, and counts for all that is proposed.", ctx)
        found.append(Within(name, below))
    return tuple(found)


def _shared_alone(name: str) -> Command:
    """A command that takes anything, so that how its refusal is told is as whoever wrote it wanted."""
    rest = click.Argument(["rest"], nargs=-1, type=click.UNPROCESSED)
    return Command(name, params=[rest], context_settings={"ignore_unknown_options": True})


words_argument = click.argument("words", nargs=-1, type=click.UNPROCESSED, callback=_read)


def run_as(ctx: click.Context, app: App, act: Registry, words: tuple[Within, ...]) -> None:
    """Let a client that collects run other commands. Raises `InputError`."""
    from registry.errors import InputError

    written = act.actor.written
    assert written is not None
    for word in words:
        if word.ctx is None:
            raise InputError(
                f"{written.who[0].upper()}{written.who[1:]} cannot {word.name!r}.",
                hint="It can do what 'registry' does with assets and money.",
            )
        before = len(written.calls)
        with _acting(ctx, app, act), word.ctx:
            word.ctx.command.invoke(word.ctx)
        if len(written.calls) == before:
            raise InputError(f"{word.name!r} changes nothing on chain.", hint="Propose what sends a transaction.")


@contextmanager
def _acting(ctx: click.Context, app: App, act: Registry) -> Iterator[None]:
    """Let the commands that run meanwhile act as somebody else, silently."""
    from registry.cli.app import App
    from registry.cli.console import Console

    class Acting(App):
        def registry(self, *, to: str | None = None) -> Registry:
            return act

    acting = Acting({**app.settings, "yes": True, "json": False})
    acting.console = Console(silent=True)
    ctx.meta[APP] = acting
    try:
        yield
    finally:
        ctx.meta[APP] = app


def pay(act: Registry, payments: tuple[str, ...]) -> None:
    """Let a client that collects pay, as ``ACCOUNT=AMOUNT``. Raises `InputError` and what amounts raise."""
    from registry.governance.as_yaml import payment

    for text in payments:
        account, amount = pair(text, "--pay", "0xANN=100 USD")
        act.actor.outbox("pay").send(payment(act, account, amount))


def call_others(act: Registry, calls: tuple[str, ...], abi: tuple[str, ...]) -> None:
    """Let a client that collects call any contract, as ``ACCOUNT=0xDATA``. Raises `InputError`."""
    from registry.chain.call import Call
    from registry.chain.calldata import function_of, signature_of
    from registry.cli.market import read_ref
    from registry.errors import InputError
    from registry.types import to_address

    signatures = tuple(signature_of(function_of(signature)) for signature in abi)
    for text in calls:
        account, data = pair(text, "--call", "0xPOOL=0xa694...")
        if not data.startswith("0x"):
            raise InputError(f"{data!r} is not the data of a call.", hint="Write it as 0x and hexadecimal digits.")
        act.actor.outbox("call").send(Call(to_address(account), read_ref(data), abi=signatures))


def pair(text: str, option: str, example: str) -> tuple[str, str]:
    """The two sides of an equals sign. Raises `InputError`."""
    from registry.errors import InputError

    account, equals, rest = text.partition("=")
    if not equals or not rest.strip():
        raise InputError(f"{text!r} is not what {option} takes.", hint=f'Write {option} "{example}".')
    return account.strip(), rest.strip()
