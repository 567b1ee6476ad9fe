"""Rates, settings, and the code that asks a wallet."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.chain.batch import Read, read_many
from registry.chain.connection import Chain
from registry.chain.signatures import VALID, recover, text_digest, wallet_check
from registry.chain.signers import dev_signer
from registry.errors import InputError
from registry.gated.protocol import Auth, sign_in_text
from registry.gateway.rate_limit import RateLimit
from registry.gateway.refusal import Refusal
from registry.gateway.settings import Settings
from registry.gateway.signin import CheckedSignIn, Doorkeeper
from registry.system.throttle import network_of
from registry.types import ZERO_ADDRESS


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_more_than_the_burst_and_the_rate_get_through(waits: list[float]) -> None:
    now, taken = 0.0, 0
    limit = RateLimit(2.0, 3, clock=lambda: now)
    for wait in waits:
        now += wait
        try:
            limit.take("somebody")
            taken += 1
        except Refusal as error:
            assert error.status == 429 and error.retry_after == 1
        assert taken <= 3 + 2.0 * now + 1e-6


def test_strangers_cannot_fill_the_memory_of_the_rate_limit() -> None:
    limit = RateLimit(1.0, 1, clock=lambda: 0.0)
    for number in range(30_000):
        limit.take(str(number))
    assert len(limit._buckets) == 20_000


def test_a_machine_with_many_addresses_is_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("10.0.0.1") != network_of("10.0.0.2")
    assert network_of("unix") == "unix"


@pytest.mark.parametrize(
    "url",
    ["", "keys.example.org", "ftp://keys.example.org", "https://", "https://u:p@keys", "https://k?x", "http://k:99999"],
)
def test_an_address_that_no_client_can_use_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        Settings(url)


def test_the_domain_is_what_sign_in_messages_name() -> None:
    assert Settings("https://keys.example.org/").domain == "keys.example.org"
    assert Settings("http://127.0.0.1:8454").domain == "127.0.0.1:8454"
    with pytest.raises(InputError):
        Settings("https://keys.example.org", depth=-1)


def test_pages_that_may_ask_are_named_by_their_origin() -> None:
    for page in ("https://hub.example.org", "http://127.0.0.1:8455"):
        assert Settings("https://keys.example.org", pages=frozenset({page})).pages == {page}
    for page in ("https://hub.example.org/", "https://hub.example.org/a", "HTTPS://hub.example.org"):
        with pytest.raises(InputError, match="is not the origin of a page"):
            Settings("https://keys.example.org", pages=frozenset({page}))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=100))
def test_the_signer_is_recovered_and_garbage_is_nobody(message: bytes) -> None:
    signer, digest = dev_signer(1), text_digest(message)
    assert recover(digest, signer.sign_text(message)) == signer.address
    assert recover(digest, message) is None
    assert recover(digest, bytes(64) + b"\x1b") is None


def test_a_signer_is_recovered_where_there_is_no_coincurve() -> None:
    """It has no wheel for the newest Python, so the extra `server` leaves it out there."""
    code = (
        "import sys; sys.modules['coincurve'] = None\n"
        "from eth_keys.backends import NativeECCBackend, get_backend\n"
        "from registry.chain.signatures import recover, text_digest\n"
        "from registry.chain.signers import dev_signer\n"
        "signer = dev_signer(0)\n"
        "assert isinstance(get_backend(), NativeECCBackend)\n"
        "assert recover(text_digest(b'hello'), signer.sign_text(b'hello')) == signer.address\n"
        "assert recover(text_digest(b'other'), signer.sign_text(b'hello')) != signer.address\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_account_without_code_takes_no_signature() -> None:
    chain = Chain.in_process()
    code = wallet_check(ZERO_ADDRESS, b"\1" * 32, b"\2" * 65)
    assert read_many(chain, [Read(None, code, 0)]) != [VALID]
    assert read_many(chain, []) == []


@pytest.mark.parametrize(
    "statement", ["Open.\rURI: https://bank.example", "Open\x1b[2A", "Open\u2028", "Öffnen", 'a "b"']
)
def test_a_statement_that_a_screen_could_show_as_another_message_is_refused(statement: str) -> None:
    account, url, did, resource = dev_signer(0).address, "https://keys.example.org", "did:nft:a", "urn:registry:b"
    keeper = Doorkeeper(domain="keys.example.org", url=url, chain_id=1, clock=lambda: 1000)

    def signed_in(statement: str) -> CheckedSignIn:
        text = sign_in_text(
            domain="keys.example.org",
            account=account,
            uri=url,
            chain_id=1,
            nonce="a1b2c3d4e5",
            issued_at=1000,
            expires_at=1100,
            resources=(did, resource),
            statement=statement,
        )
        return keeper.read(Auth(message=text, signature="0x" + "11" * 65), did, resource)

    assert signed_in("Open what is yours.").account == account
    with pytest.raises(Refusal, match="not of EIP-4361"):
        signed_in(statement)
