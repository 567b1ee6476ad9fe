"""Data sets of Deep Lake, opened and iterated where they lie: in content, by ``ipfs://`` and ``asset://``.

The storage of Deep Lake 4 is compiled code that knows folders and object stores, and takes no file system of Python.
But it goes to the object store that it is told. So while a data set is open, its folder is one: at a port of this
machine, to be read only, by a key that nobody else has. What Deep Lake asks for are ranges of files; only their blocks
are fetched, and each is hashed.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from itertools import chain
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import fsspec

from registry.errors import ImportFailed, InputError, NotAFolder

__all__ = ["LakeBucket", "open_lake"]

_PAGE: Final = 1_000
"""Names in one answer, as object stores have it."""

_PIECE: Final = 2**20
_SECONDS: Final = 60
"""Until one who connected has asked."""

_BUCKET: Final = "lake"
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")
_KEY: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=([0-9a-f]+)/")


@contextmanager
def open_lake(url: str, **storage_options: Any) -> Iterator[Any]:
    """A data set of Deep Lake 4 in a folder of content, read only, while a `with` lasts.

    `url` and `storage_options` are those of fsspec: ``asset://<did>`` with a `registry`, ``ipfs://<cid>`` with a
    `store`. Raises `ImportFailed` where ``deeplake`` is missing or cannot read it, `NotAFolder`, and what the file
    system raises. What is not there any more when it is read later is an error of Deep Lake's.

    >>> with open_lake("asset://did:nft:eip155:1_erc721:0x..._7") as data:                       # doctest: +SKIP
    ...     masses = data["mass"][:]
    """
    try:
        lake = import_module("deeplake")
        if not hasattr(lake, "open_read_only"):
            raise ModuleNotFoundError("deeplake 3 is installed")
    except ModuleNotFoundError as error:
        raise ImportFailed(url[:200], str(error), hint="Run: pip install 'deeplake>=4.7'") from None
    with LakeBucket(url, **storage_options) as bucket:
        try:
            data = lake.open_read_only(f"s3://{_BUCKET}/", creds=bucket.creds)
        except Exception as error:  # deeplake has some eighty kinds, which inherit nothing in common
            if bucket.fault is not None:
                raise bucket.fault from None
            raise ImportFailed(url[:200], f"deeplake says {str(error)[:300]!r}") from None
        yield data


class LakeBucket:
    """A folder of content as a bucket of an object store on this machine, while a `with` lasts: GET, HEAD and lists,
    by whoever has the key in `creds`.

    `fault` is the first error of the content that was met; `fetched` counts the bytes that were handed out. Raises
    `NotAFolder` for what is no folder, and what the file system raises."""

    def __init__(self, url: str, **storage_options: Any) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url, **storage_options)
        self._root = self._root.rstrip("/")
        if self._files.info(self._root)["type"] != "directory":
            raise NotAFolder(url, "file")
        start = len(self._root) + 1
        self._sizes = {
            path[start:]: int(about["size"])
            for path, about in sorted(self._files.find(self._root, detail=True).items())
        }
        if self._sizes:  # who has no access is told before Deep Lake asks, which it would do again for a minute
            smallest = min(self._sizes, key=self._sizes.__getitem__)
            self._files.cat_file(f"{self._root}/{smallest}", start=0, end=1)
        self._key = secrets.token_hex(16)
        self.fault: Exception | None = None
        self.fetched = 0
        self._guard = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_AnsweringForOne", (_Answering,), {"bucket": self}))
        self._server.daemon_threads = True

    @property
    def creds(self) -> dict[str, str]:
        """What deeplake is told of the object store."""
        return {
            "endpoint_url": f"http://127.0.0.1:{self._server.server_port}",
            "aws_access_key_id": self._key,
            "aws_secret_access_key": secrets.token_hex(16),
            "aws_region": "us-east-1",
        }

    def __enter__(self) -> LakeBucket:
        threading.Thread(target=self._server.serve_forever, name="registry-lake", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def lets_in(self, authorization: str) -> bool:
        """Whether who asks has the key."""
        found = _KEY.match(authorization)
        return found is not None and hmac.compare_digest(found[1], self._key)

    def size(self, name: str) -> int | None:
        """The bytes of a file, None if there is none."""
        return self._sizes.get(name)

    def pieces(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a file from `start` to before `end`. What fails is kept as `fault`, and ends it (OSError)."""
        try:
            for at in range(start, end, _PIECE):
                data: bytes = self._files.cat_file(f"{self._root}/{name}", start=at, end=min(at + _PIECE, end))
                with self._guard:
                    self.fetched += len(data)
                yield data
        except Exception as error:
            self.fault = self.fault or error
            raise ConnectionAbortedError from error

    def listing(self, asked: dict[str, str]) -> bytes:
        """An answer to ListObjectsV2. Raises `InputError` for a number that is none."""
        prefix, mark = asked.get("prefix", ""), asked.get("delimiter", "")
        after = asked.get("continuation-token") or asked.get("start-after", "")
        text = asked.get("max-keys", str(_PAGE))
        if not re.fullmatch("[0-9]{1,9}", text):
            raise InputError(f"{text[:40]!r} is no number of names.")
        found: list[str] = []
        most, more = min(int(text), _PAGE), False
        for name in self._sizes:
            if name.startswith(prefix):
                below = name[len(prefix) :]
                shown = prefix + below.partition(mark)[0] + mark if mark and mark in below else name
                if shown > after and shown not in found[-1:]:
                    more = len(found) == most
                    if more:
                        break
                    found.append(shown)
        return _listed(prefix, found, self._sizes, more).encode()


