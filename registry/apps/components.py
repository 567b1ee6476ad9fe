"""The script and the style of what an app shows of a visitor's wallet, as one text each: hosts take no second file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

from registry.errors import Unverified
from registry.hub.pages.wallet_digest import DIGEST, digest_of

__all__ = ["as_function", "part_script", "script", "style"]

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";$', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?:\{[^}]*\};$|(?=class|const|function|async))", re.MULTILINE)


@cache
def script(host: str) -> str:
    """The wallet script of the pages, what apps put on it, and the few lines by which `host` calls that.

    Raises `Unverified` if the wallet script is not the one that the package names.
    """
    wallet = (files("registry.hub.pages") / "static" / "wallet.js").read_bytes()
    found = digest_of(wallet)
    if found != DIGEST:
        raise Unverified("the wallet script", "this installation", f"its digest is {found}, and not {DIGEST}")
    parts = [wallet.decode("utf-8"), _own("host.js"), _own(f"{host}.js")]
    if host == "anywidget":  # who looks at a notebook publishes from it; visitors of an app do not
        act = (files("registry.hub.pages") / "static" / "publish_act.js").read_text(encoding="utf-8")
        parts.insert(1, f"{{\n{as_function(act)}}}")
    return "\n".join(_IMPORT.sub("", part) for part in parts)


def part_script(host: str) -> str:
    """What each part of `host` runs, where the script is loaded once for all of them."""
    return _own(f"{host}_part.js")


def as_function(module: str) -> str:
    """A script as the body of a function, for a host that loads no modules."""
    return _EXPORT.sub("", module)


def style() -> str:
    """The style of parts and of the dialog."""
    return _own("host.css")


@cache
def _own(name: str) -> str:
    return (files("registry.apps") / "static" / name).read_text(encoding="utf-8")
