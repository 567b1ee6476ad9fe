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
    Unavailable,
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
    from registry.ipfs.mutable import MutableNames

__all__ = ["gateway_routes"]

_FOREVER: Final = "public, max-age=29030400, immutable"
_FOR_NOW: Final = "public, max-age=60"
"""Where a name leads may be another place in a minute, as Kubo has it where a record does not say."""

_SCOPES: Final = ("all", "entity", "block")
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Content-Type, If-None-Match, Range, X-Requested-With",
    "Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag, X-Ipfs-Path, X-Ipfs-Roots",
}
"""Any page may fetch what it names by its hash and checks; pages and files of others it may not read."""


def gateway_routes(store: LocalStore, names: MutableNames | None = None) -> list[Route]:
    """The routes of the gateway over a store; with `names`, those of IPNS and DNSLink too."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        verifiable = False
        try:
            form = form_of(request)
            verifiable = form.name in VERIFIABLE
            made = await run_in_threadpool(_answer, store, names, request, form)
        except RegistryError as error:
            made = PlainTextResponse(f"{error}\n", _status(error, request))
        if verifiable:
            made.headers.update(_CORS)
        return made

    methods = ["GET", "HEAD", "OPTIONS"]
    kinds = ("ipfs",) if names is None else ("ipfs", "ipns")
    return [
        Route(f"/{kind}/{{name}}{below}", answer, methods=methods, name=kind)
        for kind in kinds
        for below in ("", "/{path:path}")
    ]


def _status(error: RegistryError, request: Request) -> int:
    if isinstance(error, BlockNotFound) and "only-if-cached" in request.headers.get("cache-control", ""):
        return 412
    if isinstance(error, (BlockNotFound, NotFoundError)) or (
        isinstance(error, Unavailable) and request.url.path.startswith("/ipns/")
    ):
        return 404  # also a name that nobody who was asked has a record of
    if isinstance(error, UnsupportedCodec):
        return 406
    if isinstance(error, InputError):
        return 400
    return 502 if isinstance(error, ContentError) else 500


def _answer(store: LocalStore, names: MutableNames | None, request: Request, form: Form) -> Response:
    name, path = request.path_params["name"], request.path_params.get("path", "")
    asked, kept = quote(f"/ipfs/{name}/{path}".rstrip("/")), _FOREVER
    if names is not None and request.url.path.startswith("/ipns/"):
        asked, kept = quote(f"/ipns/{name}/{path}".rstrip("/")), _FOR_NOW
        if form.name == "ipns-record":
            return _record(names, request, name, path)
        name, _, path = names.resolve(f"{name}/{path}").removeprefix("/ipfs/").partition("/")
    elif form.name == "ipns-record":
        raise InputError(f"{name[:80]!r} is content, which has no record.", hint="Names are asked for below /ipns/.")
    root = CID.parse(name)
    recorder = BlockRecorder(store)
    reached = reach_path(root, path, recorder, fields=form.name in ("dag-json", "dag-cbor"))
    headers = {
        "X-Ipfs-Path": asked,
        "X-Ipfs-Roots": ",".join(str(cid) for cid in reached.blocks),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": kept,
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


def _record(names: MutableNames, request: Request, name: str, path: str) -> Response:
    if path.strip("/"):
        raise InputError("A record is of a name, not of what is below it.", hint="Ask for it without a path.")
    data = names.signed(name)
    headers = {
        "ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}.ipns-record"',
        "Cache-Control": _FOR_NOW,
        "Content-Disposition": f'attachment; filename="{name}.ipns-record"',
    }
    return send_stream(request, data, headers, MEDIA["ipns-record"])


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
