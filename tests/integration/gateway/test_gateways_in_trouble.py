"""A gateway whose disk is full, that came out of a backup, whose clock is wrong, or under whom the chain turns."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from quirks.proxy import Ask, Proxy, Question

from integration.gateway.support import AUTHOR, BUYER, CALLS, MONTH, STRANGER, Town, Voice, Wish, shares
from integration.gateway.test_chain_attacks import answering, deploy, refused
from integration.support import Anvil
from registry import Published
from registry.chain.addresses import Deployment
from registry.chain.signers import KeySigner, dev_signer
from registry.gated.protocol import Auth
from registry.gateway.backup import backup, restore
from registry.types import to_address

DAY = 24 * 3600


def is_busy(answer: httpx.Response) -> bool:
    """Whether a gateway says that it cannot do it now, without a word about its house."""
    assert answer.status_code in (200, 503), answer.text
    assert "disk" not in answer.text and "sqlite" not in answer.text
    return answer.status_code == 503


# --- A full disk ---------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk(town: Town, name: str = "one") -> Any:
    """As the gateway's file meets it: it gets no further page, and SQLite says that the disk is full."""
    gateway = town.made[name]
    with gateway.database._guard:
        gateway.database._db.execute("PRAGMA max_page_count = 1")  # it is as large as it is
    with contextlib.suppress(Exception):
        while True:  # what is left in its last pages
            gateway.audit.write("filler", text="x" * 50)
    yield
    with gateway.database._guard:
        gateway.database._db.execute("PRAGMA max_page_count = 1073741823")


def test_a_gateway_with_a_full_disk_hands_out_nothing_that_it_cannot_write_down(
    town: Town, gateway: Voice, bought: Published, buyer_key: KeySigner, author_key: KeySigner
) -> None:
    log = town.made["one"].audit
    wish = Wish(str(bought.did))
    asked = gateway.signed(wish.request(), buyer_key).to_dict()
    with full_disk(town):
        before = log.verify()
        assert is_busy(gateway.say("POST", "/v1/releases", asked))
        assert is_busy(gateway.deposit(author_key, str(bought.did), shares(1, 1)[0], version=2))
        assert log.verify() == before
    assert wish.open(gateway.say("POST", "/v1/releases", asked)), "the very same request, once there is room"
    assert log.verify()[0] > before[0]


def test_who_looks_after_a_gateway_learns_that_it_can_write_nothing(town: Town, gateway: Voice) -> None:
    database = town.made["one"].database
    database._db.execute("PRAGMA query_only = 1")  # as on a disk that is mounted for reading only
    assert is_busy(gateway.say("GET", "/v1/health"))
    database._db.execute("PRAGMA query_only = 0")
    assert gateway.say("GET", "/v1/health").status_code == 200


def test_a_use_that_was_spent_while_the_disk_was_full_opens_once_there_is_room(
    town: Town, author_key: KeySigner
) -> None:
    gateway, made, buyer = town.gateway(depth=0), town.publish(CALLS), town.person(BUYER)
    gateway.deposit(author_key, str(made.did), shares(1, 1)[0])
    buyer.buy(made.did, "calls", max_total="0.002 ETH")
    town.mine(5)
    wish = Wish(str(made.did)).pay(buyer, "calls")
    with full_disk(town):
        assert is_busy(gateway.release(dev_signer(BUYER), wish))
    town.mine(5)
    assert wish.open(gateway.release(dev_signer(BUYER), wish))
    assert buyer.holding(made.did, "calls").uses == 9, "one use, and one key for it"


# --- Backups -------------------------------------------------------------------------------------


def test_a_gateway_and_the_copy_of_it_that_serves_beside_it_spend_each_use_once(
    town: Town, author_key: KeySigner
) -> None:
    """Against what its manual says: two machines with one account, one journal in two copies and one share."""
    gateway, made, buyer, key = town.gateway(depth=0), town.publish(CALLS), town.person(BUYER), dev_signer(BUYER)
    gateway.deposit(author_key, str(made.did), shares(1, 1)[0])
    buyer.buy(made.did, "calls", max_total="0.002 ETH")
    town.mine(5)
    early = Wish(str(made.did)).pay(buyer, "calls")
    assert early.open(gateway.release(key, early))
    backup(town.folder / "one", town.folder / "one.tar")
    later = Wish(str(made.did)).pay(buyer, "calls")
    assert later.open(gateway.release(key, later)), "which the backup knows nothing of"
    restore(town.folder / "one.tar", town.folder / "two")
    (town.folder / "two.key").write_bytes((town.folder / "one.key").read_bytes())
    copy = town.gateway("two", depth=0)
    for wish in (early, later):
        assert wish.open(copy.release(key, wish)), "who paid may ask again, whichever of them"
        other = Wish(str(made.did))
        other.receipt = wish.receipt
        assert copy.release(key, other).status_code == 422, "and nobody else"
    for serving in (copy, gateway, copy, gateway):
        wish = Wish(str(made.did)).pay(buyer, "calls")
        assert wish.open(serving.release(key, wish)), "neither is thrown off by what the other has sent"
    assert buyer.holding(made.did, "calls").uses == 10 - 2 - 4


# --- Clocks --------------------------------------------------------------------------------------


class Watch:
    """A clock that can be set."""

    def __init__(self) -> None:
        self.off = 0.0

    def __call__(self) -> float:
        return time.time() + self.off


