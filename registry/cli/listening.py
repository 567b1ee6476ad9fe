"""Where a server that the command line starts is reached."""

from __future__ import annotations

import socket

from registry.errors import InputError
from registry.ipfs.hosts import is_loopback


def require_public_url(host: str, public_url: str | None, *, named_by: str) -> None:
    """Refuse to be reached by others at an address that is not theirs to use; raises `InputError`."""
    if not is_loopback(host) and public_url is None:
        raise InputError(
            f"Others can reach {host}, and {named_by} must name the address that they use.",
            hint="Add --public-url https://..., or serve on 127.0.0.1.",
        )


def url_at(host: str, sock: socket.socket) -> str:
    """The address of what listens there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"
