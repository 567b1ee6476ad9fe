"""Pinning services, honest and not: what is asked of them, what is believed, and what is remembered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import (
    ContentError,
    InputError,
    LimitExceeded,
    NotFoundError,
    PinRefused,
    TooFewReplicas,
    Unavailable,
    Unverified,
)
from registry.ipfs import pinning
from registry.ipfs.cid import CID
from registry.ipfs.pinning import PRESETS, PinningService, open_service
from registry.ipfs.replicas import PinReceipt, PinReceipts, ReplicaPolicy

from .pinning_support import START, Answer, Service

DATA, OTHER = CID.raw(b"data"), CID.raw(b"other")


@pytest.fixture
def start() -> Iterator[Callable[..., Service]]:
    """Start services of a test's own."""
    running: list[Service] = []

    def make(**options: Any) -> Service:
        running.append(Service(**options))
        return running[-1]

    yield make
    for service in running:
        service.stop()


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    return start()


# --- The verbs -----------------------------------------------------------------------------------


def test_a_pin_is_asked_for_waited_for_replaced_and_removed(service: Service) -> None:
    client = service.client(name="somebody")
    added = client.add(DATA, name="penguins", origins=["/ip4/127.0.0.1/tcp/4001"], meta={"did": "did:nft:1"})
    assert (added.cid, added.status, added.name, added.service) == (DATA, "queued", "penguins", "somebody")
    seen: list[str] = []
    pinned = client.wait(added, poll=0.001, progress=lambda pin: seen.append(pin.status))
    assert pinned.status == "pinned" and seen == ["pinning", "pinned"]
    assert list(client.list(cids=[DATA])) == [pinned]
    assert service.pins[added.request_id]["pin"]["meta"] == {"did": "did:nft:1"}
    replaced = client.replace(pinned.request_id, OTHER)
    assert [pin.cid for pin in client.list()] == [OTHER]
    client.remove(replaced.request_id)
    assert list(client.list()) == []
    for gone in (client.get, client.remove):
        with pytest.raises(NotFoundError, match="no such request"):
            gone(replaced.request_id)


def test_all_statuses_are_listed_unless_some_are_chosen(service: Service) -> None:
    for status in pinning.STATUSES:
        service.hold(str(DATA), status=status, name=status)
    client = service.client()
    assert {pin.status for pin in client.list()} == set(pinning.STATUSES)
    assert [pin.name for pin in client.list(statuses=["failed"])] == ["failed"]
    assert [pin.status for pin in client.list(name="queued")] == ["queued"]
    with pytest.raises(InputError, match="11 CIDs"):
        list(client.list(cids=[DATA] * 11))


@pytest.fixture
def client(service: Service) -> PinningService:
    return service.client()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 6), max_size=30))
def test_a_list_of_many_pages_is_whole_whatever_the_dates(
    service: Service, client: PinningService, moments: list[int]
) -> None:
    service.pins.clear()
    page = max([3, *(moments.count(moment) + 1 for moment in moments)])
    for moment in moments:
        service.hold(str(DATA), created=START + timedelta(milliseconds=moment))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinning, "_PAGE", page)
        listed = [pin.request_id for pin in client.list()]
    assert sorted(listed) == sorted(service.pins)


# --- Services that lie, or do not answer ---------------------------------------------------------


def test_a_pin_of_another_cid_is_refused_wherever_it_is_told(service: Service) -> None:
    client = service.client()
    honest = client.add(DATA)
    service.spoil = lambda pin: {**pin, "pin": {"cid": str(OTHER)}}
    with pytest.raises(Unverified, match=f"pins {OTHER} instead"):
        client.add(DATA)
    with pytest.raises(Unverified):
        client.wait(honest, poll=0.001)
    with pytest.raises(Unverified, match="not asked about"):
        list(client.list(cids=[DATA]))


