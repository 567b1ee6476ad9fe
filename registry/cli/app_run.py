"""Apps of others, looked at in a browser of this machine and run in the sandbox."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from registry.cli.command import Group, Real, Whole, command
from registry.cli.experiments import (
    did_of,
    inputs_of,
    inputs_option,
    limits_of,
    log_to,
    params_of,
    params_option,
    workshop,
)

if TYPE_CHECKING:
    from registry.cli.app import App


@click.group("app", cls=Group)
def app() -> None:
    """Apps that are assets: run in the sandbox, shown in a browser."""


@command(
    "run",
    group=app,
    file="penguin_app/run.toml",
    examples=[
        "registry app run 5 --on penguins=1",
        "registry app run examples/penguin_app --on penguins=examples/penguins",
        "registry app run 5 --on penguins=1 --port 8460 --shown-at http://127.0.0.1:8456",
        "registry app run 5 --public-url https://penguins.apps.example.org --shown-at https://hub.example.org",
    ],
)
@click.argument("code", metavar="APP")
@inputs_option
@params_option
@click.option("--port", type=Whole(0, 65535), default=8457, show_default=True, metavar="N", help="0: any.")
@click.option(
    "--shown-at",
    multiple=True,
    metavar="ORIGIN",
    help="Where pages may show it, too: a hub that was told of it by --app; repeatable.",
)
@click.option("--public-url", metavar="ORIGIN", help="Its own origin, where a reverse proxy leads people to it.")
@click.option("--seconds", type=Real(0.01), help="End it after this time; by default after 12 hours.")
@click.option("--memory", type=Whole(1), metavar="MIB", help="End it above this many MiB of memory in all.")
def run(
    app: App,
    code: str,
    inputs: tuple[str, ...],
    params: tuple[str, ...],
    port: int,
    shown_at: tuple[str, ...],
    public_url: str | None,
    seconds: float | None,
    memory: int | None,
) -> None:
    """Run APP in the sandbox, and serve its pages on this machine until interrupted (Ctrl-C, SIGTERM).

    APP is an asset of type 'app', or a folder with a run.toml that says by what it is served. It has no network and no
    files but those that are named, and its page reaches nothing but the app: docs/apps.md."""
    from registry.sandbox.ingress.app_server import serve_app
    from registry.sandbox.process import reached
    from registry.sandbox.spec import Tier

    reached(Tier.BUBBLEWRAP)  # before anything is fetched
    named = {name: did_of(app, what) for name, what in inputs_of(inputs).items()}
    place = workshop(app, code, *named.values())
    serving = serve_app(
        place,
        did_of(app, code),
        named,
        params=params_of(params),
        port=port,
        public_url=public_url,
        shown_at=shown_at,
        on_log=log_to(app),
        **limits_of(seconds, memory),
    )
    with ExitStack() as stack:
        with app.progress():
            running = stack.enter_context(serving)
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        stack.callback(signal.signal, signal.SIGTERM, before)
        app.console.answer(
            f"Look at it: {running.url} (Ctrl-C to stop)\nA hub shows it with: --app {code}={running.origin}",
            {"url": running.url, "origin": running.origin, "did": running.asset},
        )
        sys.stdout.flush()
        try:
            ended = running.wait()
        except KeyboardInterrupt:
            return
        if ended is not None:
            ended.check()
