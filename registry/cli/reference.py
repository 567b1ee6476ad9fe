"""Writes docs/cli.md from the commands themselves: ``python -m registry.cli.reference``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from registry.cli import ALIASES, SECTIONS, cli

TARGET: Final = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

WIDTH: Final = 110

PREFACE: Final = """\
# The command line

Written by `python -m registry.cli.reference` from the commands themselves; a test holds it fresh.

`registry ...` and `ape registry ...` are the same commands, and `ape run deploy | publish | buy | show | open |
verify | transfer | licences | access | consume | propose | vote | queue | execute` run them on ape's networks and
accounts.

An ASSET is its number (`7`), its DID (`did:nft:...`) or a name that you gave it (`registry name add penguins 7`), for
what reads it with a version (`7@3`), and for `cat` also an `asset://<did>/<path>` URL. A LICENCE is its name or its
number. An amount is `"12.5 USD"`.

The options of `registry` itself (`--rpc`, `--json`, `--yes`, ...) stand before or after the name of the command.

| exit code | |
|---|---|
| 0 | done |
| 1 | refused: standard error has the name of the error, what happened and the way out |
| 2 | wrongly called |
| 130 | interrupted: run it again, and it goes on where it stopped |

With `--json` exactly one JSON value goes to standard output (of `registry watch` one a line, as things happen), and an
error to standard error as `{"error": ..., "message": ..., "hint": ...}`. Amounts of wei and of datatokens are text in
it, because they are larger than many JSON readers keep exactly. Beside an amount in words (`"price": "12.5 USD"`)
stands what it is exactly: `"price_exact": {"units": "12500000", "decimals": 6, "symbol": "USD", "token": "0x..."}`,
with null for the token of the chain's own coin. Beside `did` stands the number of the asset, `asset_number`, as text
since items of collections have large ones. Ids of proposals are hexadecimal, and what nobody counts is null. What each
command answers has one JSON schema, made from the types of its results: [`schemas/show.json`](schemas/show.json), and
for `registry dao vote` [`schemas/dao-vote.json`](schemas/dao-vote.json).

`TAB` completes commands and options: `eval "$(_REGISTRY_COMPLETE=bash_source registry)"` in `~/.bashrc`, for zsh
`zsh_source`; for fish `_REGISTRY_COMPLETE=fish_source registry | source`.

| variable | |
|---|---|
| `REGISTRY_KEY` | private key that signs; there is no option for it, because a command line is seen by others |
| `REGISTRY_KEYFILE`, `REGISTRY_PASSWORD` | key file that signs, and its password, which else is asked for |
| `REGISTRY_APE_ACCOUNT` | account of ape that signs |
| `REGISTRY_RPC`, `REGISTRY_CHAIN_ID`, `REGISTRY_CONFIRMATIONS` | node or network, its chain, blocks to wait for |
| `REGISTRY_MAX_FEE`, `REGISTRY_TIP`, `REGISTRY_GAS_PRICE` | what a unit of gas may cost, in gwei |
| `REGISTRY_DEPLOYMENT`, `REGISTRY_HOME` | record of the registry; folder of blocks, journal and receipts |
| `IPFS_GATEWAY` | gateway for blocks that are not in the store; else that of `~/.ipfs/gateway`, if there is one |
| `REGISTRY_REACH` | networks inside that gateways in documents and hooks of a hub may be in: `127.0.0.0/8,10.1.2.3` |
| `REGISTRY_PIN_TOKEN`, `REGISTRY_PIN_TOKEN_<NAME>` | token of pinning services, and of the one of this name |
| `REGISTRY_SERVE_TOKEN` | token that `registry ipfs serve` asks for |

A licence is written in one line, `NAME: PART, PART, ...`:

| part | |
|---|---|
| `hold` | access for as long as it is held; what it is without the next two |
| `30 days` | access for a time, in weeks, days, hours, minutes or seconds |
| `10 uses` | access for a number of uses |
| `12.5 USD`, `free` | its price; one of them has to be there |
| `cap 100` | at most 100 are ever sold |
| `limit 1` | at most 1 for one account |
"""


def reference() -> str:
    """Return the whole reference as Markdown."""
    root = click.Context(cli, info_name="registry", max_content_width=WIDTH, terminal_width=WIDTH)
    parts = [PREFACE, "\n## registry\n", _help(cli, root)]
    for title, modules in SECTIONS.items():
        parts.append(f"\n## {title}\n")
        for name in (name for names in modules.values() for name in names):
            command = cli.get_command(root, name)
            assert command is not None
            for found, ctx in _walk(command, name, root):
                parts.append(f"\n### {ctx.command_path}\n")
                parts += [f"\nAlso `registry {alias}`.\n" for alias, of in ALIASES.items() if of == name]
                parts.append(_help(found, ctx))
    return "".join(parts)


def _walk(command: click.Command, name: str, parent: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    ctx = click.Context(command, info_name=name, parent=parent, max_content_width=WIDTH, terminal_width=WIDTH)
    yield command, ctx
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            found = command.get_command(ctx, below)
            assert found is not None
            yield from _walk(found, below, ctx)


def _help(command: click.Command, ctx: click.Context) -> str:
    text = "\n".join(line.rstrip() for line in command.get_help(ctx).splitlines())
    return f"\n```text\n{text}\n```\n"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