def test_another_spelling_of_the_cid_is_the_same(service: Service) -> None:
    old = CID.parse("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH")
    service.spoil = lambda pin: {**pin, "pin": {"cid": str(old.v1())}}
    assert service.client().add(old).cid == old.v1()
    # Asked for in one spelling, and told in the other.
    for wanted in (old, old.v1()):
        assert [pin.cid for pin in service.client().list(cids=[wanted])] == [old.v1()]
    service.spoil = lambda pin: {**pin, "pin": {"cid": str(old)}}
    assert [pin.cid for pin in service.client().list(cids=[old.v1()])] == [old]
    assert service.client().add(old.v1()).cid == old


def test_a_queue_without_an_end_is_left_at_the_deadline(start: Callable[..., Service]) -> None:
    client = start(course=("queued",)).client()
    with pytest.raises(Unavailable, match=r"has it queued after 0\.05 s"):
        client.wait(client.add(DATA), deadline=0.05, poll=0.01)


def test_a_failed_pin_says_why(start: Callable[..., Service]) -> None:
    service = start(course=("queued", "failed"))
    service.spoil = lambda pin: {**pin, "info": {"status_details": "not found on the network\x1b[2J"}}
    client = service.client()
    with pytest.raises(PinRefused, match=r"status_details: not found on the network\?\[2J"):
        client.wait(client.add(DATA), poll=0.001)


def test_a_wrong_token_is_told_and_never_shown(service: Service) -> None:
    client = service.client(token="not the token")
    with pytest.raises(PinRefused, match="UNAUTHORIZED") as caught:
        client.add(DATA)
    assert caught.value.status == 401 and "token" in caught.value.hint
    assert "not the token" not in f"{caught.value!r} {client!r} {vars(caught.value)}"


@pytest.mark.parametrize("endpoint", ["http://pins.example.com", "http://10.0.0.1:9097", "http://127.0.0.1.evil.com"])
def test_a_token_is_not_sent_where_others_can_read_it(endpoint: str) -> None:
    with pytest.raises(InputError, match="for everybody on the way to read") as caught:
        PinningService(endpoint, "the token")
    assert "the token" not in str(caught.value).replace("The token", "")


def test_a_token_does_not_follow_a_redirect(start: Callable[..., Service]) -> None:
    elsewhere, service = start(), start()
    service.lie = lambda method, path: (307, {"Location": f"{elsewhere.url}{path}"}, b"")
    for ask in (lambda: service.client().add(DATA), lambda: list(service.client().list())):
        with pytest.raises(Unavailable, match="sends elsewhere"):
            ask()
    assert elsewhere.asked == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_after_the_time_it_names(service: Service, status: int) -> None:
    busy = iter([True, False])
    service.lie = lambda method, path: (status, {"Retry-After": "0"}, b"") if next(busy) else None
    assert service.client().add(DATA).cid == DATA
    assert service.count("POST") == 2 and len(service.pins) == 1


