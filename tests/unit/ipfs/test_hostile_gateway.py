"""Gateways that lie, stall and never end: what comes out is the promised bytes or a typed error, in bounded time."""

from __future__ import annotations

import base64
import gzip
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.errors import (
    BlockNotFound,
    ContentError,
    InputError,
    LimitExceeded,
    Unavailable,
    Unverified,
)
from registry.ipfs.car import write_car
from registry.ipfs.cid import CID, RAW
from registry.ipfs.copy import copy
from registry.ipfs.limits import ReadLimits
from registry.ipfs.profiles import UNIXFS_V1_2025
from registry.ipfs.store import Fallback, LocalStore, MemoryStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_file, add_tree, cat, export, ls

from .lying import Answer, LyingServer, Request, lying
from .support import pattern

SMALL = replace(UNIXFS_V1_2025, chunk=7, width=3)
CONTENT = pattern(70)
BLOCK = b"hello world\n"
HELLO = CID.raw(BLOCK)


@pytest.fixture
def honest() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def root(honest: MemoryStore) -> CID:
    """The root of a file of ten leaves in a tree of three levels."""
    return add_file(io.BytesIO(CONTENT), honest, SMALL).cid


def served(honest: MemoryStore, change: Callable[[CID, bytes], bytes] = lambda _, data: data) -> Answer:
    """Answer with the blocks of a store, changed."""

    def answer(request: Request) -> None:
        if request.query.get("format") != "raw":
            request.send(status=501)
            return
        try:
            request.send(change(request.cid, honest.get(request.cid)), Content_Type="application/vnd.ipld.raw")
        except BlockNotFound:
            request.send(status=404)

    return answer


def read(url: str, cid: CID, deadline: float = 5.0) -> bytes:
    return b"".join(cat(cid, TrustlessGateway(url, deadline=deadline)))


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else b"x"


# --- Blocks --------------------------------------------------------------------------------------


def test_an_honest_gateway_gives_the_content(honest: MemoryStore, root: CID) -> None:
    with lying(served(honest)) as gateway:
        assert read(gateway.url, root) == CONTENT


def test_a_flipped_bit_in_any_block_is_refused(honest: MemoryStore, root: CID) -> None:
    with lying(served(honest)) as watched:
        read(watched.url, root)
    for _, path in set(watched.seen):
        spoilt = CID.parse(path.split("/")[2].partition("?")[0])
        with lying(served(honest, lambda cid, data, spoilt=spoilt: flip(data) if cid == spoilt else data)) as gateway:  # type: ignore[misc]
            with pytest.raises(Unverified, match="do not hash") as caught:
                read(gateway.url, root)
            assert caught.value.cid == spoilt


def test_a_flipped_bit_in_a_shard_is_refused(honest: MemoryStore, folder: Callable[..., Path]) -> None:
    cid = add_tree(folder({f"name {n}": pattern(n) for n in range(20)}), honest, replace(SMALL, hamt_threshold=0)).cid
    with lying(served(honest)) as gateway:
        assert len(ls(cid, TrustlessGateway(gateway.url))) == 20
    with (
        lying(served(honest, lambda cid, data: data if cid.codec == RAW else flip(data))) as gateway,
        pytest.raises(Unverified),
    ):
        ls(cid, TrustlessGateway(gateway.url))


def test_a_valid_block_under_another_cid_is_refused(honest: MemoryStore, root: CID) -> None:
    other = CID.raw(CONTENT[7:14])
    with (
        lying(served(honest, lambda cid, data: honest.get(other) if cid.codec == RAW else data)) as gateway,
        pytest.raises(Unverified),
    ):
        read(gateway.url, root)


def test_a_page_instead_of_a_block_is_refused_and_named() -> None:
    with (
        lying(lambda request: request.send(b"<html>welcome</html>", Content_Type="text/html; charset=utf-8")) as page,
        pytest.raises(Unverified, match="text/html"),
    ):
        TrustlessGateway(page.url).get(HELLO)


