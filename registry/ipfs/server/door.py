"""A door for one web page: what it made of a folder in the browser is put into the store, and pinned.

The page has a token that its user gave it, so the door opens to whoever has both: the origin, of which a browser
tells the truth, and the token, which no other page of that browser knows. It takes one tree, whole, under the root
that the address names; it reads nothing out, lists nothing and removes nothing.
"""

from __future__ import annotations

import hmac
import io
import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio
import anyio.from_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry.errors import BlockNotFound, InputError, LimitExceeded, RegistryError, Unverified
from registry.ipfs.blocks import writing
from registry.ipfs.car import CarReader
from registry.ipfs.cid import CID
from registry.ipfs.hosts import normal_url
from registry.ipfs.limits import LIMITS

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore

__all__ = ["MOST", "Paired", "door_routes"]

MOST: Final = 4 * 1024**3
"""Bytes of one archive."""

WAIT: Final = 30.0
"""Seconds in which the next bytes of an archive have to come."""

_CAR: Final = "application/vnd.ipld.car"
_BUFFER: Final = 1 << 20
_FRAMES: Final = 1.01
"""What an archive has more than its blocks: their names."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The page that may hand content in: its `origin` (scheme, host and port), and the `token` that it must show; made
    at random unless it is given. Raises `InputError` for what is no origin."""

    origin: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def __post_init__(self) -> None:
        if urlsplit(normal_url(self.origin)).path or normal_url(self.origin) != self.origin:
            raise InputError(
                f"{self.origin!r} is not the origin of a page.",
                hint=f"Write {origin_of(normal_url(self.origin))}, without a path.",
            )

    def headers(self, origin: str) -> dict[str, str]:
        """What lets the page read an answer, and no other."""
        given = {"Vary": "Origin"}
        return {**given, "Access-Control-Allow-Origin": self.origin} if origin == self.origin else given


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def door_routes(store: LocalStore, paired: Paired, *, most: int = MOST) -> list[Route]:
    """The door of a store, for archives of so many bytes at most."""

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        headers = paired.headers(origin)
        if request.method == "OPTIONS" and origin == paired.origin:
            return Response(status_code=204, headers={**headers, **_PREFLIGHT})
        try:
            _admit(request.headers, paired, most)
            root = CID.parse(request.path_params["cid"])
            told = await _taken(store, root, request, most)
        except _Shut as shut:
            return _said(shut.status, shut.words, headers)
        except TimeoutError:
            return _said(408, f"nothing came for {WAIT:.0f} seconds", headers)
        except ClientDisconnect:
            return _said(400, "it was not sent to its end", headers)
        except RegistryError as error:
            return _said(_status(error), str(error), headers)
        return JSONResponse(told, 201, headers)

    return [Route("/upload/{cid}", answer, methods=["PUT", "OPTIONS"])]


_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "PUT",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "600",
}


class _Shut(Exception):
    """Why the door stays shut."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


def _said(status: int, words: str, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"error": words[:2000]}, status, dict(headers))


def _status(error: RegistryError) -> int:
    if isinstance(error, LimitExceeded):
        return 413
    return 400 if isinstance(error, InputError | Unverified | BlockNotFound) else 500


def _admit(headers: Mapping[str, str], paired: Paired, most: int) -> None:
    """Judge a request by its head, before any of its body is read. Raises `_Shut`."""
    if headers.get("origin", "") != paired.origin:
        raise _Shut(403, f"only pages of {paired.origin} hand content in here")
    given = headers.get("authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {paired.token}".encode()):
        raise _Shut(401, "the token is not the one that was shown when this server was started")
    # A form of another page could send neither this type nor this method.
    if headers.get("content-type", "") != _CAR:
        raise _Shut(415, f"an archive is sent as {_CAR}")
    size = headers.get("content-length", "")
    if not size.isdecimal():
        raise _Shut(411, "the size of the archive is not said")
    if len(size) > 18 or int(size) > most * _FRAMES:
        raise _Shut(413, f"an archive has at most {most:,} bytes")


async def _taken(store: LocalStore, root: CID, request: Request, most: int) -> dict[str, object]:
    pieces = request.stream()
    try:
        return await run_in_threadpool(_put, store, root, _Incoming(pieces), most)
    finally:
        await pieces.aclose()


def _put(store: LocalStore, root: CID, stream: _Incoming, most: int) -> dict[str, object]:
    """Put the blocks of an archive, and pin its root: which follows every link, so nothing may be missing. What was put
    of an archive that is refused is under no pin, and cleared with what nobody needs."""
    archive = CarReader(io.BufferedReader(stream, _BUFFER), name="the archive", limits=replace(LIMITS, total=most))
    if archive.roots != (root,):
        raise InputError(
            f"The archive is of {', '.join(map(str, archive.roots))[:200] or 'no root'}, not of {root}.",
            hint="An archive has the one root that the address names.",
        )
    blocks = size = 0
    with writing(store):
        for cid, block in archive:
            store.put(cid, block)
            blocks += 1
            size += len(block)
    named = {pin.cid: pin.name for pin in store.pins()}
    store.pin(root, name=named.get(root.v1(), "from a web page"))
    return {"cid": str(root), "blocks": blocks, "size": size}


class _Incoming(io.RawIOBase):
    """The body of a request, read from the thread of a worker."""

    def __init__(self, pieces: AsyncGenerator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, room: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next bytes, as they come."""
        while not self._left:
            piece = anyio.from_thread.run(self._next)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(room), len(self._left))
        room[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    async def _next(self) -> bytes | None:
        with anyio.fail_after(WAIT):
            return await anext(self._pieces, None)