def test_a_service_that_wants_to_be_left_alone_for_long_is(service: Service) -> None:
    service.lie = lambda method, path: (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(Unavailable) as caught:
        service.client().add(DATA)
    assert caught.value.retry_after == 3600 and service.count("POST") == 1


def test_what_may_have_been_done_is_not_asked_for_twice(service: Service) -> None:
    service.lie = lambda method, path: (500, {}, b"oops")
    with pytest.raises(Unavailable):
        service.client().add(DATA)
    assert service.count("POST") == 1
    with pytest.raises(Unavailable):
        list(service.client().list())
    assert service.count("GET") == 3


@pytest.mark.parametrize("status", [400, 402, 409, 451])
def test_a_refusal_carries_the_words_of_the_service(service: Service, status: int) -> None:
    body = json.dumps({"error": {"reason": "INSUFFICIENT_FUNDS", "details": "Pay\x07 first."}}).encode()
    service.lie = lambda method, path: (status, {}, body)
    with pytest.raises(PinRefused, match=f"status {status}, INSUFFICIENT_FUNDS: Pay\\? first"):
        service.client().add(DATA)
    service.lie = lambda method, path: (status, {}, b"<html>" * 100)
    with pytest.raises(PinRefused, match=f"status {status}"):
        service.client().add(DATA)


def endless(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65536)


def dripping(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        time.sleep(0.02)


@pytest.mark.parametrize(
    "lie",
    [
        (200, {"Content-Length": str(10**9)}, b""),
        (200, {}, b" " * (pinning._BODY + 1)),
        endless,
    ],
    ids=["said to be huge", "huge", "endless"],
)
def test_a_body_that_is_too_large_is_not_read(service: Service, lie: Answer | Callable[[Any], None]) -> None:
    service.lie = lambda method, path: lie
    with pytest.raises((LimitExceeded, Unavailable)):
        service.client().add(DATA)


def test_a_body_that_drips_ends_at_the_deadline(service: Service) -> None:
    service.lie = lambda method, path: dripping
    with pytest.raises(Unavailable, match="within"):
        service.client(deadline=0.2).add(DATA)


PIN = {"requestid": "1", "status": "pinned", "created": "2026-01-01T00:00:00Z", "pin": {"cid": str(DATA)}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"[" * 100_000,
        *(json.dumps({key: value for key, value in PIN.items() if key != missing}).encode() for missing in PIN),
        *(
            json.dumps({**PIN, **wrong}).encode()
            for wrong in (
                {"status": "eaten"},
                {"created": "yesterday"},
                {"created": 7},
                {"requestid": ""},
                {"requestid": ["a"]},
                {"requestid": "a\x1b[2J"},
                {"pin": str(DATA)},
                {"pin": {"cid": "not a cid"}},
                {"pin": {"cid": None}},
                {"delegates": [1]},
                {"info": "words"},
            )
        ),
    ],
)
def test_an_answer_that_is_no_pin_is_an_error(service: Service, body: bytes) -> None:
    service.lie = lambda method, path: (200, {}, body)
    with pytest.raises(Unavailable, match="it answered with"):
        service.client().add(DATA)


def test_a_list_that_goes_round_in_circles_ends(service: Service) -> None:
    page = {"count": 5000, "results": [{**PIN, "requestid": str(n)} for n in range(10)]}
    service.lie = lambda method, path: (200, {}, json.dumps(page).encode())
    with pytest.raises(Unavailable, match="more pins to list"):
        list(service.client().list())
    service.lie = lambda method, path: (200, {}, json.dumps({"count": 5, "results": []}).encode())
    with pytest.raises(Unavailable, match="more pins to list"):
        list(service.client().list())


def test_a_list_without_an_end_is_cut(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinning, "_MOST_PINS", 50)
    numbers = iter(range(10**9))

    def page(method: str, path: str) -> Answer:
        moment = (START - timedelta(seconds=(at := next(numbers)))).isoformat()
        results = [{**PIN, "requestid": f"{at} {n}", "created": moment} for n in range(20)]
        return 200, {}, json.dumps({"count": 10**6, "results": results}).encode()

    service.lie = page
    with pytest.raises(LimitExceeded):
        list(service.client().list())


# --- Services by name ----------------------------------------------------------------------------


def test_services_are_found_by_name_with_their_token_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, start: Callable[..., Service]
) -> None:
    cluster, other = start(token="the cluster's"), start(token="the common one")
    monkeypatch.setenv("REGISTRY_PIN_TOKEN", "the common one")
    monkeypatch.setenv("REGISTRY_PIN_TOKEN_FILECOIN_PIN", "the cluster's")
    presets = {"filecoin-pin": pinning.Preset(cluster.url, ""), "cluster": pinning.Preset(other.url, "")}
    monkeypatch.setattr(pinning, "PRESETS", presets)
    for name in ("filecoin-pin", "cluster", other.url):
        assert open_service(name).add(DATA).status == "queued"
    monkeypatch.undo()
    monkeypatch.delenv("REGISTRY_PIN_TOKEN", raising=False)
    for name, preset in PRESETS.items():
        found = open_service(name)
        assert (found.name, found.endpoint, found.gateway) == (name, preset.endpoint, preset.gateway)
    own = open_service("http://127.0.0.1:9,http://127.0.0.1:8080")
    assert (own.name, own.endpoint, own.gateway) == ("127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:8080")
    with pytest.raises(InputError, match="pinata, filebase"):
        open_service("estuary")


