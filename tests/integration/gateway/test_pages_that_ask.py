"""Web pages that ask for a key: only those that the operator named, each as itself, and nobody by what it got."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from integration.gateway.support import Town, Voice, Wish
from registry import Published, Registry
from registry.chain.signers import KeySigner
from registry.errors import InputError
from registry.gated.protocol import Auth, ReleaseRequest, door, sign_in_text
from registry.gateway.settings import Settings

HUB, OTHER_HUB, EVIL = "https://hub.example.org", "http://127.0.0.1:8099", "https://evil.example"


def refused(answer: httpx.Response, code: str, status: int = 401) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


@pytest.fixture
def gateway(town: Town) -> Voice:
    return town.gateway(pages=frozenset({HUB, OTHER_HUB}))


def signed(
    page: str, signer: KeySigner, request: ReleaseRequest, *gateways: Voice, account: str = "", **changes: Any
) -> dict[str, Any]:
    """What a page sends: one message, signed once, that names each gateway with its nonce."""
    account, now = account or signer.address, int(time.time())
    doors = changes.pop("doors", None) or tuple(door(one.url, one.nonce(account)) for one in gateways)
    fields: dict[str, Any] = {
        "domain": page.partition("://")[2],
        "uri": page,
        "account": account,
        "chain_id": gateways[0].about["chain_id"],
        "nonce": "a1b2c3d4e5f6",
        "issued_at": now,
        "expires_at": now + 300,
        "resources": (request.did, request.resource(), *doors),
        "statement": f"Open {request.did}.",
    }
    text = sign_in_text(**{**fields, **changes})
    auth = Auth(message=text, signature="0x" + signer.sign_text(text.encode()).hex())
    return request.model_copy(update={"auth": auth}).to_dict()


def ask(gateway: Voice, body: dict[str, Any], origin: str) -> httpx.Response:
    """Ask as a browser does for a page of an origin."""
    return gateway.say("POST", "/v1/releases", body, headers={"origin": origin} if origin else {})


@pytest.fixture
def second(town: Town, bought: Published, author_key: KeySigner, share: str) -> Voice:
    """Another gateway that lets the hub's pages in, with the same share."""
    made = town.gateway("two", pages=frozenset({HUB}))
    assert made.deposit(author_key, str(bought.did), share).status_code == 200
    return made


def test_a_page_that_is_named_gets_the_share_by_one_signature_at_all_gateways(
    bought: Published, gateway: Voice, second: Voice, buyer_key: KeySigner, share: str
) -> None:
    wish = Wish(str(bought.did))
    body = signed(HUB, buyer_key, wish.request(), gateway, second)
    for one in (gateway, second):
        answer = ask(one, body, HUB)
        assert wish.open(answer) == share
        assert answer.headers["access-control-allow-origin"] == HUB and "origin" in answer.headers["vary"].lower()


