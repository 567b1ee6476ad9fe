"""The way to an app in the sandbox, attacked from both ends: by what is in the sandbox, and by pages elsewhere."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from registry.errors import InputError
from registry.sandbox.ingress.forwarder import Forwarder, connect_within
from registry.sandbox.ingress.ingress_rules import AppOrigin, IngressRules
from registry.sandbox.spec import SOCKET
from registry.system.serving import listen

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"


class Stranger:
    """An app that says what it is told to, whatever is asked; `heard` is what reached it."""

    def __init__(self, place: Path) -> None:
        self.answer, self.heard, self.echoes = PLAIN, list[bytes](), False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(place))
        self._socket.listen()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                one, _ = self._socket.accept()
            except OSError:
                return
            with one:
                one.settimeout(60)
                self.heard.append(one.recv(2**16))
                one.sendall(self.answer)
                while self.echoes and (data := one.recv(2**16)):
                    one.sendall(data.upper())

    def close(self) -> None:
        self._socket.close()


class Way:
    """A forwarder to a folder, as a browser and as anybody else uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        sock = listen("127.0.0.1", 0)
        self.port = sock.getsockname()[1]
        self.origin, self.page = f"http://app-1.localhost:{self.port}", f"http://localhost:{self.port}"
        hub = AppOrigin("https://hub.example.org")
        rules = IngressRules(AppOrigin(self.origin), (AppOrigin(self.page), hub), AppOrigin(self.page))
        self.forwarder = Forwarder(sock, rules, name="<b>Penguins", what="did:nft:7")

    def ask(self, method: str = "GET", path: str = "/", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("host", f"app-1.localhost:{self.port}")
        return httpx.request(method, f"http://127.0.0.1:{self.port}{path}", headers=named, timeout=60, trust_env=False)

    def say(self, data: bytes) -> bytes:
        """What comes back for bytes, to the end."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as one:
            one.sendall(data)
            one.settimeout(60)
            found = b""
            while piece := one.recv(2**16):
                found += piece
            return found


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    (tmp_path / "notes").mkdir()
    made = Way(tmp_path / "notes")
    with made.forwarder:
        folder = os.open(made.folder, os.O_RDONLY)
        made.forwarder.begin(folder)
        os.close(folder)
        yield made


@pytest.fixture
def app(way: Way) -> Iterator[Stranger]:
    made = Stranger(way.folder / SOCKET)
    yield made
    made.close()


# --- From inside ---------------------------------------------------------------------------------


@pytest.mark.parametrize("put", ["a link", "a link to a link", "a file", "a folder", "nothing"])
def test_a_socket_of_this_machine_is_not_reached_by_what_an_app_puts_in_its_place(
    way: Way, tmp_path: Path, put: str
) -> None:
    """Else a page of the app would speak to the engine of containers, to the agent of keys, to a database."""
    engine = Stranger(tmp_path / "docker.sock")
    place = way.folder / SOCKET
    if put == "a link":
        place.symlink_to(tmp_path / "docker.sock")
    elif put == "a link to a link":
        (way.folder / "other").symlink_to(tmp_path / "docker.sock")
        place.symlink_to("other")
    elif put == "a file":
        place.write_text("")
    elif put == "a folder":
        place.mkdir()
    assert way.ask().status_code == 503
    assert not way.forwarder.answers()
    assert engine.heard == []
    engine.close()


def test_the_socket_is_the_one_that_was_looked_at_whatever_takes_its_name_meanwhile(
    way: Way, app: Stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Stranger(tmp_path / "docker.sock")
    look = os.fstat

    def swap(descriptor: int) -> os.stat_result:
        found = look(descriptor)
        (way.folder / SOCKET).unlink()
        (way.folder / SOCKET).symlink_to(tmp_path / "docker.sock")
        return found

    folder = os.open(way.folder, os.O_RDONLY)
    monkeypatch.setattr(os, "fstat", swap)
    with closing(connect_within(folder)) as one:
        monkeypatch.undo()
        one.setblocking(True)
        one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert one.recv(10) and engine.heard == [] and len(app.heard) == 1
    os.close(folder)
    engine.close()


def test_every_answer_has_our_policy_and_no_word_that_makes_a_browser_go_elsewhere(way: Way, app: Stranger) -> None:
    app.answer = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\nx-own: 1\r\n"
        b"content-security-policy: default-src *\r\n"
        b"content-security-policy-report-only: default-src 'none'; report-uri https://evil.example\r\n"
        b'reporting-endpoints: a="https://evil.example"\r\nnel: {}\r\nlink: <https://evil.example>; rel=preconnect\r\n'
        b'refresh: 0; url=https://evil.example\r\nalt-svc: h3="evil.example:443"\r\nclear-site-data: "*"\r\n'
        b'access-control-allow-origin: *\r\nservice-worker-allowed: /\r\nspeculation-rules: "/x"\r\n'
        b"set-cookie: a=1\r\n\r\nhi"
    )
    got = way.ask()
    assert got.text == "hi" and "evil" not in str(got.headers)
    assert set(got.headers) == {
        *("content-type", "content-length", "set-cookie", "connection", "content-security-policy", "referrer-policy"),
        "connection-allowlist",
        *("x-content-type-options", "cross-origin-resource-policy", "permissions-policy", "x-dns-prefetch-control"),
    }
    policy = dict(one.split(" ", 1) for one in got.headers["content-security-policy"].split("; "))
    assert policy["frame-ancestors"] == f"'self' {way.page} https://hub.example.org"
    assert policy["connect-src"] == f"'self' ws://app-1.localhost:{way.port} data: blob:"
    assert policy["worker-src"] == "blob:" and policy["form-action"] == "'self'"
    assert "allow-top-navigation" not in policy["sandbox"] and "allow-popups" not in policy["sandbox"]
    assert "http" not in policy["default-src"] and "*" not in policy["default-src"]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n" * 4,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi!",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nbad\x00name: x\r\n\r\nhi",
        b"",
    ],
    ids=["another protocol", "a head without end", "two lengths", "a zero byte", "nothing"],
)
def test_what_is_no_http_reaches_no_browser(way: Way, app: Stranger, answer: bytes) -> None:
    app.answer = answer
    try:
        assert way.ask().status_code == 502
    except httpx.RemoteProtocolError:
        assert answer == b""  # it hung up, and so do we


def test_an_answer_that_opens_a_web_socket_unasked_is_none(way: Way, app: Stranger) -> None:
    app.answer = SWITCH + b"secret of another protocol"
    found = way.say(f"GET / HTTP/1.1\r\nHost: app-1.localhost:{way.port}\r\n\r\n".encode())
    assert b"101" not in found and b"secret" not in found


# --- From pages elsewhere ------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "app-2.localhost", "app-1.localhost.evil.example"])
def test_another_name_for_this_machine_reaches_no_app(way: Way, app: Stranger, host: str) -> None:
    """By a name of its own that suddenly leads here (DNS rebinding), a page would be of the same origin."""
    assert way.ask(host=f"{host}:{way.port}").status_code == 421
    assert way.ask(host="app-1.localhost").status_code == 421
    assert app.heard == []


def test_a_page_elsewhere_neither_acts_nor_reads(way: Way, app: Stranger) -> None:
    for method, told in [
        ("POST", {"origin": "https://evil.example"}),
        ("POST", {"origin": "null"}),
        ("POST", {"origin": way.page}),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_dest": "image"}),
        ("GET", {"sec_fetch_site": "same-site", "sec_fetch_dest": "script"}),
        ("POST", {"sec_fetch_site": "cross-site", "sec_fetch_dest": "iframe"}),
        ("GET", {"sec_fetch_dest": "serviceworker", "sec_fetch_site": "same-origin"}),
    ]:
        assert way.ask(method, **told).status_code == 403, told
    assert app.heard == []
    assert way.ask(sec_fetch_site="cross-site", sec_fetch_dest="iframe").text == "hi"
    assert way.ask("POST", origin=way.origin, sec_fetch_site="same-origin").text == "hi"


def test_the_app_is_no_page_of_its_own_and_leads_to_the_one_around_it(way: Way, app: Stranger) -> None:
    """At the top a page may lead anywhere; in a frame only where the page around lets it."""
    got = way.ask(sec_fetch_dest="document", sec_fetch_site="none")
    assert (got.status_code, got.headers["location"]) == (303, f"{way.page}/")
    around = way.ask(host=f"localhost:{way.port}", sec_fetch_dest="document")
    assert f'src="{way.origin}/"' in around.text and "&lt;b&gt;Penguins" in around.text and "did:nft:7" in around.text
    assert f"frame-src {way.origin};" in around.headers["content-security-policy"]
    assert way.ask(host=f"localhost:{way.port}", path="/other").status_code == 404
    assert app.heard == []


def test_a_web_socket_is_opened_by_a_page_of_the_app_alone(way: Way, app: Stranger) -> None:
    app.answer, app.echoes = SWITCH, True
    head = "GET /ws HTTP/1.1\r\nHost: app-1.localhost:{0}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    for origin in ("", "Origin: https://evil.example\r\n", f"Origin: {way.page}\r\n"):
        assert b" 403 " in way.say((head.format(way.port) + origin + "\r\n").encode())[:40]
    assert app.heard == []
    with socket.create_connection(("127.0.0.1", way.port), 60) as one:
        one.settimeout(60)
        one.sendall((head.format(way.port) + f"Origin: {way.origin}\r\n\r\nfirst").encode())
        found = b""
        while b"FIRST" not in found:
            found += one.recv(2**16)
        assert found.startswith(b"HTTP/1.1 101")
        one.sendall(b"second")
        assert one.recv(2**16) == b"SECOND"


def test_one_request_of_a_connection_passes_and_none_is_hidden_in_another(way: Way, app: Stranger) -> None:
    host = f"Host: app-1.localhost:{way.port}\r\n"
    lengths = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    way.say(f"POST / HTTP/1.1\r\n{host}{lengths}GET /x HTTP/1.1\r\n\r\n".encode())
    way.say(f"GET / HTTP/1.1\r\n{host}\r\nGET /hidden HTTP/1.1\r\n{host}\r\n".encode())
    assert not [one for one in app.heard if b"/x" in one or b"/hidden" in one]
    for wrong in (f"GET / HTTP/1.1\r\n{host}{host}\r\n", "GET / HTTP/1.1\r\n\r\n", "nonsense\r\n\r\n"):
        assert b" 400 " in way.say(wrong.encode())[:40]
    assert b" 4" in way.say(f"GET http://127.0.0.1:1/ HTTP/1.1\r\n{host}\r\n".encode())[:40]


def test_headers_of_a_browser_that_are_not_the_apps_affair_stay_outside(way: Way, app: Stranger) -> None:
    got = way.ask("POST", x_forwarded_for="10.0.0.1", authorization="Bearer secret", cookie="own=1", te="trailers")
    assert got.text == "hi" and b"own=1" in app.heard[0] and app.heard[0].count(b"x-forwarded-proto: http\r\n") == 1
    assert b"secret" not in app.heard[0] and b"10.0.0.1" not in app.heard[0] and b"connection: close" in app.heard[0]


def test_what_has_not_begun_is_told_to_be_starting(tmp_path: Path) -> None:
    made = Way(tmp_path)
    with made.forwarder:
        got = made.ask()
        assert (got.status_code, got.headers["refresh"]) == (503, "1") and "starting" in got.text


# --- Origins -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["https://*.example.org", "https://a.example; script-src *", "http://a.example", "https://a.example/path", "app"],
)
def test_an_origin_is_written_in_one_way_or_refused(text: str) -> None:
    with pytest.raises(InputError):
        AppOrigin(text)


def test_an_origin_is_what_a_browser_compares() -> None:
    assert str(AppOrigin("https://Apps.example.org:443/".lower())) == "https://apps.example.org"
    assert AppOrigin("http://app-1.localhost:8457").authority == "app-1.localhost:8457"
