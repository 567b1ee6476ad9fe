"""Requests from a port of this machine to the socket of an app in the sandbox, one for each connection, and back.

Both ends are read by h11, and what passes is written anew: an app that sends what is no HTTP reaches no browser. The
socket is one in a folder that the app writes to, so what has its name may be anything: a link to a socket of this
machine, for one. It is opened by the folder, without following links, looked at, and then that very thing is connected
to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import h11

from registry.errors import Unavailable
from registry.sandbox.ingress.ingress_rules import IngressRules, _NotPassed, frame_page, wants_socket
from registry.sandbox.spec import SOCKET

__all__ = ["Forwarder", "connect_within"]

_HEAD: Final = 32 * 1024
"""Bytes of a request line with its headers."""

_PIECE: Final = 2**16
_ASKING: Final = 30.0
"""Seconds until a browser has said what it wants."""

_ANSWERING: Final = 120.0
"""Seconds until an app begins to answer, and between two pieces of an answer."""

_SILENT: Final = 3600.0
"""Seconds for which a web socket may say nothing."""

_CONNECTIONS: Final = 256
"""At the same time; a page of Streamlit asks for some sixty files, six at a time."""

_STARTING: Final = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Starting</title>"
    b"<p style='font:14px system-ui;color:GrayText'>It is starting."
)


def connect_within(folder: int) -> socket.socket:
    """Connect to the socket that an app made in an open folder.

    Raises OSError where there is none, and where something else has its name.
    """
    place = os.open(SOCKET, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not stat.S_ISSOCK(os.fstat(place).st_mode):
            raise ConnectionRefusedError("it is no socket")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(5)
            made.connect(f"/proc/self/fd/{place}")
            made.setblocking(False)
            return made
        except BaseException:
            made.close()
            raise
    finally:
        os.close(place)


class Forwarder:
    """Carries what `rules` let pass between a listening socket and an app, in a thread of its own, while a `with`
    lasts.

    Before `begin` there is no app: then, and until it listens, browsers are told that it is starting. `name` and `what`
    stand above it on the page around."""

    def __init__(self, sock: socket.socket, rules: IngressRules, *, name: str, what: str) -> None:
        self._socket, self._rules = sock, rules
        self._page = frame_page(rules, name, what)
        self._folder = -1
        self._guard = threading.Lock()
        self._open = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), name="registry-ingress", daemon=True)
        self._ready = threading.Event()

    def begin(self, folder: int) -> None:
        """Forward to the socket in an open folder, which stays open here until the end."""
        with self._guard:
            self._folder = os.dup(folder)

    def answers(self) -> bool:
        """Whether the app listens."""
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise Unavailable("the way to the app", ["it did not start"])
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._over is not None:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._socket.close()
        with self._guard:
            if self._folder >= 0:
                os.close(self._folder)
            self._folder = -1

    async def _work(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, sock=self._socket, limit=_PIECE)
        self._ready.set()
        try:
            await self._over.wait()
        finally:
            server.close()

    def _connect(self) -> socket.socket:
        with self._guard:
            if self._folder < 0:
                raise ConnectionRefusedError("it has not begun")
            return connect_within(self._folder)

    # --- One connection --------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        browser = _End(h11.SERVER, reader, writer)
        try:
            if self._open > _CONNECTIONS:
                raise _NotPassed(503, "Too many connections at the same time.")
            await self._pass(browser)
        except _NotPassed as error:
            await browser.say(error.status, error.why.encode(), location=error.location)
        except (h11.RemoteProtocolError, h11.LocalProtocolError):
            await browser.say(400 if browser.asked is None else 502, b"That is no HTTP.")
        except TimeoutError:
            await browser.say(408 if browser.asked is None else 504, b"It took too long.")
        except (OSError, asyncio.CancelledError):
            pass  # one of the two has gone, or it is over
        finally:
            self._open -= 1
            await browser.close()

    async def _pass(self, browser: _End) -> None:
        request = await browser.next(_ASKING)
        if not isinstance(request, h11.Request):
            return
        browser.asked = request
        headers = request.headers.raw_items()
        if self._rules.is_page(request.method.decode(), request.target.decode(), headers):
            await browser.answer(200, *self._page)
            return
        if not request.target.startswith(b"/"):
            raise _NotPassed(400, "A path is asked for, and nothing else.")
        upgrade = wants_socket(headers)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=self._connect(), limit=_PIECE)
        except OSError:
            await browser.say(503, _STARTING, b"text/html", again=True)
            return
        app = _End(h11.CLIENT, reader, writer)
        try:
            await app.send(
                h11.Request(
                    method=request.method,
                    target=request.target,
                    headers=self._rules.asked(headers, upgrade=upgrade),
                )
            )
            await self._talk(browser, app, upgrade)
        finally:
            await app.close()

    async def _talk(self, browser: _End, app: _End, upgrade: bool) -> None:
        """Hand the body on, and the answer back; whichever fails ends both."""
        asking = asyncio.ensure_future(self._ask(browser, app))
        try:
            switched = await self._answer(browser, app, upgrade)
            if switched:
                await asking
                await _both_ways(browser, app)
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError, h11.ProtocolError):
                await asking

    async def _ask(self, browser: _End, app: _End) -> None:
        async for piece in browser.body(_ANSWERING):
            await app.send(piece)

    async def _answer(self, browser: _End, app: _End, upgrade: bool) -> bool:
        """Hand the answer back; whether it opened a web socket."""
        while isinstance(answer := await app.next(_ANSWERING), h11.InformationalResponse):
            if answer.status_code == 101 and upgrade:
                headers = self._rules.answered(answer.headers.raw_items(), upgrade=True)
                await browser.send(h11.InformationalResponse(status_code=101, headers=headers))
                return True
        if not isinstance(answer, h11.Response):
            raise ConnectionResetError("it said nothing")
        headers = self._rules.answered(answer.headers.raw_items(), upgrade=False)
        await browser.send(h11.Response(status_code=answer.status_code, headers=headers))
        async for piece in app.body(_ANSWERING):
            await browser.send(piece)
        return False


class _End:
    """One end of a connection, as h11 reads and writes it."""

    def __init__(self, role: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=_HEAD)
        self.reader, self.writer = reader, writer
        self.asked: h11.Request | None = None
        self._begun = False

    async def next(self, seconds: float) -> Any:
        """What comes next. Raises TimeoutError, `h11.RemoteProtocolError`."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await asyncio.wait_for(self.reader.read(_PIECE), seconds))
        return event

    async def body(self, seconds: float) -> AsyncIterator[Any]:
        """The pieces of a body and its end."""
        while True:
            event = await self.next(seconds)
            if isinstance(event, h11.Data):
                yield h11.Data(data=event.data)
            elif isinstance(event, h11.EndOfMessage):
                yield h11.EndOfMessage()
                return
            elif event is h11.PAUSED:
                return
            else:
                raise ConnectionResetError("it ended in the middle")

    async def send(self, event: Any) -> None:
        """Write something. Raises OSError, TimeoutError."""
        self._begun = self._begun or isinstance(event, h11.Response | h11.InformationalResponse)
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), _ANSWERING)

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer with what is ours."""
        await self.send(h11.Response(status_code=status, headers=headers))
        await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())

    async def say(
        self, status: int, why: bytes, media: bytes = b"text/plain", *, location: str = "", again: bool = False
    ) -> None:
        """Say why there is no answer, unless one has begun."""
        if self._begun:
            return
        headers = [
            (b"content-type", media + b"; charset=utf-8"),
            (b"content-length", str(len(why)).encode()),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
            *([(b"location", location.encode())] if location else []),
            *([(b"refresh", b"1"), (b"retry-after", b"1")] if again else []),
        ]
        with contextlib.suppress(OSError, TimeoutError, h11.LocalProtocolError):
            await self.answer(status, headers, why)

    async def close(self) -> None:
        """Close it."""
        self.writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 5)


async def _both_ways(browser: _End, app: _End) -> None:
    """Bytes of a web socket, until either end has no more."""

    async def pour(source: _End, target: _End) -> None:
        data, _ = source.http.trailing_data
        while True:
            if data:
                target.writer.write(data)
                await asyncio.wait_for(target.writer.drain(), _ANSWERING)
            data = await asyncio.wait_for(source.reader.read(_PIECE), _SILENT)
            if not data:
                return

    ways = [asyncio.ensure_future(pour(browser, app)), asyncio.ensure_future(pour(app, browser))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
