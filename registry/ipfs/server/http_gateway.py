"""The gateway: blocks and archives for clients that check them, and files for those that trust this machine.

https://specs.ipfs.tech/http-gateways/trustless-gateway/ and .../path-gateway/
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from registry.errors import (
    BlockNotFound,
    ContentError,
    InputError,
    NotFoundError,
    RegistryError,
    UnsupportedCodec,
)
from registry.ipfs.blocks import fetch
from registry.ipfs.car import car_pieces
from registry.ipfs.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.limits import LIMITS
from registry.ipfs.reader import Reader
from registry.ipfs.server.scope import BlockRecorder, resolved, scoped

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore

__all__ = ["gateway_routes"]

_RAW: Final = "application/vnd.ipld.raw"
_CAR: Final = "application/vnd.ipld.car"
_TYPES: Final = {
    DAG_CBOR: "application/vnd.ipld.dag-cbor",
    DAG_JSON: "application/vnd.ipld.dag-json",
    JSON: "application/json",
}
_FOREVER: Final = "public, max-age=29030400, immutable"
_SCOPES: Final = ("all", "entity", "block")


def gateway_routes(store: LocalStore) -> list[Route]:
    """The routes of the gateway over a store."""

    async def answer(request: Request) -> Response:
        try:
            return await run_in_threadpool(_answer, store, request)
        except RegistryError as error:
            return PlainTextResponse(f"{error}\n", _status(error, request))

    return [Route("/ipfs/{cid}", answer), Route("/ipfs/{cid}/{path:path}", answer)]


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


@dataclass(frozen=True, slots=True)
class _Found:
    """What a request leads to: the CIDs along its path, the recorder that fetched them, and its headers."""

    roots: list[CID]
    recorder: BlockRecorder
    headers: dict[str, str]

    @property
    def cid(self) -> CID:
        return self.roots[-1]


def _answer(store: LocalStore, request: Request) -> Response:
    path = request.path_params.get("path", "")
    root = CID.parse(request.path_params["cid"])
    wanted = _format(request)
    recorder = BlockRecorder(store)
    roots = resolved(root, path, recorder)
    found = _Found(
        roots,
        recorder,
        {
            "X-Ipfs-Path": quote(f"/ipfs/{root}/{path}".rstrip("/")),
            "X-Ipfs-Roots": ",".join(str(cid) for cid in roots),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": _FOREVER,
            "Accept-Ranges": "none" if wanted == "car" else "bytes",
            "Vary": "Accept",
        },
    )
    if wanted == "car":
        return _car(found, request)
    if wanted == "raw":
        return _bytes(found, request, fetch(found.cid, recorder), f"{found.cid}.bin", _RAW, ".raw")
    return _file(store, found, request, path)


def _format(request: Request) -> str:
    """What is asked for; the parameter is stronger than the header (IPIP-523)."""
    wanted = request.query_params.get("format")
    accept = request.headers.get("accept", "")
    if wanted is None:
        wanted = "car" if _CAR in accept else "raw" if _RAW in accept else ""
    if wanted not in ("", "raw", "car"):
        raise InputError(f"The format {wanted[:40]!r} is not made here.", hint="Ask for raw, car, or nothing.")
    return wanted


# --- Archives ------------------------------------------------------------------------------------


def _car(found: _Found, request: Request) -> Response:
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
    if request.query_params.get("car-version", "1") != "1" or "version=2" in request.headers.get("accept", ""):
        raise InputError("Only version 1 of CAR is written here.", hint="Ask for car-version=1.")
    headers = found.headers | {
        "ETag": f'W/"{found.cid}.car.{scope}.{text or ""}"',
        "Content-Disposition": f'attachment; filename="{found.cid}.car"',
    }
    if found.cid.inline is None:
        found.recorder.get(found.cid)  # so that what is not here is a 404 and no answer that breaks off
    pieces = car_pieces(found.roots[0], scoped(found.cid, found.recorder, scope, wanted))
    return _stream(request, pieces, headers, f"{_CAR}; version=1; order=dfs; dups=n")


def _stream(
    request: Request, pieces: Iterator[bytes], headers: dict[str, str], kind: str, status: int = 200
) -> Response:
    if _is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=kind)
    return StreamingResponse(pieces, status, headers, kind)


def _is_known(request: Request, headers: dict[str, str]) -> bool:
    asked = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return headers["ETag"].removeprefix("W/") in asked or "*" in asked


# --- Blocks and files ----------------------------------------------------------------------------


def _bytes(found: _Found, request: Request, data: bytes, name: str, kind: str, mark: str = "") -> Response:
    headers = found.headers | {
        "ETag": f'"{found.cid}{mark}"',
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(len(data)),
    }
    return _stream(request, iter((data,)), headers, kind)


def _file(store: LocalStore, found: _Found, request: Request, path: str) -> Response:
    cid = found.cid
    if cid.codec in _TYPES:
        return _bytes(found, request, fetch(cid, found.recorder), f"{cid}.bin", _TYPES[cid.codec])
    if cid.codec not in (RAW, DAG_PB):
        raise UnsupportedCodec(cid, cid.codec)
    reader = Reader(store, LIMITS)
    node = reader.node(cid)
    name = path.rstrip("/").rpartition("/")[2]
    if node.kind == "symlink":
        return _bytes(found, request, node.data, "link", "inode/symlink")
    if node.kind == "folder":
        if not request.url.path.endswith("/"):
            return RedirectResponse(f"{quote(request.url.path)}/", 302)
        return _bytes(found, request, _listing(reader, found), "index.html", "text/html; charset=utf-8", ".html")
    kind = mimetypes.guess_type(request.query_params.get("filename", name))[0] or "application/octet-stream"
    headers = found.headers | {
        "ETag": f'"{cid}"',
        "Content-Security-Policy": "sandbox",  # a page in it is no page of this server's
    }
    start, end, status = 0, node.size, 200
    asked = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("range", "").replace(" ", ""))
    if (
        asked is not None
        and asked[0] != "bytes=-"
        and request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    ):
        if asked[1]:
            start, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else node.size, node.size)
        else:
            start = max(node.size - int(asked[2]), 0)
        if start >= end:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{node.size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{node.size}"
    headers["Content-Length"] = str(end - start)

    return _stream(request, reader.content(node, start, end), headers, kind, status)


def _listing(reader: Reader, found: _Found) -> bytes:
    rows = "".join(
        f'<li><a href="{escape(quote(name))}">{escape(name)}</a> <code>{link.cid}</code>'
        for name, link in reader.links(reader.node(found.cid))
    )
    return f"<!doctype html><title>{found.cid}</title><ul>{rows}</ul>\n".encode()
