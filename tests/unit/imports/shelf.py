"""A plain web server on loopback with files, and faults on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Shelf:
    """`files` by path; `cuts` says after how many bytes the next answers for a path end; `sends` leads elsewhere."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    sends: dict[str, str] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    tag: Callable[[], str] = lambda: ""


@contextmanager
def standing() -> Iterator[Shelf]:
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            path, wanted = self.path.partition("?")[0], self.headers.get("range", "")
            shelf.asked.append((path, wanted))
            if path in shelf.sends:
                self._head(302, 0, Location=shelf.sends[path])
            elif path in shelf.endless:
                self.send_response(200)
                self.end_headers()
                while True:
                    self.wfile.write(bytes(65_536))
            elif path not in shelf.files:
                self._head(404, 0)
            else:
                self._file(shelf.files[path], path, int(wanted[6:-1]) if wanted else 0)

        def _file(self, data: bytes, path: str, start: int) -> None:
            if start >= len(data) > 0:
                self._head(416, 0)
                return
            rest = data[start:]
            part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
            self._head(206 if start else 200, len(rest), ETag=shelf.tag(), **part)
            cut = shelf.cuts[path].pop(0) if shelf.cuts.get(path) else len(rest)
            self.wfile.write(rest[:cut])
            self.close_connection = self.close_connection or cut < len(rest)

        def _head(self, status: int, length: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    shelf.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield shelf
    finally:
        server.shutdown()
        server.server_close()
