"""The door of a store for one web page: whoever lacks its origin or its token stays outside, and an archive that is not
what it says leaves no pin."""

from __future__ import annotations

import hmac
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.errors import InputError
from registry.ipfs.car import car_pieces, write_car
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.server import Server, door
from registry.ipfs.server.app import make_app
from registry.ipfs.server.door import Paired
from registry.ipfs.store import LocalStore, MemoryStore
from registry.ipfs.unixfs import add_tree, cat, resolve
from registry.system.serving import Serving, listen

from .support import pattern

PAGE = "https://hub.example.org"
EVIL = "https://evil.example"
CAR = "application/vnd.ipld.car"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("served"), durable=False)


@pytest.fixture(scope="module")
def server(store: LocalStore) -> Iterator[Server]:
    with Server(store, pair=PAGE) as running:
        yield running


@pytest.fixture
def page(server: Server) -> Iterator[httpx.Client]:
    """What a browser sends for the page that is paired."""
    told = {"origin": PAGE, "authorization": f"Bearer {server.pairing}", "content-type": CAR}
    with httpx.Client(base_url=server.url, timeout=10, headers=told) as client:
        yield client


@pytest.fixture
def archive(tmp_path: Path) -> tuple[CID, bytes]:
    """A folder of Ann's, packed."""
    made, packed = MemoryStore(), io.BytesIO()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "large.bin").write_bytes(pattern(2_500_000))
    (tmp_path / "folder" / "small.txt").write_text(str(tmp_path))
    root = add_tree(tmp_path / "folder", made).cid
    write_car(root, made, packed)
    return root, packed.getvalue()


def nothing_is_pinned(store: LocalStore, root: CID) -> bool:
    return root not in {pin.cid for pin in store.pins()}


def test_the_page_that_is_paired_hands_a_folder_in(
    page: httpx.Client, store: LocalStore, archive: tuple[CID, bytes]
) -> None:
    root, data = archive
    answer = page.put(f"/upload/{root}", content=data)
    assert answer.status_code == 201 and answer.json()["cid"] == str(root), answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE and answer.headers["vary"] == "Origin"
    assert not nothing_is_pinned(store, root)
    assert b"".join(cat(resolve(root, "large.bin", store), store)) == pattern(2_500_000)
    again = page.put(f"/upload/{root}", content=data)
    assert again.status_code == 201, "what was interrupted is sent again"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer guessed"}, 401),
        ({"authorization": b"Bearer \xe9"}, 401),
        ({"origin": EVIL}, 403),
        ({"origin": "null"}, 403),
        ({"origin": PAGE + ".evil.example"}, 403),
        ({"origin": PAGE.replace("https", "http")}, 403),
        ({"origin": PAGE + ":8443"}, 403),
        ({"origin": ""}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
    ],
    ids=str,
)
def test_whoever_lacks_something_stays_outside(
    page: httpx.Client, store: LocalStore, archive: tuple[CID, bytes], changed: dict[str, Any], status: int
) -> None:
    root, data = archive
    answer = page.put(f"/upload/{root}", content=data, headers=changed)
    assert answer.status_code == status and nothing_is_pinned(store, root)
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (None if status == 403 else PAGE), "another page learns nothing"


def test_a_form_of_another_page_reaches_nothing(page: httpx.Client, store: LocalStore, archive: Any) -> None:
    """What a browser sends without asking first (CSRF): GET and POST, no header of the page's own."""
    root, data = archive
    for method in ("GET", "POST"):
        told = {"origin": EVIL, "authorization": "", "content-type": "text/plain", "sec-fetch-site": "cross-site"}
        assert page.request(method, f"/upload/{root}", content=data, headers=told).status_code == 405
    asked = page.options(f"/upload/{root}", headers={"origin": EVIL, "access-control-request-method": "PUT"})
    assert asked.status_code == 403 and "access-control-allow-methods" not in asked.headers
    assert nothing_is_pinned(store, root)


def test_a_browser_that_asks_first_is_told_what_the_page_may(page: httpx.Client) -> None:
    asked = page.options("/upload/bafy", headers={"access-control-request-method": "PUT"})
    assert asked.status_code == 204 and asked.headers["access-control-allow-methods"] == "PUT"
    assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in asked.headers


def test_the_token_opens_the_door_and_no_other(page: httpx.Client, server: Server) -> None:
    assert page.post("/api/v0/version").status_code == 403, "the RPC is for no page"
    assert page.post("/api/v0/pin/ls").status_code == 403


def test_the_paired_page_reads_from_the_gateway_and_another_does_not(page: httpx.Client, store: LocalStore) -> None:
    data = b"what was read"
    store.put(CID.raw(data), data)
    path = f"/ipfs/{CID.raw(data)}?format=raw"
    assert page.get(path).headers["access-control-allow-origin"] == PAGE
    other = page.get(path, headers={"origin": EVIL})
    assert "access-control-allow-origin" not in other.headers and "Origin" in other.headers["vary"]