def test_a_body_that_ends_before_its_length_is_refused() -> None:
    with lying(lambda request: request.send(BLOCK[:5], length=len(BLOCK))) as gateway, pytest.raises(Unavailable):
        TrustlessGateway(gateway.url, deadline=2).get(HELLO)


def test_a_body_that_goes_on_after_its_length_is_cut_there() -> None:
    with lying(lambda request: request.send(BLOCK + b"more", length=len(BLOCK))) as gateway:
        assert TrustlessGateway(gateway.url).get(HELLO) == BLOCK
    with lying(lambda request: request.send(BLOCK, length=5)) as gateway, pytest.raises(Unverified):
        TrustlessGateway(gateway.url).get(HELLO)


def test_a_length_beyond_any_block_is_refused_before_it_is_read() -> None:
    with (
        lying(lambda request: request.send(b"x", length=10**12)) as gateway,
        pytest.raises(LimitExceeded, match="1,000,000,000,000"),
    ):
        TrustlessGateway(gateway.url).get(HELLO)


def endless(request: Request) -> None:
    request.start(Content_Type="application/vnd.ipld.raw")
    while not request.wait(0):
        request.wfile.write(bytes(65536))


def test_a_body_without_end_is_left() -> None:
    with lying(endless) as gateway, pytest.raises(LimitExceeded):
        TrustlessGateway(gateway.url).get(HELLO)


def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with lying(lambda request: request.send(bomb, Content_Encoding="gzip")) as gateway, pytest.raises(Unverified):
        TrustlessGateway(gateway.url).get(HELLO)


# --- Time ----------------------------------------------------------------------------------------


def silent(request: Request) -> None:
    request.wait(60)


def dripping_headers(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not request.wait(0.02):
        request.wfile.write(b"x")


def dripping_body(request: Request) -> None:
    request.start()
    while not request.wait(0.02):
        request.wfile.write(b"x")


@pytest.mark.parametrize("answer", [silent, dripping_headers, dripping_body])
def test_a_server_that_stalls_is_left_at_the_deadline(answer: Answer) -> None:
    with lying(answer) as gateway:
        with pytest.raises(Unavailable, match="within"):
            TrustlessGateway(gateway.url, deadline=0.3).get(HELLO)
        assert len(gateway.seen) == 1


def test_a_stream_that_stalls_is_left_although_it_was_fast_before(honest: MemoryStore, root: CID) -> None:
    archive = io.BytesIO()
    write_car(root, honest, archive)

    def answer(request: Request) -> None:
        request.start(Content_Type="application/vnd.ipld.car")
        request.wfile.write(archive.getvalue()[:-30])
        request.wait(60)

    with lying(answer) as gateway, pytest.raises(Unavailable, match="within"):
        list(TrustlessGateway(gateway.url, deadline=0.3).car(root))


def test_nobody_at_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match="refused"):
        TrustlessGateway(f"http://127.0.0.1:{port}", deadline=2).get(HELLO)


def test_a_host_that_takes_the_connection_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Unavailable, match="within"):
        TrustlessGateway(f"http://127.0.0.1:{deaf.getsockname()[1]}", deadline=0.3).get(HELLO)


def test_bytes_that_are_no_http_are_refused() -> None:
    def answer(request: Request) -> None:
        request.wfile.write(b"\x00\xff" * 500)
        request.close_connection = True

    with lying(answer) as server, pytest.raises(Unavailable):
        TrustlessGateway(server.url, deadline=2).get(HELLO)


# --- Status --------------------------------------------------------------------------------------


def once(first: Answer, then: Answer) -> Answer:
    """Answer the first request in one way and all others in another."""
    asked: list[object] = []

    def answer(request: Request) -> None:
        asked.append(request)
        (first if len(asked) == 1 else then)(request)

    return answer


def good(request: Request) -> None:
    request.send(BLOCK)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_gateway_is_asked_again(status: int) -> None:
    with lying(once(lambda request: request.send(status=status), good)) as gateway:
        assert TrustlessGateway(gateway.url).get(HELLO) == BLOCK
        assert len(gateway.seen) == 2


