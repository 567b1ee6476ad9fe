"""A gateway that answers whatever a test wants, in HTTP or in bytes that only look like it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from registry.ipfs.cid import CID

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; tests answer it with `send`, or write to `wfile` what they like."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LyingServer

    @property
    def path_only(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}

    @property
    def cid(self) -> CID:
        return CID.parse(self.path_only.split("/")[2])

    def send(self, body: bytes = b"", status: int = 200, length: int | None = None, **headers: str) -> None:
        """Answer; a name of a header is written with underscores."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        if length is not None and length != len(body):
            self.close_connection = True

    def start(self, **headers: str) -> None:
        """Begin an answer of unknown length."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True

    def wait(self, seconds: float) -> bool:
        """Do nothing for a while; whether the server is to stop."""
        return self.server.stopping.wait(seconds)

    def handle_one(self) -> None:
        self.server.seen.append((self.command, self.path))
        self.sent = self._body() if self.server.reads_bodies else b""
        with suppress(OSError):  # whom it lies to may hang up
            self.server.answer(self)

    do_GET = do_POST = do_HEAD = handle_one  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces: list[bytes] = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *_: object) -> None:
        pass


class LyingServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answer = answer
        self.seen: list[tuple[str, str]] = []
        self.reads_bodies = True
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def server_bind(self) -> None:
        """As the base, without asking the system for the machine's name, which takes long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def lying(answer: Answer) -> Iterator[LyingServer]:
    """A server that answers each request with `answer`, in a thread of its own."""
    server = LyingServer(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
