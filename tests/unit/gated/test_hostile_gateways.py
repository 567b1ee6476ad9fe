"""Gateways that answer slowly, wrongly, hugely or never: found out within a deadline, and named."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from registry.chain.signers import KeySigner
from registry.content.unlocking import _is_signed
from registry.documents.ddo import KeyGateway
from registry.errors import GatewayError, SignerError
from registry.gated import share_client
from registry.gated.identity import Identity, seal
from registry.gated.protocol import Release, ReleaseRequest
from registry.gated.share_client import GatewayClient, Gathered, Wallet, gather
from registry.gated.shares import commitment, split
from registry.ipfs.hosts import NetworkReach

KEY, FRESH = Identity.generate(), Identity.generate()
SHARES = split(KEY, 2, 3)
READER = KeySigner("0x" + "11" * 32)
DID = "did:nft:eip155:1337_erc721:0x" + "ab" * 20 + "_1"
REQUEST = ReleaseRequest(did=DID, version=1, recipient=FRESH.recipient)
WALLET = Wallet(READER.address, 1337, READER.sign_text)
DEADLINE = 1.0
HERE = NetworkReach.of_user(loopback=True)


class Fake:
    """A gateway of a test: answers as an honest one but for what `lie` puts in the place of an answer."""

    def __init__(self, index: int, lie: Callable[[Any, str, bytes], bool] | None = None) -> None:
        self.signer = KeySigner("0x" + f"{index + 100:064x}")
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                if lie is not None and lie(self, self.path, body):
                    return
                if self.path == "/v1/nonce":
                    self.answer({"nonce": "abcdefgh12345678", "expires_at": int(time.time()) + 60})
                else:
                    self.answer(fake.release(json.loads(body), SHARES[index]))

            def answer(self, value: Any, status: int = 200) -> None:
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.named = KeyGateway(url=self.url, recipient=Identity.generate().recipient, signer=self.signer.address)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def release(self, request: Any, share: str, signer: KeySigner | None = None) -> dict[str, Any]:
        """An answer; by its own account unless another signs."""
        sealed = seal(share, request["recipient"])
        answer = Release(version=1, sealed=sealed, block=7, signature="0x")
        signed = (signer or self.signer).sign_text(answer.signed_text(ReleaseRequest.model_validate(request)))
        return answer.model_copy(update={"signature": "0x" + signed.hex()}).to_dict()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def town(*lies: Callable[[Any, str, bytes], bool] | None) -> Iterator[list[Fake]]:
    with ExitStack() as stack:
        made = [Fake(index, lie) for index, lie in enumerate(lies)]
        for fake in made:
            stack.callback(fake.stop)
        yield made


def asked(fakes: list[Fake], *, wallet: Wallet = WALLET, hedge: float = 0.2, committed: bool = True) -> Gathered:
    named = [fake.named for fake in fakes]
    if committed:
        told = [commitment(share, KEY.recipient, place) for place, share in enumerate(SHARES)]
        named = [one.with_changes(commitment=told[place]) for place, one in enumerate(named)]
    return gather(REQUEST, FRESH, named, 2, KEY.recipient, wallet, _is_signed, HERE, deadline=DEADLINE, hedge=hedge)


def never(handler: Any, path: str, body: bytes) -> bool:
    time.sleep(5)
    return True


def slowly(handler: Any, path: str, body: bytes) -> bool:
    """A byte now and then, for ever: no single wait is long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "60000")
    handler.end_headers()
    for _ in range(200):
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
        time.sleep(0.05)
    return True


def hugely(handler: Any, path: str, body: bytes) -> bool:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(4096):
            handler.wfile.write(b" " * 65536)
    except OSError:
        pass
    handler.close_connection = True
    return True


def elsewhere(handler: Any, path: str, body: bytes) -> bool:
    handler.send_response(307)
    handler.send_header("Location", "http://127.0.0.1:9/v1/nonce")
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


def says(answer: Any, status: int = 200, *, of: str = "/v1/releases") -> Callable[[Any, str, bytes], bool]:
    def lie(handler: Any, path: str, body: bytes) -> bool:
        if path != of:
            return False
        handler.answer(answer, status)
        return True

    return lie


def gives(make: Callable[[Any], Any]) -> Callable[[Any, str, bytes], bool]:
    def lie(handler: Any, path: str, body: bytes) -> bool:
        if path != "/v1/releases":
            return False
        handler.answer(make(json.loads(body)))
        return True

    return lie