def test_retry_after_is_honoured_within_patience() -> None:
    with lying(once(lambda request: request.send(status=429, Retry_After="1"), good)) as gateway:
        assert TrustlessGateway(gateway.url).get(HELLO) == BLOCK


@pytest.mark.parametrize("value", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT", "99999999999999999999"])
def test_a_long_retry_after_is_told_and_not_waited_for(value: str) -> None:
    with lying(lambda request: request.send(status=429, Retry_After=value)) as gateway:
        with pytest.raises(Unavailable, match="429") as caught:
            TrustlessGateway(gateway.url).get(HELLO)
        assert caught.value.retry_after == 3600
        assert len(gateway.seen) == 1


@pytest.mark.parametrize("value", ["soon", "", "-5", "1e3", "\x00"])
def test_a_retry_after_that_cannot_be_read_is_passed_over(value: str) -> None:
    with lying(once(lambda request: request.send(status=503, Retry_After=value), good)) as gateway:
        assert TrustlessGateway(gateway.url).get(HELLO) == BLOCK


@pytest.mark.parametrize("status", [404, 410])
def test_an_absent_block_is_not_found(status: int) -> None:
    with (
        lying(lambda request: request.send(status=status)) as gateway,
        pytest.raises(BlockNotFound, match="gateway"),
    ):
        TrustlessGateway(gateway.url).get(HELLO)


@pytest.mark.parametrize("status", [400, 401, 403, 451, 206, 304])
def test_another_answer_is_not_asked_for_again(status: int) -> None:
    with lying(lambda request: request.send(b"" if status == 304 else BLOCK, status=status)) as gateway:
        with pytest.raises(Unavailable, match=str(status)):
            TrustlessGateway(gateway.url).get(HELLO)
        assert len(gateway.seen) == 1


def test_a_request_says_what_it_wants_in_both_ways() -> None:
    asked: list[tuple[str | None, dict[str, str]]] = []

    def answer(request: Request) -> None:
        asked.append((request.headers.get("Accept"), request.query))
        request.send(BLOCK)

    with lying(answer) as gateway:
        TrustlessGateway(gateway.url + "/").get(HELLO)
    assert asked == [("application/vnd.ipld.raw", {"format": "raw"})]


# --- Redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/ipfs/x",  # another name, though it is this machine
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/ipfs/x",
        "http://127.0.0.1.evil.example:{port}/",
        "http://evil127.0.0.1:{port}/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http:///nowhere",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(target: str) -> None:
    def answer(request: Request) -> None:
        request.send(status=302, Location=target.format(port=request.server.server_port))

    with lying(answer) as gateway:
        with pytest.raises(Unavailable):
            TrustlessGateway(gateway.url, deadline=3).get(HELLO)
        assert all(path.startswith(f"/ipfs/{HELLO}") for _, path in gateway.seen)


def test_a_redirect_to_the_same_server_is_followed() -> None:
    moved: Answer = once(lambda request: request.send(status=307, Location="/elsewhere"), good)
    with lying(moved) as gateway:
        assert TrustlessGateway(gateway.url).get(HELLO) == BLOCK
        assert gateway.seen[1][1] == "/elsewhere"


def test_redirects_without_end_are_left() -> None:
    with (
        lying(lambda request: request.send(status=302, Location=request.path + "x")) as gateway,
        pytest.raises(Unavailable, match="more than 3"),
    ):
        TrustlessGateway(gateway.url, deadline=3).get(HELLO)


@pytest.mark.parametrize("url", ["", "ipfs.example", "ftp://x", "http://", "http://x/?a=1", "http://x/#y", "kubo:x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="address"):
        TrustlessGateway(url)


# --- Archives ------------------------------------------------------------------------------------


@pytest.fixture
def archive(honest: MemoryStore, root: CID) -> bytes:
    out = io.BytesIO()
    write_car(root, honest, out)
    return out.getvalue()


def archived(data: bytes, honest: MemoryStore | None = None, **headers: str) -> Answer:
    """Answer with these bytes when an archive is asked for, and with blocks if there is a store."""

    def answer(request: Request) -> None:
        if request.query.get("format") == "car":
            request.send(data, **({"Content_Type": "application/vnd.ipld.car"} | headers))
        elif honest is None:
            request.send(status=404)
        else:
            served(honest)(request)

    return answer


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStore]:
    yield LocalStore(tmp_path / "local")


def test_an_archive_is_one_request(honest: MemoryStore, root: CID, archive: bytes, local: LocalStore) -> None:
    with lying(archived(archive)) as gateway:
        copied = copy(root, TrustlessGateway(gateway.url), local)
        assert len(gateway.seen) == 1
    assert copied.blocks == len(honest)
    assert b"".join(cat(root, local)) == CONTENT


def sections(archive: bytes, root: CID, honest: MemoryStore) -> list[bytes]:
    """The parts of an archive: its header, then each block."""
    from registry.ipfs.car import car_pieces
    from registry.ipfs.traverse import traverse

    parts = list(car_pieces(root, ((cid, block or b"") for cid, block in traverse(root, honest))))
    assert b"".join(parts) == archive
    return parts


def test_no_lie_in_an_archive_leaves_a_wrong_block_or_hides_that_one_is_missing(
    honest: MemoryStore, root: CID, archive: bytes, tmp_path: Path
) -> None:
    header, *blocks = sections(archive, root, honest)
    lies = {
        "cut in a block": archive[:-3],
        "cut between blocks": header + b"".join(blocks[:-1]),
        "only a header": header,
        "nothing": b"",
        "no archive": b"<html>" * 100,
        "a flipped bit": archive[:-1] + bytes([archive[-1] ^ 1]),
        "another root first": header + blocks[-1] + b"".join(blocks[:-1]),
        "the first block missing": header + b"".join(blocks[1:]),
        "a block of no length": header + b"\x00" * 50,
        "a block of endless length": header + b"\xff" * 9 + b"\x01",
    }
    for number, (name, data) in enumerate(lies.items()):
        store = LocalStore(tmp_path / str(number), durable=False)
        with lying(archived(data)) as gateway, pytest.raises(ContentError):
            copy(root, TrustlessGateway(gateway.url, deadline=2), store)
        for cid in store:
            assert honest.has(cid), name
            assert store.get(cid) == honest.get(cid), name
        with lying(archived(data, honest)) as gateway:  # what the archive lacks comes block by block
            copy(root, TrustlessGateway(gateway.url, deadline=2), store)
        assert b"".join(cat(root, store)) == CONTENT, name


def test_blocks_that_nobody_asked_for_are_not_kept(
    honest: MemoryStore, root: CID, archive: bytes, local: LocalStore
) -> None:
    header, *blocks = sections(archive, root, honest)
    foreign = [b"block %d" % number for number in range(100)]
    extra = [bytes([36 + len(data)]) + bytes(CID.raw(data)) + data for data in foreign]
    for data in (header + b"".join(extra + blocks), header + b"".join(blocks + extra)):
        with lying(archived(data, honest)) as gateway:
            copy(root, TrustlessGateway(gateway.url), local)
        assert {cid for cid in local} == {cid.v1() for cid in honest._blocks}


def test_an_archive_without_end_is_left(honest: MemoryStore, root: CID, archive: bytes, local: LocalStore) -> None:
    header, *blocks = sections(archive, root, honest)

    def answer(request: Request) -> None:
        if request.query["format"] == "raw":
            served(honest)(request)
            return
        request.start(Content_Type="application/vnd.ipld.car")
        request.wfile.write(header)
        while not request.wait(0):
            request.wfile.write(blocks[0] * 100)  # a block that was asked for, again and again

    with lying(answer) as gateway:
        copied = copy(root, TrustlessGateway(gateway.url, limits=ReadLimits(total=50_000_000)), local)
    assert copied.blocks == len(honest)


def test_another_type_than_an_archive_is_not_read(honest: MemoryStore, root: CID, archive: bytes) -> None:
    with (
        lying(archived(archive, Content_Type="text/html")) as gateway,
        pytest.raises(Unavailable, match="text/html"),
    ):
        list(TrustlessGateway(gateway.url).car(root))


# --- Proxies -------------------------------------------------------------------------------------


def test_the_systems_proxy_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with lying(good) as proxy, lying(good) as near:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "exempt.example")
        assert TrustlessGateway("http://gateway.example").get(HELLO) == BLOCK
        assert proxy.seen == [("GET", f"http://gateway.example/ipfs/{HELLO}?format=raw")]
        assert TrustlessGateway(near.url).get(HELLO) == BLOCK
        with pytest.raises(Unavailable):
            TrustlessGateway("http://exempt.example", deadline=2).get(HELLO)
        assert len(proxy.seen) == 1


def test_a_proxy_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str | None] = []

    def answer(request: Request) -> None:
        given.append(request.headers.get("Proxy-Authorization"))
        request.send(BLOCK)

    with lying(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//author:word@"))
        assert TrustlessGateway("http://gateway.example").get(HELLO) == BLOCK
    assert given == ["Basic " + base64.b64encode(b"author:word").decode()]


@pytest.mark.parametrize("answer", [silent, dripping_headers, dripping_body])
def test_a_proxy_that_stalls_is_left_at_the_deadline(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    with lying(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        for url in ("http://gateway.example", "https://gateway.example"):
            with pytest.raises(Unavailable):
                TrustlessGateway(url, deadline=0.3).get(HELLO)


# --- Several -------------------------------------------------------------------------------------


def test_a_chain_finds_the_honest_gateway_among_liars(honest: MemoryStore, root: CID, local: LocalStore) -> None:
    with (
        lying(served(honest, lambda _, data: flip(data))) as liar,
        lying(lambda request: request.send(status=503, Retry_After="3000")) as busy,
        lying(lambda request: request.send(status=404)) as empty,
        lying(served(honest)) as good,
    ):
        servers: list[LyingServer] = [liar, busy, empty, good]
        chain = Fallback([TrustlessGateway(server.url) for server in servers], cache=local)
        for _ in range(2):
            assert b"".join(cat(root, chain)) == CONTENT
        assert len(busy.seen) <= chain.parallel  # it asked to be left alone, and was
        assert len(liar.seen) < len(good.seen)
    assert b"".join(cat(root, local)) == CONTENT


def test_threads_may_share_a_gateway(honest: MemoryStore, root: CID) -> None:
    faults: list[BaseException] = []

    def use(gateway: TrustlessGateway) -> None:
        try:
            assert b"".join(cat(root, gateway)) == CONTENT
        except BaseException as error:
            faults.append(error)

    with lying(served(honest)) as server:
        shared = TrustlessGateway(server.url)
        threads = [threading.Thread(target=use, args=(shared,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert not faults


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_process_that_was_forked_off_has_its_own_connections(honest: MemoryStore, root: CID) -> None:
    """On its parent's it would read answers that are not meant for it."""
    with lying(served(honest)) as server:
        gateway = TrustlessGateway(server.url, parallel=1)
        assert gateway.get(root) == honest.get(root)
        child = os.fork()
        if not child:
            fine = b"".join(b"".join(cat(root, gateway)) for _ in range(5)) == CONTENT * 5
            os._exit(0 if fine else 1)
        for _ in range(5):
            assert b"".join(cat(root, gateway)) == CONTENT
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_gateway_that_was_closed_opens_again(honest: MemoryStore, root: CID) -> None:
    with lying(served(honest)) as server:
        gateway = TrustlessGateway(server.url)
        for _ in range(2):
            assert gateway.get(root) == honest.get(root)
            gateway.close()


def test_an_export_from_a_liar_leaves_nothing(honest: MemoryStore, root: CID, tmp_path: Path) -> None:
    with (
        lying(served(honest, lambda cid, data: flip(data) if cid == CID.raw(CONTENT[63:]) else data)) as gateway,
        pytest.raises(Unverified),
    ):
        export(root, TrustlessGateway(gateway.url), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
