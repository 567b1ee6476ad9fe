"""A hub over HTTP: what it answers, what it refuses, and what no crowd makes it do."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from postgres import Postgres
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integration.hub.support import Town, get, wait_for
from registry.hub.hooks import AGAIN, Hooks, post, signature_of
from registry.hub.hub_server import HubServer
from registry.index.index_view import IndexView
from registry.index.models import Hits
from registry.index.remote import RemoteHub
from registry.index.roots import Roots
from registry.ipfs.cid import CID
from registry.ipfs.hosts import NetworkReach

EXAMPLES = 200 if os.environ.get("DEEP") else 20


# --- IndexReader -------------------------------------------------------------------------------------


def test_a_search_over_http(town: Town, hub: HubServer) -> None:
    answer = get(f"{hub.url}/v1/search?q=penguin&type=model&max_price=5000000")
    assert answer.status_code == 200
    page = Hits.read(answer.content)
    assert [hit.name for hit in page.hits] == ["Penguin model"] and page.total == 1 and page.ranking == 2
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers and "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_has_not_changed_is_not_sent_again(town: Town, hub: HubServer) -> None:
    first = get(f"{hub.url}/v1/assets/1")
    tag = first.headers["etag"]
    again = get(f"{hub.url}/v1/assets/1", **{"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"") and again.headers["etag"] == tag
    assert get(f"{hub.url}/v1/assets/2", **{"if-none-match": tag}).status_code == 200
    town.mine()
    wait_for(lambda: get(f"{hub.url}/v1/assets/1").headers["etag"] != tag)


def test_pages_go_on_where_they_ended(town: Town, hub: HubServer) -> None:
    first = get(f"{hub.url}/v1/search?limit=1&sort=name").json()
    second = get(f"{hub.url}/v1/search?limit=1&sort=name&after={first['after']}").json()
    names = [page["hits"][0]["name"] for page in (first, second)]
    assert names == ["Palmer penguins", "Penguin model"]
    everything = get(f"{hub.url}/v1/assets?limit=2").json()
    assert [hit["did"][-2:] for hit in everything["hits"]] == ["_1", "_2"] and everything["after"] == "2"
    rest = get(f"{hub.url}/v1/assets?limit=2&after=2").json()
    assert [hit["did"][-2:] for hit in rest["hits"]] == ["_3"] and rest["after"] == ""
    one = get(f"{hub.url}/v1/activity?limit=1").json()
    assert get(f"{hub.url}/v1/activity?limit=1&after={one['after']}").json()["activity"] != one["activity"]


def test_a_document_is_one_raw_block(town: Town, hub: HubServer) -> None:
    cid = town.author.get(1).cid
    answer = get(f"{hub.url}/v1/documents/{cid}")
    assert answer.headers["content-type"] == "application/vnd.ipld.raw" and CID.raw(answer.content) == cid
    assert get(f"{hub.url}/v1/documents/{CID.raw(b'nobody has it')}").status_code == 404
    assert get(f"{hub.url}/v1/documents/{'x' * 50}").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/v1/search?q=" + "x" * 257,
        "/v1/search?limit=0",
        "/v1/search?limit=101",
        "/v1/search?limit=1&limit=2",
        "/v1/search?type=pony",
        "/v1/search?sort=clicks",
        "/v1/search?query=%7B%22match_all%22%3A%7B%7D%7D",
        "/v1/search?free=maybe",
        "/v1/search?max_price=-1",
        "/v1/search?max_price=1e9",
        "/v1/search?max_price=" + "9" * 40,
        "/v1/search?owner=0x12",
        "/v1/search?after=0123456789ab.20",
        "/v1/search?tag=" + ",".join("abcdefghijklmnopqrst"),
        "/v1/search?q=" + "%00" * 300,
        "/v1/assets/0",
        "/v1/assets/x",
        "/v1/assets/99999999999999999999999",
        "/v1/activity?after=1.2.3",
        "/v1/activity?limit=201",
        "/v1/accounts/0xABCDEF/owned",
        "/v1/tree/99/0",
        "/v1/tree?block=999999999",
        "/v1/tree?block=-1",
        "/v1/tree/1/0?block=999999999",
        "/v1/search?" + "a" * 5000,
    ],
)
def test_a_question_out_of_bounds_is_refused_with_the_reason(hub: HubServer, path: str) -> None:
    answer = get(hub.url + path)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "invalid" and answer.json()["error"]["message"]


def test_what_there_is_not(hub: HubServer) -> None:
    for path in ("/v1/assets/77", "/v1/tree/9/0", "/nothing", "/v1/assets/1/nothing"):
        assert get(hub.url + path).status_code == 404
    assert httpx.post(f"{hub.url}/v1/search", json={"query": {}}).status_code == 405
    preflight = httpx.options(f"{hub.url}/v1/search", headers={"origin": "https://a.example"})
    assert preflight.status_code == 204 and preflight.headers["access-control-allow-methods"] == "GET, HEAD"


def test_it_says_what_it_is_and_how_it_is(town: Town, hub: HubServer) -> None:
    facts = RemoteHub(hub.url).facts()
    assert facts.registry == town.author.deployment.registry.lower() and facts.assets == 3
    assert facts.documents == {"have": 3} and facts.lag == 0 and facts.final >= 0
    assert get(f"{hub.url}/v1/health").json() == {"status": "ok"}
    measures = get(f"{hub.url}/metrics").text
    assert 'registry_hub_requests_total{outcome="200",route="/v1/hub"}' in measures
    assert "registry_hub_lag_blocks 0.0" in measures and "penguin" not in measures


def test_by_chance_it_keeps_to_its_own_description(hub: HubServer) -> None:
    from hypothesis import HealthCheck, Phase, given, settings

    schema = openapi.from_url(f"{hub.url}/openapi.json")
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(checks=checks, timeout=20)

        ask()
    assert tried > 14 * min(EXAMPLES, 10)


# --- Crowds --------------------------------------------------------------------------------------


def test_one_network_cannot_have_all(town: Town) -> None:
    """Others, from other addresses of this machine, are answered meanwhile."""
    with town.hub(settings={"rate": 0.01, "burst": 5}) as server:
        answers = [get(f"{server.url}/v1/hub").status_code for _ in range(8)]
        assert answers[:5] == [200] * 5 and 429 in answers[5:]
        refused = get(f"{server.url}/v1/hub")
        assert int(refused.headers["retry-after"]) >= 1
        for number in range(2, 6):
            transport = httpx.HTTPTransport(local_address=f"127.0.0.{number}")
            with httpx.Client(transport=transport) as other:
                assert other.get(f"{server.url}/v1/hub").status_code == 200


def test_who_says_nothing_keeps_nobody_waiting(town: Town) -> None:
    with town.hub(settings={"connections": 1_200}) as server:
        idle = []
        for number in range(1_000):
            one = socket.create_connection(
                ("127.0.0.1", server.port), source_address=(f"127.0.{number % 5 + 1}.{number % 200 + 1}", 0)
            )
            one.sendall(b"GET /v1/search?q=pen HTTP/1.1\r\nhost: x\r\nx-slow: ")
            idle.append(one)
        try:
            began = time.monotonic()
            assert get(f"{server.url}/v1/search?q=penguin").status_code == 200
            assert time.monotonic() - began < 10
        finally:
            for one in idle:
                one.close()


def test_one_address_has_so_many_connections_and_others_have_theirs(town: Town) -> None:
    with town.hub(settings={"of_one": 5, "of_one_begun": 5}) as server, ExitStack() as open_ones:

        def knock(address: str) -> socket.socket:
            return open_ones.enter_context(
                socket.create_connection(("127.0.0.1", server.port), source_address=(address, 0), timeout=20)
            )

        for _ in range(5):
            knock("127.0.0.2")
        answer = knock("127.0.0.2").recv(65536)
        assert answer.startswith(b"HTTP/1.1 429") and b"too many connections" in answer
        assert get(f"{server.url}/v1/search?q=penguin").status_code == 200


def test_a_search_that_takes_too_long_ends(town: Town) -> None:
    with town.hub(settings={"work": 0.0}) as server:
        answer = get(f"{server.url}/v1/search?q=penguin")
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "busy"
        assert 'outcome="timeout"' in get(f"{server.url}/metrics").text


def test_many_at_once_are_answered_or_told_to_wait(town: Town) -> None:
    crowd = httpx.Client(limits=httpx.Limits(max_connections=60), timeout=30)
    with town.hub(settings={"concurrency": 2}) as server, ThreadPoolExecutor(60) as pool, crowd as client:
        paths = ["/v1/search?q=penguin", "/v1/assets", "/v1/activity", "/v1/tree"] * 60
        statuses = list(pool.map(lambda path: client.get(server.url + path).status_code, paths))
    assert set(statuses) <= {200, 503} and statuses.count(200) > 60


def test_of_many_at_once_a_few_are_worked_on(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that compute have each other wait for the interpreter: 32 of them answer half of what two do."""
    inside, most, guard = 0, 0, threading.Condition()
    activity = IndexView.activity

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
            guard.notify_all()
            guard.wait_for(lambda: most > 2, 0.1)  # for more than there should ever be
            inside -= 1
        return activity(*given, **named)

    monkeypatch.setattr(IndexView, "activity", counted)
    with town.hub(settings={"turns": 2}) as server, ThreadPoolExecutor(12) as crowd:
        answers = list(crowd.map(lambda _: get(f"{server.url}/v1/activity").status_code, range(12)))
    assert answers == [200] * 12 and most == 2


