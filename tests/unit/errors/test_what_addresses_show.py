"""Of the address of a node, a gateway or a service no more is seen than its host, wherever something goes wrong."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
import socket
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from ipfs.lying import Request, lying
from tblib import pickling_support
from web3 import HTTPProvider, Web3

from registry.chain.batch import Read, read_many
from registry.chain.connection import Chain
from registry.chain.fork import Trial, run
from registry.chain.raw_blocks import Blocks
from registry.cli.console import Console
from registry.errors import RegistryError
from registry.errors.redaction import conceal, redacted, shown
from registry.ipfs.cid import CID
from registry.ipfs.kubo import KuboRPC
from registry.ipfs.pinning import PinningService, open_service
from registry.ipfs.sources import open_source
from registry.ipfs.trustless import TrustlessGateway
from registry.types import to_address

MARK = "S3cretMark42"
BLOCK = CID.raw(b"x")
ANYBODY = to_address("0x" + "11" * 20)


class Seen:
    """All that reaches people and files: what was logged at any level, warned of, raised and printed."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.said: list[str] = []

    def failure(self, act: Callable[[], object]) -> RegistryError:
        """Do something that must fail; everything about the error is kept."""
        with pytest.raises(RegistryError) as caught:
            act()
        error = caught.value
        out = io.StringIO()
        traceback.print_exception(error, file=out)
        self.said += [str(error), repr(error), out.getvalue(), str(pickle.dumps(error))]
        pickling_support.install(error)  # as Dask does, so that errors travel with all that was handled
        self.said.append(str(pickle.dumps(error)))
        self.said += [f"{name}: {value!r}" for name, value in vars(error).items()]
        Console(as_json=True).error(error)
        Console().error(error)
        return error

    def objects(self, *made: object) -> None:
        """What objects show of themselves, in notebooks too."""
        for one in made:
            self.said += [str(one), repr(one), f"{one}"]
            self.said += [str(getattr(one, name)()) for name in dir(one) if name.startswith("_repr_")]


@pytest.fixture
def seen(capsys: pytest.CaptureFixture[str]) -> Iterator[Seen]:
    seen = Seen()
    handler = logging.StreamHandler(seen.log)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield seen
    root.removeHandler(handler)
    root.setLevel(level)
    out, err = capsys.readouterr()
    everything = [*seen.said, seen.log.getvalue(), out, err, *(str(one.message) for one in told)]
    assert len(seen.said) > 0
    forms = [MARK, *(base64.b64encode(login.encode()).decode() for login in (f"ann:{MARK}", MARK, f"{MARK}:"))]
    leaks = [text for text in everything if any(form in text for form in forms)]
    assert not leaks, leaks[0][-2000:]


def marked(server: str) -> dict[str, str]:
    """The address of a server, with the mark in each part that may hold a key."""
    scheme, _, host = server.partition("://")
    return {
        "user": f"{scheme}://{MARK}@{host}",
        "password": f"{scheme}://ann:{MARK}@{host}/rpc",
        "path": f"{scheme}://{host}/v3/{MARK}",
        "query": f"{scheme}://{host}/?apikey={MARK}",
        "path and query": f"{scheme}://ann:{MARK}@{host}/v2/{MARK}/x?key={MARK}&y=1",
        "escapes": f"{scheme}://ann:%53{MARK[1:]}@{host}/v3/%53{MARK[1:]}",
        "fragment": f"{scheme}://{host}/#{MARK}",
    }


PARTS = list(marked("http://x"))


# --- Nodes ---------------------------------------------------------------------------------------


def refusing(request: Request) -> None:
    """Unauthorized, in words that quote what was asked, as proxies have them."""
    request.send(f"no such key: {request.path} {request.headers.get('Authorization')}".encode(), 401)


def breaking_off(request: Request) -> None:
    request.close_connection = True


def babbling(request: Request) -> None:
    request.send(f"<html>{request.path}</html>".encode())


def knowing_its_number_only(request: Request) -> None:
    """A node that says which chain it is of, and to all else an error that quotes the address."""
    asked = json.loads(request.sent)
    error = {"code": -32000, "message": f"no answer from {request.path} http://{request.headers['Host']}{request.path}"}

    def one(question: Any) -> Any:
        known = question["method"] == "eth_chainId"
        return {"jsonrpc": "2.0", "id": question["id"], **({"result": "0x539"} if known else {"error": error})}

    answer = [one(question) for question in asked] if isinstance(asked, list) else one(asked)
    request.send(json.dumps(answer).encode(), Content_Type="application/json")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("answer", [refusing, breaking_off, babbling], ids=lambda answer: answer.__name__)
