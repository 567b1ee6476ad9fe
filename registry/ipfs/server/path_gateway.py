"""Content as a browser wants it, which trusts this machine: files with ranges, pages of folders, values, archives."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from registry.errors import UnsupportedCodec
from registry.ipfs.blocks import fetch
from registry.ipfs.cid import CBOR, CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.dag import encode
from registry.ipfs.ipld import Reached, get_value
from registry.ipfs.limits import LIMITS
from registry.ipfs.node import Node
from registry.ipfs.reader import Reader
from registry.ipfs.server.formats import MEDIA
from registry.ipfs.tar import tar_pieces

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore

__all__ = ["Sought", "send_bytes", "send_content", "send_stream"]

_OWN_FORMS: Final = {
    DAG_CBOR: ("dag-cbor", "cbor"),
    DAG_JSON: ("dag-json", "json"),
    CBOR: ("cbor", "dag-cbor"),
    JSON: ("json", "dag-json"),
}
"""The forms in which the blocks of a codec are already, the first of them what they are called."""

_WEEK: Final = "public, max-age=604800, stale-while-revalidate=2678400"
"""A page about a folder may look different tomorrow, though the folder does not change."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What a request leads to: its root, its path, the blocks on that, and the headers of every answer."""

    root: CID
    path: str
    reached: Reached
    headers: dict[str, str]

    @property
    def cid(self) -> CID:
        """The block that the path ends in."""
        return self.reached.cid

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.rstrip("/").rpartition("/")[2]


def send_content(store: LocalStore, found: Sought, request: Request, form: str) -> Response:
    """What is at a path, as itself or in the form that was asked for. Raises `UnsupportedCodec`."""
    cid = found.cid
    if form == "tar":
        name = f"{found.name or cid}.tar"
        headers = found.headers | {"ETag": f'W/"{cid}.x-tar"', "Content-Disposition": _disposition("attachment", name)}
        return send_stream(request, tar_pieces(cid, Reader(store, LIMITS), found.name), headers, MEDIA["tar"])
    own = _OWN_FORMS.get(cid.codec, ())
    if own and not found.reached.rest and form in ("", *own):
        form = form or own[0]
        return send_bytes(found, request, fetch(cid, store), f"{cid}.{form}", MEDIA[form], f".{form}")
    if form or own:
        written = "dag-cbor" if form in ("dag-cbor", "cbor") else "dag-json"
        data = encode(get_value(found.root, found.path, store), written)
        kind = MEDIA[form or written]
        return send_bytes(found, request, data, f"{cid}.{written}", kind, f".{'.'.join(found.reached.rest)}.{written}")
    if cid.codec not in (RAW, DAG_PB):
        raise UnsupportedCodec(cid, cid.codec)
    return _file_or_folder(Reader(store, LIMITS), found, request)


def _file_or_folder(reader: Reader, found: Sought, request: Request) -> Response:
    node = reader.node(found.cid)
    if node.kind == "symlink":
        return send_bytes(found, request, node.data, "link", "inode/symlink")
    if node.kind == "file":
        return _file(reader, node, found, request, found.name)
    if not request.url.path.endswith("/"):
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{quote(request.url.path)}/{query}", 302)
    index = reader.child(node, "index.html")
    if index is not None and (page := reader.node(index.cid)).kind == "file":
        return _file(reader, page, found, request, "index.html")
    headers = found.headers | {
        "ETag": f'W/"DirIndex-1_CID-{found.cid}"',
        "Cache-Control": _WEEK,
        "Accept-Ranges": "none",
    }
    return send_stream(request, iter((_listing(reader, node),)), headers, "text/html; charset=utf-8")


def _file(reader: Reader, node: Node, found: Sought, request: Request, name: str) -> Response:
    name = request.query_params.get("filename", name)
    headers = found.headers | {
        "ETag": f'"{node.cid}"',
        "Content-Security-Policy": "sandbox",  # a page in it is no page of this server's
    }
    if request.query_params.get("download") == "true":
        headers["Content-Disposition"] = _disposition("attachment", name or str(node.cid))
    elif "filename" in request.query_params:
        headers["Content-Disposition"] = _disposition("inline", name)
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return _ranged(request, node.size, lambda start, end: reader.cat(node, start, end), headers, kind)


def send_bytes(found: Sought, request: Request, data: bytes, name: str, kind: str, mark: str = "") -> Response:
    """Bytes that are at hand, or the range of them that is asked for, as a file to keep."""
    name = request.query_params.get("filename", name)
    headers = found.headers | {
        "ETag": f'"{found.cid}{mark}"',
        "Content-Disposition": _disposition("attachment", name),
    }
    return _ranged(request, len(data), lambda start, end: data[start:end], headers, kind)


def _ranged(
    request: Request,
    size: int,
    read: Callable[[int, int], Iterator[bytes] | bytes],
    headers: dict[str, str],
    kind: str,
) -> Response:
    start, end, status = 0, size, 200
    asked = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get("range", "").replace(" ", ""))
    if (
        asked is not None
        and asked[0] != "bytes=-"
        and request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    ):
        if asked[1]:
            start, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else size, size)
        else:
            start = max(size - int(asked[2]), 0)
        if start >= end:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return send_stream(request, read(start, end), headers, kind, status)


def send_stream(
    request: Request, pieces: Iterator[bytes] | bytes, headers: dict[str, str], kind: str, status: int = 200
) -> Response:
    """An answer as it is made, or of bytes at hand, or that it is known, or only its head."""
    asked = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if headers["ETag"].removeprefix("W/") in asked or "*" in asked:
        return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "Content-Length"})
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=kind)
    if isinstance(pieces, bytes):
        return Response(pieces, status, headers, kind)
    return StreamingResponse(pieces, status, headers, kind)


def _disposition(how: str, name: str) -> str:
    """The header for a name of any letters (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{how}; filename="{plain}"{exact}'


def _listing(reader: Reader, node: Node) -> bytes:
    rows = "".join(
        f'<li><a href="{escape(quote(name))}">{escape(name)}</a> <code>{link.cid}</code>'
        for name, link in reader.links(node)
    )
    return f"<!doctype html><title>{node.cid}</title><ul>{rows}</ul>\n".encode()
