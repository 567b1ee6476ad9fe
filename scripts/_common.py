"""The commands of `registry ...` on ape's networks and accounts."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand, account_option, network_option
from ape.logging import logger

from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.sender import Sender
from registry.chain.signers import Signer, as_signer, dev_signer
from registry.cli.app import App
from registry.cli.command import APP, META, Command, ending
from registry.cli.console import Console
from registry.cli.start import deploy_on
from registry.client import Registry
from registry.documents.licence import Licence
from registry.errors import NotDeployed
from registry.ipfs.store import MemoryStore

EXAMPLE = Path(__file__).parent.parent / "examples" / "penguins"

AUTHOR = 1
"""Number of the test account that publishes the example."""


class ApeApp(App):
    """Connects by ape's provider and signs with ape's account.

    A chain that ape has just started forgets all when the command ends. There, nothing is written to disk.
    """

    def __init__(self, provider: Any, account: Any, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self._provider = provider
        self._account = account
        self._chain: Chain | None = None
        self._memory = MemoryStore()
        self._journal = Journal.in_memory()
        self.deployment: Deployment | None = None

    @property
    def passes_away(self) -> bool:
        """Whether the chain ends with this process."""
        return self.chain().is_in_process or getattr(self._provider, "process", None) is not None

    def chain(self) -> Chain:
        """The chain of ape's provider."""
        if self._chain is None:
            url = getattr(self._provider, "http_uri", None) or self._provider.name
            self._chain = Chain.from_web3(
                self._provider.web3, str(url), confirmations=self.settings.get("confirmations") or 1
            )
        return self._chain

    def signer(self) -> Signer | None:
        """The account of ``--account``."""
        return as_signer(self._account)

    def journal(self) -> Journal:
        """The record of what was sent, in memory for a chain that passes away."""
        return self._journal if self.passes_away else super().journal()

    def registry(self, *, to: str | None = None) -> Registry:
        """The registry on ape's chain."""
        signer = self.signer() if to is None else self.require_signer(to)
        try:
            return Registry.on(
                self.chain(),
                signer=signer,
                deployment=self.deployment or self.settings.get("deployment"),
                store=self._memory if self.passes_away else None,
                journal=self.journal(),
                home=self.home,
                progress=self.tick,
            )
        except NotDeployed as error:
            if self.passes_away:
                error.hint = "This chain has just started: add --deploy, or attach to a node that goes on running."
            raise

    def deploy(self, *, example: bool) -> None:
        """Deploy with play money as the signer, who gets some; with `example` publish it as asset 1."""
        sender = Sender(self.chain(), self.require_signer("deploy"), self.journal())
        # The one JSON value on standard output is that of the command itself.
        quiet = App({**self.settings, "yes": True})
        quiet.console = Console(silent=True)
        folder = None if self.passes_away else Path("deployments")
        self.deployment = deploy_on(quiet, self.chain(), sender, local_dollar=True, folder=folder)
        if example:
            author = self.registry(to="publish").as_account(dev_signer(AUTHOR))
            asset = author.publish(
                EXAMPLE,
                name="Palmer penguins",
                type="dataset",
                license="CC0-1.0",
                licences=[
                    Licence.free("research", limit=1),
                    Licence.period("commercial", days=30, price="12.5 USD"),
                    Licence.uses("predictions", uses=10, price="0.002 ETH"),
                ],
            )
            self.console.note(f"Published the example as {asset.did}")


def script(command: Command, *, signs: bool = True, deploys: bool = True, example: bool = True) -> click.Command:
    """Make an ape script of a command: the same arguments, with ``--network`` and ``--account`` of ape.

    With `signs` ape asks for the account if none is named; with `deploys` there is ``--deploy``, and `example` says
    whether that publishes something too.
    """

    @click.command(command.name, cls=ApeCommand, help=command.help, examples=_examples(command))
    @network_option()
    @account_option("--account", "ape_account", prompt=_PROMPT if signs else False)
    @click.pass_context
    def call(ctx: click.Context, provider: Any, ape_account: Any, **values: Any) -> None:
        app = ApeApp(provider, ape_account, ctx.meta.setdefault(META, {}))
        ctx.meta[APP] = app
        if values.pop("deploy", False):
            app.deploy(example=example)
        assert command.callback is not None
        command.callback(**values)

    if deploys:
        what = " and publish the example as asset 1" if example else ""
        option = click.Option(
            ["--deploy"], is_flag=True, help=f"First deploy here, with play money{what}: for chains that start empty."
        )
        call.params.append(option)
    call.params.extend(map(_without_account, command.params))
    return call


_PROMPT = "Select an account"


class ApeCommand(ConnectedProviderCommand):
    """A connected command of ape whose errors end as those of ``registry`` do."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._examples = examples

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; typed errors end with 1."""
        if ctx.meta.get(META, {}).get("json"):
            # Ape tells on standard output that it connects, where the one JSON value is to be.
            logger.set_level("WARNING")
        with ending(ctx):
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        with formatter.section("Examples"):
            for example in self._examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def _without_account(parameter: click.Parameter) -> click.Parameter:
    """Leave ``--account`` to ape, for who signs; for whom it is done stays ``--for``."""
    if "--account" not in parameter.opts:
        return parameter
    mine = copy(parameter)
    mine.opts = ["--for"]
    return mine


def _examples(command: Command) -> tuple[str, ...]:
    return tuple(
        example.replace("registry ", "ape run ", 1).replace("--account", "--for") for example in command.examples
    )
