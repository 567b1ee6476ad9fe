"""Sign-in messages that are somebody else's, for something else, from another time, or not signed."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from integration.gateway.support import Town, Voice, Wish, shares
from registry import Published
from registry.chain.signers import KeySigner
from registry.gated.protocol import Deposit
from registry.gateway.keys import seal

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def refused(answer: httpx.Response, code: str, status: int = 401) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_a_replayed_sign_in_opens_nothing_for_another_key(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    mine, thief = Wish(str(bought.did)), Wish(str(bought.did))
    body = gateway.signed(mine.request(), buyer_key).to_dict()
    assert gateway.say("POST", "/v1/releases", body).status_code == 200
    refused(gateway.say("POST", "/v1/releases", {**body, "recipient": thief.recipient}), "sign_in")


def test_a_nonce_is_for_one_message(bought: Published, gateway: Voice, buyer_key: KeySigner) -> None:
    nonce = gateway.nonce(buyer_key.address)
    assert gateway.release(buyer_key, Wish(str(bought.did)), nonce=nonce).status_code == 200
    refused(gateway.release(buyer_key, Wish(str(bought.did)), nonce=nonce), "nonce")


def test_a_nonce_is_of_this_gateway_and_account_and_time(
    town: Town, bought: Published, gateway: Voice, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    other, hasty = town.gateway("two"), town.gateway("three", nonce_seconds=0)
    for nonce in (other.nonce(buyer_key.address), gateway.nonce(stranger_key.address), "0" * 64, "abcdefgh"):
        refused(gateway.release(buyer_key, Wish(str(bought.did)), nonce=nonce), "nonce")
    refused(hasty.release(buyer_key, Wish(str(bought.did))), "nonce")


def test_a_foreign_domain_is_refused(town: Town, bought: Published, gateway: Voice, buyer_key: KeySigner) -> None:
    """As a page that looks like the gateway would get it signed, and as another gateway would pass it on."""
    wish = Wish(str(bought.did))
    refused(gateway.release(buyer_key, wish, domain="keys.example.org"), "sign_in")
    refused(gateway.release(buyer_key, wish, uri="http://127.0.0.1:1"), "sign_in")
    other = town.gateway("two")
    body = other.signed(wish.request(), buyer_key).to_dict()
    refused(gateway.say("POST", "/v1/releases", body), "sign_in")


def test_expired_future_and_endless_sign_ins_are_refused(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    now, wish = int(time.time()), Wish(str(bought.did))
    for times in (
        {"issued_at": now - 500, "expires_at": now - 1},
        {"issued_at": now + 120, "expires_at": now + 300},
        {"issued_at": now, "expires_at": now + 601},
        {"issued_at": now + 10, "expires_at": now + 5},
    ):
        refused(gateway.release(buyer_key, wish, **times), "sign_in")


def resigned(gateway: Voice, signer: KeySigner, wish: Wish, old: str, new: str) -> httpx.Response:
    """The answer to a request whose message was changed before it was signed."""
    request = wish.request()
    text = gateway.message(signer.address, wish.did, request.resource())
    assert old in text
    text = text.replace(old, new)
    auth = {"message": text, "signature": "0x" + signer.sign_text(text.encode()).hex()}
    return gateway.say("POST", "/v1/releases", {**request.to_dict(), "auth": auth})


def test_a_message_that_is_not_yet_valid_or_never_ends_is_refused(
    bought: Published, gateway: Voice, buyer_key: KeySigner
) -> None:
    wish = Wish(str(bought.did))
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 200))
    refused(resigned(gateway, buyer_key, wish, "\nResources:", f"\nNot Before: {later}\nResources:"), "sign_in")
    request = wish.request()
    text = gateway.message(buyer_key.address, wish.did, request.resource())
    text = "\n".join(line for line in text.split("\n") if not line.startswith("Expiration"))
    auth = {"message": text, "signature": "0x" + buyer_key.sign_text(text.encode()).hex()}
    refused(gateway.say("POST", "/v1/releases", {**request.to_dict(), "auth": auth}), "sign_in")


def test_another_chain_is_refused(bought: Published, gateway: Voice, buyer_key: KeySigner) -> None:
    refused(gateway.release(buyer_key, Wish(str(bought.did)), chain_id=1), "sign_in")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Version: 1", "Version: 2"),
        ("Version: 1\n", "Version: 1\nVersion: 1\n"),
        ("Resources:\n", "Resources:\n- https://example.org\n"),
        ("- did:nft:", "- did:nft:\n- did:nft:"),
        (" wants you to sign in", " would like you to sign in"),
        ("Chain ID: 1337", "Chain ID: 01337"),
        ("Issued At: 2", "Issued At:  2"),
        ("\n\nOpen what is yours.\n\n", "\n\nOpen what\nis yours.\n\n"),
        ("Nonce: ", "Nonce: \u0430"),
        ("127.0.0.1", "user@127.0.0.1"),
    ],
)
def test_a_message_that_says_more_less_or_something_else_is_refused(
    bought: Published, gateway: Voice, buyer_key: KeySigner, old: str, new: str
) -> None:
    refused(resigned(gateway, buyer_key, Wish(str(bought.did)), old, new), "sign_in")


def test_a_message_made_to_take_long_is_refused_at_once(
    gateway: Voice, bought: Published, buyer_key: KeySigner
) -> None:
    wish = Wish(str(bought.did))
    for filler in ("\n- a" * 400, "\n- " * 15 + "#" * 1500, "- " * 900, "%" * 1900, "a:" * 900, "\n-\n" * 9):
        request = wish.request()
        text = gateway.message(buyer_key.address, wish.did, request.resource()) + filler + "\x00 "
        auth = {"message": text, "signature": "0x"}
        refused(gateway.say("POST", "/v1/releases", {**request.to_dict(), "auth": auth}), "sign_in")


def malleable(signature: str) -> list[str]:
    """Other spellings of a signature: high s, v of 0 or 1, the short form of EIP-2098, a byte more or less."""
    raw = bytes.fromhex(signature[2:])
    r, s, v = raw[:32], int.from_bytes(raw[32:64], "big"), raw[64]
    high = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    short = r + (s | (v - 27) << 255).to_bytes(32, "big")
    others = [high, raw[:64] + bytes([v - 27]), short, raw + b"\0", raw[:64], b"\0" * 65, b"\xff" * 65, b""]
    return ["0x" + other.hex() for other in others]


def test_a_malleable_signature_is_refused(bought: Published, gateway: Voice, buyer_key: KeySigner) -> None:
    wish = Wish(str(bought.did))
    request = gateway.signed(wish.request(), buyer_key)
    body = request.to_dict()
    for other in malleable(request.auth.signature):
        changed = {**body, "auth": {**body["auth"], "signature": other}}
        refused(gateway.say("POST", "/v1/releases", changed), "signature")
    assert gateway.say("POST", "/v1/releases", body).status_code == 200, "a refusal spends no nonce"


def test_a_signature_of_somebody_else_is_refused(
    bought: Published, gateway: Voice, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    refused(gateway.release(stranger_key, Wish(str(bought.did)), account=buyer_key.address), "signature")


def test_nobody_signed_in(bought: Published, gateway: Voice, author_key: KeySigner) -> None:
    did = str(bought.did)
    refused(gateway.say("POST", "/v1/releases", Wish(did).request().to_dict()), "sign_in")
    invitation: Any = {"did": did, "id": "0" * 64}
    refused(gateway.say("DELETE", f"/v1/invitations/{'0' * 64}", invitation), "sign_in")


def test_a_replayed_deposit_changes_nothing(
    asset: Published, gateway: Voice, author_key: KeySigner, share: str
) -> None:
    me, did = gateway.about["age_recipient"], str(asset.did)
    bodies, later = [], [shares(1, 1)[0], shares(1, 1)[0]]
    for share_of_now in later:
        request = Deposit(did=did, version=1, index=0, threshold=1, sealed=seal(share_of_now.encode(), me))
        bodies.append(gateway.signed(request, author_key).to_dict())
    for body in bodies:
        assert gateway.say("POST", "/v1/shares", body).status_code == 200
    for body in bodies:
        assert gateway.say("POST", "/v1/shares", body).status_code == 200
    wish = Wish(did)
    assert wish.open_all(gateway.release(author_key, wish)) == [later[1], later[0], share]


def test_a_deposit_is_for_the_share_that_was_signed(
    asset: Published, gateway: Voice, author_key: KeySigner, share: str
) -> None:
    """Who carries a deposit cannot put another share, number or version in its place."""
    me, other = gateway.about["age_recipient"], shares(1, 1)[0]
    request = Deposit(did=str(asset.did), version=1, index=0, threshold=1, sealed=seal(share.encode(), me))
    body = gateway.signed(request, author_key).to_dict()
    refused(gateway.say("POST", "/v1/shares", {**body, "sealed": seal(other.encode(), me)}), "sign_in")
    refused(gateway.say("POST", "/v1/shares", {**body, "version": 2}), "sign_in")