def test_a_foreign_page_is_let_in_nowhere_and_reads_nothing(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    wish = Wish(str(bought.did)).request()
    for origin in (
        EVIL,
        "null",
        f"{HUB}.evil.example",
        "http://hub.example.org",
        f"{HUB}:8443",
        "http://127.0.0.1:8100",
    ):
        asked = [ask(gateway, signed(origin, buyer_key, wish, gateway), origin)]
        asked += [gateway.say("POST", "/v1/nonce", {"account": buyer_key.address}, headers={"origin": origin})]
        asked += [gateway.say("GET", path, headers={"origin": origin}) for path in ("/v1/gateway", "/metrics")]
        for answer in asked:
            refused(answer, "foreign_page", 403)
            assert "access-control-allow-origin" not in answer.headers
        before = gateway.say("OPTIONS", "/v1/releases", headers=preflight(origin))
        assert before.status_code == 400 and "access-control-allow-origin" not in before.headers


def preflight(origin: str) -> dict[str, str]:
    """What a browser asks before it sends JSON from a page of another origin."""
    return {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
        "access-control-request-private-network": "true",
    }


def test_a_browser_is_told_that_the_named_page_may_ask(gateway: Voice) -> None:
    answer = gateway.say("OPTIONS", "/v1/releases", headers=preflight(HUB))
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == HUB
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_hands_in_what_an_owner_signed_to_invite_and_nothing_else(
    bought: Published, gateway: Voice, author_key: KeySigner, buyer_key: KeySigner
) -> None:
    """A page that its owner opened cannot hand in shares or revoke in its name; nor may a foreign one invite."""
    for method, path in (("POST", "/v1/shares"), ("DELETE", f"/v1/invitations/{'0' * 64}")):
        refused(gateway.say(method, path, {}, headers={"origin": HUB}), "foreign_page", 403)
    did, now, guest = str(bought.did), int(time.time()), "0x" + "11" * 20
    for signer, origin, code, status in (
        (author_key, EVIL, "foreign_page", 403),
        (buyer_key, HUB, "signature", 401),
    ):
        _, answer = gateway.invite(signer, did, guest, now, now + 60, headers={"origin": origin})
        refused(answer, code, status)
    _, taken = gateway.invite(author_key, did, guest, now, now + 60, headers={"origin": HUB})
    assert taken.status_code == 200 and taken.headers["access-control-allow-origin"] == HUB


def test_a_name_that_was_made_to_lead_here_is_not_answered(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    """DNS rebinding: to the browser the attacker's page and the gateway have one origin."""
    port = gateway.url.rpartition(":")[2]
    rebound = {"host": f"evil.example:{port}"}
    for path in ("/v1/gateway", "/v1/health", "/metrics", "/openapi.json"):
        refused(gateway.say("GET", path, headers=rebound), "foreign_page", 403)
    body = signed(f"http://evil.example:{port}", buyer_key, Wish(str(bought.did)).request(), gateway)
    both = {**rebound, "origin": f"http://evil.example:{port}"}
    refused(gateway.say("POST", "/v1/releases", body, headers=both), "foreign_page", 403)
    refused(gateway.say("POST", "/v1/releases", body, headers=rebound), "foreign_page", 403)
    refused(gateway.say("POST", "/v1/nonce", {"account": buyer_key.address}, headers=both), "foreign_page", 403)


def test_a_sign_in_of_one_page_is_worth_nothing_from_another_or_from_a_program(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    wish = Wish(str(bought.did))
    body = signed(HUB, buyer_key, wish.request(), gateway)
    refused(ask(gateway, body, OTHER_HUB), "sign_in")
    refused(ask(gateway, body, ""), "sign_in")
    assert ask(gateway, body, HUB).status_code == 200, "a refusal spends no nonce"


def test_a_sign_in_at_the_gateway_is_worth_nothing_from_a_page(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    """Wallets warn of a page that asks for a signature for another domain than its own."""
    body = gateway.signed(Wish(str(bought.did)).request(), buyer_key).to_dict()
    refused(ask(gateway, body, HUB), "sign_in")
    refused(
        ask(gateway, signed(HUB, buyer_key, Wish(str(bought.did)).request(), gateway, uri=OTHER_HUB), HUB), "sign_in"
    )
    refused(
        ask(gateway, signed(HUB, buyer_key, Wish(str(bought.did)).request(), gateway, domain="evil.example"), HUB),
        "sign_in",
    )


def test_a_sign_in_is_replayed_at_no_gateway_that_it_does_not_name(
    bought: Published, gateway: Voice, second: Voice, buyer_key: KeySigner, share: str
) -> None:
    wish = Wish(str(bought.did))
    body = signed(HUB, buyer_key, wish.request(), gateway)
    refused(ask(second, body, HUB), "sign_in")
    # Nor with a nonce that another made, or with two, or with one behind a longer address.
    mine, other = gateway.nonce(buyer_key.address), second.nonce(buyer_key.address)
    for doors, code in (
        ((door(second.url, mine),), "nonce"),
        ((door(second.url, other), door(second.url, mine)), "sign_in"),
        ((door(f"{second.url}/below", other),), "sign_in"),
        ((door(second.url, f"{other}&nonce={mine}"),), "nonce"),
    ):
        refused(ask(second, signed(HUB, buyer_key, wish.request(), second, doors=doors), HUB), code)


def test_a_page_gets_no_share_for_another_key_or_account(
    bought: Published, gateway: Voice, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    mine, thief = Wish(str(bought.did)), Wish(str(bought.did))
    body = signed(HUB, buyer_key, mine.request(), gateway)
    refused(ask(gateway, {**body, "recipient": thief.recipient}, HUB), "sign_in")
    # The stranger signs for the buyer's account, or with a nonce that was made for the buyer.
    refused(
        ask(gateway, signed(HUB, stranger_key, thief.request(), gateway, account=buyer_key.address), HUB), "signature"
    )
    doors = (door(gateway.url, gateway.nonce(buyer_key.address)),)
    refused(ask(gateway, signed(HUB, stranger_key, thief.request(), gateway, doors=doors), HUB), "no_access", 403)


def test_a_nonce_of_a_page_is_for_one_message(bought: Published, gateway: Voice, buyer_key: KeySigner) -> None:
    doors = (door(gateway.url, gateway.nonce(buyer_key.address)),)
    first, second = (signed(HUB, buyer_key, Wish(str(bought.did)).request(), gateway, doors=doors) for _ in range(2))
    assert ask(gateway, first, HUB).status_code == 200
    assert ask(gateway, first, HUB).status_code == 200, "whoever did not get the answer asks again"
    refused(ask(gateway, second, HUB), "nonce")


def test_gateways_let_no_page_in_unless_they_are_told(town: Town, bought: Published, buyer_key: KeySigner) -> None:
    shut = town.gateway("shut")
    refused(ask(shut, signed(HUB, buyer_key, Wish(str(bought.did)).request(), shut), HUB), "foreign_page", 403)
    assert shut.say("OPTIONS", "/v1/releases", headers=preflight(HUB)).status_code == 400


def test_who_has_no_access_gets_nothing_from_a_page_either(
    asset: Published, gateway: Voice, stranger_key: KeySigner, buyer: Registry
) -> None:
    refused(ask(gateway, signed(HUB, stranger_key, Wish(str(asset.did)).request(), gateway), HUB), "no_access", 403)


@pytest.mark.parametrize(
    "page",
    [
        "hub.example.org",
        "https://hub.example.org/",
        "https://hub.example.org/x",
        "*",
        "null",
        "http://hub.example.org",
        "https://HUB.example.org",
    ],
)
def test_an_origin_that_no_page_has_is_refused(page: str) -> None:
    with pytest.raises(InputError):
        Settings("https://keys.example.org", pages=frozenset({page}))