def _lying(root: CID, data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


def _cut(root: CID, data: bytes) -> bytes:
    return data[:-1000]


def _header_alone(root: CID, data: bytes) -> bytes:
    return b"".join(car_pieces(root, ()))


def _other_root(root: CID, data: bytes) -> bytes:
    other = CID.raw(b"other")
    return b"".join(car_pieces(other, [(other, b"other")]))


def _garbage(root: CID, data: bytes) -> bytes:
    return b"\x00" * 200


@pytest.mark.parametrize("lie", [_lying, _cut, _header_alone, _other_root, _garbage])
def test_an_archive_that_lies_is_refused_and_pins_nothing(
    page: httpx.Client, store: LocalStore, archive: tuple[CID, bytes], lie: Any
) -> None:
    root, data = archive
    answer = page.put(f"/upload/{root}", content=lie(root, data))
    assert answer.status_code == 400 and answer.json()["error"], answer.text
    assert nothing_is_pinned(store, root) and nothing_is_pinned(store, CID.raw(b"other"))


def test_a_tree_without_one_of_its_blocks_is_no_tree(page: httpx.Client, store: LocalStore) -> None:
    absent = Link(CID.raw(b"not sent"), b"a", 8)
    block = encode_node([absent], encode_message(Message(Type.DIRECTORY)))
    root = CID.of(block, codec=DAG_PB, version=1)
    answer = page.put(f"/upload/{root}", content=b"".join(car_pieces(root, [(root, block)])))
    assert answer.status_code == 400 and str(absent.cid) in answer.json()["error"] and nothing_is_pinned(store, root)


def test_what_is_too_large_is_refused_before_it_is_read(page: httpx.Client, server: Server, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        head = f"PUT /upload/{CID.raw(b'x')} HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: {PAGE}\r\ncontent-type: {CAR}\r\n"
        head += f"authorization: Bearer {server.pairing}\r\ncontent-length: {door.MOST * 2}\r\n\r\n"
        line.sendall(head.encode())
        assert b" 413 " in line.recv(4096).split(b"\r\n")[0], "although nothing of it came"
    chunked = page.put(f"/upload/{CID.raw(b'x')}", content=iter([b"x"]))
    assert chunked.status_code == 411, "a size that is not said is none that can be refused"


def test_what_is_larger_than_it_said_is_refused(tmp_path: Path) -> None:
    """Whatever the head says, blocks are counted as they come."""
    paired = Paired(PAGE)
    store = LocalStore(tmp_path, durable=False)
    from starlette.applications import Starlette

    app = Starlette(routes=door.door_routes(store, paired, most=1_000))
    data = bytes(1_005)
    told = {"origin": PAGE, "authorization": f"Bearer {paired.token}", "content-type": CAR}
    with Serving(app, sock := listen("127.0.0.1", 0), name="A door", grace=1, lifespan="off"):
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/upload/{CID.raw(data)}"
        answer = httpx.put(url, content=b"".join(car_pieces(CID.raw(data), [(CID.raw(data), data)])), headers=told)
        assert answer.status_code == 413 and nothing_is_pinned(store, CID.raw(data))


def test_who_sends_nothing_keeps_nobody(page: httpx.Client, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "WAIT", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        head = f"PUT /upload/{CID.raw(b'x')} HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: {PAGE}\r\ncontent-type: {CAR}\r\n"
        line.sendall(f"{head}authorization: Bearer {server.pairing}\r\ncontent-length: 500\r\n\r\n:".encode())
        assert b" 408 " in line.recv(4096).split(b"\r\n")[0]


def test_tokens_are_compared_in_a_time_that_tells_nothing(
    page: httpx.Client, archive: tuple[CID, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert page.put(f"/upload/{archive[0]}", content=b"x").status_code == 401 and len(compared) == 1


def test_without_pairing_there_is_no_door(tmp_path: Path) -> None:
    with Server(LocalStore(tmp_path)) as alone:
        assert alone.pairing == ""
        told = {"origin": PAGE, "authorization": "Bearer x", "content-type": CAR}
        assert httpx.put(f"{alone.url}/upload/{CID.raw(b'x')}", headers=told).status_code == 404


def test_a_token_for_clients_is_none_for_the_page(tmp_path: Path) -> None:
    with Server(LocalStore(tmp_path), token="a token of the author's", pair=PAGE) as both:
        told = {"origin": PAGE, "authorization": "Bearer a token of the author's", "content-type": CAR}
        assert httpx.put(f"{both.url}/upload/{CID.raw(b'x')}", headers=told).status_code == 401
        told["authorization"] = f"Bearer {both.pairing}"
        assert httpx.get(f"{both.url}/ipfs/{CID.raw(b'x')}", headers=told).status_code == 401


@pytest.mark.parametrize(
    "origin", ["*", "null", "hub.example.org", PAGE + "/", PAGE + "/publish", "http://hub.example.org", "https://a b"]
)
def test_what_is_no_origin_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(InputError):
        Server(LocalStore(tmp_path), pair=origin)
    assert make_app(LocalStore(tmp_path), None)


def test_each_start_has_a_token_of_its_own_that_is_not_told_in_logs() -> None:
    one, two = Paired(PAGE), Paired(PAGE)
    assert one.token != two.token and len(one.token) >= 32 and one.token not in repr(one)