def test_a_node_that_fails_is_named_by_its_host(seen: Seen, part: str, answer: Callable[[Request], None]) -> None:
    with lying(answer) as server:
        host = f"127.0.0.1:{server.server_address[1]}"
        for scheme in ("http", "ws") if answer is refusing else ("http",):
            address = marked(f"{scheme}://{host}")[part]
            error = seen.failure(lambda address=address: Chain.connect(address, timeout=2))  # type: ignore[misc]
            assert f"{scheme}://{host}" in str(error)


@pytest.mark.parametrize("part", PARTS)
def test_a_node_that_is_not_there_is_named_by_its_host(seen: Seen, part: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    for scheme in ("http", "ws"):
        assert host in str(seen.failure(lambda s=scheme: Chain.connect(marked(f"{s}://{host}")[part], timeout=2)))  # type: ignore[misc]
    for scheme in ("https", "wss"):
        seen.failure(lambda s=scheme: Chain.connect(marked(f"{s}://no-such-host.invalid")[part], timeout=2))  # type: ignore[misc]
    seen.failure(lambda: Chain.connect(marked(f"htps://{host}")[part]))
    seen.failure(lambda: Chain.connect(marked(f"http://{host}")[part].partition("://")[2]))


@pytest.mark.parametrize("part", PARTS)
def test_whatever_is_asked_of_a_node_shows_no_more_of_its_address(seen: Seen, part: str) -> None:
    with lying(knowing_its_number_only) as server:
        chain = Chain.connect(marked(f"http://127.0.0.1:{server.server_address[1]}")[part], timeout=2)
        token = chain.contract("LocalDollar", ANYBODY)
        seen.objects(chain, chain.w3, chain.w3.provider)
        questions: list[Callable[[], object]] = [
            chain.block,
            lambda: chain.balance(ANYBODY),
            lambda: chain.has_code(ANYBODY),
            lambda: chain.receipt("0x" + "22" * 32),
            lambda: list(chain.events(token.events.Transfer, to_block=3)),
            lambda: chain.call(token.functions.symbol()),
            lambda: read_many(chain, [Read(ANYBODY, b"", 1)]),
            lambda: run(chain, [Trial(ANYBODY, ANYBODY, b"")], time=1, storage={}),
            lambda: chain.again(timeout=2).block(),
            Blocks(chain).head,
            lambda: Blocks(chain).logs(1, 3, [ANYBODY], ["0x" + "22" * 32]),
            lambda: Blocks(chain).receipts("0x" + "22" * 32),
        ]
        for ask in questions:
            seen.failure(ask)
        seen.failure(lambda: Chain.connect(chain._address or "", chain_id=5))
    # Of a node that is gone, the libraries below tell the whole address. What is connected outlives the server.
    cast(Any, chain.w3.provider)._request_session_manager.session_cache.clear()
    for ask in questions:
        seen.failure(ask)


def test_a_connection_of_somebody_else_shows_no_more_either(seen: Seen) -> None:
    """Ape's, for one, whose provider names its address."""
    with lying(knowing_its_number_only) as server:
        address = marked(f"http://127.0.0.1:{server.server_address[1]}")["path and query"]
        chain = Chain.from_web3(Web3(HTTPProvider(address)), address)
        seen.objects(chain)
        seen.failure(chain.block)


def test_the_path_of_a_socket_is_not_shown(seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / MARK
    folder.mkdir()
    for path in (folder / "absent.ipc", folder, Path(f"{MARK}.ipc")):
        seen.failure(lambda path=path: Chain.connect(str(path), timeout=1))  # type: ignore[misc]
    (folder / "file.ipc").write_text("x")
    seen.failure(lambda: Chain.connect(str(folder / "file.ipc"), timeout=1))
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("node.ipc")
        listening.listen()
        hangs_up = threading.Thread(target=lambda: [listening.accept()[0].close() for _ in range(2)], daemon=True)
        hangs_up.start()
        seen.failure(lambda: Chain.connect(f"../{MARK}/node.ipc", timeout=1))


@contextmanager
def proxies(monkeypatch: pytest.MonkeyPatch, address: str) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, address)
    monkeypatch.setenv("no_proxy", "")
    yield


@pytest.mark.parametrize("answer", [refusing, breaking_off, None])
def test_a_proxy_keeps_its_password(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Request], None] | None
) -> None:
    with lying(answer or breaking_off) as server:
        port = server.server_address[1]
        odd = "socks9" if answer is None else "http"
        with proxies(monkeypatch, f"{odd}://ann:{MARK}@127.0.0.1:{port}"):
            for scheme in ("http", "https"):
                seen.failure(lambda s=scheme: Chain.connect(f"{s}://node.invalid/v3/{MARK}", timeout=2))  # type: ignore[misc]
                gateway = TrustlessGateway(f"{scheme}://gateway.invalid/{MARK}", deadline=2)
                seen.failure(lambda gateway=gateway: gateway.get(BLOCK))  # type: ignore[misc]


