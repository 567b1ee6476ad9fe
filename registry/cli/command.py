"""What all commands share: their options, their help, and how they end.

Imports nothing but click: `registry --help` must not wait for a chain library.
"""

from __future__ import annotations

import difflib
import errno
import io
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from registry.cli.app import App
    from registry.errors import RegistryError

META: Final = "registry.settings"
"""Where the values of the shared options are kept in `click.Context.meta`, which all contexts of a call share."""

APP: Final = "registry.app"

TOLD: Final = "registry.waits"
"""Which command tells what is waited for."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""


class Whole(click.IntRange):
    """A whole number, read as everywhere in this package. With `signed` it may have a minus before it."""

    def __init__(self, low: int | None = 0, high: int | None = None, *, signed: bool = False) -> None:
        super().__init__(None if signed else low, high)
        self._signed = signed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises `click.BadParameter` for what is none, or out of range."""
        if isinstance(value, str):
            value = (
                -_read(self, "whole", value[1:], param, ctx)
                if self._signed and value.startswith("-")
                else _read(self, "whole", value, param, ctx)
            )
        return super().convert(value, param, ctx)


class Real(click.FloatRange):
    """A number with decimals, of seconds, days or a share: read as everywhere in this package, from `low` on."""

    def __init__(self, low: float = 0.0) -> None:
        super().__init__(low)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises `click.BadParameter` for what is none, or out of range."""
        return super().convert(
            float(_read(self, "decimal", value, param, ctx)) if isinstance(value, str) else value, param, ctx
        )


def _read(kind: click.ParamType, how: str, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
    from registry.errors import InvalidNumber
    from registry.text import numbers

    try:
        return getattr(numbers, how)(text)
    except InvalidNumber as error:
        kind.fail(str(error), param, ctx)


_GLOBAL: Final[tuple[tuple[str, str | None, dict[str, Any]], ...]] = (
    (
        "--rpc",
        "REGISTRY_RPC",
        {
            "metavar": "URL|NAME",
            "help": "Node of the chain: http(s), ws(s), or path of an IPC socket; or a network of 'registry networks', "
            "by default the one in use.",
        },
    ),
    (
        "--source",
        None,
        {
            "metavar": "URL",
            "multiple": True,
            "help": "Read content from here: a gateway, kubo:http://... or the folder of a store; repeatable.",
        },
    ),
    (
        "--keyfile",
        "REGISTRY_KEYFILE",
        {
            "metavar": "PATH",
            "help": "Sign with this key file (keystore v3). Its password is asked for, or taken from "
            "REGISTRY_PASSWORD. A bare private key is taken from REGISTRY_KEY only, never from the command line: what "
            "stands there is seen by every process of the machine and kept in the history of the shell.",
        },
    ),
    ("--ape-account", "REGISTRY_APE_ACCOUNT", {"metavar": "ALIAS", "help": "Sign with this account of ape."}),
    (
        "--browser",
        "REGISTRY_BROWSER",
        {"is_flag": True, "help": "Sign in with the wallet of your browser, on a page of this machine. Sends nothing."},
    ),
    (
        "--deployment",
        "REGISTRY_DEPLOYMENT",
        {
            "metavar": "FILE|ADDRESS",
            "help": "Record of the registry, or its address; by default deployments/<chain>.json here or at home.",
        },
    ),
    (
        "--home",
        "REGISTRY_HOME",
        {"metavar": "DIR", "help": "Folder of blocks and journal; by default the user's data folder."},
    ),
    ("--chain-id", "REGISTRY_CHAIN_ID", {"type": Whole(), "metavar": "N", "help": "Refuse a node of any other chain."}),
    (
        "--confirmations",
        "REGISTRY_CONFIRMATIONS",
        {"type": Whole(1), "metavar": "N", "help": "Blocks to wait for after sending; by default 1."},
    ),
    ("--max-fee", "REGISTRY_MAX_FEE", {"metavar": "GWEI", "help": "The most that a unit of gas may cost."}),
    ("--tip", "REGISTRY_TIP", {"metavar": "GWEI", "help": "What of it goes to whoever makes the block."}),
    (
        "--gas-price",
        "REGISTRY_GAS_PRICE",
        {"metavar": "GWEI", "help": "The whole price of a unit of gas, for chains without EIP-1559."},
    ),
    (
        "--json",
        None,
        {"is_flag": True, "help": "Write one JSON value to standard output, errors as JSON to standard error."},
    ),
    ("--yes", None, {"is_flag": True, "help": "Agree to what would be asked."}),
    ("--debug", None, {"is_flag": True, "help": "Show where in the code an error arose."}),
)

SHOWN_BY_COMMANDS: Final = frozenset({"--json"})

SETTING: Final = {"--source": ("read_from",)}
"""What an option is called among the settings where its own name is that of an argument of some command."""


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    # What is said nearer to the command wins, and silence never overrides.
    if value is not None and value != ():
        ctx.meta.setdefault(META, {})[option.name] = value


def shared(*, root: bool) -> list[click.Parameter]:
    """Make the options that stand before or after the name of a command; only before it they read the environment."""
    return [
        click.Option(
            [name, *SETTING.get(name, ())],
            **{"default": None, **attributes},
            envvar=variable if root else None,
            show_envvar=root,
            callback=_keep,
            expose_value=False,
            hidden=not root and name not in SHOWN_BY_COMMANDS,
        )
        for name, variable, attributes in _GLOBAL
    ]


_PACKAGE: Final = Path(__file__).resolve().parents[1]

EXAMPLES: Final = next(
    # Inside of an installed package, beside that of a checkout.
    (place for place in (_PACKAGE / "examples", _PACKAGE.parent / "examples") if place.is_dir()),
    _PACKAGE / "examples",
)
"""Data to try things with, and files as people write them."""


class Command(click.Command):
    """A command with examples in its help, and with the shared options; `file` is one that it reads, to begin with."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), file: str | None = None, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)
        self.file = EXAMPLES / file if file is not None else None
        if file is not None:
            self.params.append(_example_option(EXAMPLES / file))
        own = {name for param in self.params for name in param.opts}
        self.params.extend(option for option in shared(root=False) if not own & set(option.opts))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        if self.file is not None and self.file.is_file():
            with formatter.section(f"A {self.file.name} (write it with --example)"):
                for line in self.file.read_text(encoding="utf-8").splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        formatter.write_paragraph()
        formatter.write_text("Takes the options of 'registry' too: see registry --help.")


