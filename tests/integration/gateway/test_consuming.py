"""Per-use licences: one receipt, one use, one recipient, whoever races and whatever is killed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from integration.gateway.mortal import STEPS
from integration.gateway.support import (
    AUTHOR,
    CALLS,
    ONCE,
    Town,
    Voice,
    Wish,
    shares,
)
from integration.gateway.test_chain_attacks import deploy
from registry import Published, Registry
from registry.chain.signers import KeySigner, dev_signer
from registry.content.uses import SignedReceipt
from registry.gated.protocol import Receipt
from registry.gateway.audit_log import AuditLog
from registry.gateway.database import FILE, Database
from registry.types import to_address


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def uses_left(buyer: Registry, asset: Published) -> int:
    return buyer.holding(asset.did, 0).uses


def sold(town: Town, buyer: Registry, licence: Any, *gateways: Voice) -> tuple[Published, list[str]]:
    """An asset whose key is kept by the gateways, all of them needed, and a unit of its licence bought by the buyer."""
    made, parts = town.publish(licence), shares(len(gateways), len(gateways))
    for gateway, part in zip(gateways, parts, strict=True):
        assert gateway.deposit(dev_signer(AUTHOR), str(made.did), part).status_code == 200
    buyer.buy(made.did, 0, max_total="0.002 ETH")
    town.mine(5)
    return made, parts


def until_deep(town: Town, gateway: Voice, signer: KeySigner, wish: Wish, **changes: Any) -> httpx.Response:
    """Ask again, as a client does, while the use is on its way; blocks pass meanwhile."""
    for _ in range(10):
        answer = gateway.release(signer, wish, **changes)
        if answer.status_code != 503:
            return answer
        assert (answer.json()["error"]["code"], answer.headers["retry-after"]) == ("pending", "5")
        town.mine(3)
    raise AssertionError("it is never deep enough")


def test_a_receipt_is_consumed_once_and_releases_for_one_recipient(
    town: Town, buyer: Registry, buyer_key: KeySigner
) -> None:
    gateway = town.gateway(patience=0.2)
    made, [share] = sold(town, buyer, CALLS, gateway)
    did = str(made.did)
    refused(gateway.ask(buyer_key, did), 403, "use_needed")
    wish = Wish(did, version=1, licence=0).pay(buyer, 0)
    refused(gateway.release(buyer_key, wish), 503, "pending")
    assert wish.open(until_deep(town, gateway, buyer_key, wish)) == share
    # The same again costs nothing, another recipient is another receipt.
    assert wish.open(gateway.release(buyer_key, wish)) == share
    assert uses_left(buyer, made) == 9
    thief = Wish(did, version=1, licence=0)
    thief.receipt = wish.receipt
    refused(gateway.release(buyer_key, thief), 422, "invalid")
    [use] = town.made["one"].uses.all()
    assert (use.state, use.recipient) == ("released", wish.recipient)


def test_receipts_that_do_not_fit_are_refused(
    town: Town, gateway: Voice, buyer: Registry, buyer_key: KeySigner, stranger_key: KeySigner
) -> None:
    made, _ = sold(town, buyer, CALLS, gateway)
    did = str(made.did)
    good = Wish(did, version=1, licence=0).pay(buyer, 0)
    refused(gateway.release(stranger_key, good), 422, "invalid")  # of another account
    for changes in ({"ref": b"x" * 32}, {"service": stranger_key.address}):
        refused(gateway.release(buyer_key, Wish(did, version=1).pay(buyer, 0, **changes)), 422, "invalid")
    refused(gateway.release(buyer_key, Wish(did, version=2).pay(buyer, 0)), 404, "not_found")
    for fields in ({"nonce": str(2**256)}, {"deadline": 2**48}):
        large = Wish(did, version=1).pay(buyer, 0)
        assert large.receipt is not None
        large.receipt = large.receipt.model_copy(update=fields)
        answer = gateway.release(buyer_key, large)
        refused(answer, 422, "invalid")
        assert "too large" in answer.text
    forged = Wish(did, version=1).pay(buyer, 0)
    assert forged.receipt is not None
    forged.receipt = forged.receipt.model_copy(update={"signature": forged.receipt.signature[:-2] + "1d"})
    refused(gateway.release(buyer_key, forged), 401, "signature")
    greedy = Wish(did, version=1).pay(buyer, 0, uses=11)
    refused(gateway.release(buyer_key, greedy), 403, "no_access")
    assert uses_left(buyer, made) == 10
    assert town.made["one"].uses.all() == [], "what anybody can make up is not kept"


def test_a_cancelled_receipt_is_worth_nothing(
    town: Town, gateway: Voice, buyer: Registry, buyer_key: KeySigner
) -> None:
    made, _ = sold(town, buyer, CALLS, gateway)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    assert wish.receipt is not None
    buyer.act("cancel", buyer.receipt_contract.functions.cancelReceipt(int(wish.receipt.nonce) >> 64))
    refused(gateway.release(buyer_key, wish), 409, "receipt_spent")
    assert uses_left(buyer, made) == 10


def test_a_use_that_the_holder_consumed_for_the_release_is_honoured(
    town: Town, gateway: Voice, buyer: Registry, buyer_key: KeySigner
) -> None:
    """As a holder does when no gateway has coins to hand its receipt in."""
    town.anvil.rpc("anvil_setBalance", gateway.about["signer"], "0x0")
    made, [share] = sold(town, buyer, CALLS, gateway)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    refused(gateway.release(buyer_key, wish), 503, "unfunded")
    assert wish.receipt is not None
    buyer.consume(made.did, 0, ref=bytes.fromhex(wish.receipt.ref))
    town.mine(5)
    assert wish.open(gateway.release(buyer_key, wish)) == share
    assert uses_left(buyer, made) == 9


def test_a_use_consumed_by_another_service_is_honoured(
    town: Town, gateway: Voice, buyer: Registry, buyer_key: KeySigner
) -> None:
    made, [share] = sold(town, buyer, CALLS, gateway)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    assert wish.receipt is not None
    town.person(AUTHOR).submit_receipt(SignedReceipt.from_json(wish.receipt.model_dump_json()))
    town.mine(5)
    assert wish.open(gateway.release(buyer_key, wish)) == share
    assert uses_left(buyer, made) == 9


def test_a_use_that_is_reorganised_away_releases_nothing_and_is_consumed_again(own_town: Town) -> None:
    town = own_town
    buyer, key = town.person(1), dev_signer(1)
    gateway = town.gateway(patience=0.2)
    made, [share] = sold(town, buyer, ONCE, gateway)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    before = town.anvil.rpc("evm_snapshot")
    refused(gateway.release(key, wish), 503, "pending")
    town.anvil.rpc("evm_revert", before)
    assert uses_left(buyer, made) == 1
    assert wish.open(until_deep(town, gateway, key, wish)) == share
    assert uses_left(buyer, made) == 0


def test_two_simultaneous_uses_of_a_single_use_licence_at_two_gateways(
    town: Town, buyer: Registry, buyer_key: KeySigner
) -> None:
    """Two processes race with two receipts over the one use: one wins at both, the other nowhere."""
    first, second = town.process("one").voice, town.process("two").voice
    made, parts = sold(town, buyer, ONCE, first, second)
    wishes = [Wish(str(made.did), version=1, licence=0).pay(buyer, 0) for _ in range(2)]
    gateways = (first, second)
    with ThreadPoolExecutor(5) as pool:
        crossed = [pool.submit(gateways[n].release, buyer_key, wishes[n]) for n in range(2)]
        ticking = pool.submit(lambda: [(town.mine(), time.sleep(0.3)) for _ in range(8)])
        codes = sorted(answer.result().status_code for answer in crossed)
        ticking.result()
    assert codes == [200, 403], [answer.result().text for answer in crossed]
    winner = next(n for n in range(2) if crossed[n].result().status_code == 200)
    # Both shares are had with the winner's receipt, none with the other's.
    got = [wishes[winner].open(gateway.release(buyer_key, wishes[winner])) for gateway in gateways]
    assert got == parts
    for gateway in gateways:
        refused(gateway.release(buyer_key, wishes[1 - winner]), 403, "no_access")
    assert uses_left(buyer, made) == 0


def test_one_receipt_handed_to_two_gateways_at_once_is_one_use(
    town: Town, buyer: Registry, buyer_key: KeySigner
) -> None:
    first, second = town.process("one").voice, town.process("two").voice
    made, parts = sold(town, buyer, CALLS, first, second)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    with ThreadPoolExecutor(9) as pool:
        asked = [pool.submit(gateway.release, buyer_key, wish) for gateway in (first, second) for _ in range(4)]
        ticking = pool.submit(lambda: [(town.mine(), time.sleep(0.3)) for _ in range(8)])
        answers = [one.result() for one in asked]
        ticking.result()
    assert [wish.open(answer) for answer in answers] == [parts[0]] * 4 + [parts[1]] * 4
    assert uses_left(buyer, made) == 9


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_step_of_a_release_the_ledger_of_uses_is_right(
    town: Town, buyer: Registry, buyer_key: KeySigner, step: str
) -> None:
    mortal = town.process("one", depth=0, fault=step)
    made, [share] = sold(town, buyer, CALLS, mortal.voice)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    with pytest.raises(httpx.TransportError):
        mortal.voice.release(buyer_key, wish)
    assert mortal.died() == -9
    # The next process finishes what the first began, with the same receipt and without a second use.
    again = town.process("one", depth=0)
    assert wish.open(again.voice.release(buyer_key, wish)) == share
    assert wish.open(again.voice.release(buyer_key, wish)) == share
    assert uses_left(buyer, made) == 9
    consumed = list(buyer.chain.events(buyer.assets.events.UsesConsumed, filters={"assetId": made.did.asset_id}))
    assert len(consumed) == 1
    again.end()
    database = Database(town.folder / "one" / FILE)
    [(state, block)] = database.rows("SELECT state, block FROM uses")
    assert (state, block) == ("released", consumed[0].block)
    assert AuditLog(database).verify()[0] > 0
    database.close()


def test_a_gateway_killed_after_it_signed_leaves_the_use_to_another(
    town: Town, buyer: Registry, buyer_key: KeySigner
) -> None:
    mortal = town.process("one", depth=0, fault="after the transaction is in the journal")
    healthy = town.gateway("two", depth=0)
    made, parts = sold(town, buyer, ONCE, mortal.voice, healthy)
    wish = Wish(str(made.did), version=1).pay(buyer, 0)
    with pytest.raises(httpx.TransportError):
        mortal.voice.release(buyer_key, wish)
    mortal.died()
    assert wish.open(healthy.release(buyer_key, wish)) == parts[1]
    again = town.process("one", depth=0)
    assert wish.open(again.voice.release(buyer_key, wish)) == parts[0]
    assert uses_left(buyer, made) == 0


def test_a_contract_wallet_pays_with_a_use_that_somebody_hands_in(
    town: Town, buyer: Registry, buyer_key: KeySigner
) -> None:
    """A Safe or a DAO can consume: its receipt and its sign-in are both signatures that it takes (ERC-1271)."""
    gateway = town.gateway(patience=0.2)
    wallet = deploy(town, b"", buyer_key.address, name="MockWallet")
    made, share = town.publish(CALLS), shares(1, 1)[0]
    gateway.deposit(dev_signer(AUTHOR), str(made.did), share)
    buyer.buy(made.did, 0, max_total="0.002 ETH", account=wallet)
    town.mine(5)
    wish = Wish(str(made.did), version=1, licence=0).pay(buyer, 0)
    assert wish.receipt is not None
    unsigned = SignedReceipt.from_json(wish.receipt.model_dump_json())
    mine = replace(unsigned, account=to_address(wallet))
    signed = replace(mine, signature=buyer_key.sign_typed_data(mine.message()))
    wish.receipt = Receipt.model_validate_json(signed.to_json())
    # Its code could make the transaction revert: whoever is sure of it pays, and the gateway only looks.
    refused(gateway.release(buyer_key, wish, account=wallet), 403, "hand_in")
    town.person(AUTHOR).submit_receipt(signed)
    assert wish.open(until_deep(town, gateway, buyer_key, wish, account=wallet)) == share
    assert buyer.holding(made.did, 0, account=wallet).uses == 9
    assert town.chain.w3.eth.get_transaction_count(gateway.about["signer"]) == 0