# --- Gateways, nodes of IPFS, services -----------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("answer", [refusing, breaking_off, babbling], ids=lambda answer: answer.__name__)
def test_sources_and_services_are_named_by_their_host(
    seen: Seen, part: str, answer: Callable[[Request], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PIN_TOKEN", MARK)
    with lying(answer) as server:
        address = marked(f"http://127.0.0.1:{server.server_address[1]}")[part]

        def gateway() -> TrustlessGateway:
            return TrustlessGateway(address, deadline=1)

        def node() -> KuboRPC:
            return KuboRPC(address, deadline=1, token=MARK)

        def service() -> PinningService:
            return open_service(f"{address},{address}", deadline=1)

        # A query is refused at once, since nothing could stand behind it.
        makes: list[Callable[[], Any]] = [gateway, node, service, lambda: open_source(f"kubo:{address}")]
        if "?" in address or "#" in address:
            for make in makes:
                seen.failure(make)
            return
        seen.objects(*(make() for make in makes))
        seen.failure(lambda: gateway().get(BLOCK))
        seen.failure(lambda: node().get(BLOCK))
        seen.failure(lambda: node().pin(BLOCK))
        seen.failure(lambda: service().add(BLOCK))
        seen.failure(lambda: list(service().list()))


def test_a_mistyped_source_shows_no_key(seen: Seen) -> None:
    for address in (f"gateway.example/{MARK}", f"htps://gateway.example/{MARK}", f"kubo:gateway.example/{MARK}"):
        seen.failure(lambda address=address: open_source(address))  # type: ignore[misc]
    seen.failure(lambda: open_service(f"pins.example/psa/{MARK}"))
    seen.failure(lambda: PinningService(f"http://pins.example/{MARK}", MARK))
    assert "/no/such/store" in str(seen.failure(lambda: open_source("/no/such/store")))


# --- By themselves -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "seen_of_it"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("HTTPS://user:pw@Host.example:8443/a?b#c", "HTTPS://host.example:8443"),
        ("ws://[::1]:8546/x", "ws://[::1]:8546"),
        ("kubo:http://ann:pw@127.0.0.1:5001/api", "kubo:http://127.0.0.1:5001"),
        ("https://host.example:many/x", "https://..."),
        ("https://[::1/x", "https://..."),
        ("/home/ann/geth.ipc", "the IPC socket"),
    ],
)
def test_what_is_shown_of_an_address(address: str, seen_of_it: str) -> None:
    assert shown(address) == seen_of_it


def test_words_are_not_cut_out_of_sentences() -> None:
    with lying(refusing) as server, pytest.raises(RegistryError):
        Chain.connect(f"http://127.0.0.1:{server.server_address[1]}/ethereum/mainnet/rpc/v1", timeout=2)
    assert redacted("the ethereum mainnet answers to rpc at /v1/x") == "the ethereum mainnet answers to rpc at /v1/x"
    conceal("http://author:word@127.0.0.1:1/")
    told = "author:word@127.0.0.1 let the author in with a password"
    assert redacted(told) == "...127.0.0.1 let the author in with a password"


@pytest.mark.parametrize(
    "address", [f"http://{MARK}:@127.0.0.1:1/", f"http://:{MARK}@127.0.0.1:1/", f"http://{MARK}@h/"]
)
def test_a_key_in_the_place_of_a_name_or_a_password_is_not_shown_alone(address: str) -> None:
    conceal(address)
    assert MARK not in redacted(f"{MARK} was refused")
