"""The widgets of a visit (extra `notebook`), in JupyterLab and whatever else shows anywidgets."""

from __future__ import annotations

import threading
from typing import Any, Final

import anywidget
import traitlets

from registry.apps import components
from registry.apps.offered import act_of, require_taken_alone
from registry.apps.visit import Visit
from registry.client import Registry
from registry.results import AssetRef, Holding
from registry.types import Address

__all__ = ["SignIn", "Subscribe", "Take", "WidgetPart"]

HEARD_SECONDS: Final = 20.0
"""How long a page may take to show what is to be signed."""


class WidgetPart(anywidget.AnyWidget):
    """A part of the page that shows a visit. What the wallet answers is in none of the traits, which notebooks save."""

    _esm = components.script("anywidget")
    _css = components.style()
    told = traitlets.Dict().tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        super().__init__()
        # Else ipykernel hands what the page says to the shell that runs the cell which waits for it.
        self.comm._reply_subshell_for = None
        self.visit = visit
        self.shown = threading.Event()
        visit.watchers.append(self._show)
        self.on_msg(self._heard)
        self._show()

    def close(self) -> None:
        """Show it no more."""
        watchers = self.visit.watchers if "visit" in vars(self) else []  # one that could not be made is closed, too
        if self._show in watchers:
            watchers.remove(self._show)
        super().close()

    def _heard(self, _: object, said: object, __: object) -> None:
        self.shown.set()
        self.visit.heard(said)
        if isinstance(said, dict):
            if said.get("kind") == "here":
                self.send({"kind": "here"})
            self._does(said)

    def _does(self, said: dict[str, Any]) -> None:
        """Take what the page says of the part itself."""

    def _show(self) -> None:
        self.told = self._now()

    def _now(self) -> dict[str, Any]:
        return self.visit.told() | {"leaves": True}


class SignIn(WidgetPart):
    """A button by which the wallet of this browser signs in: `account` is then whose it is, and `registry` the registry
    as that account uses it.

    The wallet signs messages of `registry`, each shown here before; it sends no transactions of it: take licences with
    `Take` and `Subscribe`. `registry` when it is made is any client (default: `Registry.from_environment`).
    """

    def __init__(self, registry: Registry | None = None) -> None:
        super().__init__(Visit(registry or Registry.from_environment(), None, hears=HEARD_SECONDS))

    @property
    def account(self) -> Address | None:
        """Who signed in, None for nobody."""
        return self.visit.account

    @property
    def registry(self) -> Registry:
        """The registry as the account uses it. Raises `SignerError` before anybody has signed in."""
        return self.visit.client


class Take(WidgetPart):
    """A button with which the account that signed in takes a licence of an asset, in its own wallet.

    `held` is what the chain says it has of it. Raises `SignerError` before somebody has signed in, `AssetNotFound` and
    `LicenceNotFound`.
    """

    def __init__(self, signed_in: SignIn, asset: AssetRef, licence: str | int | None = None) -> None:
        registry = signed_in.registry
        self._found = registry.get(asset)
        self._offer = require_taken_alone(registry.offer(self._found, licence))
        super().__init__(signed_in.visit)

    @property
    def held(self) -> Holding:
        """What the account has of the licence. Raises `SignerError` once nobody is signed in."""
        return self.visit.client.holding(self._found, self._offer)

    def _now(self) -> dict[str, Any]:
        account = self.visit.account
        told = self.visit.told() | {"account": "", "ask": None, "note": "", "switch": False}
        if account is None:
            return told | {"note": "Sign in above.", "tone": "calm", "still": True}
        return told | {"act": act_of(self.visit.registry, self._found, self._offer, account)}


class Subscribe(Take):
    """The same for access by the second: without a name, the asset's one stream."""

    def __init__(self, signed_in: SignIn, asset: AssetRef, licence: str | int | None = None) -> None:
        from registry.documents.licence import Kind

        if licence is None:
            streams = [
                one.number
                for one in signed_in.registry.licences(asset)
                if one.open and one.kind is Kind.STREAM and not one.runs
            ]
            licence = streams[0] if len(streams) == 1 else None
        super().__init__(signed_in, asset, licence)
