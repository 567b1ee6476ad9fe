"""A pinning service on this machine that keeps to the specification, until a test has it lie."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from registry.ipfs.cid import CID
from registry.ipfs.pinning import PinningService

Answer = tuple[int, dict[str, str], bytes]
START = datetime(2026, 1, 1, tzinfo=UTC)


class Service:
    """`course` are the statuses that a request goes through, one step each time somebody looks at it."""

    def __init__(self, *, token: str = "secret", course: tuple[str, ...] = ("queued", "pinning", "pinned")) -> None:
        self.token, self.course = token, course
        self.pins: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.lie: Callable[[str, str], Answer | Callable[[Any], None] | None] = lambda method, path: None
        self.spoil: Callable[[dict[str, Any]], dict[str, Any]] = lambda pin: pin
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                chunked = self.headers.get("Transfer-Encoding") == "chunked"
                body = self.chunks() if chunked else self.rfile.read(length)
                service.asked.append((self.command, self.path))
                lie = service.lie(self.command, self.path)
                if callable(lie):
                    lie(self)
                    self.close_connection = True
                    return
                status, headers, content = lie or service.honest(
                    self.command, self.path, self.headers.get("Authorization"), body
                )
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815

            def chunks(self) -> bytes:
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def client(self, **options: Any) -> PinningService:
        return PinningService(self.url, **{"token": self.token, "deadline": 5.0, **options})

    def count(self, method: str) -> int:
        """How many requests of a method came."""
        return sum(1 for asked, _ in self.asked if asked == method)

    # --- What the specification says -------------------------------------------------------------

    def hold(self, cid: str, *, status: str = "pinned", created: datetime | None = None, **pin: Any) -> dict[str, Any]:
        """Enter a request as if it had been made before."""
        number = len(self.pins)
        made = {
            "requestid": f"request {number}/",
            "status": status,
            "created": (created or START + timedelta(seconds=number)).isoformat().replace("+00:00", "Z"),
            "pin": {"cid": cid, **pin},
            "delegates": [],
            "info": {},
            "looks": 0,
        }
        self.pins[made["requestid"]] = made
        return made

    def honest(self, method: str, path: str, authorization: str | None, body: bytes) -> Answer:
        if authorization != f"Bearer {self.token}":
            return _error(401, "UNAUTHORIZED", "Access token is missing or invalid")
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        request = unquote(parts.path.removeprefix("/pins").lstrip("/"))
        if request and request not in self.pins:
            return _error(404, "NOT_FOUND", "The specified resource was not found")
        if method == "DELETE":
            del self.pins[request]
            return 202, {}, b""
        if method == "POST":
            asked = json.loads(body)
            assert isinstance(asked["cid"], str)
            if request:
                del self.pins[request]
            return self._json(202, self.spoil(self.hold(status=self.course[0], **asked)))
        if request:
            pin = self.pins[request]
            pin["looks"] += 1
            pin["status"] = self.course[min(pin["looks"], len(self.course) - 1)]
            return self._json(200, self.spoil(pin))
        return self._json(200, self._list(query))

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        found = sorted(self.pins.values(), key=lambda pin: datetime.fromisoformat(pin["created"]), reverse=True)
        statuses = query.get("status", "pinned").split(",")
        found = [pin for pin in found if pin["status"] in statuses]
        if "cid" in query:
            wanted = {CID.parse(cid).v1() for cid in query["cid"].split(",")}
            found = [pin for pin in found if CID.parse(pin["pin"]["cid"]).v1() in wanted]
        if "name" in query:
            found = [pin for pin in found if pin["pin"].get("name") == query["name"]]
        if "before" in query:
            limit = datetime.fromisoformat(query["before"])
            found = [pin for pin in found if datetime.fromisoformat(pin["created"]) < limit]
        return {"count": len(found), "results": [self.spoil(pin) for pin in found[: int(query.get("limit", 10))]]}

    def _json(self, status: int, value: Any) -> Answer:
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _error(status: int, reason: str, details: str) -> Answer:
    body = {"error": {"reason": reason, "details": details}}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()
