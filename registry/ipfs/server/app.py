"""The application: who is let in, and how faults are answered."""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.ipfs.hosts import is_loopback
from registry.ipfs.server.door import Paired, door_routes
from registry.ipfs.server.http_gateway import gateway_routes
from registry.ipfs.server.rpc import rpc_routes

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore
    from registry.ipfs.mutable import MutableNames

__all__ = ["make_app"]

BODY_SECONDS: Final = 30.0
"""How long the next piece of a body is waited for. There is no limit on all of it: large folders are added."""


def make_app(
    store: LocalStore,
    token: str | None,
    paired: Paired | None = None,
    *,
    names: MutableNames | None = None,
    near: bool = True,
) -> Starlette:
    """The ASGI application over a store; with `token`, for whoever has it, and with a door for the page that is
    `paired`; with `names`, for names whose content changes. `near` says that it listens to this machine alone."""
    door = door_routes(store, paired) if paired is not None else []
    guard = Middleware(_Guard, token=token, paired=paired, near=near)
    return Starlette(routes=[*gateway_routes(store, names), *rpc_routes(store, names), *door], middleware=[guard])


class _Guard:
    """Lets in whoever has the token; without one, whoever speaks to this machine by its own name. No web page reaches
    the RPC: a browser says that it is one, and what it may not read it could still have sent. The page that is paired
    reaches its door, which judges by itself, and reads what the gateway answers."""

    _OF_BROWSERS: Final = ("origin", "referer", "sec-fetch-site")

    def __init__(self, app: ASGIApp, token: str | None, paired: Paired | None, near: bool) -> None:
        self._app = app
        self._paired, self._near = paired, near
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._refusal(scope["path"], headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            if self._paired is not None and scope["path"].startswith("/ipfs/"):
                send = _readable(send, self._paired.headers(headers.get("origin", "")))
        await self._app(scope, _in_time(receive), send)

    def _refusal(self, path: str, headers: Headers) -> PlainTextResponse | None:
        if self._paired is not None and path.startswith("/upload/"):
            if self._near and not is_loopback(_host(headers.get("host", ""))):
                return _OTHER_NAME
            return None
        if self._expected is not None:
            given = headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, self._expected):
                return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        elif not is_loopback(_host(headers.get("host", ""))):
            # A stranger's name that resolves to this machine would let the stranger's page in (DNS rebinding).
            return _OTHER_NAME
        if path.startswith("/api/") and any(name in headers for name in self._OF_BROWSERS):
            return PlainTextResponse("the RPC is not for browsers\n", 403)
        return None


_OTHER_NAME: Final = PlainTextResponse("this server answers to its own address only\n", 403)


def _readable(send: Send, headers: dict[str, str]) -> Send:
    """Send with further headers, which say alone what page may read it."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            found = MutableHeaders(scope=message)
            del found["Access-Control-Allow-Origin"]
            for name, value in headers.items():
                found.append(name, value)
        await send(message)

    return sent


def _in_time(receive: Receive) -> Receive:
    """The same, for whom one that stops sending the body of its request is gone."""
    whole = False

    async def piece() -> Message:
        nonlocal whole
        if whole:  # what comes now is that the other side leaves, whenever that is
            return await receive()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        whole = not message.get("more_body", False)
        return message

    return piece


def _host(value: str) -> str:
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""
