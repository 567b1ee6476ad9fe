"""Routers that know who has a block: those that they name are asked in turn, and believed in nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from registry.errors import BlockNotFound, InputError, Unavailable
from registry.ipfs.cid import CID
from registry.ipfs.hosts import NetworkReach
from registry.ipfs.routing import DelegatedRouter, gateways_of
from registry.ipfs.sources import open_source

from .lying import Request, lying

BLOCK = b"hello"
ROOT = CID.raw(BLOCK)
HERE = NetworkReach.of_user(loopback=True)


def peer(url: str, **changed: Any) -> dict[str, Any]:
    host, port = url.removeprefix("http://").split(":")
    record = {"Schema": "peer", "ID": "12D3", "Addrs": [f"/ip4/{host}/tcp/{port}/http"]}
    return record | {"Protocols": ["transport-ipfs-gateway-http"]} | changed


def naming(*records: Any) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        assert request.path_only == f"/routing/v1/providers/{request.path_only.rpartition('/')[2]}"
        request.send(json.dumps({"Providers": list(records)}).encode(), Content_Type="application/json")

    return answer


def giving(data: bytes, status: int = 200) -> Callable[[Request], None]:
    return lambda request: request.send(data, status, Content_Type="application/vnd.ipld.raw")


def test_providers_are_tried_in_turn_until_one_has_the_right_bytes() -> None:
    with ExitStack() as stack:
        liar, empty, honest = (
            stack.enter_context(lying(answer)) for answer in (giving(b"lies"), giving(b"", 404), giving(BLOCK))
        )
        records = [{"Schema": "bitswap"}, 7, peer(liar.url), peer(empty.url), peer(honest.url)]
        router = stack.enter_context(lying(naming(*records)))
        source = DelegatedRouter(router.url, reach=HERE)
        assert source.get(ROOT) == BLOCK
        assert source.providers(ROOT) == (liar.url, empty.url, honest.url)
        assert source.get(ROOT) == BLOCK and len(liar.seen) == 1  # who gave something is asked first
        assert len(router.seen) == 1


def test_what_each_of_them_did_instead_is_told() -> None:
    with lying(giving(b"lies")) as liar, lying(naming(peer(liar.url))) as router:
        source = DelegatedRouter(router.url, reach=HERE)
        with pytest.raises(Unavailable, match="do not hash"):
            source.get(ROOT)


def test_nobody_has_it() -> None:
    for answer in (naming(), giving(b"", 404), giving(b'{"Providers": null}')):
        with lying(answer) as router, pytest.raises(BlockNotFound, match="the router"):
            DelegatedRouter(router.url, reach=HERE).get(ROOT)


def test_an_address_inside_is_not_followed() -> None:
    with lying(giving(BLOCK)) as inside, lying(naming(peer(inside.url))) as router:
        with pytest.raises(Unavailable, match=r"private|this machine"):
            DelegatedRouter(router.url, reach=NetworkReach()).get(ROOT)
        assert inside.seen == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"Providers": 3}', b'{"Providers": ' + b"[" * 100_000])
def test_an_answer_that_is_none_is_said(body: bytes) -> None:
    with lying(giving(body)) as router, pytest.raises(Unavailable, match="something else"):
        DelegatedRouter(router.url).get(ROOT)
    with lying(giving(body, 500)) as router, pytest.raises(Unavailable, match="answered 500"):
        DelegatedRouter(router.url).get(ROOT)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/dns4/gw.example.com/tcp/443/https", "https://gw.example.com:443"),
        ("/dns/gw.example.com/tcp/443/tls/http", "https://gw.example.com:443"),
        ("/dns/gw.example.com/tcp/443/tls/sni/gw.example.com/http", "https://gw.example.com:443"),
        ("/ip4/192.0.2.1/tcp/8080/http", "http://192.0.2.1:8080"),
        ("/ip6/2001:db8::1/tcp/80/http", "http://[2001:db8::1]:80"),
        ("/ip4/192.0.2.1/udp/4001/quic-v1", ""),
        ("/ip4/192.0.2.1/tcp/4001", ""),
        ("/ip4/192.0.2.1/tcp/99999/http", ""),
        ("/dns/user@gw.example.com/tcp/80/http", ""),
        ("/dns4/gw.example.com/tcp/443/wss", ""),
        ("", ""),
    ],
)
def test_a_multiaddr_of_http_is_a_gateway(address: str, url: str) -> None:
    assert gateways_of({"Addrs": [address]}) == ([url] if url else [])


def test_a_provider_without_a_gateway_is_none() -> None:
    address = "/ip4/192.0.2.1/tcp/80/http"
    assert gateways_of({"Addrs": [address], "Protocols": ["transport-bitswap"]}) == []
    assert gateways_of({"Addrs": address}) == gateways_of({"Addrs": [3, None]}) == gateways_of({}) == []


def test_a_router_is_named_by_its_address() -> None:
    assert isinstance(open_source("routing:https://router.example.com"), DelegatedRouter)
    with pytest.raises(InputError):
        open_source("routing:nowhere")