def test_a_page_of_long_documents_stays_below_a_mebibyte(tmp_path: Path) -> None:
    from registry.hub.hub_api import _within_bounds
    from registry.index.models import BlockShown, Hit

    hit = Hit(
        did="did:nft:eip155:1_erc721:0x" + "11" * 20 + "_1",
        owner="0x" + "11" * 20,
        digest="0" * 64,
        version=1,
        state=0,
        delisted=False,
        status="have",
        block=1,
        published=0,
        changed=0,
        document="x" * 8_000,
    )
    page = Hits(block=BlockShown(number=1, hash="0x" + "0" * 64), total=100, hits=(hit,) * 100)
    bounded = _within_bounds(page)
    assert len(bounded.model_dump_json()) < 2**20
    assert isinstance(bounded, Hits) and bounded.hits[0].document and not bounded.hits[-1].document


# --- Following -----------------------------------------------------------------------------------


def test_a_block_is_in_every_answer_a_moment_later(town: Town, hub: HubServer) -> None:
    before = get(f"{hub.url}/v1/hub").json()["head"]["number"]
    town.author.update(1, name="Palmer penguins, again")
    wait_for(lambda: get(f"{hub.url}/v1/search?q=again").json()["total"] == 1)
    assert get(f"{hub.url}/v1/hub").json()["head"]["number"] > before
    town.author.update(1, name="Palmer penguins")
    wait_for(lambda: get(f"{hub.url}/v1/search?q=again").json()["total"] == 0)


