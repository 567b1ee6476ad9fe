"""The registry as tools of an agent."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from registry.cli.command import Whole, command

if TYPE_CHECKING:
    from registry.cli.app import App

TOKEN_VARIABLE: Final = "REGISTRY_MCP_TOKEN"  # nosec B105 # its name
"""Environment variable with the token that requests over HTTP carry."""


@command(
    "mcp",
    examples=[
        "registry mcp",
        'registry mcp --root . --budget "20 USD"',
        "registry mcp --http 8456",
    ],
)
@click.option("--budget", "budgets", multiple=True, metavar="AMOUNT", help="May spend this a day; once for each token.")
@click.option("--fees", default="0.01 ETH", show_default=True, metavar="AMOUNT", help="For the network a day.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Files are written and read below this folder only.",
)
@click.option("--http", "port", type=Whole(0, 65535), metavar="PORT", help="Serve on this port of the machine; 0: any.")
def mcp(app: App, budgets: tuple[str, ...], fees: str, root: Path | None, port: int | None) -> None:
    """Serve the registry to agents over MCP, on standard input and output.

    Without --budget it only looks. With one it buys, subscribes, cancels and publishes within it, and asks the user
    before each; --yes agrees beforehand. Over HTTP requests carry a token as bearer: the one of REGISTRY_MCP_TOKEN, or
    one that is shown. See docs/agents.md.
    """
    from registry.errors import InputError

    try:
        from registry.agents.agent_desk import AgentDesk
        from registry.agents.budget import DayBudget
        from registry.agents.mcp_server import AgentServer, make_server
    except ModuleNotFoundError as error:
        raise InputError(
            f"The server for agents needs {error.name}, which is not installed.",
            hint="Install it with: pip install 'asset-registry[mcp]'",
        ) from error

    registry = app.registry(to="spend a budget" if budgets else None)
    budget = DayBudget(registry, budgets, fees) if budgets else None
    server = make_server(AgentDesk(registry, root, budget, asks=not app.settings.get("yes")))
    if port is None:
        server.run("stdio")
        return
    serving = AgentServer(server, port, os.environ.get(TOKEN_VARIABLE, ""))
    value = {"url": serving.url} | ({} if os.environ.get(TOKEN_VARIABLE) else {"token": serving.token})
    shown = f" with the token {serving.token}" if "token" in value else ""
    app.console.answer(f"Serving at {serving.url}{shown} (Ctrl-C to stop)", value)
    sys.stdout.flush()
    serving.run()