def test_a_gateway_whose_clock_is_set_back_opens_nothing_that_is_over(own_town: Town) -> None:
    town, watch, guest = own_town, Watch(), dev_signer(STRANGER)
    gateway, made = town.gateway(clock=watch, head_age=600), own_town.publish(MONTH)
    did, now = str(made.did), int(time.time())
    gateway.deposit(dev_signer(AUTHOR), did, shares(1, 1)[0])
    _, answer = gateway.invite(dev_signer(AUTHOR), did, guest.address, now - 10, now + 2 * DAY)
    assert answer.status_code == 200, answer.text
    old = Wish(did)
    asked = gateway.signed(old.request(), guest).to_dict()
    assert old.open(gateway.say("POST", "/v1/releases", asked))
    town.anvil.rpc("evm_increaseTime", hex(3 * DAY))
    town.mine(3)
    watch.off = 3 * DAY
    refused(gateway.say("POST", "/v1/releases", asked), 401, "sign_in")
    times = {"issued_at": now + 3 * DAY, "expires_at": now + 3 * DAY + 300}
    refused(gateway.release(guest, Wish(did), **times), 403, "no_access")
    watch.off = 0.0  # somebody sets it back: by it the message and the invitation would be good
    refused(gateway.say("POST", "/v1/releases", asked), 503, "chain")
    answer = gateway.release(guest, Wish(did))
    refused(answer, 503, "chain")
    assert "clock is behind" in answer.json()["error"]["hint"]
    watch.off = 4 * DAY  # and one that runs ahead of the chain is told as well
    refused(gateway.say("GET", "/v1/health"), 503, "chain")


# --- The chain turns while it is asked -----------------------------------------------------------


@pytest.mark.parametrize("longer", [False, True])
def test_a_reorganisation_between_two_questions_of_a_release_releases_nothing(own_town: Town, longer: bool) -> None:
    """It has seen a head whose branch has the purchase deep below, and asks who has access when that branch is gone."""
    town, key = own_town, dev_signer(BUYER)
    with Proxy(town.anvil.url) as between:
        gateway, made = town.gateway(depth=3, node=between.url), own_town.publish(MONTH)
        gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0])
        before = town.anvil.rpc("evm_snapshot")
        town.person(BUYER).buy(made.did, "month", max_total="12.5 USD")
        town.mine(8)

        def turns(question: Question, ask: Ask) -> None:
            if question["method"] == "eth_call":
                between.play(None)
                town.anvil.rpc("evm_revert", before)
                town.mine(20 if longer else 2)

        wish = Wish(str(made.did))
        asked = gateway.signed(wish.request(), key).to_dict()
        between.play(turns)
        answer = gateway.say("POST", "/v1/releases", asked)
        assert answer.status_code in (403, 503), answer.text
        town.mine(20)
        refused(gateway.ask(key, str(made.did)), 403, "no_access")


# --- Accounts of other kinds ---------------------------------------------------------------------


@pytest.fixture
def place(prague: tuple[Anvil, Deployment], tmp_path: Path) -> Iterator[Town]:
    made = Town(*prague, tmp_path)
    made.person(BUYER).fund("1_000_000 USD")
    with made.stack:
        yield made
    made.anvil.rpc("anvil_setCode", dev_signer(BUYER).address, "0x")


@pytest.mark.parametrize("code", ["of a contract without signatures", "that takes every signature", "that burns gas"])
def test_an_account_that_code_acts_for_opens_what_is_its_own_with_its_key(place: Town, code: str) -> None:
    """EIP-7702: there is code at the account, and its key is its key still."""
    town, key, stranger = place, dev_signer(BUYER), dev_signer(STRANGER)
    yes = "7f1626ba7e" + "00" * 28 + "60005260206000f3"
    acts = {"that takes every signature": yes, "that burns gas": "5b600056"}.get(code, "00")
    agent = deploy(town, answering(acts))
    gateway, made, other = town.gateway(), town.publish(MONTH), town.publish(MONTH)
    for one in (made, other):
        gateway.deposit(dev_signer(AUTHOR), str(one.did), shares(1, 1)[0])
    town.anvil.rpc("anvil_setCode", key.address, "0xef0100" + agent[2:])
    town.person(BUYER).buy(made.did, "month", max_total="12.5 USD")
    town.mine(5)
    wish = Wish(str(made.did))
    assert wish.open(gateway.release(key, wish))
    answer = gateway.release(stranger, Wish(str(made.did)), account=key.address)
    if code == "that takes every signature":
        assert answer.status_code == 200, "whose code says yes to all has given itself away, and nobody else"
        refused(gateway.release(stranger, Wish(str(other.did)), account=key.address), 403, "no_access")
    else:
        refused(answer, 401, "signature")


def test_the_signature_of_a_wallet_that_is_not_deployed_is_refused_and_runs_nothing(
    town: Town, gateway: Voice, bought: Published, stranger_key: KeySigner
) -> None:
    """ERC-6492 brings a call along that would deploy the wallet: it is a stranger's, and is not made."""
    from eth_abi.abi import encode

    did, wish = str(bought.did), Wish(str(bought.did))
    factory = deploy(town, answering("60016000555f5ff3"))  # it would note that it was called
    wallet = to_address("0x" + "5a" * 20)
    inner = b"\x01" * 65
    wrapped = encode(["address", "bytes", "bytes"], [factory, b"\x01" * 4, inner]) + bytes.fromhex("6492" * 16)
    auth = gateway.auth(stranger_key, did, wish.request().resource(), account=wallet)
    request = wish.request().model_copy(update={"auth": Auth(message=auth.message, signature="0x" + wrapped.hex())})
    answer = gateway.say("POST", "/v1/releases", request.to_dict())
    refused(answer, 401, "signature")
    assert "deploy it" in json.loads(answer.content)["error"]["hint"]
    assert town.chain.storage(factory, 0) == 0