def test_no_stranger_waits_for_the_first_tree(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million assets it takes longer than a question may."""
    made = []
    catch_up = Roots._catch_up

    def noting(self: Roots) -> None:
        before = self._seq
        catch_up(self)
        if self._seq != before:
            made.append(threading.current_thread().name)

    monkeypatch.setattr(Roots, "_catch_up", noting)
    with town.hub() as server:
        wait_for(lambda: made)
        assert get(f"{server.url}/v1/tree").status_code == 200
    assert made == ["hub-following"]


def test_readers_of_one_database_follow_who_writes_it(town: Town, postgres: Postgres) -> None:
    """One process reads the chain into PostgreSQL; another answers from it with a search of its own."""
    database = postgres.fresh()
    with town.hub(database=database) as writer, town.hub(database=database, follows=False) as reader:

        def same() -> bool:
            pages = [get(f"{one.url}/v1/search?q=penguin").json() for one in (writer, reader)]
            return pages[0] == pages[1] and pages[0]["total"] == 2

        wait_for(same)
        final = get(f"{writer.url}/v1/tree").json()["at"]
        for path in ("/v1/tree", f"/v1/tree?block={final - 1}", f"/v1/tree/1/0?block={final - 1}"):
            told = [get(one.url + path).json() for one in (writer, reader)]
            assert told[0] == told[1] and "error" not in told[0]


def test_a_reader_may_read_the_tables_and_needs_nothing_else(town: Town, postgres: Postgres) -> None:
    """What is to be looked for is noted by the one that keeps the tables."""
    database = postgres.fresh()
    with town.hub(database=database) as writer:
        with psycopg.connect(database, autocommit=True) as connection:
            schema = str(connection.execute("SELECT current_schema()").fetchall()[0][0])
            connection.execute(f"CREATE ROLE {schema} LOGIN")
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
            connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {schema}")
        reading = database.replace("//postgres@", f"//{schema}@")
        with town.hub(database=reading, follows=False) as reader:
            for name in ("Palmer penguins, read elsewhere", "Palmer penguins"):
                town.author.update(1, name=name)
                for one in (writer, reader):
                    wait_for(partial(_is_called, one, name))
            assert "IndexFault" not in get(f"{reader.url}/metrics").text


def _is_called(server: HubServer, name: str) -> bool:
    return bool(get(f"{server.url}/v1/assets/1").json()["name"] == name)


def test_a_fork_below_what_was_final_is_said_and_the_hub_calls_itself_unwell(town: Town) -> None:
    start = town.node.rpc("evm_snapshot")
    town.mine(3)
    with town.hub(finality=1) as server:
        head = get(f"{server.url}/v1/hub").json()["head"]
        town.node.rpc("evm_revert", start)
        town.node.rpc("evm_increaseTime", 100)
        town.mine(6)
        wait_for(lambda: get(f"{server.url}/v1/health").status_code == 503)
        trouble = get(f"{server.url}/v1/health").json()["error"]["message"]
        assert "was final as" in trouble
        assert get(f"{server.url}/v1/hub").json()["head"] == head, "what it had is what it answers"
        assert get(f"{server.url}/v1/search?q=penguin").json()["total"] == 2


SERVE = """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from registry import Registry
    from registry.chain.connection import Chain
    from registry.chain.addresses import Deployment
    from registry.hub.hub_server import HubServer
    from registry.hub.follower import Hub
    from registry.hub.hub_settings import HubSettings
    from registry.index.home_index import open_index
    from registry.index.search.fts import FtsEngine
    from registry.index.stores import open_store
    from registry.system.serving import listen
    chain = Chain.connect({url!r})
    client = Registry.on(chain, deployment=Deployment.load({record!r}), home=Path({home!r}))
    index = open_index(client, open_store({database!r}), FtsEngine())
    sock = listen("127.0.0.1", 0)
    server = HubServer(Hub(index, HubSettings(f"http://127.0.0.1:{{sock.getsockname()[1]}}"), chain_id=1337), sock)
    print(server.url, flush=True)
    server.run()
    index.close()
    print("closed", flush=True)
"""


def test_told_to_end_it_finishes_what_is_under_way(town: Town, tmp_path: Path) -> None:
    import textwrap

    record = town.author.deployment.save(tmp_path)
    code = textwrap.dedent(SERVE).format(
        tests=str(Path(__file__).parents[2]),
        url=town.node.url,
        record=str(record),
        home=str(town.home),
        database=str(tmp_path / "hub.sqlite"),
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    wait_for(lambda: get(f"{url}/v1/search?q=penguin").json()["total"] == 2, 60)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "closed\n")


# --- Feeds and hooks -----------------------------------------------------------------------------

ATOM = "{http://www.w3.org/2005/Atom}"


def entries(answer: httpx.Response) -> list[str]:
    assert answer.headers["content-type"] == "application/atom+xml"
    return [str(one.findtext(f"{ATOM}title")) for one in ET.fromstring(answer.content).iter(f"{ATOM}entry")]


def test_feeds_tell_what_happened(town: Town, hub: HubServer) -> None:
    assert "Sold: Penguin model" in entries(get(f"{hub.url}/feeds/sales.atom"))
    assert entries(get(f"{hub.url}/feeds/sales.atom?asset=1")) == []
    assert "New version of Seals" in entries(get(f"{hub.url}/feeds/versions.atom"))
    (ending,) = entries(get(f"{hub.url}/feeds/ending.atom?account={town.buyer.address.lower()}"))
    assert ending.startswith("Access to Penguin model ends")
    assert entries(get(f"{hub.url}/feeds/votes.atom")) == []
    assert get(f"{hub.url}/feeds/sales.atom?days=3").status_code == 422


def test_a_name_in_a_feed_is_text(town: Town, hub: HubServer) -> None:
    town.buyer.publish(None, name="</title><script>alert(1)</script>&", type="other", license="MIT")
    wait_for(lambda: get(f"{hub.url}/v1/search?q=script").json()["total"] == 1)
    answer = get(f"{hub.url}/feeds/versions.atom")
    assert b"<script" not in answer.content
    assert any("<script>alert(1)</script>&" in title for title in entries(answer))


class Ear:
    """The other side of a hook: `status` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, Any], dict[str, str], bytes]] = []
        self.status = 200

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        if self.status == 200:
            self.heard.append((json.loads(body), headers, body))
        return self.status


