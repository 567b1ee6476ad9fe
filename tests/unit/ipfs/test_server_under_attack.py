"""The attacks on the key gateway, tried on the server of a store: held open, dripping, endless, nonsense, too many."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from registry.ipfs.cid import CID
from registry.ipfs.server import Server, app
from registry.ipfs.store import LocalStore
from registry.system import connections

TOKEN = "a token that nobody guesses"
BLOCK = b"hello world\n"
HEAD = b"host: 127.0.0.1\r\nauthorization: Bearer " + TOKEN.encode() + b"\r\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    made = LocalStore(tmp_path_factory.mktemp("attacked"), durable=False)
    made.put(CID.raw(BLOCK), BLOCK)
    return made


@pytest.fixture
def server(store: LocalStore) -> Iterator[Server]:
    with Server(store, token=TOKEN) as running:
        yield running


def knock(server: Server, sent: bytes, address: str = "127.0.0.2") -> socket.socket:
    """A connection from one of this machine's addresses that has sent something."""
    made = socket.create_connection(("127.0.0.1", server.port), timeout=20, source_address=(address, 0))
    made.sendall(sent)
    return made


def heard(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            answer += piece
    return answer


def serves(server: Server) -> bool:
    """Whether it answers somebody who means well."""
    url = f"{server.url}/ipfs/{CID.raw(BLOCK)}?format=raw"
    return httpx.get(url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=20).content == BLOCK


def post(command: str, *lines: str) -> bytes:
    return (
        f"POST /api/v0/{command} HTTP/1.1\r\n".encode() + HEAD + "".join(f"{x}\r\n" for x in lines).encode() + b"\r\n"
    )


def test_connections_that_never_ask_are_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0.3)
    for sent in (b"", b"POST /api/v0/ad", b"GET /ipfs/x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\nGET"):
        with knock(server, sent) as silent:
            heard(silent)
    assert serves(server)


def test_one_address_does_not_hold_it_shut_for_another(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 600.0)
    with contextlib.ExitStack() as held:
        told = [held.enter_context(knock(server, b"GET /ipfs/x HTTP/1.1\r\nx-drip: ")) for _ in range(80)]
        answer = heard(told[-1])
        assert answer.startswith(b"HTTP/1.1 429"), "the next one is told"
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["Type"] == "error", "as Kubo tells an error"
        assert serves(server)


def test_a_body_that_stops_coming_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", 0.3)
    form = "content-type: multipart/form-data; boundary=x"
    begun = (
        post("add", form, "content-length: 900") + b"--x\r\n",
        post("block/put", form, "transfer-encoding: chunked") + b"5\r\n--x\r\n\r\n",
    )
    for sent in begun:
        with knock(server, sent) as slow:
            assert heard(slow).startswith(b"HTTP/1.1 408")
    assert serves(server)


def test_who_has_no_token_is_refused_before_a_byte_of_the_body_is_taken(server: Server) -> None:
    asked = post("add", "content-type: multipart/form-data; boundary=x", "transfer-encoding: chunked")
    with knock(server, asked.replace(b"nobody", b"somebody")) as endless:
        assert endless.recv(65536).startswith(b"HTTP/1.1 401")
    assert serves(server)


def test_nonsense_is_answered_and_leaves_nothing(server: Server, store: LocalStore) -> None:
    before = set(store)
    form = "content-type: multipart/form-data; boundary=x"
    part = b'--x\r\ncontent-disposition: form-data; name="file"; filename='
    bodies = {
        "no part": b"--x--\r\n",
        "no boundary": b"\xff" * 100,
        "a part without an end": part + b'"a"\r\n\r\nabc',
        "a head without an end": b"--x\r\na: " + b"b" * 200_000,
    }
    asked = [(command, body) for body in bodies.values() for command in ("add", "dag/import", "block/put")]
    asked.append(("add", part + b'"..%2Fa"\r\n\r\na\r\n--x--\r\n'))
    for command, body in asked:
        head = post(command, form, f"content-length: {len(body)}", "connection: close")
        with knock(server, head + body) as connection:
            answer = heard(connection)
        assert answer.startswith(b"HTTP/1.1 400"), (command, body[:50], answer)
        assert TOKEN.encode() not in answer
    assert set(store) == before
    assert serves(server)


def test_a_head_of_a_megabyte_is_refused_unread(server: Server) -> None:
    with knock(server, b"GET /ipfs/x HTTP/1.1\r\n") as large, contextlib.suppress(ConnectionError):
        for _ in range(1000):
            large.sendall(b"x-much: " + b"y" * 1000 + b"\r\n")
        assert heard(large).startswith(b"HTTP/1.1 400")
    assert serves(server)


def test_it_stops_while_strangers_hold_it(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.ipfs.server._GRACE", 1)
    running = Server(store, token=TOKEN)
    body = post("add", "content-type: multipart/form-data; boundary=x", "content-length: 9")
    with contextlib.ExitStack() as held, running:
        for sent in (b"", b"GET /ip", body):
            held.enter_context(knock(running, sent))
        assert serves(running)
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        stopping.join(20)
        assert not stopping.is_alive()