def _example_option(file: Path) -> click.Option:
    def write(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            click.echo(file.read_text(encoding="utf-8"), nl=False)
            ctx.exit()

    return click.Option(
        ["--example"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=write,
        help=f"Write a {file.name} to begin with, and exit.",
    )


class Group(click.Group):
    """Commands by their names; of a wrong one the near ones are told."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Raises `click.UsageError` for a name that there is not."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=3, cutoff=0.6)
            if near:
                error.message = f"{error.message.rstrip('.')}. Close to it: {', '.join(near)}."
            raise


class RootGroup(Group):
    """Turns errors into sentences and exit codes, under ``registry`` as under ``ape registry``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, see `ending`."""
        with ending(ctx):
            return super().invoke(ctx)


@contextmanager
def ending(ctx: click.Context) -> Iterator[None]:
    """End a command whose body fails: typed errors with 1, an interruption with `INTERRUPTED`."""
    from registry.errors import RegistryError

    try:
        yield
    except RegistryError as error:
        if _settings(ctx).get("debug"):
            traceback.print_exc()
        _tell(ctx, error)
        ctx.exit(1)
    except KeyboardInterrupt:
        _note(ctx, "Interrupted", "Nothing is lost: run the same command again, and it goes on where it stopped.")
        ctx.exit(INTERRUPTED)
    except click.Abort:
        _note(ctx, "Declined", "Nothing was sent.")
        ctx.exit(1)


def command(
    name: str,
    *,
    examples: Sequence[str],
    group: click.Group | None = None,
    cls: type[Command] | None = None,
    file: str | None = None,
) -> Callable[[Callable[..., None]], Command]:
    """Make a command of a function that takes the `App` and the parameters, in `group` if it is below one; `file` is
    one of `EXAMPLES` that it reads."""

    def make(function: Callable[..., None]) -> Command:
        made = click.command(name, cls=cls or Command, examples=examples, file=file)(_with_app(function))
        if group is not None:
            group.add_command(made)
        return made

    return make


def _with_app(function: Callable[..., None]) -> Callable[..., None]:
    """Hand the `App` of this call to a function as its first argument."""

    def call(*args: Any, **values: Any) -> None:
        ctx = click.get_current_context()
        app = the_app(ctx)
        if ctx.meta.setdefault(TOLD, function) is not function:  # within a command that tells already
            function(app, *args, **values)
            return
        from registry.text.waits import told_waits

        with told_waits(app.console.waiting):
            function(app, *args, **values)

    return update_wrapper(call, function)


def the_app(ctx: click.Context) -> App:
    """Return the `App` of this call, made of the shared options unless somebody put one there."""
    from registry.cli.app import App

    if APP not in ctx.meta:
        ctx.meta[APP] = App(_settings(ctx))
    app: App = ctx.meta[APP]
    return app


class AssetType(click.ParamType):
    """An asset as the client takes it: a number, or the text of a DID."""

    name = "asset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Turn digits into a number and leave the rest to the client, which says what is wrong with it."""
        from registry.text.numbers import digits_or_text

        return digits_or_text(value) if isinstance(value, str) else value


ASSET: Final = AssetType()


class Place(click.ParamType):
    """Where a command writes: kept as it is written, since what ends in a slash is a folder."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take any text that can be a path."""
        text: str = os.fspath(value)
        if not text or "\0" in text:
            self.fail(f"{text!r} is no path.", param, ctx)
        return text


OUTFILE: Final = Place("path")
"""A file that is written, or a folder that it goes into under a name of its own; nothing there is overwritten."""

OUTFOLDER: Final = Place("folder")
"""A folder that is written."""

asset_argument = click.argument("asset", type=ASSET)
version_option = click.option(
    "--version", type=Whole(1), help="A version of the asset instead of the one of now; also ASSET as 7@3."
)
proposal_argument = click.argument("proposal")
licence_argument = click.argument("licence", required=False)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done and cost; send nothing.")
allow_unread_option = click.option(
    "--allow-unread", is_flag=True, help="Agree to bytes for a stranger's contract that nobody here can read."
)
abi_option = click.option(
    "--abi", multiple=True, metavar="SIGNATURE", help='What --call calls: "stake(uint256)"; repeatable.'
)
call_option = click.option(
    "--call", "calls", multiple=True, metavar="ACCOUNT=DATA", help="Any other call, its data as 0x...; repeatable."
)
hidden_option = click.option("--hidden", is_flag=True, help="Take files whose names begin with a dot too.")
account_option = click.option(
    "--account", "--for", "account", metavar="ADDRESS", help="For this account; by default for the signer."
)


def run(cli: click.Command) -> NoReturn:
    """Run `cli` on the arguments of the process and end it."""
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its number; a name in another script is no reason to fail.
        if isinstance(stream, io.TextIOWrapper) and not (stream.encoding or "").lower().startswith("utf"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False, prog_name="registry")
        sys.stdout.flush()
    except click.ClickException as error:
        if "--json" in sys.argv[1:]:
            body = {"error": "UsageError", "message": error.format_message(), "hint": "See registry --help."}
            click.echo(json.dumps(body), err=True)
        else:
            error.show()
        code = error.exit_code
    except click.Abort:
        code = INTERRUPTED
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Who reads our output has seen enough. The interpreter must not try to flush at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    if code == INTERRUPTED:
        # Else the interpreter would wait for threads that wait for a server. What is on disk is whole at any moment.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code if isinstance(code, int) else 0)


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Show a warning as a sentence: where in the code it arose tells nobody anything."""
    from registry.text.letters import visible

    if issubclass(category, DeprecationWarning):
        return
    if "--json" in sys.argv[1:]:
        click.echo(json.dumps({"warning": category.__name__, "message": str(message)}), err=True)
    else:
        click.echo(f"Warning: {visible(str(message))}", err=True)


def _settings(ctx: click.Context) -> dict[str, Any]:
    found: dict[str, Any] = ctx.meta.setdefault(META, {})
    return found


def _tell(ctx: click.Context, error: RegistryError) -> None:
    from registry.cli.console import Console

    Console(as_json=bool(_settings(ctx).get("json"))).error(error)


def _note(ctx: click.Context, name: str, sentence: str) -> None:
    """Say how a command ended that neither succeeded nor failed."""
    if _settings(ctx).get("json"):
        click.echo(json.dumps({"error": name, "message": sentence, "hint": ""}), err=True)
    else:
        click.echo(f"\n{name}. {sentence}", err=True)
