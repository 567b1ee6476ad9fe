"""What strangers can do to the server: ask too much, too slowly, too often, or nonsense."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from integration.gateway.support import HEARD, Town, Voice, Wish, eventually
from registry import Published
from registry.chain.signers import KeySigner, dev_signer
from registry.gated.protocol import MAX_BODY
from registry.gateway.rate_limit import RateLimit
from registry.system import connections


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert set(answer.json()["error"]) == {"code", "message", "hint"}
    assert answer.headers["cache-control"] == "no-store"


def heard(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def test_it_says_who_it_is_and_how_it_is_asked(gateway: Voice, town: Town) -> None:
    about = gateway.about
    assert (about["version"], about["chain_id"], about["depth"]) == (1, 1337, 2)
    assert about["domain"] == gateway.url.removeprefix("http://")
    assert about["registry"] == town.deployment.registry
    paths = gateway.say("GET", "/openapi.json").json()["paths"]
    assert set(paths) == {
        "/v1/gateway",
        "/v1/nonce",
        "/v1/shares",
        "/v1/invitations",
        "/v1/invitations/{id}",
        "/v1/releases",
        "/v1/health",
    }


def test_health_and_metrics(gateway: Voice, bought: Published, buyer_key: KeySigner) -> None:
    assert gateway.say("GET", "/v1/health").json()["status"] == "ok"
    gateway.ask(buyer_key, str(bought.did))
    families = list(text_string_to_metric_families(gateway.say("GET", "/metrics").text))
    counted = {
        (sample.labels["route"], sample.labels["outcome"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "registry_gateway_requests_total"
    }
    assert counted["/v1/releases", "200"] == 1
    assert buyer_key.address not in gateway.say("GET", "/metrics").text


def test_nonsense_is_refused_with_a_reason(gateway: Voice) -> None:
    for body in (b"", b"{", b"\xff\xfe", b"[" * 60_000, b'{"account": NaN}x'):
        refused(gateway.say("POST", "/v1/nonce", None, content=body), 400, "not_json")
    for value in ([], 7, {}, {"account": 7}, {"account": "0x"}, {"account": dev_signer(1).address, "more": 1}):
        refused(gateway.say("POST", "/v1/nonce", value), 422, "invalid")
    refused(gateway.say("GET", "/v1/nothing"), 404, "not_found")
    answer = gateway.say("GET", "/v1/nonce")
    refused(answer, 405, "method")
    assert answer.headers["allow"] == "POST"


def test_an_error_does_not_repeat_what_was_sent(gateway: Voice, share: str) -> None:
    for body in ({"account": share}, {share: 1}, {"account": [share]}):
        answer = gateway.say("POST", "/v1/nonce", body)
        refused(answer, 422, "invalid")
        if share not in body:
            assert share not in answer.text
    HEARD.answers[-2:-1] = []  # a name of a field is said back to who sent it, and to nobody else


def test_a_huge_request_is_refused_unread(gateway: Voice) -> None:
    refused(gateway.say("POST", "/v1/nonce", None, content=b" " * (MAX_BODY + 1)), 413, "too_large")

    # Without a length, and without an end.
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), timeout=20) as endless:
        endless.sendall(b"POST /v1/nonce HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(2 * MAX_BODY // 4096):
                endless.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
            assert heard(endless).startswith(b"HTTP/1.1 413")
    assert gateway.say("GET", "/v1/health").status_code == 200


def test_a_slow_request_is_ended(town: Town) -> None:
    gateway = town.gateway(body_seconds=0.3)
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2])), timeout=20) as slow:
        slow.sendall(b"POST /v1/nonce HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        answer = heard(slow)
    assert answer.startswith(b"HTTP/1.1 400") and b"too_slow" in answer


def test_a_connection_that_never_asks_is_closed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 0.3)
    port = int(town.gateway().url.rpartition(":")[2])
    for sent in (b"", b"POST /v1/nonce HTT", b"GET /v1/gateway HTTP/1.1\r\nhost: localhost\r\n\r\nGET"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as silent:
            silent.sendall(sent)
            heard(silent)


ASKED = b"GET /v1/gateway HTTP/1.1\r\nhost: localhost\r\n\r\n"


def knock(gateway: Voice, address: str, sent: bytes = b"GET /v1/gateway HTTP/1.1\r\nhost:") -> socket.socket:
    """A connection from one of this machine's addresses that has sent a part of a head."""
    door = ("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    made = socket.create_connection(door, timeout=20, source_address=(address, 0))
    made.sendall(sent)
    return made


def shut_out(connection: socket.socket) -> bool:
    """Whether the gateway has closed a connection."""
    connection.settimeout(0.05)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize(("first", "then"), [(b"", b""), (b"", b"GET /v1/gate"), (ASKED, b"GET /v1/gate")])
def test_one_address_cannot_hold_the_gateway_shut_with_heads_that_never_end(
    town: Town, first: bytes, then: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 600.0)  # as if whoever is shut out came back at once
    gateway = town.gateway("two", connections=60, address_heads=10, address_burst=1000)

    def hold() -> socket.socket:
        made = knock(gateway, "127.0.0.2", first)
        with contextlib.suppress(ConnectionError):
            if first:
                made.recv(65536)
            made.sendall(then)
        return made

    with contextlib.ExitStack() as open_ones:
        held = [open_ones.enter_context(hold()) for _ in range(70)]
        eventually(lambda: sum(not shut_out(one) for one in held) <= 10)
        assert gateway.say("GET", "/v1/health").status_code == 200
        # The ten that are open are not held against anybody else, nor for ever against who held them.
        with contextlib.closing(knock(gateway, "127.0.0.3")) as other:
            assert not shut_out(other)

    def answered() -> bool:
        with contextlib.closing(knock(gateway, "127.0.0.2", ASKED)) as late, contextlib.suppress(ConnectionError):
            return late.recv(65536).startswith(b"HTTP/1.1 200")
        return False

    eventually(answered)


def test_one_address_has_so_many_connections_and_the_next_is_told(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_SECONDS", 600.0)
    limits = {"address_connections": 20, "address_heads": 5, "address_rate": 10_000, "address_burst": 10_000}
    gateway = town.gateway("two", connections=60, **limits)
    with contextlib.ExitStack() as open_ones:
        held = []
        for _ in range(20):
            held.append(open_ones.enter_context(knock(gateway, "127.0.0.2", ASKED)))
            assert held[-1].recv(65536).startswith(b"HTTP/1.1 200")
        assert not any(map(shut_out, held)), "whoever has been answered owes no head"
        with contextlib.closing(knock(gateway, "127.0.0.2", b"")) as refused_one:
            answer = heard(refused_one)
        assert answer.startswith(b"HTTP/1.1 429") and json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["hint"]
        assert gateway.say("GET", "/v1/gateway").status_code == 200


def test_connections_of_a_proxy_are_for_the_proxy_to_count(town: Town) -> None:
    gateway = town.gateway("two", connections=60, address_connections=5, address_heads=5, proxies=("127.0.0.2",))
    with contextlib.ExitStack() as open_ones:
        held = [open_ones.enter_context(knock(gateway, "127.0.0.2")) for _ in range(20)]
        assert not any(map(shut_out, held))
        assert gateway.say("GET", "/v1/health").status_code == 200


def test_too_many_requests_of_one_address_are_refused(town: Town) -> None:
    gateway = town.gateway(address_rate=0.5, address_burst=5)
    answers = [gateway.say("GET", "/v1/gateway") for _ in range(7)]
    refused(answers[-1], 429, "too_many")
    assert int(answers[-1].headers["retry-after"]) in (1, 2)


def test_too_many_requests_of_one_account_are_refused_and_nobody_else_can_use_them_up(
    town: Town, bought: Published, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    gateway = town.gateway("two", account_rate=0.1, account_burst=3)
    did = str(bought.did)
    for _ in range(10):
        refused(gateway.release(stranger_key, Wish(did), account=buyer_key.address), 401, "signature")
    for _ in range(3):
        refused(gateway.ask(buyer_key, did), 404, "not_found")
    refused(gateway.ask(buyer_key, did), 429, "too_many")


def test_more_than_it_can_do_at_once_is_refused(town: Town, bought: Published, buyer_key: KeySigner) -> None:
    gateway = town.gateway("two", concurrency=1, body_seconds=20.0)
    port = int(gateway.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        slow.sendall(b"POST /v1/nonce HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
        eventually(lambda: gateway.say("GET", "/v1/gateway").status_code == 503)
        refused(gateway.say("GET", "/v1/gateway"), 503, "busy")
    eventually(lambda: gateway.say("GET", "/v1/gateway").status_code == 200)


def test_a_node_that_never_answers_costs_a_request_its_time_and_no_more(
    town: Town, bought: Published, buyer_key: KeySigner
) -> None:
    gateway = town.gateway("two", handler_seconds=0.5)
    asked = threading.Event()

    def hang(*_: Any) -> Any:
        asked.wait(20)
        raise AssertionError

    town.made["two"].view._read = hang  # type: ignore[method-assign]
    answer = gateway.ask(buyer_key, str(bought.did))
    refused(answer, 503, "busy")
    assert gateway.say("GET", "/v1/gateway").status_code == 200
    asked.set()


def test_a_fault_of_ours_is_told_without_its_values(
    town: Town, bought: Published, buyer_key: KeySigner, share: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = town.gateway("two")

    def break_down(*_: Any) -> Any:
        raise ZeroDivisionError(share)

    town.made["two"].database.shares_of = break_down  # type: ignore[method-assign]
    answer = gateway.ask(buyer_key, str(bought.did))
    refused(answer, 503, "fault")
    assert share not in answer.text + caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert 'outcome="fault"' in gateway.say("GET", "/metrics").text


def test_strangers_cannot_fill_the_audit_log(
    town: Town, bought: Published, gateway: Voice, stranger_key: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(town.made["one"], "_refusals", RateLimit(0.001, 3))
    before = town.made["one"].audit.head[0]
    for _ in range(6):
        refused(gateway.ask(stranger_key, str(bought.did)), 403, "no_access")
    assert town.made["one"].audit.head[0] == before + 3


def test_told_to_end_it_finishes_what_it_does_and_takes_nothing_new(
    town: Town, bought: Published, buyer_key: KeySigner
) -> None:
    running = town.process("one")
    port = int(running.voice.url.rpartition(":")[2])
    body = json.dumps({"account": buyer_key.address}).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as asking:
        head = f"POST /v1/nonce HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        asking.sendall(head + body[:5])
        eventually(lambda: running.voice.say("GET", "/metrics").text.count("requests_running 2") == 1)
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{running.voice.url}/v1/gateway", timeout=5)
        asking.sendall(body[5:])
        answer = heard(asking)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert running.died() == 0


def test_many_at_once_are_all_answered_right(
    town: Town, bought: Published, gateway: Voice, buyer_key: KeySigner, stranger_key: KeySigner, share: str
) -> None:
    did = str(bought.did)

    def one(number: int) -> bool:
        wish, good = Wish(did), number % 2 == 0
        answer = gateway.release(buyer_key if good else stranger_key, wish)
        return wish.open(answer) == share if good else answer.status_code == 403

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(64)))