@pytest.mark.parametrize(
    ("lie", "cause"),
    [
        (never, "did not answer"),
        (slowly, "did not answer"),
        (hugely, "over the limit"),
        (elsewhere, "sends elsewhere"),
        (says(b"not json"), "malformed"),
        (says({"version": 1}), "malformed"),
        (says(b"[" * 60_000), "malformed"),
        (says({"error": {"code": "no_access", "message": "No.\x1b[2J\nIgnore this."}}, 403), "No. [2J Ignore this"),
        (says({"error": 5}, 500), "answered 500"),
        (says(b"<html>", 502), "answered 502"),
        (says({"nonce": "a b", "expires_at": 1}, of="/v1/nonce"), "malformed"),
        (says({"nonce": "abcdefgh\nResources:\n- x", "expires_at": 1}, of="/v1/nonce"), "malformed"),
    ],
)
def test_a_gateway_that_fails_in_its_way_is_named_and_the_others_make_the_key(lie: Any, cause: str) -> None:
    with town(lie, None, None) as fakes:
        found = asked(fakes)
    assert found.found is not None and found.found.identity == KEY
    if lie in (never, slowly):  # which is not waited for when the others have made the key
        assert fakes[0].url not in found.causes
    else:
        assert cause in found.causes[fakes[0].url]
        assert len(found.causes[fakes[0].url]) < 700


def test_no_connection_to_a_gateway_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[GatewayClient] = []
    closed: list[GatewayClient] = []
    make, close = GatewayClient.__init__, GatewayClient.close
    monkeypatch.setattr(
        GatewayClient, "__init__", lambda one, *how, **more: (make(one, *how, **more), opened.append(one))[0]
    )
    monkeypatch.setattr(GatewayClient, "close", lambda one: (close(one), closed.append(one))[0])
    with town(None, says(b"<html>", 502), None) as fakes:
        assert asked(fakes).found is not None
        until = time.monotonic() + 20
        while len(closed) < len(opened) and time.monotonic() < until:
            time.sleep(0.02)
    assert opened and set(map(id, opened)) == set(map(id, closed))


@pytest.mark.parametrize("field", ["message", "hint"])
def test_what_a_gateway_says_is_shown_on_one_line_of_500_letters(field: str) -> None:
    said = "No\x00\x1b[31m\u202e\r\n" + "x" * 1500
    problem = {"code": "no_access", "message": "No.", "hint": "Buy.", field: said}
    with town(says({"error": problem}, 403, of="/v1/releases")) as [fake], pytest.raises(GatewayError) as refused:
        GatewayClient(fake.url, HERE, deadline=DEADLINE).release(REQUEST, WALLET)
    shown = refused.value.reason if field == "message" else refused.value.hint
    assert shown == "No  [31m   " + "x" * (500 - 11)


LIES = {
    "of another key": lambda n: split(Identity.generate(), 2, 3)[n],
    "of another splitting": lambda n: split(KEY, 2, 3)[n],
    "of another gateway": lambda n: SHARES[(n + 1) % 3],
    "with something behind it": lambda n: SHARES[n] + " academic",
    "of no words": lambda n: "\0",
    "of sixteen wrong ones": lambda n: "\n".join(split(KEY, 2, 16)),
    "behind sixteen wrong ones": lambda n: "\n".join([*split(KEY, 2, 16), SHARES[n]]),
}


@pytest.mark.parametrize("committed", [True, False], ids=["committed to", "of a document without commitments"])
@pytest.mark.parametrize("lie", LIES)
def test_a_wrong_share_is_found_out_and_its_gateway_named(lie: str, committed: bool) -> None:
    holder: list[Fake] = []
    with town(gives(lambda request: holder[0].release(request, LIES[lie](0))), None, None) as fakes:
        holder.extend(fakes)
        found = asked(fakes, committed=committed)
    assert found.found is not None and found.found.identity == KEY
    # A share that two gateways gave says nothing of which of them has it, unless the document does.
    unclear = lie == "of another gateway" and not committed
    assert found.liars == (() if unclear else (fakes[0].url,))


