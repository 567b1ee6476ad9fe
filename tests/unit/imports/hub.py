"""A stand-in of the Hugging Face Hub on loopback: its HTTP API as far as its own clients use it, with faults on demand.

Files from `LARGE` on lie behind a redirect to another port, as on the real one.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 100_000
"""Bytes from which on a file is one of LFS."""


def commit_of(files: Mapping[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


@dataclass
class Repository:
    """`revisions` by commit; `branches` by name."""

    kind: str
    name: str
    revisions: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False
    disabled: bool = False

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        sha = commit_of(files)
        self.revisions[sha] = dict(files)
        self.branches[branch] = sha
        return sha


@dataclass
class Asked:
    """A request that came: to which port, for what, with which headers."""

    port: int
    method: str
    path: str
    headers: dict[str, str]


class Hub:
    """Two servers: the Hub at `url`, and where it keeps large files at `store_url`."""

    TOKEN = "hf_of_the_user"

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.asked: list[Asked] = []
        self.page = 1_000
        self.listed: dict[str, list[str]] = {}  # what is said instead of what there is, by kind
        self.next_page: str | None = None
        # By path: what is done to the bytes of an answer, once for each entry of the list; a number cuts it there.
        self.faults: dict[str, list[int | Callable[[bytes], bytes]]] = {}
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.elsewhere: str | None = None
        self.commit_said: str | None = None
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in range(2)]
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.url, self.store_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def repository(self, name: str, files: Mapping[str, bytes], *, kind: str = "datasets", **traits: Any) -> Repository:
        made = Repository(kind, name, **traits)
        made.commit(files)
        self.repositories[kind, name] = made
        return made

    def gets(self, ending: str) -> list[Asked]:
        return [one for one in self.asked if one.method == "GET" and one.path.split("?")[0].endswith(ending)]

    # --- What is answered ------------------------------------------------------------------------

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                hub._answer(self)

            do_HEAD = do_GET  # noqa: N815  as its base calls it

        return Handler

    def _answer(self, to: BaseHTTPRequestHandler) -> None:
        port = to.connection.getsockname()[1]
        self.asked.append(Asked(port, to.command, to.path, {k.lower(): v for k, v in to.headers.items()}))
        parts = urlsplit(to.path)
        path = unquote(parts.path)
        if path.startswith("/cdn/"):
            data = next(
                data
                for repository in self.repositories.values()
                for files in repository.revisions.values()
                for data in files.values()
                if hashlib.sha256(data).hexdigest() == path.split("/")[2]
            )
            self._bytes(to, data, path.split("/")[3], {})
            return
        if self.refusals:
            status, headers = self.refusals.pop(0)
            self._send(to, status, b"{}", headers)
            return
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        if words[0] == "api":
            self._api(to, words[1:], parse_qs(parts.query))
        else:
            self._resolve(to, words)

    def _found(self, to: BaseHTTPRequestHandler, kind: str, name: str, revision: str) -> tuple[Repository, str] | None:
        repository = self.repositories.get((kind, name))
        knows = to.headers.get("authorization") == f"Bearer {self.TOKEN}"
        if repository is None or (repository.private and not knows):
            self._send(to, 401, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
            return None
        if repository.disabled:
            self._send(to, 403, b"{}", {"X-Error-Message": "Access to this resource is disabled."})
            return None
        commit = repository.branches.get(revision, revision)
        if commit not in repository.revisions:
            self._send(to, 404, b"{}", {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
            return None
        return repository, commit

    def _api(self, to: BaseHTTPRequestHandler, words: list[str], query: Mapping[str, list[str]]) -> None:
        if len(words) == 1:
            self._list(to, words[0], query)
            return
        kind, verb = words[0], next((w for w in words[2:] if w in ("revision", "tree")), "")
        cut = words.index(verb) if verb else len(words)
        name = "/".join(words[1:cut])
        rest = words[cut + 1 :]
        found = self._found(to, kind, name, rest[0] if rest else "main")
        if found is None:
            return
        repository, commit = found
        files = repository.revisions[commit]
        if verb == "tree":
            below = "/".join(rest[1:])
            entries = self._tree(files, below, "recursive" in query)
            start = int(query.get("cursor", ["0"])[0])
            page, headers = entries[start : start + self.page], {}
            if start + self.page < len(entries):
                following = f"{self.url}/api/{kind}/{name}/tree/{commit}?recursive=true&cursor={start + self.page}"
                headers["Link"] = f'<{following}>; rel="next"'
            self._send(to, 200, json.dumps(page).encode(), headers)
            return
        siblings = [
            {"rfilename": path, **{k: v for k, v in entry(path, data).items() if k in ("size", "lfs")},
             "blobId": entry(path, data)["oid"]}
            for path, data in sorted(files.items())
        ]  # fmt: skip
        moment = "2026-01-01T00:00:00.000Z"
        body = {"_id": "1", "id": name, "sha": commit, "private": repository.private, "siblings": siblings}
        body |= {"gated": "auto" if repository.gated else False, "disabled": False, "tags": [], "downloads": 0}
        body |= {"likes": 0, "lastModified": moment, "createdAt": moment}
        self._send(to, 200, json.dumps(body).encode(), {})

    def _list(self, to: BaseHTTPRequestHandler, kind: str, query: Mapping[str, list[str]]) -> None:
        """The repositories of an account, the private ones for whoever has the token."""
        author, knows = query["author"][0], to.headers.get("authorization") == f"Bearer {self.TOKEN}"
        names = [
            repository.name
            for (of_kind, _), repository in sorted(self.repositories.items())
            if of_kind == kind and repository.name.startswith(f"{author}/") and (knows or not repository.private)
        ]
        names = self.listed.get(kind, names)
        start, headers = int(query.get("cursor", ["0"])[0]), {}
        if start + self.page < len(names):
            following = f"{self.next_page or self.url}/api/{kind}?author={author}&cursor={start + self.page}"
            headers["Link"] = f'<{following}>; rel="next"'
        page = [{"_id": name, "id": name, "private": False} for name in names[start : start + self.page]]
        self._send(to, 200, json.dumps(page).encode(), headers)

    def _tree(self, files: Mapping[str, bytes], below: str, deep: bool) -> list[dict[str, Any]]:
        prefix = f"{below}/" if below else ""
        inside = {path: data for path, data in sorted(files.items()) if path.startswith(prefix)}
        folders = sorted({path[:at] for path in inside for at, c in enumerate(path) if c == "/" and at > len(prefix)})
        entries: list[dict[str, Any]] = [
            {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders
        ]
        entries += [{"type": "file", "path": path, **entry(path, data)} for path, data in inside.items()]
        return entries if deep else [one for one in entries if "/" not in one["path"].removeprefix(prefix)]

    def _resolve(self, to: BaseHTTPRequestHandler, words: list[str]) -> None:
        kind = words.pop(0) if words[0] in ("datasets", "spaces") else "models"
        cut = words.index("resolve")
        name, revision, path = "/".join(words[:cut]), words[cut + 1], "/".join(words[cut + 2 :])
        found = self._found(to, kind, name, revision)
        if found is None:
            return
        repository, commit = found
        knows = to.headers.get("authorization") == f"Bearer {self.TOKEN}"
        if repository.gated and not knows:
            told = f"Access to {kind[:-1]} {name} is restricted."
            self._send(to, 401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": told})
            return
        data = repository.revisions[commit].get(path)
        if data is None:
            self._send(to, 404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
            return
        about = entry(path, data)
        headers = {"X-Repo-Commit": self.commit_said or commit, "ETag": f'"{about["oid"]}"'}
        if "lfs" in about or self.elsewhere:
            sha = hashlib.sha256(data).hexdigest()
            target = self.elsewhere or f"{self.store_url}/cdn/{sha}/{path.rpartition('/')[2]}?signed=yes"
            headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{sha}"', "Location": target}
            self._send(to, 302, b"", headers)
            return
        self._bytes(to, data, path, headers)

    def _bytes(self, to: BaseHTTPRequestHandler, data: bytes, path: str, headers: dict[str, str]) -> None:
        status, start = 200, 0
        wanted = to.headers.get("range", "")
        if wanted.startswith("bytes="):
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            if start >= len(data):
                self._send(to, 416, b"", {})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        faults = self.faults.get(path)
        if faults and to.command == "GET":
            fault = faults.pop(0)
            if callable(fault):
                data = fault(data)
            else:
                self._send(to, status, data[start:], headers, cut=fault)
                return
        self._send(to, status, data[start:], headers)

    def _send(
        self,
        to: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        *,
        cut: int | None = None,
    ) -> None:
        to.send_response(status)
        for name, value in headers.items():
            to.send_header(name, value)
        to.send_header("Content-Length", str(len(body)))
        to.end_headers()
        if to.command == "HEAD":
            return
        if cut is None:
            to.wfile.write(body)
            return
        to.wfile.write(body[:cut])
        to.wfile.flush()
        to.close_connection = True


def entry(path: str, data: bytes) -> dict[str, Any]:
    """What the list of files says of one."""
    if len(data) < LARGE:
        return {"oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), "size": len(data)}
    sha = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize {len(data)}\n".encode()
    large = {"oid": sha, "sha256": sha, "size": len(data), "pointerSize": len(pointer)}
    return {"oid": hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest(), "size": len(data), "lfs": large}


@contextmanager
def standing() -> Iterator[Hub]:
    made = Hub()
    try:
        yield made
    finally:
        made.stop()