def _listed(prefix: str, names: list[str], sizes: dict[str, int], more: bool) -> str:
    parts = [
        f"<Contents><Key>{escape(name)}</Key><LastModified>1980-01-01T00:00:00.000Z</LastModified>"
        f"<Size>{sizes[name]}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        if name in sizes
        else f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
        for name in names
    ]
    follows = f"<NextContinuationToken>{escape(names[-1])}</NextContinuationToken>" if more and names else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{_BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(names)}</KeyCount>"
        f"<MaxKeys>{_PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{follows}"
        f"{''.join(parts)}</ListBucketResult>"
    )


class _Answering(BaseHTTPRequestHandler):
    """Answers for a self.bucket."""

    bucket: ClassVar[LakeBucket]
    # On a connection that is kept, Deep Lake would wait for an answer when all has ended.
    protocol_version = "HTTP/1.0"
    timeout = _SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        place, _, name = unquote(parts.path).lstrip("/").partition("/")
        if not self.bucket.lets_in(self.headers.get("authorization", "")):
            return self._refuse(403, "AccessDenied")
        if self.bucket.fault is not None:  # a code after which Deep Lake does not ask again
            return self._refuse(403, "InvalidObjectState")
        if place != _BUCKET:
            return self._refuse(404, "NoSuchBucket")
        if not name:
            try:
                listing = self.bucket.listing(dict(parse_qsl(parts.query, keep_blank_values=True)))
            except InputError:
                return self._refuse(400, "InvalidArgument")
            return self._say(200, [listing], len(listing), "application/xml")
        size = self.bucket.size(name)
        if size is None:
            return self._refuse(404, "NoSuchKey")
        asked = _RANGE.fullmatch(self.headers.get("range", ""))
        start = int(asked[1]) if asked is not None else 0
        end = min(int(asked[2]) + 1 if asked is not None and asked[2] else size, size)
        if asked is not None and start >= max(size, 1):
            return self._refuse(416, "InvalidRange")
        pieces = self.bucket.pieces(name, start, end)
        try:
            first = b"" if self.command == "HEAD" else next(pieces, b"")
        except OSError:
            return self._refuse(403, "InvalidObjectState")
        told = {"content-range": f"bytes {start}-{end - 1}/{size}"} if asked is not None and size else {}
        return self._say(206 if told else 200, chain([first], pieces), end - start, **told)

    do_HEAD = do_GET  # noqa: N815

    def _refuse(self, status: int, code: str) -> None:
        text = f"<Error><Code>{code}</Code></Error>".encode()
        self._say(status, [text], len(text), "application/xml")

    def _say(self, status: int, pieces: Any, size: int, media: str = "application/octet-stream", **told: str) -> None:
        self.send_response(status)
        for name, value in {"content-type": media, "content-length": str(size), "etag": '"0"', **told}.items():
            self.send_header(name, value)
        self.send_header("last-modified", "Tue, 01 Jan 1980 00:00:00 GMT")
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except OSError:  # a fault of the content is kept; the answer ends before its length
            self.close_connection = True