# --- Replicas and receipts -----------------------------------------------------------------------


def policy(n: int, *services: Service, **options: Any) -> ReplicaPolicy:
    clients = [service.client(name=f"service {number}") for number, service in enumerate(services)]
    return ReplicaPolicy(n, clients, **{"deadline": 2.0, "poll": 0.001, **options})


def test_two_of_three_keep_it_and_the_third_is_not_asked(start: Callable[..., Service]) -> None:
    services = [start() for _ in range(3)]
    made = policy(2, *services).ensure(DATA, subject="did:nft:1")
    assert [receipt.service for receipt in made] == ["service 0", "service 1"]
    assert {receipt.subject for receipt in made} == {"did:nft:1"}
    assert services[2].asked == []


def test_ensuring_again_asks_for_nothing_new(start: Callable[..., Service]) -> None:
    services = [start(), start(course=("queued", "pinning", "pinning", "pinned"))]
    for _ in range(2):
        policy(2, *services).ensure(DATA)
    assert [service.count("POST") for service in services] == [1, 1]


BAD: dict[str, Callable[[Service], None]] = {
    "refuses": lambda service: setattr(service, "lie", lambda method, path: (403, {}, b"")),
    "is down": lambda service: setattr(service, "lie", lambda method, path: (502, {}, b"")),
    "fails": lambda service: setattr(service, "course", ("queued", "failed")),
    "never ends": lambda service: setattr(service, "course", ("queued",)),
    "pins another": lambda service: setattr(service, "spoil", lambda pin: {**pin, "pin": {"cid": str(OTHER)}}),
    "forgets": lambda service: setattr(
        service, "lie", lambda method, path: (404, {}, b"") if path.startswith("/pins/") else None
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_service_is_passed_over_for_the_next(start: Callable[..., Service], how: str) -> None:
    bad, good = start(), start()
    BAD[how](bad)
    made = policy(1, bad, good, deadline=0.05).ensure(DATA)
    assert [receipt.service for receipt in made] == ["service 1"]
    with pytest.raises(TooFewReplicas) as caught:
        policy(2, bad, good, deadline=0.05).ensure(DATA)
    assert (caught.value.made, caught.value.wanted, len(caught.value.causes)) == (("service 1",), 2, 1)


@pytest.mark.parametrize("n", [0, 2, -1])
def test_as_many_services_as_replicas_must_be_named(service: Service, n: int) -> None:
    with pytest.raises(InputError, match="1 services"):
        policy(n, service)
    with pytest.raises(InputError, match="named twice"):
        policy(1, service, service)


def test_receipts_are_kept_by_subject_and_the_newest_counts(tmp_path: Path, start: Callable[..., Service]) -> None:
    receipts = PinReceipts(tmp_path / "pins")
    services = [start(), start()]
    subject = "did:nft:eip155:1337_erc721:0x526bbf63fd37b8446ee360da1f5a19dd7650daf0_1"
    for cid in (DATA, OTHER, DATA):
        policy(2, *services, receipts=receipts).ensure(cid, subject=subject)
    again = PinReceipts(tmp_path / "pins")
    assert [receipt.cid for receipt in again.of(subject)] == [str(OTHER)] * 2 + [str(DATA)] * 2
    assert again.subjects() == (subject,)
    assert again.of("nobody") == ()
    assert not list(tmp_path.rglob("*.part"))


def test_receipts_survive_writers_at_the_same_time(tmp_path: Path) -> None:
    def write(number: int) -> None:
        PinReceipts(tmp_path).add(PinReceipt("did", str(DATA), "s", f"https://{number}", "", str(number), 0.0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert sorted(int(receipt.request_id) for receipt in PinReceipts(tmp_path).of("did")) == list(range(40))


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"subject": "did"}]'])
def test_damaged_receipts_are_an_error_that_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "did.json").write_text(content)
    with pytest.raises(ContentError, match=r"did\.json.*Move the file away"):
        PinReceipts(tmp_path).of("did")
