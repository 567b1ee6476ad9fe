"""Sources of blocks by their address, and the gateway that a user has set up for every program (IPIP-280)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from registry.errors import InputError
from registry.errors.redaction import shown
from registry.ipfs.blocks import BlockSource
from registry.ipfs.local_store import LocalStore

__all__ = ["default_gateway", "open_source", "open_sources"]


def open_source(address: BlockSource | str | os.PathLike[str]) -> BlockSource:
    """A source by its address; what is a source already is handed back.

    ===================================== ==================================
    ``https://ipfs.example.com``          a trustless gateway
    ``kubo:http://127.0.0.1:5001``        a node, by its RPC API
    ``routing:https://router.example``    a router, which knows gateways that have a block
    a path                                a folder that holds a block store
    ===================================== ==================================

    Nothing is asked of it yet. Raises `InputError`.
    """
    if not isinstance(address, (str, os.PathLike)):
        return address
    text = os.fspath(address)
    kind, _, rest = text.partition(":")
    if kind == "kubo":
        from registry.ipfs.kubo import KuboRPC  # they load httpx, which most who import this do not need

        return KuboRPC(rest)
    if kind == "routing":
        from registry.ipfs.routing import DelegatedRouter

        return DelegatedRouter(rest)
    if kind in ("http", "https"):
        from registry.ipfs.trustless import TrustlessGateway

        return TrustlessGateway(text)
    if Path(text, "blocks").is_dir():
        return LocalStore(text)
    # An address without its scheme looks like a path, and may have a key in it.
    is_path = os.sep not in text or text.startswith(("/", ".", "~"))
    told = shown(text) if "://" in text else text if is_path else f"{text.partition(os.sep)[0]}{os.sep}..."
    raise InputError(
        f"{told!r} is no source of blocks.",
        hint="Name a gateway (https://...), a node (kubo:http://127.0.0.1:5001), a router (routing:https://...) or "
        "the folder of a store.",
    )


def open_sources(addresses: Sequence[BlockSource | str | os.PathLike[str]] | None) -> tuple[BlockSource, ...]:
    """Each source of a list; for None the user's gateway, if there is one."""
    if addresses is None:
        gateway = default_gateway()
        addresses = [gateway] if gateway else []
    return tuple(open_source(address) for address in addresses)


def default_gateway() -> str | None:
    """The gateway that the user has set up, as IPIP-280 looks for it: ``$IPFS_GATEWAY`` (empty for none), then the
    first line of the file ``gateway`` in ``$IPFS_PATH``, ``~/.ipfs``, ``$XDG_CONFIG_HOME/ipfs``, ``/etc/ipfs``."""
    chosen = os.environ.get("IPFS_GATEWAY")
    if chosen is not None:
        return chosen or None
    home = Path(os.path.expanduser("~"))  # which stays a ~ for whoever has none
    places = [
        *([Path(os.environ["IPFS_PATH"])] if os.environ.get("IPFS_PATH") else []),
        home / ".ipfs",
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "ipfs",
        Path("/etc/ipfs"),
    ]
    for place in filter(Path.is_absolute, places):
        with suppress(OSError, UnicodeDecodeError):
            lines = (place / "gateway").read_text("utf-8-sig").split()
            if lines:
                return lines[0]
    return None
