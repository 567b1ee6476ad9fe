"""The gateway: blocks and archives for clients that check them, and files for those that trust this machine.

https://specs.ipfs.tech/http-gateways/trustless-gateway/ and .../path-gateway/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from registry.errors import (
    BlockNotFound,
    ContentError,
    FileNotInAsset,
    InputError,
    NotFoundError,
    RegistryError,
    UnsupportedCodec,
)
from registry.ipfs.blocks import fetch
from registry.ipfs.car import car_pieces
from registry.ipfs.cid import CID
from registry.ipfs.ipld import reach_path
from registry.ipfs.server.formats import MEDIA, VERIFIABLE, Form, form_of
from registry.ipfs.server.path_gateway import Sought, send_bytes, send_content, send_stream
from registry.ipfs.server.scope import BlockRecorder, scoped

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore

__all__ = ["gateway_routes"]

_FOREVER: Final = "public, max-age=29030400, immutable"
_SCOPES: Final = ("all", "entity", "block")
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match, Range, X-Requested-With",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag, X-Ipfs-Path, X-Ipfs-Roots",
}
"""Any page may fetch what it names by its hash and checks; pages and files of others it may not read."""


def gateway_routes(store: LocalStore) -> list[Route]:
    """The routes of the gateway over a store."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        verifiable = False
        try:
            form = form_of(request)
            verifiable = form.name in VERIFIABLE
            made = await run_in_threadpool(_answer, store, request, form)
        except RegistryError as error:
            made = PlainTextResponse(f"{error}\n", _status(error, request))
        if verifiable:
            made.headers.update(_CORS)
        return made

    methods = ["GET", "HEAD", "OPTIONS"]
    return [
        Route("/ipfs/{cid}", answer, methods=methods),
        Route("/ipfs/{cid}/{path:path}", answer, methods=methods),
    ]


def _status(error: RegistryError, request: Request) -> int:
    if isinstance(error, BlockNotFound) and "only-if-cached" in request.headers.get("cache-control", ""):
        return 412
    if isinstance(error, (BlockNotFound, NotFoundError)):
        return 404
    if isinstance(error, UnsupportedCodec):
        return 406
    if isinstance(error, InputError):
        return 400
    return 502 if isinstance(error, ContentError) else 500


def _answer(store: LocalStore, request: Request, form: Form) -> Response:
    path = request.path_params.get("path", "")
    root = CID.parse(request.path_params["cid"])
    recorder = BlockRecorder(store)
    reached = reach_path(root, path, recorder, fields=form.name in ("dag-json", "dag-cbor"))
    headers = {
        "X-Ipfs-Path": quote(f"/ipfs/{root}/{path}".rstrip("/")),
        "X-Ipfs-Roots": ",".join(str(cid) for cid in reached.blocks),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": _FOREVER,
        "Accept-Ranges": "none" if form.name in ("car", "tar") else "bytes",
        "Vary": "Accept",
    }
    found = Sought(root, path, reached, headers)
    if form.name not in VERIFIABLE:
        return send_content(store, found, request, form.name)
    if reached.rest:
        raise FileNotInAsset(path, [])
    if form.name == "car":
        return _car(found, recorder, request, form)
    return send_bytes(found, request, fetch(found.cid, recorder), f"{found.cid}.bin", MEDIA["raw"], ".raw")


def _car(found: Sought, recorder: BlockRecorder, request: Request, form: Form) -> Response:
    scope = request.query_params.get("dag-scope", "all")
    if scope not in _SCOPES:
        raise InputError(f"The dag-scope {scope[:40]!r} is unknown.", hint=f"Known: {', '.join(_SCOPES)}.")
    wanted = None
    if (text := request.query_params.get("entity-bytes")) is not None:
        match = re.fullmatch(r"(-?\d{1,18}):(\*|-?\d{1,18})", text)
        if match is None:
            raise InputError(f"The entity-bytes {text[:40]!r} are no range.", hint="They look like 0:1023 or -10:*.")
        wanted = int(match[1]), None if match[2] == "*" else int(match[2])
        scope = "entity" if "dag-scope" not in request.query_params else scope
    dups = "y" if form.dups else "n"
    asked = f"{found.headers['X-Ipfs-Roots']} {scope} {text} {dups}"
    headers = found.headers | {
        "ETag": f'W/"{found.cid}.car.{hashlib.sha256(asked.encode()).hexdigest()[:16]}"',
        "Content-Disposition": f'attachment; filename="{found.cid}.car"',
    }
    if found.cid.inline is None:
        recorder.get(found.cid)  # so that what is not here is a 404 and no answer that breaks off
    pieces: Iterator[bytes] = car_pieces(found.root, scoped(found.cid, recorder, scope, wanted, dups=form.dups))
    return send_stream(request, pieces, headers, f"{MEDIA['car']}; version=1; order=dfs; dups={dups}")
