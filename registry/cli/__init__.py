"""``registry ...`` and ``ape registry ...``: the verbs of the client on the command line.

Kept cheap: a command's module is imported when it is asked for, and the client, with web3, when a command runs.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Final

import click

from registry.cli.command import RootGroup, run, shared

SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Start": {
        "playing": ("demo",),
        "start": ("deploy", "fund"),
        "connecting": ("connect", "networks"),
        "naming": ("name",),
    },
    "Look": {
        "look": (
            "show",
            "licences",
            "history",
            "diff",
            "resolve",
            "files",
            "access",
            "balance",
            "tokens",
            "cid",
            "explain",
        )
    },
    "Find": {
        "find": ("search", "browse", "mine", "similar", "suggest", "holders", "sales", "activity", "watch"),
        "hub": ("hub",),
    },
    "Publish": {
        "publishing": ("publish", "publish-many", "update", "add-licence", "reprice", "close-licence", "open-licence"),
        "collection": ("collection",),
    },
    "Import and export": {"importing": ("import",), "exporting": ("export",)},
    "Buy and use": {
        "market": ("buy", "approve", "redeem", "consume", "receipt", "grant"),
        "streams": ("subscribe", "extend", "cancel", "settle", "subscription"),
        "content": ("cat", "download", "verify"),
    },
    "Run": {"experiments": ("run", "reproduce"), "app_run": ("app",), "compute": ("compute",), "sandbox": ("sandbox",)},
    "Own": {"owning": ("transfer", "roles", "payout", "suspend", "resume", "retire"), "team": ("team",)},
    "Share": {"split": ("split",), "lineage": ("family", "derivatives"), "keys": ("invite", "uninvite")},
    "Talk": {"talk": ("comment", "like", "talk", "requests")},
    "Content": {"keep": ("ipfs",), "keys": ("keys",), "gateway": ("gateway",)},
    "Decide": {"dao": ("dao",), "standard": ("standard",), "curation": ("curation",)},
    "Agents": {"agents": ("mcp",)},
    "And": {"ocean": ("ocean",), "start": ("unstick",)},
}
"""Which module has which commands, by the sections of the help."""

ALIASES: Final = {"open": "cat", "get": "download", "errors": "explain"}


class Commands(RootGroup):
    """Finds the commands of `SECTIONS` when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help."""
        return [name for modules in SECTIONS.values() for names in modules.values() for name in names]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of a command; None for a name that there is not."""
        wanted = ALIASES.get(name, name)
        for modules in SECTIONS.values():
            for module, names in modules.items():
                if wanted in names:
                    # A word of Python has an underscore after it.
                    attribute = wanted.replace("-", "_") + ("_" if iskeyword(wanted) else "")
                    command: click.Command = getattr(import_module(f"registry.cli.{module}"), attribute)
                    return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands section by section."""
        for title, modules in SECTIONS.items():
            rows = []
            for name in (name for names in modules.values() for name in names):
                command = self.get_command(ctx, name)
                assert command is not None
                rows.append((name, command.get_short_help_str(90)))
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=Commands, name="registry", params=shared(root=True))
@click.version_option(package_name="asset-registry", prog_name="registry")
def cli() -> None:
    """A registry of AI assets that belongs to those who use it.

    Publish data sets and models as NFTs with their content on IPFS, sell or give access to them, and check every
    byte you get. An ASSET is its number (7), its DID (did:nft:...) or its name ('registry name'), for
    what reads it with a version (7@3), and for 'cat' also an asset:// URL.

    \b
    See it work:      registry demo
    On a chain:       registry --rpc http://127.0.0.1:8545 show 1
    For good:         export REGISTRY_RPC=http://127.0.0.1:8545
    For machines:     registry show 1 --json
    """


def main() -> None:
    """Run the command line and end the process: 0 done, 1 refused, 2 wrongly called, 130 interrupted."""
    # What a command imports stays, some 150,000 objects, and by default Python looks through them for garbage again and
    # again: a tenth of the CPU time of a short command.
    gc.set_threshold(250_000)
    run(cli)


__all__ = ["cli", "main"]
