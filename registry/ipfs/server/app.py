"""The application: who is let in, and how faults are answered."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from registry.ipfs.hosts import is_loopback
from registry.ipfs.server.http_gateway import gateway_routes
from registry.ipfs.server.rpc import rpc_routes

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore

__all__ = ["make_app"]


def make_app(store: LocalStore, token: str | None) -> Starlette:
    """The ASGI application over a store; with `token`, for whoever has it."""
    return Starlette(routes=[*gateway_routes(store), *rpc_routes(store)], middleware=[Middleware(_Guard, token=token)])


class _Guard:
    """Lets in whoever has the token; without one, whoever speaks to this machine by its own name. No web page reaches
    the RPC: a browser says that it is one, and what it may not read it could still have sent."""

    _OF_BROWSERS: Final = ("origin", "referer", "sec-fetch-site")

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = self._refusal(scope["path"], Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, path: str, headers: Headers) -> PlainTextResponse | None:
        if self._expected is not None:
            given = headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._expected):
                return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        elif not is_loopback(_host(headers.get("host", ""))):
            # A stranger's name that resolves to this machine would let the stranger's page in (DNS rebinding).
            return PlainTextResponse("this server answers to its own address only\n", 403)
        if path.startswith("/api/") and any(name in headers for name in self._OF_BROWSERS):
            return PlainTextResponse("the RPC is not for browsers\n", 403)
        return None


def _host(value: str) -> str:
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""
