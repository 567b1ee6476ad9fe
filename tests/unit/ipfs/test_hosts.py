"""Where URLs of strangers may lead: normal in form, to the Internet, and to the very address that was checked."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InputError, PrivateAddress, Unavailable
from registry.ipfs.hosts import NetworkReach, normal_url
from registry.ipfs.http import Http

# --- Form ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://keys.example.org", "https://keys.example.org"),
        ("HTTPS://KEYS.Example.Org:443/", "https://keys.example.org"),
        ("https://keys.example.org:8443/v/one/", "https://keys.example.org:8443/v/one"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://203.0.113.7", "https://203.0.113.7"),
        ("https://[2001:0DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8454", "http://127.0.0.1:8454"),
        ("http://localhost:80/", "http://localhost"),
        ("http://[::1]:8454", "http://[::1]:8454"),
    ],
)
def test_there_is_one_way_to_write_an_address(text: str, normal: str) -> None:
    assert normal_url(text) == normal == normal_url(normal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "keys.example.org",
        "ftp://keys.example.org",
        "http://keys.example.org",
        "https://",
        "https:///path",
        "https://user@keys.example.org",
        "https://user:word@keys.example.org",
        "https://@keys.example.org",
        "https://keys.example.org?x=1",
        "https://keys.example.org?",
        "https://keys.example.org#top",
        "https://keys.example.org#",
        "https://keys.example.org:0",
        "https://keys.example.org:22",
        "https://keys.example.org:80",
        "https://keys.example.org:99999",
        "https://keys.example.org:8443x",
        "http://127.0.0.1:25",
        "https://keys.example.org.",
        "https://keys..example.org",
        "https://-keys.example.org",
        "https://keys_.example.org",
        "https://kéys.example.org",
        "https://keys.example.org\u200b",
        "https://k\u0435ys.example.org",
        "https://keys\uff0eexample.org",
        "https://keys.example.org\\@bank.example",
        "https://keys.example.org%2ebank.example",
        "https://keys .example.org",
        "https://keys.example.org\n",
        " https://keys.example.org",
        "https://keys.exam\tple.org",
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.1",
        "https://127.1",
        "https://127.0.0.1.",
        "https://0177.0.0.1",
        "https://1.2.3.256",
        "https://[::ffff:127.0.0.1]",
        "https://[fe80::1%25eth0]",
        "https://[::1",
        "https://keys.example.org/../admin",
        "https://keys.example.org/a//b",
        "https://keys.example.org/a%2fb",
        "https://keys.example.org/" + "x" * 2048,
    ],
)
def test_what_can_be_read_in_two_ways_or_leads_to_odd_doors_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        normal_url(text)
    assert refused.value.hint


@given(st.text(max_size=60).map(lambda rest: "https://keys.example.org" + rest))
def test_whatever_is_taken_leads_where_it_says(text: str) -> None:
    try:
        normal = normal_url(text)
    except InputError:
        return
    assert normal.startswith("https://keys.example.org") and normal.isascii() and normal_url(normal) == normal


# --- Reach ---------------------------------------------------------------------------------------

INSIDE = [
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:c0a8:1::1",
    "2001:0:a9fe:a9fe::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
OUTSIDE = ["8.8.8.8", "172.15.255.255", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_reached_in_whatever_form_it_is_written(address: str) -> None:
    assert not NetworkReach().allows(address)
    with pytest.raises(PrivateAddress, match="REGISTRY_REACH"):
        NetworkReach().addresses(address, 443)


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_of_the_internet_are_reached(address: str) -> None:
    assert NetworkReach().allows(address)


@given(st.integers(0, 2**32 - 1))
def test_any_address_that_is_not_global_is_inside_also_as_ipv6(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    public = address.is_global and not address.is_multicast
    forms = [str(address), f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | number))]
    assert [NetworkReach().allows(form) for form in forms] == [public] * 3


def test_a_network_is_opened_by_its_name_and_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_REACH", " 10.1.0.0/16, fd00::/8 ,192.168.7.7")
    reach = NetworkReach.of_user()
    assert all(map(reach.allows, ("10.1.2.3", "fd12::1", "192.168.7.7", "::ffff:10.1.2.3", "8.8.8.8")))
    assert not any(map(reach.allows, ("10.2.0.1", "192.168.7.8", "127.0.0.1", "::1")))
    assert NetworkReach.of_user(loopback=True).allows("127.0.0.1") and NetworkReach.of_user(loopback=True).allows("::1")


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "300.1.1.1", "10.0.0.0/8;fd00::/8"])
def test_what_is_no_network_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("REGISTRY_REACH", text)
    with pytest.raises(InputError, match="REGISTRY_REACH"):
        NetworkReach.of_user()


# --- Connections ---------------------------------------------------------------------------------


class Listening:
    """A server on one of this machine's addresses, and how many connections it was asked for."""

    def __init__(self, address: str, port: int = 0) -> None:
        self.asked = 0
        listening = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listening.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(address[-5:].encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((address, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def outside() -> Iterator[Listening]:
    """Stands for the Internet: a network that the reach of these tests has."""
    made = Listening("127.0.0.2")
    yield made
    made.server.shutdown()


@pytest.fixture
def inside(outside: Listening) -> Iterator[Listening]:
    """At the same port, where nothing of strangers may lead."""
    made = Listening("127.0.0.1", outside.port)
    yield made
    made.server.shutdown()


REACH = NetworkReach((ipaddress.ip_network("127.0.0.2/32"),))


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let the name of the server have other addresses each time that it is looked up; the last ones stay."""
    left, real = list(answers), socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in ("keys.example.org", b"keys.example.org"):
            return real(host, port, *args, **options)
        now = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def get(port: int, reach: NetworkReach | None = REACH) -> bytes:
    http = Http(f"http://keys.example.org:{port}", name="it", deadline=5, reach=reach)
    try:
        with http.ask("GET", "/", "it") as answer:
            return answer.body(100)
    finally:
        http.close()


def test_a_name_that_leads_inside_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, outside: Listening, inside: Listening
) -> None:
    resolving(monkeypatch, ["127.0.0.1"])
    with pytest.raises(PrivateAddress) as refused:
        get(outside.port)
    assert (refused.value.host, refused.value.address) == ("keys.example.org", "127.0.0.1")
    assert get(outside.port, reach=None) == b"0.0.1", "what its user has typed is the user's to choose"


def test_what_was_checked_is_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, outside: Listening, inside: Listening
) -> None:
    """A name that changes its mind between two lookups (DNS rebinding) gains nothing: there is one for a connection."""
    resolving(monkeypatch, ["127.0.0.2"], ["127.0.0.1"])
    assert get(outside.port) == b"0.0.2"
    assert (outside.asked, inside.asked) == (1, 0)
    with pytest.raises(PrivateAddress):
        get(outside.port)
    assert inside.asked == 0


def test_of_several_addresses_only_those_outside_are_tried(
    monkeypatch: pytest.MonkeyPatch, outside: Listening, inside: Listening
) -> None:
    resolving(monkeypatch, ["127.0.0.1", "127.0.0.2"])
    assert get(outside.port) == b"0.0.2" and inside.asked == 0


def test_a_name_that_nobody_knows_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    resolving(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unavailable, match="Name or service not known"):
        get(80)


def test_a_proxy_is_not_asked_for_what_leads_inside(
    monkeypatch: pytest.MonkeyPatch, outside: Listening, inside: Listening
) -> None:
    """It would look the name up again, and knock from within."""
    resolving(monkeypatch, ["127.0.0.1"])
    monkeypatch.setenv("http_proxy", f"http://127.0.0.2:{outside.port}")
    with pytest.raises(PrivateAddress):
        get(outside.port)
    assert (outside.asked, inside.asked) == (0, 0)
