"""What a command works with: its settings, its console, and the registry they lead to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from registry.cli.console import Console
from registry.errors import InputError, NoSigner, SignerError, UnknownAccount, WrongPassword
from registry.text.numbers import digits_or_text

if TYPE_CHECKING:
    from registry.chain.addresses import Deployment
    from registry.chain.connection import Chain
    from registry.chain.journal import Journal
    from registry.chain.networks import Network
    from registry.chain.signers import Signer
    from registry.client import Registry
    from registry.errors import InsufficientBalance
    from registry.ipfs.store import BlockStore, LocalStore
    from registry.results import Offer

KEY_VARIABLE: Final = "REGISTRY_KEY"
"""Environment variable with a private key."""

TRIES: Final = 3
"""How often a password is asked for."""


class App:
    """One call of a command.

    `settings` are the shared options by name, those that nobody set left out (see `registry.cli.command`).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.console = Console(as_json=bool(settings.get("json")))
        self._progress: Callable[[str, int, int], None] | None = None

    # --- Where, and who --------------------------------------------------------------------------

    def chain(self) -> Chain:
        """Connect to the chain of ``--rpc``. Raises `InputError` if there is none, and what `Chain.connect` raises."""
        from registry.chain.connection import Chain
        from registry.chain.fees import FeeMarket

        url, chain_id = self.settings.get("rpc"), self.settings.get("chain_id")
        if self.network is not None:
            url, chain_id = self.network.node(), chain_id or self.network.chain_id
        if not url:
            raise InputError(
                "No chain was named.",
                hint="See it all work on a chain in one process with 'registry demo'; connect to a registry with "
                "'registry connect'; or start a chain with 'anvil --chain-id 1337' and add --rpc http://127.0.0.1:8545 "
                "(or set REGISTRY_RPC).",
            )
        fees = FeeMarket(**{name: self.settings.get(name) for name in ("max_fee", "tip", "gas_price")})
        confirmations = self.settings.get("confirmations") or 1
        return Chain.connect(url, chain_id=chain_id, confirmations=confirmations, fees=fees)

    @cached_property
    def network(self) -> Network | None:
        """The network that ``--rpc`` names, or that is in use where it names none. Raises `InputError`."""
        from registry.chain.networks import Networks

        return Networks(self.home).meant(self.settings.get("rpc") or None)

    @property
    def sources(self) -> Sequence[str] | None:
        """Where blocks come from that are not at home: ``--source``, or the user's gateway and the network's own."""
        from registry.chain.networks import sources_with
        from registry.ipfs.sources import default_gateway

        return self.settings.get("read_from") or sources_with(self.network, default_gateway())

    def signer(self) -> Signer | None:
        """Return who signs, None if nobody was named. Raises `SignerError` and its kinds, and `InputError`."""
        from registry.chain.signers import as_signer

        named = {
            KEY_VARIABLE: os.environ.get(KEY_VARIABLE),
            "--keyfile": self.settings.get("keyfile"),
            "--ape-account": self.settings.get("ape_account"),
            "--browser": self.settings.get("browser"),
        }
        given = {name: value for name, value in named.items() if value}
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} name more than one signer.", hint="Keep one of them.")
        if "--keyfile" in given:
            return self._from_keyfile(Path(given["--keyfile"]).expanduser())
        if "--ape-account" in given:
            return as_signer(_ape_account(given["--ape-account"]))
        if "--browser" in given:
            from registry.chain.wallets import BrowserSigner

            return BrowserSigner(open=_show_page)
        return as_signer(given.get(KEY_VARIABLE))

    def require_signer(self, what: str) -> Signer:
        """Return who signs; `what` completes "To ..., a signer is needed."."""
        signer = self.signer()
        if signer is None:
            raise NoSigner(
                what,
                hint=f"Set {KEY_VARIABLE} to a private key, or add --keyfile PATH, --ape-account ALIAS or --browser.",
            )
        return signer

    @property
    def home(self) -> Path:
        """Folder of blocks and journal."""
        from registry.home import home

        chosen = self.settings.get("home")
        return Path(chosen).expanduser() if chosen else home()

    def store(self) -> LocalStore:
        """Open the block store at home."""
        from registry.home import make_home
        from registry.ipfs.store import LocalStore

        return LocalStore(make_home(self.home) / "blocks")

    def blocks(self, sources: Sequence[str] = ()) -> BlockStore:
        """The block store at home, which takes what it lacks from `sources`, by default those of the app."""
        from registry.ipfs.sources import open_sources
        from registry.ipfs.store import ReadThrough

        store, places = self.store(), open_sources(sources or self.sources)
        return ReadThrough(store, places) if places else store

    def journal(self) -> Journal:
        """Open the record of what was sent."""
        from registry.chain.journal import Journal

        return Journal.at(self.home)

    def registry(self, *, to: str | None = None) -> Registry:
        """Connect to the registry; `to` says what a signer is needed for, None to only read.

        Raises what `Registry.connect` and `signer` raise.
        """
        from registry.client import Registry

        # A wrong name of the node is told before a password is asked for.
        chain = self.chain()
        signer = self.signer() if to is None else self.require_signer(to)
        registry = Registry.on(
            chain,
            signer=signer,
            deployment=self.settings.get("deployment") or self._kept_deployment(),
            sources=self.sources,
            home=self.home,
            progress=self.tick,
        )
        registry.ask_passphrase = self._keys_passphrase
        return registry

    def _kept_deployment(self) -> Deployment | None:
        from registry.chain.networks import Networks

        return None if self.network is None else Networks(self.home).deployment(self.network.name)

    def record(self, chain_id: int) -> Path | None:
        """The file that records the registry in use: the one that was named, or that of the chain here or at home."""
        from registry.chain.addresses import place_of

        chosen = self.settings.get("deployment")
        if chosen and not chosen.startswith("0x"):
            return Path(chosen)
        return place_of(chain_id, [Path("deployments"), self.home / "deployments"])

    # --- Asking and telling ----------------------------------------------------------------------

    def agree(self, question: str, *, short: InsufficientBalance | None = None) -> None:
        """Ask before something that cannot be undone; raises `click.Abort` for a no.

        Raises what a preview was `short` of, since nobody is asked for what cannot be paid, and `InputError` if nobody
        can answer, because standard input is no terminal and ``--yes`` is not given.
        """
        if short is not None:
            raise short
        if self.settings.get("yes"):
            return
        if not sys.stdin.isatty():
            raise InputError(
                f"Nobody can answer the question {question!r}: standard input is no terminal.",
                hint="Add --yes to agree beforehand.",
            )
        click.confirm(question, abort=True, err=True)

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show the progress of what the registry does meanwhile."""
        with self.console.progress() as update:
            self._progress = update
            try:
                yield
            finally:
                self._progress = None

    def tick(self, what: str, done: int, total: int) -> None:
        """Show how far something is, while `progress` is shown; else only what is waited for."""
        (self._progress or self.console.waiting)(what, done, total)

    def _keys_passphrase(self) -> str | None:
        """The passphrase of the folder of keys; None if nobody can be asked."""
        from registry.gated.key_store import PASSPHRASE_VARIABLE

        given = os.environ.get(PASSPHRASE_VARIABLE)
        if given or not sys.stdin.isatty():
            return given
        new = not (self.home / "keys" / "identity.age").exists()
        question = "New passphrase for the keys of gated assets" if new else "Passphrase of the keys"
        answer: str = click.prompt(question, hide_input=True, confirmation_prompt=new, err=True)
        return answer

    def _from_keyfile(self, path: Path) -> Signer:
        from registry.chain.signers import PASSWORD_VARIABLE, KeySigner

        if not path.exists():
            raise UnknownAccount(str(path))
        password = os.environ.get(PASSWORD_VARIABLE)
        if password is not None:
            return KeySigner.from_keyfile(path, password)
        if not sys.stdin.isatty():
            raise SignerError(
                f"Key file {path} needs a password, and standard input is no terminal.",
                hint=f"Set {PASSWORD_VARIABLE}.",
            )
        for left in reversed(range(TRIES)):
            try:
                return KeySigner.from_keyfile(path, click.prompt(f"Password of {path}", hide_input=True, err=True))
            except WrongPassword:
                if not left:
                    raise
                click.echo("That is not its password.", err=True)
        raise AssertionError("the last try raises")


def pick(registry: Registry, asset: int | str, licence: str | None) -> Offer:
    """Find a licence by its name or else its number, None if only one is open. Raises `LicenceNotFound`."""
    offers = registry.licences(asset)
    named = next((offer for offer in offers if offer.name == licence), None)
    if named is not None:
        return named
    return registry.offer(asset, None if licence is None else digits_or_text(licence))


def _show_page(url: str) -> None:
    """Open a page in the user's browser, and say where it is in case none opens."""
    import webbrowser

    click.echo(f"Sign in at {url}", err=True)
    webbrowser.open(url)


def _ape_account(alias: str) -> Any:
    try:
        from ape import accounts
    except ImportError as error:
        raise SignerError(
            f"Ape is not installed, so its account {alias!r} cannot be used.",
            hint="Run: pip install 'asset-registry[ape]'",
        ) from error
    head, _, number = alias.upper().partition("::")
    if head == "TEST" and number.isdecimal() and int(number) < len(accounts.test_accounts):
        return accounts.test_accounts[int(number)]
    known = list(accounts.aliases)
    if alias not in known:
        raise UnknownAccount(alias, [*known, "TEST::0 to TEST::9"])
    return accounts.load(alias)