class Clock:
    now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def hooks(tmp_path: Path, ear: Ear) -> Iterator[Hooks]:
    yield Hooks(tmp_path / "hooks.json", clock=Clock(), send=ear)


def test_a_hook_is_told_in_order_once_it_is_final_and_signed(town: Town, hooks: Hooks, ear: Ear) -> None:
    town.buyer.buy(2, "hour")
    with town.hub(finality=3) as server:
        from registry.index.home_index import open_local

        catalogue = open_local(town.reader).catalogue
        open_local(town.reader).catch_up()
        del server
        hook = hooks.add("https://a.example/hook", ["sale"], asset=2)
        stop = threading.Event()
        hooks.tell(catalogue, stop)
        before = len(ear.heard)
        town.buyer.buy(2, "hour")
        open_local(town.reader).catch_up()
        hooks.tell(catalogue, stop)
        assert len(ear.heard) == before, "not final yet"
        town.mine(65)
        open_local(town.reader).catch_up()
        hooks.tell(catalogue, stop)
        hooks.tell(catalogue, stop)
    told = [one["what"]["block"] for one, _, _ in ear.heard]
    assert len(told) > before and told == sorted(set(told))
    what, headers, body = ear.heard[-1]
    assert what["kind"] == "sale" and what["what"]["event"] == "Sale" and what["what"]["final"]
    moment, signature = (part.partition("=")[2] for part in headers["x-registry-signature"].split(","))
    assert signature == signature_of(hook.secret, int(moment), body)