def test_a_wrong_share_is_known_alone_and_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than k liars cannot hide a key that is there, however many combinations there would be to try."""
    wrong, tried, holder = split(KEY, 2, 3), [], []
    real = share_client.combine

    def count(shares: Any, *rest: Any, **options: Any) -> Any:
        tried.append({name: len(given) for name, given in shares.items()})
        return real(shares, *rest, **options)

    monkeypatch.setattr(share_client, "combine", count)
    with town(gives(lambda request: holder[0].release(request, "\n".join([wrong[0], SHARES[1]]))), None, None) as fakes:
        holder.extend(fakes)
        found = asked(fakes)
    assert found.found is not None and found.found.liars == ()
    assert tried == [{fakes[1].url: 1, fakes[2].url: 1}]


def test_the_right_share_is_found_among_all_that_a_gateway_keeps() -> None:
    """Where somebody else had a right to deposit, theirs are handed out beside the one that was sold."""
    junk, holder = [split(Identity.generate(), 2, 3) for _ in range(8)], []
    kept = [[*(one[n] for one in junk), SHARES[n], split(KEY, 2, 3)[n]] for n in range(3)]
    lies = [gives(lambda request, n=n: holder[n].release(request, "\n".join(kept[n]))) for n in range(3)]
    for committed in (True, False):
        with town(*lies) as fakes:
            holder[:] = fakes
            found = asked(fakes, committed=committed)
        assert found.found is not None and found.found.identity == KEY
        assert found.liars == () and found.causes == {}


@pytest.mark.parametrize("committed", [True, False])
def test_wrong_shares_of_gateways_that_agree_below_k_make_no_key(committed: bool) -> None:
    theirs = split(Identity.generate(), 2, 3)
    holder: list[Fake] = []
    lies = [gives(lambda request, n=n: holder[n].release(request, theirs[n])) for n in (0, 1)]
    with town(*lies, None) as fakes:
        holder.extend(fakes)
        found = asked(fakes, committed=committed)
    assert found.found is None
    assert set(found.causes) >= {fake.url for fake in fakes[:2]}
    assert set(found.liars) == ({fake.url for fake in fakes[:2]} if committed else set())


def test_a_publisher_who_commits_to_what_makes_no_key_is_told_from_a_liar() -> None:
    other = split(Identity.generate(), 2, 3)
    told = [commitment(share, KEY.recipient, place) for place, share in enumerate(other)]
    holder: list[Fake] = []
    lies = [gives(lambda request, n=n: holder[n].release(request, other[n])) for n in range(3)]
    with town(*lies) as fakes:
        holder.extend(fakes)
        named = [fake.named.with_changes(commitment=told[place]) for place, fake in enumerate(fakes)]
        found = gather(REQUEST, FRESH, named, 2, KEY.recipient, WALLET, _is_signed, HERE, deadline=DEADLINE)
    assert found.found is None and found.liars == ()
    assert all("its publisher erred" in cause for cause in found.causes.values())


def test_a_share_in_the_name_of_another_gateway_is_not_taken() -> None:
    holder: list[Fake] = []
    as_the_other = gives(lambda request: holder[0].release(request, SHARES[0], holder[1].signer))
    with town(as_the_other, None, None) as fakes:
        holder.extend(fakes)
        found = asked(fakes)
    assert "not signed" in found.causes[fakes[0].url]
    assert found.found is not None


def test_an_answer_to_another_request_is_not_taken() -> None:
    """A share that was recorded is sealed to a key of then, and signed for a request of then."""
    earlier = REQUEST.model_copy(update={"recipient": Identity.generate().recipient})
    holder: list[Fake] = []
    replay = gives(lambda request: holder[0].release(earlier.to_dict(), SHARES[0]))
    with town(replay, None, None) as fakes:
        holder.extend(fakes)
        found = asked(fakes)
    assert "not signed" in found.causes[fakes[0].url]


def test_all_silent_ends_at_the_deadline_and_says_who_was_silent() -> None:
    over, spoke = threading.Event(), []

    def until_it_is_over(handler: Any, path: str, body: bytes) -> bool:
        spoke.append(over.wait(60))
        return True

    with town(until_it_is_over, until_it_is_over, until_it_is_over) as fakes:
        found = asked(fakes)
        assert spoke == [], "nobody was waited for"
        over.set()
    assert found.found is None and len(found.causes) == 3


def test_a_gateway_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(GatewayError, match="not there"):
        GatewayClient(f"http://127.0.0.1:{port}", HERE, deadline=DEADLINE).about()


def test_a_gateway_inside_a_network_is_not_asked_and_told_why() -> None:
    """A stranger's document could else make its reader knock at doors that only the reader's machine can reach."""
    asked_for: list[str] = []

    def note(handler: Any, path: str, body: bytes) -> bool:
        asked_for.append(path)
        return False

    with town(note, note, None) as fakes:
        named = [fake.named for fake in fakes]
        found = gather(REQUEST, FRESH, named, 2, KEY.recipient, WALLET, _is_signed, NetworkReach(), deadline=DEADLINE)
    assert found.found is None and asked_for == []
    assert len(found.causes) == 3 and all("of this machine or of a private network" in c for c in found.causes.values())


def test_who_declines_to_sign_is_not_asked_for_each_gateway() -> None:
    asked_for: list[bytes] = []

    def decline(message: bytes) -> bytes:
        asked_for.append(message)
        raise SignerError("The wallet did not sign.")

    with town(None, None, None) as fakes, pytest.raises(SignerError):
        asked(fakes, wallet=Wallet(READER.address, 1337, decline))
    assert len(asked_for) <= 2


def test_no_more_gateways_are_asked_than_the_key_needs() -> None:
    seen: list[str] = []

    def note(name: str) -> Callable[[Any, str, bytes], bool]:
        def look(handler: Any, path: str, body: bytes) -> bool:
            seen.append(name)
            return False

        return look

    with town(note("a"), note("b"), note("c")) as fakes:
        assert asked(fakes, hedge=30.0).found is not None
    assert set(seen) == {"a", "b"}
