"""An app of a stranger, of the standard library alone: it says what its server reaches, hands out pages, and keeps what
these report. A program that is laid into the sandbox."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOLD = json.loads(Path(os.environ["REGISTRY_PARAMS"]).read_text())
REPORTS: list[str] = []


def reached() -> dict[str, str]:
    """What of the machine is within reach: how, and what came of it."""
    found = {}
    for name, port in TOLD.get("ports", {}).items():
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with suppress(OSError), socket.socket(family) as one:
                one.settimeout(2)
                one.connect((host, port))
                found[f"{name} at {host}"] = "connected"
    for path in TOLD.get("paths", []):
        with suppress(OSError):
            found[path] = repr(Path(path).read_bytes()[:20])
        with suppress(OSError), socket.socket(socket.AF_UNIX) as one:
            one.connect(path)
            found[path] = "connected"
    for name in os.environ:
        if "REGISTRY_KEY" in name or "RPC" in name:
            found[name] = "told"
    return found


class Handler(BaseHTTPRequestHandler):
    """`/reached`, `/report?text`, `/reports`; else the page that it was told."""

    def address_string(self) -> str:
        """It has none."""
        return "-"

    def do_GET(self) -> None:
        """Answer."""
        parts = urlsplit(self.path)
        if parts.path == "/reached":
            self._say(json.dumps(reached()))
        elif parts.path == "/report":
            REPORTS.append(parse_qs(parts.query).get("text", [""])[0])
            self._say("")
        elif parts.path == "/reports":
            self._say(json.dumps(REPORTS))
        else:
            self._say(TOLD.get("page", "<h1>Good day</h1>"))

    def _say(self, text: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP on a Unix socket."""

    daemon_threads = True
    request_queue_size = 64


if __name__ == "__main__":
    if place := TOLD.get("instead"):
        os.symlink(place, os.environ["REGISTRY_SOCKET"])
        time.sleep(TOLD["seconds"])
        sys.exit("it was not led astray")
    Server(os.environ["REGISTRY_SOCKET"], Handler).serve_forever()