def test_a_hook_that_is_not_taken_is_tried_again_and_nothing_is_left_out(town: Town, hooks: Hooks, ear: Ear) -> None:
    from registry.index.home_index import open_local

    town.mine(65)
    index = open_local(town.reader)
    index.catch_up()
    clock: Any = hooks._clock
    hooks.add("https://a.example/hook", ["sale", "version"])
    ear.status = 500
    for wait in AGAIN:
        assert hooks.tell(index.catalogue, threading.Event()) == 0
        (hook,) = hooks.all()
        assert hook.next == int(clock.now) + wait
        clock.now = hook.next
    ear.status = 200
    told = hooks.tell(index.catalogue, threading.Event())
    assert told == len(ear.heard) > 3 and hooks.all()[0].tries == 0


def test_a_hook_is_told_of_access_that_ends(town: Town, hooks: Hooks, ear: Ear) -> None:
    from registry.index.home_index import open_local

    index = open_local(town.reader)
    index.catch_up()
    hooks.add("https://a.example/hook", ["ending"], account=town.buyer.address.lower())
    for _ in range(3):
        hooks.tell(index.catalogue, threading.Event())
    assert [one["kind"] for one, _, _ in ear.heard] == ["ending"]


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/hook",
        "https://user:pass@a.example/",
        "https:///nothing",
        "https://a.example:0/",
        "ftp://a.example/",
        "https://a.example/#here",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_none_is_refused(hooks: Hooks, url: str) -> None:
    from registry.errors import InputError

    with pytest.raises(InputError):
        hooks.add(url, ["sale"])
    assert hooks.all() == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.9",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "fc00::1",
        "0.0.0.0",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "100.64.0.1",
        "224.0.0.1",
    ],
)
def test_a_name_that_leads_inside_of_a_network_is_not_posted_to(
    address: str, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it led elsewhere when the hook was noted: what is checked is what is spoken to."""
    from registry.errors import PrivateAddress

    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, **_: [(0, 0, 0, "", (address, port))])
    with pytest.raises(PrivateAddress, match=r"a\.example"):
        post("https://a.example/", b"{}", {}, reach=NetworkReach())
    hooks._send = partial(post, reach=NetworkReach())
    assert not hooks._taken(hooks.add("https://a.example/", ["sale"]), b"{}")


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Any]]]:
    """Who is told: a server with a certificate that this process trusts, and what it was told. It sends elsewhere."""
    key, heard = ec.generate_private_key(ec.SECP256R1()), []
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "server.pem").write_bytes(certificate.public_bytes(pem) + secret)

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(307)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setattr(
        "registry.ipfs.http._certificates", lambda: ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    )
    with ThreadPoolExecutor(1) as threads:
        threads.submit(server.serve_forever)
        yield f"https://localhost:{server.server_port}", heard
        server.shutdown()
        server.server_close()


def test_an_operator_may_name_a_network_inside_and_no_redirect_is_followed(
    listener: tuple[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.errors import InputError, PrivateAddress, Unavailable

    url, heard = listener
    with pytest.raises(PrivateAddress):
        post(f"{url}/hook?key=1", b"{}", {}, reach=NetworkReach())
    monkeypatch.setenv("REGISTRY_REACH", "127.0.0.0/8")
    send = Hooks(tmp_path / "hooks.json")._send
    assert send(f"{url}/hook?key=1", b"{}", {"x-registry-signature": "t=1,v1=ab"}) == 307
    ((path, headers, body),) = heard
    assert (path, body, headers["x-registry-signature"]) == ("/hook?key=1", b"{}", "t=1,v1=ab")
    monkeypatch.setattr("registry.ipfs.http._certificates", ssl.create_default_context)
    with pytest.raises(Unavailable):
        send(url, b"{}", {})
    assert len(heard) == 1
    monkeypatch.setenv("REGISTRY_REACH", "somewhere")
    with pytest.raises(InputError, match="REGISTRY_REACH"):
        Hooks(tmp_path / "hooks.json")


def test_an_address_that_was_written_by_hand_holds_up_no_other(hooks: Hooks) -> None:
    one = hooks.add("https://a.example/", ["sale"])
    hooks._send = partial(post, reach=NetworkReach())
    assert not hooks._taken(replace(one, url="ftp://a.example/"), b"{}")


def test_hooks_are_listed_removed_and_kept_for_their_owners_eyes(hooks: Hooks, tmp_path: Path) -> None:
    from registry.errors import IndexFault, InputError

    one = hooks.add("https://a.example/1", ["sale"])
    two = hooks.add("https://a.example/2", ["vote"])
    assert {hook.name for hook in hooks.all()} == {one.name, two.name} and one.secret != two.secret
    hooks.remove(one.name)
    with pytest.raises(InputError):
        hooks.remove(one.name)
    path = tmp_path / "hooks.json"
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("[{")
    with pytest.raises(IndexFault):
        hooks.all()
    for kinds in ([], ["clicks"], ["ending"]):
        with pytest.raises(InputError):
            hooks.add("https://a.example/3", kinds)
