"""The client of a node: whatever the node says, wrong bytes and wrong CIDs do not pass, and nothing hangs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.errors import BlockNotFound, InputError, LimitExceeded, Unavailable, Unverified
from registry.ipfs.car import CarReader, car_pieces
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.copy import copy
from registry.ipfs.kubo import KuboRPC
from registry.ipfs.store import MemoryStore
from registry.ipfs.unixfs import add_file

from .lying import Answer, Request, lying
from .support import pattern

BLOCK = b"hello world\n"
HELLO = CID.raw(BLOCK)
OTHER = CID.raw(b"something else")


def says(*lines: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with a JSON object a line."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return lambda request: request.send(body, status=status, **({"Content_Type": "application/json"} | headers))


def fault(message: str, status: int = 500) -> Answer:
    return says({"Message": message, "Code": 0, "Type": "error"}, status=status)


def chunked(request: Request, *pieces: bytes, trailer: bytes = b"", end: bool = True, **headers: str) -> None:
    """Answer in chunks, with a trailer after them."""
    request.start(Transfer_Encoding="chunked", **headers)
    for piece in pieces:
        request.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    if end:
        request.wfile.write(b"0\r\n" + trailer + b"\r\n")


# --- What is sent --------------------------------------------------------------------------------


def test_every_call_is_a_post_with_a_deadline_of_the_nodes_own() -> None:
    with lying(lambda request: request.send(BLOCK)) as server:
        KuboRPC(server.url, deadline=10).get(HELLO)
        ((method, path),) = server.seen
    assert method == "POST" and path == f"/api/v0/block/get?arg={HELLO}&timeout=8000ms"


def test_a_token_is_sent_as_a_bearer() -> None:
    given: list[str | None] = []

    def answer(request: Request) -> None:
        given.append(request.headers.get("Authorization"))
        request.send(BLOCK)

    with lying(answer) as server:
        KuboRPC(server.url, token="the token").get(HELLO)
        KuboRPC(server.url).get(HELLO)
    assert given == ["Bearer the token", None]


def test_a_token_is_not_sent_in_the_clear_over_a_network() -> None:
    for url in ("http://192.168.0.1:5001", "http://node.example", "http://127.0.0.1.example"):
        with pytest.raises(InputError, match="to read"):
            KuboRPC(url, token="the token")
    for url in ("https://node.example", "http://localhost:5001", "http://[::1]:5001"):
        KuboRPC(url, token="the token")


# --- Blocks --------------------------------------------------------------------------------------


def test_a_wrong_block_is_refused() -> None:
    with lying(lambda request: request.send(b"evil")) as server, pytest.raises(Unverified, match="the node at"):
        KuboRPC(server.url).get(HELLO)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("block was not found locally (offline): ipld: could not find x", BlockNotFound),
        ("blockservice: key not found", BlockNotFound),
        ("context deadline exceeded", Unavailable),
        ("request timed out", Unavailable),
        ("routing: not found", Unavailable),
        ("merkledag: something else", Unavailable),
        ("x" * 100_000, Unavailable),
    ],
)
def test_what_the_node_says_becomes_the_fitting_error(message: str, error: type[Exception]) -> None:
    with lying(fault(message)) as server:
        for ask in (KuboRPC(server.url).get, KuboRPC(server.url).has):
            if error is BlockNotFound and ask.__name__ == "has":
                assert ask(HELLO) is False
                continue
            with pytest.raises(error) as caught:
                ask(HELLO)
            assert len(str(caught.value)) < 1000


def endless(request: Request) -> None:
    request.start()
    while not request.wait(0):
        request.wfile.write(b'{"a": 1}' * 10_000)


def test_an_answer_without_end_is_left() -> None:
    with lying(endless) as server:
        node = KuboRPC(server.url, deadline=5)
        with pytest.raises(LimitExceeded):
            node.get(HELLO)
        with pytest.raises((LimitExceeded, Unavailable)):
            list(node.pins())


def test_a_node_that_says_nothing_is_left_at_the_deadline() -> None:
    with lying(lambda request: bool(request.wait(60)) and None) as server:
        node = KuboRPC(server.url, deadline=0.3)
        source = MemoryStore()
        source.put(HELLO, BLOCK)
        acts: list[Callable[[], object]] = [
            lambda: node.get(HELLO),
            lambda: node.has(HELLO),
            lambda: node.put(HELLO, BLOCK),
            lambda: node.upload(HELLO, source),
            lambda: list(node.pins()),
            lambda: list(node.car(HELLO)),
            node.version,
        ]
        for act in acts:
            with pytest.raises(Unavailable, match="within"):
                act()


def test_a_node_that_takes_no_more_is_left_at_the_deadline() -> None:
    """It reads the head of the request and then nothing, so that what is sent backs up."""
    source = MemoryStore()
    cid = add_file(io.BytesIO(pattern(30_000_000)), source).cid

    def deaf(request: Request) -> None:
        request.wait(60)

    with lying(deaf) as server:
        server.reads_bodies = False
        with pytest.raises(Unavailable, match="within"):
            KuboRPC(server.url, deadline=0.5).upload(cid, source)


# --- What it stores ------------------------------------------------------------------------------


def test_a_node_that_stores_something_else_is_found_out() -> None:
    source = MemoryStore()
    source.put(HELLO, BLOCK)
    with lying(says({"Root": {"Cid": {"/": str(OTHER)}, "PinErrorMsg": ""}})) as server:
        for act in (lambda: KuboRPC(server.url).upload(HELLO, source), lambda: KuboRPC(server.url).put(HELLO, BLOCK)):
            with pytest.raises(Unverified, match="stored"):
                act()
    with lying(says({"Pins": [str(OTHER)]})) as server, pytest.raises(Unverified):
        KuboRPC(server.url).pin(HELLO)


@pytest.mark.parametrize("said", ["nonsense", "", None, 5, {"/": str(HELLO)}])
def test_a_node_that_stores_what_is_no_cid_is_found_out(said: Any) -> None:
    with (
        lying(says({"Root": {"Cid": {"/": said}, "PinErrorMsg": ""}})) as server,
        pytest.raises(Unverified, match="instead"),
    ):
        KuboRPC(server.url).put(HELLO, BLOCK)


def test_a_pin_that_failed_is_no_success() -> None:
    source = MemoryStore()
    source.put(HELLO, BLOCK)
    lies: list[tuple[Answer, str]] = [
        (says({"Root": {"Cid": {"/": str(HELLO)}, "PinErrorMsg": "disk is full"}}), "disk is full"),
        (says(), "did not say"),
        (says({"Message": "broken", "Type": "error"}), "broken"),
    ]
    for answer, words in lies:
        with lying(answer) as server, pytest.raises(Unavailable, match=words):
            KuboRPC(server.url).upload(HELLO, source)


def test_wrong_bytes_are_not_sent() -> None:
    with lying(says()) as server:
        with pytest.raises(Unverified):
            KuboRPC(server.url).put(HELLO, b"evil")
        assert server.seen == []


def test_what_is_sent_is_an_archive(tmp_path: Path) -> None:
    sent: list[bytes] = []
    source = MemoryStore()
    cid = add_file(io.BytesIO(pattern(3_000_000)), source).cid

    def answer(request: Request) -> None:
        sent.append(request.sent)
        says({"Root": {"Cid": {"/": str(cid)}, "PinErrorMsg": ""}})(request)

    with lying(answer) as server:
        KuboRPC(server.url).upload(cid, source)
    start = sent[0].index(b"\r\n\r\n") + 4
    archive = sent[0][start : sent[0].rindex(b"\r\n--")]
    assert dict(CarReader(io.BytesIO(archive))) == source._blocks


# --- Commands that are not there -----------------------------------------------------------------


def test_a_node_without_imports_gets_blocks_and_is_asked_once() -> None:
    def answer(request: Request) -> None:
        if "block/put" not in request.path:
            request.send(b"404 page not found\n", status=404, Content_Type="text/plain")
            return
        assert request.query["cid-codec"] == "raw"
        says({"Key": str(HELLO), "Size": len(BLOCK)})(request)

    with lying(answer) as server:
        node = KuboRPC(server.url)
        for _ in range(3):
            node.put(HELLO, BLOCK)
        assert [path.split("?")[0] for _, path in server.seen].count("/api/v0/dag/import") == 1
        assert not node.offers("dag/import") and node.offers("block/put")
        with pytest.raises(Unavailable, match="does not have it"):
            node.pin(HELLO)


# --- Ends ----------------------------------------------------------------------------------------


def test_a_fault_after_a_good_beginning_is_seen() -> None:
    """Kubo says in a trailer what went wrong after it had begun to answer."""

    def answer(request: Request) -> None:
        line = json.dumps({"Cid": str(HELLO), "Type": "recursive"}).encode() + b"\n"
        chunked(request, line, trailer=b"X-Stream-Error: the disk went away\r\n", Trailer="X-Stream-Error")

    with lying(answer) as server:
        found = KuboRPC(server.url).pins()
        assert next(found) == HELLO
        with pytest.raises(Unavailable, match="the disk went away"):
            next(found)


def test_a_trailer_in_the_content_is_no_trailer() -> None:
    tricky = b"0\r\nX-Stream-Error: not one\r\n\r\n" * 3
    with lying(lambda request: chunked(request, tricky)) as server:
        assert KuboRPC(server.url).get(CID.raw(tricky)) == tricky


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    line = json.dumps({"Cid": str(HELLO), "Type": "recursive"}).encode() + b"\n"
    with lying(lambda request: chunked(request, line, end=False)) as server, pytest.raises(Unavailable):
        list(KuboRPC(server.url, deadline=3).pins())


def test_an_export_that_breaks_off_or_lies_is_noticed() -> None:
    source = MemoryStore()
    cid = add_file(io.BytesIO(pattern(3_000_000)), source).cid
    whole = b"".join(car_pieces(cid, [(one, source.get(one)) for one in source._blocks]))
    for archive in (whole[:-10], whole[:-1] + b"x", b"", b"no archive at all"):

        def answer(request: Request, archive: bytes = archive) -> None:
            if "dag/export" in request.path:
                request.send(archive)
            else:
                fault("not found")(request)

        with lying(answer) as server, pytest.raises((Unverified, Unavailable, BlockNotFound)):
            copy(cid, KuboRPC(server.url), MemoryStore())


@pytest.mark.parametrize("body", [b"[1]\n", b"nonsense\n", b"1", b'"x"', b"[" * 100_000, b"\xff\xfe"])
def test_lines_that_are_no_objects_are_refused(body: bytes) -> None:
    with lying(lambda request: request.send(body)) as server, pytest.raises(Unavailable, match="no JSON object"):
        list(KuboRPC(server.url).pins())


def test_pins_are_read_in_both_forms() -> None:
    old = CID.of(b"", codec=DAG_PB, version=0)
    with lying(says({"Keys": {str(HELLO): {"Type": "recursive"}, str(old): {}}})) as server:
        assert set(KuboRPC(server.url).pins()) == {HELLO, old.v1()}
    with lying(says({"Cid": str(HELLO)}, {"Cid": str(old)}, {})) as server:
        assert list(KuboRPC(server.url).pins()) == [HELLO, old.v1()]
