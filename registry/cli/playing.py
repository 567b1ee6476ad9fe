"""To see it work: the story, and its pages."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from registry.cli.command import Whole, command

if TYPE_CHECKING:
    from socket import socket

    from registry.cli.app import App
    from registry.client import Registry
    from registry.hub.hub_server import HubServer


@command("demo", examples=["registry demo", "registry demo --web"])
@click.option("--web", is_flag=True, help="Then serve its pages on this machine, until interrupted (Ctrl-C).")
@click.option(
    "--port", type=Whole(0, 65535), default=8455, show_default=True, metavar="N", help="Of the pages; 0: any."
)
def demo(app: App, web: bool, port: int) -> None:
    """Play the whole story on a chain in this process: publish, find, buy, open, be refused."""
    if web:
        _demo_with_pages(app, port)
        return
    from registry.cli.demo import run

    _, outcome = run(app.console)
    app.console.say(f"Look at it in a browser: {_called()} demo --web")
    if app.console.as_json:
        app.console.result(outcome)


def _demo_with_pages(app: App, port: int) -> None:
    from registry.cli.demo import run
    from registry.cli.listening import url_at
    from registry.errors import InputError
    from registry.system.serving import listen

    if find_spec("jinja2") is None:
        raise InputError(
            "The pages need jinja2, which is not installed.", hint="Run: pip install 'asset-registry[data,hub]'"
        )
    # Before the story, which takes its time.
    with listen("127.0.0.1", port) as sock:
        url = url_at("127.0.0.1", sock)
        registry, outcome = run(app.console)
        server = pages_of(registry, sock, url)
        app.console.answer(f"Look at it in a browser: {url} (Ctrl-C to stop)", replace(outcome, pages=url))
        sys.stdout.flush()
        server.run()


def pages_of(registry: Registry, sock: socket, url: str) -> HubServer:
    """A hub of a registry whose chain is in this process, with its pages at `url`."""
    from registry.hub.follower import Hub
    from registry.hub.hub_server import HubServer
    from registry.hub.hub_settings import HubSettings
    from registry.hub.pages.site import Site
    from registry.index.home_index import open_local

    index = open_local(registry)
    index.catch_up()
    reader = registry.as_account(None)
    hub = Hub(index, HubSettings(url), chain_id=reader.chain.chain_id, keeps=reader.store)
    return HubServer(hub, sock, site=Site(hub, reader))


def _called() -> str:
    """What starts this program once more from this folder."""
    program = Path(sys.argv[0]).absolute()
    here = Path.cwd()
    return str(program.relative_to(here)) if program.name == "registry" and program.is_relative_to(here) else "registry"
