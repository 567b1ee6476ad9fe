"""Signing in with the wallet of one's browser, from wherever Python runs."""

from __future__ import annotations

import time
import webbrowser
from importlib.util import find_spec
from typing import Final

from registry.chain.wallets import BrowserSigner
from registry.client import Registry
from registry.errors import SignerError
from registry.text.kernel import in_notebook

__all__ = ["login"]

SHOWN_SECONDS: Final = 20.0
"""How long a widget may take to be there, before a link is shown instead."""


def login(registry: Registry | None = None, *, link: bool = False, seconds: float = 300.0) -> Registry:
    """The registry as the account in your browser's wallet uses it: it signs messages, and keeps the key.

    In a notebook (extra `notebook`) a button signs in, and this waits for it; what is signed later is shown there too.
    With `link`, where no widget is shown within 20 s or there is no wallet beside it, and outside notebooks, a page of
    this machine does the same: its link is told. `registry` is any client (default: `Registry.from_environment`),
    `seconds` how long to wait. Raises `SignerError` if nobody signs in.
    """
    base = registry or Registry.from_environment()
    if not link and in_notebook() and find_spec("anywidget") is not None:
        found = _by_widget(base, seconds)
        if found is not None:
            return found
    wallet = BrowserSigner(open=_told, seconds=seconds)
    made = base.signed_by(wallet)
    _ = wallet.address  # asked for once, now
    return made


def _by_widget(registry: Registry, seconds: float) -> Registry | None:
    """By a widget; None where none is shown while a cell runs, and where its page has no wallet."""
    from IPython.display import display

    from registry.apps.notebook import SignIn

    widget = SignIn(registry)
    display(widget)  # type: ignore[no-untyped-call]
    if not widget.shown.wait(min(seconds, SHOWN_SECONDS)):
        widget.close()
        return None
    until = time.monotonic() + seconds
    while widget.account is None:
        if widget.visit.walletless:
            widget.close()
            return None
        if time.monotonic() > until:
            raise SignerError(f"Nobody signed in within {seconds:g} s.", hint="Press the button, and confirm it there.")
        time.sleep(0.1)
    return widget.registry


def _told(url: str) -> None:
    print(f"Open this in the browser that has your wallet: {url}", flush=True)  # noqa: T201
    webbrowser.open(url)
